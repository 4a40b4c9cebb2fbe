//! When something must be said: new facts, and the next update that each post promises.
//!
//! In:   what was said last and when, what is known now, the gate, the cadence.
//! Out:  the time of the next word, what sort of word it is, and the reason; the promise that a post makes.
//! Not:  the words themselves (`publish`, `words`).
//!
//! A new fact is said at once, but for `min_gap` after the last post, so that several go into one. A promised
//! update comes `lead` before its time, whatever `min_gap` and the most posts an hour say. Where a person approves,
//! a draft is made at those times instead; what was promised and not approved in time comes as a holding statement.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Severity, Timestamp};
use crate::rules::{AlertKey, Role};

use super::affected;
use super::backlog::{Depths, Outlook};
use super::config::Config;
use super::draft::Draft;
use super::incident::{Incident, WaitingDraft};
use super::member::Member;
use super::message::{Eta, Post, PostKind};
use super::settings::{Fallback, Gate, PolicyMatch, PublishMode, Settings};
use super::status::{Exposure, Status};
use super::why::{Wake, Why};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// For a status that the cadence does not name.
const CADENCE_OTHERWISE: Duration = Duration::from_secs(30 * 60);

/// An ETA that moved is said again no sooner than this after the last one.
const ETAS_APART: Duration = Duration::from_secs(10 * 60);

/// So many backlogs are looked at.
const BACKLOGS: usize = 5;

/// What the time of the next word depends on, beside the incident.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) config: &'a Config,
    pub(super) backlogs: &'a BTreeMap<AlertKey, Depths>,
}

/// The next word.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Next {
    pub(super) at: Timestamp,
    pub(super) why: Why,
    pub(super) how: How,
}

/// What sort of word comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It is posted.
    Post,
    /// It waits for a person.
    Draft,
    /// A holding statement is posted, since nobody approved more.
    Hold,
}

/// When the next word is to be said or drafted; `None` while nothing is.
pub(super) fn next(known: Known<'_>, incident: &Incident) -> Option<Next> {
    let gate = gate(known.config, incident);
    if incident.exposure == Exposure::Internal || incident.muted_by.is_some() {
        return None;
    }
    match gate.mode {
        // Once something was said, its readers hear how it goes on and how it ends.
        PublishMode::Off if incident.posts.is_empty() && incident.promise.is_none() => None,
        PublishMode::Off => {
            promised_or_over(known, incident).map(|Wake { at, why }| Next { at, why, how: How::Post })
        }
        PublishMode::Auto => {
            due(known, incident, gate).map(|Wake { at, why }| Next { at, why, how: How::Post })
        }
        PublishMode::Approve => to_approve(known, incident, gate),
    }
}

/// When to look at it again for its words.
pub(super) fn wake(known: Known<'_>, incident: &Incident) -> Option<Wake> {
    next(known, incident).map(|Next { at, why, .. }| Wake { at, why })
}

/// What is to be said or drafted now; `None` while nothing is. A promise that was not kept comes before all.
pub(super) fn occasion(known: Known<'_>, incident: &Incident, now: Timestamp) -> Option<Next> {
    let next = next(known, incident)?;
    // After a clock that stepped back the last post lies ahead; what is new must not wait until then.
    let stepped_back = incident.posts.last().is_some_and(|last| now < last.at);
    let news_now = stepped_back && next.how != How::Hold && !news(known, incident).is_empty();
    if now < next.at && !news_now {
        return None;
    }
    let why = match incident.promise {
        Some(due) if due < now && next.how != How::Draft => Why::PromiseOverdue { due },
        _ => next.why,
    };
    Some(Next { why, ..next })
}

