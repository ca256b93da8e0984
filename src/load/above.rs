//! Rows of a merge that cannot be in the table yet, because their keys lie above all that it has: they need not be compared.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use serde_json::Value;

use super::key::values;
use super::table::Snapshot;
use crate::flow::KeyColumn;

/// What tells it: the first key column, of integers, whose greatest value the log has for every file.
pub(super) struct Above {
    column: KeyColumn,
    /// The greatest value in the table; `None`: it has no rows.
    greatest: Option<i64>,
    /// The first value of the load.
    least: Option<i64>,
}

impl Above {
    /// For a table of this version; `None`: it cannot be told.
    pub(super) fn of(snapshot: Option<&Snapshot>, column: &KeyColumn) -> Option<Self> {
        let mut column = column.clone();
        snapshot.into_iter().for_each(|snapshot| column.settle_by_table(&snapshot.schema));
        let greatest = snapshot.map_or(Some(None), |snapshot| greatest(snapshot, &column))?;
        Some(Self { column, greatest, least: None })
    }

    /// Whether the table has rows.
    pub(super) fn has_rows(&self) -> bool {
        self.greatest.is_some()
    }

    /// Whether rows with rising keys lie above the table's. `column` is the first of their key.
    pub(super) fn takes(&mut self, rows: &RecordBatch, column: &KeyColumn) -> bool {
        if !self.has_rows() {
            self.column.clone_from(column);
        }
        let found = values(rows, column).filter(|_| self.column.path() == column.path());
        let values = found.as_ref().and_then(|values| values.as_primitive_opt::<Int64Type>());
        let Some(first) =
            values.filter(|values| !values.is_empty() && values.null_count() == 0).map(|values| values.value(0))
        else {
            return self.greatest.is_none();
        };
        let least = *self.least.get_or_insert(first);
        self.greatest.is_none_or(|greatest| greatest < least)
    }

    /// Whether the rows that were taken lie above those of a version of the table.
    pub(super) fn lies_above(&self, snapshot: &Snapshot) -> bool {
        match (greatest(snapshot, &self.column), self.least) {
            (Some(None), _) => true,
            (Some(Some(greatest)), Some(least)) => greatest < least,
            _ => false,
        }
    }
}

/// The greatest value of a column of integers; the inner `None`: there are no rows; the outer: a file does not tell.
fn greatest(snapshot: &Snapshot, column: &KeyColumn) -> Option<Option<i64>> {
    let bounds = snapshot.files.iter().map(|file| file.bounds(column.path()).and_then(|(_, high)| Value::as_i64(high)));
    bounds.collect::<Option<Vec<i64>>>().map(|bounds| bounds.into_iter().max())
}
