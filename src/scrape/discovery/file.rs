//! `file_sd_configs`: targets listed in files that somebody else writes.
//!
//! In:   paths and patterns, and the files that they stand for.
//! Out:  the groups of all files, each with the label `__meta_filepath`.
//! Not:  no notification of the file system is used: volumes of Kubernetes are exchanged by links, which such watches
//!       lose. The files are looked at each second instead.
//!
//! A file that cannot be read, is half written or empty keeps what it said before. One that is gone takes its targets
//! with it, but only once it is missing in two looks in a row: many programs write by deleting first.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::model::{Clock, glob};
use crate::scrape::discovery::provider::Reporter;
use crate::scrape::discovery::{FileDiscovery, Group, listed};

const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);
/// Smaller files are read at each look: two changes may be closer than the times of a file system tell apart.
const SMALL_BYTES: u64 = 64 << 10;
/// Nobody's list of targets is longer.
const MAX_BYTES: u64 = 64 << 20;
const FILEPATH: &str = "__meta_filepath";

/// Looks at the files until the task is ended.
pub(super) async fn run<C: Clock>(clock: C, settings: FileDiscovery, mut reporter: Reporter) {
    let mut files = Files::default();
    let mut read_all_at = clock.steady();
    loop {
        let now = clock.steady();
        let whole = settings.refresh_interval <= now.saturating_sub(read_all_at);
        if whole {
            read_all_at = now;
        }
        let (paths, before) = (settings.files.clone(), std::mem::take(&mut files));
        let looked = tokio::task::spawn_blocking(move || {
            let mut files = before;
            let news = files.look(&paths, whole);
            (files, news)
        });
        // It fails only when the process ends.
        let Ok((looked, news)) = looked.await else { return };
        files = looked;
        report(news, &mut reporter).await;
        clock.sleep((now + LOOKED_AT_EVERY).saturating_sub(clock.steady())).await;
    }
}

async fn report(news: Look, reporter: &mut Reporter) {
    match &news.faults[..] {
        [] => reporter.works(),
        faults => {
            let text = faults.join("; ");
            // A file that stays broken is one failure, not one a second.
            if reporter.fault.as_ref() != Some(&text) {
                reporter.failed(text).await;
            }
        }
    }
    match (news.groups, news.is_whole) {
        (Some(groups), true) => reporter.all(groups).await,
        (Some(groups), false) => reporter.some(groups).await,
        (None, _) => {}
    }
}

/// What is known of the files.
#[derive(Default)]
struct Files {
    known: BTreeMap<PathBuf, Known>,
    was_whole: bool,
}

/// What is known of one file.
#[derive(Default)]
struct Known {
    stamp: Option<Stamp>,
    digest: Option<[u8; 32]>,
    /// What it said when it could last be read; `None` as long as it never could.
    groups: Option<Vec<Group>>,
    fault: Option<String>,
    missing: bool,
}

/// What changes with a file that is written or exchanged.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

/// What a look brought.
struct Look {
    /// All groups, where something changed.
    groups: Option<Vec<Group>>,
    /// Whether each file could be read at least once.
    is_whole: bool,
    faults: Vec<String>,
}

impl Files {
    /// Looks at all files; `whole` reads each of them whatever its stamp says.
    fn look(&mut self, paths: &[PathBuf], whole: bool) -> Look {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        let mut is_listed = true;
        for path in paths {
            match expand(path) {
                Ok(files) => found.extend(files),
                Err(error) => {
                    is_listed = false;
                    faults.push(format!("`{}`: {error}", path.display()));
                }
            }
        }
        let mut changed = false;
        for (path, known) in &mut self.known {
            if !is_listed || found.contains(path) {
                known.missing = false;
            }
        }
        if is_listed {
            self.known.retain(|path, known| {
                let stays = found.contains(path) || !std::mem::replace(&mut known.missing, true);
                changed |= !stays;
                stays
            });
        }
        for path in found {
            let known = self.known.entry(path.clone()).or_default();
            changed |= known.read(&path, whole);
        }
        faults.extend(self.known.values().filter_map(|known| known.fault.clone()));
        let is_whole = self.was_whole || is_listed && self.known.values().all(|known| known.groups.is_some());
        changed |= is_whole && !self.was_whole;
        self.was_whole = is_whole;
        let groups = || self.known.values().filter_map(|known| known.groups.clone()).flatten().collect();
        Look { groups: changed.then(groups), is_whole, faults }
    }
}

