//! `write_disposition` and `primary_key`: how rows join those of the table.

use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, unknown_word, unsupported_word, wrong_type};
use super::tree::{Text, Tree, Value};
use crate::plan::{Matched, WriteDisposition};

/// The disposition before its key is known.
#[derive(Debug, Clone, Copy)]
enum Disposition {
    Append,
    Replace,
    Merge(Matched),
    Skip,
}

const DISPOSITIONS: [(&str, Disposition); 4] = [
    ("append", Disposition::Append),
    ("replace", Disposition::Replace),
    ("merge", Disposition::Merge(Matched::UpdateChanged)),
    ("skip", Disposition::Skip),
];

const STRATEGIES: [&str; 5] = ["cdc", "delete-insert", "insert-only", "scd2", "upsert"];

/// dlt's options of a strategy.
const OPTIONS: [&str; 7] = [
    "active_record_timestamp",
    "boundary_timestamp",
    "deduplicated",
    "destination_scope",
    "row_version_column_name",
    "source_filter",
    "validity_column_names",
];

/// Reads both keys. `columns_key` are the columns that hints make part of the key.
pub(super) fn read(reader: &mut Reader<'_>, columns_key: Vec<String>) -> Option<WriteDisposition> {
    let report = reader.report;
    let disposition =
        reader.present("write_disposition").map_or(Some(Disposition::Append), |tree| disposition(tree, report));
    let mut key = match reader.present("primary_key") {
        Some(tree) => key_columns(tree, report)?,
        None => Vec::new(),
    };
    key.extend(columns_key);
    let key = unique(key);
    match disposition? {
        Disposition::Append => Some(WriteDisposition::Append),
        Disposition::Replace => Some(WriteDisposition::Replace),
        Disposition::Skip => Some(WriteDisposition::Skip),
        Disposition::Merge(_) if key.is_empty() => {
            let message = "`write_disposition` `merge` needs a `primary_key`";
            report.add(Problem::new(code::MISSING, &reader.tree.at, message).hint("give `primary_key: id`"));
            None
        }
        Disposition::Merge(matched) => Some(WriteDisposition::Merge { key, matched }),
    }
}

fn key_columns(tree: &Tree, report: &Report) -> Option<Vec<String>> {
    let key = reader::texts(tree, report)?;
    if key.iter().any(|column| column.trim().is_empty()) {
        reader::invalid(tree, "must not be empty", report);
        return None;
    }
    Some(key)
}

fn unique(key: Vec<String>) -> Vec<String> {
    let mut columns: Vec<String> = Vec::with_capacity(key.len());
    for column in key {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

fn disposition(tree: &Tree, report: &Report) -> Option<Disposition> {
    match &tree.value {
        Value::Text(word) => named(tree, word, report),
        Value::Map(_) => long_form(tree, report),
        _ => {
            wrong_type(tree, "a string or a map", report);
            None
        }
    }
}

fn named(tree: &Tree, word: &Text, report: &Report) -> Option<Disposition> {
    let text = word.reveal();
    let known = DISPOSITIONS.iter().find(|(name, _)| *name == text);
    if known.is_none() {
        unknown_word(tree, word, &DISPOSITIONS.map(|(name, _)| name), report);
    }
    known.map(|(_, disposition)| *disposition)
}

fn long_form(tree: &Tree, report: &Report) -> Option<Disposition> {
    let mut reader = Reader::open(tree, report)?;
    let disposition = reader.required("disposition").and_then(|tree| named(tree, reader::text(tree, report)?, report));
    let strategy = reader.present("strategy");
    let skips_unchanged = reader.bool("skip_unchanged_rows").unwrap_or(true);
    reader.refuse(&OPTIONS);
    reader.close();
    match (disposition?, strategy) {
        (Disposition::Merge(_), None) => Some(Disposition::Merge(update(skips_unchanged))),
        (Disposition::Merge(_), Some(strategy)) => {
            Some(Disposition::Merge(matched(strategy, skips_unchanged, report)?))
        }
        (_, Some(strategy)) => {
            reader::invalid(strategy, "belongs to `merge` only", report);
            None
        }
        (other, None) => Some(other),
    }
}

fn update(skips_unchanged: bool) -> Matched {
    if skips_unchanged { Matched::UpdateChanged } else { Matched::Update }
}

/// What a merge strategy does with rows whose key the table has.
fn matched(tree: &Tree, skips_unchanged: bool, report: &Report) -> Option<Matched> {
    let word = reader::text(tree, report)?;
    let text = word.reveal();
    match text.as_str() {
        "upsert" => return Some(update(skips_unchanged)),
        "insert-only" => return Some(Matched::Keep),
        _ => {}
    }
    match STRATEGIES.iter().find(|name| **name == text) {
        Some(known) => unsupported_word(tree, known, report),
        None => unknown_word(tree, word, &STRATEGIES, report),
    }
    None
}
