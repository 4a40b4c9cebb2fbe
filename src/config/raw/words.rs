//! Values that are written as one text, and how each is read.

use std::net::SocketAddr;
use std::time::Duration;

use chrono_tz::Tz;
use regex::Regex;
use serde_json::{Value as Json, json};

use crate::config::selector;
use crate::delivery::Audience;
use crate::incidents::{Fallback, Language, PublishMode};
use crate::model::{
    ComponentId, ComponentStatus, Matcher, Secret, Severity, SinkName, format_duration, parse_duration,
    suggest,
};
use crate::scrape::{DnsRecord, KubernetesRole, Protocol, RelabelAction};

use super::read::{Scalar, Wrong};

impl Scalar for String {
    const WHAT: &'static str = "a text";

    fn parse(text: &str) -> Result<Self, Wrong> {
        Ok(text.to_owned())
    }

    fn schema() -> Json {
        json!({"type": ["string", "number", "boolean"]})
    }
}

impl Scalar for bool {
    const WHAT: &'static str = "`true` or `false`";

    fn parse(text: &str) -> Result<Self, Wrong> {
        match text {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            other => Err(Wrong::new(format!("`{other}` is neither `true` nor `false`"))),
        }
    }

    fn schema() -> Json {
        json!({"type": "boolean"})
    }
}

impl Scalar for Secret {
    const WHAT: &'static str = "a secret text";

    fn parse(text: &str) -> Result<Self, Wrong> {
        if text.is_empty() { Err(Wrong::new("a secret is empty")) } else { Ok(Self::new(text)) }
    }

    fn schema() -> Json {
        json!({"type": "string", "minLength": 1})
    }
}

macro_rules! names {
    ($($name:ident: $what:literal),*) => {
        $(impl Scalar for $name {
            const WHAT: &'static str = $what;

            fn parse(text: &str) -> Result<Self, Wrong> {
                Self::new(text).map_err(|error| {
                    Wrong::new(error.to_string()).hint("use letters, digits, `-`, `_` and `.`, at most 128 of them")
                })
            }

            fn schema() -> Json {
                json!({"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,128}$"})
            }
        })*
    };
}
names!(ComponentId: "a component's id", SinkName: "a sink's name");

