//! The functions of templates: Go's own, and those of Prometheus's `template/template.go`.
//!
//! In:   a function and its arguments.
//! Out:  its value, or why there is none, in Go's words where it has some.
//! Not:  `js` and `call`, which nobody needs in an alert.

use std::cmp::Ordering;
use std::sync::Arc;

use regex::Regex;

use crate::model::{Span, parse_duration, suggest};
use crate::promql::{self, Options};

use super::go_format::{self, GoValue};
use super::run::Run;
use super::{TemplateError, humanize};

macro_rules! functions {
    ($($word:literal $name:ident),+ $(,)?) => {
        /// A function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Function { $($name),+ }
        const FUNCTIONS: &[(&str, Function)] = &[$(($word, Function::$name)),+];
    };
}

functions! {
    "and" And, "or" Or, "not" Not, "len" Len, "index" Index, "slice" Slice,
    "print" Print, "printf" Printf, "println" Println, "html" Html, "urlquery" UrlQuery,
    "eq" Eq, "ne" Ne, "lt" Lt, "le" Le, "gt" Gt, "ge" Ge,
    "query" Query, "first" First, "label" Label, "value" Value, "strvalue" StrValue,
    "sortByLabel" SortByLabel, "args" Args, "tmpl" Tmpl, "safeHtml" SafeHtml,
    "reReplaceAll" ReReplaceAll, "match" Match, "title" Title, "toUpper" ToUpper, "toLower" ToLower,
    "graphLink" GraphLink, "tableLink" TableLink, "stripPort" StripPort, "stripDomain" StripDomain,
    "humanize" Humanize, "humanize1024" Humanize1024, "humanizeDuration" HumanizeDuration,
    "humanizePercentage" HumanizePercentage, "humanizeTimestamp" HumanizeTimestamp,
    "toTime" ToTime, "toDuration" ToDuration, "now" Now, "parseDuration" ParseDuration,
    "pathPrefix" PathPrefix, "externalURL" ExternalUrl, "urlQueryEscape" UrlQueryEscape,
}

impl Function {
    /// Of `and` and `or`, the truth of the argument behind which none is looked at.
    pub(super) fn stops_at(self) -> Option<bool> {
        match self {
            Self::And => Some(false),
            Self::Or => Some(true),
            _ => None,
        }
    }
}

/// The function called `name`.
pub(super) fn find(name: &str, span: Span) -> Result<Function, TemplateError> {
    if let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) {
        return Ok(*function);
    }
    if ["js", "call"].contains(&name) {
        return Err(TemplateError::new(span, format!("`{name}` in a template is not supported")));
    }
    let error = TemplateError::new(span, format!("function `{name}` is not defined"));
    let known = FUNCTIONS.iter().map(|(known, _)| *known);
    Err(TemplateError { hint: suggest::meant(name, known), ..error })
}

