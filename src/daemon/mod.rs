//! The running house: which task runs what, and how it starts, reloads and stops.
//!
//! In:   a checked configuration, a clock; signals and reload requests.
//! Out:  scraper, pipeline, one pump for each sink, the operators' listener.
//! Not:  nothing is decided here.
//!
//! Start: journal → house → listener → scraper → pumps. Stop, the other way round: what was decided is committed,
//! what was committed is sent as far as the deadline allows; the rest goes out after the next start. The window of samples
//! is written down now and then and last of all. A task that ends
//! although nobody stopped it ends the process, with exit code 1.

mod checkpoint;
mod clock;
mod descriptors;
mod emergency;
mod failures;
mod freed;
mod inbox;
mod pumps;
mod reload;
mod run;
mod start;

pub use clock::SystemClock;
pub use reload::Loader;
pub use run::run;
pub use start::{Daemon, StartError};

/// Chooses the provider of TLS for the whole process. Harmless when called again.
pub fn install_tls_provider() {
    // An error means that one is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
