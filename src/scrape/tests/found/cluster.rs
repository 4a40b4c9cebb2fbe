//! An API server as far as lists and watches of pods go, on the real wire format, that misbehaves when it is told to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The server; it goes with the test's runtime.
#[derive(Clone)]
pub(super) struct Api(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    url: String,
    version: u64,
    pods: BTreeMap<String, Value>,
    /// Everything that happened, with the version after it.
    history: Vec<(u64, &'static str, Value)>,
    /// What a list of several pages is of: all of its pages are of the same moment.
    snapshots: Vec<(u64, Vec<Value>)>,
    /// Versions before this one are not known any more.
    oldest: u64,
    watches: Vec<UnboundedSender<Bytes>>,
    token: Option<String>,
    is_down: bool,
    /// Whether a version that is too old is an answer of 410, and not an event.
    says_gone_at_once: bool,
    counts: Counts,
}

/// What was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) lists: usize,
    pub(super) pages: usize,
    pub(super) watches: usize,
    pub(super) too_old: usize,
    pub(super) unauthorized: usize,
}

impl Api {
    pub(super) async fn start() -> Self {
        let api = Self(Arc::default());
        let router = Router::new().route("/api/v1/pods", get(answer)).with_state(api.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        api.known().url = format!("http://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        api
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().expect("no test panics under it")
    }

    pub(super) fn url(&self) -> String {
        self.known().url.clone()
    }

    pub(super) fn counts(&self) -> Counts {
        self.known().counts
    }

    pub(super) fn ask_for_token(&self, token: &str) {
        self.known().token = Some(token.to_owned());
    }

    pub(super) fn down(&self, is_down: bool) {
        self.known().is_down = is_down;
        self.cut(b"");
    }

    /// Adds a pod, or moves it to another address.
    pub(super) fn put(&self, name: &str, ip: &str) {
        let mut known = self.known();
        let kind = if known.pods.contains_key(name) { "MODIFIED" } else { "ADDED" };
        let version = known.version + 1;
        let pod = json!({
            "kind": "Pod", "apiVersion": "v1",
            "metadata": {"name": name, "namespace": "n", "resourceVersion": version.to_string(),
                         "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}]},
            "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]},
            "status": {"phase": "Running", "podIP": ip}
        });
        known.pods.insert(name.to_owned(), pod.clone());
        known.happen(kind, pod);
    }

    pub(super) fn remove(&self, name: &str) {
        let mut known = self.known();
        let version = known.version + 1;
        if let Some(mut pod) = known.pods.remove(name) {
            pod["metadata"]["resourceVersion"] = json!(version.to_string());
            known.happen("DELETED", pod);
        }
    }

    pub(super) fn bookmark(&self) {
        let known = self.known();
        let bookmark = json!({"type": "BOOKMARK", "object": {
            "kind": "Pod", "apiVersion": "v1",
            "metadata": {"resourceVersion": known.version.to_string(), "creationTimestamp": null}, "spec": {"containers": null},
        }});
        known.tell(&line(&bookmark));
    }

    /// Ends all watches after these bytes.
    pub(super) fn cut(&self, last: &'static [u8]) {
        let mut known = self.known();
        known.tell(last);
        known.watches.clear();
    }

    /// Forgets all versions but the newest, and ends all watches.
    pub(super) fn expire(&self, says_gone_at_once: bool) {
        let mut known = self.known();
        known.says_gone_at_once = says_gone_at_once;
        // As when etcd is compacted: the version goes on for other objects, too.
        known.version += 10;
        known.oldest = known.version;
        known.history.clear();
        known.watches.clear();
    }

    /// The addresses of all pods.
    pub(super) fn addresses(&self) -> Vec<String> {
        let known = self.known();
        let ip = |pod: &Value| format!("{}:80", pod["status"]["podIP"].as_str().expect("each has one"));
        let mut addresses: Vec<String> = known.pods.values().map(ip).collect();
        addresses.sort();
        addresses
    }
}

impl Known {
    fn happen(&mut self, kind: &'static str, object: Value) {
        self.version += 1;
        self.tell(&line(&json!({"type": kind, "object": object})));
        self.history.push((self.version, kind, object));
    }

    /// In two chunks, as they may come.
    fn tell(&self, bytes: &[u8]) {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        for watch in &self.watches {
            let _ = watch.send(Bytes::copy_from_slice(first));
            let _ = watch.send(Bytes::copy_from_slice(second));
        }
    }
}

fn line(event: &Value) -> Vec<u8> {
    let mut line = event.to_string().into_bytes();
    line.push(b'\n');
    line
}

fn status(code: StatusCode, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
           "reason": "Expired", "code": code.as_u16()})
}

fn refuse(code: StatusCode, message: &str) -> Response {
    (code, axum::Json(status(code, message))).into_response()
}

async fn answer(State(api): State<Api>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut known = api.known();
    if known.is_down {
        return refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is currently unable to handle the request",
        );
    }
    let given = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if known.token.as_ref().is_some_and(|token| given != format!("Bearer {token}")) {
        known.counts.unauthorized += 1;
        return refuse(StatusCode::UNAUTHORIZED, "Unauthorized");
    }
    if query.get("watch").map(String::as_str) == Some("true") {
        assert_eq!(headers.get("accept-encoding").and_then(|value| value.to_str().ok()), Some("identity"));
        return watch(&mut known, &query);
    }
    known.counts.pages += 1;
    // Pages of three, so that a test sees some; the token is the number of the snapshot and the place in it.
    let token = query.get("continue").map(|token| token.split_once('-').expect("a token that we gave"));
    let (snapshot, from): (usize, usize) = match token {
        Some((snapshot, from)) => (snapshot.parse().expect("ours"), from.parse().expect("ours")),
        None => {
            known.counts.lists += 1;
            let now = (known.version, known.pods.values().cloned().collect());
            known.snapshots.push(now);
            (known.snapshots.len() - 1, 0)
        }
    };
    let page = if query.contains_key("limit") { 3 } else { usize::MAX };
    let (version, pods) = &known.snapshots[snapshot];
    if *version < known.oldest {
        return refuse(StatusCode::GONE, "the provided continue parameter is too old");
    }
    let items: Vec<&Value> = pods.iter().skip(from).take(page).collect();
    let next = from.saturating_add(items.len());
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if next < pods.len() {
        metadata["continue"] = json!(format!("{snapshot}-{next}"));
    }
    axum::Json(json!({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items}))
        .into_response()
}

fn watch(known: &mut Known, query: &BTreeMap<String, String>) -> Response {
    known.counts.watches += 1;
    assert_eq!(query.get("allowWatchBookmarks").map(String::as_str), Some("true"));
    let from: u64 = query["resourceVersion"].parse().expect("a version that we gave");
    let (send, lines) = unbounded_channel::<Bytes>();
    if from < known.oldest {
        known.counts.too_old += 1;
        let gone = status(StatusCode::GONE, "too old resource version");
        if known.says_gone_at_once {
            return (StatusCode::GONE, axum::Json(gone)).into_response();
        }
        let _ = send.send(line(&json!({"type": "ERROR", "object": gone})).into());
    } else {
        for (_, kind, object) in known.history.iter().filter(|(version, ..)| from < *version) {
            let _ = send.send(line(&json!({"type": kind, "object": object})).into());
        }
        known.watches.push(send);
    }
    let lines = stream::unfold(lines, |mut lines| async move {
        let next = lines.recv().await?;
        Some((Ok::<_, Infallible>(next), lines))
    });
    Body::from_stream(lines).into_response()
}
