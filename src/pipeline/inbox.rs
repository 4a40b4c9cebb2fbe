//! What comes into the house from outside.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};

use crate::incidents::{Change, Command};
use crate::pipeline::{Asker, Rulebook};
use crate::scrape::ScrapeEvent;

/// One thing that came in.
#[derive(Debug)]
pub enum Inbound {
    /// From the scraper.
    Scrape(ScrapeEvent),
    /// An operator's word. It is dropped where whoever asked went away before it was committed.
    Command(Command, Option<Asker>),
    /// Something rolled out. As with a command, it is dropped where whoever asked went away.
    Change(Change, Option<Asker>),
    /// The fate of a delivery may matter: ask the journal.
    Fates,
    /// A new configuration; answered once it is in force.
    Reload(Box<Rulebook>, oneshot::Sender<()>),
}

/// Where inbound things come from: a channel in the daemon, a script in replay.
pub trait Inbox: Send {
    /// The next one; `None` once there will be no more.
    fn recv(&mut self) -> impl Future<Output = Option<Inbound>> + Send;
}

impl Inbox for mpsc::Receiver<Inbound> {
    async fn recv(&mut self) -> Option<Inbound> {
        Self::recv(self).await
    }
}
