//! What people did against an incident, and what it changed.
//!
//! In:   actions that were told or seen in metrics; what is measured when they happen and afterwards.
//! Out:  `Acted` for what was seen, `EffectMeasured` once an effect shows or is late.
//! Not:  that one thing followed another does not say that it came of it: the figures are told, not a verdict.

use std::time::Duration;

use crate::model::{IncidentId, Timestamp};
use crate::rules::{AlertKey, Role};

use super::draft::Draft;
use super::event::What;
use super::finding::{Effect, Figure};
use super::incident::{Action, ActionOutcome, Dated, Incident};
use super::input::{Change, ChangeKind};
use super::suspects;
use super::why::{Wake, Why};

/// An effect shows within this time, or none does.
const EFFECT_WITHIN: Duration = Duration::from_secs(15 * 60);
/// A smaller part of the value is no effect.
const EFFECT_LEAST: f64 = 0.1;
/// What was done longer ago was not measured then, as far as is known now.
const TOLD_LATE: Duration = Duration::from_secs(60);
/// So many figures are taken down when people act.
const FIGURES: usize = 5;
/// What `by` says of an action that nobody told.
const SEEN: &str = "metrics";

/// What was measured of all that fires, the worst first, when people acted `at`; nothing where they tell it late.
pub(super) fn figures(draft: &Draft<'_>, incident: &Incident, at: Timestamp) -> Vec<Figure> {
    if at + TOLD_LATE < draft.now() {
        return Vec::new();
    }
    let measured = incident.active().filter(|member| member.role() != Role::Backlog);
    let mut figures: Vec<_> = measured
        .filter_map(|member| {
            Some((
                member.state.severity(),
                Figure { alert: member.key.clone(), value: value(draft, incident, &member.key)? },
            ))
        })
        .collect();
    figures.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.alert.cmp(&b.1.alert)));
    figures.into_iter().take(FIGURES).map(|(_, figure)| figure).collect()
}

/// A change that turns something back or off while an incident near it goes on is something done against it.
pub(super) fn see(draft: &mut Draft<'_>, change: &Change) {
    let Some(component) = &change.component else { return };
    if change.by.is_some() || !matches!(change.kind, ChangeKind::Rollback | ChangeKind::Scale) {
        return;
    }
    let concerned: Vec<IncidentId> = draft
        .incidents()
        .filter(|incident| incident.status.is_happening())
        .filter(|incident| incident.started_at < change.at && suspects::is_near(draft, incident, component))
        .map(|incident| incident.id)
        .collect();
    for id in concerned {
        let Some(incident) = draft.get(id) else { continue };
        let name =
            draft.config().graph.get(component).map_or(component.as_str(), |known| known.name.as_str());
        let text = format!("{name}: {}", change.summary);
        let measured = figures(draft, incident, change.at);
        let (by, done_at) = (SEEN.to_owned(), Some(change.at));
        let what = What::Acted { by, text, done_at, measured, seen: true };
        draft.push(id, what, Why::Follows { because: "it was seen in metrics".to_owned() });
    }
}

/// Tells the effect of actions whose time has come: what they were done against is over, or it is late.
pub(super) fn measure(draft: &mut Draft<'_>, id: IncidentId) {
    let Some(incident) = draft.get(id) else { return };
    let due: Vec<(u32, Option<Effect>)> = (1..)
        .zip(&incident.actions)
        .filter(|(_, action)| is_open(&action.item))
        .filter_map(|(number, action)| Some((number, outcome(draft, incident, action)?)))
        .collect();
    for (number, effect) in due {
        let because = match effect {
            Some(_) => "what is measured moved since",
            None => "nothing that is measured moved since",
        };
        draft.push(id, What::EffectMeasured { number, effect }, Why::Follows { because: because.to_owned() });
    }
}

/// When an action's effect is told at the latest.
pub(super) fn wake(incident: &Incident) -> Option<Wake> {
    let open = incident.actions.iter().filter(|action| is_open(&action.item) && incident.is_open());
    let at = open.map(|action| action.at + EFFECT_WITHIN).min()?;
    Some(Wake { at, why: Why::Follows { because: "an action shows its effect by now".to_owned() } })
}

const fn is_open(action: &Action) -> bool {
    matches!(action.outcome, ActionOutcome::Open) && !action.retracted && !action.measured.is_empty()
}

/// What an action changed; `None` while that cannot be said yet.
fn outcome(draft: &Draft<'_>, incident: &Incident, action: &Dated<Action>) -> Option<Option<Effect>> {
    let over =
        |figure: &Figure| incident.members.get(&figure.alert).is_none_or(|member| !incident.counts(member));
    let is_over = action.item.measured.iter().all(over);
    let is_late = action.at + EFFECT_WITHIN <= draft.now() || !incident.is_open();
    if !is_over && !is_late {
        return None;
    }
    let effects = action.item.measured.iter().filter_map(|figure| effect(draft, incident, figure, action.at));
    let largest = effects.max_by(|a, b| a.0.total_cmp(&b.0));
    Some(largest.filter(|(part, _)| EFFECT_LEAST <= *part).map(|(_, effect)| effect))
}

/// How far a value moved, as a part of what it was.
fn effect(draft: &Draft<'_>, incident: &Incident, then: &Figure, at: Timestamp) -> Option<(f64, Effect)> {
    let now = value(draft, incident, &then.alert)?;
    let what = incident.members.get(&then.alert)?.facts.name.clone();
    let part = (now - then.value).abs() / then.value.abs().max(f64::MIN_POSITIVE);
    let within_ms = u64::try_from(draft.now().since(at).as_millis()).unwrap_or(u64::MAX);
    Some((part, Effect { what, from: then.value, to: now, within_ms }))
}

fn value(draft: &Draft<'_>, incident: &Incident, key: &AlertKey) -> Option<f64> {
    let known = || incident.members.get(key).filter(|member| member.is_active())?.facts.value;
    draft.reading(key).or_else(known).filter(|value| value.is_finite())
}
