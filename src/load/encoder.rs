//! Rows into the bytes of a Parquet file, its columns side by side on all cores.
//!
//! Rows wait until there are enough of them to be worth the threads; then each column takes all that wait. The bytes do not depend
//! on how many threads there are.

use arrow::datatypes::{FieldRef, SchemaRef};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::writer::SerializedFileWriter;

use super::cardinality::mostly_distinct;
use super::cores::side_by_side;
use super::datafile::PART_BYTES;
use super::error::LoadErrorKind;
use super::layout::Layout;

/// Rows that wait at most: some milliseconds of work, against the microseconds that it takes to wake the threads.
const WAITING_ROWS: usize = 16 * 1024;
/// Bytes of rows that wait at most.
const WAITING_BYTES: usize = 8 << 20;
/// Rows that are too few to wake threads for.
const ALONE_ROWS: usize = 2 * 1024;

/// Room for encoded bytes: two parts of an upload, which most row groups end within. What grows beyond is copied.
const ENCODED_BYTES: usize = 2 * PART_BYTES;

/// How many times smaller rows are in a file than in memory, for the estimate of what waits.
const EXPECTED_RATIO: usize = 2;

/// Writes one file.
pub(super) struct Encoder {
    /// Begun with the first rows, which tell how to encode the others.
    begun: Option<Begun>,
    schema: SchemaRef,
    layout: Layout,
    /// The open row group, by column of the schema: the writers of its leaves.
    columns: Vec<Vec<ArrowColumnWriter>>,
    group_rows: usize,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
}

struct Begun {
    file: SerializedFileWriter<Vec<u8>>,
    factory: ArrowRowGroupWriterFactory,
}

impl Encoder {
    pub(super) fn new(schema: &SchemaRef, layout: &Layout) -> Self {
        Self {
            begun: None,
            schema: SchemaRef::clone(schema),
            layout: layout.clone(),
            columns: Vec::new(),
            group_rows: 0,
            waiting: Vec::new(),
            waiting_rows: 0,
            waiting_bytes: 0,
        }
    }

    /// Adds rows.
    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<(), LoadErrorKind> {
        self.waiting_rows += rows.num_rows();
        self.waiting_bytes += rows.get_array_memory_size();
        self.waiting.push(rows.clone());
        if self.waiting_rows >= WAITING_ROWS || self.waiting_bytes >= WAITING_BYTES {
            self.encode()?;
        }
        Ok(())
    }

    /// How many bytes of row groups that have ended are there.
    pub(super) fn encoded_bytes(&self) -> usize {
        self.begun.as_ref().map_or(0, |begun| begun.file.inner().len())
    }

    /// The bytes of the row groups that have ended since the last time.
    pub(super) fn take_encoded(&mut self) -> Vec<u8> {
        let next = || Vec::with_capacity(ENCODED_BYTES);
        self.begun.as_mut().map(|begun| std::mem::replace(begun.file.inner_mut(), next())).unwrap_or_default()
    }

    /// Bytes of the open row group, with an estimate of what is not encoded yet.
    pub(super) fn open_bytes(&self) -> usize {
        self.waiting_bytes / EXPECTED_RATIO + self.group_bytes()
    }

    /// Ends the file; its last bytes are left for [`Encoder::take_encoded`].
    pub(super) fn finish(&mut self) -> Result<ParquetMetaData, LoadErrorKind> {
        self.encode()?;
        self.end_group()?;
        Ok(self.begun(&[])?.file.finish()?)
    }

    fn begun(&mut self, first: &[RecordBatch]) -> Result<&mut Begun, LoadErrorKind> {
        let begun = match self.begun.take() {
            Some(begun) => begun,
            None => {
                let properties = self.layout.properties(mostly_distinct(first)?)?;
                let writer = ArrowWriter::try_new(
                    Vec::with_capacity(ENCODED_BYTES),
                    SchemaRef::clone(&self.schema),
                    Some(properties),
                )?;
                let (file, factory) = writer.into_serialized_writer()?;
                Begun { file, factory }
            }
        };
        Ok(self.begun.insert(begun))
    }

    fn group_bytes(&self) -> usize {
        self.columns.iter().flatten().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
    }

    /// Encodes what waits.
    fn encode(&mut self) -> Result<(), LoadErrorKind> {
        (self.waiting_rows, self.waiting_bytes) = (0, 0);
        let waiting = std::mem::take(&mut self.waiting);
        self.begun(&waiting)?;
        let mut waiting = waiting.into_iter();
        let mut next = waiting.next();
        while next.is_some() {
            let mut room = self.layout.group_rows.saturating_sub(self.group_rows);
            let mut part = Vec::new();
            while let Some(rows) = next.take_if(|_| room > 0) {
                let fits = rows.num_rows().min(room);
                room -= fits;
                part.push(rows.slice(0, fits));
                let rest = rows.num_rows() - fits;
                next = if rest > 0 { Some(rows.slice(fits, rest)) } else { waiting.next() };
            }
            self.encode_part(&part)?;
            if room == 0 || self.group_bytes() >= self.layout.group_bytes {
                self.end_group()?;
            }
        }
        Ok(())
    }

    /// Encodes rows that fit into the open row group.
    fn encode_part(&mut self, part: &[RecordBatch]) -> Result<(), LoadErrorKind> {
        let rows: usize = part.iter().map(RecordBatch::num_rows).sum();
        if self.columns.is_empty() {
            self.columns = self.new_columns()?;
        }
        let schema = SchemaRef::clone(&self.schema);
        let columns = std::mem::take(&mut self.columns).into_iter().zip(schema.fields()).enumerate().collect();
        let encoded =
            side_by_side(columns, rows > ALONE_ROWS && !self.layout.encodes_alone, |(index, (mut leaves, field))| {
                for rows in part {
                    let Some(column) = rows.columns().get(index) else { continue };
                    for (writer, leaf) in leaves.iter_mut().zip(compute_leaves(field, column)?) {
                        writer.write(&leaf)?;
                    }
                }
                Ok::<_, ParquetError>(leaves)
            });
        self.columns = encoded?;
        self.group_rows += rows;
        Ok(())
    }

    /// The writers of a new row group, by column of the schema.
    fn new_columns(&mut self) -> Result<Vec<Vec<ArrowColumnWriter>>, LoadErrorKind> {
        let Begun { file, factory } = self.begun(&[])?;
        let mut writers = factory.create_column_writers(file.flushed_row_groups().len())?.into_iter();
        let leaves = |field: &FieldRef| {
            let none = arrow::array::new_empty_array(field.data_type());
            Ok::<_, ParquetError>(writers.by_ref().take(compute_leaves(field, &none)?.len()).collect())
        };
        Ok(self.schema.fields().iter().map(leaves).collect::<Result<_, _>>()?)
    }

    fn end_group(&mut self) -> Result<(), LoadErrorKind> {
        if self.group_rows == 0 {
            return Ok(());
        }
        let leaves: Vec<ArrowColumnWriter> = std::mem::take(&mut self.columns).into_iter().flatten().collect();
        let chunks: Vec<ArrowColumnChunk> =
            side_by_side(leaves, self.group_rows > ALONE_ROWS && !self.layout.encodes_alone, ArrowColumnWriter::close)?;
        self.group_rows = 0;
        let mut group = self.begun(&[])?.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        Ok(())
    }
}
