//! `relabel_configs` and `metric_relabel_configs` → rules, valid as Prometheus has it (see `relabel.Config.Validate`).

use crate::config::raw::{At, RawRelabel, Wrong};
use crate::config::tree::Where;
use crate::model::Matcher;
use crate::scrape::{RelabelAction, RelabelRule};

use super::Context;

pub(super) fn rules(raw: Vec<RawRelabel>, cx: &Context<'_>) -> Vec<RelabelRule> {
    raw.into_iter().filter_map(|raw| rule(raw, cx)).collect()
}

fn rule(raw: RawRelabel, cx: &Context<'_>) -> Option<RelabelRule> {
    if cx.reader.is_unreadable(&raw.at, "action") {
        return None;
    }
    let action = raw.action.as_ref().map_or(RelabelAction::Replace, |action| action.value);
    check_keys(&raw, action, cx);
    check_target(&raw, action, cx);
    check_replacement(&raw, action, cx);
    let modulus = raw.modulus.map_or(0, |modulus| modulus.value.0);
    if action == RelabelAction::HashMod && modulus == 0 {
        cx.error(&raw.at, "the action `hashmod` needs a `modulus` above 0");
    }
    let regex = match raw.regex {
        Some(pattern) => pattern.value.0,
        None => Matcher::anchored("(.*)").ok()?,
    };
    let text =
        |value: Option<At<String>>, default: &str| value.map_or(default.to_owned(), |value| value.value);
    Some(RelabelRule {
        source_labels: raw.source_labels.unwrap_or_default().into_iter().map(|label| label.value).collect(),
        separator: text(raw.separator, ";"),
        regex,
        modulus,
        target_label: text(raw.target_label, ""),
        replacement: text(raw.replacement, "$1"),
        action,
    })
}

/// Some actions look at a few keys only; another key beside them was meant for another action.
fn check_keys(raw: &RawRelabel, action: RelabelAction, cx: &Context<'_>) {
    use RelabelAction::{DropEqual, KeepEqual, LabelDrop, LabelKeep, Lowercase, Uppercase};
    let source = raw.source_labels.as_ref().filter(|labels| !labels.is_empty()).map(|labels| &labels[0].at);
    let other = |value: &Option<At<String>>, default: &str| -> Option<Where> {
        value.as_ref().filter(|value| value.value != default).map(|value| value.at.clone())
    };
    let separator = other(&raw.separator, ";").map(|at| ("separator", at));
    let replacement = other(&raw.replacement, "$1").map(|at| ("replacement", at));
    let modulus = raw.modulus.as_ref().filter(|m| m.value.0 != 0).map(|m| ("modulus", m.at.clone()));
    let regex = raw.regex.as_ref().map(|regex| ("regex", regex.at.clone()));
    let target = other(&raw.target_label, "").map(|at| ("target_label", at));
    let source = source.map(|at| ("source_labels", at.clone()));
    let (allowed, extra) = match action {
        DropEqual | KeepEqual => {
            ("`source_labels` and `target_label`", vec![regex, modulus, separator, replacement])
        }
        LabelDrop | LabelKeep => ("`regex`", vec![source, target, modulus, separator, replacement]),
        Lowercase | Uppercase => {
            ("`source_labels`, `separator`, `regex` and `target_label`", vec![replacement])
        }
        _ => return,
    };
    for (key, at) in extra.into_iter().flatten() {
        let wrong = Wrong::new(format!("the action `{}` has no use for `{key}`", word(action)));
        cx.error(&at, wrong.hint(format!("it takes {allowed}")));
    }
}

fn check_target(raw: &RawRelabel, action: RelabelAction, cx: &Context<'_>) {
    use RelabelAction::{DropEqual, HashMod, KeepEqual, Lowercase, Replace, Uppercase};
    if !matches!(action, Replace | HashMod | KeepEqual | DropEqual | Lowercase | Uppercase) {
        return;
    }
    match raw.target_label.as_ref().filter(|target| !target.value.is_empty()) {
        None if cx.reader.is_unreadable(&raw.at, "target_label") => {}
        None => cx.error(&raw.at, format!("the action `{}` needs `target_label`", word(action))),
        Some(target) if action == Replace => check_template(target, "`target_label`", cx),
        Some(target) if target.value.contains('$') => cx.error(
            &target.at,
            format!("the action `{}` takes a plain label as `target_label`, without `$`", word(action)),
        ),
        Some(_) => {}
    }
}

fn check_replacement(raw: &RawRelabel, action: RelabelAction, cx: &Context<'_>) {
    if action != RelabelAction::LabelMap {
        return;
    }
    if let Some(replacement) = &raw.replacement {
        if replacement.value.is_empty() {
            cx.error(&replacement.at, "the action `labelmap` needs a `replacement` that is not empty");
        } else {
            check_template(replacement, "`replacement`", cx);
        }
    }
}

/// A label's name in which `$1` and `${name}` stand for what the regular expression found.
fn check_template(template: &At<String>, key: &str, cx: &Context<'_>) {
    let mut rest = template.value.as_str();
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let closed = match rest.strip_prefix('{') {
            Some(inside) => inside.find('}').is_some_and(|end| 0 < end && inside[..end].chars().all(word)),
            None => rest.starts_with(word) || rest.starts_with('$'),
        };
        if !closed {
            let wrong = Wrong::new(format!("{key} `{}` is not a label's name", template.value));
            cx.error(&template.at, wrong.hint("write `$1` or `${1}` for what the regular expression found"));
            return;
        }
        rest = rest.strip_prefix('$').unwrap_or(rest);
    }
}

const fn word(action: RelabelAction) -> &'static str {
    match action {
        RelabelAction::Replace => "replace",
        RelabelAction::Keep => "keep",
        RelabelAction::Drop => "drop",
        RelabelAction::KeepEqual => "keepequal",
        RelabelAction::DropEqual => "dropequal",
        RelabelAction::HashMod => "hashmod",
        RelabelAction::LabelMap => "labelmap",
        RelabelAction::LabelDrop => "labeldrop",
        RelabelAction::LabelKeep => "labelkeep",
        RelabelAction::Lowercase => "lowercase",
        RelabelAction::Uppercase => "uppercase",
    }
}
