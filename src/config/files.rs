//! The one place where files are read.
//!
//! In:   paths.
//! Out:  texts and names, or why not in words.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{Place, Problem, Span, glob};

/// A file may be this long; nobody writes a longer one by hand.
const FILE_MAX_BYTES: u64 = 16 << 20;

/// Opens files: the disk's, or those that a test holds in memory.
pub trait Files {
    /// A file's content.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The names of the files in a directory, in any order.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;
}

/// The files of this machine.
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let about = std::fs::metadata(path)?;
        if about.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        // Opening a pipe waits for a writer, and a device need not end.
        if !about.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let mut bytes = Vec::new();
        // Some files that grow, or that the kernel makes up, do not say how long they are.
        File::open(path)?.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if FILE_MAX_BYTES < bytes.len() as u64 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 16 MiB"));
        }
        Ok(bytes)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            if !entry.path().is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }
}

/// Reads a file as text; problems stand at `asked_for`, or at the file as a whole.
pub fn read_text(files: &dyn Files, path: &Path, asked_for: Option<Place>) -> Result<String, Box<Problem>> {
    let shown: Arc<str> = path.display().to_string().into();
    let bytes = files.read(path).map_err(|error| {
        let (why, hint) = why(&error);
        let problem = Problem::error(asked_for, format!("cannot read `{shown}`: {why}"));
        Box::new(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        })
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
        let place = Place::new(&shown, &super::hidden::mask_lines(&text), Span::new(at, at));
        Box::new(Problem::error(place, "the file is not valid UTF-8 from here on").hint("save it as UTF-8"))
    })
}

/// Why a file cannot be read, and how to mend it.
pub fn why(error: &io::Error) -> (String, Option<&'static str>) {
    match error.kind() {
        io::ErrorKind::NotFound => ("there is no such file".to_owned(), None),
        io::ErrorKind::IsADirectory => ("it is a directory".to_owned(), Some("name a file in it")),
        io::ErrorKind::PermissionDenied => {
            ("permission denied".to_owned(), Some("the user that runs Fogsignal must be able to read it"))
        }
        _ => (error.to_string(), None),
    }
}

/// The files that a path with `*`, `?` or `[…]` in its last part stands for, sorted; itself where it has none.
///
/// # Errors
/// In words: an earlier part has such a character, or the directory cannot be read.
pub fn expand(files: &dyn Files, path: &Path) -> Result<Vec<PathBuf>, String> {
    let directory = path.parent().unwrap_or(Path::new(""));
    if glob::is_pattern(&directory.to_string_lossy()) {
        return Err("only the last part of a path may have `*`, `?` or `[…]`".to_owned());
    }
    let pattern = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !glob::is_pattern(&pattern) {
        return Ok(vec![path.to_owned()]);
    }
    let looked_at = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let mut names = match files.list(looked_at) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(format!("cannot list the directory `{}`: {error}", looked_at.display())),
    };
    names.retain(|name| glob::fits(&pattern, name));
    names.sort();
    Ok(names.into_iter().map(|name| directory.join(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_end_are_read() {
        let why = |path: &Path| Disk.read(path).map_err(|error| error.to_string());
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("it runs").success());
        assert_eq!(why(&pipe), Err("it is not a regular file".to_owned()));
        assert_eq!(why(Path::new("/dev/zero")), Err("it is not a regular file".to_owned()));
        let (long, link) = (folder.path().join("long"), folder.path().join("link"));
        File::create(&long).expect("made").set_len(FILE_MAX_BYTES).expect("stretched");
        std::os::unix::fs::symlink(&long, &link).expect("linked");
        assert_eq!(Disk.read(&link).expect("it is not too long").len() as u64, FILE_MAX_BYTES);
        File::create(&long).expect("made").set_len(FILE_MAX_BYTES + 1).expect("stretched");
        assert_eq!(why(&long), Err("it is longer than 16 MiB".to_owned()));
    }
}
