//! The request's body where it is no `json`: `data` as a form or a text, or `graphql`.

use super::endpoint::json;
use super::placeholders;
use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, wrong_type};
use super::scalar_text::python_text;
use super::tree::{Key, Text, Tree, Value};
use crate::plan::{Data, Method};

/// What is sent as the body. At most one of the two is there.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) json: Option<serde_json::Value>,
    pub(super) data: Option<Data>,
    /// Whether it is a query in GraphQL, whose answers say by `errors` that they are none.
    pub(super) is_graphql: bool,
}

/// The keys that hold a body.
pub(super) const KEYS: [&str; 3] = ["json", "data", "graphql"];

/// Reads what the endpoint sends beside its parameters. `json` is read already. `None`: something is wrong, which is reported.
pub(super) fn read(reader: &mut Reader<'_>, json: Option<serde_json::Value>) -> Option<Body> {
    let report = reader.report;
    let (data, graphql) = (reader.present("data"), reader.present("graphql"));
    let given: Vec<&Tree> =
        [reader.present("json"), data, graphql].into_iter().flatten().filter(|tree| !is_empty(tree)).collect();
    if let [_, second, ..] = given.as_slice() {
        let names: Vec<String> = given.iter().map(|tree| format!("`{}`", tree.label)).collect();
        let message = format!("{} are bodies, and a request has one", names.join(" and "));
        report
            .add(Problem::new(code::INVALID, &second.at, message).hint("keep one of them; null takes a default away"));
        return None;
    }
    if let Some(tree) = graphql {
        return Some(Body { json: Some(query(tree, report)?), data: None, is_graphql: true });
    }
    match data {
        Some(tree) => match read_data(tree, report)? {
            data if data.is_empty() => Some(Body { json, ..Body::default() }),
            // What has no members is nothing beside one that has.
            data => Some(Body { data: Some(data), ..Body::default() }),
        },
        None => Some(Body { json, ..Body::default() }),
    }
}

/// The method of a request with this body, which is written or not.
pub(super) fn method(written: Option<(&Tree, Method)>, body: &Body, report: &Report) -> Option<Method> {
    match written {
        Some((tree, Method::Get)) if body.is_graphql => {
            reader::invalid(tree, "must be `POST` with `graphql`", report);
            None
        }
        Some((_, method)) => Some(method),
        None if body.is_graphql => Some(Method::Post),
        None => Some(Method::default()),
    }
}

fn is_empty(tree: &Tree) -> bool {
    match &tree.value {
        Value::Map(entries) => entries.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Text(text) => text.is_empty(),
        _ => false,
    }
}

/// `data`: a form as a map or a list of pairs, or a text that is sent as it is.
fn read_data(tree: &Tree, report: &Report) -> Option<Data> {
    match &tree.value {
        Value::Text(text) => Some(Data::Text(placeholders::without_any(text, "data", &tree.at, report)?)),
        Value::Map(entries) => {
            let fields = entries.iter().map(|(Key { text, at, .. }, value)| {
                let name = placeholders::without_any(&Text::written(text.as_str()), "data", at, report);
                Some((name?, values(value, report)?))
            });
            form(fields.collect())
        }
        Value::List(items) => form(items.iter().map(|item| pair(item, report)).collect()),
        _ => {
            wrong_type(tree, "a map, a list of pairs or a string", report);
            None
        }
    }
}

/// A field of a form with its values; `None`: it is wrong, which is reported.
type Field = Option<(String, Vec<String>)>;

fn form(fields: Vec<Field>) -> Option<Data> {
    let mut pairs = Vec::new();
    for field in fields {
        let (name, values) = field?;
        pairs.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    Some(Data::Form(pairs))
}

fn pair(tree: &Tree, report: &Report) -> Field {
    match &tree.value {
        Value::List(both) => match both.as_slice() {
            [name, value] => Some((scalar(name, report)?, values(value, report)?)),
            _ => {
                reader::invalid(tree, "must be a pair of a name and a value", report);
                None
            }
        },
        _ => {
            wrong_type(tree, "a pair of a name and a value", report);
            None
        }
    }
}

/// The values of a field: none for null, several for a list, as in dlt.
fn values(tree: &Tree, report: &Report) -> Option<Vec<String>> {
    match &tree.value {
        Value::Null => Some(Vec::new()),
        Value::List(items) => {
            let values: Vec<Option<String>> =
                items.iter().filter(|item| !item.is_null()).map(|item| scalar(item, report)).collect();
            values.into_iter().collect()
        }
        _ => Some(vec![scalar(tree, report)?]),
    }
}

fn scalar(tree: &Tree, report: &Report) -> Option<String> {
    if matches!(tree.value, Value::Map(_) | Value::List(_)) {
        wrong_type(tree, "a scalar", report);
        return None;
    }
    placeholders::without_any(&python_text(tree)?, "data", &tree.at, report)
}

/// `graphql` as the body that servers take over HTTP. Braces in the query are its own.
fn query(tree: &Tree, report: &Report) -> Option<serde_json::Value> {
    let mut reader = Reader::open(tree, report)?;
    let query = reader.required("query").and_then(|tree| Some((tree, reader::text(tree, report)?.reveal())));
    let variables = reader.present("variables").map_or(Some(None), |tree| match tree.value {
        Value::Map(_) => json(tree, report).map(Some),
        _ => {
            wrong_type(tree, "a map", report);
            None
        }
    });
    let operation =
        reader.present("operation_name").map_or(Some(None), |tree| Some(Some(reader::text(tree, report)?.reveal())));
    reader.close();
    let (at, query) = query?;
    if query.trim().is_empty() {
        reader::invalid(at, "must not be empty", report);
        return None;
    }
    let mut body = serde_json::Map::new();
    body.insert("query".to_owned(), query.into());
    if let Some(operation) = operation? {
        body.insert("operationName".to_owned(), operation.into());
    }
    if let Some(variables) = variables? {
        body.insert("variables".to_owned(), variables);
    }
    Some(body.into())
}
