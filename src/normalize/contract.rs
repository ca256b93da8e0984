//! What the schema contract keeps out of a page: the values of columns that may not be there.

use std::collections::BTreeMap;

use super::build::{Column, Record, Values};
use super::field::Field;
use super::kind::Kind;
use super::shape::Shape;
use super::spread::place;
use crate::flow::KeyColumn;
use crate::plan::ContractMode;

/// A value in a column that may not be there.
#[derive(Debug)]
pub(super) struct Denial {
    /// The row of the page.
    pub(super) row: usize,
    /// The column, dotted for a nested one.
    pub(super) column: String,
    pub(super) mode: ContractMode,
    /// Whether the column is a variant of one that may be there.
    pub(super) is_variant: bool,
    /// The value as JSON text.
    pub(super) value: String,
}

/// The values of a page that may not be there, in order of their rows.
pub(super) fn denials(record: &Record, shape: &Shape) -> Vec<Denial> {
    let mut found = Vec::new();
    in_record(record, shape, "", &mut found);
    found.sort_by_key(|denial| denial.row);
    found
}

fn in_record(record: &Record, shape: &Shape, prefix: &str, found: &mut Vec<Denial>) {
    for (key, column) in record.columns() {
        let Some(field) = shape.by_source(key) else { continue };
        if field.denies() {
            in_column(column, field, prefix, found);
        }
    }
}

fn in_column(column: &Column, field: &Field, prefix: &str, found: &mut Vec<Denial>) {
    let slots: Vec<_> = field.outlets.iter().map(super::field::Outlet::slot).collect();
    for lane in column.lanes() {
        for row in lane.valid_rows() {
            let Some(index) = place(lane, row, &slots) else { continue };
            let Some(outlet) = field.outlets.get(index).filter(|outlet| outlet.mode != ContractMode::Evolve) else {
                continue;
            };
            found.push(Denial {
                row,
                column: format!("{prefix}{}", outlet.name),
                mode: outlet.mode,
                is_variant: index > 0 && field.mode == ContractMode::Evolve,
                value: super::render::values(&lane.values, row),
            });
        }
        for outlet in field.outlets.iter().filter(|outlet| outlet.mode == ContractMode::Evolve) {
            below(&lane.values, &outlet.kind, &format!("{prefix}{}.", outlet.name), found);
        }
    }
}

/// What is denied in the members of objects, also of those in lists.
fn below(values: &Values, kind: &Kind, prefix: &str, found: &mut Vec<Denial>) {
    match (values, kind) {
        (Values::Struct(record), Kind::Struct(shape)) => in_record(record, shape, prefix, found),
        (Values::List(list), Kind::List(item)) => {
            let before = found.len();
            list.items.lanes().for_each(|lane| below(&lane.values, item, prefix, found));
            for denial in found.iter_mut().skip(before) {
                // The row is that of the list which holds the item.
                let item = denial.row;
                let row = list.ends.partition_point(|end| usize::try_from(*end).is_ok_and(|end| end <= item));
                denial.row = row.saturating_sub(1);
            }
        }
        _ => {}
    }
}

/// The rows that lack a value of the key, each with the first column that they lack.
pub(super) fn without_key<'k>(record: &Record, shape: &Shape, key: &'k [KeyColumn]) -> BTreeMap<usize, &'k KeyColumn> {
    let mut found = BTreeMap::new();
    for column in key {
        let mut has_value = vec![false; record.rows()];
        note_values(record, shape, column.path(), &mut has_value);
        for (row, _) in has_value.iter().enumerate().filter(|(_, has_value)| !**has_value) {
            found.entry(row).or_insert(column);
        }
    }
    found
}

/// Notes the rows that have a value at the end of a path of column names.
fn note_values(record: &Record, shape: &Shape, path: &[String], has_value: &mut [bool]) {
    let Some((field, below)) = path.split_first().and_then(|(name, below)| Some((shape.by_name(name)?, below))) else {
        return;
    };
    let Some((_, column)) = record.columns().find(|(source, _)| field.source.as_ref() == Some(*source)) else { return };
    let slots: Vec<_> = field.outlets.iter().map(super::field::Outlet::slot).collect();
    for lane in column.lanes() {
        if !below.is_empty() {
            // The members of a row have its number.
            if let (Values::Struct(members), Kind::Struct(shape)) = (&lane.values, field.kind()) {
                note_values(members, shape, below, has_value);
            }
            continue;
        }
        for row in lane.valid_rows().filter(|row| place(lane, *row, &slots) == Some(0)) {
            if let Some(has_value) = has_value.get_mut(row) {
                *has_value = true;
            }
        }
    }
}

/// Why something was kept out, in the words of the config.
pub(super) fn reason(denial: &Denial) -> &'static str {
    match (denial.is_variant, denial.mode) {
        (false, ContractMode::DiscardRow) => "the column is new, and `schema_contract.columns` is `discard_row`",
        (false, ContractMode::DiscardValue) => "the column is new, and `schema_contract.columns` is `discard_value`",
        (false, _) => "the column is new, and `schema_contract.columns` is `freeze`",
        (true, ContractMode::DiscardRow) => {
            "the value does not fit its column, and `schema_contract.data_type` is `discard_row`"
        }
        (true, ContractMode::DiscardValue) => {
            "the value does not fit its column, and `schema_contract.data_type` is `discard_value`"
        }
        (true, _) => "the value does not fit its column, and `schema_contract.data_type` is `freeze`",
    }
}
