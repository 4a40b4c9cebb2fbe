use proptest::prelude::*;

use super::*;
use crate::model::Timestamp;
use crate::scrape::formats::encoded::{self, Family as Encoded};
use crate::scrape::memory::Memory;
use crate::scrape::page::{Demanded, Read, read_page};
use crate::scrape::{Format, HistogramParts, ScrapeError, Wants};

/// A target whose pages are read one after another.
pub(super) struct Reads {
    target: Target,
    memory: Memory,
    demand: u64,
}

impl Reads {
    pub(super) fn of(job: Job) -> Self {
        Self { target: target(job), memory: Memory::default(), demand: 0 }
    }

    fn page(&mut self, body: &str, wants: &dyn Wants) -> Result<Read, ScrapeError> {
        self.page_as(Format::Text, body.as_bytes(), wants)
    }

    pub(super) fn page_as(
        &mut self,
        format: Format,
        body: &[u8],
        wants: &dyn Wants,
    ) -> Result<Read, ScrapeError> {
        let demanded = Demanded { number: self.demand, wants };
        let (read, outcome) = read_page(body, format, &self.target, demanded, &mut self.memory);
        outcome.map(|()| read)
    }
}

pub(super) fn all(_: &str) -> bool {
    true
}

/// The samples as `labels value[ @ms]`, without the target's own labels where they are as always.
pub(super) fn shown(read: &Read) -> Vec<String> {
    let show = |sample: crate::series::PageSample| {
        let labels = sample.labels.filtered(|name| name != "job" && name != "instance");
        let at = sample.at.map(|at| format!(" @{}", at.as_millis())).unwrap_or_default();
        format!("{labels} {}{at}", sample.value)
    };
    read.samples.iter().map(show).collect()
}

fn first(job: Job, body: &str) -> Result<Read, ScrapeError> {
    Reads::of(job).page(body, &all)
}

#[test]
fn samples_get_the_targets_labels_and_what_conflicts_is_renamed() {
    let body = "a{job=\"page\",x=\"1\"} 1\nb{instance=\"\"} 2\nc{job=\"p\",exported_job=\"q\"} 3\n";
    let read = first(job("j", &["h:1"]), body).expect("a good page");
    let found: Vec<_> = read.samples.series.to_vec();
    let own = [("job", "j"), ("instance", "h:1")];
    let with = |more: &[(&str, &str)]| labels(&[&own[..], more].concat());
    assert_eq!(
        found,
        [
            with(&[("__name__", "a"), ("exported_job", "page"), ("x", "1")]),
            with(&[("__name__", "b")]),
            with(&[("__name__", "c"), ("exported_job", "q"), ("exported_exported_job", "p")]),
        ]
    );
}

#[test]
fn honored_labels_win_also_where_they_are_empty() {
    let body = "a{job=\"page\"} 1\nb{instance=\"\"} 2\n";
    let read = first(Job { honor_labels: true, ..job("j", &["h:1"]) }, body).expect("a good page");
    assert_eq!(read.samples.series[0], labels(&[("__name__", "a"), ("job", "page"), ("instance", "h:1")]));
    assert_eq!(read.samples.series[1], labels(&[("__name__", "b"), ("job", "j")]));
}

#[test]
fn what_nobody_wants_is_counted_and_not_kept() {
    let mut reads = Reads::of(job("j", &["h:1"]));
    for _ in 0..2 {
        let read = reads.page("a 1\nb{x=\"1\"} 2\nb{x=\"2\"} 3\n", &|name: &str| name == "a").expect("good");
        assert_eq!(shown(&read), ["a 1"]);
        assert_eq!((read.scraped, read.post_relabel), (3, 3));
        assert_eq!(reads.memory.len(), 1);
    }
}

#[test]
fn relabelling_sees_every_sample_and_demand_the_names_that_it_leaves() {
    use RelabelAction::{Drop, Replace};
    let mut renaming = job("j", &["h:1"]);
    renaming.metric_relabel = vec![
        rule(Drop, "__name__", "b", "", ""),
        rule(Replace, "__name__", "old_(.*)", "__name__", "new_$1"),
    ];
    let mut reads = Reads::of(renaming);
    for _ in 0..3 {
        let read = reads.page("old_a 1\nb 2\nc 3\n", &|name: &str| name == "new_a").expect("good");
        assert_eq!(shown(&read), ["new_a 1"]);
        assert_eq!((read.scraped, read.post_relabel), (3, 2));
    }
}

