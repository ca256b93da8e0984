//! The rows of a load until they are committed: numbered as they come, with the last row of every key known.
//!
//! Rows for a table without rows go straight into data files. While keys rise nothing has to be remembered of them; the first
//! one that does not makes the keys of the files written so far be read back. Rows for a table with rows wait in a spill.

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use hashbrown::{HashMap, HashSet};
use roaring::RoaringTreemap;

use super::above::Above;
use super::datafile::{DataFile, DataWriter, paths};
use super::dedup::{Order, deletes};
use super::error::LoadErrorKind;
use super::key::{column, data_type};
use super::key_runs::KeyRuns;
use super::keys::{Keys, OtherKeys, Seen};
use super::layout::Layout;
use super::read;
use super::spill::Spill;
use super::store::Place;
use super::table::Snapshot;
use crate::flow::{KeyColumn, KeyColumns};
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
    /// The column that takes rows of the table out, and the rows that do.
    hard_delete: Option<String>,
    pub(super) deleting: RoaringTreemap,
    /// Bytes of rows that wait in memory.
    spill_bytes: usize,
    /// There is a key beside the first, which is noted only of rows that wait.
    has_other_keys: bool,
    filters: Filters,
    recipe: Recipe,
}

/// What a source is made of.
struct Recipe {
    columns: KeyColumns,
    tells_apart: bool,
    limits: Limits,
}

/// The bloom filters of the load's files.
#[derive(Default)]
struct Filters {
    /// `None`: if the keys do not rise.
    wanted: Option<bool>,
    key: Vec<KeyColumn>,
}

/// The share of the memory budget for rows that wait for a merge; what is more goes to local disk.
const SPILL_SHARE: u64 = 4;
/// The share of the memory budget for keys.
pub(super) const KEYS_SHARE: u64 = 4;

impl Filters {
    fn settle(&mut self, columns: &SchemaRef) {
        self.key.iter_mut().for_each(|column| column.settle_by(columns));
        // Parquet has no bloom filters of booleans.
        self.key.retain(|column| data_type(columns, column) != Some(DataType::Boolean));
    }
}

impl Source {
    /// Rows that wait beside the table.
    pub(super) fn spill(limits: &Limits) -> Shelf {
        Shelf::Spill(Spill::new(spill_bytes(limits)))
    }

    /// `tells_apart`: of several rows with one key only one counts.
    pub(super) fn new(shelf: Shelf, columns: &KeyColumns, tells_apart: bool, limits: &Limits) -> Self {
        let waits = matches!(shelf, Shelf::Spill(_));
        let seen = if waits {
            Seen::Rows(HashMap::new())
        } else {
            let share = limits.memory_bytes.get() / KEYS_SHARE;
            Seen::Rising { memory_bytes: usize::try_from(share).unwrap_or(usize::MAX) }
        };
        let KeyColumns { key, merge_key, hard_delete, dedup_sort, .. } = columns;
        let (names, other, has_one_row) = match key.is_empty() {
            true => (merge_key, &Vec::new(), false),
            false => (key, merge_key, tells_apart),
        };
        // Rows in files need no keys but to be told apart.
        let keys = (!names.is_empty() && (has_one_row || waits)).then(|| Keys {
            names: names.clone(),
            tells_apart: has_one_row,
            schema: None,
            reader: None,
            last: None,
            rises: true,
            seen,
            dead: RoaringTreemap::new(),
            memory_bytes: limits.memory_bytes.get() / KEYS_SHARE,
            order: dedup_sort.as_ref().map(Order::new),
            also: (waits && !other.is_empty()).then(|| OtherKeys { names: other.clone(), seen: HashSet::new() }),
            above: None,
        });
        let has_other_keys = !other.is_empty();
        Self {
            shelf,
            rows: 0,
            keys,
            hard_delete: hard_delete.clone(),
            deleting: RoaringTreemap::new(),
            spill_bytes: spill_bytes(limits),
            has_other_keys,
            filters: Filters::default(),
            recipe: Recipe { columns: columns.clone(), tells_apart, limits: limits.clone() },
        }
    }

    /// The same without any row.
    pub(super) fn emptied(&self, place: &Place, layout: &Layout) -> Self {
        let Recipe { columns, tells_apart, limits } = &self.recipe;
        let shelf = match &self.shelf {
            Shelf::Files(_) => Shelf::Files(Box::new(DataWriter::new(place, layout))),
            Shelf::Spill(_) => Self::spill(limits),
        };
        let mut source = Self::new(shelf, columns, *tells_apart, limits);
        if let (Some(keys), Some(known)) = (&mut source.keys, &self.keys) {
            keys.mean_the_same_as(known);
        }
        source.filter(self.filters.wanted, &self.filters.key);
        source
    }

