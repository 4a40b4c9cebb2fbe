//! Who is scraped now, for those who ask.
//!
//! In:   the targets of the wheel, and the jobs that they are of.
//! Out:  a list that readers hold without keeping the wheel waiting.
//! Not:  nothing of how scrapes went: `series` knows that of each target. No secret of a target's address is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use reqwest::Url;

use crate::model::Labels;
use crate::scrape::discovery::discovered;
use crate::scrape::{Job, Target, relabel};

const PARAM_PREFIX: &str = "__param_";
/// A parameter with one of these in its name is taken for a secret.
const SECRET_WORDS: [&str; 7] = ["token", "secret", "password", "passwd", "key", "auth", "sig"];
const HIDDEN: &str = "****";

/// The list, which each reload exchanges.
#[derive(Debug, Clone, Default)]
pub struct Roster(Arc<ArcSwap<Listed>>);

/// All that is scraped at one moment.
#[derive(Debug, Default)]
pub struct Listed {
    /// The targets, in the order of their keys.
    pub targets: Vec<Arc<Target>>,
    /// What is not scraped.
    pub left_out: LeftOut,
}

/// The labels of what relabelling dropped, by job; each job is there, also without any.
#[derive(Debug, Default)]
pub struct LeftOut(pub BTreeMap<String, Vec<Labels>>);

impl Roster {
    /// The list as it is now.
    pub fn now(&self) -> Arc<Listed> {
        self.0.load_full()
    }

    /// Puts another one in its place.
    pub(super) fn set(&self, targets: impl Iterator<Item = Arc<Target>>, left_out: LeftOut) {
        self.0.store(Arc::new(Listed { targets: targets.collect(), left_out }));
    }

    /// A list that nobody turns a wheel for.
    #[cfg(test)]
    pub fn of(jobs: &[Job]) -> Self {
        let roster = Self::default();
        let targets = crate::scrape::resolve_targets(jobs).expect("good jobs");
        roster.set(targets.into_iter().map(Arc::new), LeftOut::of(jobs));
        roster
    }
}

impl LeftOut {
    /// What the jobs' own relabelling drops of their static targets.
    pub(super) fn of(jobs: &[Job]) -> Self {
        let of_job = |job: &Job| {
            let addresses =
                job.targets.iter().flat_map(|group| group.targets.iter().map(move |a| (group, a)));
            let found = addresses.map(|(group, address)| discovered(job, group, address));
            let dropped = found.filter(|labels| !relabel(&job.relabel, &mut labels.clone()));
            (job.name.clone(), dropped.map(|labels| without_secrets(&labels.build())).collect())
        };
        Self(jobs.iter().map(of_job).collect())
    }
}

impl Target {
    /// What is asked, with its parameters; the values of those that look like secrets are hidden.
    pub fn asked_url(&self) -> String {
        let Some(query) = self.url.query() else { return self.url.to_string() };
        let pairs = form_urlencoded::parse(query.as_bytes());
        if !pairs.clone().any(|(name, _)| is_secret(&name)) {
            return self.url.to_string();
        }
        let mut url: Url = self.url.clone();
        url.query_pairs_mut().clear();
        for (name, value) in pairs {
            let value = if is_secret(&name) { HIDDEN } else { &*value };
            url.query_pairs_mut().append_pair(&name, value);
        }
        url.to_string()
    }

    /// The labels that it was found with; those that hold parameters which look like secrets are hidden.
    pub fn shown_discovered(&self) -> Labels {
        without_secrets(&self.discovered)
    }
}

fn is_secret(parameter: &str) -> bool {
    let name = parameter.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

fn without_secrets(labels: &Labels) -> Labels {
    let show = |(name, value)| match str::strip_prefix(name, PARAM_PREFIX) {
        Some(parameter) if is_secret(parameter) => (name, HIDDEN),
        _ => (name, value),
    };
    labels.iter().map(show).collect()
}
