//! Native histograms from a page to a query, over ends and restarts.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{Labels, TargetKey, Timestamp};
use crate::promql::{Options, evaluate_vector, parse};

const INTERVAL: Duration = Duration::from_secs(15);

fn at(tick: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + tick * 15)
}

fn labels(name: &str) -> Labels {
    [("__name__", name), ("instance", "t")].into_iter().collect()
}

/// So many observations, half of them in (0.5, 1] and half in (1, 2].
fn histogram(observations: i64) -> Arc<Histogram> {
    let half = (observations / 2) as f64;
    Arc::new(Histogram {
        count: observations as f64,
        sum: observations as f64 * 1.25,
        positive: vec![(0, half), (1, half)],
        ..Histogram::default()
    })
}

/// A page with the native histogram `h`, where it has one, and the numbers.
fn page(tick: i64, h: Option<Arc<Histogram>>, numbers: &[(&str, f64)]) -> Page {
    let sample = |(name, value): &(&str, f64)| PageSample { labels: labels(name), at: None, value: *value };
    Page {
        target: TargetKey::from("t".to_owned()),
        identity: [("instance", "t")].into_iter().collect(),
        at: at(tick),
        interval: INTERVAL,
        samples: Ok(numbers.iter().map(sample).collect()),
        histograms: h
            .map(|value| PageHistogram { labels: labels("h"), at: None, value })
            .into_iter()
            .collect(),
        marks_own_times: false,
        report: ScrapeReport::default(),
    }
}

const RULE: &str = "histogram_quantile(0.5, rate(h[1m])) + histogram_count(h) + a";

/// What `RULE` needs.
fn wanting() -> Window {
    let mut window = Window::new();
    window.set_demand(&parse(RULE).expect("it is PromQL").demand());
    window
}

fn filled() -> Window {
    let mut window = wanting();
    for tick in 0..8 {
        window.ingest(page(tick, Some(histogram(tick * 30)), &[("a", tick as f64)]));
    }
    window
}

/// What `text` gives: the values of its series, to nine places.
fn ask(window: &Window, text: &str, tick: i64) -> Vec<f64> {
    let expr = parse(text).expect("it is PromQL");
    let points = evaluate_vector(&expr, window, at(tick), &Options::default()).expect("it can be evaluated");
    let excerpt = window.excerpt(&expr.demand(), at(tick), 1000).expect("few samples");
    assert_eq!(evaluate_vector(&expr, &excerpt, at(tick), &Options::default()).as_ref(), Ok(&points));
    points.into_iter().map(|point| (point.value * 1e9).round() / 1e9).collect()
}

#[test]
fn rules_read_native_histograms_as_they_were_scraped() {
    let window = filled();
    assert_eq!(ask(&window, "histogram_count(h)", 7), [210.0]);
    assert_eq!(ask(&window, "histogram_count(rate(h[1m]))", 7), [2.0]);
    assert_eq!(ask(&window, "histogram_quantile(0.5, rate(h[1m]))", 7), [1.0]);
    assert_eq!(ask(&window, "histogram_avg(rate(h[1m]))", 7), [1.25]);
    assert_eq!(ask(&window, "a", 7), [7.0]);
    let target = TargetKey::from("t".to_owned());
    let portion = window.portion(&target);
    let expr = parse("histogram_count(h)").unwrap();
    let points = evaluate_vector(&expr, &window.only(&portion), at(7), &Options::default()).unwrap();
    assert_eq!(points.len(), 1, "the target's own portion has it too");
    let health = window.targets().next().expect("there is one");
    assert_eq!((health.kept, window.stats().samples), (2, 16));
}

#[test]
fn what_no_rule_wants_is_not_kept() {
    let mut window = Window::new();
    window.set_demand(&parse("a").unwrap().demand());
    window.ingest(page(0, Some(histogram(2)), &[("a", 1.0)]));
    assert_eq!((window.stats().series, window.stats().dropped.unwanted), (1, 1));
}

#[test]
fn a_histogram_ends_with_its_page() {
    let gone = [
        ("it left the page", page(8, None, &[("a", 8.0)])),
        ("the scrape failed", Page { samples: Err("refused".to_owned()), ..page(8, None, &[]) }),
    ];
    for (why, next) in gone {
        let mut window = filled();
        window.ingest(next);
        assert!(ask(&window, "histogram_count(h)", 8).is_empty(), "{why}");
        assert_eq!(
            ask(&window, "histogram_count(rate(h[1m]))", 8).len(),
            1,
            "{why}: what was is still known"
        );
        window.ingest(page(9, Some(histogram(10)), &[("a", 9.0)]));
        assert_eq!(ask(&window, "histogram_count(h)", 9), [10.0], "{why}");
    }
}

#[test]
fn a_series_may_turn_from_a_number_into_a_histogram_and_back() {
    let mut window = filled();
    window.ingest(page(8, None, &[("a", 8.0), ("h", 5.0)]));
    assert_eq!(ask(&window, "h", 8), [5.0]);
    assert!(ask(&window, "histogram_count(h)", 8).is_empty());
    window.ingest(page(9, Some(histogram(20)), &[("a", 9.0)]));
    assert_eq!(ask(&window, "histogram_count(h)", 9), [20.0]);
    // Both on one page: the histogram counts, the number is the second sample of a series.
    window.ingest(page(10, Some(histogram(30)), &[("a", 10.0), ("h", 6.0)]));
    assert_eq!(ask(&window, "histogram_count(h)", 10), [30.0]);
    assert_eq!(window.stats().dropped.duplicate, 1);
}

#[test]
fn histograms_outlive_a_stop_and_a_kill() {
    let mut window = filled();
    let checkpoint = window.checkpoint(at(7));
    window.start_tape();
    for tick in 8..10 {
        window.ingest(page(tick, Some(histogram(tick * 30)), &[("a", tick as f64)]));
    }
    let (asked, mut restored) = (["histogram_count(rate(h[1m]))", "histogram_count(h)", "a"], wanting());
    assert_eq!(restored.restore(&*checkpoint, at(9)).map(|(_, series)| series), Ok(2));
    for text in asked {
        assert_eq!(ask(&restored, text, 7), ask(&filled(), text, 7), "{text} from the checkpoint");
    }
    assert_eq!(restored.play(&*window.take_tape().unwrap(), at(9)).unwrap().pages, 2);
    for text in asked {
        assert_eq!(ask(&restored, text, 9), ask(&window, text, 9), "{text} with the tape");
    }
    // What is not on the first page after it has ended.
    restored.ingest(page(10, None, &[("a", 10.0)]));
    assert!(ask(&restored, "histogram_count(h)", 10).is_empty());
}

#[test]
fn a_histogram_that_is_gone_is_forgotten() {
    let mut window = filled();
    window.ingest(page(8, None, &[("a", 8.0)]));
    for tick in 9..100 {
        window.ingest(page(tick, None, &[("a", tick as f64)]));
    }
    assert_eq!(window.stats().series, 1);
    window.target_gone(&TargetKey::from("t".to_owned()), at(100));
    assert!(ask(&window, "a", 100).is_empty());
}
