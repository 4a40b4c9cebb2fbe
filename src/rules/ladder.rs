//! How one alert moves: its severities, its clocks and its states.
//!
//! In:   where the alert stood, what the evaluation saw of it, and when.
//! Out:  where it stands, and why, where that is worth telling.
//! Not:  no labels, no queries: `evaluate` decides what was seen. A rule of Prometheus's own is a ladder of one
//!       rung that is passed while its expression gives the alert.
//!
//! The usual life: pending → firing → clearing → resolved. Two things complicate it: severities rise and step
//! down while it fires, and while the measurement is missing every clock stands still.

use std::time::Duration;

use crate::model::{Severity, Timestamp, format_duration};

use super::limit::Limit;
use super::{AlertState, Ending, LadderClock};

/// How long what an alert measures must be gone for good before the alert is over.
pub(super) const GONE_AFTER: Duration = Duration::from_mins(10);

/// One severity of a ladder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rung {
    pub(super) severity: Severity,
    pub(super) limit: Limit,
    /// `for`
    pub(super) hold: Duration,
}

/// What a measurement that is missing does to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnMissing {
    /// It is kept, and lost after a while.
    #[default]
    Hold,
    /// It resolves after a while.
    Resolve,
    /// It fires, also when it was only pending.
    Fire,
}

/// The severities of an alert from the lowest to the highest, and its clocks' lengths.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ladder {
    /// Never empty; thresholds and clear values are in order.
    pub(super) rungs: Vec<Rung>,
    pub(super) clear_for: Duration,
    pub(super) on_missing: OnMissing,
}

/// What an evaluation saw of an alert.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Seen {
    /// It was measured; `None` where the expression does not give the element. `whole` is false while a series
    /// that fed it is not to be had: then it may rise, not fall.
    Measured { value: Option<f64>, whole: bool },
    /// It would recover, and a series that fed it is not to be had.
    Missing { since: Timestamp },
    /// What it measures is gone for good.
    Ended { since: Timestamp },
    /// Too soon after a start to say.
    Warming,
}

/// Where an alert stands: the part of its row that the ladder moves.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Standing {
    /// `None`: there is no alert.
    pub(super) state: Option<AlertState>,
    pub(super) clocks: Vec<LadderClock>,
    pub(super) missing_since: Option<Timestamp>,
    pub(super) ended_since: Option<Timestamp>,
    pub(super) frozen_ms: u64,
}

/// Where an alert stands after an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) after: Standing,
    /// Why, where there is something to tell.
    pub(super) because: Option<String>,
}

impl Ladder {
    /// Fits the clocks of a row to this ladder, which may have been another when they ran: rungs that are new
    /// begin with clocks at rest, and an alert that is active holds its lowest severity at least.
    pub(super) fn fit(&self, standing: &mut Standing) {
        let fits = |(rung, clock): (&Rung, &LadderClock)| rung.severity == clock.severity;
        let is_same_length = standing.clocks.len() == self.rungs.len();
        if is_same_length && self.rungs.iter().zip(&standing.clocks).all(fits) {
            return;
        }
        let is_only = is_same_length && self.rungs.len() == 1;
        let old = std::mem::take(&mut standing.clocks);
        let clock = |rung: &Rung| {
            let kept = old.iter().find(|clock| is_only || clock.severity == rung.severity);
            kept.map_or_else(
                || at_rest(rung.severity),
                |clock| LadderClock { severity: rung.severity, ..*clock },
            )
        };
        standing.clocks = self.rungs.iter().map(clock).collect();
        let is_active = standing.state.as_ref().is_some_and(AlertState::is_active);
        if let (true, None, Some(lowest)) =
            (is_active, highest_held(&standing.clocks), standing.clocks.first_mut())
        {
            lowest.held = true;
        }
    }

    /// Whether `value` begins an alert where there is none.
    pub(super) fn begins(&self, value: Option<f64>) -> bool {
        self.rungs.iter().any(|rung| rung.limit.is_past(value))
    }

    /// Whether an alert that stands so would recover with `value`, if that is the whole truth.
    pub(super) fn recovers(&self, standing: &Standing, value: Option<f64>) -> bool {
        match standing.state {
            Some(AlertState::Pending { .. }) => !self.begins(value),
            _ => self.clears(value),
        }
    }

