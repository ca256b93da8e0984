//! The rows of a load until they are committed: numbered as they come, with the last row of every key known.
//!
//! Rows for a table without rows go straight into data files. While keys rise nothing has to be remembered of them; the first
//! one that does not makes the keys of the files written so far be read back. Rows for a table with rows wait in a spill.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::row::Rows;
use futures::TryStreamExt;
use hashbrown::HashMap;

use super::datafile::{DataFile, DataWriter};
use super::error::LoadErrorKind;
use super::key::{RowReader, digest, position};
use super::key_runs::KeyRuns;
use super::read;
use super::spill::Spill;
use super::store::Place;
use crate::plan::Limits;

/// Where the rows wait.
pub(super) enum Shelf {
    /// In data files that a commit will name.
    Files(Box<DataWriter>),
    /// Beside the table, because they have to be compared with it.
    Spill(Spill),
}

/// The rows of a load.
pub(super) struct Source {
    pub(super) shelf: Shelf,
    pub(super) rows: u64,
    pub(super) keys: Option<Keys>,
}

/// What is known of the keys of a load. Rows are numbered from 0 in the order in which they came.
pub(super) struct Keys {
    pub(super) names: Vec<String>,
    schema: Option<SchemaRef>,
    reader: Option<RowReader>,
    /// The greatest key, while every key was greater than the one before.
    last: Option<Vec<u8>>,
    seen: Seen,
    /// Rows that a later one of the same key has replaced.
    dead: Vec<u64>,
}

/// What is remembered of the keys.
enum Seen {
    /// Nothing: every key was greater than the one before, and the rows are in files.
    Rising { memory_bytes: usize },
    /// All of them, to be told apart at the end: the rows are in files.
    Runs(KeyRuns),
    /// The last row of every key, to be looked up: the rows are in a spill.
    Rows(HashMap<u128, u64>),
}

/// The share of the memory budget for keys in files.
const KEYS_SHARE: u64 = 4;

impl Source {
    pub(super) fn new(shelf: Shelf, key: &[String], limits: &Limits) -> Self {
        let seen = match shelf {
            Shelf::Spill(_) => Seen::Rows(HashMap::new()),
            Shelf::Files(_) => {
                let share = limits.memory_bytes.get() / KEYS_SHARE;
                Seen::Rising { memory_bytes: usize::try_from(share).unwrap_or(usize::MAX) }
            }
        };
        let keys = (!key.is_empty()).then(|| Keys {
            names: key.to_vec(),
            schema: None,
            reader: None,
            last: None,
            seen,
            dead: Vec::new(),
        });
        Self { shelf, rows: 0, keys }
    }

    /// Takes the files of an earlier run as the first rows.
    pub(super) async fn adopt(&mut self, place: &Place, files: Vec<DataFile>) -> Result<(), LoadErrorKind> {
        let Shelf::Files(writer) = &mut self.shelf else { return Ok(()) };
        if files.is_empty() {
            return Ok(());
        }
        self.rows = files.iter().map(|file| file.rows).sum();
        writer.adopt(files);
        if let Some(keys) = &mut self.keys
            && let Seen::Rising { memory_bytes } = keys.seen
        {
            keys.seen = Seen::Runs(KeyRuns::new(memory_bytes));
            keys.read_back(place, writer).await?;
        }
        Ok(())
    }

    /// Takes the next rows.
    pub(super) async fn push(&mut self, place: &Place, rows: RecordBatch) -> Result<(), LoadErrorKind> {
        if let Some(keys) = &mut self.keys {
            let encoded = keys.encode(&rows)?;
            if let Shelf::Files(writer) = &mut self.shelf
                && let Seen::Rising { memory_bytes } = keys.seen
                && !keys.rises(&encoded)
            {
                writer.roll().await?;
                keys.seen = Seen::Runs(KeyRuns::new(memory_bytes));
                keys.read_back(place, writer).await?;
            }
            keys.note(&encoded, self.rows)?;
        }
        self.rows += rows.num_rows() as u64;
        match &mut self.shelf {
            Shelf::Files(writer) => writer.write(&rows).await,
            Shelf::Spill(spill) => spill.push(rows),
        }
    }
}

impl Keys {
    fn encode(&mut self, rows: &RecordBatch) -> Result<Rows, LoadErrorKind> {
        if self.schema.as_ref() != Some(rows.schema_ref()) {
            self.reader = Some(RowReader::keys(rows.schema_ref(), &self.names)?);
            self.schema = Some(rows.schema());
        }
        let reader = self.reader.as_ref().ok_or(LoadErrorKind::Internal("a key without a reader"))?;
        Ok(reader.encode(rows)?)
    }

    /// Whether these keys go on rising.
    fn rises(&self, keys: &Rows) -> bool {
        let mut last = self.last.as_deref();
        keys.iter().all(|key| {
            let higher = last.is_none_or(|last| last < key.data());
            last = Some(key.data());
            higher
        })
    }

    /// Remembers the keys of the next rows.
    fn note(&mut self, keys: &Rows, first: u64) -> Result<(), LoadErrorKind> {
        match &mut self.seen {
            Seen::Rising { .. } => {
                if let Some(index) = keys.num_rows().checked_sub(1) {
                    self.last = Some(keys.row(index).data().to_vec());
                }
            }
            Seen::Runs(runs) => {
                for (row, key) in (first..).zip(keys.iter()) {
                    runs.push(digest(key.data()), row)?;
                }
            }
            Seen::Rows(seen) => {
                for (row, key) in (first..).zip(keys.iter()) {
                    self.dead.extend(seen.insert(digest(key.data()), row));
                }
            }
        }
        Ok(())
    }

    /// Remembers the keys of the files that were written while keys rose.
    async fn read_back(&mut self, place: &Place, writer: &DataWriter) -> Result<(), LoadErrorKind> {
        let mut first = 0;
        for file in writer.written() {
            let schema = key_schema(&file.schema, &self.names)?;
            let reader = RowReader::keys(&schema, &self.names)?;
            let mut batches = read::rows(place, &file.path, file.bytes, &schema).await?;
            while let Some(batch) = batches.try_next().await? {
                self.note(&reader.encode(&batch)?, first)?;
                first += batch.num_rows() as u64;
            }
        }
        Ok(())
    }

    /// The row that counts for a key.
    pub(super) fn row_of(&self, key: &[u8]) -> Option<u64> {
        match &self.seen {
            Seen::Rows(seen) => seen.get(&digest(key)).copied(),
            Seen::Rising { .. } | Seen::Runs(_) => None,
        }
    }

    /// The rows that a later one has replaced, in rising order. No row may follow.
    pub(super) fn replaced(&mut self) -> Result<&[u64], LoadErrorKind> {
        if let Seen::Runs(runs) = &mut self.seen
            && self.dead.is_empty()
        {
            self.dead = runs.replaced()?;
        }
        self.dead.sort_unstable();
        Ok(&self.dead)
    }
}

/// The key columns of a schema.
pub(super) fn key_schema(schema: &SchemaRef, names: &[String]) -> Result<SchemaRef, LoadErrorKind> {
    let indices = names
        .iter()
        .map(|name| position(schema, name).ok_or(LoadErrorKind::Internal("a table without its key column")))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(std::sync::Arc::new(schema.project(&indices)?))
}
