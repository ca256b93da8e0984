//! Finds the rows in a body that is an object, where the config does not say: the array that looks most like rows.
//!
//! Looked at are the arrays under object keys, at most three keys deep and not inside other arrays, in document order:
//!
//! 1. the first array of objects under a well-known name;
//! 2. the only array of objects; several are a fault, because any choice could be the wrong one;
//! 3. under a paging scheme: the first array of anything, then an empty array or null, under a well-known name;
//! 4. nothing but empty arrays under a paging scheme: no rows yet;
//! 5. else the object is one row.

use super::select::{SelectFault, described};
use crate::json::{Kind, Node, Path};

/// Whether more pages can follow, so that the body is more likely an envelope than a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Single,
    Paged,
}

/// What a body's rows are.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// The elements of the array at the path. Where it is empty (or null) another page may show another one.
    Array { path: Path, is_empty: bool },
    /// The body.
    OneRow,
    /// Unknown as yet.
    Nothing,
}

/// Names of arrays of rows, as in dlt, in any case.
const WELL_KNOWN: [&str; 11] =
    ["data", "items", "results", "entries", "records", "rows", "entities", "payload", "content", "objects", "values"];
/// Keys from the body to an array.
const DEPTH_MAX: usize = 3;
/// Arrays that a fault lists.
const LISTED_MAX: usize = 8;

struct Candidate<'a> {
    keys: Vec<&'a str>,
    node: Node<'a>,
    content: Content,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Objects,
    Scalars,
    Empty,
    Null,
}

/// The rows of `root`, which is an object.
pub(super) fn rows(root: Node<'_>, scheme: Scheme) -> Result<Found, SelectFault> {
    let mut candidates = Vec::new();
    collect(root, &mut Vec::new(), &mut candidates);
    let first = |content: Content| candidates.iter().find(|one| one.content == content && one.is_well_known());
    if let Some(known) = first(Content::Objects) {
        return Ok(known.found());
    }
    let of_objects: Vec<&Candidate<'_>> = candidates.iter().filter(|one| one.content == Content::Objects).collect();
    match of_objects.as_slice() {
        [] => {}
        [only] => return Ok(only.found()),
        several => return Err(ambiguous(several)),
    }
    let has_arrays = candidates.iter().any(|one| one.content != Content::Null);
    let has_scalars = candidates.iter().any(|one| one.content == Content::Scalars);
    if scheme == Scheme::Paged
        && let Some(known) = first(Content::Scalars)
    {
        return Ok(known.found());
    }
    if let Some(known) = first(Content::Empty).filter(|_| !has_scalars || scheme == Scheme::Paged) {
        return Ok(known.found());
    }
    if let Some(known) = first(Content::Null).filter(|_| !has_arrays || scheme == Scheme::Paged) {
        return Ok(known.found());
    }
    let only_empty = has_arrays && !has_scalars;
    Ok(if only_empty && scheme == Scheme::Paged { Found::Nothing } else { Found::OneRow })
}

/// Depth is bounded, so that this may call itself.
fn collect<'a>(node: Node<'a>, keys: &mut Vec<&'a str>, candidates: &mut Vec<Candidate<'a>>) {
    let Kind::Object(members) = node.kind() else { return };
    for (key, value) in members.iter() {
        keys.push(key);
        let content = match value.kind() {
            Kind::Array(items) if items.is_empty() => Some(Content::Empty),
            Kind::Array(items) => {
                // Some APIs have null for a row that the caller may not see.
                let first = items.iter().map(Node::kind).find(|kind| !matches!(kind, Kind::Null));
                Some(if matches!(first, Some(Kind::Object(_))) { Content::Objects } else { Content::Scalars })
            }
            Kind::Null => Some(Content::Null),
            _ => None,
        };
        if let Some(content) = content {
            candidates.push(Candidate { keys: keys.clone(), node: value, content });
        } else if keys.len() < DEPTH_MAX {
            collect(value, keys, candidates);
        }
        keys.pop();
    }
}

impl Candidate<'_> {
    fn is_well_known(&self) -> bool {
        let name = self.keys.last().copied().unwrap_or_default();
        WELL_KNOWN.iter().any(|known| name.eq_ignore_ascii_case(known))
    }

    fn path(&self) -> Path {
        Path::of_members(self.keys.iter().copied())
    }

    fn found(&self) -> Found {
        Found::Array { path: self.path(), is_empty: matches!(self.content, Content::Empty | Content::Null) }
    }
}

fn ambiguous(several: &[&Candidate<'_>]) -> SelectFault {
    let shown = several.iter().take(LISTED_MAX);
    let listed: Vec<String> = shown.map(|one| format!("`{}` ({})", one.path(), described(one.node))).collect();
    SelectFault::Ambiguous { found: listed.join(", ") }
}