/// A type that a few fixed words stand for.
macro_rules! words {
    ($($(#[$meta:meta])* $name:ty as $what:literal { $($word:literal => $value:expr),* $(,)? })*) => {
        $(impl Scalar for $name {
            const WHAT: &'static str = $what;

            fn parse(text: &str) -> Result<Self, Wrong> {
                match text {
                    $($word => Ok($value),)*
                    other => Err(Wrong {
                        what: format!("`{other}` is not {}", Self::WHAT),
                        hint: suggest::hint(other, [$($word),*]),
                    }),
                }
            }

            fn schema() -> Json {
                json!({"type": "string", "enum": [$($word),*]})
            }
        })*
    };
}

words! {
    Protocol as "a scrape protocol" {
        "PrometheusProto" => Self::PrometheusProto,
        "OpenMetricsText1.0.0" => Self::OpenMetricsText1,
        "OpenMetricsText0.0.1" => Self::OpenMetricsText0,
        "PrometheusText1.0.0" => Self::PrometheusText1,
        "PrometheusText0.0.4" => Self::PrometheusText0,
    }
    Severity as "a severity" {
        "minor" => Self::Minor, "major" => Self::Major, "critical" => Self::Critical,
    }
    ComponentStatus as "a component status that can be passed on" {
        "degraded_performance" => Self::DegradedPerformance,
        "partial_outage" => Self::PartialOutage,
        "major_outage" => Self::MajorOutage,
    }
    Audience as "an audience" {
        "customers" => Self::Customers, "responders" => Self::Responders,
    }
    PublishMode as "a way to publish" {
        "auto" => Self::Auto, "approve" => Self::Approve, "off" => Self::Off,
    }
    Fallback as "what goes out when nobody approves" {
        "holding_statement" => Self::HoldingStatement, "nothing" => Self::Nothing,
    }
    Language as "a language that posts can be written in" {
        "en" => Self::English, "pt-BR" => Self::BrazilianPortuguese,
    }
    CorrelateWord as "whether related alerts are one incident" {
        "on" => Self::On, "off" => Self::Off,
    }
    KeepWord as "what is kept of a job" {
        "wanted" => Self::Wanted, "all" => Self::All,
    }
    LostAnswerWord as "what a lost answer leads to" {
        "impossible" => Self::Impossible, "adopted" => Self::Adopted, "visible" => Self::Visible,
    }
    EventFormatWord as "a form of events" {
        "plain" => Self::Plain, "cloudevents-binary" => Self::Binary, "cloudevents-structured" => Self::Structured,
    }
    MailTlsWord as "a way to a mail server" {
        "starttls" => Self::StartTls, "implicit" => Self::Implicit, "none" => Self::None,
    }
    DnsRecord as "a kind of DNS record" {
        "SRV" => Self::Srv, "A" => Self::A, "AAAA" => Self::Aaaa, "MX" => Self::Mx, "NS" => Self::Ns,
    }
    KubernetesRole as "a role" {
        "node" => Self::Node, "pod" => Self::Pod, "service" => Self::Service,
        "endpointslice" => Self::EndpointSlice, "endpoints" => Self::Endpoints, "ingress" => Self::Ingress,
    }
    RelabelAction as "a relabelling action" {
        "replace" => Self::Replace, "keep" => Self::Keep, "drop" => Self::Drop,
        "keepequal" => Self::KeepEqual, "dropequal" => Self::DropEqual, "hashmod" => Self::HashMod,
        "labelmap" => Self::LabelMap, "labeldrop" => Self::LabelDrop, "labelkeep" => Self::LabelKeep,
        "lowercase" => Self::Lowercase, "uppercase" => Self::Uppercase,
    }
}

/// What is kept of a job's series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepWord {
    /// What rules want.
    Wanted,
    /// Everything, for people's queries.
    All,
}

/// Whether related alerts are one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorrelateWord {
    /// They are.
    On,
    /// Each alert is its own.
    Off,
}

/// Whether a lost answer shows a message twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LostAnswerWord {
    /// Never.
    Impossible,
    /// What is there is taken for ours.
    Adopted,
    /// It does.
    Visible,
}

/// The form of a webhook's events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum EventFormatWord {
    /// Our own.
    Plain,
    /// CloudEvents, binary mode.
    Binary,
    /// CloudEvents, structured mode.
    Structured,
}

/// How the way to a mail server is kept secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MailTlsWord {
    /// TLS after a word in the clear.
    StartTls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all.
    None,
}

/// A duration: `15s`, `1h30m`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(pub Duration);

impl Scalar for Length {
    const WHAT: &'static str = "a duration such as `30s`";

    fn parse(text: &str) -> Result<Self, Wrong> {
        parse_duration(text).map(Self).map_err(|error| match text.parse::<u64>() {
            Ok(_) => Wrong::new(format!("`{text}` has no unit")).hint(format!("did you mean `{text}s`?")),
            Err(_) => Wrong::new(error.to_string()),
        })
    }

    fn schema() -> Json {
        json!({"type": ["string", "integer"], "minimum": 0, "maximum": 0, "pattern": "^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$"})
    }
}

impl std::fmt::Display for Length {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&format_duration(self.0))
    }
}

/// A number of things; 0 is no limit, where it is a limit.
#[derive(Clone, Copy)]
pub struct Count(pub u64);

impl Scalar for Count {
    const WHAT: &'static str = "a whole number";

    fn parse(text: &str) -> Result<Self, Wrong> {
        text.parse()
            .map(Self)
            .map_err(|_| Wrong::new(format!("`{text}` is not a whole number of at least 0")))
    }

    fn schema() -> Json {
        json!({"type": "integer", "minimum": 0})
    }
}

/// A part of a whole: `0.4`.
#[derive(Clone, Copy)]
pub struct Share(pub f64);

impl Scalar for Share {
    const WHAT: &'static str = "a number from 0 to 1";

