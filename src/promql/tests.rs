//! From text to value, as a user sees it.

mod laws;
mod limits;
mod script;
mod together;

use std::time::Duration;

use super::*;
use crate::model::{Span, Timestamp, format_value};

/// The elements of `text` at `at_s`, written as PromQL does, over series with a value each 10 s.
fn answer(series: &str, text: &str, at_s: i64) -> Vec<String> {
    let loaded = Loaded::from_text(series, Duration::from_secs(10)).unwrap();
    let expr = parse_as(text, &Dialect::EVERYTHING).unwrap_or_else(|error| panic!("{text}: {error}"));
    match evaluate(&expr, &loaded, Timestamp::from_secs(at_s), &Options::default()) {
        Ok(Value::Scalar(value)) => vec![format_value(value)],
        Ok(Value::Vector(elements)) => {
            elements.iter().map(|e| format!("{} {}", e.labels, shown(&e.amount))).collect()
        }
        Ok(Value::Matrix(tracks)) => {
            tracks.iter().map(|track| format!("{} ×{}", track.labels, track.samples.len())).collect()
        }
        Ok(Value::Text(text)) => vec![text],
        Err(error) => vec![format!("error: {error}")],
    }
}

fn shown(amount: &Amount) -> String {
    match amount {
        Amount::Float(value) => format_value(*value),
        Amount::Histogram(histogram) => histogram.to_string(),
    }
}

fn refuse(text: &str, what: &str) -> ParseError {
    let error = parse(text).expect_err(text);
    assert!(error.what.contains(what), "{text}: {error}");
    assert!(error.span.start <= error.span.end && error.span.end <= text.len(), "{text}: {:?}", error.span);
    error
}

#[test]
fn operators_bind_as_in_prometheus() {
    let check = |text: &str, grouped: &str| {
        let printed = |text: &str| {
            fn full(expr: &Expr) -> String {
                match expr {
                    Expr::Binary(b) => format!("({} {} {})", full(&b.left), b.op.as_str(), full(&b.right)),
                    Expr::Unary { of, .. } => format!("(-{})", full(of)),
                    Expr::Paren { inner, .. } => full(inner),
                    other => other.to_string(),
                }
            }
            full(&parse(text).unwrap())
        };
        assert_eq!(printed(text), printed(grouped), "{text}");
    };
    check("a + b * c ^ d", "a + (b * (c ^ d))");
    check("a - b - c", "(a - b) - c");
    check("a ^ b ^ c", "a ^ (b ^ c)");
    check("-a ^ b", "-(a ^ b)");
    check("-a * b", "(-a) * b");
    check("a ^ -b * c", "(a ^ (-b)) * c");
    check("a or b and c unless d", "a or ((b and c) unless d)");
    check("a + b > c - d", "(a + b) > (c - d)");
    check("a > b and c", "(a > b) and c");
    check("a atan2 b * c", "(a atan2 b) * c");
    check("A AND b Or c", "(A and b) or c");
}

