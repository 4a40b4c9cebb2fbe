//! Names and numbers of things. A value of one of these types was checked when it was made.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A name that is empty, too long, or has characters that do not belong in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a usable name")]
pub struct InvalidName(pub String);

const NAME_MAX_BYTES: usize = 128;

/// Makes a type for a name that goes into paths, labels and keys: letters, digits, `-`, `_` and `.`.
macro_rules! slug {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes letters, digits, `-`, `_` and `.`, at most 128 bytes.
            ///
            /// # Errors
            /// Where the text is anything else.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                let fits = (1..=NAME_MAX_BYTES).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
                if fits { Ok(Self(text.into())) } else { Err(InvalidName(text.to_owned())) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(&text)
            }
        }

        text_like!($name);
    };
}

/// Makes a type for a text that we compose ourselves, so that any content is fine.
macro_rules! composed {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The key as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        text_like!($name);
    };
}

macro_rules! text_like {
    ($name:ident) => {
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

slug!(
    /// A component's id, as the configuration names it.
    ComponentId
);
slug!(
    /// A sink's name, as the configuration names it.
    SinkName
);
composed!(
    /// A rule, by group and name, with a number behind it where a group has several of one name. It stays the
    /// same over restarts and reloads.
    RuleId
);
composed!(
    /// A target that is scraped, by job and address; it stays the same over restarts and reloads.
    TargetKey
);

impl RuleId {
    /// The `nth` rule (from 0) called `name` in groups called `group`.
    pub fn new(group: &str, name: &str, nth: usize) -> Self {
        match nth {
            0 => Self(format!("{group}/{name}").into()),
            n => Self(format!("{group}/{name}#{}", n + 1).into()),
        }
    }
}

/// Makes a type for a number that the journal's sequence gives out.
macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

numbered!(
    /// An incident; written `INC-1`.
    IncidentId,
    "INC-"
);
impl IncidentId {
    /// Of events that belong to no incident yet. Incidents are numbered from 1.
    pub const NONE: Self = Self(0);
}

numbered!(
    /// A delivery of one message to one sink; written `D-1`.
    DeliveryId,
    "D-"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_takes_only_what_fits_in_a_path() {
        assert!(ComponentId::new("user-db").is_ok());
        for text in ["", "user db", "../x", "a/b", "ü"] {
            assert!(ComponentId::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ids_read_as_people_say_them() {
        assert_eq!(IncidentId(7).to_string(), "INC-7");
        assert_eq!(RuleId::new("db", "Cpu", 0).as_str(), "db/Cpu");
        assert_eq!(RuleId::new("db", "Cpu", 1).as_str(), "db/Cpu#2");
    }
}
