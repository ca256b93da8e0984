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
        let written = destination.flatten().map(|written| Written { uri: to.to_owned(), ..written });
        return parse(written.unwrap_or_else(|| Written::new(to.to_owned())), &at, report);
    }
    let (Some(tree), Some(destination)) = (written.destination, destination) else {
        return Target::parse(DEFAULT, BTreeMap::new()).ok();
    };
    let folder = parse(destination?, &tree.at, report)?;
    match dataset {
        None => Some(folder),
        Some(dataset) => Some(folder.join(&dataset?)),
    }
}

/// `destination` as it is written.
struct Written {
    /// The path or URI.
    uri: String,
    /// The options of the storage.
    options: BTreeMap<String, Secret>,
    single_writer: bool,
}

impl Written {
    fn new(uri: String) -> Self {
        Self { uri, options: BTreeMap::new(), single_writer: false }
    }
}

fn parse(written: Written, at: &Place, report: &Report) -> Option<Target> {
    let target = Target::parse(&written.uri, written.options);
    let mut target = target.map_err(|error| report.add(Problem::new(code::INVALID, at, error.to_string()))).ok()?;
    target.single_writer = written.single_writer;
    Some(target)
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

fn destination(tree: &Tree, report: &Report) -> Option<Written> {
    match &tree.value {
        Value::Text(text) => Some(Written::new(text.reveal())),
        Value::Map(_) => {
            let mut reader = Reader::open(tree, report)?;
            let uri = reader.required("uri").and_then(|tree| reader::text(tree, report));
            let options = reader.present("storage_options").map(|tree| storage_options(tree, report));
            let single_writer = reader.bool("single_writer").unwrap_or_default();
            reader.close();
            Some(Written { uri: uri?.reveal(), options: options.unwrap_or_default(), single_writer })
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
