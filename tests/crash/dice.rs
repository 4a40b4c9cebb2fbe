//! Chance from a seed: the same seed makes the same choices, though not the same microseconds.
//!
//! In:   a seed.
//! Out:  numbers, moments and choices.
//! Not:  nothing that has to be unpredictable.

use std::time::Duration;

/// splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Other dice, so that what one part draws does not change what another one does.
    pub const fn apart(&self, name: u64) -> Self {
        Self(self.0 ^ name.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// A number from 0, below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// A length of time up to `longest`, to the microsecond.
    pub fn within(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.below(micros + 1))
    }

    /// One of `choices`, each as likely as its weight among all.
    pub fn pick<T: Copy>(&mut self, choices: &[(u64, T)]) -> T {
        let mut drawn = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if drawn < *weight {
                return *choice;
            }
            drawn -= weight;
        }
        unreachable!("what was drawn is below the sum of the weights")
    }
}
