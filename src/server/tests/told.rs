//! Commands and changes, from the request to the journal.

use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::delivery::samples::sink;
use crate::journal::Batch;
use crate::journal::failing::Failing;
use crate::model::{Component, ComponentId, Secret, SecretSource};
use crate::pipeline::Pipeline;
use crate::server::HookSettings;

/// Nobody who goes by it waits for anything.
#[derive(Clone)]
struct Hurry;

impl Clock for Hurry {
    fn now(&self) -> Timestamp {
        at(60)
    }
    async fn sleep_until(&self, _: Timestamp) {}
}

/// A house with two incidents, a pipeline that turns it, and a face.
pub(super) struct TurningHouse {
    _folder: tempfile::TempDir,
    pub(super) journal: Failing<Sqlite>,
    /// A face with all the time in the world, and one without any.
    pub(super) patient: String,
    pub(super) hurried: String,
}

impl TurningHouse {
    pub(super) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let journal =
            Failing::new(Sqlite::open(&folder.path().join("journal.db"), at(0)).expect("a journal"));
        let opened = |title: &str| What::Opened {
            key: None,
            title: title.to_owned(),
            exposure: Exposure::Public,
            started_at: at(0),
        };
        let events = vec![event(1, 1, opened("CRM is slow")), event(2, 2, opened("Desk is slow"))];
        let batch = Batch { events, ..Batch::default() };
        journal.commit(at(1), batch).await.expect("committed");
        let crm = Component {
            id: ComponentId::new("crm").expect("an id"),
            name: "CRM".to_owned(),
            group: None,
            public: true,
            depends_on: Vec::new(),
            matchers: Vec::new(),
        };
        let rulebook = Rulebook { graph: Arc::new(Graph::new(vec![crm]).expect("no cycle")), ..rulebook() };
        let snapshot = journal.load().await.expect("loaded");
        let house = SharedHouse::new(House::new(rulebook, snapshot, at(0)));
        let (inbox, inbound) = mpsc::channel(8);
        let (committed, _) = watch::channel(());
        let pipeline = Pipeline::new(journal.clone(), Still, inbound, house.clone(), committed);
        tokio::spawn(pipeline.run());
        let patient = face(&house, &journal, &inbox, Still).await;
        let hurried = face(&house, &journal, &inbox, Hurry).await;
        Self { _folder: folder, journal, patient, hurried }
    }

    pub(super) async fn tell(&self, what: &str, body: Value) -> (u16, Value) {
        tell(&self.patient, what, body).await
    }

    async fn incident(&self) -> Value {
        self.json("incidents/1").await
    }

    pub(super) async fn json(&self, path: &str) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let url = format!("{}/api/fogsignal/v1/{path}", self.patient);
        let answer = client.get(url).send().await.expect("it answers");
        answer.json().await.expect("it is JSON")
    }
}

async fn face<C: Clock>(
    house: &SharedHouse,
    journal: &Failing<Sqlite>,
    inbox: &mpsc::Sender<crate::pipeline::Inbound>,
    clock: C,
) -> String {
    let (reload, _) = ReloadHandle::new(at(0));
    let secret = SecretSource::Inline(Secret::new("key"));
    let hook = (sink("pager"), HookSettings { secret, owner: None });
    let outbox = Arc::new(ArcSwap::from_pointee(Vec::new()));
    let face = Face {
        house: house.clone(),
        journal: journal.clone(),
        reload,
        outbox,
        discovery: crate::scrape::DiscoveryView::default(),
        inbox: inbox.clone(),
        clock,
        links: LinkKey::new(b"key"),
        hooks: Arc::new(ArcSwap::from_pointee([hook].into())),
        queries: Queries::default(),
        committed: watch::channel(()).0,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(serve(listener, face, CancellationToken::new()));
    url
}

async fn tell(url: &str, what: &str, body: Value) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(format!("{url}/api/fogsignal/v1/{what}")).json(&body);
    let answer = request.send().await.expect("it answers");
    (answer.status().as_u16(), answer.json().await.expect("it is JSON"))
}

fn by_ana(command: &str) -> Value {
    json!({"incident": "INC-1", "by": "ana", "command": command})
}

#[tokio::test]
async fn a_command_is_answered_with_the_incident_and_what_happened() {
    let house = TurningHouse::start().await;
    let (status, said) = house.tell("commands", by_ana("acknowledge")).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["incident"]["acknowledged_by"], "ana");
    let event = &said["events"][0];
    assert_eq!((&event["what"], &event["why"]), (&"acknowledged".into(), &"ana said so".into()));
    assert_eq!(event["incident"], "INC-1");
    let events = house.journal.load().await.expect("loaded").events;
    let committed = events.iter().find(|event| event.what.name() == "acknowledged").map(|event| event.seq);
    assert_eq!(event["seq"], json!(committed), "it is committed when it is answered");

    let (status, said) = house.tell("commands", by_ana("acknowledge")).await;
    assert_eq!((status, &said["events"]), (200, &json!([])), "what is so already makes no event");
}

