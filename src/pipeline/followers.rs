//! Which rules are evaluated right after a scrape, and for which series.
//!
//! In:   the groups of the agenda; a target whose page has just been taken.
//! Out:  the rules that follow it: some for the target's own series, some as a whole.
//! Not:  nothing is evaluated here.
//!
//! What a target has of each rule changes seldom, so it is found out once and kept until the target's shape changes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Labels, Matcher, TargetKey};
use crate::promql::Locality;
use crate::rules::{Follows, Rule, follows};
use crate::series::{Portion, Window, may_be_on};

use super::agenda::Agenda;

/// The place of a rule: of its group in the agenda, and its own in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RuleAt {
    pub group: usize,
    pub rule: usize,
}

/// The rules that follow scrapes.
#[derive(Debug, Default)]
pub(super) struct Followers {
    by_selector: HashMap<Arc<[Matcher]>, Vec<RuleAt>>,
    by_instance: HashMap<String, Vec<RuleAt>>,
    /// For each target, with the shape that it had, what follows it.
    known: HashMap<TargetKey, (u64, Arc<[Following]>)>,
}

/// A rule that follows a target.
#[derive(Debug)]
pub(super) struct Following {
    pub at: RuleAt,
    /// The series of the target that it is evaluated for; `None` for the whole rule.
    pub portion: Option<Portion>,
}

impl Followers {
    /// Those among the rules of `agenda`.
    pub fn of(agenda: &Agenda) -> Self {
        let mut followers = Self::default();
        for (group, entry) in agenda.entries().iter().enumerate() {
            for (place, rule) in entry.group.rules.iter().enumerate() {
                let at = RuleAt { group, rule: place };
                match follows(rule, &entry.group) {
                    Some(Follows::Series) => {
                        for demand in rule.expr.demand() {
                            followers.by_selector.entry(demand.matchers.into()).or_default().push(at);
                        }
                    }
                    Some(Follows::Instance(name)) => followers.by_instance.entry(name).or_default().push(at),
                    None => {}
                }
            }
        }
        followers
    }

    /// The rules that follow `target`, in their order.
    pub fn of_target(&mut self, target: &TargetKey, window: &Window, agenda: &Agenda) -> Arc<[Following]> {
        let Some(shape) = window.shape(target) else { return Arc::default() };
        if let Some((known, following)) = self.known.get(target)
            && *known == shape
        {
            return following.clone();
        }
        let following: Arc<[Following]> = self.find(target, window, agenda).into();
        self.known.insert(target.clone(), (shape, following.clone()));
        following
    }

    /// The target is there no more.
    pub fn forget(&mut self, target: &TargetKey) {
        self.known.remove(target);
    }

    /// Forgets the targets that the window does not know any more.
    pub fn forget_gone(&mut self, window: &Window) {
        self.known.retain(|target, _| window.shape(target).is_some());
    }

    fn find(&self, target: &TargetKey, window: &Window, agenda: &Agenda) -> Vec<Following> {
        let mut portions: HashMap<RuleAt, Portion> = HashMap::new();
        for (matchers, series) in window.portion(target) {
            for at in self.by_selector.get(&matchers).into_iter().flatten() {
                portions.entry(*at).or_default().push((matchers.clone(), series.clone()));
            }
        }
        let own = portions.into_iter().map(|(at, portion)| Following { at, portion: Some(portion) });
        let identity = window.identity(target).cloned().unwrap_or_else(Labels::empty);
        let about = identity.get("instance").and_then(|instance| self.by_instance.get(instance));
        let may_be_here = |at: &&RuleAt| {
            let rule = agenda.entries().get(at.group).and_then(|entry| entry.group.rules.get(at.rule));
            rule.is_some_and(|rule| is_about(rule, &identity))
        };
        let whole = about.into_iter().flatten().filter(may_be_here);
        let mut following: Vec<Following> =
            own.chain(whole.map(|at| Following { at: *at, portion: None })).collect();
        following.sort_unstable_by_key(|following| following.at);
        following
    }
}

/// Whether what the rule asks the absence of could be on a target of this identity.
fn is_about(rule: &Rule, identity: &Labels) -> bool {
    let Locality::AbsenceOf(selector) = rule.expr.locality() else { return false };
    may_be_on(identity, &selector.matchers)
}
