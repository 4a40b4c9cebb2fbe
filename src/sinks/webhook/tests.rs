use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Response as Answer, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use std::time::Duration;

use super::*;
use crate::delivery::Audience;
use crate::delivery::samples::{at, delivery, sink};
use crate::sinks::{Adapter, SinkSettings, build};

const KEY: &[u8] = b"0123456789abcdefghijklmnopqrstuv";
/// Long enough for a machine at work; the tests that wait for it take `SHORT`.
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(150);

fn signing_secret() -> Secret {
    Secret::new(format!("whsec_{}", STANDARD.encode(KEY)))
}

fn hook(url: &str, timeout: Duration) -> Arc<dyn Sink> {
    let url = SecretSource::Inline(Secret::new(url));
    let secret = Some(SecretSource::Inline(signing_secret()));
    make(WebhookSettings { url, secret, timeout, format: EventFormat::Plain }).expect("it can be made")
}

fn make(settings: WebhookSettings) -> Result<Arc<dyn Sink>, String> {
    let adapter = Adapter::Webhook(settings);
    build(&SinkSettings::new(sink("hook"), Audience::Customers, adapter), &Links::default())
}

/// What a receiver saw.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    path: String,
    id: String,
    timestamp: String,
    content_type: String,
    user_agent: String,
    body: Bytes,
}

/// Verifies as the manual says it, answers what it was told to, and keeps what it saw.
#[derive(Clone)]
struct Receiver {
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<dyn Fn() -> Answer<Body> + Send + Sync>,
}

impl Receiver {
    async fn start(answer: impl Fn() -> Answer<Body> + Send + Sync + 'static) -> (Self, String) {
        let receiver = Self { seen: Arc::default(), answer: Arc::new(answer) };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let app = Router::new().fallback(Self::receive).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (receiver, format!("http://{address}"))
    }

    async fn receive(State(me): State<Self>, uri: Uri, headers: HeaderMap, body: Bytes) -> Answer<Body> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("any length will do");
        mac.update(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", &body].concat());
        let given = header("webhook-signature").split(' ').filter_map(|one| one.strip_prefix("v1,"));
        let genuine = given
            .filter_map(|one| STANDARD.decode(one).ok())
            .any(|signature| mac.clone().verify_slice(&signature).is_ok());
        if !genuine || id.is_empty() || id.contains('.') {
            return answer(401, "the signature does not fit");
        }
        me.seen.lock().unwrap().push(Seen {
            path: uri.to_string(),
            id: id.to_owned(),
            timestamp: timestamp.to_owned(),
            content_type: header("content-type").to_owned(),
            user_agent: header("user-agent").to_owned(),
            body,
        });
        (me.answer)()
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(status: u16, text: &str) -> Answer<Body> {
    Answer::builder().status(status).body(Body::from(text.to_owned())).expect("an answer")
}

/// A receiver that reads the request whole and then does what no proper server does.
async fn rogue<F: Future<Output = ()> + Send>(then: impl Fn(TcpStream) -> F + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut part = [0; 4096];
            // Our bodies end in `}}`, and no header does.
            while !request.ends_with(b"}}") {
                match stream.read(&mut part).await {
                    Ok(length) if length > 0 => request.extend_from_slice(&part[..length]),
                    _ => break,
                }
            }
            then(stream).await;
        }
    });
    format!("http://{address}/rogue-token")
}

async fn outcome_of(
    status: u16,
    header: Option<(&'static str, &'static str)>,
    text: &'static str,
) -> Outcome {
    let (_receiver, url) = Receiver::start(move || {
        let mut answer = answer(status, text);
        if let Some((name, value)) = header {
            answer.headers_mut().insert(name, value.parse().expect("a header"));
        }
        answer
    })
    .await;
    hook(&url, LONG).send(Sending::once(&delivery(1, 1, "hook"), at(0))).await
}

fn retry(why: &str, wait: Option<u64>) -> Outcome {
    Outcome::Retry { why: why.into(), wait: wait.map(Duration::from_secs) }
}

fn give_up(why: &str) -> Outcome {
    Outcome::GiveUp { why: why.into() }
}

#[tokio::test]
async fn a_strict_receiver_gets_what_the_manual_says() {
    let (receiver, url) = Receiver::start(|| answer(204, "")).await;
    let hook = hook(&format!("{url}/hooks/a-token?x=1"), LONG);
    let delivery = delivery(1, 3, "hook");
    assert_eq!(hook.send(Sending::once(&delivery, at(0))).await, Outcome::delivered(String::new()));
    assert_eq!(
        receiver.seen(),
        [Seen {
            path: "/hooks/a-token?x=1".into(),
            id: "INC-3_e1_hook".into(),
            timestamp: "1675260000".into(),
            content_type: "application/json".into(),
            user_agent: concat!("fogsignal/", env!("CARGO_PKG_VERSION")).into(),
            body: body(&delivery, &Remembered::default(), &Links::default()).unwrap().into(),
        }]
    );
}

