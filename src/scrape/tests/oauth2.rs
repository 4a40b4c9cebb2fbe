//! Tokens: asked for once, kept, and asked for again where they end or are refused.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::*;
use crate::model::{Secret, SecretSource};
use crate::scrape::{Authorization, OAuth2};

/// A job with one target, whose tokens come from `giver`.
fn with_tokens(giver: &str, target: &str) -> Job {
    let settings = OAuth2 {
        client_id: "me".to_owned(),
        client_secret: SecretSource::Inline(Secret::new("hunter2")),
        token_url: format!("http://{giver}/token").parse().expect("a URL"),
        scopes: vec!["metrics".to_owned(), "read".to_owned()],
        endpoint_params: vec![("audience".to_owned(), "a&b".to_owned())],
        tls: TlsSettings::default(),
        proxy: ProxySettings::default(),
    };
    Job { authorization: Some(Authorization::OAuth2(Box::new(settings))), ..job("j", &[target]) }
}

/// Gives `t1`, `t2`, … that are good for so long.
async fn giver(expires_in: &'static str) -> Server {
    let given = AtomicUsize::new(0);
    Server::start(move |_| {
        let token = given.fetch_add(1, SeqCst) + 1;
        let answer = format!("{{\"access_token\":\"t{token}\",\"token_type\":\"bearer\"{expires_in}}}");
        Answer::with("200 OK", "Content-Type: application/json\r\nConnection: close\r\n", answer)
    })
    .await
}

async fn asked_with(server: &mut Server) -> String {
    server.request().await.header("Authorization").unwrap_or("nothing").to_owned()
}

#[tokio::test]
async fn a_token_is_kept_until_it_ends() {
    install_crypto();
    let page = || Server::start(|_| Answer::page("a 1\n"));
    for (expires_in, tokens) in [
        (",\"expires_in\":3600", ["t1", "t1", "t1"]),
        ("", ["t1", "t1", "t1"]),
        // Less than what is held back.
        (",\"expires_in\":5", ["t1", "t2", "t3"]),
    ] {
        let (mut giver, mut server) = (giver(expires_in).await, page().await);
        let target = target(with_tokens(&giver.host(), &server.host()));
        let fetcher = fetcher(&target);
        for token in tokens {
            fetcher.fetch(&target).await.expect("it answers");
            assert_eq!(asked_with(&mut server).await, format!("Bearer {token}"), "{expires_in}");
        }
        let request = giver.request().await;
        assert!(request.head.starts_with("POST /token HTTP/1.1\r\n"), "{}", request.head);
        assert_eq!(request.header("Authorization"), Some("Basic bWU6aHVudGVyMg=="));
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_exchanged_once() {
    install_crypto();
    let mut giver = giver("").await;
    let mut server = Server::start(|request| match request.header("Authorization") {
        Some("Bearer t2") => Answer::page("a 1\n"),
        _ => Answer::with("401 Unauthorized", "", ""),
    })
    .await;
    let target = target(with_tokens(&giver.host(), &server.host()));
    let fetcher = fetcher(&target);
    fetcher.fetch(&target).await.expect("the second token is good");
    fetcher.fetch(&target).await.expect("and is kept");
    for token in ["t1", "t2", "t2"] {
        assert_eq!(asked_with(&mut server).await, format!("Bearer {token}"));
    }
    for _ in 0..2 {
        giver.request().await;
    }
    assert!(giver.is_quiet());

    let never = Server::start(|_| Answer::with("401 Unauthorized", "", "")).await;
    let target = super::target(with_tokens(&giver.host(), &never.host()));
    let error = super::fetcher(&target).fetch(&target).await.expect_err("no token is good");
    assert_eq!(error.whole(), "it answers 401 Unauthorized");
    for _ in 0..2 {
        giver.request().await;
    }
    assert!(giver.is_quiet());
}

#[tokio::test]
async fn what_goes_wrong_is_said_without_secrets() {
    install_crypto();
    let server = Server::start(|_| Answer::page("a 1\n")).await;
    for (status, body, expected) in [
        ("403 Forbidden", "hunter2", "`oauth2` gets no token: `token_url` answers 403 Forbidden"),
        ("401 Unauthorized", "", "`oauth2` gets no token: `token_url` answers 401 Unauthorized"),
        ("200 OK", "hunter2", "`oauth2` gets no token from `token_url`: its answer holds no `access_token`"),
        (
            "200 OK",
            "{\"access_token\":\"\"}",
            "`oauth2` gets no token from `token_url`: its answer holds no `access_token`",
        ),
        (
            "200 OK",
            "{\"access_token\":\"\\u0001\"}",
            "`oauth2` gets no token from `token_url`: its token holds what a header cannot carry",
        ),
    ] {
        let giver = Server::start(move |_| Answer::with(status, "", body)).await;
        let target = target(with_tokens(&giver.host(), &server.host()));
        let error = fetcher(&target).fetch(&target).await.expect_err("no token");
        assert_eq!(error.whole(), expected);
        assert!(!format!("{error:?} {:?}", target.job).contains("hunter2"));
    }
}

#[tokio::test]
async fn headers_of_the_job_are_sent_and_stay_behind() {
    install_crypto();
    let mut other = Server::start(|_| Answer::page("a 1\n")).await;
    let location = format!("Location: http://{}/there\r\n", other.host());
    let mut server = Server::start(move |_| Answer::with("302 Found", &location, "")).await;
    let header = |value: &str| crate::scrape::Header {
        name: "X-Scope-OrgID".to_owned(),
        value: SecretSource::Inline(Secret::new(value)),
    };
    let asked = target(Job { headers: vec![header("a"), header("b")], ..job("j", &[&server.host()]) });
    fetcher(&asked).fetch(&asked).await.expect("it answers");
    let head = server.request().await.head;
    assert!(head.contains("x-scope-orgid: a\r\nx-scope-orgid: b\r\n"), "{head}");
    assert_eq!(other.request().await.header("X-Scope-OrgID"), None);
}
