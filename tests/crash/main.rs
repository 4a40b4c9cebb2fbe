//! The crash harness: the daemon is killed again and again in the middle of its work, and nothing may be lost.
//!
//! In:   `KILLS` (8 by default) and `SEED` from the environment.
//! Out:  figures, then every breach in words, then one line: `kills=N lost=0 reordered=0 duplicated=0`.
//! Not:  a power cut: what a killed process wrote is still with the system, so no lost flush shows here.
//!
//! The daemon is the real one, with real time and the real SQLite file. It scrapes the demo's platform, whose clock
//! goes on through the kills, and sends to a receiver that is sometimes a bad one. `moments` says when it is killed;
//! after the last kill platform and receiver are well, the daemon ends what is open, and `verdict` compares what the
//! journal holds with what came.
//!
//! It is a binary of its own, without a test runner, so that its last line is its verdict. What it judges by has its tests
//! in `tests/it`.

mod config;
mod daemon;
mod dice;
mod http;
mod journal;
mod moments;
mod platform;
mod receiver;
mod verdict;

use std::collections::BTreeMap;
use std::env;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use daemon::{Daemon, Log};
use dice::Dice;
use moments::{Killer, Moment};
use platform::Platform;
use receiver::Receiver;
use verdict::{Record, Verdict, WAITING};

