//! Any bytes as a page of protobuf: passing its samples counts the same as reading them, a page reads the same twice, and
//! the bytes that stand for a series mean one series.
#![no_main]

use std::collections::HashMap;

use fogsignal::scrape::{Families, HistogramParts, ProtobufStep, ProtobufValue};
use libfuzzer_sys::fuzz_target;

/// Counts samples, given out and passed, and looks at each that is given out.
fn walk(
    page: &[u8],
    parts: HistogramParts,
    wants: impl Fn(&str) -> bool,
    mut visit: impl FnMut(&[u8], String),
) -> Option<u64> {
    let mut families = Families::new(page, parts);
    let mut samples = 0;
    while let Some(step) = families.next_sample(&wants).ok()? {
        match step {
            ProtobufStep::Skipped(passed) => samples += passed,
            ProtobufStep::Wanted(sample) => {
                samples += 1;
                let labels = sample.labels();
                let is_native = matches!(sample.value, ProtobufValue::Native(_));
                if let ProtobufValue::Native(native) = &sample.value
                    && let Ok(histogram) = native.histogram()
                {
                    let all = histogram.positive.iter().chain(&histogram.negative);
                    assert!(all.clone().all(|(_, count)| *count != 0.0));
                    assert!(histogram.positive.is_sorted_by(|a, b| a.0 < b.0));
                    assert!(histogram.negative.is_sorted_by(|a, b| a.0 < b.0));
                }
                visit(sample.series, format!("{} {labels:?} {is_native}", sample.name()));
            }
        }
    }
    Some(samples)
}

fuzz_target!(|page: &[u8]| {
    for parts in [
        HistogramParts { native: false, classic_too: false },
        HistogramParts { native: true, classic_too: false },
        HistogramParts { native: true, classic_too: true },
    ] {
        let mut known: HashMap<Vec<u8>, String> = HashMap::new();
        let mut first = Vec::new();
        let all = walk(
            page,
            parts,
            |_| true,
            |series, meant| {
                assert_eq!(known.entry(series.to_vec()).or_insert_with(|| meant.clone()), &meant);
                first.push(meant);
            },
        );
        let mut second = Vec::new();
        let again = walk(page, parts, |_| true, |_, meant| second.push(meant));
        assert_eq!((all, &first), (again, &second));
        let Some(all) = all else { continue };
        assert_eq!(walk(page, parts, |_| false, |_, _| panic!("nothing is wanted")), Some(all));
        assert_eq!(walk(page, parts, |name| name.ends_with("_sum"), |_, _| ()), Some(all));
    }
});
