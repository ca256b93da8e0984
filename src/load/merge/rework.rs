//! What becomes of one file that has rows with keys of the load.

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;
use roaring::RoaringTreemap;

use super::kept::{Kept, Taken};
use super::{Fate, Hit, Match, get};
use crate::load::cores::read_ahead;
use crate::load::datafile::{DataFile, DataWriter, written};
use crate::load::error::LoadErrorKind;
use crate::load::key::{RowReader, digest};
use crate::load::layout::Layout;
use crate::load::read;
use crate::load::store::Place;

/// Of a file's rows so many in a hundred may be gone before it is written again: readers skip them one by one.
const GONE_PERCENT_MAX: u64 = 20;

/// How files are reworked.
pub(super) struct Rework<'a> {
    pub(super) place: &'a Place,
    pub(super) layout: &'a Layout,
    /// All columns of the table and of the load.
    pub(super) schema: SchemaRef,
    /// Whether rows may be taken out by a deletion vector.
    pub(super) takes_vectors: bool,
    pub(super) fates: &'a [Fate],
    /// The digests of the new rows; `None` where no row is compared.
    pub(super) digests: Option<Vec<u128>>,
    /// The columns that are compared, by their place in the schema.
    pub(super) compared: Vec<usize>,
    /// There are fewer files than cores, so that a file is read while it is written, and its columns are encoded side by side. With
    /// more, each core has a file of its own, and memory that goes from thread to thread would only cost.
    pub(super) shares_cores: bool,
    /// What changed rows keep of the table, of which nothing has been kept yet.
    pub(super) kept: &'a Kept,
}

/// What became of a file.
pub(super) struct Reworked {
    /// Rows that are gone now and were not before.
    pub(super) gone: u64,
    /// New rows that are in the file already, as they are.
    pub(super) unchanged: Vec<u64>,
    /// What the others keep of the file.
    pub(super) kept: Vec<Taken>,
    pub(super) outcome: Outcome,
}

pub(super) enum Outcome {
    /// It stays as it is.
    Stays,
    /// It goes; the rows that stay are in these.
    Replaced(Vec<DataFile>),
    /// It stays without these rows.
    Vector(RoaringTreemap),
}

/// What is known of a file's rows while they are read.
#[derive(Default)]
struct Seen {
    gone: RoaringTreemap,
    unchanged: Vec<u64>,
    kept: Vec<Taken>,
}

impl Seen {
    fn came_to(self, outcome: Outcome) -> Reworked {
        Reworked { gone: self.gone.len(), unchanged: self.unchanged, kept: self.kept, outcome }
    }
}

