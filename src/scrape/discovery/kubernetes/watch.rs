//! One collection of the API: listed once, then watched.
//!
//! In:   the answers of the API server.
//! Out:  what is there, what comes and what goes, in order; and whether the server can be asked.
//! Not:  nothing is kept but the version up to which everything is known.
//!
//! A watch ends all the time: the server ends it after some minutes, a proxy cuts it, the server restarts. It goes on
//! from the last version then. Only when the server does not know that version any more (410) all is listed again.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Sender;

use super::Heard;
use super::cluster::Object;
use super::objects::{Meta, Version};
use crate::model::Clock;
use crate::scrape::discovery::ask::{Asker, read};

/// Objects of one page of a list.
const PAGE: usize = 500;
/// A page of a list is not longer.
const MAX_PAGE_BYTES: u64 = 256 << 20;
/// One object is not longer: the server's own limit is far below.
const MAX_LINE_BYTES: usize = 16 << 20;
const MAX_FAULT_BYTES: u64 = 64 << 10;
/// How long one page may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(60);
/// The server is asked to end a watch after this long; so one that died without a word is noticed.
const WATCH_FOR: Duration = Duration::from_mins(5);
const WATCH_GRACE: Duration = Duration::from_secs(30);
/// Waits between attempts double from the first to the last.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_secs(30);

/// A collection of the API.
pub(super) struct Watch<C> {
    pub(super) clock: C,
    pub(super) asker: Arc<Asker>,
    /// The collection, with its selectors.
    pub(super) url: Url,
    /// The namespace that it is of; `None` for all.
    pub(super) namespace: Option<String>,
    pub(super) id: usize,
    pub(super) heard: Sender<Heard>,
}

/// Why a watch is over.
enum End {
    /// It is to be begun again from the last version.
    Ended,
    /// The version is too old.
    TooOld,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    items: Option<Vec<T>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    r#continue: String,
}

#[derive(Deserialize)]
struct Event<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// What an event of every type has.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Marked {
    metadata: Meta,
}

/// How the server says that something went wrong.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    message: String,
    code: u16,
}

impl<C: Clock> Watch<C> {
    /// Lists and watches until the task is ended.
    pub(super) async fn run<T: Object>(self) {
        let mut wait = FIRST_WAIT;
        loop {
            match self.list::<T>().await {
                Ok((objects, version)) => {
                    wait = FIRST_WAIT;
                    let namespace = self.namespace.clone();
                    self.say(Heard::works(self.id)).await;
                    self.say(Heard::listed(self.id, namespace, objects)).await;
                    self.follow::<T>(version).await;
                }
                Err(fault) => {
                    self.say(Heard::failed(self.id, fault)).await;
                    self.rest(&mut wait).await;
                }
            }
        }
    }

    async fn say(&self, heard: Heard) {
        // It fails only when the provider ends, and this task with it.
        let _ = self.heard.send(heard).await;
    }

    async fn rest(&self, wait: &mut Duration) {
        self.clock.sleep(*wait).await;
        *wait = (*wait * 2).min(LAST_WAIT);
    }

