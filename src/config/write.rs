//! `write_disposition`, `primary_key` and `merge_key`: how rows join those of the table.

use super::columns::Roles;
use super::instant::instant;
use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, unknown_word, unsupported_word, wrong_type};
use super::tree::{Text, Tree, Value};
use crate::plan::{Matched, Merge, Scd2, WriteDisposition};

/// The disposition before its key is known.
#[derive(Debug, Clone)]
enum Disposition {
    Append,
    Replace,
    Merge(Strategy),
    Skip,
}

/// How a merge is done, before its key is known.
#[derive(Debug, Clone)]
enum Strategy {
    /// Nothing is said: what the keys ask for.
    Unsaid(Matched),
    Upsert(Matched),
    InsertOnly,
    DeleteInsert {
        is_deduplicated: bool,
    },
    Scd2(Scd2),
}

const DISPOSITIONS: [&str; 4] = ["append", "merge", "replace", "skip"];

const STRATEGIES: [&str; 5] = ["cdc", "delete-insert", "insert-only", "scd2", "upsert"];

/// dlt's options that are SQL conditions, which are not read here.
const SQL: [&str; 2] = ["destination_scope", "source_filter"];

/// Reads the keys. `roles` is what hints say of columns.
pub(super) fn read(reader: &mut Reader<'_>, roles: Roles) -> Option<WriteDisposition> {
    let report = reader.report;
    let disposition =
        reader.present("write_disposition").map_or(Some(Disposition::Append), |tree| disposition(tree, report));
    let key = key_columns(reader, "primary_key", roles.key);
    let merge_key = key_columns(reader, "merge_key", roles.merge_key);
    let (key, merge_key) = (key?, merge_key?);
    let strategy = match disposition? {
        Disposition::Append => return Some(WriteDisposition::Append),
        Disposition::Replace => return Some(WriteDisposition::Replace),
        Disposition::Skip => return Some(WriteDisposition::Skip),
        Disposition::Merge(strategy) => strategy,
    };
    let (matched, is_deduplicated, uses_merge_key) = match strategy {
        Strategy::Scd2(rules) => return Some(WriteDisposition::Scd2(Scd2 { merge_key, ..rules })),
        // As dlt does where it can: rows go by a merge key only if they are deleted and inserted.
        Strategy::Unsaid(_) if !merge_key.is_empty() => (Matched::Update, false, true),
        Strategy::Unsaid(matched) | Strategy::Upsert(matched) => (matched, false, false),
        Strategy::InsertOnly => (Matched::Keep, false, false),
        Strategy::DeleteInsert { is_deduplicated } => (Matched::Update, is_deduplicated, true),
    };
    let merge_key = if uses_merge_key { merge_key } else { Vec::new() };
    if key.is_empty() && merge_key.is_empty() {
        let message = "`write_disposition` `merge` needs a `primary_key`";
        report.add(Problem::new(code::MISSING, &reader.tree.at, message).hint("give `primary_key: id`"));
        return None;
    }
    let (hard_delete, dedup_sort) = (roles.hard_delete, roles.dedup_sort);
    Some(WriteDisposition::Merge(Merge { key, merge_key, matched, is_deduplicated, hard_delete, dedup_sort }))
}

/// Columns that a key names, and those that hints make part of it, each once; `None` if something is wrong.
fn key_columns(reader: &mut Reader<'_>, name: &'static str, hinted: Vec<String>) -> Option<Vec<String>> {
    let report = reader.report;
    let mut key = match reader.present(name) {
        Some(tree) => {
            let key = reader::texts(tree, report)?;
            if key.iter().any(|column| column.trim().is_empty()) {
                reader::invalid(tree, "must not be empty", report);
                return None;
            }
            key
        }
        None => Vec::new(),
    };
    key.extend(hinted);
    let mut columns: Vec<String> = Vec::with_capacity(key.len());
    for column in key {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    Some(columns)
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
    Some(match word.reveal().as_str() {
        "append" => Disposition::Append,
        "merge" => Disposition::Merge(Strategy::Unsaid(Matched::UpdateChanged)),
        "replace" => Disposition::Replace,
        "skip" => Disposition::Skip,
        _ => {
            unknown_word(tree, word, &DISPOSITIONS, report);
            return None;
        }
    })
}

fn long_form(tree: &Tree, report: &Report) -> Option<Disposition> {
    let mut reader = Reader::open(tree, report)?;
    let disposition = reader.required("disposition").and_then(|tree| named(tree, reader::text(tree, report)?, report));
    let strategy = reader.present("strategy");
    let skips_unchanged = reader.bool("skip_unchanged_rows").unwrap_or(true);
    let is_deduplicated = reader.bool("deduplicated").unwrap_or_default();
    let scd2 = scd2(&mut reader);
    reader.refuse(&SQL);
    reader.close();
    let update = if skips_unchanged { Matched::UpdateChanged } else { Matched::Update };
    match (disposition?, strategy) {
        (Disposition::Merge(_), None) => Some(Disposition::Merge(Strategy::Unsaid(update))),
        (Disposition::Merge(_), Some(strategy)) => {
            let strategy = match named_strategy(strategy, report)? {
                "upsert" => Strategy::Upsert(update),
                "insert-only" => Strategy::InsertOnly,
                "delete-insert" => Strategy::DeleteInsert { is_deduplicated },
                _ => Strategy::Scd2(scd2?),
            };
            Some(Disposition::Merge(strategy))
        }
        (_, Some(strategy)) => {
            reader::invalid(strategy, "belongs to `merge` only", report);
            None
        }
        (other, None) => Some(other),
    }
}

/// A strategy that there is, by its name.
fn named_strategy(tree: &Tree, report: &Report) -> Option<&'static str> {
    let word = reader::text(tree, report)?;
    let text = word.reveal();
    match STRATEGIES.iter().find(|name| **name == text) {
        Some(&"cdc") => unsupported_word(tree, "cdc", report),
        Some(known) => return Some(known),
        None => unknown_word(tree, word, &STRATEGIES, report),
    }
    None
}

fn scd2(reader: &mut Reader<'_>) -> Option<Scd2> {
    let report = reader.report;
    let validity = reader.present("validity_column_names").map(|tree| validity(tree, report));
    let version = reader.present("row_version_column_name").map(|tree| reader::text(tree, report).map(Text::reveal));
    let boundary = reader.present("boundary_timestamp").map(|tree| instant(tree, report));
    let active = reader.present("active_record_timestamp").map(|tree| instant(tree, report));
    Some(Scd2 {
        merge_key: Vec::new(),
        validity: validity.map_or(Some(None), |names| names.map(Some))?,
        version: version.map_or(Some(None), |name| name.map(Some))?,
        boundary_us: boundary.map_or(Some(None), |time| time.map(Some))?,
        active_us: active.map_or(Some(None), |time| time.map(Some))?,
    })
}

/// Two different names.
fn validity(tree: &Tree, report: &Report) -> Option<[String; 2]> {
    let names: Result<[String; 2], _> = reader::texts(tree, report)?.try_into();
    match names {
        Ok([from, to]) if from != to && !from.trim().is_empty() && !to.trim().is_empty() => Some([from, to]),
        _ => {
            reader::invalid(tree, "must be two different column names", report);
            None
        }
    }
}
