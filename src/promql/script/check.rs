//! Evaluates one `eval` and compares what comes of it.
//!
//! In:   the `eval`, and series.
//! Out:  nothing, or what is not as expected.
//! Not:  numbers need not be equal to the last bit.

use std::fmt::Write as _;

use super::{Eval, Outcome, Text, Unspoken, When};
use crate::model::{Labels, Timestamp, format_value};
use crate::promql::{
    Amount, Dialect, Histogram, Instants, Loaded, Note, NoteKind, Options, Track, Value, evaluate_range,
    evaluate_within, parse_as,
};

/// Numbers differ where they differ by more than this part of them.
const TOLERANCE: f64 = 1e-6;

/// What came of an expression.
enum Given {
    Scalar(f64),
    Text(String),
    Tracks(Vec<Track>),
}

pub(super) fn check(eval: &Eval, loaded: &Loaded, unspoken: Unspoken) -> Result<(), String> {
    let given = evaluate(eval, loaded);
    let (given, notes) = match (given, &eval.fails) {
        (Err(why), None) => return Err(format!("it fails: {why}")),
        (Err(why), Some(Text::Part(part))) if !why.contains(part.as_str()) => {
            return Err(format!("it fails otherwise: {why}"));
        }
        (Err(_), Some(_)) => return Ok(()),
        (Ok(_), Some(_)) => return Err("it does not fail".to_owned()),
        (Ok(given), None) => given,
    };
    for kind in [NoteKind::Warning, NoteKind::Info] {
        check_notes(eval, kind, &notes, unspoken)?;
    }
    let is_same = match (&given, &eval.expected) {
        (Given::Scalar(found), Outcome::Scalar(wanted)) => near(*found, *wanted),
        (Given::Scalar(found), Outcome::Series(wanted)) => is_scalar(*found, wanted),
        (Given::Text(found), Outcome::Text(wanted)) => found == wanted,
        (Given::Tracks(found), Outcome::Series(wanted)) => same_tracks(found, wanted, eval.ordered),
        _ => false,
    };
    if is_same { Ok(()) } else { Err(told(&given, &eval.expected)) }
}

fn evaluate(eval: &Eval, loaded: &Loaded) -> Result<(Given, Vec<Note>), String> {
    let expr = parse_as(&eval.expr, &Dialect::EVERYTHING).map_err(|error| error.to_string())?;
    match eval.when {
        When::Over { start, end, step } => {
            let instants = Instants { start, end, step };
            let range = evaluate_range(&expr, loaded, &instants, &Options::default(), &|| false);
            range.map(|(tracks, notes)| (Given::Tracks(tracks), notes)).map_err(|error| error.what)
        }
        When::At(at) => {
            let value = evaluate_within(&expr, loaded, at, &Options::default(), &|| false);
            let (value, notes) = value.map_err(|error| error.what)?;
            let given = match value {
                Value::Scalar(value) => Given::Scalar(value),
                Value::Text(text) => Given::Text(text),
                Value::Matrix(tracks) => Given::Tracks(tracks),
                Value::Vector(items) => Given::Tracks(
                    items
                        .into_iter()
                        .map(|item| Track { labels: item.labels, samples: vec![(at, item.amount)] })
                        .collect(),
                ),
            };
            Ok((given, notes))
        }
    }
}

fn check_notes(eval: &Eval, kind: NoteKind, notes: &[Note], unspoken: Unspoken) -> Result<(), String> {
    let word = match kind {
        NoteKind::Warning => "warning",
        NoteKind::Info => "info",
    };
    let found: Vec<&Note> = notes.iter().filter(|note| note.kind == kind).collect();
    let wanted: Vec<Option<&Text>> =
        eval.notes.iter().filter(|note| note.kind == kind).map(|note| note.text.as_ref()).collect();
    let met = |text: &Text, note: &Note| match text {
        Text::Any => true,
        Text::Whole(whole) => note.in_text(&eval.expr) == *whole || note.what == *whole,
        Text::Fits(pattern) => pattern.is_match(&note.in_text(&eval.expr)),
        Text::Part(part) => note.what.contains(part.as_str()),
    };
    let texts: Vec<&Text> = wanted.iter().flatten().copied().collect();
    if texts.iter().any(|text| !found.iter().any(|note| met(text, note))) {
        let found: Vec<String> = found.iter().map(|note| note.in_text(&eval.expr)).collect();
        return Err(format!(
            "a warning or info is expected that does not come; of kind {word} there are {found:?}"
        ));
    }
    let is_spoken_of = !wanted.is_empty() || unspoken == Unspoken::Failure;
    match found.into_iter().find(|note| !texts.iter().any(|text| met(text, note))) {
        Some(note) if is_spoken_of => Err(format!("no {word} is expected: {}", note.in_text(&eval.expr))),
        _ => Ok(()),
    }
}

