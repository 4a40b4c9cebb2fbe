//! What holds of any bytes as a page of lines: reading it by memory equals reading it anew, passing its lines counts the same,
//! and what is good in full is good in every way.

use fogsignal::scrape::{Family, Lines, Step, TextFormat, decode, parse_text_as};

/// A line: how its series is written and read, its labels, value and time.
type Read = (Vec<u8>, Family, String, Vec<(String, String)>, u64, Option<i64>);

fn read(format: TextFormat, page: &[u8]) -> Option<(Vec<Read>, u64)> {
    let mut lines = Vec::new();
    let counted = parse_text_as(
        format,
        page,
        |_| true,
        |line| {
            let labels = line.labels.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            let series = line.series.as_bytes().to_vec();
            lines.push((
                series,
                line.family,
                line.name.into_owned(),
                labels,
                line.value.to_bits(),
                line.timestamp_ms,
            ));
        },
    );
    counted.ok().map(|counted| (lines, counted.samples))
}

/// Checks one page.
pub fn check(format: TextFormat, page: &[u8]) {
    let passed = parse_text_as(format, page, |_| false, |_| ());
    let Some((lines, samples)) = read(format, page) else { return };
    assert_eq!(passed.map(|counted| counted.samples), Ok(samples));
    let again = decode(format, page).expect("it was decoded before");
    let mut by_memory = Lines::new(format, &again);
    let mut expected = lines.iter().peekable();
    loop {
        if let Some((series, family, .., bits, at)) = expected.peek()
            && let Some(reading) = by_memory.take_known(series, *family).expect("it was good before")
        {
            assert_eq!((reading.value.to_bits(), reading.timestamp_ms), (*bits, *at));
            expected.next();
            continue;
        }
        match by_memory.next_line(|_| true).expect("it was good before") {
            None => break,
            Some(Step::Skipped) => {}
            // A value that stands right behind a bare name is for the long way alone.
            Some(Step::Wanted(line)) => {
                let (series, .., bits, at) = expected.next().expect("there were so many");
                assert_eq!((line.series.as_bytes(), line.value.to_bits()), (&**series, *bits));
                assert_eq!(line.timestamp_ms, *at);
            }
        }
    }
    assert!(expected.next().is_none());
    // The same series is written in the same way each time.
    for (series, family, name, labels, ..) in lines.iter().take(16) {
        for other in lines.iter().take(16).filter(|other| (&other.0, other.1) == (series, *family)) {
            assert_eq!((&other.2, &other.3), (name, labels));
        }
    }
}
