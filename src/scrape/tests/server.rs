//! A target that answers as a test tells it to, byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What came in.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// The request line and headers.
    pub(super) head: String,
    /// The number of the connection, from 0.
    pub(super) connection: usize,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (have, value) = line.split_once(": ")?;
            have.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// How to answer.
pub(super) enum Answer {
    /// These bytes, and then the next request.
    Bytes(Vec<u8>),
    /// These bytes, and then the connection is closed.
    Last(Vec<u8>),
    /// The first once, then the second until nobody reads any more.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes, and nothing after them.
    Stall(Vec<u8>),
    /// No answer at all.
    Silence,
}

impl Answer {
    pub(super) fn page(body: impl AsRef<[u8]>) -> Self {
        Self::with("200 OK", "Content-Type: text/plain; version=0.0.4\r\n", body)
    }

    pub(super) fn with(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut bytes =
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        Self::Bytes(bytes)
    }
}

/// A listener on loopback; it goes with the test's runtime.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    requests: UnboundedReceiver<Request>,
}

type Respond = dyn Fn(&Request) -> Answer + Send + Sync;

impl Server {
    pub(super) async fn start(respond: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", respond).await
    }

    pub(super) async fn start_at(
        address: &str,
        respond: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let (seen, requests) = unbounded_channel();
        let respond: Arc<Respond> = Arc::new(respond);
        tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                tokio::spawn(serve(stream, connection, respond.clone(), seen.clone()));
            }
        });
        Self { address, requests }
    }

    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The next request that has come or comes.
    pub(super) async fn request(&mut self) -> Request {
        self.requests.recv().await.expect("the server runs as long as the test")
    }

    /// Whether no request waits to be looked at.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    respond: Arc<Respond>,
    seen: UnboundedSender<Request>,
) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let request = Request { head: String::from_utf8(head).expect("heads are text"), connection };
        let answer = respond(&request);
        seen.send(request).ok()?;
        match answer {
            Answer::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
            Answer::Last(bytes) => return stream.write_all(&bytes).await.ok(),
            Answer::Endless(first, again) => {
                stream.write_all(&first).await.ok()?;
                while stream.write_all(&again).await.is_ok() {}
                return None;
            }
            Answer::Stall(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                return std::future::pending().await;
            }
            Answer::Silence => return std::future::pending().await,
        }
    }
}
