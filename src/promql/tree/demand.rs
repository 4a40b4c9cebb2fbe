//! What an expression needs to be kept for it.
//!
//! In:   a checked expression.
//! Out:  for each selector its matchers and how far back samples must be kept, counted from the instant of the
//!       evaluation: look-back or range, offsets, and the subqueries around it.
//! Not:  no sample is looked at.

use std::time::Duration;

use crate::model::{METRIC_NAME, MatchOp, Matcher};
use crate::promql::tree::ast::{Call, Expr, Extension, Selector};
use crate::promql::tree::functions::Function;
use crate::promql::tree::length::{LENGTH_MAX, Pin, Shift};
use crate::promql::value::LOOK_BACK;

/// One selector's wish: which series, and how far back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The conditions, the one on `__name__` among them where the expression has one.
    pub matchers: Vec<Matcher>,
    /// How long samples must be kept: look-back or range, plus offset, plus the subqueries around it. A thousand
    /// years where an `@` names an instant, which only moves away.
    pub look_back: Duration,
    /// How much of that must be free of gaps for the value to be whole: zero for an instant selector without
    /// offset, else range plus offset.
    pub window: Duration,
}

impl Expr {
    /// What each selector in it needs, in the order of the text, each wish once.
    pub fn demand(&self) -> Vec<Demand> {
        let mut demands = Vec::new();
        gather(self, Back::NONE, &mut demands);
        demands
    }
}

/// How far before the evaluation the instants reach at which a part of it is evaluated.
#[derive(Debug, Clone, Copy)]
enum Back {
    /// So many milliseconds; negative lies ahead.
    By(i64),
    /// To an instant that stands still, for this stretch of time around it.
    Pinned,
}

impl Back {
    const NONE: Self = Self::By(0);

    fn shifted(self, shift: &Shift) -> Self {
        let from = match shift.pin {
            Some(Pin::At(_)) => Self::Pinned,
            // A rule asks for one instant, which is its first and its last.
            Some(Pin::Start | Pin::End) => Self::NONE,
            None => self,
        };
        from.further(shift.offset.least_millis())
    }

    fn further(self, ms: i64) -> Self {
        match self {
            Self::By(back) => Self::By(back.saturating_add(ms)),
            Self::Pinned => Self::Pinned,
        }
    }

    fn duration(self, pinned: Duration) -> Duration {
        match self {
            Self::By(ms) => Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(LENGTH_MAX),
            Self::Pinned => pinned,
        }
    }
}

fn gather(expr: &Expr, back: Back, demands: &mut Vec<Demand>) {
    let (selector, range) = match expr {
        Expr::Selector(selector) => (selector, None),
        Expr::Range(range) => (&range.selector, Some(range.range.least_millis())),
        Expr::Subquery(subquery) => {
            let back = back.shifted(&subquery.shift).further(subquery.range.least_millis());
            return gather(&subquery.of, back, demands);
        }
        Expr::Call(Call { function: Function::Info, args, .. }) => return info(args, back, demands),
        _ => return expr.children().into_iter().for_each(|child| gather(child, back, demands)),
    };
    add(demands, demand(selector, range, back));
}

fn demand(selector: &Selector, range: Option<i64>, back: Back) -> Demand {
    let look_back = i64::try_from(LOOK_BACK.as_millis()).unwrap_or(i64::MAX);
    let instants = back.shifted(&selector.shift);
    let further = match (range, selector.extension) {
        (Some(range), None) => range,
        (Some(range), Some(Extension::Anchored | Extension::Smoothed)) => range.saturating_add(look_back),
        (None, _) => look_back,
    };
    Demand {
        matchers: selector.matchers.clone(),
        look_back: instants.further(further).duration(LENGTH_MAX),
        window: instants.further(range.unwrap_or(0)).duration(Duration::ZERO),
    }
}

/// `info` looks for series that its second argument names, at the instants of the first.
fn info(args: &[Expr], back: Back, demands: &mut Vec<Demand>) {
    let Some(of) = args.first() else { return };
    let first = demands.len();
    gather(of, back, demands);
    let reach = demands[first..].iter().map(|demand| demand.look_back).max().unwrap_or(LOOK_BACK);
    let given = match args.get(1) {
        Some(Expr::Selector(selector)) => selector.matchers.as_slice(),
        _ => &[],
    };
    let mut matchers = given.to_vec();
    matchers.extend(info_name(given));
    add(demands, Demand { matchers, look_back: reach.max(LOOK_BACK), window: Duration::ZERO });
}

/// The condition on the name of the series that `info` looks for, where `given` does not say one: `target_info`,
/// or any of their kind where only names are excluded.
pub(in crate::promql) fn info_name(given: &[Matcher]) -> Option<Matcher> {
    let names = || given.iter().filter(|matcher| matcher.name() == METRIC_NAME);
    let says = names().any(|matcher| matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex));
    match (says, names().next()) {
        (true, _) => None,
        (false, Some(_)) => Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info").ok(),
        (false, None) => Matcher::new(METRIC_NAME, MatchOp::Equal, "target_info").ok(),
    }
}

fn add(demands: &mut Vec<Demand>, demand: Demand) {
    if !demands.contains(&demand) {
        demands.push(demand);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::{Dialect, parse_as};

    #[test]
    fn each_selector_says_how_far_back_it_looks() {
        let check = |text: &str, expected: &[(u64, u64)]| {
            let demands = parse_as(text, &Dialect::EVERYTHING).unwrap().demand();
            let found: Vec<(u64, u64)> =
                demands.iter().map(|d| (d.look_back.as_secs(), d.window.as_secs())).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("1", &[]);
        check("up", &[(300, 0)]);
        check("absent(up)", &[(300, 0)]);
        check("up offset 10m", &[(900, 600)]);
        check("up offset -1m", &[(240, 0)]);
        check("rate(x[2m])", &[(120, 120)]);
        check("rate(x[2m] anchored)", &[(420, 120)]);
        check("sum(rate(x[2m] offset 1m)) / up > up", &[(180, 180), (300, 0)]);
        check("max_over_time(rate(x[2m])[1h:1m])", &[(3720, 3720)]);
        check("max_over_time(up[1h:] offset 1h)", &[(7500, 7200)]);
        check("sum_over_time(max_over_time(up[10m:])[1h:])", &[(4500, 4200)]);
        check("up @ end() offset 1m", &[(360, 60)]);
        check("max_over_time(up[1h:] @ start())", &[(3900, 3600)]);
        check("up @ 5", &[(LENGTH_MAX.as_secs(), 0)]);
        check("topk(scalar(k), up offset 5m)", &[(300, 0), (600, 300)]);
        check("info(up offset 5m)", &[(600, 300), (600, 0)]);
    }

    #[test]
    fn info_says_which_series_it_looks_for() {
        let check = |text: &str, expected: &str| {
            let demands = parse_as(text, &Dialect::EVERYTHING).unwrap().demand();
            let found: Vec<String> = demands[1].matchers.iter().map(ToString::to_string).collect();
            assert_eq!(found.join(","), expected, "{text}");
        };
        check("info(up)", "__name__=\"target_info\"");
        check("info(up, {a=~\".*\"})", "a=~\".*\",__name__=\"target_info\"");
        check("info(up, {__name__=\"b\"})", "__name__=\"b\"");
        check("info(up, {__name__!=\"b\"})", "__name__!=\"b\",__name__=~\".+_info\"");
    }
}
