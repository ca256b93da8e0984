//! Kinds of values that several paginators have: JSONPaths, and the places of parameters.
//!
//! The outer `None` of each is a value that is wrong, which is reported.

use std::sync::Arc;

use crate::config::problem::{Problem, Report, code};
use crate::config::reader::{self, Reader};
use crate::config::tree::{Text, Tree};
use crate::json::Path;
use crate::plan::ParameterPlace;

/// A JSONPath; absent, null and the empty text are none.
pub(super) fn path(reader: &mut Reader<'_>, key: &'static str) -> Option<Option<Arc<Path>>> {
    let report = reader.report;
    let Some(tree) = reader.present(key) else { return Some(None) };
    let text = reader::text(tree, report)?;
    if text.is_empty() {
        return Some(None);
    }
    json_path(tree, text, report).map(Some)
}

/// A JSONPath with a default, which null and the empty text switch off.
pub(super) fn path_or_none(reader: &mut Reader<'_>, key: &'static str, default: &str) -> Option<Option<Arc<Path>>> {
    match reader.value(key) {
        Some(_) => path(reader, key),
        None => default_path(default).map(Some),
    }
}

/// A JSONPath that has to be; null and the empty text stand for the default.
pub(super) fn path_or(reader: &mut Reader<'_>, key: &'static str, default: &str) -> Option<Arc<Path>> {
    path(reader, key)?.or_else(|| default_path(default))
}

fn default_path(text: &str) -> Option<Arc<Path>> {
    Path::parse(text).ok().map(Arc::new)
}

/// Compiles a JSONPath of the config.
pub(in crate::config) fn json_path(tree: &Tree, text: &Text, report: &Report) -> Option<Arc<Path>> {
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

/// A text with a default, that may not be empty.
pub(super) fn name(reader: &mut Reader<'_>, key: &'static str, default: &str) -> Option<String> {
    let report = reader.report;
    match reader.present(key) {
        Some(tree) => filled_text(tree, report),
        None => Some(default.to_owned()),
    }
}

fn filled_text(tree: &Tree, report: &Report) -> Option<String> {
    let text = reader::text(tree, report)?.reveal();
    if text.is_empty() {
        reader::invalid(tree, "must not be empty", report);
        return None;
    }
    Some(text)
}

/// Where a paging parameter goes: into the query or, if there is a body path, into the body.
pub(super) fn place(
    reader: &mut Reader<'_>,
    query_key: &'static str,
    body_key: &'static str,
    default: &str,
) -> Option<ParameterPlace> {
    let report = reader.report;
    let named = reader.present(query_key);
    let Some(body) = reader.present(body_key) else {
        return match named {
            Some(named) => filled_text(named, report).map(ParameterPlace::Query),
            None => Some(ParameterPlace::Query(default.to_owned())),
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

/// A boolean with a default.
pub(super) fn switch(reader: &mut Reader<'_>, key: &'static str, default: bool) -> Option<bool> {
    let report = reader.report;
    reader.present(key).map_or(Some(default), |tree| reader::bool(tree, report))
}

/// A count that may be absent.
pub(super) fn count(reader: &mut Reader<'_>, key: &'static str) -> Option<Option<u64>> {
    let report = reader.report;
    reader.present(key).map_or(Some(None), |tree| reader::integer(tree, 0, report).map(Some))
}
