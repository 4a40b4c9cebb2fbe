//! `escalation` → policies.

use std::time::Duration;

use crate::config::raw::{At, RawEscalation, RawMatch, RawStep, Wrong};
use crate::delivery::Audience;
use crate::incidents::{EscalationPolicy, EscalationStep, PolicyMatch, REPEAT_AT_LEAST, Settings};
use crate::model::{ComponentId, Graph, SinkName, format_duration, suggest};

use super::sinks::Sinks;
use super::{Context, incidents};

pub(super) fn policies(
    raw: Vec<RawEscalation>,
    graph: &Graph,
    sinks: &Sinks,
    settings: &mut Settings,
    cx: &Context<'_>,
) -> Vec<EscalationPolicy> {
    // A policy cannot say 'never' over settings that say something. Where one does, the settings fall silent and
    // every other policy says what they said.
    let says_never =
        |policy: &RawEscalation| policy.ack_timeout.as_ref().is_some_and(|t| t.value.0.is_zero());
    let otherwise = if raw.iter().any(says_never) { settings.ack_timeout.take() } else { None };
    raw.into_iter().filter_map(|policy| self::policy(policy, otherwise, graph, sinks, cx)).collect()
}

fn policy(
    raw: RawEscalation,
    ack_timeout: Option<Duration>,
    graph: &Graph,
    sinks: &Sinks,
    cx: &Context<'_>,
) -> Option<EscalationPolicy> {
    let matches = raw.r#match.map(|matches| self::matches(matches, graph, cx)).unwrap_or_default();
    let ack_timeout = incidents::ack_timeout(raw.ack_timeout.as_ref(), cx).unwrap_or(ack_timeout);
    let written = cx.reader.required(raw.steps, &raw.at, "steps", "an escalation policy")?;
    if written.is_empty() {
        cx.error(&raw.at, "an escalation policy without steps pages nobody");
    }
    let mut steps: Vec<EscalationStep> = Vec::new();
    for raw in written {
        let at = raw.after.as_ref().map_or(&raw.at, |after| &after.at).clone();
        let step = step(raw, sinks, cx);
        if let (Some(step), Some(last)) = (&step, steps.last())
            && step.after < last.after
        {
            cx.error(
                &at,
                Wrong::new(format!(
                    "this step comes after {}, but the one before it after {}",
                    format_duration(step.after),
                    format_duration(last.after)
                ))
                .hint("`after` counts from the start of the policy; write the steps in order of time"),
            );
        }
        steps.extend(step);
    }
    Some(EscalationPolicy { matches, steps, ack_timeout })
}

/// Which incidents something is for.
pub(super) fn matches(raw: RawMatch, graph: &Graph, cx: &Context<'_>) -> PolicyMatch {
    let components = raw.component.map(|all| all.0).unwrap_or_default().into_iter();
    let known = components.filter(|id| {
        let known = graph.get(&id.value).is_some();
        if !known {
            cx.error(
                &id.at,
                Wrong {
                    what: format!("there is no component `{}`", id.value),
                    hint: suggest::hint(id.value.as_str(), graph.iter().map(|c| ComponentId::as_str(&c.id))),
                },
            );
        }
        known
    });
    PolicyMatch {
        components: known.map(|id| id.value).collect(),
        severities: raw.severity.map(|all| all.0).unwrap_or_default().into_iter().map(|s| s.value).collect(),
    }
}

fn step(raw: RawStep, sinks: &Sinks, cx: &Context<'_>) -> Option<EscalationStep> {
    let repeat = raw.repeat.as_ref().and_then(|repeat| {
        if repeat.value.0 < REPEAT_AT_LEAST {
            let least = format_duration(REPEAT_AT_LEAST);
            cx.error(&repeat.at, format!("`repeat` {} is shorter than {least}", repeat.value));
            return None;
        }
        Some(repeat.value.0)
    });
    let written = cx.reader.required(raw.page, &raw.at, "page", "an escalation step")?.0;
    if written.is_empty() {
        cx.error(&raw.at, "this step pages nobody");
    }
    let known = written.into_iter().filter(|name| can_be_paged(name, sinks, cx));
    let page = known.map(|name| name.value).collect();
    Some(EscalationStep { after: raw.after.map_or(Duration::ZERO, |after| after.value.0), page, repeat })
}

fn can_be_paged(name: &At<SinkName>, sinks: &Sinks, cx: &Context<'_>) -> bool {
    if !sinks.names.contains(&name.value) {
        let hint = suggest::hint(name.value.as_str(), sinks.names.iter().map(SinkName::as_str));
        let hint = hint.or_else(|| Some("name the sinks under `sinks`".to_owned()));
        cx.error(&name.at, Wrong { what: format!("there is no sink `{}`", name.value), hint });
        return false;
    }
    let for_customers =
        sinks.checked.iter().any(|sink| sink.name == name.value && sink.audience == Audience::Customers);
    if for_customers {
        cx.error(
            &name.at,
            Wrong::new(format!("the sink `{}` is for customers, who are not paged", name.value))
                .hint("page a sink of `audience: responders`"),
        );
    }
    !for_customers
}
