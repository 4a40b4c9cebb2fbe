//! What is said in public: the next post, with everything that a reader must know.
//!
//! In:   an incident as it would be, and the reason to speak (`promise`), or an operator's text.
//! Out:  `PromiseKept` or `PromiseMissed`, then `Posted`; or `Drafted`, where a person approves.
//! Not:  no label, host, instance or operator's name gets into a post; names are those of public components,
//!       and a cause or a figure is said only where its rule or an operator says how.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{ComponentId, ComponentStatus, IncidentId, format_duration};

use super::affected;
use super::backlog::Trend;
use super::draft::Draft;
use super::event::What;
use super::incident::Incident;
use super::message::{Post, PostKind};
use super::promise::{self, How};
use super::settings::PublishMode;
use super::status::Exposure;
use super::why::Why;
use super::words::{ActionFacts, BacklogFacts, EtaFacts, LostFacts, PostFacts, ShownFacts};
use super::{escalate, lifecycle};

/// How many actions a post lists; of more, the last.
const ACTIONS_LISTED: usize = 10;

/// How many backlogs a post says the depth of.
const BACKLOGS_LISTED: usize = 5;

/// How many measured facts a post lists.
const EVIDENCE_LISTED: usize = 5;

/// Proposes the next post or draft where its time has come.
pub(super) fn say(draft: &mut Draft<'_>, id: IncidentId) {
    drop_overtaken_draft(draft, id);
    // A draft that is made anew at the moment at which a promise is due does not take its place, nor does a holding
    // statement take that of a draft that is due as well.
    if let Some(How::Draft | How::Hold) = say_next(draft, id) {
        say_next(draft, id);
    }
}

fn say_next(draft: &mut Draft<'_>, id: IncidentId) -> Option<How> {
    let incident = draft.get(id)?;
    let next = promise::occasion(draft.known(), incident, draft.now())?;
    match next.how {
        How::Post => {
            let post = compose(draft, incident, &next.why, PostKind::Update, None);
            put(draft, id, post, next.why);
        }
        How::Hold => {
            let post = compose(draft, incident, &next.why, PostKind::Holding, None);
            put(draft, id, post, next.why);
        }
        How::Draft => {
            let is_first = incident.draft.is_none();
            let post = compose(draft, incident, &next.why, PostKind::Update, None);
            draft.push(id, What::Drafted { post }, next.why.clone());
            if is_first {
                escalate::ask_for_approval(draft, id, &next.why);
            }
        }
    }
    Some(next.how)
}

/// A draft of what is over before anything was said is of no use, nor is one that nobody need approve any more.
fn drop_overtaken_draft(draft: &mut Draft<'_>, id: IncidentId) {
    let Some(incident) = draft.get(id).filter(|incident| incident.draft.is_some()) else { return };
    let over = incident.posts.is_empty() && !incident.status.is_happening();
    let gate = promise::gate(draft.config(), incident);
    if over || incident.muted_by.is_some() || gate.mode != PublishMode::Approve {
        let because = "what it would have said is overtaken".to_owned();
        draft.push(id, What::DraftDropped { by: None }, Why::Follows { because });
    }
}

/// A public word of an operator's own.
pub(super) fn as_written(draft: &mut Draft<'_>, id: IncidentId, by: &str, text: &str, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    if incident.exposure == Exposure::Internal {
        draft.push(id, What::Exposed, why.clone());
        lifecycle::introduce(draft, id);
    }
    let Some(incident) = draft.get(id) else { return };
    let kind = PostKind::Written { by: by.to_owned(), own_words: true };
    let post = compose(draft, incident, why, kind, Some(text));
    put(draft, id, post, why.clone());
}

/// The draft that waits, as it is now, or with another text.
pub(super) fn approved(draft: &mut Draft<'_>, id: IncidentId, by: &str, text: Option<String>, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    let kind = PostKind::Written { by: by.to_owned(), own_words: text.is_some() };
    let post = compose(draft, incident, why, kind, text.as_deref());
    put(draft, id, post, why.clone());
}

