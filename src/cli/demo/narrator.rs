//! Tells the day: from what is measured, delivered and done to lines for a terminal.
//!
//! In:   platform values by virtual time, webhook bodies as received, the daemon's own list of incidents.
//! Out:  lines, each with a tone; `screen` colours and prints them.
//! Not:  nothing is fetched, printed or decided here.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono_tz::Tz;
use serde::Deserialize;

use crate::incidents::Status;
use crate::model::{ComponentStatus, Timestamp, format_duration};

use super::day;
use super::message::{Message, Page, Post};
use super::receiver::Received;

/// The zone of the day.
const ZONE: Tz = chrono_tz::America::Sao_Paulo;
/// How often the measurements get a line of their own while nothing happens.
const METRICS_EVERY: Duration = Duration::from_mins(30);
/// And while something does.
const METRICS_EVERY_IN_CRISIS: Duration = Duration::from_mins(5);
const BAR: usize = 20;
const TEXT_WIDTH: usize = 96;

/// How a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Measurements.
    Plain,
    /// What people do in the simulated world.
    People,
    /// Something is wrong.
    Bad,
    /// Something is over.
    Good,
    /// Details.
    Faint,
}

/// One line to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How it is meant.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

/// What the daemon's API says of an incident; of all that it says, this much.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IncidentView {
    /// Its id: `INC-1`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its status.
    pub status: Status,
}

/// Reads the API's answer, whether it is a bare list or one below `data` or `incidents`. What is no incident is left out.
pub fn read_incidents(answer: serde_json::Value) -> Vec<IncidentView> {
    let list = ["incidents", "data"].into_iter().find_map(|key| answer.get(key)).unwrap_or(&answer);
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|one| IncidentView::deserialize(one).ok()).collect()
}

/// What was told so far.
#[derive(Debug, Default)]
pub struct Narrator {
    told_until: Option<Timestamp>,
    metrics_told_at: Option<Timestamp>,
    promise: Option<Timestamp>,
    incidents: BTreeMap<String, Status>,
}

impl Narrator {
    /// What people and roll-outs did since the last call, and the measurements where it is time for them.
    pub fn until(&mut self, now: Timestamp) -> Vec<Line> {
        let done = day::CHRONICLE
            .iter()
            .filter(|(at, _)| self.told_until.is_none_or(|told| told < *at) && *at <= now)
            .map(|(at, what)| line(Tone::People, format!("{}  * {what}", time(*at))));
        let mut lines: Vec<Line> = done.collect();
        self.told_until = Some(now);
        let every = if self.incidents.values().any(|status| *status < Status::Monitoring) {
            METRICS_EVERY_IN_CRISIS
        } else {
            METRICS_EVERY
        };
        if self.metrics_told_at.is_none_or(|told| every <= now.since(told)) {
            self.metrics_told_at = Some(now);
            lines.push(line(Tone::Plain, metrics(now)));
        }
        lines
    }

    /// What the daemon's API newly says of its incidents.
    pub fn incidents(&mut self, now: Timestamp, incidents: &[IncidentView]) -> Vec<Line> {
        let mut lines = Vec::new();
        for IncidentView { id, title, status } in incidents {
            let before = self.incidents.insert(id.clone(), *status);
            let what = match before {
                Some(before) if before == *status => continue,
                Some(before) => format!("{before} → {status}"),
                None => format!("opened: {title} ({status})"),
            };
            lines.push(line(tone(*status), format!("{}  {id} {what}", time(now))));
        }
        lines
    }

    /// A delivery, as the receiver got it.
    pub fn delivery(&mut self, received: &Received) -> Vec<Line> {
        match &received.message {
            Message::Post(post) => self.post(received.at, post),
            Message::Page(page) => page_lines(received.at, &received.sink, page),
        }
    }

