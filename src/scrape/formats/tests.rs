use proptest::prelude::*;

use super::*;

type Read = (String, Vec<(String, String)>, f64, Option<i64>);

fn read(page: &[u8]) -> Result<Vec<Read>, ParseError> {
    let mut samples = Vec::new();
    parse_text(
        page,
        |_| true,
        |line| {
            let labels = line.labels.map(|(name, value)| (name.into_owned(), value.into_owned()));
            samples.push((line.name.into_owned(), labels.collect(), line.value, line.timestamp_ms));
        },
    )?;
    Ok(samples)
}

fn one(line: &str) -> Read {
    let mut samples = read(line.as_bytes()).unwrap_or_else(|e| panic!("{line:?}: {e}"));
    assert_eq!(samples.len(), 1, "{line:?}");
    samples.remove(0)
}

fn check(line: &str, name: &str, labels: &[(&str, &str)], value: f64, timestamp_ms: Option<i64>) {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(one(line), (name.to_owned(), labels, value, timestamp_ms), "{line:?}");
}

#[test]
fn a_line_has_a_name_labels_a_value_and_perhaps_a_time() {
    check("up 1\n", "up", &[], 1.0, None);
    check("up{} 1\n", "up", &[], 1.0, None);
    check("a:b{x=\"1\",y=\"2\",} 1.5e3 1234\n", "a:b", &[("x", "1"), ("y", "2")], 1500.0, Some(1234));
    check(" \ta { x = \"1\" , y=\"2\" } -1\t-5 \n", "a", &[("x", "1"), ("y", "2")], -1.0, Some(-5));
    check("a{x=\"1\"}2", "a", &[("x", "1")], 2.0, None);
    check("a{,} +Inf\n", "a", &[], f64::INFINITY, None);
}

#[test]
fn names_in_quotes_may_hold_anything() {
    check("{\"http.req\",a=\"b\"} 1\n", "http.req", &[("a", "b")], 1.0, None);
    check("{a=\"b\", \"http.req\"} 1\n", "http.req", &[("a", "b")], 1.0, None);
    check("{\"a\\\"b\",\"c d\"=\"e\"} 1\n", "a\"b", &[("c d", "e")], 1.0, None);
    check("m{\"é.ü\"=\"日本\"} 1\n", "m", &[("é.ü", "日本")], 1.0, None);
}

