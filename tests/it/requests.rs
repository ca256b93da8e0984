//! What is sent as a request's body, and what an answer to a query in GraphQL means.

use serde_json::{Value, json};

use crate::support::api::{Answer, Api};
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