    /// Whether `value` is past the lowest clear value.
    pub(super) fn clears(&self, value: Option<f64>) -> bool {
        self.lowest().is_some_and(|rung| rung.limit.is_cleared(value))
    }

    /// Whether a severity that holds would fall with `value`, if that is the whole truth.
    pub(super) fn falls(&self, standing: &Standing, value: Option<f64>) -> bool {
        self.rungs
            .iter()
            .zip(&standing.clocks)
            .any(|(rung, clock)| clock.held && rung.limit.is_cleared(value))
    }

    pub(super) fn rung(&self, severity: Severity) -> Option<&Rung> {
        self.rungs.iter().find(|rung| rung.severity == severity)
    }

    pub(super) fn lowest(&self) -> Option<&Rung> {
        self.rungs.first()
    }

    /// Where the alert stands after `seen`: the table of states, row by row.
    pub(super) fn step(&self, before: &Standing, seen: Seen, lost_after: Duration, at: Timestamp) -> Step {
        use AlertState::{Clearing, Firing, Lost, Pending, Resolved};
        match (&before.state, seen) {
            (None | Some(Resolved { .. }), Seen::Measured { value, .. }) if self.begins(value) => {
                self.begin(value, at)
            }
            (None | Some(Resolved { .. }), _) | (Some(_), Seen::Warming) => unmoved(before),

            (Some(Pending { breached_at }), Seen::Measured { value, .. }) => {
                self.keep_pending(before, *breached_at, value, at)
            }
            (Some(Pending { breached_at }), Seen::Missing { since }) => {
                self.miss_pending(before, *breached_at, since, lost_after, at)
            }
            (Some(Pending { .. }), Seen::Ended { .. }) => Step { after: Standing::default(), because: None },

            (
                Some(state @ (Firing { .. } | Clearing { .. } | Lost { .. })),
                Seen::Measured { value, whole },
            ) => self.measure(before, state, value, whole, at),
            (Some(state @ (Firing { .. } | Clearing { .. } | Lost { .. })), Seen::Missing { since }) => {
                self.miss(before, state, since, lost_after, at)
            }
            (Some(state @ (Firing { .. } | Clearing { .. } | Lost { .. })), Seen::Ended { since }) => {
                end(before, state, since, at)
            }
        }
    }

    /// (none) × breaching: pending, or firing at once where nothing is to be held.
    fn begin(&self, value: Option<f64>, at: Timestamp) -> Step {
        let clocks = self.rungs.iter().map(|rung| at_rest(rung.severity)).collect();
        let fresh = Standing { clocks, ..Standing::default() };
        let mut step = self.keep_pending(&fresh, at, value, at);
        if matches!(step.after.state, Some(AlertState::Pending { .. })) {
            let passed = self.rungs.iter().find(|rung| rung.limit.is_past(value));
            step.because = passed.map(|rung| rung.limit.past_in_words());
        }
        step
    }

    /// pending × measured: goes on, fires, or is forgotten.
    fn keep_pending(
        &self,
        before: &Standing,
        breached_at: Timestamp,
        value: Option<f64>,
        at: Timestamp,
    ) -> Step {
        if !self.begins(value) {
            return Step { after: Standing::default(), because: None };
        }
        let mut after = thawed(before, at);
        self.advance(&mut after.clocks, value, true, at);
        match highest_held(&after.clocks) {
            None => {
                after.state = Some(AlertState::Pending { breached_at });
                Step { after, because: None }
            }
            Some(severity) => {
                after.state = Some(AlertState::Firing { breached_at, fired_at: at, severity });
                Step { after, because: Some(self.held_in_words(severity)) }
            }
        }
    }

    /// pending × missing: its clock stands still; `on_missing` may decide otherwise after a while.
    fn miss_pending(
        &self,
        before: &Standing,
        breached_at: Timestamp,
        since: Timestamp,
        lost_after: Duration,
        at: Timestamp,
    ) -> Step {
        let mut after = frozen(before, since);
        let is_long = after.missing_since.is_some_and(|since| since + lost_after <= at);
        match (self.on_missing, after.clocks.first_mut()) {
            (OnMissing::Fire, Some(lowest)) if is_long => {
                lowest.held = true;
                let severity = lowest.severity;
                after.state = Some(AlertState::Firing { breached_at, fired_at: at, severity });
                let because = format!("{}, and `on_missing` is `fire`", no_data(&after, at));
                Step { after, because: Some(because) }
            }
            (OnMissing::Resolve, _) if is_long => Step { after: Standing::default(), because: None },
            _ => Step { after, because: None },
        }
    }

