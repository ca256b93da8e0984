//! What is sent as a request's body, and what an answer to a query in GraphQL means.

use serde_json::{Value, json};

use crate::support::api::{Answer, Api};
use crate::support::command::{Bench, CANARY};
use crate::support::walk::{Source, ids};

#[tokio::test]
async fn data_is_sent_as_a_form_or_as_it_is() {
    let table = [
        (json!({"k": ["1", "2"], "q": "a b"}), "k=1&k=2&q=a+b", Some("application/x-www-form-urlencoded")),
        (json!([["q", "ä"], ["q", true]]), "q=%C3%A4&q=True", Some("application/x-www-form-urlencoded")),
        (json!("<q>1</q>"), "<q>1</q>", None),
    ];
    for (data, sent, content_type) in table {
        let api = Api::handler(|_| Answer::json(&json!([{"id": 0}]))).start().await;
        let source = Source::configured(&api.url, &json!({"method": "POST", "data": data}));
        assert_eq!(source.ids().await, ids(1));
        let request = &api.requests()[0];
        assert_eq!((request.method.as_str(), request.body.as_str()), ("POST", sent));
        assert_eq!(request.header("content-type"), content_type);
    }
}

/// Five of twelve nodes behind a cursor in `variables.after`.
fn nodes(body: &str) -> Answer {
    let asked: Value = serde_json::from_str(body).expect("JSON");
    let first = asked["variables"]["after"].as_str().map_or(0, |after| after.parse().expect("a number"));
    let last = (first + 5).min(12);
    let nodes: Vec<_> = (first..last).map(|id| json!({"id": id})).collect();
    let end = (last < 12).then(|| last.to_string());
    Answer::json(&json!({"data": {"items": {"nodes": nodes, "pageInfo": {"endCursor": end}}}}))
}

fn query() -> Value {
    json!({
        "graphql": {"query": "query ($n: Int, $after: String) { items { id } }", "variables": {"n": 5, "after": null}},
        "data_selector": "data.items.nodes",
        "paginator": {"type": "cursor", "cursor_path": "data.items.pageInfo.endCursor", "cursor_body_path": "variables.after"},
    })
}

#[tokio::test]
async fn a_query_in_graphql_is_paged_by_its_variables() {
    let api = Api::handler(|request| nodes(&request.body)).start().await;
    assert_eq!(Source::configured(&api.url, &query()).ids().await, ids(12));
    let bodies: Vec<Value> =
        api.requests().iter().map(|request| serde_json::from_str(&request.body).expect("JSON")).collect();
    let asked: Vec<_> = bodies.iter().map(|body| body["variables"].clone()).collect();
    assert_eq!(asked, [json!({"n": 5, "after": null}), json!({"n": 5, "after": "5"}), json!({"n": 5, "after": "10"})]);
    assert!(bodies.iter().all(|body| body["query"] == query()["graphql"]["query"]));
}

#[tokio::test]
async fn errors_beside_rows_are_no_success() {
    // dlt loads what rows there are.
    let api = Api::handler(|request| match request.number {
        1 => nodes(&request.body),
        _ => Answer::json(&json!({
            "data": {"items": {"nodes": [{"id": 5}], "pageInfo": {"endCursor": null}}},
            "errors": [{"message": "node 6 of canary-in-config timed out"}],
        })),
    });
    let api = api.start().await;
    let mut endpoint = query();
    endpoint["graphql"]["variables"]["secret"] = json!("${env:CANARY}");
    let outcome = Source::configured(&api.url, &endpoint).read().await;
    let error = outcome.error.expect("an error");
    assert_eq!((outcome.ids, error.code()), (ids(5), "graphql"));
    let expected =
        format!("page 2 of resource `items` (`{}`): the answer tells of errors: node 6 of *** timed out", api.url);
    assert_eq!(error.to_string(), expected);
}

/// Ten rows a page by number from 1, and what `other` says of page 3.
async fn third_page(other: Answer, actions: Value) -> (Source, crate::support::api::Running) {
    let api = Api::handler(move |request| match request.number_param("page").unwrap_or(0) {
        3 => other.clone(),
        page => Answer::json(&json!((page * 10 - 10..page * 10).map(|id| json!({"id": id})).collect::<Vec<_>>())),
    });
    let api = api.start().await;
    let paginator = json!({"type": "page_number", "base_page": 1, "maximum_page": 5, "total_path": null});
    let source = Source::configured(&api.url, &json!({"paginator": paginator, "response_actions": actions}));
    (source, api)
}