/// Where nobody says how many: enough to see that it works.
const FEW_KILLS: u64 = 8;
/// How long the daemon may take to end what is open once all is well. What waits is given up after 20 s, a watch
/// lasts 1 s and a promise a minute.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// How often it is asked whether it has.
const ASKED_EVERY: Duration = Duration::from_millis(500);
/// For so long all has been well before anything can have ended.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// A stop sends what is due for up to 10 s.
const STOPPED_WITHIN: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    if !is_asked_for(env::args().skip(1)) {
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `cargo test NAME` asks every binary of tests for NAME, and an editor asks each what it has.
fn is_asked_for(mut arguments: impl Iterator<Item = String>) -> bool {
    arguments
        .all(|argument| argument != "--list" && (argument.starts_with('-') || "crash".contains(&argument)))
}

fn run() -> anyhow::Result<bool> {
    let kills = number("KILLS")?.unwrap_or(FEW_KILLS);
    let seed = number("SEED")?.unwrap_or_else(|| RandomState::new().build_hasher().finish() % 1_000_000);
    println!("crash: {kills} kills, SEED={seed}");
    let folder = tempfile::tempdir().context("no folder for the daemon")?;
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(crash(folder.path(), kills, Dice::new(seed), &log));
    if !outcome.as_ref().is_ok_and(|is_clean| *is_clean) {
        eprintln!("--- what the daemon said last\n{}", log.text());
        eprintln!("--- its files are in {}", folder.keep().display());
    }
    outcome
}

fn number(name: &str) -> anyhow::Result<Option<u64>> {
    let Some(text) = env::var(name).ok().filter(|text| !text.is_empty()) else { return Ok(None) };
    text.parse().map(Some).with_context(|| format!("`{name}` is `{text}`, which is no number"))
}

/// Whether nothing was found.
async fn crash(folder: &Path, kills: u64, dice: Dice, log: &Log) -> anyhow::Result<bool> {
    let (receiver, to) = Receiver::start(dice.apart(1)).await?;
    let (platform, exporters) = Platform::start().await?;
    config::write(folder, &exporters, to).context("the configuration cannot be written")?;
    let mut killer = Killer {
        folder: folder.to_owned(),
        receiver: receiver.clone(),
        dice: dice.apart(2),
        log: log.clone(),
        start: Duration::from_millis(50),
        out_for: 0,
    };
    let (began, mut moments) = (Instant::now(), BTreeMap::<Moment, u64>::new());
    for nth in 1..=kills {
        let moment = killer.kill_one().await.with_context(|| format!("before kill {nth}"))?;
        *moments.entry(moment).or_default() += 1;
        killer.wait().await;
        if nth.is_multiple_of(50) && nth < kills {
            let seconds = began.elapsed().as_secs();
            println!("kill {nth} of {kills} after {seconds} s; {} messages taken", receiver.taken());
        }
    }
    let killing = began.elapsed();
    platform.be_quiet();
    receiver.be_kind();
    let settled = settle(folder, &receiver, log).await?;

    journal::check(folder)?;
    let record = record(folder, &receiver)?;
    ensure!(!record.rows.is_empty(), "nothing was sent, so nothing was tried");
    let verdict = Verdict::of(&record);
    print_figures(&record, &receiver, &moments);
    println!(
        "{} s of kills, {} days of the platform; settled after {} s, the last start took {} ms",
        killing.as_secs(),
        platform::rounds(killing),
        settled.as_secs(),
        killer.start.as_millis()
    );
    let is_clean = print_breaches(&verdict, &receiver.faults());
    let Verdict { lost, reordered, duplicated, .. } = &verdict;
    println!(
        "kills={kills} lost={} reordered={} duplicated={}",
        lost.len(),
        reordered.len(),
        duplicated.len()
    );
    Ok(is_clean)
}

/// Lets the daemon live until nothing is open and nothing waits, then stops it. How long that took.
async fn settle(folder: &Path, receiver: &Receiver, log: &Log) -> anyhow::Result<Duration> {
    let mut daemon = Daemon::start(folder, log)?;
    daemon.ready().await?;
    let began = Instant::now();
    daemon.live(SETTLED_AFTER).await?;
    while began.elapsed() < SETTLED_WITHIN && !is_settled(&record(folder, receiver)?) {
        daemon.live(ASKED_EVERY).await?;
    }
    let settled = began.elapsed();
    match daemon.end(STOPPED_WITHIN).await? {
        Some(status) => ensure!(status.success(), "the daemon did not stop well: {status}"),
        None => bail!("the daemon did not stop within {STOPPED_WITHIN:?}"),
    }
    Ok(settled)
}

/// Whether nothing is open and nothing waits. What is lost by then stays lost, and is not waited for.
fn is_settled(record: &Record) -> bool {
    record.rows.iter().all(|row| row.fate != WAITING) && Verdict::of(record).incomplete.is_empty()
}

fn record(folder: &Path, receiver: &Receiver) -> anyhow::Result<Record> {
    let (events, rows) = journal::read(folder)?;
    let customers = config::CUSTOMERS.map(str::to_owned).to_vec();
    Ok(Record { customers, events, rows, arrivals: receiver.arrivals() })
}

fn print_figures(record: &Record, receiver: &Receiver, moments: &BTreeMap<Moment, u64>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &record.events {
        *counts.entry(event.what.name()).or_default() += 1;
    }
    let mut fates: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &record.rows {
        *fates.entry(&row.fate).or_default() += 1;
    }
    let listed = ["opened", "posted", "paged", "promise_kept", "promise_missed", "undelivered", "merged"]
        .map(|name| format!("{name} {}", counts.get(name).copied().unwrap_or_default()));
    let moments: Vec<_> = moments.iter().map(|(moment, count)| format!("{moment} {count}")).collect();
    let moods: Vec<_> = receiver.moods().iter().map(|(mood, count)| format!("{mood:?} {count}")).collect();
    println!("killed at: {}", moments.join(", "));
    println!("{} events: {}", record.events.len(), listed.join(", "));
    println!("{} deliveries: {fates:?}; {} requests", record.rows.len(), record.arrivals.len());
    println!("the receiver was: {}", moods.join(", "));
}

/// Says what was found; whether it was nothing.
fn print_breaches(verdict: &Verdict, faults: &[String]) -> bool {
    println!("{} messages came again under their key, the same byte for byte", verdict.repeated);
    let found = [
        ("lost", &*verdict.lost),
        ("reordered", &verdict.reordered),
        ("duplicated", &verdict.duplicated),
        ("incomplete", &verdict.incomplete),
        ("refused", faults),
    ];
    for (heading, breaches) in found {
        breaches.iter().for_each(|breach| println!("{heading}: {breach}"));
    }
    verdict.is_clean() && faults.is_empty()
}
