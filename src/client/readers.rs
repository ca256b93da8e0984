//! Bodies are read where that holds up nobody else.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use super::spool::Spool;

/// A body as it came.
#[derive(Debug, Clone)]
pub struct RawBody {
    /// Its bytes; of one on disk only the first.
    pub bytes: Bytes,
    /// The whole of it, where it is too large for memory.
    pub spool: Option<Spool>,
    /// What it is said to be, in small letters.
    pub content_type: Option<String>,
    /// The last segment of the URL's path.
    pub name: String,
}

/// Why a body could not be read.
#[derive(Debug)]
pub enum Unread {
    /// It is not what it should be, and may be the next time.
    Broken(Box<dyn Error + Send + Sync>),
    /// Unpacked it has more bytes than a body may have.
    TooLarge,
}

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
    /// Reads a body.
    pub(super) async fn read<T, F>(&self, body: RawBody, decode: F) -> Result<T, Unread>
    where
        T: Send + 'static,
        F: Fn(RawBody) -> Result<T, Unread> + Send + 'static,
    {
        if body.bytes.len() <= BYTES_READ_INLINE && body.spool.is_none() {
            return decode(body);
        }
        self.apart(move || decode(body)).await.unwrap_or_else(|stopped| Err(Unread::Broken(Box::new(stopped))))
    }

    /// Does work on the pool for blocking work.
    pub(super) async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.0).acquire_owned().await.ok();
        let work = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await
    }
}
