//! The loop: what is due is done, else whatever comes first is waited for.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::delivery::{Delivery, SinkNews};
use crate::incidents::{Input, SinkReport};
use crate::journal::{Batch, Journal, JournalError};
use crate::model::{Clock, TargetKey, Timestamp};
use crate::pipeline::agenda::GroupReport;
use crate::pipeline::house::Proposal;
use crate::pipeline::{Answer, Asker, House, Inbound, Inbox, Rulebook};
use crate::scrape::ScrapeEvent;

/// How long a journal that failed is left alone.
const JOURNAL_RETRY: Duration = Duration::from_secs(1);

/// The house, shared with those who only read it.
#[derive(Clone)]
pub struct SharedHouse {
    house: Arc<RwLock<House>>,
    failing_since: Arc<watch::Sender<Option<Timestamp>>>,
}

impl SharedHouse {
    /// Shares `house`.
    pub fn new(house: House) -> Self {
        Self { house: Arc::new(RwLock::new(house)), failing_since: Arc::default() }
    }

    /// Looks at it. Hold it briefly: the house does not turn meanwhile.
    pub fn read(&self) -> RwLockReadGuard<'_, House> {
        self.house.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when no commit works, while none does; tells when that changes.
    pub fn failing_since(&self) -> watch::Receiver<Option<Timestamp>> {
        self.failing_since.subscribe()
    }

    fn write(&self) -> RwLockWriteGuard<'_, House> {
        self.house.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn committed(&self) {
        self.write().health.committed();
        self.failing_since.send_if_modified(|since| since.take().is_some());
    }

    fn commit_failed(&self, now: Timestamp, because: String) {
        self.write().health.commit_failed(now, because);
        self.failing_since.send_if_modified(|since| since.is_none() && since.replace(now).is_none());
    }
}

/// Work that needs the journal. It is done again until that works.
enum Work {
    /// Evaluate the group at this place of the agenda at this instant.
    Group { place: usize, at: Timestamp, missed: u64 },
    /// Evaluate the rules of which a target's page is the whole news.
    News(TargetKey, Timestamp),
    /// Look at the metrics of components for changes.
    Look,
    /// Ask the book, and tell whoever waits what came of it.
    Book(Input, Option<Asker>),
    /// Offer the book alerts that fire and have no incident.
    Offer,
    /// See which rules left.
    Retire,
    /// Ask the journal what became of deliveries.
    Fates,
    /// Tell the book what a sink reports; with it comes the delivery, where it is dead.
    Report(SinkReport, Option<Box<Delivery>>),
}

/// Turns the house.
pub struct Pipeline<J, C, I> {
    journal: J,
    clock: C,
    inbox: I,
    house: SharedHouse,
    /// Told after each commit that carried deliveries.
    committed: watch::Sender<()>,
    /// What must be committed before anything else is decided.
    waiting: VecDeque<Work>,
    /// Targets that pages came of which no rule has seen yet.
    news: VecDeque<(TargetKey, Timestamp)>,
    /// Until when the journal is left alone.
    rest_until: Option<Timestamp>,
}

impl<J: Journal, C: Clock, I: Inbox> Pipeline<J, C, I> {
    /// A pipeline that turns `house`.
    pub fn new(journal: J, clock: C, inbox: I, house: SharedHouse, committed: watch::Sender<()>) -> Self {
        // The first turns ask what happened while the process was away; rules may have gone with it.
        let waiting = VecDeque::from([Work::Retire, Work::Book(Input::Tick, None), Work::Fates]);
        Self { journal, clock, inbox, house, committed, waiting, news: VecDeque::new(), rest_until: None }
    }

    /// Turns until the inbox closes. What was decided by then is committed.
    pub async fn run(mut self) {
        loop {
            self.work().await;
            let wake = self.next_wake();
            let inbound = tokio::select! {
                // What came is taken in before what is due is done; a choice by lot would make no replay the same.
                biased;
                inbound = self.inbox.recv() => inbound,
                () = sleep_until(&self.clock, wake) => continue,
            };
            match inbound {
                Some(inbound) => self.take_in(inbound),
                None => return,
            }
        }
    }

