//! Runs scripts in the field's language: `load`, `eval instant`, `eval range`, `clear`.
//!
//! In:   a script. An `eval` is followed by the series that come out, and by `expect fail|warn|info TEXT` and `expect
//!       ordered`.
//! Out:  a panic with the line of what came out otherwise.
//! Not:  a warning or an info that no line expects is a failure too.

use std::time::Duration;

use crate::model::{Labels, Timestamp, parse_duration};
use crate::promql::notation::read_series;
use crate::promql::{
    Amount, Dialect, Histogram, Instants, Loaded, NoteKind, Options, Track, Value, evaluate_range,
    evaluate_within, parse_as,
};

/// What an `eval` gave.
#[derive(Debug, Default)]
struct Given {
    tracks: Vec<Track>,
    warnings: Vec<String>,
    infos: Vec<String>,
    failed: Option<String>,
}

pub(super) fn run(name: &str, script: &str) {
    let mut lines = script.lines().enumerate().map(|(at, line)| (at + 1, line.trim_end())).peekable();
    let mut loaded = Loaded::new();
    while let Some((at, line)) = lines.next() {
        let mut body = Vec::new();
        while let Some((at, line)) = lines.next_if(|(_, line)| line.starts_with(' ')) {
            body.push((at, line.trim()));
        }
        let place = |at: usize| format!("{name}:{at}");
        match line.split_once(' ') {
            _ if line.is_empty() || line.starts_with('#') => {}
            None if line == "clear" => loaded = Loaded::new(),
            Some(("load", step)) => {
                let lines: Vec<&str> = body.iter().map(|(_, line)| *line).collect();
                let step = parse_duration(step).unwrap();
                loaded.add_text(&lines.join("\n"), step).unwrap_or_else(|e| panic!("{}: {e}", place(at)));
            }
            Some(("eval", what)) => eval(&place(at), &loaded, what, &body),
            _ => panic!("{}: no command: {line}", place(at)),
        }
    }
}

