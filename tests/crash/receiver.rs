//! A receiver that keeps what it is sent and is sometimes a bad one.
//!
//! In:   requests, each judged by its signature; a mood from the dice; a trap that the killer set.
//! Out:  what came, in its order; word to the killer when a request is in the trap.
//! Not:  it does not know what should have come.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::config::SECRET;
use crate::dice::Dice;
use crate::http::{Request, answer, next_request, still_there};
use crate::verdict::Arrival;

/// Longer than the sinks' timeout, which is 1 s.
const HELD_AT_MOST: Duration = Duration::from_secs(3);

/// How a request is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mood {
    /// Taken and answered, soon.
    Good,
    /// Taken, and answered late, but in time.
    Slow,
    /// Refused for now: 500, 503, or 429 with a time to wait.
    Busy(u16),
    /// Refused for ever.
    Gone,
    /// Reset before it is taken.
    Reset,
    /// Taken, and the connection closed without an answer.
    AnswerLost,
    /// Taken, and never answered.
    NeverAnswered,
}

const MOODS: [(u64, Mood); 9] = [
    (700, Mood::Good),
    (60, Mood::Slow),
    (80, Mood::Busy(500)),
    (15, Mood::Busy(503)),
    (15, Mood::Busy(429)),
    (5, Mood::Gone),
    (50, Mood::Reset),
    (60, Mood::AnswerLost),
    (15, Mood::NeverAnswered),
];

/// How far a trapped request gets before the daemon is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It came whole, and was not taken.
    Sent,
    /// It was taken, and there is no answer.
    Taken,
    /// It was taken and answered; the daemon has yet to record it.
    Answered,
}

/// What was received, and what is to be done with what comes.
pub struct Receiver {
    key: Vec<u8>,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    arrivals: Vec<Arrival>,
    moods: BTreeMap<Mood, usize>,
    faults: Vec<String>,
    trap: Option<(Stage, oneshot::Sender<()>)>,
    /// A sink that takes nothing at present.
    out: Option<&'static str>,
    is_kind: bool,
}

/// What is done with a request.
enum Deed {
    Answer { status: u16, after: Duration },
    Close,
    Reset,
    Hold,
    Trapped { answer: bool, caught: oneshot::Sender<()> },
}

