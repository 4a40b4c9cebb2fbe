//! The words of posts and pages: facts in, text out, through templates that stand beside this file.
//!
//! In:   facts that are ready to be said: names, figures, times in the configured zone.
//! Out:  a post's body and a page's details.
//! Not:  no decision about what may be said; a fact that is not handed over cannot leak.

use std::sync::Arc;

use chrono_tz::Tz;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use crate::model::{ComponentStatus, Timestamp};

use super::message::PageReason;
use super::settings::{Language, Settings};

mod figure;
mod samples;

pub use samples::{TemplateKind, check_template};

const POST: &str = "post";
const PAGE: &str = "page";

/// A template may do so much: enough for any text that people read, and an end for one that never would.
const FUEL: u64 = 200_000;

/// What a post says. Templates of users read these names: they are added to, never changed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PostFacts {
    pub(super) incident: String,
    pub(super) title: String,
    pub(super) status: &'static str,
    pub(super) impact: &'static str,
    pub(super) first: bool,
    pub(super) written: Option<String>,
    pub(super) holding: bool,
    pub(super) muted: bool,
    pub(super) merged_into: Option<String>,
    pub(super) late: Option<String>,
    pub(super) relapsed: bool,
    /// Whether symptoms fire still although a person says that it is only watched.
    pub(super) ongoing: bool,
    pub(super) unchanged_since: Option<String>,
    pub(super) affected: String,
    pub(super) shown: Vec<ShownFacts>,
    pub(super) recovered: Vec<String>,
    pub(super) evidence: Vec<String>,
    pub(super) causes: Vec<String>,
    pub(super) actions: Vec<ActionFacts>,
    pub(super) backlogs: Vec<BacklogFacts>,
    pub(super) more_backlogs: usize,
    pub(super) lost: Vec<LostFacts>,
    pub(super) start: String,
    pub(super) end: Option<String>,
    pub(super) watch_until: Option<String>,
    pub(super) zone: String,
    pub(super) next_update: Option<String>,
}

/// A component that is affected now.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ShownFacts {
    pub(super) name: String,
    pub(super) status: &'static str,
    pub(super) key: &'static str,
    pub(super) lasts: String,
}

/// Something people did.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ActionFacts {
    pub(super) at: String,
    pub(super) text: String,
}

/// A backlog that is not drained; without a name where customers do not know the component.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BacklogFacts {
    pub(super) name: Option<String>,
    pub(super) depth: Option<String>,
    pub(super) drained_below: Option<String>,
    /// `growing`, `stalled`, `draining`; `None` while that cannot be told.
    pub(super) trend: Option<&'static str>,
    pub(super) eta: Option<EtaFacts>,
}

/// When a backlog is expected to be drained.
#[derive(Debug, Clone, Serialize)]
pub(super) struct EtaFacts {
    pub(super) low: String,
    pub(super) best: String,
    pub(super) high: String,
}

/// A measurement that is missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct LostFacts {
    pub(super) name: Option<String>,
    pub(super) since: String,
}

/// What a page says below its first line. Templates of users read these names: they are added to, never changed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PageFacts {
    pub(super) incident: String,
    pub(super) title: String,
    pub(super) status: &'static str,
    pub(super) suspects: Vec<SuspectFacts>,
    pub(super) cause: Option<String>,
    pub(super) actions: Vec<DoneFacts>,
    pub(super) backlogs: Vec<BacklogFacts>,
    pub(super) draft: Option<String>,
    pub(super) alerts: Vec<AlertLine>,
    pub(super) more: usize,
    pub(super) root: Option<String>,
    pub(super) affected: Vec<ShownFacts>,
    pub(super) at_risk: Vec<String>,
    pub(super) undelivered: Vec<SinkFacts>,
    pub(super) held_by: Vec<String>,
    pub(super) acknowledged_by: Option<String>,
    pub(super) start: String,
    pub(super) zone: String,
}

/// A probable cause, with what makes it likely.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SuspectFacts {
    pub(super) kind: &'static str,
    pub(super) component: Option<String>,
    pub(super) summary: String,
    pub(super) at: String,
    pub(super) score: String,
    pub(super) time: String,
    pub(super) graph: String,
    pub(super) weight: String,
    pub(super) share: String,
}

/// Something people did, and what came of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DoneFacts {
    pub(super) at: String,
    pub(super) by: String,
    pub(super) text: String,
    pub(super) effect: Option<String>,
}

/// An alert, as responders read it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AlertLine {
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) severity: Option<&'static str>,
    pub(super) role: &'static str,
    pub(super) value: Option<String>,
    pub(super) threshold: Option<String>,
    pub(super) missing_since: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) description: Option<String>,
}