    fn parse(text: &str) -> Result<Self, Wrong> {
        let number = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        number.map(Self).ok_or_else(|| Wrong::new(format!("`{text}` is not {}", Self::WHAT)))
    }

    fn schema() -> Json {
        json!({"type": "number", "minimum": 0, "maximum": 1})
    }
}

/// A number of bytes: `10MB`. Units count by 1024, with or without an `i`, as in Prometheus; 0 is no limit.
#[derive(Clone, Copy)]
pub struct Bytes(pub u64);

impl Scalar for Bytes {
    const WHAT: &'static str = "a size such as `10MB`";

    fn parse(text: &str) -> Result<Self, Wrong> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let factor = match &text[digits..] {
            "B" => Some(1_u64),
            "" if text == "0" => Some(1),
            "KB" | "KiB" => Some(1 << 10),
            "MB" | "MiB" => Some(1 << 20),
            "GB" | "GiB" => Some(1 << 30),
            "TB" | "TiB" => Some(1 << 40),
            "PB" | "PiB" => Some(1 << 50),
            "EB" | "EiB" => Some(1 << 60),
            _ => None,
        };
        let number: Option<u64> = text[..digits].parse().ok();
        factor.zip(number).and_then(|(factor, number)| number.checked_mul(factor)).map(Self).ok_or_else(
            || Wrong::new(format!("`{text}` is not a size")).hint("write for example `512KB` or `10MB`"),
        )
    }

    fn schema() -> Json {
        json!({"type": ["string", "integer"], "pattern": "^(0|[0-9]+([KMGTPE]i?)?B)$"})
    }
}

/// An address to listen on: `127.0.0.1:9096`, `[::]:9096`, or `:9096` for all of them.
#[derive(Clone, Copy)]
pub struct ListenAddress(pub SocketAddr);

impl Scalar for ListenAddress {
    const WHAT: &'static str = "an address such as `127.0.0.1:9096`";

    fn parse(text: &str) -> Result<Self, Wrong> {
        let address = match text.strip_prefix(':') {
            Some(port) => format!("[::]:{port}"),
            None => text.replacen("localhost:", "127.0.0.1:", usize::from(text.starts_with("localhost:"))),
        };
        address.parse().map(Self).map_err(|_| {
            Wrong::new(format!("`{text}` is not an address to listen on"))
                .hint("write an IP address and a port, such as `127.0.0.1:9096` or `0.0.0.0:9096`")
        })
    }

    fn schema() -> Json {
        json!({"type": "string", "pattern": ":[0-9]+$"})
    }
}

/// A time zone by its IANA name.
#[derive(Clone, Copy)]
pub struct Zone(pub Tz);

impl Scalar for Zone {
    const WHAT: &'static str = "a time zone such as `Europe/Berlin`";

    fn parse(text: &str) -> Result<Self, Wrong> {
        text.parse().map(Self).map_err(|_| Wrong {
            what: format!("`{text}` is not a time zone"),
            hint: suggest::hint(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()))
                .or_else(|| Some("use a name of the IANA database, such as `America/Sao_Paulo`".to_owned())),
        })
    }

    fn schema() -> Json {
        json!({"type": "string"})
    }
}

/// A regular expression, anchored at both ends.
#[derive(Clone)]
pub struct Pattern(pub Regex);

impl Scalar for Pattern {
    const WHAT: &'static str = "a regular expression";

    fn parse(text: &str) -> Result<Self, Wrong> {
        Matcher::anchored(text).map(Self).map_err(|error| {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Wrong::new(format!("`{text}` is not a regular expression: {last}"))
        })
    }

    fn schema() -> Json {
        json!({"type": ["string", "number"]})
    }
}

/// A selector of series: `{job="x"}`.
#[derive(Clone)]
pub struct Selector(pub Vec<Matcher>);

impl Scalar for Selector {
    const WHAT: &'static str = "a selector such as `{job=\"x\"}`";

    fn parse(text: &str) -> Result<Self, Wrong> {
        selector::parse(text).map(Self)
    }

    fn schema() -> Json {
        json!({"type": "string"})
    }
}
