//! The columns of one page as Arrow arrays under the schema of the table.
//!
//! Nearly every column has one lane that is what its table holds, and is taken over as it is. What is not goes through
//! [`spread`](super::spread), value by value.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray,
    StructArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Fields, Schema};
use arrow::error::ArrowError;
use hashbrown::HashMap;

use super::build::{Column, Lane, ListValues, Record, Values};
use super::field::{Field, Outlet};
use super::kind::{Kind, fits_float, is_whole};
use super::shape::Shape;
use super::spread::{Slot, spread};

/// The columns of a page under the table's schema, which is that of `shape`.
pub(super) fn columns(record: Record, shape: &Shape, schema: &Schema) -> Result<Vec<ArrayRef>, ArrowError> {
    member_arrays(record, shape, schema.fields())
}

fn member_arrays(record: Record, shape: &Shape, fields: &Fields) -> Result<Vec<ArrayRef>, ArrowError> {
    let rows = record.rows();
    let mut columns: HashMap<Arc<str>, Column> = record.into_columns().collect();
    let mut stored = fields.iter();
    let mut arrays = Vec::with_capacity(fields.len());
    for field in shape.fields() {
        let mut slots: Vec<Slot<'_>> = field.outlets.iter().map(Outlet::slot).collect();
        for (slot, _) in slots.iter_mut().zip(&field.outlets).filter(|(_, outlet)| outlet.is_column()) {
            slot.data_type = stored.next().map(|stored| stored.data_type());
        }
        match take(&mut columns, field) {
            Some(column) => arrays.extend(slot_arrays(column, &slots, rows)?),
            None => arrays.extend(slots.iter().filter_map(|slot| Some(new_null_array(slot.data_type?, rows)))),
        }
    }
    Ok(arrays)
}

fn take(columns: &mut HashMap<Arc<str>, Column>, field: &Field) -> Option<Column> {
    columns.remove(field.source.as_ref()?)
}

/// The values of a column, each in the first of the slots that takes it; an array a slot.
pub(super) fn slot_arrays(column: Column, slots: &[Slot<'_>], rows: usize) -> Result<Vec<ArrayRef>, ArrowError> {
    let Some(first) = slots.first() else { return Ok(Vec::new()) };
    let Some(data_type) = first.data_type.filter(|_| is_plain(&column, first.kind)) else {
        return spread(column, slots, rows);
    };
    let mut arrays = Vec::with_capacity(slots.len());
    for lane in column.into_lanes().take(1) {
        arrays.push(lane_array(lane, first.kind, data_type, rows)?);
    }
    let others = slots.iter().skip(1).filter_map(|slot| slot.data_type);
    arrays.extend(others.map(|data_type| new_null_array(data_type, rows)));
    Ok(arrays)
}

/// Whether a column has one lane, which is what the table holds.
fn is_plain(column: &Column, kind: &Kind) -> bool {
    let mut lanes = column.lanes();
    let (Some(lane), None) = (lanes.next(), lanes.next()) else { return false };
    match (&lane.values, kind) {
        (Values::Unknown, _)
        | (Values::Bool(_), Kind::Bool)
        | (Values::Int(_), Kind::Int { .. })
        | (Values::Float(_), Kind::Float)
        | (Values::Text(_), Kind::Text) => true,
        (Values::Int(values), Kind::Float) => values.iter().copied().all(fits_float),
        (Values::Text(texts), Kind::Timestamp) => texts.are_instants(),
        (Values::List(list), Kind::List(item)) => is_plain(&list.items, item),
        (values, kind) => is_whole(values, kind),
    }
}

/// A lane as an array of a kind that takes all of its values.
pub(super) fn lane_array(lane: Lane, kind: &Kind, data_type: &DataType, rows: usize) -> Result<ArrayRef, ArrowError> {
    let (values, nulls) = lane.into_parts(rows);
    Ok(match (values, kind) {
        (Values::Unknown, _) => new_null_array(data_type, rows),
        (Values::Bool(values), Kind::Bool) => Arc::new(BooleanArray::new(values.into(), nulls)),
        (Values::Int(values), Kind::Int { .. }) => Arc::new(Int64Array::try_new(values.into(), nulls)?),
        (Values::Int(values), Kind::Float) => {
            #[expect(clippy::cast_precision_loss, reason = "each value was seen to be within 2^53")]
            let floats: Vec<f64> = values.into_iter().map(|value| value as f64).collect();
            Arc::new(Float64Array::try_new(floats.into(), nulls)?)
        }
        (Values::Float(floats), Kind::Float) => Arc::new(Float64Array::try_new(floats.into_values().into(), nulls)?),
        (Values::Text(texts), Kind::Text) => texts.into_array(nulls)?,
        (Values::Json(texts), Kind::Json | Kind::Text) => texts.into_array(nulls)?,
        (Values::Text(texts), Kind::Timestamp) => texts.into_timestamps(nulls)?,
        (Values::Timestamp(values), Kind::Timestamp) => {
            Arc::new(TimestampMicrosecondArray::try_new(values.into(), nulls)?.with_timezone("UTC"))
        }
        (Values::Binary(values), Kind::Binary) => {
            let valid = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            let bytes = values.iter().enumerate().map(|(row, bytes)| valid(row).then_some(bytes));
            Arc::new(bytes.collect::<BinaryArray>())
        }
        (Values::Date(values), Kind::Date) => Arc::new(Date32Array::try_new(values.into(), nulls)?),
        (Values::Decimal { unscaled, .. }, Kind::Decimal { .. }) => {
            Arc::new(Decimal128Array::try_new(unscaled.into(), nulls)?.with_data_type(data_type.clone()))
        }
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

/// Lists of items; an item that the kind does not take is null, and its list has to be null too.
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
    let slot = Slot { kind: item, is_fixed: false, data_type: Some(field.data_type()) };
    let items = slot_arrays(list.items, &[slot], count)?.pop();
    let items = items.unwrap_or_else(|| new_null_array(field.data_type(), count));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(list.ends));
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, items, nulls)?))
}
