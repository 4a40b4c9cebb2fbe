//! `fogsignal demo`: the real daemon against a small simulated platform that lives through a bad day.
//!
//! In:   options; a function that starts the daemon from a configuration file with a clock.
//! Out:  a narration on standard output, a scorecard, and an exit code that says whether all went in order.
//! Not:  the daemon is not told that it is in a demo: it scrapes over HTTP, keeps a journal and sends webhooks as
//!       it does everywhere. Only its clock is another.
//!
//! `day` says what happened when, `platform` makes pages of it, `server` serves them; `receiver` verifies and keeps
//! what the daemon sends; `people` tell the daemon what they do; `narrator` tells it all, `scorecard` and `story` judge
//! it. `pace` is the clock of all of them.

mod command;
mod config;
mod day;
mod message;
mod narrator;
mod pace;
mod people;
mod platform;
mod receiver;
mod scorecard;
mod screen;
mod server;
mod story;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, io, process};

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::incidents::Status;
use crate::model::{Clock as _, Timestamp};

use config::Places;
use message::Message;
use narrator::{IncidentView, Line, Narrator, Tone};
use people::People;
use receiver::{Inbox, Received};
use screen::Screen;
use story::Story;

pub use command::{DemoArguments, demo};
pub use day::moment;
pub use pace::{Pace, WarpClock};
pub use platform::Exporter;

/// How often the screen is renewed, in real time.
const FRAME: Duration = Duration::from_millis(100);
/// How long the daemon's API may take to answer, in real time.
const API_TIMEOUT: Duration = Duration::from_secs(2);

/// What the user asks of the demo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DemoOptions {
    /// Whether it ends after the resolution; else the platform and the daemon stay until they are interrupted.
    pub once: bool,
    /// Where the configuration is written for reading, instead of running anything.
    pub write: Option<PathBuf>,
}

/// A daemon that runs.
#[derive(Debug)]
pub struct Started {
    /// Where its API listens.
    pub api: SocketAddr,
    /// Its task; it ends after `stop`, or earlier where the daemon fails.
    pub running: JoinHandle<anyhow::Result<()>>,
    /// Tells it to stop.
    pub stop: CancellationToken,
}

/// Runs the demo. `start` starts the daemon from a configuration file, with the demo's clock for its own.
///
/// # Errors
/// Where the platform or the daemon cannot be started, or the daemon ends early.
pub async fn run<S, F>(options: DemoOptions, start: S) -> anyhow::Result<ExitCode>
where
    S: FnOnce(PathBuf, WarpClock) -> F,
    F: Future<Output = anyhow::Result<Started>>,
{
    run_on(Screen::standard_output(), options, start).await
}

