//! Pages into batches of one table: JSON to Arrow in one walk.
//!
//! 1. A [`Decoder`] reads bodies straight into typed columns by source key, or walks the nodes of a page that was parsed before
//!    it was known where its rows are. Pages decode in parallel, in any order.
//! 2. [`Normalizer::push`] takes the drafts in page order and joins their types into the shape of the table. As long as no
//!    batch has left, types are open: they are the join of all values seen.
//! 3. When the held drafts reach their budget, or at the end, types are settled and the drafts become [`TableBatch`]es. From
//!    then on each draft becomes a batch at once; new columns and widened types show in the batch's schema.
//!
//! Pure: no I/O, no async, no clock. What it does not do: fetch, write, or know what a commit is.

mod arrays;
mod arrow_types;
mod build;
mod changes;
mod contract;
mod decode;
mod error;
mod field;
mod hints;
mod join;
mod kind;
mod names;
mod render;
mod required;
mod seen;
mod shape;
mod spread;
mod timestamp;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::compute::filter;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

pub use decode::{Decoder, Draft, Rows};
pub use error::{NormalizeError, NormalizeErrorKind};

use crate::flow::{ChangeKind, KeyColumn, KeyColumns, LoadSchema, Reject, SchemaChange, TableBatch, TableState};
use crate::plan::{ContractMode, Limits, MissingKey, ResourcePlan, TypeConflict, WriteDisposition};
use build::Levels;
use join::{Joiner, Rules};
use names::ColumnNames;
use shape::Shape;

/// Joins the drafts of one resource, in page order, into batches of its table.
#[derive(Debug)]
pub struct Normalizer {
    resource: crate::plan::ResourceName,
    names: ColumnNames,
    shape: Shape,
    decoder: Decoder,
    schema: SchemaRef,
    stored: Option<SchemaRef>,
    key: Vec<KeyColumn>,
    /// Drafts whose types are still open, in page order.
    held: Vec<Draft>,
    held_bytes: usize,
    held_bytes_max: usize,
    settled: bool,
    rules: Rules,
    /// A row without its key is rejected, and is no error.
    rejects_missing_keys: bool,
    /// A table that may not be made: every row is kept out.
    keeps_table_out: bool,
    /// A settled column has changed since the schema was made.
    grown: bool,
    changes: Vec<SchemaChange>,
}

/// The share of the memory budget for drafts whose types are open; the rest is for pages, batches and the file being written.
const HELD_SHARE: u64 = 4;

impl Normalizer {
    /// Starts from what the table and the config say.
    ///
    /// # Errors
    /// When a hint contradicts the table, or the schema contract does not let a new one be made.
    pub fn new(plan: &ResourcePlan, limits: &Limits, state: &TableState) -> Result<Self, NormalizeError> {
        let names = ColumnNames::new(plan.naming, &plan.rename);
        let located = |kind| NormalizeError { resource: plan.name.clone(), page: None, row: None, kind };
        let is_new = !state.exists;
        if is_new && plan.schema.contract.tables == ContractMode::Freeze {
            let reason = "the table is new, and `schema_contract.tables` is `freeze`";
            return Err(located(NormalizeErrorKind::Frozen { column: plan.table.to_string(), reason }));
        }
        let mut key = Self::key_columns(plan).required();
        state.schema.iter().for_each(|table| key.iter_mut().for_each(|column| column.settle_by_table(table)));
        let shape = hints::initial_shape(&plan.columns, &names, state).map_err(located)?;
        let rules = Rules {
            infer_dates: plan.schema.infer_dates,
            widens_table: plan.schema.type_conflict == TypeConflict::Widen,
            columns: if state.schema.is_none() { ContractMode::Evolve } else { plan.schema.contract.columns },
            variants: plan.schema.contract.data_type,
            page: 0,
        };
        let levels = Levels::new(limits.nesting_max, plan.schema.text_below);
        Ok(Self {
            resource: plan.name.clone(),
            names,
            schema: shape.arrow_schema(),
            decoder: Decoder::new(plan.name.clone(), &shape, levels),
            shape,
            stored: state.schema.clone(),
            key,
            held: Vec::new(),
            held_bytes: 0,
            held_bytes_max: usize::try_from(limits.memory_bytes.get() / HELD_SHARE).unwrap_or(usize::MAX),
            settled: false,
            rules,
            rejects_missing_keys: plan.schema.missing_key == MissingKey::Reject,
            keeps_table_out: is_new && plan.schema.contract.tables != ContractMode::Evolve,
            grown: false,
            changes: Vec::new(),
        })
    }

