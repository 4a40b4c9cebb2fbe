//! Values as Go prints them: `fmt`'s verbs for the values that a template can hold.
//!
//! In:   a format and values.
//! Out:  the text, with Go's own words for a verb that does not fit (`%!d(float64=1.5)`).
//! Not:  no `*` widths and no `[n]` indexes; those and rarer verbs are errors that name themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Labels;

/// A value in a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum GoValue {
    Text(String),
    Float(f64),
    Int(i64),
    Bool(bool),
    Map(Labels),
    /// What `query` gives.
    List(Arc<[GoValue]>),
    /// An element of it.
    Sample(Arc<(Labels, f64)>),
    /// What `args` gives.
    Args(BTreeMap<String, GoValue>),
    /// A time, in nanoseconds since the epoch.
    Time(i64),
    /// A length of time, in nanoseconds.
    Length(i64),
    /// All that a template may speak of.
    Data,
    Nil,
}

impl GoValue {
    /// Go's name of the type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Float(_) => "float64",
            Self::Int(_) => "int",
            Self::Bool(_) => "bool",
            Self::Map(_) => "map[string]string",
            Self::List(_) => "template.queryResult",
            Self::Sample(_) => "*template.sample",
            Self::Args(_) => "map[string]interface {}",
            Self::Time(_) => "*time.Time",
            Self::Length(_) => "*time.Duration",
            Self::Data => "struct",
            Self::Nil => "<nil>",
        }
    }

    /// As `%v` prints it.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Float(value) => float_g(*value, None),
            Self::Int(value) => value.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Map(labels) => {
                let pairs: Vec<String> =
                    labels.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                format!("map[{}]", pairs.join(" "))
            }
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::show).collect();
                format!("[{}]", items.join(" "))
            }
            Self::Sample(sample) => {
                let (labels, value) = (Self::Map(sample.0.clone()), Self::Float(sample.1));
                format!("{{{} {}}}", labels.show(), value.show())
            }
            Self::Args(args) => {
                let pairs: Vec<String> =
                    args.iter().map(|(name, value)| format!("{name}:{}", value.show())).collect();
                format!("map[{}]", pairs.join(" "))
            }
            Self::Time(nanoseconds) => super::moments::time_text(*nanoseconds),
            Self::Length(nanoseconds) => super::moments::length_text(*nanoseconds),
            Self::Data => "{Labels ExternalLabels ExternalURL Value}".to_owned(),
            Self::Nil => "<nil>".to_owned(),
        }
    }

    /// Whether Go's templates take it for true: what is neither zero nor empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Float(value) => *value != 0.0,
            Self::Int(value) => *value != 0,
            Self::Bool(value) => *value,
            Self::Map(labels) => !labels.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Args(args) => !args.is_empty(),
            Self::Sample(_) | Self::Time(_) | Self::Length(_) | Self::Data => true,
            Self::Nil => false,
        }
    }
}

/// Go's `fmt.Sprint`: a blank between two values neither of which is a text.
pub(super) fn print(values: &[GoValue]) -> String {
    let mut out = String::new();
    for (nth, value) in values.iter().enumerate() {
        let is_text = |value: &GoValue| matches!(value, GoValue::Text(_));
        if 0 < nth && !is_text(value) && !is_text(&values[nth - 1]) {
            out.push(' ');
        }
        out.push_str(&value.show());
    }
    out
}

/// Go's `fmt.Sprintln`.
pub(super) fn println(values: &[GoValue]) -> String {
    let shown: Vec<String> = values.iter().map(GoValue::show).collect();
    format!("{}\n", shown.join(" "))
}

