//! Merging rows into a table that has some: copy on write, at the cost of the files that hold a changed row.
//!
//! 1. Files whose key range lies outside that of the new rows are left alone ([`prune`]).
//! 2. Of the others only the key columns are read, to find the rows that new ones match ([`find`]).
//! 3. Files with matches are read whole; matched rows are compared with the new ones by their digests.
//! 4. Files with a changed row are written again without it; files whose rows are all gone are dropped.
//! 5. New rows that match nothing, or something else, go into new files. Unchanged rows are not written.

mod find;
mod kept;
mod prune;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;
use hashbrown::HashSet;

use super::align::align;
use super::datafile::{DataFile, DataWriter};
use super::error::LoadErrorKind;
use super::key::{RowReader, digest};
use super::layout::Layout;
use super::read;
use super::source::{Keys, key_schema};
use super::spill::Spill;
use super::store::Place;
use super::table::{Snapshot, TableFile};
use crate::flow::{FileCounts, RowCounts};
use kept::Kept;

/// What a merge makes of one version of the table.
pub(super) struct Merged {
    /// The actions that take files out of the table.
    pub(super) removed: Vec<serde_json::Value>,
    /// The files that take their place, and those of the new rows.
    pub(super) added: Vec<DataFile>,
    pub(super) rows: RowCounts,
    pub(super) files: FileCounts,
}

/// A merge of spilled rows.
pub(super) struct Merge<'a> {
    pub(super) place: &'a Place,
    /// All columns of the table and of the load.
    pub(super) schema: SchemaRef,
    /// Columns of the table that the load says nothing of.
    pub(super) kept: Vec<String>,
    pub(super) keys: &'a mut Keys,
    pub(super) spill: &'a mut Spill,
    pub(super) rows: u64,
    pub(super) layout: &'a Layout,
}

/// What is known of a new row while the table is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// A later row of the load has its key.
    Replaced,
    /// No row of the table has its key.
    New,
    /// One row of the table has its key, and is equal.
    Unchanged,
    /// A row of the table has its key and is not equal, or several have it.
    Changed,
}

/// A row of a file that has the key of a new row.
#[derive(Debug, Clone, Copy)]
struct Match {
    row_in_file: u64,
    row: u64,
}

/// What the comparison finds out.
struct Known<'a> {
    fates: &'a mut [Fate],
    kept: &'a mut Kept,
}

impl Known<'_> {
    /// Compares the matched rows of a batch, of which the first has a number in its file.
    fn settle(
        &mut self,
        batch: &RecordBatch,
        first: u64,
        matches: &[Match],
        reader: &RowReader,
        digests: &[u128],
    ) -> Result<(), LoadErrorKind> {
        let rows = reader.encode(batch)?;
        let mut changed = Vec::new();
        for found in matches {
            let index = usize::try_from(found.row_in_file - first).unwrap_or(usize::MAX);
            let stored = digest(rows.row(index).data());
            let equal = get(digests, found.row) == Some(&stored);
            let fate = match (get(self.fates, found.row), equal) {
                (Some(Fate::New), true) => Fate::Unchanged,
                _ => Fate::Changed,
            };
            if fate == Fate::Changed {
                changed.push((found.row, index));
            }
            set(self.fates, found.row, fate);
        }
        self.kept.keep(batch, &changed)
    }
}

