use proptest::prelude::*;

use super::*;
use crate::scrape::formats::encoded::{self, Body, Family, labelled};

/// All samples of a page as `name{label="value"} value @ms`, and how many were passed.
fn read(
    page: &[u8],
    parts: HistogramParts,
    wants: impl Fn(&str) -> bool,
) -> Result<(Vec<String>, u64), String> {
    let mut families = Families::new(page, parts);
    let (mut samples, mut skipped) = (Vec::new(), 0);
    loop {
        let step = families.next_sample(&wants).map_err(|error| error.to_string())?;
        match step {
            None => return Ok((samples, skipped)),
            Some(ProtobufStep::Skipped(passed)) => skipped += passed,
            Some(ProtobufStep::Wanted(sample)) => {
                samples.push(shown(&sample).map_err(|fault| fault.to_string())?)
            }
        }
    }
}

fn shown(sample: &ProtobufSample<'_>) -> Result<String, ProtobufFault> {
    let labels: Vec<_> = sample.labels()?.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let value = match &sample.value {
        ProtobufValue::Float(value) => value.to_string(),
        ProtobufValue::Native(native) => {
            let histogram = native.histogram()?;
            let gauge = if histogram.reset == Reset::Gauge { " gauge" } else { "" };
            format!("{histogram}{gauge}")
        }
    };
    let at = sample.timestamp_ms.map(|at| format!(" @{at}")).unwrap_or_default();
    Ok(format!("{}{{{}}} {value}{at}", sample.name(), labels.join(",")))
}

const CLASSIC: HistogramParts = HistogramParts { native: false, classic_too: false };
const NATIVE: HistogramParts = HistogramParts { native: true, classic_too: false };
const BOTH: HistogramParts = HistogramParts { native: true, classic_too: true };

fn check(page: &[u8], parts: HistogramParts, expected: &[&str]) {
    let (samples, skipped) = read(page, parts, |_| true).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((samples.iter().map(String::as_str).collect::<Vec<_>>(), skipped), (expected.to_vec(), 0));
    let none = read(page, parts, |_| false).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(none, (Vec::new(), expected.len() as u64));
}

fn one(kind: u64, body: Body) -> Vec<u8> {
    encoded::page(&[Family { name: "m", kind, metrics: vec![labelled(&[("a", "b")], body)] }])
}

#[test]
fn each_type_gives_the_series_that_prometheus_makes_of_it() {
    check(&one(0, Body::Counter(1.5)), CLASSIC, &["m{a=\"b\"} 1.5"]);
    check(&one(1, Body::Gauge(-2.0)), CLASSIC, &["m{a=\"b\"} -2"]);
    check(&one(3, Body::Untyped(f64::NAN)), CLASSIC, &["m{a=\"b\"} NaN"]);
    // Another body than that of the type counts as none.
    check(&one(0, Body::Gauge(7.0)), CLASSIC, &["m{a=\"b\"} 0"]);
    check(
        &one(2, Body::Summary { count: 3, sum: 4.5, quantiles: vec![(0.5, 1.0), (1.0, 2.0)] }),
        CLASSIC,
        &[
            "m_count{a=\"b\"} 3",
            "m_sum{a=\"b\"} 4.5",
            "m{a=\"b\",quantile=\"0.5\"} 1",
            "m{a=\"b\",quantile=\"1.0\"} 2",
        ],
    );
    let expected = [
        "m_count{a=\"b\"} 3",
        "m_sum{a=\"b\"} 4.5",
        "m_bucket{a=\"b\",le=\"1.0\"} 1",
        "m_bucket{a=\"b\",le=\"1e+06\"} 2",
        "m_bucket{a=\"b\",le=\"+Inf\"} 3",
    ];
    let buckets = [(1.0, 1), (1e6, 2), (f64::INFINITY, 3)];
    for buckets in [&buckets[..], &buckets[..2]] {
        check(&one(4, Body::Histogram(encoded::classic(3, 4.5, buckets))), BOTH, &expected);
    }
}

