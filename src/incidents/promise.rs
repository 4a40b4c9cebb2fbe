//! When something must be said: new facts, and the next update that each post promises.
//!
//! In:   what was said last and when, what is known now, the cadence.
//! Out:  the time of the next post and the reason for it; the promise that a post makes.
//! Not:  the words themselves (`publish`, `words`).
//!
//! A new fact is said at once, but for `min_gap` after the last post, so that several go into one. A promised
//! update comes `lead` before its time, whatever `min_gap` says.

use std::time::Duration;

use crate::model::{Severity, Timestamp};
use crate::rules::Role;

use super::affected;
use super::book::{Config, Wake};
use super::event::{Exposure, Status, Why};
use super::incident::Incident;
use super::settings::{PublishMode, Settings};
use super::words;

const MINUTE: Duration = Duration::from_secs(60);

/// For a status that the cadence does not name.
const CADENCE_OTHERWISE: Duration = Duration::from_secs(30 * 60);

/// When the next post is to be made, and why; `None` while nothing is to be said.
pub(super) fn wake(config: &Config, incident: &Incident) -> Option<Wake> {
    let settings = &config.settings;
    if settings.publish.mode == PublishMode::Off || incident.exposure == Exposure::Internal {
        return None;
    }
    let Some(last) = incident.posts.last() else {
        // What is over before its first post was due stays unsaid: that is what the hold is for.
        let happening = matches!(incident.status, Status::Investigating | Status::Identified);
        let why = Why::NewFact { fact: incident.title.clone() };
        return happening.then(|| Wake { at: incident.open_since + settings.publish.after, why });
    };
    if last.item.status == Status::Resolved && incident.status == Status::Resolved {
        return None;
    }
    let news = news(config, incident);
    let said = (!news.is_empty())
        .then(|| Wake { at: last.at + settings.min_gap, why: Why::NewFact { fact: news.join("; ") } });
    // A promise made at a slower cadence is overtaken when it got worse since.
    let promised = incident.promise.map(|due| {
        let wanted = due.min(next_update(settings, incident, last.at));
        Wake { at: wanted - settings.lead, why: Why::PromiseDue { due } }
    });
    said.into_iter().chain(promised).min_by_key(|wake| wake.at)
}

/// The reason to post now; `None` while there is none. A promise that was not kept comes before all.
pub(super) fn occasion(config: &Config, incident: &Incident, now: Timestamp) -> Option<Why> {
    let wake = wake(config, incident)?;
    // After a clock that stepped back the last post lies ahead; what is new must not wait until then.
    let stepped_back = incident.posts.last().is_some_and(|last| now < last.at);
    let news_now = stepped_back && !news(config, incident).is_empty();
    if now < wake.at && !news_now {
        return None;
    }
    Some(match incident.promise {
        Some(due) if due < now => Why::PromiseOverdue { due },
        _ => wake.why,
    })
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
pub(super) fn news(config: &Config, incident: &Incident) -> Vec<String> {
    let Some(last) = incident.posts.last().map(|post| &post.item) else { return Vec::new() };
    let mut news = Vec::new();
    if last.status != incident.status {
        news.push(format!("the incident is {}", incident.status));
    }
    for now in affected::public_now(&config.graph, incident) {
        let said = last.components.iter().find(|said| said.id == now.id).map(|said| said.status);
        if said != Some(now.status) {
            news.push(format!("{}: {}", now.name, words::status_word(now.status)));
        }
    }
    if last.title != incident.title {
        news.push(format!("the incident is called `{}`", incident.title));
    }
    let causes = incident.public_causes();
    news.extend(causes.difference(&incident.said.causes).map(|cause| format!("a cause: {cause}")));
    let done = incident.actions.iter().skip(incident.said.actions);
    news.extend(done.map(|action| format!("an action: {}", action.item.text)));
    news
}
