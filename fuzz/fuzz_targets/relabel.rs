//! Any rule on any labels: a set that is kept is sorted, has no empty value and no empty name, and comes out the same again;
//! a rule that only judges changes nothing.
#![no_main]

use fogsignal::model::{Labels, Matcher};
use fogsignal::scrape::{RelabelAction, RelabelRule, relabel};
use libfuzzer_sys::fuzz_target;

const ACTIONS: [RelabelAction; 11] = [
    RelabelAction::Replace,
    RelabelAction::Keep,
    RelabelAction::Drop,
    RelabelAction::KeepEqual,
    RelabelAction::DropEqual,
    RelabelAction::HashMod,
    RelabelAction::LabelMap,
    RelabelAction::LabelDrop,
    RelabelAction::LabelKeep,
    RelabelAction::Lowercase,
    RelabelAction::Uppercase,
];

/// Lines: of labels `name=value`, then of rules, each of an action's digit, source, regex, target and replacement.
fn read(text: &str) -> (Labels, Vec<RelabelRule>) {
    let (labels, rules) = text.split_once("\n\n").unwrap_or((text, ""));
    let labels = labels.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| !name.is_empty());
    let rules = rules.lines().take(8).filter_map(|line| {
        let mut fields = line.split('|');
        let action = usize::from_str_radix(fields.next()?, 16).ok()?;
        let source = fields.next()?;
        Some(RelabelRule {
            source_labels: source.split_terminator(',').map(str::to_owned).collect(),
            separator: ";".to_owned(),
            regex: Matcher::anchored(fields.next()?.get(..64.min(line.len())).unwrap_or("(.*)")).ok()?,
            modulus: 7,
            target_label: fields.next()?.to_owned(),
            replacement: fields.next().unwrap_or("$1").to_owned(),
            action: *ACTIONS.get(action)?,
        })
    });
    (labels.collect(), rules.collect())
}

fuzz_target!(|text: &str| {
    let (labels, rules) = read(text);
    let mut builder = labels.edit();
    let kept = relabel(&rules, &mut builder);
    let result = builder.build();
    let pairs: Vec<_> = result.iter().collect();
    assert!(pairs.is_sorted_by(|a, b| a.0 < b.0), "{pairs:?}");
    assert!(pairs.iter().all(|(name, value)| !name.is_empty() && !value.is_empty()), "{pairs:?}");
    let mut again = labels.edit();
    assert_eq!(relabel(&rules, &mut again), kept);
    assert_eq!(again.build(), result);
    let judges = |rule: &RelabelRule| {
        use RelabelAction::{Drop, DropEqual, Keep, KeepEqual};
        matches!(rule.action, Keep | Drop | KeepEqual | DropEqual)
    };
    if rules.iter().all(judges) {
        assert_eq!(result, labels.edit().build());
    }
});
