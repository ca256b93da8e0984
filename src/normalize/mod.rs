//! Pages into batches of one table: JSON to Arrow in one walk.
//!
//! 1. [`Decoder::decode`] walks a page's nodes into typed columns by source key. Pages decode in parallel, in any order.
//! 2. [`Normalizer::push`] takes the drafts in page order and joins their types into the shape of the table. As long as no
//!    batch has left, types are open: they are the join of all values seen.
//! 3. When the held drafts reach their budget, or at the end, types are settled and the drafts become [`TableBatch`]es. From
//!    then on each draft becomes a batch at once; new columns and widened types show in the batch's schema.
//!
//! Pure: no I/O, no async, no clock. What it does not do: fetch, write, or know what a commit is.

mod arrays;
mod build;
mod decode;
mod error;
mod hints;
mod join;
mod kind;
mod names;
mod shape;
mod timestamp;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

pub use decode::{Decoder, Draft};
pub use error::{NormalizeError, NormalizeErrorKind};

use crate::flow::{ChangeKind, LoadSchema, SchemaChange, TableBatch, TableState};
use crate::plan::{Limits, ResourcePlan, SafeUrl, WriteDisposition};
use join::{Clash, Joiner};
use kind::Kind;
use names::ColumnNames;
use shape::Shape;

/// Joins the drafts of one resource, in page order, into batches of its table.
#[derive(Debug)]
pub struct Normalizer {
    resource: crate::plan::ResourceName,
    names: ColumnNames,
    shape: Arc<Shape>,
    schema: SchemaRef,
    stored: Option<SchemaRef>,
    key: Vec<String>,
    nesting_max: usize,
    /// Drafts whose types are still open, in page order.
    held: Vec<Draft>,
    held_bytes: usize,
    held_bytes_max: usize,
    settled: bool,
    changes: Vec<SchemaChange>,
}

/// The share of the memory budget for drafts whose types are open; the rest is for pages, batches and the file being written.
const HELD_SHARE: u64 = 4;

impl Normalizer {
    /// Starts from what the table and the config say.
    ///
    /// # Errors
    /// When a hint contradicts the table.
    pub fn new(plan: &ResourcePlan, limits: &Limits, state: &TableState) -> Result<Self, NormalizeError> {
        let names = ColumnNames::new(plan.naming, &plan.rename);
        let located = |kind| NormalizeError { resource: plan.name.clone(), page: None, row: None, kind };
        let shape = hints::initial_shape(&plan.columns, &names, state).map_err(located)?;
        Ok(Self {
            resource: plan.name.clone(),
            names,
            schema: shape.arrow_schema(),
            shape: Arc::new(shape),
            stored: state.schema.clone(),
            key: Self::key_columns(plan),
            nesting_max: limits.nesting_max,
            held: Vec::new(),
            held_bytes: 0,
            held_bytes_max: usize::try_from(limits.memory_bytes.get() / HELD_SHARE).unwrap_or(usize::MAX),
            settled: false,
            changes: Vec::new(),
        })
    }

    /// A decoder that knows what is settled so far.
    pub fn decoder(&self) -> Decoder {
        Decoder { resource: self.resource.clone(), shape: Arc::clone(&self.shape), nesting_max: self.nesting_max }
    }

    /// The key columns of a merge, by column name; none for other loads.
    pub fn key_columns(plan: &ResourcePlan) -> Vec<String> {
        let names = ColumnNames::new(plan.naming, &plan.rename);
        match &plan.write {
            WriteDisposition::Merge { key } => key.iter().map(|column| names.resolve(column)).collect(),
            WriteDisposition::Append | WriteDisposition::Replace | WriteDisposition::Skip => Vec::new(),
        }
    }

    /// Takes the next draft in page order, and gives the batches that are ready.
    ///
    /// # Errors
    /// When values do not join the columns of earlier pages, or a key is missing.
    pub fn push(&mut self, draft: Draft) -> Result<Vec<TableBatch>, NormalizeError> {
        let mut joiner = Joiner { names: &self.names, changes: &mut self.changes };
        let joined = joiner.join(Arc::make_mut(&mut self.shape), &draft.record);
        joined.map_err(|clash| self.clashed(&draft.page, &clash))?;
        if draft.rows() == 0 {
            return Ok(Vec::new());
        }
        self.held_bytes += draft.bytes();
        self.held.push(draft);
        if self.settled || self.held_bytes >= self.held_bytes_max {
            return self.release();
        }
        Ok(Vec::new())
    }

