use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{Labels, METRIC_NAME, MatchOp, Matcher, RuleId, TargetKey, Timestamp, is_stale};
use crate::promql::{Demand, Feed, Origin, Presence, Recorded, Source};

const INTERVAL: Duration = Duration::from_secs(15);
const FIVE_MIN: Duration = Duration::from_mins(5);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn key(name: &str) -> TargetKey {
    TargetKey::from(name.to_owned())
}

/// Labels from `name a=1 b=2`.
fn labels(text: &str) -> Labels {
    let mut words = text.split(' ');
    let name = words.next().unwrap();
    let pairs = words.filter_map(|word| word.split_once('='));
    std::iter::once((METRIC_NAME, name)).chain(pairs).collect()
}

fn matchers(name: &str) -> Vec<Matcher> {
    vec![Matcher::new(METRIC_NAME, MatchOp::Equal, name).unwrap()]
}

fn demand(name: &str, look_back: Duration) -> Demand {
    Demand { matchers: matchers(name), look_back, window: Duration::ZERO }
}

fn wanting(names: &[&str]) -> Window {
    let mut window = Window::new();
    window.set_demand(&names.iter().map(|name| demand(name, FIVE_MIN)).collect::<Vec<_>>());
    window
}

fn page(target: &str, seconds: i64, samples: &[(&str, f64)]) -> Page {
    let samples =
        samples.iter().map(|(text, value)| PageSample { labels: labels(text), at: None, value: *value });
    Page {
        target: key(target),
        identity: [("job", "j"), ("instance", target)].into_iter().collect(),
        at: at(seconds),
        interval: INTERVAL,
        samples: Ok(samples.collect()),
        histograms: Vec::new(),
        marks_own_times: false,
        report: ScrapeReport { scraped: 7, post_relabel: 6, ..ScrapeReport::default() },
    }
}

fn failed(target: &str, seconds: i64) -> Page {
    Page { samples: Err("connection refused".to_owned()), ..page(target, seconds, &[]) }
}

/// What a selector of one name gives, as text: `labels seconds:value …`, a staleness marker being `stale`.
fn seen(window: &Window, name: &str, after: i64, until: i64) -> Vec<String> {
    let mut seen = Vec::new();
    window.select(&matchers(name), at(after), at(until), &mut |_, labels, samples| {
        let samples = samples.iter().map(|sample| {
            let value = if is_stale(sample.value) { "stale".to_owned() } else { sample.value.to_string() };
            format!(" {}:{value}", sample.at.as_millis() / 1000)
        });
        seen.push(labels.to_string() + &samples.collect::<String>());
    });
    seen
}

fn feed(text: &str, target: &str) -> Feed {
    Feed { labels: labels(text), origin: Origin::Target(key(target)) }
}

fn presence(window: &Window, feed: &Feed, look_back: i64, seconds: i64) -> Presence {
    window.presence(feed, Duration::from_secs(look_back.unsigned_abs()), at(seconds))
}

