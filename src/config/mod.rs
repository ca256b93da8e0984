//! What a user wrote to what will be done: the text of a config to a [`Plan`].
//!
//! The keys are those of dltHub's `rest_api_source`, and a few of our own. What dlt has and this program does not have
//! yet is refused by name, never ignored. All problems of a file are told at once.
//!
//! ```text
//! file --> syntax --> tree --> set --> secrets --> defaults --> lower --> Plan
//!          yaml json  values   --set   look-ups    merged       each section by its own file,
//!          toml py    + places         resolved    per resource key by key
//! ```
//!
//! This module sends no request and runs no Python.

mod auth;
mod body;
mod client;
mod columns;
mod defaults;
mod delta;
mod destination;
mod duration;
mod endpoint;
mod export;
mod format;
mod gaps;
mod graph;
mod headers;
mod incremental;
mod instant;
mod limits;
mod lower;
mod oauth2;
mod paginator;
mod params;
mod placeholders;
mod problem;
mod processing_steps;
mod progress;
mod reader;
mod resource;
mod response_actions;
mod scalar_text;
mod schema;
mod secrets;
mod set;
mod size;
mod source;
mod syntax;
mod text_format;
mod tree;
mod url;
mod view;
mod write;

pub use duration::parse as parse_duration;
pub use problem::{Place, Problem, Problems, code};
pub use secrets::Surroundings;
pub use set::Override;
pub use size::parse as parse_size;
pub use source::Source;

use std::cell::RefCell;

use problem::Report;
use secrets::{Lookups, Sections};
use syntax::{Document, Outside};
use tree::Tree;

use crate::plan::{History, Plan};

/// What changes a config from outside.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--set`: values that replace those of the config, in this order.
    pub overrides: Vec<Override>,
    /// `--to`: the folder of the tables, in place of the config's destination and dataset.
    pub to: Option<String>,
    /// `--full-refresh` and `--adopt`.
    pub history: History,
    /// `--resource`: the only resources that are selected; empty: those that the config selects.
    pub resources: Vec<String>,
    /// `--source`: which config of a script that has several.
    pub source: Option<String>,
    /// Where secrets are looked up.
    pub surroundings: Surroundings,
}

/// No changes, in the surroundings of this process.
impl Default for Options {
    fn default() -> Self {
        let surroundings = Surroundings::from_process();
        let (overrides, resources) = (Vec::new(), Vec::new());
        Self { overrides, to: None, history: History::default(), resources, source: None, surroundings }
    }
}

/// Reads a config file and understands it.
///
/// # Errors
/// Everything that is wrong with it, sorted by position.
pub fn load(path: &std::path::Path, options: &Options) -> Result<Plan, Problems> {
    match Source::read(path) {
        Ok(source) => load_source(&source, options),
        Err(problem) => {
            let report = Report::default();
            let at = problem.at.clone();
            report.add(problem);
            report.finish(None, &at)
        }
    }
}

/// Understands a config that has been read.
///
/// # Errors
/// Everything that is wrong with it, sorted by position.
pub fn load_source(source: &Source, options: &Options) -> Result<Plan, Problems> {
    let report = Report::default();
    let plan = understand(source, options, &report);
    report.finish(plan, &source.whole())
}

/// What a config comes to: every resource with its defaults, and what a run would miss.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Resolved {
    /// The resources in the order in which they are taken.
    pub order: Vec<String>,
    /// Secrets and variables that are looked up and not set.
    pub missing_secrets: Vec<String>,
    /// What dlt has and this program does not have, with its place.
    pub unsupported: Vec<String>,
    /// What each resource comes to, by name, in the words of the config.
    pub resources: serde_json::Map<String, serde_json::Value>,
}

/// Understands a config without needing its secrets, or that everything in it is supported.
///
/// # Errors
/// Everything that is wrong with it, sorted by position.
pub fn resolve(source: &Source, options: &Options) -> Result<Resolved, Problems> {
    let report = Report::default();
    let mut missing = Vec::new();
    let lowered = lowered(source, options, &report, Some(&mut missing));
    let unsupported = report.take(|problem| problem.code == code::UNSUPPORTED);
    let shown = lowered.map(|lowered| lowered.shown).unwrap_or_default();
    let resolved = Resolved {
        order: shown.iter().map(|(name, _)| name.clone()).collect(),
        missing_secrets: missing,
        unsupported: unsupported.iter().map(ToString::to_string).collect(),
        resources: shown.into_iter().collect(),
    };
    report.finish(Some(resolved), &source.whole())
}

/// The YAML of a config in any of the languages, with look-ups as such; of several in a script, the one that is wanted.
///
/// # Errors
/// Where it cannot be read, or holds what YAML cannot say.
pub fn to_yaml(source: &Source, wanted: Option<&str>) -> Result<String, Problems> {
    let report = Report::default();
    let text = syntax::parse(source, wanted, &report).and_then(|document| match export::yaml(&document) {
        Ok(text) => Some(text),
        // What cannot be read has been told already.
        Err(_) if !report.is_empty() => None,
        Err(fault) => {
            report.add(Problem::new(code::UNSUPPORTED, &source.whole(), format!("cannot be written as YAML: {fault}")));
            None
        }
    });
    report.finish(text, &source.whole())
}

fn understand(source: &Source, options: &Options, report: &Report) -> Option<Plan> {
    lowered(source, options, report, None)?.plan
}

/// Reads the config. With `missing`, secrets that are not set are noted there, and no problem.
fn lowered(
    source: &Source,
    options: &Options,
    report: &Report,
    missing: Option<&mut Vec<String>>,
) -> Option<lower::Lowered> {
    let Document { mut root, mut outside } = syntax::parse(source, options.source.as_deref(), report)?;
    for change in &options.overrides {
        change.apply(&mut root, report);
    }
    let mut lookups = Lookups::new(&options.surroundings, sections(&root, &outside, source), &source.path, report);
    if missing.is_some() {
        lookups.missing = Some(RefCell::default());
    }
    lookups.refuse_set(&outside.assumed);
    lookups.resolve(&mut root);
    root.name_paths();
    for told in [&mut outside.source_name, &mut outside.pipeline_name, &mut outside.dataset_name] {
        told.iter_mut().for_each(|tree| lookups.resolve(tree));
    }
    let lowered = lower::lowered(&root, &outside, source, options, &lookups);
    if let (Some(missing), Some(noted)) = (missing, lookups.missing) {
        missing.extend(noted.into_inner());
        missing.sort_unstable();
        missing.dedup();
    }
    Some(lowered)
}

/// The names that are part of where dlt looks for secrets; they cannot be secrets themselves.
fn sections(root: &Tree, outside: &Outside, source: &Source) -> Sections {
    let written = |tree: Option<&Tree>| tree.and_then(Tree::written_text).map(str::to_owned);
    let pipeline = written(root.get("name")).or_else(|| written(outside.pipeline_name.as_ref()));
    let module = source.path.file_stem().filter(|_| outside.is_of_function);
    let module = module.map(|stem| stem.to_string_lossy().into_owned());
    Sections { pipeline, module, source: written(outside.source_name.as_ref()) }
}

#[cfg(test)]
mod tests;
