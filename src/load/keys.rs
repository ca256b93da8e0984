//! What is known of the keys of a load while its rows come: which row counts for a key, and whether they rise.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::row::Rows;
use futures::TryStreamExt;
use hashbrown::{HashMap, HashSet};
use roaring::RoaringTreemap;

use super::above::Above;
use super::datafile::DataWriter;
use super::dedup::Order;
use super::error::LoadErrorKind;
use super::key::{RowReader, digest, key_schema};
use super::key_buckets::Many;
use super::key_runs::KeyRuns;
use super::read;
use super::store::Place;
use crate::flow::KeyColumn;

/// What is known of the keys of a load. Rows are numbered from 0 in the order in which they came.
pub(super) struct Keys {
    pub(super) names: Vec<KeyColumn>,
    /// Whether of several rows with one key only one counts.
    pub(super) tells_apart: bool,
    pub(super) schema: Option<SchemaRef>,
    pub(super) reader: Option<RowReader>,
    /// The greatest key, while every key was greater than the one before.
    pub(super) last: Option<Vec<u8>>,
    /// Every key was greater than the one before.
    pub(super) rises: bool,
    pub(super) seen: Seen,
    /// Rows that another one of the same key has replaced.
    pub(super) dead: RoaringTreemap,
    /// Bytes of keys that may be held.
    pub(super) memory_bytes: u64,
    pub(super) order: Option<Order>,
    /// Columns by which rows of the table are found as well.
    pub(super) also: Option<OtherKeys>,
    /// Rows in files lie above those of the table; `None`: they never have to be compared with it, or it cannot be told.
    pub(super) above: Option<Above>,
}

/// What is remembered of the keys.
pub(super) enum Seen {
    /// Nothing: every key was greater than the one before, and the rows are in files.
    Rising { memory_bytes: usize },
    /// All of them, to be told apart at the end: the rows are in files.
    Runs(KeyRuns),
    /// The row of every key that counts, to be looked up: the rows are in a spill.
    Rows(HashMap<u128, u64>),
    /// Nothing, because there are too many: the rows are in a spill.
    Many(Many),
}

/// Bytes of a key that is held to be looked up, as a hash table has it on average.
pub(super) const KEY_BYTES: u64 = 64;
/// Bytes of the value by which the row of a key is chosen, with what holds it.
pub(super) const ORDER_BYTES: u64 = 128;

/// The values of some columns, of all rows of a load.
pub(super) struct OtherKeys {
    pub(super) names: Vec<KeyColumn>,
    pub(super) seen: HashSet<u128>,
}

impl OtherKeys {
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.seen.contains(&digest(key))
    }
}

impl Keys {
    /// Settles what the names mean, if they are not.
    pub(super) fn settle(&mut self, columns: &SchemaRef) {
        let others = self.also.iter_mut().flat_map(|also| &mut also.names);
        self.names.iter_mut().chain(others).for_each(|column| column.settle_by(columns));
    }

    /// Takes over what names mean.
    pub(super) fn mean_the_same_as(&mut self, other: &Self) {
        self.names.clone_from(&other.names);
        if let (Some(also), Some(other)) = (&mut self.also, &other.also) {
            also.names.clone_from(&other.names);
        }
    }

    pub(super) fn encode(&mut self, rows: &RecordBatch) -> Result<Rows, LoadErrorKind> {
        if self.schema.as_ref() != Some(rows.schema_ref()) {
            self.reader = Some(RowReader::keys(rows.schema_ref(), &self.names)?);
            self.schema = Some(rows.schema());
        }
        let reader = self.reader.as_ref().ok_or(LoadErrorKind::Internal("a key without a reader"))?;
        Ok(reader.encode(rows)?)
    }

    /// Whether these keys go on rising, and lie above those of the table.
    pub(super) fn rises(&mut self, keys: &Rows, rows: &RecordBatch) -> bool {
        if let (Some(above), Some(first)) = (&mut self.above, self.names.first())
            && !above.takes(rows, first)
        {
            return false;
        }
        self.rises = self.go_on(keys);
        self.rises
    }

    /// Whether these keys go on rising.
    fn go_on(&self, keys: &Rows) -> bool {
        let mut last = self.last.as_deref();
        keys.iter().all(|key| {
            let higher = last.is_none_or(|last| last < key.data());
            last = Some(key.data());
            higher
        })
    }

    /// The last of the keys so far.
    fn note_last(&mut self, keys: &Rows) {
        if let Some(index) = keys.num_rows().checked_sub(1) {
            self.last = Some(keys.row(index).data().to_vec());
        }
    }

    /// Remembers the keys of the next rows.
    pub(super) fn note(&mut self, keys: &Rows, rows: &RecordBatch, first: u64) -> Result<(), LoadErrorKind> {
        if matches!(self.seen, Seen::Rows(_)) && self.rises {
            self.rises = self.go_on(keys);
            self.note_last(keys);
        }
        if let Seen::Many(many) = &mut self.seen {
            many.rows = first + keys.num_rows() as u64;
            return Ok(());
        }
        if let Some(also) = &mut self.also {
            let reader = RowReader::keys(rows.schema_ref(), &also.names)?;
            also.seen.extend(reader.encode(rows)?.iter().map(|key| digest(key.data())));
        }
        if let Some(order) = &mut self.order {
            order.begin(rows)?;
        }
        match &mut self.seen {
            Seen::Many(_) => {}
            Seen::Rising { .. } => self.note_last(keys),
            Seen::Runs(runs) => {
                for (row, key) in (first..).zip(keys.iter()) {
                    runs.push(digest(key.data()), row)?;
                }
            }
            Seen::Rows(seen) => {
                for (index, (row, key)) in (first..).zip(keys.iter()).enumerate() {
                    let winner = seen.entry(digest(key.data())).or_insert(row);
                    let counts = self.order.as_mut().is_none_or(|order| order.wins(index, row, *winner));
                    let loser = if counts { std::mem::replace(winner, row) } else { row };
                    if self.tells_apart && loser != *winner {
                        self.dead.insert(loser);
                    }
                }
            }
        }
        self.bound(first + keys.num_rows() as u64);
        Ok(())
    }

    /// Remembers the keys of the files that were written while keys rose.
    pub(super) async fn read_back(&mut self, place: &Place, writer: &DataWriter) -> Result<(), LoadErrorKind> {
        let mut first = 0;
        for file in writer.written() {
            let schema = key_schema(&file.schema, &self.names)?;
            let reader = RowReader::keys(&schema, &self.names)?;
            let mut batches = read::rows(place, file.at(), &schema).await?;
            while let Some(batch) = batches.try_next().await? {
                self.note(&reader.encode(&batch)?, &batch, first)?;
                first += batch.num_rows() as u64;
            }
        }
        Ok(())
    }

    /// The row that counts for a key.
    pub(super) fn row_of(&self, key: &[u8]) -> Option<u64> {
        match &self.seen {
            Seen::Rows(seen) => seen.get(&digest(key)).copied(),
            Seen::Many(many) => many.row_of(digest(key)),
            Seen::Rising { .. } | Seen::Runs(_) => None,
        }
    }

    /// The rows that a later one has replaced. No row may follow, and those that wait are resolved.
    pub(super) fn replaced(&mut self) -> Result<&RoaringTreemap, LoadErrorKind> {
        if let Seen::Runs(runs) = &mut self.seen
            && self.dead.is_empty()
        {
            self.dead.extend(runs.replaced()?);
        }
        Ok(&self.dead)
    }
}
