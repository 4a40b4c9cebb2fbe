//! All that is remembered, and the steps of a turn as functions on it: no step waits for anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{Delivery, Routes};
use crate::incidents::{
    Book, Command, EscalationPolicy, Evaluation, Event, Input, Readings, Settings, SinkReport, Status, What,
};
use crate::journal::{Batch, Snapshot};
use crate::model::{DeliveryId, Graph, MatchOp, Matcher, RuleId, SinkName, TargetKey, Timestamp};
use crate::pipeline::agenda::{Agenda, GroupReport, Phases};
use crate::pipeline::followers::{Followers, Following};
use crate::pipeline::lookout::{Look, Lookout};
use crate::pipeline::{Answer, Health};
use crate::promql::{Demand, LOOK_BACK, Round, Shares, Together};
use crate::rules::{self, AlertKey, AlertRow, Alerts, Context, Group, Outcome, StateName, Transition};
use crate::scrape::ScrapeEvent;
use crate::series::Window;

/// What the configuration says to the house.
#[derive(Debug, Clone)]
pub struct Rulebook {
    /// The rules.
    pub groups: Vec<Arc<Group>>,
    /// The jobs of which everything is kept, for people's queries.
    pub kept_jobs: Vec<String>,
    /// When each group is evaluated.
    pub phases: Phases,
    /// How rules that know nothing of us are read.
    pub context: Context,
    /// What users decide about incidents.
    pub incidents: Arc<Settings>,
    /// The components.
    pub graph: Arc<Graph>,
    /// Whom to page when.
    pub escalation: Arc<[EscalationPolicy]>,
    /// Whom to page where no policy says: every responders' sink.
    pub responders: Vec<SinkName>,
    /// Which sink gets what.
    pub routes: Routes,
}

impl Rulebook {
    /// What all rules together want to be kept, and what components are watched by.
    pub fn demands(&self) -> Vec<Demand> {
        let rules = self.groups.iter().flat_map(|group| group.demands());
        let kept = self.kept_jobs.iter().filter_map(|job| Matcher::new("job", MatchOp::Equal, job).ok());
        let kept =
            kept.map(|job| Demand { matchers: vec![job], look_back: LOOK_BACK, window: Duration::ZERO });
        rules.chain(Lookout::demands(&self.graph)).chain(kept).collect()
    }

    /// How much must be free of gaps for what each rule gives to be whole.
    fn windows(&self) -> BTreeMap<RuleId, Duration> {
        let rules = self.groups.iter().flat_map(|group| &group.rules);
        rules.map(|rule| (rule.id.clone(), rule.window)).collect()
    }

    /// Every rule with its name.
    fn rules(&self) -> BTreeMap<RuleId, String> {
        let rules = self.groups.iter().flat_map(|group| &group.rules);
        rules.map(|rule| (rule.id.clone(), rule.name.clone())).collect()
    }

    /// What rules ask alike.
    fn shares(&self) -> Shares {
        let rules = || self.groups.iter().flat_map(|group| &group.rules);
        let recorded: BTreeSet<&str> =
            rules().filter(|rule| rule.watch().is_none()).map(|rule| &*rule.name).collect();
        let is_written = |name: &str| recorded.contains(name) || rules::is_of_alerts(name);
        Shares::among(rules().map(|rule| &rule.expr), &is_written)
    }
}

/// Everything that is remembered. Only the pipeline changes it; the server reads it.
pub struct House {
    /// Recent samples.
    pub window: Window,
    /// The table of alerts.
    pub alerts: Alerts,
    /// The incidents.
    pub book: Book,
    /// How the house itself is doing.
    pub health: Health,
    pub(super) agenda: Agenda,
    pub(super) lookout: Lookout,
    followers: Followers,
    /// What rules ask alike, and what it was since the last page.
    shares: Shares,
    round: Round,
    rulebook: Rulebook,
    last_delivery: u64,
}

/// What a turn proposes: what is to be committed, and what memory learns once it is.
#[derive(Debug, Default)]
pub(super) struct Proposal {
    pub batch: Batch,
    outcomes: Vec<Outcome>,
    look: Option<Look>,
}

impl Proposal {
    /// Whether an incident took in an alert that it did not have.
    pub fn grows_an_incident(&self) -> bool {
        self.batch.events.iter().any(|event| {
            let reopens = |what: &What| matches!(what, What::StatusChanged { from: Status::Resolved, .. });
            matches!(event.what, What::Joined { .. } | What::Absorbed { .. }) || reopens(&event.what)
        })
    }
}

impl House {
    /// The house as the journal left it.
    pub fn new(rulebook: Rulebook, snapshot: Snapshot, now: Timestamp) -> Self {
        let mut window = Window::new();
        window.set_demand(&rulebook.demands());
        window.set_recordings(rulebook.windows(), now);
        let mut book = Book::new(
            rulebook.incidents.clone(),
            rulebook.graph.clone(),
            rulebook.escalation.clone(),
            rulebook.responders.clone(),
        );
        book.restore(&snapshot.events);
        let agenda = Agenda::new(&rulebook.groups, rulebook.phases, now, &Agenda::default());
        Self {
            window,
            alerts: Alerts::restore(snapshot.alerts),
            book,
            health: Health::default(),
            followers: Followers::of(&agenda),
            agenda,
            lookout: Lookout::new(&rulebook.graph, now, Lookout::default()),
            shares: rulebook.shares(),
            round: Round::default(),
            rulebook,
            last_delivery: snapshot.last_delivery,
        }
    }

