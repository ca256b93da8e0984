//! Merging rows into a table that has some, at the cost of the change.
//!
//! 1. Files whose keys lie outside those of the new rows are left alone ([`prune`], [`sieve`]).
//! 2. Of the others only the key columns are read, to find the rows that new ones match ([`find`]), files side by side.
//! 3. Matched rows are compared with the new ones by their digests, unless equal rows are to be written too ([`rework`]).
//! 4. Rows that change are taken out of their files: by a deletion vector where the table has them, else by writing the file again;
//!    a file without any row left is dropped.
//! 5. New rows that match nothing, or something else, go into new files. Unchanged rows are not written.

mod find;
mod kept;
mod prune;
mod rework;
mod sieve;
mod versions;

use std::sync::{Mutex, PoisonError};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use object_store::path::Path;
use parquet::arrow::arrow_reader::RowSelection;
use roaring::RoaringTreemap;
use serde_json::Value;

use super::align::align;
use super::cores::{cores, futures_side_by_side};
use super::datafile::{DataFile, DataWriter, paths, written};
use super::deletion::VectorFile;
use super::error::LoadErrorKind;
use super::key::{RowReader, digest, key_schema};
use super::key_buckets::Others;
use super::keys::Keys;
use super::layout::Layout;
use super::sort::Sorter;
use super::spill::Spill;
use super::store::Place;
use super::table::{Snapshot, TableFile};
use super::versions::Versions;
use crate::flow::{FileCounts, KeyColumn, RowCounts};
use crate::plan::Matched;
use find::Search;
use kept::Kept;
use prune::KeyRange;
use rework::{Outcome, Rework, Reworked};
use sieve::Sieve;

/// What a merge makes of one version of the table.
pub(super) struct Merged {
    /// The actions that take files out of the table.
    pub(super) removed: Vec<Value>,
    /// The files that take their place, and those of the new rows.
    pub(super) added: Vec<DataFile>,
    /// The actions that put files back without some rows.
    pub(super) put_back: Vec<Value>,
    /// The file that says which rows these are.
    pub(super) vectors: Option<Path>,
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
    /// What becomes of rows whose key the table has.
    pub(super) matched: Matched,
    /// The rows that take those of their keys out of the table.
    pub(super) deleting: &'a RoaringTreemap,
    /// Rows are versions, of which the old ones stay.
    pub(super) versions: Option<&'a Versions>,
}

/// What is known of a new row while the table is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Another row of the load has its key.
    Replaced,
    /// It takes the row of its key out of the table.
    Deleting,
    /// No row of the table has its key.
    New,
    /// One row of the table has its key, and may be equal.
    Matched,
    /// One row of the table has its key, and is equal; or that row is to stay in any case.
    Unchanged,
    /// A row of the table has its key and is not equal, or several have it.
    Changed,
}

/// A row of a file that has the key of a new row.
#[derive(Debug, Clone, Copy)]
struct Match {
    row_in_file: u64,
    /// The new row, or [`NO_ROW`].
    row: u64,
}

/// In place of a new row: the row of the file goes for another reason than that a new row has its key.
const NO_ROW: u64 = u64::MAX;

/// A file with rows that new ones match.
struct Hit<'f> {
    file: &'f TableFile,
    /// Rows that are gone from it already.
    deleted: RoaringTreemap,
    /// In the order of the file's rows.
    matches: Vec<Match>,
}

impl Hit<'_> {
    /// The matched rows of a file of so many rows.
    fn selection(&self, rows: u64) -> RowSelection {
        let index = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
        let ranges =
            self.matches.iter().map(|found| index(found.row_in_file)..index(found.row_in_file).saturating_add(1));
        RowSelection::from_consecutive_ranges(ranges, index(rows))
    }
}

/// The files that may have a key of the load, with what tells their rows.
struct Candidates<'f> {
    sieve: Sieve,
    other_sieve: Option<Sieve>,
    files: Vec<&'f TableFile>,
}

/// The values of some key columns of a load.
struct Sought<'n> {
    first: Option<&'n KeyColumn>,
    range: KeyRange<'n>,
    sieve: Sieve,
}

impl<'n> Sought<'n> {
    fn new(key: &'n [KeyColumn], rows: u64) -> Self {
        Self { first: key.first(), range: KeyRange::new(key), sieve: Sieve::new(rows) }
    }

    fn add(&mut self, rows: &RecordBatch) {
        self.range.add(rows);
        self.first.iter().for_each(|first| self.sieve.add(rows, first));
    }

    fn may_touch(&self, file: &TableFile) -> bool {
        let bounds = self.first.and_then(|first| file.bounds(first.path()));
        self.range.may_touch(file) && bounds.is_none_or(|(low, high)| self.sieve.may_lie_within(low, high))
    }
}

/// What was written and is to be removed if the merge fails.
type Noted = Mutex<Vec<Path>>;