/// The first gate that is for this incident.
pub(super) fn gate<'a>(config: &'a Config, incident: &Incident) -> &'a Gate {
    let worst = || incident.members.values().map(|member| member.worst).max();
    let severity = incident.severity().or_else(worst);
    let publish = &config.settings.publish;
    let fits = |matches: &PolicyMatch| {
        let of_severity =
            matches.severities.is_empty() || severity.is_some_and(|s| matches.severities.contains(&s));
        let of_component = matches.components.is_empty()
            || matches.components.iter().any(|component| incident.components.contains_key(component));
        of_severity && of_component
    };
    publish.gates.iter().find(|(matches, _)| fits(matches)).map_or(&publish.otherwise, |(_, gate)| gate)
}

/// When the next word is due, if nobody need approve it.
fn due(known: Known<'_>, incident: &Incident, gate: &Gate) -> Option<Wake> {
    let settings = &known.config.settings;
    let promised = promised(settings, incident).map(|(at, due)| Wake { at, why: Why::PromiseDue { due } });
    let Some(last) = incident.posts.last() else {
        return first(known, incident, gate).into_iter().chain(promised).min_by_key(|wake| wake.at);
    };
    if last.item.status == Status::Resolved && incident.status == Status::Resolved {
        return None;
    }
    if let Some(wake) = after_silence(incident) {
        return Some(wake);
    }
    let held_until = gate.most_posts_an_hour.filter(|_| incident.is_open()).and_then(|most| {
        let nth_last = incident.posts.len().checked_sub(usize::try_from(most).ok()?)?;
        incident.posts.get(nth_last).map(|post| post.at + HOUR)
    });
    let soonest = (last.at + settings.min_gap).max(held_until.unwrap_or(last.at));
    let facts = facts_news(known, incident);
    let said =
        (!facts.is_empty()).then(|| Wake { at: soonest, why: Why::NewFact { fact: facts.join("; ") } });
    let etas = eta_news(known, incident);
    let eta = (!etas.is_empty()).then(|| {
        let at = incident.said.eta_at.map_or(soonest, |stated| soonest.max(stated + ETAS_APART));
        Wake { at, why: Why::NewFact { fact: etas.join("; ") } }
    });
    said.into_iter().chain(eta).chain(promised).min_by_key(|wake| wake.at)
}

/// An open incident that customers know of and that promises nothing any more was muted: it speaks again at once.
fn after_silence(incident: &Incident) -> Option<Wake> {
    let last = incident.posts.last().filter(|_| incident.promise.is_none() && incident.is_open())?;
    Some(Wake { at: last.at, why: Why::NewFact { fact: "updates go on".to_owned() } })
}

/// The words that a gate does not hold back: what was promised, and the end.
fn promised_or_over(known: Known<'_>, incident: &Incident) -> Option<Wake> {
    let settings = &known.config.settings;
    let promised = promised(settings, incident).map(|(at, due)| Wake { at, why: Why::PromiseDue { due } });
    let last = incident.posts.last();
    let over = last.filter(|last| !incident.is_open() && last.item.status != Status::Resolved);
    let over = over.map(|last| Wake {
        at: last.at + settings.min_gap,
        why: Why::NewFact { fact: format!("the incident is {}", incident.status) },
    });
    after_silence(incident).into_iter().chain(promised).chain(over).min_by_key(|wake| wake.at)
}

/// When the first word is due. What is over before that stays unsaid: that is what a hold is for.
fn first(known: Known<'_>, incident: &Incident, gate: &Gate) -> Option<Wake> {
    let happening = incident.status.is_happening();
    let breadth = affected::public_now(&known.config.graph, incident).len();
    let why = Why::NewFact { fact: incident.title.clone() };
    (happening && gate.breadth <= breadth).then(|| Wake { at: incident.open_since + gate.after, why })
}

/// When the promised update is to be committed, and until when it was promised. A promise made at a slower cadence is
/// overtaken when it got worse since; one of an incident that became a part of this one may stand before any post.
fn promised(settings: &Settings, incident: &Incident) -> Option<(Timestamp, Timestamp)> {
    let due = incident.promise?;
    let sooner = incident.posts.last().map(|last| next_update(settings, incident, last.at));
    Some((sooner.map_or(due, |sooner| due.min(sooner)) - settings.lead, due))
}

