//! Selectors of series in the configuration: `{job="x"}`.
//!
//! In:   a text.
//! Out:  its matchers.
//! Not:  no range, no offset, no arithmetic: those select samples, not series.

use crate::config::raw::Wrong;
use crate::model::{METRIC_NAME, MatchOp, Matcher};

/// Reads a selector.
pub fn parse(text: &str) -> Result<Vec<Matcher>, Wrong> {
    let wrong = |why: &str| {
        Wrong::new(format!("`{text}` is not a selector: {why}")).hint("write for example `{job=\"crm\"}`")
    };
    let trimmed = text.trim();
    let open = trimmed.find('{').unwrap_or(trimmed.len());
    let (metric, rest) = (trimmed[..open].trim(), &trimmed[open..]);
    let mut matchers = Vec::new();
    if !metric.is_empty() {
        if !is_name(metric, true) {
            return Err(wrong("it must begin with a metric's name or `{`"));
        }
        let matcher = Matcher::new(METRIC_NAME, MatchOp::Equal, metric);
        matchers.push(matcher.map_err(|error| wrong(&error.to_string()))?);
    }
    if let Some(inside) = rest.strip_prefix('{') {
        let mut rest = inside.strip_suffix('}').ok_or_else(|| wrong("`}` is missing"))?.trim();
        while !rest.is_empty() {
            let (matcher, after) = matcher(rest).map_err(|why| wrong(&why))?;
            matchers.push(matcher);
            rest = match after.trim_start().strip_prefix(',') {
                Some(more) => more.trim(),
                None if after.trim().is_empty() => "",
                None => return Err(wrong("`,` is missing between two conditions")),
            };
        }
    }
    // As in PromQL: what takes the empty value everywhere takes every series.
    if matchers.iter().all(|matcher| matcher.matches_value("")) {
        return Err(wrong("one condition at least must not take the empty value"));
    }
    Ok(matchers)
}

/// One condition at the start of `text`, and what follows it.
fn matcher(text: &str) -> Result<(Matcher, &str), String> {
    let end = text.find(['=', '!']).ok_or("a condition needs `=`, `!=`, `=~` or `!~`")?;
    let name = text[..end].trim();
    if !is_name(name, false) {
        return Err(format!("`{name}` is not a label's name"));
    }
    let operators =
        [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];
    let (written, op) = operators
        .into_iter()
        .find(|(written, _)| text[end..].starts_with(written))
        .ok_or("a condition needs `=`, `!=`, `=~` or `!~`")?;
    let (value, after) = quoted(text[end + written.len()..].trim_start())?;
    let matcher =
        Matcher::new(name, op, &value).map_err(|_| format!("`{value}` is not a regular expression"))?;
    Ok((matcher, after))
}

/// A text in quotes at the start of `text`, and what follows it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let quote =
        text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')).ok_or("a value needs quotes")?;
    let mut value = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            end if end == quote => return Ok((value, &text[at + 1..])),
            '\\' if quote != '`' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, same @ ('\\' | '"' | '\''))) => value.push(same),
                _ => return Err("only `\\\\`, `\\n`, `\\t` and quotes may follow a backslash".to_owned()),
            },
            other => value.push(other),
        }
    }
    Err("a value's quotes do not end".to_owned())
}

fn is_name(text: &str, colons: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    text.chars().all(fits) && text.chars().next().is_some_and(|c| !c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_selectors_and_refuses_the_rest() {
        let check = |text: &str, expected: Option<&str>| {
            let shown =
                parse(text).ok().map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
            assert_eq!(shown.as_deref(), expected, "{text}");
        };
        check(r#"{job="x"}"#, Some(r#"job="x""#));
        check(r#"up{job=~"a|b", env != 'p',}"#, Some(r#"__name__="up",job=~"a|b",env!="p""#));
        check("up", Some(r#"__name__="up""#));
        for text in
            ["", "{}", "{job=x}", "{job=\"x\"", "job=\"x\"", "{job=\"x\"}[5m]", "{a=~\"(\"}", "{a=\"\"}"]
        {
            check(text, None);
        }
    }
}
