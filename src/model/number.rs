//! Sample values as texts and bits.

/// The bits of the staleness marker: a NaN of its own (see Prometheus `model/value/value.go`).
pub const STALE_NAN: u64 = 0x7ff0_0000_0000_0002;

/// Whether `value` is the staleness marker. Any other NaN is a measurement.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN
}

/// Writes a value plainly: the shortest digits that read back the same, without an exponent from 1e-4 up to 1e21,
/// where Prometheus's results have none either. Go's `%v`, which `{{ $value }}` prints, is another form: it writes
/// 1234567 as `1.234567e+06` (see `rules`' templates).
pub fn format_value(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').expect("`{:e}` always writes an exponent");
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{value}")
}

/// Reads a value as Go's `strconv.ParseFloat` does for what exporters write: decimal, `NaN`, `Inf` in any case
/// with a sign, hexadecimal floats (`0x1p4`), and digits grouped by `_` are refused.
pub fn parse_value(text: &str) -> Option<f64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.as_bytes().first()?.to_ascii_lowercase();
    let size = match lower {
        b'n' if digits.eq_ignore_ascii_case("nan") && digits.len() == text.len() => return Some(f64::NAN),
        b'i' if digits.eq_ignore_ascii_case("inf") || digits.eq_ignore_ascii_case("infinity") => {
            f64::INFINITY
        }
        b'0' if digits.len() > 2 && digits.as_bytes()[1].eq_ignore_ascii_case(&b'x') => {
            parse_hex(&digits[2..])?
        }
        b'0'..=b'9' | b'.' => digits.parse().ok()?,
        _ => return None,
    };
    Some(if negative { -size } else { size })
}

/// The digits behind `0x` of a hexadecimal float: `1.8p3`. The exponent is required, as in Go.
fn parse_hex(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent: i32 = exponent.parse().ok()?;
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    Some(value * 2f64.powi(exponent.checked_sub(shift)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stale_marker_is_one_nan_only() {
        assert!(is_stale(f64::from_bits(STALE_NAN)));
        assert!(!is_stale(f64::NAN));
    }

    #[test]
    fn values_print_plainly() {
        let check = |value: f64, text: &str| assert_eq!(format_value(value), text);
        check(0.0, "0");
        check(97.0, "97");
        check(1_234_567.0, "1234567");
        check(0.1, "0.1");
        check(0.00001, "1e-05");
        check(1e20, "100000000000000000000");
        check(1e21, "1e+21");
        check(-1.5e300, "-1.5e+300");
        check(f64::INFINITY, "+Inf");
        check(f64::NAN, "NaN");
    }

    #[test]
    fn values_are_read_as_go_reads_them() {
        let check = |text: &str, value: Option<f64>| assert_eq!(parse_value(text), value, "{text}");
        check("1.5", Some(1.5));
        check("+Inf", Some(f64::INFINITY));
        check("-inf", Some(f64::NEG_INFINITY));
        check("0x1p4", Some(16.0));
        check("0x1.8p1", Some(3.0));
        check(".5e1", Some(5.0));
        for bad in ["", "-", "1_000", "0x1", "1e", "abc", "0x", "1 ", "++1", "-NaN", "infin"] {
            check(bad, None);
        }
        assert!(parse_value("nan").is_some_and(f64::is_nan));
    }
}
