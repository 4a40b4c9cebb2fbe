//! Keeps the window of samples over restarts and kills, in two files of the data directory.
//!
//! In:   the house; the files of an earlier process.
//! Out:  now and then, and when it stops, a checkpoint: a whole file or the one before it. Four times a second,
//!       behind it, the pages that came since it was begun. A window that knows what the files say.
//! Not:  nothing depends on them: where there are none, or broken ones, the daemon starts with an empty window.
//!
//! While a checkpoint is written pages go on to the tape of the one before, until that may lose its front. So whenever
//! the process is killed, the files say all but what the last quarter of a second brought, and what recording rules
//! recorded since the checkpoint. A page that both have is taken once.

use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::model::{Clock, Timestamp};
use crate::pipeline::{House, SharedHouse};

/// How often the checkpoint is written.
const EVERY: Duration = Duration::from_mins(5);
/// How often the pages since then are. After a kill, what came later is missing.
const TAPE_EVERY: Duration = Duration::from_millis(250);
const NAME: &str = "window.checkpoint";
const TAPE_NAME: &str = "window.tape";
/// What the name of a file ends in while it is written.
const FRESH: &str = "new";
/// What the name of a file ends in that cannot be used.
const BROKEN: &str = "broken";

/// Takes in the checkpoint of `folder`, where there is one that can be used, and the pages that came after it; those
/// that come from now on are recorded. A file that cannot be used is set aside.
pub(super) fn restore(folder: &Path, house: &mut House, now: Timestamp) {
    for name in [NAME, TAPE_NAME] {
        // Of a process that was killed while it wrote.
        let _ = fs::remove_file(folder.join(name).with_added_extension(FRESH));
    }
    if let Some(file) = open(&folder.join(NAME)) {
        restore_checkpoint(folder, file, house, now);
    }
    restore_tape(folder, house, now);
    house.window.start_tape();
    house.window.record_start(now);
}

fn restore_tape(folder: &Path, house: &mut House, now: Timestamp) {
    let path = folder.join(TAPE_NAME);
    let Some(file) = open(&path) else { return };
    match house.window.play(file, now) {
        Ok(played) => {
            tracing::info!(pages = played.pages, "pages are known that came after the checkpoint");
            cut_off(&path, played.whole_bytes);
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error,
                "cannot read all samples that came after the checkpoint; the file is set aside");
            set_aside(&path);
        }
    }
}

fn open(path: &Path) -> Option<BufReader<File>> {
    match File::open(path) {
        Ok(file) => Some(BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error,
                "cannot read samples of the process before; the file is set aside, and the daemon starts without them");
            set_aside(path);
            None
        }
    }
}

/// What is appended must stand behind whole records.
fn cut_off(tape: &Path, whole_bytes: u64) {
    let cut = OpenOptions::new().write(true).open(tape).and_then(|file| file.set_len(whole_bytes));
    if let Err(error) = cut {
        tracing::warn!(path = %tape.display(), %error, "cannot cut off what was torn");
    }
}

fn restore_checkpoint(folder: &Path, file: BufReader<File>, house: &mut House, now: Timestamp) {
    let path = folder.join(NAME);
    match house.window.restore(file, now) {
        Ok((of, series)) => tracing::info!(%of, series, "samples are known from a checkpoint"),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error,
                "the checkpoint of samples cannot be used; it is set aside, and the window starts empty");
            set_aside(&path);
        }
    }
}

fn set_aside(path: &Path) {
    if let Err(error) = fs::rename(path, path.with_added_extension(BROKEN)) {
        tracing::warn!(path = %path.display(), %error, "cannot set it aside");
    }
}

