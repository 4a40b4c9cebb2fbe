//! A target that answers what the test says, good or bad.

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use tokio::net::TcpListener;

/// What a target answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// These bytes, as a page.
    Page(Vec<u8>),
    /// These bytes, as a page of this `Content-Type`.
    Typed(&'static str, Vec<u8>),
    /// This status, and nothing else.
    Status(u16),
    /// A page that never ends.
    Endless,
    /// A small answer that is a huge page once it is decompressed.
    GzipBomb,
}

/// A page on loopback.
pub struct Target {
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
}

impl Target {
    /// Serves `page` at `/metrics`.
    pub async fn start(page: &str) -> Self {
        Self::answering(Answer::Page(page.into())).await
    }

    /// Answers so at `/metrics`.
    pub async fn answering(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let answer = Arc::new(Mutex::new(answer));
        let serve = |State(answer): State<Arc<Mutex<Answer>>>| async move {
            let answer = answer.lock().expect("no panic holds it").clone();
            answer.respond()
        };
        let router = Router::new().route("/metrics", get(serve)).with_state(answer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, answer }
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Serves another page from now on.
    pub fn show(&self, page: &str) {
        self.answer(Answer::Page(page.into()));
    }

    /// Answers so from now on.
    pub fn answer(&self, answer: Answer) {
        *self.answer.lock().expect("no panic holds it") = answer;
    }
}

impl Answer {
    fn respond(self) -> Response {
        match self {
            Self::Page(page) => page.into_response(),
            Self::Typed(kind, page) => ([(CONTENT_TYPE, kind)], page).into_response(),
            Self::Status(status) => {
                StatusCode::from_u16(status).expect("tests name real statuses").into_response()
            }
            Self::Endless => {
                let lines = Bytes::from("value 1\n".repeat(1000));
                Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(lines.clone())))
                    .into_response()
            }
            Self::GzipBomb => {
                let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                packed.write_all(&b"value 1\n".repeat(1 << 20)).expect("memory takes all");
                ([(CONTENT_ENCODING, "gzip")], packed.finish().expect("memory takes all")).into_response()
            }
        }
    }
}
