//! What can go wrong between a page and its columns.

use std::fmt;

use crate::plan::{ResourceName, SafeUrl};

/// A row that cannot be stored as it is.
#[derive(Debug)]
pub struct NormalizeError {
    /// The resource of the page.
    pub resource: ResourceName,
    /// The page, counted from 1, and where it came from. `None`: the fault is in no single page.
    pub page: Option<(u64, SafeUrl)>,
    /// The row in the page, counted from 1.
    pub row: Option<u64>,
    /// What is wrong with it.
    pub kind: NormalizeErrorKind,
}

/// What is wrong with a row.
#[derive(Debug)]
pub enum NormalizeErrorKind {
    /// A value does not fit the column that earlier values, the table or a hint made.
    Misfit {
        /// The source keys to the value, dotted.
        column: String,
        /// What the column holds.
        holds: &'static str,
        /// What the value is.
        seen: String,
    },
    /// A number beyond what a float can hold.
    Overflow,
    /// A hint asks for another type than the table has.
    HintConflict {
        /// The column.
        column: String,
        /// The type in the table.
        holds: &'static str,
        /// The type in the hint.
        asked: &'static str,
    },
    /// The schema contract does not let the table change so.
    Frozen {
        /// The column, or the table.
        column: String,
        /// Why.
        reason: &'static str,
    },
    /// A key column is missing or null.
    NullKey {
        /// The key column.
        column: String,
    },
    /// A column that may not be null is.
    NullColumn {
        /// The column.
        column: String,
    },
    /// A key column is of a type that cannot be compared exactly.
    KeyType {
        /// The key column.
        column: String,
        /// Its type.
        holds: &'static str,
    },
    /// The key is a member of an object, and now there is a column of the top level that its name means as well.
    ContestedKey {
        /// The key as it is written.
        column: String,
    },
    /// More text or more items in one column of one page than can be counted.
    TooLarge,
    /// Objects or arrays in each other beyond the limit.
    TooDeep {
        /// The limit.
        levels: usize,
    },
    /// The columns could not be put together: an error of ours.
    Internal(arrow::error::ArrowError),
}

impl NormalizeError {
    /// A stable name of the fault.
    pub fn code(&self) -> &'static str {
        match &self.kind {
            NormalizeErrorKind::Misfit { .. } => "type_conflict",
            NormalizeErrorKind::Overflow => "number_overflow",
            NormalizeErrorKind::HintConflict { .. } => "hint_conflict",
            NormalizeErrorKind::Frozen { .. } => "schema_frozen",
            NormalizeErrorKind::NullKey { .. } => "null_key",
            NormalizeErrorKind::NullColumn { .. } => "null_column",
            NormalizeErrorKind::KeyType { .. } => "key_type",
            NormalizeErrorKind::ContestedKey { .. } => "contested_key",
            NormalizeErrorKind::TooLarge => "page_too_large",
            NormalizeErrorKind::TooDeep { .. } => "nesting",
            NormalizeErrorKind::Internal(_) => "internal",
        }
    }

    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        match &self.kind {
            NormalizeErrorKind::Misfit { column, .. } if !column.contains('.') => Some(format!(
                "fix the column's type under `columns`, such as `{{\"{column}\": {{\"data_type\": \"text\"}}}}`, \
                 and load into a new table"
            )),
            NormalizeErrorKind::Misfit { column, .. } => {
                let top = column.split('.').next().unwrap_or(column);
                Some(format!(
                    "keep the whole of `{top}` as text: `columns: {{{top}: {{data_type: json}}}}`, in a new table"
                ))
            }
            NormalizeErrorKind::NullKey { .. } => {
                Some("choose a `primary_key` that every row has, or load with `write_disposition: append`".to_owned())
            }
            NormalizeErrorKind::Frozen { .. } => {
                Some("allow the change with `evolve`, or keep it out with `discard_row` or `discard_value`".to_owned())
            }
            NormalizeErrorKind::KeyType { .. } => {
                Some("choose columns of integers, texts, dates or booleans".to_owned())
            }
            NormalizeErrorKind::ContestedKey { .. } => {
                Some("choose a key that only one of the two can be, or load into a new table".to_owned())
            }
            NormalizeErrorKind::TooDeep { .. } => {
                Some("keep the column as JSON text: `columns: {name: {data_type: json}}`".to_owned())
            }
            NormalizeErrorKind::HintConflict { .. } => Some("change the hint, or load into a new table".to_owned()),
            NormalizeErrorKind::TooLarge => Some("ask for smaller pages".to_owned()),
            NormalizeErrorKind::Overflow | NormalizeErrorKind::NullColumn { .. } | NormalizeErrorKind::Internal(_) => {
                None
            }
        }
    }

    /// Where the fault is, for people.
    pub fn at(&self) -> Option<String> {
        let (page, url) = self.page.as_ref()?;
        Some(match self.row {
            Some(row) => format!("page {page}, row {row}, {url}"),
            None => format!("page {page}, {url}"),
        })
    }
}

impl fmt::Display for NormalizeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.page, self.row) {
            (Some((page, _)), Some(row)) => write!(formatter, "page {page}, row {row} of ")?,
            (Some((page, _)), None) => write!(formatter, "page {page} of ")?,
            (None, _) => {}
        }
        write!(formatter, "resource `{}`: ", self.resource)?;
        match &self.kind {
            NormalizeErrorKind::Misfit { column, holds, seen } => {
                write!(formatter, "column `{column}` holds {holds}, found {seen}")
            }
            NormalizeErrorKind::Overflow => formatter.write_str("found a number beyond the range of a 64-bit float"),
            NormalizeErrorKind::HintConflict { column, holds, asked } => {
                write!(formatter, "the hint for column `{column}` asks for {asked}, but the table holds {holds}")
            }
            NormalizeErrorKind::Frozen { column, reason } => write!(formatter, "`{column}` is refused: {reason}"),
            NormalizeErrorKind::NullKey { column } => write!(formatter, "the key column `{column}` is missing or null"),
            NormalizeErrorKind::NullColumn { column } => {
                write!(formatter, "the column `{column}` is missing or null, which the table or a hint forbids")
            }
            NormalizeErrorKind::KeyType { column, holds } => {
                write!(formatter, "the key column `{column}` holds {holds}, which cannot be a key")
            }
            NormalizeErrorKind::ContestedKey { column } => {
                write!(formatter, "the key `{column}` is the member of an object, and is now a key of the row too")
            }
            NormalizeErrorKind::TooLarge => {
                formatter.write_str("one column holds more than 2 GiB of text or 2^31 items")
            }
            NormalizeErrorKind::TooDeep { levels } => {
                write!(formatter, "objects or arrays are nested deeper than {levels} levels")
            }
            NormalizeErrorKind::Internal(_) => formatter.write_str("the columns could not be put together"),
        }
    }
}

impl std::error::Error for NormalizeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            NormalizeErrorKind::Internal(error) => Some(error),
            _ => None,
        }
    }
}