/// Writes pages as they come, a checkpoint now and then, and a last one when it is stopped.
pub(super) async fn keep<C: Clock>(folder: PathBuf, house: SharedHouse, clock: C, stop: CancellationToken) {
    let mut files = Files { folder, house, is_recorded: true };
    let mut next = clock.now() + EVERY;
    let mut writing: Option<Writing> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = clock.sleep_until(clock.now() + TAPE_EVERY) => {}
        }
        files.append().await;
        if let Some(done) = writing.take_if(|writing| writing.checkpoint.is_finished()) {
            files.finish(done).await;
        }
        let now = clock.now();
        // The clock may have been set back meanwhile.
        if writing.is_none() && (next <= now || now + EVERY < next) {
            writing = files.begin(now).await;
            next = now + EVERY;
        }
    }
    files.append().await;
    if let Some(writing) = writing {
        files.finish(writing).await;
    }
    if let Some(last) = files.begin(clock.now()).await {
        files.finish(last).await;
    }
}

struct Files {
    folder: PathBuf,
    house: SharedHouse,
    /// Whether pages are on the tape, as far as was told.
    is_recorded: bool,
}

/// A checkpoint that is being written.
struct Writing {
    checkpoint: JoinHandle<Result<(), String>>,
    /// Where on the tape those pages begin that it may not have.
    tape_from: u64,
}

impl Files {
    fn tape(&self) -> PathBuf {
        self.folder.join(TAPE_NAME)
    }

    /// Writes the pages that came. Those that follow cannot be read without them, so where that fails nothing more is
    /// recorded until the next checkpoint is begun.
    async fn append(&mut self) {
        let recorded = self.house.read().window.take_tape();
        match recorded {
            Some(bytes) if bytes.is_empty() => {}
            Some(bytes) => {
                if let Err(error) = self.write_tape(bytes).await {
                    self.house.read().window.stop_tape();
                    self.lose(&error);
                }
            }
            None => self.lose(&"more came than the disk took"),
        }
    }

    /// Appends all of `bytes` or nothing, and says how long the tape is then.
    async fn write_tape(&self, bytes: Vec<u8>) -> Result<u64, String> {
        let path = self.tape();
        blocking(move || {
            let mut file = OpenOptions::new().append(true).create(true).open(path)?;
            let before = file.seek(SeekFrom::End(0))?;
            if let Err(error) = file.write_all(&bytes) {
                file.set_len(before)?;
                return Err(error);
            }
            Ok(before + bytes.len() as u64)
        })
        .await
    }

    fn lose(&mut self, error: &dyn Display) {
        if std::mem::take(&mut self.is_recorded) {
            tracing::warn!(path = %self.tape().display(), %error,
                "cannot write samples as they come; until the next checkpoint they are lost if the process is killed");
        }
    }

    /// Begins to write a checkpoint. What comes from now on can be read from the tape by itself.
    async fn begin(&mut self, now: Timestamp) -> Option<Writing> {
        let house = self.house.clone();
        let taken = blocking(move || {
            // While it is read no page comes in: each is in the checkpoint or on the tape behind it.
            let house = house.read();
            Ok((house.window.start_tape(), house.window.checkpoint(now)))
        });
        let (recorded, checkpoint) = match taken.await {
            Ok(taken) => taken,
            Err(error) => {
                self.fail(&error).await;
                return None;
            }
        };
        let tape_from = self.write_tape(recorded).await.unwrap_or_else(|error| {
            self.lose(&error);
            0
        });
        self.is_recorded = true;
        let folder = self.folder.clone();
        Some(Writing { checkpoint: tokio::spawn(blocking(move || write(&folder, &checkpoint))), tape_from })
    }

    /// Waits until the checkpoint is written, and takes from the tape what is in it.
    async fn finish(&mut self, writing: Writing) {
        let written = writing.checkpoint.await.unwrap_or_else(|error| Err(error.to_string()));
        if let Err(error) = written {
            return self.fail(&error).await;
        }
        let path = self.tape();
        let tape = path.clone();
        if let Err(error) = blocking(move || cut_front(&tape, writing.tape_from)).await {
            // What both have is taken once.
            tracing::warn!(path = %path.display(), error, "cannot shorten the file; it grows until the next checkpoint");
        }
    }

    /// Does without a checkpoint, and without the tape until the next one is begun: the room that it takes is needed for
    /// the journal, and a tape that nothing shortens grows for ever.
    async fn fail(&mut self, error: &str) {
        tracing::warn!(path = %self.folder.join(NAME).display(), error,
            "cannot write the checkpoint of samples; the one before it stays, and what came since is lost if the process is killed");
        self.house.read().window.stop_tape();
        self.is_recorded = false;
        let tape = self.tape();
        let _ = blocking(move || File::create(tape)).await;
    }
}