#[test]
fn a_new_demand_brings_back_what_was_unwanted() {
    let mut limited = job("j", &["h:1"]);
    limited.limits.labels = Some(9);
    let mut reads = Reads::of(limited);
    assert_eq!(shown(&reads.page("a 1\nb 2\n", &|name: &str| name == "a").expect("good")), ["a 1"]);
    reads.demand = 1;
    assert_eq!(shown(&reads.page("a 1\nb 2\n", &|name: &str| name == "b").expect("good")), ["b 2"]);
    reads.demand = 2;
    assert_eq!(shown(&reads.page("a 1\nb 2\n", &all).expect("good")), ["a 1", "b 2"]);
}

#[test]
fn timestamps_are_taken_only_where_they_are_honored() {
    let read = first(job("j", &["h:1"]), "a 1 1500\n").expect("good");
    assert_eq!(read.samples.times, [(0, Timestamp::from_millis(1500))]);
    let read = first(Job { honor_timestamps: false, ..job("j", &["h:1"]) }, "a 1 1500\n").expect("good");
    assert_eq!(read.samples.times, []);
}

#[test]
fn of_a_series_that_comes_twice_the_first_stands() {
    let mut reads = Reads::of(job("j", &["h:1"]));
    for _ in 0..3 {
        let read = reads
            .page("a{x=\"1\",y=\"2\"} 1\na{x=\"1\",y=\"2\"} 2\na{y=\"2\",x=\"1\"} 3\nb 1 5\nb 2 6\n", &all)
            .expect("good");
        assert_eq!(shown(&read), ["a{x=\"1\", y=\"2\"} 1", "b 1 @5", "b 2 @6"]);
        assert_eq!((read.duplicates, read.scraped), (2, 5));
        assert_eq!(read.duplicate.map(|labels| labels.metric_name().to_owned()).as_deref(), Some("a"));
    }
}

#[test]
fn a_page_that_breaks_a_limit_fails_whole() {
    let with = |change: fn(&mut Limits)| {
        let mut job = job("j", &["h:1"]);
        change(&mut job.limits);
        first(job, "abcdefghijkl{x=\"abcdefghijklm\"} 1\nb 2\n")
    };
    assert!(with(|limits| limits.samples = Some(2)).is_ok());
    let check = |change: fn(&mut Limits), text: &str| {
        assert_eq!(with(change).expect_err("a limit is broken").whole(), text);
    };
    check(
        |limits| limits.samples = Some(1),
        "the page has 2 samples after relabelling, more than its `sample_limit` of 1",
    );
    check(|limits| limits.labels = Some(3), "`abcdefghijkl` breaks `label_limit`: 4 is more than 3");
    check(
        |limits| limits.label_name_bytes = Some(7),
        "`abcdefghijkl` breaks `label_name_length_limit`: 8 is more than 7",
    );
    check(
        |limits| limits.label_value_bytes = Some(12),
        "`abcdefghijkl` breaks `label_value_length_limit`: 13 is more than 12",
    );
}

#[test]
fn a_sample_limit_counts_what_relabelling_leaves_and_the_figures_stay() {
    let mut limited = job("j", &["h:1"]);
    limited.limits.samples = Some(1);
    limited.metric_relabel = vec![rule(RelabelAction::Drop, "__name__", "b", "", "")];
    let mut reads = Reads::of(limited);
    assert_eq!(shown(&reads.page("a 1\nb 2\n", &all).expect("b does not count")), ["a 1"]);
    let demanded = Demanded { number: 0, wants: &all };
    let (read, outcome) =
        read_page(b"a 1\nb 2\nc 3\n", Format::Text, &reads.target, demanded, &mut reads.memory);
    assert!(matches!(outcome, Err(ScrapeError::TooManySamples { found: 2, limit: 1 })));
    assert_eq!((read.samples.values.len(), read.scraped, read.post_relabel), (0, 3, 2));
}

#[test]
fn a_sample_without_a_name_fails_the_page() {
    let mut nameless = job("j", &["h:1"]);
    nameless.metric_relabel = vec![rule(RelabelAction::LabelDrop, "", "__name__", "", "")];
    assert!(matches!(first(nameless, "a 1\n"), Err(ScrapeError::NoName { series }) if series == "a"));
}

#[test]
fn one_bad_line_fails_the_page_and_makes_nothing_forgotten() {
    let mut reads = Reads::of(job("j", &["h:1"]));
    let good = "a{x=\"1\"} 1\nb 2\n";
    reads.page(good, &all).expect("good");
    for bad in ["a{x=\"1\"} 1\nb 2\nc{x=\"", "a{x=\"1\"} one\n", "a{x=\"1\"} 1\nb", "<html></html>"] {
        assert!(matches!(reads.page(bad, &all), Err(ScrapeError::Parse(_))), "{bad}");
    }
    assert_eq!(reads.memory.len(), 2);
    assert_eq!(shown(&reads.page(good, &all).expect("good")), ["a{x=\"1\"} 1", "b 2"]);
    assert_eq!(
        reads.page("<html></html>", &all).expect_err("no page").whole(),
        "the page cannot be read: line 1, column 1: this is HTML, not an exposition page"
    );
}