    /// firing, clearing or lost × measured: the ladder decides.
    fn measure(
        &self,
        before: &Standing,
        state: &AlertState,
        value: Option<f64>,
        whole: bool,
        at: Timestamp,
    ) -> Step {
        let (breached_at, fired_at) = (state.breached_at(), fired_at(state, at));
        let mut after = thawed(before, at);
        let recovering = whole && self.recovers(before, value);
        self.advance(&mut after.clocks, value, whole, at);
        // The crossing of the lowest clear value, not moved by the time that its clock stood still.
        let recovered_at = match state {
            AlertState::Clearing { recovered_at, .. } => *recovered_at,
            _ => before.clocks.first().and_then(|clock| clock.clear_since).unwrap_or(at),
        };
        after.state = Some(match highest_held(&after.clocks) {
            None => AlertState::Resolved { breached_at, fired_at, recovered_at, why: Ending::Recovered },
            Some(severity) if recovering => {
                AlertState::Clearing { breached_at, fired_at, recovered_at, severity }
            }
            Some(severity) => AlertState::Firing { breached_at, fired_at, severity },
        });
        let because = self.measured_in_words(before, state, &after);
        Step { after, because }
    }

    /// firing, clearing or lost × missing: every clock stands still, and after a while it is lost.
    fn miss(
        &self,
        before: &Standing,
        state: &AlertState,
        since: Timestamp,
        lost_after: Duration,
        at: Timestamp,
    ) -> Step {
        let mut after = frozen(before, since);
        let began = before.missing_since.is_none();
        let missing_since = after.missing_since.unwrap_or(since);
        let (breached_at, fired_at) = (state.breached_at(), fired_at(state, at));
        let is_long = missing_since + lost_after <= at;
        let severity = state.severity().unwrap_or(Severity::Minor);
        let next = match (self.on_missing, state) {
            (_, AlertState::Lost { .. }) => None,
            (OnMissing::Hold, _) if is_long => {
                Some(AlertState::Lost { breached_at, fired_at, missing_since, severity })
            }
            (OnMissing::Resolve, _) if is_long => {
                Some(AlertState::Resolved { breached_at, fired_at, recovered_at: at, why: Ending::NoData })
            }
            _ => None,
        };
        let told = began || next.is_some();
        after.state = next.or_else(|| before.state.clone());
        let because = told.then(|| no_data(&after, at));
        Step { after, because }
    }

    /// Moves the clocks to `at`.
    fn advance(&self, clocks: &mut [LadderClock], value: Option<f64>, whole: bool, at: Timestamp) {
        let mut newly_held = 0;
        for (place, (rung, clock)) in self.rungs.iter().zip(clocks.iter_mut()).enumerate() {
            let past = rung.limit.is_past(value);
            clock.past_since = past.then(|| clock.past_since.unwrap_or(at));
            if clock.past_since.is_some_and(|since| since + rung.hold <= at) && !clock.held {
                clock.held = true;
                newly_held = place;
            }
            if past || !rung.limit.is_cleared(value) {
                clock.clear_since = None;
            } else if clock.held && whole {
                let since = *clock.clear_since.get_or_insert(at);
                if since + self.clear_for <= at {
                    (clock.held, clock.clear_since) = (false, None);
                }
            }
        }
        // A severity that holds takes those below it along, whatever their own `for`, so that the alert steps
        // down to the highest whose clear value is not passed.
        clocks.iter_mut().take(newly_held).for_each(|clock| clock.held = true);
    }

    fn held_in_words(&self, severity: Severity) -> String {
        match self.rung(severity) {
            Some(rung) if rung.hold.is_zero() => rung.limit.past_in_words(),
            Some(rung) => format!("{} for {}", rung.limit.past_in_words(), format_duration(rung.hold)),
            None => severity.to_string(),
        }
    }

    fn cleared_in_words(&self, severity: Severity) -> String {
        match self.rung(severity) {
            Some(rung) if self.clear_for.is_zero() => rung.limit.cleared_in_words(),
            Some(rung) => {
                format!("{} for {}", rung.limit.cleared_in_words(), format_duration(self.clear_for))
            }
            None => severity.to_string(),
        }
    }

