//! `incidents` and `escalation` → the book's settings.

use std::time::Duration;

use crate::config::raw::{
    At, Length, RawCadence, RawEscalation, RawEscalationMatch, RawIncidents, RawPublish, RawStep, Wrong,
};
use crate::delivery::Audience;
use crate::incidents::{Cadence, EscalationPolicy, EscalationStep, Publish, Settings, SeverityMatch, Status};
use crate::model::{ComponentId, Graph, SinkName, format_duration, suggest};
use crate::rules::Mapping;

use super::Context;
use super::sinks::Sinks;

/// The shortest that somebody is called again.
const REPEAT_MIN: Duration = Duration::from_secs(60);

pub(super) fn settings(raw: Option<RawIncidents>, cx: &Context<'_>) -> (Settings, Mapping) {
    let default = Settings::default();
    let Some(raw) = raw else { return (default, Mapping::default()) };
    let length =
        |value: Option<At<Length>>, default: Duration| value.map_or(default, |length| length.value.0);
    let positive = |value: Option<At<Length>>, key: &str, default: Duration| {
        value.and_then(|length| cx.positive(&length, key)).unwrap_or(default)
    };
    let mapping = mapping(&raw, cx);
    let lead_at = raw.lead.as_ref().map(|lead| lead.at.clone());
    let cap_at = raw.watch_cap.as_ref().or(raw.watch.as_ref()).map(|length| length.at.clone());
    let cadence_at = raw.cadence.as_ref().map(|cadence| cadence.at.clone());
    let cap_given = raw.watch_cap.is_some();
    let mut settings = Settings {
        timezone: raw.timezone.map_or(default.timezone, |zone| zone.value.0),
        language: raw.language.map_or(default.language, |language| language.value.0),
        open_at: raw.open_at.map_or(default.open_at, |severity| severity.value),
        page_at: raw.page_at.map_or(default.page_at, |severity| severity.value),
        correlate_within: length(raw.correlate_within, default.correlate_within),
        reopen_within: length(raw.reopen_within, default.reopen_within),
        watch: length(raw.watch, default.watch),
        watch_cap: length(raw.watch_cap, default.watch_cap),
        cadence: cadence(raw.cadence, default.cadence, cx),
        lead: length(raw.lead, default.lead),
        min_gap: length(raw.min_gap, default.min_gap),
        publish: publish(raw.publish, default.publish),
        expires_after: positive(raw.expires_after, "expires_after", default.expires_after),
    };
    if settings.watch_cap < settings.watch {
        if cap_given && let Some(at) = cap_at {
            let (cap, watch) = (format_duration(settings.watch_cap), format_duration(settings.watch));
            cx.error(&at, format!("`watch_cap` {cap} is shorter than `watch` {watch}"));
        } else {
            settings.watch_cap = settings.watch;
        }
    }
    let shortest = settings.cadence.by_status.values().copied().fold(settings.cadence.major, Duration::min);
    if shortest <= settings.lead
        && let Some(at) = lead_at.or(cadence_at)
    {
        let (lead, shortest) = (format_duration(settings.lead), format_duration(shortest));
        cx.error(
            &at,
            Wrong::new(format!("`lead` {lead} is not shorter than the shortest cadence {shortest}"))
                .hint("an update is committed that long before it was promised"),
        );
    }
    (settings, mapping)
}

/// What the file says of labels and words, over what everybody knows.
fn mapping(raw: &RawIncidents, cx: &Context<'_>) -> Mapping {
    let mut mapping = Mapping::default();
    let put = |label: Option<&At<String>>, place: &mut String| match label {
        Some(label) if label.value.is_empty() => cx.error(&label.at, "the name of a label is empty"),
        Some(label) => place.clone_from(&label.value),
        None => {}
    };
    if let Some(labels) = &raw.labels {
        put(labels.severity.as_ref(), &mut mapping.severity);
        put(labels.component.as_ref(), &mut mapping.component);
        put(labels.role.as_ref(), &mut mapping.role);
    }
    let words = raw.severity_map.iter().flat_map(|map| &map.0);
    mapping.severity_map.extend(words.map(|(word, meaning)| (word.value.to_lowercase(), meaning.value.0)));
    mapping
}

fn cadence(raw: Option<RawCadence>, mut cadence: Cadence, cx: &Context<'_>) -> Cadence {
    let Some(raw) = raw else { return cadence };
    let read = |value: Option<At<Length>>, key: &str| value.and_then(|length| cx.positive(&length, key));
    let by_status = [
        (Status::Investigating, read(raw.investigating, "investigating")),
        (Status::Identified, read(raw.identified, "identified")),
        (Status::Monitoring, read(raw.monitoring, "monitoring")),
    ];
    if let Some(major) = read(raw.major, "major") {
        cadence.major = major;
    }
    cadence.by_status.extend(by_status.into_iter().filter_map(|(status, length)| Some((status, length?))));
    cadence
}

fn publish(raw: Option<RawPublish>, default: Publish) -> Publish {
    let Some(raw) = raw else { return default };
    Publish {
        mode: raw.mode.map_or(default.mode, |mode| mode.value),
        after: raw.after.map_or(default.after, |after| after.value.0),
    }
}

pub(super) fn escalation(
    raw: Vec<RawEscalation>,
    graph: &Graph,
    sinks: &Sinks,
    cx: &Context<'_>,
) -> Vec<EscalationPolicy> {
    raw.into_iter().filter_map(|policy| self::policy(policy, graph, sinks, cx)).collect()
}

fn policy(raw: RawEscalation, graph: &Graph, sinks: &Sinks, cx: &Context<'_>) -> Option<EscalationPolicy> {
    let matches = raw.r#match.map(|matches| self::matches(matches, graph, cx)).unwrap_or_default();
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
    Some(EscalationPolicy { matches, steps })
}

fn matches(raw: RawEscalationMatch, graph: &Graph, cx: &Context<'_>) -> SeverityMatch {
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
    SeverityMatch {
        components: known.map(|id| id.value).collect(),
        severities: raw.severity.map(|all| all.0).unwrap_or_default().into_iter().map(|s| s.value).collect(),
    }
}

fn step(raw: RawStep, sinks: &Sinks, cx: &Context<'_>) -> Option<EscalationStep> {
    let repeat = raw.repeat.as_ref().and_then(|repeat| {
        if repeat.value.0 < REPEAT_MIN {
            cx.error(&repeat.at, format!("`repeat` {} is shorter than 1m", repeat.value));
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
