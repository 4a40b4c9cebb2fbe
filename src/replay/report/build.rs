//! From a record to its report.

use std::time::Duration;

use chrono_tz::Tz;

use crate::incidents::{
    Action, ActionOutcome, ComponentNow, Dated, Event, Exposure, Impact, Incident, Page, Post, Suspect,
};
use crate::model::{ComponentId, ComponentStatus, Graph, IncidentId, Timestamp};
use crate::replay::language::{Calendar, Scenario};
use crate::replay::run::Record;
use crate::replay::views;

use super::events::{Events, Firing, Sent};
use super::scorecard;
use super::types::*;

/// The story of `scenario`, from its record.
pub fn report(scenario: &Scenario, record: &Record) -> Report {
    let zone = zone(scenario, record);
    let teller =
        Teller { calendar: Calendar { zone, ..scenario.calendar }, graph: &record.config.graph, zone };
    let events = Events::of(record);
    let incidents = record.incidents.iter().map(|incident| teller.incident(incident, &events)).collect();
    Report {
        start: teller.moment(scenario.calendar.start),
        end: teller.moment(scenario.end),
        zone: zone.name().to_owned(),
        incidents,
        scorecard: scorecard::scorecard(scenario, record, &events, &teller),
    }
}

/// The zone in which the configuration says times; the scenario's where it leaves that at UTC.
fn zone(scenario: &Scenario, record: &Record) -> Tz {
    match record.config.incidents.timezone {
        Tz::UTC => scenario.calendar.zone,
        zone => zone,
    }
}

/// Says things in the report's zone and with the components' names.
pub(super) struct Teller<'a> {
    calendar: Calendar,
    graph: &'a Graph,
    zone: Tz,
}

