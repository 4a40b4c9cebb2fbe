//! Evaluates one rule at an instant: samples to record, or alerts that move.
//!
//! In:   a rule, the table of alerts, a source, an instant.
//! Out:  what came of it. Nothing is applied: the outcome is committed first, then `Alerts::apply` remembers it.
//! Not:  no clock is read; when to evaluate is decided elsewhere.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::iter;

use crate::model::{Labels, METRIC_NAME, TargetKey, Timestamp};
use crate::promql::{self, Element, Feed, Options, Origin, Recorded, Source};

use super::explain::explain;
use super::ladder::{Ladder, Seen, Standing};
use super::missing::{Judge, Judgement};
use super::rule::{Group, Rule, RuleKind, Watch};
use super::table::is_old;
use super::template::TemplateData;
use super::{
    AlertFacts, AlertKey, AlertRow, AlertState, Alerts, Context, Explained, Reading, Transition, lost_after,
};

/// More alerts than this of one rule are a mistake in the rule, and an error of it.
const ALERTS_MAX: usize = 20_000;
/// The series that alerts leave.
const ALERTS: &str = "ALERTS";
const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";
/// The annotation that customers may read.
const PUBLIC_SUMMARY: &str = "public_summary";
/// Elements that are quiet are read up to this number a rule.
const QUIET_READINGS_MAX: usize = 1000;

/// What came of one evaluation of one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Samples to append to the window: what is recorded, and `ALERTS` of alerts.
    pub samples: Vec<Recorded>,
    /// Rows that changed and are to be committed.
    pub rows: Vec<AlertRow>,
    /// Rows in which only figures and their words changed: memory takes them, the journal need not.
    pub refreshed: Vec<AlertRow>,
    /// Alerts that are no longer in the table.
    pub forgotten: Vec<AlertKey>,
    /// Alerts that moved.
    pub transitions: Vec<Transition>,
    /// The values of alerts, and of what could become one.
    pub readings: Vec<Reading>,
    /// What made the values of alerts rise, where the rule has a `breakdown`.
    pub explained: Vec<Explained>,
    /// Why that could not be told, where it could not. The rule's alerts move all the same.
    pub unexplained: Option<String>,
    /// Whether the rule could be evaluated, and why not.
    pub health: Result<(), String>,
}

impl Outcome {
    /// Nothing came of it.
    pub fn empty() -> Self {
        Self {
            samples: Vec::new(),
            rows: Vec::new(),
            refreshed: Vec::new(),
            forgotten: Vec::new(),
            transitions: Vec::new(),
            readings: Vec::new(),
            explained: Vec::new(),
            unexplained: None,
            health: Ok(()),
        }
    }

    fn failed(why: impl Into<String>) -> Self {
        Self { health: Err(why.into()), ..Self::empty() }
    }
}

/// Whether `metric` is written by the evaluation of rules that make alerts.
pub fn is_of_alerts(metric: &str) -> bool {
    matches!(metric, ALERTS | ALERTS_FOR_STATE)
}

/// Evaluates `rule` of `group` at `at`.
pub fn evaluate(
    rule: &Rule,
    group: &Group,
    alerts: &Alerts,
    source: &dyn Source,
    at: Timestamp,
    context: &Context,
) -> Outcome {
    let seen_at = at - group.query_offset;
    let judge = Judge::new(source, rule.window, seen_at);
    match &rule.kind {
        RuleKind::Record => record(rule, group, source, seen_at, context, &judge),
        RuleKind::Alert(watch) | RuleKind::Detect(watch) => {
            let (asked, only) = (source, None);
            let evaluation =
                Evaluation { rule, watch, group, alerts, source, asked, only, seen_at, at, context, judge };
            evaluation.run()
        }
    }
}

