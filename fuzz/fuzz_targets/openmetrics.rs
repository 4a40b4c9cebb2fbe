//! Any bytes as a page of OpenMetrics.
#![no_main]

mod lines;

use fogsignal::scrape::TextFormat;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|page: &[u8]| lines::check(TextFormat::OpenMetrics, page));
