//! What all requests of a run share: permits for those in flight, and the pause of a host that asked for one.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::transport::Transport;

/// Permits and pauses. A permit is held for one attempt and never while waiting.
#[derive(Debug)]
pub(super) struct Throttle {
    permits: Semaphore,
    /// By origin: before this instant nothing is sent there. As many entries as the config has hosts.
    not_before: Mutex<BTreeMap<String, Instant>>,
}

impl Throttle {
    pub(super) fn new(requests_in_flight: NonZeroUsize) -> Self {
        let permits = Semaphore::new(requests_in_flight.get().min(Semaphore::MAX_PERMITS));
        Self { permits, not_before: Mutex::default() }
    }

    /// Holds back every request to `origin` for `wait`. A longer pause that is under way stays.
    pub(super) fn pause(&self, origin: &str, now: Instant, wait: Duration) {
        let Some(until) = now.checked_add(wait) else { return };
        let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = not_before.entry(origin.to_owned()).or_insert(until);
        *entry = until.max(*entry);
    }

    /// Waits until `origin` takes requests and a permit is free. `None` never happens: the semaphore is never closed.
    pub(super) async fn enter(&self, origin: &str, transport: &dyn Transport) -> Option<SemaphorePermit<'_>> {
        loop {
            while let Some(until) = self.paused_until(origin, transport.now()) {
                transport.wait_until(until).await;
            }
            let permit = self.permits.acquire().await.ok();
            // The answer to a request that was in flight may have begun a pause meanwhile.
            if self.paused_until(origin, transport.now()).is_none() {
                return permit;
            }
        }
    }

    fn paused_until(&self, origin: &str, now: Instant) -> Option<Instant> {
        let not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        not_before.get(origin).copied().filter(|until| *until > now)
    }
}
