//! `columns`: hints for columns, by name.

use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, unknown_word, unsupported_word, wrong_type};
use super::tree::{Tree, Value};
use crate::plan::{ColumnHint, DataType};

/// What `columns` says.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) hints: Vec<ColumnHint>,
    /// Columns that are part of the primary key.
    pub(super) key: Vec<String>,
}

/// dlt's types that columns cannot have yet.
const UNSUPPORTED_TYPES: [&str; 4] = ["binary", "decimal", "time", "wei"];

/// Hints that change nothing in a Delta table.
const HARMLESS: [&str; 7] = ["cluster", "description", "precision", "scale", "sort", "unique", "variant"];

/// Hints that mean something and do nothing yet, unless they are switched off.
const UNSUPPORTED: [&str; 8] =
    ["dedup_sort", "hard_delete", "incremental", "merge_key", "parent_key", "partition", "root_key", "row_key"];

pub(super) fn read(tree: &Tree, report: &Report) -> Columns {
    let mut columns = Columns::default();
    match &tree.value {
        Value::Map(entries) => {
            for (key, hint) in entries {
                add(&mut columns, Some(&key.text), hint, report);
            }
        }
        Value::List(hints) => hints.iter().for_each(|hint| add(&mut columns, None, hint, report)),
        _ => wrong_type(tree, "a list or a map", report),
    }
    columns
}

fn add(columns: &mut Columns, key: Option<&str>, tree: &Tree, report: &Report) {
    let Some(mut reader) = Reader::open(tree, report) else { return };
    let written = match key {
        Some(_) => reader.present("name"),
        None => reader.required("name"),
    };
    let written = written.map(|tree| reader::text(tree, report).map(|text| text.reveal()));
    let name = written.unwrap_or_else(|| key.map(str::to_owned));
    let data_type = reader.present("data_type").and_then(|tree| data_type(tree, report));
    let nullable = reader.bool("nullable").unwrap_or(true);
    let in_key = reader.bool("primary_key").unwrap_or(false);
    refuse_unsupported(&mut reader);
    reader.close();
    let Some(name) = name else { return };
    if columns.hints.iter().any(|known| known.name == name) {
        report.add(Problem::new(code::DUPLICATE, &tree.at, format!("the column `{name}` has hints already")));
        return;
    }
    if in_key {
        columns.key.push(name.clone());
    }
    columns.hints.push(ColumnHint { name, data_type, nullable });
}

fn refuse_unsupported(reader: &mut Reader<'_>) {
    let report = reader.report;
    reader.refuse(&UNSUPPORTED);
    if let Some(tree) = reader.present("timezone").filter(|tree| matches!(tree.value, Value::Bool(false))) {
        report.add(Problem::new(code::UNSUPPORTED, &tree.at, "`timezone: false` is not supported yet"));
    }
    reader.ignore(&HARMLESS);
    reader.ignore_prefix("x-");
}

fn data_type(tree: &Tree, report: &Report) -> Option<DataType> {
    let word = reader::text(tree, report)?;
    let text = word.reveal();
    if let Some((_, known)) = DataType::NAMES.iter().find(|(name, _)| *name == text) {
        return Some(*known);
    }
    match UNSUPPORTED_TYPES.iter().find(|name| **name == text) {
        Some(known) => unsupported_word(tree, known, report),
        None => unknown_word(tree, word, &DataType::NAMES.map(|(name, _)| name), report),
    }
    None
}
