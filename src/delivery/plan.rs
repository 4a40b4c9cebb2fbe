//! Who is told of an event.
//!
//! In:   events in the order in which they are committed; the sinks and whom they reach.
//! Out:  one delivery a sink of each post, page and acknowledgement, numbered in the order in which they must arrive; the
//!       one that goes to another sink where the first did not take it.
//! Not:  what is said, and which sinks a page is for, the book decided.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::incidents::{Event, What};
use crate::model::{DeliveryId, SinkName, Timestamp};

use super::{Audience, Delivery, Message};

/// What the plan must know of a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub sink: SinkName,
    /// Whom it reaches.
    pub audience: Audience,
    /// Whether it wants to know that somebody acknowledged.
    pub acknowledges: bool,
    /// How long a message to it is worth sending.
    pub expires_after: Duration,
    /// Who gets a message that it did not take.
    pub fallback: Option<SinkName>,
}

impl Route {
    /// A sink for `audience` that hears of posts or pages only.
    pub fn new(sink: SinkName, audience: Audience, expires_after: Duration) -> Self {
        Self { sink, audience, acknowledges: false, expires_after, fallback: None }
    }
}

/// Which sinks there are, and whom they reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// In the order of the configuration: posts go out in it.
    routes: Vec<Route>,
    by_name: BTreeMap<SinkName, usize>,
}

impl Routes {
    /// Routes to these sinks.
    pub fn new(routes: Vec<Route>) -> Self {
        let by_name = routes.iter().enumerate().map(|(at, route)| (route.sink.clone(), at)).collect();
        Self { routes, by_name }
    }

    /// The route to `sink`.
    pub fn get(&self, sink: &SinkName) -> Option<&Route> {
        self.by_name.get(sink).and_then(|at| self.routes.get(*at))
    }

    /// The deliveries that follow from `events`, numbered from `next_delivery`. A post goes to every sink for
    /// customers, a page to those it names; one that left the configuration since gets nothing.
    pub fn plan(&self, now: Timestamp, events: &[Event], next_delivery: u64) -> Vec<Delivery> {
        let to_send = events.iter().flat_map(|event| {
            self.recipients(event).into_iter().map(move |(route, message)| (event, route, message))
        });
        to_send
            .zip(next_delivery..)
            .map(|((event, route, message), id)| Delivery {
                id: DeliveryId(id),
                key: key(event, &route.sink),
                sink: route.sink.clone(),
                incident: event.incident,
                event_seq: event.seq,
                message,
                created_at: now,
                expires_at: now + route.expires_after,
            })
            .collect()
    }

    /// What takes the place of `dead`, which its sink did not take: the same message to that sink's fallback, unless
    /// the fallback was told of it already.
    pub fn fall_back(&self, now: Timestamp, dead: &Delivery, next_delivery: u64) -> Option<Delivery> {
        let route = self.get(self.get(&dead.sink)?.fallback.as_ref()?)?;
        if let Message::Page(page) = &dead.message
            && page.to.contains(&route.sink)
        {
            return None;
        }
        Some(Delivery {
            id: DeliveryId(next_delivery),
            key: format!("{}_to_{}", dead.key, plain(&route.sink)),
            sink: route.sink.clone(),
            created_at: now,
            expires_at: now + route.expires_after,
            ..dead.clone()
        })
    }

    fn recipients(&self, event: &Event) -> Vec<(&Route, Message)> {
        match &event.what {
            What::Posted { post } => {
                let customers = self.routes.iter().filter(|route| route.audience == Audience::Customers);
                let there = customers.filter(|route| !post.except.contains(&route.sink));
                there.map(|route| (route, Message::Post(post.clone()))).collect()
            }
            What::Paged { page } => {
                let there = self.by_name.iter().filter(|(sink, _)| page.to.contains(sink));
                let there = there.filter_map(|(_, at)| self.routes.get(*at));
                there.map(|route| (route, Message::Page(page.clone()))).collect()
            }
            What::Acknowledged { by } => {
                let there = self.routes.iter().filter(|route| route.acknowledges);
                there.map(|route| (route, Message::Acknowledged { by: by.clone() })).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The idempotency key, such as `INC-3_e17_status-page`. An event's number is never given twice, and a sink gets
/// one message of an event, so no two deliveries share a key. `_` and `.` of a sink's name are written `__` and
/// `_-`, since a key may not hold a dot and different names must stay different.
fn key(event: &Event, sink: &SinkName) -> String {
    format!("{}_e{}_{}", event.incident, event.seq, plain(sink))
}

fn plain(sink: &SinkName) -> String {
    sink.as_str().replace('_', "__").replace('.', "_-")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::samples::{at, event, page, post, sink};
    use crate::incidents::Status;

    const HOUR: Duration = Duration::from_secs(3600);

    fn routes() -> Routes {
        let route = |name, audience| Route::new(sink(name), audience, HOUR);
        Routes::new(vec![
            route("status-page", Audience::Customers),
            Route { fallback: Some(sink("sms")), ..route("ops", Audience::Responders) },
            route("feed", Audience::Customers),
            Route { acknowledges: true, ..route("sms", Audience::Responders) },
        ])
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
    fn an_acknowledgement_goes_to_those_who_keep_a_state() {
        let acknowledged = event(19, 3, What::Acknowledged { by: "ana".into() });
        assert_eq!(told(&[acknowledged]), ["D-5 INC-3_e19_sms"]);
    }

    #[test]
    fn what_a_sink_did_not_take_goes_to_its_fallback_once() {
        let fall_back = |to: &[&str]| {
            let paged = event(18, 3, What::Paged { page: page(to) });
            let plan = routes().plan(at(60), &[paged], 5);
            let dead = plan.iter().find(|delivery| delivery.sink == sink("ops")).unwrap();
            routes().fall_back(at(300), dead, 9).map(|next| (next.id.0, next.key, next.expires_at))
        };
        let key = "INC-3_e18_ops_to_sms".to_owned();
        assert_eq!(fall_back(&["ops"]), Some((9, key, at(300) + HOUR)));
        assert_eq!(fall_back(&["ops", "sms"]), None, "it has it already");
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
