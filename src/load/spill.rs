//! Rows that wait for the end of a load: in memory up to a budget, then in a nameless file on local disk.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, SeekFrom, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use super::error::LoadErrorKind;

/// Rows in the order in which they came. The files have no name and go with the process.
pub(super) struct Spill {
    memory_bytes_max: usize,
    memory_bytes: usize,
    segments: Vec<Segment>,
    spilled: bool,
}

/// Rows of one schema.
struct Segment {
    schema: SchemaRef,
    file: Option<StreamWriter<BufWriter<File>>>,
    memory: Vec<RecordBatch>,
}

impl Spill {
    pub(super) fn new(memory_bytes_max: usize) -> Self {
        Self { memory_bytes_max, memory_bytes: 0, segments: Vec::new(), spilled: false }
    }

    pub(super) fn push(&mut self, rows: RecordBatch) -> Result<(), LoadErrorKind> {
        if self.segments.last().is_none_or(|segment| &segment.schema != rows.schema_ref()) {
            self.segments.push(Segment { schema: rows.schema(), file: None, memory: Vec::new() });
        }
        self.memory_bytes += rows.get_array_memory_size();
        if let Some(segment) = self.segments.last_mut() {
            segment.memory.push(rows);
        }
        if self.spilled || self.memory_bytes > self.memory_bytes_max {
            self.spilled = true;
            self.memory_bytes = 0;
            for segment in &mut self.segments {
                segment.write_out()?;
            }
        }
        Ok(())
    }

    /// How many segments there are, each to be read by [`Spill::segment`].
    pub(super) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// The batches of one segment, in order.
    pub(super) fn segment(
        &mut self,
        index: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, LoadErrorKind>> + use<>, LoadErrorKind> {
        let segment = self.segments.get_mut(index);
        segment.ok_or(LoadErrorKind::Internal("a spill segment that is not there"))?.read()
    }
}

impl Segment {
    fn write_out(&mut self) -> Result<(), LoadErrorKind> {
        if self.memory.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = tempfile::tempfile().map_err(LoadErrorKind::disk("create a spill file"))?;
                self.file.insert(StreamWriter::try_new(BufWriter::new(file), &self.schema)?)
            }
        };
        for batch in self.memory.drain(..) {
            file.write(&batch)?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<impl Iterator<Item = Result<RecordBatch, LoadErrorKind>> + use<>, LoadErrorKind> {
        let stored = match &mut self.file {
            None => None,
            Some(writer) => {
                writer.flush()?;
                let file = writer.get_mut();
                file.flush().map_err(LoadErrorKind::disk("write a spill file"))?;
                // The handles share one position; nothing is written once reading has begun.
                let mut handle = file.get_ref().try_clone().map_err(LoadErrorKind::disk("read a spill file"))?;
                handle.seek(SeekFrom::Start(0)).map_err(LoadErrorKind::disk("read a spill file"))?;
                Some(StreamReader::try_new(BufReader::new(handle), None)?)
            }
        };
        let memory = self.memory.clone();
        let stored = stored.into_iter().flatten().map(|batch| batch.map_err(LoadErrorKind::from));
        Ok(stored.chain(memory.into_iter().map(Ok)))
    }
}
