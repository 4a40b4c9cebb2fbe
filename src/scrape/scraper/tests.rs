//! That nothing stays of targets that are gone.

use super::*;
use crate::scrape::resolve_targets;
use crate::scrape::tests::clock::ManualClock;
use crate::scrape::tests::job;
use crate::series::Window;

fn plan(job: &Job, order: u64) -> Plan {
    let targets = resolve_targets(std::slice::from_ref(job)).expect("good targets");
    let targets = targets.into_iter().map(Arc::new).collect();
    Plan { targets, wanted: Arc::new(|_: &str| true), is_whole: true, order }
}

#[tokio::test]
async fn thousands_that_come_and_go_leave_the_wheel_as_it_was() {
    let clock = ManualClock::at(Timestamp::from_secs(1_500_000_000));
    let (pages, mut events) = mpsc::channel(8192);
    let mut wheel = Wheel {
        clock: clock.clone(),
        pages,
        stop: CancellationToken::new(),
        schedule: Schedule::default(),
        slots: BTreeMap::new(),
        demand: Demand { number: 0, wanted: Arc::new(|_: &str| true) },
        announced: None,
        shortages: Shortages::default(),
    };
    let mut window = Window::new();
    let mut fetchers = Vec::new();
    for round in 0..10 {
        // Half of them stay each time.
        let addresses: Vec<String> =
            (0..1000).map(|n| n + round * 500).map(|n| format!("127.1.{}.{}:1", n / 250, n % 250)).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        wheel.follow(plan(&job("j", &addresses), round)).await;
        let first = wheel.slots.values().next().expect("there are a thousand");
        fetchers.push(Arc::downgrade(&first.fetcher));
        while let Ok(event) = events.try_recv() {
            match event {
                ScrapeEvent::Discovered(targets) => window.discovered(&targets, clock.now()),
                ScrapeEvent::Gone(key, at) => window.target_gone(&key, at),
                ScrapeEvent::Page(_) => {}
            }
        }
        assert_eq!((wheel.slots.len(), wheel.schedule.len()), (1000, (1000, 1000)));
        assert_eq!(window.targets().count(), 1000);
        clock.advance(Duration::from_secs(60));
    }
    wheel.follow(plan(&job("j", &[]), 11)).await;
    assert_eq!((wheel.slots.len(), wheel.schedule.len()), (0, (0, 0)));
    assert!(fetchers.iter().all(|fetcher| fetcher.upgrade().is_none()), "their connections go with them");
}