/// The next draft, or the holding statement that takes the place of one that nobody approved.
fn to_approve(known: Known<'_>, incident: &Incident, gate: &Gate) -> Option<Next> {
    let settings = &known.config.settings;
    let promised = promised(settings, incident);
    let hold_promised = promised.map(|(at, due)| Next { at, why: Why::PromiseDue { due }, how: How::Hold });
    let draft = match &incident.draft {
        None => draft_due(known, incident, gate),
        Some(draft) if draft.edited.is_none() && is_overtaken(known, incident, draft) => {
            let why = Why::NewFact { fact: "what the draft says is not so any more".to_owned() };
            Some(Next { at: draft.revised_at + settings.min_gap, why, how: How::Draft })
        }
        Some(_) => None,
    };
    let hold = incident.draft.as_ref().and_then(|draft| fallback(incident, gate, draft));
    draft.into_iter().chain(hold).chain(hold_promised).min_by_key(|next| next.at)
}

/// When a draft is to be made: as a post would be, but a promised one early enough for a person to read it.
fn draft_due(known: Known<'_>, incident: &Incident, gate: &Gate) -> Option<Next> {
    let Wake { at, why } = due(known, incident, gate)?;
    let is_promised = matches!(why, Why::PromiseDue { .. });
    if incident.discarded.as_ref().is_some_and(|post| !is_promised && !is_outdated(known, incident, post)) {
        return None;
    }
    let at = match (&why, incident.posts.last()) {
        (Why::PromiseDue { .. }, Some(last)) => {
            let halfway = last.at + at.since(last.at) / 2;
            halfway.max(at - gate.fallback_after)
        }
        _ => at,
    };
    Some(Next { at, why, how: How::Draft })
}

fn fallback(incident: &Incident, gate: &Gate, draft: &WaitingDraft) -> Option<Next> {
    let held =
        incident.posts.iter().any(|post| draft.since <= post.at && post.item.kind == PostKind::Holding);
    let wanted = gate.fallback == Fallback::HoldingStatement && !held;
    wanted.then(|| Next { at: draft.since + gate.fallback_after, why: Why::NobodyApproved, how: How::Hold })
}

/// Whether a draft says something else than it would now.
fn is_outdated(known: Known<'_>, incident: &Incident, post: &Post) -> bool {
    let shown = affected::public_now(&known.config.graph, incident);
    post.status != incident.status
        || post.impact != affected::public_impact(incident, &shown)
        || post.title != incident.title
        || post.components.iter().map(|c| (&c.id, c.status)).ne(shown.iter().map(|c| (&c.id, c.status)))
}

/// Whether a draft that waits does not say all that is known now.
fn is_overtaken(known: Known<'_>, incident: &Incident, draft: &WaitingDraft) -> bool {
    is_outdated(known, incident, &draft.post)
        || draft.takes_in.causes != incident.public_causes()
        || incident.actions.iter().skip(draft.takes_in.actions).any(|action| action.item.is_public())
}

/// Until when the update after a post of `at` is promised: a whole minute, late enough to be kept.
pub(super) fn next_update(settings: &Settings, incident: &Incident, at: Timestamp) -> Timestamp {
    let due = (at + cadence(settings, incident)).floor_to(MINUTE);
    // A cadence that leaves no time between the post and `lead` before the next would never let it rest.
    if due - settings.lead <= at { (at + settings.lead).floor_to(MINUTE) + MINUTE } else { due }
}

fn cadence(settings: &Settings, incident: &Incident) -> Duration {
    let grave = incident.active_symptoms > 0
        && incident
            .active()
            .any(|member| member.role() == Role::Symptom && Some(Severity::Major) <= member.state.severity());
    if grave {
        return settings.cadence.major;
    }
    settings.cadence.by_status.get(&incident.status).copied().unwrap_or(CADENCE_OTHERWISE)
}

