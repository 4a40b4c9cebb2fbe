//! Queries, rules and alerts of a running daemon, over HTTP and with the program itself.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::client;
use crate::support::command::{alone, write};
use crate::support::daemon::Daemon;
use crate::support::metrics::Target;

const PAGE: &str = "errors{part=\"a\"} 20\nerrors{part=\"b\"} 1\nload 0.5\nunwanted 1\n";

async fn shop(folder: &Path, target: &Target) -> Daemon {
    write(
        folder,
        "rules.yml",
        "groups:
- name: g
  interval: 1s
  rules:
  - {detect: Errors, expr: errors, component: shop, above: {major: 10}, for: 0s}
  - {alert: Busy, expr: load > 0.1, for: 1h, labels: {severity: warning}, annotations: {summary: 'is {{ $value }}'}}
  - {record: 'errors:sum', expr: sum(errors)}
  - {record: odd, expr: 'load * on () errors'}
  - {alert: Many, expr: 'errors:sum > 1000'}
",
    );
    let text = format!(
        "global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: shop, static_configs: [{{targets: ['{}']}}]}}
rule_files: [rules.yml]
components: [{{id: shop, name: Shop}}]
",
        target.address()
    );
    let daemon = Daemon::start(&write(folder, "fogsignal.yml", &text)).await;
    daemon
        .wait_for_json("/api/v1/query?query=errors:sum", |answer| {
            answer["data"]["result"][0]["value"][1] == "21"
        })
        .await;
    daemon
}

