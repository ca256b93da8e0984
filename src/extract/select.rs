//! Which part of a body is rows, page after page. The first page settles it; a page that looks otherwise is a fault.

use std::fmt;
use std::sync::Arc;

use super::detect::{self, Scheme};
use crate::flow::RowPath;
use crate::json::{Kind, Node, Path};
use crate::plan::RowSelection;

/// Why the rows of a body cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectFault {
    /// The path leads nowhere.
    Missing {
        /// What was looked for.
        path: String,
        /// What is there, at the deepest level that is.
        found: String,
    },
    /// Pages before had an array there.
    Changed {
        /// What was looked for.
        path: String,
        /// What stands there now.
        found: String,
    },
    /// No selector is set, and more than one array could be the rows.
    Ambiguous {
        /// The arrays.
        found: String,
    },
}

/// The rows of one page.
#[derive(Debug)]
pub(super) struct Selected {
    /// What leads to them.
    pub(super) rows: RowPath,
    /// Elements of the array that holds them, before filters; `None`: there is no such array.
    pub(super) records: Option<u64>,
}

/// Finds the rows of page after page.
#[derive(Debug)]
pub(super) enum RowFinder {
    /// The config says where.
    Selector {
        /// The whole path.
        path: Arc<Path>,
        /// Its part up to the array.
        plain: Path,
        /// Whether a page has been seen.
        is_settled: bool,
        /// Whether a page had an array there.
        had_array: bool,
    },
    /// No page has had rows yet.
    Detect(Scheme),
    /// The body is expected to be one row, and nothing has been seen yet.
    Entity(Scheme),
    /// Detected: the body is one row on every page.
    Object,
    /// Detected: there is an array at this path; the root is an empty one.
    Array(Arc<Path>),
}

impl RowFinder {
    pub(super) fn new(selection: &RowSelection, scheme: Scheme) -> Self {
        match selection {
            RowSelection::Selector(path) => {
                Self::Selector { path: Arc::clone(path), plain: path.plain(), is_settled: false, had_array: false }
            }
            RowSelection::Detect => Self::Detect(scheme),
            RowSelection::Entity => Self::Entity(scheme),
        }
    }

    /// Takes note that more pages can follow, so that the body is more likely an envelope than a row.
    pub(super) fn expect_pages(&mut self) {
        if let Self::Detect(scheme) | Self::Entity(scheme) = self {
            *scheme = Scheme::Paged;
        }
    }

    /// The array whose items are the rows of every page from now on; `None`: that is not known, or not what rows are.
    pub(super) fn array(&self) -> Option<&Arc<Path>> {
        match self {
            Self::Array(path) => Some(path),
            Self::Selector { path, had_array: true, .. } => Some(path),
            Self::Selector { .. } | Self::Detect(_) | Self::Entity(_) | Self::Object => None,
        }
    }

    /// Whether the body turned out to be one row.
    pub(super) fn is_one_row(&self) -> bool {
        matches!(self, Self::Object)
    }

    /// The rows of the next page.
    ///
    /// # Errors
    /// When the body has not what was configured, or not what pages before it had.
    pub(super) fn find(&mut self, root: Node<'_>) -> Result<Selected, SelectFault> {
        match self {
            Self::Selector { path, plain, is_settled, had_array } => {
                let anchor = plain.first(root).ok_or_else(|| missing(path, root))?;
                let is_array = matches!(anchor.kind(), Kind::Array(_));
                if *had_array && is_scalar(anchor) {
                    return Err(changed(plain, anchor));
                }
                if !*is_settled && path.misses_a_name(root) {
                    return Err(missing(path, root));
                }
                *had_array |= is_array;
                *is_settled = true;
                Ok(Selected { rows: RowPath::At(Arc::clone(path)), records: records(anchor) })
            }
            Self::Detect(scheme) => {
                let (selected, settled) = detected(root, *scheme)?;
                if let Some(settled) = settled {
                    *self = settled;
                }
                Ok(selected)
            }
            Self::Entity(scheme) => {
                let (selected, settled) = entity(root, *scheme)?;
                *self = settled;
                Ok(selected)
            }
            Self::Object => match root.kind() {
                Kind::Object(_) | Kind::Null => Ok(whole(root)),
                _ => Err(SelectFault::Changed { path: "$".to_owned(), found: root.kind().described().to_owned() }),
            },
            Self::Array(path) => {
                let anchor = path.first(root).ok_or_else(|| missing(path, root))?;
                match anchor.kind() {
                    Kind::Array(_) | Kind::Null => {
                        Ok(Selected { rows: RowPath::At(Arc::clone(path)), records: records(anchor) })
                    }
                    _ => Err(changed(path, anchor)),
                }
            }
        }
    }

    /// Whether two pages have the same rows, and have any: the elements of their arrays where there are such, else the rows.
    ///
    /// Ends at the first that differs, which for nearly all pages is the first of all.
    pub(super) fn are_equal(one: (&RowPath, Node<'_>), other: (&RowPath, Node<'_>)) -> bool {
        let ((count, rows), (others_count, others)) = (compared(one.0, one.1), compared(other.0, other.1));
        count > 0 && count == others_count && rows.zip(others).all(|(row, other)| row.equals(other))
    }
}

