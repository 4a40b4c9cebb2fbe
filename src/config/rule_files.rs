//! `rule_files`: from patterns to the texts of files.
//!
//! In:   paths as written, with `*`, `?` and `[…]` in their last part; the files.
//! Out:  each file once, in the order of the patterns, then by name.
//! Not:  what a rule file says is for `rules` to read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::Problems;

use super::files::{Files, expand, read_text};
use super::raw::{At, Reader, Wrong};

/// A rule file that was read.
pub struct RuleFile {
    /// Its name, as problems show it.
    pub name: Arc<str>,
    /// Its path.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// Reads the files that `patterns` stand for, relative to `base`; problems go to the reader.
pub fn read(patterns: &[At<String>], base: &Path, files: &dyn Files, reader: &Reader) -> Vec<RuleFile> {
    let mut found: Vec<RuleFile> = Vec::new();
    for pattern in patterns {
        if pattern.value.is_empty() {
            reader.error(&pattern.at, "a path is empty");
            continue;
        }
        let paths = match expand(files, &base.join(&pattern.value)) {
            Ok(paths) => paths,
            Err(why) => {
                reader.error(&pattern.at, Wrong::new(format!("`{}`: {why}", pattern.value)));
                continue;
            }
        };
        if paths.is_empty() {
            reader.warning(&pattern.at, format!("no file fits `{}`", pattern.value));
        }
        for path in paths {
            if found.iter().any(|file| file.path == path) {
                continue;
            }
            match read_text(files, &path, reader.place(&pattern.at)) {
                Ok(text) => found.push(RuleFile { name: path.display().to_string().into(), path, text }),
                Err(problem) => reader.extend(Problems::from(*problem)),
            }
        }
    }
    found
}
