//! Texts and values with expressions in them (MiniJinja), and what expressions may call.
//!
//! In:   what a definition says; facts.
//! Out:  texts; JSON values; yes or no.
//! Not:  no file is read and no clock: a template sees the facts and nothing else, and may do so much work only.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::Value as Json;

use crate::model::Timestamp;

use super::facts::Facts;

/// A template may do so much: enough for any message, and an end for one that never would.
const FUEL: u64 = 500_000;
/// What `omit` gives: whatever has it for its value is left out.
const OMIT: &str = "\u{0}omit";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// A text with expressions in it. One that is a single `{{ expression }}` gives the expression's own value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    /// The expression, where the text is nothing else.
    sole: Option<String>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Where it is none, in words.
    pub fn new(source: &str) -> Result<Self, String> {
        let sole = sole_expression(source).map(str::to_owned);
        match &sole {
            Some(expression) => ENVIRONMENT.compile_expression(expression).map(drop).map_err(words)?,
            None => ENVIRONMENT.template_from_str(source).map(drop).map_err(words)?,
        }
        Ok(Self { source: source.to_owned(), sole })
    }

    /// The text that it gives.
    pub(super) fn text(&self, facts: &Facts) -> Result<String, String> {
        match self.value(facts)? {
            Some(Json::String(text)) => Ok(text),
            Some(Json::Null) | None => Ok(String::new()),
            Some(other) => Ok(other.to_string()),
        }
    }

    /// The value that it gives; `None` where it says `omit`.
    pub(super) fn value(&self, facts: &Facts) -> Result<Option<Json>, String> {
        let Some(expression) = &self.sole else {
            let text = ENVIRONMENT.render_str(&self.source, facts.values()).map_err(words)?;
            return Ok((text != OMIT).then_some(Json::String(text)));
        };
        let value = eval(expression, facts)?;
        if value.is_undefined() {
            return Err(format!("`{expression}` gives nothing; say `omit` to leave it out"));
        }
        if value.as_str() == Some(OMIT) {
            return Ok(None);
        }
        serde_json::to_value(&value).map(Some).map_err(|error| error.to_string())
    }

    /// As it is written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// An expression that is true or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition(String);

impl Condition {
    /// Reads an expression; braces around it may be left out.
    ///
    /// # Errors
    /// Where it is none, in words.
    pub fn new(source: &str) -> Result<Self, String> {
        let expression = sole_expression(source).unwrap_or(source);
        ENVIRONMENT.compile_expression(expression).map(drop).map_err(words)?;
        Ok(Self(expression.to_owned()))
    }

    /// Whether it holds.
    pub(super) fn holds(&self, facts: &Facts) -> Result<bool, String> {
        Ok(eval(&self.0, facts)?.is_true())
    }

    /// The items of the list that it gives.
    pub(super) fn items(&self, facts: &Facts) -> Result<Vec<Value>, String> {
        let value = eval(&self.0, facts)?;
        if matches!(value.kind(), ValueKind::Undefined | ValueKind::None) {
            return Ok(Vec::new());
        }
        value.try_iter().map(Iterator::collect).map_err(words)
    }
}

fn eval(expression: &str, facts: &Facts) -> Result<Value, String> {
    let compiled = ENVIRONMENT.compile_expression(expression).map_err(words)?;
    compiled.eval(facts.values()).map_err(words)
}

/// The expression of a text that is nothing but one `{{ expression }}`.
fn sole_expression(source: &str) -> Option<&str> {
    let inside = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let plain = !inside.contains("{{") && !inside.contains("}}") && !inside.contains("{%");
    plain.then(|| inside.trim_matches('-').trim())
}

fn words(error: Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.kind() {
        ErrorKind::UndefinedError => format!("{what}: an expression names something that is not there"),
        _ => what,
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.add_global("omit", OMIT);
    environment.add_filter("cut", cut);
    environment.add_filter("cut_bytes", cut_bytes);
    environment.add_filter("time", time);
    environment.add_filter("unix", unix);
    environment.add_filter("later", later);
    environment.add_filter("percent", percent);
    environment.add_filter("number", number);
    environment.add_filter("no_mention", no_mention);
    environment.add_filter("escape_slack", escape_slack);
    environment.add_filter("escape_markdown", escape_markdown);
    environment.add_filter("base64", |text: &str| STANDARD.encode(text));
    environment
}

/// At most `most` characters, with a sign that something is missing.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// At most `most` bytes, whole characters.
fn cut_bytes(text: &str, most: usize) -> String {
    crate::sinks::body::shortened(text, most)
}

fn parsed(text: &str) -> Result<Timestamp, Error> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("`{text}` is not a time as RFC 3339")))
}

/// A time in a form of `strftime`, in UTC or in a zone of the IANA database.
fn time(text: &str, form: &str, zone: Option<&str>) -> Result<String, Error> {
    use std::fmt::Write as _;
    let refuse = |what: String| Error::new(ErrorKind::InvalidOperation, what);
    let zone = zone.unwrap_or("UTC");
    let zone: chrono_tz::Tz = zone.parse().map_err(|_| refuse(format!("`{zone}` is not a time zone")))?;
    let at =
        parsed(text)?.in_zone(zone).ok_or_else(|| refuse(format!("`{text}` is beyond all calendars")))?;
    let mut shown = String::new();
    // A form that is none fails when it is printed.
    write!(shown, "{}", at.format(form)).map_err(|_| refuse(format!("`{form}` is not a form of a time")))?;
    Ok(shown)
}