/// The elements that tell one page from another, and how many there are.
fn compared<'a>(rows: &RowPath, root: Node<'a>) -> (usize, Box<dyn Iterator<Item = Node<'a>> + 'a>) {
    let anchor = match rows {
        RowPath::At(path) => path.plain().first(root),
        RowPath::Whole => Some(root),
        RowPath::Nothing | RowPath::Picked(..) => None,
    };
    match anchor.map(Node::kind) {
        Some(Kind::Array(items)) => (items.len(), Box::new(items.iter())),
        _ => {
            let rows = rows.select(root);
            (rows.len(), Box::new(rows.into_iter()))
        }
    }
}

fn detected(root: Node<'_>, scheme: Scheme) -> Result<(Selected, Option<RowFinder>), SelectFault> {
    match root.kind() {
        Kind::Null => return Ok((whole(root), None)),
        Kind::Array(items) => {
            let settled = (!items.is_empty()).then(|| RowFinder::Array(Arc::new(Path::of_members([]))));
            return Ok((whole(root), settled));
        }
        Kind::Object(_) => {}
        _ => return Ok((whole(root), None)),
    }
    match detect::rows(root, scheme)? {
        detect::Found::Array { path, is_empty } => {
            let path = Arc::new(path);
            let anchor = path.first(root);
            let selected = Selected { rows: RowPath::At(Arc::clone(&path)), records: anchor.and_then(records) };
            // An empty array may be another than that which later pages fill.
            Ok((selected, (!is_empty).then_some(RowFinder::Array(path))))
        }
        detect::Found::OneRow => Ok((whole(root), Some(RowFinder::Object))),
        detect::Found::Nothing => Ok((Selected { rows: RowPath::Nothing, records: Some(0) }, None)),
    }
}

/// What is expected to be one row: it is, but for a list, and for a page that shows that more follow and has rows.
fn entity(root: Node<'_>, scheme: Scheme) -> Result<(Selected, RowFinder), SelectFault> {
    if matches!(root.kind(), Kind::Object(_)) && scheme == Scheme::Single {
        return Ok((whole(root), RowFinder::Object));
    }
    match detected(root, scheme)? {
        (selected, Some(settled @ RowFinder::Array(_))) => Ok((selected, settled)),
        (_, _) if matches!(root.kind(), Kind::Object(_)) => Ok((whole(root), RowFinder::Object)),
        (selected, _) => Ok((selected, RowFinder::Detect(scheme))),
    }
}

fn whole(root: Node<'_>) -> Selected {
    Selected { rows: RowPath::Whole, records: records(root) }
}

fn is_scalar(node: Node<'_>) -> bool {
    !matches!(node.kind(), Kind::Array(_) | Kind::Object(_) | Kind::Null)
}

fn records(anchor: Node<'_>) -> Option<u64> {
    match anchor.kind() {
        Kind::Array(items) => u64::try_from(items.len()).ok(),
        Kind::Null => Some(0),
        _ => None,
    }
}

fn changed(path: &Path, found: Node<'_>) -> SelectFault {
    SelectFault::Changed { path: path.to_string(), found: found.kind().described().to_owned() }
}

/// Tells what is there in place of `path`, at its deepest level that is.
fn missing(path: &Path, root: Node<'_>) -> SelectFault {
    let plain = path.plain();
    let mut level = Some(plain.clone());
    while let Some(reached) = level {
        if let Some(node) = reached.first(root) {
            let found = listed_at(node, &reached, reached == plain);
            return SelectFault::Missing { path: path.to_string(), found };
        }
        level = reached.parent();
    }
    SelectFault::Missing { path: path.to_string(), found: listed(root) }
}

/// What is in `node`; of an array whose elements were looked into, what is in the first of them.
fn listed_at(node: Node<'_>, path: &Path, looks_into_elements: bool) -> String {
    let first = match node.kind() {
        Kind::Array(items) if looks_into_elements => items.get(0),
        _ => None,
    };
    match (first, node.kind()) {
        (Some(first), _) => format!("{} in the first element of `{path}`", listed(first)),
        (None, _) if path.parent().is_none() => listed(node),
        (None, Kind::Object(_)) => format!("{} in `{path}`", listed(node)),
        (None, _) => format!("{} at `{path}`", listed(node)),
    }
}

/// Members that are listed; the rest is counted.
const LISTED_MAX: usize = 12;

fn listed(node: Node<'_>) -> String {
    let Kind::Object(members) = node.kind() else { return described(node) };
    if members.is_empty() {
        return "an object without members".to_owned();
    }
    let shown: Vec<String> = members
        .iter()
        .take(LISTED_MAX)
        .map(|(name, value)| format!("`{}` ({})", short(name), described(value)))
        .collect();
    let rest = members.len().saturating_sub(LISTED_MAX);
    let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

pub(super) fn described(node: Node<'_>) -> String {
    match node.kind() {
        Kind::Array(items) => format!("array of {}", items.len()),
        kind => kind.described().trim_start_matches("a ").trim_start_matches("an ").to_owned(),
    }
}

fn short(name: &str) -> String {
    match name.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or(name)),
        None => name.to_owned(),
    }
}

impl fmt::Display for SelectFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path, found } => write!(formatter, "expected `{path}`, found {found}"),
            Self::Changed { path, found } => {
                write!(formatter, "expected what earlier pages had at `{path}`, found {found}")
            }
            Self::Ambiguous { found } => write!(formatter, "more than one array could be the rows: {found}"),
        }
    }
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
