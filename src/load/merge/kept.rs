//! Values of the table that a load says nothing of: columns that none of its rows has. A changed row keeps its old ones.

use arrow::array::{ArrayRef, RecordBatch, UInt64Array, new_null_array};
use arrow::compute::{interleave, take};
use arrow::datatypes::SchemaRef;
use hashbrown::HashMap;

use crate::load::error::LoadErrorKind;

/// The kept values of the rows that match, by the number of the new row.
pub(super) struct Kept {
    /// The kept columns, by their place in the schema.
    columns: Vec<usize>,
    batches: Vec<Vec<ArrayRef>>,
    /// New row to batch and row in it.
    places: HashMap<u64, (usize, usize)>,
}

/// The kept values of some rows of one batch of the table, with the new rows that have their keys.
pub(super) struct Taken {
    columns: Vec<ArrayRef>,
    rows: Vec<u64>,
}

impl Kept {
    pub(super) fn new(schema: &SchemaRef, names: &[String]) -> Self {
        let columns = schema.fields().iter().enumerate();
        Self {
            columns: columns.filter(|(_, field)| names.contains(field.name())).map(|(index, _)| index).collect(),
            batches: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// Whether no column is.
    pub(super) fn is_nothing(&self) -> bool {
        self.columns.is_empty()
    }

    /// The columns that are not kept, by their place in the schema.
    pub(super) fn compared(&self, schema: &SchemaRef) -> Vec<usize> {
        (0..schema.fields().len()).filter(|index| !self.columns.contains(index)).collect()
    }

    /// The values to be kept of some rows of a batch of the table: pairs of new row and row in the batch.
    pub(super) fn take(&self, batch: &RecordBatch, rows: &[(u64, usize)]) -> Result<Option<Taken>, LoadErrorKind> {
        if self.columns.is_empty() || rows.is_empty() {
            return Ok(None);
        }
        let indices: UInt64Array = rows.iter().map(|(_, row)| *row as u64).collect();
        let columns = self.columns.iter().filter_map(|index| batch.columns().get(*index));
        let columns = columns.map(|column| take(column, &indices, None)).collect::<Result<_, _>>()?;
        Ok(Some(Taken { columns, rows: rows.iter().map(|(new, _)| *new).collect() }))
    }

    /// Keeps values; of a new row that has some already, these.
    pub(super) fn keep(&mut self, taken: Taken) {
        for (at, new) in taken.rows.into_iter().enumerate() {
            self.places.insert(new, (self.batches.len(), at));
        }
        self.batches.push(taken.columns);
    }

    /// New rows, of which the first has a number, with the kept values in their places.
    pub(super) fn restore(&self, rows: RecordBatch, first: u64) -> Result<RecordBatch, LoadErrorKind> {
        if self.batches.is_empty() {
            return Ok(rows);
        }
        // The first source of each column is a single null, for rows that are new.
        let end = first + rows.num_rows() as u64;
        let places: Vec<(usize, usize)> =
            (first..end).map(|row| self.places.get(&row).map_or((0, 0), |(batch, at)| (batch + 1, *at))).collect();
        let schema = rows.schema();
        let mut columns = rows.columns().to_vec();
        for (slot, index) in self.columns.iter().enumerate() {
            let (Some(field), Some(column)) = (schema.fields().get(*index), columns.get_mut(*index)) else { continue };
            let null = new_null_array(field.data_type(), 1);
            let kept = self.batches.iter().filter_map(|batch| batch.get(slot).map(AsRef::as_ref));
            let sources: Vec<&dyn arrow::array::Array> = std::iter::once(null.as_ref()).chain(kept).collect();
            *column = interleave(&sources, &places)?;
        }
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}
