//! Values and timestamps of samples.

use super::fault::{Fault, FaultAt, shortened};
use crate::model::parse_value;

/// Powers of ten that a float holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// A whole number of so many digits is exact in a float.
const EXACT_DIGITS: usize = 15;

/// The token of `page` that begins at `at`, and where it ends: before a blank, a line end or a brace.
pub(super) fn token(page: &str, at: usize) -> (&str, usize) {
    let rest = &page.as_bytes()[at..];
    let length = rest.iter().position(|b| matches!(b, b' ' | b'\t' | b'\n' | b'{')).unwrap_or(rest.len());
    (&page[at..at + length], at + length)
}

/// Reads the value that begins at `at`, and says where it ends.
#[inline]
pub(super) fn read_value(page: &str, at: usize) -> Result<(f64, usize), FaultAt> {
    match read_plain(page.as_bytes(), at) {
        Some(read) => Ok(read),
        None => read_any(page, at),
    }
}

fn read_any(page: &str, at: usize) -> Result<(f64, usize), FaultAt> {
    let (text, end) = token(page, at);
    if text.is_empty() {
        return Err(FaultAt::expected(page, at, "a value"));
    }
    if let Some(odd) = text.bytes().position(|b| matches!(b, b'\0' | b'\r')) {
        return Err(FaultAt::expected(page, at + odd, "the end of the value"));
    }
    // The server keeps to the floats that Go read before 1.13: no hexadecimal ones.
    let value = if text.contains(['p', 'P', '_']) { None } else { parse_value(text) };
    match value {
        None => Err(FaultAt::new(at, Fault::Value(shortened(text)))),
        Some(value) if value.is_infinite() && text.bytes().any(|b| b.is_ascii_digit()) => {
            Err(FaultAt::new(at, Fault::ValueRange(shortened(text))))
        }
        Some(value) => Ok((value, end)),
    }
}

/// Reads what nearly all values are: up to 15 digits with a point and a small exponent. The digits are exact in
/// a float and so is the power of ten, so that the one operation on them rounds correctly.
#[inline]
fn read_plain(page: &[u8], at: usize) -> Option<(f64, usize)> {
    let negative = page.get(at) == Some(&b'-');
    let start = at + usize::from(negative);
    let (mut end, mut digits, mut mantissa) = (start, 0, 0u64);
    let mut point = None;
    while let Some(byte) = page.get(end) {
        match byte {
            b'0'..=b'9' => {
                if digits == EXACT_DIGITS {
                    return None;
                }
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                digits += 1;
            }
            b'.' if point.is_none() => point = Some(end),
            _ => break,
        }
        end += 1;
    }
    if digits == 0 {
        return None;
    }
    let mut exponent = point.map_or(0, |point| -((end - point - 1) as i32));
    if let Some(b'e' | b'E') = page.get(end) {
        let (written, after) = read_exponent(page, end + 1)?;
        exponent += written;
        end = after;
    }
    if !matches!(page.get(end), None | Some(b' ' | b'\t' | b'\n')) {
        return None;
    }
    let power = *EXACT_POWERS.get(exponent.unsigned_abs() as usize)?;
    let size = if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
    Some((if negative { -size } else { size }, end))
}

fn read_exponent(page: &[u8], at: usize) -> Option<(i32, usize)> {
    let negative = page.get(at) == Some(&b'-');
    let start = at + usize::from(matches!(page.get(at), Some(b'-' | b'+')));
    let (mut end, mut exponent) = (start, 0);
    while let Some(digit @ b'0'..=b'9') = page.get(end) {
        if end - start == 3 {
            return None;
        }
        exponent = exponent * 10 + i32::from(digit - b'0');
        end += 1;
    }
    (end > start).then_some((if negative { -exponent } else { exponent }, end))
}

/// Reads the timestamp that begins at `at`, and says where it ends.
pub(super) fn read_timestamp(page: &str, at: usize) -> Result<(i64, usize), FaultAt> {
    let (text, end) = token(page, at);
    match text.parse() {
        Ok(ms) => Ok((ms, end)),
        Err(_) => match text.bytes().position(|b| matches!(b, b'\0' | b'\r')) {
            Some(odd) => Err(FaultAt::expected(page, at + odd, "the end of the line")),
            None => Err(FaultAt::new(at, Fault::Timestamp(shortened(text)))),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_values_take_the_short_way_and_odd_ones_the_long() {
        for (text, value) in [("0", 0.0), ("-1.5", -1.5), ("1.", 1.0), (".5", 0.5), ("1.25e+06", 1.25e6)] {
            assert_eq!(read_plain(text.as_bytes(), 0), Some((value, text.len())), "{text}");
        }
        for text in ["", "-", ".", "1e", "1e+", "1.2.3", "1x", "NaN", "1234567890123456", "1e99"] {
            assert_eq!(read_plain(text.as_bytes(), 0), None, "{text}");
        }
        assert!(read_plain(b"-0", 0).is_some_and(|(zero, _)| zero.is_sign_negative()));
    }

    #[test]
    fn values_that_the_server_refuses_are_refused() {
        for text in ["0x1p4", "0X1", "1_2", "true", "1e999", "-1e999", "--1", "1a", "\0", "1\r"] {
            assert!(read_value(text, 0).is_err(), "{text:?}");
        }
        for text in ["+Inf", "-inf", "infinity", "nan", "1e-999", "00012345678901234567890"] {
            assert!(read_value(text, 0).is_ok(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_written_float_reads_back_the_same(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            for text in [format!("{value}"), format!("{value:e}")] {
                let read = read_value(&text, 0).expect("it is a float");
                prop_assert_eq!(read.0.to_bits(), bits, "{}", text);
            }
        }

        #[test]
        fn short_decimals_read_as_the_standard_library_reads_them(text in "-?[0-9]{1,9}(\\.[0-9]{0,8})?(e[-+]?[0-9]{1,2})?") {
            let read = read_value(&text, 0).expect("it is a float").0;
            prop_assert_eq!(read.to_bits(), text.parse::<f64>().expect("it is a float").to_bits());
        }
    }
}
