//! What is made of rows before anything else sees them: some are kept, members are chosen, named and computed.

use std::fmt;

use bytes::Bytes;
use jaq_json::{Map, Val, read};

use super::{Document, Expression, Node};

/// One step; all rows of a page take the steps in order.
#[derive(Debug, Clone)]
pub enum RowStep {
    /// Keeps the rows of which it is true.
    Filter(Expression),
    /// The row becomes what comes of it, which is an object.
    Map(Expression),
    /// Members of the row become what comes of the row as it was.
    Members(Vec<(String, Expression)>),
    /// Keeps these members only.
    Select(Vec<MemberPath>),
    /// Takes these members away.
    Exclude(Vec<MemberPath>),
    /// Gives members other names, at their place.
    Rename(Vec<(MemberPath, String)>),
}

/// Keys from the row down to a member, also of objects in lists; never empty.
pub type MemberPath = Vec<String>;

/// Why a step could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFault {
    /// The row of the page, from 1.
    pub row: u64,
    /// The step, from 1.
    pub step: usize,
    /// What it does: its key in a config.
    pub name: &'static str,
    /// What happened.
    pub problem: String,
}

impl fmt::Display for StepFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, step, name, problem } = self;
        write!(formatter, "row {row}: step {step} of `processing_steps` (`{name}`): {problem}")
    }
}

impl Document {
    /// A document that is the array of what the steps make of rows.
    ///
    /// # Errors
    /// The first row of which a step makes nothing that is allowed.
    pub fn of_steps(rows: &[Node<'_>], steps: &[RowStep]) -> Result<Self, StepFault> {
        let fault = |row: usize, step: usize, problem| StepFault {
            row: row as u64 + 1,
            step: step + 1,
            name: steps.get(step).map_or("", RowStep::name),
            problem,
        };
        let mut array = String::from("[");
        let mut places = Vec::with_capacity(rows.len());
        for (row, node) in rows.iter().enumerate() {
            let value =
                read::parse_single(node.to_json().as_bytes()).map_err(|error| fault(row, 0, error.to_string()))?;
            let made = all(value, steps).map_err(|(step, problem)| fault(row, step, problem))?;
            let Some(value) = made else { continue };
            if array.len() > 1 {
                array.push(',');
            }
            let start = array.len();
            array.push_str(&value.to_string());
            places.push((row, start..array.len()));
        }
        array.push(']');
        let array = Bytes::from(array);
        Self::parse(array.clone()).map_err(|error| {
            // What jq has beyond JSON, such as infinite numbers and keys that are none.
            let is_json = |place: &std::ops::Range<usize>| Self::parse(array.slice(place.clone())).is_ok();
            let row = places.iter().find(|(_, place)| !is_json(place)).map_or(0, |(row, _)| *row);
            fault(row, steps.len().saturating_sub(1), format!("what becomes of the row is {error}"))
        })
    }
}

impl RowStep {
    /// Its key in a config.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Filter(_) => "filter",
            Self::Map(_) | Self::Members(_) => "map",
            Self::Select(_) => "select",
            Self::Exclude(_) => "exclude",
            Self::Rename(_) => "rename",
        }
    }

    /// What becomes of a row; `None`: it is not kept.
    fn take(&self, row: Val) -> Result<Option<Val>, String> {
        match self {
            Self::Filter(expression) => match only(expression, row.clone(), "null")? {
                Val::Bool(true) => Ok(Some(row)),
                Val::Bool(false) | Val::Null => Ok(None),
                other => Err(format!("`{expression}` yields {}, neither true nor false", kind(&other))),
            },
            Self::Map(expression) => match only(expression, row, "")? {
                object @ Val::Obj(_) => Ok(Some(object)),
                other => Err(format!("`{expression}` yields {}, and a row is an object", kind(&other))),
            },
            Self::Members(members) => {
                let Val::Obj(old) = &row else {
                    return Err(format!("the row is {}, which has no members", kind(&row)));
                };
                let mut new = Map::clone(old);
                for (name, expression) in members {
                    new.insert(name.clone().into(), only(expression, row.clone(), "")?);
                }
                Ok(Some(Val::obj(new)))
            }
            Self::Select(paths) => Ok(Some(selected(row, &suffixes(paths)))),
            Self::Exclude(paths) => Ok(Some(paths.iter().fold(row, |row, path| at_member(row, path, &|_| None)))),
            Self::Rename(rules) => {
                let renamed = |row, (path, to): &(MemberPath, String)| at_member(row, path, &|_| Some(to.clone()));
                Ok(Some(rules.iter().fold(row, renamed)))
            }
        }
    }
}

