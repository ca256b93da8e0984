//! The columns of one page as Arrow arrays under the schema of the table.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, StructArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Fields, Schema};
use arrow::error::ArrowError;
use hashbrown::HashMap;

use super::build::{Column, ListValues, Record, Values};
use super::kind::Kind;
use super::shape::{Field, Shape};

/// The columns of a page under the table's schema, which is that of `shape`.
pub(super) fn columns(record: Record, shape: &Shape, schema: &Schema) -> Result<Vec<ArrayRef>, ArrowError> {
    member_arrays(record, shape, schema.fields())
}

fn member_arrays(record: Record, shape: &Shape, fields: &Fields) -> Result<Vec<ArrayRef>, ArrowError> {
    let rows = record.rows();
    let mut columns: HashMap<Arc<str>, Column> = record.into_columns().collect();
    let known = shape.fields().iter().filter(|field| field.kind.is_known());
    known
        .zip(fields)
        .map(|(field, stored)| match take(&mut columns, field) {
            Some(column) => {
                let (values, nulls) = column.into_parts(rows);
                array(values, nulls, &field.kind, stored.data_type(), rows)
            }
            None => Ok(new_null_array(stored.data_type(), rows)),
        })
        .collect()
}

fn take(columns: &mut HashMap<Arc<str>, Column>, field: &Field) -> Option<Column> {
    columns.remove(field.source.as_ref()?)
}

fn array(
    values: Values,
    nulls: Option<NullBuffer>,
    kind: &Kind,
    data_type: &DataType,
    rows: usize,
) -> Result<ArrayRef, ArrowError> {
    Ok(match (values, kind) {
        (Values::Unknown, _) => new_null_array(data_type, rows),
        (Values::Bool(values), Kind::Bool) => Arc::new(BooleanArray::new(values.into(), nulls)),
        (Values::Int(values), Kind::Int { .. }) => Arc::new(Int64Array::try_new(values.into(), nulls)?),
        (Values::Int(values), Kind::Float) => {
            #[expect(clippy::cast_precision_loss, reason = "the join has checked that nothing is lost")]
            let floats: Vec<f64> = values.into_iter().map(|value| value as f64).collect();
            Arc::new(Float64Array::try_new(floats.into(), nulls)?)
        }
        (Values::Float(values), Kind::Float) => Arc::new(Float64Array::try_new(values.into(), nulls)?),
        (Values::Text(texts), Kind::Text) => texts.into_array(nulls)?,
        (Values::Json(texts), Kind::Json | Kind::Text) => texts.into_array(nulls)?,
        (Values::Text(texts), Kind::Timestamp) => texts.into_timestamps(nulls)?,
        (Values::Timestamp(values), Kind::Timestamp) => {
            Arc::new(TimestampMicrosecondArray::try_new(values.into(), nulls)?.with_timezone("UTC"))
        }
        (Values::Date(values), Kind::Date) => Arc::new(Date32Array::try_new(values.into(), nulls)?),
        (Values::Struct(record), Kind::Struct(shape)) => struct_array(*record, shape, data_type, nulls, rows)?,
        (Values::List(list), Kind::List(item)) => list_array(*list, item, data_type, nulls)?,
        (_, kind) => {
            return Err(ArrowError::CastError(format!("values that did not join a column of {}", kind.name())));
        }
    })
}

fn struct_array(
    record: Record,
    shape: &Shape,
    data_type: &DataType,
    nulls: Option<NullBuffer>,
    rows: usize,
) -> Result<ArrayRef, ArrowError> {
    let DataType::Struct(fields) = data_type else {
        return Err(ArrowError::CastError("a struct in a column of another type".to_owned()));
    };
    let arrays = member_arrays(record, shape, fields)?;
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), arrays, nulls, rows)?))
}

fn list_array(
    list: ListValues,
    item: &Kind,
    data_type: &DataType,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    let DataType::List(field) = data_type else {
        return Err(ArrowError::CastError("a list in a column of another type".to_owned()));
    };
    let count = list.items.len();
    let (values, item_nulls) = list.items.into_parts(count);
    let items = array(values, item_nulls, item, field.data_type(), count)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(list.ends));
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, items, nulls)?))
}