    /// One line for a terminal's last row: the measurements and what was promised.
    pub fn status_line(&self, now: Timestamp, speed: f64) -> String {
        let promise = match self.promise {
            Some(due) if now <= due => {
                format!("  next update by {}, in {}", clock(due), format_duration(whole(due.since(now))))
            }
            Some(due) => format!("  update OVERDUE since {}", clock(due)),
            None => String::new(),
        };
        format!("{}{promise}  (×{speed:.0})", metrics(now))
    }

    fn post(&mut self, at: Timestamp, post: &Post) -> Vec<Line> {
        let Post { number, title, status, impact, .. } = post;
        let tone = tone(*status);
        let mut lines =
            vec![line(tone, format!("{}  POST #{number} {title} · {status} · impact {impact}", time(at)))];
        lines.extend(wrap(&post.text).into_iter().map(|text| line(Tone::Plain, indent(&text))));
        let components: Vec<String> = post
            .components
            .iter()
            .map(|one| match one.status {
                ComponentStatus::Operational => format!("{} ok", one.name),
                status => format!("{} {status}", one.name),
            })
            .collect();
        lines.push(line(Tone::Faint, indent(&components.join(", "))));
        if let Some(due) = self.promise {
            let kept = if at <= due { "kept" } else { "BROKEN" };
            let tone = if at <= due { Tone::Good } else { Tone::Bad };
            lines.push(line(tone, indent(&format!("the update promised by {}: {kept}", clock(due)))));
        }
        if let Some(due) = post.next_update_by {
            lines.push(line(Tone::Faint, indent(&format!("promises the next update by {}", clock(due)))));
        }
        self.promise = post.next_update_by;
        lines
    }
}

fn page_lines(at: Timestamp, sink: &str, page: &Page) -> Vec<Line> {
    let reason = serde_json::to_value(page.reason).ok();
    let reason = reason.as_ref().and_then(|reason| reason.as_str()).unwrap_or("told").replace('_', " ");
    let tone = if page.reason.calls() { Tone::Bad } else { Tone::Good };
    let Page { severity, summary, .. } = page;
    let mut lines =
        vec![line(tone, format!("{}  PAGE to {sink} ({severity}, {reason}): {summary}", time(at)))];
    let suspects = page.suspects.iter().filter(|_| page.reason.calls());
    lines.extend(suspects.map(|suspect| line(Tone::Faint, indent(&format!("suspect: {suspect}")))));
    lines
}

/// The measurements at `at`, on one line.
pub fn metrics(at: Timestamp) -> String {
    let cpu = day::database_cpu(at);
    let filled = ((cpu / 100.0 * BAR as f64).round() as usize).min(BAR);
    let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled));
    let errors = if day::crm_answers(at) {
        format!("{:4.1} %", day::error_share(at) * 100.0)
    } else {
        "no data".to_owned()
    };
    let queue = grouped(day::queue_depth(at));
    format!(
        "{}  user database {bar} {cpu:3.0} %   CRM errors {errors}   Analytics queue {queue:>7}",
        time(at)
    )
}

fn line(tone: Tone, text: String) -> Line {
    Line { tone, text }
}

const fn tone(status: Status) -> Tone {
    match status {
        Status::Investigating | Status::Identified => Tone::Bad,
        Status::Monitoring | Status::Resolved => Tone::Good,
    }
}

fn time(at: Timestamp) -> String {
    at.in_zone(ZONE).map_or_else(|| at.to_string(), |local| local.format("%H:%M:%S").to_string())
}

fn clock(at: Timestamp) -> String {
    at.in_zone(ZONE).map_or_else(|| at.to_string(), |local| local.format("%H:%M").to_string())
}

fn whole(length: Duration) -> Duration {
    Duration::from_secs(length.as_secs())
}

fn indent(text: &str) -> String {
    format!("            {text}")
}

