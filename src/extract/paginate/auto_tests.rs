//! What `auto` makes of first pages, by example.

use super::*;
use crate::extract::paginate::testing::{Drive, TestPage, endpoint, page};

fn told(body: &str) -> String {
    Drive::of(&endpoint(PaginatorSpec::Auto)).tell(&page(body))
}

/// What follows the first page of an endpoint with these parameters.
fn asked(params: &[(&str, &str)], body: &str) -> String {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Drive::of(&Endpoint { params, ..endpoint(PaginatorSpec::Auto) }).tell(&page(body))
}

#[test]
fn links_are_followed_wherever_they_stand() {
    let link = "https://api.example/items?p=2";
    let bodies = [
        r#"{"data":[1],"next":"/items?p=2"}"#,
        r#"{"data":[1],"next":"?p=2"}"#,
        r#"{"data":[1],"next":"items?p=2"}"#,
        r#"{"data":[1],"next_page":"https://api.example/items?p=2"}"#,
        r#"{"data":[1],"nextPageUrl":"/items?p=2"}"#,
        r#"{"data":[1],"nextRecordsUrl":"/items?p=2"}"#,
        r#"{"links":{"self":"/items","next":"/items?p=2"},"data":[1]}"#,
        r#"{"links":{"next":{"href":"/items?p=2","meta":{}}},"data":[1]}"#,
        r#"{"_links":{"next":{"href":"/items?p=2"}},"data":[1]}"#,
        r#"{"_links":{"next":[{"href":"/items?p=2"}]},"data":[1]}"#,
        r#"{"links":[{"rel":"self","href":"/x"},{"rel":"next","href":"/items?p=2"}],"data":[1]}"#,
        r#"{"link":[{"relation":"next","url":"/items?p=2"}],"data":[1]}"#,
        r#"{"paging":{"next":{"after":"5","link":"/items?p=2"}},"data":[1]}"#,
        r#"{"meta":{"pagination":{"page":{"links":{"next":"/items?p=2"}}}},"data":[1]}"#,
        // dlt loads one page of these.
        r#"{"@odata.context":"x","@odata.nextLink":"/items?p=2","data":[1]}"#,
        r#"{"odata.nextLink":"/items?p=2","data":[1]}"#,
        r#"{"hydra:view":{"hydra:next":"/items?p=2"},"data":[1]}"#,
        // The link counts, not the number that stands before it.
        r#"{"pages":9,"next_page":2,"next_page_url":"/items?p=2","data":[1]}"#,
    ];
    for body in bodies {
        assert_eq!(told(body), link, "{body}");
    }
    let headers = [("Link", "</items?p=2>; rel=next")];
    let body = r#"[{"next":"/wrong"}]"#;
    assert_eq!(Drive::of(&endpoint(PaginatorSpec::Auto)).tell(&TestPage { headers: &headers, ..page(body) }), link);
}

