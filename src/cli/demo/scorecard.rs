//! The scorecard: what the real day looked like, what was asked, and what was measured in the demo.
//!
//! In:   what the receiver got, with its times; the moments at which things really happened (`day`).
//! Out:  rows, each with a verdict; whether the incident went through its life in order.
//! Not:  nothing here is taken from the daemon's word about itself: all times are those of receipt.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::incidents::{PageReason, Status};
use crate::model::{ComponentStatus, Timestamp, format_duration};

use super::day;
use super::message::{Message, Post};
use super::people;
use super::receiver::Received;

/// The line of components that the real incident ended with.
const AFFECTED: &str = "Blip Platform (CRM, Analytics) and Desk";

const FIRST_WORD_WITHIN: Duration = Duration::from_secs(90);
const SILENCE_AT_MOST: Duration = Duration::from_mins(15);
const RECOVERY_WITHIN: Duration = Duration::from_mins(2);
const ETA_WITHIN: Duration = Duration::from_mins(15);
const FACT_WITHIN: Duration = Duration::from_secs(90);
const RESOLVED_WITHIN: Duration = Duration::from_mins(2);

/// How a row came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As asked.
    Met,
    /// Not as asked.
    Missed,
}

impl Verdict {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "ok",
            Self::Missed => "MISSED",
        }
    }
}

/// One line of the scorecard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is about.
    pub what: &'static str,
    /// How it was on the real day.
    pub that_day: &'static str,
    /// What is asked.
    pub asked: &'static str,
    /// What was measured.
    pub measured: String,
    /// How it came out.
    pub verdict: Verdict,
}

/// A post with the time of its receipt.
type Said<'a> = (Timestamp, &'a Post);

/// Every row, from what the receiver got.
pub fn rows(received: &[Received]) -> Vec<Row> {
    let posts = posts(received);
    let row = |what, that_day, asked, measured: Measured| {
        let (measured, verdict) = match measured {
            Ok((figure, true)) => (figure, Verdict::Met),
            Ok((figure, false)) => (figure, Verdict::Missed),
            Err(Missing(what)) => (what.to_owned(), Verdict::Missed),
        };
        Row { what, that_day, asked, measured, verdict }
    };
    vec![
        row("first public word", "after 13m", "within 90s", first_word(&posts)),
        row("longest silence", "109m", "at most 15m", silence(&posts)),
        row("promised updates kept", "1 of 5", "all", promises(&posts)),
        row("recovery posted", "after 156m", "within 2m", recovery(&posts)),
        row("the change behind it", "after 176m", "first suspect", suspect(received)),
        row("closed after its effects", "170m before", "once drained", drained(&posts)),
        row("ETA of the queue", "a guess", "to 15m from 18:00", etas(&posts)),
        row("incidents", "1", "exactly 1", incidents(received)),
        row("components", AFFECTED, "the same", affected(&posts)),
        row("a new fact is posted", "-", "within 90s", new_facts(&posts)),
        row("parts of a post", "9", "all from data", parts(&posts)),
        row("what people did", "by hand", "in the posts", actions(&posts)),
    ]
}

/// Whether the incident opened, was posted, went to monitoring and was resolved, in this order.
///
/// # Errors
/// What is missing or came too early.
pub fn in_order(received: &[Received]) -> Result<(), String> {
    let opened = received
        .iter()
        .any(|one| matches!(&one.message, Message::Page(page) if page.reason == PageReason::Opened));
    if !opened {
        return Err("responders were never told that an incident opened".to_owned());
    }
    let statuses: Vec<Status> = posts(received).iter().map(|(_, post)| post.status).collect();
    let mut rest = statuses.iter();
    match rest.next() {
        None => return Err("nothing was posted".to_owned()),
        Some(first) if !first.is_happening() => return Err(format!("the first post says {first}")),
        Some(_) => {}
    }
    if !rest.any(|status| *status == Status::Monitoring) {
        return Err("no post says monitoring".to_owned());
    }
    if !rest.any(|status| *status == Status::Resolved) {
        return Err("no post says resolved after one that says monitoring".to_owned());
    }
    if statuses.last() != Some(&Status::Resolved) {
        return Err("the last post does not say resolved".to_owned());
    }
    Ok(())
}

