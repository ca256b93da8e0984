//! Values of columns as JSON text again: of objects and lists that their column does not take, and of rows that are rejected.

use std::fmt::Write;

use super::build::{Column, Record, Values, bytes_text, exact_int};

/// The JSON text of the value of a row, which the lane has.
pub(super) fn values(values: &Values, row: usize) -> String {
    let mut text = String::new();
    write_value(values, row, &mut text);
    text
}

/// The JSON text of a row.
pub(super) fn row(record: &Record, row: usize) -> String {
    let mut text = String::new();
    write_record(record, row, &mut text);
    text
}

fn write_value(values: &Values, row: usize, out: &mut String) {
    match values {
        Values::Unknown => out.push_str("null"),
        Values::Bool(values) => write_plain(values.get(row), out),
        Values::Int(values) => write_plain(values.get(row), out),
        Values::Float(floats) => {
            let value = floats.values().get(row).copied().unwrap_or_default();
            match exact_int(value).filter(|_| floats.is_integer(row)) {
                Some(integer) => write_plain(Some(&integer), out),
                // With the shortest digits that read back as the same float.
                None => write_plain(Some(&serde_json::Value::from(value)), out),
            }
        }
        Values::Big(digits) => out.push_str(digits.get(row)),
        Values::Json(texts) => out.push_str(texts.get(row)),
        Values::Text(texts) => write_text(texts.get(row), out),
        Values::Timestamp(micros) => write_text(&micros.get(row).copied().and_then(instant).unwrap_or_default(), out),
        Values::Date(days) => write_text(&days.get(row).copied().and_then(day).unwrap_or_default(), out),
        Values::Binary(values) => write_text(&values.get(row).map(|bytes| bytes_text(bytes)).unwrap_or_default(), out),
        Values::Decimal { unscaled, scale, .. } => {
            out.push_str(&decimal(unscaled.get(row).copied().unwrap_or_default(), *scale));
        }
        Values::Struct(members) => write_record(members, row, out),
        Values::List(list) => {
            for (index, at) in list.items_of(row).enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                if !write_member(&list.items, at, out) {
                    out.push_str("null");
                }
            }
            out.push_str(if list.items_of(row).is_empty() { "[]" } else { "]" });
        }
    }
}

/// An object of what a row had, by key, because the order in which a page had them first is that of no row. Members that
/// were null or missing are left out.
fn write_record(record: &Record, row: usize, out: &mut String) {
    let mut members: Vec<_> = record.columns().collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    let mut separator = '{';
    for (key, column) in members {
        let before = out.len();
        out.push(separator);
        write_text(key, out);
        out.push(':');
        if write_member(column, row, out) {
            separator = ',';
        } else {
            out.truncate(before);
        }
    }
    out.push_str(if separator == '{' { "{}" } else { "}" });
}

/// The value of a row, whatever its kind; whether it has one.
fn write_member(column: &Column, row: usize, out: &mut String) -> bool {
    let lane = column.lanes().find(|lane| lane.is_valid(row));
    if let Some(lane) = lane {
        write_value(&lane.values, row, out);
    }
    lane.is_some()
}

fn write_plain<T: std::fmt::Display>(value: Option<&T>, out: &mut String) {
    if let Some(value) = value {
        // A string takes whatever is written.
        let _ = write!(out, "{value}");
    }
}

fn write_text(text: &str, out: &mut String) {
    write_plain(Some(&serde_json::Value::from(text)), out);
}

fn instant(micros: i64) -> Option<String> {
    let instant = chrono::DateTime::from_timestamp_micros(micros)?;
    Some(instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

fn day(days: i32) -> Option<String> {
    let instant = chrono::DateTime::from_timestamp(i64::from(days).checked_mul(86_400)?, 0)?;
    Some(instant.format("%Y-%m-%d").to_string())
}

fn decimal(unscaled: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}