fn eval(place: &str, loaded: &Loaded, what: &str, expected: &[(usize, &str)]) {
    let seconds = |text: &str| parse_duration(text).unwrap_or_else(|e| panic!("{place}: {e}"));
    let (given, from, step) = if let Some(rest) = what.strip_prefix("instant at ") {
        let (at, text) = rest.split_once(' ').unwrap();
        let at = Timestamp::default() + seconds(at);
        (instant(loaded, text, at), at, Duration::from_secs(1))
    } else {
        let words: Vec<&str> = what.splitn(8, ' ').collect();
        let ["range", "from", start, "to", end, "step", step, text] = words.as_slice() else {
            panic!("{place}: no `eval`")
        };
        let (start, end) = (Timestamp::default() + seconds(start), Timestamp::default() + seconds(end));
        let step = seconds(step);
        (range(loaded, text, &Instants { start, end, step }), start, step)
    };
    let (mut series, mut texts, mut ordered) = (Vec::new(), Vec::new(), false);
    for (at, line) in expected {
        match line.strip_prefix("expect ") {
            Some("ordered") => ordered = true,
            Some(rest) => texts.push(rest.split_once(' ').unwrap_or((rest, ""))),
            None => series.push(read_series(line, step).unwrap_or_else(|e| panic!("{place}: {at}: {e}"))),
        }
    }
    for (kind, found) in [("warn", &given.warnings), ("info", &given.infos)] {
        let wanted = texts.iter().filter(|(have, _)| *have == kind).count();
        let met = |found: &String| texts.iter().any(|(have, text)| *have == kind && found.contains(text));
        assert!(found.len() == wanted && found.iter().all(met), "{place}: {kind}: {found:?}");
    }
    let fails = texts.iter().find(|(kind, _)| *kind == "fail").map(|(_, text)| *text);
    match (&given.failed, fails) {
        (Some(found), Some(text)) => assert!(found.contains(text), "{place}: {found}"),
        (None, None) => {}
        (found, wanted) => panic!("{place}: {found:?}, not {wanted:?}"),
    }
    if !ordered {
        series.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let shifted = |samples: &[(Timestamp, Amount)]| -> Vec<(Timestamp, Amount)> {
        let later = |at: Timestamp| Timestamp::from_millis(at.as_millis() + from.as_millis());
        samples.iter().map(|(at, amount)| (later(*at), amount.clone())).collect()
    };
    let found: Vec<&Labels> = given.tracks.iter().map(|track| &track.labels).collect();
    let wanted: Vec<&Labels> = series.iter().map(|(labels, _)| labels).collect();
    assert_eq!(found, wanted, "{place}: {:?}", given.tracks);
    for (track, (labels, samples)) in given.tracks.iter().zip(&series) {
        let wanted = shifted(samples);
        let same = track.samples.len() == wanted.len()
            && track.samples.iter().zip(&wanted).all(|(a, b)| a.0 == b.0 && near(&a.1, &b.1));
        assert!(same, "{place}: {labels}: {:?}, not {wanted:?}", track.samples);
    }
}

fn instant(loaded: &Loaded, text: &str, at: Timestamp) -> Given {
    let expr = parse_as(text, &Dialect::EVERYTHING).unwrap_or_else(|error| panic!("{text}: {error}"));
    let single = |labels, amount| Track { labels, samples: vec![(at, amount)] };
    let value = evaluate_within(&expr, loaded, at, &Options::default(), &|| false);
    given(value.map(|(value, notes)| {
        let tracks = match value {
            Value::Scalar(value) => vec![single(Labels::empty(), Amount::Float(value))],
            Value::Vector(items) => items.into_iter().map(|item| single(item.labels, item.amount)).collect(),
            Value::Matrix(tracks) => tracks,
            Value::Text(text) => panic!("a text: {text}"),
        };
        (tracks, notes)
    }))
}

fn range(loaded: &Loaded, text: &str, instants: &Instants) -> Given {
    let expr = parse_as(text, &Dialect::EVERYTHING).unwrap_or_else(|error| panic!("{text}: {error}"));
    given(evaluate_range(&expr, loaded, instants, &Options::default(), &|| false))
}

fn given(result: Result<(Vec<Track>, Vec<crate::promql::Note>), crate::promql::EvalError>) -> Given {
    match result {
        Ok((tracks, notes)) => {
            let of = |kind: NoteKind| {
                notes.iter().filter(|note| note.kind == kind).map(|note| note.what.clone()).collect()
            };
            Given { tracks, warnings: of(NoteKind::Warning), infos: of(NoteKind::Info), failed: None }
        }
        Err(error) => Given { failed: Some(error.what), ..Given::default() },
    }
}

fn near(a: &Amount, b: &Amount) -> bool {
    let floats =
        |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (a.abs() + b.abs());
    let filled = |buckets: &[(i32, f64)]| -> Vec<(i32, f64)> {
        buckets.iter().copied().filter(|(_, count)| *count != 0.0).collect()
    };
    let buckets = |a: &[(i32, f64)], b: &[(i32, f64)]| {
        let (a, b) = (filled(a), filled(b));
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && floats(a.1, b.1))
    };
    let histograms = |a: &Histogram, b: &Histogram| {
        a.schema == b.schema
            && a.bounds == b.bounds
            && floats(a.zero_threshold, b.zero_threshold)
            && floats(a.zero_count, b.zero_count)
            && floats(a.count, b.count)
            && floats(a.sum, b.sum)
            && buckets(&a.positive, &b.positive)
            && buckets(&a.negative, &b.negative)
    };
    match (a, b) {
        (Amount::Float(a), Amount::Float(b)) => floats(*a, *b),
        (Amount::Histogram(a), Amount::Histogram(b)) => histograms(a, b),
        _ => false,
    }
}
