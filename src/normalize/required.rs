//! Whether the rows of a batch have what they must have: the values of their key, and of columns that may not be null.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;

use super::field::{Field, Outlet};
use super::kind::Kind;
use super::{NormalizeErrorKind, Normalizer};
use crate::flow::KeyColumn;

impl Normalizer {
    /// Whether the key and the columns that hints require are there in every row.
    pub(super) fn check(
        &self,
        columns: &[ArrayRef],
        key: &[KeyColumn],
    ) -> Result<(), (Option<usize>, NormalizeErrorKind)> {
        for column in key {
            if column.is_contested_by(&self.schema) {
                return Err((None, NormalizeErrorKind::ContestedKey { column: column.to_string() }));
            }
            let field = self.shape.by_path(column.path());
            let kind = field.map_or(&Kind::Unknown, |field| field.kind());
            if matches!(kind, Kind::Float | Kind::Json | Kind::List(_) | Kind::Struct(_)) {
                return Err((None, NormalizeErrorKind::KeyType { column: column.to_string(), holds: kind.name() }));
            }
            if let Some(row) = self.first_null(columns, column.path()) {
                let variant = field.and_then(|field| self.variant_in(columns, column.path(), field, row));
                let column = column.to_string();
                let fault = match variant {
                    Some(seen) => NormalizeErrorKind::Misfit { column, holds: kind.name(), seen },
                    None => NormalizeErrorKind::NullKey { column },
                };
                return Err((Some(row), fault));
            }
        }
        for field in self.shape.fields().iter().filter(|field| field.required || !field.nullable) {
            if let Some(row) = self.first_null(columns, &[field.name.to_string()]) {
                return Err((Some(row), NormalizeErrorKind::NullColumn { column: field.name.to_string() }));
            }
        }
        Ok(())
    }

    /// What a row holds in place of what the column at a path could take.
    fn variant_in(&self, columns: &[ArrayRef], path: &[String], field: &Field, row: usize) -> Option<String> {
        let above = path.split_last().map_or(&[][..], |(_, above)| above);
        let holds = |outlet: &&Outlet| {
            let place = [above, &[outlet.name.to_string()]].concat();
            self.valid_rows(columns, &place).is_some_and(|nulls| nulls.is_none_or(|nulls| nulls.is_valid(row)))
        };
        field.outlets.iter().skip(1).find(holds).map(|outlet| format!("a {}", outlet.kind.name()))
    }

    /// The first row in which a column is null; a column that is not there is null in every row.
    fn first_null(&self, columns: &[ArrayRef], path: &[String]) -> Option<usize> {
        let Some(nulls) = self.valid_rows(columns, path) else { return Some(0) };
        let nulls = nulls?;
        (0..nulls.len()).find(|row| nulls.is_null(*row))
    }

    /// Which rows have a value in the column at a path, the inner `None`: all; the outer: there is no such column.
    fn valid_rows(&self, columns: &[ArrayRef], path: &[String]) -> Option<Option<NullBuffer>> {
        let (first, below) = path.split_first()?;
        let index = self.schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(first))?;
        let mut column = columns.get(index)?;
        let mut nulls = column.logical_nulls();
        for name in below {
            let members = column.as_struct_opt()?;
            let index = members.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name))?;
            column = members.columns().get(index)?;
            nulls = NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref());
        }
        Some(nulls)
    }
}
