//! E-mail, as text and as HTML.
//!
//! In:   a delivery.
//! Out:  one message to a mail server; those of one incident are one conversation (`In-Reply-To`, `References`), and the
//!       `Message-ID` is the same on each attempt, by which mail programs that know duplicates tell them.
//! Not:  nothing is kept here and no queue: the server takes it or the pump tries again. Certificates are verified.

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};

use crate::delivery::{Delivery, Message, Outcome, Remembered};
use crate::model::SinkName;
use crate::outbox::{BoxFuture, Sending, Sink};

use super::body::{Limits, Links, body_value};
use super::webhook::read;
use super::{EmailSettings, MailTls};

const TEXT: &str = include_str!("email.txt");
const HTML: &str = include_str!("email.html");

/// Sends mail through one server.
pub(super) struct EmailSink {
    name: SinkName,
    settings: EmailSettings,
    from: Mailbox,
    to: Vec<Mailbox>,
    links: Links,
}

impl EmailSink {
    pub(super) fn new(name: SinkName, settings: EmailSettings, links: Links) -> Result<Self, String> {
        let from = mailbox(&settings.from)?;
        let to = settings.to.iter().map(|to| mailbox(to)).collect::<Result<_, _>>()?;
        Ok(Self { name, settings, from, to, links })
    }

    async fn attempt(&self, sending: Sending<'_>) -> Outcome {
        let mail = match self.mail(sending.delivery, sending.remembered) {
            Ok(mail) => mail,
            Err(why) => return Outcome::GiveUp { why },
        };
        let transport = match self.transport().await {
            Ok(transport) => transport,
            Err(why) => return Outcome::retry(why),
        };
        // The library's own limit is one for each command.
        let sent = tokio::time::timeout(self.settings.timeout, transport.send(mail));
        let Ok(sent) = sent.await else {
            return Outcome::retry(format!("not taken within {:?}", self.settings.timeout));
        };
        match sent {
            Ok(answer) => {
                let lines: Vec<&str> = answer.message().collect();
                Outcome::delivered(format!("{} {}", answer.code(), lines.join(" ")))
            }
            // The server refused the message or the address for good. What it says of the login may be put right.
            Err(error) if error.is_permanent() && !is_about_login(&error) => {
                Outcome::GiveUp { why: words(&error) }
            }
            Err(error) => Outcome::retry(words(&error)),
        }
    }

    async fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let (host, port) = &self.settings.server;
        let parameters = || TlsParameters::new(host.clone()).map_err(|error| error.to_string());
        let tls = match self.settings.tls {
            MailTls::Implicit => Tls::Wrapper(parameters()?),
            MailTls::StartTls => Tls::Required(parameters()?),
            MailTls::None => Tls::None,
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(*port)
            .tls(tls)
            .timeout(Some(self.settings.timeout));
        Ok(match &self.settings.login {
            None => builder.build(),
            Some((user, password)) => {
                let password =
                    read(password).await.map_err(|error| format!("its password cannot be read: {error}"))?;
                let password = password.expose().to_owned();
                builder.credentials(Credentials::new(user.clone(), password)).build()
            }
        })
    }

    fn mail(&self, delivery: &Delivery, remembered: &Remembered) -> Result<Mail, String> {
        let message = body_value(delivery, remembered, &self.links, &Limits::WIDEST)
            .map_err(|error| format!("no text can be made of it: {error}"))?;
        let render = |name: &'static str, source: &'static str| {
            let mut environment = Environment::new();
            environment.add_template(name, source).map_err(|error| error.to_string())?;
            let template = environment.get_template(name).map_err(|error| error.to_string())?;
            let facts =
                context!(kind => kind(&delivery.message), data => Value::from(Serde(&message["data"])));
            template.render(facts).map_err(|error| format!("{name}: {error:#}"))
        };
        let domain = self.from.email.domain();
        let thread = format!("<{}.{}@{domain}>", delivery.incident, self.name);
        let mut mail = Mail::builder()
            .from(self.from.clone())
            .subject(subject(delivery))
            .message_id(Some(format!("<{}@{domain}>", delivery.key)))
            .in_reply_to(thread.clone())
            .references(thread)
            .header(AutoSubmitted);
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(render("email.txt", TEXT)?);
        let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(render("email.html", HTML)?);
        mail.multipart(MultiPart::alternative().singlepart(text).singlepart(html))
            .map_err(|error| error.to_string())
    }
}

/// What machines sent is not answered by machines (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn kind(message: &Message) -> &'static str {
    match message {
        Message::Post(_) => "post",
        Message::Page(_) => "page",
        Message::Acknowledged { .. } => "acknowledgement",
    }
}

/// One line; a line end in a title would be a header of its own.
fn subject(delivery: &Delivery) -> String {
    let text = match &delivery.message {
        Message::Post(post) => format!("[{}] {}", post.status.as_str(), post.title),
        Message::Page(page) => format!("[{}] {}: {}", page.severity.as_str(), page.title, page.summary),
        Message::Acknowledged { by } => format!("{} was acknowledged by {by}", delivery.incident),
    };
    super::body::shortened(&text.replace(|c: char| c.is_control(), " "), 200)
}

/// An address with or without a name.
///
/// # Errors
/// Where it is none, in words.
pub(crate) fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|error| format!("`{text}` is no address of e-mail: {error}"))
}

fn is_about_login(error: &lettre::transport::smtp::Error) -> bool {
    // 530, 534, 535, 538: RFC 4954.
    error.status().is_some_and(|code| ["530", "534", "535", "538"].contains(&code.to_string().as_str()))
}

fn words(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl Sink for EmailSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn send<'a>(&'a self, sending: Sending<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(sending))
    }
}

#[cfg(test)]
mod tests;
