use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::model::{Secret, SecretSource};
use crate::scrape::{Authorization, Format, ScrapeError};

async fn fetch(job: Job) -> Result<String, ScrapeError> {
    install_crypto();
    let target = target(job);
    let body = fetcher(&target).fetch(&target).await?.body;
    Ok(String::from_utf8(body.to_vec()).expect("tests send text"))
}

/// What a job with one target says when that answers so.
async fn answered(
    answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    change: fn(&mut Job),
) -> String {
    let server = Server::start(answer).await;
    let mut job = job("j", &[&server.host()]);
    change(&mut job);
    match fetch(job).await {
        Ok(body) => body,
        Err(error) => format!("error: {}", error.whole()),
    }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

const GZIP: &str = "Content-Encoding: gzip\r\n";

#[tokio::test]
async fn a_request_says_what_prometheus_says() {
    let mut server = Server::start(|_| Answer::page("a 1\n")).await;
    let mut asked = job("j", &[&server.host()]);
    asked.timeout = Duration::from_millis(2500);
    asked.params = [("collect[]".to_owned(), vec!["cpu".to_owned(), "disk".to_owned()])].into();
    assert_eq!(fetch(asked).await.expect("it answers"), "a 1\n");
    let request = server.request().await;
    assert!(request.head.starts_with("GET /metrics?collect%5B%5D=cpu&collect%5B%5D=disk HTTP/1.1\r\n"));
    assert_eq!(request.header("X-Prometheus-Scrape-Timeout-Seconds"), Some("2.5"));
    assert_eq!(request.header("Accept-Encoding"), Some("gzip"));
    assert_eq!(request.header("User-Agent"), Some(concat!("fogsignal/", env!("CARGO_PKG_VERSION"))));
    assert!(request.header("Accept").is_some_and(|accept| {
        accept.starts_with("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,")
    }));
    assert_eq!(request.header("Authorization"), None);
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_scrape() {
    install_crypto();
    let mut server = Server::start(|_| Answer::page("a 1\n")).await;
    let target = target(job("j", &[&server.host()]));
    let fetcher = fetcher(&target);
    for _ in 0..3 {
        fetcher.fetch(&target).await.expect("it answers");
        assert_eq!(server.request().await.connection, 0);
    }
}

#[tokio::test]
async fn a_connection_that_the_target_closed_is_no_failure() {
    install_crypto();
    // Each connection is closed behind the back of who kept it, without a word.
    let server =
        Server::start(|_| Answer::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n".to_vec())).await;
    let target = target(job("j", &[&server.host()]));
    let fetcher = fetcher(&target);
    for _ in 0..5 {
        fetcher.fetch(&target).await.expect("it answers on a new connection");
    }
}

#[tokio::test]
async fn credentials_are_sent_and_read_at_each_use() {
    let mut server = Server::start(|_| Answer::page("a 1\n")).await;
    let mut asked = job("j", &[&server.host()]);
    asked.authorization = Some(Authorization::Basic {
        username: "me".to_owned(),
        password: SecretSource::Inline(Secret::new("hunter2")),
    });
    fetch(asked.clone()).await.expect("it answers");
    assert_eq!(server.request().await.header("Authorization"), Some("Basic bWU6aHVudGVyMg=="));

    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    asked.authorization = Some(Authorization::Credentials {
        kind: "Bearer".to_owned(),
        credentials: SecretSource::File(path.clone()),
    });
    let missing = fetch(asked.clone()).await.expect_err("there is no file").whole();
    assert!(
        missing.contains("credentials `") && missing.contains("cannot be read: No such file"),
        "{missing}"
    );
    std::fs::write(&path, "t1\n").expect("written");
    fetch(asked.clone()).await.expect("it answers");
    assert_eq!(server.request().await.header("Authorization"), Some("Bearer t1"));
    std::fs::write(&path, "bad\u{1}token\n").expect("written");
    let error = fetch(asked).await.expect_err("no header carries it");
    assert_eq!(error.whole(), "the credentials hold characters that a header cannot carry");
    assert!(!format!("{error:?}").contains("token"));
}

#[tokio::test]
async fn errors_say_what_happened_and_no_secret() {
    let gone = Server::start(|_| Answer::Silence).await.host();
    // Its listener is bound to the test's runtime; a port that nobody has bound refuses.
    let unbound = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("bound").to_string()
    };
    assert_ne!(gone, unbound);
    let mut asked = job("j", &[&unbound]);
    asked.params = [("token".to_owned(), vec!["hunter2".to_owned()])].into();
    let error = fetch(asked).await.expect_err("nobody listens");
    assert!(error.whole().contains("Connection refused"), "{}", error.whole());
    assert!(!format!("{error:?} {}", error.whole()).contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn answers_that_are_no_page_are_named() {
    let same = |_: &mut Job| {};
    let cases = [
        ("500 Internal Server Error", "", "error: it answers 500 Internal Server Error"),
        ("204 No Content", "", "error: it answers 204 No Content"),
        ("200 OK", "Content-Type: text/html; charset=utf-8\r\n", "error: it answers HTML, not metrics"),
        (
            "200 OK",
            "Content-Encoding: br\r\n",
            "error: it answers in content encoding `br`, which was not asked for",
        ),
        ("302 Found", "", "error: it redirects to no address that can be asked"),
        ("302 Found", "Location: ftp://x/\r\n", "error: it redirects to no address that can be asked"),
        ("302 Found", "Location: /again\r\n", "error: it redirects more than 10 times"),
        ("200 OK", "Content-Type: nonsense\r\n", "a 1\n"),
    ];
    for (status, headers, expected) in cases {
        let body = if status.starts_with("204") { "" } else { "a 1\n" };
        let said = answered(move |_| Answer::with(status, headers, body), same).await;
        assert_eq!(said, expected, "{status} {headers}");
    }
}

#[tokio::test]
async fn an_answer_is_read_as_what_it_says_that_it_is() {
    let read_as = async |content_type: &str, fallback| {
        install_crypto();
        let headers = format!("Content-Type: {content_type}\r\n");
        let server = Server::start(move |_| Answer::with("200 OK", &headers, "a 1\n")).await;
        let mut asked = job("j", &[&server.host()]);
        asked.fallback_protocol = fallback;
        let target = target(asked);
        let answer = fetcher(&target).fetch(&target).await;
        answer.map(|answer| answer.format).map_err(|error| error.whole())
    };
    let check = async |content_type: &str, fallback, expected| {
        assert_eq!(read_as(content_type, fallback).await, expected, "{content_type} {fallback:?}");
    };
    let protobuf = Some(Protocol::PrometheusProto);
    check("text/plain; version=0.0.4", protobuf, Ok(Format::Text)).await;
    check("application/openmetrics-text; version=1.0.0", None, Ok(Format::OpenMetrics)).await;
    check("application/vnd.google.protobuf; encoding=delimited", None, Ok(Format::Protobuf)).await;
    check("", None, Ok(Format::Text)).await;
    check("", protobuf, Ok(Format::Protobuf)).await;
    check("text/html", protobuf, Ok(Format::Protobuf)).await;
    check("text/html", None, Err("it answers HTML, not metrics".to_owned())).await;
}

#[tokio::test]
async fn gzip_is_read_and_a_bomb_ends_at_the_limit() {
    assert_eq!(answered(|_| Answer::with("200 OK", GZIP, gzip(b"a 1\n")), |_| {}).await, "a 1\n");
    let bomb = gzip(&b"a 1\n".repeat(4 << 20));
    assert!(bomb.len() < 100_000);
    let said =
        answered(move |_| Answer::with("200 OK", GZIP, &bomb), |job| job.limits.body_bytes = Some(1 << 20));
    assert_eq!(said.await, "error: the page is larger than 1048576 bytes");
}

#[tokio::test]
async fn gzip_that_is_cut_off_or_broken_fails() {
    let mut cut = gzip(&b"abc 1\n".repeat(1000));
    cut.truncate(cut.len() / 2);
    for body in [cut, b"no gzip at all".to_vec()] {
        let said = answered(move |_| Answer::with("200 OK", GZIP, &body), |_| {}).await;
        assert!(said.starts_with("error: the answer broke off"), "{said}");
    }
}

#[tokio::test]
async fn gzip_that_was_not_asked_for_is_named() {
    let said = answered(
        |request| {
            assert_eq!(request.header("Accept-Encoding"), Some("identity"));
            Answer::with("200 OK", GZIP, gzip(b"a 1\n"))
        },
        |job| job.enable_compression = false,
    );
    assert_eq!(said.await, "error: it answers in content encoding `gzip`, which was not asked for");
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n".to_vec();
    let said = answered(
        move |_| Answer::Endless(head.clone(), b"abc 1\n".repeat(1000)),
        |job| job.limits.body_bytes = Some(300_000),
    );
    assert_eq!(said.await, "error: the page is larger than 300000 bytes");
}

#[tokio::test]
async fn a_body_that_is_shorter_than_announced_broke_off() {
    let said =
        answered(|_| Answer::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na 1\n".to_vec()), |_| {});
    assert!(said.await.starts_with("error: the answer broke off"));
    let said = answered(
        |_| Answer::Last(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n".to_vec()),
        |_| {},
    );
    assert!(said.await.starts_with("error: the answer broke off"));
}

#[tokio::test]
async fn redirects_are_followed_and_credentials_stay_behind() {
    let mut other = Server::start(|_| Answer::page("a 1\n")).await;
    let location = format!("Location: http://{}/there\r\n", other.host());
    let mut server = Server::start(move |request| {
        if request.head.starts_with("GET /metrics") {
            Answer::with("302 Found", "Location: /here?x=1\r\n", "")
        } else {
            Answer::with("307 Temporary Redirect", &location, "")
        }
    })
    .await;
    let mut asked = job("j", &[&server.host()]);
    asked.authorization = Some(Authorization::Credentials {
        kind: "Bearer".to_owned(),
        credentials: SecretSource::Inline(Secret::new("hunter2")),
    });
    assert_eq!(fetch(asked).await.expect("it is found in the end"), "a 1\n");
    for _ in 0..2 {
        assert_eq!(server.request().await.header("Authorization"), Some("Bearer hunter2"));
    }
    let last = other.request().await;
    assert!(last.head.starts_with("GET /there "), "{}", last.head);
    assert_eq!(last.header("Authorization"), None);
}

#[tokio::test]
async fn redirects_are_not_followed_where_the_job_says_so() {
    let mut other = Server::start(|_| Answer::page("a 1\n")).await;
    let location = format!("Location: http://{}/there\r\n", other.host());
    let said =
        answered(move |_| Answer::with("302 Found", &location, ""), |job| job.follow_redirects = false);
    assert_eq!(said.await, "error: it answers 302 Found");
    assert!(other.is_quiet(), "the other host was asked");
}

#[test]
fn no_limit_is_not_stricter_than_the_default() {
    // The default of `body_size_limit` is 100MB.
    const { assert!(100 << 20 < crate::scrape::fetch::MAX_BODY_BYTES) };
}
