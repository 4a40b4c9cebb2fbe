//! Reads a rule file: Prometheus's `alert:` and `record:` as they are, and our `detect:` beside them.
//!
//! In:   the text of a file; `PrometheusRule` objects of Kubernetes are one too, also several.
//! Out:  its groups, and every problem with its place. A rule with an error is left out.
//! Not:  no file is opened. Whether a component exists, and whether two files fit together, is for `config`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::yaml::{self, Content, Node, Scalar};
use crate::model::{METRIC_NAME, Place, Problem, Problems, RuleId, Severity};
use crate::promql::{Expr, ValueType};

use super::ladder::{Ladder, OnMissing, Rung};
use super::limit::Limit;
use super::reader::{Fields, Reader};
use super::rule::{Group, Rule, RuleKind, Watch};
use super::template::Template;
use super::{Context, Role, detect, kubernetes, unique_ids};

/// The words of `on_missing`.
pub(super) const ON_MISSING: [(&str, OnMissing); 3] =
    [("hold", OnMissing::Hold), ("resolve", OnMissing::Resolve), ("fire", OnMissing::Fire)];
/// The annotation by which a verbatim rule says what a missing measurement does.
const ON_MISSING_ANNOTATION: &str = "fogsignal_on_missing";

/// The groups of a file, and what is wrong with it. Where a problem is an error the file can't be used as a
/// whole, though what is right of it is given.
pub fn load(file: &Arc<str>, text: &str, context: &Context) -> (Vec<Group>, Problems) {
    let mut reader = Reader::new(file, text, context.unknown_keys);
    let mut groups = Vec::new();
    let (mut document, mut began) = (yaml::parse(text), 0);
    loop {
        let read = match document {
            Ok(read) => read,
            Err(error) => {
                let place = error.at.map_or_else(|| Place::whole_file(file), |at| reader.place(at));
                reader.problems.add(Problem::error(place, format!("not readable as YAML: {error}")));
                return (Vec::new(), reader.problems);
            }
        };
        let at = read.root.at;
        let is_object = kubernetes::is_object(&read.root);
        if is_object {
            for spec in kubernetes::specs(&mut reader, read.root) {
                groups.extend(document_groups(&mut reader, spec, "`spec`", Kind::Kubernetes, context));
            }
        } else {
            groups.extend(document_groups(&mut reader, read.root, "a rule file", Kind::Plain, context));
        }
        match read.second {
            Some(second) if is_object && began < second.start => {
                began = second.start;
                document = yaml::parse_from(text, second);
            }
            Some(_) => {
                reader.warning(at, "only the first document of the file is read");
                break;
            }
            None => break,
        }
    }
    unique_ids(&mut groups);
    (groups, reader.problems)
}

/// Where groups stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// In a rule file of Prometheus.
    Plain,
    /// In a `PrometheusRule`, whose groups may also say what Thanos does with partial answers.
    Kubernetes,
}

/// The rules of a document that were read so far, by name and labels.
type Seen = BTreeMap<(String, BTreeMap<String, String>), ()>;

/// The groups under `groups:` of a document. The tree of each goes as soon as it is read: that of ten thousand rules is
/// larger than the rules.
fn document_groups(
    reader: &mut Reader<'_>,
    root: Node,
    what: &str,
    kind: Kind,
    context: &Context,
) -> Vec<Group> {
    let mut groups = Vec::new();
    if !matches!(root.content, Content::Null)
        && let Some(mut fields) = reader.fields(&root, what)
    {
        let list = fields.take("groups");
        reader.finish(&fields, what);
        list.map(|list| reader.list(list, "`groups`"));
        let (mut names, mut seen) = (BTreeSet::new(), Seen::new());
        for node in root.into_value("groups").map(Node::into_items).unwrap_or_default() {
            groups.extend(group(reader, &node, kind, &mut names, &mut seen, context));
        }
    }
    groups
}