#[test]
fn only_what_a_rule_wants_is_kept() {
    let mut window = wanting(&["a"]);
    window.ingest(page("t", 0, &[("a x=1", 1.0), ("b", 2.0)]));
    assert_eq!(seen(&window, "a", -1, 0), [r#"a{x="1"} 0:1"#]);
    assert!(seen(&window, "b", -1, 0).is_empty());
    assert_eq!((window.stats().series, window.stats().dropped.unwanted), (1, 1));
    assert!(window.wants("a") && !window.wants("b") && !window.wants("up"));
}

#[test]
fn a_demand_without_a_name_or_with_a_pattern_wants_what_fits() {
    let mut window = Window::new();
    let pattern = Matcher::new(METRIC_NAME, MatchOp::Regex, "node_.*").unwrap();
    let on_job = Matcher::new("job", MatchOp::Equal, "j").unwrap();
    window.set_demand(&[Demand { matchers: vec![pattern, on_job], look_back: FIVE_MIN, window: FIVE_MIN }]);
    assert!(window.wants("node_load1") && !window.wants("load1"));
    window.ingest(page("t", 0, &[("node_load1 job=j", 1.0), ("node_load1 job=k", 1.0)]));
    assert_eq!(window.stats().series, 1);
    let job = Matcher::new("job", MatchOp::Equal, "j").unwrap();
    window.set_demand(&[Demand { matchers: vec![job], look_back: FIVE_MIN, window: FIVE_MIN }]);
    assert!(window.wants("anything"));
}

#[test]
fn a_changed_demand_forgets_what_nobody_wants_and_keeps_the_rest() {
    let mut window = wanting(&["a", "b"]);
    window.ingest(page("t", 0, &[("a", 1.0), ("b", 2.0)]));
    window.set_demand(&[demand("b", FIVE_MIN), demand("c", FIVE_MIN)]);
    assert!(seen(&window, "a", -1, 0).is_empty());
    assert_eq!(seen(&window, "b", -1, 0), ["b 0:2"]);
    window.ingest(page("t", 15, &[("a", 1.0), ("b", 2.0), ("c", 3.0)]));
    assert_eq!(seen(&window, "c", 0, 15), ["c 15:3"]);
}

#[test]
fn samples_are_kept_as_long_as_the_longest_look_back_and_one_interval() {
    let mut window = Window::new();
    let minute = Duration::from_mins(1);
    window.set_demand(&[demand("a", minute), demand("a", 2 * minute), demand("b", minute)]);
    for tick in 0..20 {
        window.ingest(page("t", tick * 15, &[("a", 0.0), ("b", 0.0)]));
    }
    assert_eq!(seen(&window, "a", -1, 285)[0].matches(':').count(), 9);
    assert_eq!(seen(&window, "b", -1, 285)[0].matches(':').count(), 5);
}

#[test]
fn a_span_leaves_out_its_beginning_and_takes_in_its_end() {
    let mut window = wanting(&["a"]);
    for seconds in [0, 15, 30] {
        window.ingest(page("t", seconds, &[("a", 1.0)]));
    }
    assert_eq!(seen(&window, "a", 0, 15), ["a 15:1"]);
    assert!(seen(&window, "a", 30, 60).is_empty());
}

#[test]
fn a_series_with_times_of_its_own_is_marked_only_where_the_job_says_so() {
    for (marks_own_times, expected) in [(false, "a 1:1"), (true, "a 1:1 15:stale")] {
        let mut window = wanting(&["a"]);
        let own = PageSample { labels: labels("a"), at: Some(at(1)), value: 1.0 };
        window.ingest(Page {
            samples: Ok([own].into_iter().collect()),
            marks_own_times,
            ..page("t", 1, &[])
        });
        window.ingest(Page { marks_own_times, ..page("t", 15, &[]) });
        assert_eq!(seen(&window, "a", -1, 60), [expected]);
    }
}

#[test]
fn a_series_that_left_the_page_gets_a_staleness_marker() {
    let mut window = wanting(&["a"]);
    window.ingest(page("t", 0, &[("a x=1", 1.0), ("a x=2", 1.0)]));
    window.ingest(page("t", 15, &[("a x=2", 1.0)]));
    window.ingest(page("t", 30, &[("a x=2", 1.0)]));
    assert_eq!(seen(&window, "a", -1, 60), [r#"a{x="1"} 0:1 15:stale"#, r#"a{x="2"} 0:1 15:1 30:1"#]);
}

#[test]
fn a_series_with_times_of_its_own_gets_none() {
    let mut window = wanting(&["a"]);
    let mut first = page("t", 100, &[("a", 1.0)]);
    first.samples.as_mut().unwrap().times.push((0, at(90)));
    window.ingest(first.clone());
    window.ingest(Page { at: at(115), ..first });
    window.ingest(page("t", 130, &[]));
    assert_eq!(seen(&window, "a", 0, 200), ["a 90:1"]);
    assert_eq!(window.stats().dropped, Dropped::default());
    assert_eq!(presence(&window, &feed("a", "t"), 0, 130), Presence::Ended { since: at(115) });
}

#[test]
fn a_failed_scrape_ends_everything_of_its_target_but_its_reports() {
    let mut window = wanting(&["a", "up", "scrape_samples_scraped", "scrape_series_added"]);
    window.ingest(page("t", 0, &[("a", 1.0)]));
    window.ingest(page("u", 0, &[("a x=1", 1.0)]));
    window.ingest(failed("t", 15));
    assert_eq!(seen(&window, "a", -1, 60), ["a 0:1 15:stale", r#"a{x="1"} 0:1"#]);
    assert_eq!(seen(&window, "up", -1, 60)[0], r#"up{instance="t", job="j"} 0:1 15:0"#);
    assert_eq!(seen(&window, "scrape_samples_scraped", -1, 0)[0].split(' ').next_back(), Some("0:7"));
    assert_eq!(
        seen(&window, "scrape_series_added", -1, 60)[0].rsplit(' ').take(2).collect::<Vec<_>>(),
        ["15:0", "0:1"]
    );
}

#[test]
fn old_double_and_far_samples_are_dropped_and_counted() {
    let mut window = wanting(&["a", "b"]);
    window.ingest(page("t", 60, &[("a", 1.0), ("a", 2.0), ("b", 1.0)]));
    assert_eq!(seen(&window, "a", 0, 60), ["a 60:1"]);
    let mut old = page("t", 70, &[("a", 3.0)]);
    old.samples.as_mut().unwrap().times.push((0, at(45)));
    window.ingest(old);
    let mut far = page("t", 75, &[("a", 4.0)]);
    far.samples.as_mut().unwrap().times.push((0, at(100_000)));
    window.ingest(far);
    assert_eq!(seen(&window, "a", 0, 200_000), ["a 60:1"]);
    let dropped = window.stats().dropped;
    assert_eq!((dropped.duplicate, dropped.too_new), (1, 1));
    assert!(dropped.out_of_order >= 1);
}

#[test]
fn a_clock_that_is_set_back_takes_back_what_lies_ahead_of_it() {
    let mut window = wanting(&["a", "up"]);
    for (seconds, value) in [(0, 1.0), (15, 2.0), (30, 3.0)] {
        window.ingest(page("t", seconds, &[("a", value)]));
    }
    window.ingest(page("u", 30, &[("a other=1", 9.0)]));
    window.ingest(page("t", 10, &[("a", 4.0)]));
    assert_eq!(seen(&window, "a", -1, 60), ["a 0:1 10:4", r#"a{other="1"} 30:9"#]);
    assert!(seen(&window, "up", -1, 60)[0].ends_with(" 0:1 10:1"));
    window.ingest(page("t", 25, &[]));
    assert_eq!(seen(&window, "a", -1, 60)[0], "a 0:1 10:4 25:stale");
}

#[test]
fn a_series_of_two_targets_belongs_to_whoever_wrote_last() {
    let mut window = wanting(&["a"]);
    window.ingest(page("t", 0, &[("a", 1.0)]));
    window.ingest(page("u", 1, &[("a", 2.0)]));
    window.ingest(page("t", 15, &[]));
    assert_eq!(seen(&window, "a", -1, 60), ["a 0:1 1:2"], "it is the other's now");
    window.ingest(failed("u", 16));
    assert_eq!(seen(&window, "a", -1, 60), ["a 0:1 1:2 16:stale"]);
}

#[test]
fn a_target_that_left_takes_its_series_and_reports_along() {
    let mut window = wanting(&["a", "up"]);
    window.ingest(page("t", 0, &[("a", 1.0)]));
    window.target_gone(&key("t"), at(20));
    window.target_gone(&key("t"), at(40));
    assert_eq!(seen(&window, "a", -1, 60), ["a 0:1 20:stale"]);
    assert_eq!(seen(&window, "up", -1, 60), [r#"up{instance="t", job="j"} 0:1 20:stale"#]);
    assert_eq!(window.targets().count(), 0);
    assert_eq!(presence(&window, &feed("a", "t"), 0, 60), Presence::Ended { since: at(20) });
    let report = Feed { origin: Origin::Report(key("t")), ..feed("up", "t") };
    assert_eq!(presence(&window, &report, 0, 60), Presence::Ended { since: at(20) });
}

#[test]
fn a_series_goes_some_time_after_its_last_sample() {
    let mut window = wanting(&["a"]);
    window.ingest(page("t", 0, &[("a", 1.0)]));
    for tick in 1..100 {
        window.ingest(page("t", tick * 15, &[]));
    }
    assert_eq!(window.stats().series, 0);
    assert!(seen(&window, "a", -1, 10_000).is_empty());
    window.ingest(page("t", 1500, &[("a", 2.0)]));
    assert_eq!(seen(&window, "a", -1, 10_000), ["a 1500:2"]);
}

#[test]
fn series_that_come_and_go_leave_nothing() {
    let mut window = wanting(&["a", "b"]);
    let level = |window: &mut Window, from: i64| {
        // Long enough for what ended to be forgotten.
        for tick in 0..120 {
            window.ingest(page("t", from + tick * 15, &[("b", 1.0)]));
        }
        let stats = window.stats();
        (stats.series, stats.samples, stats.bytes)
    };
    let before = level(&mut window, 0);
    let mut most = 0;
    for minute in 0..20 {
        let names: Vec<String> = (0..500).map(|n| format!("a minute={minute} pod={n}")).collect();
        let mut samples: Vec<(&str, f64)> = names.iter().map(|name| (&**name, 1.0)).collect();
        samples.push(("b", 1.0));
        for tick in 0..4 {
            window.ingest(page("t", 3600 + minute * 60 + tick * 15, &samples));
        }
        most = most.max(window.stats().series);
    }
    assert!(500 < most && most < 20 * 500, "old ones go while new ones come: {most}");
    let (series, samples, bytes) = level(&mut window, 6000);
    assert_eq!((series, samples), (before.0, before.1));
    // A table shrinks where a quarter of it is used.
    assert!(
        bytes < 4 * before.2,
        "{bytes} bytes for {series} series, {} before, {most} at the most",
        before.2
    );
}

#[test]
fn limits_bite_and_say_so() {
    let mut window = Window::with_limits(WindowLimits { series: 1, samples_per_series: 2 });
    window.set_demand(&[demand("a", FIVE_MIN)]);
    for tick in 0..3 {
        window.ingest(page("t", tick * 15, &[("a x=1", 1.0), ("a x=2", 1.0)]));
    }
    assert_eq!(seen(&window, "a", -1, 60), [r#"a{x="1"} 15:1 30:1"#]);
    assert_eq!((window.stats().dropped.series_limit, window.stats().dropped.samples_limit), (3, 1));
    assert_eq!(presence(&window, &feed("a x=2", "t"), 0, 30), Presence::Missing { since: at(0) });
}

fn discovered(keys: &[&str]) -> BTreeMap<TargetKey, Labels> {
    keys.iter().map(|name| (key(name), Labels::empty())).collect()
}

fn recorded(text: &str, value: f64, feeds: &[Feed]) -> Recorded {
    Recorded { labels: labels(text), value, feeds: feeds.to_vec() }
}

#[test]
fn recording_twice_for_an_instant_is_recording_once() {
    let mut window = wanting(&["r"]);
    let rule = RuleId::new("g", "r", 0);
    for _ in 0..2 {
        window.append(&rule, at(0), &[recorded("r x=1", 1.0, &[]), recorded("r x=2", 1.0, &[])]);
    }
    for _ in 0..2 {
        window.append(&rule, at(60), &[recorded("r x=2", 2.0, &[])]);
    }
    let expected = [r#"r{x="1"} 0:1 60:stale"#, r#"r{x="2"} 0:1 60:2"#];
    assert_eq!(seen(&window, "r", -1, 60), expected);
    window.append(&rule, at(30), &[recorded("r x=2", 9.0, &[])]);
    assert_eq!(seen(&window, "r", -1, 60), expected);
    window.append(&rule, at(60), &[recorded("r x=1", 5.0, &[])]);
    assert_eq!(seen(&window, "r", -1, 60), [r#"r{x="1"} 0:1 60:5"#, r#"r{x="2"} 0:1 60:stale"#]);
}

#[test]
fn a_series_says_where_it_comes_from() {
    let mut window = wanting(&["a", "up", "r"]);
    window.ingest(page("t", 0, &[("a", 1.0)]));
    window.append(&RuleId::new("g", "r", 0), at(0), &[recorded("r", 1.0, &[feed("a", "t")])]);
    let mut feeds = BTreeMap::new();
    for name in ["a", "up", "r"] {
        window.select(&matchers(name), at(-1), at(0), &mut |id, _, _| {
            feeds.insert(name, window.feeds(id));
        });
    }
    assert_eq!(feeds["a"], [feed("a", "t")]);
    assert_eq!(feeds["up"][0].origin, Origin::Report(key("t")));
    let own = Feed { labels: labels("r"), origin: Origin::Rule(RuleId::new("g", "r", 0)) };
    assert_eq!(feeds["r"], [own, feed("a", "t")]);
}

#[test]
fn after_a_start_nothing_is_missing_before_its_target_was_tried_twice() {
    let mut window = wanting(&["a"]);
    let a = feed("a", "t");
    assert_eq!(presence(&window, &a, 0, 0), Presence::Warming, "nothing is known of discovery");
    window.discovered(&discovered(&["t"]), at(0));
    assert_eq!(presence(&window, &a, 0, 0), Presence::Warming);
    assert_eq!(presence(&window, &feed("a", "u"), 0, 5), Presence::Ended { since: at(0) });
    window.ingest(failed("t", 10));
    assert_eq!(presence(&window, &a, 0, 10), Presence::Warming);
    window.ingest(failed("t", 25));
    assert_eq!(presence(&window, &a, 0, 25), Presence::Missing { since: at(10) });
    window.ingest(page("t", 40, &[("a", 1.0)]));
    assert_eq!(presence(&window, &a, 0, 40), Presence::Whole);
    assert_eq!(presence(&window, &a, 60, 40), Presence::Warming, "the start is no gap");
    for seconds in [55, 70, 85, 100] {
        window.ingest(page("t", seconds, &[("a", 1.0)]));
    }
    assert_eq!(presence(&window, &a, 60, 100), Presence::Whole);
}

#[test]
fn a_first_good_page_without_the_series_does_not_end_it_yet() {
    let mut window = wanting(&["a"]);
    window.ingest(page("t", 0, &[]));
    assert_eq!(presence(&window, &feed("a", "t"), 0, 0), Presence::Warming);
    window.ingest(page("t", 15, &[]));
    assert_eq!(presence(&window, &feed("a", "t"), 0, 15), Presence::Ended { since: at(0) });
    assert_eq!(presence(&window, &feed("nobody_wants_it", "t"), 0, 15), Presence::Whole);
}

#[test]
fn a_gap_is_missing_until_the_window_after_it_is_covered() {
    let mut window = wanting(&["a"]);
    let a = feed("a", "t");
    for seconds in [0, 15, 30] {
        window.ingest(page("t", seconds, &[("a", 1.0)]));
    }
    window.ingest(failed("t", 45));
    assert_eq!(presence(&window, &a, 0, 50), Presence::Missing { since: at(30) });
    window.ingest(page("t", 60, &[("a", 1.0)]));
    assert_eq!(presence(&window, &a, 0, 60), Presence::Whole);
    assert_eq!(presence(&window, &a, 30, 60), Presence::Missing { since: at(30) });
    window.ingest(page("t", 75, &[("a", 1.0)]));
    window.ingest(page("t", 90, &[("a", 1.0)]));
    assert_eq!(presence(&window, &a, 30, 90), Presence::Whole);
}

#[test]
fn a_window_that_no_rule_had_asked_for_must_fill_first() {
    let mut window = wanting(&["a"]);
    window.ingest(page("t", 0, &[("a", 1.0), ("b", 1.0)]));
    for tick in 1..40 {
        window.ingest(page("t", tick * 15, &[("a", 1.0), ("b", 1.0)]));
    }
    window.set_demand(&[demand("a", 2 * FIVE_MIN), demand("b", FIVE_MIN), demand("c", FIVE_MIN)]);
    window.ingest(page("t", 600, &[("a", 1.0), ("b", 1.0)]));
    assert_eq!(presence(&window, &feed("a", "t"), 300, 600), Presence::Whole);
    assert_eq!(presence(&window, &feed("a", "t"), 600, 600), Presence::Warming);
    assert_eq!(presence(&window, &feed("b", "t"), 60, 600), Presence::Warming);
    for tick in 41..70 {
        window.ingest(page("t", tick * 15, &[("a", 1.0), ("b", 1.0), ("c", 1.0)]));
    }
    assert_eq!(presence(&window, &feed("a", "t"), 600, 1035), Presence::Whole);
    assert_eq!(presence(&window, &feed("b", "t"), 60, 1035), Presence::Whole);
    window.ingest(page("t", 1050, &[("c", 1.0), ("c x=1", 1.0)]));
    assert_eq!(presence(&window, &feed("c x=1", "t"), 60, 1050), Presence::Whole, "it is new indeed");
}

#[test]
fn scrapes_that_were_left_out_are_a_gap_but_one_alone_is_not() {
    let mut window = wanting(&["a"]);
    for seconds in [0, 15, 30, 60] {
        window.ingest(page("t", seconds, &[("a", 1.0)]));
    }
    assert_eq!(presence(&window, &feed("a", "t"), 60, 60), Presence::Whole);
    // A window of less than four intervals may lack the one sample that it needs.
    assert_eq!(presence(&window, &feed("a", "t"), 30, 60), Presence::Missing { since: at(30) });
    window.ingest(page("t", 75, &[("a", 1.0)]));
    window.ingest(page("t", 90, &[("a", 1.0)]));
    assert_eq!(presence(&window, &feed("a", "t"), 30, 90), Presence::Whole);
    window.ingest(page("t", 135, &[("a", 1.0)]));
    assert_eq!(presence(&window, &feed("a", "t"), 60, 135), Presence::Missing { since: at(90) });
}

#[test]
fn what_was_measured_long_ago_says_nothing() {
    let mut window = wanting(&["a", "up"]);
    for seconds in [0, 15, 30] {
        window.ingest(page("t", seconds, &[("a", 1.0)]));
    }
    let up = Feed { labels: labels("up"), origin: Origin::Report(key("t")) };
    assert_eq!(presence(&window, &feed("a", "t"), 0, 45), Presence::Whole);
    // The clock was set ahead by an hour, and the next scrape has not come yet.
    assert_eq!(presence(&window, &feed("a", "t"), 0, 3645), Presence::Missing { since: at(30) });
    assert_eq!(presence(&window, &up, 0, 3645), Presence::Warming);
}

#[test]
fn a_series_gone_from_a_good_page_has_ended() {
    let mut window = wanting(&["a", "b"]);
    let a = feed("a", "t");
    for seconds in [0, 15] {
        window.ingest(page("t", seconds, &[("a", 1.0), ("b", 1.0)]));
    }
    window.ingest(page("t", 30, &[("b", 1.0)]));
    assert_eq!(presence(&window, &a, 0, 30), Presence::Ended { since: at(15) });
    window.ingest(failed("t", 45));
    assert_eq!(presence(&window, &a, 0, 45), Presence::Missing { since: at(30) });
    window.ingest(page("t", 60, &[("a", 1.0), ("b", 1.0)]));
    assert_eq!(presence(&window, &a, 0, 60), Presence::Whole);
}

#[test]
fn reports_are_whole_while_the_target_is_in_discovery() {
    let mut window = wanting(&["up"]);
    window.discovered(&discovered(&["t"]), at(0));
    let up = Feed { labels: labels("up"), origin: Origin::Report(key("t")) };
    assert_eq!(presence(&window, &up, 0, 0), Presence::Warming);
    window.ingest(failed("t", 10));
    assert_eq!(presence(&window, &up, 0, 10), Presence::Whole);
    assert_eq!(presence(&window, &up, 60, 10), Presence::Warming, "not covered since the start");
    window.discovered(&discovered(&[]), at(30));
    assert_eq!(presence(&window, &up, 0, 30), Presence::Ended { since: at(30) });
    window.discovered(&discovered(&["t"]), at(40));
    assert_eq!(presence(&window, &up, 0, 40), Presence::Warming);
    assert_eq!(window.targets().count(), 1);
}

#[test]
fn a_recorded_series_is_to_be_had_where_what_feeds_it_is() {
    let mut window = wanting(&["a", "r"]);
    let rule = RuleId::new("g", "r", 0);
    let r = Feed { labels: labels("r"), origin: Origin::Rule(rule.clone()) };
    assert_eq!(presence(&window, &r, 0, 0), Presence::Warming);
    window.set_recordings(BTreeMap::from([(rule.clone(), Duration::from_secs(30))]), at(0));
    let evaluate = |window: &mut Window, seconds| {
        let feeds = [feed("a x=1", "t"), feed("a x=2", "u")];
        window.append(&rule, at(seconds), &[recorded("r", 2.0, &feeds)]);
    };
    for seconds in [0, 15, 30] {
        window.ingest(page("t", seconds, &[("a x=1", 1.0)]));
        window.ingest(page("u", seconds, &[("a x=2", 1.0)]));
        evaluate(&mut window, seconds);
    }
    assert_eq!(presence(&window, &r, 0, 15), Presence::Warming, "its rule looks back 30 s");
    assert_eq!(presence(&window, &r, 0, 30), Presence::Whole);
    window.ingest(failed("u", 45));
    assert_eq!(presence(&window, &r, 0, 45), Presence::Missing { since: at(30) });
    window.append(&rule, at(45), &[]);
    assert_eq!(presence(&window, &r, 0, 45), Presence::Missing { since: at(30) }, "also once it is gone");
    window.ingest(page("u", 60, &[("a x=2", 1.0)]));
    window.ingest(page("t", 60, &[("a x=1", 1.0)]));
    evaluate(&mut window, 60);
    assert_eq!(
        presence(&window, &r, 0, 60),
        Presence::Missing { since: at(30) },
        "its rule's window has the gap"
    );
    window.set_recordings(BTreeMap::new(), at(61));
    assert_eq!(presence(&window, &r, 0, 61), Presence::Ended { since: at(61) });
    assert_eq!(seen(&window, "r", 60, 70), ["r 61:stale"]);
}

#[test]
fn a_rule_that_feeds_itself_does_no_harm() {
    let mut window = wanting(&["r"]);
    let rule = RuleId::new("g", "r", 0);
    let r = Feed { labels: labels("r"), origin: Origin::Rule(rule.clone()) };
    window.append(&rule, at(0), &[recorded("r", 1.0, std::slice::from_ref(&r))]);
    assert_eq!(presence(&window, &r, 0, 0), Presence::Whole);
}

#[test]
fn the_health_of_a_target_is_known() {
    let mut window = wanting(&["a"]);
    window.ingest(page("t", 0, &[("a", 1.0), ("b", 1.0)]));
    window.ingest(failed("t", 15));
    let health = window.targets().next().unwrap();
    assert_eq!((health.tries, health.last_try, health.last_ok), (2, Some(at(15)), Some(at(0))));
    assert_eq!(health.last_error.as_deref(), Some("connection refused"));
    assert_eq!((health.kept, health.report.scraped), (0, 7));
    assert_eq!(health.identity.get("instance"), Some("t"));
}

fn any_matchers() -> impl Strategy<Value = Vec<Matcher>> {
    let name = proptest::sample::select(vec![METRIC_NAME, "x", "y"]);
    let value = proptest::sample::select(vec!["a", "b", "", "a|b", ".*", ".+"]);
    let op =
        proptest::sample::select(vec![MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]);
    let matcher =
        (name, op, value).prop_map(|(name, op, value)| Matcher::new(name, op, value).expect("it is valid"));
    proptest::collection::vec(matcher, 0..3)
}

#[derive(Debug, Clone)]
enum Turn {
    Page { target: usize, series: Vec<(String, String, String)>, fails: bool },
    Demand(Vec<usize>),
    Gone(usize),
    Wait,
}

fn any_turn() -> impl Strategy<Value = Turn> {
    let series = proptest::collection::vec(("[ab]", "[ab]?", "[ab]?"), 0..8);
    prop_oneof![
        8 => (0..3usize, series, proptest::bool::weighted(0.1))
            .prop_map(|(target, series, fails)| Turn::Page { target, series, fails }),
        1 => proptest::collection::vec(0..4usize, 0..4).prop_map(Turn::Demand),
        1 => (0..3usize).prop_map(Turn::Gone),
        1 => Just(Turn::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happened, a selector gives what a look at every series gives, in the order of labels; one that
    /// rules hold as well as one that is asked for the first time.
    #[test]
    fn select_gives_what_a_scan_gives(
        selectors in proptest::collection::vec(any_matchers(), 4),
        turns in proptest::collection::vec(any_turn(), 1..25),
    ) {
        let demands = |which: &[usize]| -> Vec<Demand> {
            let demand = |at: &usize| Demand { matchers: selectors[*at].clone(), look_back: FIVE_MIN, window: FIVE_MIN };
            which.iter().map(demand).collect()
        };
        let mut window = Window::new();
        window.set_demand(&demands(&[0, 1]));
        let mut now = 0;
        for turn in turns {
            now += 15;
            match turn {
                Turn::Page { target, series, fails } => {
                    let mut page = page(&format!("t{target}"), now, &[]);
                    page.samples = if fails { Err("down".to_owned()) } else {
                        Ok(series.iter().map(|(name, x, y)| PageSample {
                            labels: [(METRIC_NAME, name), ("x", x), ("y", y)].into_iter().collect(),
                            at: None,
                            value: 1.0,
                        }).collect())
                    };
                    window.ingest(page);
                }
                Turn::Demand(which) => window.set_demand(&demands(&which)),
                Turn::Gone(target) => window.target_gone(&key(&format!("t{target}")), at(now)),
                Turn::Wait => now += 1200,
            }
            for matchers in &selectors {
                let (after, until) = (at(now - 120), at(now));
                let mut selected = Vec::new();
                window.select(matchers, after, until, &mut |id, labels, samples| {
                    selected.push((labels.clone(), id, samples.len()));
                });
                let mut scanned: Vec<_> = window.store.iter()
                    .filter(|(_, series)| matchers.iter().all(|matcher| matcher.matches(&series.labels)))
                    .map(|(id, series)| {
                        let mut samples = Vec::new();
                        series.samples.read(after, until, &mut samples);
                        (series.labels.clone(), id, samples.len())
                    })
                    .filter(|(_, _, samples)| *samples > 0)
                    .collect();
                scanned.sort();
                prop_assert_eq!(selected, scanned);
            }
        }
    }
}
