//! What must hold for any text and any expression.

use std::time::Duration;

use proptest::prelude::*;

use crate::model::{Labels, Timestamp};
use crate::promql::*;

fn any_expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("b{x=\"1\"}".to_owned()),
        Just("vector(1)".to_owned()),
        Just("rate(c[5m] offset 1m)".to_owned()),
        Just("{\"d.e\",\"f.g\"!~\"h|i\"}".to_owned()),
        Just("c @ end() offset 30s".to_owned()),
        Just("time()".to_owned()).prop_map(|text| format!("vector({text})")),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        let op = prop::sample::select(vec!["+", "-", "/", "^", ">", "<= bool", "and", "or", "unless on (x)"]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("sum by (x) ({a})")),
            inner.clone().prop_map(|a| format!("clamp_max({a}, 5)")),
            inner.clone().prop_map(|a| format!("topk by (x) (1, {a})")),
            inner.clone().prop_map(|a| format!("max_over_time(({a})[1m:20s])")),
            inner.prop_map(|a| format!("label_join({a}, \"y\", \"-\", \"x\", \"x\")")),
        ]
    })
}

/// The expression with `@ end()` as the instant that it names.
fn at_ends(expr: &Expr, instants: &Instants) -> Expr {
    let end = instants.end.as_millis() / 1000;
    parse(&expr.to_string().replace("@ end()", &format!("@ {end}"))).unwrap()
}

