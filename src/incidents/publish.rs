//! What is said in public: the next post, with everything that a reader must know.
//!
//! In:   an incident as it would be, and the reason to speak (`promise`).
//! Out:  `PromiseKept` or `PromiseMissed`, then `Posted`.
//! Not:  no label, host, instance or operator's name gets into a post; names are those of public components,
//!       and a cause is said only where its rule says how.

use std::time::Duration;

use crate::model::{ComponentId, ComponentStatus, IncidentId, format_duration};
use crate::rules::Role;

use super::affected;
use super::draft::Draft;
use super::event::{Post, Status, What, Why};
use super::incident::Incident;
use super::promise;
use super::words::{ActionFacts, BacklogFacts, LostFacts, PostFacts, ShownFacts, figure, status_word};

/// How many actions a post lists; of more, the last.
const ACTIONS_LISTED: usize = 10;

/// How many backlogs a post says the depth of.
const BACKLOGS_LISTED: usize = 5;

/// Proposes the next post where its time has come.
pub(super) fn say(draft: &mut Draft<'_>, id: IncidentId) {
    let now = draft.now();
    let Some(incident) = draft.get(id) else { return };
    let Some(why) = promise::occasion(draft.config(), incident, now) else { return };
    let post = compose(draft, incident, &why);
    if let Some(due) = incident.promise {
        let what = if due < now { What::PromiseMissed { due } } else { What::PromiseKept { due } };
        draft.push(id, what, why.clone());
    }
    draft.push(id, What::Posted { post }, why);
}

fn compose(draft: &Draft<'_>, incident: &Incident, why: &Why) -> Post {
    let config = draft.config();
    let components = affected::public_now(&config.graph, incident);
    let affected = affected::line(&components);
    let next = (incident.is_open()).then(|| promise::next_update(&config.settings, incident, draft.now()));
    let mut facts = facts(draft, incident, why);
    facts.affected.clone_from(&affected);
    facts.next_update = next.map(|next| config.words.time(next, draft.now()));
    Post {
        number: u32::try_from(incident.posts.len()).unwrap_or(u32::MAX).saturating_add(1),
        title: incident.title.clone(),
        status: incident.status,
        impact: affected::impact(components.iter().map(|component| component.status)),
        body: config.words.post(&facts),
        components,
        affected,
        started_at: incident.started_at,
        mitigated_at: incident.mitigated_at,
        next_update_by: next,
    }
}

fn facts(draft: &Draft<'_>, incident: &Incident, why: &Why) -> PostFacts {
    let (config, now) = (draft.config(), draft.now());
    let time = |at| config.words.time(at, now);
    let late = match why {
        Why::PromiseOverdue { due } => Some(time(*due)),
        _ => None,
    };
    let happening = matches!(incident.status, Status::Investigating | Status::Identified);
    let last = incident.posts.last().map(|last| last.at);
    let newly_lost = incident.active().any(|m| m.lost_since().is_some() && last < Some(m.moved_at));
    let unchanged = promise::news(config, incident).is_empty() && !newly_lost;
    let shown = affected::lasting(&config.graph, incident).into_iter().map(|(name, status, from)| {
        ShownFacts { name, status: status_word(status), lasts: format_duration(rounded(now.since(from))) }
    });
    let recovered = affected::public_now(&config.graph, incident)
        .into_iter()
        .filter(|component| component.status == ComponentStatus::Operational);
    let skipped = incident.actions.len().saturating_sub(ACTIONS_LISTED);
    let actions = incident.actions.iter().skip(skipped);
    let backlogs = backlogs(draft, incident);
    PostFacts {
        status: incident.status.as_str(),
        first: incident.posts.is_empty(),
        late,
        relapsed: happening && incident.breaks > 0,
        unchanged_since: last.filter(|_| unchanged).map(time),
        affected: String::new(),
        shown: shown.collect(),
        recovered: recovered.map(|component| component.name).collect(),
        causes: incident.public_causes().into_iter().collect(),
        actions: actions.map(|a| ActionFacts { at: time(a.at), text: a.item.text.clone() }).collect(),
        more_backlogs: backlogs.len().saturating_sub(BACKLOGS_LISTED),
        backlogs: backlogs.into_iter().take(BACKLOGS_LISTED).collect(),
        lost: lost(draft, incident),
        start: time(incident.started_at),
        end: incident.mitigated_at.map(time),
        watch_until: incident.watch_until.filter(|until| now < *until).map(time),
        zone: config.words.zone(now),
        next_update: None,
    }
}

/// Backlogs that are not drained. A component that customers do not know stays without a name.
fn backlogs(draft: &Draft<'_>, incident: &Incident) -> Vec<BacklogFacts> {
    let undrained = incident.active().filter(|m| m.role() == Role::Backlog && m.lost_since().is_none());
    let facts = undrained.map(|member| BacklogFacts {
        name: public_name(draft, member.facts.component.as_ref()),
        depth: draft.reading(&member.key).or(member.facts.value).map(figure),
        drained_below: member.facts.clear.map(figure),
    });
    facts.collect()
}

fn lost(draft: &Draft<'_>, incident: &Incident) -> Vec<LostFacts> {
    let lost = incident.active().filter_map(|member| {
        let since = draft.config().words.time(member.lost_since()?, draft.now());
        Some(LostFacts { name: public_name(draft, member.facts.component.as_ref()), since })
    });
    let mut lost: Vec<LostFacts> = lost.collect();
    lost.sort();
    lost.dedup();
    lost
}

fn public_name(draft: &Draft<'_>, id: Option<&ComponentId>) -> Option<String> {
    let graph = &draft.config().graph;
    id.filter(|id| affected::is_public(graph, id)).map(|id| affected::name(graph, id).to_owned())
}

/// To the minute once there is one: nobody reads seconds in an outage of an hour.
fn rounded(length: Duration) -> Duration {
    let seconds = length.as_secs();
    Duration::from_secs(if seconds < 60 { seconds } else { seconds - seconds % 60 })
}