impl Known {
    /// Reads the file where it may have changed; whether its groups did.
    fn read(&mut self, path: &Path, whole: bool) -> bool {
        let stamp = match stamp(path) {
            Ok(stamp) => stamp,
            // It went since the folder was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
            Err(error) => return self.failed(path, &error.to_string()),
        };
        let may_differ = whole || stamp.bytes <= SMALL_BYTES || self.stamp.as_ref() != Some(&stamp);
        if !may_differ {
            return false;
        }
        if MAX_BYTES < stamp.bytes {
            return self.failed(path, "it is longer than 64 MiB");
        }
        let content = match std::fs::read(path) {
            Ok(content) => content,
            Err(error) => return self.failed(path, &error.to_string()),
        };
        self.stamp = Some(stamp);
        let digest: [u8; 32] = Sha256::digest(&content).into();
        if self.digest.replace(digest) == Some(digest) {
            // The same again: what was said of it stands.
            return false;
        }
        match groups(path, &content) {
            Ok(groups) => {
                self.fault = None;
                self.groups.replace(groups) != self.groups
            }
            Err(fault) => {
                self.fault = Some(fault);
                false
            }
        }
    }

    fn failed(&mut self, path: &Path, why: &str) -> bool {
        self.fault = Some(format!("`{}` cannot be read: {why}", path.display()));
        self.digest = None;
        false
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&about);
    #[cfg(not(unix))]
    let inode = 0;
    Ok(Stamp { modified: about.modified().ok(), bytes: about.len(), inode })
}

/// The files that a path stands for. A path without a pattern whose file is not there stands for none, as in
/// Prometheus.
fn expand(path: &Path) -> io::Result<Vec<PathBuf>> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !glob::is_pattern(&name) {
        return match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            _ => Ok(vec![path.to_owned()]),
        };
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let looked_at = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(looked_at) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if glob::fits(&name, &file) && !folder.join(&file).is_dir() {
            found.push(folder.join(file));
        }
    }
    found.sort();
    Ok(found)
}