/// The table as lines of text, with a heading.
pub fn table(rows: &[Row]) -> Vec<String> {
    let cells = |row: &Row| [row.what, row.that_day, row.asked, &row.measured].map(str::to_owned);
    let mut lines = vec![["", "on the real day", "asked", "measured"].map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let widths: Vec<usize> = (0..4)
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default())
        .collect();
    let verdicts = std::iter::once("").chain(rows.iter().map(|row| row.verdict.as_str()));
    lines
        .iter()
        .zip(verdicts)
        .map(|(line, verdict)| {
            let padded: Vec<String> =
                line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            format!("{}  {verdict}", padded.join("  ")).trim_end().to_owned()
        })
        .collect()
}

/// A figure and whether it is as asked.
type Measured = Result<(String, bool), Missing>;

/// Why there is no figure: it did not happen.
struct Missing(&'static str);

fn posts(received: &[Received]) -> Vec<Said<'_>> {
    received
        .iter()
        .filter_map(|one| match &one.message {
            Message::Post(post) => Some((one.at, post)),
            Message::Page(_) => None,
        })
        .collect()
}

/// How long after `since` something was said; a figure, and whether that is not before and within `limit`.
fn delay(at: Timestamp, since: Timestamp, limit: Duration) -> (String, bool) {
    if at < since {
        return (format!("{} too early", length(since.since(at))), false);
    }
    let took = at.since(since);
    (format!("after {}", length(took)), took <= limit)
}

/// To the second, rounded up: never better than it was.
fn length(length: Duration) -> String {
    format_duration(Duration::from_secs(length.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)))
}

fn first_word(posts: &[Said]) -> Measured {
    let (at, _) = posts.first().ok_or(Missing("no post"))?;
    Ok(delay(*at, day::OVERLOADED, FIRST_WORD_WITHIN))
}

/// Silence counts while customers feel it: after a post that says neither monitoring nor resolved.
fn silence(posts: &[Said]) -> Measured {
    let longest = posts
        .windows(2)
        .filter(|pair| pair[0].1.status.is_happening())
        .map(|pair| pair[1].0.since(pair[0].0))
        .max()
        .ok_or(Missing("one post at most"))?;
    Ok((length(longest), longest <= SILENCE_AT_MOST))
}

fn promises(posts: &[Said]) -> Measured {
    let due: Vec<(Timestamp, Option<Timestamp>)> = posts
        .iter()
        .enumerate()
        .filter_map(|(place, (_, post))| {
            Some((post.next_update_by?, posts.get(place + 1).map(|(at, _)| *at)))
        })
        .collect();
    let kept = due.iter().filter(|(by, next)| next.is_some_and(|next| next <= *by)).count();
    if due.is_empty() {
        return Err(Missing("none made"));
    }
    Ok((format!("{kept} of {}", due.len()), kept == due.len()))
}

fn recovery(posts: &[Said]) -> Measured {
    let (at, _) = posts
        .iter()
        .find(|(_, post)| post.status == Status::Monitoring)
        .ok_or(Missing("no post says monitoring"))?;
    Ok(delay(*at, day::RECOVERED, RECOVERY_WITHIN))
}

fn shows_trouble(post: &Post, component: &str) -> bool {
    post.components.iter().any(|one| one.id == component && one.status != ComponentStatus::Operational)
}

/// Last night's change comes first on the first page.
fn suspect(received: &[Received]) -> Measured {
    let page = received.iter().find_map(|one| match &one.message {
        Message::Page(page) => Some(page),
        Message::Post(_) => None,
    });
    let first = page.and_then(|page| page.suspects.first()).ok_or(Missing("no suspect"))?;
    Ok((format!("first: {first}"), first.contains(people::CHANGED)))
}

/// Stated from 18:00 on, and never far from when the queue was really drained.
fn etas(posts: &[Said]) -> Measured {
    let late = posts.iter().filter(|(at, _)| day::moment(18, 0, 0) <= *at && *at < day::DRAINED);
    let stated: Vec<Timestamp> = late.flat_map(|(_, post)| &post.etas).copied().collect();
    let off = |eta: &Timestamp| eta.since(day::DRAINED).max(day::DRAINED.since(*eta));
    let farthest = stated.iter().map(off).max().ok_or(Missing("never stated"))?;
    Ok((format!("{} times, {} off", stated.len(), length(farthest)), farthest <= ETA_WITHIN))
}

/// Each action stands in a post.
fn actions(posts: &[Said]) -> Measured {
    let told =
        people::ACTIONS.iter().filter(|action| posts.iter().any(|(_, post)| post.text.contains(**action)));
    let told = told.count();
    Ok((format!("{told} of {} actions", people::ACTIONS.len()), told == people::ACTIONS.len()))
}

