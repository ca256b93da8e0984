//! The `cursor` and `header_cursor` schemes: what a page hands out leads to the next when it is handed back.
//!
//! Nothing, null, false, 0 and an empty text are no cursor, and end the walk. A cursor that was handed back before, also one
//! that leads to its own page, is a fault: the walk would have no end. Only a page without rows may lead to itself, which is how
//! some servers (such as Solr) say that it is the last.

use serde_json::Value;
use std::sync::Arc;

use super::fault::short;
use super::guard::Guard;
use super::{Paginator, PagingFault, Parameter, Position, Repeated, Seen, Step, as_text, said};
use crate::json::{Document, Kind, Node, Path};
use crate::plan::{CursorSpec, HeaderCursorSpec, ParameterPlace};

/// Either scheme on its way.
pub(super) struct Cursors {
    source: Source,
    place: ParameterPlace,
    stop_after_empty_page: bool,
    has_more_path: Option<Arc<Path>>,
    allow_repeated_pages: bool,
    guard: Guard,
}

/// Where a page has its cursor.
enum Source {
    Body(Arc<Path>),
    Header(String),
}

impl Cursors {
    pub(super) fn in_body(spec: &CursorSpec) -> Self {
        Self {
            source: Source::Body(Arc::clone(&spec.cursor_path)),
            place: spec.cursor_place.clone(),
            stop_after_empty_page: spec.stop_after_empty_page,
            has_more_path: spec.has_more_path.clone(),
            allow_repeated_pages: spec.allow_repeated_pages,
            guard: Guard::default(),
        }
    }

    pub(super) fn in_header(spec: &HeaderCursorSpec) -> Self {
        Self {
            source: Source::Header(spec.cursor_key.clone()),
            place: spec.cursor_place.clone(),
            stop_after_empty_page: false,
            has_more_path: None,
            allow_repeated_pages: spec.allow_repeated_pages,
            guard: Guard::default(),
        }
    }

    /// The cursor of a page; `None`: there is none.
    fn cursor(&self, seen: &Seen<'_>) -> Result<Option<Value>, PagingFault> {
        match &self.source {
            Source::Body(path) => seen.body.map_or(Ok(None), |body| in_body(path, body)),
            Source::Header(name) => {
                let text = seen.answered.header(name).map(str::trim).find(|text| !text.is_empty());
                Ok(text.map(Value::from))
            }
        }
    }

    /// Nothing leads on, which is the end unless the page says otherwise.
    fn without_cursor(&self, seen: &Seen<'_>) -> Result<Step, PagingFault> {
        let (Source::Body(path), Some(has_more)) = (&self.source, &self.has_more_path) else { return Ok(done()) };
        match said::has_more(Some(has_more), seen.root()) {
            Ok(Some(true)) => {
                Err(PagingFault::CursorMissing { path: path.to_string(), has_more: has_more.to_string() })
            }
            // A last page may leave out both.
            Ok(_) | Err(_) => Ok(done()),
        }
    }

    fn place_of_cursors(&self) -> String {
        match &self.source {
            Source::Body(path) => path.to_string(),
            Source::Header(name) => name.clone(),
        }
    }
}

impl Paginator for Cursors {
    fn first(&self) -> Position {
        Position::Only
    }

    fn noted(&self, position: &Position) -> Value {
        match position {
            Position::Cursor(cursor) => serde_json::json!({ "cursor": cursor }),
            _ => serde_json::json!({ "cursor": null }),
        }
    }

    fn resume(&mut self, noted: &Value) -> Option<Position> {
        match noted.as_object()?.get("cursor")? {
            Value::Null => Some(Position::Only),
            cursor @ (Value::String(_) | Value::Number(_)) => Some(Position::Cursor(cursor.clone())),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn advance(&mut self, position: &Position, seen: &Seen<'_>) -> Result<Step, PagingFault> {
        if let Position::Cursor(cursor) = position {
            self.guard.enter(&as_text(cursor));
        }
        if self.stop_after_empty_page && seen.is_empty() {
            return Ok(done());
        }
        let Some(cursor) = self.cursor(seen)? else { return self.without_cursor(seen) };
        if said::has_more(self.has_more_path.as_deref(), seen.root())? == Some(false) {
            return Ok(done());
        }
        let next = Position::Cursor(cursor.clone());
        if seen.is_empty() && next == *position {
            return Ok(done());
        }
        self.guard.page(seen.is_empty())?;
        if !self.guard.enter(&as_text(&cursor)) {
            let what = format!("the cursor `{}` at `{}`", short(&as_text(&cursor)), self.place_of_cursors());
            return Err(PagingFault::Loop { what });
        }
        Ok(Step::Next(next))
    }

    fn likely_after(&self, _position: &Position) -> Option<Position> {
        None
    }

    fn parameters(&self, position: &Position) -> Vec<Parameter<'_>> {
        let Position::Cursor(cursor) = position else { return Vec::new() };
        vec![Parameter { place: &self.place, value: cursor.clone() }]
    }

    fn repeated(&mut self, _position: &Position, _seen: &Seen<'_>) -> Repeated {
        if self.allow_repeated_pages { Repeated::Accept } else { Repeated::Fault }
    }

    fn is_paged(&self, _body: Node<'_>) -> bool {
        true
    }
}

/// The cursor that a path leads to in a body.
fn in_body(path: &Path, body: &Document) -> Result<Option<Value>, PagingFault> {
    let Some(node) = path.first(body.root()) else { return Ok(None) };
    let wrong = || PagingFault::Cursor { path: path.to_string(), found: said::found(node) };
    match node.kind() {
        Kind::Null | Kind::Bool(false) | Kind::Int(0) => Ok(None),
        Kind::Array(items) if items.is_empty() => Ok(None),
        Kind::Object(members) if members.is_empty() => Ok(None),
        Kind::Text(text) if text.trim().is_empty() => Ok(None),
        Kind::Text(text) => Ok(Some(text.into())),
        Kind::Int(number) => Ok(Some(number.into())),
        Kind::Float(number) => Ok(Some(number.into())),
        Kind::Inexact | Kind::BigInt => Ok(exact(path, body)),
        Kind::Bool(true) | Kind::Array(_) | Kind::Object(_) => Err(wrong()),
    }
}

/// A number that was not read digit by digit. One beyond 64 bits is handed back as a text, which keeps its digits.
fn exact(path: &Path, body: &Document) -> Option<Value> {
    let exact = body.parse_exact();
    let text = path.first(exact.root())?.to_json();
    Some(text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from))
}

fn done() -> Step {
    Step::Done { missing: 0 }
}
