//! The running sinks, as others may see them.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::delivery::Audience;
use crate::outbox::{OutboxStats, Sink};

/// What others may see of a running sink.
#[derive(Clone)]
pub struct SinkView {
    /// The sink.
    pub sink: Arc<dyn Sink>,
    /// Whom it reaches.
    pub audience: Audience,
    /// What its pump counted.
    pub stats: Arc<OutboxStats>,
}

/// The running sinks, as they are now.
pub type OutboxView = Arc<ArcSwap<Vec<SinkView>>>;