/// Evaluates a rule that follows scrapes (`Follows::Series`) for the series of one target alone, which `portion` shows:
/// what comes of its alerts is what comes of them when the whole rule is evaluated at `at`. `None` where only that can
/// tell: the rule fails, or gives an alert that has its labels from another target too.
pub fn evaluate_portion(
    rule: &Rule,
    group: &Group,
    alerts: &Alerts,
    source: &dyn Source,
    portion: (&TargetKey, &dyn Source),
    at: Timestamp,
    context: &Context,
) -> Option<Outcome> {
    let watch = rule.watch()?;
    let seen_at = at - group.query_offset;
    let judge = Judge::new(source, rule.window, seen_at);
    let (only, asked) = (Some(portion.0), portion.1);
    let evaluation =
        Evaluation { rule, watch, group, alerts, source, asked, only, seen_at, at, context, judge };
    evaluation.run_portion()
}

/// The elements of an expression; a number is one element without labels.
pub(super) fn query(
    rule: &Rule,
    source: &dyn Source,
    at: Timestamp,
    context: &Context,
    track_feeds: bool,
) -> Result<Vec<Element>, String> {
    let options = Options { track_feeds, subquery_step: context.default_interval, ..Options::default() };
    promql::evaluate_vector(&rule.expr, source, at, &options).map_err(|error| error.to_string())
}

/// The labels of the alert that an element is, or could become.
pub(super) fn alert_labels(
    rule: &Rule,
    element: &Element,
    source: &dyn Source,
    at: Timestamp,
    context: &Context,
) -> Labels {
    let data = data(element, source, at, context);
    let mut labels = element.labels.edit();
    labels.put(METRIC_NAME, "");
    for (name, template) in &rule.labels {
        labels.put(name, &template.render(&data));
    }
    labels.put("alertname", &rule.name);
    labels.build()
}

/// What templates may speak of. What they ask is asked as of `at`, also where the rule looks further back.
fn data<'e>(
    element: &'e Element,
    source: &'e dyn Source,
    at: Timestamp,
    context: &'e Context,
) -> TemplateData<'e> {
    TemplateData {
        labels: &element.labels,
        external_labels: &context.external_labels,
        external_url: &context.external_url,
        value: element.value,
        source: Some(source),
        at,
        subquery_step: context.default_interval,
    }
}

fn record(
    rule: &Rule,
    group: &Group,
    source: &dyn Source,
    at: Timestamp,
    context: &Context,
    judge: &Judge<'_>,
) -> Outcome {
    let elements = match query(rule, source, at, context, true) {
        Ok(elements) => elements,
        Err(why) => return Outcome::failed(why),
    };
    if let Some(limit) = group.limit.filter(|limit| *limit < elements.len()) {
        return Outcome::failed(format!("exceeded limit of {limit} with {} series", elements.len()));
    }
    let mut taken = BTreeSet::new();
    let mut samples = Vec::with_capacity(elements.len());
    for element in elements {
        let mut labels = element.labels.edit();
        labels.put(METRIC_NAME, &rule.name);
        for (name, text) in &rule.labels {
            labels.put(name, &text.plain_text());
        }
        let labels = labels.build();
        if !taken.insert(labels.clone()) {
            return Outcome::failed(
                "several results have the same labels after the rule's labels are applied",
            );
        }
        samples.push(Recorded { labels, value: element.value, feeds: judge.feeds(&element.feeds) });
    }
    Outcome { samples, ..Outcome::empty() }
}

