use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{MatchOp, Matcher, STALE_NAN};
use crate::promql::{Demand, HistogramSample, Source};
use crate::series::PageSample;

const INTERVAL: Duration = Duration::from_secs(15);

fn window() -> Window {
    let mut window = Window::new();
    window.set_demand(&[Demand {
        matchers: vec![all()],
        look_back: Duration::from_mins(10),
        window: Duration::ZERO,
    }]);
    window
}

/// A series with its samples, all bits of the numbers.
type Held = (Labels, Vec<(Timestamp, u64)>, Vec<HistogramSample>);

/// What is rolled for one page.
type Rolled = (u8, Option<Vec<f64>>, Vec<u16>, bool);

/// Every sample, by its series.
fn held(window: &Window) -> Vec<Held> {
    let mut held = Vec::new();
    let (first, last) = (Timestamp::from_millis(0), Timestamp::from_secs(1_000_000_000));
    window.select_samples(&[all()], first, last, &mut |_, labels, samples| {
        let floats = samples.floats.iter().map(|sample| (sample.at, sample.value.to_bits())).collect();
        held.push((labels.clone(), floats, samples.histograms.to_vec()));
    });
    held
}

fn all() -> Matcher {
    Matcher::new("__name__", MatchOp::Regex, "a|h|up").unwrap()
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1000i64..1000).prop_map(|whole| whole as f64),
        any::<f64>(),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(f64::from_bits(STALE_NAN)),
        Just(9_007_199_254_740_992.0),
    ]
}

/// Pages of two targets: the series of each, or a failure; every other page shares its list with the one before.
fn pages() -> impl Strategy<Value = Vec<Page>> {
    let samples = prop::option::weighted(0.9, prop::collection::vec(value(), 1..6));
    let one = (0..2u8, samples, prop::collection::vec(0..100u16, 0..3), any::<bool>());
    prop::collection::vec(one, 1..30).prop_map(|rolled| {
        let mut lists: HashMap<u8, Arc<[Labels]>> = HashMap::new();
        let page = |(turn, (n, values, counts, own)): (i64, Rolled)| {
            let at = Timestamp::from_millis(1_000_000_000 + turn * 7_001);
            let identity: Labels = [("instance", n.to_string())].into_iter().collect();
            let is_good = values.is_some();
            let histogram = |(place, count): (usize, u16)| PageHistogram {
                labels: identity.with("__name__", "h").with("i", &place.to_string()),
                at: own.then_some(at - Duration::from_secs(2)),
                value: Arc::new(Histogram {
                    count: f64::from(count),
                    sum: f64::from(count) / 3.0,
                    positive: (0..i32::from(count % 5)).map(|index| (index, f64::from(count))).collect(),
                    ..Histogram::default()
                }),
            };
            let histograms = counts.into_iter().enumerate().map(histogram).filter(|_| is_good).collect();
            let samples = values.ok_or_else(|| "no answer".to_owned()).map(|values| {
                let series = |i: usize| identity.with("__name__", "a").with("i", &i.to_string());
                let known = lists.get(&n).filter(|known| known.len() == values.len()).cloned();
                let series = known.unwrap_or_else(|| (0..values.len()).map(series).collect());
                lists.insert(n, series.clone());
                let times = if own { vec![(0, at - Duration::from_secs(1))] } else { Vec::new() };
                PageSamples { series, values, times }
            });
            let report = ScrapeReport {
                clock_ahead_ms: own.then_some(-turn),
                scraped: u64::from(n),
                ..ScrapeReport::default()
            };
            Page {
                target: TargetKey::from(format!("t{n}")),
                identity: identity.clone(),
                at,
                interval: INTERVAL,
                samples,
                histograms,
                marks_own_times: own,
                report,
            }
        };
        (0..).zip(rolled).map(page).collect()
    })
}