/// What a function gives.
pub(super) fn call(function: Function, arguments: &[GoValue], run: &mut Run<'_>) -> Result<GoValue, String> {
    use Function as F;
    match function {
        F::Printf => match arguments {
            [GoValue::Text(format), rest @ ..] => go_format::printf(format, rest).map(GoValue::Text),
            [other, ..] => Err(format!("printf wants a format, not {}", other.type_name())),
            [] => Err("wrong number of args for printf: want at least 1 got 0".to_owned()),
        },
        F::Print => Ok(GoValue::Text(go_format::print(arguments))),
        F::Println => Ok(GoValue::Text(go_format::println(arguments))),
        F::Html => Ok(GoValue::Text(html(&go_format::print(arguments)))),
        F::UrlQuery => Ok(GoValue::Text(query_escape(&go_format::print(arguments)))),
        F::And | F::Or | F::Not => truth(function, arguments),
        F::Eq | F::Ne | F::Lt | F::Le | F::Gt | F::Ge => compare(function, arguments).map(GoValue::Bool),
        F::Len | F::Index | F::Slice => collection(function, arguments),
        F::Query | F::First | F::Label | F::Value | F::StrValue | F::SortByLabel => {
            vector(function, arguments, run)
        }
        F::Tmpl => match arguments {
            [GoValue::Text(name), dot] => {
                let name = name.clone();
                run.template_text(&name, dot.clone()).map(GoValue::Text)
            }
            other => Err(format!("wrong number of args for tmpl: want 2 got {}", other.len())),
        },
        F::Args => {
            let named = arguments.iter().enumerate().map(|(nth, value)| (format!("arg{nth}"), value.clone()));
            Ok(GoValue::Args(named.collect()))
        }
        F::Humanize => one(arguments).and_then(humanize::humanize).map(GoValue::Text),
        F::Humanize1024 => one(arguments).and_then(humanize::humanize_1024).map(GoValue::Text),
        F::HumanizeDuration => one(arguments).and_then(humanize::humanize_duration).map(GoValue::Text),
        F::HumanizePercentage => one(arguments).and_then(humanize::humanize_percentage).map(GoValue::Text),
        F::HumanizeTimestamp => one(arguments).and_then(humanize::humanize_timestamp).map(GoValue::Text),
        F::ToTime => nanoseconds(one(arguments)?).map(GoValue::Time),
        F::ToDuration => nanoseconds(one(arguments)?).map(GoValue::Length),
        F::Now => Ok(GoValue::Float(run.data.at.as_secs_f64())),
        F::ExternalUrl => Ok(GoValue::Text(run.data.external_url.to_owned())),
        F::PathPrefix => Ok(GoValue::Text(path_of(run.data.external_url).to_owned())),
        F::ReReplaceAll | F::Match => pattern(function, arguments),
        _ => word(function, text(one(arguments)?)?),
    }
}

fn one(arguments: &[GoValue]) -> Result<&GoValue, String> {
    match arguments {
        [value] => Ok(value),
        other => Err(format!("wrong number of args: want 1 got {}", other.len())),
    }
}

fn two(arguments: &[GoValue]) -> Result<(&GoValue, &GoValue), String> {
    match arguments {
        [one, two] => Ok((one, two)),
        other => Err(format!("wrong number of args: want 2 got {}", other.len())),
    }
}

fn text(value: &GoValue) -> Result<&str, String> {
    match value {
        GoValue::Text(text) => Ok(text),
        other => Err(format!("wrong type for value; expected string; got {}", other.type_name())),
    }
}

fn nanoseconds(value: &GoValue) -> Result<i64, String> {
    let seconds = humanize::number(value)?;
    let nanoseconds = seconds * 1e9;
    if nanoseconds.is_nan() || i64::MAX as f64 <= nanoseconds.abs() {
        return Err(format!(
            "{} seconds are beyond the times that can be said",
            GoValue::Float(seconds).show()
        ));
    }
    Ok(nanoseconds as i64)
}

fn truth(function: Function, arguments: &[GoValue]) -> Result<GoValue, String> {
    match function {
        Function::Not => Ok(GoValue::Bool(!one(arguments)?.is_true())),
        // Reached only without arguments: with some, the run decides.
        _ => Err("wrong number of args: want at least 1 got 0".to_owned()),
    }
}

/// Values of different types can't be compared, not even a float with a whole number.
fn order(a: &GoValue, b: &GoValue) -> Result<Option<Ordering>, String> {
    Ok(match (a, b) {
        (GoValue::Text(a), GoValue::Text(b)) => Some(a.cmp(b)),
        (GoValue::Int(a), GoValue::Int(b)) => Some(a.cmp(b)),
        (GoValue::Float(a), GoValue::Float(b)) => a.partial_cmp(b),
        (GoValue::Time(a), GoValue::Time(b)) | (GoValue::Length(a), GoValue::Length(b)) => Some(a.cmp(b)),
        _ => return Err("incompatible types for comparison".to_owned()),
    })
}

fn is_equal(a: &GoValue, b: &GoValue) -> Result<bool, String> {
    match (a, b) {
        (GoValue::Bool(a), GoValue::Bool(b)) => Ok(a == b),
        (GoValue::Nil, other) | (other, GoValue::Nil) => Ok(*other == GoValue::Nil),
        (GoValue::Map(_) | GoValue::List(_), _) => Err("non-comparable type".to_owned()),
        _ => order(a, b).map(|order| order == Some(Ordering::Equal)),
    }
}