/// What there is of each alert, in the order of their labels, as both sides come: its row, what its rule gives now, or
/// both.
fn side_by_side<'a>(
    rows: impl Iterator<Item = &'a AlertRow>,
    elements: &'a [(Labels, Element)],
) -> impl Iterator<Item = (&'a Labels, Option<&'a AlertRow>, Option<&'a Element>)> {
    let mut rows = rows.peekable();
    let mut elements = elements.iter().peekable();
    iter::from_fn(move || {
        let order = match (rows.peek(), elements.peek()) {
            (Some(row), Some((labels, _))) => row.key.labels.cmp(labels),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let row = rows.next_if(|_| order.is_le());
        let element = elements.next_if(|_| order.is_ge());
        let labels = row.map(|row| &row.key.labels).or(element.map(|(labels, _)| labels))?;
        Some((labels, row, element.map(|(_, element)| element)))
    })
}

/// One evaluation of a rule that makes alerts.
struct Evaluation<'a> {
    rule: &'a Rule,
    watch: &'a Watch,
    group: &'a Group,
    alerts: &'a Alerts,
    source: &'a dyn Source,
    /// What the expression is asked of: all, or the series of `only`.
    asked: &'a dyn Source,
    only: Option<&'a TargetKey>,
    seen_at: Timestamp,
    at: Timestamp,
    context: &'a Context,
    judge: Judge<'a>,
}