impl Merge<'_> {
    /// Reads the table and writes what has to be written. Nothing is committed.
    pub(super) async fn apply(&mut self, snapshot: &Snapshot) -> Result<Merged, LoadErrorKind> {
        if snapshot.files.iter().any(|file| file.deleted_rows.is_some()) {
            return Err(LoadErrorKind::Feature { feature: "deletionVectors".to_owned() });
        }
        let mut files = FileCounts::default();
        let mut fates = self.first_fates()?;
        let range = prune::KeyRange::of(self.spill, &self.keys.names)?;
        let keys = key_schema(&self.schema, &self.keys.names)?;
        let mut hit = Vec::new();
        let mut kept = Kept::new(&self.schema, &self.kept);
        let mut digests: Option<Vec<u128>> = None;
        for file in &snapshot.files {
            if !range.may_touch(file, &self.keys.names) {
                continue;
            }
            files.scanned += 1;
            let matches = find::matches(self.place, file, &keys, self.keys).await?;
            if matches.is_empty() {
                continue;
            }
            let digests = match &digests {
                Some(digests) => digests,
                None => digests.insert(self.digests(&kept)?),
            };
            self.compare(file, &matches, digests, &mut Known { fates: &mut fates, kept: &mut kept }).await?;
            hit.push((file, matches));
        }
        let mut writer = DataWriter::new(self.place, self.layout);
        let written = self.write(&hit, &fates, &kept, &mut writer).await;
        let (removed, deleted) = match written {
            Ok(written) => written,
            Err(error) => {
                writer.abort().await;
                return Err(error);
            }
        };
        let added = writer.close().await?;
        files.added = added.len() as u64;
        files.removed = removed.len() as u64;
        Ok(Merged { removed, added, rows: self.count(&fates, deleted), files })
    }

    fn first_fates(&mut self) -> Result<Vec<Fate>, LoadErrorKind> {
        let rows = usize::try_from(self.rows).map_err(|_| LoadErrorKind::Internal("more rows than memory"))?;
        let mut fates = vec![Fate::New; rows];
        for row in self.keys.replaced() {
            set(&mut fates, *row, Fate::Replaced);
        }
        Ok(fates)
    }

    /// The digest of every new row under the table's schema.
    fn digests(&mut self, kept: &Kept) -> Result<Vec<u128>, LoadErrorKind> {
        let reader = RowReader::columns(&self.schema, kept.compared(&self.schema))?;
        let mut digests = Vec::new();
        for index in 0..self.spill.segments() {
            for batch in self.spill.segment(index)? {
                let rows = reader.encode(&align(&batch?, &self.schema)?)?;
                digests.extend(rows.iter().map(|row| digest(row.data())));
            }
        }
        Ok(digests)
    }

    /// Reads a file whole and tells which of its matched rows the new ones change.
    async fn compare(
        &self,
        file: &TableFile,
        matches: &[Match],
        digests: &[u128],
        known: &mut Known<'_>,
    ) -> Result<(), LoadErrorKind> {
        let reader = RowReader::columns(&self.schema, known.kept.compared(&self.schema))?;
        let mut batches = read::rows(self.place, &file.path, file.size, &self.schema).await?;
        let mut pending = matches.iter().peekable();
        let mut first = 0;
        while let Some(batch) = batches.try_next().await? {
            let end = first + batch.num_rows() as u64;
            let mut inside = Vec::new();
            while let Some(found) = pending.next_if(|found| found.row_in_file < end) {
                inside.push(*found);
            }
            if !inside.is_empty() {
                known.settle(&batch, first, &inside, &reader, digests)?;
            }
            first = end;
        }
        Ok(())
    }

    /// Writes the files that change, and the new rows. Gives the removals, and how many rows are gone from the files.
    async fn write(
        &mut self,
        hit: &[(&TableFile, Vec<Match>)],
        fates: &[Fate],
        kept: &Kept,
        writer: &mut DataWriter,
    ) -> Result<(Vec<serde_json::Value>, u64), LoadErrorKind> {
        let mut removed = Vec::new();
        let mut gone_rows = 0;
        for (file, matches) in hit {
            let changed = |found: &&Match| get(fates, found.row) == Some(&Fate::Changed);
            let gone: HashSet<u64> = matches.iter().filter(changed).map(|found| found.row_in_file).collect();
            if gone.is_empty() {
                continue;
            }
            gone_rows += gone.len() as u64;
            removed.push(file.remove.clone());
            if file.rows != Some(gone.len() as u64) {
                copy_without(self.place, file, &self.schema, &gone, writer).await?;
                // Each rewritten file stays a file of its own, so that its key range stays narrow.
                writer.roll().await?;
            }
        }
        self.write_new(fates, kept, writer).await?;
        Ok((removed, gone_rows))
    }

    async fn write_new(&mut self, fates: &[Fate], kept: &Kept, writer: &mut DataWriter) -> Result<(), LoadErrorKind> {
        let mut first = 0;
        for index in 0..self.spill.segments() {
            for batch in self.spill.segment(index)? {
                let batch = batch?;
                let end = first + batch.num_rows();
                let written: BooleanArray = fates
                    .get(first..end)
                    .unwrap_or_default()
                    .iter()
                    .map(|fate| Some(matches!(fate, Fate::New | Fate::Changed)))
                    .collect();
                let rows = kept.restore(align(&batch, &self.schema)?, first as u64)?;
                first = end;
                writer.write(&filter_record_batch(&rows, &written)?).await?;
            }
        }
        Ok(())
    }

    fn count(&self, fates: &[Fate], gone: u64) -> RowCounts {
        let count = |wanted: Fate| fates.iter().filter(|fate| **fate == wanted).count() as u64;
        let updated = count(Fate::Changed);
        RowCounts {
            read: self.rows,
            inserted: count(Fate::New),
            updated,
            unchanged: count(Fate::Unchanged),
            // Rows of the table that shared their key with another one.
            deleted: gone.saturating_sub(updated),
            rejected: 0,
        }
    }
}

/// Writes the rows of a file again, without some.
async fn copy_without(
    place: &Place,
    file: &TableFile,
    schema: &SchemaRef,
    gone: &HashSet<u64>,
    writer: &mut DataWriter,
) -> Result<(), LoadErrorKind> {
    let mut batches = read::rows(place, &file.path, file.size, schema).await?;
    let mut first = 0;
    while let Some(batch) = batches.try_next().await? {
        writer.write(&without(&batch, first, gone)?).await?;
        first += batch.num_rows() as u64;
    }
    Ok(())
}

/// The rows of a batch, of which the first has a number, without some.
pub(super) fn without(batch: &RecordBatch, first: u64, gone: &HashSet<u64>) -> Result<RecordBatch, LoadErrorKind> {
    let end = first + batch.num_rows() as u64;
    let kept: BooleanArray = (first..end).map(|row| Some(!gone.contains(&row))).collect();
    Ok(filter_record_batch(batch, &kept)?)
}

fn get<T>(values: &[T], row: u64) -> Option<&T> {
    values.get(usize::try_from(row).ok()?)
}

fn set<T>(values: &mut [T], row: u64, value: T) {
    if let Some(place) = usize::try_from(row).ok().and_then(|row| values.get_mut(row)) {
        *place = value;
    }
}
