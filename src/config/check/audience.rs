//! Whether anybody hears of what the rules find.
//!
//! In:   the whole configuration; where its rule files are named.
//! Out:  at most one warning: each of these is a choice that somebody may have made, and the first is the gravest.

use crate::config::raw::{Reader, Wrong};
use crate::config::settings::Config;
use crate::config::tree::Where;
use crate::delivery::Audience;
use crate::incidents::PublishMode;
use crate::rules::RuleKind;

/// Warns of messages that nobody gets.
pub fn check(config: &Config, rule_files: &Where, reader: &Reader) {
    let mut rules = config.groups.iter().flat_map(|group| &group.rules);
    if rules.all(|rule| matches!(rule.kind, RuleKind::Record)) {
        return;
    }
    let has = |audience: Audience| config.sinks.iter().any(|sink| sink.audience == audience);
    let publish = &config.incidents.publish;
    let mut gates = publish.gates.iter().map(|(_, gate)| gate).chain([&publish.otherwise]);
    let posts = gates.any(|gate| gate.mode != PublishMode::Off)
        && config.graph.iter().any(|component| component.public);
    let wrong = if config.sinks.is_empty() {
        Wrong::new("there are no `sinks`: incidents will open, and nobody is told")
            .hint("begin with `sinks: [{name: terminal, adapter: stdout, audience: responders}]`")
    } else if !has(Audience::Responders) {
        Wrong::new("no sink is for responders: incidents will open, and nobody is paged")
            .hint("add a sink of `audience: responders`")
    } else if posts && !has(Audience::Customers) {
        Wrong::new("there are public components, but no sink is for customers: posts go nowhere")
            .hint("add a sink of `audience: customers`, or write `publish: {mode: off}` under `incidents`")
    } else {
        return;
    };
    reader.warning(rule_files, wrong);
}
