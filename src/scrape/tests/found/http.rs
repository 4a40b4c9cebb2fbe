use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::model::{Secret, SecretSource};
use crate::scrape::{Authorization, Header, HttpDiscovery, OAuth2, ProxySettings, RequestSettings};

fn asking(server: &Server) -> Job {
    let url = format!("http://{}/targets?token=t", server.host()).parse().expect("a URL");
    let credentials = SecretSource::Inline(Secret::new("s3cret"));
    Job {
        interval: Duration::from_secs(3600),
        discovery: vec![Discovery::Http(Box::new(HttpDiscovery {
            url,
            refresh_interval: Duration::from_secs(30),
            requests: RequestSettings {
                authorization: Some(Authorization::Credentials { kind: "Bearer".to_owned(), credentials }),
                ..RequestSettings::default()
            },
        }))],
        ..job("j", &[])
    }
}

fn json(headers: &str, body: &str) -> Answer {
    Answer::with("200 OK", &format!("Content-Type: application/json\r\n{headers}"), body)
}

#[tokio::test]
async fn a_service_is_asked_as_prometheus_asks_it() {
    let mut server = Server::start(|_| json("", &list(["h:1"]))).await;
    let mut rig = Rig::start(&[], |_| vec![asking(&server)]);
    assert_eq!(rig.discovered().await, ["h:1"]);
    let request = server.request().await;
    assert!(request.head.starts_with("GET /targets?token=t HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("x-prometheus-refresh-interval-seconds"), Some("30"));
    assert_eq!(request.header("authorization"), Some("Bearer s3cret"));
    let found = rig.scraper.discovery().listed().targets;
    let url = format!("http://{}/targets?token=****", server.host());
    assert_eq!(found[0].discovered.get("__meta_url"), Some(url.as_str()));
}

#[tokio::test]
async fn a_service_is_asked_with_a_token_and_headers_of_ones_own() {
    let giver = Server::start(|_| json("", r#"{"access_token": "t1", "token_type": "bearer"}"#)).await;
    let mut server = Server::start(|_| json("", &list(["h:1"]))).await;
    let mut job = asking(&server);
    let Some(Discovery::Http(settings)) = job.discovery.first_mut() else { panic!("it asks over HTTP") };
    settings.requests.authorization = Some(Authorization::OAuth2(Box::new(OAuth2 {
        client_id: "me".to_owned(),
        client_secret: SecretSource::Inline(Secret::new("hunter2")),
        token_url: format!("http://{}/token", giver.host()).parse().expect("a URL"),
        scopes: Vec::new(),
        endpoint_params: Vec::new(),
        tls: TlsSettings::default(),
        proxy: ProxySettings::default(),
    })));
    let value = SecretSource::Inline(Secret::new("shop"));
    settings.requests.headers = vec![Header { name: "X-Team".to_owned(), value }];
    let mut rig = Rig::start(&[], |_| vec![job]);
    assert_eq!(rig.discovered().await, ["h:1"]);
    let request = server.request().await;
    assert_eq!(request.header("authorization"), Some("Bearer t1"));
    assert_eq!(request.header("x-team"), Some("shop"));
}

#[tokio::test]
async fn what_a_service_answers_wrongly_changes_nothing() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => json("", &list(["h:1"])),
        1 => Answer::with("500 Internal Server Error", "", "no"),
        2 => Answer::with("200 OK", "Content-Type: text/html\r\n", list(["h:2"])),
        3 => json("", "[{\"targets\": [\"h:2\""),
        4 => json("", "[{\"hosts\": []}]"),
        5 => Answer::with("304 Not Modified", "", ""),
        6 => Answer::Last(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n[".to_vec(),
        ),
        7 => Answer::Silence,
        _ => json("", &list(["h:3"])),
    })
    .await;
    let mut rig = Rig::start(&[], |_| vec![asking(&server)]);
    assert_eq!(rig.discovered().await, ["h:1"]);
    assert_eq!(rig.discovered().await, ["h:3"]);
    assert_eq!(rig.scraper.discovery().figures().mechanisms["http"].failures, 7);
}

#[tokio::test]
async fn a_list_that_is_as_it_was_is_not_sent_again() {
    let asked = AtomicUsize::new(0);
    let mut server = Server::start(move |request| {
        let has_tag = request.header("if-none-match") == Some("\"v1\"");
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => json("ETag: \"v1\"\r\n", &list(["h:1"])),
            1 if has_tag => Answer::with("304 Not Modified", "", ""),
            2 if has_tag => json("ETag: \"v2\"\r\n", &list(["h:2"])),
            _ => json("", "[]"),
        }
    })
    .await;
    let mut rig = Rig::start(&[], |_| vec![asking(&server)]);
    assert_eq!(rig.discovered().await, ["h:1"]);
    assert_eq!(rig.discovered().await, ["h:2"]);
    assert_eq!(rig.gone(1).await, ["h:1"]);
    assert_eq!(rig.scraper.discovery().figures().mechanisms["http"].failures, 0);
    for _ in 0..3 {
        server.request().await;
    }
}
