//! How bounds of buckets and quantiles are written in labels.
//!
//! In:   a number, or a label's value that should be one.
//! Out:  the text that Prometheus 3 gives it in `le` and `quantile`, whatever the page's format writes.
//! Not:  values of samples are written otherwise (`model::format_value`).

use std::borrow::Cow;

use super::value::read_value;
use crate::model::format_value;

/// The value of a `le` or `quantile` as Prometheus 3 has it; what is no number stays as it is.
pub(super) fn normal(value: Cow<'_, str>) -> Cow<'_, str> {
    // Most are written in this way already.
    match read_value(&value, 0) {
        Ok((number, end)) if end == value.len() => {
            let text = text(number);
            if text == value { value } else { Cow::Owned(text) }
        }
        _ => value,
    }
}

/// The shortest digits that read back the same: with an exponent below 1e-4 and from 1e6 on, and with `.0` behind what has
/// neither point nor exponent (Go's `strconv.FormatFloat(number, 'g', -1, 64)`, and `formatOpenMetricsFloat` in Prometheus).
pub(super) fn text(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 {
        return "0.0".to_owned();
    }
    if !number.is_finite() || size < 1e-4 {
        return format_value(number);
    }
    if size < 1e6 {
        let plain = format!("{number}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').expect("`{:e}` always writes an exponent");
    format!("{digits}e+{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_written_as_prometheus_writes_them() {
        let check = |written: &str, expected: &str| assert_eq!(normal(written.into()), expected, "{written}");
        check("1", "1.0");
        check("0", "0.0");
        check("-0", "0.0");
        check("1.0", "1.0");
        check("0.50", "0.5");
        check("5e-05", "5e-05");
        check("0.0001", "0.0001");
        check("100000", "100000.0");
        check("1000000", "1e+06");
        check("12345678.5", "1.23456785e+07");
        check("1e100", "1e+100");
        check("+Inf", "+Inf");
        check("inf", "+Inf");
        check("nan", "NaN");
        for odd in ["", "a", "1 ", "1{", "0x1"] {
            check(odd, odd);
        }
    }
}
