//! A task that ends although nobody asked it to must not leave a process that looks well and does nothing.
//!
//! In:   the tasks that the house cannot do without.
//! Out:  the first of them that panicked or ended by itself, in words.
//! Not:  nothing is started again here. The process ends and the service manager starts it: the journal holds one
//!       consistent story, what is left in memory may not.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What failed first. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Failures(Arc<watch::Sender<Option<String>>>);

impl Failures {
    /// Does `work`. A panic is a failure, and so is an end that `stop` did not ask for.
    pub async fn guard(self, what: String, stop: CancellationToken, work: impl Future<Output = ()>) {
        // Nobody looks at what a panic left behind but the house's readers, who have their own lock.
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(()) if stop.is_cancelled() => {}
            Ok(()) => self.report(format!("{what} ended by itself")),
            Err(panic) => self.report(format!("{what} panicked: {}", words(panic.as_ref()))),
        }
    }

    /// Something failed without which the house cannot go on.
    pub fn report(&self, why: String) {
        tracing::error!(why, "the daemon cannot go on");
        self.0.send_if_modified(|first| first.is_none() && first.replace(why).is_none());
    }

    /// Waits for the first failure.
    pub async fn first(&self) -> String {
        let mut failures = self.0.subscribe();
        // `self` holds the sender, so that somebody is always there to wait for.
        failures.wait_for(Option::is_some).await.ok().and_then(|first| first.clone()).unwrap_or_default()
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(said), _) => said,
        (_, Some(said)) => said,
        _ => "without a word",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn guarded(stop: &CancellationToken, work: impl Future<Output = ()>) -> Option<String> {
        let failures = Failures::default();
        failures.clone().guard("the pipeline".to_owned(), stop.clone(), work).await;
        failures.first().now_or_never()
    }

    #[tokio::test]
    async fn a_panic_and_an_end_that_nobody_asked_for_are_failures() {
        let stop = CancellationToken::new();
        let panics = guarded(&stop, async { panic!("no more {}", "ink") }).await;
        assert_eq!(panics.as_deref(), Some("the pipeline panicked: no more ink"));
        let ends = guarded(&stop, async {}).await;
        assert_eq!(ends.as_deref(), Some("the pipeline ended by itself"));
    }

    #[tokio::test]
    async fn an_end_that_was_asked_for_is_none() {
        let stop = CancellationToken::new();
        stop.cancel();
        assert_eq!(guarded(&stop, async {}).await, None);
        let panics = guarded(&stop, async { panic!("late") }).await;
        assert_eq!(panics.as_deref(), Some("the pipeline panicked: late"));
    }

    #[tokio::test]
    async fn the_first_failure_is_told() {
        let failures = Failures::default();
        failures.report("one".to_owned());
        failures.report("two".to_owned());
        assert_eq!(failures.first().await, "one");
    }
}
