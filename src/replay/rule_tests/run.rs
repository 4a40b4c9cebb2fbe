//! Lives through a group of tests.
//!
//! In:   series, rule files, what is expected.
//! Out:  what is not as expected; what is odd about the rules.
//! Not:  no rule of evaluation is here: groups are evaluated in turn, each rule by `rules::evaluate`.
//!
//! Rules are evaluated from the start on at each `evaluation_interval` up to the last time that a test asks for, whatever
//! interval their group has. They see the samples up to then and no later one. What a test asks for between two
//! evaluations is what the earlier one found.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::{Labels, Matcher, Problem, Problems, STALE_NAN, Timestamp};
use crate::promql::{
    self, Amount, Feed, HistogramSample, Loaded, Presence, Sample, Samples, SeriesId, Source, Value,
};
use crate::rules::{self, Alerts, Context, Group, UnknownKeys};

use super::file::{Alert, AlertTest, Expected, Suite, TestGroup, ValueTest};
use super::{Read, compare, shown};

/// More evaluations than this in a group of tests are a mistake: a time in years, an interval in milliseconds.
const EVALUATIONS_MAX: u128 = 5_000_000;

/// What a rule recorded when it was last evaluated: what is no longer among it has ended.
type Last = BTreeSet<Labels>;

pub(super) fn run(
    suite: &Suite,
    tests: &TestGroup,
    files: &[Read],
    unknown_keys: UnknownKeys,
) -> Result<(Vec<String>, Problems), Problems> {
    let context = Context {
        default_interval: suite.evaluation_interval,
        external_labels: tests.external_labels.clone(),
        external_url: tests.external_url.clone(),
        unknown_keys,
        ..Context::default()
    };
    let (groups, lint) = groups(suite, files, &context)?;
    let end = tests.alerts.iter().map(|test| test.after).chain(tests.values.iter().map(|test| test.after));
    let end = end.max().unwrap_or_default();
    if EVALUATIONS_MAX < end.as_millis() / suite.evaluation_interval.as_millis().max(1) {
        let what =
            format!("`{}` is too long to be evaluated each {}", shown(end), shown(suite.evaluation_interval));
        return Err(Problem::error(None, what).into());
    }
    let mut life = Life {
        suite,
        tests,
        context,
        last: groups.iter().map(|group| vec![Last::new(); group.rules.len()]).collect(),
        groups,
        world: world(tests),
        alerts: Alerts::default(),
        failures: Vec::new(),
    };
    let mut after = Duration::ZERO;
    let mut evaluated = Duration::ZERO;
    while after <= end {
        if !life.evaluate(after) {
            return Ok((life.failures, lint));
        }
        life.check_alerts(after);
        evaluated = after;
        after += suite.evaluation_interval;
    }
    life.check_values(evaluated);
    Ok((life.failures, lint))
}

/// The groups of all files in the order in which they are evaluated.
fn groups(suite: &Suite, files: &[Read], context: &Context) -> Result<(Vec<Group>, Problems), Problems> {
    let (mut groups, mut problems) = (Vec::new(), Problems::new());
    for file in files {
        let (read, found) = rules::load(&file.name, &file.text, context);
        groups.extend(read);
        problems.extend(found);
    }
    if problems.has_errors() {
        return Err(problems);
    }
    rules::unique_ids(&mut groups);
    // Those that are not named keep the order of the files and come first with the first of those that are.
    let rank = |group: &Group| suite.group_order.iter().position(|name| *name == group.name).unwrap_or(0);
    groups.sort_by_key(rank);
    Ok((groups, problems))
}

fn world(tests: &TestGroup) -> Loaded {
    let mut world = Loaded::new();
    for (labels, samples) in &tests.series {
        let (mut floats, mut histograms) = (Vec::new(), Vec::new());
        for (at, amount) in samples.iter().cloned() {
            match amount {
                Amount::Float(value) => floats.push(Sample { at, value }),
                Amount::Histogram(value) => histograms.push(HistogramSample { at, value }),
            }
        }
        world.add(labels.clone(), floats);
        world.add_histograms(labels.clone(), histograms);
    }
    world
}

struct Life<'a> {
    suite: &'a Suite,
    tests: &'a TestGroup,
    context: Context,
    groups: Vec<Group>,
    world: Loaded,
    alerts: Alerts,
    /// For each group, for each of its rules.
    last: Vec<Vec<Last>>,
    failures: Vec<String>,
}