/// A POST of a form: the status, and the answer.
async fn form(daemon: &Daemon, path: &str, form: &str) -> (u16, Value) {
    let request = client().post(daemon.url(path)).header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(form.to_owned()).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reads_prometheus_reads_this() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::start(PAGE).await;
    let daemon = shop(folder.path(), &target).await;

    // An instant, by GET and by a form.
    let answer = daemon.json("/api/v1/query?query=errors%7Bpart%3D%22a%22%7D").await;
    assert_eq!((&answer["status"], &answer["data"]["resultType"]), (&json!("success"), &json!("vector")));
    let instance = target.address();
    let metric = json!({"__name__": "errors", "instance": instance, "job": "shop", "part": "a"});
    assert_eq!(answer["data"]["result"][0]["metric"], metric);
    assert_eq!(answer["data"]["result"][0]["value"][1], "20");
    assert_eq!(answer.get("warnings"), None, "{answer}");
    let (status, answer) = form(&daemon, "/api/v1/query", "query=1%2B1&time=1675260600.5").await;
    assert_eq!(
        (status, &answer["data"]),
        (200, &json!({"resultType": "scalar", "result": [1_675_260_600.5, "2"]}))
    );
    let (_, answer) = form(&daemon, "/api/v1/query", "query=errors&limit=1").await;
    assert_eq!(answer["data"]["result"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["warnings"], json!(["results truncated due to limit"]));

    // Several.
    let (status, answer) =
        form(&daemon, "/api/v1/query_range", "query=vector(3)&start=60&end=1970-01-01T00:02:00Z&step=30s")
            .await;
    let values = json!([[60, "3"], [90, "3"], [120, "3"]]);
    assert_eq!((status, &answer["data"]["result"]), (200, &json!([{"metric": {}, "values": values}])));

    // What nobody keeps.
    let answer = daemon.json("/api/v1/query?query=unwanted").await;
    assert_eq!(answer["data"]["result"], json!([]));
    assert_eq!(answer["warnings"], json!(["no rule needs `unwanted`, so that nothing of it is kept"]));
    let answer = daemon.json("/api/v1/query?query=rate(errors[1h])").await;
    assert_eq!(answer["infos"][0], "`errors` is kept for 5m only, as long as rules need it", "{answer}");

    // What goes wrong.
    for (path, of, status, kind, why) in [
        ("query", "", 400, "bad_data", "invalid parameter `query`: it is missing"),
        ("query", "query=sum(", 400, "bad_data", "invalid parameter `query`: 1:5: parse error: "),
        ("query", "query=1&time=now", 400, "bad_data", "invalid parameter `time`: `now` is no moment"),
        ("query", "query=1&timeout=0", 400, "bad_data", "invalid parameter `timeout`: "),
        ("query", "query=load%2Bon()errors", 422, "execution", "1:1: found duplicate series"),
        ("query_range", "query=1&start=1&end=2", 400, "bad_data", "invalid parameter `step`: it is missing"),
        (
            "query_range",
            "query=1&start=2&end=1&step=1",
            400,
            "bad_data",
            "invalid parameter `end`: it lies before",
        ),
        (
            "query_range",
            "query=1&start=0&end=11001&step=1",
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000",
        ),
        (
            "query_range",
            "query=errors[1m]&start=0&end=1&step=1",
            422,
            "execution",
            "1:1: a query over time gives",
        ),
        ("rules", "type=odd", 400, "bad_data", "invalid parameter `type`: `odd` is no type of rules"),
    ] {
        let (found, answer) = form(&daemon, &format!("/api/v1/{path}"), of).await;
        assert_eq!((found, &answer["errorType"]), (status, &json!(kind)), "{of}: {answer}");
        assert!(answer["error"].as_str().is_some_and(|error| error.starts_with(why)), "{of}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_alerts_have_the_shapes_of_prometheus() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::start(PAGE).await;
    let daemon = shop(folder.path(), &target).await;
    let answer = daemon
        .wait_for_json("/api/v1/rules", |answer| answer["data"]["groups"][0]["rules"][0]["state"] == "firing")
        .await;
    let group = &answer["data"]["groups"][0];
    assert_eq!((&group["name"], &group["interval"], &group["limit"]), (&json!("g"), &json!(1.0), &json!(0)));
    let [errors, busy, sum, odd] = [0, 1, 2, 3].map(|n| &group["rules"][n]);
    assert_eq!((&errors["type"], &errors["health"]), (&json!("alerting"), &json!("ok")));
    assert_eq!(errors["alerts"][0]["labels"]["part"], "a");
    assert_eq!(errors["alerts"][0]["value"], "2e+01");
    assert_eq!((&busy["state"], &busy["duration"]), (&json!("pending"), &json!(3600.0)));
    assert_eq!(busy["alerts"][0]["annotations"]["summary"], "is 0.5");
    assert_eq!((&sum["type"], &sum["query"]), (&json!("recording"), &json!("sum(errors)")));
    // One fails and says so; the others go on.
    assert_eq!(odd["health"], "err");
    assert!(odd["lastError"].as_str().is_some_and(|why| why.starts_with("found duplicate series")), "{odd}");
    daemon.wait_for_metric("fogsignal_rule_group_failing_rules{file=").await;

    let names = |answer: &Value| -> Vec<String> {
        let groups = answer["data"]["groups"].as_array().expect("groups").iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().expect("rules"));
        rules.map(|rule| rule["name"].as_str().expect("a name").to_owned()).collect()
    };
    let (_, answer) = form(&daemon, "/api/v1/rules", "type=alert&rule_name[]=Busy&rule_name[]=odd").await;
    assert_eq!(names(&answer), ["Busy"]);
    assert!(names(&daemon.json("/api/v1/rules?rule_group[]=other").await).is_empty());
    let answer = daemon.json("/api/v1/alerts").await;
    let alerts = answer["data"]["alerts"].as_array().expect("alerts");
    let states: Vec<&Value> = alerts.iter().map(|alert| &alert["state"]).collect();
    assert_eq!(states, ["pending", "firing"].map(Value::from).iter().collect::<Vec<_>>());
    assert!(alerts[0]["activeAt"].as_str().is_some_and(|at| at.ends_with('Z')));
}

/// What the program says that is asked about `daemon`.
async fn asked(daemon: &Daemon, arguments: &[&str]) -> (Option<i32>, String, String) {
    alone(&[arguments, &["--server", &daemon.url("")]].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_ask_on_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::start(PAGE).await;
    let daemon = shop(folder.path(), &target).await;

    let (code, said, complained) = asked(&daemon, &["query", "sum by (part) (errors) > 5"]).await;
    assert_eq!((code, complained.as_str()), (Some(0), ""));
    assert!(said.starts_with("{part=\"a\"} => 20 @["), "{said}");
    let (_, said, complained) = asked(&daemon, &["query", "unwanted"]).await;
    assert_eq!(said, "no results\n");
    assert_eq!(complained, "warning: no rule needs `unwanted`, so that nothing of it is kept\n");
    let range = ["query", "vector(1)", "--start", "60", "--end", "120", "--step", "1m"];
    assert_eq!(asked(&daemon, &range).await.1, "{} =>\n  1 @[60]\n  1 @[120]\n");
    let (code, said, _) = asked(&daemon, &["query", "errors", "--range", "10s", "--json"]).await;
    assert_eq!(code, Some(0));
    assert_eq!(serde_json::from_str::<Value>(&said).expect("JSON")["data"]["resultType"], "matrix");
    let (code, _, complained) = asked(&daemon, &["query", "load + on () errors"]).await;
    assert_eq!(code, Some(1));
    assert!(complained.starts_with("error: 1:1: found duplicate series"), "{complained}");

    let (code, said, complained) = asked(&daemon, &["explain", "Busy"]).await;
    assert_eq!(code, Some(0), "{complained}");
    assert!(said.starts_with("Busy of g ("), "{said}");
    assert!(said.contains("\n  load > 0.1  -- 1 series\n"), "{said}");
    assert!(said.contains("\n    load  -- 1 series\n      · load{"), "{said}");
    assert!(said.contains("\ndemands:\n  load for 5m\n"), "{said}");
    let (code, _, complained) = asked(&daemon, &["explain", "Bussy"]).await;
    assert_eq!(code, Some(1));
    assert!(complained.contains("there is no rule `Bussy` (did you mean `Busy`?)"), "{complained}");

    let config = folder.path().join("fogsignal.yml");
    let (code, said, complained) =
        alone(&["explain", "errors:sum", "--config", config.to_str().expect("a text")]).await;
    assert_eq!(code, Some(0), "{complained}");
    assert!(said.ends_with("\n  sum(errors)\n    errors\ndemands:\n  errors for 5m\n"), "{said}");
}

#[tokio::test]
async fn a_page_is_asked_without_a_daemon_and_a_mistake_has_a_caret() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = write(folder.path(), "page.txt", PAGE);
    let page = page.to_str().expect("a text");
    let (code, said, complained) =
        alone(&["query", "sum(errors)", "--from-text", page, "--time", "60"]).await;
    assert_eq!((code, said.as_str(), complained.as_str()), (Some(0), "{} => 21 @[60]\n", ""));
    let (code, said, complained) = alone(&["query", "sum(errors) +", "--from-text", page]).await;
    assert_eq!((code, said.as_str()), (Some(2), ""));
    assert!(complained.contains("1 | sum(errors) +\n") && complained.contains('^'), "{complained}");
    let (code, _, complained) = alone(&["query", "load + on () errors", "--from-text", page]).await;
    assert_eq!(code, Some(1));
    assert!(complained.contains("^^^^^^^^^^^^^^^^^^^"), "{complained}");
    let (code, _, complained) = alone(&["query", "1", "--from-text", "/nowhere"]).await;
    assert_eq!(code, Some(1));
    assert!(complained.starts_with("error: cannot read `/nowhere`"), "{complained}");
}
