//! When the daemon is killed: at any time, and where it hurts.
//!
//! In:   the dice; the receiver's trap; the journal's file.
//! Out:  one life of the daemon after the other, each ended by SIGKILL at a moment of some kind.
//! Not:  nothing is judged.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::config::CUSTOMERS;
use crate::daemon::{Daemon, Log};
use crate::dice::Dice;
use crate::receiver::{Receiver, Stage};

/// A moment of a kind that is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// After some time, whatever goes on.
    Anytime,
    /// A request came to the receiver, which has neither taken nor answered it.
    Sent,
    /// The receiver took it, and there is no answer.
    Taken,
    /// The receiver answered; the journal may or may not know.
    Answered,
    /// The journal's file has just been written to.
    Committing,
    /// The process has begun, and is not ready.
    Starting,
    /// It was asked to stop, and is at it.
    Stopping,
}

const MOMENTS: [(u64, Moment); 7] = [
    (30, Moment::Anytime),
    (8, Moment::Sent),
    (8, Moment::Taken),
    (16, Moment::Answered),
    (20, Moment::Committing),
    (13, Moment::Starting),
    (5, Moment::Stopping),
];

/// How long a life is before its moment is aimed at: mostly short, and now and then long enough for an alert to
/// resolve, which needs its look-back covered by data.
const LIVES: [(u64, Duration); 3] =
    [(70, Duration::from_millis(500)), (25, Duration::from_millis(2000)), (5, Duration::from_millis(6000))];

/// How long it stays dead: nearly always it is started again at once, now and then not before a promise is due.
const DEATHS: [(u64, Duration); 2] = [(97, Duration::ZERO), (3, Duration::from_millis(8000))];

/// Where nothing is sent or committed for so long, the kill comes at any time.
const AIMED_AT_MOST: Duration = Duration::from_millis(1500);
/// A stop with nothing to send takes 2 ms.
const STOPPING_AT_MOST: Duration = Duration::from_millis(3);
/// How long a sink is out, in kills, and how seldom.
const OUT_FOR_KILLS: u64 = 25;
const OUT_EVERY_KILLS: u64 = 60;

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Anytime => "any time",
            Self::Sent => "sent",
            Self::Taken => "taken",
            Self::Answered => "answered",
            Self::Committing => "committing",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
        })
    }
}

/// Starts and kills.
pub struct Killer {
    pub folder: PathBuf,
    pub receiver: Arc<Receiver>,
    pub dice: Dice,
    pub log: Log,
    /// How long the last start took that was let be.
    pub start: Duration,
    /// For how many more kills a sink is out.
    pub out_for: u64,
}

impl Killer {
    /// Lets it stay dead for a while.
    pub async fn wait(&mut self) {
        let longest = self.dice.pick(&DEATHS);
        tokio::time::sleep_until((Instant::now() + self.dice.within(longest)).into()).await;
    }

    /// One life. What it was killed at: where what was aimed at did not come, at any time.
    pub async fn kill_one(&mut self) -> anyhow::Result<Moment> {
        self.let_a_sink_out();
        let aim = self.dice.pick(&MOMENTS);
        loop {
            let began = Instant::now();
            let mut daemon = Daemon::start(&self.folder, &self.log)?;
            if aim == Moment::Starting {
                daemon.live(self.dice.within(self.start.mul_f64(1.2))).await?;
                daemon.kill().await?;
                return Ok(aim);
            }
            daemon.ready().await?;
            self.start = began.elapsed();
            let longest = self.dice.pick(&LIVES);
            daemon.live(self.dice.within(longest)).await?;
            let hit = match aim {
                Moment::Anytime | Moment::Starting => true,
                Moment::Sent => self.sending(&mut daemon, Stage::Sent).await?,
                Moment::Taken => self.sending(&mut daemon, Stage::Taken).await?,
                Moment::Answered => self.sending(&mut daemon, Stage::Answered).await?,
                Moment::Committing => self.committing(&mut daemon).await?,
                Moment::Stopping => {
                    let time = self.dice.within(STOPPING_AT_MOST);
                    daemon.end(time).await?.is_none()
                }
            };
            // One that had stopped before is no kill: another life.
            if daemon.kill().await? {
                return Ok(if hit { aim } else { Moment::Anytime });
            }
        }
    }

    /// Waits for a request to get to `stage`, and a moment more, in which an answer may be recorded or not.
    async fn sending(&mut self, daemon: &mut Daemon, stage: Stage) -> anyhow::Result<bool> {
        let caught = self.receiver.set_trap(stage);
        let hit = tokio::select! {
            caught = caught => caught.is_ok(),
            lived = daemon.live(AIMED_AT_MOST) => lived.map(|()| false)?,
        };
        self.receiver.lift_trap();
        if hit {
            daemon.live(self.dice.within(Duration::from_millis(3))).await?;
        }
        Ok(hit)
    }

    /// Waits for the journal to be written to, and a moment more, which may lie before or after the end of the commit.
    async fn committing(&mut self, daemon: &mut Daemon) -> anyhow::Result<bool> {
        let file = self.folder.join("data/journal.db-wal");
        // Half of them at once, in the middle of it.
        let longest = self.dice.pick(&[(1, Duration::ZERO), (1, Duration::from_millis(2))]);
        let more = self.dice.within(longest);
        let watch = tokio::task::spawn_blocking(move || watch(&file, more));
        tokio::select! {
            hit = watch => hit.context("the watch over the journal broke"),
            lived = daemon.live(AIMED_AT_MOST * 2) => lived.map(|()| false),
        }
    }

    /// Now and then a sink is down for longer than messages are worth sending.
    fn let_a_sink_out(&mut self) {
        match self.out_for {
            0 if self.dice.below(OUT_EVERY_KILLS) == 0 => {
                self.receiver.let_out(Some(CUSTOMERS[1]));
                self.out_for = OUT_FOR_KILLS;
            }
            0 => {}
            1 => {
                self.receiver.let_out(None);
                self.out_for = 0;
            }
            _ => self.out_for -= 1,
        }
    }
}

/// Whether `file` is written to within `AIMED_AT_MOST`; returns `more` after that.
fn watch(file: &Path, more: Duration) -> bool {
    let seen = || fs::metadata(file).ok().map(|data| (data.len(), data.modified().ok()));
    let (before, until) = (seen(), Instant::now() + AIMED_AT_MOST);
    while Instant::now() < until {
        if seen() != before {
            thread::sleep(more);
            return true;
        }
        thread::sleep(Duration::from_micros(50));
    }
    false
}
