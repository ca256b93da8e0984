//! Sorting rows by key in bounded memory: sorted runs, in memory up to a budget and then on local disk, that are merged at the end.
//!
//! Held at the same time are one run, or, while runs are merged, two chunks of rows of each of at most [`RUNS_MAX`]. Rows of equal keys
//! keep the order in which they came.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::row::{Row, Rows};

use super::error::LoadErrorKind;
use super::key::RowReader;
use super::spill::Spill;
use crate::flow::KeyColumn;

/// Runs that are merged at once: they are files that are open.
const RUNS_MAX: usize = 64;
/// Rows of a chunk at the most: enough for the work on a chunk not to count.
const CHUNK_ROWS: usize = 8192;
/// Bytes of a chunk, as far as the rows are of one size.
const CHUNK_BYTES: usize = 256 << 10;
/// Bytes that are held for a row while a run is sorted: its key's place, and its own.
const ORDER_BYTES: usize = size_of::<(Row<'static>, RowPlace)>();

/// A batch of several, and a row in it.
type RowPlace = (usize, usize);

/// Sorted chunks of rows.
type Chunks = Box<dyn Iterator<Item = Result<RecordBatch, LoadErrorKind>> + Send>;

/// Takes rows of one schema in any order.
pub(super) struct Sorter {
    reader: Arc<RowReader>,
    run_bytes: usize,
    open: Vec<RecordBatch>,
    keys: Vec<Rows>,
    open_bytes: usize,
    runs: Vec<Spill>,
    chunk_rows: usize,
}

impl Sorter {
    /// By some columns of the rows' schema, with a run of so many bytes.
    pub(super) fn new(schema: &SchemaRef, key: &[KeyColumn], run_bytes: usize) -> Result<Self, LoadErrorKind> {
        Ok(Self {
            reader: Arc::new(RowReader::keys(schema, key)?),
            run_bytes,
            open: Vec::new(),
            keys: Vec::new(),
            open_bytes: 0,
            runs: Vec::new(),
            chunk_rows: CHUNK_ROWS,
        })
    }

    /// Takes the next rows.
    pub(super) fn push(&mut self, rows: RecordBatch) -> Result<(), LoadErrorKind> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let keys = self.reader.encode(&rows)?;
        let row_bytes = rows.get_array_memory_size() / rows.num_rows();
        self.chunk_rows = self.chunk_rows.min(CHUNK_BYTES / row_bytes.max(1)).max(1);
        self.open_bytes += rows.get_array_memory_size() + keys.size() + rows.num_rows() * ORDER_BYTES;
        self.open.push(rows);
        self.keys.push(keys);
        if self.open_bytes > self.run_bytes {
            let run = spilled(self.end_run())?;
            self.runs.push(run);
        }
        if self.runs.len() >= RUNS_MAX {
            let merged = spilled(self.merged(Vec::new())?)?;
            self.runs = vec![merged];
        }
        Ok(())
    }

    /// All rows, sorted.
    pub(super) fn finish(mut self) -> Result<Chunks, LoadErrorKind> {
        let last = self.end_run();
        if self.runs.is_empty() { Ok(last) } else { self.merged(vec![last]) }
    }

    /// The open run, sorted.
    fn end_run(&mut self) -> Chunks {
        let (batches, keys) = (std::mem::take(&mut self.open), std::mem::take(&mut self.keys));
        self.open_bytes = 0;
        let mut order: Vec<(Row<'_>, RowPlace)> = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
        for (batch, keys) in keys.iter().enumerate() {
            order.extend(keys.iter().enumerate().map(|(row, key)| (key, (batch, row))));
        }
        // Stable, so that equal keys keep their order.
        order.sort_by_key(|(key, _)| *key);
        let order = order.into_iter().map(|(_, place)| place).collect();
        Box::new(Run { batches, order, at: 0, chunk_rows: self.chunk_rows })
    }

    /// All runs that are spilled, and some that came after them, as one.
    fn merged(&mut self, last: Vec<Chunks>) -> Result<Chunks, LoadErrorKind> {
        let mut runs: Vec<Chunks> = Vec::with_capacity(self.runs.len() + last.len());
        for mut run in std::mem::take(&mut self.runs) {
            runs.push(Box::new(run.segment(0)?));
        }
        runs.extend(last);
        let mut heads = Vec::with_capacity(runs.len());
        for run in runs {
            heads.extend(Head::begin(run, &self.reader)?);
        }
        Ok(Box::new(Merge { reader: Arc::clone(&self.reader), heads, chunk_rows: self.chunk_rows }))
    }
}

/// Chunks on local disk.
fn spilled(chunks: Chunks) -> Result<Spill, LoadErrorKind> {
    let mut run = Spill::new(0);
    for chunk in chunks {
        run.push(chunk?)?;
    }
    Ok(run)
}

/// A run in memory, of which each chunk is put together when it is asked for.
struct Run {
    batches: Vec<RecordBatch>,
    order: Vec<RowPlace>,
    at: usize,
    chunk_rows: usize,
}

impl Iterator for Run {
    type Item = Result<RecordBatch, LoadErrorKind>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.order.len().min(self.at + self.chunk_rows);
        let places = self.order.get(self.at..end).filter(|places| !places.is_empty())?;
        self.at = end;
        Some(gathered(&self.batches, places))
    }
}

