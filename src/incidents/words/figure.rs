//! Measured numbers as people read them.

use crate::incidents::settings::Language;

/// `498,211`, `12.3`, `0.052`; no more digits than it is worth, marked as the language does.
pub(super) fn figure(value: f64, language: Language) -> String {
    let (decimal, thousands) = match language {
        Language::English => ('.', ','),
        Language::BrazilianPortuguese => (',', '.'),
    };
    let size = value.abs();
    if !value.is_finite() || 1e15 <= size {
        return format!("{value:e}");
    }
    if size < 100.0 {
        let decimals = if 10.0 <= size {
            1
        } else if 1.0 <= size {
            2
        } else {
            3
        };
        let text = format!("{value:.decimals$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        let text = if text == "-0" { "0" } else { text };
        return text.replace('.', &decimal.to_string());
    }
    let digits = format!("{size:.0}");
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if 0 < place && (digits.len() - place).is_multiple_of(3) {
            text.push(thousands);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_worth_their_digits() {
        let check = |value: f64, text: &str| assert_eq!(figure(value, Language::English), text);
        check(0.0, "0");
        check(-0.0001, "0");
        check(0.0523, "0.052");
        check(1.0, "1");
        check(12.34, "12.3");
        check(97.0, "97");
        check(999.6, "1,000");
        check(498_211.4, "498,211");
        check(-1_234_567.0, "-1,234,567");
    }

    #[test]
    fn marks_are_those_of_the_language() {
        assert_eq!(figure(498_211.4, Language::BrazilianPortuguese), "498.211");
        assert_eq!(figure(12.34, Language::BrazilianPortuguese), "12,3");
    }
}