    /// The groups with how their last evaluation went.
    pub fn groups(&self) -> impl Iterator<Item = (&Group, &GroupReport)> {
        self.agenda.entries().iter().map(|entry| (&*entry.group, &entry.report))
    }

    /// What the configuration says.
    pub fn rulebook(&self) -> &Rulebook {
        &self.rulebook
    }

    /// Takes in what the scraper sends.
    pub(super) fn ingest(&mut self, event: ScrapeEvent, now: Timestamp) {
        self.round.clear();
        match event {
            ScrapeEvent::Page(page) => self.window.ingest(page),
            ScrapeEvent::Gone(target, at) => {
                self.window.target_gone(&target, at);
                self.followers.forget(&target);
            }
            ScrapeEvent::Discovered(targets) => {
                self.window.discovered(&targets, now);
                self.followers.forget_gone(&self.window);
            }
        }
    }

    /// Evaluates at `at` the rules of which the last page of `target` is the whole news. A rule that cannot be told by
    /// that page alone is left to its interval.
    pub(super) fn evaluate_news(&mut self, target: &TargetKey, at: Timestamp) -> Vec<Outcome> {
        let following = self.followers.of_target(target, &self.window, &self.agenda);
        // Rules that ask alike are shown the same portion.
        let round = Round::default();
        let evaluate = |following: &Following| {
            // What is overdue is evaluated soon, at an instant before this one.
            let entry = self.agenda.entries().get(following.at.group).filter(|entry| at < entry.next)?;
            let group = &entry.group;
            let rule = group.rules.get(following.at.rule)?;
            let (alerts, window, context) = (&self.alerts, &self.window, &self.rulebook.context);
            match &following.portion {
                Some(portion) => {
                    let view = window.only(portion);
                    let view = Together { source: &view, shares: &self.shares, round: &round };
                    rules::evaluate_portion(rule, group, alerts, window, (target, &view), at, context)
                }
                None => {
                    let outcome = rules::evaluate(rule, group, alerts, window, at, context);
                    outcome.health.is_ok().then_some(outcome)
                }
            }
        };
        following.iter().filter_map(evaluate).collect()
    }

    /// Evaluates the group at `place` of the agenda at `at`. What is recorded is appended at once, since later
    /// rules of the group read it; alerts do not move before the commit.
    pub(super) fn evaluate(&mut self, place: usize, at: Timestamp) -> Evaluated {
        let Some(entry) = self.agenda.entries().get(place) else { return Evaluated::default() };
        let group = entry.group.clone();
        let mut evaluated = Evaluated::default();
        for rule in &group.rules {
            let source = Together { source: &self.window, shares: &self.shares, round: &self.round };
            let outcome = rules::evaluate(rule, &group, &self.alerts, &source, at, &self.rulebook.context);
            match &outcome.health {
                Ok(()) => self.window.append(&rule.id, at, &outcome.samples),
                Err(error) => {
                    evaluated.failures.insert(rule.id.clone(), error.clone());
                }
            }
            if let Some(error) = &outcome.unexplained {
                evaluated.failures.entry(rule.id.clone()).or_insert_with(|| format!("`breakdown`: {error}"));
            }
            evaluated.outcomes.push(outcome);
        }
        evaluated
    }

    /// What should happen now that rules gave `outcomes`.
    pub(super) fn propose_evaluation(&mut self, now: Timestamp, mut outcomes: Vec<Outcome>) -> Proposal {
        let readings = Readings {
            // Nobody asks for them again, and there is one for each alert that could fire.
            alerts: outcomes.iter_mut().flat_map(|outcome| std::mem::take(&mut outcome.readings)).collect(),
            explained: outcomes.iter().flat_map(|outcome| outcome.explained.iter().cloned()).collect(),
            gone: outcomes.iter().flat_map(|outcome| outcome.forgotten.iter().cloned()).collect(),
        };
        self.book.observe(now, &readings);
        let transitions = outcomes.iter().flat_map(|outcome| outcome.transitions.iter().cloned()).collect();
        let input = Input::Evaluation(Evaluation { transitions, changes: Vec::new() });
        let mut proposal = self.propose(now, &input);
        proposal.batch.alerts = outcomes.iter().flat_map(|outcome| outcome.rows.iter().cloned()).collect();
        proposal.batch.forgotten = readings.gone;
        proposal.outcomes = outcomes;
        proposal
    }

    /// What should happen now that `input` came.
    pub(super) fn propose(&self, now: Timestamp, input: &Input) -> Proposal {
        let events = self.book.decide(now, input);
        let deliveries = self.rulebook.routes.plan(now, &events, self.last_delivery + 1);
        let batch = Batch { events, deliveries, ..Batch::default() };
        Proposal { batch, ..Proposal::default() }
    }

