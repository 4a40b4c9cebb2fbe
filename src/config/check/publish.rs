//! `incidents.publish` → the gates.
//!
//! In:   what is said of all incidents, and of some; the components and sinks that there are.
//! Out:  a gate for all, and one for each entry of `gates`, which has from the one for all what it does not say.

use crate::config::raw::{At, Count, Length, RawGate, RawPublish, Wrong};
use crate::config::tree::Where;
use crate::delivery::Audience;
use crate::incidents::{Fallback, Gate, PolicyMatch, Publish, PublishMode};
use crate::model::Graph;

use super::sinks::Sinks;
use super::{Context, escalation};

pub(super) fn publish(raw: Option<RawPublish>, graph: &Graph, sinks: &Sinks, cx: &Context<'_>) -> Publish {
    let Some(raw) = raw else { return Publish::default() };
    let said = Said {
        mode: raw.mode,
        after: raw.after,
        breadth: raw.breadth,
        most_posts_an_hour: raw.most_posts_an_hour,
        fallback_after: raw.fallback_after,
        fallback: raw.fallback,
    };
    let mut asks = said.approve();
    let otherwise = said.over(&Gate::default(), cx);
    let mut gates: Vec<(PolicyMatch, Gate)> = Vec::new();
    for raw in raw.gates.unwrap_or_default() {
        let (at, matches, said) = split(raw, graph, cx);
        asks = asks.or(said.approve());
        if gates.iter().any(|(earlier, _)| takes_all(earlier, &matches)) {
            cx.reader.warning(
                &at,
                Wrong::new("this gate is for no incident: one before it takes them all")
                    .hint("the first gate that matches counts; write those for fewer incidents first"),
            );
        }
        gates.push((matches, said.over(&otherwise, cx)));
    }
    if let Some(at) = asks {
        warn_of_nobody_to_ask(&at, sinks, cx);
    }
    Publish { otherwise, gates }
}

/// What is said of a gate.
struct Said {
    mode: Option<At<PublishMode>>,
    after: Option<At<Length>>,
    breadth: Option<At<Count>>,
    most_posts_an_hour: Option<At<Count>>,
    fallback_after: Option<At<Length>>,
    fallback: Option<At<Fallback>>,
}

fn split(raw: RawGate, graph: &Graph, cx: &Context<'_>) -> (Where, PolicyMatch, Said) {
    let matches = raw.r#match.map(|matches| escalation::matches(matches, graph, cx)).unwrap_or_default();
    let said = Said {
        mode: raw.mode,
        after: raw.after,
        breadth: raw.breadth,
        most_posts_an_hour: raw.most_posts_an_hour,
        fallback_after: raw.fallback_after,
        fallback: raw.fallback,
    };
    (raw.at, matches, said)
}

impl Said {
    /// Where it says that a person approves.
    fn approve(&self) -> Option<Where> {
        self.mode.as_ref().filter(|mode| mode.value == PublishMode::Approve).map(|mode| mode.at.clone())
    }

    /// The gate that it makes of `base`.
    fn over(self, base: &Gate, cx: &Context<'_>) -> Gate {
        if let Some(breadth) = self.breadth.as_ref().filter(|breadth| breadth.value.0 == 0) {
            cx.error(&breadth.at, "`breadth` must be at least 1");
        }
        let most = self.most_posts_an_hour.map(|most| most.value.0);
        Gate {
            mode: self.mode.map_or(base.mode, |mode| mode.value),
            after: self.after.map_or(base.after, |after| after.value.0),
            breadth: self.breadth.map_or(base.breadth, |breadth| super::whole(breadth.value)),
            most_posts_an_hour: match most {
                None => base.most_posts_an_hour,
                Some(0) => None,
                Some(most) => Some(u32::try_from(most).unwrap_or(u32::MAX)),
            },
            fallback_after: self.fallback_after.map_or(base.fallback_after, |after| after.value.0),
            fallback: self.fallback.map_or(base.fallback, |fallback| fallback.value),
        }
    }
}

/// Whether what `later` is for is all taken by `earlier`. What a match does not name it takes all of.
fn takes_all(earlier: &PolicyMatch, later: &PolicyMatch) -> bool {
    let severities = earlier.severities.is_empty()
        || !later.severities.is_empty() && later.severities.is_subset(&earlier.severities);
    let components = earlier.components.is_empty()
        || !later.components.is_empty() && later.components.is_subset(&earlier.components);
    severities && components
}

fn warn_of_nobody_to_ask(at: &Where, sinks: &Sinks, cx: &Context<'_>) {
    // A sink with a problem of its own may be the one for responders.
    let all_are_known = sinks.checked.len() == sinks.names.len();
    if all_are_known && sinks.checked.iter().all(|sink| sink.audience != Audience::Responders) {
        cx.reader.warning(
            at,
            Wrong::new("drafts wait for a person, but no sink is for responders: nobody is asked")
                .hint("add a sink of `audience: responders`"),
        );
    }
}
