//! Which row of a key counts where a column tells (`dedup_sort`), and which rows take others out (`hard_delete`).

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};
use hashbrown::HashMap;

use super::error::LoadErrorKind;
use super::key::position;

/// Whether a row of a `hard_delete` column takes the row of its key out of the table.
pub(super) fn deletes(column: &ArrayRef, row: usize) -> bool {
    match column.data_type() {
        DataType::Boolean => column.is_valid(row) && column.as_boolean().value(row),
        _ => column.is_valid(row),
    }
}

/// The order of a column, by which the row of a key is chosen.
pub(super) struct Order {
    column: String,
    is_descending: bool,
    converter: Option<(DataType, RowConverter)>,
    /// The values of the rows that are being noted; `None`: they lack the column.
    values: Option<(Rows, ArrayRef)>,
    /// The value of every row that counts so far, if it has one.
    winners: HashMap<u64, OwnedRow>,
}

impl Order {
    pub(super) fn new((column, is_descending): &(String, bool)) -> Self {
        Self {
            column: column.clone(),
            is_descending: *is_descending,
            converter: None,
            values: None,
            winners: HashMap::new(),
        }
    }

    /// Forgets which rows count so far.
    pub(super) fn forget(&mut self) {
        self.winners = HashMap::new();
    }

    /// Takes the values of the next rows.
    ///
    /// # Errors
    /// When the column has another type than before, so that its values cannot be compared.
    pub(super) fn begin(&mut self, rows: &RecordBatch) -> Result<(), LoadErrorKind> {
        self.values = None;
        let found = position(rows.schema_ref(), &self.column).and_then(|index| rows.columns().get(index));
        let Some(column) = found else { return Ok(()) };
        let (data_type, converter) = match &mut self.converter {
            Some(converter) => converter,
            None => {
                let field = SortField::new(column.data_type().clone());
                self.converter.insert((column.data_type().clone(), RowConverter::new(vec![field])?))
            }
        };
        if data_type != column.data_type() {
            let problem = format!(
                "the values of `{}` (`dedup_sort`) were {data_type}, and are now {}",
                self.column,
                column.data_type()
            );
            return Err(ArrowError::SchemaError(problem).into());
        }
        self.values = Some((converter.convert_columns(&[ArrayRef::clone(column)])?, ArrayRef::clone(column)));
        Ok(())
    }

    /// Whether a row counts, of those being noted that with an index, and not the one that did so far, which may be the same. A row
    /// without a value loses against one that has one; of equal ones the later counts.
    pub(super) fn wins(&mut self, index: usize, row: u64, winner: u64) -> bool {
        let value =
            self.values.as_ref().filter(|(_, column)| column.is_valid(index)).map(|(rows, _)| rows.row(index).owned());
        let wins = match (&value, self.winners.get(&winner)) {
            _ if row == winner => true,
            (Some(value), Some(best)) if self.is_descending => value >= best,
            (Some(value), Some(best)) => value <= best,
            (None, Some(_)) => false,
            (_, None) => true,
        };
        if wins {
            self.winners.remove(&winner);
            if let Some(value) = value {
                self.winners.insert(row, value);
            }
        }
        wins
    }
}
