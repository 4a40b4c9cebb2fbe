//! E-mail, over a real conversation with a server that takes mail, puts it off or refuses it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use fogsignal::delivery::Audience;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::journey::{Journey, delivered, given_up, page, pages, plain, posts, retried};

/// What the server saw of one mail.
#[derive(Debug, Clone, Default)]
struct Mail {
    from: String,
    to: Vec<String>,
    data: String,
}

/// A server whose answers to the next `MAIL`, `RCPT` or `DATA` can be told.
#[derive(Clone, Default)]
struct MailServer {
    mails: Arc<Mutex<Vec<Mail>>>,
    answers: Arc<Mutex<VecDeque<(&'static str, &'static str)>>>,
}

impl MailServer {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address").to_string();
        let server = Self::default();
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                tokio::spawn(async move { server.converse(stream).await });
            }
        });
        (server, address)
    }

    fn told(&self, word: &str, usual: &'static str) -> &'static str {
        let mut answers = self.answers.lock().expect("no test panics in here");
        match answers.front().copied() {
            Some((at, answer)) if at == word => {
                answers.pop_front();
                answer
            }
            _ => usual,
        }
    }

    async fn converse(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut mail = Mail::default();
        stream.write_all(b"220 mail.example ESMTP\r\n").await.ok()?;
        loop {
            let line = read_line(&mut stream).await?;
            let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            let answer = match word.as_str() {
                "EHLO" => "250-mail.example\r\n250 8BITMIME",
                "MAIL" => {
                    mail.from = line;
                    self.told("MAIL", "250 sender ok")
                }
                "RCPT" => {
                    mail.to.push(line);
                    self.told("RCPT", "250 recipient ok")
                }
                "DATA" => {
                    stream.write_all(b"354 go ahead\r\n").await.ok()?;
                    loop {
                        let line = read_line(&mut stream).await?;
                        if line == "." {
                            break;
                        }
                        mail.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                        mail.data.push('\n');
                    }
                    let answer = self.told("DATA", "250 queued as 42");
                    if answer.starts_with('2') {
                        self.mails.lock().expect("no test panics in here").push(std::mem::take(&mut mail));
                    }
                    answer
                }
                "RSET" | "NOOP" => "250 ok",
                "QUIT" => "221 bye",
                _ => "500 what?",
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
            if word == "QUIT" {
                return Some(());
            }
        }
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
    }
}

fn at(address: &str, audience: Audience) -> Journey {
    let lines = format!(
        "    server: {address}\n    tls: none\n    timeout: 2s\n    from: Fogsignal <fog@example.com>\n    to: [ops@example.com, ana@example.com]\n"
    );
    plain("email", audience, &lines, &[])
}

fn header<'a>(mail: &'a Mail, name: &str) -> &'a str {
    let line = mail.data.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(": ")).map(|(_, value)| value).unwrap_or_default()
}

#[tokio::test]
async fn a_life_is_one_conversation_to_everybody() {
    let (server, address) = MailServer::start().await;
    let mut journey = at(&address, Audience::Customers);
    for message in posts() {
        delivered(&journey.send(message).await);
    }
    let mails = server.mails.lock().expect("no test panics in here").clone();
    assert_eq!(mails.len(), 3);
    for mail in &mails {
        assert!(mail.from.starts_with("MAIL FROM:<fog@example.com>"), "{}", mail.from);
        assert_eq!(mail.to, ["RCPT TO:<ops@example.com>", "RCPT TO:<ana@example.com>"]);
        assert_eq!(header(mail, "References"), header(&mails[0], "References"));
        assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
        assert!(!header(mail, "Date").is_empty(), "{}", mail.data);
        let html = mail.data.split("text/html").nth(1).expect("a part of HTML");
        assert!(!html.contains("<b>b</b>") && !html.contains("<!channel>"), "{html}");
    }
    assert_eq!(header(&mails[0], "Subject"), "[investigating] CRM is slow");
    let ids: std::collections::BTreeSet<&str> = mails.iter().map(|mail| header(mail, "Message-ID")).collect();
    assert_eq!(ids.len(), 3);
    let mut journey = at(&address, Audience::Responders);
    for message in pages() {
        delivered(&journey.send(message).await);
    }
}

#[tokio::test]
async fn what_the_server_says_is_heard() {
    let (server, address) = MailServer::start().await;
    let mut journey = at(&address, Audience::Customers);
    let first = posts().remove(0);
    let tell = |at, answer| server.answers.lock().expect("no test panics in here").push_back((at, answer));
    for (at, answer) in [
        ("MAIL", "451 4.7.1 try again later"),
        ("RCPT", "450 4.2.1 mailbox busy"),
        ("DATA", "452 4.3.1 no room"),
    ] {
        tell(at, answer);
        let (why, _) = retried(journey.send(first.clone()).await);
        assert!(why.contains(&answer[10..]), "{why}");
    }
    for (at, answer) in [
        ("MAIL", "550 5.7.1 not from you"),
        ("RCPT", "550 5.1.1 no such user"),
        ("DATA", "554 5.6.0 not that"),
    ] {
        tell(at, answer);
        let why = given_up(journey.send(first.clone()).await);
        assert!(why.contains(&answer[10..]), "{why}");
    }
    // What the server thinks of who we are may be put right.
    tell("MAIL", "530 5.7.0 authenticate first");
    retried(journey.send(first.clone()).await);
    assert!(server.mails.lock().expect("no test panics in here").is_empty());
    delivered(&journey.again(first).await);
    assert_eq!(server.mails.lock().expect("no test panics in here").len(), 1);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address").to_string();
    let (why, _) = retried(at(&address, Audience::Customers).send(posts().remove(0)).await);
    assert!(why.contains("within 2s") || why.contains("timed out") || why.contains("timeout"), "{why}");
}

#[tokio::test]
async fn the_same_mail_has_the_same_name_on_each_attempt_and_a_server_that_is_away_is_tried_again() {
    let (server, address) = MailServer::start().await;
    let mut journey = at(&address, Audience::Responders);
    let first = page(1, fogsignal::delivery::PageReason::Opened, fogsignal::model::Severity::Major);
    delivered(&journey.send(first.clone()).await);
    delivered(&journey.again(first.clone()).await);
    let mails = server.mails.lock().expect("no test panics in here").clone();
    assert_eq!(header(&mails[0], "Message-ID"), header(&mails[1], "Message-ID"));
    let nobody = super::server::nobody().await;
    retried(at(nobody.trim_start_matches("http://"), Audience::Responders).send(first).await);
}