/// `1234567` as `1,234,567`.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Breaks a post's text into lines that fit, keeping its own line ends and dropping empty lines.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut current = String::new();
        for word in paragraph.split_whitespace() {
            if !current.is_empty() && TEXT_WIDTH < current.chars().count() + 1 + word.chars().count() {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::day::moment;
    use super::super::scorecard::tests::a_good_day;
    use super::*;

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn measurements_stand_on_one_line() {
        assert_eq!(
            metrics(moment(13, 6, 0)),
            "13:06:00  user database ███████████████████░  96 %   CRM errors  0.2 %   Analytics queue 144,200"
        );
        assert!(metrics(moment(12, 2, 0)).contains("CRM errors no data"));
    }

    #[test]
    fn a_post_says_what_became_of_the_last_promise() {
        let day = a_good_day();
        let mut narrator = Narrator::default();
        let first = narrator.delivery(&day[1]);
        assert_eq!(
            texts(&first),
            [
                "11:10:45  POST #1 CRM [Degradation] · investigating · impact major",
                "            Error rates of the CRM are high.",
                "            We are working on it.",
                "            CRM degraded_performance",
                "            promises the next update by 11:25",
            ]
        );
        assert!(
            narrator.status_line(moment(11, 20, 0), 150.0).ends_with("next update by 11:25, in 5m  (×150)")
        );
        assert!(narrator.status_line(moment(11, 25, 1), 150.0).contains("OVERDUE since 11:25"));
        let second = narrator.delivery(&day[2]);
        assert!(texts(&second).contains(&"            the update promised by 11:25: kept"), "{second:?}");
        let late = narrator.delivery(&day[4]);
        assert!(texts(&late).contains(&"            the update promised by 11:39: BROKEN"), "{late:?}");
    }

    #[test]
    fn a_page_says_to_whom_and_why() {
        let lines = Narrator::default().delivery(&a_good_day()[0]);
        assert_eq!(
            texts(&lines),
            [
                "11:10:45  PAGE to ops (critical, opened): CPU of the user database at 97 %",
                "            suspect: batch size raised",
            ]
        );
    }

    #[test]
    fn the_chronicle_is_told_once() {
        let mut narrator = Narrator::default();
        let morning = narrator.until(moment(10, 30, 0));
        assert_eq!(morning.len(), 1, "measurements only: {morning:?}");
        let desk = narrator.until(moment(10, 50, 5));
        assert!(desk.len() == 1 && desk[0].tone == Tone::People, "{desk:?}");
        assert!(narrator.until(moment(10, 50, 10)).is_empty());
    }

    #[test]
    fn an_incident_is_told_when_it_changes() {
        let mut narrator = Narrator::default();
        let view =
            |status| [IncidentView { id: "INC-1".to_owned(), title: "CRM [Degradation]".to_owned(), status }];
        let now = moment(11, 11, 0);
        let opened = narrator.incidents(now, &view(Status::Investigating));
        assert_eq!(texts(&opened), ["11:11:00  INC-1 opened: CRM [Degradation] (investigating)"]);
        assert!(narrator.incidents(now, &view(Status::Investigating)).is_empty());
        let moved = narrator.incidents(now, &view(Status::Monitoring));
        assert_eq!(texts(&moved), ["11:11:00  INC-1 investigating → monitoring"]);
    }

    #[test]
    fn the_api_may_wrap_its_list() {
        let one = r#"{"id": "INC-1", "title": "CRM", "status": "resolved", "more": 1}"#;
        for answer in
            [format!("[{one}]"), format!("{{\"data\": [{one}, 3]}}"), format!("{{\"incidents\": [{one}]}}")]
        {
            let read = read_incidents(serde_json::from_str(&answer).expect("JSON"));
            assert_eq!(read.len(), 1, "{answer}");
        }
        assert!(read_incidents(serde_json::Value::Null).is_empty());
    }

    #[test]
    fn long_texts_are_wrapped_at_words() {
        let long = "word ".repeat(40);
        let lines = wrap(&format!("first\n\n{long}"));
        assert_eq!(lines[0], "first");
        assert!(lines.iter().all(|line| line.chars().count() <= TEXT_WIDTH) && lines.len() == 4, "{lines:?}");
    }
}
