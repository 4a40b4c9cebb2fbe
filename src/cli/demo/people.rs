//! What people tell the daemon on that day: what rolled out, and what they do against the incident.
//!
//! In:   the time; the address of the daemon's API.
//! Out:  requests to it, as a deployment and an operator would send them; a line where one is not taken.
//! Not:  nothing that the daemon could measure itself.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::model::Timestamp;

use super::WarpClock;
use super::day::moment;
use super::narrator::{Line, Tone};

/// How long the daemon may take to answer, in real time.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What was done last night at 22:00, in the words of whoever did it.
pub const CHANGED: &str = "batch size raised";
/// What people did against the incident, in their words.
pub const ACTIONS: [&str; 3] = [
    "consumers of the failing application switched off",
    "database scaled up",
    "change of 2023-01-31 22:00 rolled back",
];

/// Something that is told, and where to.
struct Deed {
    at: Timestamp,
    path: &'static str,
    body: Value,
}

fn deeds() -> Vec<Deed> {
    let change = |at: Timestamp, told_at: Timestamp, component: &str, kind: &str, summary: &str| Deed {
        at: told_at,
        path: "changes",
        body: json!({"at": at.to_rfc3339(), "component": component, "kind": kind, "summary": summary, "by": "ci"}),
    };
    let command = |at: Timestamp, mut body: Value| {
        body["incident"] = json!("INC-1");
        body["by"] = json!("ana");
        Deed { at, path: "commands", body }
    };
    let action = |at, text: &str| command(at, json!({"command": "action", "text": text}));
    let last_night = moment(-2, 0, 0);
    let (morning, desk) = (moment(10, 31, 0), moment(10, 50, 0));
    vec![
        change(last_night, morning, "crm-consumers", "config", CHANGED),
        change(desk, desk, "desk", "deploy", "a new version of Desk"),
        command(moment(11, 25, 0), json!({"command": "acknowledge"})),
        action(moment(12, 30, 0), ACTIONS[0]),
        action(moment(12, 40, 0), ACTIONS[1]),
        action(moment(14, 30, 0), ACTIONS[2]),
    ]
}

/// The people, and what they have not told yet.
pub struct People {
    client: reqwest::Client,
    api: SocketAddr,
    clock: WarpClock,
    /// The next one last.
    left: Vec<Deed>,
}

impl People {
    /// People who know where the daemon is.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn new(api: SocketAddr, clock: WarpClock) -> reqwest::Result<Self> {
        let client = super::client(TIMEOUT)?;
        let mut left = deeds();
        left.reverse();
        Ok(Self { client, api, clock, left })
    }

    /// Tells what is to be told by `now`. What the daemon does not take is shown.
    pub async fn until(&mut self, now: Timestamp) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(deed) = self.left.pop_if(|deed| deed.at <= now) {
            // The clock must not run away while people type.
            let _hold = self.clock.hold();
            if let Err(why) = self.tell(&deed).await {
                let text = format!("            not taken: {} {}: {why}", deed.path, deed.body);
                lines.push(Line { tone: Tone::Bad, text });
            }
        }
        lines
    }

    /// When the next one is to be told.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.left.last().map(|deed| deed.at)
    }

    async fn tell(&self, deed: &Deed) -> Result<(), String> {
        let url = format!("http://{}/api/fogsignal/v1/{}", self.api, deed.path);
        let answer =
            self.client.post(url).json(&deed.body).send().await.map_err(|error| error.to_string())?;
        let status = answer.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("{status} {}", answer.text().await.unwrap_or_default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Clock as _;

    #[test]
    fn deeds_are_in_order_and_none_is_told_before_it_is_done() {
        let deeds = deeds();
        assert!(deeds.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert_eq!(deeds[0].body["at"], "2023-02-01T01:00:00.000Z");
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_is_not_there_is_told_of() {
        let clock = WarpClock::new(moment(10, 30, 0));
        let mut people = People::new(SocketAddr::from(([127, 0, 0, 1], 9)), clock.clone()).expect("a client");
        assert!(people.until(clock.now()).await.is_empty());
        let lines = people.until(moment(10, 50, 0)).await;
        assert!(lines.len() == 2 && lines[0].text.contains("not taken: changes"), "{lines:?}");
        assert_eq!(people.next_at(), Some(moment(11, 25, 0)));
    }
}
