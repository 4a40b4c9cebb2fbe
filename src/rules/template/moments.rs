//! Times and lengths of time in templates: `toTime` and `toDuration`, and what Go can ask of them.
//!
//! In:   a time or length in nanoseconds, a method, its arguments.
//! Out:  what Go answers.
//! Not:  no other time zone than UTC, and of the many methods only those that say something.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};

use super::go_format::GoValue;

/// What method `name` of `value` gives; `None` where it has none of that name.
pub(super) fn method(value: &GoValue, name: &str, arguments: &[GoValue]) -> Option<Result<GoValue, String>> {
    let given = match value {
        GoValue::Time(nanoseconds) => of_time(DateTime::from_timestamp_nanos(*nanoseconds), name, arguments),
        GoValue::Length(nanoseconds) => of_length(*nanoseconds, name),
        _ => None,
    }?;
    let takes = usize::from(name == "Format");
    if arguments.len() == takes {
        return Some(Ok(given));
    }
    Some(Err(format!("wrong number of args for {name}: want {takes} got {}", arguments.len())))
}

fn of_time(at: DateTime<Utc>, name: &str, arguments: &[GoValue]) -> Option<GoValue> {
    let whole = |value: u32| GoValue::Int(i64::from(value));
    Some(match name {
        "Unix" => GoValue::Int(at.timestamp()),
        "UnixMilli" => GoValue::Int(at.timestamp_millis()),
        "Year" => GoValue::Int(i64::from(at.year())),
        "Month" => GoValue::Text(at.format("%B").to_string()),
        "Day" => whole(at.day()),
        "YearDay" => whole(at.ordinal()),
        "Hour" => whole(at.hour()),
        "Minute" => whole(at.minute()),
        "Second" => whole(at.second()),
        "Weekday" => GoValue::Text(at.format("%A").to_string()),
        "UTC" | "Local" => GoValue::Time(at.timestamp_nanos_opt()?),
        "String" => GoValue::Text(time_text(at.timestamp_nanos_opt()?)),
        "Format" => match arguments.first() {
            Some(GoValue::Text(layout)) => GoValue::Text(in_layout(at, layout)),
            _ => GoValue::Nil,
        },
        _ => return None,
    })
}

fn of_length(nanoseconds: i64, name: &str) -> Option<GoValue> {
    let whole = nanoseconds as f64;
    Some(match name {
        "Hours" => GoValue::Float(whole / 3.6e12),
        "Minutes" => GoValue::Float(whole / 6e10),
        "Seconds" => GoValue::Float(whole / 1e9),
        "Milliseconds" => GoValue::Int(nanoseconds / 1_000_000),
        "String" => GoValue::Text(length_text(nanoseconds)),
        _ => return None,
    })
}

/// The parts of Go's layouts, with what chrono calls them; a longer one comes before its beginning.
const PARTS: [(&str, &str); 24] = [
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "UTC"),
    ("2006", "%Y"),
    ("-07:00", "+00:00"),
    ("-0700", "+0000"),
    ("Z07:00", "Z"),
    (".000000", ".%6f"),
    (".000", ".%3f"),
    ("002", "%j"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("_2", "%e"),
    ("1", "%-m"),
    ("2", "%-d"),
];

/// A time in the layout of Go's reference time.
fn in_layout(at: DateTime<Utc>, layout: &str) -> String {
    let (mut format, mut rest) = (String::new(), layout);
    while let Some(c) = rest.chars().next() {
        match PARTS.iter().find(|(part, _)| rest.starts_with(part)) {
            Some((part, name)) => {
                format.push_str(name);
                rest = &rest[part.len()..];
            }
            None => {
                format.push_str(if c == '%' { "%%" } else { &rest[..c.len_utf8()] });
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    at.format(&format).to_string()
}

/// As Go prints a time: `2015-06-23 13:19:44.128 +0000 UTC`.
pub(super) fn time_text(nanoseconds: i64) -> String {
    let at = DateTime::from_timestamp_nanos(nanoseconds);
    let within = format!("{:09}", at.timestamp_subsec_nanos());
    let within = within.trim_end_matches('0');
    let point = if within.is_empty() { "" } else { "." };
    format!("{}{point}{within} +0000 UTC", at.format("%Y-%m-%d %H:%M:%S"))
}

/// As Go prints a length: `1h2m3.5s`, `1.5ms`.
pub(super) fn length_text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    let part = |unit: u64, digits: usize| {
        let within = format!("{:0digits$}", all % unit);
        let within = within.trim_end_matches('0');
        if within.is_empty() { String::new() } else { format!(".{within}") }
    };
    match all {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{all}ns"),
        1_000..1_000_000 => format!("{sign}{}{}µs", all / 1_000, part(1_000, 3)),
        1_000_000..1_000_000_000 => format!("{sign}{}{}ms", all / 1_000_000, part(1_000_000, 6)),
        _ => {
            let seconds = all / 1_000_000_000;
            let (hours, minutes, within) = (seconds / 3600, seconds / 60 % 60, part(1_000_000_000, 9));
            let seconds = seconds % 60;
            match (hours, minutes) {
                (0, 0) => format!("{sign}{seconds}{within}s"),
                (0, _) => format!("{sign}{minutes}m{seconds}{within}s"),
                _ => format!("{sign}{hours}h{minutes}m{seconds}{within}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_print_as_gos() {
        for (nanoseconds, expected) in [
            (0, "0s"),
            (1_500_000, "1.5ms"),
            (2_000, "2µs"),
            (60_000_000_000, "1m0s"),
            (3_723_500_000_000, "1h2m3.5s"),
            (-1_000_000_000, "-1s"),
        ] {
            assert_eq!(length_text(nanoseconds), expected);
        }
    }

    #[test]
    fn times_are_written_in_gos_layouts() {
        let at = GoValue::Time(1_435_065_584_128_000_000);
        let check = |layout: &str, expected: &str| {
            let given = method(&at, "Format", &[GoValue::Text(layout.to_owned())]);
            assert_eq!(given, Some(Ok(GoValue::Text(expected.to_owned()))), "{layout}");
        };
        check("2006-01-02T15:04:05Z07:00", "2015-06-23T13:19:44Z");
        check("Mon Jan _2 3%", "Tue Jun 23 3%");
        check("02 January 06 03:04 PM MST", "23 June 15 01:19 PM UTC");
        assert!(method(&at, "Format", &[]).is_some_and(|given| given.is_err()));
        assert_eq!(method(&at, "Nothing", &[]), None);
    }
}
