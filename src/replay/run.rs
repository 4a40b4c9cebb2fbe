//! Lives through a scenario: time steps from one moment at which something happens to the next.
//!
//! In:   a scenario.
//! Out:  a `Record` of everything that was decided, said and sent.
//! Not:  nothing sleeps, and nothing of the real machine comes in: the same scenario gives the same record.
//!
//! At each moment, what is due is done first, then what the scenario says of that moment, in its order. Time steps on
//! only when nobody can go on without it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::config::Config;
use crate::incidents::{Command, Incident, Refused};
use crate::model::{Clock, IncidentId, Problems, Timestamp};
use crate::outbox::Sink;
use crate::pipeline::{House, Inbound, Phases, Rulebook};
use crate::scrape::ScrapeEvent;
use crate::sinks::SinkSettings;

use super::clock::VirtualClock;
use super::configure;
use super::executor::Circle;
use super::language::{Deed, Happening, Mood, Scenario};
use super::ledger::{Entry, Ledger};
use super::process::Process;
use super::sink::SimulatedSink;
use super::targets::Targets;

/// Everything that came of a scenario.
pub struct Record {
    /// What was committed and attempted, in order.
    pub entries: Vec<Entry>,
    /// The incidents as they are remembered at the end, by number.
    pub incidents: Vec<Incident>,
    /// The configuration that was in force at the end.
    pub config: Config,
    /// How much time went by in the scenario.
    pub lasted: Duration,
    /// What the wall clock showed at the end.
    pub ended_at: Timestamp,
    /// What is odd about the configuration.
    pub warnings: Problems,
    /// Times of the wall clock between which promises may be missed: the process was away, could not commit, or its
    /// clock jumped.
    pub disturbances: Vec<(Timestamp, Timestamp)>,
}

/// Why a scenario cannot be lived through.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It, or its configuration, cannot be used.
    #[error("{0}")]
    Unusable(Problems),
    /// A bug: a part of the house goes in circles.
    #[error(transparent)]
    Circle(#[from] Circle),
}

/// Lives through `scenario`.
///
/// # Errors
/// Where its configuration cannot be used.
pub fn run(scenario: &Scenario) -> Result<Record, RunError> {
    let (config, warnings) = configure::configure(scenario).map_err(RunError::Unusable)?;
    let mut world = World::new(scenario, config);
    world.begin()?;
    while let Some(next) = world.next_moment().filter(|next| *next <= scenario.end) {
        world.clock.step_to(next);
        world.go_on()?;
        world.happen(next)?;
    }
    Ok(world.end(scenario, warnings))
}

