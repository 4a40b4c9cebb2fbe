//! Keeps the window of samples over restarts and kills, in two files of the data directory.
//!
//! In:   the house; the files of an earlier process.
//! Out:  now and then, and when it stops, a checkpoint: a whole file or the one before it. Four times a second,
//!       behind it, the pages that came since. A window that knows what the files say.
//! Not:  nothing depends on them: where there are none, or broken ones, the daemon starts with an empty window.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::model::{Clock, Timestamp};
use crate::pipeline::{House, SharedHouse};
use crate::series::Progress;

/// How often the checkpoint is written.
const EVERY: Duration = Duration::from_mins(5);
/// How often the pages since then are. After a kill, what came later is missing.
const TAPE_EVERY: Duration = Duration::from_millis(250);
const NAME: &str = "window.checkpoint";
/// What a file is called that cannot be used.
const BROKEN: &str = "window.checkpoint.broken";
const TAPE_NAME: &str = "window.tape";

/// Takes in the checkpoint of `folder`, where there is one that can be used, and the pages that came after it. A
/// checkpoint that cannot be used is set aside.
pub(super) fn restore(folder: &Path, house: &mut House, now: Timestamp) {
    if let Some(file) = open(&folder.join(NAME)) {
        restore_checkpoint(folder, file, house, now);
    }
    let path = folder.join(TAPE_NAME);
    let Some(file) = open(&path) else { return };
    match house.window.play(file, now) {
        Ok(played) => {
            tracing::info!(pages = played.pages, "pages are known that came after the checkpoint");
            cut_off(&path, played.whole_bytes);
        }
        Err(error) => warn_unread(&path, &error),
    }
}

fn open(path: &Path) -> Option<BufReader<File>> {
    match File::open(path) {
        Ok(file) => Some(BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            warn_unread(path, &error);
            None
        }
    }
}

fn warn_unread(path: &Path, error: &io::Error) {
    tracing::warn!(path = %path.display(), %error, "cannot read samples of the process before; starting without them");
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
            let aside = folder.join(BROKEN);
            tracing::warn!(path = %path.display(), %error, aside = %aside.display(),
                "the checkpoint of samples cannot be used; it is set aside, and the window starts empty");
            if let Err(error) = fs::rename(&path, &aside) {
                tracing::warn!(path = %path.display(), %error, "cannot set it aside");
            }
        }
    }
}

/// Writes pages as they come, a checkpoint now and then, and a last one when it is stopped.
pub(super) async fn keep<C: Clock>(folder: PathBuf, house: SharedHouse, clock: C, stop: CancellationToken) {
    house.read().window.start_tape();
    let mut next = clock.now() + EVERY;
    loop {
        let now = clock.now();
        tokio::select! {
            () = stop.cancelled() => return save(folder, house, clock.now()).await,
            () = clock.sleep_until(next.min(now + TAPE_EVERY)) => {}
        }
        // The clock may have been set back meanwhile.
        let now = clock.now();
        if next <= now || now + EVERY < next {
            save(folder.clone(), house.clone(), now).await;
            next = now + EVERY;
        } else {
            append(folder.join(TAPE_NAME), &house).await;
        }
    }
}

/// Writes a checkpoint, after which the tape begins anew.
async fn save(folder: PathBuf, house: SharedHouse, now: Timestamp) {
    let path = folder.join(NAME);
    let work = move || {
        // What comes from now on is on the new tape; the checkpoint may have it too.
        house.read().window.start_tape();
        write(&folder, &house, now)?;
        File::create(folder.join(TAPE_NAME)).map(drop)
    };
    if let Some(error) = failure(work).await {
        tracing::warn!(path = %path.display(), error, "cannot write the checkpoint of samples; the one before it stays");
    }
}

/// Writes the pages that came. Where that fails, those until the next checkpoint are not kept: half a record would hide
/// all that follow.
async fn append(path: PathBuf, house: &SharedHouse) {
    let bytes = house.read().window.take_tape();
    if bytes.is_empty() {
        return;
    }
    let to = path.clone();
    let work = move || OpenOptions::new().append(true).create(true).open(to)?.write_all(&bytes);
    if let Some(error) = failure(work).await {
        house.read().window.stop_tape();
        tracing::warn!(path = %path.display(), error,
            "cannot write samples as they come; until the next checkpoint they are lost if the process is killed");
    }
}

/// Does what waits for a disk where it keeps nothing else waiting, and says why it failed.
async fn failure(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Option<String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// All of the file or none of it.
fn write(folder: &Path, house: &SharedHouse, now: Timestamp) -> io::Result<()> {
    let fresh = folder.join(format!("{NAME}.new"));
    let mut file = File::create(&fresh)?;
    let mut progress = Progress::begin(now);
    loop {
        // Pages wait for a portion, and for nothing that waits for a disk.
        let portion = house.read().window.checkpoint(&mut progress);
        match portion {
            Some(bytes) => file.write_all(&bytes)?,
            None => break,
        }
    }
    file.sync_all()?;
    fs::rename(&fresh, folder.join(NAME))?;
    File::open(folder)?.sync_all()
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

    #[test]
    fn a_checkpoint_outlives_the_process_and_a_torn_one_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_secs(1_000_100);
        let mut before = house(now);
        before.window.ingest(page(now));
        let before = SharedHouse::new(before);
        write(folder.path(), &before, now).unwrap();
        let mut after = house(now);
        restore(folder.path(), &mut after, now);
        assert_eq!(after.window.stats().samples, before.read().window.stats().samples);
        assert_eq!(after.window.stats().samples, 1);

        let path = folder.path().join(NAME);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let mut after = house(now);
        restore(folder.path(), &mut after, now);
        assert_eq!(after.window.stats().samples, 0);
        assert!(!path.exists() && folder.path().join(BROKEN).exists());
        restore(folder.path(), &mut after, now);
    }

    #[tokio::test]
    async fn pages_since_the_checkpoint_outlive_a_kill_and_torn_ones_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (Timestamp::from_secs(1_000_100), Timestamp::from_secs(1_000_115));
        let mut before = house(first);
        before.window.ingest(page(first));
        let tape = folder.path().join(TAPE_NAME);
        write(folder.path(), &SharedHouse::new(before), first).unwrap();
        let mut before = house(first);
        before.window.ingest(page(first));
        before.window.start_tape();
        before.window.ingest(page(second));
        let before = SharedHouse::new(before);
        append(tape.clone(), &before).await;
        let whole = fs::metadata(&tape).unwrap().len();
        OpenOptions::new().append(true).open(&tape).unwrap().write_all(b"torn").unwrap();

        let mut after = house(second);
        restore(folder.path(), &mut after, second);
        assert_eq!(after.window.stats().samples, 2);
        assert_eq!(fs::metadata(&tape).unwrap().len(), whole);
        // A tape that is older than its checkpoint brings nothing twice.
        write(folder.path(), &before, second).unwrap();
        let mut after = house(second);
        restore(folder.path(), &mut after, second);
        assert_eq!(after.window.stats().samples, 2);
    }
}
