//! One entry of `resources`, with its defaults.

use super::client::Client;
use super::columns;
use super::delta;
use super::endpoint::{self, Shape, Surrounding};
use super::problem::{Place, Problem, Report, code};
use super::processing_steps;
use super::progress;
use super::reader::{self, Reader, invalid, one_of, unknown_word, unsupported_word, wrong_type};
use super::schema;
use super::secrets::Lookups;
use super::tree::{Key, Text, Tree, Value};
use super::view;
use super::write;
use crate::plan::{
    IncludedField, MissingParentField, NameError, Naming, ParentField, ParentLink, RenameRule, ResourceName,
    ResourcePlan, TableName,
};

/// A resource as far as it is understood. Names are there even if the rest is wrong, so that they can be compared.
pub(super) struct Resource {
    pub(super) name: Option<(ResourceName, Place)>,
    pub(super) table: Option<(TableName, Place)>,
    /// The resource whose rows it needs, and where it is named first.
    pub(super) parent: Option<(String, Place)>,
    /// `None`: something is wrong, which is reported.
    pub(super) plan: Option<ResourcePlan>,
    /// What `plan` shows of it.
    pub(super) shown: serde_json::Value,
}

/// dlt's keys that do nothing here yet.
const UNSUPPORTED: [&str; 2] = ["nested_hints", "parent_table_name"];

/// What dlt notes in its schema only: Delta Lake has no foreign keys.
const HARMLESS: [&str; 1] = ["references"];

const MISSING_FIELDS: [(&str, MissingParentField); 2] =
    [("fail", MissingParentField::Fail), ("skip", MissingParentField::Skip)];

const NAMINGS: [(&str, Naming); 2] = [("preserve", Naming::Preserve), ("snake_case", Naming::SnakeCase)];

/// Reads a resource that has its defaults.
pub(super) fn read(tree: &Tree, client: Option<&Client<'_>>, lookups: &Lookups<'_>) -> Option<Resource> {
    let report = lookups.report;
    let mut reader = Reader::open(tree, report)?;
    let written_name = reader.required("name").and_then(|tree| Some((tree, reader::text(tree, report)?)));
    let name = written_name
        .and_then(|(tree, text)| Some((checked(tree, ResourceName::parse(&text.reveal()), report)?, tree.at.clone())));
    let table_tree = reader.present("table_name").or(written_name.map(|(tree, _)| tree));
    let table = name.as_ref().and(table_tree).and_then(|tree| {
        let text = reader::text(tree, report)?.reveal();
        Some((checked(tree, TableName::parse(&text), report)?, tree.at.clone()))
    });
    let columns = reader.present("columns").map(|tree| columns::read(tree, report)).unwrap_or_default();
    let partitions = columns.roles.partitions.clone();
    let write = write::read(&mut reader, columns.roles);
    let rename = reader.present("rename").map(|tree| rename(tree, report)).unwrap_or_default();
    let naming = reader.present("naming").map_or(Some(Naming::default()), |tree| one_of(tree, &NAMINGS, report));
    let selected = reader.bool("selected").unwrap_or(true);
    let shape = endpoint(&mut reader, written_name.map(|(_, text)| text), client, lookups);
    let on_missing = reader
        .present("on_missing_parent_field")
        .map_or(Some(MissingParentField::default()), |tree| one_of(tree, &MISSING_FIELDS, report));
    let included = reader.present("include_from_parent").map(|tree| (tree, included(tree, report)));
    let steps =
        reader.present("processing_steps").map_or(Some(Vec::new()), |tree| processing_steps::read(tree, report));
    let schema = schema::read(&mut reader);
    let delta = delta::read(&mut reader);
    let commits = progress::read(&mut reader);
    refuse(&mut reader);
    reader.close();

    let Shape { parents, fields, read, view } = shape.unwrap_or_default();
    let parent = only_parent(&parents, name.as_ref(), report);
    let link = link(parent.as_ref(), fields, included, on_missing, report);
    let plan = || {
        let (name, table) = (name.as_ref()?.0.clone(), table.as_ref()?.0.clone());
        let (read, write, naming, parent) = (read?, write?, naming?, link?);
        Some(ResourcePlan {
            name,
            table,
            endpoint: read.endpoint,
            request: read.request,
            parent,
            incremental: read.incremental,
            steps: steps?.into(),
            write,
            columns: columns.hints,
            rename,
            naming,
            schema,
            delta: crate::plan::DeltaOptions { partitions, ..delta },
            commits,
            selected,
        })
    };
    let plan = plan();
    let table_name = table.as_ref().map(|(table, _)| table.as_str());
    let shown = view::resource(tree, &view, table_name, parent.as_ref().map(|(parent, _)| parent.as_str()), selected);
    Some(Resource { name, table, parent, plan, shown })
}