impl Teller<'_> {
    pub(super) fn moment(&self, at: Timestamp) -> Moment {
        Moment(at.to_rfc3339_in(self.zone))
    }

    fn maybe(&self, at: Option<Timestamp>) -> Option<Moment> {
        at.map(|at| self.moment(at))
    }

    fn requests(&self, incident: IncidentId, events: &Events<'_>) -> Vec<RequestReport> {
        let request = |sent: &Sent<'_>| RequestReport {
            at: self.moment(sent.at),
            sink: sent.delivery.sink.to_string(),
            key: sent.delivery.key.clone(),
            method: sent.request.method.clone(),
            url: sent.request.url.clone(),
            headers: sent.request.headers.clone(),
            body: sent.request.body.clone(),
        };
        events.requests(incident).iter().map(request).collect()
    }

    fn why(&self, event: Option<&Event>) -> String {
        event.map(|event| views::why(&event.why, &self.calendar)).unwrap_or_default()
    }

    fn incident(&self, incident: &Incident, events: &Events<'_>) -> IncidentReport {
        let posts = incident.posts.iter().map(|post| self.post(post.at, &post.item, incident.id, events));
        let pages = incident.pages.iter().map(|page| self.page(page.at, &page.item, incident.id, events));
        IncidentReport {
            id: incident.id.to_string(),
            title: incident.title.clone(),
            key: incident.key.clone(),
            public: incident.exposure == Exposure::Public,
            merged_into: incident.merged_into.map(|into| into.to_string()),
            status: incident.status.as_str(),
            impact: incident.posts.iter().map(|post| post.item.impact).max().unwrap_or(Impact::None).as_str(),
            started_at: self.moment(incident.started_at),
            opened_at: self.moment(incident.opened_at),
            acknowledged_at: self.maybe(incident.first_acknowledged_at),
            identified_at: self.maybe(incident.identified_at),
            mitigated_at: self.maybe(incident.mitigated_at),
            monitoring_at: self.maybe(incident.monitoring_at),
            resolved_at: self.maybe(incident.resolved_at),
            components: self.components(incident),
            affected: incident.posts.last().map(|post| post.item.affected.clone()).unwrap_or_default(),
            alerts: self.alerts(incident, events),
            suspects: incident.suspects.iter().map(|suspect| self.suspect(suspect)).collect(),
            actions: incident.actions.iter().map(|action| self.action(action)).collect(),
            posts: posts.collect(),
            pages: pages.collect(),
            eta: incident.posts.iter().flat_map(|post| self.etas(post.at, &post.item)).collect(),
            promises: promises(incident),
            requests: self.requests(incident.id, events),
        }
    }

    fn components(&self, incident: &Incident) -> Vec<ComponentReport> {
        let mut ids: Vec<&ComponentId> = incident.components.keys().collect();
        ids.sort_by_key(|id| self.graph.position(id));
        let component = |id: &ComponentId| {
            let spans = &incident.components[id];
            let known = self.graph.get(id);
            ComponentReport {
                id: id.to_string(),
                name: known.map_or_else(|| id.to_string(), |known| known.name.clone()),
                group: known.and_then(|known| known.group.clone()),
                worst: spans.iter().map(|span| span.status).max().unwrap_or(ComponentStatus::Operational),
                spans: spans
                    .iter()
                    .map(|span| SpanReport {
                        from: self.moment(span.from),
                        until: self.maybe(span.until),
                        status: span.status,
                    })
                    .collect(),
            }
        };
        ids.into_iter().map(component).collect()
    }

    fn alerts(&self, incident: &Incident, events: &Events<'_>) -> Vec<AlertReport> {
        let firing = |firing: &Firing| FiringReport {
            fired_at: self.moment(firing.fired_at),
            resolved_at: self.maybe(firing.resolved_at),
        };
        let alert = |member: &crate::incidents::Member| AlertReport {
            alert: member.key.to_string(),
            role: member.role(),
            component: member.facts.component.as_ref().map(ToString::to_string),
            state: member.state.name().as_str(),
            worst: member.worst,
            breached_at: self.moment(member.state.breached_at()),
            joined_at: self.moment(member.joined_at),
            firings: events.firings(incident.id, &member.key).iter().map(firing).collect(),
        };
        incident.members.values().map(|member| alert(member)).collect()
    }

    pub(super) fn suspect(&self, suspect: &Suspect) -> SuspectReport {
        SuspectReport {
            kind: suspect.kind.as_str(),
            component: suspect.component.as_ref().map(ToString::to_string),
            summary: suspect.summary.clone(),
            at: self.moment(suspect.at),
            score: suspect.score,
        }
    }

    fn action(&self, action: &Dated<Action>) -> ActionReport {
        let effect = match &action.item.outcome {
            ActionOutcome::Measured(effect) => Some(EffectReport {
                what: effect.what.clone(),
                from: effect.from,
                to: effect.to,
                within_s: Duration::from_millis(effect.within_ms).as_secs_f64(),
            }),
            ActionOutcome::Open | ActionOutcome::NoEffect => None,
        };
        let Action { by, text, retracted, .. } = &action.item;
        ActionReport {
            at: self.moment(action.at),
            by: by.clone(),
            text: text.clone(),
            effect,
            retracted: *retracted,
        }
    }

    fn post(&self, at: Timestamp, post: &Post, of: IncidentId, events: &Events<'_>) -> PostReport {
        let component = |now: &ComponentNow| ComponentNowReport {
            id: now.id.to_string(),
            name: now.name.clone(),
            group: now.group.clone(),
            status: now.status,
        };
        PostReport {
            number: post.number,
            at: self.moment(at),
            status: post.status.as_str(),
            impact: post.impact.as_str(),
            body: post.body.clone(),
            next_update_by: self.maybe(post.next_update_by),
            why: self.why(events.of_post(of, post.number)),
            components: post.components.iter().map(component).collect(),
        }
    }

    fn page(&self, at: Timestamp, page: &Page, of: IncidentId, events: &Events<'_>) -> PageReport {
        let reason = serde_json::to_value(page.reason).unwrap_or_default();
        PageReport {
            number: page.number,
            at: self.moment(at),
            to: page.to.iter().map(ToString::to_string).collect(),
            step: page.step,
            reason: reason.as_str().unwrap_or_default().to_owned(),
            why: self.why(events.of_page(of, page.number)),
            summary: page.summary.clone(),
            first_suspect: page.suspects.first().map(|suspect| self.suspect(suspect)),
        }
    }

    fn etas(&self, at: Timestamp, post: &Post) -> Vec<EtaReport> {
        let eta = |eta: &crate::incidents::Eta| EtaReport {
            at: self.moment(at),
            alert: eta.alert.to_string(),
            component: eta.component.as_ref().map(ToString::to_string),
            low: self.moment(eta.low),
            best: self.moment(eta.best),
            high: self.moment(eta.high),
        };
        post.etas.iter().map(eta).collect()
    }
}

pub(super) fn promises(incident: &Incident) -> PromisesReport {
    let promises = incident.promises;
    PromisesReport {
        made: promises.made,
        kept: promises.kept,
        missed: promises.missed,
        withdrawn: promises.withdrawn,
    }
}
