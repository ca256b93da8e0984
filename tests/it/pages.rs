//! Paging by number: every row once and in order, whatever the total counts and however the walk ends.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api::{Answer, Api, ReceivedRequest, Style};
use crate::support::walk::{Source, ids};

/// `{"data": [...], "pages": pages}` with the rows of a page of ten, counted from 0, of `count` rows.
fn ten(page: usize, count: usize, pages: &Value) -> Answer {
    let data: Vec<_> = (page * 10..(page * 10 + 10).min(count)).map(|id| json!({"id": id})).collect();
    Answer::json(&json!({"data": data, "pages": pages}))
}

fn number(request: &ReceivedRequest) -> usize {
    request.number_param("page").unwrap_or(0)
}

fn by_number(more: Value) -> Value {
    let mut paginator = json!({"type": "page_number"});
    for (key, value) in more.as_object().expect("an object") {
        paginator[key] = value.clone();
    }
    paginator
}

#[tokio::test]
async fn pages_are_counted_from_0_and_from_1() {
    for base in [0, 1] {
        let api = Api::rows(95).style(Style::Page { base }).size(10).start().await;
        let paginator = by_number(json!({"base_page": base, "total_path": "total_pages"}));
        assert_eq!(Source::paged(&api.url, &paginator).in_flight(1).ids().await, ids(95), "{base}");
        let asked: Vec<usize> = api.requests().iter().filter_map(|request| request.number_param("page")).collect();
        assert_eq!(asked, (base..base + 10).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_api_that_counts_from_1_under_the_default_base_is_told() {
    // dlt gets page 1 twice and never the last one.
    let api = Api::rows(95).style(Style::Page { base: 1 }).size(10).start().await;
    let error = Source::paged(&api.url, &by_number(json!({"total_path": "total_pages"}))).error().await;
    assert_eq!(error.code(), "paging_repeated");
    assert!(
        error.to_string().ends_with("the pages 0 and 1 at `page` hold the same rows: the API seems to count from 1")
    );
    assert_eq!(error.hint().as_deref(), Some("set `base_page: 1`"));
}

#[tokio::test]
async fn with_a_total_pages_are_asked_for_side_by_side_and_come_in_order() {
    let late_first = |request: &ReceivedRequest| Duration::from_millis(20 - (number(request) as u64 % 5) * 4);
    let api = Api::handler(|request| ten(number(request), 195, &json!("20"))).latency(late_first).start().await;
    let paginator = by_number(json!({"total_path": "pages"}));
    assert_eq!(Source::paged(&api.url, &paginator).in_flight(4).ids().await, ids(195));
    assert_eq!((api.in_flight_max(), api.requests().len()), (4, 20));
}

#[tokio::test]
async fn without_a_total_the_walk_ends_at_an_empty_page_or_where_there_is_none() {
    for end in [Answer::json(&json!({"data": []})), Answer::text(204, ""), Answer::text(404, "no such page")] {
        // The last page is full, so that nothing but the next one tells.
        let api =
            Api::handler(
                move |request| {
                    if number(request) > 3 { end.clone() } else { ten(number(request) - 1, 30, &Value::Null) }
                },
            );
        let api = api.start().await;
        assert_eq!(Source::paged(&api.url, &by_number(json!({"base_page": 1}))).ids().await, ids(30));
        assert_eq!(api.requests().len(), 4);
    }
}

#[tokio::test]
async fn a_bad_request_ends_the_walk_after_a_short_page_only() {
    // WordPress answers 400 to a page that is not there, and GitHub 422 to all that is beyond the first thousand.
    for (count, ends) in [(25, true), (30, false)] {
        let api = Api::handler(move |request| match number(request) {
            page @ 1..=3 => ten(page - 1, count, &Value::Null),
            _ => Answer::text(422, "only the first results are available"),
        });
        let api = api.start().await;
        let outcome = Source::paged(&api.url, &by_number(json!({"base_page": 1, "total_path": null}))).read().await;
        assert_eq!(outcome.error.is_none(), ends, "{:?}", outcome.error);
        assert_eq!(outcome.ids, ids(count.try_into().expect("small")));
    }
}

#[tokio::test]
async fn a_refused_page_that_the_total_promised_is_an_error() {
    let api = Api::handler(|request| match number(request) {
        page @ 0..=1 => ten(page, 95, &json!(10)),
        _ => Answer::text(404, "no such page"),
    });
    let api = api.start().await;
    let outcome = Source::paged(&api.url, &by_number(json!({"total_path": "pages"}))).read().await;
    assert_eq!((outcome.error.map(|error| error.code()), outcome.ids), (Some("http_status"), ids(20)));
}

#[tokio::test]
async fn totals_that_count_otherwise_lose_no_page() {
    // The records, of which there are more than pages; what the page holds.
    for total in [json!(95), json!(10), json!({"of": "rows"})] {
        let shown = total.clone();
        let api = Api::handler(move |request| ten(number(request), 95, &shown)).start().await;
        let outcome = Source::paged(&api.url, &by_number(json!({"total_path": "pages"}))).read().await;
        match total.as_u64() {
            Some(_) => {
                assert_eq!((outcome.error.map(|error| error.to_string()), outcome.ids), (None, ids(95)), "{total}")
            }
            None => assert_eq!(outcome.error.map(|error| error.code()), Some("paging_total")),
        }
    }
}

#[tokio::test]
async fn a_short_page_in_the_midst_proves_nothing() {
    let api = Api::handler(|request| {
        let kept = (number(request) * 10..number(request) * 10 + 10).filter(|id| id % 20 != 5 && *id < 100);
        Answer::json(&json!({"data": kept.map(|id| json!({"id": id})).collect::<Vec<_>>()}))
    });
    let api = api.start().await;
    let expected: Vec<i64> = ids(100).into_iter().filter(|id| id % 20 != 5).collect();
    assert_eq!(Source::paged(&api.url, &json!("page_number")).ids().await, expected);
}

#[tokio::test]
async fn the_number_may_stand_in_the_body() {
    let api = Api::handler(|request| {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let page = body.pointer("/paging/page").and_then(Value::as_u64).and_then(|page| page.try_into().ok());
        let page: usize = page.expect("a number");
        assert_eq!(body["q"], "x");
        ten(page - 1, 25, &json!(3))
    });
    let api = api.start().await;
    let paginator = by_number(json!({"base_page": 1, "page_body_path": "paging.page", "total_path": "pages"}));
    let endpoint = json!({"method": "POST", "json": {"q": "x", "paging": {"size": 10}}, "paginator": paginator});
    assert_eq!(Source::configured(&api.url, &endpoint).ids().await, ids(25));
    assert!(api.requests().iter().all(|request| request.query.is_empty()));
}

#[tokio::test]
async fn other_ends_and_other_starts_are_kept() {
    let handler = |request: &ReceivedRequest| {
        let page = number(request);
        let data: Vec<_> = (page * 10..page * 10 + 10).map(|id| json!({"id": id})).collect();
        Answer::json(&json!({"data": data, "more": page < 4}))
    };
    let api = Api::handler(handler).start().await;
    let has_more = by_number(json!({"total_path": null, "has_more_path": "more", "stop_after_empty_page": false}));
    assert_eq!(Source::paged(&api.url, &has_more).ids().await, ids(50));
    // As in dlt the maximum is not asked for.
    let maximum = by_number(json!({"page": 1, "maximum_page": 3}));
    assert_eq!(Source::paged(&api.url, &maximum).ids().await, (10..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_that_ignores_the_number_is_an_error() {
    let api = Api::handler(|_| ten(0, 10, &Value::Null)).start().await;
    let error = Source::paged(&api.url, &by_number(json!({"base_page": 1, "page_param": "p"}))).error().await;
    assert!(
        error.to_string().ends_with("the server seems to ignore `p`: the pages at 1 and 2 hold the same rows"),
        "{error}"
    );
}
