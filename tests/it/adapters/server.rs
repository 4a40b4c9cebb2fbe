//! A web server that behaves as badly as it is told, and otherwise as a foreign system does that a test plays.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// Without what follows a `?`.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// JSON where it is that, else a text.
    pub body: Value,
    pub bytes: Vec<u8>,
}

impl Seen {
    /// `POST /v2/enqueue`
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    pub fn query(&self, name: &str) -> &str {
        self.query.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// What the played system answers.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![("content-type", "application/json".into())], body: body.to_string() }
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.to_owned() }
    }
}

/// How one request is treated.
#[derive(Debug, Clone)]
pub enum Mood {
    /// As the system does.
    Well,
    /// Refused with this status, and perhaps `Retry-After`; the system hears nothing of it.
    Refuse(u16, Option<&'static str>),
    /// The same, with a body.
    Say(u16, Value),
    /// The system takes it, and the connection breaks before the answer.
    LoseAnswer,
    /// The system takes it, and half of the answer arrives.
    HalfAnswer,
    /// The system takes it, and something that is no JSON arrives with its status.
    WrongJson,
    /// The connection breaks at once.
    Reset,
    /// Bytes come, and never all of the head.
    Trickle,
    /// To somewhere else.
    Redirect(String),
    /// Repeats all that it was sent, with this status.
    Echo(u16),
}

type System = Box<dyn FnMut(&Seen) -> Result<Reply, String> + Send>;

struct State {
    system: System,
    moods: VecDeque<Mood>,
    seen: Vec<Seen>,
    violations: Vec<String>,
}

/// The running server.
#[derive(Clone)]
pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// Plays `system`, which says what of a request is against its documentation.
    pub async fn start(system: impl FnMut(&Seen) -> Result<Reply, String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = State {
            system: Box::new(system),
            moods: VecDeque::new(),
            seen: Vec::new(),
            violations: Vec::new(),
        };
        let server = Self { address, state: Arc::new(Mutex::new(state)) };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How the next requests are treated; those after them well.
    pub fn moods(&self, moods: impl IntoIterator<Item = Mood>) {
        self.state.lock().expect("no test panics in here").moods.extend(moods);
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().expect("no test panics in here").seen.clone()
    }

    /// The requests since the last call.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.lock().expect("no test panics in here").seen)
    }

    /// Fails where a request was against the documentation.
    pub fn assert_clean(&self) {
        let state = self.state.lock().expect("no test panics in here");
        assert!(state.violations.is_empty(), "{:#?}", state.violations);
        assert!(state.moods.is_empty(), "these were never met: {:?}", state.moods);
    }

    fn answer(&self, seen: &Seen) -> (Mood, Reply) {
        let mut state = self.state.lock().expect("no test panics in here");
        state.seen.push(seen.clone());
        let mood = state.moods.pop_front().unwrap_or(Mood::Well);
        let reply = match &mood {
            Mood::Refuse(status, after) => Reply {
                headers: after.iter().map(|after| ("retry-after", (*after).to_owned())).collect(),
                ..Reply::json(*status, &json!({"error": "told to"}))
            },
            Mood::Say(status, body) => Reply::json(*status, body),
            Mood::Redirect(to) => {
                Reply { headers: vec![("location", to.clone())], ..Reply::text(307, "elsewhere") }
            }
            Mood::Echo(status) => {
                let all = format!("{} {:?} {:?} {}", seen.line(), seen.query, seen.headers, seen.body);
                Reply::text(*status, &all)
            }
            Mood::Reset | Mood::Trickle => Reply::text(200, ""),
            Mood::Well | Mood::LoseAnswer | Mood::HalfAnswer | Mood::WrongJson => (state.system)(seen)
                .unwrap_or_else(|wrong| {
                    state.violations.push(format!("{}: {wrong}\n{:#}", seen.line(), seen.body));
                    Reply::text(400, &wrong)
                }),
        };
        (mood, reply)
    }

    async fn serve(&self, mut stream: TcpStream) {
        let Some(seen) = read_request(&mut stream).await else { return };
        let (mood, reply) = self.answer(&seen);
        let mut head = format!("HTTP/1.1 {} told\r\nconnection: close\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", reply.body.len()));
        // A client that is gone already hears nothing, which is not the test's affair here.
        let _ = match mood {
            Mood::Reset | Mood::LoseAnswer => Ok(()),
            Mood::HalfAnswer => {
                let half = reply.body.len() / 2;
                stream.write_all(format!("{head}{}", &reply.body[..half]).as_bytes()).await
            }
            Mood::WrongJson => {
                let wrong = "<html>busy</html>";
                let head = format!(
                    "HTTP/1.1 {} told\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    reply.status,
                    wrong.len()
                );
                stream.write_all(format!("{head}{wrong}").as_bytes()).await
            }
            Mood::Trickle => {
                let _ = stream.write_all(b"HTTP/1.1 200 O").await;
                // Until the client gives up.
                stream.read(&mut [0; 16]).await.map(drop)
            }
            _ => stream.write_all(format!("{head}{}", reply.body).as_bytes()).await,
        };
    }
}

/// An address where nobody listens.
pub async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    format!("http://{}", listener.local_addr().expect("a bound listener has an address"))
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let url = reqwest::Url::parse(&format!("http://x/?{query}")).ok()?;
    Some(Seen {
        method,
        path: path.to_owned(),
        query: url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body))),
        bytes: body,
    })
}
