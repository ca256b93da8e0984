//! `write_disposition` and `primary_key`: how rows join those of the table.

use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, unknown_word, unsupported_word, wrong_type};
use super::tree::{Text, Tree, Value};
use crate::plan::WriteDisposition;

/// The disposition before its key is known.
#[derive(Debug, Clone, Copy)]
enum Disposition {
    Append,
    Replace,
    Merge { skips_unchanged: bool },
    Skip,
}

const DISPOSITIONS: [(&str, Disposition); 4] = [
    ("append", Disposition::Append),
    ("replace", Disposition::Replace),
    ("merge", Disposition::Merge { skips_unchanged: true }),
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
        Disposition::Merge { .. } if key.is_empty() => {
            let message = "`write_disposition` `merge` needs a `primary_key`";
            report.add(Problem::new(code::MISSING, &reader.tree.at, message).hint("give `primary_key: id`"));
            None
        }
        Disposition::Merge { skips_unchanged } => Some(WriteDisposition::Merge { key, skips_unchanged }),
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
    let strategy_fits = strategy.is_none_or(|strategy| {
        let is_merge = disposition.is_none_or(|disposition| matches!(disposition, Disposition::Merge { .. }));
        if !is_merge {
            reader::invalid(strategy, "belongs to `merge` only", report);
        }
        is_upsert(strategy, report) && is_merge
    });
    let skips_unchanged = reader.bool("skip_unchanged_rows");
    reader.refuse(&OPTIONS);
    reader.close();
    let disposition = disposition.map(|disposition| match (disposition, skips_unchanged) {
        (Disposition::Merge { .. }, Some(skips_unchanged)) => Disposition::Merge { skips_unchanged },
        (disposition, _) => disposition,
    });
    disposition.filter(|_| strategy_fits)
}

fn is_upsert(tree: &Tree, report: &Report) -> bool {
    let Some(word) = reader::text(tree, report) else { return false };
    let text = word.reveal();
    if text == "upsert" {
        return true;
    }
    match STRATEGIES.iter().find(|name| **name == text) {
        Some(known) => unsupported_word(tree, known, report),
        None => unknown_word(tree, word, &STRATEGIES, report),
    }
    false
}