    /// Does all that is due, one commit after the other. What the journal refuses rests for a while; groups go on
    /// meanwhile, since one that moves nothing needs no commit.
    pub(super) async fn work(&mut self) {
        loop {
            let now = self.clock.now();
            self.rest_until = self.rest_until.filter(|until| now < *until);
            let Some(mut work) = self.next_work(now) else { return };
            let Err(error) = self.turn(now, &mut work).await else { continue };
            tracing::error!(%error, "the journal does not work; nothing is forgotten, trying again");
            self.house.commit_failed(now, error.to_string());
            let retry_at = now + JOURNAL_RETRY;
            match work {
                // It stays due: at the same instant, while that is the latest one.
                Work::Group { place, .. } => self.house.write().agenda.put_off(place, retry_at),
                // Its groups see it at their next instants.
                Work::News(..) => {}
                other => {
                    self.waiting.push_front(other);
                    self.rest_until = Some(retry_at);
                }
            }
        }
    }

    fn next_work(&mut self, now: Timestamp) -> Option<Work> {
        if self.rest_until.is_none() {
            if let Some(work) = self.waiting.pop_front() {
                return Some(work);
            }
            // Before alerts move: what changed may be why.
            if self.house.read().lookout.is_due(now) {
                return Some(Work::Look);
            }
            if self.house.read().book.next_wake().is_some_and(|wake| wake.at <= now) {
                return Some(Work::Book(Input::Tick, None));
            }
        }
        if let Some((place, at, missed)) = self.house.write().agenda.due(now) {
            return Some(Work::Group { place, at, missed });
        }
        if self.house.read().health.failing_since.is_some() {
            // The intervals will see it.
            self.news.clear();
        }
        // After the groups: no instant that was due before this one may come after it.
        self.news.pop_front().map(|(target, at)| Work::News(target, at))
    }

    /// One turn: propose, commit, apply.
    async fn turn(&mut self, now: Timestamp, work: &mut Work) -> Result<(), JournalError> {
        let (proposal, report) = match work {
            Work::Fates => {
                let reports = self.journal.unread_reports().await?;
                // Those that wait already are among them: none is taken in twice.
                self.waiting.retain(|work| !matches!(work, Work::Report(..)));
                for report in reports {
                    let dead = match &report.news {
                        SinkNews::Dead { .. } => self.journal.delivery(report.delivery).await?,
                        _ => None,
                    };
                    self.waiting
                        .push_back(Work::Report(report, dead.map(|status| Box::new(status.delivery))));
                }
                return Ok(());
            }
            Work::Look => (self.house.read().propose_look(now), None),
            Work::Offer => {
                let house = self.house.read();
                (house.propose(now, &Input::Evaluation(house.firing())), None)
            }
            Work::Report(report, dead) => {
                (self.house.read().propose_report(now, report, dead.as_deref()), None)
            }
            Work::Book(input, asker) => return self.ask_the_book(now, input, asker).await,
            Work::Retire => {
                let mut house = self.house.write();
                let retired = house.retired(now);
                (house.propose_evaluation(now, vec![retired]), None)
            }
            Work::News(target, page_at) => {
                let mut house = self.house.write();
                // A page that came before its time, as in replay, says nothing of the time before it.
                let outcomes = house.evaluate_news(target, now.max(*page_at));
                (house.propose_evaluation(now, outcomes), None)
            }
            Work::Group { place, at, missed } => {
                let mut house = self.house.write();
                let evaluated = house.evaluate(*place, *at);
                let proposal = house.propose_evaluation(now, evaluated.outcomes);
                let took = self.clock.now().since(now);
                let report = GroupReport { evaluated_at: Some(*at), took, failures: evaluated.failures };
                (proposal, Some((*place, *at, *missed, report)))
            }
        };
        self.commit(now, &proposal).await?;
        self.apply(&proposal);
        if let Some((place, at, missed, report)) = report {
            let mut house = self.house.write();
            house.health.missed_evaluations += missed;
            house.health.evaluation_failures += u64::try_from(report.failures.len()).unwrap_or(u64::MAX);
            house.agenda.done(place, at, report);
        }
        Ok(())
    }

