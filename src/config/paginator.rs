//! `paginator`, of the client and of an endpoint.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, unknown_word, unsupported_word, wrong_type};
use super::tree::{Text, Tree, Value};
use crate::json::Path;
use crate::plan::{OffsetSpec, PaginatorSpec, ParameterPlace};

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

fn short_form(tree: &Tree, word: &Text, report: &Report) -> PaginatorSetting {
    match word.as_written() {
        Some("auto") => PaginatorSetting::Inherit,
        Some("single_page") => PaginatorSetting::Use(PaginatorSpec::SinglePage),
        Some("offset") => {
            let message = "`limit` is missing: `offset` alone does not say how many rows a page has";
            report.add(Problem::new(code::MISSING, &tree.at, message).hint("write `{type: offset, limit: 100}`"));
            PaginatorSetting::Wrong
        }
        _ => refuse(tree, word, report),
    }
}

fn refuse(tree: &Tree, word: &Text, report: &Report) -> PaginatorSetting {
    match word.as_written() {
        Some(known) if TYPES.contains(&known) => unsupported_word(tree, known, report),
        _ => unknown_word(tree, word, &TYPES, report),
    }
    PaginatorSetting::Wrong
}

fn long_form(tree: &Tree, report: &Report) -> PaginatorSetting {
    let Some(mut reader) = Reader::open(tree, report) else { return PaginatorSetting::Wrong };
    let Some(kind) = reader.required("type") else { return PaginatorSetting::Wrong };
    let Some(word) = reader::text(kind, report) else { return PaginatorSetting::Wrong };
    // The keys of another type would only be reported as unknown.
    let setting = match word.as_written() {
        Some("auto") => PaginatorSetting::Inherit,
        Some("single_page") => PaginatorSetting::Use(PaginatorSpec::SinglePage),
        Some("offset") => offset(&mut reader)
            .map_or(PaginatorSetting::Wrong, |offset| PaginatorSetting::Use(PaginatorSpec::Offset(offset))),
        _ => return refuse(kind, word, report),
    };
    reader.close();
    setting
}

fn offset(reader: &mut Reader<'_>) -> Option<OffsetSpec> {
    let report = reader.report;
    // Everything is read before anything that is missing ends it, so that all problems are told.
    let limit = reader.required("limit").and_then(|tree| reader::integer(tree, 1, report)).and_then(NonZeroU64::new);
    let offset = reader.present("offset").map_or(Some(0), |tree| reader::integer(tree, 0, report));
    let offset_place = place(reader, "offset_param", "offset_body_path", "offset");
    let limit_place = place(reader, "limit_param", "limit_body_path", "limit");
    let total_path = match reader.value("total_path") {
        None => path_of("total").map(Some),
        Some(tree) => path(Some(tree), report),
    };
    let maximum_offset =
        reader.present("maximum_offset").map_or(Some(None), |tree| reader::integer(tree, 0, report).map(Some));
    let stop_after_empty_page =
        reader.present("stop_after_empty_page").map_or(Some(true), |tree| reader::bool(tree, report));
    let has_more_path = path(reader.value("has_more_path"), report);
    let allow_repeated_pages =
        reader.present("allow_repeated_pages").map_or(Some(false), |tree| reader::bool(tree, report));
    let spec = OffsetSpec {
        limit: limit?,
        offset: offset?,
        offset_place: offset_place?,
        limit_place: limit_place?,
        total_path: total_path?,
        maximum_offset: maximum_offset?,
        stop_after_empty_page: stop_after_empty_page?,
        has_more_path: has_more_path?,
        allow_repeated_pages: allow_repeated_pages?,
    };
    if ends(&spec) {
        return Some(spec);
    }
    let message = "nothing ends the paging: one of `total_path`, `maximum_offset`, `has_more_path` and \
                   `stop_after_empty_page` is needed";
    report.add(Problem::new(code::INVALID, &reader.tree.at, message));
    None
}

fn ends(spec: &OffsetSpec) -> bool {
    spec.stop_after_empty_page
        || spec.total_path.is_some()
        || spec.maximum_offset.is_some()
        || spec.has_more_path.is_some()
}

/// A JSONPath; null and the empty text are none. The outer `None`: it is wrong, which is reported.
fn path(tree: Option<&Tree>, report: &Report) -> Option<Option<Arc<Path>>> {
    let Some(tree) = tree.filter(|tree| !tree.is_null()) else { return Some(None) };
    let text = reader::text(tree, report)?;
    if text.is_empty() {
        return Some(None);
    }
    json_path(tree, text, report).map(Some)
}

fn path_of(text: &str) -> Option<Arc<Path>> {
    Path::parse(text).ok().map(Arc::new)
}

/// Compiles a JSONPath of the config.
pub(super) fn json_path(tree: &Tree, text: &Text, report: &Report) -> Option<Arc<Path>> {
    match Path::parse(&text.reveal()) {
        Ok(path) => Some(Arc::new(path)),
        Err(error) => {
            // The error quotes the path, which may have been looked up.
            let fault = if text.is_written() { format!(": {error}") } else { String::new() };
            let message = format!("`{}` is not a JSONPath{fault}", tree.label);
            report.add(Problem::new(code::INVALID, &tree.at, message));
            None
        }
    }
}

/// Where a paging parameter goes: into the query or, if there is a body path, into the body.
fn place(
    reader: &mut Reader<'_>,
    query_key: &'static str,
    body_key: &'static str,
    default: &str,
) -> Option<ParameterPlace> {
    let report = reader.report;
    let query = reader.value(query_key);
    let named = query.filter(|tree| !tree.is_null());
    let Some(body) = reader.present(body_key) else {
        return match (query, named) {
            (_, Some(named)) => parameter_name(named, report),
            (Some(null), None) => {
                let message = format!("`{query_key}` is null and there is no `{body_key}`");
                report.add(Problem::new(code::INVALID, &null.at, message));
                None
            }
            (None, None) => Some(ParameterPlace::Query(default.to_owned())),
        };
    };
    if let Some(named) = named {
        let message = format!("`{query_key}` and `{body_key}` exclude each other");
        report.add(Problem::new(code::INVALID, &named.at, message));
        return None;
    }
    let keys: Vec<String> = reader::text(body, report)?.reveal().split('.').map(str::to_owned).collect();
    if keys.iter().any(String::is_empty) {
        reader::invalid(body, "must be keys separated by single dots", report);
        return None;
    }
    Some(ParameterPlace::Body(keys))
}

fn parameter_name(tree: &Tree, report: &Report) -> Option<ParameterPlace> {
    let name = reader::text(tree, report)?.reveal();
    if name.is_empty() {
        reader::invalid(tree, "must not be empty", report);
        return None;
    }
    Some(ParameterPlace::Query(name))
}

/// Whether the scheme writes into the body of the request.
pub(super) fn needs_body(spec: &PaginatorSpec) -> bool {
    match spec {
        PaginatorSpec::SinglePage => false,
        PaginatorSpec::Offset(offset) => {
            [&offset.offset_place, &offset.limit_place].iter().any(|place| matches!(place, ParameterPlace::Body(_)))
        }
    }
}