#[tokio::test]
async fn an_answer_decides_what_becomes_of_it() {
    let check = async |status, header, expected: Outcome| {
        assert_eq!(outcome_of(status, header, "").await, expected, "{status}");
    };
    check(200, None, Outcome::delivered(String::new())).await;
    check(500, None, retry("answered 500", None)).await;
    check(503, Some(("retry-after", "120")), retry("answered 503", Some(120))).await;
    // 60 s after at(0).
    check(503, Some(("retry-after", "Wed, 01 Feb 2023 14:01:00 GMT")), retry("answered 503", Some(60))).await;
    check(429, Some(("retry-after", "7")), retry("answered 429", Some(7))).await;
    check(429, Some(("retry-after", "soon")), retry("answered 429", None)).await;
    check(408, None, retry("answered 408", None)).await;
    check(425, None, retry("answered 425", None)).await;
    check(400, None, give_up("answered 400")).await;
    check(410, Some(("retry-after", "7")), give_up("answered 410")).await;
    check(304, None, give_up("answered 304, and redirects are not followed")).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, url) = Receiver::start(|| answer(200, "")).await;
    let (_receiver, start) = Receiver::start(move || {
        let mut answer = answer(307, "");
        answer.headers_mut().insert("location", url.parse().expect("a header"));
        answer
    })
    .await;
    let outcome = hook(&start, LONG).send(Sending::once(&delivery(1, 1, "hook"), at(0))).await;
    assert_eq!(outcome, give_up("answered 307, and redirects are not followed"));
    assert_eq!(elsewhere.seen(), []);
}

#[tokio::test]
async fn the_answer_is_kept_on_one_line_and_bounded() {
    let taken = outcome_of(200, None, "  thank\r\nyou\u{7} ").await;
    assert_eq!(taken, Outcome::delivered("thank  you"));
    let (_receiver, url) = Receiver::start(|| answer(200, &"x".repeat(8 << 20))).await;
    let Outcome::Delivered { answer, .. } =
        hook(&url, LONG).send(Sending::once(&delivery(1, 1, "hook"), at(0))).await
    else {
        panic!("it was taken")
    };
    assert_eq!(answer.len(), 1024);
}

#[tokio::test]
async fn a_signature_that_does_not_fit_is_refused() {
    let (receiver, url) = Receiver::start(|| answer(200, "")).await;
    let wrong = Secret::new(format!("whsec_{}", STANDARD.encode([7; 32])));
    let with = |secret: Option<Secret>| {
        let url = SecretSource::Inline(Secret::new(url.as_str()));
        make(WebhookSettings {
            url,
            secret: secret.map(SecretSource::Inline),
            timeout: LONG,
            format: EventFormat::Plain,
        })
        .expect("made")
    };
    let sent = async |secret| with(secret).send(Sending::once(&delivery(1, 1, "hook"), at(0))).await;
    let refused = give_up("answered 401: the signature does not fit");
    assert_eq!(sent(Some(wrong.clone())).await, refused);
    assert_eq!(sent(None).await, refused);
    assert_eq!(receiver.seen(), []);
    // While the secret is being replaced, a receiver that knows only the old one still takes it.
    let both = Secret::new(format!("{} {}", wrong.expose(), signing_secret().expose()));
    assert_eq!(sent(Some(both)).await, Outcome::delivered(String::new()));
}

#[tokio::test]
async fn a_receiver_that_says_nothing_in_time_is_tried_again() {
    let url = rogue(|mut stream| async move {
        // The beginning of an answer, and no end.
        let _ = stream.write_all(b"HTTP/1.1 200 ").await;
        std::future::pending::<()>().await;
    })
    .await;
    let outcome = hook(&url, SHORT).send(Sending::once(&delivery(1, 1, "hook"), at(0))).await;
    assert_eq!(outcome, retry("no answer within 150ms", None));
}

#[tokio::test]
async fn an_answer_that_never_ends_still_counts_by_its_status() {
    let url = rogue(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nthan").await;
        std::future::pending::<()>().await;
    })
    .await;
    let outcome = hook(&url, SHORT).send(Sending::once(&delivery(1, 1, "hook"), at(0))).await;
    assert_eq!(outcome, Outcome::delivered("than"));
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again_and_names_no_address() {
    let reset = rogue(|stream| async move {
        // Closing with a linger of zero sends a reset.
        let _ = stream.set_zero_linger();
    })
    .await;
    let garbage = rogue(|mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    })
    .await;
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        format!("http://{}/rogue-token", listener.local_addr().expect("it is bound"))
    };
    for url in [reset, garbage, nobody, "http://no-such-host.invalid/rogue-token".to_owned()] {
        let outcome = hook(&url, LONG).send(Sending::once(&delivery(1, 1, "hook"), at(0))).await;
        let Outcome::Retry { why, wait: None } = outcome else { panic!("{url}: {outcome:?}") };
        assert!(!why.contains("rogue-token") && why.contains(": "), "{why}");
    }
}

