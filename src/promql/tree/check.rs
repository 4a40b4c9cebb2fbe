//! Whether the types within an expression fit, while it is read.

use crate::model::Span;
use crate::promql::error::ParseError;
use crate::promql::tree::ast::{Aggregate, Binary, Call, Expr, Fill, MatchBy, Matching, Selector, ValueType};

pub(in crate::promql) fn selector(selector: &Selector) -> Result<(), ParseError> {
    if selector.matchers.iter().all(|matcher| matcher.matches_value("")) {
        return Err(ParseError::new(selector.span, "this selector would fit every series")
            .hint("at least one matcher must not fit the empty text; name a metric or a label's value"));
    }
    Ok(())
}

pub(in crate::promql) fn subquery(of: &Expr, brackets: Span) -> Result<(), ParseError> {
    match of.value_type() {
        ValueType::Vector => Ok(()),
        found => Err(ParseError::new(
            brackets,
            format!("a subquery belongs behind an instant vector, not behind a {}", found.as_str()),
        )),
    }
}

pub(in crate::promql) fn unary(of: &Expr) -> Result<(), ParseError> {
    match of.value_type() {
        ValueType::Scalar | ValueType::Vector => Ok(()),
        found => Err(ParseError::new(
            of.span(),
            format!("a sign belongs before a scalar or an instant vector, not before a {}", found.as_str()),
        )),
    }
}

pub(in crate::promql) fn binary(binary: &Binary, op_span: Span) -> Result<(), ParseError> {
    let op = binary.op;
    for side in [&binary.left, &binary.right] {
        if let found @ (ValueType::Matrix | ValueType::Text) = side.value_type() {
            let what =
                format!("`{}` takes scalars and instant vectors, not a {}", op.as_str(), found.as_str());
            let error = ParseError::new(side.span(), what);
            return Err(match found {
                ValueType::Matrix => error.hint("put the range in a function, as in `rate(x[5m])`"),
                _ => error,
            });
        }
    }
    let types = (binary.left.value_type(), binary.right.value_type());
    let vectors = types == (ValueType::Vector, ValueType::Vector);
    if op.is_set() && !vectors {
        let what = format!("set operator `{}` is not allowed with a scalar", op.as_str());
        return Err(ParseError::new(op_span, what).hint("`vector(…)` makes a vector of a scalar"));
    }
    if op.is_comparison() && !binary.returns_bool && types == (ValueType::Scalar, ValueType::Scalar) {
        let what = "comparisons between scalars must use `bool`";
        return Err(ParseError::new(op_span, what).hint(format!("write `{} bool`", op.as_str())));
    }
    if !vectors && binary.matching.fill != Fill::default() {
        return Err(ParseError::new(op_span, "`fill` is only allowed between instant vectors"));
    }
    if !vectors && !binary.matching.labels.is_empty() {
        return Err(ParseError::new(op_span, "vector matching is only allowed between instant vectors"));
    }
    Ok(())
}

pub(in crate::promql) fn matching(matching: &Matching, op_span: Span) -> Result<(), ParseError> {
    let include = matching.group.iter().flat_map(|group| &group.include);
    match include.into_iter().find(|label| matching.by == MatchBy::On && matching.labels.contains(label)) {
        Some(label) => {
            Err(ParseError::new(op_span, format!("label `{label}` stands in both `on` and the group")))
        }
        None => Ok(()),
    }
}

pub(in crate::promql) fn aggregate(aggregate: &Aggregate) -> Result<(), ParseError> {
    let op = aggregate.op;
    let param = aggregate.param.iter().zip(op.param());
    for (arg, expected) in param.chain([(&aggregate.of, ValueType::Vector)]) {
        let found = arg.value_type();
        if found != expected {
            let what =
                format!("expected {} in `{}`, found a {}", article(expected), op.as_str(), found.as_str());
            return Err(ParseError::new(arg.span(), what.replace("a instant", "an instant")));
        }
    }
    Ok(())
}

fn article(of: ValueType) -> String {
    let article = if of == ValueType::Vector { "an" } else { "a" };
    format!("{article} {}", of.as_str())
}

pub(in crate::promql) fn call(call: &Call, name: Span) -> Result<(), ParseError> {
    let signature = call.function.signature();
    let function = call.function.as_str();
    let (least, most) = (signature.required, signature.args.len());
    if call.args.len() < least || (most < call.args.len() && !signature.repeats) {
        let count = match (least, most) {
            (least, _) if signature.repeats => format!("{least} or more"),
            (least, most) if least == most => format!("{most}"),
            (least, most) => format!("{least} to {most}"),
        };
        let plural = if most == 1 { "" } else { "s" };
        let what = format!("`{function}` takes {count} argument{plural}, not {}", call.args.len());
        return Err(ParseError::new(name.to(call.span), what));
    }
    let last = signature.args.last().filter(|_| signature.repeats);
    for (arg, expected) in call.args.iter().zip(signature.args.iter().chain(last.into_iter().cycle())) {
        let found = arg.value_type();
        if found != *expected {
            let (expected_text, found_text) = (expected.as_str(), found.as_str());
            let what = format!("`{function}` expects a {expected_text}, found a {found_text}");
            let what = what.replace("a instant", "an instant");
            let error = ParseError::new(arg.span(), what);
            return Err(match (expected, found) {
                (ValueType::Matrix, ValueType::Vector) => error.hint("say how far back, as in `x[5m]`"),
                (ValueType::Scalar, ValueType::Vector) => {
                    error.hint("`scalar(…)` makes a scalar of a vector")
                }
                (ValueType::Vector, ValueType::Scalar) => {
                    error.hint("`vector(…)` makes a vector of a scalar")
                }
                (ValueType::Vector, ValueType::Matrix) => error.hint("leave out the range in brackets"),
                _ => error,
            });
        }
    }
    Ok(())
}
