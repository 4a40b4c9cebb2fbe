//! Numbers as PromQL writes them.

use crate::model::parse_value;

/// A number as Prometheus reads it: whole ones also in hexadecimal or, behind a 0, in octal; digits may be
/// grouped by `_`.
pub(super) fn read_number(run: &str) -> Option<f64> {
    let bytes = run.as_bytes();
    let lone = |at: usize| at == 0 || bytes.get(at + 1).is_none_or(|b| !b.is_ascii_hexdigit());
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'_' && lone(at)) {
        return None;
    }
    let digits = run.replace('_', "");
    let whole = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => u64::from_str_radix(&digits[2..], 16).ok(),
        [b'0', _, ..] => u64::from_str_radix(&digits, 8).ok(),
        _ => None,
    };
    whole.map(|whole| whole as f64).or_else(|| parse_value(&digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_prometheus_reads_them() {
        let check = |text: &str, value: Option<f64>| assert_eq!(read_number(text), value, "{text}");
        check("1", Some(1.0));
        check(".5", Some(0.5));
        check("5.", Some(5.0));
        check("1e-3", Some(0.001));
        check("0x1F", Some(31.0));
        check("0755", Some(493.0));
        check("089", Some(89.0));
        check("1_000", Some(1000.0));
        check("0x1p-2", Some(0.25));
        for bad in ["1_", "1__0", "5x", "1.5m", "0xg", "1e", "5mm"] {
            check(bad, None);
        }
    }
}
