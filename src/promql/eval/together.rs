//! What several expressions ask alike at one instant, worked out once: rules often differ in their threshold alone.
//!
//! In:   the expressions that will be evaluated, and the names that evaluation itself writes; a source.
//! Out:  the same source, through which evaluations hand each other the elements of parts that they have in common.
//! Not:  nothing is shared that reads what rules write, since that changes between two rules of one instant.
//!
//! Shared are whole expressions, and what a comparison with a number filters. A part is found again by where it stands
//! in memory: the expressions must be the very ones that `Shares` was made of.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::{Labels, Matcher, Timestamp, exact_metric_name};
use crate::promql::eval::binary::Sieve;
use crate::promql::eval::evaluation::{Evaluation, Moment};
use crate::promql::tree::ast::Expr;
use crate::promql::value::{EvalError, Operand, Point};
use crate::promql::{Demand, Feed, Presence, Samples, SeriesId, Source};

/// The parts that several expressions have in common.
#[derive(Debug, Default)]
pub struct Shares {
    /// By where the part stands, the number that it shares with its equals.
    numbers: HashMap<usize, usize>,
}

impl Shares {
    /// Those among `exprs`. What reads a metric that `is_written` by rules is not shared.
    pub fn among<'e>(exprs: impl Iterator<Item = &'e Expr>, is_written: &dyn Fn(&str) -> bool) -> Self {
        let mut by_text: HashMap<String, Vec<usize>> = HashMap::new();
        let mut note = |part: &Expr| {
            let part = part.without_parens();
            if reads_only_what_is_scraped(part, is_written) {
                by_text.entry(part.to_string()).or_default().push(place(part));
            }
        };
        for expr in exprs {
            note(expr);
            expr.walk(&mut |part| {
                if let Expr::Binary(binary) = part
                    && let Some((_, of)) = Sieve::of(binary)
                {
                    note(of);
                }
            });
        }
        let common = by_text.into_values().filter(|places| 1 < places.len()).enumerate();
        let numbers =
            common.flat_map(|(number, places)| places.into_iter().map(move |place| (place, number)));
        Self { numbers: numbers.collect() }
    }
}

fn place(expr: &Expr) -> usize {
    std::ptr::from_ref(expr) as usize
}

/// Whether it has selectors, each names its metric, and none of those is written by rules.
fn reads_only_what_is_scraped(expr: &Expr, is_written: &dyn Fn(&str) -> bool) -> bool {
    let is_scraped =
        |demand: &Demand| exact_metric_name(&demand.matchers).is_some_and(|name| !is_written(name));
    let demands = expr.demand();
    !demands.is_empty() && demands.iter().all(is_scraped)
}

/// Which part, at which instant, with the series that feed it or without.
type Key = (usize, Timestamp, bool);

/// What was worked out since the source last changed.
#[derive(Debug, Default)]
pub struct Round {
    elements: Mutex<HashMap<Key, Arc<[Point]>>>,
}

impl Round {
    /// Forgets it: the source changes.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn get(&self, key: Key) -> Option<Arc<[Point]>> {
        self.elements.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    fn put(&self, key: Key, elements: Arc<[Point]>) {
        self.elements.lock().unwrap_or_else(PoisonError::into_inner).insert(key, elements);
    }
}

/// A source, and what evaluations of this round hand each other.
#[derive(Clone, Copy)]
pub struct Together<'a> {
    /// What is asked.
    pub source: &'a dyn Source,
    /// What they have in common.
    pub shares: &'a Shares,
    /// What is known already. It must come from a source that answers alike.
    pub round: &'a Round,
}

impl Source for Together<'_> {
    fn select_samples(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        self.source.select_samples(matchers, after, until, visit);
    }

    fn select_latest(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        self.source.select_latest(matchers, after, until, visit);
    }

    fn feeds(&self, series: SeriesId) -> Vec<Feed> {
        self.source.feeds(series)
    }

    fn presence(&self, feed: &Feed, window: Duration, at: Timestamp) -> Presence {
        self.source.presence(feed, window, at)
    }

    fn is_from_before(&self, series: SeriesId, at: Timestamp) -> bool {
        self.source.is_from_before(series, at)
    }

    fn is_awaiting(&self, matchers: &[Matcher]) -> bool {
        self.source.is_awaiting(matchers)
    }

    fn together(&self) -> Option<Together<'_>> {
        Some(*self)
    }
}

impl Evaluation<'_> {
    /// The elements of a part that other expressions have, too; `None` where it is this one's alone, or no vector.
    pub(super) fn shared(&self, part: &Expr, moment: Moment) -> Result<Option<Arc<[Point]>>, EvalError> {
        let Some(Together { shares, round, .. }) = self.source.together() else { return Ok(None) };
        let part = part.without_parens();
        // Elsewhere the same text may mean something else: at another instant than `@ end()`, say.
        let is_plain = moment.is_once() && moment.at == self.query.start && !self.counts_only.get();
        let Some(number) = shares.numbers.get(&place(part)).filter(|_| is_plain) else { return Ok(None) };
        let key = (*number, moment.at, self.options.track_feeds);
        if let Some(known) = round.get(key) {
            return Ok(Some(known));
        }
        let Operand::Vector(elements) = self.operand(part, moment)? else { return Ok(None) };
        let elements: Arc<[Point]> = elements.into();
        round.put(key, elements.clone());
        Ok(Some(elements))
    }
}
