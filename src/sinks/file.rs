//! A line of JSON in a file, for each message.
//!
//! In:   a delivery.
//! Out:  the generic webhook's JSON and a line end, on the disk when it counts as delivered; a file that has grown enough is
//!       renamed to `NAME.1`, what was `NAME.1` to `NAME.2`, and so on.
//! Not:  a line is written whole or taken back: whoever reads the file finds no half of one, also after a full disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::delivery::Outcome;
use crate::model::SinkName;
use crate::outbox::{BoxFuture, Sending, Sink};

use super::FileSettings;
use super::body::{Links, body};

/// Appends to one file.
pub(super) struct FileSink {
    name: SinkName,
    links: Links,
    settings: Arc<FileSettings>,
    /// One line at a time.
    turn: Arc<Mutex<()>>,
}

impl FileSink {
    pub(super) fn new(name: SinkName, settings: FileSettings, links: Links) -> Self {
        Self { name, links, settings: Arc::new(settings), turn: Arc::default() }
    }

    async fn attempt(&self, sending: Sending<'_>) -> Outcome {
        let mut line = match body(sending.delivery, sending.remembered, &self.links) {
            Ok(line) => line,
            Err(error) => return Outcome::GiveUp { why: format!("no JSON can be made of it: {error}") },
        };
        line.push(b'\n');
        // The lock goes with the write: a disk that hangs holds up one thread.
        let turn = self.turn.clone().lock_owned().await;
        let settings = self.settings.clone();
        let written = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            append(&settings, &line)
        });
        match written.await {
            Ok(Ok(())) => Outcome::delivered("written"),
            Ok(Err(error)) => Outcome::retry(format!("`{}`: {error}", self.settings.path.display())),
            Err(_) => Outcome::retry("the write was broken off"),
        }
    }
}

fn append(settings: &FileSettings, line: &[u8]) -> io::Result<()> {
    let path = &settings.path;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = open(path)?;
    let mut length = whole_lines(&mut file)?;
    let grown = length.saturating_add(line.len() as u64);
    if 0 < settings.most_bytes && 0 < length && settings.most_bytes < grown {
        rotate(path, settings.keep)?;
        file = open(path)?;
        length = 0;
    }
    file.seek(SeekFrom::Start(length))?;
    let written = file.write_all(line).and_then(|()| file.sync_data());
    if written.is_err() {
        // What is there of the line goes again; if that fails too, the next write sees it.
        let _ = file.set_len(length);
    }
    // The name of a new file must be on the disk too.
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if length == 0 && written.is_ok() => File::open(folder)?.sync_all(),
        _ => written,
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

/// The length of the file up to its last line end; what a process that was killed left behind it is cut off.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    const PIECE: u64 = 4096;
    let length = file.metadata()?.len();
    let mut end = length;
    while 0 < end {
        let start = end.saturating_sub(PIECE);
        let mut piece = vec![0; usize::try_from(end - start).unwrap_or_default()];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(end)
}

fn rotate(path: &Path, keep: usize) -> io::Result<()> {
    if keep == 0 {
        return fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        let from = numbered(path, number);
        if from.exists() {
            fs::rename(from, numbered(path, number + 1))?;
        }
    }
    fs::rename(path, numbered(path, 1))
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    path.with_added_extension(number.to_string())
}

impl Sink for FileSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn send<'a>(&'a self, sending: Sending<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(sending))
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::delivery::samples::{at, delivery, sink};

    fn at_path(path: PathBuf, most_bytes: u64, keep: usize) -> FileSink {
        FileSink::new(sink("log"), FileSettings { path, most_bytes, keep }, Links::default())
    }

    async fn send(to: &FileSink, number: u64) -> Outcome {
        to.send(Sending::once(&delivery(number, number, "log"), at(0))).await
    }

    fn incidents(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).expect("the file is there");
        assert!(text.ends_with('\n'));
        let parsed = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        parsed.map(|line| line["data"]["incident"].as_str().expect("an id").to_owned()).collect()
    }

    #[tokio::test]
    async fn a_file_that_has_grown_is_renamed() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("deep/log.jsonl");
        let log = at_path(path.clone(), 1500, 2);
        for number in 1..=8 {
            assert_eq!(send(&log, number).await, Outcome::delivered("written"));
        }
        let kept = [numbered(&path, 2), numbered(&path, 1), path.clone()].map(|path| incidents(&path));
        let kept = kept.concat();
        assert_eq!(kept.last().map(String::as_str), Some("INC-8"));
        assert!(kept.len() < 8, "the oldest are gone");
        assert!(!numbered(&path, 3).exists());
    }

    #[tokio::test]
    async fn half_a_line_of_a_process_that_was_killed_is_cut_off() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("log.jsonl");
        let log = at_path(path.clone(), 0, 0);
        send(&log, 1).await;
        let mut whole = fs::read(&path).unwrap();
        whole.extend(b"{\"type\": \"incident.op");
        fs::write(&path, whole).unwrap();
        send(&log, 2).await;
        assert_eq!(incidents(&path), ["INC-1", "INC-2"]);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_tried_again() {
        let log = at_path("/proc/nowhere/log.jsonl".into(), 0, 0);
        assert!(matches!(send(&log, 1).await, Outcome::Retry { .. }));
    }
}
