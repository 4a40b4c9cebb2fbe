//! Any bytes as a page of the Prometheus text format.
#![no_main]

mod lines;

use fogsignal::scrape::TextFormat;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|page: &[u8]| lines::check(TextFormat::Prometheus, page));
