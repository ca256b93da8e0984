//! The root of the config to a [`Plan`]: reads each section, then what only the whole can tell.

use std::path::Path;

use super::client::{self, Client};
use super::defaults;
use super::destination::{self, Destination};
use super::graph;
use super::limits;
use super::problem::{Place, Problem, Report, code, suggestion};
use super::reader::{self, Reader, wrong_type};
use super::resource::{self, Resource};
use super::secrets::Lookups;
use super::syntax::Outside;
use super::tree::{Tree, Value};
use super::{Options, Source};
use crate::plan::{PipelineName, Plan, ResourcePlan};

/// What a config comes to.
pub(super) struct Lowered {
    /// `None`: something is wrong, which is reported.
    pub(super) plan: Option<Plan>,
    /// What `plan` shows of each resource that has a name, in order.
    pub(super) shown: Vec<(String, serde_json::Value)>,
}

/// Reads a tree that is free of look-ups.
pub(super) fn lowered(
    root: &Tree,
    outside: &Outside,
    source: &Source,
    options: &Options,
    lookups: &Lookups<'_>,
) -> Lowered {
    let mut shown = Vec::new();
    let plan = plan(root, outside, source, options, lookups, &mut shown);
    Lowered { plan, shown }
}

fn plan(
    root: &Tree,
    outside: &Outside,
    source: &Source,
    options: &Options,
    lookups: &Lookups<'_>,
    shown: &mut Vec<(String, serde_json::Value)>,
) -> Option<Plan> {
    let report = lookups.report;
    let mut reader = Reader::open(root, report)?;
    let client = reader.required("client").and_then(|tree| client::read(tree, lookups));
    let defaults = reader.present("resource_defaults").and_then(|tree| checked_defaults(tree, report));
    let resources = reader.required("resources").and_then(|tree| resources(tree, defaults, client.as_ref(), lookups));
    let limits = limits::read(reader.present("limits"), client.as_ref(), report);
    let name = reader.present("name").or(outside.pipeline_name.as_ref()).or(outside.source_name.as_ref());
    let pipeline = pipeline(name, &source.path, report);
    let written = Destination {
        destination: reader.present("destination").or(outside.destination.as_ref()),
        dataset: reader.present("dataset").or(outside.dataset_name.as_ref()),
    };
    let target = destination::target(options.to.as_deref(), &written, report);
    reader.close();
    let mut resources = resources?;
    let of_script = outside.resources.iter().flatten().filter_map(Tree::written_text).map(str::to_owned);
    let wanted: Vec<String> =
        if options.resources.is_empty() { of_script.collect() } else { options.resources.clone() };
    select(&mut resources, &wanted, report);
    let named = resources.iter().filter_map(|resource| Some((resource.name.as_ref()?.0.to_string(), &resource.shown)));
    shown.extend(named.map(|(name, resource)| (name, resource.clone())));
    let retry = client.map(|client| client.retry)?;
    Some(Plan {
        pipeline: pipeline?,
        target: target?,
        resources: complete(resources)?,
        limits,
        retry,
        history: options.history,
    })
}

/// Defaults are read as part of each resource; only what no resource can tell is looked at here.
fn checked_defaults<'a>(tree: &'a Tree, report: &Report) -> Option<&'a Tree> {
    let Value::Map(entries) = &tree.value else {
        wrong_type(tree, "a map", report);
        return None;
    };
    for (key, value) in entries {
        if key.text == "name" {
            let message = "unknown key `name` in `resource_defaults`";
            report.add(Problem::new(code::UNKNOWN_KEY, &key.at, message).hint("names belong to the resources"));
        }
        if key.text == "endpoint" && !matches!(value.value, Value::Map(_) | Value::Null) {
            wrong_type(value, "a map", report);
            return None;
        }
    }
    Some(tree)
}

fn resources(
    tree: &Tree,
    defaults: Option<&Tree>,
    client: Option<&Client<'_>>,
    lookups: &Lookups<'_>,
) -> Option<Vec<Resource>> {
    let report = lookups.report;
    let Value::List(items) = &tree.value else {
        wrong_type(tree, "a list", report);
        return None;
    };
    let mut resources: Vec<Resource> = Vec::with_capacity(items.len());
    for item in items {
        if !matches!(item.value, Value::Text(_) | Value::Map(_)) {
            wrong_type(item, "a string or a map", report);
            continue;
        }
        if let Some(resource) = resource::read(&defaults::merge(defaults, item), client, lookups) {
            compare(&resource, &resources, report);
            resources.push(resource);
        }
    }
    Some(graph::in_order(resources, report))
}

/// Reports a name or a table that an earlier resource has.
fn compare(resource: &Resource, earlier: &[Resource], report: &Report) {
    let Some((name, at)) = &resource.name else { return };
    let named = |other: &&Resource| other.name.as_ref().is_some_and(|(other, _)| other == name);
    if earlier.iter().any(|other| named(&other)) {
        report.add(Problem::new(code::DUPLICATE, at, format!("there is a resource `{name}` already")));
        return;
    }
    let Some((table, at)) = &resource.table else { return };
    let same_table = earlier.iter().find(|other| other.table.as_ref().is_some_and(|(other, _)| other == table));
    if let Some((other, _)) = same_table.and_then(|other| other.name.as_ref()) {
        let message = format!("resource `{name}` has the table `{table}`, as resource `{other}` has");
        report.add(Problem::new(code::DUPLICATE, at, message).hint("give one of them a `table_name`"));
    }
}

/// `--resource`: selects those that are named and no others.
fn select(resources: &mut [Resource], names: &[String], report: &Report) {
    if names.is_empty() {
        return;
    }
    let known: Vec<String> =
        resources.iter().filter_map(|resource| resource.name.as_ref()).map(|(name, _)| name.to_string()).collect();
    for name in names.iter().filter(|name| !known.contains(name)) {
        let at = Place::Argument { argument: "--resource".into() };
        let valid: Vec<&str> = known.iter().map(String::as_str).collect();
        let problem = Problem::new(code::INVALID, &at, format!("there is no resource `{name}`"));
        report.add(problem.hint(suggestion(name, &valid)));
    }
    for resource in resources {
        let Some((name, _)) = &resource.name else { continue };
        let is_selected = names.iter().any(|wanted| wanted == name.as_str());
        if let Some(plan) = &mut resource.plan {
            plan.selected = is_selected;
        }
        if let Some(shown) = resource.shown.get_mut("selected") {
            *shown = is_selected.into();
        }
    }
}

fn complete(resources: Vec<Resource>) -> Option<Vec<ResourcePlan>> {
    resources.into_iter().map(|resource| resource.plan).collect()
}

fn pipeline(name: Option<&Tree>, path: &Path, report: &Report) -> Option<PipelineName> {
    let (text, at) = match name {
        Some(tree) => (reader::text(tree, report)?.reveal(), tree.at.clone()),
        None => {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            (stem, Place::Whole { path: path.into() })
        }
    };
    let parsed = PipelineName::parse(&text);
    parsed.map_err(|error| report.add(Problem::new(code::INVALID, &at, format!("the pipeline's name: {error}")))).ok()
}
