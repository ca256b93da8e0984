//! Leaving out the files that cannot hold a key of the load, by the statistics that the log has of them.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{max, max_string, min, min_string};
use arrow::datatypes::{DataType, Int64Type};
use serde_json::Value;

use crate::load::error::LoadErrorKind;
use crate::load::spill::Spill;
use crate::load::table::TableFile;

/// The least and the greatest value of every key column of a load. Columns of types that are not compared here have none.
pub(super) struct KeyRange {
    columns: Vec<Option<Range>>,
}

enum Range {
    Int(i64, i64),
    Text(String, String),
}

impl KeyRange {
    /// The range of all rows of a spill.
    pub(super) fn of(spill: &mut Spill, names: &[String]) -> Result<Self, LoadErrorKind> {
        let mut columns: Vec<Option<Option<Range>>> = names.iter().map(|_| None).collect();
        for index in 0..spill.segments() {
            for batch in spill.segment(index)? {
                let batch = batch?;
                for (name, column) in names.iter().zip(&mut columns) {
                    let next = range_of(&batch, name);
                    *column = Some(match column.take() {
                        None => next,
                        Some(range) => joined(range, next),
                    });
                }
            }
        }
        Ok(Self { columns: columns.into_iter().map(Option::flatten).collect() })
    }

    /// Whether a file may hold a key of the load: not if one of its key columns lies outside the load's range.
    pub(super) fn may_touch(&self, file: &TableFile, names: &[String]) -> bool {
        names.iter().zip(&self.columns).all(|(name, range)| {
            let (Some(range), Some((low, high))) = (range, file.bounds(name)) else { return true };
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

fn range_of(batch: &RecordBatch, name: &str) -> Option<Range> {
    let index = batch.schema_ref().fields().iter().position(|field| field.name().eq_ignore_ascii_case(name))?;
    let column = batch.columns().get(index)?;
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

fn joined(one: Option<Range>, other: Option<Range>) -> Option<Range> {
    Some(match (one?, other?) {
        (Range::Int(a, b), Range::Int(c, d)) => Range::Int(a.min(c), b.max(d)),
        (Range::Text(a, b), Range::Text(c, d)) => Range::Text(a.min(c), b.max(d)),
        _ => return None,
    })
}
