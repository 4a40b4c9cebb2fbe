//! What was discovered, for people and for our own metrics.
//!
//! In:   what is found at the moment.
//! Out:  figures of each provider and job, and every target with the labels that it was discovered with.
//! Not:  those labels are kept nowhere: they are worked out again for whoever asks, which is seldom.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Labels, TargetKey};
use crate::scrape::Job;
use crate::scrape::discovery::Group;
use crate::scrape::discovery::found::Found;
use crate::scrape::discovery::resolve::{discovered, resolve};

/// Looks into a running finder. Cheap to clone.
#[derive(Clone, Default)]
pub struct DiscoveryView(Arc<Mutex<Found>>);

/// How discovery goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiscoveryFigures {
    /// Of each kind of provider.
    pub mechanisms: BTreeMap<&'static str, MechanismFigures>,
    /// Of each job that discovers, by name.
    pub jobs: BTreeMap<String, JobFigures>,
}

/// How the providers of one kind do together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MechanismFigures {
    /// Targets that they found, before relabelling.
    pub found: usize,
    /// Attempts that failed since they were started.
    pub failures: u64,
    /// Those that have not answered once yet.
    pub waiting: usize,
}

/// What a job makes of what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobFigures {
    /// Targets that relabelling dropped.
    pub dropped: usize,
    /// Targets that cannot be scraped as relabelling left them.
    pub bad: usize,
    /// Whether there are more of them than `target_limit`.
    pub over_limit: bool,
}

/// A target as it was discovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveredTarget {
    /// Its job.
    pub job: String,
    /// Its labels before relabelling.
    pub discovered: Labels,
    /// What became of it.
    pub fate: TargetFate,
}

/// What relabelling made of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetFate {
    /// It is scraped under this key.
    Scraped(TargetKey),
    /// Relabelling dropped it.
    Dropped,
    /// It cannot be scraped, for this reason.
    Bad(String),
}

impl DiscoveryView {
    pub(super) fn of(found: Arc<Mutex<Found>>) -> Self {
        Self(found)
    }

    /// How discovery goes.
    pub fn figures(&self) -> DiscoveryFigures {
        let found = self.found();
        let mut figures = DiscoveryFigures::default();
        for provider in found.providers().values() {
            let sum = figures.mechanisms.entry(provider.settings.mechanism()).or_default();
            sum.found += provider.groups.values().map(|group| group.targets.len()).sum::<usize>();
            sum.failures += provider.failures;
            sum.waiting += usize::from(!provider.has_answered);
        }
        for job in found.jobs().iter().filter(|job| !job.uses.is_empty()) {
            let of_job = JobFigures { dropped: job.dropped(), bad: job.bad(), over_limit: job.over_limit };
            figures.jobs.insert(job.job.name.clone(), of_job);
        }
        figures
    }

    /// All targets that are known, listed and found; of each job no more dropped ones than its
    /// `keep_dropped_targets`.
    pub fn targets(&self) -> Vec<DiscoveredTarget> {
        let jobs: Vec<(Arc<Job>, Vec<Arc<Group>>)> = {
            let found = self.found();
            let groups = |id| found.providers().get(id).into_iter().flat_map(|known| known.groups.values());
            let jobs = found.jobs().iter();
            jobs.map(|job| (job.job.clone(), job.uses.iter().flat_map(groups).cloned().collect())).collect()
        };
        // Relabelling takes its time, during which discovery goes on.
        jobs.iter().flat_map(|(job, groups)| targets_of(job, groups)).collect()
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn targets_of(job: &Arc<Job>, groups: &[Arc<Group>]) -> Vec<DiscoveredTarget> {
    let listed = Group::listed(&job.targets);
    let mut kept = if job.keep_dropped_targets == 0 { usize::MAX } else { job.keep_dropped_targets };
    let mut targets = Vec::new();
    for group in listed.iter().chain(groups.iter().map(|group| &**group)) {
        for own in &group.targets {
            let labels = discovered(job, group, own);
            let before = labels.clone().build();
            let fate = match resolve(job, labels) {
                Ok(Some(target)) => TargetFate::Scraped(target.key),
                Ok(None) if kept == 0 => continue,
                Ok(None) => {
                    kept -= 1;
                    TargetFate::Dropped
                }
                Err(fault) => TargetFate::Bad(fault.to_string()),
            };
            targets.push(DiscoveredTarget { job: job.name.clone(), discovered: before, fate });
        }
    }
    targets
}