impl Receiver {
    /// Receives on a port of loopback for as long as the runtime lives.
    pub async fn start(dice: Dice) -> io::Result<(Arc<Self>, SocketAddr)> {
        let key = BASE64_STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("the secret is base64");
        let state = State {
            dice,
            arrivals: Vec::new(),
            moods: BTreeMap::new(),
            faults: Vec::new(),
            trap: None,
            out: None,
            is_kind: false,
        };
        let receiver = Arc::new(Self { key, state: Mutex::new(state) });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let door = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = door.clone();
                // A connection that breaks is what this is about.
                tokio::spawn(async move { receiver.serve(stream).await.ok() });
            }
        });
        Ok((receiver, address))
    }

    /// The next request is trapped at `stage`: whoever waits learns of it then.
    pub fn set_trap(&self, stage: Stage) -> oneshot::Receiver<()> {
        let (caught, wait) = oneshot::channel();
        self.state().trap = Some((stage, caught));
        wait
    }

    /// Takes the trap away if nothing is in it.
    pub fn lift_trap(&self) {
        self.state().trap = None;
    }

    /// This sink takes nothing until further notice; or every sink takes again.
    pub fn let_out(&self, sink: Option<&'static str>) {
        self.state().out = sink;
    }

    /// From now on it behaves.
    pub fn be_kind(&self) {
        let mut state = self.state();
        (state.is_kind, state.out, state.trap) = (true, None, None);
    }

    /// How many messages have been taken.
    pub fn taken(&self) -> usize {
        self.state().arrivals.iter().filter(|arrival| arrival.taken).count()
    }

    /// Everything that came, in its order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.state().arrivals.clone()
    }

    /// How requests were met.
    pub fn moods(&self) -> BTreeMap<Mood, usize> {
        self.state().moods.clone()
    }

    /// What came and was no delivery: a wrong signature, a body that says nothing.
    pub fn faults(&self) -> Vec<String> {
        self.state().faults.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut read = Vec::new();
        while let Some(request) = next_request(&mut stream, &mut read).await? {
            match self.meet(&request) {
                Deed::Answer { status, after } => {
                    // Ends early where the daemon is killed meanwhile.
                    if still_there(&mut stream, after).await {
                        answer(&mut stream, status).await?;
                    }
                }
                Deed::Close => return Ok(()),
                Deed::Reset => return stream.set_zero_linger(),
                Deed::Hold => {
                    still_there(&mut stream, HELD_AT_MOST).await;
                    return Ok(());
                }
                Deed::Trapped { answer: to_answer, caught } => {
                    if to_answer {
                        answer(&mut stream, 204).await?;
                    }
                    // The killer may have given up waiting.
                    let _ = caught.send(());
                    still_there(&mut stream, HELD_AT_MOST).await;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Keeps the request and says what is done with it.
    fn meet(&self, request: &Request) -> Deed {
        let mut state = self.state();
        let mut arrival = match self.read(request) {
            Ok(arrival) => arrival,
            Err(fault) => {
                state.faults.push(fault);
                return Deed::Answer { status: 400, after: Duration::ZERO };
            }
        };
        let soon = state.dice.within(Duration::from_millis(20));
        let (is_out, trap) = (state.out.is_some_and(|out| out == arrival.sink), state.trap.take());
        if let Some((stage, caught)) = trap {
            arrival.taken = stage != Stage::Sent;
            state.arrivals.push(arrival);
            return Deed::Trapped { answer: stage == Stage::Answered, caught };
        }
        let mood = match (state.is_kind, is_out) {
            (true, _) => Mood::Good,
            (false, true) => Mood::Busy(503),
            (false, false) => state.dice.pick(&MOODS),
        };
        *state.moods.entry(mood).or_default() += 1;
        let late = Duration::from_millis(200) + state.dice.within(Duration::from_millis(600));
        let (taken, deed) = match mood {
            Mood::Good => (true, Deed::Answer { status: 204, after: soon }),
            Mood::Slow => (true, Deed::Answer { status: 204, after: late }),
            Mood::Busy(status) => (false, Deed::Answer { status, after: soon }),
            Mood::Gone => (false, Deed::Answer { status: 410, after: soon }),
            Mood::Reset => (false, Deed::Reset),
            Mood::AnswerLost => (true, Deed::Close),
            Mood::NeverAnswered => (true, Deed::Hold),
        };
        arrival.taken = taken;
        state.arrivals.push(arrival);
        deed
    }

    fn read(&self, request: &Request) -> Result<Arrival, String> {
        let header =
            |name: &str| request.headers.get(name).ok_or_else(|| format!("a request without `{name}`"));
        let (key, at) = (header("webhook-id")?, header("webhook-timestamp")?);
        let is_signed = header("webhook-signature")?.split(' ').any(|signature| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
            mac.update(format!("{key}.{at}.").as_bytes());
            mac.update(&request.body);
            let claimed = signature.strip_prefix("v1,").and_then(|text| BASE64_STANDARD.decode(text).ok());
            claimed.is_some_and(|claimed| mac.verify_slice(&claimed).is_ok())
        });
        if !is_signed {
            return Err(format!("{key} has a wrong signature"));
        }
        let body: Value =
            serde_json::from_slice(&request.body).map_err(|error| format!("{key} is no JSON: {error}"))?;
        let data = &body["data"];
        let number = data["post"]["number"].as_u64().or(data["page"]["number"].as_u64());
        Ok(Arrival {
            sink: request.path.trim_start_matches('/').to_owned(),
            key: key.clone(),
            incident: data["incident"].as_str().unwrap_or_default().to_owned(),
            number: number.ok_or_else(|| format!("{key} is neither a post nor a page"))?,
            body: request.body.clone(),
            taken: false,
        })
    }
}
