//! What can't be evaluated whatever the data, in an expression that reads well.
//!
//! In:   a checked expression.
//! Out:  the first thing in it that would fail each evaluation.
//! Not:  no grammar and no types: those fail while the text is read.
//!
//! Prometheus finds these when it evaluates. Rules ask while they load, since a rule that fails each time is no rule.

use crate::model::Span;
use crate::promql::error::ParseError;
use crate::promql::tree::ast::{Aggregate, Call, Expr, Extension};
use crate::promql::tree::functions::Function;
use crate::promql::tree::length::{Length, Shift};

impl Expr {
    /// The first thing in it that fails each evaluation.
    pub fn fault(&self) -> Option<ParseError> {
        let own = match self {
            Self::Call(call) => of_call(call),
            Self::Aggregate(aggregate) => of_aggregate(aggregate),
            Self::Selector(selector) => of_lengths(None, None, &selector.shift, selector.span),
            Self::Range(range) => of_lengths(Some(&range.range), None, &range.selector.shift, range.span),
            Self::Subquery(subquery) => {
                of_lengths(Some(&subquery.range), subquery.step.as_ref(), &subquery.shift, subquery.span)
            }
            _ => None,
        };
        own.or_else(|| self.children().into_iter().find_map(Self::fault))
    }
}

/// Durations that can't be reckoned, or are none.
fn of_lengths(
    range: Option<&Length>,
    step: Option<&Length>,
    shift: &Shift,
    span: Span,
) -> Option<ParseError> {
    let stretches = range.into_iter().chain(step).find_map(|length| length.fault(true));
    let fault = stretches.or_else(|| shift.offset.fault(false));
    fault.map(|what| ParseError::new(span, what))
}

/// The label that values go to.
pub(in crate::promql) fn of_aggregate(aggregate: &Aggregate) -> Option<ParseError> {
    match aggregate.param.as_ref().map(Expr::without_parens) {
        Some(text @ Expr::Text { .. }) => label_name(text, "label name"),
        _ => None,
    }
}

/// Label names, regular expressions, and stretches that do not fit the function.
pub(in crate::promql) fn of_call(call: &Call) -> Option<ParseError> {
    let texts = |from: usize| call.args.iter().skip(from);
    match call.function {
        Function::LabelReplace => label_name(call.args.get(1)?, "destination label name in label_replace()")
            .or_else(|| pattern(call)),
        Function::LabelJoin => texts(3)
            .find_map(|text| label_name(text, "source label name in label_join()"))
            .or_else(|| label_name(call.args.get(1)?, "destination label name in label_join()")),
        Function::HistogramQuantiles => label_name(call.args.get(1)?, "label name"),
        function => call.args.iter().find_map(|arg| extension(function, arg)),
    }
}

fn label_name(text: &Expr, what: &str) -> Option<ParseError> {
    match text.without_parens() {
        Expr::Text { value, is_utf8, span } if value.is_empty() || !is_utf8 => {
            Some(ParseError::new(*span, format!("invalid {what}: `{value}`")))
        }
        _ => None,
    }
}

fn pattern(call: &Call) -> Option<ParseError> {
    match (&call.pattern, call.args.get(4)?.without_parens()) {
        (None, Expr::Text { value, span, .. }) => {
            Some(ParseError::new(*span, format!("invalid regular expression in label_replace(): `{value}`")))
        }
        _ => None,
    }
}

fn extension(function: Function, arg: &Expr) -> Option<ParseError> {
    let Expr::Range(range) = arg.without_parens() else { return None };
    let extension = range.selector.extension?;
    let fits: &[Function] = match extension {
        Extension::Anchored => {
            &[Function::Changes, Function::Delta, Function::Increase, Function::Rate, Function::Resets]
        }
        Extension::Smoothed => &[Function::Delta, Function::Increase, Function::Rate],
    };
    if fits.contains(&function) {
        return None;
    }
    let names: Vec<&str> = fits.iter().map(|function| function.as_str()).collect();
    let what = format!(
        "{} modifier can only be used with: {} - not with {}",
        extension.as_str(),
        names.join(", "),
        function.as_str()
    );
    Some(ParseError::new(range.span, what))
}

#[cfg(test)]
mod tests {
    use crate::promql::{Dialect, parse_as};

    #[test]
    fn what_always_fails_is_found() {
        let check = |text: &str, expected: Option<&str>| {
            let fault = parse_as(text, &Dialect::EVERYTHING).unwrap().fault().map(|fault| fault.what);
            assert_eq!(fault.as_deref(), expected, "{text}");
        };
        check("rate(x[5m] anchored)", None);
        check("label_replace(x, \"a\", \"$1\", \"b\", \"(.*)\")", None);
        check(
            "sum(deriv(x[5m] smoothed))",
            Some("smoothed modifier can only be used with: delta, increase, rate - not with deriv"),
        );
        check(
            "label_replace(x, \"a\", \"$1\", \"b\", \"(\")",
            Some("invalid regular expression in label_replace(): `(`"),
        );
        check(
            "label_replace(x, \"\", \"$1\", \"b\", \"\")",
            Some("invalid destination label name in label_replace(): ``"),
        );
        check("label_join(x, \"a\", \"-\", \"\")", Some("invalid source label name in label_join(): ``"));
        check("x[5m - 5m]", Some("duration must be greater than 0"));
        check("last_over_time(x[1h:-5m + 1m])", Some("duration must be greater than 0"));
        check("x[1m / 0]", Some("a duration can't be divided by zero"));
        check("x offset (1m % 0)", Some("a duration can't be divided by zero"));
        check("x[1e9 * 1e9]", Some("this duration is too long"));
        check("x[step()] offset -range()", None);
        check("count_values(\"\\xff\", x)", Some("invalid label name: `\u{fffd}`"));
    }
}
