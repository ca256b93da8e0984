//! Values of several kinds, each into the first column that takes it: the rare way from lanes to arrays.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_not_null, take};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::arrays::lane_array;
use super::build::{Column, DIGITS_MAX, Lane, ListValues, Values, exact_int, parse_decimal};
use super::kind::{Class, Kind, class_of, is_whole};
use super::render;
use super::timestamp::{parse_date, parse_timestamp};

/// A column that may take values.
pub(super) struct Slot<'a> {
    pub(super) kind: &'a Kind,
    /// The table has it.
    pub(super) is_fixed: bool,
    /// The type of the column; `None`: it takes its values out of sight, because it may not be there.
    pub(super) data_type: Option<&'a DataType>,
}

impl Slot<'_> {
    fn takes(&self, class: Class) -> bool {
        self.kind.takes(class, self.is_fixed)
    }
}

/// The values of a column as an array for each slot that has a type. What no slot takes is null in all of them.
pub(super) fn spread(column: Column, slots: &[Slot<'_>], rows: usize) -> Result<Vec<ArrayRef>, ArrowError> {
    let mut parts: Vec<Option<ArrayRef>> = slots.iter().map(|_| None).collect();
    for lane in column.into_lanes() {
        let places: Vec<Option<usize>> = (0..rows).map(|row| place(&lane, row, slots)).collect();
        let mut consumed = None;
        for (index, slot) in slots.iter().enumerate() {
            let Some(data_type) = slot.data_type.filter(|_| places.contains(&Some(index))) else { continue };
            if is_whole(&lane.values, slot.kind) {
                consumed = Some((index, slot.kind, data_type));
                continue;
            }
            let is_here = |row: &usize| places.get(*row) == Some(&Some(index));
            let values = converted(&lane.values, slot.kind, data_type, rows, &is_here)?;
            add(parts.get_mut(index), values)?;
        }
        if let Some((index, kind, data_type)) = consumed {
            let values = lane_array(lane, kind, data_type, rows)?;
            // Rows that belong elsewhere are left out, with their items.
            let rows = (0_u32..).zip(&places).map(|(row, place)| (*place == Some(index)).then_some(row));
            add(parts.get_mut(index), take(&values, &rows.collect::<UInt32Array>(), None)?)?;
        }
    }
    let typed = parts.into_iter().zip(slots).filter_map(|(part, slot)| Some((part, slot.data_type?)));
    Ok(typed.map(|(part, data_type)| part.unwrap_or_else(|| new_null_array(data_type, rows))).collect())
}

/// Joins values to those that are there; of a row only one of them has a value.
fn add(part: Option<&mut Option<ArrayRef>>, values: ArrayRef) -> Result<(), ArrowError> {
    if let Some(part) = part {
        *part = Some(match part.take() {
            None => values,
            Some(before) => zip(&is_not_null(&values)?, &values, &before)?,
        });
    }
    Ok(())
}

/// The slot that takes the value of a row; `None`: there is no value in this lane, or nothing takes it.
pub(super) fn place(lane: &Lane, row: usize, slots: &[Slot<'_>]) -> Option<usize> {
    if !lane.is_valid(row) {
        return None;
    }
    let class = class_of(&lane.values, row);
    if class == Class::Made {
        let whole = slots.iter().position(|slot| is_whole(&lane.values, slot.kind));
        // A column that was widened to texts takes what it held before.
        return whole.or_else(|| slots.iter().position(|slot| matches!(slot.kind, Kind::Text)));
    }
    slots.iter().position(|slot| match (&lane.values, slot.kind) {
        (Values::List(list), Kind::List(item)) => list_fits(list, row, item),
        _ => slot.takes(class),
    })
}

/// Whether a list's items are what its column holds.
fn list_fits(list: &ListValues, row: usize, item: &Kind) -> bool {
    list.items_of(row).all(|at| {
        list.items.lanes().filter(|lane| lane.is_valid(at)).all(|lane| match (&lane.values, item) {
            (Values::List(inner), Kind::List(item)) => list_fits(inner, at, item),
            (values, item) => match class_of(values, at) {
                Class::Made => true,
                class => item.takes(class, false),
            },
        })
    })
}

/// The values of the rows that belong into a slot, null elsewhere.
fn converted(
    values: &Values,
    kind: &Kind,
    data_type: &DataType,
    rows: usize,
    is_here: &dyn Fn(&usize) -> bool,
) -> Result<ArrayRef, ArrowError> {
    let here = |row: usize| is_here(&row).then_some(row);
    Ok(match kind {
        Kind::Bool => {
            let Values::Bool(bools) = values else { return Err(misplaced(kind)) };
            Arc::new((0..rows).map(|row| bools.get(here(row)?).copied()).collect::<BooleanArray>())
        }
        Kind::Int { .. } => Arc::new((0..rows).map(|row| integer(values, here(row)?)).collect::<Int64Array>()),
        Kind::Float => Arc::new((0..rows).map(|row| float(values, here(row)?)).collect::<Float64Array>()),
        Kind::Decimal { .. } => {
            let decimals: Decimal128Array = (0..rows).map(|row| decimal(values, here(row)?)).collect();
            Arc::new(decimals.with_data_type(data_type.clone()))
        }
        Kind::Timestamp => {
            let Values::Text(texts) = values else { return Err(misplaced(kind)) };
            let micros = (0..rows).map(|row| parse_timestamp(texts.get(here(row)?)));
            Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        Kind::Date => {
            let Values::Text(texts) = values else { return Err(misplaced(kind)) };
            Arc::new((0..rows).map(|row| parse_date(texts.get(here(row)?))).collect::<Date32Array>())
        }
        Kind::Text => {
            let text = |row| Some(text(values, here(row)?));
            Arc::new((0..rows).map(text).collect::<StringArray>())
        }
        Kind::Json => Arc::new((0..rows).map(|row| Some(render::values(values, here(row)?))).collect::<StringArray>()),
        Kind::Unknown | Kind::Binary | Kind::List(_) | Kind::Struct(_) => return Err(misplaced(kind)),
    })
}

fn misplaced(kind: &Kind) -> ArrowError {
    ArrowError::CastError(format!("values that did not join a column of {}", kind.name()))
}

/// A value in a column of texts. What a column held before it was widened to texts is written as in JSON.
fn text(values: &Values, row: usize) -> String {
    match values {
        Values::Text(texts) | Values::Big(texts) => texts.get(row).to_owned(),
        values => render::values(values, row).trim_matches('"').to_owned(),
    }
}

fn integer(values: &Values, row: usize) -> Option<i64> {
    match values {
        Values::Int(values) => values.get(row).copied(),
        Values::Float(floats) => exact_int(floats.values().get(row).copied()?),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a column of floats takes integers within 2^53 only")]
fn float(values: &Values, row: usize) -> Option<f64> {
    match values {
        Values::Int(values) => values.get(row).map(|value| *value as f64),
        Values::Float(floats) => floats.values().get(row).copied(),
        _ => None,
    }
}

fn decimal(values: &Values, row: usize) -> Option<i128> {
    match values {
        Values::Int(values) => values.get(row).copied().map(i128::from),
        Values::Float(floats) => exact_int(floats.values().get(row).copied()?).map(i128::from),
        Values::Big(texts) => parse_decimal(texts.get(row), DIGITS_MAX, 0),
        _ => None,
    }
}
