//! What a backlog was, so that it is known where it goes as soon as somebody asks.
//!
//! In:   a rule whose role is `backlog`, a source, the instant up to which it is asked.
//! Out:  the value of each of its alerts, and of what could become one, over `eta_window`.
//! Not:  no alert moves: what was measured then was judged then.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::Timestamp;
use crate::promql::Source;

use super::evaluate::{alert_labels, query};
use super::rule::{Group, Rule};
use super::{AlertKey, Context};

/// At more instants than this nothing is evaluated again; those of a shorter interval are thinned out.
const INSTANTS_MAX: u32 = 120;

/// A rule of more elements is not asked again: that would hold up everything else.
const ELEMENTS_MAX: usize = 500;

/// The values of `rule` over its history up to `until`, in the order of time. Nothing of a rule that is no backlog.
pub fn recall(
    rule: &Rule,
    group: &Group,
    source: &dyn Source,
    until: Timestamp,
    context: &Context,
) -> BTreeMap<AlertKey, Vec<(Timestamp, f64)>> {
    let mut values: BTreeMap<AlertKey, Vec<(Timestamp, f64)>> = BTreeMap::new();
    for at in instants(rule.history, group.interval, until) {
        // An instant at which the rule failed is one of which nothing is known.
        let elements = query(rule, source, at - group.query_offset, context, false).unwrap_or_default();
        if ELEMENTS_MAX < elements.len() {
            return BTreeMap::new();
        }
        for element in elements.iter().filter(|element| element.value.is_finite()) {
            let labels = alert_labels(rule, element, source, at, context);
            let key = AlertKey { rule: rule.id.clone(), labels };
            let values = values.entry(key).or_default();
            // Of two elements with the same labels the rule makes an error; here the first stands.
            if values.last().is_none_or(|(last, _)| *last < at) {
                values.push((at, element.value));
            }
        }
    }
    values
}

/// The instants within the `history` before `until`, and that one, in the order of time.
fn instants(
    history: Duration,
    interval: Duration,
    until: Timestamp,
) -> impl DoubleEndedIterator<Item = Timestamp> {
    let interval = interval.max(Duration::from_millis(1));
    let whole = |length: Duration, part: Duration| length.as_millis().div_ceil(part.as_millis());
    let stride = whole(history, interval).div_ceil(u128::from(INSTANTS_MAX)).max(1);
    let step = interval * u32::try_from(stride).unwrap_or(u32::MAX);
    let count = u32::try_from(whole(history, step)).unwrap_or(INSTANTS_MAX).min(INSTANTS_MAX);
    (0..count).rev().map(move |n| until - step * n)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::promql::Loaded;
    use crate::rules::load;

    fn group(rule: &str) -> Group {
        let text = format!("groups: [{{name: g, interval: 5m, rules: [{rule}]}}]\n");
        let (mut groups, problems) = load(&"t.yml".into(), &text, &Context::default());
        assert!(problems.is_empty(), "{problems}");
        groups.remove(0)
    }

    fn recalled(rule: &str) -> Vec<String> {
        let series = "depth{queue=\"a\"} 100+10x60\ndepth{queue=\"b\"} _x55 5 NaN 6x9";
        let world = Loaded::from_text(series, Duration::from_secs(60)).unwrap();
        let (group, until) = (group(rule), Timestamp::from_secs(3600));
        let values = recall(&group.rules[0], &group, &world, until, &Context::default());
        let shown = |(at, value): &(Timestamp, f64)| format!("{}:{value}", at.as_secs_f64() / 60.0);
        let line = |(key, values): (AlertKey, Vec<_>)| {
            format!("{key} {}", values.iter().map(shown).collect::<Vec<_>>().join(" "))
        };
        values.into_iter().map(line).collect()
    }

    const BACKLOG: &str =
        "{detect: Deep, expr: depth, role: backlog, above: {minor: 1000}, drained_below: 10}";

    #[test]
    fn a_backlog_knows_what_it_was() {
        assert_eq!(
            recalled(BACKLOG),
            ["Deep{queue=\"a\"} 35:450 40:500 45:550 50:600 55:650 60:700", "Deep{queue=\"b\"} 55:5 60:6"]
        );
        let verbatim = "{alert: Deep, expr: depth > 620, labels: {role: backlog}}";
        assert_eq!(recalled(verbatim), ["Deep{queue=\"a\", role=\"backlog\"} 55:650 60:700"]);
        assert_eq!(
            recalled(&BACKLOG.replace("role: backlog, ", "").replace("drained_below: 10", "")),
            [""; 0]
        );
    }

    #[test]
    fn what_a_backlog_was_is_kept() {
        let kept = |rule: &str| group(rule).demands()[0].look_back.as_secs() / 60;
        assert_eq!(kept(BACKLOG), 5 + 30);
        assert_eq!(kept(&BACKLOG.replace("expr: depth", "expr: 'max_over_time(depth[1h])'")), 60 + 30);
        assert_eq!(kept("{detect: Deep, expr: depth, above: {minor: 1000}}"), 5);
    }

    proptest! {
        #[test]
        fn instants_are_the_groups_own_and_few(history in 0..100_000u64, interval in 0..10_000u64) {
            let (history, interval) = (Duration::from_secs(history), Duration::from_secs(interval));
            let until = Timestamp::from_secs(1_000_000);
            let found: Vec<Timestamp> = instants(history, interval, until).collect();
            prop_assert!(found.len() <= INSTANTS_MAX as usize);
            prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(found.is_empty(), history.is_zero());
            for at in &found {
                prop_assert!(until.since(*at) < history);
                prop_assert!(interval.is_zero() || until.since(*at).as_secs().is_multiple_of(interval.as_secs()));
            }
            if !history.is_zero() && interval * INSTANTS_MAX >= history && !interval.is_zero() {
                prop_assert_eq!(found.len() as u128, history.as_millis().div_ceil(interval.as_millis()), "each of them");
            }
        }
    }
}