/// A sink that could not be reached.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SinkFacts {
    pub(super) name: String,
    pub(super) because: String,
}

/// The texts of a language, or a user's own, and the zone in which times are said.
#[derive(Debug, Clone)]
pub(super) struct Words {
    ours: Arc<Environment<'static>>,
    /// Texts of the user's own, where there are some. One that fails is replaced by ours.
    theirs: Arc<Environment<'static>>,
    language: Language,
    timezone: Tz,
}

impl Words {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut ours = environment();
        for (name, text) in texts(settings.language) {
            ours.add_template(name, text).expect("a test renders each template that we ship");
        }
        let mut theirs = environment();
        for (name, text) in [(POST, &settings.templates.post), (PAGE, &settings.templates.page)] {
            // Checked when the configuration was read; where it fails all the same, ours stands in.
            let _ = text.as_ref().map(|text| theirs.add_template_owned(name, text.to_string()));
        }
        let (ours, theirs) = (Arc::new(ours), Arc::new(theirs));
        Self { ours, theirs, language: settings.language, timezone: settings.timezone }
    }

    /// The body of a post.
    pub(super) fn post(&self, facts: &PostFacts) -> String {
        self.render(POST, facts).unwrap_or_else(|| format!("Status: {}", facts.status))
    }

    /// The details of a page.
    pub(super) fn page(&self, facts: &PageFacts) -> String {
        let names = || facts.alerts.iter().map(|alert| alert.name.as_str()).collect::<Vec<_>>().join("\n");
        self.render(PAGE, facts).unwrap_or_else(names)
    }

    fn render(&self, name: &str, facts: impl Serialize) -> Option<String> {
        let facts = Value::from(Serde(facts));
        let text = [&self.theirs, &self.ours].into_iter().find_map(|texts| {
            let template = texts.get_template(name).ok()?;
            template.render(facts.clone()).ok().filter(|text| !text.trim().is_empty())
        })?;
        Some(text.trim().to_owned())
    }

    /// A time as people read it at `now`: the clock alone on the same day, else with its date; with its offset where the
    /// clock was changed between the two, since the same hour may come twice.
    pub(super) fn time(&self, at: Timestamp, now: Timestamp) -> String {
        let (text, zone) = (self.bare_time(at, now), self.zone(at));
        if zone == self.zone(now) { text } else { format!("{text} {zone}") }
    }

    /// As `time`, without an offset, for where it stands beside.
    pub(super) fn bare_time(&self, at: Timestamp, now: Timestamp) -> String {
        let dated = match self.language {
            Language::English => "%b %d, %Y %H:%M",
            Language::BrazilianPortuguese => "%d/%m/%Y %H:%M",
        };
        match (at.in_zone(self.timezone), now.in_zone(self.timezone)) {
            (Some(at), Some(now)) if at.date_naive() == now.date_naive() => at.format("%H:%M").to_string(),
            (Some(at), _) => at.format(dated).to_string(),
            (None, _) => at.to_rfc3339(),
        }
    }

    /// The zone's offset at `now`: `GMT-03:00`.
    pub(super) fn zone(&self, now: Timestamp) -> String {
        now.in_zone(self.timezone).map_or_else(|| "GMT".to_owned(), |now| now.format("GMT%:z").to_string())
    }

    /// A measured number as people read it: `498,211`, `12.3`, `0.052`; no more digits than it is worth.
    pub(super) fn figure(&self, value: f64) -> String {
        figure::figure(value, self.language)
    }

    /// The word between the last two things of a list.
    pub(super) const fn and(&self) -> &'static str {
        match self.language {
            Language::English => "and",
            Language::BrazilianPortuguese => "e",
        }
    }

    /// What an incident is called in public that is about no component that customers know.
    pub(super) const fn untitled(&self) -> &'static str {
        match self.language {
            Language::English => "Service incident",
            Language::BrazilianPortuguese => "Incidente no serviço",
        }
    }

    /// Why responders are told, as what is said of the incident.
    pub(super) const fn reason(&self, reason: PageReason) -> &'static str {
        match self.language {
            Language::English => match reason {
                PageReason::Opened => "opened",
                PageReason::NotAcknowledged => "is not acknowledged",
                PageReason::SeverityRaised => "got worse",
                PageReason::Reopened => "came back",
                PageReason::MeasurementLost => "is no longer fully measured",
                PageReason::DeliveryFailed => "could not be told everywhere",
                PageReason::AcknowledgementExpired => "was acknowledged, but nothing was heard since",
                PageReason::DraftWaits => "has a post that waits for your approval",
                PageReason::StoodDown => "was changed by a person elsewhere and is left alone there",
                PageReason::JournalFailing => "cannot be written down",
                PageReason::DaemonFailing => "is no longer watched",
                PageReason::Monitoring => "is only watched from here on",
                PageReason::Resolved => "is resolved",
                PageReason::Merged => "is a part of another incident now",
            },
            Language::BrazilianPortuguese => match reason {
                PageReason::Opened => "foi aberto",
                PageReason::NotAcknowledged => "não foi assumido",
                PageReason::SeverityRaised => "piorou",
                PageReason::Reopened => "voltou",
                PageReason::MeasurementLost => "não está mais totalmente medido",
                PageReason::DeliveryFailed => "não pôde ser informado em todos os lugares",
                PageReason::AcknowledgementExpired => "foi assumido, mas nada se ouviu desde então",
                PageReason::DraftWaits => "tem uma mensagem que aguarda sua aprovação",
                PageReason::StoodDown => {
                    "foi alterado por uma pessoa em outro lugar e lá não será mais tocado"
                }
                PageReason::JournalFailing => "não pode ser registrado",
                PageReason::DaemonFailing => "não é mais acompanhado",
                PageReason::Monitoring => "passa a ser apenas monitorado",
                PageReason::Resolved => "foi resolvido",
                PageReason::Merged => "agora faz parte de outro incidente",
            },
        }
    }

    /// A component's status as people say it.
    pub(super) const fn status(&self, status: ComponentStatus) -> &'static str {
        match self.language {
            Language::English => match status {
                ComponentStatus::Operational => "operational",
                ComponentStatus::Unknown => "not measured",
                ComponentStatus::UnderMaintenance => "under maintenance",
                ComponentStatus::DegradedPerformance => "degraded performance",
                ComponentStatus::PartialOutage => "partial outage",
                ComponentStatus::MajorOutage => "major outage",
            },
            Language::BrazilianPortuguese => match status {
                ComponentStatus::Operational => "operacional",
                ComponentStatus::Unknown => "sem medição",
                ComponentStatus::UnderMaintenance => "em manutenção",
                ComponentStatus::DegradedPerformance => "desempenho degradado",
                ComponentStatus::PartialOutage => "indisponibilidade parcial",
                ComponentStatus::MajorOutage => "indisponibilidade total",
            },
        }
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment
}

