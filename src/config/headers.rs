//! Request headers: texts by name. A name is the same in any case, and null takes a header away.

use super::placeholders;
use super::problem::Report;
use super::reader::{self, invalid, wrong_type};
use super::tree::{Tree, Value};

/// One header of a config: its value, or `None` to take it away.
#[derive(Clone)]
pub(super) struct HeaderChange {
    name: String,
    value: Option<String>,
}

pub(super) fn read(tree: &Tree, report: &Report) -> Vec<HeaderChange> {
    let Value::Map(entries) = &tree.value else {
        wrong_type(tree, "a map", report);
        return Vec::new();
    };
    let mut changes = Vec::new();
    for (key, value) in entries {
        if !is_token(&key.text) {
            invalid(value, "is not the name of a header", report);
            continue;
        }
        if value.is_null() {
            changes.push(HeaderChange { name: key.text.clone(), value: None });
            continue;
        }
        let Some(text) = reader::text(value, report) else { continue };
        let Some(text) = placeholders::without_any(text, "headers", &value.at, report) else { continue };
        if text.chars().any(|character| character.is_control() && character != '\t') {
            invalid(value, "holds a control character", report);
            continue;
        }
        changes.push(HeaderChange { name: key.text.clone(), value: Some(text) });
    }
    changes
}

/// The headers that are left when changes are made one after the other.
pub(super) fn apply<'a>(changes: impl Iterator<Item = &'a HeaderChange>) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for change in changes {
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(&change.name));
        if let Some(value) = &change.value {
            headers.push((change.name.clone(), value.clone()));
        }
    }
    headers
}

/// What RFC 9110 (section 5.6.2) allows in a name.
pub(super) fn is_token(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(allowed)
}
