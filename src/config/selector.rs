//! Selectors of series in the configuration: `{job="x"}`.
//!
//! In:   a text.
//! Out:  its matchers.
//! Not:  no range, no offset, no arithmetic: those select samples, not series.

use crate::config::raw::Wrong;
use crate::model::Matcher;
use crate::promql::{self, Expr};

/// Reads a selector.
pub fn parse(text: &str) -> Result<Vec<Matcher>, Wrong> {
    const EXAMPLE: &str = "write for example `{job=\"crm\"}`";
    match promql::parse(text) {
        Ok(Expr::Selector(selector)) if selector.is_plain() => Ok(selector.matchers),
        Ok(_) => {
            Err(Wrong::new(format!("`{text}` is an expression, not a selector of series")).hint(EXAMPLE))
        }
        Err(error) => {
            let hint = error.hint.unwrap_or_else(|| EXAMPLE.to_owned());
            Err(Wrong::new(format!("`{text}` is not a selector: {}", error.what)).hint(hint))
        }
    }
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
        check("up", Some(r#"__name__="up""#));
        for text in
            ["", "{}", "{job=x}", "{job=\"x\"", "{job=\"x\"}[5m]", "up offset 5m", "up + 1", "{a=\"\"}"]
        {
            check(text, None);
        }
    }
}
