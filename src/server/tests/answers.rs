//! What people answer and decide while the journal does not work, and of incidents that became a part of others.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::told::TurningHouse;
use super::*;
use crate::delivery::samples::sink;
use crate::journal::Batch;
use crate::model::IncidentId;
use crate::server::links::Ticket;

fn link(incident: u64) -> String {
    let ticket = Ticket { incident: IncidentId(incident), sink: sink("ops"), until: at(3600) };
    format!("/go/acknowledge/{}", LinkKey::new(b"key").write(&ticket))
}

async fn post(url: String, headers: &[(&str, String)], body: String) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request =
        headers.iter().fold(client.post(url), |request, (name, value)| request.header(*name, value));
    let answer = request.body(body).send().await.expect("it answers");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

async fn tap(face: &str, incident: u64) -> (u16, String) {
    post(format!("{face}{}", link(incident)), &[], String::new()).await
}

async fn pagerduty(face: &str, event: &str) -> (u16, String) {
    let agent = json!({"type": "user_reference", "summary": "Ana"});
    let body = json!({"event": {"event_type": event, "agent": agent, "data": {"incident_key": "INC-1"}}})
        .to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"key").expect("any length");
    mac.update(body.as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    post(format!("{face}/hooks/pagerduty/pager"), &[("x-pagerduty-signature", format!("v1={hex}"))], body)
        .await
}

#[tokio::test]
async fn an_answer_that_is_not_committed_is_asked_for_again() {
    let house = TurningHouse::start().await;
    house.journal.fail();
    let (status, page) = tap(&house.hurried, 1).await;
    assert!(status == 503 && page.contains("try again") && page.contains("<button"), "{status} {page}");
    let (status, said) = pagerduty(&house.hurried, "incident.acknowledged").await;
    assert!(status == 503 && said.contains("try again"), "{status} {said}");
    let incident = house.json("incidents/1").await;
    assert_eq!((&incident["title"], &incident["deliveries"]), (&"CRM is slow".into(), &Value::Null));
    house.journal.recover();
    let incident = house.json("incidents/1").await;
    assert_eq!((&incident["acknowledged_by"], &incident["deliveries"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn whoever_takes_on_what_became_a_part_of_another_takes_that_on() {
    let house = TurningHouse::start().await;
    let merge = json!({"incident": "INC-1", "by": "ana", "command": "merge", "into": "INC-2"});
    let (status, said) = house.tell("commands", merge).await;
    assert_eq!(status, 200, "{said}");
    let (status, said) = pagerduty(&house.patient, "incident.resolved").await;
    assert_eq!(status, 200, "{said}");
    assert_ne!(house.json("incidents/2").await["status"], "resolved", "the part ends, not the whole");
    let (status, said) = pagerduty(&house.patient, "incident.acknowledged").await;
    assert_eq!((status, said.as_str()), (200, "done: INC-2\n"));
    let (status, page) = tap(&house.patient, 1).await;
    assert!(
        status == 200 && page.contains("INC-2 was acknowledged by Ana via pagerduty."),
        "{status} {page}"
    );
    let (status, page) = tap(&house.patient, 9).await;
    assert!(status == 404 && page.contains("no longer remembered"), "{status} {page}");
}

#[tokio::test]
async fn decisions_about_deliveries_need_the_journal() {
    let house = TurningHouse::start().await;
    let deliveries = vec![posted(1, 1, "page").1];
    let batch = Batch { deliveries, ..Batch::default() };
    house.journal.commit(at(1), batch).await.expect("committed");
    let by = json!({"by": "ana"});
    let (status, said) = house.tell("deliveries/1/retry", by.clone()).await;
    assert_eq!((status, &said["error"]), (409, &"D-1 is waiting; only what is dead is retried".into()));
    for body in [json!({}), json!({"by": " "}), json!({"by": "ana", "why": "x"})] {
        let (status, said) = house.tell("deliveries/1/drop", body).await;
        assert_eq!(status, 400, "{said}");
    }
    house.journal.fail();
    let (status, said) = house.tell("deliveries/1/drop", by.clone()).await;
    assert_eq!(status, 503, "{said}");
    house.journal.recover();
    let (status, said) = house.tell("deliveries/D-1/drop", by.clone()).await;
    assert_eq!((status, &said["delivery"]["because"]), (200, &"dropped by ana".into()), "{said}");
    assert!(house.journal.unread_reports().await.expect("read").is_empty(), "the book is not told");
    let (status, said) = house.tell("deliveries/1/retry", by).await;
    let delivery = &said["delivery"];
    assert_eq!((status, &delivery["fate"]), (200, &"waiting".into()), "{said}");
    // The route is gone, so it is worth sending for a day from now on.
    assert_eq!(delivery["expires_at"], (at(60) + Duration::from_secs(86_400)).to_rfc3339());
}
