//! Which messages are overtaken by later ones.
//!
//! In:   a delivery that could not be sent in time; those of its incident that wait behind it.
//! Out:  the one that says what is so now, if there is one.
//! Not:  what is sent in time is never overtaken: people read every word.

use std::time::Duration;

use crate::incidents::PageReason;
use crate::model::{DeliveryId, Timestamp};

use super::{Delivery, Message, Status};

/// A message that waited so long was held up. One that is only tried again a moment later is not.
const HELD_UP_AFTER: Duration = Duration::from_secs(60);

/// Whether `delivery` was held up, so that a later word may stand for it.
pub fn is_held_up(delivery: &Delivery, now: Timestamp) -> bool {
    delivery.created_at + HELD_UP_AFTER <= now
}

/// The last of `later` (of the same sink and incident, in order) that says all that is worth knowing of `delivery`.
pub fn superseded_by(delivery: &Delivery, later: &[Delivery]) -> Option<DeliveryId> {
    let stands_for = |other: &&Delivery| says_more(&other.message, &delivery.message);
    later.iter().rev().find(stands_for).map(|other| other.id)
}

fn says_more(later: &Message, earlier: &Message) -> bool {
    match (earlier, later) {
        // Each post says the whole present.
        (Message::Post(_), Message::Post(_)) => true,
        (Message::Page(earlier), Message::Page(later)) => {
            // Whoever should still come must be called; at the end nobody needs to.
            let calls_as_much = later.reason.calls() || !earlier.reason.calls();
            tells_the_state(earlier.reason)
                && tells_the_state(later.reason)
                && (calls_as_much || later.status == Status::Resolved)
        }
        (Message::Acknowledged { .. }, Message::Page(later)) => later.status == Status::Resolved,
        _ => false,
    }
}

/// Whether a page is about how the incident stands, and not about something that happened beside it.
fn tells_the_state(reason: PageReason) -> bool {
    match reason {
        PageReason::Opened
        | PageReason::NotAcknowledged
        | PageReason::SeverityRaised
        | PageReason::Reopened
        | PageReason::AcknowledgementExpired
        | PageReason::Monitoring
        | PageReason::Merged
        | PageReason::Resolved => true,
        PageReason::MeasurementLost
        | PageReason::DeliveryFailed
        | PageReason::DraftWaits
        | PageReason::StoodDown
        | PageReason::JournalFailing
        | PageReason::DaemonFailing => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::samples::{delivery, page};

    fn paged(id: u64, reason: PageReason) -> Delivery {
        let status = match reason {
            PageReason::Resolved => Status::Resolved,
            _ => Status::Investigating,
        };
        let page = crate::incidents::Page { reason, status, ..page(&["ops"]) };
        Delivery { message: Message::Page(page), ..delivery(id, 1, "ops") }
    }

    #[test]
    fn the_last_post_stands_for_all_before_it() {
        let posts: Vec<_> = (1..=3).map(|id| delivery(id, 1, "page")).collect();
        assert_eq!(superseded_by(&posts[0], &posts[1..]), Some(DeliveryId(3)));
        assert_eq!(superseded_by(&posts[2], &[]), None);
    }

    #[test]
    fn a_page_is_overtaken_only_by_one_that_calls_as_much_or_by_the_end() {
        use PageReason::{DeliveryFailed, Monitoring, NotAcknowledged, Opened, Resolved};
        let check = |earlier, later, overtaken| {
            let by = superseded_by(&paged(1, earlier), &[paged(2, later)]);
            assert_eq!(by.is_some(), overtaken, "{earlier:?} by {later:?}");
        };
        check(Opened, NotAcknowledged, true);
        check(Opened, Monitoring, false);
        check(Monitoring, Opened, true);
        check(Opened, Resolved, true);
        check(DeliveryFailed, NotAcknowledged, false);
        check(Opened, DeliveryFailed, false);
        check(DeliveryFailed, Resolved, false);
    }

    #[test]
    fn only_what_was_held_up_is_overtaken() {
        let fresh = delivery(1, 1, "page");
        assert!(!is_held_up(&fresh, fresh.created_at + Duration::from_secs(59)));
        assert!(is_held_up(&fresh, fresh.created_at + Duration::from_secs(60)));
    }
}