/// Does what waits for a disk where it keeps nothing else waiting.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
    done.map_err(|error| error.to_string())
}

/// Takes the first bytes from a file: all of them or none.
fn cut_front(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    if file.seek(SeekFrom::End(0))? <= bytes {
        return file.set_len(0);
    }
    file.seek(SeekFrom::Start(bytes))?;
    replace(path, |fresh| io::copy(&mut file, fresh).map(drop))
}

/// All of the file or none of it.
fn write(folder: &Path, checkpoint: &[u8]) -> io::Result<()> {
    replace(&folder.join(NAME), |file| {
        file.write_all(checkpoint)?;
        file.sync_all()
    })?;
    // Not every kind of folder can be asked so. It is about a loss of power alone.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Writes another file and puts it in the place of this one. Where that fails, nothing is left of it: half a file would
/// keep from others the room that it did not have itself.
fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let fresh = path.with_added_extension(FRESH);
    let written =
        File::create(&fresh).and_then(|mut file| write(&mut file)).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::delivery::Routes;
    use crate::incidents::Settings;
    use crate::journal::Snapshot;
    use crate::model::{Graph, Labels, TargetKey};
    use crate::pipeline::{Phases, Rulebook};
    use crate::rules::{Context, load};
    use crate::series::{Page, PageSample, ScrapeReport};

    fn house(now: Timestamp) -> House {
        let rules = "groups: [{name: g, rules: [{alert: A, expr: a > 1}]}]";
        let (groups, problems) = load(&"rules.yml".into(), rules, &Context::default());
        assert!(problems.is_empty(), "{problems}");
        let rulebook = Rulebook {
            groups: groups.into_iter().map(Arc::new).collect(),
            kept_jobs: Vec::new(),
            phases: Phases::default(),
            context: Context::default(),
            incidents: Arc::new(Settings::default()),
            graph: Arc::new(Graph::new(Vec::new()).unwrap()),
            escalation: Arc::from([]),
            responders: Vec::new(),
            routes: Routes::new(Vec::new()),
        };
        House::new(rulebook, Snapshot::default(), now)
    }

    fn page(at: Timestamp) -> Page {
        let labels = [("__name__", "a")].into_iter().collect();
        Page {
            target: TargetKey::from("t".to_owned()),
            identity: Labels::empty(),
            at,
            interval: Duration::from_secs(15),
            samples: Ok([PageSample { labels, at: None, value: 1.0 }].into_iter().collect()),
            histograms: Vec::new(),
            marks_own_times: false,
            report: ScrapeReport::default(),
        }
    }

    fn files(folder: &Path, house: House) -> Files {
        Files { folder: folder.to_owned(), house: SharedHouse::new(house), is_recorded: true }
    }

    /// How many samples another process has at `now`.
    fn restored(folder: &Path, now: Timestamp) -> usize {
        let mut after = house(now);
        restore(folder, &mut after, now);
        after.window.stats().samples
    }

    #[tokio::test]
    async fn a_checkpoint_outlives_the_process_and_a_torn_one_is_set_aside() {
        let (folder, now) = (tempfile::tempdir().unwrap(), Timestamp::from_secs(1_000_100));
        let mut before = house(now);
        before.window.ingest(page(now));
        let mut files = files(folder.path(), before);
        let written = files.begin(now).await.unwrap();
        files.finish(written).await;
        assert_eq!(restored(folder.path(), now), 1);

        let path = folder.path().join(NAME);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(restored(folder.path(), now), 0);
        assert!(!path.exists() && folder.path().join("window.checkpoint.broken").exists());
        assert_eq!(restored(folder.path(), now), 0);
    }

    /// A house that was scraped twice: a checkpoint has the first page, and the second was recorded.
    async fn scraped_twice(folder: &Path) -> Files {
        let mut before = house(FIRST);
        before.window.ingest(page(FIRST));
        let mut files = files(folder, before);
        let written = files.begin(FIRST).await.unwrap();
        files.finish(written).await;
        let mut before = house(FIRST);
        before.window.ingest(page(FIRST));
        before.window.start_tape();
        before.window.ingest(page(SECOND));
        files.house = SharedHouse::new(before);
        files
    }

    const FIRST: Timestamp = Timestamp::from_secs(1_000_100);
    const SECOND: Timestamp = Timestamp::from_secs(1_000_115);
    const THIRD: Timestamp = Timestamp::from_secs(1_000_130);

    #[tokio::test]
    async fn pages_since_the_checkpoint_outlive_a_kill_and_torn_ones_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = scraped_twice(folder.path()).await;
        files.append().await;
        let whole = fs::metadata(files.tape()).unwrap().len();
        OpenOptions::new().append(true).open(files.tape()).unwrap().write_all(b"torn").unwrap();
        assert_eq!(restored(folder.path(), SECOND), 2);
        assert_eq!(fs::metadata(files.tape()).unwrap().len(), whole);
    }

    #[tokio::test]
    async fn a_kill_while_a_checkpoint_is_written_loses_no_page() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = scraped_twice(folder.path()).await;
        let old = fs::read(folder.path().join(NAME)).unwrap();
        // It is begun, and the second page, which was not written yet, with it. Then the third comes.
        let mut writing = files.begin(SECOND).await.unwrap();
        let mut later = house(SECOND);
        later.window.start_tape();
        later.window.ingest(page(THIRD));
        files.house = SharedHouse::new(later);
        files.append().await;
        (&mut writing.checkpoint).await.unwrap().unwrap();
        let new = fs::read(folder.path().join(NAME)).unwrap();
        // Killed before the new checkpoint stood in the place of the old.
        fs::write(folder.path().join(NAME), old).unwrap();
        assert_eq!(restored(folder.path(), THIRD), 3);
        // Killed before the tape lost what the checkpoint has: no page is taken twice.
        fs::write(folder.path().join(NAME), new).unwrap();
        let mut after = house(THIRD);
        restore_checkpoint(folder.path(), open(&folder.path().join(NAME)).unwrap(), &mut after, THIRD);
        assert_eq!(after.window.play(open(&files.tape()).unwrap(), THIRD).unwrap().pages, 1);
        // It loses them, and no more.
        let whole = fs::metadata(files.tape()).unwrap().len();
        writing.checkpoint = tokio::spawn(async { Ok(()) });
        files.finish(writing).await;
        let left = fs::metadata(files.tape()).unwrap().len();
        assert!(0 < left && left < whole, "{left} of {whole} bytes");
        assert_eq!(restored(folder.path(), THIRD), 3);
    }

    #[tokio::test]
    async fn a_checkpoint_that_fails_takes_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = scraped_twice(folder.path()).await;
        let path = folder.path().join(NAME);
        fs::remove_file(&path).unwrap();
        fs::create_dir_all(path.join("in the way")).unwrap();
        let writing = files.begin(SECOND).await.unwrap();
        files.finish(writing).await;
        assert_eq!(fs::metadata(files.tape()).unwrap().len(), 0);
        assert!(!path.with_added_extension(FRESH).exists());
        assert_eq!(files.house.read().window.take_tape(), None, "nothing is recorded that nothing could use");
        // The next one does what it should.
        fs::remove_dir_all(&path).unwrap();
        let writing = files.begin(SECOND).await.unwrap();
        files.finish(writing).await;
        assert_eq!(restored(folder.path(), SECOND), 2);
        assert!(files.is_recorded);
    }

    #[test]
    fn what_cannot_be_read_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        for name in [NAME, TAPE_NAME] {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.with_added_extension(FRESH), "half a file").unwrap();
        }
        assert_eq!(restored(folder.path(), FIRST), 0);
        for name in [NAME, TAPE_NAME] {
            let path = folder.path().join(name);
            assert!(
                !path.exists()
                    && path.with_added_extension(BROKEN).exists()
                    && !path.with_added_extension(FRESH).exists()
            );
        }
    }
}
