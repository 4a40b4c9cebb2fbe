//! Targets that come and go through discovery, up to the events that say so.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tokio::sync::mpsc::{Receiver, channel};

use super::*;
use crate::model::{Clock, TargetKey, Timestamp};
use crate::scrape::{
    DiscoveredTarget, Discovery, FileDiscovery, JobFigures, MechanismFigures, ScrapeEvent, Scraper,
    TargetFate,
};
use crate::series::Window;

mod cluster;
mod http;
mod kubernetes;

const SECOND: Duration = Duration::from_secs(1);

/// A folder of lists, and a scraper that reads them. The clock stands between the beats of one hour, so that nobody
/// is scraped unless a test goes on for long.
struct Rig {
    folder: tempfile::TempDir,
    clock: ManualClock,
    scraper: Scraper,
    events: Receiver<ScrapeEvent>,
}

fn discovering(name: &str, files: &[PathBuf]) -> Job {
    Job {
        interval: Duration::from_secs(3600),
        discovery: vec![Discovery::File(FileDiscovery {
            files: files.to_vec(),
            refresh_interval: Duration::from_secs(300),
        })],
        ..job(name, &[])
    }
}

impl Rig {
    /// Starts with files of these contents; `jobs` gets the pattern of all files.
    fn start(files: &[(&str, &str)], jobs: impl FnOnce(PathBuf) -> Vec<Job>) -> Self {
        install_crypto();
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("it is ours");
        }
        let clock = ManualClock::at(Timestamp::from_secs(1_500_000_000));
        let (send, events) = channel(64);
        let jobs = jobs(folder.path().join("*.json"));
        let scraper = Scraper::start(clock.clone(), &jobs, wanted(|_: &str| true), BTreeMap::new(), send)
            .expect("good jobs");
        Self { folder, clock, scraper, events }
    }

    fn write(&self, name: &str, text: &str) {
        // As a whole, so that no look sees half of it.
        let new = self.folder.path().join("new");
        fs::write(&new, text).expect("it is ours");
        fs::rename(new, self.folder.path().join(name)).expect("it is ours");
    }

    /// The next event but pages; time goes on until it comes.
    async fn event(&mut self) -> ScrapeEvent {
        loop {
            match self.events.try_recv() {
                Ok(ScrapeEvent::Page(_)) => {}
                Ok(event) => return event,
                Err(_) => self.tick().await,
            }
        }
    }

    /// Lets everybody do what can be done at this time, then goes on a second.
    async fn tick(&self) {
        for _ in 0..50 {
            tokio::task::spawn_blocking(|| ()).await.expect("it runs");
        }
        self.clock.advance(SECOND);
    }

    async fn discovered(&mut self) -> Vec<String> {
        match self.event().await {
            ScrapeEvent::Discovered(targets) => instances(targets.into_values()),
            other => panic!("not discovered, but {other:?}"),
        }
    }

    /// The hosts of those that are gone, in the order of their keys.
    async fn gone(&mut self, count: usize) -> Vec<String> {
        let mut gone = Vec::new();
        while gone.len() < count {
            match self.event().await {
                ScrapeEvent::Gone(key, _) => gone.push(host(&key)),
                other => panic!("not gone, but {other:?}"),
            }
        }
        gone
    }

    /// Nothing comes in some seconds.
    async fn is_quiet(&mut self) {
        for _ in 0..5 {
            self.tick().await;
        }
        match self.events.try_recv() {
            Err(_) | Ok(ScrapeEvent::Page(_)) => {}
            Ok(event) => panic!("{event:?}"),
        }
    }
}

fn instances(identities: impl Iterator<Item = Labels>) -> Vec<String> {
    let mut found: Vec<String> =
        identities.map(|labels| labels.get("instance").unwrap_or_default().to_owned()).collect();
    found.sort();
    found
}

fn host(key: &TargetKey) -> String {
    let key = key.as_str();
    let end = key.find('#').unwrap_or(key.len());
    key[key.find('/').map_or(0, |at| at + 1)..end].to_owned()
}

fn list(addresses: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let quoted: Vec<String> =
        addresses.into_iter().map(|address| format!("\"{}\"", address.as_ref())).collect();
    format!("[{{\"targets\": [{}]}}]", quoted.join(","))
}

#[tokio::test]
async fn targets_come_and_go_with_a_file() {
    let mut rig = Rig::start(&[("a.json", &list(["h:1", "h:2"]))], |files| vec![discovering("j", &[files])]);
    assert_eq!(rig.discovered().await, ["h:1", "h:2"]);
    rig.write("a.json", &list(["h:2", "h:3"]));
    assert_eq!(rig.discovered().await, ["h:2", "h:3"]);
    assert_eq!(rig.gone(1).await, ["h:1"]);
    rig.write("a.json", "[{\"targets\": [");
    rig.is_quiet().await;
    let figures = rig.scraper.discovery().figures();
    assert_eq!(figures.mechanisms, [("file", MechanismFigures { found: 2, failures: 1, waiting: 0 })].into());
    rig.write("a.json", "[]");
    assert_eq!(rig.discovered().await, [""; 0]);
    assert_eq!(rig.gone(2).await, ["h:2", "h:3"]);
    rig.scraper.stop().await;
}

