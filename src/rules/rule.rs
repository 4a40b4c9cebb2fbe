//! A rule group as it is evaluated.
//!
//! In:   what `file` read and checked.
//! Out:  groups and rules with every default filled in; what they demand of the window.
//! Not:  nothing is evaluated here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{ComponentId, ComponentStatus, Place, RuleId, Severity};
use crate::promql::{Demand, Expr};

use super::Role;
use super::ladder::Ladder;
use super::template::Template;

/// Rules that are evaluated together, in order.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name, unique in its file.
    pub name: String,
    /// The file that it stands in.
    pub file: Arc<str>,
    /// How often it is evaluated.
    pub interval: Duration,
    /// How far back its rules look, so that late samples are there.
    pub query_offset: Duration,
    /// The most results that a rule may have; `None` for no limit.
    pub limit: Option<usize>,
    /// Its labels, which its rules have already taken over.
    pub labels: BTreeMap<String, String>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its lasting name.
    pub id: RuleId,
    /// The alert's name, or the metric that it records.
    pub name: String,
    /// What it measures.
    pub expr: Expr,
    /// How much before an evaluation must be free of gaps for what it gives to be whole.
    pub window: Duration,
    /// What it asks the absence of.
    pub absences: Vec<Demand>,
    /// What comes of it.
    pub kind: RuleKind,
    /// The component that a `detect:` rule is about.
    pub component: Option<ComponentId>,
    /// How far back `recall` evaluates it again: of a backlog, what its trend is taken from.
    pub history: Duration,
    /// Where its name stands.
    pub place: Place,
    /// Every component that it names, with the place where it does: a configuration checks that they exist.
    pub components: Vec<(ComponentId, Place)>,
    /// Labels to set, the group's among them, in the order of their names.
    pub(super) labels: Vec<(String, Template)>,
}

/// What comes of a rule.
#[derive(Debug, Clone)]
pub enum RuleKind {
    /// `record:` a series.
    Record,
    /// `alert:` as Prometheus does.
    Alert(Watch),
    /// `detect:` with a ladder of severities.
    Detect(Watch),
}

/// What makes alerts of a rule's results.
#[derive(Debug, Clone)]
pub struct Watch {
    pub(super) ladder: Ladder,
    pub(super) role: Role,
    /// The component's status by severity, where the rule says other than usual.
    pub(super) status: BTreeMap<Severity, ComponentStatus>,
    pub(super) annotations: Vec<(String, Template)>,
    pub(super) incident_key: Option<Template>,
    pub(super) public_cause: Option<Template>,
    /// What explains a rise.
    pub breakdown: Option<Breakdown>,
}

/// A query split by a label, which tells whose share of a rise is how large.
#[derive(Debug, Clone)]
pub struct Breakdown {
    /// The query.
    pub expr: Expr,
    /// The components that label values stand for.
    pub components: BTreeMap<String, ComponentId>,
}

impl Rule {
    /// The templates of its labels, annotations and whatever else is told of its alerts.
    fn templates(&self) -> impl Iterator<Item = &Template> {
        let told = self.watch().into_iter().flat_map(|watch| {
            let annotations = watch.annotations.iter().map(|(_, template)| template);
            annotations.chain(&watch.incident_key).chain(&watch.public_cause)
        });
        self.labels.iter().map(|(_, template)| template).chain(told)
    }

    /// What it watches, where it is no recording rule.
    pub fn watch(&self) -> Option<&Watch> {
        match &self.kind {
            RuleKind::Record => None,
            RuleKind::Alert(watch) | RuleKind::Detect(watch) => Some(watch),
        }
    }
}

impl Watch {
    /// The longest `for` of its severities.
    pub fn hold(&self) -> Duration {
        self.ladder.rungs.iter().map(|rung| rung.hold).max().unwrap_or_default()
    }

    /// `clear_for`, or `keep_firing_for` of a verbatim rule.
    pub fn clear_for(&self) -> Duration {
        self.ladder.clear_for
    }
}

impl Group {
    /// What its rules need to be kept for them: expressions and breakdowns, seen from `query_offset` ago, what a
    /// backlog was, and what templates ask in so many words.
    pub fn demands(&self) -> Vec<Demand> {
        let demands = self.rules.iter().flat_map(|rule| {
            let breakdown = rule.watch().and_then(|watch| watch.breakdown.as_ref());
            let own = rule.expr.demand().into_iter();
            let own = own.map(|demand| Demand { look_back: demand.look_back + rule.history, ..demand });
            let asked = rule.templates().flat_map(Template::queries).flat_map(|expr| expr.demand());
            own.chain(breakdown.into_iter().flat_map(Breakdown::demands)).chain(asked)
        });
        demands.map(|demand| Demand { look_back: demand.look_back + self.query_offset, ..demand }).collect()
    }
}

/// Gives every rule its lasting name: rules of one name in groups of one name are numbered, over all files.
pub fn unique_ids(groups: &mut [Group]) {
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for group in groups {
        for rule in &mut group.rules {
            let nth = seen.entry((group.name.clone(), rule.name.clone())).or_default();
            rule.id = RuleId::new(&group.name, &rule.name, *nth);
            *nth += 1;
        }
    }
}
