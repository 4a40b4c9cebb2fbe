//! Which rules need not wait for their interval: those of which one target's scrape is the whole news.
//!
//! In:   a rule and its group.
//! Out:  whose scrapes it follows.
//! Not:  nothing is evaluated here.

use crate::model::{METRIC_NAME, MatchOp};
use crate::promql::Locality;

use super::rule::{Group, Rule};

/// Whose scrapes a rule follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follows {
    /// Those of each target that has series of it, for those series.
    Series,
    /// Those of the instance of this name, whose absence it is about.
    Instance(String),
}

/// Whose scrapes `rule` follows; `None` where it waits for its group's interval. So do rules that record, since others
/// build on what they say at the same instants; those of a group that looks back (`query_offset`), which sees nothing
/// of what has just come; those of a group with a limit, which only the whole of a rule can meet; and backlogs, whose trend
/// is taken from readings at even distances.
pub fn follows(rule: &Rule, group: &Group) -> Option<Follows> {
    rule.watch()?;
    if !group.query_offset.is_zero() || group.limit.is_some() || !rule.history.is_zero() {
        return None;
    }
    match rule.expr.locality() {
        Locality::PerSeries => Some(Follows::Series),
        Locality::AbsenceOf(selector) => {
            let pins = |name: &str| {
                let mut on_name = selector.matchers.iter().filter(|m| m.name() == name);
                let matcher = on_name.next().filter(|m| m.op() == MatchOp::Equal && !m.value().is_empty())?;
                Some(matcher.value().to_owned())
            };
            pins(METRIC_NAME)?;
            pins("instance").map(Follows::Instance)
        }
        Locality::Joint => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Context, load};

    #[test]
    fn what_a_scrape_alone_can_tell_follows_it() {
        let check = |group: &str, expr: &str, expected: Option<Follows>| {
            let text = format!("groups: [{{name: g, {group}, rules: [{{alert: A, expr: '{expr}'}}]}}]\n");
            let (groups, problems) = load(&"t.yml".into(), &text, &Context::default());
            assert!(problems.is_empty(), "{problems}");
            assert_eq!(follows(&groups[0].rules[0], &groups[0]), expected, "{group} {expr}");
        };
        let plain = "interval: 1m";
        check(plain, "cpu > 90", Some(Follows::Series));
        check(plain, "rate(errors[5m]) > 5", Some(Follows::Series));
        check(plain, "absent(beat{instance=\"a:1\"})", Some(Follows::Instance("a:1".to_owned())));
        check(plain, "absent(beat{instance=~\"a:.\"})", None);
        check(plain, "absent(beat{job=\"j\"})", None);
        check(plain, "sum(cpu) > 90", None);
        let backlog = "{detect: A, expr: cpu, role: backlog, above: {minor: 9}, drained_below: 1}";
        let text = format!("groups: [{{name: g, rules: [{backlog}]}}]");
        let (groups, problems) = load(&"t.yml".into(), &text, &Context::default());
        assert!(problems.is_empty(), "{problems}");
        assert_eq!(follows(&groups[0].rules[0], &groups[0]), None);
        check("query_offset: 1m", "cpu > 90", None);
        check("limit: 10", "cpu > 90", None);
    }

    #[test]
    fn what_records_waits() {
        let text = "groups: [{name: g, rules: [{record: 'a:b', expr: cpu}]}]";
        let (groups, _) = load(&"t.yml".into(), text, &Context::default());
        assert_eq!(follows(&groups[0].rules[0], &groups[0]), None);
    }
}
