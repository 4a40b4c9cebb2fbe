//! The bytes of what outlives a restart: numbers, times, texts and labels.
//!
//! In:   values, one after the other.
//! Out:  bytes; from bytes, the values again in the same order, or that there is nothing of the kind.

use std::time::Duration;

use crate::model::{Labels, Timestamp};

/// Whole numbers up to here are exact (2^53), and written as such.
pub(super) const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Writes numbers in groups of seven bits, the lowest first, and texts behind their length.
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, number: u64) {
        write_number(&mut self.0, number);
    }

    pub(super) fn time(&mut self, at: Timestamp) {
        self.number(zigzag(at.as_millis()));
    }

    pub(super) fn duration(&mut self, duration: Duration) {
        self.number(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    }

    pub(super) fn maybe_time(&mut self, at: Option<Timestamp>) {
        self.number(u64::from(at.is_some()));
        at.into_iter().for_each(|at| self.time(at));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn tagged(&mut self, tag: u64, text: &str) {
        self.number(tag);
        self.text(text);
    }

    /// As `value_after`, with nothing before it.
    pub(super) fn value(&mut self, value: f64) {
        self.value_after(0.0, value);
    }

    /// By how much a whole number grew since one, doubled; anything else as 1 and its eight bytes.
    pub(super) fn value_after(&mut self, before: f64, value: f64) {
        if is_whole(before) && is_whole(value) {
            self.number(zigzag(value as i64 - before as i64) << 1);
        } else {
            self.number(1);
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    pub(super) fn labels(&mut self, labels: &Labels) {
        self.number(labels.len() as u64);
        for (name, value) in labels.iter() {
            self.text(name);
            self.text(value);
        }
    }
}

/// Reads what `Writer` wrote; `None` where there is nothing of the kind.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn number(&mut self) -> Option<u64> {
        read_number(self.bytes, &mut self.at)
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        self.number().map(|number| Timestamp::from_millis(unzigzag(number)))
    }

    pub(super) fn duration(&mut self) -> Option<Duration> {
        self.number().map(Duration::from_millis)
    }

    pub(super) fn maybe_time(&mut self) -> Option<Option<Timestamp>> {
        match self.number()? {
            0 => Some(None),
            1 => self.time().map(Some),
            _ => None,
        }
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let bytes = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        std::str::from_utf8(bytes).ok()
    }

    pub(super) fn value(&mut self) -> Option<f64> {
        self.value_after(0.0)
    }

    pub(super) fn value_after(&mut self, before: f64) -> Option<f64> {
        let number = self.number()?;
        if number & 1 == 0 {
            return Some((before as i64).wrapping_add(unzigzag(number >> 1)) as f64);
        }
        let bytes = self.bytes.get(self.at..self.at.checked_add(8)?)?;
        self.at += 8;
        Some(f64::from_le_bytes(bytes.try_into().ok()?))
    }

    pub(super) fn labels(&mut self) -> Option<Labels> {
        let mut pairs = Vec::new();
        for _ in 0..self.number()? {
            pairs.push((self.text()?, self.text()?));
        }
        Some(pairs.into_iter().collect())
    }
}

fn is_whole(value: f64) -> bool {
    value.fract() == 0.0 && value.abs() < WHOLE_MAX && !(value == 0.0 && value.is_sign_negative())
}

pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

pub(super) fn write_number(to: &mut Vec<u8>, mut number: u64) {
    while 0x80 <= number {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

pub(super) fn read_number(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
