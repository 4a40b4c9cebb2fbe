//! What explains the rise behind an alert: a query split by a label, compared with what it was before.
//!
//! In:   a rule's `breakdown`, a source, the instant, and when the alert's value first crossed.
//! Out:  each label value's share of the rise, the largest first.
//! Not:  nothing is ranked against anything else here: suspects are the book's.

use serde::{Deserialize, Serialize};

use crate::model::ComponentId;

use super::AlertKey;

/// Who made how much of the rise of what an alert measures, the largest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Whose rise.
    pub key: AlertKey,
    /// The label values that rose.
    pub shares: Vec<Share>,
}

/// A label value's share of a rise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The label or labels that the breakdown is split by: `client`.
    pub label: String,
    /// Their value: `crm-consumers`.
    pub value: String,
    /// The component that the value stands for, where the rule says so (`breakdown_components`).
    pub component: Option<ComponentId>,
    /// Its part of the rise, 0 to 1.
    pub share: f64,
}
