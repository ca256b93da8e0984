//! `paginator`, of the client and of an endpoint.

mod keys;
mod schemes;

use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, unknown_word, wrong_type};
use super::tree::{Text, Tree, Value};
use crate::plan::{PaginatorSpec, ParameterPlace};

pub(super) use keys::json_path;

/// What a config says of paging.
#[derive(Debug, Clone)]
pub(super) enum PaginatorSetting {
    /// Nothing, null or `auto`: an endpoint takes the client's.
    Inherit,
    /// This scheme.
    Use(PaginatorSpec),
    /// Something wrong, which is reported.
    Wrong,
}

const TYPES: [&str; 9] = [
    "auto",
    "cursor",
    "header_cursor",
    "header_link",
    "json_link",
    "json_response",
    "offset",
    "page_number",
    "single_page",
];

pub(super) fn read(tree: Option<&Tree>, report: &Report) -> PaginatorSetting {
    let Some(tree) = tree else { return PaginatorSetting::Inherit };
    match &tree.value {
        Value::Null => PaginatorSetting::Inherit,
        Value::Text(word) => short_form(tree, word, report),
        Value::Map(_) => long_form(tree, report),
        _ => {
            wrong_type(tree, "a string or a map", report);
            PaginatorSetting::Wrong
        }
    }
}

/// A name alone stands for the scheme with its defaults.
fn short_form(tree: &Tree, word: &Text, report: &Report) -> PaginatorSetting {
    if word.as_written() == Some("offset") {
        let message = "`limit` is missing: `offset` alone does not say how many rows a page has";
        report.add(Problem::new(code::MISSING, &tree.at, message).hint("write `{type: offset, limit: 100}`"));
        return PaginatorSetting::Wrong;
    }
    let empty = Tree { value: Value::Map(Vec::new()), ..tree.clone() };
    match Reader::open(&empty, report) {
        Some(mut reader) => scheme(tree, word, &mut reader),
        None => PaginatorSetting::Wrong,
    }
}

fn long_form(tree: &Tree, report: &Report) -> PaginatorSetting {
    let Some(mut reader) = Reader::open(tree, report) else { return PaginatorSetting::Wrong };
    let Some(kind) = reader.required("type") else { return PaginatorSetting::Wrong };
    let Some(word) = reader::text(kind, report) else { return PaginatorSetting::Wrong };
    let is_known = word.as_written().is_some_and(|word| TYPES.contains(&word));
    let setting = scheme(kind, word, &mut reader);
    if is_known {
        // The keys of another type would only be reported as unknown.
        reader.close();
    }
    setting
}

/// The scheme of a name, with the keys of `reader`.
fn scheme(tree: &Tree, word: &Text, reader: &mut Reader<'_>) -> PaginatorSetting {
    let spec = match word.as_written() {
        Some("auto") => return PaginatorSetting::Inherit,
        Some("single_page") => Some(PaginatorSpec::SinglePage),
        // dlt's older name for the same.
        Some("json_link" | "json_response") => schemes::json_link(reader),
        Some("header_link") => schemes::header_link(reader),
        Some("header_cursor") => schemes::header_cursor(reader),
        Some("cursor") => schemes::cursor(reader),
        Some("offset") => schemes::offset(reader),
        Some("page_number") => schemes::page_number(reader),
        _ => {
            unknown_word(tree, word, &TYPES, reader.report);
            None
        }
    };
    spec.map_or(PaginatorSetting::Wrong, PaginatorSetting::Use)
}

/// Whether the scheme writes into the body of the request.
pub(super) fn needs_body(spec: &PaginatorSpec) -> bool {
    let is_body = |place: &ParameterPlace| matches!(place, ParameterPlace::Body(_));
    match spec {
        PaginatorSpec::Auto | PaginatorSpec::SinglePage => false,
        PaginatorSpec::JsonLink(_) | PaginatorSpec::HeaderLink(_) => false,
        PaginatorSpec::PageNumber(spec) => is_body(&spec.page_place),
        PaginatorSpec::Offset(spec) => is_body(&spec.offset_place) || is_body(&spec.limit_place),
        PaginatorSpec::Cursor(spec) => is_body(&spec.cursor_place),
        PaginatorSpec::HeaderCursor(spec) => is_body(&spec.cursor_place),
    }
}
