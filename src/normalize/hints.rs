//! The shape that a load starts from: the table's schema and the config's hints.

use super::error::NormalizeErrorKind;
use super::kind::Kind;
use super::names::ColumnNames;
use super::shape::{Field, Firmness, Shape};
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
    let stored = field.firmness == Firmness::Fixed;
    if !hint.nullable {
        // A column that the table lets be null stays so there; the rows of this load are checked all the same.
        field.required = true;
        field.nullable = field.nullable && stored;
    }
    let Some(asked) = hint.data_type.map(kind_of) else { return Ok(()) };
    let same = asked.name() == field.kind.name() || matches!((&asked, &field.kind), (Kind::Json, Kind::Text));
    if stored && !same {
        return Err(NormalizeErrorKind::HintConflict {
            column: field.name.to_string(),
            holds: field.kind.name(),
            asked: asked.name(),
        });
    }
    field.kind = asked;
    field.firmness = Firmness::Fixed;
    field.converts = true;
    Ok(())
}

fn kind_of(data_type: DataType) -> Kind {
    match data_type {
        DataType::Text => Kind::Text,
        DataType::BigInt => Kind::Int { wide: true },
        DataType::Double => Kind::Float,
        DataType::Bool => Kind::Bool,
        DataType::Timestamp => Kind::Timestamp,
        DataType::Date => Kind::Date,
        DataType::Json => Kind::Json,
    }
}
