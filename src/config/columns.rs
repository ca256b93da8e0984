//! `columns`: hints for columns, by name.

use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, one_of, unknown_word, wrong_type};
use super::tree::{Tree, Value};
use crate::plan::{ColumnHint, DataType, DedupSort};

/// What `columns` says.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) hints: Vec<ColumnHint>,
    /// What the columns are to a merge, and how the table is partitioned.
    pub(super) roles: Roles,
}

/// Columns with a part in how rows are written.
#[derive(Debug, Default)]
pub(super) struct Roles {
    /// Columns that are part of the primary key.
    pub(super) key: Vec<String>,
    pub(super) merge_key: Vec<String>,
    pub(super) hard_delete: Option<String>,
    pub(super) dedup_sort: Option<DedupSort>,
    pub(super) partitions: Vec<String>,
}

const ORDERS: [(&str, bool); 2] = [("asc", false), ("desc", true)];

/// dlt's type for integers of up to 78 digits. Delta Lake has none for so many, so that dlt too keeps them there as text.
const WEI: (&str, DataType) = ("wei", DataType::Text);

/// Hints that change nothing in a Delta table.
const HARMLESS: [&str; 5] = ["cluster", "description", "sort", "unique", "variant"];

/// Hints that mean something and do nothing yet, unless they are switched off.
const UNSUPPORTED: [&str; 4] = ["incremental", "parent_key", "root_key", "row_key"];

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
    let data_type = with_digits(data_type, &mut reader);
    let nullable = reader.bool("nullable").unwrap_or(true);
    let mut roles = vec![];
    for (key, role) in [("primary_key", Role::Key), ("merge_key", Role::MergeKey), ("partition", Role::Partition)] {
        if reader.bool(key).unwrap_or(false) {
            roles.push(role);
        }
    }
    let hard_delete = reader.present("hard_delete").filter(|tree| reader::bool(tree, report) == Some(true));
    let order = reader.present("dedup_sort").and_then(|tree| Some((tree, one_of(tree, &ORDERS, report)?)));
    refuse_unsupported(&mut reader);
    reader.close();
    let Some(name) = name else { return };
    if columns.hints.iter().any(|known| known.name == name) {
        report.add(Problem::new(code::DUPLICATE, &tree.at, format!("the column `{name}` has hints already")));
        return;
    }
    for role in roles {
        columns.roles.of(role).push(name.clone());
    }
    if let Some(tree) = hard_delete {
        once(&mut columns.roles.hard_delete, name.clone(), tree, report);
    }
    if let Some((tree, is_descending)) = order {
        once(&mut columns.roles.dedup_sort, DedupSort { column: name.clone(), is_descending }, tree, report);
    }
    columns.hints.push(ColumnHint { name, data_type, nullable });
}

/// A part that several columns may have.
#[derive(Debug, Clone, Copy)]
enum Role {
    Key,
    MergeKey,
    Partition,
}

impl Roles {
    fn of(&mut self, role: Role) -> &mut Vec<String> {
        match role {
            Role::Key => &mut self.key,
            Role::MergeKey => &mut self.merge_key,
            Role::Partition => &mut self.partitions,
        }
    }
}

/// Notes a hint that one column of a resource may have.
fn once<T>(place: &mut Option<T>, value: T, tree: &Tree, report: &Report) {
    if place.is_some() {
        reader::invalid(tree, "is a hint for one column, and another one has it", report);
    } else {
        *place = Some(value);
    }
}

/// A decimal with the `precision` and `scale` that are written; for other types they say nothing here.
fn with_digits(data_type: Option<DataType>, reader: &mut Reader<'_>) -> Option<DataType> {
    let (written_precision, written_scale) = (reader.present("precision"), reader.present("scale"));
    let Some(DataType::Decimal { precision, scale }) = data_type else { return data_type };
    let report = reader.report;
    let digits = |tree: Option<&Tree>, default: u8| match tree {
        None => Some(default),
        Some(tree) => reader::integer(tree, 0, report).map(|digits| u8::try_from(digits).unwrap_or(u8::MAX)),
    };
    let (precision, scale) = (digits(written_precision, precision)?, digits(written_scale, scale)?);
    if !(1..=DataType::PRECISION_MAX).contains(&precision) || scale > precision {
        let tree = written_precision.or(written_scale)?;
        reader::invalid(tree, "must be 1 to 38 digits, of which `scale` are behind the point", report);
        return None;
    }
    Some(DataType::Decimal { precision, scale })
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
    if let Some((_, known)) = DataType::NAMES.iter().chain([&WEI]).find(|(name, _)| *name == text) {
        return Some(*known);
    }
    unknown_word(tree, word, &DataType::NAMES.map(|(name, _)| name), report);
    None
}
