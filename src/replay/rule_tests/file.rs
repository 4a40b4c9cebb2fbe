//! Reads a file of rule tests.
//!
//! In:   the text of a file.
//! Out:  its groups of tests with every default filled in, or every problem with its place.
//! Not:  no rule file is opened, and nothing is run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::yaml::{self, Content, Node, Scalar};
use crate::model::{Labels, Place, Problem, Problems, Span, Timestamp, parse_duration, parse_value, suggest};
use crate::promql::{Amount, Histogram, read_series};

/// Evaluation where the file says nothing else.
const EVALUATION_INTERVAL: Duration = Duration::from_mins(1);

/// A file of tests.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) rule_files: Vec<String>,
    pub(super) evaluation_interval: Duration,
    /// Names of rule groups in the order in which they are evaluated.
    pub(super) group_order: Vec<String>,
    /// Whether values may differ in the last bit.
    pub(super) fuzzy: bool,
    pub(super) groups: Vec<TestGroup>,
}

/// Tests over the same series.
#[derive(Debug)]
pub(super) struct TestGroup {
    pub(super) name: String,
    pub(super) start: Timestamp,
    pub(super) series: Vec<(Labels, Vec<(Timestamp, Amount)>)>,
    pub(super) external_labels: Labels,
    pub(super) external_url: String,
    pub(super) alerts: Vec<AlertTest>,
    pub(super) values: Vec<ValueTest>,
}

/// The alerts of one name that must fire at a time.
#[derive(Debug)]
pub(super) struct AlertTest {
    pub(super) after: Duration,
    pub(super) name: String,
    pub(super) expected: Vec<Alert>,
}

/// A label set and annotations; an empty value is one here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alert {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// What an expression must give at a time.
#[derive(Debug)]
pub(super) struct ValueTest {
    pub(super) after: Duration,
    pub(super) expr: String,
    pub(super) expected: Vec<Expected>,
}

/// An element that an expression must give.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expected {
    pub(super) labels: Labels,
    pub(super) amount: Amount,
}

/// Reads the text of a file.
pub(super) fn read(file: &Arc<str>, text: &str) -> Result<Suite, Problems> {
    let mut reader = Reader { file, text, problems: Problems::new() };
    let document = match yaml::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let place = error.at.map_or_else(|| Place::whole_file(file), |at| reader.place(at));
            return Err(Problem::error(place, format!("not readable as YAML: {error}")).into());
        }
    };
    let suite = reader.suite(&document.root);
    if reader.problems.has_errors() { Err(reader.problems) } else { Ok(suite) }
}

struct Reader<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    problems: Problems,
}

