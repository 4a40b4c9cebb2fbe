//! Any text as a rule file: it is read or refused, and what is right of it can be evaluated.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use fogsignal::model::Timestamp;
use fogsignal::promql::Loaded;
use fogsignal::rules::{Alerts, Context, evaluate, load};
use libfuzzer_sys::fuzz_target;

static SERIES: LazyLock<Loaded> = LazyLock::new(|| {
    let text = "up{job=\"a\"} 1x20\nup{job=\"b\"} 0x20\nc{job=\"a\"} 0+5x20";
    Loaded::from_text(text, Duration::from_secs(15)).expect("these are series")
});

fuzz_target!(|text: &str| {
    let (groups, problems) = load(&"rules.yml".into(), text, &Context::default());
    for problem in problems.iter() {
        let _ = (problem.to_string(), problem.render(false));
    }
    let now = Timestamp::from_secs(200);
    for group in &groups {
        let _ = group.demands();
        // Few, so that a long file costs no more than a short one.
        for rule in group.rules.iter().take(4) {
            let _ = evaluate(rule, group, &Alerts::default(), &*SERIES, now, &Context::default());
        }
    }
});