#[test]
fn label_values_keep_what_stands_in_them() {
    let value = |written: &str| one(&format!("a{{x=\"{written}\"}} 1\n")).1.remove(0).1;
    assert_eq!(value("/users/{id}, a=b"), "/users/{id}, a=b");
    assert_eq!(value(r#"\"q\" \\n \n"#), "\"q\" \\n \n");
    assert_eq!(value(r"C:\dir\é"), r"C:\dir\é");
    assert_eq!(value("\0"), "\0");
    assert_eq!(value(""), "");
}

#[test]
fn comments_and_blank_lines_are_passed() {
    let page = "\n  \n#\n# a comment\n#HELP\n# HELP\n# HELP a\n# HELP a any \\n text\n# HELPER\n  # TYPE a  counter\n\
                # TYPE \"b.c\" gauge\na 1";
    assert_eq!(read(page.as_bytes()).expect("a good page").len(), 1);
    let said: Vec<_> = metadata(page).collect();
    assert_eq!(said.len(), 4);
    assert_eq!(said[1], Metadata::Help { name: "a".into(), text: "any \n text".into() });
    assert_eq!(said[3], Metadata::Type { name: "b.c".into(), kind: "gauge" });
}

#[test]
fn each_fault_is_named_with_its_place() {
    let check = |page: &[u8], said: &str| {
        let error =
            read(page).map(|samples| panic!("{:?} was read: {samples:?}", page.escape_ascii().to_string()));
        assert_eq!(error.unwrap_err().to_string(), said);
    };
    check(b"<html>\n", "line 1, column 1: this is HTML, not an exposition page");
    check(b"a 1\n<html>\n", "line 2, column 1: expected a metric name, found `<`");
    check(b"a 1\na{b=\"\xff\"} 1\n", "line 2, column 6: bytes that are not valid UTF-8");
    check(b"# HELP a \xff\n", "line 1, column 10: bytes that are not valid UTF-8");
    check(b"a\0 1\n", "line 1, column 2: a NUL byte outside of a label value");
    check(b"\0", "line 1, column 1: a NUL byte outside of a label value");
    check(b"a 1\r\n", "line 1, column 4: a carriage return; lines must end in a line feed alone");
    check(b"a 1\nb", "line 2, column 2: the page is cut off: expected a value");
    check(b"a{b=\"c", "line 1, column 7: the page is cut off: expected the closing quote");
    check(b"a{b=\"c", "line 1, column 7: the page is cut off: expected the closing quote");
    check(b"a{b=\"c\n\"} 1\n", "line 1, column 7: expected the closing quote, found the end of the line");
    check(b"a\n", "line 1, column 2: expected a value, found the end of the line");
    check(b"1a 1\n", "line 1, column 1: expected a metric name, found `1`");
    check(b"a{b='c'} 1\n", "line 1, column 5: expected a label value in double quotes, found `'`");
    check(b"a{b-c=\"d\"} 1\n", "line 1, column 4: expected `=` behind the label name, found `-`");
    check(b"a{b=\"c\",,} 1\n", "line 1, column 9: expected a label name or the closing brace, found `,`");
    check(
        "a{ü=\"c\"} 1\n".as_bytes(),
        "line 1, column 3: expected a label name or the closing brace, found `ü`",
    );
    check("a{b=\"ü\",b=\"c\"} 1\n".as_bytes(), "line 1, column 9: label `b` is given twice");
    check(b"a{\"x\\\\\"=\"1\",\"x\\\\\"=\"1\"} 1\n", "line 1, column 13: label `x\\` is given twice");
    check(b"a{__name__=\"c\"} 1\n", "line 1, column 3: label `__name__` is given twice");
    check(b"a{\"b\"} 1\n", "line 1, column 3: a second metric name `b`; a line has one");
    check(b"{\"a\",\"b\"} 1\n", "line 1, column 6: a second metric name `b`; a line has one");
    check(b"{a=\"b\"} 1\n", "line 1, column 1: no metric name in or before the braces");
    check(b"a x\n", "line 1, column 3: `x` is not a number");
    check(b"a 1e999\n", "line 1, column 3: `1e999` is out of the range of numbers");
    check(b"a 1 1.5\n", "line 1, column 5: `1.5` is not a timestamp in milliseconds");
    check(
        b"a 1 99999999999999999999\n",
        "line 1, column 5: `99999999999999999999` is not a timestamp in milliseconds",
    );
    check(b"a 1 2 3\n", "line 1, column 7: expected the end of the line, found `3`");
    check(
        b"# TYPE a metre\n",
        "line 1, column 10: `metre` is not a metric type; there are counter, gauge, histogram, summary and untyped",
    );
    check(b"# TYPE 1a gauge\n", "line 1, column 8: expected a metric name, found `1`");
    check(b"# HELP \n", "line 1, column 8: expected a metric name, found the end of the line");
}

#[test]
fn a_label_twice_is_found_among_many_too() {
    let line = |twice: usize| {
        let labels: Vec<_> =
            (0..20_000).map(|n| format!("l{}=\"\"", if n == 19_999 { twice } else { n })).collect();
        format!("a{{{}}} 1\n", labels.join(","))
    };
    assert_eq!(one(&line(19_999)).1.len(), 20_000);
    let error = read(line(7).as_bytes()).unwrap_err();
    assert_eq!(error.fault, Fault::DuplicateLabel("l7".to_owned()));
}

#[test]
fn bad_bytes_in_a_plain_comment_do_no_harm() {
    assert_eq!(read(b"# caf\xe9\na 1\n").expect("a good page").len(), 1);
}

#[test]
fn a_line_that_nobody_wants_is_counted_and_checked_in_its_form() {
    let skip = |page: &str| parse_text(page.as_bytes(), |name| name == "b", |_| ());
    let counted = skip("a{x=\"}\"} 1\nb 1\n{\"c.d\"} 1\n").expect("a good page");
    assert_eq!(counted, Counted { samples: 3, wanted: 1, last_line_ended: true });
    assert!(!skip("a 1\nb 1").expect("a good page").last_line_ended);
    for page in [
        "a{x=\"1\"\n",
        "a{x=\"1} 1\n",
        "a{x} 1\n",
        "a x\n",
        "a 1 x\n",
        "a{x=\"1\"} 1 2 3\n",
        "a",
        "{\"a\",} x\n",
    ] {
        assert!(skip(page).is_err(), "{page:?}");
    }
}

#[test]
fn a_known_series_is_taken_by_its_bytes_alone() {
    let page = "# TYPE a gauge\na{x=\"1\"} 1\nab 2 7\na {x=\"1\"} 3\na{x=\"1\"}4\n";
    let mut lines = Lines::new(TextFormat::Prometheus, page);
    assert_eq!(lines.take_known(b"a", Family::Plain), Ok(None));
    assert_eq!(
        lines.take_known(b"a{x=\"1\"}", Family::Plain),
        Ok(Some(Reading { value: 1.0, timestamp_ms: None }))
    );
    assert_eq!(lines.take_known(b"a", Family::Plain), Ok(None));
    assert_eq!(
        lines.take_known(b"ab", Family::Plain),
        Ok(Some(Reading { value: 2.0, timestamp_ms: Some(7) }))
    );
    assert_eq!(lines.take_known(b"a", Family::Plain), Ok(None));
    assert!(
        matches!(lines.next_line(|_| true), Ok(Some(Step::Wanted(line))) if line.series == "a {x=\"1\"}")
    );
    assert_eq!(
        lines.take_known(b"a{x=\"1\"}", Family::Plain),
        Ok(Some(Reading { value: 4.0, timestamp_ms: None }))
    );
    assert_eq!(lines.take_known(b"a", Family::Plain), Ok(None));
    assert!(matches!(lines.next_line(|_| true), Ok(None)));
    assert_eq!(lines.counted(), Counted { samples: 4, wanted: 4, last_line_ended: true });
}

/// A page as prometheus-parse reads it too: no colon in names, each label value of harmless characters and not
/// empty, labels with a comma and no blank between them, no timestamps, plain numbers, and every metric declared
/// as a counter, gauge or untyped. Outside of this it loses or merges lines (see README).
fn common_page() -> impl Strategy<Value = String> {
    let label = ("[a-z_][a-z0-9_]{0,5}", "[A-Za-z0-9/._ -]{1,8}");
    let line = (0..3usize, proptest::collection::btree_map(label.0, label.1, 0..4), -1e9..1e9f64);
    proptest::collection::vec(line, 1..20).prop_map(|lines| {
        let mut page = "# TYPE m0 counter\n# TYPE m1 gauge\n# TYPE m2 untyped\n".to_owned();
        for (metric, labels, value) in lines {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
            let braces = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            page.push_str(&format!("m{metric}{braces} {value}\n"));
        }
        page
    })
}

fn by_prometheus_parse(page: &str) -> Vec<Read> {
    let scrape = prometheus_parse::Scrape::parse(page.lines().map(|line| Ok(line.to_owned())));
    let samples = scrape.expect("a page of the common domain").samples;
    samples
        .into_iter()
        .map(|sample| {
            let mut labels: Vec<_> =
                sample.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            labels.sort();
            let value = match sample.value {
                prometheus_parse::Value::Counter(value)
                | prometheus_parse::Value::Gauge(value)
                | prometheus_parse::Value::Untyped(value) => value,
                other => panic!("no such value in the common domain: {other:?}"),
            };
            (sample.metric, labels, value, None)
        })
        .collect()
}

/// The table of the README: what each line should give, and what prometheus-parse makes of it.
#[test]
fn prometheus_parse_misreads_what_the_readme_says() {
    let ours = |page: &str| match read(page.as_bytes()) {
        Ok(samples) => samples.into_iter().map(|(name, labels, ..)| shown(&name, labels)).collect(),
        Err(error) => vec![error.to_string()],
    };
    let theirs = |page: &str| -> Vec<String> {
        let lines = page.lines().map(|line| Ok(line.to_owned()));
        let samples = prometheus_parse::Scrape::parse(lines).expect("it takes any page").samples;
        let labels = |sample: &prometheus_parse::Sample| {
            sample.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        samples.iter().map(|sample| shown(&sample.metric, labels(sample))).collect()
    };
    let cases: [(&str, &[&str], &[&str]); 6] = [
        ("m{q=\"a=1\"} 1\nm{q=\"a=2\"} 2\n", &["m{q=a=1}", "m{q=a=2}"], &["m{}", "m{}"]),
        ("m{a=\"x,y\",b=\"1\"} 1\n", &["m{a=x,y b=1}"], &["m{a=x b=1}"]),
        ("m{path=\"/users/{id}\"} 1\n", &["m{path=/users/{id}}"], &[]),
        ("job:req:rate5m{a=\"b\"} 1\n", &["job:req:rate5m{a=b}"], &[]),
        ("{\"http.req\",a=\"b\"} 1\n", &["http.req{a=b}"], &[]),
        ("m 1\nthis is no sample\nn 2\n", &["line 2, column 6: `is` is not a number"], &["m{}", "n{}"]),
    ];
    for (page, should_be, is) in cases {
        assert_eq!(ours(page), should_be, "ours: {page}");
        assert_eq!(theirs(page), is, "prometheus-parse: {page}");
    }
}

fn shown(name: &str, mut labels: Vec<(String, String)>) -> String {
    labels.sort();
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{name}{{{}}}", labels.join(" "))
}

fn any_sample() -> impl Strategy<Value = Read> {
    let labels =
        proptest::collection::btree_map("\\PC{1,5}|[a-z\\\\\"\n]{1,3}", "[^\0]{0,6}|[a\\\\\"\nn]{0,5}", 0..4);
    ("[a-z:_][a-z0-9:_]{0,4}|\\PC{1,5}|[a\\\\\"\nn]{1,4}", labels, any::<f64>(), any::<Option<i64>>())
        .prop_filter("`__name__` is the name's own", |(_, labels, ..)| !labels.contains_key("__name__"))
        .prop_map(|(name, labels, value, at)| (name, labels.into_iter().collect(), value, at))
}

fn write(samples: &[Read]) -> String {
    let quoted =
        |text: &str| format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n"));
    let line = |(name, labels, value, at): &Read| {
        let labels = labels.iter().map(|(name, value)| format!("{}={}", quoted(name), quoted(value)));
        let pieces: Vec<_> = std::iter::once(quoted(name)).chain(labels).collect();
        let at = at.map(|at| format!(" {at}")).unwrap_or_default();
        format!("{{{}}} {}{at}\n", pieces.join(","), crate::model::format_value(*value))
    };
    samples.iter().map(line).collect()
}

proptest! {
    #[test]
    fn agrees_with_prometheus_parse_where_both_can_read(page in common_page()) {
        prop_assert_eq!(read(page.as_bytes()).expect("a good page"), by_prometheus_parse(&page));
    }

    #[test]
    fn what_is_written_is_read_back(samples in proptest::collection::vec(any_sample(), 0..8)) {
        let page = write(&samples);
        prop_assert_eq!(read(page.as_bytes()), Ok(samples), "{}", page);
    }

    #[test]
    fn no_bytes_make_it_panic(page: Vec<u8>) {
        let _ = read(&page);
        let _ = parse_text(&page, |_| false, |_| ());
        let _ = decode(TextFormat::Prometheus, &page).map(|page| metadata(&page).count());
    }

    #[test]
    fn no_page_that_is_nearly_good_makes_it_panic(page in "([a#{}\"\\\\ ,=\n\0\r\té1.e-]|# HELP |# TYPE |a\\{b=\"|\"\\} 1\n){0,30}") {
        let full = read(page.as_bytes());
        let skipped = parse_text(page.as_bytes(), |_| false, |_| ());
        if let Ok(samples) = full {
            prop_assert_eq!(samples.len() as u64, skipped.expect("a page that is good in full is good").samples);
        }
        let _ = metadata(&page).count();
        for known in ["a", "a{b=\"\"}", "a{b=\"\"} 1"] {
            let _ = Lines::new(TextFormat::Prometheus, &page).take_known(known.as_bytes(), Family::Plain);
        }
    }
}
