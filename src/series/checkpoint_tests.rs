use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{Labels, METRIC_NAME, MatchOp, Matcher};
use crate::promql::{Demand, Feed, Presence, Recorded, Source};
use crate::series::{CheckpointError, Page, PageSample, ScrapeReport};

const MINUTE: Duration = Duration::from_mins(1);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + seconds)
}

fn matchers(name: &str) -> Vec<Matcher> {
    vec![Matcher::new(METRIC_NAME, MatchOp::Equal, name).unwrap()]
}

fn wanting(names: &[&str]) -> Window {
    let mut window = Window::new();
    let demand = |name: &&str| Demand { matchers: matchers(name), look_back: 5 * MINUTE, window: MINUTE };
    window.set_demand(&names.iter().map(demand).collect::<Vec<_>>());
    window
}

fn labels(name: &str, x: u8) -> Labels {
    [("__name__", name.to_owned()), ("x", x.to_string())].into_iter().collect()
}

fn page(target: u8, at: Timestamp, values: &[(u8, f64)]) -> Page {
    let sample = |(x, value): &(u8, f64)| PageSample { labels: labels("a", *x), at: None, value: *value };
    Page {
        target: TargetKey::from(format!("t{target}")),
        identity: [("job", "j"), ("instance", &*format!("t{target}"))].into_iter().collect(),
        at,
        interval: Duration::from_secs(15),
        samples: Ok(values.iter().map(sample).collect()),
        histograms: Vec::new(),
        marks_own_times: false,
        report: ScrapeReport::default(),
    }
}

/// All that selectors give.
fn seen(window: &Window, names: &[&str]) -> BTreeMap<Labels, Vec<(i64, u64)>> {
    let mut seen = BTreeMap::new();
    for name in names {
        window.select(&matchers(name), at(-100_000), at(100_000), &mut |_, labels, samples| {
            let samples = samples.iter().map(|sample| (sample.at.as_millis(), sample.value.to_bits()));
            seen.insert(labels.clone(), samples.collect());
        });
    }
    seen
}

fn filled(pages: &[(u8, Vec<(u8, f64)>)]) -> (Window, i64) {
    let mut window = wanting(&["a", "up", "r"]);
    let (mut now, rule) = (0, RuleId::new("g", "r", 0));
    for (target, values) in pages {
        now += 7;
        window.ingest(page(*target, at(now), values));
        let feeds = vec![Feed { labels: labels("a", 0), origin: Origin::Target("t0".to_owned().into()) }];
        window.append(&rule, at(now), &[Recorded { labels: labels("r", 0), value: now as f64, feeds }]);
    }
    (window, now)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_restored_is_what_was_kept(
        pages in prop::collection::vec((0..3u8, prop::collection::vec((0..5u8, -1e9..1e9f64), 0..6)), 0..40),
    ) {
        let (window, now) = filled(&pages);
        let bytes = window.checkpoint(at(now));
        let mut restored = wanting(&["a", "up", "r"]);
        prop_assert_eq!(restored.restore(&*bytes, at(now + 5)).map(|(of, _)| of), Ok(at(now)));
        // What two targets gave is the last one's; it is on no list of the other.
        prop_assert_eq!(seen(&restored, &["a", "up", "r"]), seen(&window, &["a", "up", "r"]));
        let mut less = wanting(&["up"]);
        prop_assert!(less.restore(&*bytes, at(now)).is_ok());
        prop_assert_eq!(seen(&less, &["a", "up", "r"]), seen(&window, &["up"]));
    }

    #[test]
    fn broken_bytes_are_refused_and_change_nothing(cut in 0..2000usize, flip in 0..2000usize, bit in 0..8u8) {
        let (window, now) = filled(&[(0, vec![(0, 1.0), (1, 2.5)]), (1, vec![(2, 3.0)]), (0, vec![(0, 2.0)])]);
        let bytes = window.checkpoint(at(now));
        let mut restored = wanting(&["a", "up", "r"]);
        prop_assert!(restored.restore(&bytes[..cut % bytes.len()], at(now)).is_err());
        let mut flipped = bytes.clone();
        flipped[flip % bytes.len()] ^= 1 << bit;
        prop_assert!(restored.restore(&*flipped, at(now)).is_err());
        prop_assert_eq!((restored.stats().series, restored.targets.len(), restored.rules.len()), (0, 0, 0));
        prop_assert_eq!(restored.restore(&*bytes, at(now - 1)), Err(CheckpointError::Ahead(at(now))));
        prop_assert!(restored.restore(&*bytes, at(now)).is_ok());
    }

    #[test]
    fn no_bytes_break_anything(tag in 0..5u64, content in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = MAGIC.to_vec();
        records::append(&mut bytes, |to| {
            to.number(HEAD);
            to.time(at(0));
        });
        records::append(&mut bytes, |to| {
            to.number(tag);
            to.0.extend_from_slice(&content);
        });
        records::append(&mut bytes, |to| {
            to.number(END);
            to.number(2);
        });
        // It need not be refused.
        let _ = wanting(&["a"]).restore(&*bytes, at(0));
    }
}

