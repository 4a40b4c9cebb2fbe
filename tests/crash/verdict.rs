//! What must hold after kills: nothing lost, nothing out of order, nothing said twice under two names.
//!
//! In:   all that the journal holds, and all that receivers were sent, in the order in which it came.
//! Out:  every breach, in words, sorted by what it breaks; what came more than once under one key, counted.
//! Not:  it opens no file and asks no daemon, so that an invented record can show that it finds what it is for.
//!
//! What the daemon owes is read from its events alone: a post is for every sink for customers, a page for the sinks
//! that it names. A fate other than `waiting` and `delivered` counts as recorded: somebody can read what became of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fogsignal::incidents::{Event, PostKind, Status, What};
use fogsignal::model::IncidentId;

/// The fate of what has yet to be sent, or sent again.
pub const WAITING: &str = "waiting";
/// The fate of what a sink took.
const DELIVERED: &str = "delivered";

/// A row of the journal's deliveries.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: u64,
    pub key: String,
    pub sink: String,
    pub incident: IncidentId,
    pub event_seq: u64,
    pub fate: String,
}

/// A message with a good signature, as a receiver got it.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub sink: String,
    pub key: String,
    pub incident: String,
    /// Of the post or page, within its incident.
    pub number: u64,
    pub body: Vec<u8>,
    /// Whether the receiver took it, whatever it answered.
    pub taken: bool,
}

/// Everything there is to judge by.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// The sinks that get every post.
    pub customers: Vec<String>,
    pub events: Vec<Event>,
    pub rows: Vec<Row>,
    pub arrivals: Vec<Arrival>,
}

/// What was found, each line one breach.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Neither delivered nor recorded as anything else.
    pub lost: Vec<String>,
    /// Came to a sink after a later word on the same incident.
    pub reordered: Vec<String>,
    /// Said under two keys, with two texts, or with no reason.
    pub duplicated: Vec<String>,
    /// Incidents whose story has a hole or no end.
    pub incomplete: Vec<String>,
    /// Came again under its key with the same bytes, which receivers are told to expect.
    pub repeated: usize,
}

impl Verdict {
    /// Judges.
    pub fn of(record: &Record) -> Self {
        let mut verdict = Self::default();
        verdict.judge_events(&record.events);
        verdict.judge_rows(record);
        verdict.judge_keys(record);
        verdict.judge_order(record);
        verdict
    }

    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        [&self.lost, &self.reordered, &self.duplicated, &self.incomplete].iter().all(|found| found.is_empty())
    }

    /// Every incident has a beginning, no hole, and an end that was told.
    fn judge_events(&mut self, events: &[Event]) {
        let numbers = events.iter().map(|event| event.seq);
        for (seq, expected) in numbers.zip(1..).filter(|(seq, expected)| seq != expected).take(1) {
            self.incomplete.push(format!("event {seq} stands where event {expected} should"));
        }
        let mut incidents: BTreeMap<IncidentId, Vec<&What>> = BTreeMap::new();
        for event in events.iter().filter(|event| event.incident != IncidentId::NONE) {
            incidents.entry(event.incident).or_default().push(&event.what);
        }
        for (nth, (id, story)) in (1..).zip(&incidents) {
            if *id != IncidentId(nth) {
                self.incomplete.push(format!("{id} is the {nth}th incident"));
                break;
            }
            self.incomplete.extend(faults(story).into_iter().map(|fault| format!("{id} {fault}")));
        }
    }

    /// What is owed has exactly one row, and each row came to an end that is true.
    fn judge_rows(&mut self, record: &Record) {
        let taken: BTreeSet<(&str, &str)> =
            record.arrivals.iter().filter(|one| one.taken).map(|one| (&*one.sink, &*one.key)).collect();
        let mut rows: BTreeMap<(u64, &str), Vec<&Row>> = BTreeMap::new();
        for row in &record.rows {
            rows.entry((row.event_seq, &*row.sink)).or_default().push(row);
        }
        for event in &record.events {
            for sink in owed(event, &record.customers) {
                match rows.remove(&(event.seq, sink)).as_deref() {
                    None => self.lost.push(format!("event {} has no delivery to {sink}", event.seq)),
                    Some([_]) => {}
                    Some(many) => self.duplicated.push(format!("{} for one event", keys(many))),
                }
            }
        }
        self.duplicated.extend(rows.values().map(|rows| format!("{} for no event", keys(rows))));
        for row in &record.rows {
            match &*row.fate {
                WAITING => self.lost.push(format!("{} still waits", row.key)),
                DELIVERED if !taken.contains(&(&*row.sink, &*row.key)) => {
                    self.lost.push(format!("{} is recorded as delivered and never came", row.key));
                }
                _ => {}
            }
        }
    }

    /// One word has one key, and one key one text.
    fn judge_keys(&mut self, record: &Record) {
        let known: BTreeSet<(&str, &str)> = record.rows.iter().map(|row| (&*row.sink, &*row.key)).collect();
        let mut texts: HashMap<&str, &[u8]> = HashMap::new();
        let mut words: HashMap<(&str, &str, u64), &str> = HashMap::new();
        let mut seen = BTreeSet::new();
        for one in &record.arrivals {
            if *texts.entry(&one.key).or_insert(&one.body) != one.body {
                self.duplicated.push(format!("{} came with two texts", one.key));
            }
            if !one.taken {
                continue;
            }
            if !seen.insert((&one.sink, &one.key)) {
                self.repeated += 1;
                continue;
            }
            if !known.contains(&(&*one.sink, &*one.key)) {
                self.duplicated.push(format!("{} came to {} and is not in the journal", one.key, one.sink));
            }
            let first = *words.entry((&one.sink, &one.incident, one.number)).or_insert(&one.key);
            if first != one.key {
                self.duplicated.push(format!("{} says what {first} said", one.key));
            }
        }
    }

    /// To each sink the words on an incident come in the order in which they were decided.
    fn judge_order(&mut self, record: &Record) {
        let ids: HashMap<(&str, &str), &Row> =
            record.rows.iter().map(|row| ((&*row.sink, &*row.key), row)).collect();
        let mut latest: HashMap<(&str, IncidentId), &Row> = HashMap::new();
        let mut seen = BTreeSet::new();
        for one in record.arrivals.iter().filter(|one| one.taken) {
            let Some(row) = ids.get(&(&*one.sink, &*one.key)).filter(|row| seen.insert(row.id)) else {
                continue;
            };
            let latest = latest.entry((&row.sink, row.incident)).or_insert(row);
            if row.id < latest.id {
                self.reordered.push(format!("{} came after {}", row.key, latest.key));
            } else {
                *latest = row;
            }
        }
    }
}

