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
    /// `json`: the value's JSON text.
    Json,
}

impl DataType {
    /// Every supported type with its name in a config.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("text", Self::Text),
        ("bigint", Self::BigInt),
        ("double", Self::Double),
        ("bool", Self::Bool),
        ("timestamp", Self::Timestamp),
        ("date", Self::Date),
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
