//! Paging by offset: every row once and in order, whatever the server makes of `limit` and `total`.

use std::sync::Arc;
use std::time::Duration;

use alluvium::json::Path;
use alluvium::plan::ParameterPlace;
use serde_json::json;

use crate::support::api::{Answer, Api, ReceivedRequest};
use crate::support::walk::{Source, id, ids};

fn path(text: &str) -> Option<Arc<Path>> {
    Some(Arc::new(Path::parse(text).expect("a path")))
}

fn offset(request: &ReceivedRequest) -> usize {
    request.number_param("offset").unwrap_or(0)
}

/// `{"data": [...], "total": total}` with the ids from `offset`, at most `count` and none from `end`.
fn page(offset: usize, count: usize, end: usize, total: usize) -> Answer {
    let data: Vec<_> = (offset..(offset + count).min(end)).map(|id| json!({"id": id})).collect();
    Answer::json(&json!({"data": data, "total": total}))
}

#[tokio::test]
async fn a_server_may_cap_pages_below_the_limit() {
    // dlt moves on by `limit` and gets 11 of 23 rows.
    let api = Api::rows(23).cap(4).start().await;
    assert_eq!(Source::offset(&api.url, 10).ids().await, ids(23));
    let api = Api::rows(230).cap(40).start().await;
    assert_eq!(Source::offset(&api.url, 100).ids().await, ids(230));
}

#[tokio::test]
async fn without_a_total_the_first_empty_page_ends_the_walk() {
    let api = Api::rows(23).without_total().start().await;
    assert_eq!(Source::offset(&api.url, 10).ids().await, ids(23));
    assert_eq!(api.offsets(), [0, 10, 20, 23]);
}

#[tokio::test]
async fn a_capped_server_without_a_total_is_read_to_its_end() {
    let api = Api::rows(230).cap(40).without_total().start().await;
    assert_eq!(Source::offset(&api.url, 100).ids().await, ids(230));
}

#[tokio::test]
async fn a_total_on_the_first_page_only_is_enough() {
    let api = Api::rows(95).total(|request, count| (offset(request) == 0).then_some(count)).start().await;
    assert_eq!(Source::offset(&api.url, 10).ids().await, ids(95));
    assert_eq!(api.requests().len(), 10);
}

#[tokio::test]
async fn a_total_may_grow_while_paging() {
    let api = Api::rows(57).total(|request, count| Some((20 + offset(request)).min(count))).start().await;
    assert_eq!(Source::offset(&api.url, 10).ids().await, ids(57));
}

#[tokio::test]
async fn a_total_may_shrink_while_paging() {
    let api = Api::rows(57).total(|request, _| Some(if offset(request) < 20 { 100 } else { 57 })).start().await;
    assert_eq!(Source::offset(&api.url, 10).ids().await, ids(57));
    // Rows vanish for real: what is left is read, and nothing twice.
    let api = Api::handler(|request| {
        let count = if offset(request) == 0 { 100 } else { 35 };
        page(offset(request), 10, count, count)
    });
    let api = api.start().await;
    assert_eq!(Source::offset(&api.url, 10).ids().await, ids(35));
}

#[tokio::test]
async fn a_total_that_there_is_reason_to_doubt_loses_no_rows() {
    // It may be the count of the page.
    for total in [1, 10] {
        let api = Api::rows(57).total(move |_, _| Some(total)).start().await;
        assert_eq!(Source::offset(&api.url, 10).ids().await, ids(57), "total {total}");
    }
    // It has changed on the way.
    let api = Api::rows(57).total(|request, _| Some(if offset(request) == 0 { 18 } else { 20 })).start().await;
    assert_eq!(Source::offset(&api.url, 10).ids().await, ids(57));
    // Full by what the server hands out, though not by what was asked for.
    let api = Api::rows(57).cap(10).total(|_, _| Some(20)).start().await;
    assert_eq!(Source::offset(&api.url, 100).ids().await, ids(57));
    // Beyond a total that was wrong a short page proves nothing.
    let short = |request: &ReceivedRequest| page(offset(request), if offset(request) < 10 { 10 } else { 3 }, 57, 10);
    let api = Api::handler(short).start().await;
    assert_eq!(Source::offset(&api.url, 10).ids().await, ids(57));
}

