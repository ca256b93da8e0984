//! What a body says of the walk: totals, and whether more follows.

use super::PagingFault;
use crate::json::{Kind, Node, Path};

/// The total of a walk, as its pages tell it.
#[derive(Debug, Default)]
pub(super) struct Total {
    /// As last heard: many servers count only on the first page.
    pub(super) last: Option<u64>,
    /// Whether pages told different ones.
    pub(super) has_changed: bool,
}

impl Total {
    /// Takes in what a page says; `counted`: what the total counts.
    ///
    /// # Errors
    /// When something else stands there.
    pub(super) fn hear(
        &mut self,
        path: Option<&Path>,
        body: Option<Node<'_>>,
        counted: &'static str,
    ) -> Result<(), PagingFault> {
        if let Some(told) = total(path, body, counted)? {
            self.has_changed |= self.last.is_some_and(|last| last != told);
            self.last = Some(told);
        }
        Ok(())
    }
}

/// The total that a path leads to; `None`: the body does not say, or there is no path. `counted`: what it counts.
///
/// # Errors
/// When something else stands there.
fn total(path: Option<&Path>, body: Option<Node<'_>>, counted: &'static str) -> Result<Option<u64>, PagingFault> {
    let (Some(path), Some(body)) = (path, body) else { return Ok(None) };
    let Some(node) = path.first(body).filter(|node| !matches!(node.kind(), Kind::Null)) else { return Ok(None) };
    match count(node) {
        Some(count) => Ok(Some(count)),
        None => Err(PagingFault::Total { counted, path: path.to_string(), found: found(node) }),
    }
}

/// Whether more follows; `None`: nobody asks.
///
/// # Errors
/// When nothing or no boolean stands there: dlt stops there too.
pub(super) fn has_more(path: Option<&Path>, body: Option<Node<'_>>) -> Result<Option<bool>, PagingFault> {
    let (Some(path), Some(body)) = (path, body) else { return Ok(None) };
    let node = path.first(body).ok_or_else(|| PagingFault::HasMoreMissing { path: path.to_string() })?;
    match boolean(node) {
        Some(value) => Ok(Some(value)),
        None => Err(PagingFault::HasMore { path: path.to_string(), found: found(node) }),
    }
}

/// A whole number that is not negative, also as a text.
pub(super) fn count(node: Node<'_>) -> Option<u64> {
    match node.kind() {
        Kind::Int(value) => u64::try_from(value).ok(),
        Kind::Float(value) => whole(value),
        Kind::Text(text) => text.trim().parse().ok().or_else(|| text.trim().parse().ok().and_then(whole)),
        Kind::Null | Kind::Bool(_) | Kind::BigInt | Kind::Inexact | Kind::Array(_) | Kind::Object(_) => None,
    }
}

/// A float that is a count; its digits without a fraction parse as one.
fn whole(value: f64) -> Option<u64> {
    if value >= 0.0 && value.fract() == 0.0 { format!("{value:.0}").parse().ok() } else { None }
}

/// The spellings that dlt knows.
fn boolean(node: Node<'_>) -> Option<bool> {
    let text = match node.kind() {
        Kind::Bool(value) => return Some(value),
        Kind::Text(text) => text.trim().to_ascii_lowercase(),
        Kind::Int(value) => value.to_string(),
        Kind::Null | Kind::Float(_) | Kind::BigInt | Kind::Inexact | Kind::Array(_) | Kind::Object(_) => return None,
    };
    match text.as_str() {
        "yes" | "true" | "t" | "y" | "1" => Some(true),
        "no" | "false" | "f" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// What stands in place of what was expected: a short value as it is, else its kind.
pub(super) fn found(node: Node<'_>) -> String {
    match node.kind() {
        Kind::Array(_) | Kind::Object(_) | Kind::Null => node.kind().described().to_owned(),
        kind => match node.to_json() {
            text if text.chars().count() <= 40 => format!("`{text}`"),
            _ => kind.described().to_owned(),
        },
    }
}
