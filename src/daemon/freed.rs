//! Memory that is free goes back to the system.
//!
//! In:   time that passes.
//! Out:  a process that is about as small after a rush of series, or after a large configuration was read, as before.
//! Not:  nothing is freed here. The allocator keeps what was freed for whoever asks next; it is told to let go of it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::model::Clock;

/// Often enough for whoever watches memory, and seldom enough to cost nothing: it takes a few milliseconds.
const EVERY: Duration = Duration::from_mins(1);

/// Gives free memory back now, which is after the configuration was read, and from then on now and then.
pub(super) async fn give_back<C: Clock>(clock: C, stop: CancellationToken) {
    loop {
        // It walks along all that is free, which may be much.
        let _ = tokio::task::spawn_blocking(trim).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(clock.now() + EVERY) => {}
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu", not(feature = "mimalloc")))]
#[expect(unsafe_code, reason = "the system's allocator is only to be asked so; see malloc_trim(3)")]
fn trim() {
    // SAFETY: it is given no pointer, touches nothing that is in use, and any thread may call it at any time.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators give back by themselves, or cannot be asked.
#[cfg(not(all(target_os = "linux", target_env = "gnu", not(feature = "mimalloc"))))]
fn trim() {}
