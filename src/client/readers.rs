//! Bodies are read where that holds up nobody else.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

/// Bodies up to this size are read at once (about 50 microseconds); larger ones on the pool for blocking work, side by side.
const BYTES_READ_INLINE: usize = 32 << 10;

/// As many bodies are read at a time as there are cores: more threads would not be faster, and each keeps memory of its own.
pub(super) struct Readers(Arc<Semaphore>);

impl Default for Readers {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self(Arc::new(Semaphore::new(cores.min(Semaphore::MAX_PERMITS))))
    }
}

impl Readers {
    /// Reads a body. The error has no cause if the reader itself failed.
    pub(super) async fn read<T, D, F>(&self, body: Bytes, decode: F) -> Result<T, Option<Box<dyn Error + Send + Sync>>>
    where
        T: Send + 'static,
        D: Error + Send + Sync + 'static,
        F: Fn(Bytes) -> Result<T, D> + Send + 'static,
    {
        let result = if body.len() <= BYTES_READ_INLINE {
            decode(body)
        } else {
            // The semaphore is never closed.
            let permit = Arc::clone(&self.0).acquire_owned().await.ok();
            let read = move || {
                let _permit = permit;
                decode(body)
            };
            match tokio::task::spawn_blocking(read).await {
                Ok(result) => result,
                Err(stopped) => return Err(Some(Box::new(stopped))),
            }
        };
        result.map_err(|error| Some(error.into()))
    }
}
