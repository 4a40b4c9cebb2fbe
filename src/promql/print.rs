//! An expression as text again, in one way of writing it.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::model::{METRIC_NAME, MatchOp, Matcher, format_duration, format_value};
use crate::promql::ast::{Aggregate, Binary, Expr, Grouping, MatchBy, RangeSelector, Selector, Side, Sign};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { value, .. } => f.write_str(&format_value(*value)),
            Self::Text { value, .. } => f.write_str(&quoted(value)),
            Self::Selector(selector) => write!(f, "{selector}"),
            Self::Range(range) => write!(f, "{range}"),
            Self::Unary { sign: Sign::Plus, of, .. } => write!(f, "+{of}"),
            Self::Unary { sign: Sign::Minus, of, .. } => write!(f, "-{of}"),
            Self::Binary(binary) => write!(f, "{binary}"),
            Self::Aggregate(aggregate) => write!(f, "{aggregate}"),
            Self::Call(call) => {
                let args: Vec<String> = call.args.iter().map(Self::to_string).collect();
                write!(f, "{}({})", call.function.as_str(), args.join(", "))
            }
            Self::Paren { inner, .. } => write!(f, "({inner})"),
        }
    }
}

impl Display for Selector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_matchers(self, f)?;
        write_offset(self, f)
    }
}

impl Display for RangeSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_matchers(&self.selector, f)?;
        write!(f, "[{}]", format_duration(self.range))?;
        write_offset(&self.selector, f)
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.op.as_str())?;
        if self.returns_bool {
            f.write_str(" bool")?;
        }
        let matching = &self.matching;
        let by = match matching.by {
            MatchBy::On => Some("on"),
            MatchBy::Ignoring if !matching.labels.is_empty() || matching.group.is_some() => Some("ignoring"),
            MatchBy::Ignoring => None,
        };
        if let Some(by) = by {
            write!(f, " {by} ({})", label_list(&matching.labels))?;
        }
        if let Some(group) = &matching.group {
            let side = if group.many == Side::Left { "left" } else { "right" };
            write!(f, " group_{side} ({})", label_list(&group.include))?;
        }
        write!(f, " {}", self.right)
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let op = self.op.as_str();
        match &self.grouping {
            Grouping::By(labels) if labels.is_empty() => write!(f, "{op}({})", self.of),
            Grouping::By(labels) => write!(f, "{op} by ({}) ({})", label_list(labels), self.of),
            Grouping::Without(labels) => write!(f, "{op} without ({}) ({})", label_list(labels), self.of),
        }
    }
}

fn write_matchers(selector: &Selector, f: &mut Formatter<'_>) -> fmt::Result {
    let is_name = |matcher: &&Matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal;
    let names = selector.matchers.iter().filter(is_name).count();
    let outside = selector.metric_name().filter(|name| names == 1 && is_plain_name(name, ":"));
    // A name that only fits in quotes goes first within the braces.
    let inside = selector.metric_name().filter(|name| names == 1 && !name.is_empty() && outside.is_none());
    let hides = outside.or(inside).is_some();
    let rest = selector.matchers.iter().filter(|matcher| !(hides && is_name(matcher)));
    let conditions: Vec<String> = inside.map(quoted).into_iter().chain(rest.map(condition)).collect();
    f.write_str(outside.unwrap_or_default())?;
    if conditions.is_empty() { Ok(()) } else { write!(f, "{{{}}}", conditions.join(",")) }
}

fn write_offset(selector: &Selector, f: &mut Formatter<'_>) -> fmt::Result {
    let length = format_duration(Duration::from_millis(selector.offset_ms.unsigned_abs()));
    match selector.offset_ms {
        0 => Ok(()),
        ..0 => write!(f, " offset -{length}"),
        1.. => write!(f, " offset {length}"),
    }
}

fn condition(matcher: &Matcher) -> String {
    format!("{}{}{}", label_name(matcher.name()), matcher.op().as_str(), quoted(matcher.value()))
}

fn label_list(labels: &[String]) -> String {
    labels.iter().map(|label| label_name(label)).collect::<Vec<_>>().join(", ")
}

fn label_name(name: &str) -> String {
    if is_plain_name(name, "") { name.to_owned() } else { quoted(name) }
}

/// Whether a name can be written without quotes; `also` are characters that it may have besides.
fn is_plain_name(name: &str, also: &str) -> bool {
    let keyword = ["bool", "on", "ignoring", "group_left", "group_right", "inf", "nan"];
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || also.contains(c))
        && (also.is_empty() || !keyword.contains(&name.to_ascii_lowercase().as_str()))
}

/// The text in quotes, with the escapes that PromQL reads.
fn quoted(text: &str) -> String {
    let mut result = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => result.push_str("\\\""),
            '\\' => result.push_str("\\\\"),
            '\n' => result.push_str("\\n"),
            '\r' => result.push_str("\\r"),
            '\t' => result.push_str("\\t"),
            c if c.is_control() => result.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => result.push(c),
        }
    }
    result.push('"');
    result
}
