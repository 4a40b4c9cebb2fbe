//! What a sink is to the pump.

use std::future::Future;
use std::pin::Pin;

use crate::delivery::{Delivery, Outcome, Rate, Remembered, Tried};
use crate::model::{SinkName, Timestamp};

/// A future that a sink returns, boxed since sinks are chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How fast requests may be made.
pub trait Pace: Send + Sync {
    /// Waits until one more request may be made.
    fn turn(&self) -> BoxFuture<'_, ()>;
}

/// No limit.
#[derive(Debug, Clone, Copy)]
pub struct AtOnce;

impl Pace for AtOnce {
    fn turn(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// One attempt, with what it needs to know.
#[derive(Clone, Copy)]
pub struct Sending<'a> {
    /// What is sent.
    pub delivery: &'a Delivery,
    /// When the attempt begins.
    pub now: Timestamp,
    /// What is remembered of the incident at this sink.
    pub remembered: &'a Remembered,
    /// Whether an earlier attempt may have been taken.
    pub tried: Tried,
    /// To be waited for before each request.
    pub pace: &'a dyn Pace,
}

impl<'a> Sending<'a> {
    /// The only attempt of a message that nothing is remembered of.
    pub fn once(delivery: &'a Delivery, now: Timestamp) -> Self {
        const NOTHING: &Remembered = &Remembered { opened: false, values: std::collections::BTreeMap::new() };
        Self { delivery, now, remembered: NOTHING, tried: Tried::Never, pace: &AtOnce }
    }
}

/// Sends one delivery, once.
pub trait Sink: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &SinkName;

    /// One attempt. Ends within the sink's own timeout, waiting for its turns aside.
    fn send<'a>(&'a self, sending: Sending<'a>) -> BoxFuture<'a, Outcome>;

    /// How fast it may be asked, where there is a limit.
    fn rate(&self) -> Option<Rate> {
        None
    }

    /// Sends `trial`, a message that is labelled as a test, where that can be done without misleading anybody.
    fn test<'a>(&'a self, trial: &'a Delivery, now: Timestamp) -> BoxFuture<'a, Outcome> {
        self.send(Sending::once(trial, now))
    }
}