#[test]
fn a_target_that_left_meanwhile_is_not_waited_for() {
    let mut window = wanting(&["a", "up"]);
    for target in 0..2 {
        window.ingest(page(target, at(0), &[(target, 1.0)]));
    }
    let mut restored = wanting(&["a", "up"]);
    restored.restore(&*window.checkpoint(at(1)), at(5)).expect("it is whole");
    let one = |n: u8| (TargetKey::from(format!("t{n}")), Labels::empty());
    restored.discovered(&BTreeMap::from([one(0)]), at(6));
    assert!(restored.is_awaiting(&matchers("a")) && from_before(&restored, 6) == [true, false]);
    restored.ingest(page(0, at(7), &[(0, 1.0)]));
    assert!(!restored.is_awaiting(&matchers("a")) && from_before(&restored, 8) == [false, false]);
}

/// Whether each of the series `a` was not measured since a restart, as it is `seconds` in.
fn from_before(window: &Window, seconds: i64) -> Vec<bool> {
    let mut found = Vec::new();
    window.select(&matchers("a"), at(-100_000), at(100_000), &mut |id, _, _| {
        found.push(window.is_from_before(id, at(seconds)));
    });
    found
}

#[test]
fn a_restored_target_says_nothing_before_it_is_scraped() {
    let mut window = wanting(&["a", "up"]);
    for tick in 0..10 {
        window.ingest(page(0, at(tick * 15), &[(0, 1.0)]));
    }
    let feed = Feed { labels: labels("a", 0), origin: Origin::Target("t0".to_owned().into()) };
    let restore = |after: i64| {
        let mut restored = wanting(&["a", "up"]);
        restored.restore(&*window.checkpoint(at(136)), at(after)).expect("it is whole");
        assert_eq!(restored.presence(&feed, MINUTE, at(after)), Presence::Warming, "not scraped yet");
        assert_eq!(from_before(&restored, after), [true], "not scraped yet");
        assert_eq!(from_before(&restored, after + 30), [false], "nobody waits for it for ever");
        restored
    };
    let mut soon = restore(140);
    soon.ingest(page(0, at(150), &[(0, 1.0)]));
    assert_eq!(from_before(&soon, 150), [false]);
    soon.ingest(page(0, at(165), &[(0, 1.0)]));
    assert_eq!(soon.presence(&feed, MINUTE, at(165)), Presence::Whole, "no scrape was left out");
    let mut late = restore(900);
    for seconds in [915, 930] {
        late.ingest(page(0, at(seconds), &[(0, 1.0)]));
    }
    assert_eq!(late.presence(&feed, MINUTE, at(930)), Presence::Warming, "our absence is no gap of theirs");
    for seconds in [945, 960, 975] {
        late.ingest(page(0, at(seconds), &[(0, 1.0)]));
    }
    assert_eq!(late.presence(&feed, MINUTE, at(975)), Presence::Whole);
}