/// Resolved once the queue is drained, and Analytics shown as affected until then.
fn drained(posts: &[Said]) -> Measured {
    let (at, _) =
        posts.iter().find(|(_, post)| post.status == Status::Resolved).ok_or(Missing("never resolved"))?;
    let mut until_then = posts
        .iter()
        .skip_while(|(_, post)| !shows_trouble(post, "analytics"))
        .take_while(|(said, _)| *said < day::DRAINED)
        .peekable();
    if until_then.peek().is_none() {
        return Err(Missing("Analytics was never shown as affected"));
    }
    let shown = until_then.all(|(_, post)| shows_trouble(post, "analytics"));
    let (figure, in_time) = delay(*at, day::DRAINED, RESOLVED_WITHIN);
    Ok((figure, in_time && shown))
}

fn incidents(received: &[Received]) -> Measured {
    let ids: BTreeSet<&str> = received.iter().map(|one| one.message.incident()).collect();
    Ok((ids.len().to_string(), ids.len() == 1))
}

fn affected(posts: &[Said]) -> Measured {
    let (_, last) = posts.last().ok_or(Missing("no post"))?;
    Ok((last.affected.clone(), last.affected == AFFECTED))
}

/// The queue that joins the incident, and the relapse that breaks the watch: the slower of the two.
fn new_facts(posts: &[Said]) -> Measured {
    let (joined, _) = posts
        .iter()
        .find(|(_, post)| shows_trouble(post, "analytics"))
        .ok_or(Missing("Analytics was never shown as affected"))?;
    let (relapsed, _) = posts
        .iter()
        .find(|(at, post)| day::RELAPSED <= *at && post.status < Status::Monitoring)
        .ok_or(Missing("the relapse was not posted"))?;
    let slower = joined.since(day::BACKLOGGED).max(relapsed.since(day::RELAPSED));
    Ok((format!("after {}", length(slower)), day::BACKLOGGED <= *joined && slower <= FACT_WITHIN))
}

