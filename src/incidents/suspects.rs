//! Who or what probably caused an incident.
//!
//! In:   what rolled out, the graph around the root, the shares of the rise that breakdowns found.
//! Out:  suspects with their scores and the parts of these, the likeliest first; `Suspected` where that is new.
//! Not:  nothing is said in public here, and nothing is taken for the cause unless users set a bar for it.
//!
//! Score = closeness in time × closeness in the graph × kind × share of the rise. Closeness in time falls slowly, so
//! that yesterday's change with most of the rise comes before a bystander's of twenty minutes ago.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::model::{ComponentId, Graph, IncidentId};
use crate::rules::{Role, Share};

use super::draft::Draft;
use super::event::What;
use super::finding::{ScoreParts, Suspect, SuspectKind};
use super::incident::Incident;
use super::input::{Change, ChangeKind};
use super::why::Why;

/// How many suspects are told.
const TOLD: usize = 5;
/// After so long a change is half as close in time.
const HALF_AS_CLOSE_AFTER: Duration = Duration::from_secs(24 * 3600);
/// With each edge a component is so much as close.
const CLOSE_BY_EDGE: f64 = 0.8;
/// A change may be measured a little after what it caused: scrapes are apart.
const LATE_BY: Duration = Duration::from_secs(2 * 60);
/// A component without a share of a rise that was broken down is not quite out of the question.
const SHARE_LEAST: f64 = 0.1;
/// A change of the likeliest one's score by so much is news.
const SCORE_MOVED: f64 = 0.1;
/// A newcomer below this is no news.
const SCORE_WORTH_TELLING: f64 = 0.05;
/// A label value says where, not what; a change of its component says both.
const LABEL: f64 = 0.5;
const LABEL_BESIDE_ITS_CHANGE: f64 = 0.3;

/// Ranks the suspects of an incident that is going on, and tells them where that is new.
pub(super) fn rank(draft: &mut Draft<'_>, id: IncidentId, why: &Why) {
    let Some(incident) = draft.get(id) else { return };
    if !incident.status.is_happening() {
        return;
    }
    let suspects = suspects(draft, incident);
    if is_news(&incident.suspects, &suspects) {
        draft.push(id, What::Suspected { suspects }, why.clone());
    }
    identify(draft, id);
}

/// Where users set a bar, the likeliest suspect is taken for the cause once it passes it.
fn identify(draft: &mut Draft<'_>, id: IncidentId) {
    let Some(incident) = draft.get(id).filter(|incident| !incident.cause_is_known()) else { return };
    let (Some(bar), Some(first)) = (draft.config().settings.identify_at, incident.suspects.first()) else {
        return;
    };
    if bar <= first.score && !incident.rejected_causes.contains(&first.summary) {
        let (text, component) = (first.summary.clone(), first.component.clone());
        let because = format!("the likeliest suspect has a score of {:.2}, and {bar} is enough", first.score);
        let what = What::CauseNamed { by: "suspects".to_owned(), text, component, public: false };
        draft.push(id, what, Why::Follows { because });
    }
}

fn is_news(said: &[Suspect], now: &[Suspect]) -> bool {
    let same = |a: &Suspect, b: &Suspect| {
        (&a.kind, &a.component, &a.summary, a.at) == (&b.kind, &b.component, &b.summary, b.at)
    };
    match (said.first(), now.first()) {
        (None, None) | (Some(_), None) => false,
        (None, Some(_)) => true,
        (Some(before), Some(first)) => {
            !same(before, first)
                || SCORE_MOVED <= (before.score - first.score).abs()
                || now
                    .iter()
                    .any(|one| SCORE_WORTH_TELLING <= one.score && !said.iter().any(|known| same(known, one)))
        }
    }
}

fn suspects(draft: &Draft<'_>, incident: &Incident) -> Vec<Suspect> {
    let shares = shares(draft, incident);
    let was_broken_down = incident.suspects.iter().any(|said| said.kind == SuspectKind::Label);
    if shares.is_empty() && was_broken_down {
        // Nothing is measured of it any more, or not yet again after a start: what was said stands.
        return incident.suspects.clone();
    }
    let settings = &draft.config().settings;
    let near = match &incident.root {
        Some(root) => distances(&draft.config().graph, root, settings.suspect_distance),
        None => BTreeMap::new(),
    };
    let graph = |component: Option<&ComponentId>| match (component, &incident.root) {
        (Some(component), Some(_)) => near.get(component).copied(),
        // Without a root, or of no component, it is as far away as may be.
        _ => Some(settings.suspect_distance),
    };
    let closeness = |edges: usize| CLOSE_BY_EDGE.powi(i32::try_from(edges).unwrap_or(i32::MAX));
    let start = incident.started_at;
    let in_time =
        |change: &&Change| start - settings.suspect_window <= change.at && change.at <= start + LATE_BY;
    let share_of = |component: Option<&ComponentId>| match shares.is_empty() {
        true => 1.0,
        false => {
            let own =
                shares.iter().filter(|share| component.is_some() && share.component.as_ref() == component);
            own.map(|share| share.share).fold(SHARE_LEAST, f64::max)
        }
    };
    let changes = draft.changes().filter(in_time).filter_map(|change| {
        let parts = ScoreParts {
            time: closeness_in_time(start.since(change.at)),
            graph: closeness(graph(change.component.as_ref())?),
            kind: weight(change.kind),
            share: share_of(change.component.as_ref()),
        };
        let kind = SuspectKind::Change(change.kind);
        Some(suspect(kind, change.component.clone(), in_words(change), change.at, parts))
    });
    let mut ranked: Vec<Suspect> = changes.collect();
    let changed: BTreeSet<ComponentId> =
        ranked.iter().filter_map(|suspect| suspect.component.clone()).collect();
    for share in &shares {
        let Some(edges) = graph(share.component.as_ref()) else { continue };
        let explained = share.component.as_ref().is_some_and(|component| changed.contains(component));
        let parts = ScoreParts {
            time: 1.0,
            graph: closeness(if share.component.is_some() { edges } else { 0 }),
            kind: if explained { LABEL_BESIDE_ITS_CHANGE } else { LABEL },
            share: share.share,
        };
        let percent = (share.share * 100.0).round();
        let summary = format!("{}=\"{}\" makes {percent} % of the rise", share.label, share.value);
        ranked.push(suspect(SuspectKind::Label, share.component.clone(), summary, start, parts));
    }
    // Of two that are equally likely the later one comes first.
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.at.cmp(&a.at)).then(a.summary.cmp(&b.summary)));
    ranked.truncate(TOLD);
    ranked
}

