//! What raises the severity of an incident beyond that of its alerts: that it lasts, that it is broad, that its
//! backlog takes longer than was said.
//!
//! In:   an incident as it would be, and the `raise` settings.
//! Out:  `SeverityRaised`; the escalation policy of that severity follows from it.
//! Not:  components show what their alerts say, whatever the incident is raised to.

use std::time::Duration;

use crate::model::{IncidentId, Severity, Timestamp, format_duration};

use super::config::Config;
use super::draft::Draft;
use super::event::{Raising, What};
use super::incident::Incident;
use super::promise;
use super::settings::{Raise, RaiseWhen};
use super::status::Status;
use super::why::{Wake, Why};

/// Raises the severity where the settings say so.
pub(super) fn raise(draft: &mut Draft<'_>, id: IncidentId) {
    let Some(incident) = draft.get(id) else { return };
    let rules = draft.config().settings.raise.iter().filter(|rule| would_raise(incident, rule));
    let met = rules.filter_map(|rule| Some((rule.to, is_met(draft, incident, rule)?)));
    let Some((to, (because, words))) = met.max_by_key(|(to, _)| *to) else { return };
    draft.push(id, What::SeverityRaised { to, because }, Why::Follows { because: words });
}

/// When it has lasted long enough for the next of the settings.
pub(super) fn wake(config: &Config, incident: &Incident) -> Option<Wake> {
    let lasting = config.settings.raise.iter().filter(|rule| would_raise(incident, rule));
    let at = lasting.filter_map(|rule| match rule.when {
        RaiseWhen::Lasts(length) => Some(since(incident)? + length),
        RaiseWhen::Components(_) | RaiseWhen::EtaSlips(_) => None,
    });
    let because = "it has lasted long enough to be worse".to_owned();
    at.min().map(|at| Wake { at, why: Why::Follows { because } })
}

fn would_raise(incident: &Incident, rule: &Raise) -> bool {
    let open = incident.is_open() && incident.status != Status::Resolved;
    let below = |severity: Severity| severity < rule.to;
    open && incident.severity().is_some_and(below)
}

/// Since when its symptoms last without a break; `None` while there is none.
fn since(incident: &Incident) -> Option<Timestamp> {
    (incident.status.is_happening() && incident.active_symptoms > 0).then_some(incident.happening_since)
}

fn is_met(draft: &Draft<'_>, incident: &Incident, rule: &Raise) -> Option<(Raising, String)> {
    match rule.when {
        RaiseWhen::Lasts(length) => (since(incident)? + length <= draft.now()).then(|| {
            (
                Raising::Lasts { for_ms: millis(length) },
                format!("it has lasted for {}", format_duration(length)),
            )
        }),
        RaiseWhen::Components(least) => {
            let count = incident.affected_now().count();
            (least <= count).then(|| {
                let components = u32::try_from(count).unwrap_or(u32::MAX);
                (Raising::Breadth { components }, format!("{count} components are affected"))
            })
        }
        RaiseWhen::EtaSlips(length) => {
            let slips = promise::etas(draft, incident).into_iter().filter_map(|eta| {
                let first = incident.first_etas.get(&eta.alert)?;
                Some(eta.best.since(*first)).filter(|slip| length <= *slip)
            });
            let slip = slips.max()?;
            let words = format!("it will take {} longer than was said first", format_duration(slip));
            Some((Raising::EtaSlipped { by_ms: millis(slip) }, words))
        }
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
