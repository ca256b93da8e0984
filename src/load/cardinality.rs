//! Which columns are not worth a dictionary: those of which nearly every value is another one.
//!
//! A Parquet writer tries a dictionary for every column of every row group, and gives it up when it has grown to a megabyte. For keys
//! and times that is a fifth of the time that encoding takes, and makes the file no smaller.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use hashbrown::HashSet;
use parquet::schema::types::ColumnPath;

/// Rows that are looked at.
const SAMPLE_ROWS: usize = 4096;
/// Values that tell too little.
const SAMPLE_MIN: usize = 256;

/// The leaves outside of lists of whose values in the first of some rows more than three in four are distinct.
pub(super) fn mostly_distinct(rows: &[RecordBatch]) -> Result<Vec<ColumnPath>, ArrowError> {
    let mut found = Vec::new();
    let Some(first) = rows.first() else { return Ok(found) };
    for (index, field) in first.schema_ref().fields().iter().enumerate() {
        let mut parts: Vec<ArrayRef> = Vec::new();
        let mut left = SAMPLE_ROWS;
        for column in rows.iter().filter_map(|rows| rows.columns().get(index)) {
            parts.push(column.slice(0, column.len().min(left)));
            left -= column.len().min(left);
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        look_at(&concat(&parts)?, vec![field.name().clone()], &mut found)?;
    }
    Ok(found)
}

fn look_at(column: &ArrayRef, path: Vec<String>, found: &mut Vec<ColumnPath>) -> Result<(), ArrowError> {
    match column.data_type() {
        DataType::Struct(fields) => {
            for (field, member) in fields.iter().zip(column.as_struct().columns()) {
                let member_path = path.iter().chain([field.name()]).cloned().collect();
                look_at(member, member_path, found)?;
            }
        }
        DataType::List(_) | DataType::Boolean => {}
        _ => {
            let values = column.len() - column.null_count();
            if values >= SAMPLE_MIN && distinct(column)? * 4 > values * 3 {
                found.push(ColumnPath::new(path));
            }
        }
    }
    Ok(())
}

fn distinct(column: &ArrayRef) -> Result<usize, ArrowError> {
    let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())])?;
    let rows = converter.convert_columns(std::slice::from_ref(column))?;
    Ok(rows.iter().map(|row| row.data()).collect::<HashSet<_>>().len())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray, StructArray};

    use super::*;

    #[test]
    fn keys_are_told_from_classes() {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..600));
        let classes: ArrayRef = Arc::new(StringArray::from_iter_values((0..600).map(|row| format!("c{}", row % 400))));
        let inner: ArrayRef = Arc::new(StructArray::try_from(vec![("id", Arc::clone(&ids))]).expect("a struct"));
        let rows = RecordBatch::try_from_iter([("id", ids), ("class", classes), ("o", inner)]).expect("rows");
        let paths = |rows: &[RecordBatch]| {
            let found = mostly_distinct(rows).expect("comparable types");
            found.iter().map(ColumnPath::string).collect::<Vec<_>>()
        };
        assert_eq!(paths(&[rows.slice(0, 100), rows.slice(100, 500)]), ["id", "o.id"]);
        assert!(paths(&[rows.slice(0, 100)]).is_empty(), "too few to tell");
    }
}
