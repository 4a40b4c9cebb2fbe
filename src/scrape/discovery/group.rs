//! A group of addresses with labels, as a provider finds it.

use std::collections::BTreeMap;

use crate::scrape::TargetGroup;

/// The label that says where a target is asked.
pub(super) const ADDRESS: &str = "__address__";

/// Targets that were found together. A later group of the same source takes the place of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// What it was found in: a file, a pod. Unlike any other of the same provider.
    pub source: String,
    /// The labels of each target, `__address__` among them. With none of them the source is gone.
    pub targets: Vec<BTreeMap<String, String>>,
    /// Labels that all of them get.
    pub labels: BTreeMap<String, String>,
}

impl Group {
    /// The groups of a list that somebody wrote, with their places in it as sources.
    pub(super) fn listed(groups: &[TargetGroup]) -> Vec<Self> {
        let group = |(place, group): (usize, &TargetGroup)| Self {
            source: place.to_string(),
            targets: group.targets.iter().map(|address| only_address(address)).collect(),
            labels: group.labels.clone(),
        };
        groups.iter().enumerate().map(group).collect()
    }
}

/// The labels of a target of which only the address is known.
pub(super) fn only_address(address: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(ADDRESS.to_owned(), address.to_owned())])
}