/// The texts that we ship.
const fn texts(language: Language) -> [(&'static str, &'static str); 2] {
    match language {
        Language::English => {
            [(POST, include_str!("words/en.post.j2")), (PAGE, include_str!("words/en.page.j2"))]
        }
        Language::BrazilianPortuguese => {
            [(POST, include_str!("words/pt-BR.post.j2")), (PAGE, include_str!("words/pt-BR.page.j2"))]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_date_on_another_day_only() {
        let check = |language, dated: &str| {
            let timezone = Tz::America__Sao_Paulo;
            let words = Words::new(&Settings { language, timezone, ..Settings::default() });
            let now = Timestamp::from_secs(1_675_260_600);
            assert_eq!(words.time(now, now), "11:10");
            assert_eq!(words.time(Timestamp::from_secs(1_675_213_200), now), dated);
            assert_eq!(words.zone(now), "GMT-03:00");
        };
        check(Language::English, "Jan 31, 2023 22:00");
        check(Language::BrazilianPortuguese, "31/01/2023 22:00");
    }

    #[test]
    fn times_follow_the_clock_of_their_zone_over_its_changes() {
        let words = Words::new(&Settings { timezone: Tz::Europe__Berlin, ..Settings::default() });
        let check = |utc: i64, time: &str, zone: &str| {
            let at = Timestamp::from_secs(utc);
            assert_eq!((words.time(at, at), words.zone(at)), (time.to_owned(), zone.to_owned()));
        };
        // 2026-03-29: 02:00 becomes 03:00. 2026-10-25: 03:00 becomes 02:00.
        check(1_774_745_999, "01:59", "GMT+01:00");
        check(1_774_746_000, "03:00", "GMT+02:00");
        check(1_792_889_999, "02:59", "GMT+02:00");
        check(1_792_890_000, "02:00", "GMT+01:00");
        let (first, second) = (Timestamp::from_secs(1_792_888_200), Timestamp::from_secs(1_792_890_000));
        assert_eq!(words.time(first, second), "02:30 GMT+02:00");
        assert_eq!(words.bare_time(first, second), "02:30");
    }
}