impl Reader<'_> {
    fn place(&self, at: Span) -> Place {
        Place::new(self.file, self.text, at)
    }

    fn error(&mut self, at: Span, what: impl Into<String>) {
        let problem = Problem::error(self.place(at), what);
        self.problems.add(problem);
    }

    /// The values of `known` keys, in their order; any other key is noted.
    fn fields<'n, const N: usize>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: [&str; N],
    ) -> [Option<&'n Node>; N] {
        let mut found = [None; N];
        let Content::Map(entries) = &node.content else {
            if !matches!(node.content, Content::Null) {
                self.error(node.at, format!("{what} must be a mapping, not {}", node.kind()));
            }
            return found;
        };
        for (key, value) in entries {
            match known.iter().position(|name| *name == key.value) {
                Some(_) if matches!(value.content, Content::Null) => {}
                Some(at) => found[at] = Some(value),
                None => {
                    let hint = suggest::meant(&key.value, known);
                    let problem =
                        Problem::error(self.place(key.at), format!("{what} has no key `{}`", key.value));
                    let hint = hint.unwrap_or_else(|| format!("there are {}", known.join(", ")));
                    self.problems.add(problem.hint(hint));
                }
            }
        }
        found
    }

    fn list<'n>(&mut self, node: Option<&'n Node>, what: &str) -> &'n [Node] {
        match node.map(|node| (node, &node.content)) {
            None => &[],
            Some((_, Content::List(items))) => items,
            Some((node, _)) => {
                self.error(node.at, format!("{what} must be a list, not {}", node.kind()));
                &[]
            }
        }
    }

    fn scalar<'n>(&mut self, node: Option<&'n Node>, what: &str) -> Option<&'n Scalar> {
        let node = node?;
        match &node.content {
            Content::Scalar(scalar) => Some(scalar),
            _ => {
                self.error(node.at, format!("{what} must be a single value, not {}", node.kind()));
                None
            }
        }
    }

    fn text(&mut self, node: Option<&Node>, what: &str) -> String {
        self.scalar(node, what).map(|scalar| scalar.value.clone()).unwrap_or_default()
    }

    fn duration(&mut self, node: Option<&Node>, what: &str) -> Duration {
        let Some(scalar) = self.scalar(node, what) else { return Duration::ZERO };
        parse_duration(&scalar.value).unwrap_or_else(|error| {
            self.error(scalar.at, format!("{what}: {error}"));
            Duration::ZERO
        })
    }

    fn texts(&mut self, node: Option<&Node>, what: &str) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        let Some(node) = node else { return texts };
        let Content::Map(entries) = &node.content else {
            self.error(node.at, format!("{what} must be a mapping, not {}", node.kind()));
            return texts;
        };
        for (key, value) in entries {
            let text = match &value.content {
                Content::Null => String::new(),
                _ => self.text(Some(value), &format!("`{}` in {what}", key.value)),
            };
            texts.insert(key.value.clone(), text);
        }
        texts
    }

    fn suite(&mut self, root: &Node) -> Suite {
        let known = ["rule_files", "evaluation_interval", "group_eval_order", "fuzzy_compare", "tests"];
        let [rule_files, interval, order, fuzzy, tests] = self.fields(root, "a file of rule tests", known);
        let evaluation_interval = Some(self.duration(interval, "`evaluation_interval`"))
            .filter(|interval| !interval.is_zero())
            .unwrap_or(EVALUATION_INTERVAL);
        let mut names = BTreeSet::new();
        let mut group_order = Vec::new();
        for node in self.list(order, "`group_eval_order`") {
            let name = self.text(Some(node), "a name under `group_eval_order`");
            if !names.insert(name.clone()) {
                self.error(node.at, format!("`{name}` is named twice under `group_eval_order`"));
            }
            group_order.push(name);
        }
        let fuzzy = self.scalar(fuzzy, "`fuzzy_compare`").is_some_and(|word| self.switch(word));
        let rule_files = self.list(rule_files, "`rule_files`").iter();
        let rule_files: Vec<&Node> = rule_files.collect();
        let rule_files = rule_files.into_iter().map(|node| self.text(Some(node), "a rule file")).collect();
        let tests = self.list(tests, "`tests`").iter().collect::<Vec<_>>();
        let groups = tests.into_iter().map(|node| self.group(node, evaluation_interval)).collect();
        Suite { rule_files, evaluation_interval, group_order, fuzzy, groups }
    }

    fn switch(&mut self, word: &Scalar) -> bool {
        match word.value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => true,
            "false" | "no" | "off" => false,
            other => {
                self.error(word.at, format!("`fuzzy_compare` must be `true` or `false`, not `{other}`"));
                false
            }
        }
    }

    fn group(&mut self, node: &Node, evaluation_interval: Duration) -> TestGroup {
        let known = [
            "interval",
            "input_series",
            "name",
            "alert_rule_test",
            "promql_expr_test",
            "external_labels",
            "external_url",
            "start_timestamp",
        ];
        let [interval, series, name, alerts, values, labels, url, start] =
            self.fields(node, "a group of tests", known);
        let interval = Some(self.duration(interval, "`interval`"))
            .filter(|interval| !interval.is_zero())
            .unwrap_or(evaluation_interval);
        let start =
            self.scalar(start, "`start_timestamp`").map_or_else(Timestamp::default, |at| self.instant(at));
        let mut read = Vec::new();
        for node in self.list(series, "`input_series`") {
            read.extend(self.series(node, interval, start));
        }
        let mut alert_tests = Vec::new();
        for node in self.list(alerts, "`alert_rule_test`") {
            alert_tests.extend(self.alert_test(node));
        }
        let mut value_tests = Vec::new();
        for node in self.list(values, "`promql_expr_test`") {
            value_tests.push(self.value_test(node));
        }
        TestGroup {
            name: self.text(name, "`name`"),
            start,
            series: read,
            external_labels: self.texts(labels, "`external_labels`").into_iter().collect(),
            external_url: self.text(url, "`external_url`"),
            alerts: alert_tests,
            values: value_tests,
        }
    }

    /// Seconds since the epoch, or a time as RFC 3339 writes it.
    fn instant(&mut self, at: &Scalar) -> Timestamp {
        let seconds = parse_value(&at.value).filter(|seconds| seconds.abs() < 1e12);
        match seconds.map(|seconds| Timestamp::from_millis((seconds * 1000.0).round() as i64)) {
            Some(seconds) => seconds,
            None => Timestamp::parse_rfc3339(&at.value).unwrap_or_else(|| {
                let what = format!("`start_timestamp` can't be `{}`", at.value);
                let hint = "write seconds since 1970, or a time such as `2024-01-01T00:00:00Z`";
                let problem = Problem::error(self.place(at.at), what).hint(hint);
                self.problems.add(problem);
                Timestamp::default()
            }),
        }
    }

    fn series(
        &mut self,
        node: &Node,
        interval: Duration,
        start: Timestamp,
    ) -> Option<(Labels, Vec<(Timestamp, Amount)>)> {
        let [series, values] = self.fields(node, "a series", ["series", "values"]);
        let (head, values) = (self.text(series, "`series`"), self.text(values, "`values`"));
        match read_series(&format!("{head} {values}"), interval) {
            Ok((labels, samples)) => {
                let later = |(at, amount): (Timestamp, Amount)| {
                    (Timestamp::from_millis(at.as_millis().saturating_add(start.as_millis())), amount)
                };
                Some((labels, samples.into_iter().map(later).collect()))
            }
            Err(why) => {
                self.error(node.at, why);
                None
            }
        }
    }

    fn alert_test(&mut self, node: &Node) -> Option<AlertTest> {
        let [after, name, expected] =
            self.fields(node, "a test of alerts", ["eval_time", "alertname", "exp_alerts"]);
        let name = self.text(name, "`alertname`");
        if name.is_empty() {
            self.error(node.at, "a test of alerts must have an `alertname`");
            return None;
        }
        let mut alerts = Vec::new();
        for node in self.list(expected, "`exp_alerts`") {
            let [labels, annotations] = self.fields(node, "an alert", ["exp_labels", "exp_annotations"]);
            let mut labels = self.texts(labels, "`exp_labels`");
            labels.insert("alertname".to_owned(), name.clone());
            alerts.push(Alert { labels, annotations: self.texts(annotations, "`exp_annotations`") });
        }
        alerts.sort();
        Some(AlertTest { after: self.duration(after, "`eval_time`"), name, expected: alerts })
    }

    fn value_test(&mut self, node: &Node) -> ValueTest {
        let [after, expr, expected] =
            self.fields(node, "a test of an expression", ["eval_time", "expr", "exp_samples"]);
        let mut samples = Vec::new();
        for node in self.list(expected, "`exp_samples`") {
            samples.extend(self.expected(node));
        }
        ValueTest {
            after: self.duration(after, "`eval_time`"),
            expr: self.text(expr, "`expr`"),
            expected: samples,
        }
    }

    fn expected(&mut self, node: &Node) -> Option<Expected> {
        let [labels, value, histogram] = self.fields(node, "a sample", ["labels", "value", "histogram"]);
        let labels = match self.scalar(labels, "`labels`") {
            Some(text) if !text.value.trim().is_empty() => match read_series(&text.value, Duration::ZERO) {
                Ok((labels, samples)) if samples.is_empty() => labels,
                Ok(_) => {
                    self.error(text.at, format!("`{}` has values; they go under `value`", text.value));
                    return None;
                }
                Err(why) => {
                    self.error(text.at, why);
                    return None;
                }
            },
            _ => Labels::empty(),
        };
        if let Some(text) = self.scalar(histogram, "`histogram`").filter(|text| !text.value.trim().is_empty())
        {
            return match histogram_of(&text.value) {
                Some(amount) => Some(Expected { labels, amount }),
                None => {
                    self.error(text.at, format!("`{}` is not one histogram", text.value));
                    None
                }
            };
        }
        let value = match self.scalar(value, "`value`") {
            None => Some(0.0),
            Some(text) => {
                let value = number(&text.value);
                if value.is_none() {
                    self.error(text.at, format!("`value` must be a number, not `{}`", text.value));
                }
                value
            }
        };
        Some(Expected { labels, amount: Amount::Float(value?) })
    }
}

/// A number as YAML or PromQL writes it.
fn number(text: &str) -> Option<f64> {
    match text.strip_prefix(['+', '-']).unwrap_or(text) {
        ".inf" | ".Inf" | ".INF" => {
            Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY })
        }
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        _ => parse_value(text),
    }
}

fn histogram_of(text: &str) -> Option<Amount> {
    let (_, samples) = read_series(&format!("{{}} {text}"), Duration::from_secs(1)).ok()?;
    let [(_, amount)] = samples.as_slice() else { return None };
    let _: &Histogram = amount.histogram()?;
    Some(amount.clone())
}
