//! Bodies that are too large to be held in memory: in a nameless file on local disk, which goes with its last handle.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

/// The share of the memory budget that a body may have: more than one may be under way.
const SHARE: u64 = 4;
/// A body of less is always held in memory: a file would cost more.
const SPOOLED_FROM_MIN: u64 = 64 << 10;
/// Larger pieces would not be read faster.
const PIECE_BYTES_MAX: u64 = 8 << 20;

/// Bytes of the largest body that is held in memory, for a run with so much of it.
pub(super) fn spooled_from(memory_bytes: u64) -> u64 {
    (memory_bytes / SHARE).max(SPOOLED_FROM_MIN)
}

/// A body on local disk.
#[derive(Debug, Clone)]
pub struct Spool {
    file: Arc<File>,
    /// Its size in bytes.
    pub bytes: u64,
    /// Bytes that had better be read of it at a time.
    pub piece_bytes: u64,
}

impl Spool {
    /// A file that begins like this.
    pub(super) fn begin(first: &[u8], spooled_from: u64) -> io::Result<Self> {
        let piece_bytes = (spooled_from / SHARE).min(PIECE_BYTES_MAX);
        let mut spool = Self { file: Arc::new(tempfile::tempfile()?), bytes: 0, piece_bytes };
        spool.push(first)?;
        Ok(spool)
    }

    /// Adds what follows.
    pub(super) fn push(&mut self, chunk: &[u8]) -> io::Result<()> {
        (&*self.file).write_all(chunk)?;
        self.bytes += chunk.len() as u64;
        Ok(())
    }

    /// Reads it from its beginning. There is one reader at a time: they share their place.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn reader(&self) -> io::Result<impl Read + Send + use<>> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }
}
