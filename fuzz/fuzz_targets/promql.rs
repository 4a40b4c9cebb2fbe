//! Any text as PromQL: it is read, or refused with a place in it; what is read prints as it reads, and has a value or an
//! error at an instant.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use fogsignal::model::Timestamp;
use fogsignal::promql::{Dialect, Loaded, Options, evaluate_within, parse, parse_as};
use libfuzzer_sys::fuzz_target;

static SERIES: LazyLock<Loaded> = LazyLock::new(|| {
    let text = "up{job=\"a\"} 1x20\nup{job=\"b\"} 0 1 0 1 stale 1x9\nc 0+3x20\nc{job=\"a\"} 0+5x9 0+1x9\n\
                b{le=\"1\"} 0+1x20\nb{le=\"+Inf\"} 0+2x20\nh {{schema:0 count:3 sum:5 buckets:[1 2]}}x20";
    Loaded::from_text(text, Duration::from_secs(15)).expect("these are series")
});

fuzz_target!(|text: &str| {
    // Some reads are refused in the stable language only.
    let _ = parse(text);
    let expr = match parse_as(text, &Dialect::EVERYTHING) {
        Ok(expr) => expr,
        Err(error) => {
            assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?}");
            return;
        }
    };
    expr.walk(&mut |node| {
        let span = node.span();
        assert!(text.get(span.start..span.end).is_some(), "{node:?}");
    });
    let _ = expr.demand();
    let printed = expr.to_string();
    let again = parse_as(&printed, &Dialect::EVERYTHING);
    assert_eq!(again.map(|again| again.to_string()), Ok(printed));
    let options = Options { samples_max: 20_000, track_feeds: true, ..Options::default() };
    if let Err(error) = evaluate_within(&expr, &*SERIES, Timestamp::from_secs(200), &options, &|| false) {
        assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?}");
    }
});
