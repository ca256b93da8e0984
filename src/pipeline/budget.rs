//! The bound on bytes that are between the network and the data files: pages that wait, and batches that wait for the writer.

use std::num::NonZeroU64;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The share of the memory budget for pages, and as much for batches; the rest is for rows whose types are open and for the row
/// group being encoded.
const SHARE: u64 = 4;
/// Bytes of a permit: with less than 64 GiB of them they can be counted.
const UNIT: u64 = 1 << 10;

/// Bytes that may wait at one place. What is larger than all of them takes all, and waits alone.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    permits: Arc<Semaphore>,
    units: u32,
}

/// A part of a budget, given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// One place's share of the run's memory.
    pub(super) fn of(memory: NonZeroU64) -> Self {
        let units = u32::try_from(memory.get() / SHARE / UNIT).unwrap_or(u32::MAX).clamp(1, u32::MAX >> 3);
        Self { permits: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Waits until so many bytes are free, and takes them. Cancelling loses nothing.
    pub(super) async fn take(&self, bytes: u64) -> Share {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units);
        // The semaphore is never closed.
        Share { _permit: Arc::clone(&self.permits).acquire_many_owned(units).await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_too_large_waits_alone() {
        let budget = Budget::of(NonZeroU64::new(64 << 10).expect("not 0"));
        let small = budget.take(1).await;
        let mut large = Box::pin(budget.take(u64::MAX));
        assert!(futures::poll!(&mut large).is_pending());
        drop(small);
        let large = large.await;
        assert!(futures::poll!(Box::pin(budget.take(1))).is_pending());
        drop(large);
        let shares = (budget.take(8 << 10).await, budget.take(8 << 10).await);
        assert!(futures::poll!(Box::pin(budget.take(1))).is_pending());
        drop(shares);
    }
}