/// Each post has its text and the line of components; a promise until it is resolved; the end once symptoms are over.
fn parts(posts: &[Said]) -> Measured {
    if posts.is_empty() {
        return Err(Missing("no post"));
    }
    let whole = |post: &Post| {
        let over = Status::Monitoring <= post.status;
        !post.title.is_empty()
            && !post.text.is_empty()
            && !post.affected.is_empty()
            && (post.next_update_by.is_none() == (post.status == Status::Resolved))
            && (!over || post.mitigated_at.is_some_and(|end| post.started_at <= end))
    };
    let have = posts.iter().filter(|(_, post)| whole(post)).count();
    Ok((format!("in {have} of {} posts", posts.len()), have == posts.len()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::message::{Component, Page};
    use super::day::moment;
    use super::*;
    use crate::incidents::Impact;
    use crate::model::Severity;

    fn received(at: Timestamp, sink: &str, message: Message) -> Received {
        Received { at, sink: sink.to_owned(), id: format!("{sink}-{}", at.as_millis()), message }
    }

    fn post(at: Timestamp, number: u32, status: Status, next: Option<Timestamp>) -> Received {
        let trouble = |yes| {
            if yes { ComponentStatus::DegradedPerformance } else { ComponentStatus::Operational }
        };
        let component = |id: &str, name: &str, yes| Component {
            id: id.to_owned(),
            name: name.to_owned(),
            status: trouble(yes),
        };
        let joined = day::BACKLOGGED < at;
        let mut components = vec![component("crm", "CRM", status < Status::Monitoring)];
        if joined {
            components.push(component("analytics", "Analytics", at < day::DRAINED));
        }
        let done = if moment(15, 0, 0) < at { people::ACTIONS.join(", ") } else { String::new() };
        let text = format!("Error rates of the CRM are high.\nWe are working on it.\n{done}");
        let post = Post {
            incident: "INC-1".to_owned(),
            number,
            title: "CRM [Degradation]".to_owned(),
            status,
            impact: Impact::Major,
            text,
            components,
            affected: if joined { AFFECTED } else { "Blip Platform (CRM) and Desk" }.to_owned(),
            started_at: day::OVERLOADED,
            mitigated_at: (Status::Monitoring <= status).then_some(day::RECOVERED),
            next_update_by: next,
            etas: vec![day::DRAINED],
        };
        received(at, "status-page", Message::Post(post))
    }

    /// What a receiver gets on a day on which all goes as it should, with few posts.
    pub fn a_good_day() -> Vec<Received> {
        let opened = Page {
            incident: "INC-1".to_owned(),
            reason: PageReason::Opened,
            title: "CRM [Degradation]".to_owned(),
            severity: Severity::Critical,
            summary: "CPU of the user database at 97 %".to_owned(),
            suspects: vec![people::CHANGED.to_owned()],
        };
        let mut day = vec![received(moment(11, 10, 45), "ops", Message::Page(opened))];
        let mut number = 0;
        let mut say = |at: Timestamp, status, cadence: u64| {
            number += 1;
            let next = at + Duration::from_mins(cadence);
            let next = (status != Status::Resolved).then(|| next.floor_to(Duration::from_mins(1)));
            day.push(post(at, number, status, next));
        };
        for minute in [10, 24, 38, 52, 66, 80, 94] {
            say(moment(11, minute, 45), Status::Investigating, 15);
        }
        say(moment(12, 43, 0), Status::Investigating, 15);
        say(moment(12, 45, 45), Status::Monitoring, 60);
        say(moment(13, 5, 45), Status::Investigating, 15);
        say(moment(13, 7, 15), Status::Monitoring, 60);
        for hour in 14..20 {
            say(moment(hour, 6, 0), Status::Monitoring, 60);
        }
        say(moment(19, 59, 0), Status::Monitoring, 60);
        say(moment(20, 0, 15), Status::Resolved, 0);
        day
    }

    fn verdict(day: &[Received], what: &str) -> (String, Verdict) {
        let row = rows(day).into_iter().find(|row| row.what == what).expect("there is such a row");
        (row.measured, row.verdict)
    }

    #[test]
    fn a_good_day_meets_all_that_is_measured() {
        let day = a_good_day();
        for row in rows(&day) {
            assert_ne!(row.verdict, Verdict::Missed, "{row:?}");
        }
        assert_eq!(in_order(&day), Ok(()));
        assert_eq!(verdict(&day, "first public word"), ("after 45s".to_owned(), Verdict::Met));
        assert_eq!(verdict(&day, "promised updates kept"), ("18 of 18".to_owned(), Verdict::Met));
        let suspect = (format!("first: {}", people::CHANGED), Verdict::Met);
        assert_eq!(verdict(&day, "the change behind it"), suspect);
        assert_eq!(verdict(&day, "what people did"), ("3 of 3 actions".to_owned(), Verdict::Met));
    }

    #[test]
    fn a_silent_hour_is_seen_twice() {
        let mut day = a_good_day();
        day.drain(3..6);
        assert_eq!(verdict(&day, "longest silence"), ("56m".to_owned(), Verdict::Missed));
        assert_eq!(verdict(&day, "promised updates kept"), ("14 of 15".to_owned(), Verdict::Missed));
    }

    #[test]
    fn resolving_before_the_queue_is_drained_is_a_miss() {
        let mut day = a_good_day();
        for one in &mut day {
            if day::DRAINED < one.at {
                one.at = day::DRAINED - Duration::from_secs(30);
            }
        }
        assert_eq!(verdict(&day, "closed after its effects"), ("30s too early".to_owned(), Verdict::Missed));
    }

    #[test]
    fn a_second_incident_is_a_miss() {
        let mut day = a_good_day();
        if let Message::Post(post) = &mut day[5].message {
            post.incident = "INC-2".to_owned();
        }
        assert_eq!(verdict(&day, "incidents"), ("2".to_owned(), Verdict::Missed));
    }

    #[test]
    fn the_order_of_life_is_asked_for() {
        let day = a_good_day();
        let check = |kept: &[usize], says: &str| {
            let part: Vec<Received> = kept.iter().map(|place| day[*place].clone()).collect();
            assert_eq!(in_order(&part).expect_err("something is missing"), says);
        };
        let last = day.len() - 1;
        check(&[], "responders were never told that an incident opened");
        check(&[0], "nothing was posted");
        check(&[0, 9, last], "the first post says monitoring");
        check(&[0, 1, last], "no post says monitoring");
        check(&[0, 1, 9], "no post says resolved after one that says monitoring");
        check(&[0, 1, 9, last, 1], "the last post does not say resolved");
    }

    #[test]
    fn nothing_received_misses_every_row_that_can_be_measured() {
        let met = rows(&[]).iter().filter(|row| row.verdict == Verdict::Met).count();
        assert_eq!(met, 0);
    }

    #[test]
    fn the_table_stands_in_columns() {
        let table = table(&rows(&a_good_day()));
        assert_eq!(table.len(), 13);
        let column = |line: &str, word: &str| line.find(word).map(|at| line[..at].chars().count());
        assert_eq!(column(&table[0], "measured"), column(&table[1], "after 45s"));
        assert!(table[1].ends_with("  ok"), "{}", table[1]);
    }
}