#[test]
fn bytes_that_are_no_utf8_fail_the_page() {
    let target = target(job("j", &["h:1"]));
    let demanded = Demanded { number: 0, wants: &all };
    let (_, outcome) =
        read_page(b"a 1\nb{x=\"\xff\"} 2\n", Format::Text, &target, demanded, &mut Memory::default());
    let text = outcome.expect_err("not UTF-8").whole();
    assert!(text.contains("line 2, column 6: bytes that are not valid UTF-8"), "{text}");
}

mod law {
    use proptest::prelude::*;

    use super::*;

    fn pages() -> impl Strategy<Value = Vec<Vec<(u8, u8, Option<i8>)>>> {
        let line = (0..6u8, any::<u8>(), proptest::option::weighted(0.2, any::<i8>()));
        proptest::collection::vec(proptest::collection::vec(line, 0..12), 1..6)
    }

    proptest! {
        /// A memory of earlier pages changes nothing of what a page says.
        #[test]
        fn a_memory_changes_nothing(pages in pages(), relabels in any::<bool>(), room in 0..7usize) {
            let mut job = job("j", &["h:1"]);
            if relabels {
                job.metric_relabel = vec![
                    rule(RelabelAction::Drop, "x", "4", "", ""),
                    rule(RelabelAction::LabelDrop, "", "z", "", ""),
                ];
            }
            let series = ["a", "a{x=\"1\",y=\"2\"}", "a{y=\"2\",x=\"1\"}", "b{x=\"4\"}", "unwanted", "a{z=\"1\"}"];
            let wants = |name: &str| name != "unwanted";
            let mut reads = Reads::of(job.clone());
            reads.memory = Memory::with_room_for(room);
            for page in pages {
                let body: String = page
                    .iter()
                    .map(|(name, value, at)| {
                        let at = at.map(|at| format!(" {at}")).unwrap_or_default();
                        format!("{} {value}{at}\n", series[usize::from(*name)])
                    })
                    .collect();
                let with = reads.page(&body, &wants).expect("good");
                let without = Reads::of(job.clone()).page(&body, &wants).expect("good");
                prop_assert_eq!(&with.samples, &without.samples);
                prop_assert_eq!(
                    (with.scraped, with.post_relabel, with.duplicates),
                    (without.scraped, without.post_relabel, without.duplicates)
                );
            }
        }
    }
}

