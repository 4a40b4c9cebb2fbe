//! What a sink is to the pump.

use std::future::Future;
use std::pin::Pin;

use crate::delivery::{Delivery, Outcome};
use crate::model::{SinkName, Timestamp};

/// A future that a sink returns, boxed since sinks are chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends one delivery, once.
pub trait Sink: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &SinkName;

    /// One attempt; `now` is when it begins. Ends within the sink's own timeout.
    fn send<'a>(&'a self, delivery: &'a Delivery, now: Timestamp) -> BoxFuture<'a, Outcome>;
}