fn all(mut row: Val, steps: &[RowStep]) -> Result<Option<Val>, (usize, String)> {
    for (index, step) in steps.iter().enumerate() {
        match step.take(row).map_err(|problem| (index, problem))? {
            Some(next) => row = next,
            None => return Ok(None),
        }
    }
    Ok(Some(row))
}

/// The only value of an expression; where there is none, `otherwise` is what that means, if it means anything.
fn only(expression: &Expression, row: Val, otherwise: &str) -> Result<Val, String> {
    match expression.apply(row).map_err(|problem| format!("`{expression}`: {problem}"))? {
        [Some(value), None] => Ok(value),
        [None, _] if otherwise == "null" => Ok(Val::Null),
        [None, _] => Err(format!("`{expression}` yields nothing")),
        [Some(_), Some(_)] => Err(format!("`{expression}` yields more than one value")),
    }
}

type Keys<'p> = &'p [String];

fn suffixes(paths: &[MemberPath]) -> Vec<Keys<'_>> {
    paths.iter().map(Vec::as_slice).collect()
}

/// The value with the members that paths lead to; a path that ends here takes all of it.
fn selected(value: Val, paths: &[Keys<'_>]) -> Val {
    if paths.iter().any(|path| path.is_empty()) {
        return value;
    }
    match value {
        Val::Arr(items) => items.iter().map(|item| selected(item.clone(), paths)).collect(),
        Val::Obj(members) => {
            let mut kept = Map::default();
            for (key, member) in members.iter() {
                let below: Vec<Keys<'_>> = paths
                    .iter()
                    .filter_map(|path| path.split_first().filter(|(first, _)| is_key(key, first)).map(|(_, rest)| rest))
                    .collect();
                if !below.is_empty() {
                    kept.insert(key.clone(), selected(member.clone(), &below));
                }
            }
            Val::obj(kept)
        }
        other => other,
    }
}

/// The value with another name for the member that the keys lead to, or without it.
fn at_member(value: Val, keys: Keys<'_>, name: &impl Fn(&str) -> Option<String>) -> Val {
    let Some((first, rest)) = keys.split_first() else { return value };
    match value {
        Val::Arr(items) => items.iter().map(|item| at_member(item.clone(), keys, name)).collect(),
        Val::Obj(members) => {
            let mut changed = Map::default();
            for (key, member) in members.iter() {
                let (key, member) = (key.clone(), member.clone());
                match is_key(&key, first) {
                    false => changed.insert(key, member),
                    true if !rest.is_empty() => changed.insert(key, at_member(member, rest, name)),
                    true => name(first).and_then(|name| changed.insert(name.into(), member)),
                };
            }
            Val::obj(changed)
        }
        other => other,
    }
}

fn is_key(key: &Val, name: &str) -> bool {
    matches!(key, Val::TStr(text) if text.as_ref() == name.as_bytes())
}

fn kind(value: &Val) -> &'static str {
    match value {
        Val::Null => "null",
        Val::Bool(_) => "a boolean",
        Val::Num(_) => "a number",
        Val::BStr(_) | Val::TStr(_) => "a string",
        Val::Arr(_) => "an array",
        Val::Obj(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> Expression {
        Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn paths(dotted: &[&str]) -> Vec<MemberPath> {
        dotted.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect()
    }

    fn made(rows: &str, steps: &[RowStep]) -> Result<String, String> {
        let document = Document::parse(Bytes::copy_from_slice(rows.as_bytes())).expect("JSON").parse_exact();
        let rows = match document.root().kind() {
            super::super::Kind::Array(items) => items.iter().collect::<Vec<_>>(),
            _ => panic!("an array"),
        };
        Document::of_steps(&rows, steps)
            .map(|document| document.parse_exact().root().to_json())
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn rows_are_filtered_mapped_and_cut() {
        let rows = r#"[{"id":1,"a":{"b":[{"c":1,"d":2},{"c":3}],"e":5}},{"id":2,"a":null},{"id":3}]"#;
        let table = [
            (vec![RowStep::Filter(expression(".id > 1 and .a != null"))], "[]"),
            (
                vec![RowStep::Filter(expression(".a"))],
                "row 1: step 1 of `processing_steps` (`filter`): `.a` yields an object, neither true nor false",
            ),
            (vec![RowStep::Filter(expression(".a.e > 3"))], r#"[{"id":1,"a":{"b":[{"c":1,"d":2},{"c":3}],"e":5}}]"#),
            (
                vec![RowStep::Filter(expression(".a.b[]? | .c == 3"))],
                "row 1: step 1 of `processing_steps` (`filter`): `.a.b[]? | .c == 3` yields more than one value",
            ),
            (vec![RowStep::Map(expression("{n: (.id * 2)}"))], r#"[{"n":2},{"n":4},{"n":6}]"#),
            (
                vec![RowStep::Map(expression(".id"))],
                "row 1: step 1 of `processing_steps` (`map`): `.id` yields a number, and a row is an object",
            ),
            (
                vec![RowStep::Map(expression("select(.id < 3)"))],
                "row 3: step 1 of `processing_steps` (`map`): `select(.id < 3)` yields nothing",
            ),
            (
                vec![
                    RowStep::Select(paths(&["id"])),
                    RowStep::Members(vec![("id".into(), expression(".id + 1")), ("old".into(), expression(".id"))]),
                ],
                r#"[{"id":2,"old":1},{"id":3,"old":2},{"id":4,"old":3}]"#,
            ),
            (vec![RowStep::Select(paths(&["a.b.c"]))], r#"[{"a":{"b":[{"c":1},{"c":3}]}},{"a":null},{}]"#),
            (
                vec![RowStep::Exclude(paths(&["a.b.c", "id", "no.such"]))],
                r#"[{"a":{"b":[{"d":2},{}],"e":5}},{"a":null},{}]"#,
            ),
            (
                vec![RowStep::Rename(vec![
                    (paths(&["id"]).remove(0), "key".into()),
                    (paths(&["a.b.d"]).remove(0), "f".into()),
                ])],
                r#"[{"key":1,"a":{"b":[{"c":1,"f":2},{"c":3}],"e":5}},{"key":2,"a":null},{"key":3}]"#,
            ),
            (
                vec![
                    RowStep::Filter(expression(".id < 3")),
                    RowStep::Members(vec![("x".into(), expression(".a + 1"))]),
                ],
                "row 1: step 2 of `processing_steps` (`map`): `.a + 1`: cannot calculate {\"b\":[{\"c\":1,\"d\":2},{\"c\":3}],\"e\":5} + 1",
            ),
            (
                vec![RowStep::Map(expression("{a: infinite}"))],
                "row 1: step 1 of `processing_steps` (`map`): what becomes of the row is not JSON at line 1, column 7: Invalid JSON value",
            ),
        ];
        for (steps, expected) in table {
            let made = made(rows, &steps).unwrap_or_else(|fault| fault);
            assert_eq!(made, expected, "{steps:?}");
        }
    }

    #[test]
    fn what_no_step_touches_stays_as_it_is_written() {
        let rows =
            r#"[{"big":123456789012345678901,"f":1.50,"e":1e3,"u":"\u00e4\"\\ \u0001","n":null,"deep":[[{"k":[]}]]}]"#;
        let made =
            made(rows, &[RowStep::Filter(expression("true")), RowStep::Exclude(paths(&["none"]))]).expect("rows");
        assert_eq!(made, rows.replace("\\u00e4", "ä"));
    }
}