    /// The normaliser of what follows once all batches so far are committed: what the table has now is settled. Drafts of the decoder
    /// stay good.
    ///
    /// # Errors
    /// As [`Normalizer::new`].
    pub fn go_on(&self, plan: &ResourcePlan, limits: &Limits, state: &TableState) -> Result<Self, NormalizeError> {
        let mut next = Self::new(plan, limits, state)?;
        // The table may be of this very load: what its columns may be does not depend on where its parts are cut.
        next.rules.columns = self.rules.columns;
        next.key.clone_from(&self.key);
        // Files of the table have been written: nothing is held back any more to see what types there are.
        next.held_bytes_max = 0;
        next.decoder = self.decoder.clone();
        next.decoder.settle(&next.shape);
        Ok(next)
    }

    /// The decoder of its pages.
    pub fn decoder(&self) -> Decoder {
        self.decoder.clone()
    }

    /// The columns that have a part in how the rows are written, by column name.
    pub fn key_columns(plan: &ResourcePlan) -> KeyColumns {
        let names = ColumnNames::new(plan.naming, &plan.rename);
        let all = |columns: &[String]| columns.iter().map(|column| names.resolve(column)).collect();
        let keys = |columns: &[String]| columns.iter().map(|column| names.key_column(column)).collect();
        let one = |column: &Option<String>| column.as_ref().map(|column| names.resolve(column));
        let columns = match &plan.write {
            WriteDisposition::Merge(merge) => KeyColumns {
                key: keys(&merge.key),
                merge_key: keys(&merge.merge_key),
                hard_delete: one(&merge.hard_delete),
                dedup_sort: merge.dedup_sort.as_ref().map(|sort| (names.resolve(&sort.column), sort.is_descending)),
                ..KeyColumns::default()
            },
            WriteDisposition::Scd2(rules) => {
                KeyColumns { merge_key: keys(&rules.merge_key), version: one(&rules.version), ..KeyColumns::default() }
            }
            WriteDisposition::Append | WriteDisposition::Replace | WriteDisposition::Skip => KeyColumns::default(),
        };
        KeyColumns { partitions: all(&plan.delta.partitions), ..columns }
    }

    /// Takes the next draft in page order, and gives the batches that are ready.
    ///
    /// # Errors
    /// When values do not join the columns of earlier pages, or a key is missing.
    pub fn push(&mut self, draft: Draft) -> Result<Vec<TableBatch>, NormalizeError> {
        if self.keeps_table_out {
            return Ok(vec![self.kept_out(&draft)]);
        }
        self.rules.page = draft.page.0;
        let mut joiner = Joiner {
            names: &self.names,
            rules: self.rules,
            key: &self.key,
            changes: &mut self.changes,
            changed: false,
        };
        joiner.join(&mut self.shape, &draft.record);
        self.grown |= joiner.changed;
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
        if self.keeps_table_out {
            return LoadSchema { columns: Arc::new(Schema::empty()), unseen: Vec::new(), widened: Vec::new() };
        }
        let unused = self.shape.fields().iter().filter(|field| !field.is_used);
        let columns = unused.flat_map(|field| &field.outlets).map(|outlet| outlet.name.to_string());
        let unseen = columns.filter(|name| self.is_stored(name)).collect();
        let widened = self.changes.iter().filter(|change| change.change == ChangeKind::Widened);
        let widened = widened.map(|change| change.column.clone()).filter(|name| self.is_stored(name)).collect();
        LoadSchema { columns: Arc::clone(&self.schema), unseen, widened }
    }

    /// What the load changes in the table's schema, columns that are new first.
    pub fn schema_changes(&self) -> Vec<SchemaChange> {
        let mut changes = Vec::new();
        if self.keeps_table_out {
            return changes;
        }
        let stored = self.stored.as_ref().map(|schema| schema.fields());
        changes::new_columns(&self.shape, stored, "", &mut changes);
        changes.extend(self.changes.iter().cloned());
        changes
    }

    fn is_stored(&self, name: &str) -> bool {
        self.stored.as_ref().is_some_and(|schema| schema.field_with_name(name).is_ok())
    }

    /// The columns that held only null, `{}` or `[]`, so that none was made.
    pub fn null_only(&self) -> Vec<String> {
        let mut found = Vec::new();
        changes::empty_columns(&self.shape, "", &mut found);
        found
    }