#[tokio::test]
async fn an_ignored_answer_ends_the_walk_and_keeps_the_pages_before() {
    let answers = [
        (Answer::text(404, "gone"), json!([{"status_code": "404", "action": "ignore"}])),
        (Answer::text(500, "no such page"), json!([{"status_code": "5xx", "content": "such", "action": "ignore"}])),
        (Answer::text(401, ""), json!([{"status_code": [400, "401-403"], "action": "ignore"}])),
        (Answer::json(&json!([{"error": "beyond"}])), json!([{"content": "beyond", "action": "ignore"}])),
        (Answer::redirect(302, "/login"), json!([{"status_code": 302, "action": "ignore"}])),
        (Answer::text(404, &format!("{}end", " ".repeat(100_000))), json!([{"content": "end", "action": "ignore"}])),
    ];
    for (answer, actions) in answers {
        let (source, api) = third_page(answer, actions.clone()).await;
        let outcome = source.in_flight(1).read().await;
        assert!(outcome.error.is_none(), "{actions} {:?}", outcome.error);
        assert_eq!((outcome.ids, outcome.reading.ignored), (ids(20), 1), "{actions}");
        assert_eq!((api.requests().len(), outcome.reading.retries), (3, 0));
    }
}

#[tokio::test]
async fn an_answer_that_fails_is_an_error_whatever_its_status() {
    let actions = json!([{"status_code": 200, "content": "quota", "action": "fail"}]);
    let (source, api) = third_page(Answer::json(&json!({"message": "over quota"})), actions).await;
    let outcome = source.read().await;
    let error = outcome.error.expect("an error");
    assert_eq!((error.code(), outcome.ids), ("response_action", ids(20)));
    let said = "answered with status 200, for which `response_actions` says `fail`: {\"message\":\"over quota\"}";
    let expected = format!("page 3 of resource `items`: `{}?page=3` {said}", api.url);
    assert_eq!(error.to_string(), expected);
    // Without the action this status would be taken for the end of the pages, or be asked for again.
    for status in [404, 503] {
        let (source, _api) =
            third_page(Answer::text(status, ""), json!([{"status_code": status, "action": "fail"}])).await;
        let outcome = source.read().await;
        assert_eq!((outcome.error.map(|error| error.code()), outcome.reading.retries), (Some("response_action"), 0));
    }
}

#[tokio::test]
async fn an_answer_is_asked_for_again_whatever_its_status() {
    let api = Api::handler(|request| match request.number {
        1 | 2 => Answer::json(&json!({"error": "still starting"})),
        3 => Answer::text(404, "still starting"),
        _ => Answer::json(&json!([{"id": 0}])),
    });
    let api = api.start().await;
    let actions = json!([{"content": "starting", "action": "retry"}]);
    let outcome = Source::configured(&api.url, &json!({"response_actions": actions})).read().await;
    assert_eq!((outcome.ids, outcome.reading.retries), (ids(1), 3));
    assert_eq!(outcome.reading.waits.keys().map(|reason| reason.name()).collect::<Vec<_>>(), ["response_action"]);

    let api = Api::handler(|_| Answer::json(&json!({"error": "still starting"}))).start().await;
    let error = Source::configured(&api.url, &json!({"response_actions": actions})).retries(2).error().await;
    assert_eq!((error.code(), api.requests().len()), ("response_action", 3));
    assert!(error.to_string().ends_with("says `retry`: {\"error\":\"still starting\"} (3 attempts)"), "{error}");
}

#[tokio::test]
async fn the_first_action_that_fits_counts() {
    let actions = json!([
        {"status_code": 404, "content": "moved", "action": "fail"},
        {"status_code": 404, "action": "ignore"},
        {"status_code": "4xx", "action": "fail"},
    ]);
    let (source, _api) = third_page(Answer::text(404, "gone"), actions.clone()).await;
    assert_eq!(source.ids().await, ids(20));
    let (source, _api) = third_page(Answer::text(404, "moved"), actions).await;
    assert_eq!(source.error().await.code(), "response_action");
}

#[tokio::test]
async fn a_secret_in_a_path_is_in_no_output() {
    let mut bench = Bench::new(vec![]).await;
    bench.api = Api::handler(|_| Answer::text(404, "nothing")).start().await;
    for (base, path) in [
        ("", "x/${env:API_KEY}/y"),
        ("", "${env:API_KEY}?q=1"),
        ("/bot1:${env:API_KEY}", "sent"),
        (":/${env:API_KEY}", "sent"),
    ] {
        let base = match base.strip_prefix(':') {
            Some(base) => format!("{}{base}", bench.base_url().replace("://", ":")),
            None => format!("{}{base}", bench.base_url()),
        };
        let config = json!({"client": {"base_url": base}, "resources": [{"name": "r", "endpoint": {"path": path}}]});
        let run = bench.run(&bench.write("path.json", &config.to_string()), &[]).await;
        // The run itself looks for the key in all that is said.
        assert_eq!(run.report["resources"][0]["error"]["code"], "http_status", "{:#}", run.report);
    }
    assert!(bench.api.requests().iter().all(|request| request.path.contains(CANARY)));
}