    /// Gives the files bloom filters on key columns, or none; `None`: if the keys do not rise.
    pub(super) fn filter(&mut self, wanted: Option<bool>, key: &[KeyColumn]) {
        self.filters = Filters { wanted, key: key.to_vec() };
    }

    /// The columns that get bloom filters, by their paths, as far as it can be told by the rows so far.
    pub(super) fn filtered(&self) -> Vec<Vec<String>> {
        let rises = self.keys.as_ref().is_none_or(|keys| keys.rises);
        if !self.filters.wanted.unwrap_or(!rises) {
            return Vec::new();
        }
        let settled = self.filters.key.iter().filter(|column| column.is_settled());
        settled.map(|column| column.path().to_vec()).collect()
    }

    /// Lets rows go into files for as long as their keys rise above those of the table.
    pub(super) fn go_above(&mut self, above: Option<Above>) {
        if let Some(keys) = &mut self.keys {
            keys.above = above;
        }
    }

    /// Whether all rows that are in files lie above those of a version of the table, so that they need not be compared.
    pub(super) fn lies_above(&self, snapshot: &Snapshot) -> bool {
        let Some(keys) = &self.keys else { return false };
        matches!(keys.seen, Seen::Rising { .. }) && keys.above.as_ref().is_some_and(|above| above.lies_above(snapshot))
    }

    /// Takes the rows of these files out of them, to be compared with the table. The files stay.
    pub(super) async fn hold_back(&mut self, place: &Place, files: &[DataFile]) -> Result<(), LoadErrorKind> {
        // Rows that take others out are in no file, and those of other keys were not noted.
        if !self.deleting.is_empty() || self.has_other_keys {
            return Err(LoadErrorKind::SchemaMoved);
        }
        let keys = self.keys.as_mut().ok_or(LoadErrorKind::SchemaMoved)?;
        keys.seen = Seen::Rows(HashMap::new());
        keys.last = None;
        keys.dead.clear();
        let mut spill = Spill::new(self.spill_bytes);
        self.rows = 0;
        for file in files {
            let mut batches = read::rows(place, file.at(), &file.schema).await?;
            while let Some(rows) = batches.try_next().await? {
                let encoded = keys.encode(&rows)?;
                keys.note(&encoded, &rows, self.rows)?;
                self.rows += rows.num_rows() as u64;
                spill.push(rows)?;
            }
        }
        self.shelf = Shelf::Spill(spill);
        Ok(())
    }

    /// The rows of whose key another one counts. No row may follow.
    pub(super) fn replaced(&mut self) -> Result<RoaringTreemap, LoadErrorKind> {
        let Some(keys) = &mut self.keys else { return Ok(RoaringTreemap::new()) };
        if let Shelf::Spill(spill) = &mut self.shelf {
            keys.resolve(spill)?;
        }
        Ok(keys.replaced()?.clone())
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
        if let Some(column) = self.hard_delete.as_ref().and_then(|name| column(&rows, name)) {
            let deleting = (0..rows.num_rows()).filter(|row| deletes(column, *row));
            self.deleting.extend(deleting.map(|row| self.rows + row as u64));
        }
        self.filters.settle(rows.schema_ref());
        if let Some(keys) = &mut self.keys {
            keys.settle(rows.schema_ref());
            let encoded = keys.encode(&rows)?;
            if let Shelf::Files(writer) = &mut self.shelf
                && let Seen::Rising { memory_bytes } = keys.seen
                && !keys.rises(&encoded, &rows)
            {
                writer.roll().await?;
                if keys.above.as_ref().is_some_and(Above::has_rows) {
                    let files = writer.close().await?;
                    self.hold_back(place, &files).await?;
                    place.discard(&paths(&files)).await;
                } else {
                    keys.seen = Seen::Runs(KeyRuns::new(memory_bytes));
                    keys.read_back(place, writer).await?;
                }
            }
            if let Some(keys) = &mut self.keys {
                keys.note(&encoded, &rows, self.rows)?;
            }
        }
        self.rows += rows.num_rows() as u64;
        let filtered = self.filtered();
        match &mut self.shelf {
            Shelf::Files(writer) => {
                writer.filter(filtered);
                writer.write(&rows).await
            }
            Shelf::Spill(spill) => spill.push(rows),
        }
    }
}

fn spill_bytes(limits: &Limits) -> usize {
    usize::try_from(limits.memory_bytes.get() / SPILL_SHARE).unwrap_or(usize::MAX)
}
