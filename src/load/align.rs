//! Rows under the schema of a table: columns by name, missing ones null, narrower types cast.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

/// The columns of a table and, behind them, those that only the load has; members of structs likewise.
pub(super) fn union(table: &SchemaRef, load: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new(union_fields(table.fields(), load.fields())))
}

fn union_fields(table: &Fields, load: &Fields) -> Fields {
    let of_load = |name: &str| load.iter().find(|field| field.name().eq_ignore_ascii_case(name));
    let known = |name: &str| table.iter().any(|field| field.name().eq_ignore_ascii_case(name));
    let stored = table.iter().map(|field| match of_load(field.name()) {
        Some(other) => {
            let joined = union_type(field.data_type(), other.data_type());
            Arc::new(field.as_ref().clone().with_data_type(joined))
        }
        None => Arc::clone(field),
    });
    let added = load.iter().filter(|field| !known(field.name())).map(Arc::clone);
    stored.chain(added).collect()
}

fn union_type(table: &DataType, load: &DataType) -> DataType {
    match (table, load) {
        (DataType::Struct(table), DataType::Struct(load)) => DataType::Struct(union_fields(table, load)),
        (DataType::List(table), DataType::List(load)) => {
            let item = union_type(table.data_type(), load.data_type());
            DataType::List(Arc::new(table.as_ref().clone().with_data_type(item)))
        }
        (table, _) => table.clone(),
    }
}

/// The same rows under another schema that holds at least as much.
pub(super) fn align(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if rows.schema_ref() == schema {
        return Ok(rows.clone());
    }
    let stored = rows.schema_ref().fields();
    let columns = members(stored, rows.columns(), schema.fields(), rows.num_rows())?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

fn members(stored: &Fields, columns: &[ArrayRef], wanted: &Fields, rows: usize) -> Result<Vec<ArrayRef>, ArrowError> {
    wanted
        .iter()
        .map(|field| {
            let found = stored.iter().position(|stored| stored.name().eq_ignore_ascii_case(field.name()));
            match found.and_then(|index| columns.get(index)) {
                Some(column) => align_column(column, field.data_type()),
                None => Ok(new_null_array(field.data_type(), rows)),
            }
        })
        .collect()
}

fn align_column(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    match (column.data_type(), wanted) {
        (same, wanted) if same == wanted => Ok(Arc::clone(column)),
        (DataType::Struct(stored), DataType::Struct(fields)) => {
            let values = column.as_struct();
            let columns = members(stored, values.columns(), fields, values.len())?;
            let nulls = values.nulls().cloned();
            Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, values.len())?))
        }
        (DataType::List(_), DataType::List(item)) => {
            let list: &ListArray = column.as_list();
            let values = align_column(list.values(), item.data_type())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, nulls)?))
        }
        _ => cast(column, wanted),
    }
}
