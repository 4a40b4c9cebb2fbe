//! Lists of groups in JSON or YAML, as files and HTTP services give them.
//!
//! In:   a text.
//! Out:  its groups, or where and why it is no such list.
//! Not:  addresses are not judged: relabelling may make something of them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::scrape::TargetGroup;

/// One group as typed. As Prometheus reads it: other keys are refused, and both of these may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    #[serde(default)]
    targets: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

/// Why a text is no list of groups.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {what}")]
pub(super) struct ListError {
    line: usize,
    column: usize,
    what: String,
}

/// Reads JSON.
///
/// # Errors
/// Where it is none, or not of this form.
pub(super) fn from_json(text: &[u8]) -> Result<Vec<TargetGroup>, ListError> {
    let typed: Vec<Typed> = serde_json::from_slice(text).map_err(|error| {
        let whole = error.to_string();
        let what = whole.rsplit_once(" at line ").map_or(&*whole, |(what, _)| what).to_owned();
        ListError { line: error.line().max(1), column: error.column().max(1), what }
    })?;
    groups(typed)
}

/// Reads YAML.
///
/// # Errors
/// As `from_json`.
pub(super) fn from_yaml(text: &str) -> Result<Vec<TargetGroup>, ListError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let typed: Option<Vec<Typed>> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location();
        let number = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or(1);
        let whole = error.without_snippet().to_string();
        let first = whole.lines().next().unwrap_or("it cannot be read");
        let what = match first.split_once(": ") {
            Some((head, tail)) if head.contains("line ") && head.contains("column ") => tail,
            _ => first,
        };
        let what = what.rsplit_once(" at line ").map_or(what, |(what, _)| what).to_owned();
        ListError {
            line: number(place.as_ref().map(|at| at.line())),
            column: number(place.as_ref().map(|at| at.column())),
            what,
        }
    })?;
    groups(typed.unwrap_or_default())
}

fn groups(typed: Vec<Typed>) -> Result<Vec<TargetGroup>, ListError> {
    let group = |(place, typed): (usize, Typed)| {
        let labels = typed.labels.unwrap_or_default();
        if labels.contains_key("") {
            let what = format!("a label of group {} has no name", place + 1);
            return Err(ListError { line: 1, column: 1, what });
        }
        Ok(TargetGroup { targets: typed.targets.unwrap_or_default(), labels })
    };
    typed.into_iter().enumerate().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each group as its targets and its labels.
    type Groups<'a> = [(&'a [&'a str], &'a [(&'a str, &'a str)])];

    fn check(text: &str, expected: &Groups<'_>) {
        let group = |(targets, labels): &(&[&str], &[(&str, &str)])| TargetGroup {
            targets: targets.iter().map(|target| (*target).to_owned()).collect(),
            labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let is_json = text.starts_with(['[', '{']);
        let read = if is_json { from_json(text.as_bytes()) } else { from_yaml(text) };
        assert_eq!(read, Ok(expected.iter().map(group).collect()), "{text}");
    }

    #[test]
    fn groups_are_read_as_prometheus_reads_them() {
        check("[]", &[]);
        let two: &Groups<'_> = &[(&["a:1", "b:2"], &[("x", "1")]), (&[], &[])];
        check(r#"[{"targets": ["a:1", "b:2"], "labels": {"x": "1"}}, {}]"#, two);
        check("[\n\t{\"targets\": [\"a:1\"]}\n]", &[(&["a:1"], &[])]);
        let typed: &Groups<'_> = &[(&["a:1"], &[("on", "true"), ("port", "9100")]), (&[], &[])];
        check("- targets: [a:1]\n  labels:\n    port: 9100\n    on: true\n- labels: {}\n", typed);
        check("# nothing yet\n", &[]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let faults = [
            "[{\"targets\": [\"a:1\"]",
            "[\n  {\"target\": [\"a:1\"]}\n]",
            "{\"targets\": []}",
            "- targets: [a:1]\n  label: {}\n",
            "- targets: a:1\n",
            "- targets: [a:1\n",
            "- labels: {\"\": x}\n",
        ];
        let said = faults.map(|text| {
            let is_json = text.starts_with(['[', '{']);
            let read = if is_json { from_json(text.as_bytes()) } else { from_yaml(text) };
            read.expect_err(text).to_string()
        });
        assert_eq!(
            said,
            [
                "1:20: EOF while parsing an object",
                "2:11: unknown field `target`, expected `targets` or `labels`",
                "1:1: invalid type: map, expected a sequence",
                "2:3: unknown field `label`, expected one of targets, labels",
                "1:12: expected sequence start",
                "1:12: unclosed bracket '['",
                "1:1: a label of group 1 has no name",
            ]
        );
    }
}