fn groups(path: &Path, content: &[u8]) -> Result<Vec<Group>, String> {
    let shown = path.display().to_string();
    if content.trim_ascii().is_empty() {
        return Err(format!("`{shown}` is empty (hint: write `[]` where there are no targets)"));
    }
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let read = if is_json {
        listed::from_json(content)
    } else {
        let text = std::str::from_utf8(content).map_err(|_| format!("`{shown}` is not valid UTF-8"))?;
        listed::from_yaml(text)
    };
    let mut groups = Group::listed(&read.map_err(|error| format!("{shown}:{error}"))?);
    for group in &mut groups {
        group.source = format!("{shown}:{}", group.source);
        group.labels.insert(FILEPATH.to_owned(), shown.clone());
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Folder(tempfile::TempDir, Files);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"), Files::default())
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.path().join(name), text).expect("it is ours");
        }

        fn remove(&self, name: &str) {
            fs::remove_file(self.0.path().join(name)).expect("it is there");
        }

        /// The addresses where something changed; whether all could be read; what is wrong, less the folder.
        fn look(&mut self) -> (Option<Vec<String>>, bool, String) {
            let paths = ["*.json", "[a-z].yml", "one.yaml"].map(|name| self.0.path().join(name));
            let look = self.1.look(&paths, false);
            let folder = format!("{}/", self.0.path().display());
            let addresses = |groups: Vec<Group>| {
                let targets = groups.into_iter().flat_map(|group| group.targets);
                targets.map(|target| target["__address__"].clone()).collect()
            };
            (look.groups.map(addresses), look.is_whole, look.faults.join("; ").replace(&folder, ""))
        }
    }

    fn some(addresses: &[&str]) -> Option<Vec<String>> {
        Some(addresses.iter().map(|address| (*address).to_owned()).collect())
    }

    #[test]
    fn files_are_read_when_they_change() {
        let mut folder = Folder::new();
        assert_eq!(folder.look(), (some(&[]), true, String::new()));
        assert_eq!(folder.look(), (None, true, String::new()));
        folder.write("x.json", r#"[{"targets": ["x:1"]}]"#);
        folder.write("a.yml", "- targets: [a:1, a:2]\n");
        folder.write("one.yaml", "- targets: [one:1]\n");
        folder.write("other.yaml", "- targets: [no:1]\n");
        assert_eq!(folder.look().0, some(&["a:1", "a:2", "one:1", "x:1"]));
        // Of the same length, and perhaps within the same tick of the file system.
        folder.write("x.json", r#"[{"targets": ["x:2"]}]"#);
        assert_eq!(folder.look().0, some(&["a:1", "a:2", "one:1", "x:2"]));
        assert_eq!(folder.look().0, None);
    }

    #[test]
    fn a_file_that_is_gone_is_missed_once_before_it_counts() {
        let mut folder = Folder::new();
        folder.write("x.json", r#"[{"targets": ["x:1"]}]"#);
        assert_eq!(folder.look().0, some(&["x:1"]));
        folder.remove("x.json");
        assert_eq!(folder.look().0, None);
        folder.write("x.json", r#"[{"targets": ["x:1"]}]"#);
        assert_eq!(folder.look().0, None);
        folder.remove("x.json");
        assert_eq!(folder.look().0, None);
        assert_eq!(folder.look().0, some(&[]));
    }

    #[test]
    fn a_broken_file_keeps_what_it_said() {
        let mut folder = Folder::new();
        folder.write("x.json", r#"[{"targets": ["x:1"]}]"#);
        folder.look();
        for (broken, fault) in [
            ("[{\"targets\": [\"x:1\",\n", "x.json:2:1: EOF while parsing a value"),
            ("", "`x.json` is empty (hint: write `[]` where there are no targets)"),
        ] {
            folder.write("x.json", broken);
            assert_eq!(folder.look(), (None, true, fault.to_owned()));
            assert_eq!(folder.look(), (None, true, fault.to_owned()));
        }
        folder.write("x.json", "[]");
        assert_eq!(folder.look(), (some(&[]), true, String::new()));
    }

    #[test]
    fn a_file_that_was_never_good_is_no_answer() {
        let mut folder = Folder::new();
        folder.write("a.yml", "- targets: [a:1]\n");
        folder.write("x.json", "[{");
        let (addresses, is_whole, fault) = folder.look();
        assert_eq!((addresses, is_whole), (some(&["a:1"]), false));
        assert!(fault.starts_with("x.json:1:"), "{fault}");
        folder.write("x.json", "[]");
        assert_eq!(folder.look(), (some(&["a:1"]), true, String::new()));
    }

    #[test]
    fn a_link_that_is_set_elsewhere_is_a_change() {
        let mut folder = Folder::new();
        for (name, address) in [("v1", "a:1"), ("v2", "a:2")] {
            fs::create_dir(folder.0.path().join(name)).expect("made");
            folder.write(&format!("{name}/x.json"), &format!("[{{\"targets\": [\"{address}\"]}}]"));
        }
        let path = |name: &str| folder.0.path().join(name);
        std::os::unix::fs::symlink("v1", path("data")).expect("linked");
        std::os::unix::fs::symlink("data/x.json", path("x.json")).expect("linked");
        let (data, new) = (path("data"), path("new"));
        assert_eq!(folder.look().0, some(&["a:1"]));
        std::os::unix::fs::symlink("v2", &new).expect("linked");
        fs::rename(new, data).expect("exchanged");
        assert_eq!(folder.look().0, some(&["a:2"]));
    }
}
