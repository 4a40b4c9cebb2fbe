//! The demo from end to end, with a daemon that only says what a good one says, when it says it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::scorecard::tests::a_good_day;
use super::*;

/// Starts a daemon that sends `script` to the sinks of the configuration, at the script's times.
async fn play_back(file: PathBuf, clock: WarpClock, script: Vec<Received>) -> anyhow::Result<Started> {
    let text = fs::read_to_string(file)?;
    let config: serde_json::Value = serde_saphyr::from_str(&text)?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let running = tokio::spawn(async move {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build()?;
        for (number, one) in script.into_iter().enumerate() {
            clock.sleep_until(one.at).await;
            let sink = config["sinks"]
                .as_array()
                .and_then(|sinks| sinks.iter().find(|sink| sink["name"] == *one.sink));
            let url = sink.and_then(|sink| sink["url"].as_str()).context("no such sink")?;
            let answer = send(&client, url, number, clock.now(), &body(&one.message)).await?;
            anyhow::ensure!(answer.status().is_success(), "{}", answer.text().await?);
        }
        stopped.cancelled().await;
        Ok(())
    });
    Ok(Started { api: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)), running, stop })
}

async fn send(
    client: &reqwest::Client,
    url: &str,
    number: usize,
    now: Timestamp,
    body: &str,
) -> anyhow::Result<reqwest::Response> {
    let (id, timestamp) = (format!("m-{number}"), now.as_millis() / 1000);
    let key = STANDARD.decode(config::SECRET.trim_start_matches("whsec_"))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let request = client
        .post(url)
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature);
    Ok(request.body(body.to_owned()).send().await?)
}

fn body(message: &Message) -> String {
    let time = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339);
    match message {
        Message::Post(post) => json!({"type": "incident.updated", "data": {
            "incident": post.incident, "title": post.title, "status": post.status, "impact": post.impact,
            "affected": post.affected, "started_at": post.started_at.to_rfc3339(), "mitigated_at": time(post.mitigated_at),
            "components": post.components.iter()
                .map(|one| json!({"id": one.id, "name": one.name, "status": one.status})).collect::<Vec<_>>(),
            "post": {"number": post.number, "body": post.text, "next_update_by": time(post.next_update_by)},
            "etas": post.etas.iter().map(|best| json!({"best": best.to_rfc3339()})).collect::<Vec<_>>(),
        }}),
        Message::Page(page) => json!({"type": "page.opened", "data": {
            "incident": page.incident, "title": page.title, "severity": page.severity,
            "page": {"reason": page.reason, "summary": page.summary},
            "suspects": page.suspects.iter().map(|summary| json!({"summary": summary})).collect::<Vec<_>>(),
        }}),
    }
    .to_string()
}

const ONCE: DemoOptions = DemoOptions { once: true, write: None };

/// Whether the demo ends well with a daemon that says what is in `script`, and what it shows.
async fn play(script: Vec<Received>) -> (bool, String) {
    let mut shown = Vec::new();
    let start = |file, clock| play_back(file, clock, script);
    let code = run_on(Screen::plain(&mut shown), ONCE, start).await.expect("it runs");
    let well = format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS);
    (well, String::from_utf8(shown).expect("text"))
}

/// The good day with every page that the replay of it has.
fn a_whole_day() -> Vec<Received> {
    use crate::incidents::PageReason::{MeasurementLost, Monitoring, Reopened, Resolved};
    let mut day = a_good_day();
    let Message::Page(opened) = day[0].message.clone() else { panic!("the day begins with a page") };
    let pages = [
        (day::moment(12, 2, 0), MeasurementLost),
        (day::moment(12, 45, 45), Monitoring),
        (day::moment(13, 5, 45), Reopened),
        (day::moment(13, 7, 15), Monitoring),
        (day::moment(20, 0, 15), Resolved),
    ];
    for (at, reason) in pages {
        let message = Message::Page(message::Page { reason, ..opened.clone() });
        day.push(Received { at, message, ..day[0].clone() });
    }
    day.sort_by_key(|one| one.at);
    day
}

#[tokio::test(start_paused = true)]
async fn a_good_day_ends_well() {
    let (well, shown) = play(a_whole_day()).await;
    assert!(well, "{shown}");
    assert!(!shown.contains("MISSED"), "{shown}");
    for part in
        ["11:10:45  POST #1 ", "  * people scale the database up", "opened, posted, monitoring, resolved"]
    {
        assert!(shown.contains(part), "{part} not in\n{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_without_a_resolution_ends_badly() {
    let mut day = a_good_day();
    day.pop();
    let (well, shown) = play(day).await;
    assert!(!well && shown.contains("not as it should be: no post says resolved"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_fails_is_said_to() {
    let start = |_, _| async {
        let running = tokio::spawn(async { anyhow::bail!("the disk is full") });
        Ok(Started {
            api: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
            running,
            stop: CancellationToken::new(),
        })
    };
    let error = run_on(Screen::plain(io::sink()), ONCE, start).await.expect_err("the daemon failed");
    assert_eq!(format!("{error:#}"), "the daemon failed: the disk is full");
}

#[tokio::test]
async fn the_platform_answers_over_http() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let stop = CancellationToken::new();
    let get = async |exporter, at| {
        let (address, serving) =
            server::serve_exporter(exporter, WarpClock::new(at), stop.clone()).await.expect("a port");
        tokio::spawn(serving);
        let answer = client.get(format!("http://{address}/metrics")).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    };
    let (status, page) = get(Exporter::UserDb, day::moment(13, 6, 0)).await;
    assert!(status == 200 && page.contains("db_cpu_usage_percent{db=\"user-management\"} 96\n"), "{page}");
    assert_eq!(get(Exporter::Crm, day::moment(12, 1, 0)).await.0, 503);
    stop.cancel();
}

#[tokio::test]
async fn the_configuration_can_be_written_for_reading() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = DemoOptions { once: false, write: Some(dir.path().join("demo")) };
    let start = |_, _| async { anyhow::bail!("nothing is started") };
    run_on(Screen::plain(io::sink()), options, start).await.expect("it is only written");
    assert!(dir.path().join("demo/fogsignal.yml").exists() && dir.path().join("demo/rules.yml").exists());
}
