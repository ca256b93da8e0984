//! Paging by links and cursors: followed to their end, never in a circle, and never with a secret to somebody else.

use serde_json::{Value, json};

use crate::support::api::{Answer, Api, ReceivedRequest, Running, Style};
use crate::support::walk::{Source, ids};

fn cursor(request: &ReceivedRequest) -> usize {
    request.number_param("cursor").unwrap_or(0)
}

/// Ten of `count` rows from `offset`, and what leads on.
fn ten(offset: usize, count: usize, next: &Value) -> Answer {
    let data: Vec<_> = (offset..(offset + 10).min(count)).map(|id| json!({"id": id})).collect();
    Answer::json(&json!({"data": data, "next": next}))
}

#[tokio::test]
async fn every_scheme_walks_to_the_end() {
    let styles = [
        (Style::NextLink { absolute: true }, json!("json_link")),
        (Style::NextLink { absolute: false }, json!({"type": "json_link", "next_url_path": "next"})),
        (Style::HeaderLink, json!("header_link")),
        (Style::HeaderCursor, json!({"type": "header_cursor", "cursor_key": "X-Next-Cursor"})),
        (Style::Cursor, json!({"type": "cursor", "cursor_path": "next_cursor"})),
    ];
    for (style, paginator) in styles {
        for count in [0, 1, 10, 95] {
            let api = Api::rows(count).style(style).size(10).start().await;
            let outcome = Source::paged(&api.url, &paginator).read().await;
            assert!(outcome.error.is_none(), "{style:?} {:?}", outcome.error);
            assert_eq!(outcome.ids, ids(count.try_into().expect("small")), "{style:?}");
            assert_eq!(api.requests().len(), count.div_ceil(10).max(1), "{style:?}");
        }
    }
}

#[tokio::test]
async fn a_link_has_its_own_parameters_and_no_others() {
    for paginator in ["json_link", "header_link"] {
        let api = Api::handler(|request| match request.number {
            1 => ten(0, 20, &json!("?cursor=10&b=2")).with("link", "<?cursor=10&b=2>; rel=\"next\""),
            _ => ten(10, 20, &Value::Null),
        });
        let api = api.start().await;
        let endpoint = json!({"params": {"a": "1", "b": "1"}, "headers": {"X-H": "h"}, "paginator": paginator});
        assert_eq!(Source::configured(&api.url, &endpoint).ids().await, ids(20));
        let asked = api.requests();
        assert_eq!((asked[0].param("a"), asked[0].param("b"), asked[0].param("cursor")), (Some("1"), Some("1"), None));
        assert_eq!((asked[1].param("a"), asked[1].param("b"), asked[1].param("cursor")), (None, Some("2"), Some("10")));
        assert_eq!((asked[1].path.as_str(), asked[1].header("x-h")), ("/items", Some("h")));
    }
}

#[tokio::test]
async fn a_link_is_relative_to_where_the_answer_came_from() {
    let api = Api::handler(|request| match request.path.as_str() {
        "/items" => Answer::redirect(307, "/v2/items/"),
        "/v2/items/" => ten(0, 20, &json!("more?cursor=10")),
        "/v2/items/more" => ten(10, 20, &Value::Null),
        other => Answer::text(404, other),
    });
    let api = api.start().await;
    assert_eq!(Source::paged(&api.url, &json!("json_link")).ids().await, ids(20));
}

