//! `incidents` → the book's settings and the mapping of labels.

use std::time::Duration;

use crate::config::raw::{At, Length, RawCadence, RawIncidents, RawPublish, Wrong};
use crate::incidents::{Cadence, Gate, Publish, Settings, Status};
use crate::model::format_duration;
use crate::rules::Mapping;

use super::Context;

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
        ..Settings::default()
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
    let otherwise = Gate {
        mode: raw.mode.map_or(default.otherwise.mode, |mode| mode.value),
        after: raw.after.map_or(default.otherwise.after, |after| after.value.0),
        ..default.otherwise
    };
    Publish { otherwise, gates: default.gates }
}
