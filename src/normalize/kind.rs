//! What the values of a column are. Names and nullability are the shape's business.

use std::sync::Arc;

use super::shape::Shape;

/// What the values of a column are.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Nothing but null so far.
    Unknown,
    /// Booleans.
    Bool,
    /// Integers within `i64`.
    Int {
        /// One beyond 2^53 was seen, so that the column cannot become one of floats.
        wide: bool,
    },
    /// Floats.
    Float,
    /// Texts of which every one is a timestamp; kept as text, because the next may not be.
    Instants,
    /// Microseconds since the epoch, in UTC.
    Timestamp,
    /// Days since the epoch.
    Date,
    /// Texts.
    Text,
    /// JSON texts, by a hint. In a table it is a text like any other.
    Json,
    /// Lists of one kind.
    List(Box<Kind>),
    /// Objects, with what is known of their members.
    Struct(Arc<Shape>),
}

impl Kind {
    /// The name of the kind in messages and reports: dlt's name of the data type where it has one.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "null",
            Self::Bool => "bool",
            Self::Int { .. } => "bigint",
            Self::Float => "double",
            Self::Instants | Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::Text => "text",
            Self::Json => "json",
            Self::List(_) => "list",
            Self::Struct(_) => "struct",
        }
    }

    /// Whether a column can be made of it: not of null alone, and not of empty objects or lists alone.
    pub(super) fn is_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::List(item) => item.is_known(),
            Self::Struct(shape) => shape.fields().iter().any(|field| field.kind.is_known()),
            _ => true,
        }
    }
}

/// Whether an integer is a float without loss: up to 2^53 in magnitude.
pub(super) fn fits_float(value: i64) -> bool {
    value.unsigned_abs() <= 1 << 53
}
