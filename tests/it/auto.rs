//! Endpoints without a paginator, on every kind of API: all rows once, or an error that says what to configure.

use serde_json::{Value, json};

use crate::support::api::{Answer, Api, ReceivedRequest, Rows, Style};
use crate::support::walk::{Source, ids};

fn auto(url: &str) -> Source {
    Source::configured(url, &json!({}))
}

/// `{"data": ten of the rows from an offset, ...more}`.
fn ten(offset: usize, count: usize, more: Value) -> Answer {
    let mut body = more;
    body["data"] = (offset..(offset + 10).min(count)).map(|id| json!({"id": id})).collect();
    Answer::json(&body)
}

#[tokio::test]
async fn every_style_is_found() {
    let styled = |style| Api::rows(95).style(style).size(10);
    let apis: [Rows; 9] = [
        styled(Style::NextLink { absolute: true }),
        styled(Style::NextLink { absolute: false }),
        styled(Style::HeaderLink),
        styled(Style::Cursor),
        // dlt gets page 1 twice and never the last one.
        styled(Style::Page { base: 1 }),
        styled(Style::Page { base: 0 }),
        styled(Style::Page { base: 1 }).echo_page(),
        styled(Style::Page { base: 0 }).echo_page(),
        // dlt gets one page.
        Api::rows(95).cap(10),
    ];
    for (number, rows) in apis.into_iter().enumerate() {
        let api = rows.start().await;
        for in_flight in [1, 4] {
            let outcome = auto(&api.url).in_flight(in_flight).read().await;
            assert!(outcome.error.is_none(), "{number}: {:?}", outcome.error);
            assert_eq!(outcome.ids, ids(95), "{number}");
            assert_eq!(outcome.pages.len(), 10, "{number}");
        }
    }
}

#[tokio::test]
async fn one_page_is_one_request_whatever_the_style() {
    let styles = [
        Style::NextLink { absolute: true },
        Style::HeaderLink,
        Style::HeaderCursor,
        Style::Cursor,
        Style::Page { base: 1 },
        Style::Offset,
        Style::Single,
    ];
    for style in styles {
        for count in [0, 5] {
            let api = Api::rows(count).style(style).size(10).start().await;
            assert_eq!(auto(&api.url).ids().await, ids(count.try_into().expect("small")), "{style:?}");
            assert_eq!(api.requests().len(), 1, "{style:?}");
            assert!(api.requests()[0].query.is_empty(), "the first request is as configured");
        }
    }
}

#[tokio::test]
async fn links_in_every_envelope_are_followed() {
    let envelopes: [fn(&str) -> Value; 6] = [
        |link| json!({"@odata.nextLink": link}),
        |link| json!({"_links": {"self": {"href": "/items"}, "next": {"href": link}}}),
        |link| json!({"links": {"self": "/items", "next": link}}),
        |link| json!({"links": [{"rel": "self", "href": "/items"}, {"rel": "next", "href": link}]}),
        |link| json!({"hydra:view": {"hydra:next": link}}),
        |link| json!({"count": 35, "next": link, "previous": null}),
    ];
    for (number, envelope) in envelopes.into_iter().enumerate() {
        let api = Api::handler(move |request| match request.number_param("skip").unwrap_or(0) {
            30 => ten(30, 35, json!({"count": 35})),
            at => ten(at, 35, envelope(&format!("/items?skip={}", at + 10))),
        });
        let api = api.start().await;
        assert_eq!(auto(&api.url).ids().await, ids(35), "{number}");
        assert_eq!(api.requests().len(), 4, "{number}");
    }
}

#[tokio::test]
async fn offsets_are_found_by_totals() {
    let offset = |request: &ReceivedRequest| request.number_param("offset").unwrap_or(0);
    let envelopes: [fn(usize) -> Value; 3] = [
        |_| json!({"meta": {"total": 35}}),
        |at| json!({"total_records": 35, "offset": at, "limit": 10}),
        |at| json!({"pagination": {"totalCount": "35", "offset": at}}),
    ];
    for envelope in envelopes {
        let api = Api::handler(move |request| ten(offset(request), 35, envelope(offset(request)))).start().await;
        assert_eq!(auto(&api.url).ids().await, ids(35));
    }
    // The parameters of the request say how they are called.
    let api = Api::handler(|request| {
        let at = request.number_param("skip").unwrap_or(0);
        ten(at, 35, json!({"total": 35}))
    });
    let api = api.start().await;
    let endpoint = json!({"params": {"skip": 5, "take": 10}});
    assert_eq!(Source::configured(&api.url, &endpoint).ids().await, (5..35).collect::<Vec<_>>());
    assert!(api.requests().iter().all(|request| request.query.len() == 2));
}

#[tokio::test]
async fn pages_in_the_body_of_the_request_are_counted_there() {
    let api = Api::handler(|request| {
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        let page: usize = body["page"].as_u64().and_then(|page| page.try_into().ok()).expect("a number");
        ten((page - 1) * 10, 35, json!({"total_pages": 4}))
    });
    let api = api.start().await;
    let endpoint = json!({"method": "POST", "json": {"page": 1, "size": 10}});
    assert_eq!(Source::configured(&api.url, &endpoint).ids().await, ids(35));
}

#[tokio::test]
async fn a_guess_that_does_not_work_is_an_error_that_says_what_to_do() {
    // dlt walks round for ever, or loads one page and says nothing.
    for more in [json!({"next_review": "2024-05-01"}), json!({"total": 4200}), json!({"pages": 12, "page": 1})] {
        let api = Api::handler(move |_| ten(0, 10, more.clone())).start().await;
        let error = auto(&api.url).error().await;
        assert_eq!(error.code(), "paging_repeated");
        assert!(
            error.to_string().contains("the first page suggests that more follow, but the server seems to ignore `"),
            "{error}"
        );
        assert!(error.hint().unwrap_or_default().contains("give the endpoint a `paginator`"));
        assert!(api.requests().len() <= 10);
    }
    let api = Api::handler(|_| ten(0, 10, json!({"total": 4200}))).start().await;
    assert_eq!(Source::paged(&api.url, &json!("single_page")).ids().await, ids(10));
}

#[tokio::test]
async fn one_object_is_one_row_whatever_its_members_are_called() {
    let row = json!({"id": 7, "next_review": "2024-05-01", "pages": 320, "tags": ["a"], "next": null});
    let api = Api::handler(move |_| Answer::json(&row)).start().await;
    assert_eq!(auto(&api.url).ids().await, [7]);
    assert_eq!(api.requests().len(), 1);
}

#[tokio::test]
async fn empty_envelopes_are_no_rows() {
    for body in
        [json!({"users": [], "total": 0}), json!({"users": [], "next": null}), json!({"users": null, "data": []})]
    {
        let api = Api::handler(move |_| Answer::json(&body)).start().await;
        assert_eq!(auto(&api.url).ids().await, ids(0));
    }
}
