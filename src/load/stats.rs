//! The statistics of a data file as the log has them, read from the file's own footer.
//!
//! Kept for every leaf outside of lists: the null count, and the least and greatest value where the footer has them. Texts
//! come cut to 64 bytes, as bounds; timestamps are cut to milliseconds, the greatest upwards.

use chrono::{DateTime, SecondsFormat};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;
use serde_json::{Map, Value, json};

/// Least and greatest value of one leaf.
#[derive(Clone, PartialEq, Debug)]
enum Range {
    Int(i64, i64),
    Float(f64, f64),
    Text(String, String),
}

/// The `stats` text of a file.
pub(super) fn file_stats(footer: &ParquetMetaData) -> String {
    let mut least = Map::new();
    let mut greatest = Map::new();
    let mut nulls = Map::new();
    for leaf in 0..footer.file_metadata().schema_descr().num_columns() {
        let descriptor = footer.file_metadata().schema_descr().column(leaf);
        if descriptor.max_rep_level() > 0 {
            continue;
        }
        let path = descriptor.path().parts();
        if let Some(count) = null_count(footer, leaf) {
            insert(&mut nulls, path, json!(count));
        }
        let Some((low, high)) = range(footer, leaf).and_then(|range| shown(&range, &descriptor)) else { continue };
        insert(&mut least, path, low);
        insert(&mut greatest, path, high);
    }
    json!({
        "numRecords": footer.file_metadata().num_rows(),
        "minValues": least,
        "maxValues": greatest,
        "nullCount": nulls,
    })
    .to_string()
}

fn insert(map: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            map.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let entry = map.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = entry {
                insert(inner, rest, value);
            }
        }
    }
}

fn null_count(footer: &ParquetMetaData, leaf: usize) -> Option<u64> {
    footer.row_groups().iter().map(|group| group.column(leaf).statistics()?.null_count_opt()).sum()
}

/// The range over all row groups; `None` if one of them does not tell although it has values.
fn range(footer: &ParquetMetaData, leaf: usize) -> Option<Range> {
    let mut all: Option<Range> = None;
    for group in footer.row_groups() {
        let statistics = group.column(leaf).statistics()?;
        if statistics.null_count_opt().and_then(|count| i64::try_from(count).ok()) == Some(group.num_rows()) {
            continue;
        }
        let next = group_range(statistics)?;
        all = Some(match all {
            None => next,
            Some(range) => joined(range, next)?,
        });
    }
    all
}

fn group_range(statistics: &Statistics) -> Option<Range> {
    match statistics {
        Statistics::Int64(values) => Some(Range::Int(*values.min_opt()?, *values.max_opt()?)),
        Statistics::Int32(values) => Some(Range::Int((*values.min_opt()?).into(), (*values.max_opt()?).into())),
        Statistics::Double(values) => Some(Range::Float(*values.min_opt()?, *values.max_opt()?)),
        Statistics::ByteArray(values) => {
            let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
            Some(Range::Text(text(values.min_opt()?.data())?, text(values.max_opt()?.data())?))
        }
        _ => None,
    }
}

fn joined(one: Range, other: Range) -> Option<Range> {
    Some(match (one, other) {
        (Range::Int(a, b), Range::Int(c, d)) => Range::Int(a.min(c), b.max(d)),
        (Range::Float(a, b), Range::Float(c, d)) => Range::Float(a.min(c), b.max(d)),
        (Range::Text(a, b), Range::Text(c, d)) => Range::Text(a.min(c), b.max(d)),
        _ => return None,
    })
}

/// The bounds as the log writes values of the column's type.
fn shown(range: &Range, descriptor: &ColumnDescriptor) -> Option<(Value, Value)> {
    match (range, descriptor.logical_type_ref(), descriptor.converted_type()) {
        (Range::Int(low, high), Some(LogicalType::Timestamp(stamp)), _) if stamp.unit == TimeUnit::MICROS => {
            Some((instant(low.div_euclid(1000))?, instant(high.checked_add(999)?.div_euclid(1000))?))
        }
        (Range::Int(low, high), Some(LogicalType::Date), _) => Some((day(*low)?, day(*high)?)),
        (Range::Int(low, high), None | Some(LogicalType::Integer(_)), _) => Some((json!(low), json!(high))),
        (Range::Float(low, high), ..) if low.is_finite() && high.is_finite() => Some((json!(low), json!(high))),
        (Range::Text(low, high), Some(LogicalType::String), _)
        | (Range::Text(low, high), None, ConvertedType::UTF8) => Some((json!(low), json!(high))),
        _ => None,
    }
}

fn instant(millis: i64) -> Option<Value> {
    Some(DateTime::from_timestamp_millis(millis)?.to_rfc3339_opts(SecondsFormat::Millis, true).into())
}

fn day(days: i64) -> Option<Value> {
    let instant = DateTime::from_timestamp(days.checked_mul(86_400)?, 0)?;
    Some(instant.format("%Y-%m-%d").to_string().into())
}