#[tokio::test]
async fn nobody_is_taken_for_gone_before_each_provider_has_answered() {
    // `tests/it/discovery.rs` has what becomes of alerts meanwhile.
    let mut rig = Rig::start(&[("a.json", "[{"), ("b.json", &list(["h:2"]))], |files| {
        vec![discovering("j", &[files]), job("listed", &["l:1"])]
    });
    rig.is_quiet().await;
    assert_eq!(rig.scraper.discovery().figures().mechanisms["file"].waiting, 1);
    rig.write("a.json", "[]");
    assert_eq!(rig.discovered().await, ["h:2", "l:1"]);
    assert_eq!(rig.scraper.discovery().figures().mechanisms["file"].waiting, 0);
}

#[tokio::test]
async fn targets_that_are_known_already_are_scraped_while_others_are_waited_for() {
    let server = Server::start(|_| Answer::page("a 1\n")).await;
    let host = server.host();
    let mut rig =
        Rig::start(&[("a.json", "[{")], |files| vec![discovering("j", &[files]), job("listed", &[&host])]);
    let page = loop {
        rig.tick().await;
        if let Ok(event) = rig.events.try_recv() {
            break event;
        }
    };
    assert!(matches!(page, ScrapeEvent::Page(_)), "{page:?}");
}

#[tokio::test]
async fn a_bad_target_is_left_out_and_counted() {
    let mut rig = Rig::start(&[("a.json", &list(["h:1", "bad/one", "dropped:1"]))], |files| {
        let mut job = discovering("j", &[files]);
        job.relabel = vec![rule(RelabelAction::Drop, "__address__", "dropped.*", "", "")];
        vec![job]
    });
    assert_eq!(rig.discovered().await, ["h:1"]);
    let view = rig.scraper.discovery();
    assert_eq!(view.figures().jobs["j"], JobFigures { dropped: 1, bad: 1, over_limit: false });
    let fates: Vec<String> = view
        .listed()
        .targets
        .into_iter()
        .map(|target| {
            let address = target.discovered.get("__address__").unwrap_or_default().to_owned();
            match target.fate {
                TargetFate::Scraped(_) => format!("{address} scraped"),
                TargetFate::Dropped => format!("{address} dropped"),
                TargetFate::Bad(why) => format!("{address}: {why}"),
            }
        })
        .collect();
    assert_eq!(
        fates,
        ["h:1 scraped", "bad/one: its address is not of the form `host` or `host:port`", "dropped:1 dropped"]
    );
}

