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

use super::settings::Language;

const POST: &str = "post";
const PAGE: &str = "page";

/// What a post says.
#[derive(Debug, Serialize)]
pub(super) struct PostFacts {
    pub(super) status: &'static str,
    pub(super) first: bool,
    pub(super) late: Option<String>,
    pub(super) relapsed: bool,
    pub(super) unchanged_since: Option<String>,
    pub(super) affected: String,
    pub(super) shown: Vec<ShownFacts>,
    pub(super) recovered: Vec<String>,
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
#[derive(Debug, Serialize)]
pub(super) struct ShownFacts {
    pub(super) name: String,
    pub(super) status: &'static str,
    pub(super) lasts: String,
}

/// Something people did.
#[derive(Debug, Serialize)]
pub(super) struct ActionFacts {
    pub(super) at: String,
    pub(super) text: String,
}

/// A backlog that is not drained; without a name where customers do not know the component.
#[derive(Debug, Serialize)]
pub(super) struct BacklogFacts {
    pub(super) name: Option<String>,
    pub(super) depth: Option<String>,
    pub(super) drained_below: Option<String>,
}

/// A measurement that is missing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct LostFacts {
    pub(super) name: Option<String>,
    pub(super) since: String,
}

/// What a page says below its first line.
#[derive(Debug, Serialize)]
pub(super) struct PageFacts {
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

/// An alert, as responders read it.
#[derive(Debug, Serialize)]
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
#[derive(Debug, Serialize)]
pub(super) struct SinkFacts {
    pub(super) name: String,
    pub(super) because: String,
}

/// The templates of a language, and the zone in which it says times.
#[derive(Debug, Clone)]
pub(super) struct Words {
    templates: Arc<Environment<'static>>,
    timezone: Tz,
}

impl Words {
    pub(super) fn new(language: Language, timezone: Tz) -> Self {
        let (post, page) = match language {
            Language::English => (include_str!("words/en.post.j2"), include_str!("words/en.page.j2")),
        };
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, text) in [(POST, post), (PAGE, page)] {
            templates.add_template(name, text).expect("a test renders each template that we ship");
        }
        Self { templates: Arc::new(templates), timezone }
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
        let text = self.templates.get_template(name).and_then(|template| template.render(facts)).ok()?;
        Some(text.trim().to_owned())
    }

    /// A time as people read it at `now`: the clock alone on the same day, else with its date.
    pub(super) fn time(&self, at: Timestamp, now: Timestamp) -> String {
        match (at.in_zone(self.timezone), now.in_zone(self.timezone)) {
            (Some(at), Some(now)) if at.date_naive() == now.date_naive() => at.format("%H:%M").to_string(),
            (Some(at), _) => at.format("%b %d, %Y %H:%M").to_string(),
            (None, _) => at.to_rfc3339(),
        }
    }

    /// The zone's offset at `now`: `GMT-03:00`.
    pub(super) fn zone(&self, now: Timestamp) -> String {
        now.in_zone(self.timezone).map_or_else(|| "GMT".to_owned(), |now| now.format("GMT%:z").to_string())
    }
}

/// A component's status as people say it.
pub(super) const fn status_word(status: ComponentStatus) -> &'static str {
    match status {
        ComponentStatus::Operational => "operational",
        ComponentStatus::Unknown => "not measured",
        ComponentStatus::UnderMaintenance => "under maintenance",
        ComponentStatus::DegradedPerformance => "degraded performance",
        ComponentStatus::PartialOutage => "partial outage",
        ComponentStatus::MajorOutage => "major outage",
    }
}

/// A measured number as people read it: `498,211`, `12.3`, `0.052`; no more digits than it is worth.
pub(super) fn figure(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || 1e15 <= size {
        return format!("{value:e}");
    }
    if size < 100.0 {
        let decimals = if 10.0 <= size {
            1
        } else if 1.0 <= size {
            2
        } else {
            3
        };
        let text = format!("{value:.decimals$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        return if text == "-0" { "0".to_owned() } else { text.to_owned() };
    }
    let digits = format!("{size:.0}");
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if 0 < place && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_worth_their_digits() {
        let check = |value: f64, text: &str| assert_eq!(figure(value), text);
        check(0.0, "0");
        check(-0.0001, "0");
        check(0.0523, "0.052");
        check(1.0, "1");
        check(12.34, "12.3");
        check(97.0, "97");
        check(999.6, "1,000");
        check(498_211.4, "498,211");
        check(-1_234_567.0, "-1,234,567");
    }

    #[test]
    fn a_time_has_its_date_on_another_day_only() {
        let words = Words::new(Language::English, Tz::America__Sao_Paulo);
        let now = Timestamp::from_secs(1_675_260_600);
        assert_eq!(words.time(now, now), "11:10");
        assert_eq!(words.time(Timestamp::from_secs(1_675_213_200), now), "Jan 31, 2023 22:00");
        assert_eq!(words.zone(now), "GMT-03:00");
    }
}
