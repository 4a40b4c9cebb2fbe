//! A value that is never shown.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

/// A password, token or key. Prints as `****`, is not serializable, and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Hides `text` from here on.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The value itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

/// Where a secret comes from: the value itself, or the `*_file` twin of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// Written in the configuration or the environment.
    Inline(Secret),
    /// In a file of its own, read at each use, so that it can be rotated without a restart.
    File(PathBuf),
    /// In a variable of the environment.
    Environment(String),
}

impl SecretSource {
    /// The secret; `read` opens its file, whose trailing line end is not part of it.
    ///
    /// # Errors
    /// What `read` says.
    pub fn resolve(&self, read: impl FnOnce(&Path) -> io::Result<String>) -> io::Result<Secret> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => Ok(Secret::new(read(path)?.trim_end_matches(['\r', '\n']))),
            Self::Environment(name) => std::env::var(name).map(Secret::new).map_err(|_| {
                io::Error::new(io::ErrorKind::NotFound, format!("the environment has no `{name}`"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_twin_loses_its_line_end_only() {
        let source = SecretSource::File("token".into());
        let secret = source.resolve(|_| Ok(" a b \r\n".to_owned())).expect("it was read");
        assert_eq!(secret.expose(), " a b ");
    }

    #[test]
    fn a_secret_prints_as_stars() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "**** ****");
        assert_eq!(secret.expose(), "hunter2");
    }
}