/// Rows of several batches.
fn gathered(batches: &[RecordBatch], places: &[RowPlace]) -> Result<RecordBatch, LoadErrorKind> {
    Ok(interleave_record_batch(&batches.iter().collect::<Vec<_>>(), places)?)
}

/// Several runs as one.
struct Merge {
    reader: Arc<RowReader>,
    /// In the order of the runs.
    heads: Vec<Head>,
    chunk_rows: usize,
}

/// The next row of a run.
struct Head {
    rest: Chunks,
    rows: RecordBatch,
    keys: Rows,
    row: usize,
    /// The place of `rows` among the batches of the chunk that is being made.
    batch: usize,
}

impl Head {
    fn begin(mut rest: Chunks, reader: &RowReader) -> Result<Option<Self>, LoadErrorKind> {
        let Some(rows) = rest.next().transpose()? else { return Ok(None) };
        let keys = reader.encode(&rows)?;
        Ok(Some(Self { rest, rows, keys, row: 0, batch: 0 }))
    }

    /// Goes to the next batch; whether there is one.
    fn advance(&mut self, reader: &RowReader) -> Result<bool, LoadErrorKind> {
        let Some(rows) = self.rest.next().transpose()? else { return Ok(false) };
        self.keys = reader.encode(&rows)?;
        self.rows = rows;
        self.row = 0;
        Ok(true)
    }

    fn key(&self) -> Row<'_> {
        self.keys.row(self.row)
    }
}

impl Merge {
    fn chunk(&mut self) -> Result<Option<RecordBatch>, LoadErrorKind> {
        let mut batches = Vec::with_capacity(self.heads.len());
        for head in &mut self.heads {
            head.batch = batches.len();
            batches.push(head.rows.clone());
        }
        let mut places = Vec::with_capacity(self.chunk_rows);
        while places.len() < self.chunk_rows {
            // There are few runs, so that the least is found by looking at all; of equal ones it is that of the first run.
            let heads = self.heads.iter_mut().enumerate();
            let Some((run, head)) = heads.min_by(|(_, one), (_, other)| one.key().cmp(&other.key())) else { break };
            places.push((head.batch, head.row));
            head.row += 1;
            if head.row < head.rows.num_rows() {
                continue;
            }
            if head.advance(&self.reader)? {
                head.batch = batches.len();
                batches.push(head.rows.clone());
            } else {
                self.heads.remove(run);
            }
        }
        if places.is_empty() { Ok(None) } else { gathered(&batches, &places).map(Some) }
    }
}

impl Iterator for Merge {
    type Item = Result<RecordBatch, LoadErrorKind>;

    fn next(&mut self) -> Option<Self::Item> {
        self.chunk().transpose()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn rows(keys: &[i64], first: usize) -> RecordBatch {
        let numbers: ArrayRef =
            Arc::new(StringArray::from_iter_values((first..).take(keys.len()).map(|n| n.to_string())));
        let keys: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
        RecordBatch::try_from_iter([("number", numbers), ("id", keys)]).expect("rows")
    }

    /// The keys and numbers of rows that are sorted in runs of so many bytes.
    fn sorted(keys: &[i64], batch: usize, run_bytes: usize) -> Vec<(i64, usize)> {
        let schema = rows(&[], 0).schema();
        let mut sorter = Sorter::new(&schema, &[crate::flow::KeyColumn::top("ID")], run_bytes).expect("a key");
        for (index, part) in keys.chunks(batch).enumerate() {
            sorter.push(rows(part, index * batch)).expect("it can be written");
        }
        let mut found = Vec::new();
        for chunk in sorter.finish().expect("it can be read") {
            let chunk = chunk.expect("a chunk");
            let numbers =
                chunk.column(0).as_string::<i32>().iter().flatten().map(|text| text.parse().expect("a number"));
            found.extend(chunk.column(1).as_primitive::<Int64Type>().values().iter().copied().zip(numbers));
        }
        found
    }

    #[test]
    fn rows_are_sorted_and_equal_keys_keep_their_order_however_many_runs_there_are() {
        let mut random = fastrand::Rng::with_seed(5);
        let keys: Vec<i64> = (0..3_000).map(|_| random.i64(-200..200)).collect();
        let mut expected: Vec<(i64, usize)> = keys.iter().copied().zip(0..).collect();
        expected.sort_unstable();
        // All in memory; a few runs; a run a batch, of which there are more than are merged at once.
        for (batch, run_bytes) in [(3_000, usize::MAX), (100, 100_000), (10, 0)] {
            assert!(sorted(&keys, batch, run_bytes) == expected, "batches of {batch}, runs of {run_bytes}");
        }
        assert!(sorted(&[], 1, 0).is_empty());
    }
}
