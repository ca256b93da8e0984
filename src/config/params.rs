//! `params`: query parameters, and those that a path takes its placeholders from.

use super::gaps::Gaps;
use super::placeholders::{LooseBrace, Part, loose_brace, parts};
use super::problem::{Place, Problem, code};
use super::reader::{self, Reader, wrong_type};
use super::scalar_text::python_text;
use super::tree::{Text, Tree, Value};
use crate::plan::{CursorPlace, Gap, GapSource, Template, TemplatePart, percent_encoded};

/// One parameter.
#[derive(Debug)]
pub(super) struct Param {
    name: Template,
    value: ParamValue,
}

#[derive(Debug)]
enum ParamValue {
    One(Template),
    /// It stands several times in the query.
    Many(Vec<Template>),
    /// dlt's older way to name a parent's field: it has to stand in the path.
    Resolved(Template, Place),
    /// It is wrong, which is reported.
    Wrong,
}

/// dlt's older way to name a cursor: a parameter that is a map.
pub(super) fn is_cursor(tree: &Tree) -> bool {
    tree.get("type").and_then(Tree::written_text) == Some("incremental")
}

/// Reads the parameters in order; those that are null are left out.
pub(super) fn read(tree: &Tree, gaps: &Gaps<'_>) -> Vec<Param> {
    let Value::Map(entries) = &tree.value else {
        wrong_type(tree, "a map", gaps.report);
        return Vec::new();
    };
    let mut params = Vec::new();
    for (key, tree) in entries.iter().filter(|(_, tree)| !tree.is_null()) {
        let name = gaps.template(&Text::written(key.text.as_str()), "params", &key.at);
        let value = match &tree.value {
            Value::List(items) => list(tree, items, gaps).map(ParamValue::Many),
            Value::Map(_) => map(tree, gaps),
            _ => scalar(tree, gaps).map(ParamValue::One),
        };
        if let Some(name) = name {
            params.push(Param { name, value: value.unwrap_or(ParamValue::Wrong) });
        }
    }
    params
}

/// Name and value of every parameter that is left for the query.
pub(super) fn into_query(params: Vec<Param>) -> Vec<(Template, Template)> {
    let mut query = Vec::new();
    for Param { name, value } in params {
        match value {
            ParamValue::One(value) | ParamValue::Resolved(value, _) => query.push((name, value)),
            ParamValue::Many(values) => query.extend(values.into_iter().map(|value| (name.clone(), value))),
            ParamValue::Wrong => {}
        }
    }
    query
}

fn list(tree: &Tree, items: &[Tree], gaps: &Gaps<'_>) -> Option<Vec<Template>> {
    let mut values = Vec::new();
    let mut complete = true;
    for item in items.iter().filter(|item| !item.is_null()) {
        if matches!(item.value, Value::List(_) | Value::Map(_)) {
            wrong_type(tree, "a scalar or a list of scalars", gaps.report);
            return None;
        }
        match scalar(item, gaps) {
            Some(text) => values.push(text),
            None => complete = false,
        }
    }
    complete.then_some(values)
}

fn scalar(tree: &Tree, gaps: &Gaps<'_>) -> Option<Template> {
    gaps.template(&python_text(tree)?, "params", &tree.at)
}

/// dlt's older way to name a parent or a cursor is a map with `type`.
fn map(tree: &Tree, gaps: &Gaps<'_>) -> Option<ParamValue> {
    if is_cursor(tree) {
        return Some(ParamValue::One(cursor_value(CursorPlace::Start)));
    }
    let kind = tree.get("type");
    match kind.and_then(Tree::written_text) {
        Some("resolve") => resolved(tree, gaps),
        Some(_) => {
            let (kind, report) = (kind?, gaps.report);
            reader::unknown_word(kind, reader::text(kind, report)?, &["incremental", "resolve"], report);
            None
        }
        None => {
            wrong_type(tree, "a scalar or a list of scalars", gaps.report);
            None
        }
    }
}

fn resolved(tree: &Tree, gaps: &Gaps<'_>) -> Option<ParamValue> {
    let mut reader = Reader::open(tree, gaps.report)?;
    reader.required("type");
    let text = |tree| reader::text(tree, gaps.report).map(Text::reveal);
    let parent = reader.required("resource").and_then(text);
    let field = reader.required("field").and_then(text);
    reader.close();
    let (parent, field) = (parent?, field?);
    let place = gaps.field(&parent, &field, &tree.at)?;
    let text = format!("resources.{parent}.{field}");
    let gap = Gap { text, source: GapSource::Parent(place), format: None };
    Some(ParamValue::Resolved(Template(vec![TemplatePart::Gap(gap)]), tree.at.clone()))
}

/// A text that is a value of the cursor and nothing else.
pub(super) fn cursor_value(place: CursorPlace) -> Template {
    let name = if place == CursorPlace::End { "end_value" } else { "start_value" };
    let gap = Gap { text: format!("incremental.{name}"), source: GapSource::Cursor(place), format: None };
    Template(vec![TemplatePart::Gap(gap)])
}

