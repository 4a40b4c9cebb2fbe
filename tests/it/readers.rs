//! The same pages, here and in the reference reader in Python that Debian packages (prometheus_client 0.16).
//!
//! In:   `PAGES` (2000 where nothing is said) and `SEED` of the environment.
//! Out:  nothing, or every page on which the two disagree and `known` has no reason why.
//! Not:  names in quotes, which that version does not know, and native histograms.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use fogsignal::model::format_value;
use fogsignal::scrape::{TextFormat, parse_text_as};
use serde_json::{Value, json};

use crate::differential::dice::Dice;

/// Reads a page on each line and answers with its samples in their order, or with nothing where it refuses the page.
const REFERENCE: &str = r#"
import sys, json
from prometheus_client.parser import text_string_to_metric_families as text
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
for line in sys.stdin:
    page = json.loads(line)
    try:
        read = open_metrics if page["open"] else text
        samples = [[s.name, s.labels, repr(float(s.value)), None if s.timestamp is None else float(s.timestamp)]
                   for family in read(page["text"]) for s in family.samples]
    except Exception as error:
        samples = {"refused": str(error)}
    print(json.dumps(samples))
"#;

/// A sample: name, labels, value, and its time in whole milliseconds.
type Sample = (String, BTreeMap<String, String>, String, Option<i64>);

#[derive(Debug)]
struct Page {
    format: TextFormat,
    text: String,
}

fn ours(page: &Page) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    let read = parse_text_as(
        page.format,
        page.text.as_bytes(),
        |_| true,
        |line| {
            let labels = line.labels.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            samples.push((line.name.into_owned(), labels, format_value(line.value), line.timestamp_ms));
        },
    );
    read.map(|_| samples).map_err(|error| error.to_string())
}

fn theirs(answer: &Value) -> Result<Vec<Sample>, String> {
    let Some(samples) = answer.as_array() else { return Err(answer["refused"].to_string()) };
    let read = |sample: &Value| {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let labels =
            sample[1].as_object().expect("labels").iter().map(|(name, value)| (name.clone(), text(value)));
        let value: f64 = text(&sample[2]).parse().expect("Python writes floats that Rust reads");
        // Cut as ours are: towards zero.
        let at = sample[3].as_f64().map(|seconds| (seconds * 1000.0) as i64);
        (text(&sample[0]), labels.collect(), format_value(value), at)
    };
    Ok(samples.iter().map(read).collect())
}

/// Why the two may disagree about a page, in words.
fn known(
    page: &Page,
    ours: &Result<Vec<Sample>, String>,
    theirs: &Result<Vec<Sample>, String>,
) -> Option<&'static str> {
    match (page.format, ours, theirs) {
        // What that reader refuses and the Prometheus server takes, ours takes.
        (TextFormat::OpenMetrics, Ok(_), Err(_)) => {
            Some("the specification's rules for families are not enforced")
        }
        (TextFormat::Prometheus, Ok(_), Err(_)) => Some("the server takes what this reader refuses"),
        // It looks for the pieces of a line, and passes what stands between them.
        (TextFormat::Prometheus, Err(_), Ok(_)) => Some("this reader takes lines that the server refuses"),
        (_, Err(ours), Ok(_)) if ours.contains("a comment;") => {
            Some("it does not look at the first word of a comment")
        }
        (_, Err(ours), Ok(_)) if ours.contains("`\\t`") => Some("it passes tabs around numbers"),
        (_, Err(ours), Ok(_)) if ours.contains("one blank before the value") => {
            Some("it takes the first digit for the blank that is missing")
        }
        (_, Err(ours), Ok(_)) if ours.contains("the closing quote") => {
            Some("it lets a quote that is escaped end a value")
        }
        (_, Err(ours), Ok(_)) if ours.contains("is given twice") => {
            Some("it takes the last of labels given twice")
        }
        _ => None,
    }
}

