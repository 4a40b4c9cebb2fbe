//! A sink as users configure it, and the messages of one incident that it gets.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use fogsignal::config::{Sources, load_with};
use fogsignal::delivery::{
    Audience, ComponentNow, Delivery, Message, Outcome, Page, PageReason, Post, Remembered, SinkNews, Status,
    Tried,
};
use fogsignal::incidents::{Impact, PostKind};
use fogsignal::model::{ComponentId, ComponentStatus, DeliveryId, IncidentId, Severity, SinkName, Timestamp};
use fogsignal::outbox::{AtOnce, Sending, Sink};
use fogsignal::sinks::{Links, PageLinks, SinkSettings};
use tempfile::TempDir;

/// What stands in the secret `file` of every sink here.
pub const TOKEN: &str = "tok-3f9a1c77";

/// One incident at one sink.
pub struct Journey {
    pub sink: Arc<dyn Sink>,
    pub settings: SinkSettings,
    pub remembered: Remembered,
    incident: u64,
    event: u64,
    _folder: TempDir,
}

/// A sink in the making.
pub struct Making {
    adapter: String,
    audience: Audience,
    settings: Vec<String>,
    own: Option<String>,
    links: Links,
    /// Lines of the sink that are no settings.
    lines: String,
    files: Vec<(String, String)>,
}

/// A sink of `adapter`; `settings` are lines such as `page: p1`. `FILE:text` as a value becomes a file that holds the text.
pub fn sink(adapter: &str, audience: Audience, settings: &[&str]) -> Making {
    Making {
        adapter: adapter.to_owned(),
        audience,
        settings: settings.iter().map(|line| (*line).to_owned()).collect(),
        own: None,
        links: Links::default(),
        lines: String::new(),
        files: Vec::new(),
    }
}

impl Making {
    /// With a definition of the user's own.
    pub fn defined_by(self, text: &str) -> Self {
        Self { own: Some(text.to_owned()), ..self }
    }

    /// With links on its pages.
    pub fn linked(self) -> Self {
        let links = PageLinks {
            acknowledge: Some("https://fog.example/ack/1".to_owned()),
            open: Some("https://fog.example/incidents/1".to_owned()),
        };
        Self { links: Links::new(move |_| links.clone()), ..self }
    }

    pub fn build(self) -> Journey {
        let (config, folder) = self.load();
        let config = config.unwrap_or_else(|problems| panic!("{problems}"));
        let settings = config[0].clone();
        let sink = fogsignal::sinks::build(&settings, &self.links).expect("it can be built");
        let remembered = Remembered::default();
        Journey { sink, settings, remembered, incident: 7, event: 0, _folder: folder }
    }

    /// The sinks of a configuration with it, or what is wrong.
    pub fn load(&self) -> (Result<Vec<SinkSettings>, String>, TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it is written");
        self.files.iter().for_each(|(name, text)| put(name, text));
        let mut settings = String::new();
        for (number, line) in self.settings.iter().enumerate() {
            match line.split_once(": FILE:") {
                Some((name, secret)) => {
                    put(&format!("secret-{number}"), &format!("{secret}\n"));
                    settings.push_str(&format!("      {name}: {{file: secret-{number}}}\n"));
                }
                None => settings.push_str(&format!("      {line}\n")),
            }
        }
        let settings = if settings.is_empty() { settings } else { format!("    settings:\n{settings}") };
        let adapters = match &self.own {
            Some(text) => {
                put("own.yml", text);
                "adapters: [own.yml]\n"
            }
            None => "",
        };
        let audience = match self.audience {
            Audience::Customers => "customers",
            Audience::Responders => "responders",
        };
        // Those that a definition describes know components by their own names.
        let rest = match self.lines.as_str() {
            "" => "    timeout: 2s\n    components: {crm: '11', desk: '12'}\n",
            lines => lines,
        };
        let config = format!(
            "scrape_configs:\n  - {{job_name: a, static_configs: [{{targets: ['127.0.0.1:9']}}]}}\n{adapters}\
             components:\n  - {{id: crm, name: CRM, group: Blip Platform}}\n  - {{id: desk, name: Desk}}\n  - {{id: bots, name: Bots}}\n\
             sinks:\n  - name: there\n    adapter: {}\n    audience: {audience}\n{settings}{rest}",
            self.adapter,
        );
        put("fogsignal.yml", &config);
        let file = folder.path().join("fogsignal.yml");
        let loaded = load_with(&Sources { file, ..Sources::default() }, &fogsignal::config::Disk);
        let told = |problems: fogsignal::model::Problems| {
            let base = format!("{}/", folder.path().display());
            problems.to_string().replace(&base, "")
        };
        let loaded = match loaded {
            Ok((config, warnings)) if warnings.iter().all(|one| !one.to_string().contains("sink")) => {
                Ok(config.sinks)
            }
            Ok((_, warnings)) => Err(told(warnings)),
            Err(problems) => Err(told(problems)),
        };
        (loaded, folder)
    }
}

/// A generic webhook.
pub fn webhook(audience: Audience, url: &str, secret: &str) -> Journey {
    let lines = format!("    url: {url}/hook\n    secret_file: secret\n");
    plain("webhook", audience, &lines, &[("secret", secret)])
}

/// A sink that needs keys of its own.
pub fn plain(adapter: &str, audience: Audience, lines: &str, files: &[(&str, &str)]) -> Journey {
    let mut making = sink(adapter, audience, &[]);
    making.lines = lines.to_owned();
    making.files.extend(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    making.build()
}

pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_secs(1_675_260_000 + 60 * minutes)
}

