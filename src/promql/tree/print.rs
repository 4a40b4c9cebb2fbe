//! An expression as text again, in one way of writing it.

use std::fmt::{self, Display, Formatter};

use crate::model::{METRIC_NAME, MatchOp, Matcher, format_value};
use crate::promql::tree::ast::{
    Aggregate, Binary, Expr, Fill, Grouping, MatchBy, RangeSelector, Selector, Side, Sign, Subquery,
};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { value, .. } => f.write_str(&format_value(*value)),
            Self::Text { value, .. } => f.write_str(&quoted(value)),
            Self::Selector(selector) => write!(f, "{selector}"),
            Self::Range(range) => write!(f, "{range}"),
            Self::Subquery(subquery) => write!(f, "{subquery}"),
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
        write_moves(self, f)
    }
}

impl Display for RangeSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_matchers(&self.selector, f)?;
        write!(f, "[{}]", self.range)?;
        write_moves(&self.selector, f)
    }
}

impl Display for Subquery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}:", self.of, self.range)?;
        if let Some(step) = &self.step {
            write!(f, "{step}")?;
        }
        write!(f, "]{}", self.shift)
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
        match matching.fill {
            Fill { left: Some(left), right: Some(right) } if same(left, right) => {
                write!(f, " fill ({})", format_value(left))?;
            }
            Fill { left, right } => {
                for (side, value) in [("left", left), ("right", right)] {
                    if let Some(value) = value {
                        write!(f, " fill_{side} ({})", format_value(value))?;
                    }
                }
            }
        }
        write!(f, " {}", self.right)
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        match &self.grouping {
            Grouping::By(labels) if labels.is_empty() => {}
            Grouping::By(labels) => write!(f, " by ({}) ", label_list(labels))?,
            Grouping::Without(labels) => write!(f, " without ({}) ", label_list(labels))?,
        }
        match &self.param {
            Some(param) => write!(f, "({param}, {})", self.of),
            None => write!(f, "({})", self.of),
        }
    }
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits()
}

fn write_matchers(selector: &Selector, f: &mut Formatter<'_>) -> fmt::Result {
    let is_name = |matcher: &&Matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal;
    let names = selector.matchers.iter().filter(is_name).count();
    // Before the braces a name stands alone: no other condition on it may follow.
    let conditions = selector.matchers.iter().filter(|matcher| matcher.name() == METRIC_NAME).count();
    let outside = selector.metric_name().filter(|name| conditions == 1 && is_plain_name(name, ":"));
    // A name that only fits in quotes goes first within the braces.
    let inside = selector.metric_name().filter(|name| names == 1 && !name.is_empty() && outside.is_none());
    let hides = outside.or(inside).is_some();
    let rest = selector.matchers.iter().filter(|matcher| !(hides && is_name(matcher)));
    let conditions: Vec<String> = inside.map(quoted).into_iter().chain(rest.map(condition)).collect();
    f.write_str(outside.unwrap_or_default())?;
    if conditions.is_empty() { Ok(()) } else { write!(f, "{{{}}}", conditions.join(",")) }
}

fn write_moves(selector: &Selector, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{}", selector.shift)?;
    selector.extension.map_or(Ok(()), |extension| write!(f, " {}", extension.as_str()))
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