#[test]
fn cursors_go_to_the_parameter_that_they_are_called_after() {
    let table = [
        (r#"{"data":[1],"next":"abc"}"#, "cursor=abc"),
        (r#"{"data":[1],"next_cursor":"abc"}"#, "cursor=abc"),
        (r#"{"data":[1],"next_cursor":"/abc="}"#, "cursor=/abc="),
        (r#"{"data":[1],"nextCursor":7}"#, "cursor=7"),
        (r#"{"data":[1],"response_metadata":{"next_cursor":"dXN="}}"#, "cursor=dXN="),
        (r#"{"data":[1],"cursors":{"next":"abc"}}"#, "cursor=abc"),
        (r#"{"data":[1],"nextPageToken":"abc"}"#, "pageToken=abc"),
        (r#"{"data":[1],"next_page_token":"abc"}"#, "page_token=abc"),
        (r#"{"data":[1],"NextToken":"abc"}"#, "NextToken=abc"),
        (r#"{"data":[1],"next_page":2}"#, "page=2"),
        (r#"{"data":[1],"next_page":"abc"}"#, "page=abc"),
        (r#"{"data":[1],"page":1,"next":2}"#, "page=2"),
        (r#"{"data":[1],"next_offset":20}"#, "offset=20"),
        // `id=33` would be a filter.
        (r#"{"data":[1],"next_id":33}"#, "cursor=33"),
        // A cursor is better than a count of pages; a number is not.
        (r#"{"data":[1],"total_pages":5,"next_cursor":"abc"}"#, "cursor=abc"),
        (r#"{"data":[1],"total_pages":5,"page":1,"next":2}"#, "page=2"),
    ];
    for (body, expected) in table {
        assert_eq!(told(body), expected, "{body}");
    }
    assert_eq!(asked(&[("page[cursor]", "")], r#"{"data":[1],"next_page_cursor":"x"}"#), "page[cursor]=x");
    assert_eq!(asked(&[("p", "1")], r#"{"data":[1],"next_page":2}"#), "p=2");
}

#[test]
fn pages_are_counted_from_where_the_api_counts_them() {
    let table = [
        (r#"{"data":[1],"page":1,"total_pages":5}"#, "page=2"),
        (r#"{"data":[1],"page":0,"totalPages":5}"#, "page=1"),
        (r#"{"data":[1],"totalPages":"5","number":0}"#, "page=1"),
        (r#"{"data":[1],"meta":{"current_page":1,"last_page":5}}"#, "page=2"),
        (r#"{"data":[1],"page":{"size":1,"totalPages":5,"number":0}}"#, "page=1"),
        // It does not say, so that page 1 tells.
        (r#"{"data":[1],"pages":5}"#, "page=1"),
        (r#"{"data":[1],"pages":1}"#, "end"),
        (r#"{"data":[1],"page":1,"per_page":1,"total":5}"#, "page=2"),
    ];
    for (body, expected) in table {
        assert_eq!(told(body), expected, "{body}");
    }
    assert_eq!(asked(&[("page", "1")], r#"{"data":[1],"pages":5}"#), "page=2");
    assert_eq!(asked(&[("pageNumber", "0")], r#"{"data":[1],"pages":5}"#), "pageNumber=1");
    assert_eq!(asked(&[("page[number]", "1")], r#"{"data":[1],"total":5}"#), "page[number]=2");
}

#[test]
fn totals_of_records_lead_to_offsets() {
    let table = [
        (r#"{"data":[1,2],"meta":{"total":5}}"#, "offset=2&limit=2"),
        (r#"{"data":[1,2],"total_records":5,"offset":0,"limit":2}"#, "offset=2&limit=2"),
        (r#"{"data":[1,2],"total":5,"skip":0,"take":2}"#, "skip=2&take=2"),
        (r#"{"data":[1,2],"hits":{"total":{"value":5}}}"#, "offset=2&limit=2"),
        (r#"{"data":[1,2],"@odata.count":5}"#, "offset=2&limit=2"),
        (r#"{"data":[1,2],"total":2}"#, "end"),
        (r#"{"data":[1,2],"facets":{"colour":{"count":9}}}"#, "end"),
        (r#"{"data":[1,2],"total":1}"#, "end"),
        (r#"{"data":[1,2],"total":12.5}"#, "end"),
        (r#"{"data":[],"total":5}"#, "end"),
    ];
    for (body, expected) in table {
        assert_eq!(told(body), expected, "{body}");
    }
    let body = r#"{"data":[1,2],"total":9}"#;
    assert_eq!(asked(&[("limit", "2")], body), "offset=2&limit=2");
    assert_eq!(asked(&[("start", "0"), ("rows", "2")], body), "start=2&rows=2");
    assert_eq!(asked(&[("$skip", "0"), ("$top", "2")], body), "$skip=2&$top=2");
    // These are filters, or may be.
    assert_eq!(asked(&[("from", "2024-01-01"), ("size", "42")], body), "offset=2&limit=2");
    assert_eq!(asked(&[("start", "1700000000")], body), "offset=2&limit=2");
    assert_eq!(told(r#"{"data":[1],"total":5,"period":{"from":2024}}"#), "offset=1&limit=1");
    let json = Some(serde_json::json!({"from": 0, "size": 2}));
    let endpoint = Endpoint { json, ..endpoint(PaginatorSpec::Auto) };
    assert_eq!(Drive::of(&endpoint).tell(&page(body)), "from:2&size:2");
}

#[test]
fn a_word_that_more_follows_is_never_ignored() {
    let table = [
        (r#"{"data":[1],"has_more":true,"page":1}"#, "page=2"),
        (r#"{"data":[1],"hasNext":true,"offset":0}"#, "offset=1&limit=1"),
        (r#"{"data":[1],"has_more":true,"next_cursor":"abc"}"#, "cursor=abc"),
        (r#"{"data":[1],"has_more":false}"#, "end"),
        (r#"{"data":[1],"has_more":false,"next_cursor":"abc"}"#, "end"),
        // dlt loads one page.
        (
            r#"{"data":[1],"pageInfo":{"hasNextPage":true}}"#,
            "fault: `pageInfo.hasNextPage` says that more follows, and nothing on the page says how to ask for it",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(told(body), expected, "{body}");
    }
    assert_eq!(asked(&[("page", "1")], r#"{"data":[1],"has_more":true}"#), "page=2");
}

#[test]
fn what_suggests_nothing_is_a_single_page() {
    let bodies = [
        "",
        "null",
        "[1,2,3]",
        r#"[{"next":"/items?p=2","total":9}]"#,
        r#"{"data":[1]}"#,
        r#"{"data":[1],"next":null,"previous":null}"#,
        r#"{"data":[1],"next":"","total":1}"#,
        r#"{"data":[1],"next":false}"#,
        r#"{"data":[1],"_links":{"self":{"href":"/items"}}}"#,
        // One row, not an envelope. dlt would ask for pages for ever.
        r#"{"id":1,"next_review":"2024-05-01","pages":320,"total":99}"#,
        // What is in rows is theirs.
        r#"{"data":{"next":"/items?p=2"}}"#,
    ];
    for body in bodies {
        assert_eq!(told(body), "end", "{body}");
    }
}

#[test]
fn an_empty_page_is_told_from_a_row_by_what_suggests_pages() {
    let is_envelope = |body: &'static str| {
        let document = crate::json::Document::parse(bytes::Bytes::from_static(body.as_bytes())).expect("JSON");
        Auto::new(&endpoint(PaginatorSpec::Auto)).is_paged(document.root())
    };
    assert!(is_envelope(r#"{"users":[],"total":0}"#) && is_envelope(r#"{"users":[],"next":null}"#));
    assert!(!is_envelope(r#"{"id":7,"tags":[],"count":0}"#) && !is_envelope(r#"{"name":"x","tags":[]}"#));
}
