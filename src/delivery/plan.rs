//! Who is told of an event.
//!
//! In:   events in the order in which they are committed; the sinks and whom they reach.
//! Out:  one delivery a sink of each post and page, numbered in the order in which they must arrive.
//! Not:  what is said, and which sinks a page is for, the book decided.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::incidents::{Event, What};
use crate::model::{DeliveryId, SinkName, Timestamp};

use super::{Audience, Delivery, Message};

/// Which sinks there are, and whom they reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    customers: Vec<SinkName>,
    all: BTreeSet<SinkName>,
    expires_after: Duration,
}

impl Routes {
    /// Routes to these sinks; a message is worth sending for `expires_after`.
    pub fn new(sinks: &[(SinkName, Audience)], expires_after: Duration) -> Self {
        let customers = sinks
            .iter()
            .filter(|(_, audience)| *audience == Audience::Customers)
            .map(|(name, _)| name.clone())
            .collect();
        Self { customers, all: sinks.iter().map(|(name, _)| name.clone()).collect(), expires_after }
    }

    /// The deliveries that follow from `events`, numbered from `next_delivery`. A post goes to every sink for
    /// customers, a page to those it names; one that left the configuration since gets nothing.
    pub fn plan(&self, now: Timestamp, events: &[Event], next_delivery: u64) -> Vec<Delivery> {
        let to_send = events.iter().flat_map(|event| {
            self.recipients(event).into_iter().map(move |(sink, message)| (event, sink, message))
        });
        to_send
            .zip(next_delivery..)
            .map(|((event, sink, message), id)| Delivery {
                id: DeliveryId(id),
                key: key(event, sink),
                sink: sink.clone(),
                incident: event.incident,
                event_seq: event.seq,
                message,
                created_at: now,
                expires_at: now + self.expires_after,
            })
            .collect()
    }

    fn recipients(&self, event: &Event) -> Vec<(&SinkName, Message)> {
        match &event.what {
            What::Posted { post } => {
                let there = self.customers.iter().filter(|sink| !post.except.contains(*sink));
                there.map(|sink| (sink, Message::Post(post.clone()))).collect()
            }
            What::Paged { page } => {
                let named: BTreeSet<&SinkName> = page.to.iter().collect();
                let there = self.all.iter().filter(|sink| named.contains(sink));
                there.map(|sink| (sink, Message::Page(page.clone()))).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The idempotency key, such as `INC-3_e17_status-page`. An event's number is never given twice, and a sink gets
/// one message of an event, so no two deliveries share a key. `_` and `.` of a sink's name are written `__` and
/// `_-`, since a key may not hold a dot and different names must stay different.
fn key(event: &Event, sink: &SinkName) -> String {
    let sink = sink.as_str().replace('_', "__").replace('.', "_-");
    format!("{}_e{}_{sink}", event.incident, event.seq)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::samples::{at, event, page, post, sink};
    use crate::incidents::Status;

    const HOUR: Duration = Duration::from_secs(3600);

    fn routes() -> Routes {
        let sinks = [
            (sink("status-page"), Audience::Customers),
            (sink("ops"), Audience::Responders),
            (sink("feed"), Audience::Customers),
        ];
        Routes::new(&sinks, HOUR)
    }

    fn told(events: &[Event]) -> Vec<String> {
        let plan = routes().plan(at(60), events, 5);
        plan.iter().map(|delivery| format!("{} {}", delivery.id, delivery.key)).collect()
    }

    #[test]
    fn a_post_goes_to_every_sink_for_customers_in_order() {
        let posted = event(17, 3, What::Posted { post: post(1, Status::Investigating) });
        assert_eq!(told(&[posted]), ["D-5 INC-3_e17_status-page", "D-6 INC-3_e17_feed"]);
    }

    #[test]
    fn a_page_goes_once_to_each_named_sink_that_is_there() {
        let paged = event(18, 3, What::Paged { page: page(&["ops", "gone", "ops"]) });
        assert_eq!(told(&[paged]), ["D-5 INC-3_e18_ops"]);
    }

    #[test]
    fn an_event_that_says_nothing_to_anybody_has_no_delivery() {
        assert_eq!(told(&[event(1, 3, What::Exposed)]), Vec::<String>::new());
    }

    #[test]
    fn several_events_are_numbered_through_and_expire_alike() {
        let events = [
            event(1, 3, What::Posted { post: post(1, Status::Investigating) }),
            event(2, 3, What::Exposed),
            event(3, 3, What::Paged { page: page(&["ops"]) }),
        ];
        let plan = routes().plan(at(60), &events, 1);
        assert_eq!(plan.iter().map(|d| d.id.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(plan.iter().all(|d| d.created_at == at(60) && d.expires_at == at(60) + HOUR));
    }

    proptest! {
        #[test]
        fn keys_are_usable_and_differ_where_sinks_do(a in "[a-z._-]{1,6}", b in "[a-z._-]{1,6}") {
            let posted = event(1, 1, What::Exposed);
            let (key_a, key_b) = (key(&posted, &sink(&a)), key(&posted, &sink(&b)));
            prop_assert_eq!(a == b, key_a == key_b);
            prop_assert!(key_a.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'));
        }
    }
}
