//! Row selection, by example.

use bytes::Bytes;

use super::*;
use crate::json::Document;

fn document(text: &str) -> Document {
    Document::parse(Bytes::copy_from_slice(text.as_bytes())).expect("the test's own JSON")
}

/// The rows of one page, or the fault.
fn found(finder: &mut RowFinder, text: &str) -> String {
    let document = document(text);
    match finder.find(document.root()) {
        Err(fault) => fault.to_string(),
        Ok(selected) => {
            selected.rows.select(document.root()).iter().map(|row| row.to_json()).collect::<Vec<_>>().join(" ")
        }
    }
}

fn detected(scheme: Scheme, text: &str) -> String {
    found(&mut RowFinder::new(&RowSelection::Detect, scheme), text)
}

fn selected(path: &str, text: &str) -> String {
    found(&mut selector(path), text)
}

fn selector(path: &str) -> RowFinder {
    let path = Path::parse(path).expect("the test's own path");
    RowFinder::new(&RowSelection::Selector(Arc::new(path)), Scheme::Paged)
}

#[test]
fn rows_are_found_where_dlt_finds_them_and_where_it_does_not() {
    let table = [
        (r#"[{"a":1},2]"#, r#"{"a":1} 2"#),
        (r#"{"x":[{"a":1}],"data":[{"a":2}]}"#, r#"{"a":2}"#),
        (r#"{"Items":[{"a":2}],"x":[{"a":1}]}"#, r#"{"a":2}"#),
        // dlt takes the first list that it meets: no rows, or the wrong ones.
        (r#"{"errors":[],"users":[{"a":1}]}"#, r#"{"a":1}"#),
        (r#"{"meta":{"pages":[1,2]},"users":[{"a":1}]}"#, r#"{"a":1}"#),
        (r#"{"id":1,"tags":["a"]}"#, r#"{"id":1,"tags":["a"]}"#),
        (r#"{"data":[],"users":[{"a":1}]}"#, r#"{"a":1}"#),
        (r#"{"hydra:member":[{"a":1}]}"#, r#"{"a":1}"#),
        (r#"{"a":{"b":{"c":[{"a":1}]}}}"#, r#"{"a":1}"#),
        (r#"{"a":{"b":{"c":{"d":[{"a":1}]}}}}"#, r#"{"a":{"b":{"c":{"d":[{"a":1}]}}}}"#),
        (r#"{"data":null}"#, ""),
        (r#"{"data":[],"total":0}"#, ""),
        ("null", ""),
        (
            r#"{"users":[{"a":1}],"groups":[{"b":1},{"b":2}]}"#,
            "more than one array could be the rows: `users` (array of 1), `groups` (array of 2)",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(detected(Scheme::Single, body), expected, "{body}");
        assert_eq!(detected(Scheme::Paged, body), expected, "{body}");
    }
}

#[test]
fn an_envelope_without_rows_is_a_row_only_where_no_page_can_follow() {
    assert_eq!(detected(Scheme::Paged, r#"{"users":[],"total":0}"#), "");
    assert_eq!(detected(Scheme::Single, r#"{"users":[],"total":0}"#), r#"{"users":[],"total":0}"#);
}

#[test]
fn what_was_found_stays_and_another_shape_is_a_fault() {
    let mut finder = RowFinder::new(&RowSelection::Detect, Scheme::Paged);
    assert_eq!(found(&mut finder, r#"{"data":[],"users":[]}"#), "");
    assert_eq!(found(&mut finder, r#"{"data":[],"users":[{"a":1}]}"#), r#"{"a":1}"#);
    assert_eq!(found(&mut finder, r#"{"data":[{"b":1}],"users":[{"a":2}]}"#), r#"{"a":2}"#);
    assert_eq!(found(&mut finder, r#"{"users":null}"#), "");
    assert_eq!(found(&mut finder, r#"{"error":"busy"}"#), "expected `users`, found `error` (string)");
    assert_eq!(
        found(&mut finder, r#"{"users":{"error":1}}"#),
        "expected what earlier pages had at `users`, found an object"
    );
    let mut finder = RowFinder::new(&RowSelection::Detect, Scheme::Paged);
    assert_eq!(found(&mut finder, r#"[{"a":1}]"#), r#"{"a":1}"#);
    assert_eq!(
        found(&mut finder, r#"{"message":"slow down"}"#),
        "expected what earlier pages had at `$`, found an object"
    );
}

#[test]
fn a_selector_that_leads_nowhere_tells_what_is_there() {
    let body = r#"{"items":[{"a":1},{"a":2}],"meta":{"total":2},"next":null}"#;
    let table = [
        ("data", "expected `data`, found `items` (array of 2), `meta` (object), `next` (null)"),
        ("meta.rows", "expected `meta.rows`, found `total` (integer) in `meta`"),
        ("meta.rows[*].x", "expected `meta.rows[*].x`, found `total` (integer) in `meta`"),
        ("items[*].b", "expected `items[*].b`, found `a` (integer) in the first element of `items`"),
        ("items.a", "expected `items.a`, found array of 2 at `items`"),
        ("$..rows", "expected `$..rows`, found `items` (array of 2), `meta` (object), `next` (null)"),
        ("items", r#"{"a":1} {"a":2}"#),
        ("items[?(@.a>1)]", r#"{"a":2}"#),
        ("items[?(@.a>9)]", ""),
        ("items[*].a", "1 2"),
        ("next", ""),
        ("$", body),
    ];
    for (path, expected) in table {
        assert_eq!(selected(path, body), expected, "{path}");
    }
}

#[test]
fn records_are_counted_before_filters() {
    let records = |path: &str, body: &str| selector(path).find(document(body).root()).expect("found").records;
    assert_eq!(records("items[?(@.a>1)]", r#"{"items":[{"a":1},{"a":2}]}"#), Some(2));
    assert_eq!(records("items[*].b[*]", r#"{"items":[{"b":[1,2]},{"b":[3]}]}"#), Some(2));
    assert_eq!(records("items", r#"{"items":null}"#), Some(0));
    assert_eq!(records("$..b", r#"{"items":[{"b":1}]}"#), None);
}