#[test]
fn bounds_of_histograms_and_summaries_are_numbers() {
    let body = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\n# TYPE s summary\ns{quantile=\"0\"} 2\n# TYPE g gauge\n\
                g{le=\"1\",quantile=\"0\"} 3\n";
    let mut reads = Reads::of(job("j", &["h:1"]));
    for _ in 0..2 {
        let read = reads.page(body, &all).expect("good");
        assert_eq!(
            shown(&read),
            ["h_bucket{le=\"1.0\"} 1", "s{quantile=\"0.0\"} 2", "g{le=\"1\", quantile=\"0\"} 3"]
        );
    }
    // The memory of one type is not taken for another.
    let untyped = reads.page(&body.replace("# TYPE h histogram\n", ""), &all).expect("good");
    assert_eq!(shown(&untyped)[0], "h_bucket{le=\"1\"} 1");
}

#[test]
fn protobuf_pages_give_the_samples_of_text_pages() {
    use encoded::{Body, labelled};
    let page = encoded::page(&[
        Encoded { name: "c_total", kind: 0, metrics: vec![labelled(&[("job", "page")], Body::Counter(1.0))] },
        Encoded {
            name: "h",
            kind: 4,
            metrics: vec![labelled(&[], Body::Histogram(encoded::classic(3, 4.5, &[(1.0, 2)])))],
        },
    ]);
    let text = "c_total{job=\"page\"} 1\n# TYPE h histogram\nh_count 3\nh_sum 4.5\nh_bucket{le=\"1\"} 2\n\
                h_bucket{le=\"+Inf\"} 3\n";
    let wants: [&dyn Wants; 3] = [&all, &|name: &str| name == "h_sum", &|_: &str| false];
    for wants in wants {
        let (mut by_text, mut by_protobuf) = (Reads::of(job("j", &["h:1"])), Reads::of(job("j", &["h:1"])));
        for _ in 0..3 {
            let text = by_text.page(text, wants).expect("good");
            let protobuf = by_protobuf.page_as(Format::Protobuf, &page, wants).expect("good");
            assert_eq!(protobuf.samples, text.samples);
            assert_eq!((protobuf.scraped, protobuf.post_relabel), (5, 5));
            assert_eq!((text.scraped, text.post_relabel), (5, 5));
        }
    }
}

#[test]
fn native_histograms_have_final_labels_and_come_once() {
    use encoded::{Body, labelled};
    let native = || labelled(&[("x", "1")], Body::Histogram(encoded::native()));
    let page = encoded::page(&[Encoded { name: "h", kind: 4, metrics: vec![native(), native()] }]);
    let mut scraping = job("j", &["h:1"]);
    scraping.histograms = HistogramParts { native: true, classic_too: false };
    let mut reads = Reads::of(scraping);
    for _ in 0..2 {
        let read = reads.page_as(Format::Protobuf, &page, &all).expect("good");
        assert_eq!((read.samples.values.len(), read.histograms.len(), read.duplicates), (0, 1, 1));
        let expected = labels(&[("__name__", "h"), ("x", "1"), ("job", "j"), ("instance", "h:1")]);
        assert_eq!(read.histograms[0].labels, expected);
        assert_eq!(read.histograms[0].value.count, 6.0);
    }
    let unwanted =
        Reads::of(reads.target.job.as_ref().clone())
            .page_as(Format::Protobuf, &page, &|name: &str| name == "h_sum");
    let unwanted = unwanted.expect("good");
    assert_eq!((unwanted.histograms.len(), unwanted.scraped), (0, 2));
}

#[test]
fn a_protobuf_page_that_is_cut_off_fails_as_a_whole() {
    use encoded::{Body, labelled};
    let counter = |name: &'static str| Encoded {
        name,
        kind: 0,
        metrics: vec![labelled(&[("x", "1")], Body::Counter(1.0))],
    };
    let whole = encoded::page(&[counter("a"), counter("b")]);
    let first = encoded::page(&[counter("a")]).len();
    for cut in (1..whole.len()).filter(|cut| *cut != first) {
        let read = Reads::of(job("j", &["h:1"])).page_as(Format::Protobuf, &whole[..cut], &all);
        assert!(matches!(read, Err(ScrapeError::Protobuf(_))), "{cut}");
    }
}

fn any_rules() -> impl proptest::strategy::Strategy<Value = Vec<crate::scrape::RelabelRule>> {
    use RelabelAction::{Drop, Keep, LabelDrop, LabelMap, Replace};
    let action = proptest::sample::select(vec![Drop, Keep, LabelDrop, LabelMap, Replace]);
    let regex = proptest::sample::select(vec!["(.*)", "a|x", "(a|b).*", ".*1", ""]);
    let label = || proptest::sample::select(vec!["__name__", "x", "y"]);
    let rule = (action, label(), regex, label(), proptest::sample::select(vec!["$1", "", "b", "c$1"]))
        .prop_map(|(action, source, regex, target, to)| rule(action, source, regex, target, to));
    proptest::collection::vec(rule, 1..4)
}

proptest! {
    #[test]
    fn what_is_remembered_of_relabelling_is_what_it_does(rules in any_rules(), order in Just(vec![0, 1, 2, 3, 4]).prop_shuffle()) {
        let lines = ["a 1\n", "a{x=\"1\"} 2\n", "b{x=\"a\",y=\"1\"} 3\n", "b{y=\"b1\"} 4\n", "c{x=\"1\"} 5 7\n"];
        let mut relabelling = job("j", &["h:1"]);
        relabelling.metric_relabel = rules;
        let mut reads = Reads::of(relabelling.clone());
        let shuffled: String = order.iter().map(|place| lines[*place]).collect();
        for page in [&lines.concat(), &lines.concat(), &shuffled, &lines[1..].concat(), &shuffled] {
            let fresh = first(relabelling.clone(), page);
            let remembered = reads.page(page, &all);
            match (fresh, remembered) {
                (Ok(fresh), Ok(remembered)) => {
                    prop_assert_eq!(fresh.samples, remembered.samples);
                    prop_assert_eq!(
                        (fresh.scraped, fresh.post_relabel, fresh.duplicates),
                        (remembered.scraped, remembered.post_relabel, remembered.duplicates)
                    );
                }
                (fresh, remembered) => prop_assert_eq!(
                    fresh.map(|_| ()).map_err(|error| error.to_string()),
                    remembered.map(|_| ()).map_err(|error| error.to_string())
                ),
            }
        }
    }
}
