//! What an evaluation reads and spends, and its settings.

use std::time::Duration;

use crate::model::{Labels, Timestamp};
use crate::promql::*;

/// Counts how often it is asked.
pub(super) struct Counting(pub(super) Loaded, pub(super) std::cell::Cell<usize>);

impl Source for Counting {
    fn select_samples(
        &self,
        matchers: &[crate::model::Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        self.1.set(self.1.get() + 1);
        self.0.select_samples(matchers, after, until, visit);
    }

    fn feeds(&self, series: SeriesId) -> Vec<Feed> {
        self.0.feeds(series)
    }

    fn presence(&self, feed: &Feed, window: Duration, at: Timestamp) -> Presence {
        self.0.presence(feed, window, at)
    }
}

#[test]
fn the_series_of_a_selector_are_read_once_for_all_instants() {
    let loaded = Loaded::from_text("a 0+1x99", Duration::from_secs(10)).unwrap();
    let source = Counting(loaded, std::cell::Cell::new(0));
    let expr = parse("rate(a[1m]) + max_over_time(a[5m:10s]) - a").unwrap();
    let instants = Instants {
        start: Timestamp::from_secs(300),
        end: Timestamp::from_secs(600),
        step: Duration::from_secs(10),
    };
    let (tracks, _) = evaluate_range(&expr, &source, &instants, &Options::default(), &|| false).unwrap();
    assert_eq!((tracks[0].samples.len(), source.1.get()), (31, 3));
}

#[test]
fn an_evaluation_keeps_to_its_limits() {
    let loaded = Loaded::from_text("a 0+1x9999", Duration::from_secs(1)).unwrap();
    let run = |text: &str, samples_max: u64, stop: bool| {
        let options = Options { samples_max, ..Options::default() };
        let at = Timestamp::from_secs(9999);
        evaluate_within(&parse(text).unwrap(), &loaded, at, &options, &|| stop)
            .map(|_| ())
            .map_err(|e| e.what)
    };
    assert_eq!(run("rate(a[2h])", 100_000, false), Ok(()));
    assert_eq!(run("sum(rate(a[2h]))", 1000, false), Err("the expression reads too many samples".to_owned()));
    assert_eq!(run("rate(a[2h])", 100_000, true), Err("the evaluation took too long".to_owned()));
    assert_eq!(
        run("max_over_time(vector(1)[2h:1s])", 1000, false),
        Err("the expression reads too many samples".to_owned())
    );
    assert_eq!(
        run("max_over_time(vector(1)[100y:1ms])", 1000, false),
        Err("a subquery has 1000000 instants at most".to_owned())
    );
    assert_eq!(run("a", 100_000, true), Ok(()));
}

#[test]
fn names_go_at_once_where_that_is_asked_for() {
    let loaded = Loaded::from_text("a{e=\"1\"} 1\nb{e=\"1\"} 2", Duration::from_secs(10)).unwrap();
    let options = Options { names: Names::OffAtOnce, ..Options::default() };
    let check = |text: &str, expected: &str| {
        let value = evaluate_vector(&parse(text).unwrap(), &loaded, Timestamp::default(), &options).unwrap();
        assert_eq!(value[0].labels.to_string(), expected, "{text}");
    };
    check("sum by (__name__) (-a)", "{}");
    check("label_replace(-a, \"was\", \"$1\", \"__name__\", \"(.*)\")", "{e=\"1\"}");
    check("last_over_time(a[1m])", "a{e=\"1\"}");
}
