//! The operators' face as a reader sees it, over a house and a journal of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Face, Hooks, LinkKey, Queries, ReloadHandle, serve};
use crate::delivery::samples::{at, delivery, event, posted};
use crate::delivery::{Attempt, Fate, Record, Routes};
use crate::incidents::{Exposure, Settings, What};
use crate::journal::contract::batch;
use crate::journal::{Journal, Snapshot, Sqlite};
use crate::model::{Clock, DeliveryId, Graph, Timestamp};
use crate::pipeline::{House, Rulebook, SharedHouse};
use crate::rules::{Context, load};
use crate::scrape::{Metadata, metadata, parse_text};

mod answers;
mod told;

/// Time that stands still.
#[derive(Clone)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        at(60)
    }
    async fn sleep_until(&self, _: Timestamp) {
        std::future::pending().await
    }
}

/// A face on loopback; it goes with the test's runtime.
struct Rig {
    _folder: tempfile::TempDir,
    journal: Sqlite,
    url: String,
}

impl Rig {
    async fn start(snapshot: Snapshot) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Sqlite::open(&folder.path().join("journal.db"), at(0)).expect("a journal");
        let house = SharedHouse::new(House::new(rulebook(), snapshot, at(0)));
        let (reload, _) = ReloadHandle::new(at(0));
        let outbox = Arc::new(ArcSwap::from_pointee(Vec::new()));
        let (inbox, _) = mpsc::channel(1);
        let face = Face {
            house,
            journal: journal.clone(),
            reload,
            outbox,
            discovery: crate::scrape::DiscoveryView::default(),
            inbox,
            clock: Still,
            links: LinkKey::new(b"key"),
            hooks: Hooks::default(),
            queries: Queries::default(),
            committed: watch::channel(()).0,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(serve(listener, face, CancellationToken::new()));
        Self { _folder: folder, journal, url }
    }

    /// The page of metrics for a reader that accepts `accept`: what it is called, and what it says.
    async fn metrics(&self, accept: &str) -> (String, String) {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let request = client.get(format!("{}/metrics", self.url)).header("accept", accept);
        let answer = request.send().await.expect("it answers");
        let kind = answer.headers()["content-type"].to_str().expect("a text").to_owned();
        (kind, answer.text().await.expect("it has a body"))
    }

    async fn json(&self, path: &str) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.get(format!("{}{path}", self.url)).send().await.expect("it answers");
        serde_json::from_str(&answer.text().await.expect("it has a body")).expect("it is JSON")
    }
}

fn rulebook() -> Rulebook {
    let text = "groups: [{name: g, interval: 15s, rules: [{record: a, expr: b}]}]";
    let (groups, problems) = load(&"rules.yml".into(), text, &Context::default());
    assert!(problems.is_empty(), "{problems}");
    Rulebook {
        kept_jobs: Vec::new(),
        groups: groups.into_iter().map(Arc::new).collect(),
        phases: crate::pipeline::Phases::default(),
        context: Context::default(),
        incidents: Arc::new(Settings::default()),
        graph: Arc::new(Graph::new(Vec::new()).expect("no component, no cycle")),
        escalation: Arc::from([]),
        responders: Vec::new(),
        routes: Routes::default(),
    }
}

/// What a page declares: names and types.
fn declared(page: &str) -> BTreeMap<String, String> {
    let kind = |said| match said {
        Metadata::Type { name, kind } => Some((name.into_owned(), kind.to_owned())),
        Metadata::Help { .. } => None,
    };
    metadata(page).filter_map(kind).collect()
}

/// What a page shows: names, each with the names of its labels.
fn shown(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let keep = |line: crate::scrape::Line<'_>| {
        let labels = line.labels.map(|(name, _)| name.into_owned());
        shown.entry(line.name.into_owned()).or_default().extend(labels);
    };
    parse_text(page.as_bytes(), |_| true, keep).unwrap_or_else(|error| panic!("{error}:\n{page}"));
    shown
}

