//! What was found so far, and what it makes of each job.
//!
//! In:   jobs, and what providers say.
//! Out:  the targets of all jobs; which providers are needed.
//! Not:  no task and no clock. Only groups that changed are relabelled again.
//!
//! A job whose providers changed with a reload keeps the targets that its former providers found until each of the new
//! ones has answered: that nothing is known yet does not mean that nothing is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracing::warn;

use crate::scrape::Job;
use crate::scrape::discovery::provider::{News, ProviderId};
use crate::scrape::discovery::resolve::{BadTarget, Resolved, resolve_group};
use crate::scrape::discovery::{Discovery, Group, OverLimit, Target, TargetErrors, resolve_targets};

/// A job whose own list of targets is good.
pub(crate) struct Prepared {
    job: Arc<Job>,
    listed: Vec<Arc<Target>>,
}

/// Resolves the targets that jobs list themselves.
///
/// # Errors
/// Where some cannot be scraped, or are too many.
pub(crate) fn prepare(jobs: &[Job]) -> Result<Vec<Prepared>, TargetErrors> {
    let mut prepared: Vec<Prepared> = Vec::with_capacity(jobs.len());
    let mut targets = resolve_targets(jobs)?.into_iter().peekable();
    for job in jobs {
        let of_job = std::iter::from_fn(|| targets.next_if(|target| target.job.name == job.name));
        prepared.push(Prepared { listed: of_job.map(Arc::new).collect(), job: Arc::new(job.clone()) });
    }
    Ok(prepared)
}

/// Everything that was found.
#[derive(Default)]
pub(super) struct Found {
    jobs: Vec<JobFound>,
    providers: BTreeMap<ProviderId, Provider>,
    last_id: ProviderId,
}

/// A provider and the groups that it found.
pub(super) struct Provider {
    pub(super) settings: Arc<Discovery>,
    pub(super) groups: BTreeMap<String, Arc<Group>>,
    pub(super) has_answered: bool,
    pub(super) failures: u64,
}

/// A job and what it makes of the groups of its providers.
pub(super) struct JobFound {
    pub(super) job: Arc<Job>,
    pub(super) uses: Vec<ProviderId>,
    pub(super) over_limit: bool,
    listed: Vec<Arc<Target>>,
    made: BTreeMap<(ProviderId, String), Made>,
    /// What former providers found, as long as some new one has not answered.
    pub(super) carried: Vec<Arc<Target>>,
}

/// What became of one group in one job.
#[derive(Default)]
struct Made {
    targets: Vec<Arc<Target>>,
    bad: Vec<BadTarget>,
    dropped: usize,
}

impl Found {
    /// Goes over to other jobs. Providers that some job still needs stay; the new ones are to be started.
    pub(super) fn change_jobs(&mut self, jobs: Vec<Prepared>) -> Vec<(ProviderId, Arc<Discovery>)> {
        let mut new = Vec::new();
        let mut before: BTreeMap<String, JobFound> =
            std::mem::take(&mut self.jobs).into_iter().map(|known| (known.job.name.clone(), known)).collect();
        for Prepared { job, listed } in jobs {
            let uses = job.discovery.iter().map(|settings| self.provider(settings, &mut new)).collect();
            let known = before.remove(&job.name);
            let mut found = JobFound {
                job,
                uses,
                over_limit: known.as_ref().is_some_and(|known| known.over_limit),
                listed,
                made: BTreeMap::new(),
                carried: Vec::new(),
            };
            if !found.is_answered(&self.providers)
                && let Some(known) = known
            {
                let gone = known.made.into_iter().filter(|((from, _), _)| !found.uses.contains(from));
                found.carried = known.carried;
                found.carried.extend(gone.flat_map(|(_, made)| made.targets));
            }
            for (id, provider) in &self.providers {
                if found.uses.contains(id) {
                    provider.groups.values().for_each(|group| found.make(*id, group));
                }
            }
            self.jobs.push(found);
        }
        let used: BTreeSet<ProviderId> =
            self.jobs.iter().flat_map(|found| found.uses.iter().copied()).collect();
        self.providers.retain(|id, _| used.contains(id));
        new
    }

    /// The provider of these settings, which many jobs may share.
    fn provider(&mut self, settings: &Discovery, new: &mut Vec<(ProviderId, Arc<Discovery>)>) -> ProviderId {
        if let Some((id, _)) = self.providers.iter().find(|(_, known)| *known.settings == *settings) {
            return *id;
        }
        self.last_id += 1;
        let settings = Arc::new(settings.clone());
        new.push((self.last_id, settings.clone()));
        let provider = Provider { settings, groups: BTreeMap::new(), has_answered: false, failures: 0 };
        self.providers.insert(self.last_id, provider);
        self.last_id
    }