fn group(
    reader: &mut Reader<'_>,
    node: &Node,
    kind: Kind,
    names: &mut BTreeSet<String>,
    seen: &mut Seen,
    context: &Context,
) -> Option<Group> {
    let mut fields = reader.fields(node, "a group")?;
    let name = name_of_group(reader, &mut fields, names);
    let duration = |reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str| {
        let node = fields.take(key)?;
        reader.duration(node, &format!("`{key}`"))
    };
    let interval = duration(reader, &mut fields, "interval").filter(|interval| !interval.is_zero());
    let query_offset = duration(reader, &mut fields, "query_offset").unwrap_or(context.query_offset);
    let limit = fields.take("limit").and_then(|node| limit(reader, node)).filter(|limit| *limit > 0);
    let labels: BTreeMap<String, Scalar> = label_texts(reader, fields.take("labels"), "the group's `labels`");
    let rules = fields.take("rules");
    if kind == Kind::Kubernetes {
        fields.take("partial_response_strategy");
    }
    reader.finish(&fields, "a group");
    let nodes = rules.map(|list| reader.list(list, "`rules`")).unwrap_or_default();
    let mut read = Vec::with_capacity(nodes.len());
    for node in nodes {
        read.extend(rule(reader, node, &labels, seen, context));
    }
    Some(Group {
        name: name?,
        file: reader.file.clone(),
        interval: interval.unwrap_or(context.default_interval),
        query_offset,
        limit,
        labels: labels.into_iter().map(|(name, value)| (name, value.value)).collect(),
        rules: read,
    })
}

fn name_of_group(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    names: &mut BTreeSet<String>,
) -> Option<String> {
    let Some(node) = fields.take("name") else {
        reader.error_with_hint(fields.span, "a group has no name", "add `name:`");
        return None;
    };
    let name = reader.scalar(node, "`name`")?;
    if name.value.is_empty() {
        reader.error(name.at, "a group's name is empty");
        return None;
    }
    if !names.insert(name.value.clone()) {
        let what = format!("there are two groups called `{}` in this file", name.value);
        reader.error_with_hint(name.at, what, "give one another name, or put their rules together");
        return None;
    }
    Some(name.value.clone())
}

fn limit(reader: &mut Reader<'_>, node: &Node) -> Option<usize> {
    let scalar = reader.scalar(node, "`limit`")?;
    let limit = scalar.value.parse().ok();
    if limit.is_none() {
        reader.error(scalar.at, format!("`limit` must be a whole number from 0, not `{}`", scalar.value));
    }
    limit
}

/// The labels of a rule or group; names that can't be one are noted.
fn label_texts(reader: &mut Reader<'_>, node: Option<&Node>, what: &str) -> BTreeMap<String, Scalar> {
    let mut labels = BTreeMap::new();
    for (name, value) in node.map(|node| reader.texts(node, what)).unwrap_or_default() {
        if name.value.is_empty() || name.value == METRIC_NAME {
            reader.error(name.at, format!("`{}` can't be a label's name in {what}", name.value));
        } else {
            labels.insert(name.value, value);
        }
    }
    labels
}

