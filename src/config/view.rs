//! What `plan` shows of a config: what each resource comes to with its defaults, in the words of the config.
//!
//! Texts that were looked up are shown as `***`, and so are secrets that are missing.

use serde_json::{Map, Value as Json, json};

use super::endpoint::View;
use super::incremental::CursorRules;
use super::tree::{Piece, Tree, Value};
use crate::plan::{
    CursorFormat, Incremental, LastValue, MissingCursor, PaginatorSpec, ParameterPlace, RangeBound, RowOrder,
};

/// What is shown in place of a secret.
const HIDDEN: &str = "***";

/// A resource with its defaults. `name` is missing where the config has none, which is a problem told elsewhere.
pub(super) fn resource(tree: &Tree, view: &View, table: Option<&str>, parent: Option<&str>, selected: bool) -> Json {
    let empty = Tree { value: Value::Map(Vec::new()), ..tree.clone() };
    let endpoint = tree.get("endpoint").filter(|endpoint| matches!(endpoint.value, Value::Map(_))).unwrap_or(&empty);
    let of_endpoint = |key: &str| endpoint.get(key).map_or(Json::Null, shown);
    let selector = match of_endpoint("data_selector") {
        Json::Null if view.is_entity => "$".into(),
        Json::String(text) if text.is_empty() => Json::Null,
        selector => selector,
    };
    let method = match (of_endpoint("method"), endpoint.get("graphql")) {
        (Json::Null, Some(graphql)) if !graphql.is_null() => "POST".into(),
        (Json::Null, _) => "GET".into(),
        (method, _) => method,
    };
    let or = |key: &str, default: Json| tree.get(key).map(shown).filter(|value| !value.is_null()).unwrap_or(default);
    json!({
        "parent": parent,
        "method": method,
        "path": path(tree, endpoint, view),
        "params": params(endpoint.get("params"), view),
        "json": of_endpoint("json"),
        "data": of_endpoint("data"),
        "graphql": of_endpoint("graphql"),
        "headers": of_endpoint("headers"),
        "paginator": paginator(view),
        "data_selector": selector,
        "table": table,
        "write_disposition": or("write_disposition", "append".into()),
        "primary_key": or("primary_key", Json::Null),
        "incremental": view.incremental.as_ref().map(incremental),
        "include_from_parent": or("include_from_parent", Json::Null),
        "response_actions": of_endpoint("response_actions"),
        "selected": selected,
    })
}

/// The path with static values in place; a secret in it hides all of it.
fn path(tree: &Tree, endpoint: &Tree, view: &View) -> Json {
    let written = endpoint.get("path").filter(|path| !path.is_null()).or(tree.get("name"));
    let used = endpoint.get("params").map(|params| {
        let values = view.used_params.iter().filter_map(|name| params.get(name));
        values.into_iter().all(|value| !holds_secret(value))
    });
    match (&view.path, written) {
        (Some(path), Some(written)) if !holds_secret(written) && used != Some(false) => path.as_str().into(),
        (_, Some(written)) => shown(written),
        (_, None) => Json::Null,
    }
}

fn holds_secret(tree: &Tree) -> bool {
    match &tree.value {
        Value::Text(text) => text.pieces().iter().any(|piece| matches!(piece, Piece::LookedUp(_))),
        Value::Lost => true,
        _ => false,
    }
}

/// The parameters that are left for the query.
fn params(tree: Option<&Tree>, view: &View) -> Json {
    let Some(tree) = tree else { return Json::Null };
    match shown(tree) {
        Json::Object(mut params) => {
            params.retain(|name, value| {
                let is_resolved = value.get("type").is_some_and(|kind| kind == "resolve");
                !view.used_params.contains(name) || is_resolved
            });
            params.into()
        }
        other => other,
    }
}

/// A value as it is written.
fn shown(tree: &Tree) -> Json {
    match &tree.value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) => text.shown().into(),
        Value::List(items) => items.iter().map(shown).collect(),
        Value::Map(entries) => {
            entries.iter().map(|(key, value)| (key.text.clone(), shown(value))).collect::<Map<_, _>>().into()
        }
        Value::Lookup(_) | Value::Joined(_) | Value::Choice(_) | Value::Lost => HIDDEN.into(),
    }
}

fn paginator(view: &View) -> Json {
    if view.is_entity {
        return json!({"type": "single_page"});
    }
    view.paginator.as_ref().map_or(Json::Null, spec)
}

