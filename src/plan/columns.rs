//! What a config says of columns: hints and renames.

/// A hint for one top-level column, found by its column name or its source key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnHint {
    /// The column's name or source key, as written.
    pub name: String,
    /// The type the column gets; `None`: inferred.
    pub data_type: Option<DataType>,
    /// `false`: a null or a missing value is an error.
    pub nullable: bool,
}

/// The type of a hinted column, under dlt's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// `text`: UTF-8; numbers and booleans are written out.
    Text,
    /// `bigint`: 64-bit signed integer.
    BigInt,
    /// `double`: 64-bit float.
    Double,
    /// `bool`.
    Bool,
    /// `timestamp`: microseconds since 1970-01-01 UTC.
    Timestamp,
    /// `date`: a day.
    Date,
    /// `decimal`: so many digits, so many of them behind the point; dlt's default is 38 and 9.
    Decimal {
        /// Digits in all, from 1 to 38.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// `time`: a time of day, as text, because Delta Lake has no type for it.
    Time,
    /// `binary`: bytes, from base64 or from hexadecimal digits behind `0x`.
    Binary,
    /// `json`: the value's JSON text.
    Json,
}

impl DataType {
    /// Digits of the widest decimal that Delta Lake has.
    pub const PRECISION_MAX: u8 = 38;

    /// Every supported type with its name in a config.
    pub const NAMES: [(&'static str, Self); 10] = [
        ("text", Self::Text),
        ("bigint", Self::BigInt),
        ("double", Self::Double),
        ("bool", Self::Bool),
        ("timestamp", Self::Timestamp),
        ("date", Self::Date),
        ("decimal", Self::Decimal { precision: 38, scale: 9 }),
        ("time", Self::Time),
        ("binary", Self::Binary),
        ("json", Self::Json),
    ];
}

/// One entry of `rename`: a source key, dotted for a nested one, and the column name it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenameRule {
    /// The source keys from the row down to the renamed one; never empty.
    pub path: Vec<String>,
    /// The name that the last of them gets, taken as it is.
    pub to: String,
}
