//! The sinks of this machine: a program and a file.

use std::fs;

use fogsignal::delivery::{Audience, Outcome};
use serde_json::Value;

use super::journey::{delivered, given_up, plain, posts, retried};

#[tokio::test]
async fn a_program_gets_the_message_and_its_exit_code_counts() {
    let run = |script: &str| {
        let lines = format!("    command: [sh, -c, '{script}']\n    timeout: 30s\n");
        plain("command", Audience::Customers, &lines, &[])
    };
    let outcome = run("cat").send(posts().remove(0)).await;
    let Outcome::Delivered { answer, .. } = &outcome else { panic!("{outcome:?}") };
    assert!(answer.starts_with("{\"type\":\"incident.opened\""), "{answer}");
    assert_eq!(
        given_up(run("echo no; echo bad >&2; exit 65").send(posts().remove(0)).await),
        "exit status: 65: bad"
    );
    assert_eq!(retried(run("exit 75").send(posts().remove(0)).await).0, "exit status: 75");
    // What it leaves running holds its pipes, not us.
    delivered(&run("sleep 20 & exit 0").send(posts().remove(0)).await);
}

#[tokio::test]
async fn a_file_has_a_line_for_each_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new/log.jsonl");
    let mut journey = plain("file", Audience::Customers, &format!("    path: {}\n", path.display()), &[]);
    for message in posts() {
        delivered(&journey.send(message).await);
    }
    let text = fs::read_to_string(path).expect("it is there");
    let kinds: Vec<Value> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["type"].clone()).collect();
    assert_eq!(kinds, ["incident.opened", "incident.updated", "incident.resolved"]);
}
