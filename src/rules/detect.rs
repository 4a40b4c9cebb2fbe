//! Reads what makes a `detect:` rule: its thresholds, what clears them, and what it is about.
//!
//! In:   the keys of the rule.
//! Out:  a ladder of severities in order, and everything that goes with it; problems.
//! Not:  name, expression and labels are read where those of every rule are.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::yaml::{Content, Node};
use crate::model::{ComponentId, ComponentStatus, Place, Severity, Span, format_value};

use super::Role;
use super::file::{ON_MISSING, annotations, measurable, optional_duration};
use super::ladder::{Ladder, Rung};
use super::limit::Limit;
use super::reader::{Fields, Reader};
use super::rule::{Breakdown, Watch};

/// What was read of a rule.
pub(super) struct Read {
    pub(super) watch: Option<Watch>,
    pub(super) component: Option<(ComponentId, Place)>,
    pub(super) breakdown_components: Vec<(ComponentId, Place)>,
}

/// On which side of its thresholds a value is bad.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Above,
    Below,
}

const SEVERITIES: [(&str, Severity); 3] =
    [("minor", Severity::Minor), ("major", Severity::Major), ("critical", Severity::Critical)];
const STATUSES: [(&str, ComponentStatus); 6] = [
    ("operational", ComponentStatus::Operational),
    ("unknown", ComponentStatus::Unknown),
    ("under_maintenance", ComponentStatus::UnderMaintenance),
    ("degraded_performance", ComponentStatus::DegradedPerformance),
    ("partial_outage", ComponentStatus::PartialOutage),
    ("major_outage", ComponentStatus::MajorOutage),
];

/// A value for each severity that has one, with the place where it stands.
type Each<T> = BTreeMap<Severity, (Span, T)>;

pub(super) fn watch(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Read {
    let component = fields.take("component").and_then(|node| component(reader, node, "`component`"));
    let roles: Vec<(&str, Role)> = Role::ALL.iter().map(|role| (role.as_str(), *role)).collect();
    let role = fields.take("role").map(|node| reader.word(node, "`role`", &roles));
    let role = role.unwrap_or(Some(Role::Symptom));
    let rungs = rungs(reader, fields, role);
    let clear_for = optional_duration(reader, fields, "clear_for");
    let on_missing = fields.take("on_missing").map(|node| reader.word(node, "`on_missing`", &ON_MISSING));
    let status = fields.take("status").map(|node| {
        by_severity(reader, node, "`status`", |reader, node| reader.word(node, "`status`", &STATUSES))
    });
    let annotations = annotations(reader, fields.take("annotations"));
    let mut template = |key: &'static str| {
        let node = fields.take(key)?;
        let scalar = reader.scalar(node, &format!("`{key}`"))?;
        reader.template(scalar, &format!("`{key}`"))
    };
    let (incident_key, public_cause) = (template("incident_key"), template("public_cause"));
    let (breakdown, breakdown_components) = breakdown(reader, fields);
    let watch = match (rungs, clear_for, role) {
        (Some(rungs), Some(clear_for), Some(role)) => Some(Watch {
            ladder: Ladder { rungs, clear_for, on_missing: on_missing.flatten().unwrap_or_default() },
            role,
            status: status.unwrap_or_default().into_iter().map(|(s, (_, status))| (s, status)).collect(),
            annotations,
            incident_key,
            public_cause,
            breakdown,
        }),
        _ => None,
    };
    Read { watch, component, breakdown_components }
}

