//! Every paging scheme: its keys, its defaults, its faults, and whose it is.

use super::{endpoint, python, yaml};
use crate::plan::{PaginatorSpec, ParameterPlace};

fn read(paginator: &str) -> PaginatorSpec {
    endpoint(&format!("method: POST\npaginator: {paginator}")).resource().endpoint.paginator
}

fn shown_place(place: &ParameterPlace) -> String {
    match place {
        ParameterPlace::Query(name) => name.clone(),
        ParameterPlace::Body(keys) => format!("body:{}", keys.join(".")),
    }
}

/// A scheme with everything that it was given.
fn shown(spec: &PaginatorSpec) -> String {
    let path = |path: &Option<std::sync::Arc<crate::json::Path>>| path.as_ref().map_or("-".into(), ToString::to_string);
    let number = |number: Option<u64>| number.map_or("-".into(), |number| number.to_string());
    match spec {
        PaginatorSpec::Auto => "auto".into(),
        PaginatorSpec::SinglePage => "single_page".into(),
        PaginatorSpec::JsonLink(spec) => format!("json_link {} {}", spec.next_url_path, spec.allow_repeated_pages),
        PaginatorSpec::HeaderLink(spec) => format!("header_link {} {}", spec.links_next_key, spec.allow_repeated_pages),
        PaginatorSpec::HeaderCursor(spec) => {
            let place = shown_place(&spec.cursor_place);
            format!("header_cursor {} {place} {}", spec.cursor_key, spec.allow_repeated_pages)
        }
        PaginatorSpec::Cursor(spec) => {
            let (place, more) = (shown_place(&spec.cursor_place), path(&spec.has_more_path));
            let (stops, allows) = (spec.stop_after_empty_page, spec.allow_repeated_pages);
            format!("cursor {} {place} {stops} {more} {allows}", spec.cursor_path)
        }
        PaginatorSpec::PageNumber(spec) => {
            let (place, total, more) =
                (shown_place(&spec.page_place), path(&spec.total_path), path(&spec.has_more_path));
            let (stops, allows) = (spec.stop_after_empty_page, spec.allow_repeated_pages);
            let maximum = number(spec.maximum_page);
            format!("page_number {} {} {place} {total} {maximum} {stops} {more} {allows}", spec.base_page, spec.page)
        }
        PaginatorSpec::Offset(spec) => {
            let (place, limit_place) = (shown_place(&spec.offset_place), shown_place(&spec.limit_place));
            let (total, more) = (path(&spec.total_path), path(&spec.has_more_path));
            let (stops, allows) = (spec.stop_after_empty_page, spec.allow_repeated_pages);
            let maximum = number(spec.maximum_offset);
            format!(
                "offset {} {place}={} {limit_place} {total} {maximum} {stops} {more} {allows}",
                spec.limit, spec.offset
            )
        }
    }
}

#[test]
fn every_scheme_has_dlts_keys_and_defaults() {
    let table = [
        ("single_page", "single_page"),
        ("json_link", "json_link next false"),
        ("json_response", "json_link next false"),
        ("{type: json_response, next_url_path: links.next}", "json_link links.next false"),
        (
            "{type: json_link, next_url_path: \"['@odata.nextLink']\", allow_repeated_pages: true}",
            "json_link ['@odata.nextLink'] true",
        ),
        ("{type: json_link, next_url_path: null}", "json_link next false"),
        ("header_link", "header_link next false"),
        ("{type: header_link, links_next_key: following}", "header_link following false"),
        ("header_cursor", "header_cursor next cursor false"),
        ("{type: header_cursor, cursor_key: X-Next, cursor_param: after}", "header_cursor X-Next after false"),
        ("{type: header_cursor, cursor_body_path: page.after}", "header_cursor next body:page.after false"),
        ("cursor", "cursor cursors.next cursor false - false"),
        ("{type: cursor, cursor_param: null, cursor_body_path: null}", "cursor cursors.next cursor false - false"),
        (
            "{type: cursor, cursor_path: 'data[-1].id', cursor_param: starting_after, has_more_path: has_more, \
             stop_after_empty_page: true}",
            "cursor data[-1].id starting_after true has_more false",
        ),
        (
            "{type: cursor, cursor_path: paging.next.after, cursor_body_path: after, allow_repeated_pages: true}",
            "cursor paging.next.after body:after false - true",
        ),
        ("page_number", "page_number 0 0 page total - true - false"),
        ("{type: page_number, base_page: 1}", "page_number 1 1 page total - true - false"),
        (
            "{type: page_number, base_page: 1, page: 3, page_body_path: paging.page, total_path: report.pages, \
             maximum_page: 100, stop_after_empty_page: false, has_more_path: more, allow_repeated_pages: true}",
            "page_number 1 3 body:paging.page report.pages 100 false more true",
        ),
        ("{type: page_number, page_param: p, total_path: null}", "page_number 0 0 p - - true - false"),
        ("{type: offset, limit: 100}", "offset 100 offset=0 limit total - true - false"),
        (
            "{type: offset, limit: 5, offset: 10, offset_body_path: page.from, limit_param: size, total_path: null, \
             maximum_offset: 100, stop_after_empty_page: false, has_more_path: more, allow_repeated_pages: true}",
            "offset 5 body:page.from=10 size - 100 false more true",
        ),
    ];
    for (written, expected) in table {
        assert_eq!(shown(&read(written)), expected, "{written}");
    }
}

