//! Request headers: texts by name. A name is the same in any case, and null takes a header away.

use super::gaps::Gaps;
use super::problem::Report;
use super::reader::{self, invalid, wrong_type};
use super::tree::{Text, Tree, Value};
use crate::plan::{Template, TemplatePart};

/// One header of a config: its value, or `None` to take it away.
#[derive(Clone)]
pub(super) struct HeaderChange {
    name: String,
    value: Option<Template>,
}

/// Reads headers. With `gaps` their values may have placeholders; those of the client may not, and hold braces as they are.
pub(super) fn read(tree: &Tree, gaps: Option<&Gaps<'_>>, report: &Report) -> Vec<HeaderChange> {
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
        let Some(template) = template(text, value, gaps) else { continue };
        let is_control = |text: &str| text.chars().any(|character| character.is_control() && character != '\t');
        if template.0.iter().any(|part| matches!(part, TemplatePart::Literal(text) if is_control(text))) {
            invalid(value, "holds a control character", report);
            continue;
        }
        changes.push(HeaderChange { name: key.text.clone(), value: Some(template) });
    }
    changes
}

fn template(text: &Text, value: &Tree, gaps: Option<&Gaps<'_>>) -> Option<Template> {
    match gaps {
        Some(gaps) => gaps.template(text, "headers", &value.at),
        None => Some(Template::literal(text.reveal())),
    }
}

/// The headers that are left when changes are made one after the other.
pub(super) fn apply<'a>(changes: impl Iterator<Item = &'a HeaderChange>) -> Vec<(String, Template)> {
    let mut headers: Vec<(String, Template)> = Vec::new();
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