/// Falls silent; where something was said, and an update promised, that is said first.
pub(super) fn mute(draft: &mut Draft<'_>, id: IncidentId, by: &str, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    if let Some(due) = incident.promise {
        let post = compose(draft, incident, why, PostKind::Muted, None);
        let now = draft.now();
        let what = if due < now { What::PromiseMissed { due } } else { What::PromiseWithdrawn { due } };
        draft.push(id, what, why.clone());
        draft.push(id, What::Posted { post }, why.clone());
    }
    draft.push(id, What::Muted { by: by.to_owned() }, why.clone());
}

/// The last word of an incident that goes on in another one; none where nothing was said so far.
pub(super) fn merged(draft: &mut Draft<'_>, id: IncidentId, into: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id).filter(|incident| !incident.posts.is_empty()) else { return };
    let post = compose(draft, incident, why, PostKind::Merged { into }, None);
    put(draft, id, post, why.clone());
}

/// Posts, and says how the promise went that came before.
fn put(draft: &mut Draft<'_>, id: IncidentId, post: Post, why: Why) {
    let now = draft.now();
    if let Some(due) = draft.get(id).and_then(|incident| incident.promise) {
        let what = if due < now { What::PromiseMissed { due } } else { What::PromiseKept { due } };
        draft.push(id, what, why.clone());
    }
    draft.push(id, What::Posted { post }, why);
}

fn compose(draft: &Draft<'_>, incident: &Incident, why: &Why, kind: PostKind, text: Option<&str>) -> Post {
    let config = draft.config();
    let components = affected::public_now(&config.graph, incident);
    let affected = affected::line(&components, config.words.and());
    let impact = affected::public_impact(incident, &components);
    let goes_on = incident.is_open() && kind != PostKind::Muted && incident.muted_by.is_none();
    let next = goes_on.then(|| promise::next_update(&config.settings, incident, draft.now()));
    // As the text says them.
    let etas = match kind {
        PostKind::Update | PostKind::Written { own_words: false, .. } => promise::etas(draft, incident),
        PostKind::Holding | PostKind::Written { .. } | PostKind::Muted | PostKind::Merged { .. } => {
            Vec::new()
        }
    };
    let mut facts = facts(draft, incident, why);
    facts.impact = impact.as_str();
    facts.affected.clone_from(&affected);
    facts.next_update = next.map(|next| config.words.time(next, draft.now()));
    facts.written = text.map(str::to_owned);
    facts.holding = kind == PostKind::Holding;
    facts.muted = kind == PostKind::Muted;
    if let PostKind::Merged { into } = &kind {
        facts.merged_into =
            Some(draft.get(*into).map_or(into.to_string(), |other| public_title(draft, other)));
    }
    Post {
        number: u32::try_from(incident.posts.len()).unwrap_or(u32::MAX).saturating_add(1),
        title: incident.title.clone(),
        status: incident.status,
        impact,
        body: config.words.post(&facts),
        components,
        affected,
        started_at: incident.started_at,
        mitigated_at: incident.mitigated_at,
        next_update_by: next,
        kind,
        etas,
        except: incident.stood_down.keys().cloned().collect(),
    }
}