#[tokio::test]
async fn a_total_that_nothing_speaks_against_is_believed() {
    for (limit, requests) in [(10, 2), (15, 2), (100, 1)] {
        let api = Api::rows(20).start().await;
        assert_eq!(Source::offset(&api.url, limit).ids().await, ids(20));
        assert_eq!(api.requests().len(), requests, "limit {limit}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_offsets_beyond_the_total_ends_the_walk() {
    for status in [400, 404, 416] {
        let api = Api::handler(move |request| match offset(request) {
            beyond if beyond >= 30 => Answer::text(status, "out of range"),
            offset => page(offset, 10, 30, 30),
        });
        let api = api.start().await;
        assert_eq!(Source::offset(&api.url, 10).ids().await, ids(30), "{status}");
    }
}

#[tokio::test]
async fn without_a_total_the_walk_ends_where_there_is_no_page() {
    for (status, ends) in [(404, true), (416, true), (400, false), (422, false)] {
        let api = Api::handler(move |request| match offset(request) {
            beyond if beyond >= 30 => Answer::text(status, "no such page"),
            offset => Answer::json(&json!((offset..offset + 10).map(|id| json!({"id": id})).collect::<Vec<_>>())),
        });
        let api = api.start().await;
        let outcome = Source::offset(&api.url, 10).read().await;
        // A bad request may be the refusal of rows that are there.
        assert_eq!((outcome.error.is_none(), outcome.ids), (ends, ids(30)), "{status}");
    }
}

#[tokio::test]
async fn a_server_without_paging_is_read_once() {
    for (count, limit) in [(7, 10), (25, 10)] {
        let api = Api::handler(move |_| page(0, count, count, count)).start().await;
        assert_eq!(Source::offset(&api.url, limit).ids().await, ids(i64::try_from(count).expect("small")));
    }
}

#[tokio::test]
async fn a_total_may_be_a_text_and_nested() {
    let api = Api::handler(|request| {
        let data: Vec<_> = (offset(request)..(offset(request) + 10).min(25)).map(|id| json!({"id": id})).collect();
        Answer::json(&json!({"meta": {"total": "25"}, "data": data}))
    });
    let api = api.start().await;
    let source = Source::offset(&api.url, 10).paging(|spec| spec.total_path = path("meta.total"));
    assert_eq!(source.ids().await, ids(25));
}

#[tokio::test]
async fn a_total_that_is_no_number_is_an_error() {
    let api = Api::handler(|_| Answer::json(&json!({"data": [{"id": 1}], "total": "many"}))).start().await;
    let error = Source::offset(&api.url, 10).error().await;
    assert_eq!(error.code(), "paging_total");
    assert!(error.to_string().starts_with("page 1 of resource `items`"), "{error}");
    assert!(error.to_string().ends_with("expected a number of records at `total`, found `\"many\"`"), "{error}");
}

#[tokio::test]
async fn pages_come_in_order_although_asked_for_side_by_side() {
    // The earlier page is always the slower one.
    let late_first = |request: &ReceivedRequest| Duration::from_millis(20 - (offset(request) as u64 % 40) / 2);
    let api = Api::rows(195).api().latency(late_first).start().await;
    assert_eq!(Source::offset(&api.url, 10).in_flight(4).ids().await, ids(195));
    assert_eq!(api.in_flight_max(), 4);
    assert_eq!(api.requests().len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_runs_as_a_task_and_loses_nothing_when_it_is_interrupted() {
    let api = Api::rows(95).cap(4).api().latency(|_| Duration::from_millis(1)).start().await;
    let (mut walk, _) = Source::offset(&api.url, 10).walk();
    let walked = tokio::spawn(async move {
        let mut seen = Vec::new();
        loop {
            // Cancelled before each page, in the midst of its request.
            let _ = tokio::time::timeout(Duration::from_micros(300), walk.work_ahead()).await;
            match tokio::time::timeout(Duration::from_micros(300), walk.next()).await {
                Err(_interrupted) => {}
                Ok(page) => match page.expect("no error") {
                    Some(walked) => seen.extend(walked.page.rows().into_iter().map(id)),
                    None => return seen,
                },
            }
        }
    });
    assert_eq!(walked.await.expect("the task ends"), ids(95));
}

#[tokio::test]
async fn one_request_in_flight_is_one() {
    let api = Api::rows(55).api().latency(|_| Duration::from_millis(1)).start().await;
    assert_eq!(Source::offset(&api.url, 10).in_flight(1).ids().await, ids(55));
    assert_eq!(api.in_flight_max(), 1);
}

#[tokio::test]
async fn the_gap_of_a_short_page_is_filled() {
    let short = |request: &ReceivedRequest| match offset(request) {
        20 => page(20, 3, 100, 100),
        23 => page(23, 2, 100, 100),
        40 => page(40, 9, 100, 100),
        offset => page(offset, request.number_param("limit").unwrap_or(0), 100, 100),
    };
    for in_flight in [1, 4] {
        let api = Api::handler(short).start().await;
        assert_eq!(Source::offset(&api.url, 10).in_flight(in_flight).ids().await, ids(100));
    }
}

#[tokio::test]
async fn a_gap_that_cannot_be_filled_does_not_hide_later_pages() {
    let holes = |request: &ReceivedRequest| match offset(request) {
        20 => page(20, 3, 50, 50),
        23 => page(23, 0, 50, 50),
        offset => page(offset, 10, 50, 50),
    };
    let api = Api::handler(holes).start().await;
    let expected: Vec<i64> = ids(50).into_iter().filter(|id| !(23..30).contains(id)).collect();
    assert_eq!(Source::offset(&api.url, 10).ids().await, expected);
}

#[tokio::test]
async fn a_page_longer_than_the_first_doubles_no_rows() {
    let uneven = |request: &ReceivedRequest| match offset(request) {
        0 => page(0, 5, 100, 100),
        offset => page(offset, 10 + offset % 3, 100, 100),
    };
    for in_flight in [1, 4] {
        let api = Api::handler(uneven).start().await;
        assert_eq!(Source::offset(&api.url, 20).in_flight(in_flight).ids().await, ids(100));
    }
}

#[tokio::test]
async fn pages_of_any_length_bring_every_row_once() {
    for seed in 0..30_usize {
        let uneven = move |request: &ReceivedRequest| {
            let offset = offset(request);
            let count = 1 + (offset * 31 + seed * 17) % 13;
            page(offset, count.min(request.number_param("limit").unwrap_or(0)), 150, 150)
        };
        let api = Api::handler(uneven).start().await;
        assert_eq!(Source::offset(&api.url, 9).in_flight(1 + seed % 5).ids().await, ids(150), "seed {seed}");
    }
}

#[tokio::test]
async fn a_server_that_ignores_the_offset_is_an_error() {
    for rows in
        [Api::rows(50).ignore_offset(), Api::rows(50).ignore_offset().echo_offset(), Api::rows(10).ignore_offset()]
    {
        let api = rows.start().await;
        let outcome = Source::offset(&api.url, 10).read().await;
        let error = outcome.error.expect("the second page is the first");
        assert_eq!(error.code(), "paging_repeated");
        let message = error.to_string();
        assert!(
            message.ends_with("the server seems to ignore `offset`: the pages at 0 and 10 hold the same rows"),
            "{message}"
        );
        assert!(error.hint().unwrap_or_default().contains("allow_repeated_pages: true"));
        assert_eq!(outcome.ids, ids(10));
    }
}

#[tokio::test]
async fn equal_pages_can_be_allowed() {
    let equal = |request: &ReceivedRequest| match offset(request) {
        0 | 2 => Answer::json(&json!({"data": [{"id": 0}, {"id": 0}], "total": 4})),
        _ => Answer::json(&json!({"data": [], "total": 4})),
    };
    let api = Api::handler(equal).start().await;
    let source = Source::offset(&api.url, 2).paging(|spec| spec.allow_repeated_pages = true);
    assert_eq!(source.ids().await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn has_more_ends_the_walk() {
    let api = Api::handler(|request| {
        let data: Vec<_> = (offset(request)..(offset(request) + 10).min(25)).map(|id| json!({"id": id})).collect();
        Answer::json(&json!({"data": data, "more": if offset(request) < 20 { "yes" } else { "no" }}))
    });
    let api = api.start().await;
    let source = |name: &str| {
        let has_more = path(name);
        Source::offset(&api.url, 10).paging(|spec| {
            spec.has_more_path = has_more;
            spec.stop_after_empty_page = false;
        })
    };
    assert_eq!(source("more").ids().await, ids(25));
    assert_eq!(api.offsets(), [0, 10, 20]);
    let error = source("missing").error().await;
    assert_eq!((error.code(), error.page), ("paging_has_more", 1));
}

#[tokio::test]
async fn the_maximum_offset_is_exclusive() {
    let api = Api::rows(50).start().await;
    let source = Source::offset(&api.url, 4).paging(|spec| spec.maximum_offset = Some(8));
    assert_eq!(source.ids().await, ids(8));
    assert_eq!(api.requests().len(), 2);
}

#[tokio::test]
async fn the_walk_starts_at_the_configured_offset_and_may_page_in_the_body() {
    let api = Api::handler(|request| {
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
        let number = |path: &str| body.pointer(path).and_then(|value| value.to_string().parse().ok()).unwrap_or(0);
        page(number("/page/offset"), number("/page/limit"), 25, 25)
    });
    let api = api.start().await;
    let source = Source::offset(&api.url, 10).endpoint(|endpoint| endpoint.method = alluvium::plan::Method::Post);
    let source = source.paging(|spec| {
        spec.offset = 5;
        spec.offset_place = ParameterPlace::Body(vec!["page".into(), "offset".into()]);
        spec.limit_place = ParameterPlace::Body(vec!["page".into(), "limit".into()]);
    });
    assert_eq!(source.ids().await, (5..25).collect::<Vec<_>>());
    assert!(api.requests().iter().all(|request| request.method == "POST" && request.query.is_empty()));
}

#[tokio::test]
async fn filters_do_not_change_the_offset() {
    let api = Api::rows(35).start().await;
    let source = Source::offset(&api.url, 10).selector("data[?(@.id>=12)]");
    assert_eq!(source.ids().await, (12..35).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_of_another_shape_is_an_error_that_names_it() {
    // dlt loads nothing from there on.
    let api = Api::handler(|request| match offset(request) {
        10 => Answer::json(&json!({"message": "busy"})),
        offset => page(offset, 10, 50, 50),
    });
    let api = api.start().await;
    for source in [Source::offset(&api.url, 10), Source::offset(&api.url, 10).selector("data")] {
        let outcome = source.read().await;
        let error = outcome.error.expect("page 2 has no rows").to_string();
        assert!(error.starts_with("page 2 of resource `items`"), "{error}");
        assert!(error.ends_with("expected `data`, found `message` (string)"), "{error}");
        assert_eq!(outcome.ids, ids(10));
    }
}

#[tokio::test]
async fn an_endpoint_without_rows_has_none() {
    let nothing = [
        Answer::text(204, ""),
        Answer::text(200, ""),
        Answer::text(200, "null"),
        Answer::text(200, "[]"),
        Answer::text(200, "{\"data\": null}"),
        Answer::text(200, "{\"data\": [], \"total\": 0}"),
    ];
    for answer in nothing {
        let api = Api::handler(move |_| answer.clone()).start().await;
        assert_eq!(Source::offset(&api.url, 10).ids().await, ids(0));
        assert_eq!(Source::single(&api.url).ids().await, ids(0));
    }
}

#[tokio::test]
async fn an_endless_walk_ends_at_the_page_limit() {
    let api = Api::handler(|request| page(offset(request), 10, 1_000_000, 1_000_000)).start().await;
    let mut source = Source::offset(&api.url, 10);
    source.limits.pages_max = 5.try_into().expect("not zero");
    let outcome = source.read().await;
    assert_eq!(outcome.error.expect("it is endless").code(), "too_many_pages");
    assert_eq!(outcome.ids, ids(50));
}
