//! A Python script to a tree: finds the config that `rest_api_source` is called with, and what `dlt.pipeline` is told.
//!
//! 1. `python_script` collects the imports, the calls and the scopes; `python_names` what each name is bound to.
//! 2. `python_pick` tells which call, or which name annotated as `RESTAPIConfig`, has the config.
//! 3. `python_values` and what it uses read that config.
//! 4. `python_runs` reads what the script does with the source: which resources it selects, what `pipeline.run` is told.

use super::Document;
use super::NESTING_MAX;
use super::Outside;
use super::position::Positions;
use super::python_names::Scopes;
use super::python_runs;
use super::python_script::Script;
use super::python_values::Evaluator;
use crate::config::problem::{Problem, Report, code};

/// Reads the config of a script; of several, the one that is wanted.
pub(super) fn parse(text: &str, positions: &Positions<'_>, wanted: Option<&str>, report: &Report) -> Option<Document> {
    if let Some(offset) = too_deep(text) {
        let message = format!("brackets are nested deeper than {NESTING_MAX} levels");
        report.add(Problem::new(code::SYNTAX, &positions.at_byte(offset), message));
        return None;
    }
    let module = match ruff_python_parser::parse_module(text) {
        Ok(module) => module.into_syntax(),
        Err(error) => {
            let at = positions.at_byte(error.location.start().to_usize());
            let fault = error.error.to_string();
            let fault = fault.strip_prefix("Expected").map(|rest| format!("expected{rest}")).unwrap_or(fault);
            report.add(Problem::new(code::SYNTAX, &at, format!("not valid Python: {fault}")));
            return None;
        }
    };
    let script = Script::of(&module);
    let reading = Reading { script: &script, positions, report };
    let candidate = reading.only_config(wanted)?;
    let mut evaluator = reading.evaluator(&candidate.scopes);
    let mut root = evaluator.tree(candidate.config);
    let source_name = match candidate.name {
        Some(name) => Some(evaluator.tree(name)),
        None => reading.source_name(&candidate),
    };
    let is_of_function = reading.source(&candidate).is_some();
    let mut outside = Outside { source_name, is_of_function, assumed: evaluator.assumed, ..Outside::default() };
    reading.pipelines(&candidate, &mut outside);
    python_runs::read(&reading, &candidate, &mut root, &mut outside);
    Some(Document { root, outside })
}

/// Where brackets nest too deeply for trees that are walked by recursion. Brackets in strings count too: a config has few.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING_MAX {
            return Some(offset);
        }
    }
    None
}

/// What reading any part of the script needs.
pub(super) struct Reading<'r, 'a> {
    pub(super) script: &'r Script<'a>,
    pub(super) positions: &'r Positions<'r>,
    pub(super) report: &'r Report,
}

impl<'r, 'a> Reading<'r, 'a> {
    pub(super) fn evaluator(&self, scopes: &Scopes<'a>) -> Evaluator<'r, 'a> {
        Evaluator::new(self.script, scopes.clone(), self.positions, self.report)
    }
}