    /// What should happen now that a sink told something; `dead` is the delivery that it did not take.
    pub(super) fn propose_report(
        &self,
        now: Timestamp,
        report: &SinkReport,
        dead: Option<&Delivery>,
    ) -> Proposal {
        let mut proposal = self.propose(now, &Input::SinkReport(report.clone()));
        let next = self.last_delivery + 1 + proposal.batch.deliveries.len() as u64;
        let instead = dead.and_then(|dead| self.rulebook.routes.fall_back(now, dead, next));
        proposal.batch.deliveries.extend(instead);
        proposal.batch.reports_read.push(report.number);
        proposal
    }

    /// What should happen now that components were looked at.
    pub(super) fn propose_look(&self, now: Timestamp) -> Proposal {
        let look = self.lookout.look(&self.window, now);
        let changes = look.changes.clone();
        let proposal = match changes.is_empty() {
            true => Proposal::default(),
            false => self.propose(now, &Input::Evaluation(Evaluation { transitions: Vec::new(), changes })),
        };
        Proposal { look: Some(look), ..proposal }
    }

    /// Why a command cannot be obeyed now; `None` where it can be.
    pub(super) fn refusal(&self, now: Timestamp, command: &Command) -> Option<Answer> {
        if self.book.get(command.incident).is_none() {
            return Some(Answer::Unknown(command.incident));
        }
        self.book.check(now, command).err().map(Answer::Refused)
    }

    /// Alerts that fire already. A cause or a backlog that was no reason for an incident may belong to one that
    /// opened or grew since: the book is asked again, and says nothing of those that it has.
    pub(super) fn firing(&self) -> Evaluation {
        let open = self.book.incidents().filter(|incident| incident.is_open());
        let at_home: BTreeSet<&AlertKey> = open.flat_map(|incident| incident.members.keys()).collect();
        let fires = |row: &AlertRow| row.facts.counts && row.state.name() == StateName::Firing;
        let rows = self.alerts.rows().filter(|row| fires(row) && !at_home.contains(&row.key));
        let offer = |row: &AlertRow| Transition {
            key: row.key.clone(),
            from: Some(StateName::Firing),
            to: row.state.clone(),
            facts: row.facts.clone(),
            because: "it was firing already".to_owned(),
        };
        Evaluation { transitions: rows.map(offer).collect(), changes: Vec::new() }
    }

    /// Tells the book what the backlogs were that it has taken in: it measures those of its incidents only. After a
    /// start there is nothing to tell, since the window is empty.
    fn recall(&mut self, events: &[Event]) {
        let joined = events.iter().filter_map(|event| match &event.what {
            What::Joined { member } => Some(&member.key),
            _ => None,
        });
        let joined: BTreeSet<&AlertKey> = joined.collect();
        if joined.is_empty() {
            return;
        }
        let of: BTreeSet<&RuleId> = joined.iter().map(|key| &key.rule).collect();
        for entry in self.agenda.entries() {
            let Some(until) = entry.report.evaluated_at else { continue };
            for rule in entry.group.rules.iter().filter(|rule| of.contains(&rule.id)) {
                let depths = rules::recall(rule, &entry.group, &self.window, until, &self.rulebook.context);
                let depths = depths.iter().filter(|(key, _)| joined.contains(key));
                depths.for_each(|(key, depths)| self.book.recall(key, depths));
            }
        }
    }

    /// Remembers what has been committed.
    pub(super) fn apply(&mut self, proposal: &Proposal) {
        for outcome in &proposal.outcomes {
            self.alerts.apply(outcome);
        }
        for event in &proposal.batch.events {
            self.book.apply(event);
        }
        self.recall(&proposal.batch.events);
        if let Some(look) = &proposal.look {
            self.lookout.done(look);
        }
        if let Some(DeliveryId(last)) = proposal.batch.deliveries.iter().map(|delivery| delivery.id).max() {
            self.last_delivery = last;
        }
    }

    /// What becomes of alerts whose rule is not there any more.
    pub(super) fn retired(&self, now: Timestamp) -> Outcome {
        self.alerts.retire(&self.rulebook.rules(), now)
    }

    /// Puts a new configuration in force. `retired` is to be asked afterwards.
    pub(super) fn reload(&mut self, rulebook: Rulebook, now: Timestamp) {
        self.window.set_demand(&rulebook.demands());
        self.window.set_recordings(rulebook.windows(), now);
        self.book.reconfigure(
            rulebook.incidents.clone(),
            rulebook.graph.clone(),
            rulebook.escalation.clone(),
            rulebook.responders.clone(),
        );
        self.agenda = Agenda::new(&rulebook.groups, rulebook.phases, now, &self.agenda);
        self.followers = Followers::of(&self.agenda);
        self.lookout = Lookout::new(&rulebook.graph, now, std::mem::take(&mut self.lookout));
        self.shares = rulebook.shares();
        self.round.clear();
        self.rulebook = rulebook;
    }
}

/// What the rules of one group gave.
#[derive(Debug, Default)]
pub(super) struct Evaluated {
    pub outcomes: Vec<Outcome>,
    pub failures: BTreeMap<RuleId, String>,
}