    fn release(&mut self) -> Result<Vec<TableBatch>, NormalizeError> {
        let first = !self.settled && self.stored.is_none();
        let shape = &mut self.shape;
        if join::settle(shape, self.rules) || std::mem::take(&mut self.grown) || first {
            if first {
                // Statistics are kept for the first columns of a table, and merges prune by those of the key.
                let key = settled(&self.key, &shape.arrow_schema());
                shape.put_first(&key.iter().map(KeyColumn::path).collect::<Vec<_>>());
            }
            self.schema = shape.arrow_schema();
            self.decoder.settle(shape);
        }
        self.settled = self.settled || !self.held.is_empty();
        self.held_bytes = 0;
        let drafts = std::mem::take(&mut self.held);
        drafts.into_iter().map(|draft| self.batch(draft)).collect()
    }

    fn batch(&mut self, draft: Draft) -> Result<TableBatch, NormalizeError> {
        let key = settled(&self.key, &self.schema);
        let rejects = self.rejects(&draft, &key)?;
        let Draft { page, record } = draft;
        let located =
            |row, kind| NormalizeError { resource: self.resource.clone(), page: Some(page.clone()), row, kind };
        let internal = |error| located(None, NormalizeErrorKind::Internal(error));
        let count = record.rows();
        let gone: BTreeSet<u64> = rejects.iter().filter(|reject| reject.is_row).map(|reject| reject.row - 1).collect();
        let mut columns = arrays::columns(record, &self.shape, &self.schema).map_err(internal)?;
        if !gone.is_empty() {
            let is_kept: BooleanArray = (0..count as u64).map(|row| Some(!gone.contains(&row))).collect();
            columns =
                columns.iter().map(|column| filter(column, &is_kept)).collect::<Result<_, _>>().map_err(internal)?;
        }
        let kept = (0..count as u64).filter(|row| !gone.contains(row));
        let original = |row: Option<usize>| kept.clone().nth(row?).map(|row| row + 1);
        if count > gone.len() {
            self.check(&columns, &key).map_err(|(row, kind)| located(original(row), kind))?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count - gone.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(internal)?;
        if rows.num_rows() > 0 {
            // Where the rows wait for their commit the same columns tell.
            self.key = key;
        }
        Ok(TableBatch { rows, rejects })
    }

    /// What the schema contract keeps out of a page.
    fn rejects(&self, draft: &Draft, key: &[KeyColumn]) -> Result<Vec<Reject>, NormalizeError> {
        let mut rejects: Vec<Reject> = Vec::new();
        if self.rejects_missing_keys && !key.is_empty() {
            let reason = "the row lacks a value of its key, and `on_missing_key` is `reject`";
            for (row, column) in contract::without_key(&draft.record, &self.shape, key) {
                let value = render::row(&draft.record, row);
                let column = Some(column.to_string());
                rejects.push(Reject { page: draft.page.0, row: row as u64 + 1, column, reason, value, is_row: true });
            }
        }
        if self.rules.columns == ContractMode::Evolve && self.rules.variants == ContractMode::Evolve {
            return Ok(rejects);
        }
        for denial in contract::denials(&draft.record, &self.shape) {
            let (row, reason) = (denial.row as u64 + 1, contract::reason(&denial));
            if denial.mode == ContractMode::Freeze {
                return Err(NormalizeError {
                    resource: self.resource.clone(),
                    page: Some(draft.page.clone()),
                    row: Some(row),
                    kind: NormalizeErrorKind::Frozen { column: denial.column, reason },
                });
            }
            let is_row = denial.mode == ContractMode::DiscardRow;
            if is_row && rejects.iter().any(|known| known.is_row && known.row == row) {
                continue;
            }
            let value = if is_row { render::row(&draft.record, denial.row) } else { denial.value };
            rejects.push(Reject { page: draft.page.0, row, column: Some(denial.column), reason, value, is_row });
        }
        Ok(rejects)
    }

    /// Every row of a page, for a table that may not be made.
    fn kept_out(&self, draft: &Draft) -> TableBatch {
        let reason = "the table is new, and `schema_contract.tables` lets none be made";
        let reject = |row: usize| Reject {
            page: draft.page.0,
            row: row as u64 + 1,
            column: None,
            reason,
            value: render::row(&draft.record, row),
            is_row: true,
        };
        let rejects = (0..draft.rows()).map(reject).collect();
        TableBatch { rows: RecordBatch::new_empty(Arc::new(Schema::empty())), rejects }
    }
}

/// Key columns, as far as the columns of some rows tell which they are.
fn settled(key: &[KeyColumn], columns: &Schema) -> Vec<KeyColumn> {
    let mut key = key.to_vec();
    key.iter_mut().for_each(|column| column.settle_by(columns));
    key
}

#[cfg(test)]
mod tests;
