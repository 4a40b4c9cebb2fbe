//! An alert as a part of an incident.

use serde::{Deserialize, Serialize};

use crate::model::{ComponentStatus, Severity, Timestamp};
use crate::rules::{AlertFacts, AlertKey, AlertState, Role};

/// An alert that is or was part of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Which alert.
    pub key: AlertKey,
    /// Where it stands.
    pub state: AlertState,
    /// What is known of it.
    pub facts: AlertFacts,
    /// When it joined.
    pub joined_at: Timestamp,
    /// When it last moved.
    pub moved_at: Timestamp,
    /// The worst severity it had.
    pub worst: Severity,
}

/// What keeps alerts together that neither a component nor a key of their own does: their name, and their rule's
/// group, whose labels they share. Variants of a rule under one name, by severity say, are one family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Family {
    alert: String,
    group: String,
}

impl Family {
    /// The family of an alert; `None` for one that has a component or a key.
    pub(super) fn of(key: &AlertKey, facts: &AlertFacts) -> Option<Self> {
        if facts.component.is_some() || facts.incident_key.is_some() {
            return None;
        }
        let rule = key.rule.as_str();
        let group = rule.rfind(&format!("/{}", facts.name)).map_or(rule, |end| &rule[..end]);
        Some(Self { alert: facts.name.clone(), group: group.to_owned() })
    }
}

impl Member {
    /// What it tells.
    pub fn role(&self) -> Role {
        self.facts.role
    }

    /// Whether it counts as firing now: firing, clearing or lost, and not only recorded.
    pub fn is_active(&self) -> bool {
        self.facts.counts && self.state.is_active()
    }

    /// Since when its measurement is missing, while that keeps it from ending.
    pub fn lost_since(&self) -> Option<Timestamp> {
        match self.state {
            AlertState::Lost { missing_since, .. } if self.facts.counts => Some(missing_since),
            _ => None,
        }
    }

    /// What its component shows because of it; `None` where it changes nothing.
    pub fn shows(&self) -> Option<ComponentStatus> {
        let severity = self.state.severity().filter(|_| self.facts.counts)?;
        let status = self.facts.status.unwrap_or(ComponentStatus::of(severity));
        Some(status).filter(|status| *status != ComponentStatus::Operational)
    }
}
