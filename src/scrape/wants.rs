//! What the rules want of a page.

use crate::model::Labels;
use crate::series::WantedNames;

/// What is asked of each line of a page, and of each new series.
pub trait Wants: Send + Sync {
    /// Whether a metric of this name may be wanted from a target of this identity. Asked before a line is read.
    fn name(&self, name: &str, identity: &Labels) -> bool;

    /// Whether a series of these labels, which are final, is wanted.
    fn series(&self, labels: &Labels) -> bool;
}

impl Wants for WantedNames {
    fn name(&self, name: &str, identity: &Labels) -> bool {
        self.may_be_of(name, identity)
    }

    fn series(&self, labels: &Labels) -> bool {
        self.fits(labels)
    }
}

/// By the name alone.
impl<F: Fn(&str) -> bool + Send + Sync> Wants for F {
    fn name(&self, name: &str, _: &Labels) -> bool {
        self(name)
    }

    fn series(&self, labels: &Labels) -> bool {
        self(labels.metric_name())
    }
}