impl Journey {
    /// The next message, sent once.
    pub async fn send(&mut self, message: Message) -> Outcome {
        self.event += 1;
        self.attempt(&message, Tried::Never).await
    }

    /// The same message once more, after an attempt whose answer is not known.
    pub async fn again(&mut self, message: Message) -> Outcome {
        self.attempt(&message, Tried::Perhaps).await
    }

    pub async fn attempt(&mut self, message: &Message, tried: Tried) -> Outcome {
        let delivery = self.delivery(message);
        let sending =
            Sending { delivery: &delivery, now: at(90), remembered: &self.remembered, tried, pace: &AtOnce };
        let outcome = self.sink.send(sending).await;
        if let Outcome::Delivered { remember, .. } = &outcome {
            self.remembered = remember.clone().unwrap_or_else(|| self.remembered.clone());
            self.remembered.opened = true;
        }
        outcome
    }

    /// A trial of the sink.
    pub async fn test(&self) -> Outcome {
        let trial = fogsignal::sinks::trial(self.sink.name(), self.settings.audience, at(0));
        self.sink.test(&trial, at(0)).await
    }

    pub fn delivery(&self, message: &Message) -> Delivery {
        Delivery {
            id: DeliveryId(self.event),
            key: format!("INC-{}_e{}_there", self.incident, self.event),
            sink: SinkName::new("there").expect("a name"),
            incident: IncidentId(self.incident),
            event_seq: self.event,
            message: message.clone(),
            created_at: at(i64::try_from(self.event).expect("few")),
            expires_at: at(24 * 60),
        }
    }

    /// Another incident at the same sink.
    pub fn next_incident(&mut self) {
        self.incident += 1;
        self.remembered = Remembered::default();
    }
}

fn components(crm: ComponentStatus) -> Vec<ComponentNow> {
    let component = |id: &str, name: &str, group: Option<&str>, status| ComponentNow {
        id: ComponentId::new(id).expect("an id"),
        name: name.to_owned(),
        group: group.map(str::to_owned),
        status,
    };
    vec![
        component("crm", "CRM", Some("Blip Platform"), crm),
        component("desk", "Desk", None, ComponentStatus::Unknown),
        component("bots", "Bots", None, ComponentStatus::Operational),
    ]
}

/// A text that tries to be markup, a mention and a link in every language that the adapters speak.
pub const HOSTILE: &str =
    "<!channel> @everyone *bold* [x](https://evil.example) <b>b</b> & `code` \"quoted\" \\ ünï\nline 2";

pub fn post(number: u32, status: Status, crm: ComponentStatus) -> Message {
    let over = status == Status::Resolved;
    Message::Post(Post {
        number,
        title: "CRM is slow".into(),
        status,
        impact: if over { Impact::None } else { Impact::Major },
        body: format!("Post {number}: {HOSTILE}"),
        components: components(crm),
        affected: "Blip Platform (CRM)".into(),
        started_at: at(0),
        mitigated_at: over.then(|| at(30)),
        next_update_by: (!over).then(|| at(45)),
        kind: PostKind::Update,
        etas: Vec::new(),
        except: BTreeSet::new(),
    })
}

pub fn page(number: u32, reason: PageReason, severity: Severity) -> Message {
    let over = matches!(reason, PageReason::Resolved | PageReason::Merged);
    Message::Page(Page {
        number,
        reason,
        to: vec![SinkName::new("there").expect("a name")],
        step: 0,
        title: "CRM is slow".into(),
        status: if over { Status::Resolved } else { Status::Investigating },
        severity,
        summary: format!("Page {number}: CrmErrors is firing"),
        details: format!("5.2 % of requests fail\n{HOSTILE}"),
        components: components(ComponentStatus::PartialOutage),
        runbooks: vec!["https://runbooks.example/crm".into()],
        started_at: at(0),
        suspects: Vec::new(),
    })
}

pub fn acknowledged() -> Message {
    Message::Acknowledged { by: "ana".into() }
}

/// The usual life for customers: opened, identified with a worse component, resolved.
pub fn posts() -> Vec<Message> {
    vec![
        post(1, Status::Investigating, ComponentStatus::DegradedPerformance),
        post(2, Status::Identified, ComponentStatus::MajorOutage),
        post(3, Status::Resolved, ComponentStatus::Operational),
    ]
}

/// The usual life for responders: called, acknowledged, over.
pub fn pages() -> Vec<Message> {
    vec![
        page(1, PageReason::Opened, Severity::Major),
        acknowledged(),
        page(2, PageReason::Monitoring, Severity::Major),
        page(3, PageReason::Resolved, Severity::Major),
    ]
}

/// Fails unless it was taken, with nothing to tell the book.
pub fn delivered(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Delivered { news: None, .. }), "{outcome:?}");
}

/// Fails unless what was there already was taken for ours.
pub fn adopted(outcome: &Outcome, name: &str) {
    let fits = |news: &Option<SinkNews>| matches!(news, Some(SinkNews::Adopted { id }) if id == name);
    assert!(matches!(outcome, Outcome::Delivered { news, .. } if fits(news)), "{outcome:?}");
}

/// Fails unless it is to be tried again; gives why and the wait.
pub fn retried(outcome: Outcome) -> (String, Option<Duration>) {
    match outcome {
        Outcome::Retry { why, wait } => (why, wait),
        other => panic!("{other:?}"),
    }
}

/// Fails unless it was given up; gives why.
pub fn given_up(outcome: Outcome) -> String {
    match outcome {
        Outcome::GiveUp { why } => why,
        other => panic!("{other:?}"),
    }
}
