//! Two incidents that are one, and one that is two.
//!
//! In:   a serious alert that belongs to two open incidents, or an operator's word.
//! Out:  `Absorbed` and `Merged` with a last post that points on; or a new incident with alerts of an old one.
//! Not:  what a person took apart is never put together again by itself.

use crate::model::IncidentId;
use crate::rules::AlertKey;

use super::command::Refused;
use super::draft::Draft;
use super::event::What;
use super::incident::{Action, Cause, Incident, Note};
use super::member::Member;
use super::settings::PublishMode;
use super::status::Exposure;
use super::why::Why;
use super::{affected, lifecycle, promise, publish};

/// Makes `from` a part of `into`: its alerts, what its components showed, what people did and found, and its promise
/// go over; it ends.
pub(super) fn merge(draft: &mut Draft<'_>, from: IncidentId, into: IncidentId, why: &Why) {
    let Some(ended) = draft.get(from).cloned() else { return };
    let members: Vec<Member> = ended.members.values().map(|member| Member::clone(member)).collect();
    let split_from = draft.incidents().filter(|other| other.id != into && are_apart(&ended, other));
    let split_from = split_from.map(|other| other.id).collect();
    let (components, keys) = (ended.components.clone(), ended.keys().cloned().collect());
    draft.push(into, What::Absorbed { from, members, components, keys, split_from }, why.clone());
    carry_over(draft, &ended, into, why);
    if ended.exposure == Exposure::Public
        && draft.get(into).is_some_and(|it| it.exposure == Exposure::Internal)
    {
        draft.push(into, What::Exposed, why.clone());
    }
    // The last word points to the other one by the title that it has from here on.
    lifecycle::recount(draft, into, why);
    draft.push(from, What::Merged { into }, why.clone());
    lifecycle::close(draft, from, why);
    publish::merged(draft, from, into, why);
    let Some(survivor) = draft.get(into) else { return };
    let speaks =
        survivor.muted_by.is_none() && promise::gate(draft.config(), survivor).mode != PublishMode::Off;
    // An overdue one was missed by the incident that made it.
    if let Some(due) = ended.promise.filter(|due| speaks && draft.now() <= *due) {
        draft.push(into, What::PromiseTaken { due, from }, why.clone());
    }
}

/// What people said of an incident holds for the one that it became a part of.
fn carry_over(draft: &mut Draft<'_>, ended: &Incident, into: IncidentId, why: &Why) {
    let by = ended.id.to_string();
    for key in &ended.dismissed {
        draft.push(into, What::Dismissed { key: key.clone(), by: by.clone() }, why.clone());
    }
    let has_cause = draft.get(into).is_some_and(|incident| incident.cause.is_some());
    if let Some(Cause { by, text, component, public, .. }) = ended.cause.clone().filter(|_| !has_cause) {
        draft.push(into, What::CauseNamed { by, text, component, public }, why.clone());
    }
    for action in ended.standing_actions() {
        let Action { by, text, measured, seen, .. } = action.item.clone();
        let done_at = Some(action.at);
        draft.push(into, What::Acted { by, text, done_at, measured, seen }, why.clone());
    }
    for note in ended.notes.iter().filter(|note| !note.item.retracted) {
        let Note { by, text, .. } = note.item.clone();
        draft.push(into, What::Noted { by, text }, why.clone());
    }
    for (sink, what) in &ended.stood_down {
        draft.push(into, What::StoodDown { sink: sink.clone(), what: what.clone() }, why.clone());
    }
}

/// As an operator says.
///
/// # Errors
/// Where one of them is over, or both are the same.
pub(super) fn on_command(
    draft: &mut Draft<'_>,
    from: IncidentId,
    into: IncidentId,
    why: &Why,
) -> Result<(), Refused> {
    if from == into {
        return Err(Refused(format!("{from} cannot become a part of itself")));
    }
    for id in [from, into] {
        if !draft.get(id).ok_or_else(|| Refused(format!("there is no incident `{id}`")))?.is_open() {
            return Err(Refused(format!("{id} is resolved")));
        }
    }
    merge(draft, from, into, why);
    Ok(())
}

/// Takes alerts out of an incident into a new one.
///
/// # Errors
/// Where nothing would be left, or the incident is over.
pub(super) fn split(
    draft: &mut Draft<'_>,
    id: IncidentId,
    keys: &[AlertKey],
    by: &str,
    why: &Why,
) -> Result<IncidentId, Refused> {
    let incident = draft.get(id).ok_or_else(|| Refused(format!("there is no incident `{id}`")))?;
    if !incident.is_open() {
        return Err(Refused(format!("{id} is resolved")));
    }
    if keys.len() == incident.members.len() {
        return Err(Refused(format!("nothing would be left of {id}")));
    }
    let members: Vec<Member> =
        keys.iter().filter_map(|key| incident.members.get(key)).map(|member| Member::clone(member)).collect();
    let Some(started_at) = members.iter().map(|member| member.state.breached_at()).min() else {
        return Err(Refused("name the alerts to take out".to_owned()));
    };
    let graph = draft.config().graph.clone();
    let shown = affected::statuses(&graph, members.iter());
    let toll = shown.into_iter().map(|(id, status)| (id, (draft.now(), status))).collect();
    let alert = members.first().map_or(String::new(), |member| member.facts.name.clone());
    let exposure = Exposure::Internal;
    let title = affected::title(&graph, &draft.config().words, exposure, &toll, &alert);
    let new = draft.open(What::Opened { key: None, title, exposure, started_at }, why.clone());
    for member in members {
        let key = member.key.clone();
        let is_dismissed = draft.get(id).is_some_and(|old| old.dismissed.contains(&key));
        draft.push(new, What::Joined { member }, why.clone());
        if is_dismissed {
            draft.push(new, What::Dismissed { key: key.clone(), by: by.to_owned() }, why.clone());
        }
        draft.push(id, What::Left { key, to: new, by: Some(by.to_owned()) }, why.clone());
    }
    Ok(new)
}

/// Whether the machine may make `younger` a part of `older`: not where a person took them apart, muted the younger, or
/// holds something of it.
pub(super) fn may_merge(younger: &Incident, older: &Incident) -> bool {
    let is_held =
        younger.muted_by.is_some() || younger.fixed_status.is_some() || younger.fixed_impact.is_some();
    younger.is_open() && older.is_open() && !is_held && !are_apart(younger, older)
}

/// Whether a person took the two apart.
fn are_apart(a: &Incident, b: &Incident) -> bool {
    a.split_from.contains(&b.id) || b.split_from.contains(&a.id)
}