fn any_histogram() -> impl Strategy<Value = Histogram> {
    let number =
        || prop::sample::select(vec![0.0, 1.0, 2.5, -1.0, 1e308, f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
    let buckets = || {
        let index = prop::sample::select(vec![i32::MIN, -7, -1, 0, 1, 2, 9, i32::MAX]);
        prop::collection::btree_map(index, number(), 0..4).prop_map(|all| all.into_iter().collect::<Vec<_>>())
    };
    let schema = prop::sample::select(vec![0, 1, 3, -2, CUSTOM_SCHEMA, 1000, i32::MIN, i32::MAX]);
    let reset = prop::sample::select(vec![Reset::Unknown, Reset::Reset, Reset::NotReset, Reset::Gauge]);
    let bounds = prop::sample::select(vec![vec![], vec![1.0], vec![-5.0, 1.0, 5.0], vec![f64::NAN]]);
    (schema, (number(), number(), number(), number()), buckets(), buckets(), bounds, reset).prop_map(
        |(schema, (zero_threshold, zero_count, count, sum), positive, negative, bounds, reset)| Histogram {
            schema,
            zero_threshold,
            zero_count,
            count,
            sum,
            positive,
            negative,
            bounds,
            reset,
        },
    )
}

proptest! {
    #[test]
    fn no_histogram_is_too_odd(all in prop::collection::vec(any_histogram(), 2..6)) {
        let mut loaded = Loaded::new();
        let labels: Labels = [("__name__", "h")].into_iter().collect();
        let sample = |(n, value): (usize, Histogram)| HistogramSample {
            at: Timestamp::from_secs(10 * n as i64),
            value: std::sync::Arc::new(value),
        };
        loaded.add_histograms(labels, all.into_iter().enumerate().map(sample).collect());
        for text in [
            "rate(h[1m])", "delta(h[1m])", "irate(h[1m])", "resets(h[1m])", "changes(h[1m])", "sum_over_time(h[1m])",
            "avg_over_time(h[1m])", "h + h offset 10s", "h - h offset 10s", "h / 0", "h </ 1", "h >/ -1", "-h",
            "histogram_quantile(0.3, h)", "histogram_quantile(0.9, h)", "histogram_fraction(-1, 3, h)",
            "histogram_stddev(h)", "count_values(\"v\", h)", "increase(h[15s] smoothed)", "h offset 5s smoothed",
            "increase(h[15s] anchored)", "histogram_count(increase(h[1m:5s]))", "sum(h or h offset 10s)",
        ] {
            let expr = parse_as(text, &Dialect::EVERYTHING).unwrap();
            let _ = evaluate(&expr, &loaded, Timestamp::from_secs(30), &Options::default());
        }
    }


    #[test]
    fn any_text_is_read_or_refused_with_a_place_in_it(text in "[a-c0-9 (){}\\[\\],=~!<>+*/^@\"'\\\\.:#é-]{0,40}") {
        if let Err(error) = parse(&text) {
            prop_assert!(text.get(error.span.start..error.span.end).is_some(), "{:?}", error);
        }
    }

    #[test]
    fn printing_and_reading_come_back_to_the_same(text in any_expression()) {
        let printed = parse(&text).unwrap().to_string();
        prop_assert_eq!(parse(&printed).unwrap().to_string(), printed);
    }

    #[test]
    fn a_result_is_in_order_and_has_no_labels_twice(text in any_expression(), at_s in 0i64..400) {
        let series = "a 1 2\na{x=\"1\"} 1\nb{x=\"1\"} 2x9\nc 0+1x30\nc{x=\"2\"} 0+2x30\nd.e 1".replace("d.e", "{\"d.e\"}");
        let loaded = Loaded::from_text(&series, Duration::from_secs(10)).unwrap();
        let value = evaluate(&parse(&format!("({text}) or z")).unwrap(), &loaded, Timestamp::from_secs(at_s), &Options::default());
        if let Ok(Value::Vector(elements)) = value {
            let labels: Vec<&Labels> = elements.iter().map(|element| &element.labels).collect();
            prop_assert!(labels.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", labels);
        }
    }

    #[test]
    fn a_range_gives_what_its_instants_give(text in any_expression(), start_s in 0i64..300) {
        let series = "a 1 2 _ 5 stale 3\na{x=\"1\"} 1\nb{x=\"1\"} 2x9\nc 0+1x30\nc{x=\"2\"} 0+2x30\n{\"d.e\"} 1";
        let loaded = Loaded::from_text(series, Duration::from_secs(10)).unwrap();
        let expr = parse(&text).unwrap();
        let (start, step) = (Timestamp::from_secs(start_s), Duration::from_secs(25));
        let instants = Instants { start, end: start + step * 3, step };
        // Each instant by itself, with the query's ends as they are.
        let alone = |n: u32| {
            let at = start + step * n;
            evaluate_range(&at_ends(&expr, &instants), &loaded, &Instants::one(at), &Options::default(), &|| false)
        };
        let whole = evaluate_range(&expr, &loaded, &instants, &Options::default(), &|| false);
        let alone: Result<Vec<_>, _> = (0..4).map(alone).collect();
        if let (Ok((tracks, _)), Ok(alone)) = (&whole, &alone) {
            let mut rows: std::collections::BTreeMap<Labels, Vec<(Timestamp, Amount)>> = Default::default();
            for track in alone.iter().flat_map(|(tracks, _)| tracks) {
                rows.entry(track.labels.clone()).or_default().extend(track.samples.iter().cloned());
            }
            let whole: Vec<_> = tracks.iter().map(|track| (track.labels.clone(), track.samples.clone())).collect();
            prop_assert_eq!(format!("{whole:?}"), format!("{:?}", rows.into_iter().collect::<Vec<_>>()));
        }
        prop_assert_eq!(whole.is_ok(), alone.is_ok());
    }

    #[test]
    fn what_is_sifted_early_is_what_passes(a in any_expression(), number in -1i32..3, op in prop::sample::select(vec![">", "<=", "==", "!="])) {
        let series = "a 1 2\na{x=\"1\"} 1\nb{x=\"1\"} 2x9\nc 0+1x30\nc{x=\"2\"} 0+2x30\n{\"d.e\"} 1\nh {{count:1}}";
        let loaded = Loaded::from_text(series, Duration::from_secs(10)).unwrap();
        let options = Options { track_feeds: true, ..Options::default() };
        let elements = |text: &str| {
            evaluate_vector(&parse(text).unwrap(), &loaded, Timestamp::from_secs(90), &options)
        };
        let early = elements(&format!("({a}) {op} {number}"));
        let late = elements(&format!("({a}) {op} scalar(vector({number}))"));
        prop_assert_eq!(early.ok(), late.ok());
    }

    #[test]
    fn a_set_is_what_both_have_and_what_only_it_has(a in any_expression(), b in any_expression()) {
        let series = "a 1 2\na{x=\"1\"} 1\nb{x=\"1\"} 2x9\nc 0+1x30\nc{x=\"2\"} 0+2x30";
        let elements = |text: &str| {
            let loaded = Loaded::from_text(series, Duration::from_secs(10)).unwrap();
            let options = Options { track_feeds: false, ..Options::default() };
            evaluate_vector(&parse(text).unwrap(), &loaded, Timestamp::from_secs(90), &options)
        };
        let (with, without) = (format!("({a}) and ({b})"), format!("({a}) unless ({b})"));
        if let (Ok(mut all), Ok(with), Ok(without)) = (elements(&a), elements(&with), elements(&without)) {
            all.sort_by(|a, b| a.labels.cmp(&b.labels));
            let mut both = [with, without].concat();
            both.sort_by(|a, b| a.labels.cmp(&b.labels));
            prop_assert_eq!(format!("{both:?}"), format!("{all:?}"));
        }
    }
}