proptest! {
    #[test]
    fn what_is_recorded_is_read_back_up_to_where_it_was_torn(pages in pages(), torn in any::<prop::sample::Index>()) {
        let mut tape = Tape { is_on: true, ..Tape::default() };
        let mut ends = vec![0];
        for page in &pages {
            tape.record(page);
            ends.push(tape.bytes.len());
        }
        let torn = torn.index(tape.bytes.len() + 1);
        let mut records = Records::new(&tape.bytes[..torn]);
        let (mut before, mut read) = (LastPages::default(), Vec::new());
        while let Some(content) = records.read_next().unwrap() {
            let Some(Record::Page(page)) = read_record(content, &mut before) else { panic!("it is a page") };
            read.push(*page);
        }
        let whole = ends.iter().filter(|end| **end <= torn).count() - 1;
        prop_assert_eq!((read.len(), records.whole_bytes()), (whole, ends[whole] as u64));
        for (read, page) in read.iter().zip(&pages) {
            let bits = |page: &Page| page.samples.as_ref().ok().map(|samples| {
                samples.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
            });
            prop_assert_eq!(bits(read), bits(page));
            let times = |page: &Page| page.samples.as_ref().map(|samples| (samples.series.clone(), samples.times.clone())).map_err(Clone::clone);
            prop_assert_eq!(times(read), times(page));
            prop_assert_eq!(&read.histograms, &page.histograms);
            prop_assert_eq!((&read.target, read.at, read.interval), (&page.target, page.at, page.interval));
            prop_assert_eq!((read.report, read.marks_own_times), (page.report, page.marks_own_times));
        }
    }

    #[test]
    fn a_checkpoint_and_a_tape_hold_what_the_window_held(pages in pages(), cut in any::<prop::sample::Index>()) {
        let now = pages[pages.len() - 1].at;
        let cut = cut.index(pages.len());
        let mut before = window();
        pages[..cut].iter().cloned().for_each(|page| before.ingest(page));
        let saved = before.checkpoint(now);
        before.start_tape();
        // Written twice, as where the file of the tape was not emptied in time.
        let twice = cut.saturating_sub(1);
        let mut other = window();
        other.start_tape();
        pages[twice..cut].iter().cloned().for_each(|page| other.ingest(page));
        let mut tape = other.take_tape().unwrap();
        pages[cut..].iter().cloned().for_each(|page| before.ingest(page));
        tape.extend(before.take_tape().unwrap());

        let mut after = window();
        after.restore(&*saved, now).unwrap();
        let played = after.play(&*tape, now).unwrap();
        prop_assert_eq!(played, Played { pages: pages.len() - cut, whole_bytes: tape.len() as u64 });
        prop_assert_eq!(held(&after), held(&before));
        for (after, before) in after.targets.values().zip(before.targets.values()) {
            prop_assert_eq!(after.times(), before.times());
            prop_assert_eq!(&after.health.identity, &before.health.identity);
        }
    }
}

fn good_page(at: Timestamp) -> Page {
    let labels: Labels = [("__name__", "a")].into_iter().collect();
    Page {
        target: TargetKey::from("t".to_owned()),
        identity: Labels::empty(),
        at,
        interval: INTERVAL,
        samples: Ok([PageSample { labels, at: None, value: 1.0 }].into_iter().collect()),
        histograms: Vec::new(),
        marks_own_times: false,
        report: ScrapeReport::default(),
    }
}

#[test]
fn a_target_of_a_tape_says_nothing_before_it_is_scraped_again() {
    let at = Timestamp::from_secs(1_000_000);
    let mut before = window();
    before.start_tape();
    for n in 0..10 {
        before.ingest(good_page(at + INTERVAL * n));
    }
    let mut after = window();
    let now = at + INTERVAL * 9;
    after.play(&*before.take_tape().unwrap(), now).unwrap();
    let target = after.targets.values().next().unwrap();
    assert_eq!(target.failing(now), Some(crate::promql::Presence::Warming));
    assert_eq!(target.health.tries, 0);
    after.ingest(good_page(at + INTERVAL * 10));
    let target = after.targets.values().next().unwrap();
    assert_eq!(target.coverage(INTERVAL * 8, at + INTERVAL * 10), crate::promql::Presence::Whole);
}

#[test]
fn the_time_between_two_processes_is_no_gap_of_a_target_for_a_third() {
    let begun = Timestamp::from_secs(1_000_000);
    let at = |scrape: u32| begun + INTERVAL * scrape;
    let mut first = window();
    first.start_tape();
    (0..10).for_each(|scrape| first.ingest(good_page(at(scrape))));
    let mut tape = first.take_tape().unwrap();
    let mut second = window();
    second.play(&*tape, at(15)).unwrap();
    second.start_tape();
    second.record_start(at(15));
    (16..18).for_each(|scrape| second.ingest(good_page(at(scrape))));
    tape.extend(second.take_tape().unwrap());
    let mut third = window();
    assert_eq!(third.play(&*tape, at(18)).unwrap().pages, 12);
    for window in [&mut second, &mut third] {
        window.ingest(good_page(at(18)));
        let target = window.targets.values().next().unwrap();
        assert_eq!(target.coverage(INTERVAL * 8, at(18)), crate::promql::Presence::Warming);
        assert_eq!(target.coverage(INTERVAL * 2, at(18)), crate::promql::Presence::Whole);
    }
}