/// What a rule is called, by which key.
enum Named<'n> {
    Record(&'n Scalar),
    Alert(&'n Scalar),
    Detect(&'n Scalar),
}

fn rule(
    reader: &mut Reader<'_>,
    node: &Node,
    group_labels: &BTreeMap<String, Scalar>,
    seen: &mut Seen,
    context: &Context,
) -> Option<Rule> {
    let mut fields = reader.fields(node, "a rule")?;
    let errors_before = reader.problems.iter().len();
    let named = named(reader, &mut fields)?;
    let (name, what) = match named {
        Named::Record(name) => (name, "a recording rule"),
        Named::Alert(name) => (name, "an alerting rule"),
        Named::Detect(name) => (name, "a `detect` rule"),
    };
    let expr = expression(reader, &mut fields, what);
    let own_labels = label_texts(reader, fields.take("labels"), "`labels`");
    let mut labels = group_labels.clone();
    labels.extend(own_labels);
    note_twin(reader, &named, name, &labels, seen);
    let is_record = matches!(named, Named::Record(_));
    let role = labels.get(&context.mapping.role).and_then(|role| Role::from_word(&role.value));
    let labels = labels
        .into_iter()
        .filter_map(|(label, value)| {
            let template = if is_record {
                Some(Template::plain(&value.value))
            } else {
                reader.template(&value, &format!("label `{label}`"))
            };
            Some((label, template?))
        })
        .collect();
    let mut components = Vec::new();
    let mut component = None;
    let kind = match named {
        Named::Record(name) => {
            check_recording(reader, &mut fields, name);
            Some(RuleKind::Record)
        }
        Named::Alert(_) => alert(reader, &mut fields).map(RuleKind::Alert),
        Named::Detect(_) => {
            let read = detect::watch(reader, &mut fields);
            component = read.component.as_ref().map(|(id, _)| id.clone());
            components.extend(read.component);
            components.extend(read.breakdown_components);
            read.watch.map(RuleKind::Detect)
        }
    };
    reader.finish(&fields, what);
    let has_error =
        reader.problems.iter().skip(errors_before).any(|problem| problem.level == crate::model::Level::Error);
    if has_error {
        return None;
    }
    let kind = kind?;
    let role = match &kind {
        RuleKind::Record => None,
        RuleKind::Alert(_) => role,
        RuleKind::Detect(watch) => Some(watch.role),
    };
    let expr = expr?;
    Some(Rule {
        id: RuleId::new("", &name.value, 0),
        name: name.value.clone(),
        window: expr.demand().iter().map(|demand| demand.window).max().unwrap_or_default(),
        absences: expr.absences(),
        expr,
        kind,
        component,
        history: if role == Some(Role::Backlog) { context.eta_window } else { Duration::ZERO },
        place: reader.place(name.at),
        components,
        labels,
    })
}

fn named<'n>(reader: &mut Reader<'_>, fields: &mut Fields<'n>) -> Option<Named<'n>> {
    let given: Vec<(&str, &'n Node)> =
        ["record", "alert", "detect"].into_iter().filter_map(|key| Some((key, fields.take(key)?))).collect();
    match given.as_slice() {
        [] => {
            let what = "a rule must have one of `alert`, `record` and `detect`";
            let typed = fields.misspelt(["alert", "record", "detect"]);
            match typed {
                Some((span, typed, close)) => {
                    let hint = format!("did you mean `{close}` where `{typed}` stands?");
                    reader.error_with_hint(span, what, hint);
                }
                None => reader.error(fields.span, what),
            }
            None
        }
        [(key, node)] => {
            let name = reader.scalar(node, &format!("`{key}`"))?;
            if name.value.is_empty() {
                reader.error(name.at, format!("`{key}` is empty"));
                return None;
            }
            Some(match *key {
                "record" => Named::Record(name),
                "alert" => Named::Alert(name),
                _ => Named::Detect(name),
            })
        }
        [(first, _), (second, node), ..] => {
            reader.error(node.at, format!("a rule can't have both `{first}` and `{second}`"));
            None
        }
    }
}

fn expression(reader: &mut Reader<'_>, fields: &mut Fields<'_>, what: &str) -> Option<Expr> {
    let node = fields.take("expr");
    match node {
        Some(Node { content: Content::Scalar(scalar), .. }) if scalar.value.trim().is_empty() => {
            reader.error(scalar.at, "`expr` is empty");
            None
        }
        Some(node) => measurable(reader, node, "`expr`"),
        None => {
            // A key that is only mistyped is told as such.
            if fields.misspelt(["expr"]).is_none() {
                reader.error(fields.span, format!("{what} must have an `expr`"));
            }
            None
        }
    }
}

/// An expression that a rule can use: one that gives numbers, alone or one for each series.
pub(super) fn measurable(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Expr> {
    let expr = reader.expression(node, what)?;
    let given = expr.value_type();
    let hint = match given {
        ValueType::Scalar | ValueType::Vector => return Some(expr),
        ValueType::Matrix => "put the range in a function, as in `rate(x[5m])`",
        ValueType::Text => "write the expression without the quotes around it",
    };
    let message =
        format!("{what} gives a {}, and a rule needs a scalar or an instant vector", given.as_str());
    reader.error_with_hint(node.at, message, hint);
    None
}

/// Two rules of one name and the same labels are legal in a file, but hardly meant.
fn note_twin(
    reader: &mut Reader<'_>,
    named: &Named<'_>,
    name: &Scalar,
    labels: &BTreeMap<String, Scalar>,
    seen: &mut Seen,
) {
    let kind = if matches!(named, Named::Record(_)) { "record" } else { "alert" };
    let labels = labels.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect();
    if seen.insert((format!("{kind} {}", name.value), labels), ()).is_some() {
        let what =
            format!("another rule of this file is called `{}` too and sets the same labels", name.value);
        reader.warning(name.at, what);
    }
}

fn check_recording(reader: &mut Reader<'_>, fields: &mut Fields<'_>, name: &Scalar) {
    if name.value.contains(['{', '}']) {
        reader.error_with_hint(
            name.at,
            format!("`{}` can't be the name of a metric", name.value),
            "labels of the recorded series go under `labels:`",
        );
    }
    for key in ["for", "keep_firing_for", "annotations"] {
        if fields.take(key).is_some() {
            reader.error(fields.key_span(key), format!("a recording rule can't have `{key}`"));
        }
    }
}

/// Prometheus's alerting rule: a ladder of one rung.
fn alert(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Watch> {
    let hold = optional_duration(reader, fields, "for");
    let keep_firing_for = optional_duration(reader, fields, "keep_firing_for");
    let node = fields.take("annotations");
    let on_missing = node.and_then(|node| on_missing_annotation(reader, node)).unwrap_or_default();
    let annotations = annotations(reader, node);
    // The severity of a verbatim rule is in the labels of each of its alerts.
    let rung = Rung { severity: Severity::Minor, limit: Limit::Present, hold: hold? };
    Some(Watch {
        ladder: Ladder { rungs: vec![rung], clear_for: keep_firing_for?, on_missing },
        role: Role::Symptom,
        status: BTreeMap::new(),
        annotations,
        incident_key: None,
        public_cause: None,
        breakdown: None,
    })
}

/// A duration, zero where none is given, `None` where it is wrong.
pub(super) fn optional_duration(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
) -> Option<Duration> {
    match fields.take(key) {
        Some(node) => reader.duration(node, &format!("`{key}`")),
        None => Some(Duration::ZERO),
    }
}

fn on_missing_annotation(reader: &mut Reader<'_>, annotations: &Node) -> Option<OnMissing> {
    let Content::Map(entries) = &annotations.content else { return None };
    let (_, node) = entries.iter().find(|(key, _)| key.value == ON_MISSING_ANNOTATION)?;
    reader.word(node, &format!("`{ON_MISSING_ANNOTATION}`"), &ON_MISSING)
}

pub(super) fn annotations(reader: &mut Reader<'_>, node: Option<&Node>) -> Vec<(String, Template)> {
    let texts = node.map(|node| reader.texts(node, "`annotations`")).unwrap_or_default();
    let mut annotations = Vec::with_capacity(texts.len());
    for (name, value) in texts {
        if name.value.is_empty() {
            reader.error(name.at, "an annotation's name is empty");
        }
        if let Some(template) = reader.template(&value, &format!("annotation `{}`", name.value)) {
            annotations.push((name.value, template));
        }
    }
    annotations
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