#[test]
fn faults_of_paginators_are_told() {
    let table = [
        (
            "offset",
            "`limit` is missing: `offset` alone does not say how many rows a page has (write `{type: offset, limit: 100}`)",
        ),
        ("{type: offset}", "`limit` is missing in `resources[0].endpoint.paginator`"),
        ("{type: offset, limit: 0}", "`limit` must be at least 1"),
        ("{type: offset, limit: '5'}", "`limit` must be an integer, not a string"),
        (
            "{type: offset, limit: 5, offset_param: a, offset_body_path: b}",
            "`offset_param` and `offset_body_path` exclude each other",
        ),
        ("{type: page_number, page_body_path: a..b}", "`page_body_path` must be keys separated by single dots"),
        (
            "{type: offset, limit: 5, total_path: null, stop_after_empty_page: false}",
            "nothing ends the paging: one of `total_path`, `maximum_offset`, `has_more_path` and `stop_after_empty_page` is needed",
        ),
        (
            "{type: page_number, total_path: '', stop_after_empty_page: false}",
            "nothing ends the paging: one of `total_path`, `maximum_page`, `has_more_path` and `stop_after_empty_page` is needed",
        ),
        ("{type: page_number, base_page: -1}", "`base_page` must be at least 0"),
        (
            "{type: cursor, cursor_param: a, cursor_body_path: b}",
            "`cursor_param` and `cursor_body_path` exclude each other",
        ),
        (
            "{type: cursor, cursor_path: 'a['}",
            "`cursor_path` is not a JSONPath: at character 2: expected a name in quotes, an index, a slice, `*` or a filter",
        ),
        ("{type: cursor, cursor_path: [a]}", "`cursor_path` must be a string, not a list"),
        ("{type: cursor, stop_after_empty_page: 1}", "`stop_after_empty_page` must be a boolean, not an integer"),
        ("{type: header_link, links_next_key: ''}", "`links_next_key` must not be empty"),
        ("{type: header_cursor, cursor_key: 'a b'}", "`cursor_key` is not the name of a header"),
        (
            "links",
            "`paginator` cannot be `links` (valid here: `auto`, `cursor`, `header_cursor`, `header_link`, `json_link`, \
                   `json_response`, `offset`, `page_number`, `single_page`)",
        ),
        ("{type: jsonlink, next: x}", "`type` cannot be `jsonlink` (did you mean `json_link`?)"),
        ("{limit: 5}", "`type` is missing in `resources[0].endpoint.paginator`"),
        (
            "{type: single_page, limit: 5}",
            "unknown key `limit` in `resources[0].endpoint.paginator` (only `type` is valid here)",
        ),
        (
            "{type: json_link, next_url: x}",
            "unknown key `next_url` in `resources[0].endpoint.paginator` (valid here: `type`, `next_url_path`, \
             `allow_repeated_pages`)",
        ),
    ];
    for (paginator, expected) in table {
        let problems = endpoint(&format!("paginator: {paginator}")).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let message = problems[0].split_once(' ').map(|(_, message)| message);
        assert_eq!(message, Some(expected), "{paginator}");
    }
}

#[test]
fn all_faults_of_a_paginator_are_told_at_once_and_where_they_are() {
    let text = "paginator:\n  type: cursor\n  cursor_path: 1\n  stop_after_empty_page: perhaps\n  cursor_parm: a";
    assert_eq!(
        endpoint(text).problems(),
        [
            "config.yaml:7:20: `cursor_path` must be a string, not an integer",
            "config.yaml:8:30: `stop_after_empty_page` must be a boolean, not a string",
            "config.yaml:9:7: unknown key `cursor_parm` in `resources[0].endpoint.paginator` (did you mean `cursor_param`?)",
        ]
    );
}