impl Rework<'_> {
    pub(super) async fn file(&self, hit: &Hit<'_>) -> Result<Reworked, LoadErrorKind> {
        let live = hit.file.live_rows();
        // Where nothing has to be read, it is known at once which rows go.
        let known = if self.reads_rows() {
            if self.takes_vectors { Some(self.compared(hit).await?) } else { None }
        } else {
            Some(Seen { gone: hit.matches.iter().map(|found| found.row_in_file).collect(), ..Seen::default() })
        };
        let Some(known) = known else { return self.copied(hit, None).await };
        let gone = known.gone.len();
        if gone == 0 {
            return Ok(known.came_to(Outcome::Stays));
        }
        if live == Some(gone) {
            return Ok(known.came_to(Outcome::Replaced(Vec::new())));
        }
        let all_gone = &known.gone | &hit.deleted;
        let is_sparse = hit.file.rows.is_some_and(|rows| all_gone.len() * 100 <= rows * GONE_PERCENT_MAX);
        if self.takes_vectors && is_sparse {
            return Ok(known.came_to(Outcome::Vector(all_gone)));
        }
        self.copied(hit, Some(known)).await
    }

    /// Whether values of the table's rows are needed, beside their keys.
    fn reads_rows(&self) -> bool {
        self.digests.is_some() || !self.kept.is_nothing()
    }

    /// Compares the matched rows of a file, of which alone the pages are read.
    async fn compared(&self, hit: &Hit<'_>) -> Result<Seen, LoadErrorKind> {
        let selection = hit.selection(hit.file.rows.unwrap_or_default());
        let (place, file) = (self.place, hit.file);
        let mut batches = read::selected(place, file.at(), &self.schema, Some(selection)).await?;
        let reader = self.row_reader()?;
        let mut pending = hit.matches.as_slice();
        let mut seen = Seen::default();
        while let Some(batch) = batches.try_next().await? {
            let (inside, rest) = pending.split_at(batch.num_rows().min(pending.len()));
            pending = rest;
            self.compare(&batch, inside, &reader, &mut seen)?;
        }
        Ok(seen)
    }

    fn row_reader(&self) -> Result<RowReader, LoadErrorKind> {
        Ok(RowReader::columns(&self.schema, self.compared.clone())?)
    }

    /// Compares rows of the table, each with the new row of its key.
    fn compare(
        &self,
        rows: &RecordBatch,
        matches: &[Match],
        reader: &RowReader,
        seen: &mut Seen,
    ) -> Result<(), LoadErrorKind> {
        let stored = match &self.digests {
            Some(_) => Some(reader.encode(rows)?),
            None => None,
        };
        let is_equal = |index: usize, found: &Match| {
            let (Some(stored), Some(digests)) = (&stored, &self.digests) else { return false };
            get(self.fates, found.row) == Some(&Fate::Matched)
                && get(digests, found.row) == Some(&digest(stored.row(index).data()))
        };
        let mut changed = Vec::new();
        for (index, found) in matches.iter().enumerate() {
            if is_equal(index, found) {
                seen.unchanged.push(found.row);
            } else {
                seen.gone.insert(found.row_in_file);
                changed.push((found.row, index));
            }
        }
        seen.kept.extend(self.kept.take(rows, &changed)?);
        Ok(())
    }

    /// Writes a file again without the rows that go. Without `known` these are found on the way, and a file of which none goes is
    /// not written.
    async fn copied(&self, hit: &Hit<'_>, known: Option<Seen>) -> Result<Reworked, LoadErrorKind> {
        let mut seen = known;
        let layout = Layout { encodes_alone: !self.shares_cores, ..self.layout.clone() };
        let files = written(self.place, &layout, async |writer| self.copy(hit, &mut seen, writer).await).await?;
        let seen = seen.unwrap_or_default();
        let outcome = if seen.gone.is_empty() { Outcome::Stays } else { Outcome::Replaced(files) };
        Ok(seen.came_to(outcome))
    }

    async fn copy(
        &self,
        hit: &Hit<'_>,
        known: &mut Option<Seen>,
        writer: &mut DataWriter,
    ) -> Result<(), LoadErrorKind> {
        let is_known = known.is_some();
        let seen = known.get_or_insert_default();
        let reader = self.row_reader()?;
        let batches = read::rows(self.place, hit.file.at(), &self.schema).await?;
        let mut batches = if self.shares_cores { read_ahead(batches)? } else { batches };
        let mut pending = hit.matches.as_slice();
        let mut first = 0;
        let mut is_writing = is_known;
        while let Some(batch) = batches.try_next().await? {
            let end = first + batch.num_rows() as u64;
            let (inside, rest) = pending.split_at(pending.partition_point(|found| found.row_in_file < end));
            pending = rest;
            if !is_known && !inside.is_empty() {
                let matched = UInt64Array::from_iter_values(inside.iter().map(|found| found.row_in_file - first));
                self.compare(&take_record_batch(&batch, &matched)?, inside, &reader, seen)?;
            }
            if !is_writing && !seen.gone.is_empty() {
                // All rows before this batch stay.
                is_writing = true;
                self.copy_before(hit, first, writer).await?;
            }
            if is_writing {
                let gone = &seen.gone | &hit.deleted;
                writer.write(&read::without(&batch, first, &gone)?).await?;
            }
            first = end;
        }
        Ok(())
    }

    /// Writes the rows before one with a number, of which none goes.
    async fn copy_before(&self, hit: &Hit<'_>, end: u64, writer: &mut DataWriter) -> Result<(), LoadErrorKind> {
        if end == 0 {
            return Ok(());
        }
        let mut batches = read::rows(self.place, hit.file.at(), &self.schema).await?;
        let mut first = 0;
        while first < end
            && let Some(batch) = batches.try_next().await?
        {
            writer.write(&read::without(&batch, first, &hit.deleted)?).await?;
            first += batch.num_rows() as u64;
        }
        Ok(())
    }
}
