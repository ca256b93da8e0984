//! The request's body where it is no `json`: `data` as a form or a text, or `graphql`.

use super::endpoint::json;
use super::gaps::Gaps;
use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, wrong_type};
use super::scalar_text::python_text;
use super::tree::{Key, Text, Tree, Value};
use crate::plan::{JsonTemplate, Method, Template};

/// What is sent as the body. At most one of the three is there.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) json: Option<JsonTemplate>,
    /// Fields in order, sent as a form.
    pub(super) form: Option<Vec<(Template, Template)>>,
    /// A text that is sent as it is.
    pub(super) raw: Option<Template>,
    /// Whether it is a query in GraphQL, whose answers say by `errors` that they are none.
    pub(super) is_graphql: bool,
}

impl Body {
    /// Why a paginator cannot put anything into it; `None`: it can.
    pub(super) fn has_no_place(&self) -> Option<&'static str> {
        let is_taken = self.form.is_some() || self.raw.is_some();
        is_taken.then_some("a body path of the paginator needs `json`, and cannot be put into `data`")
    }
}

/// The keys that hold a body.
pub(super) const KEYS: [&str; 3] = ["json", "data", "graphql"];

/// Reads what the endpoint sends beside its parameters. `json` is read already. `None`: something is wrong, which is reported.
pub(super) fn read(reader: &mut Reader<'_>, json: Option<JsonTemplate>, gaps: &Gaps<'_>) -> Option<Body> {
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
        return Some(Body { json: Some(query(tree, gaps)?), is_graphql: true, ..Body::default() });
    }
    let Some(tree) = data else { return Some(Body { json, ..Body::default() }) };
    let body = read_data(tree, gaps)?;
    // What has no members is nothing beside one that has.
    Some(if is_empty(tree) { Body { json, ..Body::default() } } else { body })
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
fn read_data(tree: &Tree, gaps: &Gaps<'_>) -> Option<Body> {
    match &tree.value {
        Value::Text(text) => Some(Body { raw: Some(gaps.template(text, "data", &tree.at)?), ..Body::default() }),
        Value::Map(entries) => {
            let fields = entries.iter().map(|(Key { text, at, .. }, value)| {
                let name = gaps.template(&Text::written(text.as_str()), "data", at);
                let values = values(value, gaps);
                Some((name?, values?))
            });
            form(fields.collect())
        }
        Value::List(items) => form(items.iter().map(|item| pair(item, gaps)).collect()),
        _ => {
            wrong_type(tree, "a map, a list of pairs or a string", gaps.report);
            None
        }
    }
}

/// A field of a form with its values; `None`: it is wrong, which is reported.
type Field = Option<(Template, Vec<Template>)>;

fn form(fields: Vec<Field>) -> Option<Body> {
    let mut pairs = Vec::new();
    for field in fields {
        let (name, values) = field?;
        pairs.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    Some(Body { form: Some(pairs), ..Body::default() })
}

fn pair(tree: &Tree, gaps: &Gaps<'_>) -> Field {
    match &tree.value {
        Value::List(both) => match both.as_slice() {
            [name, value] => Some((scalar(name, gaps)?, values(value, gaps)?)),
            _ => {
                reader::invalid(tree, "must be a pair of a name and a value", gaps.report);
                None
            }
        },
        _ => {
            wrong_type(tree, "a pair of a name and a value", gaps.report);
            None
        }
    }
}

/// The values of a field: none for null, several for a list, as in dlt.
fn values(tree: &Tree, gaps: &Gaps<'_>) -> Option<Vec<Template>> {
    match &tree.value {
        Value::Null => Some(Vec::new()),
        Value::List(items) => {
            let values: Vec<Option<Template>> =
                items.iter().filter(|item| !item.is_null()).map(|item| scalar(item, gaps)).collect();
            values.into_iter().collect()
        }
        _ => Some(vec![scalar(tree, gaps)?]),
    }
}

fn scalar(tree: &Tree, gaps: &Gaps<'_>) -> Option<Template> {
    if matches!(tree.value, Value::Map(_) | Value::List(_)) {
        wrong_type(tree, "a scalar", gaps.report);
        return None;
    }
    gaps.template(&python_text(tree)?, "data", &tree.at)
}

/// `graphql` as the body that servers take over HTTP. Braces in the query are its own.
fn query(tree: &Tree, gaps: &Gaps<'_>) -> Option<JsonTemplate> {
    let report = gaps.report;
    let mut reader = Reader::open(tree, report)?;
    let query = reader.required("query").and_then(|tree| Some((tree, reader::text(tree, report)?.reveal())));
    let variables = reader.present("variables").map_or(Some(None), |tree| match tree.value {
        Value::Map(_) => json(tree, gaps).map(Some),
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
    let member = |name: &str, value: JsonTemplate| (Template::literal(name), value);
    let mut body = vec![member("query", JsonTemplate::Value(query.into()))];
    if let Some(operation) = operation? {
        body.push(member("operationName", JsonTemplate::Value(operation.into())));
    }
    if let Some(variables) = variables? {
        body.push(member("variables", variables));
    }
    Some(JsonTemplate::Map(body))
}