impl Evaluation<'_> {
    fn run_portion(&self) -> Option<Outcome> {
        let elements = self.elements().ok()?;
        let taken = |row: &AlertRow| !is_over(&row.state) && !self.is_own(row);
        let is_claimed = |labels: &Labels| {
            let key = self.key(labels);
            self.alerts.get(&key).is_some_and(taken)
        };
        if elements.iter().any(|(labels, _)| is_claimed(labels)) {
            return None;
        }
        let (mut outcome, _) = self.move_all(Some(&elements));
        self.explain(&mut outcome);
        Some(outcome)
    }

    /// Whether an alert is fed by the series that are asked.
    fn is_own(&self, row: &AlertRow) -> bool {
        let Some(only) = self.only else { return true };
        let feeds = |feed: &Feed| match &feed.origin {
            Origin::Target(target) | Origin::Report(target) => target == only,
            Origin::Rule(_) | Origin::Loaded => false,
        };
        !is_over(&row.state) && !row.feeds.is_empty() && row.feeds.iter().all(feeds)
    }

    /// The alerts that the evaluation is about, in the order of their labels.
    fn rows(&self, elements: &[(Labels, Element)]) -> impl Iterator<Item = &AlertRow> {
        let is_there =
            |row: &AlertRow| elements.binary_search_by(|(labels, _)| labels.cmp(&row.key.labels)).is_ok();
        self.alerts.of_rule(&self.rule.id).filter(move |row| self.is_own(row) || is_there(row))
    }

    fn run(&self) -> Outcome {
        let elements = match self.elements() {
            Ok(elements) => elements,
            Err(why) => return self.unanswered(why),
        };
        let (mut outcome, current) = self.move_all(Some(&elements));
        let limit = self.group.limit.unwrap_or(ALERTS_MAX).min(ALERTS_MAX);
        if limit < current {
            return self.unanswered(format!("exceeded limit of {limit} with {current} alerts"));
        }
        self.explain(&mut outcome);
        outcome
    }

    fn explain(&self, outcome: &mut Outcome) {
        let Some(breakdown) = &self.watch.breakdown else { return };
        let rows = outcome.rows.iter().chain(&outcome.refreshed);
        match explain(breakdown, self.source, rows, self.at, self.group.query_offset) {
            Ok(explained) => outcome.explained = explained,
            Err(why) => outcome.unexplained = Some(why),
        }
    }

    /// A rule that fails says nothing of its alerts: those that it has are missing, and nothing is recorded.
    fn unanswered(&self, why: String) -> Outcome {
        let (outcome, _) = self.move_all(None);
        Outcome { samples: Vec::new(), health: Err(why), ..outcome }
    }

    /// Moves every alert that there is or that begins, and says how many are pending or count as firing.
    fn move_all(&self, elements: Option<&[(Labels, Element)]>) -> (Outcome, usize) {
        let mut outcome = Outcome::empty();
        let mut current = 0;
        let mut quiet = 0;
        let rows = self.rows(elements.unwrap_or_default());
        for (labels, row, element) in side_by_side(rows, elements.unwrap_or_default()) {
            let is_counted = self.one(labels, row, element, elements.is_some(), &mut outcome);
            current += usize::from(is_counted);
            if let Some(element) = element {
                quiet += usize::from(!is_counted);
                let is_read = match self.rule.kind {
                    RuleKind::Detect(_) => is_counted || quiet <= QUIET_READINGS_MAX,
                    _ => is_counted,
                };
                if is_read {
                    outcome.readings.push(Reading {
                        key: self.key(labels),
                        value: element.value,
                        public_summary: self.public_summary(element).filter(|_| is_counted),
                    });
                }
            }
        }
        (outcome, current)
    }

    /// What customers may read of an element.
    fn public_summary(&self, element: &Element) -> Option<String> {
        let (_, template) = self.watch.annotations.iter().find(|(name, _)| name == PUBLIC_SUMMARY)?;
        Some(template.render(&self.data(element))).filter(|words| !words.is_empty())
    }

    fn key(&self, labels: &Labels) -> AlertKey {
        AlertKey { rule: self.rule.id.clone(), labels: labels.clone() }
    }

    /// The elements beside the labels of their alerts, in the order of those. Feeds are tracked only where an alert
    /// needs them.
    fn elements(&self) -> Result<Vec<(Labels, Element)>, String> {
        let has_alert = self.rows(&[]).any(|row| !is_over(&row.state));
        let mut elements = query(self.rule, self.asked, self.seen_at, self.context, has_alert)?;
        if !has_alert && elements.iter().any(|element| self.watch.ladder.begins(Some(element.value))) {
            elements = query(self.rule, self.asked, self.seen_at, self.context, true)?;
        }
        let labelled =
            |element| (alert_labels(self.rule, &element, self.source, self.at, self.context), element);
        let mut elements: Vec<(Labels, Element)> = elements.into_iter().map(labelled).collect();
        elements.sort_by(|(one, _), (other, _)| one.cmp(other));
        if elements.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(
                "several results have the same labels after the alert's labels are applied".to_owned()
            );
        }
        Ok(elements)
    }

    fn data<'e>(&'e self, element: &'e Element) -> TemplateData<'e> {
        data(element, self.source, self.at, self.context)
    }

    /// Moves one alert, and says whether there is one that is pending or counts as firing.
    fn one(
        &self,
        labels: &Labels,
        row: Option<&AlertRow>,
        element: Option<&Element>,
        is_answered: bool,
        outcome: &mut Outcome,
    ) -> bool {
        let element = element.filter(|_| row.is_some_and(|row| !is_over(&row.state)) || !self.is_early());
        if row.is_none() && !self.watch.ladder.begins(element.map(|element| element.value)) {
            return false;
        }
        let ladder = self.ladder(labels);
        let mut before = row.map(Standing::of).unwrap_or_default();
        ladder.fit(&mut before);
        let seen = self.see(&before, row, element, is_answered);
        let step = ladder.step(&before, seen, lost_after(self.group.interval), self.at);
        let key = self.key(labels);
        let Some(state) = step.after.state.clone() else {
            outcome.forgotten.extend(row.map(|_| key));
            return false;
        };
        if let Some(row) = row.filter(|row| is_over(&row.state) && is_over(&state)) {
            if is_old(row, self.at) {
                outcome.forgotten.push(key);
            }
            return false;
        }
        let is_over = is_over(&state);
        let is_new = row.is_none_or(|row| self::is_over(&row.state)) && !is_over;
        let feeds = match (row, element) {
            _ if is_over => Vec::new(),
            (Some(row), Some(element)) if !is_new && self.still_feeds(seen) => {
                self.judge.renew(&row.feeds, self.judge.feeds(&element.feeds))
            }
            (Some(row), _) if !is_new => row.feeds.clone(),
            (_, element) => element.map(|element| self.judge.feeds(&element.feeds)).unwrap_or_default(),
        };
        let facts = self.facts(labels, element, row, &state);
        let after = AlertRow {
            key: key.clone(),
            facts: facts.clone(),
            ladder: if is_over { Vec::new() } else { step.after.clocks },
            missing_since: step.after.missing_since.filter(|_| !is_over),
            frozen_ms: step.after.frozen_ms,
            ended_since: step.after.ended_since.filter(|_| !is_over),
            feeds,
            evaluated_at: self.at,
            state,
        };
        outcome.samples.extend(self.alerts_series(&after, element.is_some()));
        let from = row.filter(|_| !is_new).map(|row| row.state.name());
        if let Some(because) = step.because {
            let to = after.state.clone();
            outcome.transitions.push(Transition { key, from, to, facts, because });
        }
        let is_material = row.is_none_or(|row| !same_but_for_figures(row, &after));
        if is_material { &mut outcome.rows } else { &mut outcome.refreshed }.push(after);
        !is_over
    }

    /// The ladder of one alert: a verbatim rule's labels say on which severity it has its one rung.
    fn ladder(&self, labels: &Labels) -> Cow<'_, Ladder> {
        match self.rule.kind {
            RuleKind::Detect(_) | RuleKind::Record => Cow::Borrowed(&self.watch.ladder),
            RuleKind::Alert(_) => {
                let (severity, _) = self.context.mapping.severity_of(labels);
                let mut ladder = self.watch.ladder.clone();
                ladder.rungs.iter_mut().for_each(|rung| rung.severity = severity);
                Cow::Owned(ladder)
            }
        }
    }

    /// Whether the rule says that something is absent that nobody was asked for yet since the start.
    fn is_early(&self) -> bool {
        self.rule.absences.iter().any(|asked| self.source.is_awaiting(&asked.matchers))
    }

    /// Whether what an element gives is of before a restart, so that its alert neither begins nor goes on by it: the
    /// last that was measured before a kill may not be among it.
    fn is_from_before(&self, element: &Element) -> bool {
        element.feeds.iter().any(|series| self.source.is_from_before(*series, self.at))
    }

    /// What was seen of an alert. A series that is not to be had matters only where the alert would otherwise
    /// fall or recover.
    fn see(
        &self,
        before: &Standing,
        row: Option<&AlertRow>,
        element: Option<&Element>,
        is_answered: bool,
    ) -> Seen {
        if element.is_some_and(|element| self.is_from_before(element)) {
            return Seen::Warming;
        }
        let value = element.map(|element| element.value);
        let ladder = &self.watch.ladder;
        let whole = Seen::Measured { value, whole: true };
        let Some(row) = row.filter(|row| !is_over(&row.state)) else { return whole };
        // What was good at the last evaluation has not been missing since before it.
        let not_before = |since: Timestamp| since.max(row.evaluated_at).min(self.at);
        if !is_answered {
            return Seen::Missing { since: not_before(row.evaluated_at) };
        }
        if !ladder.recovers(before, value) {
            if !ladder.falls(before, value) {
                return whole;
            }
            let judged = self.judge.judge(&row.feeds);
            let is_whole = matches!(judged, Judgement::Whole | Judgement::Ended { .. });
            return Seen::Measured { value, whole: is_whole };
        }
        match self.judge.judge(&row.feeds) {
            Judgement::Missing { since } => Seen::Missing { since: not_before(since) },
            Judgement::Warming => Seen::Warming,
            // Others measure on what those measured that are gone.
            Judgement::Ended { since } if element.is_none() => Seen::Ended { since: not_before(since) },
            Judgement::Ended { .. } | Judgement::Whole => whole,
        }
    }

    /// Whether what feeds the element now feeds its alert: not while the alert is on its way out.
    fn still_feeds(&self, seen: Seen) -> bool {
        match seen {
            Seen::Measured { value, .. } => !self.watch.ladder.clears(value),
            _ => false,
        }
    }

    fn facts(
        &self,
        labels: &Labels,
        element: Option<&Element>,
        row: Option<&AlertRow>,
        state: &AlertState,
    ) -> AlertFacts {
        let watch = self.watch;
        let counts = match self.rule.kind {
            RuleKind::Alert(_) => self.context.mapping.severity_of(labels).1,
            RuleKind::Detect(_) | RuleKind::Record => true,
        };
        let mut facts = match (element, row) {
            (None, Some(row)) => row.facts.clone(),
            _ => AlertFacts {
                name: self.rule.name.clone(),
                role: match self.rule.kind {
                    RuleKind::Detect(_) => watch.role,
                    _ => self.context.mapping.role_of(labels),
                },
                // What a rule says of itself comes before what its labels say.
                component: self.rule.component.clone().or_else(|| self.context.mapping.component_of(labels)),
                counts,
                status: row.and_then(|row| row.facts.status),
                annotations: Labels::empty(),
                incident_key: None,
                public_cause: None,
                value: None,
                threshold: row.and_then(|row| row.facts.threshold),
                clear: watch.ladder.lowest().and_then(|rung| rung.limit.clear()),
                interval_ms: u64::try_from(self.group.interval.as_millis()).unwrap_or(u64::MAX),
            },
        };
        if let Some(element) = element {
            let data = self.data(element);
            facts.annotations =
                watch.annotations.iter().map(|(name, template)| (name, template.render(&data))).collect();
            facts.incident_key = watch.incident_key.as_ref().map(|template| template.render(&data));
            facts.public_cause = watch.public_cause.as_ref().map(|template| template.render(&data));
            facts.value = Some(element.value).filter(|value| value.is_finite());
        }
        // What a resolved alert was about at the last is what it stays; a pending one is about the lowest rung.
        if !is_over(state) {
            let severity = state.severity();
            facts.status = severity.and_then(|severity| watch.status.get(&severity).copied());
            let rung = match severity {
                Some(severity) => watch.ladder.rung(severity),
                None => watch.ladder.lowest(),
            };
            facts.threshold = rung.and_then(|rung| rung.limit.threshold());
        }
        facts
    }

    /// `ALERTS` and `ALERTS_FOR_STATE` as Prometheus writes them, for rules that read them. An alert that is
    /// only kept for want of data has no element and is none to Prometheus.
    fn alerts_series(&self, row: &AlertRow, is_there: bool) -> Vec<Recorded> {
        let word = match row.state {
            AlertState::Pending { .. } if is_there => "pending",
            AlertState::Firing { .. } | AlertState::Lost { .. } if is_there => "firing",
            AlertState::Clearing { .. } => "firing",
            _ => return Vec::new(),
        };
        let series = |name: &str| row.key.labels.with(METRIC_NAME, name);
        let feeds = row.feeds.clone();
        let since = row.state.breached_at().as_secs_f64().floor();
        vec![
            Recorded { labels: series(ALERTS).with("alertstate", word), value: 1.0, feeds: feeds.clone() },
            Recorded { labels: series(ALERTS_FOR_STATE), value: since, feeds },
        ]
    }
}

impl Standing {
    fn of(row: &AlertRow) -> Self {
        Self {
            state: Some(row.state.clone()),
            clocks: row.ladder.clone(),
            missing_since: row.missing_since,
            ended_since: row.ended_since,
            frozen_ms: row.frozen_ms,
        }
    }
}

fn is_over(state: &AlertState) -> bool {
    matches!(state, AlertState::Resolved { .. })
}

/// Whether the rows differ in nothing that the next evaluation, or a restart, would miss.
fn same_but_for_figures(before: &AlertRow, after: &AlertRow) -> bool {
    let bare = |row: &AlertRow| {
        let facts = AlertFacts { value: None, annotations: Labels::empty(), ..row.facts.clone() };
        AlertRow { facts, evaluated_at: Timestamp::default(), ..row.clone() }
    };
    bare(before) == bare(after)
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