#[test]
fn a_paginator_is_the_endpoints_or_the_clients_or_found() {
    let text = "client: {base_url: https://a.b, paginator: {type: offset, limit: 1}}\n\
                resource_defaults: {endpoint: {paginator: {type: offset, limit: 2}}}\nresources:\n- a\n\
                - {name: b, endpoint: {paginator: null}}\n- {name: c, endpoint: {paginator: auto}}\n\
                - {name: d, endpoint: {paginator: {type: single_page}}}\n- {name: e, endpoint: {paginator: {type: auto}}}\n";
    let plan = yaml(text).plan();
    let limits: Vec<u64> = plan
        .resources
        .iter()
        .map(|resource| match &resource.endpoint.paginator {
            PaginatorSpec::Offset(offset) => offset.limit.get(),
            _ => 0,
        })
        .collect();
    assert_eq!(limits, [2, 1, 1, 0, 1]);
    for paginator in ["", ", paginator: auto", ", paginator: {type: auto}", ", paginator: null"] {
        let case = yaml(&format!("client: {{base_url: https://a.b{paginator}}}\nresources: [r]"));
        assert!(matches!(case.resource().endpoint.paginator, PaginatorSpec::Auto), "{paginator}");
    }
}

fn script(before: &str, paginator: &str) -> super::Case {
    let config =
        "{'client': {'base_url': 'https://a.b'}, 'resources': [{'name': 'r', 'endpoint': {'method': 'POST', \n";
    python(&format!("{before}\nrest_api_source({config}'paginator': {paginator}}}}}]}})"))
}

#[test]
fn dlts_classes_stand_for_their_schemes() {
    let import = "from dlt.sources.helpers.rest_client.paginators import *";
    let table = [
        ("SinglePagePaginator()", "single_page"),
        ("JSONLinkPaginator('links.next')", "json_link links.next false"),
        ("JSONLinkPaginator(next_url_path='links.next')", "json_link links.next false"),
        ("JSONResponsePaginator()", "json_link next false"),
        ("HeaderLinkPaginator()", "header_link next false"),
        ("HeaderCursorPaginator('X-Next', 'after')", "header_cursor X-Next after false"),
        ("JSONResponseCursorPaginator(cursor_path='a.b', cursor_body_path='c')", "cursor a.b body:c false - false"),
        ("PageNumberPaginator(1, total_path=None)", "page_number 1 1 page - - true - false"),
        ("OffsetPaginator(limit=100)", "offset 100 offset=0 limit total - true - false"),
        ("p.OffsetPaginator(100, 5, maximum_offset=50)", "offset 100 offset=5 limit total 50 true - false"),
    ];
    for (call, expected) in table {
        assert_eq!(shown(&script(import, call).resource().endpoint.paginator), expected, "{call}");
    }
    let named = script("LIMIT = 7\nPAGES = OffsetPaginator(LIMIT)", "PAGES");
    assert_eq!(shown(&named.resource().endpoint.paginator), "offset 7 offset=0 limit total - true - false");
}

#[test]
fn faults_of_dlts_classes_are_told_where_they_are() {
    let table = [
        ("OffsetPaginator()", "config.py:3:14: `limit` is missing in `resources[0].endpoint.paginator`"),
        ("HeaderLinkPaginator('a', 'b')", "config.py:3:39: the class has no such argument"),
        ("HeaderLinkPaginator(*a)", "config.py:3:34: the class has no such argument"),
        (
            "HeaderLinkPaginator(**a)",
            "config.py:3:36: `a` is not bound to a literal in this file; only static values can be read",
        ),
        ("HeaderLinkPaginator(links_next_key=1)", "config.py:3:49: `links_next_key` must be a string, not an integer"),
        (
            "HeaderLinkPaginator(link_next_key='a')",
            "config.py:3:34: unknown key `link_next_key` in `resources[0].endpoint.paginator` (did you mean `links_next_key`?)",
        ),
        (
            "JSONLinkPaginator('a', next_url_path='b')",
            "config.py:3:37: duplicate key `next_url_path`; the first is at config.py:3:32",
        ),
        (
            "MyPaginator()",
            "config.py:3:14: a call of `MyPaginator` cannot be read; only static values can (write it as a dictionary with `type`)",
        ),
    ];
    for (call, expected) in table {
        assert_eq!(script("", call).problems(), [expected], "{call}");
    }
}
