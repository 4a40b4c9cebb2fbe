//! How fast messages leave, with every one of them on the disk before and after.
//!
//! In:   ten thousand deliveries of many incidents, committed to a journal on this machine's disk; a server on loopback
//!       that takes everything; the real pump and the real webhook between them.
//! Out:  deliveries a second, beside how often the disk can be waited for in a second; how long it takes from a commit to
//!       the first byte at the server.
//! Not:  no alert is evaluated and no TLS spoken.
//!
//! `DIR` says where the journal lies: the figures are of that disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use fogsignal::daemon::SystemClock;
use fogsignal::delivery::{Audience, Delivery, Impact, Message, Post, PostKind, Status};
use fogsignal::journal::{Batch, Journal, Sqlite};
use fogsignal::model::{Clock, DeliveryId, IncidentId, Secret, SecretSource, SinkName, Timestamp};
use fogsignal::outbox::{End, OutboxStats, pump};
use fogsignal::sinks::{Adapter, EventFormat, Links, SinkSettings, WebhookSettings, build};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};

const DELIVERIES: u64 = 10_000;
const INCIDENTS: u64 = 1000;
/// One commit of the pipeline holds what an evaluation moved.
const IN_A_COMMIT: u64 = 20;
const PACED: u64 = 1000;
const PACE: Duration = Duration::from_millis(10);

/// When the server saw the head of each request.
type Seen = Arc<Mutex<BTreeMap<String, Instant>>>;

fn main() {
    let dir =
        std::env::var_os("DIR").map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let folder = dir.join(format!("deliver-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the journal");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let syncs = syncs_a_second(&folder);
    let mut rig = runtime.block_on(Rig::start(&folder));
    let took = runtime.block_on(rig.all_at_once());
    let latencies = runtime.block_on(rig.one_by_one());
    runtime.block_on(rig.stop());
    // What is left behind is in the folder of build results.
    let _ = std::fs::remove_dir_all(&folder);

    let rate = DELIVERIES as f64 / took.as_secs_f64();
    println!("journal in {}", dir.display());
    println!("plain fsyncs of 4 KiB:          {syncs:>9.0} a second");
    println!("deliveries, each on the disk:   {rate:>9.0} a second, {:.2} for each fsync", rate / syncs);
    let ms = |latency: Duration| latency.as_secs_f64() * 1e3;
    println!(
        "from commit to first byte:      p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms ({PACED} messages, one each {PACE:?})",
        ms(latencies[latencies.len() / 2]),
        ms(latencies[latencies.len() * 99 / 100]),
        ms(*latencies.last().expect("there are some")),
    );
}

/// How often the disk can be waited for.
fn syncs_a_second(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("plain")).expect("a file");
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < Duration::from_secs(2) {
        file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).expect("it is written");
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

struct Rig {
    journal: Sqlite,
    committed: watch::Sender<()>,
    stop: oneshot::Sender<End>,
    pump: tokio::task::JoinHandle<()>,
    stats: Arc<OutboxStats>,
    seen: Seen,
    next: u64,
}

impl Rig {
    async fn start(folder: &Path) -> Self {
        let seen = Seen::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of loopback");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().route("/", post(take)).with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });

        let journal = Sqlite::open(&folder.join("journal.db"), SystemClock.now()).expect("a journal");
        let settings = WebhookSettings {
            url: SecretSource::Inline(Secret::new(format!("http://{address}/"))),
            secret: Some(SecretSource::Inline(Secret::new("whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"))),
            timeout: Duration::from_secs(10),
            format: EventFormat::Plain,
        };
        let settings = SinkSettings::new(sink(), Audience::Customers, Adapter::Webhook(settings));
        let hook = build(&settings, &Links::default()).expect("a sink");
        let (committed, wake) = watch::channel(());
        let (stop, told) = oneshot::channel();
        let stats = Arc::new(OutboxStats::default());
        let work =
            pump(journal.clone(), SystemClock, hook, wake, Arc::new(Notify::new()), stats.clone(), told);
        Self { journal, committed, stop, pump: tokio::spawn(work), stats, seen, next: 1 }
    }

    /// Commits all of them as fast as that goes, and waits until each is taken and recorded.
    async fn all_at_once(&mut self) -> Duration {
        let began = Instant::now();
        for _ in 0..DELIVERIES / IN_A_COMMIT {
            self.commit(IN_A_COMMIT).await;
        }
        while !self.journal.waiting().await.expect("it answers").is_empty() {
            rest(Duration::from_millis(2)).await;
        }
        let took = began.elapsed();
        assert_eq!(self.stats.now().delivered, DELIVERIES);
        took
    }

    /// One commit after the other, with time between them; how long each message took to the server, sorted.
    async fn one_by_one(&mut self) -> Vec<Duration> {
        let mut committed_at = BTreeMap::new();
        for _ in 0..PACED {
            let keys = self.commit(1).await;
            committed_at.extend(keys.into_iter().map(|key| (key, Instant::now())));
            rest(PACE).await;
        }
        while self.stats.now().delivered < DELIVERIES + PACED {
            rest(PACE).await;
        }
        let seen = self.seen.lock().expect("nobody panics while holding it");
        let took = |(key, at): (&String, &Instant)| seen[key].saturating_duration_since(*at);
        let mut latencies: Vec<Duration> = committed_at.iter().map(took).collect();
        latencies.sort();
        latencies
    }

    async fn commit(&mut self, count: u64) -> BTreeSet<String> {
        let now = SystemClock.now();
        let deliveries: Vec<Delivery> = (self.next..self.next + count).map(|id| delivery(id, now)).collect();
        self.next += count;
        let keys = deliveries.iter().map(|delivery| delivery.key.clone()).collect();
        self.journal.commit(now, Batch { deliveries, ..Batch::default() }).await.expect("it is committed");
        self.committed.send_replace(());
        keys
    }

    async fn stop(self) {
        let _ = self.stop.send(End::Drain);
        self.pump.await.expect("the pump ends well");
    }
}

/// Real time: that is what is measured here.
async fn rest(length: Duration) {
    SystemClock.sleep_until(SystemClock.now() + length).await;
}

async fn take(State(seen): State<Seen>, headers: HeaderMap, _body: axum::body::Bytes) -> StatusCode {
    let key = headers["webhook-id"].to_str().expect("a key is ASCII").to_owned();
    seen.lock().expect("nobody panics while holding it").entry(key).or_insert_with(Instant::now);
    StatusCode::NO_CONTENT
}

fn sink() -> SinkName {
    SinkName::new("page").expect("a valid name")
}

fn delivery(id: u64, now: Timestamp) -> Delivery {
    let incident = IncidentId(1 + id % INCIDENTS);
    Delivery {
        id: DeliveryId(id),
        key: format!("{incident}_e{id}_page"),
        sink: sink(),
        incident,
        event_seq: id,
        message: Message::Post(Post {
            number: u32::try_from(1 + id / INCIDENTS).expect("few posts"),
            title: "CRM is slow".to_owned(),
            status: Status::Investigating,
            impact: Impact::Minor,
            body: "Requests to CRM take longer than usual. We are looking into it.\n".repeat(6),
            components: Vec::new(),
            affected: "CRM".to_owned(),
            started_at: now,
            mitigated_at: None,
            next_update_by: Some(now),
            kind: PostKind::Update,
            etas: Vec::new(),
            except: BTreeSet::new(),
        }),
        created_at: now,
        expires_at: now + Duration::from_secs(3600),
    }
}