/// The sinks that must hear of an event.
fn owed<'a>(event: &'a Event, customers: &'a [String]) -> BTreeSet<&'a str> {
    match &event.what {
        What::Posted { post } => customers
            .iter()
            .map(String::as_str)
            .filter(|sink| post.except.iter().all(|except| except.as_str() != *sink))
            .collect(),
        What::Paged { page } => page.to.iter().map(|sink| sink.as_str()).collect(),
        _ => BTreeSet::new(),
    }
}

/// What is wrong with the story of one incident.
fn faults(story: &[&What]) -> Vec<String> {
    let mut faults = Vec::new();
    if !matches!(story.first(), Some(What::Opened { .. })) {
        faults.push("does not begin with its opening".to_owned());
    }
    let (mut status, mut is_merged, mut promise) = (Status::Investigating, false, None);
    let (mut posts, mut pages, mut last_post) = (0, 0, None);
    for what in story {
        match what {
            What::StatusChanged { to, .. } => status = *to,
            What::Merged { .. } => is_merged = true,
            What::Posted { post } => {
                if let Some(due) = promise {
                    faults.push(format!("promised a word until {due} and did not say how that went"));
                }
                (promise, last_post, posts) = (post.next_update_by, Some(post), posts + 1);
                if post.number != posts {
                    faults.push(format!("has post {} where post {posts} should be", post.number));
                }
            }
            What::Paged { page } => {
                pages += 1;
                if page.number != pages {
                    faults.push(format!("has page {} where page {pages} should be", page.number));
                }
            }
            What::PromiseKept { .. } | What::PromiseMissed { .. } | What::PromiseWithdrawn { .. } => {
                promise = None;
            }
            What::PromiseTaken { due, .. } => promise = Some(promise.map_or(*due, |own| own.min(*due))),
            _ => {}
        }
    }
    if let Some(due) = promise {
        faults.push(format!("promised a word until {due}, which never came"));
    }
    if status != Status::Resolved && !is_merged {
        faults.push(format!("is still {status}"));
    }
    let end_is_told = last_post
        .is_none_or(|post| post.status == Status::Resolved || matches!(post.kind, PostKind::Merged { .. }));
    if !end_is_told {
        faults.push("is over, and its last post does not say so".to_owned());
    }
    faults
}

fn keys(rows: &[&Row]) -> String {
    rows.iter().map(|row| &*row.key).collect::<Vec<_>>().join(" and ")
}
