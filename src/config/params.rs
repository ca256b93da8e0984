//! `params`: query parameters, and those that a path takes its placeholders from.

use super::placeholders::{self, LooseBrace, Part, loose_brace, refusal};
use super::problem::{Place, Problem, Report, code};
use super::reader::wrong_type;
use super::scalar_text::python_text;
use super::tree::{Text, Tree, Value};

/// One parameter.
#[derive(Debug)]
pub(super) struct Param {
    name: String,
    value: ParamValue,
}

#[derive(Debug)]
enum ParamValue {
    One(String),
    /// It stands several times in the query.
    Many(Vec<String>),
    /// It is wrong, which is reported.
    Wrong,
}

/// Reads the parameters in order; those that are null are left out.
pub(super) fn read(tree: &Tree, report: &Report) -> Vec<Param> {
    let Value::Map(entries) = &tree.value else {
        wrong_type(tree, "a map", report);
        return Vec::new();
    };
    let mut params = Vec::new();
    for (key, tree) in entries.iter().filter(|(_, tree)| !tree.is_null()) {
        let name = placeholders::without_any(&Text::written(key.text.as_str()), "params", &key.at, report);
        let value = match &tree.value {
            Value::List(items) => list(tree, items, report).map(ParamValue::Many),
            Value::Map(_) => {
                refuse_map(tree, report);
                None
            }
            _ => scalar(tree, report).map(ParamValue::One),
        };
        if let Some(name) = name {
            params.push(Param { name, value: value.unwrap_or(ParamValue::Wrong) });
        }
    }
    params
}

/// Name and value of every parameter that is left for the query.
pub(super) fn into_query(params: Vec<Param>) -> Vec<(String, String)> {
    let mut query = Vec::new();
    for Param { name, value } in params {
        match value {
            ParamValue::One(value) => query.push((name, value)),
            ParamValue::Many(values) => query.extend(values.into_iter().map(|value| (name.clone(), value))),
            ParamValue::Wrong => {}
        }
    }
    query
}

fn list(tree: &Tree, items: &[Tree], report: &Report) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut complete = true;
    for item in items.iter().filter(|item| !item.is_null()) {
        if matches!(item.value, Value::List(_) | Value::Map(_)) {
            wrong_type(tree, "a scalar or a list of scalars", report);
            return None;
        }
        match scalar(item, report) {
            Some(text) => values.push(text),
            None => complete = false,
        }
    }
    complete.then_some(values)
}

fn scalar(tree: &Tree, report: &Report) -> Option<String> {
    placeholders::without_any(&python_text(tree)?, "params", &tree.at, report)
}

/// dlt's older way to name a parent or a cursor is a map with `type`.
fn refuse_map(tree: &Tree, report: &Report) {
    let message = match tree.get("type").and_then(Tree::written_text) {
        Some("resolve") => "`type` `resolve`: parents are not supported yet",
        Some("incremental") => "`type` `incremental` is not supported yet",
        _ => return wrong_type(tree, "a scalar or a list of scalars", report),
    };
    report.add(Problem::new(code::UNSUPPORTED, &tree.at, message));
}

/// Puts parameters in place of a path's placeholders and takes them out of the query. `None`: reported.
pub(super) fn fill_path(path: &Text, params: &mut Vec<Param>, at: &Place, report: &Report) -> Option<String> {
    let parts = match placeholders::parts(path) {
        Ok(parts) => parts,
        Err(LooseBrace) => {
            report.add(loose_brace("path", at));
            return None;
        }
    };
    let mut filled = String::new();
    let mut used = Vec::new();
    let mut complete = true;
    for part in parts {
        match part {
            Part::Literal(literal) => filled.push_str(&literal),
            Part::Placeholder(name) => match path_value(&name, params, at) {
                Ok(value) => {
                    filled.push_str(&value);
                    used.push(name);
                }
                Err(problem) => {
                    problem.into_iter().for_each(|problem| report.add(problem));
                    complete = false;
                }
            },
        }
    }
    params.retain(|param| !used.contains(&param.name));
    complete.then_some(filled)
}

/// What stands in a path for the parameter of that name. An error without a problem is reported already.
fn path_value(name: &str, params: &[Param], at: &Place) -> Result<String, Option<Problem>> {
    match params.iter().find(|param| param.name == name).map(|param| &param.value) {
        Some(ParamValue::One(value)) => Ok(percent_encoded(value)),
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
        return refusal(name, "path", at);
    }
    let message = format!("`{{{name}}}` in `path` has no value");
    Problem::new(code::MISSING, at, message).hint(format!("give `{name}` in `params`"))
}

/// Everything but the unreserved characters of RFC 3986, so that a value stays one segment.
fn percent_encoded(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::percent_encoded;

    #[test]
    fn a_value_in_a_path_stays_one_segment() {
        assert_eq!(percent_encoded("a/b c?ä~"), "a%2Fb%20c%3F%C3%A4~");
    }
}