    /// Why an alert that fired stands as it does after a measurement; `None` where nothing moved.
    fn measured_in_words(&self, before: &Standing, state: &AlertState, after: &Standing) -> Option<String> {
        let lowest = self.lowest()?;
        let (was, is) = (state.severity()?, after.state.as_ref()?.severity());
        match (state, after.state.as_ref()?) {
            (_, AlertState::Resolved { .. }) => Some(self.cleared_in_words(lowest.severity)),
            _ if is > Some(was) => Some(self.held_in_words(is?)),
            _ if is < Some(was) => Some(self.cleared_in_words(was)),
            (AlertState::Firing { .. } | AlertState::Lost { .. }, AlertState::Clearing { .. }) => {
                Some(lowest.limit.cleared_in_words())
            }
            (AlertState::Clearing { .. }, AlertState::Firing { .. }) => {
                Some(lowest.limit.relapsed_in_words())
            }
            _ if before.missing_since.is_some() || before.ended_since.is_some() => {
                Some("measured again".to_owned())
            }
            _ => None,
        }
    }
}

/// firing, clearing or lost × gone for good: it waits for a while, then it is over.
fn end(before: &Standing, state: &AlertState, since: Timestamp, at: Timestamp) -> Step {
    let ended_since = *before.ended_since.as_ref().unwrap_or(&since);
    let mut after = Standing { ended_since: Some(ended_since), ..before.clone() };
    let is_over = ended_since + GONE_AFTER <= at;
    if is_over {
        after.state = Some(AlertState::Resolved {
            breached_at: state.breached_at(),
            fired_at: fired_at(state, at),
            recovered_at: ended_since,
            why: Ending::Ended,
        });
    }
    let told = is_over || before.ended_since.is_none();
    let because =
        told.then(|| format!("what it measures is gone for {}", format_duration(at.since(ended_since))));
    Step { after, because }
}

/// A clock that does not run.
fn at_rest(severity: Severity) -> LadderClock {
    LadderClock { severity, past_since: None, clear_since: None, held: false }
}

fn unmoved(before: &Standing) -> Step {
    Step { after: before.clone(), because: None }
}

fn highest_held(clocks: &[LadderClock]) -> Option<Severity> {
    clocks.iter().rev().find(|clock| clock.held).map(|clock| clock.severity)
}

fn fired_at(state: &AlertState, at: Timestamp) -> Timestamp {
    match state {
        AlertState::Firing { fired_at, .. }
        | AlertState::Clearing { fired_at, .. }
        | AlertState::Lost { fired_at, .. }
        | AlertState::Resolved { fired_at, .. } => *fired_at,
        AlertState::Pending { .. } => at,
    }
}

/// How long, not since when: the zone in which people read times is not known here.
fn no_data(standing: &Standing, at: Timestamp) -> String {
    match standing.missing_since {
        Some(since) => format!("no data for {}", format_duration(at.since(since))),
        None => "no data".to_owned(),
    }
}

/// The clocks stand still from `since` on.
fn frozen(before: &Standing, since: Timestamp) -> Standing {
    let missing_since = Some(before.missing_since.unwrap_or(since));
    Standing { missing_since, ended_since: None, ..before.clone() }
}

/// The clocks run again: each is moved on by as long as it stood still.
fn thawed(before: &Standing, at: Timestamp) -> Standing {
    let mut after = Standing { missing_since: None, ended_since: None, ..before.clone() };
    let still_since = match (before.missing_since, before.ended_since) {
        (Some(missing), Some(ended)) => Some(missing.min(ended)),
        (missing, ended) => missing.or(ended),
    };
    if let Some(since) = still_since {
        for clock in &mut after.clocks {
            for running in [&mut clock.past_since, &mut clock.clear_since].into_iter().flatten() {
                *running = *running + at.since(since.max(*running));
            }
        }
        let still_ms = u64::try_from(at.since(since).as_millis()).unwrap_or(u64::MAX);
        after.frozen_ms = after.frozen_ms.saturating_add(still_ms);
    }
    after
}

#[cfg(test)]
#[path = "ladder_tests.rs"]
mod tests;