#[tokio::test]
async fn a_command_that_cannot_be_obeyed_says_why() {
    let house = TurningHouse::start().await;
    let (status, said) = house.tell("commands", by_ana("discard_draft")).await;
    assert_eq!((status, &said["error"]), (409, &"no draft of INC-1 waits for an approval".into()));
    let (status, said) =
        house.tell("commands", json!({"incident": "INC-9", "by": "a", "command": "mute"})).await;
    assert_eq!((status, &said["error"]), (404, &"there is no incident `INC-9`".into()));
    let (status, said) = house.tell("commands", by_ana("note")).await;
    assert_eq!((status, &said["error"]), (400, &"`note`: missing field `text`".into()));
    let (status, said) = house.tell("commands", json!(["x"])).await;
    assert_eq!(status, 400, "{said}");
}

#[tokio::test]
async fn what_the_journal_does_not_take_in_time_is_not_done() {
    let house = TurningHouse::start().await;
    house.journal.fail();
    let (status, said) = tell(&house.hurried, "commands", by_ana("acknowledge")).await;
    assert_eq!(status, 503, "{said}");
    assert!(said["error"].as_str().is_some_and(|why| why.contains("will not be done later")), "{said}");
    house.journal.recover();
    assert_eq!(house.incident().await["acknowledged_by"], Value::Null);
}

#[tokio::test]
async fn a_change_is_told_once_and_shown() {
    let house = TurningHouse::start().await;
    let change = json!({"summary": "batch size raised", "component": "crm", "kind": "config", "version": "7",
        "at": "2023-02-01T13:00:00Z", "by": "ci"});
    let (status, said) = house.tell("changes", change.clone()).await;
    assert_eq!((status, &said["events"][0]["what"]), (200, &"changed".into()), "{said}");
    assert_eq!(said["change"]["at"], "2023-02-01T13:00:00.000Z");
    let (status, said) = house.tell("changes", change).await;
    assert_eq!((status, &said["events"]), (200, &json!([])), "the same change again");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let shown =
        client.get(format!("{}/api/fogsignal/v1/changes", house.patient)).send().await.expect("it answers");
    let shown: Value = shown.json().await.expect("it is JSON");
    assert_eq!(shown["changes"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(shown["changes"][0]["summary"], "batch size raised");
}

#[tokio::test]
async fn a_change_that_cannot_be_is_refused() {
    let house = TurningHouse::start().await;
    let refused = async |body: Value, expected: &str| {
        let (status, said) = house.tell("changes", body).await;
        let why = said["error"].as_str().unwrap_or_default();
        assert!(status == 400 && why.contains(expected), "{status} {said}, not {expected}");
    };
    refused(
        json!({"summary": "x", "component": "crmm"}),
        "there is no component `crmm` (did you mean `crm`?)",
    )
    .await;
    refused(json!({"summary": "x", "at": "2023-02-01T15:01:01Z"}), "more than an hour ahead").await;
    refused(json!({"summary": "x", "colour": "red"}), "unknown field `colour`").await;
    refused(json!({}), "missing field `summary`").await;
    let (status, said) = house.tell("changes", json!({"summary": "x", "at": "2023-02-01T15:00:59Z"})).await;
    assert_eq!(status, 200, "clocks differ: {said}");
}

#[tokio::test]
async fn a_browser_page_cannot_give_commands() {
    let house = TurningHouse::start().await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("{}/api/fogsignal/v1/commands", house.patient);
    let simple = client.post(&url).body(by_ana("acknowledge").to_string());
    let answer = simple.header("content-type", "text/plain").send().await.expect("it answers");
    assert_eq!(answer.status(), 415);
    let foreign = client.post(&url).json(&by_ana("acknowledge"));
    let answer = foreign.header("origin", "https://elsewhere.example").send().await.expect("it answers");
    assert_eq!(answer.status(), 403);
    assert_eq!(house.incident().await["acknowledged_by"], Value::Null);
    // A large body is refused before anybody reads it.
    let (status, _) = {
        let answer =
            client.post(&url).json(&json!({"x": "y".repeat(70_000)})).send().await.expect("it answers");
        (answer.status().as_u16(), answer.text().await)
    };
    assert_eq!(status, 413);
}
