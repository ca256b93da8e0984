//! `${env:NAME}`, `${file:PATH}`, `${secret:KEY}` and `${config:KEY}` inside texts: cut out of the text and left to be looked up.
//!
//! `${env:NAME:-TEXT}` has a text for where there is none. `secret` and `config` look where dlt looks for its keys.

use crate::config::problem::{Place, Problem, Report, code};
use crate::config::tree::{Lookup, LookupKind, Tree, Value};

const OPENINGS: [(&str, &str, LookupKind); 4] = [
    ("${env:", "a name", LookupKind::Env),
    ("${file:", "a path", LookupKind::File),
    ("${secret:", "a key", LookupKind::Secret),
    ("${config:", "a key", LookupKind::Config),
];

/// Turns every text that holds one of them into its pieces and look-ups.
pub(in crate::config) fn interpolate(tree: &mut Tree, report: &Report) {
    match &mut tree.value {
        Value::List(items) => items.iter_mut().for_each(|item| interpolate(item, report)),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| interpolate(value, report)),
        Value::Text(_) => {
            let Some(text) = tree.written_text().filter(|text| first(text).is_some()) else { return };
            match pieces(text, &tree.at) {
                Ok(pieces) => tree.value = Value::Joined(pieces),
                Err(problem) => {
                    report.add(problem);
                    tree.value = Value::Lost;
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        Value::Lookup(_) | Value::Joined(_) | Value::Choice(_) | Value::Lost => {}
    }
}

/// The first opening: what is before it, which it is, and what follows.
fn first(text: &str) -> Option<(&str, (&'static str, &'static str, LookupKind), &str)> {
    let found = OPENINGS.iter().filter_map(|opening| Some((text.find(opening.0)?, *opening)));
    let (at, opening) = found.min_by_key(|(at, _)| *at)?;
    Some((text.get(..at)?, opening, text.get(at + opening.0.len()..)?))
}

/// The pieces and look-ups of a text.
pub(in crate::config) fn pieces(text: &str, at: &Place) -> Result<Vec<Tree>, Problem> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, (opening, what, kind), after)) = first(rest) {
        let closed = after.split_once('}').filter(|(name, _)| !name.trim().is_empty());
        let Some((name, after)) = closed else {
            return Err(Problem::new(code::SYNTAX, at, format!("`{opening}` is not followed by {what} and `}}`")));
        };
        if !before.is_empty() {
            pieces.push(Tree::text(before, at));
        }
        let (name, otherwise) = match name.split_once(":-").filter(|_| kind != LookupKind::File) {
            Some((name, otherwise)) => (name, Some(Box::new(Tree::text(otherwise, at)))),
            None => (name, None),
        };
        let lookup = Lookup { kind, name: name.trim().to_owned(), otherwise };
        pieces.push(Tree::new(Value::Lookup(lookup), at));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Tree::text(rest, at));
    }
    Ok(pieces)
}