/// What a path is, with the parameters that are taken out of the query for it.
pub(super) struct FilledPath {
    pub(super) template: Template,
    /// The names of these parameters.
    pub(super) used: Vec<String>,
    /// The path with static values in place, and what is known later as written.
    pub(super) shown: String,
    /// The last segment is a field of the parent's row and nothing else, so that the path leads to one thing.
    pub(super) is_entity: bool,
}

/// Puts parameters in place of a path's placeholders and takes them out of the query. `None`: reported.
pub(super) fn fill_path(path: &Text, params: &mut Vec<Param>, at: &Place, gaps: &Gaps<'_>) -> Option<FilledPath> {
    let parts = match parts(path) {
        Ok(parts) => parts,
        Err(LooseBrace) => {
            gaps.report.add(loose_brace("path", at));
            return None;
        }
    };
    let is_entity = is_entity(&parts, params);
    let mut filled = Vec::new();
    let (mut used, mut shown) = (Vec::new(), String::new());
    let mut is_complete = true;
    for part in parts {
        match part {
            Part::Literal(literal) => {
                shown.push_str(&literal);
                filled.push(TemplatePart::Literal(literal));
            }
            Part::Placeholder(name) if is_reference(&name) => match gaps.gap(&name, "path", at) {
                Some(gap) => {
                    shown.push_str(&format!("{{{name}}}"));
                    filled.push(TemplatePart::Gap(gap));
                }
                None => is_complete = false,
            },
            Part::Placeholder(name) => match path_value(&name, params, at) {
                Ok(Template(value)) => {
                    for part in value {
                        match part {
                            TemplatePart::Literal(text) => {
                                shown.push_str(&text);
                                filled.push(TemplatePart::Literal(percent_encoded(&text)));
                            }
                            gap => {
                                shown.push_str(&format!("{{{name}}}"));
                                filled.push(gap);
                            }
                        }
                    }
                    used.push(name);
                }
                Err(problem) => {
                    problem.into_iter().for_each(|problem| gaps.report.add(problem));
                    is_complete = false;
                }
            },
        }
    }
    params.retain(|param| !param.name.as_literal().is_some_and(|name| used.contains(&name)));
    refuse_unbound(params, gaps);
    is_complete.then_some(FilledPath { template: Template(filled), used, shown, is_entity })
}

/// A parent's field that a parameter names has to stand in the path.
pub(super) fn refuse_unbound(params: &mut [Param], gaps: &Gaps<'_>) {
    for param in params.iter_mut() {
        if let ParamValue::Resolved(_, at) = &param.value {
            let name = param.name.written();
            let message = format!("`{name}` takes a field of another resource, but `path` has no `{{{name}}}`");
            let hint = "write `{resources.<resource>.<field>}` as its value instead";
            gaps.report.add(Problem::new(code::INVALID, at, message).hint(hint));
            param.value = ParamValue::Wrong;
        }
    }
}

fn is_reference(expression: &str) -> bool {
    matches!(expression.split_once('.'), Some(("resources" | "incremental", _)))
}

/// Whether the last segment of a path, before any query, is one field of a parent.
fn is_entity(parts: &[Part], params: &[Param]) -> bool {
    let Some((Part::Placeholder(name), before)) = parts.split_last() else { return false };
    let is_query = before.iter().any(|part| matches!(part, Part::Literal(text) if text.contains('?')));
    let is_whole = match before.last() {
        None => true,
        Some(Part::Literal(text)) => text.ends_with('/'),
        Some(Part::Placeholder(_)) => false,
    };
    let is_resolved = |param: &Param| {
        matches!(param.value, ParamValue::Resolved(..)) && param.name.as_literal().as_deref() == Some(name)
    };
    // dlt takes no other field for the key of one thing.
    let is_plain = name.chars().all(|character| character.is_ascii_alphanumeric() || "._-".contains(character));
    is_whole && !is_query && is_plain && (name.starts_with("resources.") || params.iter().any(is_resolved))
}

/// What stands in a path for the parameter of that name. An error without a problem is reported already.
fn path_value(name: &str, params: &[Param], at: &Place) -> Result<Template, Option<Problem>> {
    let named = |param: &&Param| param.name.as_literal().as_deref() == Some(name);
    match params.iter().find(named).map(|param| &param.value) {
        Some(ParamValue::One(value) | ParamValue::Resolved(value, _)) => Ok(value.clone()),
        Some(ParamValue::Many(_)) => {
            let message = format!("`{{{name}}}` in `path` is a list in `params`; a path takes one value");
            Err(Some(Problem::new(code::INVALID, at, message)))
        }
        Some(ParamValue::Wrong) => Err(None),
        None => Err(Some(missing(name, at))),
    }
}

fn missing(name: &str, at: &Place) -> Problem {
    let is_plain =
        !name.is_empty() && name.chars().all(|character| character.is_alphanumeric() || "_-".contains(character));
    if !is_plain {
        let message = format!("`{{{name}}}` in `path` is not a known placeholder");
        let hint = "`{resources.<resource>.<field>}`, `{incremental.start_value}` and names of `params` are known";
        return Problem::new(code::INVALID, at, message).hint(hint);
    }
    let message = format!("`{{{name}}}` in `path` has no value");
    Problem::new(code::MISSING, at, message).hint(format!("give `{name}` in `params`"))
}