#[tokio::test]
async fn a_link_keeps_method_and_body() {
    let api = Api::handler(|request| {
        assert_eq!((request.method.as_str(), request.body.as_str()), ("POST", r#"{"q":"x"}"#));
        match cursor(request) {
            0 => ten(0, 20, &json!("/items?cursor=10")),
            _ => ten(10, 20, &json!("")),
        }
    });
    let api = api.start().await;
    let endpoint = json!({"method": "POST", "json": {"q": "x"}, "paginator": "json_link"});
    assert_eq!(Source::configured(&api.url, &endpoint).ids().await, ids(20));
}

#[tokio::test]
async fn a_cursor_goes_into_the_body_with_its_type() {
    let handler = |request: &ReceivedRequest| {
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        assert_eq!((&body["q"], &body["page"]["size"]), (&json!("x"), &json!(10)));
        let at = match &body["page"]["after"] {
            Value::Null => 0,
            after => after.as_u64().and_then(|after| after.try_into().ok()).expect("a number, as it was handed out"),
        };
        let next = if at < 20 { json!(at + 10) } else { json!(0) };
        ten(at, 25, &next)
    };
    let api = Api::handler(handler).start().await;
    let endpoint =
        |paginator: Value| json!({"method": "POST", "json": {"q": "x", "page": {"size": 10}}, "paginator": paginator});
    let paginator = json!({"type": "cursor", "cursor_path": "next", "cursor_body_path": "page.after"});
    assert_eq!(Source::configured(&api.url, &endpoint(paginator)).ids().await, ids(25));
    // That of a header is a text.
    let api = Api::handler(|request| {
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        match body["after"].as_str() {
            None => ten(0, 20, &Value::Null).with("x-next", "b"),
            after => ten(if after == Some("b") { 10 } else { 99 }, 20, &Value::Null),
        }
    });
    let api = api.start().await;
    let paginator = json!({"type": "header_cursor", "cursor_key": "x-next", "cursor_body_path": "after"});
    assert_eq!(Source::configured(&api.url, &endpoint(paginator)).ids().await, ids(20));
}

#[tokio::test]
async fn the_last_row_may_be_the_cursor() {
    let api = Api::handler(|request| {
        let at = request.number_param("starting_after").map_or(0, |last| last + 1);
        let data: Vec<_> = (at..(at + 10).min(35)).map(|id| json!({"id": id})).collect();
        Answer::json(&json!({"data": data, "has_more": at + 10 < 35}))
    });
    let api = api.start().await;
    let paginator = json!({"type": "cursor", "cursor_path": "data[-1].id", "cursor_param": "starting_after", "has_more_path": "has_more"});
    assert_eq!(Source::paged(&api.url, &paginator).ids().await, ids(35));
    assert_eq!(api.requests().len(), 4);
    let paginator = json!({"type": "cursor", "cursor_path": "data[-1].id", "cursor_param": "starting_after", "stop_after_empty_page": true});
    assert_eq!(Source::paged(&api.url, &paginator).ids().await, ids(35));
}

#[tokio::test]
async fn a_last_page_of_nulls_ends_the_walk() {
    let api = Api::handler(|request| match cursor(request) {
        0 => Answer::json(&json!({"users": [{"id": 0}], "next_token": 1})),
        _ => Answer::json(&json!({"users": null, "next_token": null})),
    });
    let api = api.start().await;
    assert_eq!(Source::paged(&api.url, &json!({"type": "cursor", "cursor_path": "next_token"})).ids().await, ids(1));
}

#[tokio::test]
async fn pages_without_rows_between_others_are_walked_through() {
    let api = Api::handler(|request| match cursor(request) {
        at @ (10 | 20) => Answer::json(&json!({"data": [], "next": at + 10})),
        at if at < 50 => ten(at, 60, &json!(at + 10)),
        at => ten(at, 60, &Value::Null),
    });
    let api = api.start().await;
    let expected: Vec<i64> = ids(60).into_iter().filter(|id| !(10..30).contains(id)).collect();
    assert_eq!(Source::paged(&api.url, &json!({"type": "cursor", "cursor_path": "next"})).ids().await, expected);
}

#[tokio::test]
async fn a_circle_is_an_error_that_names_it() {
    // dlt walks round for ever.
    let by_cursor = json!({"type": "cursor", "cursor_path": "next"});
    let header_cursor = json!({"type": "header_cursor", "cursor_key": "x-next"});
    let cases = [
        (by_cursor, "the cursor `10` at `next`"),
        (json!("json_link"), "the link `http://"),
        (json!("header_link"), "the link `http://"),
        (header_cursor, "the cursor `10` at `x-next`"),
    ];
    for (paginator, expected) in cases {
        let is_link = paginator.is_string();
        let api = Api::handler(move |request| {
            let at = cursor(request);
            let next = (at + 10) % 30;
            let link = format!("/items?cursor={next}");
            let body = if is_link { json!(link) } else { json!(next.to_string()) };
            ten(at, 99, &body).with("x-next", &next.to_string()).with("link", &format!("<{link}>; rel=next"))
        });
        let api = api.start().await;
        let outcome = Source::paged(&api.url, &paginator).read().await;
        let error = outcome.error.expect("there is no end");
        assert_eq!(error.code(), "paging_loop", "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(
            error
                .to_string()
                .ends_with("leads back to a page that was there before, so that the walk would have no end")
        );
        assert!(api.requests().len() <= 5, "one turn at most");
    }
    // A page that links to itself.
    let api = Api::handler(|_| ten(0, 10, &json!("/items"))).start().await;
    assert_eq!(Source::paged(&api.url, &json!("json_link")).error().await.code(), "paging_loop");
    assert_eq!(api.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_ignores_the_cursor_is_an_error() {
    let api = Api::handler(|request| ten(0, 10, &json!(format!("c{}", request.number)))).start().await;
    let paginator = json!({"type": "cursor", "cursor_path": "next", "cursor_param": "after"});
    let error = Source::paged(&api.url, &paginator).error().await;
    assert!(
        error
            .to_string()
            .ends_with("the server seems to ignore `after`: the first page and that at c1 hold the same rows"),
        "{error}"
    );
    let api = Api::handler(|request| ten(0, 10, &json!(format!("/items?cursor={}", request.number)))).start().await;
    let error = Source::paged(&api.url, &json!("json_link")).error().await;
    assert!(error.to_string().ends_with("the link to the next page leads to the same rows again"), "{error}");
    let api = Api::handler(|request| {
        let next = if request.number < 3 { json!(format!("/items?cursor={}", request.number)) } else { Value::Null };
        ten(0, 2, &next)
    });
    let api = api.start().await;
    let allowed = json!({"type": "json_link", "allow_repeated_pages": true});
    assert_eq!(Source::paged(&api.url, &allowed).ids().await, [0, 1, 0, 1, 0, 1]);
}

#[tokio::test]
async fn what_is_no_link_is_an_error() {
    for (next, expected) in [(json!(2), "found `2`"), (json!("ftp://x/"), "found a text that is no URL of HTTP")] {
        let api = Api::handler(move |_| ten(0, 20, &next)).start().await;
        let error = Source::paged(&api.url, &json!("json_link")).error().await;
        assert_eq!(error.code(), "paging_link");
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}

/// An API whose second page is on another origin, which links back for the third; links repeat all parameters.
async fn across(header: bool) -> (Running, Running) {
    let back = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let home = std::sync::Arc::clone(&back);
    let answer = move |offset: usize, target: &str, request: &ReceivedRequest| {
        let kept: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}&")).collect();
        let link = format!("{target}?{}cursor={}", kept.concat(), offset + 10);
        let answer = ten(offset, 30, &if header { Value::Null } else { json!(link) });
        if header { answer.with("link", &format!("<{link}>; rel=\"next\"")) } else { answer }
    };
    let other = Api::handler(move |request| answer(10, &home.lock().expect("no poison"), request)).start().await;
    let target = other.url.clone();
    let api = Api::handler(move |request| match request.number {
        1 => answer(0, &target, request),
        _ => ten(20, 30, &Value::Null),
    });
    let api = api.start().await;
    back.lock().expect("no poison").clone_from(&api.url);
    (api, other)
}

#[tokio::test]
async fn another_origin_gets_no_secret_and_neither_does_the_way_back() {
    for location in ["query", "header", "cookie"] {
        for (paginator, header) in [("json_link", false), ("header_link", true), ("auto", false), ("auto", true)] {
            let (api, other) = across(header).await;
            let endpoint = json!({
                "auth": {"type": "api_key", "name": "X-Key", "api_key": "canary7", "location": location},
                "headers": {"X-Tenant": "canary-tenant", "Accept-Language": "de"},
                "params": {"tenant": "${env:CANARY}", "size": "10"},
                "paginator": paginator,
            });
            assert_eq!(Source::configured(&api.url, &endpoint).ids().await, ids(30), "{location} {paginator}");
            let (home, seen) = (api.requests(), other.requests());
            assert!(home[0].text().contains("canary7") && home[0].text().contains("canary-in-config"));
            assert_eq!((home.len(), seen.len()), (2, 1));
            for request in [&seen[0], &home[1]] {
                let text = request.text();
                assert!(!text.contains("canary") && !text.to_lowercase().contains("x-key"), "{text}");
                assert_eq!((request.param("size"), request.header("accept-language")), (Some("10"), Some("de")));
            }
        }
    }
}

#[tokio::test]
async fn a_body_with_a_secret_stays_at_home() {
    let (api, other) = across(false).await;
    let endpoint = json!({"method": "POST", "json": {"token": "${env:CANARY}"}, "paginator": "json_link"});
    assert_eq!(Source::configured(&api.url, &endpoint).ids().await, ids(30));
    assert!(api.requests()[0].body.contains("canary-in-config"));
    assert!(other.requests()[0].body.is_empty());
    let (api, other) = across(false).await;
    let endpoint = json!({"method": "POST", "json": {"q": "plain"}, "paginator": "json_link"});
    assert_eq!(Source::configured(&api.url, &endpoint).ids().await, ids(30));
    assert_eq!(other.requests()[0].body, api.requests()[0].body);
}

#[tokio::test]
async fn links_on_the_same_origin_go_with_all_credentials() {
    for location in ["query", "header", "cookie"] {
        // Some servers repeat the query in their links, some with the key and some without.
        for kept in ["", "X-Key=canary7&tenant=canary-in-config&"] {
            let api = Api::handler(move |request| match cursor(request) {
                0 => ten(0, 20, &json!(format!("/items?{kept}cursor=10"))),
                _ => ten(10, 20, &Value::Null),
            });
            let api = api.start().await;
            let endpoint = json!({
                "auth": {"type": "api_key", "name": "X-Key", "api_key": "canary7", "location": location},
                "headers": {"X-Tenant": "canary-tenant"},
                "params": {"tenant": "${env:CANARY}"},
                "paginator": "json_link",
            });
            assert_eq!(Source::configured(&api.url, &endpoint).ids().await, ids(20));
            let second = &api.requests()[1];
            let keys = second.query.iter().filter(|(name, _)| name == "X-Key").count();
            assert!(second.text().contains("canary7") && second.header("x-tenant") == Some("canary-tenant"));
            assert_eq!(second.param("tenant").is_some(), !kept.is_empty(), "parameters are those of the link");
            assert!(keys <= 1, "{second:?}");
        }
    }
}

#[tokio::test]
async fn no_error_on_the_way_shows_a_secret() {
    let api = Api::handler(|request| match request.number {
        1 => ten(0, 20, &json!("/items?cursor=10&tenant=canary-in-config&X-Key=canary7")),
        _ => Answer::text(400, &format!("bad request: {}", request.text())),
    });
    let api = api.start().await;
    let endpoint = json!({
        "auth": {"type": "api_key", "name": "X-Key", "api_key": "canary7", "location": "query"},
        "params": {"tenant": "${env:CANARY}"},
        "paginator": "json_link",
    });
    let error = Source::configured(&api.url, &endpoint).error().await;
    let shown = format!("{error} {error:?} {:?}", error.hint());
    assert!(shown.contains("cursor=10") && !shown.contains("canary"), "{shown}");
}