#[test]
fn native_histograms_are_read_where_they_are_asked_for() {
    let native = "m{a=\"b\"} {count:6, sum:12.5, [-1.189207115002721,-1.0905077326652577):1, [-0.001,0.001]:1, \
                  (0.8408964152537145,0.9170040432046712]:1, (0.9170040432046712,1]:2, \
                  (1.2968395546510096,1.4142135623730951]:1}";
    let buckets = encoded::bytes(3, &[encoded::number(1, 5), encoded::double(2, 1.0)].concat());
    let page = one(4, Body::Histogram([encoded::native(), buckets].concat()));
    let classic = [
        "m_count{a=\"b\"} 6",
        "m_sum{a=\"b\"} 12.5",
        "m_bucket{a=\"b\",le=\"1.0\"} 5",
        "m_bucket{a=\"b\",le=\"+Inf\"} 6",
    ];
    check(&page, CLASSIC, &classic);
    check(&page, NATIVE, &[native]);
    check(&page, BOTH, &[&[native][..], &classic].concat());
    // Without classic buckets there is nothing of them to read, too.
    check(&one(4, Body::Histogram(encoded::native())), BOTH, &[native]);
    // An empty span tells a native histogram without observations from a classic one.
    check(&one(4, Body::Histogram(encoded::span(12, 0, 0))), NATIVE, &["m{a=\"b\"} {count:0, sum:0}"]);
    check(
        &one(4, Body::Histogram(Vec::new())),
        NATIVE,
        &["m_count{a=\"b\"} 0", "m_sum{a=\"b\"} 0", "m_bucket{a=\"b\",le=\"+Inf\"} 0"],
    );
}

#[test]
fn native_histograms_of_floats_have_their_own_fields_and_may_be_packed() {
    let packed = [0.5f64.to_le_bytes(), 1.5f64.to_le_bytes()].concat();
    let message = [
        encoded::double(4, 2.5),
        encoded::double(8, 0.5),
        encoded::double(2, 1.0),
        encoded::span(12, 0, 2),
        encoded::bytes(14, &packed),
    ]
    .concat();
    let expected = ["m{a=\"b\"} {count:2.5, sum:1, [-0,0]:0.5, (0.5,1]:0.5, (1,2]:1.5} gauge"];
    check(&one(5, Body::Histogram(message)), NATIVE, &expected);
}

#[test]
fn timestamps_and_labels_of_any_text_are_read() {
    let metric = [labelled(&[("a.b", "é\n")], Body::Gauge(1.0)), encoded::number(6, 1500)].concat();
    let page = encoded::page(&[Family { name: "m.n", kind: 1, metrics: vec![metric] }]);
    check(&page, CLASSIC, &["m.n{a.b=\"é\\n\"} 1 @1500"]);
}

#[test]
fn only_wanted_series_of_a_family_are_given_out() {
    let page = one(4, Body::Histogram(encoded::classic(3, 4.5, &[(1.0, 1)])));
    let (samples, skipped) = read(&page, CLASSIC, |name| name == "m_sum").expect("a good page");
    assert_eq!((samples, skipped), (vec!["m_sum{a=\"b\"} 4.5".to_owned()], 3));
}

#[test]
fn each_fault_is_named_with_its_family() {
    let check = |page: &[u8], said: &str| assert_eq!(read(page, NATIVE, |_| true), Err(said.to_owned()));
    let histogram = |fields: &[Vec<u8>]| one(4, Body::Histogram(fields.concat()));
    check(&[5, 1], "metric family 1: the bytes are no protobuf message, or are cut off");
    let family =
        |name, kind| encoded::page(&[Family { name, kind, metrics: vec![labelled(&[], Body::Gauge(1.0))] }]);
    check(&[family("a", 1), family("", 1)].concat(), "metric family 2: it has no name");
    check(&family("a", 9), "metric family 1 (`a`): there is no metric type 9");
    // Labels and histograms are looked at where they are taken, so these have no place of their own.
    let labels = |labels: &[(&str, &str)]| {
        encoded::page(&[Family { name: "a", kind: 1, metrics: vec![labelled(labels, Body::Gauge(1.0))] }])
    };
    check(&labels(&[("x", "1"), ("x", "1")]), "label `x` is given twice");
    check(&labels(&[("__name__", "1")]), "label `__name__` is given twice");
    check(&labels(&[("", "1")]), "a label has no name");
    check(
        &histogram(&[encoded::span(12, 0, 1)]),
        "a native histogram cannot be right: its spans have more buckets than it has counts",
    );
    check(
        &histogram(&[encoded::span(12, 0, u64::from(u32::MAX)), encoded::signed(13, 1)]),
        "a native histogram cannot be right: its spans have more buckets than it has counts",
    );
    check(
        &histogram(&[encoded::span(12, 0, 0), encoded::signed(13, 1)]),
        "a native histogram cannot be right: it has more counts than its spans have buckets",
    );
    check(
        &histogram(&[encoded::span(12, 0, 1), encoded::signed(13, 1)]),
        "a native histogram cannot be right: the counts of its buckets do not add up to its count",
    );
    check(
        &histogram(&[encoded::span(12, 0, 1), encoded::signed(13, -1)]),
        "a native histogram cannot be right: a bucket has a count below zero",
    );
    check(
        &histogram(&[encoded::span(12, 0, 0), encoded::span(12, -1, 0)]),
        "a native histogram cannot be right: its spans overlap",
    );
    check(
        &histogram(&[encoded::span(12, 0, 0), encoded::signed(5, 9)]),
        "a native histogram has schema 9; there are -4 to 8",
    );
}