#[tokio::test]
async fn a_reader_gets_the_format_that_it_asks_for() {
    let rig = Rig::start(Snapshot::default()).await;
    let (kind, text) = rig.metrics("text/plain;version=0.0.4;q=0.5,*/*;q=0.1").await;
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(declared(&text)["fogsignal_samples_dropped_total"], "counter");
    for name in shown(&text).keys() {
        assert!(declared(&text).contains_key(name), "`{name}` is untyped:\n{text}");
    }
    let (kind, open) = rig.metrics("application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await;
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(declared(&open)["fogsignal_samples_dropped"], "counter");
    assert!(open.ends_with("# EOF\n"));
    assert_eq!(shown(&open), shown(&text));
}

/// The rows of the table of metrics in docs/operating.md: name → (type, labels as written).
fn documented() -> BTreeMap<String, (String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let text = std::fs::read_to_string(path).expect("docs/operating.md is there");
    let table = text.split("## Metrics\n").nth(1).expect("it has a chapter on metrics");
    let mut rows = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let [_, names, kind, labels, ..] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("not a row: {row}")
        };
        for name in names.split(',').map(|name| name.trim().trim_matches('`')) {
            rows.insert(name.to_owned(), (kind.to_owned(), labels.to_owned()));
        }
    }
    rows
}

#[tokio::test]
async fn the_table_in_docs_is_the_page() {
    let (_, page) = Rig::start(Snapshot::default()).await.metrics("text/plain").await;
    let documented = documented();
    let kinds: BTreeMap<_, _> =
        documented.iter().map(|(name, (kind, _))| (name.clone(), kind.clone())).collect();
    assert_eq!(kinds, declared(&page), "docs/operating.md on the left, the page on the right");
    for (name, labels) in shown(&page) {
        let written = &documented[&name].1;
        for label in &labels {
            assert!(written.contains(&format!("`{label}`")), "`{name}` has `{label}`, docs say: {written}");
        }
        assert_eq!(written.is_empty(), labels.is_empty(), "`{name}` has no labels, docs say: {written}");
    }
}

#[tokio::test]
async fn what_became_of_messages_is_shown() {
    let opened = What::Opened {
        key: None,
        title: "CRM is slow".to_owned(),
        exposure: Exposure::Public,
        started_at: at(0),
    };
    let lost = What::Undelivered {
        delivery: DeliveryId(1),
        sink: delivery(1, 1, "page").sink,
        because: "410 Gone".to_owned(),
    };
    let events = vec![event(1, 1, opened), event(2, 1, lost)];
    let rig = Rig::start(Snapshot { events, ..Snapshot::default() }).await;
    let incident = rig.json("/api/fogsignal/v1/incidents/INC-1").await;
    assert_eq!(incident["undelivered"], serde_json::json!([{"sink": "page", "because": "410 Gone"}]));

    rig.journal.commit(at(0), batch([posted(1, 1, "page"), posted(2, 1, "page")])).await.expect("committed");
    let attempt = Attempt {
        delivery: DeliveryId(1),
        number: 1,
        at: at(1),
        took_ms: 5,
        note: "410 Gone: moved".to_owned(),
    };
    let fate = Fate::Dead { at: at(1), why: "410 Gone".to_owned() };
    rig.journal.record(Record::new(attempt, fate)).await.expect("recorded");
    let deliveries = rig.json("/api/fogsignal/v1/deliveries").await;
    let (newest, dead) = (&deliveries["deliveries"][0], &deliveries["deliveries"][1]);
    assert_eq!((&newest["id"], &newest["fate"]), (&2.into(), &"waiting".into()), "{deliveries}");
    assert_eq!((&dead["fate"], &dead["because"]), (&"dead".into(), &"410 Gone".into()), "{deliveries}");
    assert_eq!((&dead["attempts"], &dead["last_note"]), (&1.into(), &"410 Gone: moved".into()));
    assert_eq!(
        (&dead["kind"], &dead["incident"], &dead["sink"]),
        (&"post".into(), &"INC-1".into(), &"page".into())
    );
}
