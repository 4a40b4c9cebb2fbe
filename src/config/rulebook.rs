//! From a configuration to what the house is told of it.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{Audience, Route, Routes};
use crate::pipeline::{Phases, Rulebook};

use crate::sinks::SinkSettings;

use super::Config;

/// A message that its sink did not take for so long goes to the sink's fallback, unless the sink says otherwise.
const FALLS_BACK_AFTER: Duration = Duration::from_secs(5 * 60);

impl Config {
    /// What it says to the house.
    pub fn rulebook(&self) -> Rulebook {
        let responders = self.sinks.iter().filter(|sink| sink.audience == Audience::Responders);
        Rulebook {
            groups: self.groups.clone(),
            kept_jobs: self.jobs.iter().filter(|job| job.keep_all).map(|job| job.name.clone()).collect(),
            phases: Phases::default(),
            context: self.rules.clone(),
            incidents: Arc::new(self.incidents.clone()),
            graph: Arc::new(self.graph.clone()),
            escalation: self.escalation.clone().into(),
            responders: responders.map(|sink| sink.name.clone()).collect(),
            routes: Routes::new(self.sinks.iter().map(|sink| self.route(sink)).collect()),
        }
    }

    fn route(&self, sink: &SinkSettings) -> Route {
        let fallback = sink.fallback.clone();
        // What the fallback is to bring must come while it is of use.
        let soon = if fallback.is_some() { FALLS_BACK_AFTER } else { Duration::MAX };
        let expires_after = sink.expires_after.unwrap_or(self.incidents.expires_after.min(soon));
        Route {
            acknowledges: sink.audience == Audience::Responders && sink.adapter.acknowledges(),
            fallback,
            ..Route::new(sink.name.clone(), sink.audience, expires_after)
        }
    }
}
