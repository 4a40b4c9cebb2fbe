//! What was discovered, for people and for our own metrics.
//!
//! In:   what is found at the moment.
//! Out:  figures of each provider and job, and every target with the labels that it was discovered with.
//! Not:  those labels are kept nowhere: they are worked out again for whoever asks, which is seldom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::Labels;
use crate::scrape::Job;
use crate::scrape::discovery::found::Found;
use crate::scrape::discovery::resolve::{discovered, resolve};
use crate::scrape::discovery::{Group, Target};
use crate::scrape::shown::without_secrets;

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

/// All targets at one moment.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// The targets, of each job together; of those that relabelling dropped no more than the job's
    /// `keep_dropped_targets`.
    pub targets: Vec<DiscoveredTarget>,
    /// How many relabelling dropped of each job; each job is there, also without any.
    pub dropped: BTreeMap<String, usize>,
}

/// A target as it was discovered.
#[derive(Debug, Clone)]
pub struct DiscoveredTarget {
    /// Its job.
    pub job: String,
    /// Its labels before relabelling; those that hold parameters which look like secrets are hidden.
    pub discovered: Labels,
    /// What became of it.
    pub fate: TargetFate,
}

/// What relabelling made of a target.
#[derive(Debug, Clone)]
pub enum TargetFate {
    /// It is scraped as this.
    Scraped(Arc<Target>),
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

    /// The names of all jobs.
    pub fn jobs(&self) -> Vec<String> {
        self.found().jobs().iter().map(|job| job.job.name.clone()).collect()
    }

    /// All targets that are known, written and found. It takes its time: each is relabelled again.
    pub fn listed(&self) -> Listed {
        let jobs: Vec<JobNow> = {
            let found = self.found();
            let groups = |id| found.providers().get(id).into_iter().flat_map(|known| known.groups.values());
            let jobs = found.jobs().iter();
            jobs.map(|job| JobNow {
                job: job.job.clone(),
                groups: job.uses.iter().flat_map(groups).cloned().collect(),
                carried: job.carried.clone(),
            })
            .collect()
        };
        // Relabelling takes its time, during which discovery goes on.
        let mut listed = Listed::default();
        jobs.iter().for_each(|job| job.list(&mut listed));
        listed
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a job makes its targets of.
struct JobNow {
    job: Arc<Job>,
    groups: Vec<Arc<Group>>,
    carried: Vec<Arc<Target>>,
}

impl JobNow {
    fn list(&self, listed: &mut Listed) {
        let job = &self.job;
        let room = if job.keep_dropped_targets == 0 { usize::MAX } else { job.keep_dropped_targets };
        let dropped = listed.dropped.entry(job.name.clone()).or_default();
        let mut known = BTreeSet::new();
        let mut add = |discovered: &Labels, fate| {
            let discovered = without_secrets(discovered);
            listed.targets.push(DiscoveredTarget { job: job.name.clone(), discovered, fate });
        };
        let written = Group::listed(&job.targets);
        for group in written.iter().chain(self.groups.iter().map(|group| &**group)) {
            for own in &group.targets {
                let labels = discovered(job, group, own);
                let before = labels.clone().build();
                match resolve(job, labels) {
                    Ok(Some(target)) => {
                        if known.insert(target.key.clone()) {
                            add(&before, TargetFate::Scraped(Arc::new(target)));
                        }
                    }
                    Ok(None) => {
                        *dropped += 1;
                        if *dropped <= room {
                            add(&before, TargetFate::Dropped);
                        }
                    }
                    Err(fault) => add(&before, TargetFate::Bad(fault.to_string())),
                }
            }
        }
        // With what they were found is forgotten, so they are shown with what is left of it.
        for target in &self.carried {
            if known.insert(target.key.clone()) {
                add(&target.identity, TargetFate::Scraped(target.clone()));
            }
        }
    }
}
