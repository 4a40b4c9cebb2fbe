//! What rules ask alike at one instant.

use std::cell::Cell;
use std::time::Duration;

use super::limits::Counting;
use crate::model::Timestamp;
use crate::promql::*;

const SERIES: &str = "
load{host=\"a\"} 1 2 4 8 16
load{host=\"b\"} 5 5 5 5 5
load:of_all 6 7 9 13 21
";

/// Evaluates all of them at some instants, and says how often the source was asked with and without sharing.
fn asked(texts: &[&str]) -> (usize, usize) {
    let exprs: Vec<Expr> = texts.iter().map(|text| parse(text).unwrap()).collect();
    let shares = Shares::among(exprs.iter(), &|name| name == "load:of_all");
    let loaded = Loaded::from_text(SERIES, Duration::from_secs(60)).unwrap();
    let source = Counting(loaded, Cell::new(0));
    let round = Round::default();
    let together = Together { source: &source, shares: &shares, round: &round };
    let (mut alone, mut shared) = (0, 0);
    for (minute, track_feeds) in [(2, false), (3, true), (4, false)] {
        let at = Timestamp::from_secs(60 * minute);
        let options = Options { track_feeds, ..Options::default() };
        for expr in &exprs {
            let before = source.1.get();
            let expected = evaluate_vector(expr, &source, at, &options);
            let between = source.1.get();
            assert_eq!(evaluate_vector(expr, &together, at, &options), expected, "{expr} at {minute}");
            alone += between - before;
            shared += source.1.get() - between;
        }
    }
    (alone, shared)
}

#[test]
fn what_differs_in_the_threshold_alone_is_worked_out_once_an_instant() {
    assert_eq!(asked(&["load > 4", "load > 7", "3 < (load)", "load"]), (12, 3));
    assert_eq!(asked(&["sum(rate(load[2m])) > 0.01", "sum ( rate(load[120s]) ) > 1 or load > 7"]), (9, 6));
}

#[test]
fn what_rules_write_is_asked_each_time() {
    assert_eq!(asked(&["load:of_all > 4", "load:of_all > 7"]), (6, 6));
    assert_eq!(asked(&["{host=\"a\"} > 4", "{host=\"a\"} > 7"]), (6, 6));
}

#[test]
fn an_instant_of_a_subquery_is_its_own() {
    let (alone, shared) = asked(&["max_over_time((load > 4)[2m:1m]) > 1", "load > 5"]);
    assert_eq!(alone, shared);
}