#[tokio::test]
async fn a_lost_answer_brings_the_same_message_again() {
    let (taken, url) = Receiver::start(|| answer(200, "")).await;
    // Takes the message, and the answer gets lost: a proxy that closes before it passes the answer on.
    let target = url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let front = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        for nth in 0.. {
            let Ok((mut from, _)) = listener.accept().await else { return };
            let Ok(mut to) = TcpStream::connect(&target).await else { return };
            let loses = nth == 0;
            tokio::spawn(async move {
                if !loses {
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                    return;
                }
                let (mut read, _lost) = from.split();
                let (mut answer, mut write) = to.split();
                let mut first_byte = [0];
                tokio::select! {
                    _ = tokio::io::copy(&mut read, &mut write) => {}
                    _ = answer.read(&mut first_byte) => {}
                }
            });
        }
    });
    let hook = hook(&front, LONG);
    let delivery = delivery(1, 1, "hook");
    let first = hook.send(Sending::once(&delivery, at(0))).await;
    assert!(matches!(first, Outcome::Retry { .. }), "{first:?}");
    assert_eq!(hook.send(Sending::once(&delivery, at(5))).await, Outcome::delivered(String::new()));
    let seen = taken.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!((&seen[0].id, &seen[0].body), (&seen[1].id, &seen[1].body));
    assert_ne!(seen[0].timestamp, seen[1].timestamp);
}

#[tokio::test]
async fn what_a_receiver_repeats_of_the_address_is_not_shown() {
    let (_receiver, url) = Receiver::start(|| {
        answer(404, "Cannot POST /hooks/T0K3N-abcdef?sig=s3cr3t (T0K3N-abcdef, s3cr3t of user:hunter2)")
    })
    .await;
    let url = format!("{}/hooks/T0K3N-abcdef?sig=s3cr3t", url.replace("http://", "http://someone:hunter2@"));
    let Outcome::GiveUp { why } = hook(&url, LONG).send(Sending::once(&delivery(1, 1, "hook"), at(0))).await
    else {
        panic!("it was refused")
    };
    assert!(why.starts_with("answered 404: Cannot POST"), "{why}");
    for secret in ["T0K3N", "hunter2", "s3cr3t"] {
        assert!(!why.contains(secret), "{why}");
    }
}

#[tokio::test]
async fn files_are_read_at_each_attempt() {
    let (receiver, url) = Receiver::start(|| answer(200, "")).await;
    let folder = tempfile::TempDir::new().unwrap();
    let (url_file, secret_file) = (folder.path().join("url"), folder.path().join("secret"));
    let settings = WebhookSettings {
        url: SecretSource::File(url_file.clone()),
        secret: Some(SecretSource::File(secret_file.clone())),
        timeout: LONG,
        format: EventFormat::Plain,
    };
    let hook = make(settings).expect("what is in files is checked later");
    let delivery = delivery(1, 1, "hook");
    let sent = async || hook.send(Sending::once(&delivery, at(0))).await;
    assert!(
        matches!(sent().await, Outcome::Retry { why, .. } if why.starts_with("its address cannot be read"))
    );
    std::fs::write(&url_file, "not-an-address\n").unwrap();
    assert!(matches!(sent().await, Outcome::Retry { why, .. } if !why.contains("not-an-address")));
    std::fs::write(&url_file, format!("{url}\n")).unwrap();
    assert!(matches!(sent().await, Outcome::Retry { why, .. } if why.starts_with("its signing secret")));
    std::fs::write(&secret_file, "hunter2").unwrap();
    assert!(matches!(sent().await, Outcome::Retry { why, .. } if !why.contains("hunter2")));
    std::fs::write(&secret_file, format!("{}\n", signing_secret().expose())).unwrap();
    assert_eq!(sent().await, Outcome::delivered(String::new()));
    assert_eq!(receiver.seen().len(), 1);
}

#[test]
fn what_can_never_work_is_refused_without_showing_it() {
    let refused = |url: &str, secret: Option<&str>| {
        let inline = |text: &str| SecretSource::Inline(Secret::new(text));
        let settings = WebhookSettings {
            url: inline(url),
            secret: secret.map(inline),
            timeout: LONG,
            format: EventFormat::Plain,
        };
        make(settings).err().expect("it is refused")
    };
    for url in ["", "status.example/T0K3N", "ftp://status.example/T0K3N", "https://", "file:///T0K3N"] {
        let why = refused(url, None);
        assert!(why.starts_with("its address is no http or https URL") && !why.contains("T0K3N"), "{why}");
    }
    let why = refused("https://status.example/", Some("hunter2"));
    assert!(why.contains("whsec_") && !why.contains("hunter2"), "{why}");
}
