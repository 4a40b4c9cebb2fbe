//! When to look at the metrics of components for changes, and what was seen of them.
//!
//! In:   the components, the window, the time.
//! Out:  changes for the book, and when to look again.
//! Not:  what a change is, is decided in `rules`. What was seen is remembered only once its changes are committed.

use std::time::Duration;

use crate::incidents::{Change, ChangeKind};
use crate::model::{Graph, Timestamp};
use crate::promql::Demand;
use crate::rules::{self, Sighting, SightingKind, Sightings, Watched};
use crate::series::Window;

/// How often to look.
const EVERY: Duration = Duration::from_secs(15);

/// Watches the components that say which series are their own.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookout {
    watched: Vec<Watched>,
    seen: Sightings,
    next: Timestamp,
}

/// One look: what it saw, and when it was.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub changes: Vec<Change>,
    seen: Sightings,
    at: Timestamp,
}

impl Lookout {
    /// Watches the components of `graph`; what is known of those that `before` watched stays known.
    pub fn new(graph: &Graph, now: Timestamp, before: Self) -> Self {
        Self { watched: watched(graph).collect(), seen: before.seen, next: after(now) }
    }

    /// What is to be kept for it.
    pub fn demands(graph: &Graph) -> Vec<Demand> {
        watched(graph).flat_map(|watched| watched.demands()).collect()
    }

    /// When to look next; never where nothing is watched.
    pub fn next_due(&self) -> Option<Timestamp> {
        (!self.watched.is_empty()).then_some(self.next)
    }

    /// Whether to look now. A next look that is further ahead than one interval was planned by a clock that has been
    /// set back since.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next_due().is_some_and(|next| next <= now || now + EVERY < next)
    }

    /// Looks. Nothing is remembered yet.
    pub fn look(&self, window: &Window, at: Timestamp) -> Look {
        let (sightings, seen) = rules::look(&self.watched, window, at, &self.seen);
        Look { changes: sightings.into_iter().map(change).collect(), seen, at }
    }

    /// Remembers a look whose changes are committed.
    pub fn done(&mut self, look: &Look) {
        self.seen = look.seen.clone();
        self.next = after(look.at);
    }
}

fn watched(graph: &Graph) -> impl Iterator<Item = Watched> {
    graph.iter().filter_map(Watched::of)
}

fn after(now: Timestamp) -> Timestamp {
    now.floor_to(EVERY) + EVERY
}

fn change(sighting: Sighting) -> Change {
    Change {
        at: sighting.at,
        component: Some(sighting.component),
        kind: match sighting.kind {
            SightingKind::Deploy => ChangeKind::Deploy,
            SightingKind::Rollback => ChangeKind::Rollback,
            SightingKind::Restart => ChangeKind::Restart,
            SightingKind::Scale => ChangeKind::Scale,
        },
        version: sighting.version,
        summary: sighting.summary,
        by: None,
    }
}