    /// The batches that were still held; no draft may follow.
    ///
    /// # Errors
    /// As [`Normalizer::push`].
    pub fn finish(&mut self) -> Result<Vec<TableBatch>, NormalizeError> {
        self.release()
    }

    /// The columns of the load, once all batches have been handed out.
    pub fn load_schema(&self) -> LoadSchema {
        let stored = |name: &str| self.stored.as_ref().is_some_and(|schema| schema.field_with_name(name).is_ok());
        let unseen = self.shape.fields().iter().filter(|field| !field.seen && stored(&field.name));
        LoadSchema { columns: Arc::clone(&self.schema), unseen: unseen.map(|field| field.name.to_string()).collect() }
    }

    /// What the load changes in the table's schema, columns that are new first.
    pub fn schema_changes(&self) -> Vec<SchemaChange> {
        let known = |schema: &Schema, name: &str| schema.field_with_name(name).is_ok();
        let added = self
            .shape
            .fields()
            .iter()
            .filter(|field| field.kind.is_known())
            .filter(|field| !self.stored.as_ref().is_some_and(|schema| known(schema, &field.name)))
            .map(|field| SchemaChange {
                column: field.name.to_string(),
                change: ChangeKind::Added,
                from: None,
                to: Some(field.kind.name().to_owned()),
            });
        added.chain(self.changes.iter().cloned()).collect()
    }

    /// The columns that held only null, `{}` or `[]`, so that none was made.
    pub fn null_only(&self) -> Vec<String> {
        let mut found = Vec::new();
        shape::empty_columns(&self.shape, "", &mut found);
        found
    }

    fn release(&mut self) -> Result<Vec<TableBatch>, NormalizeError> {
        let first = !self.settled && self.stored.is_none();
        let shape = Arc::make_mut(&mut self.shape);
        if join::settle(shape) || first {
            if first {
                // Statistics are kept for the first columns of a table, and merges prune by those of the key.
                shape.put_first(&self.key);
            }
            self.schema = shape.arrow_schema();
        }
        self.settled = self.settled || !self.held.is_empty();
        self.held_bytes = 0;
        let drafts = std::mem::take(&mut self.held);
        drafts.into_iter().map(|draft| self.batch(draft)).collect()
    }

    fn batch(&self, draft: Draft) -> Result<TableBatch, NormalizeError> {
        let Draft { page, record } = draft;
        let located =
            |row, kind| NormalizeError { resource: self.resource.clone(), page: Some(page.clone()), row, kind };
        let internal = |error| located(None, NormalizeErrorKind::Internal(error));
        let count = record.rows();
        let columns = arrays::columns(record, &self.shape, &self.schema).map_err(internal)?;
        self.check(&columns).map_err(|(row, kind)| located(row.map(|row| row as u64 + 1), kind))?;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(internal)?;
        Ok(TableBatch { rows })
    }

    /// Whether the key and the columns that hints require are there in every row.
    fn check(&self, columns: &[ArrayRef]) -> Result<(), (Option<usize>, NormalizeErrorKind)> {
        for name in &self.key {
            let kind = self.shape.by_name(name).map_or(&Kind::Unknown, |field| &field.kind);
            if matches!(kind, Kind::Float | Kind::Json | Kind::List(_) | Kind::Struct(_)) {
                return Err((None, NormalizeErrorKind::KeyType { column: name.clone(), holds: kind.name() }));
            }
            if let Some(row) = self.first_null(columns, name) {
                return Err((Some(row), NormalizeErrorKind::NullKey { column: name.clone() }));
            }
        }
        for field in self.shape.fields().iter().filter(|field| field.required) {
            if let Some(row) = self.first_null(columns, &field.name) {
                return Err((Some(row), NormalizeErrorKind::NullColumn { column: field.name.to_string() }));
            }
        }
        Ok(())
    }

    /// The first row in which a column is null; a column that is not there is null in every row.
    fn first_null(&self, columns: &[ArrayRef], name: &str) -> Option<usize> {
        let found = self.schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name));
        let Some(column) = found.and_then(|index| columns.get(index)) else { return Some(0) };
        let nulls = column.logical_nulls()?;
        (0..nulls.len()).find(|row| nulls.is_null(*row))
    }

    #[cold]
    fn clashed(&self, page: &(u64, SafeUrl), clash: &Clash) -> NormalizeError {
        let path: Vec<&str> = clash.path.iter().map(AsRef::as_ref).collect();
        NormalizeError {
            resource: self.resource.clone(),
            page: Some(page.clone()),
            row: Some(clash.row as u64 + 1),
            kind: NormalizeErrorKind::Misfit {
                column: path.join("."),
                holds: clash.holds,
                seen: clash.seen.to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
