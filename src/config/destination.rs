//! Where the tables go: `--to`, else `destination` and `dataset`.

use std::collections::BTreeMap;

use super::problem::{Place, Problem, Report, code};
use super::reader::{self, Reader, wrong_type};
use super::tree::{Tree, Value};
use crate::plan::{Secret, Target};

/// Where tables go if nothing is said.
const DEFAULT: &str = "./lake";

/// What a config says of the place of the tables.
pub(super) struct Destination<'a> {
    pub(super) destination: Option<&'a Tree>,
    pub(super) dataset: Option<&'a Tree>,
}

/// The tables folder. `to` takes the place of the folder; the storage options of the config stay.
pub(super) fn target(to: Option<&str>, written: &Destination<'_>, report: &Report) -> Option<Target> {
    let dataset = written.dataset.map(|tree| dataset(tree, report));
    let destination = written.destination.map(|tree| destination(tree, report));
    if let Some(to) = to {
        let at = Place::Argument { argument: "--to".into() };
        let options = destination.flatten().map(|(_, options)| options).unwrap_or_default();
        return parse(to, options, &at, report);
    }
    let (Some(tree), Some(destination)) = (written.destination, destination) else {
        return Target::parse(DEFAULT, BTreeMap::new()).ok();
    };
    let (uri, options) = destination?;
    let folder = parse(&uri, options, &tree.at, report)?;
    match dataset {
        None => Some(folder),
        Some(dataset) => Some(folder.join(&dataset?)),
    }
}

fn parse(uri: &str, options: BTreeMap<String, Secret>, at: &Place, report: &Report) -> Option<Target> {
    let target = Target::parse(uri, options);
    target.map_err(|error| report.add(Problem::new(code::INVALID, at, error.to_string()))).ok()
}

fn dataset(tree: &Tree, report: &Report) -> Option<String> {
    let name = reader::text(tree, report)?.reveal();
    let is_folder =
        !name.trim().is_empty() && !name.contains(['/', '\\', '\0']) && !matches!(name.as_str(), "." | "..");
    if !is_folder {
        reader::invalid(tree, "must be the name of one folder", report);
    }
    is_folder.then_some(name)
}

/// The path or URI, and the options of the storage.
fn destination(tree: &Tree, report: &Report) -> Option<(String, BTreeMap<String, Secret>)> {
    match &tree.value {
        Value::Text(text) => Some((text.reveal(), BTreeMap::new())),
        Value::Map(_) => {
            let mut reader = Reader::open(tree, report)?;
            let uri = reader.required("uri").and_then(|tree| reader::text(tree, report));
            let options = reader.present("storage_options").map(|tree| storage_options(tree, report));
            reader.close();
            Some((uri?.reveal(), options.unwrap_or_default()))
        }
        _ => {
            wrong_type(tree, "a string or a map", report);
            None
        }
    }
}

fn storage_options(tree: &Tree, report: &Report) -> BTreeMap<String, Secret> {
    let Value::Map(entries) = &tree.value else {
        wrong_type(tree, "a map", report);
        return BTreeMap::new();
    };
    let secret = |value: &Tree| reader::text(value, report).map(|text| Secret::new(text.reveal()));
    let options = entries.iter().filter(|(_, value)| !value.is_null());
    options.filter_map(|(key, value)| Some((key.text.clone(), secret(value)?))).collect()
}
