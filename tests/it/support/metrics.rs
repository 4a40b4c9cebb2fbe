//! A target that shows what the test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use tokio::net::TcpListener;

/// A page on loopback.
pub struct Target {
    address: SocketAddr,
    page: Arc<Mutex<String>>,
}

impl Target {
    /// Serves `page` at `/metrics`.
    pub async fn start(page: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let page = Arc::new(Mutex::new(page.to_owned()));
        let serve = |State(page): State<Arc<Mutex<String>>>| async move {
            page.lock().expect("no panic holds it").clone()
        };
        let router = Router::new().route("/metrics", get(serve)).with_state(page.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, page }
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Serves another page from now on.
    pub fn show(&self, page: &str) {
        *self.page.lock().expect("no panic holds it") = page.to_owned();
    }
}
