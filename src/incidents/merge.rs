//! Two incidents that are one, and one that is two.
//!
//! In:   a serious alert that belongs to two open incidents, or an operator's word.
//! Out:  `Absorbed` and `Merged` with a last post that points on; or a new incident with alerts of an old one.
//! Not:  what a person took apart is never put together again by itself.

use crate::model::IncidentId;
use crate::rules::AlertKey;

use super::command::Refused;
use super::draft::Draft;
use super::event::{Exposure, Member, What, Why};
use super::incident::Incident;
use super::settings::PublishMode;
use super::{affected, lifecycle, promise, publish};

/// Makes `from` a part of `into`: its alerts, what its components showed, and its promise go over; it ends.
pub(super) fn merge(draft: &mut Draft<'_>, from: IncidentId, into: IncidentId, why: &Why) {
    let Some(ended) = draft.get(from) else { return };
    let members: Vec<Member> = ended.members.values().map(|member| Member::clone(member)).collect();
    let (components, promise, dismissed) = (ended.components.clone(), ended.promise, ended.dismissed.clone());
    let is_public = ended.exposure == Exposure::Public;
    draft.push(into, What::Absorbed { from, members, components }, why.clone());
    for key in dismissed {
        // Whoever dismissed it meant the alert, wherever it stands.
        draft.push(into, What::Dismissed { key, by: format!("{from}") }, why.clone());
    }
    draft.push(from, What::Merged { into }, why.clone());
    lifecycle::close(draft, from, why);
    publish::merged(draft, from, into, why);
    let Some(survivor) = draft.get(into) else { return };
    let speaks =
        survivor.muted_by.is_none() && promise::gate(draft.config(), survivor).mode != PublishMode::Off;
    if is_public && survivor.exposure == Exposure::Internal {
        draft.push(into, What::Exposed, why.clone());
    }
    // An overdue one was missed by the incident that made it.
    if let Some(due) = promise.filter(|due| speaks && draft.now() <= *due) {
        draft.push(into, What::PromiseTaken { due, from }, why.clone());
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
        draft.push(new, What::Joined { member }, why.clone());
        draft.push(id, What::Left { key, to: new, by: Some(by.to_owned()) }, why.clone());
    }
    Ok(new)
}

/// Whether a person took the two apart.
pub(super) fn are_apart(a: &Incident, b: &Incident) -> bool {
    a.split_from.contains(&b.id) || b.split_from.contains(&a.id)
}