fn component(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<(ComponentId, Place)> {
    let scalar = reader.scalar(node, what)?;
    match ComponentId::new(&scalar.value) {
        Ok(id) => Some((id, reader.place(scalar.at))),
        Err(error) => {
            reader.error(scalar.at, format!("{what}: {error}"));
            None
        }
    }
}

fn breakdown(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
) -> (Option<Breakdown>, Vec<(ComponentId, Place)>) {
    let expr = fields.take("breakdown").and_then(|node| measurable(reader, node, "`breakdown`"));
    let Some(node) = fields.take("breakdown_components") else {
        return (expr.map(|expr| Breakdown { expr, components: BTreeMap::new() }), Vec::new());
    };
    if !fields.has("breakdown") {
        reader.error(
            fields.key_span("breakdown_components"),
            "`breakdown_components` says nothing without a `breakdown`",
        );
    }
    let (mut components, mut places) = (BTreeMap::new(), Vec::new());
    for (value, id) in reader.texts(node, "`breakdown_components`") {
        let node = Node { at: id.at, content: Content::Scalar(id) };
        if let Some((id, place)) = component(reader, &node, "`breakdown_components`") {
            components.insert(value.value, id.clone());
            places.push((id, place));
        }
    }
    (expr.map(|expr| Breakdown { expr, components }), places)
}

/// A value for each severity that is named, with the place of it.
fn by_severity<T>(
    reader: &mut Reader<'_>,
    node: &Node,
    what: &str,
    mut read: impl FnMut(&mut Reader<'_>, &Node) -> Option<T>,
) -> Each<T> {
    let Some(mut fields) = reader.fields(node, what) else { return BTreeMap::new() };
    let mut values = BTreeMap::new();
    for (word, severity) in SEVERITIES {
        if let Some(node) = fields.take(word)
            && let Some(value) = read(reader, node)
        {
            values.insert(severity, (node.at, value));
        }
    }
    reader.finish(&fields, what);
    values
}

/// One value for all severities, or one for each.
fn one_or_each<T: Copy>(
    reader: &mut Reader<'_>,
    node: &Node,
    what: &str,
    mut read: impl FnMut(&mut Reader<'_>, &Node) -> Option<T>,
) -> Each<T> {
    if matches!(node.content, Content::Map(_)) {
        return by_severity(reader, node, what, read);
    }
    let value = read(reader, node);
    let all = value.map(|value| Severity::ALL.map(|severity| (severity, (node.at, value))));
    all.into_iter().flatten().collect()
}

fn rungs(reader: &mut Reader<'_>, fields: &mut Fields<'_>, role: Option<Role>) -> Option<Vec<Rung>> {
    let errors_before = reader.problems.iter().len();
    let thresholds = thresholds(reader, fields);
    let holds = fields
        .take("for")
        .map(|node| one_or_each(reader, node, "`for`", |reader, node| reader.duration(node, "`for`")));
    let clears = fields
        .take("clear")
        .map(|node| one_or_each(reader, node, "`clear`", |reader, node| reader.number(node, "`clear`")));
    let drained = fields
        .take("drained_below")
        .and_then(|node| Some((node.at, reader.number(node, "`drained_below`")?)));
    check_drained(reader, fields, role, thresholds.as_ref().map(|(side, _)| *side));
    let (side, thresholds) = thresholds?;
    check_order(reader, side, &thresholds);
    if let (Some(node), Some(holds)) = (fields.take("for"), &holds) {
        check_known(reader, node, "`for`", holds, &thresholds);
    }
    if let (Some(node), Some(clears)) = (fields.take("clear"), &clears) {
        check_known(reader, node, "`clear`", clears, &thresholds);
        check_clears(reader, side, &thresholds, clears);
    }
    let lowest = thresholds.first_key_value().map(|(severity, (_, threshold))| (*severity, *threshold));
    if let (Some((span, drained)), Some((_, threshold))) = (drained, lowest)
        && threshold < drained
    {
        let (drained, threshold) = (format_value(drained), format_value(threshold));
        reader.error(span, format!("`drained_below` {drained} is above the lowest threshold {threshold}"));
    }
    if reader.problems.iter().len() != errors_before {
        return None;
    }
    let rung = |(severity, (_, threshold)): (Severity, (Span, f64))| {
        let clear = clears.as_ref().and_then(|clears| clears.get(&severity)).map(|(_, clear)| *clear);
        let clear = clear.unwrap_or(threshold);
        let hold = holds.as_ref().and_then(|holds| holds.get(&severity)).map(|(_, hold)| *hold);
        let limit = match (side, drained) {
            (_, Some((_, drained))) if lowest.is_some_and(|(lowest, _)| lowest == severity) => {
                Limit::Backlog { threshold, drained }
            }
            (Side::Above, _) => Limit::Above { threshold, clear },
            (Side::Below, _) => Limit::Below { threshold, clear },
        };
        Rung { severity, limit, hold: hold.unwrap_or(Duration::ZERO) }
    };
    Some(thresholds.into_iter().map(rung).collect())
}

fn thresholds(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<(Side, Each<f64>)> {
    let (above, below) = (fields.take("above"), fields.take("below"));
    let (side, key, node) = match (above, below) {
        (Some(node), None) => (Side::Above, "above", node),
        (None, Some(node)) => (Side::Below, "below", node),
        (Some(_), Some(_)) => {
            reader.error(fields.key_span("below"), "a `detect` rule can't have both `above` and `below`");
            return None;
        }
        (None, None) => {
            reader.error_with_hint(
                fields.span,
                "a `detect` rule must have `above` or `below`",
                "for example `above: {minor: 75, major: 85}`",
            );
            return None;
        }
    };
    if let Content::Scalar(scalar) = &node.content {
        let hint = format!("say which severity: `{key}: {{major: {}}}`", scalar.value);
        reader.error_with_hint(scalar.at, format!("`{key}` needs a threshold for each severity"), hint);
        return None;
    }
    let what = format!("`{key}`");
    let errors_before = reader.problems.iter().len();
    let values = by_severity(reader, node, &what, |reader, node| reader.number(node, &what));
    if values.is_empty() && reader.problems.iter().len() == errors_before {
        reader.error(node.at, format!("{what} names no severity"));
    }
    (!values.is_empty()).then_some((side, values))
}

fn check_drained(reader: &mut Reader<'_>, fields: &Fields<'_>, role: Option<Role>, side: Option<Side>) {
    if !fields.has("drained_below") {
        return;
    }
    let span = fields.key_span("drained_below");
    if fields.has("clear") {
        reader.error(span, "`drained_below` is a backlog's clear value; `clear` can't stand beside it");
    }
    if role.is_some_and(|role| role != Role::Backlog) {
        reader.error_with_hint(span, "only a backlog can be drained", "add `role: backlog`");
    }
    if side == Some(Side::Below) {
        reader.error(span, "`drained_below` goes with `above` only");
    }
}

/// A worse severity must lie further out.
fn check_order(reader: &mut Reader<'_>, side: Side, thresholds: &Each<f64>) {
    let pairs = thresholds.iter().zip(thresholds.iter().skip(1));
    for ((low, (_, low_value)), (high, (span, high_value))) in pairs {
        let (is_further, word) = match side {
            Side::Above => (low_value < high_value, "above"),
            Side::Below => (high_value < low_value, "below"),
        };
        if !is_further {
            let (high_value, low_value) = (format_value(*high_value), format_value(*low_value));
            reader.error(*span, format!("`{high}` at {high_value} is not {word} `{low}` at {low_value}"));
        }
    }
}

/// A severity without a threshold never holds, so nothing can be said of it.
fn check_known<T>(
    reader: &mut Reader<'_>,
    node: &Node,
    what: &str,
    values: &Each<T>,
    thresholds: &Each<f64>,
) {
    if !matches!(node.content, Content::Map(_)) {
        return;
    }
    for (severity, (span, _)) in values {
        if !thresholds.contains_key(severity) {
            reader.error(*span, format!("{what} names `{severity}`, which has no threshold"));
        }
    }
}

/// A clear value lies on the good side of its threshold, and a worse severity's no nearer to the good.
fn check_clears(reader: &mut Reader<'_>, side: Side, thresholds: &Each<f64>, clears: &Each<f64>) {
    let mut before: Option<(Severity, f64)> = None;
    for (severity, (threshold_span, threshold)) in thresholds {
        let (span, clear) = clears.get(severity).copied().unwrap_or((*threshold_span, *threshold));
        let is_good = match side {
            Side::Above => clear <= *threshold,
            Side::Below => *threshold <= clear,
        };
        let (clear_text, threshold_text) = (format_value(clear), format_value(*threshold));
        if !is_good {
            let what = format!("`clear` {clear_text} is on the wrong side of the threshold {threshold_text}");
            reader.error_with_hint(span, what, format!("`{severity}` would clear while it still holds"));
        }
        if let Some((lower, lower_clear)) = before {
            let is_ordered = match side {
                Side::Above => lower_clear <= clear,
                Side::Below => clear <= lower_clear,
            };
            if is_good && !is_ordered {
                let lower_clear = format_value(lower_clear);
                let what =
                    format!("`{severity}` would clear at {clear_text}, after `{lower}` at {lower_clear}");
                reader.error(span, what);
            }
        }
        before = Some((*severity, clear));
    }
}