fn compare(function: Function, arguments: &[GoValue]) -> Result<bool, String> {
    if function == Function::Eq {
        let [first, rest @ ..] = arguments else { return Err("missing argument for comparison".to_owned()) };
        if rest.is_empty() {
            return Err("missing argument for comparison".to_owned());
        }
        for other in rest {
            if is_equal(first, other)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let (a, b) = two(arguments)?;
    if function == Function::Ne {
        return is_equal(a, b).map(|equal| !equal);
    }
    let order = order(a, b)?;
    Ok(order.is_some_and(|order| match function {
        Function::Lt => order.is_lt(),
        Function::Le => order.is_le(),
        Function::Gt => order.is_gt(),
        _ => order.is_ge(),
    }))
}

fn collection(function: Function, arguments: &[GoValue]) -> Result<GoValue, String> {
    let Some((first, rest)) = arguments.split_first() else {
        return Err("wrong number of args: want at least 1 got 0".to_owned());
    };
    match function {
        Function::Len => {
            let len = match one(arguments)? {
                GoValue::Text(text) => text.len(),
                GoValue::Map(labels) => labels.len(),
                GoValue::Args(args) => args.len(),
                GoValue::List(items) => items.len(),
                other => return Err(format!("len of type {}", other.type_name())),
            };
            Ok(GoValue::Int(i64::try_from(len).unwrap_or(i64::MAX)))
        }
        Function::Index => rest.iter().try_fold(first.clone(), |value, index| item(&value, index)),
        _ => {
            let len = match first {
                GoValue::Text(text) => text.len(),
                GoValue::List(items) => items.len(),
                other => return Err(format!("can't slice item of type {}", other.type_name())),
            };
            let place = |nth: usize, default: usize| match rest.get(nth) {
                None => Ok(default),
                Some(GoValue::Int(at)) => usize::try_from(*at)
                    .ok()
                    .filter(|at| *at <= len)
                    .ok_or_else(|| format!("index out of range: {at}")),
                Some(other) => Err(format!("cannot index slice/array with type {}", other.type_name())),
            };
            let (start, end) = (place(0, 0)?, place(1, len)?);
            let invalid = || format!("invalid slice index: {start} > {end}");
            match first {
                GoValue::Text(text) => {
                    text.get(start..end).map(|part| GoValue::Text(part.to_owned())).ok_or_else(invalid)
                }
                GoValue::List(items) => {
                    items.get(start..end).map(|part| GoValue::List(part.into())).ok_or_else(invalid)
                }
                _ => Ok(GoValue::Nil),
            }
        }
    }
}

fn item(of: &GoValue, index: &GoValue) -> Result<GoValue, String> {
    match (of, index) {
        (GoValue::Map(labels), GoValue::Text(name)) => {
            Ok(GoValue::Text(labels.get(name).unwrap_or_default().to_owned()))
        }
        (GoValue::Args(args), GoValue::Text(name)) => Ok(args.get(name).cloned().unwrap_or(GoValue::Nil)),
        (GoValue::List(items), GoValue::Int(at)) => usize::try_from(*at)
            .ok()
            .and_then(|at| items.get(at).cloned())
            .ok_or_else(|| format!("index out of range: {at}")),
        (GoValue::Text(text), GoValue::Int(at)) => usize::try_from(*at)
            .ok()
            .and_then(|at| text.as_bytes().get(at))
            .map(|byte| GoValue::Int(i64::from(*byte)))
            .ok_or_else(|| format!("index out of range: {at}")),
        (GoValue::Map(_) | GoValue::Args(_) | GoValue::List(_) | GoValue::Text(_), other) => {
            Err(format!("can't index it with type {}", other.type_name()))
        }
        (other, _) => Err(format!("can't index item of type {}", other.type_name())),
    }
}

fn vector(function: Function, arguments: &[GoValue], run: &Run<'_>) -> Result<GoValue, String> {
    let list = |value: &GoValue| match value {
        GoValue::List(items) => Ok(items.clone()),
        other => Err(format!("wrong type for value; expected a query's result; got {}", other.type_name())),
    };
    let sample = |value: &GoValue| match value {
        GoValue::Sample(sample) => Ok(sample.clone()),
        other => Err(format!("wrong type for value; expected a sample; got {}", other.type_name())),
    };
    match function {
        Function::Query => query(text(one(arguments)?)?, run),
        Function::First => {
            let items = list(one(arguments)?)?;
            items.first().cloned().ok_or_else(|| "first() called on vector with no elements".to_owned())
        }
        Function::Label => {
            let (name, of) = two(arguments)?;
            Ok(GoValue::Text(sample(of)?.0.get(text(name)?).unwrap_or_default().to_owned()))
        }
        Function::Value => Ok(GoValue::Float(sample(one(arguments)?)?.1)),
        Function::StrValue => {
            Ok(GoValue::Text(sample(one(arguments)?)?.0.get("__value__").unwrap_or_default().to_owned()))
        }
        _ => {
            let (name, of) = two(arguments)?;
            let name = text(name)?;
            let mut items = list(of)?.to_vec();
            items.sort_by_key(|item| match item {
                GoValue::Sample(sample) => sample.0.get(name).unwrap_or_default().to_owned(),
                _ => String::new(),
            });
            Ok(GoValue::List(items.into()))
        }
    }
}

fn query(text: &str, run: &Run<'_>) -> Result<GoValue, String> {
    let Some(source) = run.data.source else { return Err("nothing can be asked here".to_owned()) };
    let failed = |why: String| format!("error calling query: {why}");
    let expr = promql::parse(text).map_err(|error| failed(error.to_string()))?;
    let options = Options { subquery_step: run.data.subquery_step, ..Options::default() };
    let elements = promql::evaluate_vector(&expr, source, run.data.at, &options)
        .map_err(|error| failed(error.to_string()))?;
    let sample = |element: promql::Element| GoValue::Sample(Arc::new((element.labels, element.value)));
    Ok(GoValue::List(elements.into_iter().map(sample).collect()))
}

fn pattern(function: Function, arguments: &[GoValue]) -> Result<GoValue, String> {
    let compile = |value: &GoValue| {
        let pattern = text(value)?;
        Regex::new(pattern).map_err(|_| format!("`{pattern}` is not a usable regular expression"))
    };
    match (function, arguments) {
        (Function::Match, [pattern, of]) => Ok(GoValue::Bool(compile(pattern)?.is_match(text(of)?))),
        (Function::ReReplaceAll, [pattern, with, of]) => {
            Ok(GoValue::Text(compile(pattern)?.replace_all(text(of)?, text(with)?).into_owned()))
        }
        (_, other) => Err(format!("wrong number of args: got {}", other.len())),
    }
}

/// Functions from a text to a text or a number.
fn word(function: Function, of: &str) -> Result<GoValue, String> {
    Ok(GoValue::Text(match function {
        Function::Title => title(of),
        Function::ToUpper => of.to_uppercase(),
        Function::ToLower => of.to_lowercase(),
        Function::UrlQueryEscape => query_escape(of),
        Function::GraphLink => format!("/graph?g0.expr={}&g0.tab=0", query_escape(of)),
        Function::TableLink => format!("/graph?g0.expr={}&g0.tab=1", query_escape(of)),
        Function::StripPort => host_and_port(of).map_or(of, |(host, _)| host).to_owned(),
        Function::StripDomain => strip_domain(of),
        Function::ParseDuration => {
            let length = parse_duration(of).map_err(|error| error.to_string())?;
            return Ok(GoValue::Float(length.as_secs_f64()));
        }
        // `safeHtml`: a text is never escaped here.
        _ => of.to_owned(),
    }))
}

/// The first letter of each word in upper case.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut within = false;
    for c in text.chars() {
        if within {
            out.push(c);
        } else {
            out.extend(c.to_uppercase());
        }
        within = c.is_alphanumeric() || matches!(c, '_' | '\'');
    }
    out
}

/// As Go's `url.QueryEscape`.
fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// `host:port` or `[v6]:port` taken apart.
fn host_and_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => Some((host, port)),
        None if host.contains([':', '[', ']']) => None,
        None => Some((host, port)),
    }
}

fn strip_domain(text: &str) -> String {
    let (host, port) = host_and_port(text).map_or((text, None), |(host, port)| (host, Some(port)));
    if host.parse::<core::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let first = host.split('.').next().unwrap_or_default();
    match port {
        Some(port) => format!("{first}:{port}"),
        None => first.to_owned(),
    }
}

/// The path of a URL.
fn path_of(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else { return "" };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    rest.find('/').map_or("", |at| &rest[at..])
}