/// A scheme with all of its keys.
fn spec(spec: &PaginatorSpec) -> Json {
    let query = |place: &ParameterPlace| match place {
        ParameterPlace::Query(name) => Some(name.clone()),
        ParameterPlace::Body(_) => None,
    };
    let body = |place: &ParameterPlace| match place {
        ParameterPlace::Query(_) => None,
        ParameterPlace::Body(keys) => Some(keys.join(".")),
    };
    let path = |path: &Option<std::sync::Arc<crate::json::Path>>| path.as_ref().map(ToString::to_string);
    match spec {
        PaginatorSpec::Auto => json!({"type": "auto"}),
        PaginatorSpec::SinglePage => json!({"type": "single_page"}),
        PaginatorSpec::JsonLink(spec) => json!({"type": "json_link", "next_url_path": spec.next_url_path.as_str()}),
        PaginatorSpec::HeaderLink(spec) => json!({"type": "header_link", "links_next_key": spec.links_next_key}),
        PaginatorSpec::HeaderCursor(spec) => json!({
            "type": "header_cursor",
            "cursor_key": spec.cursor_key,
            "cursor_param": query(&spec.cursor_place),
            "cursor_body_path": body(&spec.cursor_place),
        }),
        PaginatorSpec::Cursor(spec) => json!({
            "type": "cursor",
            "cursor_path": spec.cursor_path.as_str(),
            "cursor_param": query(&spec.cursor_place),
            "cursor_body_path": body(&spec.cursor_place),
            "stop_after_empty_page": spec.stop_after_empty_page,
            "has_more_path": path(&spec.has_more_path),
        }),
        PaginatorSpec::PageNumber(spec) => json!({
            "type": "page_number",
            "base_page": spec.base_page,
            "page": spec.page,
            "page_param": query(&spec.page_place),
            "page_body_path": body(&spec.page_place),
            "total_path": path(&spec.total_path),
            "maximum_page": spec.maximum_page,
            "stop_after_empty_page": spec.stop_after_empty_page,
            "has_more_path": path(&spec.has_more_path),
        }),
        PaginatorSpec::Offset(spec) => json!({
            "type": "offset",
            "limit": spec.limit,
            "offset": spec.offset,
            "offset_param": query(&spec.offset_place),
            "offset_body_path": body(&spec.offset_place),
            "limit_param": query(&spec.limit_place),
            "limit_body_path": body(&spec.limit_place),
            "total_path": path(&spec.total_path),
            "maximum_offset": spec.maximum_offset,
            "stop_after_empty_page": spec.stop_after_empty_page,
            "has_more_path": path(&spec.has_more_path),
        }),
    }
}

/// The rules of a cursor with all of their keys.
fn incremental(cursor: &CursorRules) -> Json {
    let Incremental { cursor_path, initial_value, end_value, last_value, row_order, lag, .. } = &cursor.rules;
    let bound = |bound: RangeBound| match bound {
        RangeBound::Closed => "closed",
        RangeBound::Open => "open",
    };
    json!({
        "cursor_path": cursor_path.as_str(),
        "initial_value": initial_value,
        "end_value": end_value,
        "last_value_func": match last_value {
            LastValue::Max => "max",
            LastValue::Min => "min",
        },
        "row_order": row_order.map(|order| match order {
            RowOrder::Ascending => "asc",
            RowOrder::Descending => "desc",
        }),
        "lag": lag.map(number),
        "on_cursor_value_missing": match cursor.rules.on_missing {
            MissingCursor::Raise => "raise",
            MissingCursor::Include => "include",
            MissingCursor::Exclude => "exclude",
        },
        "allow_external_schedulers": false,
        "range_start": bound(cursor.rules.range_start),
        "range_end": bound(cursor.rules.range_end),
        "primary_key": cursor.rules.key,
        "convert": cursor.rules.convert.as_ref().map(|format| match format {
            CursorFormat::Unix => "unix",
            CursorFormat::UnixMs => "unix_ms",
            CursorFormat::Iso => "iso",
            CursorFormat::Strftime(pattern) => pattern,
        }),
        "start_param": cursor.start_param,
        "end_param": cursor.end_param,
    })
}

/// A number without a fraction is an integer, as it was most likely written.
fn number(number: f64) -> Json {
    format!("{number}").parse::<serde_json::Number>().map_or(Json::Null, Json::Number)
}