impl Life<'_> {
    /// Evaluates every rule; says whether all could be.
    fn evaluate(&mut self, after: Duration) -> bool {
        let at = self.tests.start + after;
        let before = self.failures.len();
        for (group, last) in self.groups.iter().zip(&mut self.last) {
            let recorded_at = at - group.query_offset;
            for (rule, last) in group.rules.iter().zip(last) {
                let source = Seen { world: &self.world, until: at };
                let outcome = rules::evaluate(rule, group, &self.alerts, &source, at, &self.context);
                self.alerts.apply(&outcome);
                if let Err(why) = outcome.health {
                    self.failures.push(format!("rule `{}` fails at {}: {why}", rule.name, shown(after)));
                    continue;
                }
                let mut now = Last::new();
                for sample in outcome.samples {
                    now.insert(sample.labels.clone());
                    self.world.record(sample.labels, Sample { at: recorded_at, value: sample.value });
                }
                for ended in last.difference(&now) {
                    let value = f64::from_bits(STALE_NAN);
                    self.world.record(ended.clone(), Sample { at: recorded_at, value });
                }
                *last = now;
            }
        }
        before == self.failures.len()
    }

    fn check_alerts(&mut self, after: Duration) {
        let is_due =
            |test: &&AlertTest| after <= test.after && test.after < after + self.suite.evaluation_interval;
        let mut due: Vec<&AlertTest> = self.tests.alerts.iter().filter(is_due).collect();
        due.sort_by_key(|test| test.after);
        for test in due {
            let found = self.firing(&test.name);
            if found != test.expected {
                self.failures.push(compare::alerts(&test.name, test.after, &test.expected, &found));
            }
        }
    }

    /// The alerts called `name` that fire, of whatever group.
    fn firing(&self, name: &str) -> Vec<Alert> {
        let texts = |labels: &Labels| labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let rows = self.alerts.rows().filter(|row| row.facts.name == name && row.state.is_active());
        let mut found: Vec<Alert> = rows
            .map(|row| Alert { labels: texts(&row.key.labels), annotations: texts(&row.facts.annotations) })
            .collect();
        found.sort();
        found
    }

    fn check_values(&mut self, evaluated: Duration) {
        for test in &self.tests.values {
            let failure = match self.value(test, evaluated) {
                Err(why) => Some(format!("`{}` fails at {}: {why}", test.expr, shown(test.after))),
                Ok(mut found) => {
                    let mut expected = test.expected.clone();
                    expected.sort_by(|a, b| a.labels.cmp(&b.labels));
                    found.sort_by(|a, b| a.labels.cmp(&b.labels));
                    let is_same = compare::same(&expected, &found, self.suite.fuzzy);
                    (!is_same)
                        .then(|| compare::values(&test.expr, test.after, &expected, &found, self.suite.fuzzy))
                }
            };
            self.failures.extend(failure);
        }
    }

    fn value(&self, test: &ValueTest, evaluated: Duration) -> Result<Vec<Expected>, String> {
        let expr = promql::parse(&test.expr).map_err(|error| error.to_string())?;
        let source = Seen { world: &self.world, until: self.tests.start + evaluated };
        let options =
            promql::Options { subquery_step: self.suite.evaluation_interval, ..promql::Options::default() };
        let value = promql::evaluate(&expr, &source, self.tests.start + test.after, &options);
        match value.map_err(|error| error.to_string())? {
            Value::Scalar(value) => {
                Ok(vec![Expected { labels: Labels::empty(), amount: Amount::Float(value) }])
            }
            Value::Vector(items) => {
                let found = |item: promql::Item| Expected { labels: item.labels, amount: item.amount };
                Ok(items.into_iter().map(found).collect())
            }
            Value::Matrix(_) | Value::Text(_) => Err("it gives neither a vector nor a scalar".to_owned()),
        }
    }
}

/// The series as they were at a time: nobody knows the future.
struct Seen<'a> {
    world: &'a Loaded,
    until: Timestamp,
}

impl Source for Seen<'_> {
    fn select_samples(
        &self,
        matchers: &[Matcher],
        after: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(SeriesId, &Labels, Samples<'_>),
    ) {
        self.world.select_samples(matchers, after, until.min(self.until), visit);
    }

    fn feeds(&self, series: SeriesId) -> Vec<Feed> {
        self.world.feeds(series)
    }

    fn presence(&self, feed: &Feed, window: Duration, at: Timestamp) -> Presence {
        self.world.presence(feed, window, at)
    }
}
