//! How rules that know nothing of us are read: which of their labels say what.
//!
//! In:   the labels of an alert.
//! Out:  its severity, component and role.
//! Not:  `detect:` rules say these themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{ComponentId, Labels, Severity};

use super::Role;

/// What rules need to know of the configuration around them.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// How labels of verbatim rules are read.
    pub mapping: Mapping,
    /// `global.evaluation_interval`
    pub default_interval: Duration,
    /// `global.rule_query_offset`, for groups that say nothing else.
    pub query_offset: Duration,
    /// `global.external_labels`, for templates; they are not added to alerts.
    pub external_labels: Labels,
    /// Where people reach us, for templates (`$externalURL`).
    pub external_url: String,
    /// What is done about keys of rule files that nobody knows.
    pub unknown_keys: UnknownKeys,
    /// `incidents.eta_window`: how long a backlog is watched to tell where it goes.
    pub eta_window: Duration,
}

/// What is done about keys of rule files that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownKeys {
    /// Each is an error.
    #[default]
    Refuse,
    /// They are for somebody else.
    Ignore,
}

impl Default for Context {
    /// The defaults of the configuration: evaluation each minute, as in Prometheus.
    fn default() -> Self {
        Self {
            mapping: Mapping::default(),
            default_interval: Duration::from_mins(1),
            query_offset: Duration::ZERO,
            external_labels: Labels::empty(),
            external_url: String::new(),
            unknown_keys: UnknownKeys::Refuse,
            eta_window: Duration::from_mins(30),
        }
    }
}

/// Which labels say what (`incidents.labels`, `incidents.severity_map`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The label that says the severity.
    pub severity: String,
    /// The label that names the component.
    pub component: String,
    /// The label that says the role.
    pub role: String,
    /// The severity that each value means, in lower case; `None`: such alerts are only recorded. A value that
    /// is not here means minor.
    pub severity_map: BTreeMap<String, Option<Severity>>,
}

impl Default for Mapping {
    fn default() -> Self {
        let means = |severity: Option<Severity>, words: &[&str]| {
            words.iter().map(|word| ((*word).to_owned(), severity)).collect::<Vec<_>>()
        };
        let severity_map = [
            means(Some(Severity::Critical), &["critical"]),
            means(Some(Severity::Major), &["major", "error", "page", "high"]),
            means(Some(Severity::Minor), &["minor", "warning"]),
            means(None, &["info", "none"]),
        ];
        Self {
            severity: "severity".to_owned(),
            component: "component".to_owned(),
            role: "role".to_owned(),
            severity_map: severity_map.into_iter().flatten().collect(),
        }
    }
}

impl Mapping {
    /// The severity that the labels mean, and whether incidents take notice.
    pub(super) fn severity_of(&self, labels: &Labels) -> (Severity, bool) {
        let word = labels.get(&self.severity).unwrap_or_default().to_lowercase();
        match self.severity_map.get(&word) {
            Some(Some(severity)) => (*severity, true),
            Some(None) => (Severity::Minor, false),
            None => (Severity::Minor, true),
        }
    }

    /// The component that the labels name, if the name can be one.
    pub(super) fn component_of(&self, labels: &Labels) -> Option<ComponentId> {
        ComponentId::new(labels.get(&self.component)?).ok()
    }

    /// The role that the labels say; a symptom where they say none.
    pub(super) fn role_of(&self, labels: &Labels) -> Role {
        labels.get(&self.role).and_then(Role::from_word).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_of_the_field_are_known() {
        for (word, severity, counts) in [
            ("critical", Severity::Critical, true),
            ("Page", Severity::Major, true),
            ("major", Severity::Major, true),
            ("warning", Severity::Minor, true),
            ("info", Severity::Minor, false),
            ("none", Severity::Minor, false),
            ("whatever", Severity::Minor, true),
            ("", Severity::Minor, true),
        ] {
            let labels = [("severity", word)].into_iter().collect();
            assert_eq!(Mapping::default().severity_of(&labels), (severity, counts), "{word}");
        }
    }

    #[test]
    fn a_component_that_can_be_none_is_none() {
        let labels: Labels = [("component", "user db"), ("role", "cause")].into_iter().collect();
        assert_eq!(Mapping::default().component_of(&labels), None);
        assert_eq!(Mapping::default().role_of(&labels), Role::Cause);
    }
}