fn suspect(
    kind: SuspectKind,
    component: Option<ComponentId>,
    summary: String,
    at: crate::model::Timestamp,
    parts: ScoreParts,
) -> Suspect {
    let rounded = |part: f64| (part * 1000.0).round() / 1000.0;
    let score = rounded(parts.time * parts.graph * parts.kind * parts.share);
    let ScoreParts { time, graph, kind: weight, share } = parts;
    let parts = ScoreParts {
        time: rounded(time),
        graph: rounded(graph),
        kind: rounded(weight),
        share: rounded(share),
    };
    Suspect { kind, component, summary, at, score, parts }
}

/// Who made how much of the rise, by all breakdowns of what fires; of the same value the largest share.
fn shares(draft: &Draft<'_>, incident: &Incident) -> Vec<Share> {
    let mut largest: BTreeMap<(String, String), Share> = BTreeMap::new();
    for member in incident.active().filter(|member| member.role() != Role::Backlog) {
        for share in draft.shares(&member.key) {
            let known =
                largest.entry((share.label.clone(), share.value.clone())).or_insert_with(|| share.clone());
            if known.share < share.share {
                *known = share.clone();
            }
        }
    }
    largest.into_values().collect()
}

/// How many edges each component is away from the root, in either direction: a caller can overload what it needs.
fn distances(graph: &Graph, root: &ComponentId, most: usize) -> BTreeMap<ComponentId, usize> {
    let mut found = BTreeMap::from([(root.clone(), 0)]);
    let mut queue = VecDeque::from([(root.clone(), 0)]);
    while let Some((id, edges)) = queue.pop_front() {
        if edges == most {
            continue;
        }
        let needed = graph.get(&id).into_iter().flat_map(|it| &it.depends_on).map(|edge| edge.on.clone());
        let needing = graph.direct_dependants(&id).map(|(dependant, _)| dependant.id.clone());
        for next in needed.chain(needing) {
            if !found.contains_key(&next) {
                found.insert(next.clone(), edges + 1);
                queue.push_back((next, edges + 1));
            }
        }
    }
    found
}

/// Whether a change is near enough to what an incident is about to have something to do with it.
pub(super) fn is_near(draft: &Draft<'_>, incident: &Incident, component: &ComponentId) -> bool {
    let config = draft.config();
    let most = config.settings.suspect_distance;
    incident.root.as_ref().is_some_and(|root| distances(&config.graph, root, most).contains_key(component))
}

fn closeness_in_time(age: Duration) -> f64 {
    0.5_f64.powf(age.as_secs_f64() / HALF_AS_CLOSE_AFTER.as_secs_f64())
}

/// How often a change of this kind is the cause, beside a new version.
const fn weight(kind: ChangeKind) -> f64 {
    match kind {
        ChangeKind::Deploy | ChangeKind::Config | ChangeKind::Flag | ChangeKind::Migration => 1.0,
        ChangeKind::Rollback | ChangeKind::Other => 0.8,
        ChangeKind::Scale => 0.7,
        ChangeKind::Restart => 0.6,
    }
}

fn in_words(change: &Change) -> String {
    match &change.version {
        Some(version) if !change.summary.contains(version.as_str()) => {
            format!("{} ({version})", change.summary)
        }
        _ => change.summary.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closeness_in_time_halves_in_a_day() {
        assert!((closeness_in_time(Duration::ZERO) - 1.0).abs() < 1e-9);
        assert!((closeness_in_time(HALF_AS_CLOSE_AFTER) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn yesterday_with_most_of_the_rise_beats_a_bystander_of_twenty_minutes_ago() {
        let score = |hours: f64, edges: i32, share: f64| {
            closeness_in_time(Duration::from_secs_f64(hours * 3600.0)) * CLOSE_BY_EDGE.powi(edges) * share
        };
        assert!(score(1.0 / 3.0, 2, SHARE_LEAST) < score(13.2, 1, 0.87));
        assert!(score(1.0 / 3.0, 0, SHARE_LEAST) < score(40.0, 3, 0.87));
    }
}
