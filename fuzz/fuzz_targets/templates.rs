//! Any text as a template of an annotation and of a label: it is refused when the file is read, or it renders.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use fogsignal::model::Timestamp;
use fogsignal::promql::Loaded;
use fogsignal::rules::{Alerts, Context, evaluate, load};
use libfuzzer_sys::fuzz_target;

static SERIES: LazyLock<Loaded> = LazyLock::new(|| {
    let text = "up{job=\"a\", instance=\"a.example:9100\"} 0.25x20\nup{job=\"b\"} NaN";
    Loaded::from_text(text, Duration::from_secs(15)).expect("these are series")
});

fuzz_target!(|text: &str| {
    // JSON is YAML.
    let file = serde_json::json!({"groups": [{"name": "g", "rules": [
        {"alert": "A", "expr": "up", "labels": {"l": text}, "annotations": {"a": text}},
    ]}]});
    let (groups, _) = load(&"rules.yml".into(), &file.to_string(), &Context::default());
    let now = Timestamp::from_secs(200);
    for group in &groups {
        for rule in &group.rules {
            let _ = evaluate(rule, group, &Alerts::default(), &*SERIES, now, &Context::default());
        }
    }
});
