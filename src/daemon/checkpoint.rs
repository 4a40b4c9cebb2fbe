//! Keeps the window of samples over restarts, in a file of the data directory.
//!
//! In:   the house, now and then and when it stops; the file of an earlier process.
//! Out:  a whole file or the one before it; a window that knows what the file says.
//! Not:  nothing depends on it: where there is no file, or a broken one, the daemon starts with an empty window.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::model::{Clock, Timestamp};
use crate::pipeline::{House, SharedHouse};

/// How often the file is written. After a kill, what came since is missing.
const EVERY: Duration = Duration::from_mins(5);
const NAME: &str = "window.checkpoint";
/// What a file is called that cannot be used.
const BROKEN: &str = "window.checkpoint.broken";

/// Takes in the checkpoint of `folder` where there is one that can be used; one that cannot is set aside.
pub(super) fn restore(folder: &Path, house: &mut House, now: Timestamp) {
    let path = folder.join(NAME);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot read the checkpoint of samples; starting without it");
            return;
        }
    };
    match house.window.restore(&bytes, now) {
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

/// Writes a checkpoint now and then, and a last one when it is stopped.
pub(super) async fn keep<C: Clock>(folder: PathBuf, house: SharedHouse, clock: C, stop: CancellationToken) {
    loop {
        let next = clock.now() + EVERY;
        tokio::select! {
            () = stop.cancelled() => return save(folder, house, clock.now()).await,
            () = clock.sleep_until(next) => {}
        }
        save(folder.clone(), house.clone(), clock.now()).await;
    }
}

/// Writes a checkpoint.
async fn save(folder: PathBuf, house: SharedHouse, now: Timestamp) {
    let path = folder.join(NAME);
    let work = move || {
        let bytes = house.read().window.checkpoint(now);
        write(&folder, &bytes)
    };
    let failed = match tokio::task::spawn_blocking(work).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::warn!(path = %path.display(), error = failed, "cannot write the checkpoint of samples; the one before it stays");
}

/// All of the file or none of it.
fn write(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = folder.join(format!("{NAME}.new"));
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
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
        write(folder.path(), &before.window.checkpoint(now)).unwrap();
        let mut after = house(now);
        restore(folder.path(), &mut after, now);
        assert_eq!(after.window.stats().samples, before.window.stats().samples);
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
}
