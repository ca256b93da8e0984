//! What a load changes in the schema of a table, for the report.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Fields};

use super::field::Field;
use super::kind::Kind;
use super::shape::{Shape, members};
use crate::flow::{ChangeKind, SchemaChange};

/// The dotted paths of the columns of which no column is made, because they held nothing.
pub(super) fn empty_columns(shape: &Shape, prefix: &str, found: &mut Vec<String>) {
    let seen: BTreeMap<String, &Field> =
        shape.fields().iter().map(|field| (format!("{prefix}{}", field.name), field)).collect();
    for (path, field) in seen {
        match field.kind() {
            _ if field.outlets.is_empty() => found.push(path),
            Kind::Struct(members) => empty_columns(members, &format!("{path}."), found),
            _ => {}
        }
    }
}

/// The columns that a table lacks, new ones at the topmost level that is new and variants at any.
pub(super) fn new_columns(shape: &Shape, stored: Option<&Fields>, prefix: &str, changes: &mut Vec<SchemaChange>) {
    for field in shape.fields() {
        for (index, outlet) in field.outlets.iter().enumerate().filter(|(_, outlet)| outlet.is_column()) {
            let column = format!("{prefix}{}", outlet.name);
            let known = stored.and_then(|stored| stored.iter().find(|known| *known.name() == *outlet.name));
            let (change, from) = match index {
                0 => (ChangeKind::Added, None),
                _ => (ChangeKind::Variant, Some(field.kind().name().to_owned())),
            };
            if known.is_none() && (index > 0 || stored.is_some() || prefix.is_empty()) {
                let to = Some(outlet.kind.name().to_owned());
                changes.push(SchemaChange { column: column.clone(), change, from, to, page: outlet.page });
            }
            if let Some(members) = members(&outlet.kind) {
                let stored = known.and_then(|known| stored_members(known.data_type()));
                new_columns(members, stored, &format!("{column}."), changes);
            }
        }
    }
}

fn stored_members(data_type: &DataType) -> Option<&Fields> {
    match data_type {
        DataType::Struct(fields) => Some(fields),
        DataType::List(item) => stored_members(item.data_type()),
        _ => None,
    }
}
