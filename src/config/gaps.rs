//! What the placeholders of one endpoint stand for: fields of a parent's rows (`{resources.posts.id}`) and values of the cursor
//! (`{incremental.start_value}`). Both are known only while a run is under way.

use std::cell::RefCell;
use std::sync::Arc;

use super::placeholders::{DOUBLE_BRACES, LooseBrace, Part, loose_brace, parts};
use super::problem::{Place, Problem, Report, code, suggestion};
use super::text_format;
use super::tree::Text;
use crate::json::Path;
use crate::plan::{CursorPlace, Gap, GapSource, ParentField, Template, TemplatePart};

/// Collects what an endpoint's placeholders refer to.
pub(super) struct Gaps<'r> {
    pub(super) report: &'r Report,
    /// Whether the endpoint has a cursor.
    pub(super) has_cursor: bool,
    found: RefCell<Found>,
}

#[derive(Default)]
struct Found {
    /// Each parent once, with the place where it was named first.
    parents: Vec<(String, Place)>,
    fields: Vec<ParentField>,
}

const CURSOR_PLACES: [(&str, CursorPlace); 5] = [
    ("start_value", CursorPlace::Start),
    ("initial_value", CursorPlace::Initial),
    ("last_value", CursorPlace::Last),
    ("end_value", CursorPlace::End),
    ("lag", CursorPlace::Lag),
];

impl<'r> Gaps<'r> {
    pub(super) fn new(report: &'r Report, has_cursor: bool) -> Self {
        Self { report, has_cursor, found: RefCell::default() }
    }

    /// The parents that are referred to, and the fields of their rows.
    pub(super) fn into_found(self) -> (Vec<(String, Place)>, Vec<ParentField>) {
        let found = self.found.into_inner();
        (found.parents, found.fields)
    }

    /// A text with its placeholders; `None`: something is wrong, which is reported. `key` is where it stands, for messages.
    pub(super) fn template(&self, text: &Text, key: &str, at: &Place) -> Option<Template> {
        let parts = match parts(text) {
            Ok(parts) => parts,
            Err(LooseBrace) => {
                self.report.add(loose_brace(key, at));
                return None;
            }
        };
        let mut template = Vec::with_capacity(parts.len());
        let mut is_complete = true;
        for part in parts {
            match part {
                Part::Literal(literal) => template.push(TemplatePart::Literal(literal)),
                Part::Placeholder(expression) => match self.gap(&expression, key, at) {
                    Some(gap) => template.push(TemplatePart::Gap(gap)),
                    None => is_complete = false,
                },
            }
        }
        is_complete.then_some(Template(template))
    }

    /// What an expression between braces stands for; `None`: nothing, which is reported.
    pub(super) fn gap(&self, expression: &str, key: &str, at: &Place) -> Option<Gap> {
        let (name, format) = match text_format::split(expression) {
            Ok(split) => split,
            Err(fault) => {
                let message = format!("`{{{expression}}}` in `{key}`: {fault}");
                self.report.add(Problem::new(code::INVALID, at, message));
                return None;
            }
        };
        let source = match name.split_once('.') {
            Some(("resources", rest)) => self.parent_field(expression, rest, key, at)?,
            Some(("incremental", attribute)) => self.cursor(expression, attribute, key, at)?,
            _ => {
                let message = format!("`{{{expression}}}` in `{key}` is not a known placeholder");
                let hint = format!("`{{resources.…}}` and `{{incremental.…}}` are known; {DOUBLE_BRACES}");
                self.report.add(Problem::new(code::INVALID, at, message).hint(hint));
                return None;
            }
        };
        Some(Gap { text: expression.to_owned(), source, format })
    }

    fn parent_field(&self, expression: &str, rest: &str, key: &str, at: &Place) -> Option<GapSource> {
        let Some((parent, field)) =
            rest.split_once('.').filter(|(parent, field)| !parent.is_empty() && !field.is_empty())
        else {
            let message = format!("`{{{expression}}}` in `{key}` must be `{{resources.<resource>.<field>}}`");
            self.report.add(Problem::new(code::INVALID, at, message));
            return None;
        };
        self.field(parent, field, at).map(GapSource::Parent)
    }

    /// The place of a parent's field among those that are needed.
    pub(super) fn field(&self, parent: &str, field: &str, at: &Place) -> Option<usize> {
        let path = match Path::parse(field) {
            Ok(path) => Arc::new(path),
            Err(error) => {
                let message = format!("`{field}`, the field of resource `{parent}`, is no path: {error}");
                self.report.add(Problem::new(code::INVALID, at, message));
                return None;
            }
        };
        let found = &mut *self.found.borrow_mut();
        if !found.parents.iter().any(|(known, _)| known == parent) {
            found.parents.push((parent.to_owned(), at.clone()));
        }
        if let Some(known) = found.fields.iter().position(|known| known.text == field) {
            return Some(known);
        }
        found.fields.push(ParentField { text: field.to_owned(), path });
        Some(found.fields.len() - 1)
    }

    fn cursor(&self, expression: &str, attribute: &str, key: &str, at: &Place) -> Option<GapSource> {
        if !self.has_cursor {
            let message = format!("`{{{expression}}}` in `{key}` needs `incremental` in the endpoint");
            self.report.add(Problem::new(code::INVALID, at, message));
            return None;
        }
        let known = CURSOR_PLACES.iter().find(|(name, _)| *name == attribute);
        if known.is_none() {
            let names: Vec<&str> = CURSOR_PLACES.iter().map(|(name, _)| *name).collect();
            let message = format!("`{{{expression}}}` in `{key}` is no value of the cursor");
            self.report.add(Problem::new(code::INVALID, at, message).hint(suggestion(attribute, &names)));
        }
        known.map(|(_, place)| GapSource::Cursor(*place))
    }
}