async fn run_on<W, S, F>(mut screen: Screen<W>, options: DemoOptions, start: S) -> anyhow::Result<ExitCode>
where
    W: io::Write,
    S: FnOnce(PathBuf, WarpClock) -> F,
    F: Future<Output = anyhow::Result<Started>>,
{
    if let Some(dir) = &options.write {
        let file = config::write(dir, &Places::to_read())?;
        screen.lines(&[plain(format!("wrote {} and rules.yml beside it", file.display()))])?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = Folder::create()?;
    let stop = CancellationToken::new();
    let _stop_when_done = stop.clone().drop_guard();
    let clock = WarpClock::new(day::START);
    let inbox = Arc::new(Inbox::new(config::SECRET)?);
    let places = start_platform(&folder, &inbox, &clock, &stop).await?;
    let file = config::write(&folder.0, &places)?;
    let driver = tokio::spawn(clock.clone().drive(Pace::of_the_day()));
    let _drive_until_done = AbortOnDrop(driver);

    // The only place where the demo meets the daemon.
    let mut daemon = start(file, clock.clone()).await.context("the daemon did not start")?;

    let people = People::new(daemon.api, clock.clone())?;
    let mut show = Show { screen, clock, inbox, people, narrator: Narrator::default(), received: Vec::new() };
    let code = show.play(&options, &mut daemon).await;
    daemon.stop.cancel();
    if !daemon.running.is_finished() {
        daemon
            .running
            .await
            .context("the daemon's task was lost")?
            .context("the daemon did not stop well")?;
    }
    code
}

async fn start_platform(
    folder: &Folder,
    inbox: &Arc<Inbox>,
    clock: &WarpClock,
    stop: &CancellationToken,
) -> anyhow::Result<Places> {
    let mut exporters = Vec::new();
    for exporter in Exporter::ALL {
        let (address, serving) = server::serve_exporter(exporter, clock.clone(), stop.clone()).await?;
        tokio::spawn(serving);
        exporters.push((exporter, address));
    }
    let (receiver, serving) = server::serve_receiver(inbox.clone(), clock.clone(), stop.clone()).await?;
    tokio::spawn(serving);
    let api = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Ok(Places { exporters, receiver, api, data_dir: folder.0.join("data") })
}

/// What is shown, and from what.
struct Show<W> {
    screen: Screen<W>,
    clock: WarpClock,
    inbox: Arc<Inbox>,
    people: People,
    narrator: Narrator,
    received: Vec<Received>,
}

impl<W: io::Write> Show<W> {
    /// Tells the day until it is over.
    async fn play(&mut self, options: &DemoOptions, daemon: &mut Started) -> anyhow::Result<ExitCode> {
        let api = Api::new(daemon.api)?;
        self.screen.lines(&prologue(daemon.api))?;
        let mut code = None;
        loop {
            let now = self.clock.now();
            let mut lines = self.narrator.until(now);
            lines.extend(self.people.until(now).await);
            lines.extend(self.narrator.incidents(now, &api.incidents().await));
            let new = self.inbox.after(self.received.len());
            lines.extend(new.iter().flat_map(|received| self.narrator.delivery(received)));
            self.received.extend(new);
            self.screen.lines(&lines)?;
            let speed = Pace::of_the_day().speed(now);
            self.screen.last_row(&self.narrator.status_line(now, speed))?;
            if code.is_none() && (self.is_resolved(now) || day::END <= now) {
                code = Some(self.judge(daemon.api, options)?);
            }
            if let Some(code) = code.filter(|_| options.once) {
                return Ok(code);
            }
            tokio::select! {
                () = self.clock.sleep_until(self.next_look(now, speed)) => {}
                () = self.inbox.arrival() => {}
                ended = &mut daemon.running => {
                    ended.context("the daemon's task was lost")?.context("the daemon failed")?;
                    anyhow::bail!("the daemon ended before the day was over");
                }
                _ = tokio::signal::ctrl_c() => {
                    self.screen.clear_last_row()?;
                    return Ok(code.unwrap_or(ExitCode::FAILURE));
                }
            }
        }
    }

    /// At the next frame, or when people have something to tell, if that is sooner.
    fn next_look(&self, now: Timestamp, speed: f64) -> Timestamp {
        let frame = now + FRAME.mul_f64(speed);
        self.people.next_at().filter(|at| now < *at).map_or(frame, |at| at.min(frame))
    }

    /// Resolved for good, and everybody told: the last post says so, and a little time has passed since.
    fn is_resolved(&self, now: Timestamp) -> bool {
        let mut posts = self.received.iter().filter_map(|received| match &received.message {
            Message::Post(post) => Some((received.at, post.status)),
            Message::Page(_) => None,
        });
        posts.next_back().is_some_and(|(at, status)| {
            status == Status::Resolved && Duration::from_secs(30) <= now.since(at)
        })
    }

    /// Whether it was the story that the replay of the day tells.
    fn as_replayed(&self) -> Result<(), String> {
        let told = Story::received(&self.received);
        told.differs_from(&Story::replayed()?).map_or(Ok(()), Err)
    }

    /// Prints the scorecard and says how it went.
    fn judge(&mut self, api: SocketAddr, options: &DemoOptions) -> anyhow::Result<ExitCode> {
        let rows = scorecard::rows(&self.received);
        let tones = rows.iter().map(|row| match row.verdict {
            scorecard::Verdict::Met => Tone::Good,
            scorecard::Verdict::Missed => Tone::Bad,
        });
        let mut lines = vec![plain(String::new()), plain("The real day, and this one:".to_owned())];
        let texts = scorecard::table(&rows);
        lines.extend(
            std::iter::once(Tone::Plain).chain(tones).zip(texts).map(|(tone, text)| Line { tone, text }),
        );
        let tally = self.inbox.tally();
        let receiver::Tally { verified, repeated, refused } = tally;
        lines.push(plain(format!(
            "{verified} deliveries with a good signature, {repeated} repeated, {refused} refused"
        )));
        if let Some(refused) = self.inbox.last_refused() {
            lines.push(Line { tone: Tone::Bad, text: format!("the last one refused: {refused}") });
        }
        let in_order = scorecard::in_order(&self.received).and_then(|()| self.as_replayed());
        let code = match in_order {
            Ok(()) => {
                let text =
                    "opened, posted, monitoring, resolved: in this order, as `fogsignal replay` tells it";
                lines.push(Line { tone: Tone::Good, text: text.to_owned() });
                ExitCode::SUCCESS
            }
            Err(why) => {
                lines.push(Line { tone: Tone::Bad, text: format!("not as it should be: {why}") });
                ExitCode::FAILURE
            }
        };
        if !options.once {
            lines.push(plain(format!(
                "It goes on until Ctrl-C: curl http://{api}/api/fogsignal/v1/incidents"
            )));
        }
        self.screen.lines(&lines)?;
        Ok(code)
    }
}

fn prologue(api: SocketAddr) -> Vec<Line> {
    let lines = [
        "A small platform, 2023-02-01 in São Paulo. Six exporters over HTTP, the real daemon, a receiver of webhooks.".to_owned(),
        "Ten hours in two and a half minutes; slower where something happens.".to_owned(),
        format!("The daemon's API: http://{api}/api/fogsignal/v1/incidents"),
        String::new(),
    ];
    lines.into_iter().map(plain).collect()
}

fn plain(text: String) -> Line {
    Line { tone: Tone::Plain, text }
}

/// A client for loopback.
fn client(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    // Fails where the process already has a provider, which then is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(timeout).build()
}

/// The daemon's API, as far as the demo asks it.
struct Api {
    client: reqwest::Client,
    incidents: String,
}

impl Api {
    fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let client = client(API_TIMEOUT)?;
        Ok(Self { client, incidents: format!("http://{address}/api/fogsignal/v1/incidents") })
    }

    /// Its incidents. An API that does not answer is no reason to end the demo: what counts comes by webhook.
    async fn incidents(&self) -> Vec<IncidentView> {
        let answer = async {
            let answer = self.client.get(&self.incidents).send().await?.error_for_status()?;
            answer.json::<serde_json::Value>().await
        };
        match answer.await {
            Ok(answer) => narrator::read_incidents(answer),
            Err(error) => {
                tracing::debug!(%error, "the daemon's API did not answer");
                Vec::new()
            }
        }
    }
}

/// The demo's folder; gone with all that is in it when the demo ends.
struct Folder(PathBuf);

impl Folder {
    fn create() -> anyhow::Result<Self> {
        let parent = env::temp_dir();
        for nth in 0..100 {
            let path = parent.join(format!("fogsignal-demo-{}-{nth}", process::id()));
            // Never one that is there already: it is somebody else's.
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("folder `{}` cannot be made", path.display()));
                }
            }
        }
        anyhow::bail!("`{}` is full of folders of earlier demos", parent.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the demo's folder stays behind");
        }
    }
}

/// A task that is not to outlive the demo.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
