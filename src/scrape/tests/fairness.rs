//! Nobody waits for anybody else, and nobody is asked twice or never, whatever targets and clocks do.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::rig::{INTERVAL, Rig, START};
use super::*;
use crate::model::{Clock, Timestamp};
use crate::series::Page;

/// A job with so many targets at one address, each with a path of its own: `/0`, `/1`, ….
fn many(address: &str, count: usize) -> Job {
    let group = |n: usize| TargetGroup {
        targets: vec![address.to_owned()],
        labels: [("__metrics_path__", format!("/{n}")), ("n", n.to_string())]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
    };
    Job { targets: (0..count).map(group).collect(), ..job("many", &[]) }
}

fn number(page: &Page) -> usize {
    page.identity.get("n").expect("each target has one").parse().expect("a number")
}

fn path(request: &Request) -> usize {
    let path = request.head.strip_prefix("GET /").and_then(|rest| rest.split(' ').next()).expect("a request");
    path.parse().expect("a number")
}

#[tokio::test]
async fn targets_that_hang_or_stall_delay_no_other() {
    // Of each ten one says nothing, one stops within the headers, one within the body.
    let server = Server::start(|request| match path(request) % 10 {
        0 => Answer::Silence,
        1 => Answer::Stall(b"HTTP/1.1 200 OK\r\nContent-".to_vec()),
        2 => Answer::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na 1\n".to_vec()),
        _ => Answer::page("a 1\n"),
    })
    .await;
    let mut rig = Rig::start(&[many(&server.host(), 500)], 1000);
    assert_eq!(rig.discovered().await.len(), 500);
    // All of them in one moment, which is the worst that can be. Time stands until all good ones have answered, so
    // that none of them can have waited for a timeout.
    rig.clock.advance(INTERVAL);
    let mut answered = BTreeSet::new();
    while answered.len() < 350 {
        let page = rig.page().await;
        // Whose turn was the moment of the start has another one by now.
        if page.at == START {
            continue;
        }
        assert_eq!(page.samples.as_ref().map(|samples| samples.values.len()), Ok(1), "{}", number(&page));
        assert!(answered.insert(number(&page)), "{} comes twice", number(&page));
    }
    assert!(answered.iter().all(|n| 3 <= n % 10));
    // The others have their time, and not more.
    rig.clock.advance(Duration::from_secs(10));
    let mut hung = BTreeSet::new();
    while hung.len() < 150 {
        let page = rig.page().await;
        // Some good ones have their next turn by then.
        if number(&page) % 10 < 3 {
            assert_eq!(page.samples, Err("no answer within 10s".to_owned()));
            assert_eq!(page.report.duration, Duration::from_secs(10));
            assert!(hung.insert(number(&page)));
        }
    }
}

#[test]
fn turns_are_spread_evenly() {
    let targets = crate::scrape::resolve_targets(&[many("host:1", 1500)]).expect("good");
    let mut seconds = [0; 15];
    for target in &targets {
        assert!(target.offset() < INTERVAL);
        seconds[usize::try_from(target.offset().as_secs()).expect("small")] += 1;
    }
    // 100 are expected in each; four standard deviations are 39.
    assert!(seconds.iter().all(|count| (61..140).contains(count)), "{seconds:?}");
}

#[tokio::test]
async fn a_clock_that_is_set_fails_no_scrape_that_is_under_way() {
    let mut server = Server::start(|_| Answer::Silence).await;
    let mut rig = Rig::start(&[many(&server.host(), 1)], 8);
    rig.discovered().await;
    let hour = Duration::from_secs(3600);
    for ahead in [true, false] {
        rig.clock.advance(INTERVAL);
        server.request().await;
        let now = rig.clock.now();
        rig.clock.set(if ahead { now + hour } else { now - hour });
        rig.clock.advance(Duration::from_millis(9_999));
        rig.settle().await;
        assert!(rig.events.is_empty(), "it still has a millisecond");
        rig.clock.advance(Duration::from_millis(1));
        let page = rig.page().await;
        assert_eq!(page.samples, Err("no answer within 10s".to_owned()));
        assert_eq!((page.report.duration, page.report.clock_ahead_ms), (Duration::from_secs(10), None));
    }
}

