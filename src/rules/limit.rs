//! Where a value begins to be bad, and where it is good again.
//!
//! In:   a value, or nothing where an expression does not give the element.
//! Out:  whether it is past the threshold or the clear value, and the words for it.
//! Not:  no time: how long it has been so is the ladder's.

use crate::model::format_value;

/// When a severity holds and when it is cleared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Limit {
    /// Past it strictly above `threshold`, cleared at or below `clear`.
    Above { threshold: f64, clear: f64 },
    /// Past it strictly below `threshold`, cleared at or above `clear`.
    Below { threshold: f64, clear: f64 },
    /// A backlog: past it strictly above `threshold`, cleared strictly below `drained`.
    Backlog { threshold: f64, drained: f64 },
    /// Past it while the expression gives the alert.
    Present,
}

impl Limit {
    /// Whether a value is past it; `None` is an element that the expression does not give.
    pub(super) fn is_past(self, value: Option<f64>) -> bool {
        match (self, value) {
            (Self::Above { threshold, .. } | Self::Backlog { threshold, .. }, Some(value)) => {
                value > threshold
            }
            (Self::Below { threshold, .. }, Some(value)) => value < threshold,
            (Self::Present, value) => value.is_some(),
            (_, None) => false,
        }
    }

    /// Whether a value is past the clear value. NaN compares with nothing and so clears, as it ends an alert of
    /// Prometheus's.
    pub(super) fn is_cleared(self, value: Option<f64>) -> bool {
        let Some(value) = value else { return true };
        match self {
            _ if value.is_nan() && self != Self::Present => true,
            Self::Above { clear, .. } => value <= clear,
            Self::Below { clear, .. } => clear <= value,
            Self::Backlog { drained, .. } => value < drained,
            Self::Present => false,
        }
    }

    pub(super) fn past_in_words(self) -> String {
        match self {
            Self::Above { threshold, .. } | Self::Backlog { threshold, .. } => {
                format!("above {}", format_value(threshold))
            }
            Self::Below { threshold, .. } => format!("below {}", format_value(threshold)),
            Self::Present => "its expression holds".to_owned(),
        }
    }

    pub(super) fn cleared_in_words(self) -> String {
        match self {
            Self::Above { clear, .. } => format!("not above {}", format_value(clear)),
            Self::Below { clear, .. } => format!("not below {}", format_value(clear)),
            Self::Backlog { drained, .. } => format!("drained below {}", format_value(drained)),
            Self::Present => "its expression no longer holds".to_owned(),
        }
    }

    pub(super) fn relapsed_in_words(self) -> String {
        match self {
            Self::Above { clear, .. } => format!("above {} again", format_value(clear)),
            Self::Below { clear, .. } => format!("below {} again", format_value(clear)),
            Self::Backlog { drained, .. } => format!("no longer drained below {}", format_value(drained)),
            Self::Present => "its expression holds again".to_owned(),
        }
    }

    /// The threshold, where there is one.
    pub(super) fn threshold(self) -> Option<f64> {
        match self {
            Self::Above { threshold, .. }
            | Self::Below { threshold, .. }
            | Self::Backlog { threshold, .. } => Some(threshold),
            Self::Present => None,
        }
    }

    /// The clear value, where there is one.
    pub(super) fn clear(self) -> Option<f64> {
        match self {
            Self::Above { clear, .. } | Self::Below { clear, .. } => Some(clear),
            Self::Backlog { drained, .. } => Some(drained),
            Self::Present => None,
        }
    }
}
