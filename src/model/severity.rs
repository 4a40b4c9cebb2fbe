//! How bad an alert is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The severity of an alert, from the least to the worst.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Some users notice, or soon will.
    Minor,
    /// A part of the service fails.
    Major,
    /// The service is down.
    Critical,
}

impl Severity {
    /// All, from the least to the worst.
    pub const ALL: [Self; 3] = [Self::Minor, Self::Major, Self::Critical];

    /// The word that users write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }

    /// Reads the word that users write.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == word)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
