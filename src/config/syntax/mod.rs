//! Text to tree: one reader a language, chosen by the file's ending. Nothing here knows what the keys mean.

mod interpolation;
mod json;
mod map;
mod position;
mod python;
mod python_bindings;
mod python_calls;
mod python_changes;
mod python_classes;
mod python_clock;
mod python_loops;
mod python_methods;
mod python_moment;
mod python_names;
mod python_pick;
mod python_replay;
mod python_runs;
mod python_script;
mod python_values;
mod toml;
mod yaml;

pub(super) use interpolation::{interpolate, pieces};

use std::sync::Arc;

use super::problem::{Problem, Report, code};
use super::source::Source;
use super::tree::Tree;
use position::Positions;

/// Levels of nesting in a config. The readers and all that walk the tree after them recurse.
const NESTING_MAX: usize = 100;

/// Values in a config, counting each use of an alias or name: without a bound a few lines can expand to any size.
const VALUES_MAX: usize = 50_000;

/// A config as a tree, and what a script says of it elsewhere.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Tree,
    pub(super) outside: Outside,
}

/// What a Python script says outside the config itself.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// `name=` of `rest_api_source`.
    pub(super) source_name: Option<Tree>,
    /// `pipeline_name=` of `dlt.pipeline`.
    pub(super) pipeline_name: Option<Tree>,
    /// `dataset_name=` of `dlt.pipeline`.
    pub(super) dataset_name: Option<Tree>,
    /// `destination=` of `dlt.pipeline`, if it is a path or a URI.
    pub(super) destination: Option<Tree>,
    /// Whether the source is a function of the script, whose secrets dlt looks for by the name of the script's file too.
    pub(super) is_of_function: bool,
    /// Look-ups with whose defaults something was worked out.
    pub(super) assumed: Vec<Tree>,
    /// `with_resources(…)`: the only resources that are selected.
    pub(super) resources: Option<Vec<Tree>>,
}

/// Reads the text of a config in the language of its file; of several in a script, the one that is wanted.
pub(super) fn parse(source: &Source, wanted: Option<&str>, report: &Report) -> Option<Document> {
    let positions = Positions::new(source.path.clone(), &source.text);
    let plain = |root: Option<Tree>| {
        let mut root = root?;
        interpolate(&mut root, report);
        Some(Document { root, outside: Outside::default() })
    };
    match source.ending().as_str() {
        "yaml" | "yml" => plain(yaml::parse(&source.text, &positions, report)),
        "json" => plain(json::parse(&source.text, &positions, report)),
        "toml" => plain(toml::parse(&source.text, &positions, report)),
        "py" => python::parse(&source.text, &positions, wanted, report),
        ending => {
            let message = match ending {
                "" => "the name of the config has no ending".to_owned(),
                _ => format!("configs cannot be read from `.{ending}` files"),
            };
            let hint = "configs end in `.yaml`, `.yml`, `.json`, `.toml` or `.py`";
            report.add(Problem::new(code::FILE, &source.whole(), message).hint(hint));
            None
        }
    }
}

/// Reads a file of secrets or configuration.
pub(super) fn parse_toml(path: Arc<std::path::Path>, text: &str, report: &Report) -> Option<Tree> {
    toml::parse(text, &Positions::new(path, text), report)
}