/// What is known in public terms and not said yet, in words.
pub(super) fn news(known: Known<'_>, incident: &Incident) -> Vec<String> {
    let mut news = facts_news(known, incident);
    news.extend(eta_news(known, incident));
    news
}

fn facts_news(known: Known<'_>, incident: &Incident) -> Vec<String> {
    let Some(last) = incident.posts.last().map(|post| &post.item) else { return Vec::new() };
    let config = known.config;
    let mut news = Vec::new();
    if last.status != incident.status {
        news.push(format!("the incident is {}", incident.status));
    }
    let shown = affected::public_now(&config.graph, incident);
    for now in &shown {
        let said = last.components.iter().find(|said| said.id == now.id).map(|said| said.status);
        if said != Some(now.status) {
            news.push(format!("{}: {}", now.name, config.words.status(now.status)));
        }
    }
    if last.title != incident.title {
        news.push(format!("the incident is called `{}`", incident.title));
    }
    let impact = affected::public_impact(incident, &shown);
    if news.is_empty() && last.impact != impact {
        news.push(format!("its impact is {impact}"));
    }
    let causes = incident.public_causes();
    news.extend(causes.difference(&incident.said.causes).map(|cause| format!("a cause: {cause}")));
    let done = incident.actions.iter().skip(incident.said.actions).filter(|action| action.item.is_public());
    news.extend(done.map(|action| format!("an action: {}", action.item.text)));
    news
}

/// ETAs that are there, moved out of their band, or are not there any more.
fn eta_news(known: Known<'_>, incident: &Incident) -> Vec<String> {
    let Some(last) = incident.posts.last().map(|post| &post.item) else { return Vec::new() };
    let mut news = Vec::new();
    for (member, outlook) in outlooks(known, incident) {
        let name = &member.facts.name;
        let said = last.etas.iter().find(|eta| eta.alert == member.key);
        match (said, outlook.eta) {
            (None, Some(_)) => news.push(format!("{name} drains, and it can be told until when")),
            (Some(_), None) => news.push(format!("{name} does not drain any more")),
            (Some(said), Some(now)) if now.best < said.low || said.high < now.best => {
                news.push(format!("{name} will be drained at another time than was said"));
            }
            _ => {}
        }
    }
    news
}

/// How the backlogs go that are not drained, as far as that can be told.
pub(super) fn outlooks<'a>(
    known: Known<'a>,
    incident: &'a Incident,
) -> impl Iterator<Item = (&'a Member, Outlook)> {
    undrained(incident).take(BACKLOGS).filter_map(move |member| {
        let outlook = known
            .backlogs
            .get(&member.key)?
            .outlook(member.facts.clear?, known.config.settings.eta_window)?;
        Some((member, outlook))
    })
}

/// Backlogs that are measured and not drained.
pub(super) fn undrained(incident: &Incident) -> impl Iterator<Item = &Member> {
    incident.active().filter(|member| member.role() == Role::Backlog && member.lost_since().is_none())
}

/// When backlogs are expected to be drained. Of one that is not measured for long enough yet, after a start, what was
/// said stands.
pub(super) fn etas(draft: &Draft<'_>, incident: &Incident) -> Vec<Eta> {
    let known: BTreeMap<&AlertKey, Outlook> =
        outlooks(draft.known(), incident).map(|(member, outlook)| (&member.key, outlook)).collect();
    let said = |key: &AlertKey| {
        let last = incident.posts.last()?;
        last.item.etas.iter().find(|eta| eta.alert == *key && draft.now() < eta.best).cloned()
    };
    let etas = undrained(incident).take(BACKLOGS).filter_map(|member| match known.get(&member.key) {
        None => said(&member.key),
        Some(outlook) => outlook.eta.map(|band| Eta {
            alert: member.key.clone(),
            component: member.facts.component.clone(),
            low: band.low,
            best: band.best,
            high: band.high,
        }),
    });
    etas.collect()
}
