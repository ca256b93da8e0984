//! The shape that a load starts from: the table's schema and the config's hints.

use std::sync::Arc;

use super::error::NormalizeErrorKind;
use super::field::{Field, Outlet};
use super::kind::Kind;
use super::names::ColumnNames;
use super::shape::Shape;
use crate::flow::TableState;
use crate::plan::{ColumnHint, DataType};

/// The columns that are known before the first page.
///
/// # Errors
/// When a hint asks for another type than the table has.
pub(super) fn initial_shape(
    hints: &[ColumnHint],
    names: &ColumnNames,
    state: &TableState,
) -> Result<Shape, NormalizeErrorKind> {
    let mut shape = state.schema.as_ref().map(|schema| Shape::of_table(schema.fields())).unwrap_or_default();
    shape.note_narrow(&state.narrow);
    for hint in hints {
        let name = names.resolve(&hint.name);
        let index = match shape.fields().iter().position(|field| field.name.eq_ignore_ascii_case(&name)) {
            Some(index) => index,
            None => shape.add(Field::open(None, name.as_str().into())),
        };
        if let Some(field) = shape.fields_mut().get_mut(index) {
            apply(hint, field)?;
        }
    }
    shape.set_names(names.top());
    Ok(shape)
}

fn apply(hint: &ColumnHint, field: &mut Field) -> Result<(), NormalizeErrorKind> {
    let stored = !field.outlets.is_empty();
    if !hint.nullable {
        // A column that the table lets be null stays so there; the rows of this load are checked all the same.
        field.required = true;
        field.nullable = field.nullable && stored;
    }
    let Some(asked) = hint.data_type.map(kind_of) else { return Ok(()) };
    if stored && !is_same(&asked, field.kind()) {
        return Err(NormalizeErrorKind::HintConflict {
            column: field.name.to_string(),
            holds: field.kind().name(),
            asked: asked.name(),
        });
    }
    let fixed = Outlet::fixed(Arc::clone(&field.name), asked);
    match field.outlets.first_mut() {
        Some(outlet) => *outlet = fixed,
        None => field.outlets.push(fixed),
    }
    field.converts = true;
    Ok(())
}

/// Whether a hint asks for what the table holds.
fn is_same(asked: &Kind, stored: &Kind) -> bool {
    match (asked, stored) {
        (Kind::Json, Kind::Text) => true,
        (Kind::Decimal { precision, scale }, Kind::Decimal { precision: digits, scale: behind }) => {
            (precision, scale) == (digits, behind)
        }
        (asked, stored) => asked.name() == stored.name(),
    }
}

fn kind_of(data_type: DataType) -> Kind {
    match data_type {
        DataType::Text | DataType::Time => Kind::Text,
        DataType::BigInt => Kind::Int { wide: true },
        DataType::Double => Kind::Float,
        DataType::Bool => Kind::Bool,
        DataType::Timestamp => Kind::Timestamp,
        DataType::Date => Kind::Date,
        DataType::Decimal { precision, scale } => Kind::Decimal { precision, scale },
        DataType::Binary => Kind::Binary,
        DataType::Json => Kind::Json,
    }
}