/// A scalar may be written as a series without labels.
fn is_scalar(found: f64, wanted: &[(Labels, Vec<(Timestamp, Amount)>)]) -> bool {
    match wanted {
        [(labels, samples)] if labels.is_empty() => match samples.as_slice() {
            [(_, amount)] => amount.float().is_some_and(|wanted| near(found, wanted)),
            _ => false,
        },
        _ => false,
    }
}

fn same_tracks(found: &[Track], wanted: &[(Labels, Vec<(Timestamp, Amount)>)], ordered: bool) -> bool {
    let mut wanted: Vec<&(Labels, Vec<(Timestamp, Amount)>)> = wanted.iter().collect();
    let mut found: Vec<&Track> = found.iter().collect();
    if !ordered {
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
    found.len() == wanted.len()
        && found.iter().zip(wanted).all(|(track, (labels, samples))| {
            track.labels == *labels
                && track.samples.len() == samples.len()
                && track.samples.iter().zip(samples).all(|(a, b)| a.0 == b.0 && near_amounts(&a.1, &b.1))
        })
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < TOLERANCE * (a.abs() + b.abs())
}

fn near_amounts(a: &Amount, b: &Amount) -> bool {
    match (a, b) {
        (Amount::Float(a), Amount::Float(b)) => near(*a, *b),
        (Amount::Histogram(a), Amount::Histogram(b)) => near_histograms(a, b),
        _ => false,
    }
}

fn near_histograms(a: &Histogram, b: &Histogram) -> bool {
    let filled = |buckets: &[(i32, f64)]| -> Vec<(i32, f64)> {
        buckets.iter().copied().filter(|(_, count)| *count != 0.0).collect()
    };
    let buckets = |a: &[(i32, f64)], b: &[(i32, f64)]| {
        let (a, b) = (filled(a), filled(b));
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && near(a.1, b.1))
    };
    a.schema == b.schema
        && a.bounds == b.bounds
        && near(a.zero_threshold, b.zero_threshold)
        && near(a.zero_count, b.zero_count)
        && near(a.count, b.count)
        && near(a.sum, b.sum)
        && buckets(&a.positive, &b.positive)
        && buckets(&a.negative, &b.negative)
}

fn told(given: &Given, expected: &Outcome) -> String {
    let mut told = String::from("it gives otherwise:");
    let mut line = |mark: char, text: String| {
        let _ = write!(told, "\n  {mark} {text}");
    };
    match expected {
        Outcome::Scalar(value) => line('-', format_value(*value)),
        Outcome::Text(text) => line('-', format!("{text:?}")),
        Outcome::Series(series) => {
            series.iter().for_each(|(labels, samples)| line('-', shown(labels, samples)))
        }
    }
    match given {
        Given::Scalar(value) => line('+', format_value(*value)),
        Given::Text(text) => line('+', format!("{text:?}")),
        Given::Tracks(tracks) => {
            tracks.iter().for_each(|track| line('+', shown(&track.labels, &track.samples)))
        }
    }
    told
}

fn shown(labels: &Labels, samples: &[(Timestamp, Amount)]) -> String {
    let amount = |amount: &Amount| match amount {
        Amount::Float(value) => format_value(*value),
        Amount::Histogram(histogram) => histogram.to_string(),
    };
    let value = |(at, value): &(Timestamp, Amount)| match samples.len() {
        1 => amount(value),
        _ => format!("{}@{}", amount(value), at.as_secs_f64()),
    };
    let values: Vec<String> = samples.iter().map(value).collect();
    format!("{labels} {}", values.join(" "))
}