impl Merge<'_> {
    /// Reads the table and writes what has to be written. Nothing is committed.
    pub(super) async fn apply(&mut self, snapshot: &Snapshot) -> Result<Merged, LoadErrorKind> {
        let noted = Noted::default();
        let applied = match self.versions {
            Some(versions) => self.apply_versions(versions, snapshot, &noted).await,
            None => self.apply_to(snapshot, &noted).await,
        };
        match applied {
            Ok(merged) => Ok(merged),
            Err(error) => {
                let paths = noted.into_inner().unwrap_or_else(PoisonError::into_inner);
                self.place.discard(&paths).await;
                Err(error)
            }
        }
    }

    async fn apply_to(&mut self, snapshot: &Snapshot, noted: &Noted) -> Result<Merged, LoadErrorKind> {
        let mut files = FileCounts::default();
        let mut fates = self.first_fates()?;
        let candidates = self.candidates(snapshot)?;
        files.scanned = candidates.files.len() as u64;
        let mut hits = self.search(candidates)?;
        self.judge(&hits, &mut fates);
        if self.matched == Matched::Keep {
            hits.clear();
        }
        let mut kept = Kept::new(&self.schema, &self.kept);
        let compared = kept.compared(&self.schema);
        let rework = Rework {
            place: self.place,
            layout: self.layout,
            schema: SchemaRef::clone(&self.schema),
            takes_vectors: snapshot.takes_vectors(),
            digests: if self.matched == Matched::UpdateChanged && !hits.is_empty() {
                Some(self.digests(&compared)?)
            } else {
                None
            },
            fates: &fates,
            compared,
            shares_cores: hits.len() < cores(),
            kept: &kept,
        };
        let mut reworked = reworked(&rework, &hits, noted)?;
        // In the order of the files, so that of several rows of a key the same one is kept whichever thread was faster.
        for reworked in &mut reworked {
            reworked.kept.drain(..).for_each(|taken| kept.keep(taken));
            for row in &reworked.unchanged {
                set(&mut fates, *row, Fate::Unchanged);
            }
        }
        let gone: u64 = reworked.iter().map(|reworked| reworked.gone).sum();
        let mut merged = self.take_out(&hits, reworked, noted).await?;
        let (place, layout) = (self.place, self.layout);
        let new = written(place, layout, async |writer| self.write_new(&fates, &kept, writer).await).await?;
        merged.added.extend(new);
        files.added = merged.added.len() as u64;
        files.removed = (merged.removed.len() - merged.put_back.len()) as u64;
        Ok(Merged { rows: self.count(&fates, gone), files, ..merged })
    }

    fn first_fates(&mut self) -> Result<Vec<Fate>, LoadErrorKind> {
        let rows = usize::try_from(self.rows).map_err(|_| LoadErrorKind::Internal("more rows than memory"))?;
        let mut fates = vec![Fate::New; rows];
        self.keys.resolve(self.spill)?;
        for row in self.keys.replaced()? {
            set(&mut fates, row, Fate::Replaced);
        }
        for row in self.deleting {
            if get(&fates, row) == Some(&Fate::New) {
                set(&mut fates, row, Fate::Deleting);
            }
        }
        Ok(fates)
    }

    /// The files that may have a key of the load.
    fn candidates<'f>(&mut self, snapshot: &'f Snapshot) -> Result<Candidates<'f>, LoadErrorKind> {
        let names = &self.keys.names;
        let also = self.keys.also.as_ref().map(|also| also.names.as_slice());
        let mut sought = Sought::new(names, self.rows);
        let mut other = also.map(|names| Sought::new(names, self.rows));
        for index in 0..self.spill.segments() {
            for rows in self.spill.segment(index)? {
                let rows = rows?;
                sought.add(&rows);
                other.iter_mut().for_each(|other| other.add(&rows));
            }
        }
        sought.sieve.seal();
        other.iter_mut().for_each(|other| other.sieve.seal());
        let may_touch =
            |file: &&TableFile| sought.may_touch(file) || other.as_ref().is_some_and(|other| other.may_touch(file));
        let files = snapshot.files.iter().filter(may_touch).collect();
        Ok(Candidates { sieve: sought.sieve, other_sieve: other.map(|other| other.sieve), files })
    }

    /// The files that have a key of the load, with the rows that have it.
    fn search<'f>(&mut self, candidates: Candidates<'f>) -> Result<Vec<Hit<'f>>, LoadErrorKind> {
        let Candidates { sieve, other_sieve, files } = candidates;
        let others = self.keys.also.iter().flat_map(|also| &also.names);
        let schema = key_schema(&self.schema, self.keys.names.iter().chain(others))?;
        let mut hits: Vec<Option<Hit<'f>>> = files.iter().map(|_| None).collect();
        for bucket in 0..self.keys.buckets() {
            self.keys.hold(bucket, Others::OfBucket, self.spill)?;
            let (place, keys, schema) = (self.place, &*self.keys, SchemaRef::clone(&schema));
            let search = Search { place, keys, schema, sieve: &sieve, other_sieve: other_sieve.as_ref() };
            let found = futures_side_by_side(files.clone(), |file| search.file(file))?;
            hits.iter_mut().zip(found).for_each(|(hit, found)| join(hit, found));
        }
        Ok(hits.into_iter().flatten().collect())
    }

    /// Tells the new rows that match. Where several rows of the table have one key, all of them go.
    fn judge(&self, hits: &[Hit<'_>], fates: &mut [Fate]) {
        for found in hits.iter().flat_map(|hit| &hit.matches) {
            let fate = match (self.matched, get(fates, found.row)) {
                (_, Some(Fate::Deleting)) => Fate::Deleting,
                (Matched::Keep, _) => Fate::Unchanged,
                (Matched::UpdateChanged, Some(Fate::New)) => Fate::Matched,
                _ => Fate::Changed,
            };
            set(fates, found.row, fate);
        }
    }

    /// The digest of every new row, over some columns of the table's schema.
    fn digests(&mut self, compared: &[usize]) -> Result<Vec<u128>, LoadErrorKind> {
        let reader = RowReader::columns(&self.schema, compared.to_vec())?;
        let mut digests = Vec::new();
        for index in 0..self.spill.segments() {
            for batch in self.spill.segment(index)? {
                let rows = reader.encode(&align(&batch?, &self.schema)?)?;
                digests.extend(rows.iter().map(|row| digest(row.data())));
            }
        }
        Ok(digests)
    }

    /// The actions that take the rows that go out of their files.
    async fn take_out(
        &self,
        hits: &[Hit<'_>],
        reworked: Vec<Reworked>,
        noted: &Noted,
    ) -> Result<Merged, LoadErrorKind> {
        let (mut removed, mut added, mut put_back) = (Vec::new(), Vec::new(), Vec::new());
        let mut vectors = VectorFile::new();
        for (hit, reworked) in hits.iter().zip(reworked) {
            match reworked.outcome {
                Outcome::Stays => continue,
                Outcome::Replaced(files) => added.extend(files),
                Outcome::Vector(rows) => put_back.push(hit.file.add_with(&vectors.add(&rows)?)),
            }
            removed.push(hit.file.remove.clone());
        }
        note(noted, [vectors.path()]);
        let vectors = vectors.write(self.place).await?;
        Ok(Merged { removed, added, put_back, vectors, rows: RowCounts::default(), files: FileCounts::default() })
    }

    /// Writes the rows that are new, or take the place of old ones, sorted by key, so that later merges find them in few places.
    async fn write_new(&mut self, fates: &[Fate], kept: &Kept, writer: &mut DataWriter) -> Result<(), LoadErrorKind> {
        let mut sorter = Sorter::new(&self.schema, &self.keys.names, self.layout.group_bytes)?;
        let mut first = 0;
        for index in 0..self.spill.segments() {
            for batch in self.spill.segment(index)? {
                let batch = batch?;
                let end = first + batch.num_rows();
                let written: BooleanArray = fates
                    .get(first..end)
                    .unwrap_or_default()
                    .iter()
                    .map(|fate| Some(matches!(fate, Fate::New | Fate::Matched | Fate::Changed)))
                    .collect();
                let rows = kept.restore(align(&batch, &self.schema)?, first as u64)?;
                first = end;
                sorter.push(filter_record_batch(&rows, &written)?)?;
            }
        }
        for rows in sorter.finish()? {
            writer.write(&rows?).await?;
        }
        Ok(())
    }

    fn count(&self, fates: &[Fate], gone: u64) -> RowCounts {
        let count = |wanted: &[Fate]| fates.iter().filter(|fate| wanted.contains(fate)).count() as u64;
        let updated = count(&[Fate::Matched, Fate::Changed]);
        RowCounts {
            read: self.rows,
            inserted: count(&[Fate::New]),
            updated,
            unchanged: count(&[Fate::Unchanged]),
            // Rows of the table that shared their key with another one.
            deleted: gone.saturating_sub(updated),
            rejected: 0,
        }
    }
}

/// Adds what was found in a file to what was found there before.
fn join<'f>(hit: &mut Option<Hit<'f>>, found: Option<Hit<'f>>) {
    let (Some(known), Some(more)) = (&mut *hit, &found) else {
        *hit = hit.take().or(found);
        return;
    };
    known.matches.extend(&more.matches);
    known.matches.sort_unstable_by_key(|found| (found.row_in_file, found.row));
    // A row may go by either key; that a new one has its key tells more.
    known.matches.dedup_by_key(|found| found.row_in_file);
}

/// What becomes of the files, side by side; what is written is noted.
fn reworked(rework: &Rework<'_>, hits: &[Hit<'_>], noted: &Noted) -> Result<Vec<Reworked>, LoadErrorKind> {
    futures_side_by_side(hits.iter().collect(), async |hit| {
        let reworked = rework.file(hit).await?;
        if let Outcome::Replaced(files) = &reworked.outcome {
            note(noted, paths(files));
        }
        Ok(reworked)
    })
}

fn note(noted: &Noted, paths: impl IntoIterator<Item = Path>) {
    noted.lock().unwrap_or_else(PoisonError::into_inner).extend(paths);
}

fn get<T>(values: &[T], row: u64) -> Option<&T> {
    values.get(usize::try_from(row).ok()?)
}

fn set<T>(values: &mut [T], row: u64, value: T) {
    if let Some(place) = usize::try_from(row).ok().and_then(|row| values.get_mut(row)) {
        *place = value;
    }
}
