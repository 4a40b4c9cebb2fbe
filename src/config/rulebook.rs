//! From a configuration to what the house is told of it.

use std::sync::Arc;

use crate::delivery::{Audience, Routes};
use crate::pipeline::{Phases, Rulebook};

use super::Config;

impl Config {
    /// What it says to the house.
    pub fn rulebook(&self) -> Rulebook {
        let responders = self.sinks.iter().filter(|sink| sink.audience == Audience::Responders);
        let sinks: Vec<_> = self.sinks.iter().map(|sink| (sink.name.clone(), sink.audience)).collect();
        Rulebook {
            groups: self.groups.clone(),
            phases: Phases::default(),
            context: self.rules.clone(),
            incidents: Arc::new(self.incidents.clone()),
            graph: Arc::new(self.graph.clone()),
            escalation: self.escalation.clone().into(),
            responders: responders.map(|sink| sink.name.clone()).collect(),
            routes: Routes::new(&sinks, self.incidents.expires_after),
        }
    }
}
