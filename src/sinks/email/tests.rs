use std::time::Duration;

use super::*;
use crate::delivery::samples::{delivery, page, sink};

fn email() -> EmailSink {
    let settings = EmailSettings {
        server: ("localhost".into(), 25),
        tls: MailTls::None,
        login: None,
        from: "Fogsignal <fogsignal@example.com>".into(),
        to: vec!["ops@example.com".into(), "Ana <ana@example.com>".into()],
        timeout: Duration::from_secs(5),
    };
    EmailSink::new(sink("mail"), settings, Links::default()).expect("addresses")
}

fn written(delivery: &Delivery) -> String {
    let mail = email().mail(delivery, &Remembered::default()).expect("a mail");
    String::from_utf8(mail.formatted()).expect("ASCII")
}

#[test]
fn a_post_is_text_and_html_in_one_conversation() {
    let mail = written(&delivery(1, 7, "mail"));
    for part in [
        "From: Fogsignal <fogsignal@example.com>",
        "To: ops@example.com, Ana <ana@example.com>",
        "Subject: [investigating] CRM is slow",
        "Message-ID: <INC-7_e1_mail@example.com>",
        "References: <INC-7.mail@example.com>",
        "Auto-Submitted: auto-generated",
        "multipart/alternative",
        "Content-Type: text/plain",
        "Content-Type: text/html",
    ] {
        assert!(mail.contains(part), "no {part:?} in:\n{mail}");
    }
    let ids = |mail: &str| mail.lines().find(|line| line.starts_with("Message-ID")).map(str::to_owned);
    assert_eq!(ids(&mail), ids(&written(&delivery(1, 7, "mail"))), "the same on each attempt");
}

#[test]
fn what_a_message_says_is_never_html_or_a_header() {
    let mut page = page(&["mail"]);
    page.title = "a\r\nBcc: eve@example.com".into();
    page.summary = "<script>alert(1)</script>".into();
    let mail = written(&Delivery { message: Message::Page(page), ..delivery(1, 7, "mail") });
    assert!(!mail.lines().any(|line| line.starts_with("Bcc")), "{mail}");
    let html = &mail[mail.find("text/html").expect("a part")..];
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
}

#[test]
fn an_address_that_is_none_is_refused() {
    let error = mailbox("ops at example.com").expect_err("no address");
    assert!(error.starts_with("`ops at example.com` is no address"), "{error}");
}