#[tokio::test]
async fn people_are_told_of_each_target_once_and_how_many_were_dropped() {
    let lists = [("a.json", &*list(["h:1", "l:1", "dropped:1", "dropped:2"]))];
    let of_job = |files: PathBuf| {
        let mut job = discovering("j", &[files]);
        job.relabel = vec![rule(RelabelAction::Drop, "__address__", "dropped.*", "", "")];
        job.keep_dropped_targets = 1;
        job.targets = vec![TargetGroup {
            targets: vec!["l:1".to_owned(), "dropped:3".to_owned()],
            ..TargetGroup::default()
        }];
        job
    };
    let mut rig = Rig::start(&lists, |files| vec![of_job(files), job("other", &[])]);
    assert_eq!(rig.discovered().await, ["h:1", "l:1"]);
    let view = rig.scraper.discovery();
    let told = || {
        let of = |target: &DiscoveredTarget| match &target.fate {
            TargetFate::Scraped(scraped) => host(&scraped.key),
            TargetFate::Dropped | TargetFate::Bad(_) => {
                format!("not {}", target.discovered.get("__address__").unwrap_or_default())
            }
        };
        view.listed().targets.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(told(), ["l:1", "not dropped:3", "h:1"]);
    assert_eq!(view.listed().dropped, BTreeMap::from([("j".to_owned(), 3), ("other".to_owned(), 0)]));
    // Those of a former provider are scraped until the new one answers, so people are told of them.
    rig.write("b.txt", "[{");
    rig.scraper
        .reload(&[of_job(rig.folder.path().join("b.txt"))], wanted(|_: &str| true))
        .expect("good jobs");
    while view.jobs() != ["j"] {
        rig.tick().await;
    }
    assert_eq!(told(), ["l:1", "not dropped:3", "h:1"]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_nobody_from_looking() {
    let mut rig = Rig::start(&[("a.json", &list(["h:1"]))], |files| vec![discovering("j", &[files])]);
    assert_eq!(rig.discovered().await, ["h:1"]);
    rig.clock.set(Timestamp::from_secs(1_400_000_000));
    rig.write("a.json", &list(["h:1", "h:2"]));
    assert_eq!(rig.discovered().await, ["h:1", "h:2"]);
}

#[tokio::test]
async fn more_targets_than_the_limit_all_fail_and_come_back() {
    let server = Server::start(|_| Answer::page("a 1\n")).await;
    let host = server.host();
    let mut rig = Rig::start(&[("a.json", &list([&host, "127.0.0.1:1"]))], |files| {
        let mut job = Job { interval: Duration::from_secs(15), ..discovering("j", &[files]) };
        job.limits.targets = Some(1);
        vec![job]
    });
    let mut pages = Vec::new();
    while pages.len() < 2 {
        rig.tick().await;
        while let Ok(event) = rig.events.try_recv() {
            if let ScrapeEvent::Page(page) = event {
                pages.push(page.samples.map(|samples| samples.values.len()));
            }
        }
    }
    let fault = "the job has 2 targets, more than its `target_limit` of 1".to_owned();
    assert_eq!(pages, [Err(fault.clone()), Err(fault)]);
    rig.write("a.json", &list([&host]));
    let good = loop {
        rig.tick().await;
        if let Ok(ScrapeEvent::Page(page)) = rig.events.try_recv()
            && page.samples.is_ok()
        {
            break page;
        }
    };
    assert_eq!(good.report.scraped, 1);
}

#[tokio::test]
async fn a_reload_keeps_what_stays_and_waits_for_what_is_new() {
    let mut rig = Rig::start(&[("a.json", &list(["h:1"]))], |files| vec![discovering("j", &[files])]);
    assert_eq!(rig.discovered().await, ["h:1"]);
    // The same again, beside another job: the provider is shared, and nothing is asked anew.
    let files = rig.folder.path().join("*.json");
    let both = [discovering("j", std::slice::from_ref(&files)), discovering("k", &[files])];
    rig.scraper.reload(&both, wanted(|_: &str| true)).expect("good jobs");
    assert_eq!(rig.discovered().await, ["h:1", "h:1"]);
    assert_eq!(rig.scraper.discovery().figures().mechanisms["file"].found, 1);
    // Another provider, which cannot answer yet: what the job had stays until it does.
    fs::write(rig.folder.path().join("b.yml"), "- targets: [").expect("it is ours");
    let other = [discovering("j", &[rig.folder.path().join("b.yml")])];
    rig.scraper.reload(&other, wanted(|_: &str| true)).expect("good jobs");
    assert_eq!(rig.discovered().await, ["h:1"]);
    assert_eq!(rig.gone(1).await, ["h:1"]);
    rig.is_quiet().await;
    rig.write("b.yml", "- targets: [h:2]\n");
    assert_eq!(rig.discovered().await, ["h:2"]);
    assert_eq!(rig.gone(1).await, ["h:1"]);
}

#[tokio::test]
async fn what_changes_quickly_is_gathered() {
    let mut rig = Rig::start(&[("a.json", "[]")], |files| vec![discovering("j", &[files])]);
    assert_eq!(rig.discovered().await, [""; 0]);
    for n in 0..50 {
        rig.write(&format!("{n}.json"), &list([format!("h:{}", n + 1)]));
    }
    let mut plans = 0;
    while rig.discovered().await.len() < 50 {
        plans += 1;
    }
    assert!(plans < 5, "{plans}");
}

#[tokio::test]
async fn thousands_of_targets_that_come_and_go_leave_nothing() {
    // Half of them stay each time; the last round has none.
    let address = |n: usize| format!("127.2.{}.{}:1", n / 250, n % 250);
    let rounds: Vec<Vec<String>> = (0..4)
        .map(|round| (round * 1000..round * 1000 + 2000).map(address).collect())
        .chain([Vec::new()])
        .collect();
    let mut rig = Rig::start(&[("a.json", &list(&rounds[0]))], |files| vec![discovering("j", &[files])]);
    let mut window = Window::new();
    for (round, addresses) in rounds.iter().enumerate() {
        rig.write("a.json", &list(addresses));
        let mut expected = addresses.clone();
        expected.sort();
        let mut turns = 0;
        while instances(window.targets().map(|target| target.identity.clone())) != expected {
            turns += 1;
            assert!(turns < 100, "round {round}");
            rig.tick().await;
            while let Ok(event) = rig.events.try_recv() {
                match event {
                    ScrapeEvent::Discovered(targets) => window.discovered(&targets, rig.clock.now()),
                    ScrapeEvent::Gone(key, at) => window.target_gone(&key, at),
                    ScrapeEvent::Page(_) => {}
                }
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(rig.scraper.discovery().figures().mechanisms["file"].found, addresses.len());
    }
    assert!(rig.scraper.discovery().listed().targets.is_empty());
}