fn facts(draft: &Draft<'_>, incident: &Incident, why: &Why) -> PostFacts {
    let (config, now) = (draft.config(), draft.now());
    let words = &config.words;
    let time = |at| words.time(at, now);
    let late = match why {
        Why::PromiseOverdue { due } => Some(time(*due)),
        _ => None,
    };
    let happening = incident.status.is_happening();
    let last = incident.posts.last().map(|last| last.at);
    let said_to_be_over = incident.posts.last().is_some_and(|last| !last.item.status.is_happening());
    let newly_lost = incident.active().any(|m| m.lost_since().is_some() && last < Some(m.moved_at));
    let unchanged = promise::news(draft.known(), incident).is_empty() && !newly_lost;
    let shown = affected::lasting(&config.graph, incident).into_iter().map(|(name, status, from)| {
        let lasts = format_duration(rounded(now.since(from)));
        ShownFacts { name, status: words.status(status), key: status.as_str(), lasts }
    });
    let recovered = affected::public_now(&config.graph, incident)
        .into_iter()
        .filter(|component| component.status == ComponentStatus::Operational);
    let actions: Vec<_> = incident.actions.iter().filter(|action| action.item.is_public()).collect();
    let skipped = actions.len().saturating_sub(ACTIONS_LISTED);
    // A component that customers do not know stays without a name.
    let backlogs = backlogs(draft, incident, |component| public_name(draft, Some(component)));
    PostFacts {
        incident: incident.id.to_string(),
        title: incident.title.clone(),
        status: incident.status.as_str(),
        impact: incident.impact.as_str(),
        first: incident.posts.is_empty(),
        written: None,
        holding: false,
        muted: false,
        merged_into: None,
        late,
        relapsed: happening && said_to_be_over,
        ongoing: 0 < incident.active_symptoms,
        unchanged_since: last.filter(|_| unchanged).map(time),
        affected: String::new(),
        shown: shown.collect(),
        recovered: recovered.map(|component| component.name).collect(),
        evidence: evidence(draft, incident),
        causes: incident.public_causes().into_iter().collect(),
        actions: actions[skipped..]
            .iter()
            .map(|a| ActionFacts { at: time(a.at), text: a.item.text.clone() })
            .collect(),
        more_backlogs: backlogs.len().saturating_sub(BACKLOGS_LISTED),
        backlogs: backlogs.into_iter().take(BACKLOGS_LISTED).collect(),
        lost: lost(draft, incident),
        start: words.bare_time(incident.started_at, now),
        end: incident.mitigated_at.map(time),
        watch_until: incident.watch_until.filter(|until| now < *until).map(time),
        zone: words.zone(incident.started_at),
        next_update: None,
    }
}

/// What is measured, in the words that rules have for customers.
fn evidence(draft: &Draft<'_>, incident: &Incident) -> Vec<String> {
    // What still fires when a person ends it is no word for its end.
    let measured = incident.active().filter(|member| incident.is_open() && member.lost_since().is_none());
    let said = measured.filter_map(|member| {
        let last = || member.facts.annotations.get("public_summary").map(str::to_owned);
        draft.summary(&member.key).map(str::to_owned).or_else(last)
    });
    let said: BTreeSet<String> = said.filter(|text| !text.trim().is_empty()).collect();
    said.into_iter().take(EVIDENCE_LISTED).collect()
}

/// Backlogs that are not drained, with the names that `name` has for their components.
pub(super) fn backlogs(
    draft: &Draft<'_>,
    incident: &Incident,
    name: impl Fn(&ComponentId) -> Option<String>,
) -> Vec<BacklogFacts> {
    let words = &draft.config().words;
    let time = |at| words.time(at, draft.now());
    let outlooks: BTreeMap<_, _> =
        promise::outlooks(draft.known(), incident).map(|(member, outlook)| (&member.key, outlook)).collect();
    let etas = promise::etas(draft, incident);
    let facts = promise::undrained(incident).map(|member| {
        let outlook = outlooks.get(&member.key);
        BacklogFacts {
            name: member.facts.component.as_ref().and_then(&name),
            depth: draft.reading(&member.key).or(member.facts.value).map(|depth| words.figure(depth)),
            drained_below: member.facts.clear.map(|depth| words.figure(depth)),
            trend: outlook.map(|outlook| match outlook.trend {
                Trend::Growing => "growing",
                Trend::Stalled => "stalled",
                Trend::Draining => "draining",
            }),
            eta: etas.iter().find(|eta| eta.alert == member.key).map(|eta| EtaFacts {
                low: time(eta.low),
                best: time(eta.best),
                high: time(eta.high),
            }),
        }
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

/// The title as customers read it, also of an incident that they do not know yet.
fn public_title(draft: &Draft<'_>, incident: &Incident) -> String {
    let config = draft.config();
    let toll = affected::toll(incident);
    affected::title(&config.graph, &config.words, Exposure::Public, &toll, "")
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
