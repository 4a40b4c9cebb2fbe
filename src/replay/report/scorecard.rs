//! The figures that people ask for, over all public incidents: the worst of each.

use std::sync::Arc;
use std::time::Duration;

use crate::incidents::{Dated, Exposure, Incident, Post};
use crate::model::Timestamp;
use crate::replay::language::Scenario;
use crate::replay::laws;
use crate::replay::run::Record;
use crate::rules::Role;

use super::build::{Teller, promises};
use super::events::Events;
use super::types::{PromisesReport, Scorecard};

/// The scorecard of a record.
pub fn scorecard(
    scenario: &Scenario,
    record: &Record,
    events: &Events<'_>,
    teller: &Teller<'_>,
) -> Scorecard {
    let whole: Vec<&Incident> =
        record.incidents.iter().filter(|incident| incident.merged_into.is_none()).collect();
    let public: Vec<&Incident> =
        whole.iter().copied().filter(|incident| incident.exposure == Exposure::Public).collect();
    let worst = |figure: &dyn Fn(&Incident) -> Option<Duration>| {
        public.iter().filter_map(|incident| figure(incident)).max().map(|length| length.as_secs_f64())
    };
    let pages = || record.incidents.iter().flat_map(|incident| &incident.pages);
    let first_page = pages().min_by_key(|page| page.at);
    let mut all = PromisesReport::default();
    for one in record.incidents.iter().map(promises) {
        all.made += one.made;
        all.kept += one.kept;
        all.missed += one.missed;
        all.withdrawn += one.withdrawn;
    }
    let posts = || record.incidents.iter().flat_map(|incident| &incident.posts);
    Scorecard {
        public_incidents: public.len(),
        internal_incidents: whole.len() - public.len(),
        first_word_after_s: worst(&first_word),
        longest_gap_s: worst(&longest_gap),
        promises: all,
        recovery_posted_within_s: worst(&|incident| recovery(incident, events)),
        first_suspect: first_page.and_then(|page| page.item.suspects.first()).map(|one| teller.suspect(one)),
        affected: public
            .iter()
            .filter_map(|incident| incident.posts.last().map(|post| post.item.affected.clone()))
            .collect(),
        etas: posts().map(|post| post.item.etas.len()).sum(),
        posts: posts().count(),
        pages: pages().count(),
        all_resolved: public.iter().all(|incident| !incident.is_open()),
        resolved_once_drained: laws::resolutions(record, &scenario.calendar).is_empty(),
    }
}

fn first_word(incident: &Incident) -> Option<Duration> {
    Some(incident.posts.first()?.at.since(incident.started_at))
}

/// Silence counts while customers feel it.
fn longest_gap(incident: &Incident) -> Option<Duration> {
    let pairs = incident.posts.windows(2).filter(|pair| pair[0].item.status.is_happening());
    pairs.map(|pair| pair[1].at.since(pair[0].at)).max()
}

/// From the end of the alert that ended last to the first post that says so, each time that they ended.
fn recovery(incident: &Incident, events: &Events<'_>) -> Option<Duration> {
    let felt = incident.members.values().filter(|member| member.role() != Role::Backlog);
    let firings = felt.flat_map(|member| events.firings(incident.id, &member.key));
    let ends: Vec<Timestamp> = firings.filter_map(|firing| firing.resolved_at).collect();
    let ended = |pair: &&[Dated<Arc<Post>>]| {
        pair[0].item.status.is_happening() && !pair[1].item.status.is_happening()
    };
    let told = incident.posts.windows(2).filter(ended).map(|pair| pair[1].at);
    told.filter_map(|at| Some(at.since(*ends.iter().filter(|end| **end <= at).max()?))).max()
}
