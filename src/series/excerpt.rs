//! A copy of what an expression sees, so that people's queries do not hold the window while they are reckoned.
//!
//! In:   the window; what an expression demands, and from when on.
//! Out:  a source of its own, and of each demand how much of it is kept at all.
//! Not:  nothing of where a series comes from: only rules ask for that.

use std::time::Duration;

use hashbrown::HashMap;

use crate::model::{Labels, METRIC_NAME, Matcher, Timestamp};
use crate::promql::{Demand, Feed, HistogramSample, Presence, Sample, Samples, SeriesId, Source};
use crate::series::Window;

/// The samples that some selectors see.
#[derive(Debug, Default)]
pub struct Excerpt {
    /// By the matchers of the selectors, each in the order of labels.
    seen: HashMap<Vec<Matcher>, Vec<Seen>>,
}

/// A series with its samples.
type Seen = (SeriesId, Labels, Vec<Sample>, Vec<HistogramSample>);

/// How much of what a selector asks for rules need, and so is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All of it.
    Whole,
    /// Every series, but only so far back.
    For(Duration),
    /// Perhaps some of its series: no rule asks for all of them.
    InPart,
    /// Nothing.
    Nothing,
}

impl Window {
    /// What an expression sees that demands `demands` and is evaluated at `first` and later; `None` where that is
    /// more than `samples_max` samples.
    pub fn excerpt(&self, demands: &[Demand], first: Timestamp, samples_max: usize) -> Option<Excerpt> {
        let mut back: HashMap<&[Matcher], Duration> = HashMap::new();
        for demand in demands {
            let longest = back.entry(&demand.matchers).or_default();
            *longest = demand.look_back.max(*longest);
        }
        let (mut excerpt, mut left) = (Excerpt::default(), Some(samples_max));
        for (matchers, look_back) in back {
            let mut seen = Vec::new();
            let all = Timestamp::from_millis(i64::MAX);
            self.select_samples(matchers, first - look_back, all, &mut |id, labels, samples| {
                left = left.and_then(|left| left.checked_sub(samples.weight()));
                if left.is_some() {
                    seen.push((id, labels.clone(), samples.floats.to_vec(), samples.histograms.to_vec()));
                }
            });
            left?;
            excerpt.seen.insert(matchers.to_vec(), seen);
        }
        Some(excerpt)
    }

    /// How much of what `demand` asks for is kept at `now`, where it is evaluated at `first` and later.
    pub fn keeps(&self, demand: &Demand, first: Timestamp, now: Timestamp) -> Kept {
        let name = demand.matchers.iter().find(|matcher| matcher.name() == METRIC_NAME);
        let exact = name.filter(|matcher| matcher.op() == crate::model::MatchOp::Equal).map(Matcher::value);
        let reach = now.since(first) + demand.window;
        match self.standing.covering(&demand.matchers) {
            Some(kept) if reach <= kept => Kept::Whole,
            Some(kept) => Kept::For(kept),
            None if exact.is_none_or(|name| self.wants(name)) && self.standing.len() > 0 => Kept::InPart,
            None => Kept::Nothing,
        }
    }
}

impl Source for Excerpt {
    fn select_samples(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        for (id, labels, floats, histograms) in self.seen.get(matchers).into_iter().flatten() {
            let samples = Samples { floats, histograms, ..Samples::default() }.within(after, until);
            if !samples.is_empty() {
                visit(*id, labels, samples);
            }
        }
    }

    fn feeds(&self, _: SeriesId) -> Vec<Feed> {
        Vec::new()
    }

    fn presence(&self, _: &Feed, _: Duration, _: Timestamp) -> Presence {
        Presence::Whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RuleId;
    use crate::promql::{Options, Recorded, evaluate_vector, parse};

    fn demands(text: &str) -> Vec<Demand> {
        parse(text).expect("it is PromQL").demand()
    }

    /// What `a{x="1"}[2m]` and `b` need.
    fn window() -> Window {
        let mut window = Window::new();
        window.set_demand(&demands("rate(a{x=\"1\"}[2m]) + b"));
        let rule = RuleId::new("g", "r", 0);
        for n in 0..40 {
            let record = |name: &str, x: &str| Recorded {
                labels: [("__name__", name), ("x", x)].into_iter().collect(),
                value: n as f64,
                feeds: Vec::new(),
            };
            window.append(&rule, Timestamp::from_secs(n * 15), &[record("a", "1"), record("b", "1")]);
        }
        window
    }

    #[test]
    fn an_excerpt_says_what_the_window_says() {
        let (window, now) = (window(), Timestamp::from_secs(585));
        for text in
            ["a{x=\"1\"}", "rate(a{x=\"1\"}[1m])", "sum_over_time(b[1m:15s] offset 1m)", "b and a", "b @ 570"]
        {
            let expr = parse(text).unwrap();
            let excerpt = window.excerpt(&expr.demand(), now, 1000).expect("few samples");
            let options = Options::default();
            let [ours, theirs] = [&excerpt as &dyn Source, &window]
                .map(|source| evaluate_vector(&expr, source, now, &options).unwrap());
            assert_eq!(ours, theirs, "{text}");
            assert!(!ours.is_empty(), "{text}");
        }
        assert!(window.excerpt(&demands("b"), now, 3).is_none());
    }

    #[test]
    fn what_no_rule_needs_is_known_not_to_be_kept() {
        let (window, now) = (window(), Timestamp::from_secs(585));
        let check = |text: &str, ago_s: u64, expected: Kept| {
            let first = now - Duration::from_secs(ago_s);
            assert_eq!(window.keeps(&demands(text)[0], first, now), expected, "{text}");
        };
        check("b", 0, Kept::Whole);
        check("b{x=\"2\"}", 240, Kept::Whole);
        check("b", 600, Kept::For(Duration::from_mins(5)));
        check("rate(a{x=\"1\"}[2m])", 0, Kept::Whole);
        check("rate(a{x=\"1\"}[10m])", 0, Kept::For(Duration::from_mins(2)));
        check("a", 0, Kept::InPart);
        check("{x=\"1\"}", 0, Kept::InPart);
        check("c", 0, Kept::Nothing);
    }
}
