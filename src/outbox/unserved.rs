//! Deliveries to a sink that left the configuration: no pump looks at them, so somebody else must end them.
//!
//! In:   the sinks that have a pump; what waits in the journal for others.
//! Out:  deliveries that expired are dead, and the pipeline is told.
//! Not:  nothing is ended before it expires: until then the sink may come back, and its pump sends it.

use std::collections::BTreeSet;

use tokio::sync::Notify;

use crate::delivery::{Fate, Record};
use crate::journal::{DeliveryStatus, Journal, JournalError};
use crate::model::{SinkName, Timestamp};

use super::END_OF_TIME;

/// How many incidents of a sink are looked at in one go: more than ever wait, and a bound all the same.
const AT_A_TIME: usize = 10_000;

/// Ends what has expired of sinks that are not in `served`, and tells `reports`. Returns when the next expires.
///
/// # Errors
/// Where the journal does not work. What was ended by then is ended.
pub async fn expire_unserved<J: Journal>(
    journal: &J,
    now: Timestamp,
    served: &BTreeSet<SinkName>,
    reports: &Notify,
) -> Result<Option<Timestamp>, JournalError> {
    let mut next = None;
    let waiting = journal.waiting().await?;
    for sink in waiting.keys().filter(|sink| !served.contains(sink)) {
        let later = expire_all(journal, now, sink, reports).await?;
        next = next.into_iter().chain(later).min();
    }
    Ok(next)
}

/// An incident's oldest delivery expires first, so that the oldest of each are all that must be looked at.
async fn expire_all<J: Journal>(
    journal: &J,
    now: Timestamp,
    sink: &SinkName,
    reports: &Notify,
) -> Result<Option<Timestamp>, JournalError> {
    loop {
        let heads = journal.due(sink, END_OF_TIME, AT_A_TIME).await?;
        let (expired, left): (Vec<_>, Vec<_>) =
            heads.into_iter().partition(|status| status.delivery.expires_at <= now);
        if expired.is_empty() {
            return Ok(left.iter().map(|status| status.delivery.expires_at).min());
        }
        for status in expired {
            expire(journal, now, &status).await?;
            reports.notify_one();
        }
    }
}

async fn expire<J: Journal>(
    journal: &J,
    now: Timestamp,
    status: &DeliveryStatus,
) -> Result<(), JournalError> {
    let delivery = &status.delivery;
    let why = "its sink is no longer configured".to_owned();
    tracing::error!(sink = %delivery.sink, delivery = delivery.key, why, "a message expired");
    journal.record(Record::of_fate(delivery.id, now, why.clone(), Fate::Dead { at: now, why })).await
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tempfile::TempDir;

    use super::*;
    use crate::delivery::SinkNews;
    use crate::delivery::samples::{at, posted, sink};
    use crate::journal::Sqlite;
    use crate::journal::contract::batch;

    #[tokio::test]
    async fn what_expired_of_a_sink_that_is_gone_is_dead_and_told() {
        let folder = TempDir::new().unwrap();
        let journal = Sqlite::open(&folder.path().join("journal.db"), at(0)).unwrap();
        let mut parts =
            [posted(1, 1, "gone"), posted(2, 1, "gone"), posted(3, 2, "gone"), posted(4, 1, "kept")];
        for ((_, delivery), expires) in parts.iter_mut().zip([10, 20, 30, 10]) {
            delivery.expires_at = at(expires);
        }
        journal.commit(at(0), batch(parts)).await.unwrap();
        let (served, reports) = (BTreeSet::from([sink("kept")]), Notify::new());
        let sweep = async |now| expire_unserved(&journal, at(now), &served, &reports).await.unwrap();

        assert_eq!(sweep(9).await, Some(at(10)));
        assert!(reports.notified().now_or_never().is_none());
        assert_eq!(journal.unread_reports().await.unwrap(), []);

        assert_eq!(sweep(20).await, Some(at(30)));
        assert!(reports.notified().now_or_never().is_some());
        let dead = journal.unread_reports().await.unwrap();
        assert_eq!(dead.iter().map(|report| report.delivery.0).collect::<Vec<_>>(), [1, 2]);
        assert!(
            dead.iter().all(|report| report.news
                == SinkNews::Dead { because: "its sink is no longer configured".to_owned() })
        );

        assert_eq!(sweep(30).await, None);
        assert_eq!(journal.waiting().await.unwrap().into_keys().collect::<Vec<_>>(), [sink("kept")]);
    }
}
