//! Who is scraped and how that goes: the same as the real Prometheus says of the same configuration, and a table of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client;
use crate::support::command::{alone, write};
use crate::support::daemon::Daemon;
use crate::support::metrics::Target;
use crate::support::process::{Program, free_port};

const PAGE: &str = "load 0.5\nunwanted 1\n";

fn configuration(up: &Target, down: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: shop
  static_configs: [{{targets: ['{}', 'drop.me:1'], labels: {{tier: web}}}}]
  relabel_configs: [{{source_labels: [__address__], regex: 'drop.*', action: drop}}]
- {{job_name: gone, params: {{module: [http_2xx]}}, static_configs: [{{targets: ['{down}']}}]}}
",
        up.address()
    )
}

/// The targets without what differs from run to run.
fn comparable(answer: &Value) -> Value {
    let mut answer = answer.clone();
    for target in answer["data"]["activeTargets"].as_array_mut().expect("a list") {
        let object = target.as_object_mut().expect("an object");
        object.remove("fogsignal");
        assert!(object["lastScrape"].as_str().is_some_and(|at| !at.starts_with("0001")), "{object:?}");
        assert!(object["lastScrapeDuration"].as_f64().is_some_and(|took| 0.0 < took), "{object:?}");
        object.retain(|key, _| !["lastScrape", "lastScrapeDuration"].contains(&key.as_str()));
        if object["health"] == "down" {
            assert!(
                object["lastError"].as_str().is_some_and(|error| error.to_lowercase().contains("refused"))
            );
            object.remove("lastError");
        }
    }
    answer["data"]["activeTargets"]
        .as_array_mut()
        .expect("a list")
        .sort_by_key(|t| t["scrapePool"].to_string());
    answer
}

/// What the real one says of `config` once every target was scraped.
async fn prometheus(folder: &std::path::Path, config: &std::path::Path, path: &[&str]) -> Vec<Value> {
    let (program, url) = Program::prometheus(config, &folder.join("data"), &[]);
    let get = async |path: &str| {
        let answer = client().get(format!("{url}{path}")).send().await.ok()?;
        serde_json::from_str::<Value>(&answer.text().await.ok()?).ok()
    };
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..400 {
        pause.tick().await;
        let Some(answer) = get("/api/v1/targets").await else { continue };
        let targets = answer["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
        if targets.len() == 2 && targets.iter().all(|target| target["health"] != "unknown") {
            let mut answers = vec![answer];
            for path in path {
                answers.push(get(path).await.expect("an answer"));
            }
            return answers;
        }
    }
    panic!("prometheus has no targets within 20 s: {}", program.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_those_of_prometheus_and_a_table_shows_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (up, down) = (Target::start(PAGE).await, format!("127.0.0.1:{}", free_port()));
    let text = configuration(&up, &down);
    let alone_config = write(folder.path(), "prometheus.yml", &text);
    let rules = "groups: [{name: g, interval: 1s, rules: [{alert: Busy, expr: load > 1}]}]";
    write(folder.path(), "rules.yml", rules);
    let config = write(folder.path(), "fogsignal.yml", &format!("{text}rule_files: [rules.yml]\n"));
    let daemon = Daemon::start(&config).await;
    let ours = daemon
        .wait_for_json("/api/v1/targets", |answer| {
            answer["data"]["activeTargets"].as_array().is_some_and(|all| {
                all.len() == 2 && all.iter().all(|one| one["fogsignal"]["scrapes"].as_u64() > Some(1))
            })
        })
        .await;
    let others = ["/api/v1/targets?state=dropped", "/api/v1/targets?state=odd", "/api/v1/scrape_pools"];
    let theirs = prometheus(folder.path(), &alone_config, &others).await;

    let (mut own, other) = (comparable(&ours), comparable(&theirs[0]));
    // Newer ones say more of what was dropped than the one that is here.
    assert_eq!(own["data"]["droppedTargetCounts"], json!({"shop": 1, "gone": 0}));
    own["data"].as_object_mut().expect("an object").remove("droppedTargetCounts");
    own["data"]["droppedTargets"][0].as_object_mut().expect("an object").remove("scrapePool");
    assert_eq!(own, other);
    let dropped = daemon.json(others[0]).await;
    assert_eq!(dropped["data"]["activeTargets"], theirs[1]["data"]["activeTargets"]);
    let nothing = daemon.json(others[1]).await;
    assert_eq!(nothing["data"]["activeTargets"], json!([]));
    assert_eq!(nothing["data"]["droppedTargets"], theirs[2]["data"]["droppedTargets"]);
    let pools = daemon.json(others[2]).await;
    let sorted = |pools: &Value| {
        let mut all = pools["data"]["scrapePools"].as_array().cloned().expect("a list");
        all.sort_by_key(Value::to_string);
        all
    };
    assert_eq!(sorted(&pools), sorted(&theirs[3]));
    let shop = daemon.json("/api/v1/targets?scrapePool=shop").await;
    let shop = &shop["data"]["activeTargets"];
    assert_eq!(shop.as_array().map(Vec::len), Some(1));
    let figures = &shop[0]["fogsignal"];
    for (key, expected) in [("lines_seen", 2), ("lines_kept", 1), ("series_kept", 1), ("lines_remembered", 1)]
    {
        assert_eq!(figures[key], expected, "{figures}");
    }
    assert_eq!(figures["body_bytes"], PAGE.len());

    // The same as a table.
    let ask = async |arguments: &[&str]| {
        let url = daemon.url("");
        alone(&[&["targets", "--server", &url], arguments].concat()).await
    };
    let (code, said, complained) = ask(&[]).await;
    assert_eq!((code, said.lines().count()), (Some(0), 4), "{said}{complained}");
    let (code, said, _) = ask(&["--down", "--fail-on-down"]).await;
    assert!(code == Some(1) && said.contains("refused") && !said.contains("shop"), "{said}");
    let (code, said, _) = ask(&["--job", "shop", "--fail-on-down", "--json"]).await;
    let listed: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((code, listed["activeTargets"].as_array().map(Vec::len)), (Some(0), Some(1)));
}
