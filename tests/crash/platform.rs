//! The demo's platform on a clock of its own, which goes on whatever becomes of the daemon.
//!
//! In:   real time since the start; whether the platform is to be quiet.
//! Out:  the six exporters' pages over HTTP, on ports of loopback.
//! Not:  it does not know that anybody is killed.
//!
//! The ten hours of the demo's day pass in 72 s, slower where something happens; then it is the same morning again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use fogsignal::cli::demo::{Exporter, moment};
use fogsignal::model::Timestamp;
use tokio::net::TcpListener;

/// A moment of the day, and after how many milliseconds of a round it is there.
const ROUND: [(u64, Timestamp); 11] = [
    (0, moment(11, 9, 0)),
    (2_000, moment(11, 10, 0)),  // the database is overloaded
    (14_000, moment(11, 59, 0)), // the CRM's exporter is silent from 12:00 to 12:04
    (18_000, moment(12, 5, 0)),
    (24_000, moment(12, 29, 0)), // the consumers are stopped, the queue of Analytics grows
    (32_000, moment(12, 46, 0)), // the database has recovered
    (36_000, moment(13, 4, 0)),  // a relapse of a minute and a half
    (40_000, moment(13, 8, 0)),
    (58_000, moment(19, 55, 0)), // the queue is drained at 20:00
    (62_000, moment(20, 5, 0)),
    (72_000, moment(20, 30, 0)),
];

/// Nothing is wrong then, and nothing dances.
const QUIET: Timestamp = moment(10, 30, 0);

/// The platform's clock.
pub struct Platform {
    began: Instant,
    quiet: AtomicBool,
}

impl Platform {
    /// The clock starts, and every exporter is served for as long as the runtime lives.
    pub async fn start() -> io::Result<(Arc<Self>, Vec<(Exporter, SocketAddr)>)> {
        let platform = Arc::new(Self { began: Instant::now(), quiet: AtomicBool::new(false) });
        let mut exporters = Vec::new();
        for exporter in Exporter::ALL {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            exporters.push((exporter, listener.local_addr()?));
            let clock = platform.clone();
            let page = move || async move {
                exporter.page(clock.now()).ok_or((StatusCode::SERVICE_UNAVAILABLE, "restarting\n"))
            };
            let router = Router::new().route("/metrics", get(page));
            tokio::spawn(async move { axum::serve(listener, router).await });
        }
        Ok((platform, exporters))
    }

    /// From now on all is well, for good.
    pub fn be_quiet(&self) {
        self.quiet.store(true, Ordering::Relaxed);
    }

    fn now(&self) -> Timestamp {
        if self.quiet.load(Ordering::Relaxed) {
            return QUIET;
        }
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let into = elapsed % ROUND[ROUND.len() - 1].0;
        let leg = ROUND.windows(2).find(|leg| into < leg[1].0).expect("`into` is below the last one");
        let ((from, begins), (to, ends)) = (leg[0], leg[1]);
        begins + ends.since(begins).mul_f64((into - from) as f64 / (to - from) as f64)
    }
}

/// How many days have begun after `elapsed`.
pub fn rounds(elapsed: Duration) -> u128 {
    elapsed.as_millis() / u128::from(ROUND[ROUND.len() - 1].0) + 1
}