    /// All objects, and the version that they are of.
    async fn list<T: Object>(&self) -> Result<(Vec<T>, String), String> {
        let (mut objects, mut from, mut limit) = (Vec::new(), String::new(), PAGE);
        loop {
            let mut url = self.url.clone();
            if 0 < limit {
                url.query_pairs_mut().append_pair("limit", &limit.to_string());
            }
            if !from.is_empty() {
                url.query_pairs_mut().append_pair("continue", &from);
            }
            let answer = async {
                let response = self.ask(&url, HeaderMap::new()).await?;
                let status = response.status();
                if status == StatusCode::GONE && !from.is_empty() {
                    return Ok(None);
                }
                let response = good(response).await?;
                let body = read(response, MAX_PAGE_BYTES).await.map_err(|error| error.whole())?;
                let list: List<T> = serde_json::from_slice(&body)
                    .map_err(|error| format!("it answers no list of objects: {error}"))?;
                Ok::<_, String>(Some(list))
            };
            let page = tokio::select! {
                biased;
                answer = answer => answer?,
                () = self.clock.sleep(LIST_TIMEOUT) => return Err("no answer in time".to_owned()),
            };
            match page {
                Some(page) => {
                    objects.extend(page.items.unwrap_or_default());
                    if page.metadata.r#continue.is_empty() {
                        return Ok((objects, page.metadata.resource_version));
                    }
                    from = page.metadata.r#continue;
                }
                // The list grew too old between two pages; all at once it cannot.
                None => (objects, from, limit) = (Vec::new(), String::new(), 0),
            }
        }
    }

    /// Watches from a version on, again and again, until it is too old.
    async fn follow<T: Object>(&self, mut version: String) {
        let mut wait = FIRST_WAIT;
        loop {
            let begun = self.clock.steady();
            match self.watch::<T>(&mut version).await {
                Ok(End::TooOld) => return,
                Ok(End::Ended) => {
                    wait = FIRST_WAIT;
                    // One that ends at once is not begun again at once.
                    if self.clock.steady().saturating_sub(begun) < FIRST_WAIT {
                        self.rest(&mut wait).await;
                    }
                }
                Err(fault) => {
                    self.say(Heard::failed(self.id, fault)).await;
                    self.rest(&mut wait).await;
                }
            }
        }
    }

    async fn watch<T: Object>(&self, version: &mut String) -> Result<End, String> {
        let mut url = self.url.clone();
        // Not all at the same time: collections begin together.
        let length = WATCH_FOR + Duration::from_secs(7) * u32::try_from(self.id % 16).unwrap_or(0);
        url.query_pairs_mut()
            .append_pair("watch", "true")
            .append_pair("allowWatchBookmarks", "true")
            .append_pair("resourceVersion", version)
            .append_pair("timeoutSeconds", &length.as_secs().to_string());
        // What is packed may wait in a buffer on its way.
        let unpacked = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        let begun = self.clock.steady();
        let response = tokio::select! {
            biased;
            response = self.ask(&url, unpacked) => response?,
            () = self.clock.sleep(LIST_TIMEOUT) => return Err("no answer in time".to_owned()),
        };
        if response.status() == StatusCode::GONE {
            return Ok(End::TooOld);
        }
        let response = good(response).await?;
        self.say(Heard::works(self.id)).await;
        self.read_events::<T>(response, begun + length + WATCH_GRACE, version).await
    }

    async fn read_events<T: Object>(
        &self,
        mut response: Response,
        deadline: Duration,
        version: &mut String,
    ) -> Result<End, String> {
        let mut lines = Vec::new();
        loop {
            let chunk = tokio::select! {
                biased;
                chunk = response.chunk() => chunk,
                () = self.clock.sleep(deadline.saturating_sub(self.clock.steady())) => return Ok(End::Ended),
            };
            // An end in the middle of a line loses nothing: that event is sent again after the last version.
            let Ok(Some(chunk)) = chunk else { return Ok(End::Ended) };
            let mut begun = lines.len();
            lines.extend_from_slice(&chunk);
            let mut read = 0;
            while let Some(length) = lines[begun..].iter().position(|byte| *byte == b'\n') {
                let end = begun + length;
                if let Some(over) = self.event::<T>(&lines[read..end], version).await? {
                    return Ok(over);
                }
                (read, begun) = (end + 1, end + 1);
            }
            lines.drain(..read);
            if MAX_LINE_BYTES < lines.len() {
                return Err("it sends an event without an end".to_owned());
            }
        }
    }

    /// Takes one event; whether the watch is over with it.
    async fn event<T: Object>(&self, line: &[u8], version: &mut String) -> Result<Option<End>, String> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let event: Event<'_> = parse(line)?;
        let object = event.object.get().as_bytes();
        if event.r#type == "ERROR" {
            let status: Status = parse(object)?;
            if status.code == StatusCode::GONE.as_u16() {
                return Ok(Some(End::TooOld));
            }
            return Err(format!("it ends the watch: {}", status.message));
        }
        let marked: Marked = parse(object)?;
        match event.r#type {
            "ADDED" | "MODIFIED" => self.say(Heard::put(parse::<T>(object)?)).await,
            "DELETED" => self.say(Heard::removed::<T>(marked.metadata.place())).await,
            // Bookmarks say a version and nothing else; so does what we do not know yet.
            _ => {}
        }
        let Version(newest) = marked.metadata.resource_version;
        if !newest.is_empty() {
            *version = newest;
        }
        Ok(None)
    }

    async fn ask(&self, url: &Url, mut headers: HeaderMap) -> Result<Response, String> {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.asker.get(url, headers).await.map_err(|error| error.whole())
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| format!("it sends an event that cannot be read: {error}"))
}

/// The answer where it is 200, else what the server says.
async fn good(response: Response) -> Result<Response, String> {
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(response);
    }
    let body = read(response, MAX_FAULT_BYTES).await.unwrap_or_default();
    let said: Status = serde_json::from_slice(&body).unwrap_or_default();
    let message: String = said.message.chars().take(300).collect();
    Err(if message.is_empty() {
        format!("it answers {status}")
    } else {
        format!("it answers {status}: {message}")
    })
}
