//! What keeps us from working must not make us mute: the emergency page.
//!
//! In:   since when commits fail (`pipeline::Health`); that the daemon cannot go on (`Failures`).
//! Out:  one unjournaled page to every responders' sink at a time: of the journal after 10 s and again each 15 min
//!       while it lasts, of the daemon once.
//! Not:  nothing is recorded: there is nowhere to record it. A receiver sees each round under a key of its own.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::delivery::{Audience, Delivery, Message, Outcome};
use crate::incidents::{Page, PageReason, Status};
use crate::model::{Clock, DeliveryId, IncidentId, Severity, Timestamp};
use crate::outbox::{OutboxView, Sending, Sink};
use crate::pipeline::SharedHouse;

const FIRST_AFTER: Duration = Duration::from_secs(10);
const REPEAT_AFTER: Duration = Duration::from_secs(15 * 60);
/// All sinks together may take this long for one round.
const ROUND_WITHIN: Duration = Duration::from_secs(10);

/// What a page is about.
struct Trouble {
    reason: PageReason,
    title: &'static str,
    since: Timestamp,
    details: String,
}

/// Watches over the journal until `stop`.
pub async fn watch<C: Clock>(clock: C, house: SharedHouse, outbox: OutboxView, stop: CancellationToken) {
    let mut failing = house.failing_since();
    let mut last_page: Option<Timestamp> = None;
    loop {
        let since = *failing.borrow_and_update();
        let due = since.map(|since| last_page.map_or(since + FIRST_AFTER, |last| last + REPEAT_AFTER));
        match (since, due) {
            (None, _) => last_page = None,
            (Some(since), Some(due)) if due <= clock.now() => {
                last_page = Some(clock.now());
                let because = house.read().health.last_failure.clone().unwrap_or_default();
                let trouble = journal_fails(since, &because);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = page_all(&clock, &trouble, &outbox) => continue,
                }
            }
            (Some(_), _) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            Ok(()) = failing.changed() => {}
            () = clock.sleep_until(due.unwrap_or_default()), if due.is_some() => {}
        }
    }
}

/// The last words of a daemon that cannot go on.
pub async fn tell_the_end<C: Clock>(clock: &C, why: &str, outbox: &OutboxView) {
    let trouble = Trouble {
        reason: PageReason::DaemonFailing,
        title: "Fogsignal cannot go on",
        since: clock.now(),
        details: format!(
            "{why}\nThe process ends with exit code 1, so that the service manager starts it again; nothing that was \
             decided is lost. Until it runs nothing is detected. Its log says more."
        ),
    };
    page_all(clock, &trouble, outbox).await;
}

fn journal_fails(since: Timestamp, because: &str) -> Trouble {
    Trouble {
        reason: PageReason::JournalFailing,
        title: "Fogsignal cannot write its journal",
        since,
        details: format!(
            "{because}\nUntil it can, incidents are detected but neither posted nor paged. Make room on the disk, or \
             mend what the reason names; nothing has to be restarted."
        ),
    }
}

/// Pages all at once, so that a sink that hangs delays no other.
async fn page_all<C: Clock>(clock: &C, trouble: &Trouble, outbox: &OutboxView) {
    let (now, sinks) = (clock.now(), outbox.load_full());
    let responders = sinks.iter().filter(|view| view.audience == Audience::Responders);
    let pages = join_all(responders.map(|view| page(now, trouble, view.sink.as_ref())));
    tokio::select! {
        _ = pages => {}
        () = clock.sleep_until(now + ROUND_WITHIN) => {
            tracing::error!("not every sink answered the emergency page in time");
        }
    }
}

async fn page(now: Timestamp, trouble: &Trouble, sink: &dyn Sink) {
    let name = sink.name();
    match sink.send(Sending::once(&delivery(now, trouble, sink), now)).await {
        Outcome::Delivered { .. } => tracing::warn!(sink = %name, "sent the emergency page"),
        Outcome::Retry { why, .. } | Outcome::GiveUp { why } | Outcome::StandDown { what: why } => {
            tracing::error!(sink = %name, why, "the emergency page was not taken");
        }
    }
}

fn delivery(now: Timestamp, trouble: &Trouble, sink: &dyn Sink) -> Delivery {
    let page = Page {
        number: 0,
        reason: trouble.reason,
        to: vec![sink.name().clone()],
        step: 0,
        title: trouble.title.to_owned(),
        status: Status::Investigating,
        severity: Severity::Critical,
        summary: format!("{} since {}", trouble.title, trouble.since),
        details: trouble.details.clone(),
        components: Vec::new(),
        runbooks: Vec::new(),
        started_at: trouble.since,
        suspects: Vec::new(),
    };
    Delivery {
        id: DeliveryId(0),
        key: format!("emergency_{}_{}", now.as_millis(), sink.name()).replace('.', "-"),
        sink: sink.name().clone(),
        incident: IncidentId(0),
        event_seq: 0,
        message: Message::Page(page),
        created_at: now,
        expires_at: now + REPEAT_AFTER,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::FutureExt;

    use super::*;
    use crate::model::SinkName;
    use crate::outbox::{BoxFuture, SinkView};

    /// Time that stands still.
    #[derive(Clone)]
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
        async fn sleep_until(&self, _at: Timestamp) {
            std::future::pending().await
        }
    }

    /// Answers at once, or never.
    struct Fake {
        name: SinkName,
        hangs: bool,
        sent: Arc<Mutex<Vec<Delivery>>>,
    }

    impl Sink for Fake {
        fn name(&self) -> &SinkName {
            &self.name
        }
        fn send<'a>(&'a self, sending: Sending<'a>) -> BoxFuture<'a, Outcome> {
            Box::pin(async move {
                if self.hangs {
                    std::future::pending::<()>().await;
                }
                self.sent.lock().unwrap().push(sending.delivery.clone());
                Outcome::delivered("ok")
            })
        }
    }

    #[test]
    fn a_sink_that_hangs_delays_no_other() {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let view = |name: &str, audience, hangs| SinkView {
            sink: Arc::new(Fake { name: SinkName::new(name).unwrap(), hangs, sent: sent.clone() }),
            audience,
            stats: Arc::default(),
        };
        let outbox = OutboxView::default();
        outbox.store(Arc::new(vec![
            view("first", Audience::Responders, true),
            view("page", Audience::Customers, false),
            view("second", Audience::Responders, false),
        ]));
        assert_eq!(tell_the_end(&Still, "the pipeline panicked", &outbox).now_or_never(), None);
        let sent = sent.lock().unwrap();
        let told: Vec<_> = sent.iter().map(|delivery| delivery.sink.as_str()).collect();
        assert_eq!(told, ["second"]);
        let Message::Page(page) = &sent[0].message else { panic!("a page") };
        assert_eq!(page.reason, PageReason::DaemonFailing);
        assert!(page.details.starts_with("the pipeline panicked\n"), "{}", page.details);
    }
}
