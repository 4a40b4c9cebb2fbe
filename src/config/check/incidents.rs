//! `incidents` → the book's settings and the mapping of labels.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::raw::{At, CorrelateWord, Count, Length, RawCadence, RawIncidents, RawRaise, Wrong};
use crate::incidents::{Cadence, Raise, RaiseWhen, Settings, Status};
use crate::model::{Graph, Severity, format_duration};
use crate::rules::Mapping;

use super::sinks::Sinks;
use super::{Context, publish, templates};

/// An acknowledgement that expired sooner would call people while they work on it.
const ACK_TIMEOUT_AT_LEAST: Duration = Duration::from_secs(60);
/// Further away everything is near everything.
const SUSPECT_DISTANCE_AT_MOST: u64 = 10;

/// What is decided about incidents.
#[derive(Default)]
pub(super) struct Checked {
    pub settings: Settings,
    /// Which labels of alerts are read, and what their words mean.
    pub mapping: Mapping,
    /// The files that texts were read from.
    pub sources: Vec<PathBuf>,
}

pub(super) fn settings(raw: Option<RawIncidents>, graph: &Graph, sinks: &Sinks, cx: &Context<'_>) -> Checked {
    let default = Settings::default();
    let Some(raw) = raw else { return Checked::default() };
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
    let (templates, sources) = templates::templates(raw.templates, cx);
    let mut settings = Settings {
        timezone: raw.timezone.map_or(default.timezone, |zone| zone.value.0),
        language: raw.language.map_or(default.language, |language| language.value),
        open_at: raw.open_at.map_or(default.open_at, |severity| severity.value),
        page_at: raw.page_at.map_or(default.page_at, |severity| severity.value),
        correlate: raw.correlate.map_or(default.correlate, |correlate| correlate.value == CorrelateWord::On),
        correlate_within: length(raw.correlate_within, default.correlate_within),
        reopen_within: length(raw.reopen_within, default.reopen_within),
        watch: length(raw.watch, default.watch),
        watch_cap: length(raw.watch_cap, default.watch_cap),
        cadence: cadence(raw.cadence, default.cadence, cx),
        lead: length(raw.lead, default.lead),
        min_gap: length(raw.min_gap, default.min_gap),
        publish: publish::publish(raw.publish, graph, sinks, cx),
        expires_after: positive(raw.expires_after, "expires_after", default.expires_after),
        ack_timeout: ack_timeout(raw.ack_timeout.as_ref(), cx).unwrap_or(default.ack_timeout),
        suspect_window: positive(raw.suspect_window, "suspect_window", default.suspect_window),
        suspect_distance: raw
            .suspect_distance
            .map_or(default.suspect_distance, |distance| suspect_distance(&distance, cx)),
        identify_at: raw.identify_at.map(|bar| bar.value.0).or(default.identify_at),
        eta_window: positive(raw.eta_window, "eta_window", default.eta_window),
        raise: raw
            .raise
            .map_or(default.raise, |all| all.into_iter().filter_map(|one| raise(one, cx)).collect()),
        templates,
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
    Checked { settings, mapping, sources }
}

/// `Some(None)` for never; `None` where it is not said.
pub(super) fn ack_timeout(raw: Option<&At<Length>>, cx: &Context<'_>) -> Option<Option<Duration>> {
    let raw = raw?;
    let length = raw.value.0;
    if !length.is_zero() && length < ACK_TIMEOUT_AT_LEAST {
        let least = format_duration(ACK_TIMEOUT_AT_LEAST);
        cx.error(
            &raw.at,
            Wrong::new(format!("`ack_timeout` {} is shorter than {least}", raw.value)).hint("0s is never"),
        );
    }
    Some(Some(length).filter(|length| !length.is_zero()))
}

fn suspect_distance(raw: &At<Count>, cx: &Context<'_>) -> usize {
    if SUSPECT_DISTANCE_AT_MOST < raw.value.0 {
        cx.error(
            &raw.at,
            Wrong::new(format!("`suspect_distance` {} is more than {SUSPECT_DISTANCE_AT_MOST}", raw.value.0))
                .hint("it counts edges of the graph of components"),
        );
    }
    super::whole(raw.value)
}

/// What raises a severity: one condition, to a severity that can be risen to.
fn raise(raw: RawRaise, cx: &Context<'_>) -> Option<Raise> {
    const CONDITIONS: [&str; 3] = ["after", "components", "eta_slips"];
    let to = cx.reader.required(raw.to, &raw.at, "to", "an entry of `raise`");
    let length = |value: Option<&At<Length>>, key| value.and_then(|length| cx.positive(length, key));
    let components = raw.components.as_ref().and_then(|count| {
        if count.value.0 == 0 {
            cx.error(&count.at, "`components` must be at least 1");
        }
        (0 < count.value.0).then(|| super::whole(count.value))
    });
    let given = [raw.after.is_some(), raw.components.is_some(), raw.eta_slips.is_some()];
    let unreadable = CONDITIONS.iter().any(|key| cx.reader.is_unreadable(&raw.at, key));
    match given.iter().filter(|given| **given).count() {
        0 if !unreadable => cx.error(
            &raw.at,
            Wrong::new("an entry of `raise` needs a condition")
                .hint("one of `after`, `components` and `eta_slips`"),
        ),
        2.. => cx.error(
            &raw.at,
            Wrong::new("an entry of `raise` has one condition").hint("write an entry for each"),
        ),
        _ => {}
    }
    if let Some(to) = to.as_ref().filter(|to| to.value == Severity::Minor) {
        cx.error(&to.at, "nothing is below `minor` that could be raised to it");
    }
    let when = length(raw.after.as_ref(), "after").map(RaiseWhen::Lasts);
    let when = when.or(components.map(RaiseWhen::Components));
    let when = when.or(length(raw.eta_slips.as_ref(), "eta_slips").map(RaiseWhen::EtaSlips));
    Some(Raise { to: to?.value, when: when? })
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