    /// Takes in what a provider says; whether it may change the plan.
    pub(super) fn take(&mut self, from: ProviderId, news: News) -> bool {
        // One that was ended may have said something just before.
        let Some(provider) = self.providers.get_mut(&from) else { return false };
        let (groups, mut changed) = match news {
            News::Failed => {
                provider.failures += 1;
                return false;
            }
            News::Some(groups) => (groups, false),
            News::All(mut groups) => {
                let named: BTreeSet<&String> = groups.iter().map(|group| &group.source).collect();
                let gone = provider.groups.keys().filter(|source| !named.contains(source));
                let gone: Vec<Group> =
                    gone.map(|source| Group { source: source.clone(), ..Group::default() }).collect();
                groups.extend(gone);
                (groups, !std::mem::replace(&mut provider.has_answered, true))
            }
        };
        for group in groups {
            let is_known = match provider.groups.get(&group.source) {
                Some(known) => **known == group,
                None => group.targets.is_empty(),
            };
            if is_known {
                continue;
            }
            changed = true;
            let group = Arc::new(group);
            for job in self.jobs.iter_mut().filter(|job| job.uses.contains(&from)) {
                job.make(from, &group);
            }
            match group.targets.is_empty() {
                true => drop(provider.groups.remove(&group.source)),
                false => drop(provider.groups.insert(group.source.clone(), group)),
            }
        }
        changed
    }

    /// Whether each provider has answered.
    pub(super) fn is_complete(&self) -> bool {
        self.providers.values().all(|provider| provider.has_answered)
    }

    /// The targets of all jobs, each once.
    pub(super) fn targets(&mut self) -> Vec<Arc<Target>> {
        let (mut targets, mut known) = (Vec::new(), BTreeSet::new());
        for found in &mut self.jobs {
            if found.is_answered(&self.providers) {
                found.carried.clear();
            }
            let made = found.made.values().flat_map(|made| &made.targets);
            let all = found.listed.iter().chain(made).chain(&found.carried);
            let mut own: Vec<Arc<Target>> =
                all.filter(|target| known.insert(target.key.clone())).cloned().collect();
            let over = found.job.limits.targets.filter(|limit| *limit < own.len());
            let over = over.map(|limit| OverLimit { found: own.len(), limit });
            if let Some(over_limit) = over {
                if !found.over_limit {
                    let OverLimit { found: targets, limit } = over_limit;
                    let job = found.job.name.as_str();
                    warn!(
                        job,
                        targets, limit, "more targets than `target_limit`: none of the job is scraped"
                    );
                }
                for target in &mut own {
                    *target = Arc::new(Target { over_limit: over, ..(**target).clone() });
                }
            }
            found.over_limit = over.is_some();
            targets.extend(own);
        }
        targets
    }

    pub(super) fn jobs(&self) -> &[JobFound] {
        &self.jobs
    }

    pub(super) fn providers(&self) -> &BTreeMap<ProviderId, Provider> {
        &self.providers
    }
}

impl JobFound {
    /// Makes targets of a group that is new, changed or gone.
    fn make(&mut self, from: ProviderId, group: &Arc<Group>) {
        let place = (from, group.source.clone());
        if group.targets.is_empty() {
            self.made.remove(&place);
            return;
        }
        let Resolved { targets, bad, dropped } = resolve_group(&self.job, group);
        let known = self.made.remove(&place).unwrap_or_default();
        for BadTarget { address, fault } in bad.iter().filter(|bad| !known.bad.contains(bad)) {
            let job = self.job.name.as_str();
            warn!(job, address, error = %fault, source = group.source, "a discovered target is left out");
        }
        // A target that is as it was stays the same one, which is seen at a glance where plans are followed.
        let mut before: BTreeMap<_, _> =
            known.targets.into_iter().map(|target| (target.key.clone(), target)).collect();
        let same = |target: Target| match before.remove(&target.key) {
            Some(known) if known.is_as(&target) => known,
            _ => Arc::new(target),
        };
        let targets = targets.into_iter().map(same).collect();
        self.made.insert(place, Made { targets, bad, dropped });
    }

    fn is_answered(&self, providers: &BTreeMap<ProviderId, Provider>) -> bool {
        self.uses.iter().all(|id| providers.get(id).is_some_and(|provider| provider.has_answered))
    }

    /// How many targets cannot be scraped.
    pub(super) fn bad(&self) -> usize {
        self.made.values().map(|made| made.bad.len()).sum()
    }

    /// How many targets relabelling dropped.
    pub(super) fn dropped(&self) -> usize {
        self.made.values().map(|made| made.dropped).sum()
    }
}
