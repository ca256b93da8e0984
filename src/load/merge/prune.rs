//! Leaving out the files that cannot hold a key of the load, by the statistics that the log has of them.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{max, max_string, min, min_string};
use arrow::datatypes::{DataType, Int64Type};
use serde_json::Value;

use crate::flow::KeyColumn;
use crate::load::key::values;
use crate::load::table::TableFile;

/// The least and the greatest value of every key column of a load.
pub(super) struct KeyRange<'n> {
    key: &'n [KeyColumn],
    columns: Vec<Bounds>,
}

enum Bounds {
    /// No row has been told.
    Nothing,
    Within(Range),
    /// Of a type that is not compared here.
    Anything,
}

enum Range {
    Int(i64, i64),
    Text(String, String),
}

impl<'n> KeyRange<'n> {
    /// For these key columns, each row to be told by [`KeyRange::add`].
    pub(super) fn new(key: &'n [KeyColumn]) -> Self {
        Self { key, columns: key.iter().map(|_| Bounds::Nothing).collect() }
    }

    /// Takes the keys of some rows of the load.
    pub(super) fn add(&mut self, rows: &RecordBatch) {
        for (key, column) in self.key.iter().zip(&mut self.columns) {
            let joined = match (std::mem::replace(column, Bounds::Anything), range_of(rows, key)) {
                (Bounds::Nothing, next) => next,
                (Bounds::Within(range), Some(next)) => joined(range, next),
                (Bounds::Within(_) | Bounds::Anything, _) => None,
            };
            *column = joined.map_or(Bounds::Anything, Bounds::Within);
        }
    }

    /// Whether a file may hold a key of the load: not if one of its key columns lies outside the load's range.
    pub(super) fn may_touch(&self, file: &TableFile) -> bool {
        self.key.iter().zip(&self.columns).all(|(key, column)| {
            let (Bounds::Within(range), Some((low, high))) = (column, file.bounds(key.path())) else { return true };
            range.overlaps(low, high)
        })
    }
}

impl Range {
    fn overlaps(&self, low: &Value, high: &Value) -> bool {
        match self {
            Self::Int(least, greatest) => match (low.as_i64(), high.as_i64()) {
                (Some(low), Some(high)) => low <= *greatest && *least <= high,
                _ => true,
            },
            Self::Text(least, greatest) => match (low.as_str(), high.as_str()) {
                // Other writers cut the greatest text and end it with a character that sorts last.
                (Some(low), Some(high)) => {
                    low <= greatest.as_str() && (least.as_str() <= high || least.starts_with(high))
                }
                _ => true,
            },
        }
    }
}

fn range_of(batch: &RecordBatch, key: &KeyColumn) -> Option<Range> {
    let column = values(batch, key)?;
    match column.data_type() {
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            Some(Range::Int(min(values)?, max(values)?))
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            Some(Range::Text(min_string(values)?.to_owned(), max_string(values)?.to_owned()))
        }
        _ => None,
    }
}

fn joined(one: Range, other: Range) -> Option<Range> {
    Some(match (one, other) {
        (Range::Int(a, b), Range::Int(c, d)) => Range::Int(a.min(c), b.max(d)),
        (Range::Text(a, b), Range::Text(c, d)) => Range::Text(a.min(c), b.max(d)),
        _ => return None,
    })
}
