//! Runs futures by hand, one after the other, until none of them can go on.
//!
//! In:   futures; wakes.
//! Out:  control, once all of them wait for something that only time or the script can bring.
//! Not:  no threads, no timers, no lots: the same futures are polled in the same order in every run.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

/// So often may futures be polled without time going on; more is a circle that never ends.
const POLLS_AT_ONE_MOMENT: u32 = 1_000_000;

/// What runs.
#[derive(Default)]
pub struct Executor {
    tasks: Vec<Task>,
}

struct Task {
    name: String,
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    woken: Arc<Woken>,
    waker: Waker,
}

/// Whether a future was woken since it was last polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// A future wakes itself again and again while time stands still.
#[derive(Debug, thiserror::Error)]
#[error("{0} goes in circles: it never waits for time to go on")]
pub struct Circle(String);

impl Executor {
    /// Nothing runs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a future in, behind those that are there.
    pub fn spawn(&mut self, name: impl Into<String>, future: impl Future<Output = ()> + Send + 'static) {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        // A caller within a runtime has a budget there that is none of ours.
        let future = Box::pin(tokio::task::unconstrained(future));
        self.tasks.push(Task { name: name.into(), future, woken, waker });
    }

    /// Polls whoever was woken, in their order, until nobody is. Futures that end are dropped.
    ///
    /// # Errors
    /// Where that never comes to an end.
    pub fn run_until_stalled(&mut self) -> Result<(), Circle> {
        let mut polls = 0;
        loop {
            let mut somebody = false;
            let mut ended = Vec::new();
            for (place, task) in self.tasks.iter_mut().enumerate() {
                if !task.woken.0.swap(false, SeqCst) {
                    continue;
                }
                somebody = true;
                polls += 1;
                if POLLS_AT_ONE_MOMENT < polls {
                    return Err(Circle(task.name.clone()));
                }
                if let Poll::Ready(()) = task.future.as_mut().poll(&mut Context::from_waker(&task.waker)) {
                    ended.push(place);
                }
            }
            for place in ended.into_iter().rev() {
                self.tasks.remove(place);
            }
            if !somebody {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn futures_go_on_in_their_order_until_all_of_them_wait() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (first, mut inbox) = mpsc::unbounded_channel();
        let (second, mut other) = mpsc::unbounded_channel();
        let mut executor = Executor::new();
        let log = heard.clone();
        executor.spawn("one", async move {
            while let Some(number) = inbox.recv().await {
                log.lock().unwrap().push(("one", number));
                second.send(number + 1).unwrap();
            }
        });
        let log = heard.clone();
        executor.spawn("two", async move {
            while let Some(number) = other.recv().await {
                log.lock().unwrap().push(("two", number));
            }
        });
        first.send(1).unwrap();
        executor.run_until_stalled().unwrap();
        assert_eq!(*heard.lock().unwrap(), [("one", 1), ("two", 2)]);
        drop(first);
        executor.run_until_stalled().unwrap();
        assert!(executor.tasks.is_empty());
    }

    #[test]
    fn a_circle_is_named() {
        let mut executor = Executor::new();
        executor.spawn(
            "the wheel",
            std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                Poll::Pending
            }),
        );
        let error = executor.run_until_stalled().unwrap_err();
        assert_eq!(error.to_string(), "the wheel goes in circles: it never waits for time to go on");
    }
}