/// The parent of a resource: it can have one only. The outer `None`: it has several, which is reported.
fn only_parent(
    parents: &[(String, Place)],
    name: Option<&(ResourceName, Place)>,
    report: &Report,
) -> Option<(String, Place)> {
    let (first, others) = parents.split_first()?;
    if let Some((other, at)) = others.first() {
        let who = name.map(|(name, _)| format!("resource `{name}`")).unwrap_or_else(|| "the resource".to_owned());
        let message = format!("{who} needs rows of `{}` and of `{other}`; it can have one parent only", first.0);
        report.add(Problem::new(code::INVALID, at, message));
    }
    Some(first.clone())
}

/// The link to the parent; the outer `None`: something is wrong, which is reported.
fn link(
    parent: Option<&(String, Place)>,
    fields: Vec<ParentField>,
    included: Option<(&Tree, Option<Vec<String>>)>,
    on_missing: Option<MissingParentField>,
    report: &Report,
) -> Option<Option<ParentLink>> {
    let Some((parent, at)) = parent else {
        // None of a parent's keys need no parent.
        if let Some((tree, keys)) = included
            && keys.is_none_or(|keys| !keys.is_empty())
        {
            let message = "`include_from_parent` needs a parent, and the endpoint has no `{resources.…}`";
            report.add(Problem::new(code::INVALID, &tree.at, message));
            return None;
        }
        return Some(None);
    };
    let keys = match included {
        Some((_, keys)) => keys?,
        None => Vec::new(),
    };
    let included = keys.into_iter().map(|key| IncludedField { name: format!("_{parent}_{key}"), key }).collect();
    let resource = ResourceName::parse(parent);
    let resource =
        resource.map_err(|error| report.add(Problem::new(code::INVALID, at, format!("`{parent}`: {error}"))));
    Some(Some(ParentLink { resource: resource.ok()?, fields, included, on_missing: on_missing? }))
}

/// The keys of `include_from_parent`.
fn included(tree: &Tree, report: &Report) -> Option<Vec<String>> {
    match &tree.value {
        Value::List(_) => reader::texts(tree, report),
        _ => {
            wrong_type(tree, "a list of strings", report);
            None
        }
    }
}

fn checked<T>(tree: &Tree, name: Result<T, NameError>, report: &Report) -> Option<T> {
    name.map_err(|error| report.add(Problem::new(code::INVALID, &tree.at, format!("`{}`: {error}", tree.label)))).ok()
}

/// An endpoint that is left out is one without keys.
fn endpoint(
    reader: &mut Reader<'_>,
    name: Option<&Text>,
    client: Option<&Client<'_>>,
    lookups: &Lookups<'_>,
) -> Option<Shape> {
    let resource = reader.tree;
    let empty = Tree { value: Value::Map(Vec::new()), ..resource.clone() };
    let tree = reader.present("endpoint").unwrap_or(&empty);
    if !matches!(tree.value, Value::Map(_)) {
        wrong_type(tree, "a string or a map", lookups.report);
        return None;
    }
    let surrounding = Surrounding { client: client?, lookups, resource, name };
    endpoint::read(tree, &surrounding)
}

fn refuse(reader: &mut Reader<'_>) {
    let report = reader.report;
    reader.refuse(&UNSUPPORTED);
    reader.ignore(&HARMLESS);
    reader.bool("parallelized");
    only(reader.present("table_format"), &["delta"], &["hive", "iceberg", "native"], report);
    let files = ["csv", "insert_values", "jsonl", "model", "reference", "typed-jsonl"];
    only(reader.present("file_format"), &["parquet", "preferred"], &files, report);
}

/// Accepts the words that say what is done anyway and refuses the others that dlt knows.
fn only(tree: Option<&Tree>, accepted: &[&str], known: &[&str], report: &Report) {
    let Some(tree) = tree else { return };
    let Some(word) = reader::text(tree, report) else { return };
    let text = word.reveal();
    match known.iter().find(|known| **known == text) {
        Some(known) => unsupported_word(tree, known, report),
        None if accepted.contains(&text.as_str()) => {}
        None => unknown_word(tree, word, accepted, report),
    }
}

fn rename(tree: &Tree, report: &Report) -> Vec<RenameRule> {
    let Value::Map(entries) = &tree.value else {
        wrong_type(tree, "a map", report);
        return Vec::new();
    };
    entries.iter().filter_map(|(key, value)| rename_rule(key, value, report)).collect()
}

fn rename_rule(key: &Key, value: &Tree, report: &Report) -> Option<RenameRule> {
    let path: Vec<String> = key.text.split('.').map(str::to_owned).collect();
    if path.iter().any(String::is_empty) {
        let message = format!("`{}` in `rename` must be keys separated by single dots", key.text);
        report.add(Problem::new(code::INVALID, &key.at, message));
        return None;
    }
    let to = reader::text(value, report)?.reveal();
    if to.trim().is_empty() {
        invalid(value, "must not be empty", report);
        return None;
    }
    Some(RenameRule { path, to })
}