    /// One turn of the book alone. What nobody waits for any more is not done.
    async fn ask_the_book(
        &mut self,
        now: Timestamp,
        input: &Input,
        asker: &mut Option<Asker>,
    ) -> Result<(), JournalError> {
        let _in_hand = match asker {
            Some(asker) => match asker.begin().await {
                Some(in_hand) => Some(in_hand),
                None => return Ok(()),
            },
            None => None,
        };
        let refusal = match input {
            Input::Command(command) if asker.is_some() => self.house.read().refusal(now, command),
            _ => None,
        };
        let answer = match refusal {
            Some(refusal) => refusal,
            None => {
                let proposal = self.house.read().propose(now, input);
                self.commit(now, &proposal).await?;
                self.apply(&proposal);
                Answer::Done(proposal.batch.events)
            }
        };
        if let Some(asker) = asker.take() {
            asker.answer(answer);
        }
        Ok(())
    }

    /// Remembers what has been committed.
    fn apply(&mut self, proposal: &Proposal) {
        let mut house = self.house.write();
        house.apply(proposal);
        if proposal.grows_an_incident() {
            // Each round takes in at least one alert, so this comes to an end.
            self.waiting.push_back(Work::Offer);
        }
    }

    async fn commit(&self, now: Timestamp, proposal: &Proposal) -> Result<(), JournalError> {
        if proposal.batch.is_empty() {
            self.probe(now).await;
            return Ok(());
        }
        self.journal.commit(now, proposal.batch.clone()).await?;
        self.house.committed();
        for event in &proposal.batch.events {
            tracing::info!(incident = %event.incident, what = event.what.name(), why = %event.why, "incident");
        }
        if !proposal.batch.deliveries.is_empty() {
            self.committed.send_replace(());
        }
        Ok(())
    }

    /// While the journal fails, an empty commit is how we learn that it works again.
    async fn probe(&self, now: Timestamp) {
        if self.house.read().health.failing_since.is_none() {
            return;
        }
        match self.journal.commit(now, Batch::default()).await {
            Ok(()) => self.house.committed(),
            Err(error) => self.house.commit_failed(now, error.to_string()),
        }
    }

    pub(super) fn take_in(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Scrape(event) => {
                if let ScrapeEvent::Page(page) = &event {
                    self.news.push_back((page.target.clone(), page.at));
                }
                self.house.write().ingest(event, self.clock.now());
            }
            Inbound::Fates => self.waiting.push_back(Work::Fates),
            Inbound::Reload(rulebook, answer) => self.reload(*rulebook, answer),
            Inbound::Command(command, asker) => self.wait_for_the_book(Input::Command(command), asker),
            Inbound::Change(change, asker) => self.wait_for_the_book(Input::Change(change), asker),
        }
    }

    fn wait_for_the_book(&mut self, input: Input, asker: Option<Asker>) {
        // While the journal fails, what nobody waits for any more must not pile up.
        self.waiting.retain(|work| !matches!(work, Work::Book(_, Some(asker)) if asker.is_gone()));
        self.waiting.push_back(Work::Book(input, asker));
    }

    fn reload(&mut self, rulebook: Rulebook, answer: oneshot::Sender<()>) {
        self.house.write().reload(rulebook, self.clock.now());
        self.waiting.push_back(Work::Retire);
        // Whoever asked may have gone away; the configuration is in force all the same.
        let _ = answer.send(());
    }

    fn next_wake(&self) -> Option<Timestamp> {
        let house = self.house.read();
        let book = house.book.next_wake().map(|wake| wake.at);
        let committing = self.rest_until.or_else(|| book.into_iter().chain(house.lookout.next_due()).min());
        committing.into_iter().chain(house.agenda.next_due()).min()
    }
}

async fn sleep_until<C: Clock>(clock: &C, at: Option<Timestamp>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
