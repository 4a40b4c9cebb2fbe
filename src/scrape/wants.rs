//! What the rules want of a page.

use crate::model::Labels;
use crate::series::WantedNames;

/// What is asked of each line of a page, and of each new series.
pub trait Wants: Send + Sync {
    /// Whether a metric of this name may be wanted. Asked before a line is read; where `identity` is given, it has those
    /// labels.
    fn name(&self, name: &str, identity: Option<&Labels>) -> bool;

    /// Whether a series of these labels, which are final, is wanted.
    fn series(&self, labels: &Labels) -> bool;
}

impl Wants for WantedNames {
    fn name(&self, name: &str, identity: Option<&Labels>) -> bool {
        self.may_be(name, identity)
    }

    fn series(&self, labels: &Labels) -> bool {
        self.fits(labels)
    }
}

/// By the name alone.
impl<F: Fn(&str) -> bool + Send + Sync> Wants for F {
    fn name(&self, name: &str, _: Option<&Labels>) -> bool {
        self(name)
    }

    fn series(&self, labels: &Labels) -> bool {
        self(labels.metric_name())
    }
}