#[tokio::test]
async fn after_the_clock_was_set_back_turns_go_on_at_once() {
    let server = Server::start(|_| Answer::page("a 1\n")).await;
    let mut rig = Rig::start(&[many(&server.host(), 1)], 8);
    rig.discovered().await;
    let offset = target(many(&server.host(), 1)).offset();
    let phase = |page: &Page| (page.at - offset).floor_to(INTERVAL) + offset == page.at;
    let step = Duration::from_millis(1);
    // To the millisecond, so that each page carries its beat.
    let turn = async |rig: &mut Rig, longest: Duration| {
        for _ in 0..longest.as_millis() {
            rig.clock.advance(step);
            tokio::task::yield_now().await;
            if !rig.events.is_empty() {
                break;
            }
        }
        rig.settle().await;
        assert_eq!(rig.events.len(), 1, "within {longest:?}");
        rig.page().await
    };
    let before = turn(&mut rig, INTERVAL).await;
    assert!(phase(&before), "{:?}", before.at);
    rig.clock.set(rig.clock.now() - Duration::from_secs(3600));
    // The wheel looks at the clock again after 5 s at the latest.
    let after = turn(&mut rig, INTERVAL + Duration::from_secs(5)).await;
    assert!(phase(&after) && after.at < before.at, "{:?} {:?}", before.at, after.at);
    let next = turn(&mut rig, INTERVAL + step).await;
    assert_eq!(next.at, after.at + INTERVAL);
}

/// How far ahead, in whole seconds, a target is found to be whose answer has these headers, of which `DATE` is so many
/// seconds after the scrape; and whether it counts as off.
async fn found_ahead(headers: &'static str, seconds: i64) -> (Option<i64>, bool) {
    let said = Arc::new(OnceLock::<String>::new());
    let told = said.clone();
    let server =
        Server::start(move |_| Answer::with("200 OK", told.get().expect("it is set"), "a 1\n")).await;
    let offset = target(many(&server.host(), 1)).offset();
    let mut rig = Rig::start(&[many(&server.host(), 1)], 8);
    rig.discovered().await;
    let first = (START - offset).floor_to(INTERVAL) + offset;
    let first = if first < START { first + INTERVAL } else { first };
    let date = chrono::DateTime::from_timestamp_millis(first.as_millis() + seconds * 1000).expect("a time");
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    said.set(headers.replace("DATE", &date)).expect("once");
    rig.clock.advance(first.since(START));
    let page = rig.page().await;
    assert_eq!(page.samples.map(|samples| samples.values.len()), Ok(1));
    let ahead = page.report.clock_ahead_ms.map(|ms| (ms as f64 / 1000.0).round() as i64);
    (ahead.map(|ahead| (ahead - seconds).abs()), page.report.clock_is_off())
}

#[tokio::test]
async fn a_target_whose_clock_is_off_is_found() {
    for (headers, seconds, is_known, is_off) in [
        ("", 3600, false, false),
        ("Date: yesterday\r\n", 3600, false, false),
        // Somebody on the way kept the answer.
        ("Date: DATE\r\nAge: 10\r\n", 3600, false, false),
        ("Date: DATE\r\n", 0, true, false),
        ("Date: DATE\r\n", 5, true, false),
        ("Date: DATE\r\n", -5, true, false),
        ("Date: DATE\r\n", 7, true, true),
        ("Date: DATE\r\n", -7, true, true),
        ("Date: DATE\r\n", 3600, true, true),
    ] {
        let (away, found_off) = found_ahead(headers, seconds).await;
        assert_eq!((away.is_some(), found_off), (is_known, is_off), "{headers} {seconds}");
        // Dates are whole seconds.
        assert!(away.is_none_or(|away| away <= 1), "{headers} {seconds} {away:?}");
    }
}

#[test]
fn what_the_way_explains_is_not_held_against_a_clock() {
    let at = Timestamp::from_millis;
    let check = |date, begun, ended, took_ms, expected| {
        let took = Duration::from_millis(took_ms);
        let found = crate::scrape::scraper::ahead_ms(at(date), at(begun), at(ended), took);
        assert_eq!(found, expected, "{date} {begun} {ended} {took_ms}");
    };
    check(10_000, 9_000, 19_000, 10_000, Some(0));
    check(9_000, 9_900, 19_000, 9_100, Some(0));
    check(20_000, 9_000, 19_000, 10_000, Some(1_000));
    check(7_000, 9_000, 19_000, 10_000, Some(-1_001));
    // Our own clock was set meanwhile.
    check(7_000, 9_000, 19_000, 100, None);
    check(7_000, 19_000, 9_000, 100, None);
}
