//! The keys of a load that need not be looked up, only told apart: in sorted runs, in memory up to a bound and then on local disk.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::iter::Peekable;

use super::error::LoadErrorKind;

/// A key's digest and the number of its row.
type Keyed = (u128, u64);

/// Bytes of one in a file.
const KEYED_BYTES: usize = 24;
/// Bytes that are read of each run at once: with a run for each few megabytes this stays small.
const READ_BYTES: usize = 64 << 10;

/// Keys with the rows that have them. The files have no name and go with the process.
#[derive(Debug)]
pub(super) struct KeyRuns {
    open: Vec<Keyed>,
    open_max: usize,
    spilled: Vec<File>,
}

impl KeyRuns {
    /// With at most so many bytes in memory.
    pub(super) fn new(memory_bytes: usize) -> Self {
        let open_max = (memory_bytes / size_of::<Keyed>()).max(1);
        Self { open: Vec::new(), open_max, spilled: Vec::new() }
    }

    pub(super) fn push(&mut self, digest: u128, row: u64) -> Result<(), LoadErrorKind> {
        if self.open.len() >= self.open_max {
            self.spill().map_err(LoadErrorKind::disk("write a spill file"))?;
        }
        self.open.push((digest, row));
        Ok(())
    }

    fn spill(&mut self) -> std::io::Result<()> {
        self.open.sort_unstable();
        let mut writer = BufWriter::with_capacity(READ_BYTES, tempfile::tempfile()?);
        for (digest, row) in self.open.drain(..) {
            writer.write_all(&digest.to_le_bytes())?;
            writer.write_all(&row.to_le_bytes())?;
        }
        self.spilled.push(writer.into_inner().map_err(std::io::IntoInnerError::into_error)?);
        Ok(())
    }

    /// The rows of whose key a later row has come, in rising order.
    pub(super) fn replaced(&mut self) -> Result<Vec<u64>, LoadErrorKind> {
        self.merge().map_err(LoadErrorKind::disk("read a spill file"))
    }

    fn merge(&mut self) -> std::io::Result<Vec<u64>> {
        self.open.sort_unstable();
        let mut runs: Vec<Run<'_>> = vec![Run::Memory(self.open.iter().peekable())];
        for file in &mut self.spilled {
            file.seek(SeekFrom::Start(0))?;
            let mut run = StoredRun { reader: BufReader::with_capacity(READ_BYTES, file), next: None };
            run.advance()?;
            runs.push(Run::Stored(run));
        }
        let mut replaced = Vec::new();
        let mut last: Option<Keyed> = None;
        // There are few runs, so that the least is found by looking at all.
        while let Some(run) = runs.iter_mut().filter_map(|run| Some((run.peek()?, run))).min_by_key(|(next, _)| *next) {
            let ((digest, row), run) = run;
            if let Some((before, earlier)) = last
                && before == digest
            {
                replaced.push(earlier);
            }
            last = Some((digest, row));
            run.advance()?;
        }
        replaced.sort_unstable();
        Ok(replaced)
    }
}

/// One sorted run while it is merged.
enum Run<'r> {
    Memory(Peekable<std::slice::Iter<'r, Keyed>>),
    Stored(StoredRun<'r>),
}

struct StoredRun<'r> {
    reader: BufReader<&'r mut File>,
    next: Option<Keyed>,
}

impl Run<'_> {
    fn peek(&mut self) -> Option<Keyed> {
        match self {
            Self::Memory(run) => run.peek().copied().copied(),
            Self::Stored(run) => run.next,
        }
    }

    fn advance(&mut self) -> std::io::Result<()> {
        match self {
            Self::Memory(run) => {
                run.next();
                Ok(())
            }
            Self::Stored(run) => run.advance(),
        }
    }
}

impl StoredRun<'_> {
    fn advance(&mut self) -> std::io::Result<()> {
        let mut bytes = [0_u8; KEYED_BYTES];
        self.next = match self.reader.read_exact(&mut bytes) {
            Ok(()) => keyed(&bytes),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        };
        Ok(())
    }
}

fn keyed(bytes: &[u8; KEYED_BYTES]) -> Option<Keyed> {
    let (digest, row) = bytes.split_first_chunk()?;
    Some((u128::from_le_bytes(*digest), u64::from_le_bytes(row.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_last_row_of_a_key_are_replaced_wherever_they_wait() {
        for memory in [1, 100, 1 << 20] {
            let mut runs = KeyRuns::new(memory);
            for (row, key) in [5_u128, 3, 5, u128::MAX, 3, 9, 5, u128::MAX].into_iter().enumerate() {
                runs.push(key, row as u64).expect("a temporary file");
            }
            assert_eq!(runs.replaced().expect("it can be read"), [0, 1, 2, 3], "{memory} bytes");
        }
        assert!(KeyRuns::new(1).replaced().expect("nothing").is_empty());
    }
}
