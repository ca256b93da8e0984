//! Kinds as Arrow types, and the types of a table as kinds.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, TimeUnit};

use super::kind::Kind;
use super::shape::Shape;

/// The Arrow type of a kind; `None` for one of which no column is made.
pub(super) fn arrow_type(kind: &Kind) -> Option<DataType> {
    Some(match kind {
        Kind::Unknown => return None,
        Kind::Bool => DataType::Boolean,
        Kind::Int { .. } => DataType::Int64,
        Kind::Float => DataType::Float64,
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Date => DataType::Date32,
        Kind::Decimal { precision, scale } => DataType::Decimal128(*precision, i8::try_from(*scale).ok()?),
        Kind::Binary => DataType::Binary,
        Kind::Text | Kind::Json => DataType::Utf8,
        Kind::List(item) => DataType::List(Arc::new(ArrowField::new("element", arrow_type(item)?, true))),
        Kind::Struct(shape) => {
            let fields = shape.arrow_fields();
            if fields.is_empty() {
                return None;
            }
            DataType::Struct(fields)
        }
    })
}

/// The kind of a stored column. One of a type that JSON cannot fill stays [`Kind::Unknown`] but fixed: it only takes null.
pub(super) fn stored_kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Boolean => Kind::Bool,
        DataType::Int64 => Kind::Int { wide: true },
        DataType::Float64 => Kind::Float,
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Kind::Timestamp,
        DataType::Date32 => Kind::Date,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Kind::Binary,
        DataType::Decimal128(precision, scale) => match u8::try_from(*scale) {
            Ok(scale) => Kind::Decimal { precision: *precision, scale },
            Err(_) => Kind::Unknown,
        },
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::List(item) | DataType::LargeList(item) => Kind::List(Box::new(stored_kind(item.data_type()))),
        DataType::Struct(fields) => Kind::Struct(Arc::new(Shape::of_table(fields))),
        _ => Kind::Unknown,
    }
}
