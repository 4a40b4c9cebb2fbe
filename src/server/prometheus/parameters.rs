//! What a request asks, from its query and its form.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::Uri;

use super::Failure;
use crate::model::{Timestamp, parse_duration, parse_value};
use crate::server::commands::Body;

/// The parameters, in order; those of the form before those of the query.
#[derive(Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn new(uri: &Uri, body: Body) -> Result<Self, Failure> {
        let form: Bytes = body.map_err(|rejected| Failure::bad(rejected.body_text()))?;
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Ok(Self(form_urlencoded::parse(&form).into_owned().chain(query.into_owned()).collect()))
    }

    /// The first of this name that says something.
    pub fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().filter(|(own, _)| own == name);
        named.map(|(_, value)| value.as_str()).find(|value| !value.is_empty())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn required(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| Failure::bad(format!("invalid parameter `{name}`: it is missing")))
    }

    /// Reads one by `read`, which says what it should have been.
    pub fn read<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Failure> {
        let read =
            |text| read(text).map_err(|why| Failure::bad(format!("invalid parameter `{name}`: {why}")));
        self.get(name).map(read).transpose()
    }
}

/// A moment, in seconds since 1970 or as RFC 3339 has it.
///
/// # Errors
/// Where it is neither.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let seconds = parse_value(text).filter(|seconds| seconds.abs() < 1e12);
    let seconds = seconds.map(|seconds| Timestamp::from_millis((seconds * 1000.0).round() as i64));
    seconds.or_else(|| Timestamp::parse_rfc3339(text)).ok_or_else(|| {
        format!("`{text}` is no moment; write for example `1675260600.5` or `2023-02-01T14:10:00Z`")
    })
}

/// A length of time above zero, in seconds or as `1m30s`.
///
/// # Errors
/// Where it is neither.
pub fn length(text: &str) -> Result<Duration, String> {
    let seconds = parse_value(text).filter(|seconds| (0.0..1e9).contains(seconds));
    let length = seconds.map(|seconds| Duration::from_millis((seconds * 1000.0).round() as u64));
    let length = length.or_else(|| parse_duration(text).ok());
    length.filter(|length| !length.is_zero()).ok_or_else(|| {
        format!("`{text}` is no length of time above zero; write for example `15`, `0.5` or `1m30s`")
    })
}

/// A whole number; 0 is no limit.
///
/// # Errors
/// Where it is none.
pub fn limit(text: &str) -> Result<Option<usize>, String> {
    let number = text.parse::<usize>().map_err(|_| format!("`{text}` is no whole number"))?;
    Ok(Some(number).filter(|number| *number > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_both_ways() {
        let check = |text: &str, ms: i64| assert_eq!(moment(text), Ok(Timestamp::from_millis(ms)), "{text}");
        check("1675260600", 1_675_260_600_000);
        check("1675260600.781", 1_675_260_600_781);
        check("-1.5", -1500);
        check("2023-02-01T14:10:00Z", 1_675_260_600_000);
        check("2023-02-01T11:10:00.25-03:00", 1_675_260_600_250);
        for bad in ["", "now", "NaN", "Inf", "1e300", "2023-02-01"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lengths_are_read_in_both_ways() {
        let check = |text: &str, ms: u64| assert_eq!(length(text), Ok(Duration::from_millis(ms)), "{text}");
        check("15", 15_000);
        check("0.5", 500);
        check("1m30s", 90_000);
        for bad in ["", "0", "0s", "-5", "NaN", "Inf", "5x", "1e300"] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_form_comes_before_the_query() {
        let uri = "/x?a=1&b=2&c=%2B".parse().unwrap();
        let parameters = Parameters::new(&uri, Ok(Bytes::from_static(b"a=3&b="))).unwrap();
        let get = |name| parameters.get(name);
        assert_eq!([get("a"), get("b"), get("c"), get("d")], [Some("3"), Some("2"), Some("+"), None]);
    }
}