/// `NaN` and the infinities, which no verb writes otherwise.
fn special(value: f64) -> Option<&'static str> {
    match value {
        value if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// Rust writes `1.5e6`, Go `1.5e+06`.
fn go_exponent(text: &str) -> String {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{digits}e-{exponent:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}

fn float_e(value: f64, precision: usize) -> String {
    special(value).map_or_else(|| go_exponent(&format!("{value:.precision$e}")), str::to_owned)
}

fn float_f(value: f64, precision: usize) -> String {
    special(value).map_or_else(|| format!("{value:.precision$}"), str::to_owned)
}

/// `%g`: the shortest digits without a precision, else so many significant ones. An exponent is written below
/// 1e-4 and from 10^precision, for the shortest form from 1e6 (see Go's strconv/ftoa.go), which is why 1234567
/// prints as `1.234567e+06`.
fn float_g(value: f64, precision: Option<usize>) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let digits = precision.map(|precision| precision.max(1));
    let scientific = match digits {
        Some(digits) => format!("{value:.*e}", digits - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let significant = digits.and_then(|digits| i32::try_from(digits).ok());
    if exponent < -4 || exponent >= significant.unwrap_or(6) {
        return go_exponent(&format!("{}e{exponent}", without_zeros(mantissa)));
    }
    match significant {
        Some(digits) => {
            let decimals = usize::try_from(digits - 1 - exponent).unwrap_or(0);
            without_zeros(&format!("{value:.decimals$}")).to_owned()
        }
        None => format!("{value}"),
    }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// `%.4g`, in which the humanizing functions write.
pub(super) fn four_digits(value: f64) -> String {
    float_g(value, Some(4))
}

/// `%x` of a float without a precision: `0x1.8p+01`.
fn float_x(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value == 0.0 {
        return format!("{sign}0x0p+00");
    }
    let bits = value.abs().to_bits();
    let mut exponent = i64::try_from(bits >> 52).unwrap_or(0) - 1023;
    let mut fraction = bits & ((1 << 52) - 1);
    if exponent == -1023 {
        // A subnormal number: its highest bit becomes the leading 1.
        let shift = fraction.leading_zeros() - 11;
        fraction = (fraction << shift) & ((1 << 52) - 1);
        exponent = -1022 - i64::from(shift);
    }
    let hex = format!("{fraction:013x}");
    let hex = hex.trim_end_matches('0');
    let point = if hex.is_empty() { "" } else { "." };
    let way = if exponent < 0 { '-' } else { '+' };
    format!("{sign}0x1{point}{hex}p{way}{:02}", exponent.abs())
}

/// `%q` of a text, as Go's `strconv.Quote`.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// One `%…` of a format.
#[derive(Debug, Clone, Copy, Default)]
struct Directive {
    minus: bool,
    plus: bool,
    zero: bool,
    space: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
    verb: char,
}

/// Wider than any line that a person reads; a width or precision beyond it is a mistake.
const WIDTH_MAX: usize = 1000;

/// Stands for the verb of a format that ends within one.
const NO_VERB: char = '\0';

/// The directive that `rest`, the text behind a `%`, begins with, and its length.
fn directive(rest: &str) -> Result<(Directive, usize), String> {
    let mut chars = rest.char_indices().peekable();
    let mut found = Directive::default();
    while let Some((_, c)) = chars.peek() {
        match c {
            '-' => found.minus = true,
            '+' => found.plus = true,
            '0' => found.zero = true,
            ' ' => found.space = true,
            '#' => found.sharp = true,
            _ => break,
        }
        chars.next();
    }
    let mut number = || {
        let mut value = None;
        while let Some(digit) = chars.peek().and_then(|(_, c)| c.to_digit(10)) {
            let digit = usize::try_from(digit).unwrap_or(0);
            value = Some(value.unwrap_or(0usize).saturating_mul(10).saturating_add(digit));
            chars.next();
        }
        let dot = chars.next_if(|(_, c)| *c == '.').is_some();
        (value, dot)
    };
    let (width, dot) = number();
    found.width = width;
    if dot {
        found.precision = Some(number().0.unwrap_or(0));
    }
    if found.width.max(found.precision) > Some(WIDTH_MAX) {
        return Err(format!("printf's width or precision is beyond {WIDTH_MAX}"));
    }
    match chars.next() {
        None => Ok((Directive { verb: NO_VERB, ..found }, rest.len())),
        Some((_, '*')) => Err("a width of `*` in printf is not supported yet".to_owned()),
        Some((_, '[')) => Err("argument indexes in printf are not supported yet".to_owned()),
        Some((at, verb)) => Ok((Directive { verb, ..found }, at + verb.len_utf8())),
    }
}

/// Whether `format` holds only what `printf` here can do.
pub(super) fn check_format(format: &str) -> Result<(), String> {
    printf(format, &[]).map(|_| ())
}

/// Go's `fmt.Sprintf`.
///
/// # Errors
/// Where the format asks for something that is not supported here.
pub(super) fn printf(format: &str, arguments: &[GoValue]) -> Result<String, String> {
    let (mut out, mut rest, mut next) = (String::new(), format, 0);
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (directive, len) = directive(&rest[at + 1..])?;
        rest = &rest[at + 1 + len..];
        if directive.verb == '%' {
            out.push('%');
            continue;
        }
        if directive.verb == NO_VERB {
            out.push_str("%!(NOVERB)");
            continue;
        }
        match arguments.get(next) {
            Some(argument) => out.push_str(&directive.write(argument)),
            None => out.push_str(&format!("%!{}(MISSING)", directive.verb)),
        }
        next += 1;
    }
    out.push_str(rest);
    if next < arguments.len() {
        let extra: Vec<String> = arguments[next..]
            .iter()
            .map(|value| match value {
                GoValue::Nil => "<nil>".to_owned(),
                value => format!("{}={}", value.type_name(), value.show()),
            })
            .collect();
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(out)
}

impl Directive {
    fn write(&self, value: &GoValue) -> String {
        let body = match (self.verb, value) {
            ('T', value) => Some(self.text(value.type_name())),
            ('v', GoValue::Text(text)) if self.sharp => Some(quote(text)),
            ('v' | 's', GoValue::Text(text)) => Some(self.text(text)),
            ('q', GoValue::Text(text)) => Some(quote(&self.text(text))),
            ('x', GoValue::Text(text)) => Some(text.bytes().map(|byte| format!("{byte:02x}")).collect()),
            ('X', GoValue::Text(text)) => Some(text.bytes().map(|byte| format!("{byte:02X}")).collect()),
            (_, GoValue::Float(value)) => self.float(*value).map(|text| self.signed(&text)),
            (_, GoValue::Int(value)) => self.integer(*value).map(|text| self.signed(&text)),
            ('v' | 't', GoValue::Bool(value)) => Some(value.to_string()),
            ('v', GoValue::Nil) => Some(value.show()),
            (
                'v' | 's',
                GoValue::Map(_)
                | GoValue::List(_)
                | GoValue::Sample(_)
                | GoValue::Args(_)
                | GoValue::Time(_)
                | GoValue::Length(_)
                | GoValue::Data,
            ) => Some(value.show()),
            _ => None,
        };
        match body {
            Some(body) => self.pad(&body, value),
            None if *value == GoValue::Nil => format!("%!{}(<nil>)", self.verb),
            None => format!("%!{}({}={})", self.verb, value.type_name(), value.show()),
        }
    }

    /// A precision cuts a text to so many characters.
    fn text(&self, text: &str) -> String {
        match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text.to_owned(),
        }
    }

    fn float(&self, value: f64) -> Option<String> {
        let precision = self.precision.unwrap_or(6);
        Some(match self.verb {
            'v' | 'g' => float_g(value, self.precision),
            'G' => float_g(value, self.precision).replace('e', "E"),
            'f' | 'F' => float_f(value, precision),
            'e' => float_e(value, precision),
            'E' => float_e(value, precision).replace('e', "E"),
            'x' if self.precision.is_none() => float_x(value),
            'X' if self.precision.is_none() => float_x(value).to_uppercase(),
            _ => return None,
        })
    }

    fn integer(&self, value: i64) -> Option<String> {
        let sign = if value < 0 { "-" } else { "" };
        let size = value.unsigned_abs();
        let digits = match self.verb {
            'v' | 'd' => size.to_string(),
            'x' if self.sharp => format!("0x{size:x}"),
            'X' if self.sharp => format!("0X{size:X}"),
            'o' if self.sharp => format!("0{size:o}"),
            'O' => format!("0o{size:o}"),
            'c' => return char::from_u32(u32::try_from(value).unwrap_or(u32::MAX)).map(String::from),
            'U' => return Some(format!("U+{size:04X}")),
            'q' => {
                let c = char::from_u32(u32::try_from(value).unwrap_or(u32::MAX)).unwrap_or('\u{fffd}');
                return Some(format!("'{c}'"));
            }
            'x' => format!("{size:x}"),
            'X' => format!("{size:X}"),
            'o' => format!("{size:o}"),
            'b' => format!("{size:b}"),
            _ => return None,
        };
        let least = self.precision.unwrap_or(0);
        Some(format!("{sign}{digits:0>least$}"))
    }

    /// The flags `+` and blank, which show the sign of what is not negative.
    fn signed(&self, text: &str) -> String {
        match text.strip_prefix('+') {
            Some(bare) if self.space && !self.plus => format!(" {bare}"),
            Some(_) => text.to_owned(),
            None if text.starts_with('-') => text.to_owned(),
            None if self.plus => format!("+{text}"),
            None if self.space => format!(" {text}"),
            None => text.to_owned(),
        }
    }

    fn pad(&self, body: &str, value: &GoValue) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(body.chars().count());
        let is_number = matches!(value, GoValue::Int(_) | GoValue::Float(_));
        let is_special = matches!(value, GoValue::Float(value) if !value.is_finite());
        if self.minus {
            return format!("{body}{}", " ".repeat(missing));
        }
        if self.zero && is_number && !is_special {
            let at = usize::from(body.starts_with(['+', '-', ' ']));
            return format!("{}{}{}", &body[..at], "0".repeat(missing), &body[at..]);
        }
        format!("{}{body}", " ".repeat(missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, value: GoValue, expected: &str) {
        assert_eq!(printf(format, &[value]).as_deref(), Ok(expected), "{format}");
    }

    #[test]
    fn floats_print_as_go_prints_them() {
        let float = GoValue::Float;
        check("%v", float(50_000.0), "50000");
        check("%v", float(1_234_567.0), "1.234567e+06");
        check("%v", float(1e-5), "1e-05");
        check("%v", float(0.0001), "0.0001");
        check("%v", float(f64::INFINITY), "+Inf");
        check("%v", float(f64::NAN), "NaN");
        check("%.2f", float(12.345), "12.35");
        check("%5.1f|", float(2.25), "  2.2|");
        check("%-6.1f|", float(2.25), "2.2   |");
        check("%06.1f", float(-2.25), "-002.2");
        check("%+.1f", float(2.0), "+2.0");
        check("%06.1f", float(f64::INFINITY), "  +Inf");
        check("%e", float(123_456.0), "1.234560e+05");
        check("%.4g", float(1_234.5), "1234");
        check("%.4g", float(12_345.0), "1.234e+04");
        check("%.3g", float(0.000_012_3), "1.23e-05");
        check("%g", float(100_000.0), "100000");
        check("%g", float(1_000_000.0), "1e+06");
        check("%x", float(3.0), "0x1.8p+01");
        check("%x", float(1.0), "0x1p+00");
    }

    #[test]
    fn other_values_print_as_go_prints_them() {
        let text = |text: &str| GoValue::Text(text.to_owned());
        check("%s|%%", text("ü"), "ü|%");
        check("%5s|", text("ab"), "   ab|");
        check("%-5s|", text("ab"), "ab   |");
        check("%.1s", text("ab"), "a");
        check("%q", text("a\"\n\u{1}"), r#""a\"\n\x01""#);
        check("%x", text("hi"), "6869");
        check("%d", GoValue::Int(-7), "-7");
        check("%03d", GoValue::Int(7), "007");
        check("%x", GoValue::Int(255), "ff");
        check("%t", GoValue::Bool(true), "true");
        check("%v", GoValue::Map([("b", "2"), ("a", "1")].into_iter().collect()), "map[a:1 b:2]");
    }

    #[test]
    fn what_does_not_fit_is_said_in_gos_words() {
        check("%d", GoValue::Float(1.5), "%!d(float64=1.5)");
        check("%s", GoValue::Float(1.5), "%!s(float64=1.5)");
        check("%f", GoValue::Text("x".to_owned()), "%!f(string=x)");
        check("x", GoValue::Int(1), "x%!(EXTRA int=1)");
        check("%d%", GoValue::Int(5), "5%!(NOVERB)");
        check("%.1f%.", GoValue::Float(5.0), "5.0%!(NOVERB)");
        assert_eq!(printf("%d", &[]).as_deref(), Ok("%!d(MISSING)"));
    }

    #[test]
    fn what_is_not_supported_names_itself() {
        for (format, named) in [("%*d", "`*`"), ("%[1]d", "indexes"), ("%-*s", "`*`")] {
            assert!(printf(format, &[]).is_err_and(|error| error.contains(named)), "{format}");
        }
    }
}