fn any_page() -> impl Strategy<Value = Vec<u8>> {
    let label = ("[a-c]", "[xy]{0,2}");
    let quantiles = proptest::collection::vec((0.0..1.0f64, any::<f64>()), 0..3);
    let buckets = proptest::collection::vec((any::<f64>(), 0..9u64), 0..3);
    let body = prop_oneof![
        any::<f64>().prop_map(|value| (1, Body::Gauge(value).into_message())),
        any::<f64>().prop_map(|value| (0, Body::Counter(value).into_message())),
        (0..9u64, any::<f64>(), quantiles)
            .prop_map(|(count, sum, quantiles)| (2, Body::Summary { count, sum, quantiles }.into_message())),
        (0..9u64, any::<f64>(), buckets).prop_map(|(count, sum, buckets)| (
            4,
            Body::Histogram(encoded::classic(count, sum, &buckets)).into_message()
        )),
        Just((4, Body::Histogram(encoded::native()).into_message())),
    ];
    let family = ("[a-c]", proptest::collection::btree_map(label.0, label.1, 0..3), body);
    proptest::collection::vec(family, 0..5).prop_map(|families| {
        let mut page = Vec::new();
        for (name, labels, (kind, body)) in &families {
            let labels: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let metric = [labelled_only(&labels), body.clone()].concat();
            page.extend(encoded::page(&[Family { name, kind: *kind, metrics: vec![metric] }]));
        }
        page
    })
}

impl Body {
    fn into_message(self) -> Vec<u8> {
        labelled(&[], self)
    }
}

fn labelled_only(labels: &[(&str, &str)]) -> Vec<u8> {
    let with_body = labelled(labels, Body::Histogram(Vec::new()));
    with_body[..with_body.len() - 2].to_vec()
}

proptest! {
    #[test]
    fn what_is_passed_and_what_is_given_out_are_all_there_is(page in any_page(), native: bool, classic_too: bool) {
        let parts = HistogramParts { native, classic_too };
        let (all, skipped) = read(&page, parts, |_| true).expect("a good page");
        prop_assert_eq!(skipped, 0);
        let (some, skipped) = read(&page, parts, |name| name.starts_with('a')).expect("a good page");
        let expected: Vec<_> = all.iter().filter(|sample| sample.starts_with('a')).cloned().collect();
        prop_assert_eq!(skipped, (all.len() - expected.len()) as u64);
        prop_assert_eq!(some, expected);
    }

    #[test]
    fn the_bytes_of_a_series_are_as_unlike_as_its_labels(page in any_page()) {
        let mut families = Families::new(&page, BOTH);
        let mut known = std::collections::BTreeMap::new();
        while let Some(step) = families.next_sample(|_| true).expect("a good page") {
            let ProtobufStep::Wanted(sample) = step else { continue };
            let is_native = matches!(sample.value, ProtobufValue::Native(_));
            let mut labels: Vec<_> = sample.labels().expect("good labels").into_iter().map(|(name, value)| (name.to_owned(), value.into_owned())).collect();
            labels.sort();
            let meant = (sample.name().into_owned(), labels, is_native);
            let before = known.insert(sample.series.to_vec(), meant.clone());
            prop_assert!(before.is_none_or(|before| before == meant));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(page: Vec<u8>, native: bool) {
        let _ = read(&page, HistogramParts { native, classic_too: true }, |_| true);
    }

    #[test]
    fn no_damage_makes_it_panic(page in any_page(), at: prop::sample::Index, byte: u8) {
        let mut page = page;
        if !page.is_empty() {
            let at = at.index(page.len());
            page[at] = byte;
        }
        let full = read(&page, BOTH, |_| true);
        let skipped = read(&page, BOTH, |_| false);
        if let Ok((samples, _)) = full {
            prop_assert_eq!(Ok((Vec::new(), samples.len() as u64)), skipped);
        }
    }
}
