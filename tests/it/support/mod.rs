//! Real programs around the daemon: started for one test, ended with it.

pub mod command;
pub mod daemon;
pub mod metrics;
pub mod postgres;
pub mod process;
pub mod receiver;

/// A client that talks to loopback only.
pub fn client() -> reqwest::Client {
    fogsignal::daemon::install_tls_provider();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
