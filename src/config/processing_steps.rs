//! `processing_steps`: what is made of rows, in expressions of jq in place of dlt's Python functions.

use super::problem::{Problem, Report, code, suggestion};
use super::reader::{invalid, wrong_type};
use super::tree::{Key, Tree, Value};
use crate::json::{Expression, MemberPath, RowStep};

const STEPS: [&str; 5] = ["filter", "map", "select", "exclude", "rename"];

/// Reads the steps in order; `None`: one is wrong, which is reported.
pub(super) fn read(tree: &Tree, report: &Report) -> Option<Vec<RowStep>> {
    let Value::List(items) = &tree.value else {
        wrong_type(tree, "a list", report);
        return None;
    };
    let steps: Vec<Option<RowStep>> = items.iter().map(|item| step(item, report)).collect();
    steps.into_iter().collect()
}

fn step(tree: &Tree, report: &Report) -> Option<RowStep> {
    let Value::Map(entries) = &tree.value else {
        wrong_type(tree, "a map", report);
        return None;
    };
    let [(key, value)] = entries.as_slice() else {
        invalid(tree, "must have one key: each step does one thing", report);
        return None;
    };
    match (key.text.as_str(), &value.value) {
        ("filter", _) => expression(value, report).map(RowStep::Filter),
        ("map", Value::Map(members)) => {
            let members: Vec<Option<(String, Expression)>> =
                members.iter().map(|(key, value)| Some((key.text.clone(), expression(value, report)?))).collect();
            members.into_iter().collect::<Option<_>>().map(RowStep::Members)
        }
        ("map", _) => expression(value, report).map(RowStep::Map),
        ("select", _) => paths(value, report).map(RowStep::Select),
        ("exclude", _) => paths(value, report).map(RowStep::Exclude),
        ("rename", _) => rename(value, report).map(RowStep::Rename),
        ("yield_map", _) => {
            let problem = Problem::new(code::UNSUPPORTED, &key.at, "`yield_map` is not supported yet");
            report.add(
                problem.hint("where rows are in lists of rows, `data_selector` takes them, such as `data[*].items[*]`"),
            );
            None
        }
        (name, _) => {
            let message = format!("unknown key `{name}` in `{}`", tree.path);
            report.add(Problem::new(code::UNKNOWN_KEY, &key.at, message).hint(suggestion(name, &STEPS)));
            None
        }
    }
}

fn expression(tree: &Tree, report: &Report) -> Option<Expression> {
    let Value::Text(text) = &tree.value else {
        wrong_type(tree, "an expression of jq", report);
        return None;
    };
    // A fault shows the expression.
    let Some(text) = text.as_written() else {
        invalid(tree, "must be written in the config as a whole", report);
        return None;
    };
    let parsed = Expression::parse(text);
    parsed.map_err(|error| invalid(tree, &format!("is no expression of jq: {error}"), report)).ok()
}

/// Dotted paths of members.
fn paths(tree: &Tree, report: &Report) -> Option<Vec<MemberPath>> {
    let Value::List(items) = &tree.value else {
        wrong_type(tree, "a list of strings", report);
        return None;
    };
    let paths: Vec<Option<MemberPath>> = items
        .iter()
        .map(|item| match item.written_text() {
            Some(text) => path(text).or_else(|| {
                invalid(item, NO_PATH, report);
                None
            }),
            None => {
                wrong_type(item, "a string", report);
                None
            }
        })
        .collect();
    paths.into_iter().collect()
}

const NO_PATH: &str = "must be keys separated by single dots";

fn path(text: &str) -> Option<MemberPath> {
    let path: MemberPath = text.split('.').map(str::to_owned).collect();
    path.iter().all(|key| !key.is_empty()).then_some(path)
}

fn rename(tree: &Tree, report: &Report) -> Option<Vec<(MemberPath, String)>> {
    let Value::Map(entries) = &tree.value else {
        wrong_type(tree, "a map", report);
        return None;
    };
    let rules: Vec<Option<(MemberPath, String)>> = entries.iter().map(|(key, to)| rule(key, to, report)).collect();
    rules.into_iter().collect()
}

fn rule(key: &Key, to: &Tree, report: &Report) -> Option<(MemberPath, String)> {
    let Some(path) = path(&key.text) else {
        report.add(Problem::new(code::INVALID, &key.at, format!("`{}` in `rename` {NO_PATH}", key.text)));
        return None;
    };
    match to.written_text() {
        Some(name) if !name.trim().is_empty() => Some((path, name.to_owned())),
        Some(_) => {
            invalid(to, "must not be empty", report);
            None
        }
        None => {
            wrong_type(to, "a string", report);
            None
        }
    }
}