struct World<'a> {
    scenario: &'a Scenario,
    clock: VirtualClock,
    ledger: Ledger,
    config: Config,
    targets: Targets,
    process: Option<Process>,
    /// When the process is back, while it is away.
    up_at: Option<Timestamp>,
    happenings: std::slice::Iter<'a, Happening>,
    disturbances: Vec<(Timestamp, Timestamp)>,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, config: Config) -> Self {
        Self {
            scenario,
            clock: VirtualClock::new(scenario.calendar.start),
            ledger: Ledger::new(),
            config,
            targets: Targets::new(scenario),
            process: None,
            up_at: None,
            happenings: scenario.happenings.iter(),
            disturbances: Vec::new(),
        }
    }

    fn begin(&mut self) -> Result<(), RunError> {
        self.start_process();
        self.go_on()?;
        self.happen(self.clock.true_now())
    }

    /// The rulebook of the configuration, with instants that people can tell beforehand.
    fn rulebook(&self) -> Rulebook {
        Rulebook { phases: Phases::From(self.scenario.calendar.start), ..self.config.rulebook() }
    }

    fn sinks(&self) -> Vec<Arc<dyn Sink>> {
        let moods: &[Mood] = &self.scenario.moods;
        let sink = |settings: &SinkSettings| {
            let (clock, ledger) = (self.clock.clone(), self.ledger.clone());
            Arc::new(SimulatedSink::new(settings.clone(), clock, moods, ledger)) as Arc<dyn Sink>
        };
        self.config.sinks.iter().map(sink).collect()
    }

    fn start_process(&mut self) {
        let process = Process::start(self.rulebook(), &self.ledger, &self.clock, self.sinks());
        process.send(Inbound::Scrape(ScrapeEvent::Discovered(self.targets.discovered())));
        self.process = Some(process);
        self.up_at = None;
    }

    /// When something happens next, be it in the script or because somebody waited for it.
    fn next_moment(&self) -> Option<Timestamp> {
        let said = self.happenings.as_slice().first().map(|happening| happening.at);
        let times = [said, self.targets.next_at(), self.up_at, self.clock.next_wake()];
        times.into_iter().flatten().min()
    }

    fn go_on(&mut self) -> Result<(), RunError> {
        if let Some(process) = &mut self.process {
            process.run()?;
        }
        Ok(())
    }

    /// All that the script says of `now`.
    fn happen(&mut self, now: Timestamp) -> Result<(), RunError> {
        if self.up_at.is_some_and(|at| at <= now) {
            self.start_process();
            self.go_on()?;
        }
        let pages = self.targets.take_due(now, &self.clock);
        if let Some(process) = self.process.as_ref().filter(|_| !pages.is_empty()) {
            pages.into_iter().for_each(|page| process.send(Inbound::Scrape(ScrapeEvent::Page(page))));
            self.go_on()?;
        }
        while let Some(happening) = self.happenings.as_slice().first().filter(|next| next.at <= now) {
            self.happenings.next();
            self.apply(now, &happening.what)?;
            self.go_on()?;
        }
        Ok(())
    }

    fn apply(&mut self, now: Timestamp, deed: &Deed) -> Result<(), RunError> {
        match deed {
            Deed::Command { by, incident, kind } => {
                let incident = incident.or_else(|| self.youngest_open()).unwrap_or(IncidentId(1));
                self.command(Command { by: by.clone(), incident, kind: kind.clone() });
            }
            Deed::Report { sink: (sink, _), incident, news } => {
                let incident = incident.or_else(|| self.youngest_open()).unwrap_or(IncidentId(1));
                self.ledger.report(self.clock.now(), incident, sink, news.clone());
                self.send(Inbound::Fates);
            }
            Deed::Change(change, _) => self.send(Inbound::Change(change.clone(), None)),
            Deed::Down(until) => {
                self.process = None;
                self.disturbances.push((self.clock.now(), self.clock.wall_at(*until)));
                if *until <= now {
                    self.start_process();
                } else {
                    self.up_at = Some(*until);
                }
            }
            Deed::Jump(by_ms) => {
                let before = self.clock.now();
                self.clock.jump(*by_ms);
                let after = self.clock.now();
                self.disturbances.push((before.min(after), before.max(after)));
            }
            Deed::Reload(text) => self.reload(text)?,
            Deed::JournalFails => {
                self.ledger.set_failing(true);
                self.disturbances.push((self.clock.now(), Timestamp::from_millis(i64::MAX)));
            }
            Deed::JournalWorks => {
                self.ledger.set_failing(false);
                if let Some(last) = self.disturbances.last_mut() {
                    last.1 = last.1.min(self.clock.now());
                }
            }
        }
        Ok(())
    }

    /// Gives a command as an operator's tool does: it asks first whether it makes sense now.
    fn command(&self, command: Command) {
        let Some(process) = &self.process else { return };
        let at = self.clock.now();
        let answer = process.house().read().book.check(at, &command);
        match answer {
            Ok(()) => process.send(Inbound::Command(command, None)),
            Err(Refused(why)) => self.ledger.note(Entry::Refused { at, command, why }),
        }
    }

    fn reload(&mut self, text: &super::language::Inline) -> Result<(), RunError> {
        self.config = configure::reconfigure(self.scenario, text).map_err(RunError::Unusable)?;
        let (rulebook, sinks) = (self.rulebook(), self.sinks());
        let (answer, _) = oneshot::channel();
        self.send(Inbound::Reload(Box::new(rulebook), answer));
        if let Some(process) = &mut self.process {
            process.serve(sinks);
        }
        Ok(())
    }

    /// What comes while the process is away is lost, as it is on a port where nobody listens.
    fn send(&self, inbound: Inbound) {
        if let Some(process) = &self.process {
            process.send(inbound);
        }
    }

    fn youngest_open(&self) -> Option<IncidentId> {
        let house = self.process.as_ref()?.house().read();
        house.book.incidents().filter(|incident| incident.is_open()).map(|incident| incident.id).max()
    }

    fn end(self, scenario: &Scenario, warnings: Problems) -> Record {
        let house = House::new(self.rulebook(), self.ledger.snapshot(), self.clock.wall_at(scenario.end));
        Record {
            entries: self.ledger.entries(),
            incidents: house.book.incidents().cloned().collect(),
            config: self.config,
            ended_at: self.clock.wall_at(scenario.end),
            lasted: scenario.end.since(scenario.calendar.start),
            warnings,
            disturbances: self.disturbances,
        }
    }
}
