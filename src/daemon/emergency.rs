//! A journal that cannot commit must not make us mute: the emergency page.
//!
//! In:   since when commits fail (`pipeline::Health`).
//! Out:  one unjournaled page to every responders' sink after 10 s, again each 15 min while it lasts.
//! Not:  nothing is recorded: there is nowhere to record it. A receiver sees each round under a key of its own.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::delivery::{Audience, Delivery, Message, Outcome};
use crate::incidents::{Page, PageReason, Status};
use crate::model::{Clock, DeliveryId, IncidentId, Severity, Timestamp};
use crate::outbox::{OutboxView, Sink};
use crate::pipeline::SharedHouse;

const FIRST_AFTER: Duration = Duration::from_secs(10);
const REPEAT_AFTER: Duration = Duration::from_secs(15 * 60);
const TITLE: &str = "Fogsignal cannot write its journal";

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
                let reason = house.read().health.last_failure.clone().unwrap_or_default();
                page_all(clock.now(), since, &reason, &outbox).await;
                continue;
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

async fn page_all(now: Timestamp, since: Timestamp, reason: &str, outbox: &OutboxView) {
    let sinks = outbox.load_full();
    for view in sinks.iter().filter(|view| view.audience == Audience::Responders) {
        let name = view.sink.name();
        match view.sink.send(&delivery(now, since, reason, view.sink.as_ref()), now).await {
            Outcome::Delivered { .. } => tracing::warn!(sink = %name, "sent the emergency page"),
            Outcome::Retry { why, .. } | Outcome::GiveUp { why } => {
                tracing::error!(sink = %name, why, "the emergency page was not taken");
            }
        }
    }
}

fn delivery(now: Timestamp, since: Timestamp, reason: &str, sink: &dyn Sink) -> Delivery {
    let page = Page {
        number: 0,
        reason: PageReason::JournalFailing,
        to: vec![sink.name().clone()],
        step: 0,
        title: TITLE.to_owned(),
        status: Status::Investigating,
        severity: Severity::Critical,
        summary: format!("{TITLE} since {since}"),
        details: format!(
            "{reason}\nUntil it can, incidents are detected but neither posted nor paged. Make room on the disk, or \
             mend what the reason names; nothing has to be restarted."
        ),
        components: Vec::new(),
        runbooks: Vec::new(),
        started_at: since,
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