/// A page of a few families, as exporters write them.
fn good(dice: &mut Dice) -> Page {
    let format = if dice.below(2) == 0 { TextFormat::Prometheus } else { TextFormat::OpenMetrics };
    let mut text = String::new();
    for family in 0..1 + dice.below(3) {
        let kind = ["gauge", "counter"][dice.below(2) as usize];
        text.push_str(&format!("# HELP m{family} Any \\\\ help.\n# TYPE m{family} {kind}\n"));
        for series in 0..1 + dice.below(4) {
            let suffix = if kind == "counter" { "_total" } else { "" };
            let value = ["0", "1.5", "12345678", "1e-7", "+Inf", "0.1"][dice.below(6) as usize];
            let odd = ["x", "a b", "é", "\\\"", "\\\\n", "\\n", "{}", "a=b,c", " # "][dice.below(9) as usize];
            let at = match (dice.below(3), format) {
                (0, TextFormat::Prometheus) => " 1500",
                (0, TextFormat::OpenMetrics) => " 1.5",
                _ => "",
            };
            text.push_str(&format!("m{family}{suffix}{{n=\"{series}\",odd=\"{odd}\"}} {value}{at}\n"));
        }
    }
    if format == TextFormat::OpenMetrics {
        text.push_str("# EOF\n");
    }
    Page { format, text }
}

/// Somebody mistyped: a piece is put in, taken out or doubled.
fn damaged(mut page: Page, dice: &mut Dice) -> Page {
    let places: Vec<usize> = page.text.char_indices().map(|(at, _)| at).collect();
    let at = places[dice.below(places.len() as u64) as usize];
    match dice.below(3) {
        0 => {
            let pieces =
                ["\"", "{", "}", ",", "=", " ", "\n", "#", "1", "a", "\\", "-", ".", "# EOF\n", "\t"];
            page.text.insert_str(at, pieces[dice.below(pieces.len() as u64) as usize]);
        }
        1 => {
            page.text.remove(at);
        }
        _ => {
            let c = page.text[at..].chars().next().expect("there is one at each place");
            page.text.insert(at, c);
        }
    }
    page
}

fn ask_reference(pages: &[Page]) -> Vec<Value> {
    // Debian's own, which has Debian's packages; another may come first in the path.
    let mut reference = Command::new("/usr/bin/python3")
        .args(["-c", REFERENCE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut input = reference.stdin.take().expect("it is piped");
    let lines: String = pages
        .iter()
        .map(|page| {
            format!("{}\n", json!({"open": page.format == TextFormat::OpenMetrics, "text": page.text}))
        })
        .collect();
    // Both pipes are small: one is filled while the other is read.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = reference.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads all");
    assert!(output.status.success(), "python3-prometheus-client is not installed");
    let answers = String::from_utf8(output.stdout).expect("JSON is text");
    answers.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_reference_reader_reads_the_same() {
    let number = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number in the environment"))
    };
    let mut dice = Dice::new(number("SEED", 1));
    let pages: Vec<Page> = (0..number("PAGES", 2000))
        .map(|nth| {
            let page = good(&mut dice);
            if nth % 4 == 0 { page } else { damaged(page, &mut dice) }
        })
        .collect();
    let answers = ask_reference(&pages);
    assert_eq!(answers.len(), pages.len());
    let (mut unknown, mut good_in_both) = (Vec::new(), 0);
    for (page, answer) in pages.iter().zip(&answers) {
        let (ours, theirs) = (ours(page), theirs(answer));
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) if ours == theirs => good_in_both += 1,
            (Err(_), Err(_)) => {}
            _ if known(page, &ours, &theirs).is_some() => {}
            _ => unknown.push(format!("{page:?}\n  ours:   {ours:?}\n  theirs: {theirs:?}")),
        }
    }
    assert!(
        unknown.is_empty(),
        "{} disagreements:\n{}",
        unknown.len(),
        unknown[..unknown.len().min(5)].join("\n")
    );
    assert!(
        pages.len() / 4 <= good_in_both,
        "only {good_in_both} of {} pages were read by both",
        pages.len()
    );
}