#[test]
fn keywords_are_names_where_a_name_is_meant() {
    for text in
        ["sum", "by", "and", "offset", "count + max", "sum by (by, on, sum) (by)", "m{on=\"x\", by=\"y\"}"]
    {
        parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    refuse("on", "expected an expression");
}

#[test]
fn an_expression_prints_as_it_is_read() {
    let check = |text: &str, printed: &str| {
        let expr = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(expr.to_string(), printed);
        assert_eq!(parse(printed).unwrap().to_string(), printed);
    };
    check("{\"ab\", __name__=~\"a.\"}", "{\"ab\",__name__=~\"a.\"}");
    check("SUM(a) BY (x)", "sum by (x) (a)");
    check("{__name__=\"a\",b='c'}", "a{b=\"c\"}");
    check("{\"http.req\", \"a.b\"=~`\\d+`}", "{\"http.req\",\"a.b\"=~\"\\\\d+\"}");
    check("a[5m]offset-1h # words", "a[5m] offset -1h");
    check("rate(a[300])", "rate(a[5m])");
    check("a > bool on() group_left(x) b", "a > bool on () group_left (x) b");
    check("sum without() (a)", "sum without () (a)");
    check("+Inf + -nan", "+Inf + NaN");
    check("{__name__=~\"a.*\"}", "{__name__=~\"a.*\"}");
    check("1h + 0x10", "3600 + 16");
    check("a offset 1h @ 1.5", "a @ 1.5 offset 1h");
    check("sum(a)[1h:] @ end()", "sum(a)[1h:] @ end()");
    check("rate(a[5m])[1h:2m] offset 1m", "rate(a[5m])[1h:2m] offset 1m");
    check("topk(5, a) by (x)", "topk by (x) (5, a)");
    check("a >/ 5", "a >/ 5");
}

#[test]
fn each_node_knows_its_bytes() {
    let text = "sum(rate(x{a=\"b\"}[5m] offset 1m)) > 5";
    let expr = parse(text).unwrap();
    let mut parts = Vec::new();
    expr.walk(&mut |expr| parts.push(&text[expr.span().start..expr.span().end]));
    let rate = "rate(x{a=\"b\"}[5m] offset 1m)";
    assert_eq!(parts, [text, &format!("sum({rate})"), rate, "x{a=\"b\"}[5m] offset 1m", "5"]);
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    assert_eq!(refuse("rate(x)", "`rate` expects a range vector").span, Span::new(5, 6));
    assert_eq!(refuse("sum(a", "this `(` is not closed").span, Span::new(3, 4));
    assert_eq!(refuse("raet(x[5m])", "unknown function `raet`").span, Span::new(0, 4));
    assert_eq!(refuse("rates(x[5m])", "unknown").hint.as_deref(), Some("did you mean `rate`?"));
    for (text, what) in [
        ("", "expected an expression, found the end"),
        ("a b", "expected an operator"),
        ("a)", "closes nothing"),
        ("a +", "expected an expression"),
        ("1 > 2", "comparisons between scalars must use `bool`"),
        ("a and 1", "set operator `and` is not allowed with a scalar"),
        ("a + bool b", "`bool` belongs behind a comparison"),
        ("{}", "would fit every series"),
        ("{a=\"\"}", "would fit every series"),
        ("{a=~\".*\"}", "would fit every series"),
        ("a{__name__=\"b\"}", "given twice"),
        ("{\"a\", \"b\"}", "given twice"),
        ("a{b=c}", "expected a string"),
        ("a{b=~\"(\"}", "not a usable regular expression"),
        ("a{b}", "expected one of `=`"),
        ("a{b=\"c\" d=\"e\"}", "expected `,` or `}`"),
        ("a[5m] + 1", "not a range vector"),
        ("-a[5m]", "a sign belongs before"),
        ("sum(a[5m])", "expected an instant vector in `sum`"),
        ("sum(1)", "expected an instant vector in `sum`, found a scalar"),
        ("sum(a, b)", "`sum` takes one argument, not 2"),
        ("sum()", "`sum` takes one argument, not 0"),
        ("sum by (x) (a) by (y)", "already given"),
        ("clamp(a, 1)", "`clamp` takes 3 arguments, not 2"),
        ("round(a, 1, 2)", "`round` takes 1 to 2 arguments, not 3"),
        ("vector(a)", "`vector` expects a scalar, found an instant vector"),
        ("abs(1)", "`abs` expects an instant vector, found a scalar"),
        ("a[5m][5m]", "directly behind a selector"),
        ("a[5m:][5m]", "directly behind a selector"),
        ("a[5m][1h:]", "not behind a range vector"),
        ("1[5m:]", "not behind a scalar"),
        ("a[5m:5m", "expected `]`"),
        ("a @", "expected a time in seconds"),
        ("a @ b", "expected a time in seconds"),
        ("a @ start", "expected `()`"),
        ("a @ Inf", "expected a time in seconds"),
        ("a @ 1e300", "no instant is so far away"),
        ("a @ 1 @ 2", "the instant is given twice"),
        ("sum(a) @ 1", "directly behind a selector"),
        ("a @ 1 [5m]", "a range stands before `@`"),
        ("topk(a)", "`topk` takes two arguments, not 1"),
        ("topk(a, b)", "expected a scalar in `topk`, found an instant vector"),
        ("count_values(1, b)", "expected a string in `count_values`"),
        ("label_join(a, \"b\")", "`label_join` takes 3 or more arguments, not 2"),
        ("label_join(a, \"b\", \"c\", 1)", "`label_join` expects a string, found a scalar"),
        ("a[0]", "longer than zero"),
        ("a[5]m", "expected an operator"),
        ("a[-5m]", "expected a duration"),
        ("a offset 1m offset 1m", "twice"),
        ("sum(a) offset 1m", "directly behind a selector"),
        ("a offset 1m [5m]", "before `offset`"),
        ("a + group_left b", "before it"),
        ("a and on (x) group_left b", "nothing can be grouped"),
        ("a + on (x) group_left (x) b", "both `on` and the group"),
        ("a + on (x) 1", "only allowed between instant vectors"),
        ("a = 1", "expected an operator, found `=`"),
        ("a $ 1", "`$` has no meaning"),
        ("ä", "`ä` has no meaning"),
        ("\"\\d\"", "no meaning in a string"),
    ] {
        refuse(text, what);
    }
}

#[test]
fn what_may_still_change_is_named() {
    for (text, construct) in [
        ("info(a)", "`info` is"),
        ("LIMITK by (x) (5, a)", "`limitk` is"),
        ("double_exponential_smoothing(a[5m], 0.5, 0.5)", "`double_exponential_smoothing` is"),
        ("a[5m * 2]", "arithmetic with durations is"),
        ("a offset (1m)", "arithmetic with durations is"),
        ("rate(a[5m] smoothed)", "`smoothed` is"),
        ("a + on (x) fill (0) b", "`fill` is"),
        ("a + fill_left (0) b", "`fill` is"),
        ("a[min_of(5m, 1m)]", "arithmetic with durations is"),
        ("step()", "`step` is"),
    ] {
        let error = refuse(text, "experimental");
        assert!(error.what.starts_with(construct), "{text}: {error}");
        parse_as(text, &Dialect::EVERYTHING).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn hostile_texts_are_refused_before_they_do_harm() {
    let nested = |open: &str, close: &str, levels: usize| open.repeat(levels) + "a" + &close.repeat(levels);
    let deep = nested("-abs(", ")", 49);
    let long = format!("{deep}{}", " or a".repeat(150));
    for text in [nested("(", ")", 90), deep, long] {
        let expr = parse(&text).unwrap();
        evaluate(&expr, &Loaded::new(), Timestamp::default(), &Options::default()).unwrap();
        assert_eq!(expr.demand().len(), 1);
    }
    refuse(&nested("(", ")", 30_000), "nested more than 100 levels");
    refuse(&nested("sum(", ")", 10_000), "nested more than");
    refuse(&nested("-", "", 60_000), "nested more than");
    refuse(&"a^".repeat(20_000), "nested more than");
    parse(&format!("a{}", " or a".repeat(200))).unwrap();
    refuse(&format!("a{}", "+a".repeat(20_000)), "operators in a row");
    assert!(parse(&"a ".repeat(100_000)).expect_err("too long").what.contains("too long"));
    refuse("a{b=~\"(((x{500}){500}){500})\"}", "not a usable regular expression");
    refuse("a offset 99999999999999999999", "too long");
    refuse("a[1e300]", "too long");
}

const GAUGES: &str =
    "m{i=\"1\", j=\"a\"} 1 2 3\nm{i=\"2\", j=\"a\"} 10 20 30\nn{i=\"1\"} 100x2\nn{i=\"3\"} 5x2";

#[test]
fn selectors_see_the_latest_sample() {
    let check =
        |text: &str, at_s, expected: &[&str]| assert_eq!(answer(GAUGES, text, at_s), expected, "{text}");
    check("m", 20, &["m{i=\"1\", j=\"a\"} 3", "m{i=\"2\", j=\"a\"} 30"]);
    check("m{i!=\"1\"}", 20, &["m{i=\"2\", j=\"a\"} 30"]);
    check("m{i=~\"1|3\"} offset 10s", 20, &["m{i=\"1\", j=\"a\"} 2"]);
    check("m{i=\"1\"} offset -10s", 10, &["m{i=\"1\", j=\"a\"} 3"]);
    check("{j=\"a\", i=\"1\"}", 20, &["m{i=\"1\", j=\"a\"} 3"]);
    check("m{i=\"1\"}", 319, &["m{i=\"1\", j=\"a\"} 3"]);
    check("m{i=\"1\"}", 320, &[]);
    check("n[20s]", 20, &["n{i=\"1\"} ×2", "n{i=\"3\"} ×2"]);
    check("m{i=\"1\"} # the first", 0, &["m{i=\"1\", j=\"a\"} 1"]);
}

#[test]
fn a_staleness_marker_ends_a_series() {
    let series = "m 1 2 stale _ 5";
    let check =
        |text: &str, at_s, expected: &[&str]| assert_eq!(answer(series, text, at_s), expected, "{text}");
    check("m", 10, &["m 2"]);
    check("m", 20, &[]);
    check("m", 30, &[]);
    check("m", 40, &["m 5"]);
    check("count_over_time(m[1m])", 40, &["{} 3"]);
    check("absent(m)", 20, &["{} 1"]);
}

#[test]
fn operators_pair_elements() {
    let check = |text: &str, expected: &[&str]| assert_eq!(answer(GAUGES, text, 20), expected, "{text}");
    check("m + 1", &["{i=\"1\", j=\"a\"} 4", "{i=\"2\", j=\"a\"} 31"]);
    check("m > 5", &["m{i=\"2\", j=\"a\"} 30"]);
    check("5 < m", &["m{i=\"2\", j=\"a\"} 30"]);
    check("m > bool 5", &["{i=\"1\", j=\"a\"} 0", "{i=\"2\", j=\"a\"} 1"]);
    check("m + on (i) n", &["{i=\"1\"} 103"]);
    check("m < on (i) n", &["{i=\"1\"} 3"]);
    check("m * ignoring (j) n", &["{i=\"1\"} 300"]);
    check("m + n", &[]);
    check("m + on (i) group_left n", &["{i=\"1\", j=\"a\"} 103"]);
    check("n + on (i) group_right (j) m", &["{i=\"1\"} 103"]);
    check("m and on (i) n", &["m{i=\"1\", j=\"a\"} 3"]);
    check("m unless on (i) n", &["m{i=\"2\", j=\"a\"} 30"]);
    check("n or on (i) m", &["m{i=\"2\", j=\"a\"} 30", "n{i=\"1\"} 100", "n{i=\"3\"} 5"]);
    check("-m{i=\"1\"}", &["{i=\"1\", j=\"a\"} -3"]);
    check("2 ^ 3 % 5", &["3"]);
    check("-7 % 3", &["-1"]);
    check("1 / 0", &["+Inf"]);
}

#[test]
fn pairs_that_are_not_unique_are_errors() {
    let check = |text: &str, what: &str| {
        let found = answer(GAUGES, text, 20);
        assert!(found.len() == 1 && found[0].contains(what), "{text}: {found:?}");
    };
    check("m + on (j) m", "found duplicate series for the match group {j=\"a\"} on the right hand-side");
    check("m + on (j) m{i=\"1\"}", "many-to-one matching must be explicit");
    check("m + on (j) group_right m", "found duplicate series for the match group {j=\"a\"} on the left");
    check("{i=\"1\"} + on (i) group_left (j) m{i=\"1\"}", "grouping labels must ensure unique matches");
    assert!(
        answer("a 1\nb 2", "-{__name__=~\"a|b\"}", 0)[0]
            .contains("vector cannot contain metrics with the same")
    );
}

#[test]
fn aggregations_group() {
    let check = |text: &str, expected: &[&str]| assert_eq!(answer(GAUGES, text, 20), expected, "{text}");
    check("sum(m)", &["{} 33"]);
    check("avg by (j) (m)", &["{j=\"a\"} 16.5"]);
    check("max without (i) (m)", &["{j=\"a\"} 30"]);
    check("count by (__name__) ({i=\"1\"})", &["m 1", "n 1"]);
    check("min(m) by (nothing)", &["{} 3"]);
    check("group(m)", &["{} 1"]);
    check("stddev(m)", &["{} 13.5"]);
    check("stdvar(m)", &["{} 182.25"]);
    check("sum(nothing)", &[]);
}

#[test]
fn functions_give_what_they_say() {
    let check = |text: &str, expected: &[&str]| assert_eq!(answer(GAUGES, text, 20), expected, "{text}");
    check("time()", &["20"]);
    check("scalar(m{i=\"1\"}) + 1", &["4"]);
    check("scalar(m)", &["NaN"]);
    check("vector(1)", &["{} 1"]);
    check("timestamp(m{i=\"1\"} offset 10s)", &["{i=\"1\", j=\"a\"} 10"]);
    check("timestamp(-m{i=\"1\"})", &["{i=\"1\", j=\"a\"} 20"]);
    check("absent(m)", &[]);
    check("absent(x{a=\"b\", c=~\"d\", e=\"f\", e=\"g\"})", &["{a=\"b\"} 1"]);
    check("absent_over_time((x{a=\"b\"}[1m]))", &["{a=\"b\"} 1"]);
    check("absent(sum(x))", &["{} 1"]);
    check("clamp(m, 5, 20)", &["{i=\"1\", j=\"a\"} 5", "{i=\"2\", j=\"a\"} 20"]);
    check("clamp(m, 20, 5)", &[]);
    check("round(n{i=\"1\"} / 7, 0.5)", &["{i=\"1\"} 14.5"]);
    check("sort_desc(n)", &["n{i=\"1\"} 100", "n{i=\"3\"} 5"]);
    check("sort(n)", &["n{i=\"3\"} 5", "n{i=\"1\"} 100"]);
    check("last_over_time(m{i=\"1\"}[1m])", &["m{i=\"1\", j=\"a\"} 3"]);
    check("quantile_over_time(0.5, m{i=\"1\"}[1m])", &["{i=\"1\", j=\"a\"} 2"]);
    check("hour(vector(7200))", &["{} 2"]);
    check("day_of_week()", &["{} 4"]);
    check("\"words\"", &["words"]);
}

#[test]
fn elements_remember_what_fed_them() {
    let loaded =
        Loaded::from_text("a{i=\"1\"} 1\na{i=\"2\"} 2\nb{i=\"1\"} 3", Duration::from_secs(1)).unwrap();
    let options = Options { track_feeds: true, ..Options::default() };
    let check = |text: &str, expected: &[&[u64]]| {
        let found =
            evaluate_vector(&parse(text).unwrap(), &loaded, Timestamp::from_secs(0), &options).unwrap();
        let found: Vec<Vec<u64>> = found.iter().map(|e| e.feeds.iter().map(|id| id.0).collect()).collect();
        assert_eq!(found, expected, "{text}");
    };
    check("a", &[&[0], &[1]]);
    check("sum(a)", &[&[0, 1]]);
    check("sum(a) > 0", &[&[0, 1]]);
    check("a + on (i) b", &[&[0, 2]]);
    check("a and on (i) b", &[&[0, 2]]);
    check("a unless on (i) b", &[&[1]]);
    check("b or a", &[&[1], &[2]]);
    check("b > scalar(sum(a))", &[]);
    check("b >= scalar(sum(a))", &[&[0, 1, 2]]);
    check("scalar(b) > bool 2", &[&[2]]);
    check("clamp_min(b, scalar(a{i=\"2\"}))", &[&[1, 2]]);
    check("absent(x)", &[&[]]);
    check("count_over_time(b[1m])", &[&[2]]);
    let untracked =
        evaluate_vector(&parse("a").unwrap(), &loaded, Timestamp::from_secs(0), &Options::default());
    assert!(untracked.unwrap().iter().all(|element| element.feeds.is_empty()));
}

#[test]
fn names_go_at_the_end() {
    let series = "a{e=\"1\"} 1\nb{e=\"1\"} 2";
    let check = |text: &str, expected: &[&str]| assert_eq!(answer(series, text, 0), expected, "{text}");
    check("sum by (__name__) (a or on (nothing) -b)", &["a 1"]);
    check("sum by (e) (a or ignoring () -b)", &["{e=\"1\"} 1"]);
    check("sum by (__name__) (-a)", &["{} -1"]);
    check("sum by (e) (-{e=\"1\"})", &["{e=\"1\"} -3"]);
    check("(-a) > -5", &["{e=\"1\"} -1"]);
}

#[test]
fn scripts_give_what_they_say() {
    for (name, text) in [
        ("rates.test", include_str!("tests/rates.test")),
        ("over_time.test", include_str!("tests/over_time.test")),
        ("aggregations.test", include_str!("tests/aggregations.test")),
        ("pairs.test", include_str!("tests/pairs.test")),
        ("instants.test", include_str!("tests/instants.test")),
        ("labels.test", include_str!("tests/labels.test")),
        ("classic.test", include_str!("tests/classic.test")),
        ("native.test", include_str!("tests/native.test")),
        ("extended.test", include_str!("tests/extended.test")),
    ] {
        script::run(name, text);
    }
}