/// Seconds since 1970.
fn unix(text: &str) -> Result<i64, Error> {
    Ok(parsed(text)?.as_millis().div_euclid(1000))
}

/// The same time so many seconds later; earlier where that is negative.
fn later(text: &str, seconds: i64) -> Result<String, Error> {
    let at = parsed(text)?.as_millis().saturating_add(seconds.saturating_mul(1000));
    Ok(Timestamp::from_millis(at).to_rfc3339())
}

/// One part of an address: whatever would end it or change its meaning is encoded (RFC 3986, 2.3).
fn percent(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            true => encoded.push(char::from(byte)),
            false => write!(encoded, "%{byte:02X}").expect("a String takes any text"),
        }
        encoded
    })
}

/// A text that is a whole number as that number; any other stays what it is.
fn number(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from)
}

/// `@everyone` and the like call people; a word joiner within breaks them and is not seen.
fn no_mention(text: &str) -> String {
    text.replace('@', "@\u{2060}")
}

/// As Slack and Google Chat want text: three characters stand for something else.
fn escape_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Nothing of the text is taken for emphasis, a link, a quote or a mention.
fn escape_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '<' | '>' | '|' | '#') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    no_mention(&escaped)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts() -> Facts {
        Facts::of_json(json!({
            "title": "CRM is slow", "at": "2023-02-01T14:10:00.000Z", "n": 3, "list": [1, 2], "none": null,
        }))
    }

    #[test]
    fn a_sole_expression_keeps_its_type() {
        let check = |source: &str, expected: Json| {
            let value = Template::new(source).expect("a template").value(&facts());
            assert_eq!(value, Ok(Some(expected)), "{source}");
        };
        check("{{ n }}", json!(3));
        check("{{ n + 1 }}", json!(4));
        check("{{ list }}", json!([1, 2]));
        check("{{ none }}", json!(null));
        check("{{ n == 3 }}", json!(true));
        check("n is {{ n }}", json!("n is 3"));
        check("{{ n }}{{ n }}", json!("33"));
        check("plain", json!("plain"));
        check("{{ title | cut(5) }}", json!("CRM …"));
        check("{{ at | unix }}", json!(1_675_260_600));
        check("{{ at | time('%Y-%m-%d %H:%M:%S') }}", json!("2023-02-01 14:10:00"));
        check("{{ at | time('%H:%M', 'America/Sao_Paulo') }}", json!("11:10"));
        check("{{ 'a <b> & c' | escape_slack }}", json!("a &lt;b&gt; &amp; c"));
        check("{{ '*a* @here' | escape_markdown }}", json!("\\*a\\* @\u{2060}here"));
        check("{{ 'a:b' | base64 }}", json!("YTpi"));
        check("{{ at | later(-60) }}", json!("2023-02-01T14:09:00.000Z"));
        check("{{ 'a b/ü?' | percent }}", json!("a%20b%2F%C3%BC%3F"));
        check("{{ '17' | number }}", json!(17));
        check("{{ 'c17' | number }}", json!("c17"));
        check("{{ 'ask @here' | no_mention }}", json!("ask @\u{2060}here"));
    }

    #[test]
    fn omit_leaves_out_and_a_name_that_is_not_there_is_said() {
        assert_eq!(Template::new("{{ none or omit }}").expect("it").value(&facts()), Ok(None));
        let check = |source: &str, expected: &str| {
            let error = Template::new(source).and_then(|template| template.value(&facts()));
            let error = error.expect_err("it fails");
            assert!(error.contains(expected), "{source}: {error}");
        };
        check("{{ titel }}", "`titel` gives nothing");
        check("a {{ titel }}", "not there");
        check("{{ title.x.y }}", "not there");
        check("{{ title | upperr }}", "upperr");
        check("{{ 'noon' | unix }}", "`noon` is not a time");
        check("{{ at | time('%H', 'Mars') }}", "`Mars` is not a time zone");
        check("{% for i in range(100000) %}{% for i in range(100000) %}x{% endfor %}{% endfor %}", "fuel");
    }

    #[test]
    fn a_condition_is_an_expression_with_or_without_braces() {
        for source in ["n == 3", "{{ n == 3 }}"] {
            assert_eq!(Condition::new(source).expect("it").holds(&facts()), Ok(true));
        }
        assert!(Condition::new("n ==").is_err());
        assert_eq!(Condition::new("list").expect("it").items(&facts()).map(|items| items.len()), Ok(2));
    }

    #[test]
    fn cut_text_is_never_longer_than_asked() {
        for most in 0..8 {
            assert!(cut("äöüäöü", most).chars().count() <= most.max(1), "{most}");
            assert!(cut_bytes("äöüäöü", most).len() <= most, "{most}");
        }
        assert_eq!(cut("äöü", 3), "äöü");
    }
}
