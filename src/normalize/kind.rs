//! What the values of a column are, and which values a column of a kind takes.

use std::sync::Arc;

use super::build::{Lane, Values};
use super::field::Outlet;
use super::shape::Shape;
use super::timestamp::{is_date, parse_timestamp};

/// What the values of a column are.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Nothing but null so far, or a type that JSON cannot fill.
    Unknown,
    /// Booleans.
    Bool,
    /// Integers within `i64`.
    Int {
        /// One beyond 2^53 may be there, so that the column cannot become one of floats.
        wide: bool,
    },
    /// Floats.
    Float,
    /// Decimals with that many digits, so many of them behind the point.
    Decimal { precision: u8, scale: u8 },
    /// Microseconds since the epoch, in UTC.
    Timestamp,
    /// Days since the epoch.
    Date,
    /// Bytes.
    Binary,
    /// Texts.
    Text,
    /// JSON texts. In a table it is a text like any other.
    Json,
    /// Lists of one kind.
    List(Box<Kind>),
    /// Objects, with what is known of their members.
    Struct(Arc<Shape>),
}

/// The values that every kind takes or refuses as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Bool,
    /// Integers within 2^53, which are floats without loss.
    Narrow,
    /// Other integers within 64 bits.
    Wide,
    /// Integers beyond 64 bits, of at most 38 digits.
    Big,
    /// Integers of more digits than any number type has.
    Huge,
    /// Floats without a fraction, within 2^53.
    Whole,
    /// Other floats.
    Float,
    /// Texts that are timestamps.
    Instant,
    /// Texts that are days.
    Date,
    /// Other texts.
    Text,
    Object,
    List,
    /// Values that were made of the kind that the first outlet of their field has.
    Made,
}

impl Kind {
    /// The name of the kind in messages and reports: dlt's name of the data type where it has one.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "null",
            Self::Bool => "bool",
            Self::Int { .. } => "bigint",
            Self::Float => "double",
            Self::Decimal { .. } => "decimal",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::Binary => "binary",
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
            Self::Struct(shape) => shape.fields().iter().any(|field| field.outlets.iter().any(Outlet::is_column)),
            _ => true,
        }
    }

    /// Whether a column of this kind takes the values of a class as they are. For lists and objects that is a matter of their
    /// items and members too.
    pub(super) fn takes(&self, class: Class, is_fixed: bool) -> bool {
        match self {
            Self::Unknown | Self::Binary => false,
            Self::Date => class == Class::Date,
            Self::Bool => class == Class::Bool,
            // What the table holds as integers takes 7.0 as 7, as dlt does.
            Self::Int { .. } => matches!(class, Class::Narrow | Class::Wide) || (is_fixed && class == Class::Whole),
            Self::Float => matches!(class, Class::Narrow | Class::Whole | Class::Float),
            Self::Decimal { precision, scale } => {
                (*precision, *scale) == (super::build::DIGITS_MAX, 0)
                    && matches!(class, Class::Narrow | Class::Wide | Class::Big)
            }
            Self::Timestamp => class == Class::Instant,
            Self::Text => matches!(class, Class::Instant | Class::Date | Class::Text | Class::Huge),
            Self::Json => matches!(class, Class::Object | Class::List),
            Self::List(_) => class == Class::List,
            Self::Struct(_) => class == Class::Object,
        }
    }

    /// The kind of a column that is made for a class.
    pub(super) fn natural(class: Class) -> Self {
        match class {
            Class::Bool => Self::Bool,
            Class::Narrow | Class::Wide => Self::Int { wide: class == Class::Wide },
            Class::Big => Self::Decimal { precision: super::build::DIGITS_MAX, scale: 0 },
            Class::Whole | Class::Float => Self::Float,
            Class::Instant => Self::Timestamp,
            Class::Text | Class::Date | Class::Huge => Self::Text,
            Class::Object | Class::List => Self::Json,
            Class::Made => Self::Unknown,
        }
    }
}

/// The class of the value of a row in a lane; the row must have one.
pub(super) fn class_of(values: &Values, row: usize) -> Class {
    match values {
        Values::Unknown
        | Values::Json(_)
        | Values::Timestamp(_)
        | Values::Date(_)
        | Values::Binary(_)
        | Values::Decimal { .. } => Class::Made,
        Values::Bool(_) => Class::Bool,
        Values::Int(values) => match values.get(row) {
            Some(value) if !fits_float(*value) => Class::Wide,
            _ => Class::Narrow,
        },
        Values::Float(floats) if floats.is_integer(row) => Class::Narrow,
        Values::Float(floats) => match floats.values().get(row).copied().and_then(super::build::exact_int) {
            Some(_) => Class::Whole,
            None => Class::Float,
        },
        Values::Big(texts) => match super::build::parse_decimal(texts.get(row), super::build::DIGITS_MAX, 0) {
            Some(_) => Class::Big,
            None => Class::Huge,
        },
        Values::Text(texts) if texts.are_instants() || parse_timestamp(texts.get(row)).is_some() => Class::Instant,
        Values::Text(texts) if texts.are_dates() || is_date(texts.get(row)) => Class::Date,
        Values::Text(_) => Class::Text,
        Values::Struct(_) => Class::Object,
        Values::List(_) => Class::List,
    }
}

/// The classes of the values in a lane, each with the first row that has it, in order of these rows.
///
/// A lane of a page is looked through only where it does not plainly fit its column.
pub(super) fn classes(lane: &Lane) -> Vec<(Class, usize)> {
    let mut found: Vec<(Class, usize)> = Vec::new();
    let alone = match &lane.values {
        Values::Int(_) | Values::Float(_) | Values::Big(_) => false,
        Values::Text(texts) => texts.are_instants() || texts.are_dates(),
        _ => true,
    };
    for row in lane.valid_rows() {
        let class = class_of(&lane.values, row);
        if !found.iter().any(|(known, _)| *known == class) {
            found.push((class, row));
        }
        if alone {
            break;
        }
    }
    found
}

/// Whether values are taken over as a whole by a column of a kind: objects and lists by one of their own kind, and what was made for
/// a column by one that is still the same.
pub(super) fn is_whole(values: &Values, kind: &Kind) -> bool {
    match (values, kind) {
        (Values::Struct(_), Kind::Struct(_))
        | (Values::List(_), Kind::List(_))
        | (Values::Timestamp(_), Kind::Timestamp)
        | (Values::Date(_), Kind::Date)
        | (Values::Binary(_), Kind::Binary)
        | (Values::Json(_), Kind::Json | Kind::Text) => true,
        (Values::Decimal { precision, scale, .. }, Kind::Decimal { precision: digits, scale: behind }) => {
            (precision, scale) == (digits, behind)
        }
        _ => false,
    }
}

/// The kind of a column that values were made for before it was known that it is not theirs; `None` for all other values.
pub(super) fn made_kind(values: &Values) -> Option<Kind> {
    match values {
        Values::Timestamp(_) => Some(Kind::Timestamp),
        Values::Date(_) => Some(Kind::Date),
        Values::Binary(_) => Some(Kind::Binary),
        Values::Json(_) => Some(Kind::Json),
        Values::Decimal { precision, scale, .. } => Some(Kind::Decimal { precision: *precision, scale: *scale }),
        _ => None,
    }
}

/// Whether an integer is a float without loss: up to 2^53 in magnitude.
pub(super) fn fits_float(value: i64) -> bool {
    value.unsigned_abs() <= 1 << 53
}
