//! What happens to texts that somebody mistyped: the fuzz targets' laws, on a few cases each time.

use std::time::Duration;

use proptest::prelude::*;

use fogsignal::model::{Span, Timestamp};
use fogsignal::promql::{Dialect, Loaded, Options, evaluate, parse, parse_as};
use fogsignal::rules::{Alerts, Context, load};

const TEXTS: [&str; 14] = [
    "sum by (job) (rate(c[5m])) / on (job) group_left (z) up > bool 0.5",
    "histogram_quantile(0.9, sum by (le) (rate(b[5m])))",
    "max_over_time(rate(c[1m] offset -30s)[10m:15s] @ end())",
    "label_replace(up, \"x\", \"$1-${2}\", \"job\", \"(.)(.*)\")",
    "topk without (le) (2, -b ^ 2 ^ -0x1f)",
    "{\"a.b\", __name__=~\"\\u00e9.*\"} unless ignoring (x) `raw`",
    "count_values(\"v\", up @ 1e3) or absent(nothing{a='b'})",
    "quantile(NaN, c) atan2 1e-9 % Inf",
    "predict_linear(c[1h30m:], 3600) # a comment",
    "histogram_fraction(-1, 3, h) + fill_left (0) h",
    "increase(c[5m] anchored) / (c smoothed)",
    "c[step() * 2 + 5m:min(1m, 30s)]",
    "day_of_week(vector(-1e300)) + round(up, 0)",
    "info(up, {__name__!=\"x\"})",
];

/// Pieces that break a text where they are put.
const PIECES: [&str; 30] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\"",
    "'",
    "`",
    "\\",
    " ",
    "\n",
    "#",
    "-",
    "@",
    ":",
    "=~",
    "é",
    "\u{0}",
    "1e999",
    "9999999999999999999",
    "0x",
    "5m",
    "99999y",
    "by",
    "offset",
    "bool",
    "rate",
    "NaN",
];

/// Where to cut, how much to take out, and what to put there.
fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, &'static str)>> {
    let piece = prop::sample::select(PIECES.to_vec());
    prop::collection::vec((any::<prop::sample::Index>(), 0usize..6, piece), 1..5)
}

fn edited(text: &str, edits: &[(prop::sample::Index, usize, &'static str)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, out, piece) in edits {
        let at = at.index(chars.len() + 1);
        let end = (at + out).min(chars.len());
        chars.splice(at..end, piece.chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #[test]
    fn what_is_mistyped_is_refused_at_its_place_or_has_a_value(
        text in prop::sample::select(TEXTS.to_vec()),
        edits in edits(),
    ) {
        let text = edited(text, &edits);
        let within = |span: Span| text.get(span.start..span.end).is_some();
        let stable = parse(&text);
        if let Err(error) = &stable {
            prop_assert!(within(error.span), "{error:?}");
        }
        let expr = match parse_as(&text, &Dialect::EVERYTHING) {
            Ok(expr) => expr,
            Err(error) => {
                prop_assert!(within(error.span), "{error:?}");
                prop_assert!(stable.is_err());
                return Ok(());
            }
        };
        expr.walk(&mut |node| assert!(within(node.span()), "{node:?}"));
        let printed = expr.to_string();
        let again = parse_as(&printed, &Dialect::EVERYTHING).map(|again| again.to_string());
        prop_assert_eq!(again, Ok(printed));
        let series = "up{job=\"a\"} 1x20\nc 0+3x20\nb{le=\"1\"} 0+1x20\nh {{count:3 sum:5 buckets:[1 2]}}x20";
        let loaded = Loaded::from_text(series, Duration::from_secs(15)).unwrap();
        let options = Options { samples_max: 5000, track_feeds: true, ..Options::default() };
        if let Err(error) = evaluate(&expr, &loaded, Timestamp::from_secs(200), &options) {
            prop_assert!(within(error.span), "{error:?}");
        }
    }

    #[test]
    fn a_rule_file_that_is_mistyped_is_read_or_refused_at_a_line_of_it(
        expr in prop::sample::select(TEXTS.to_vec()),
        edits in edits(),
    ) {
        let file = format!(
            "groups:\n- name: g\n  interval: 1m\n  rules:\n  - alert: A\n    expr: {expr:?}\n    for: 5m\n    \
             annotations: {{a: '{{{{ $labels.job | toUpper }}}} {{{{ humanize $value }}}}'}}\n"
        );
        let file = edited(&file, &edits);
        let (groups, problems) = load(&"rules.yml".into(), &file, &Context::default());
        for problem in problems.iter() {
            let place = problem.place.as_ref().expect("each problem of a file has a place");
            prop_assert!((1..=file.matches('\n').count() + 1).contains(&place.line), "{problem}");
            prop_assert!(!problem.render(false).is_empty());
        }
        let loaded = Loaded::from_text("up{job=\"a\"} 1x20", Duration::from_secs(15)).unwrap();
        let now = Timestamp::from_secs(200);
        for group in &groups {
            for rule in &group.rules {
                let _ = fogsignal::rules::evaluate(
                    rule, group, &Alerts::default(), &loaded, now, &Context::default(),
                );
            }
        }
    }
}
