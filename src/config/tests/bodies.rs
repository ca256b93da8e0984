//! What an endpoint sends as its body: `json`, `data` and `graphql`.

use super::{endpoint, one, yaml};
use crate::plan::{Data, Method};

fn form(fields: &[(&str, &str)]) -> Option<Data> {
    Some(Data::Form(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()))
}

#[test]
fn data_is_a_form_or_a_text() {
    let table = [
        (
            "data: {a: 1, b: true, c: null, d: [x, null, 2], e: '{{}}'}",
            form(&[("a", "1"), ("b", "True"), ("d", "x"), ("d", "2"), ("e", "{}")]),
        ),
        ("data: [[a, 1], [a, x]]", form(&[("a", "1"), ("a", "x")])),
        ("data: '<q/>'", Some(Data::Text("<q/>".to_owned()))),
        ("data: {}\njson: {a: 1}", None),
        ("data: ''", None),
    ];
    for (keys, expected) in table {
        assert_eq!(endpoint(keys).resource().endpoint.data, expected, "{keys}");
    }
    assert_eq!(endpoint("data: {a: 1}\njson: {}").resource().endpoint.json, None);
}

#[test]
fn a_request_has_one_body() {
    let hint = "(keep one of them; null takes a default away)";
    assert_eq!(
        endpoint("json: {a: 1}\ndata: {a: 1}").problems(),
        [format!("config.yaml:6:11: `json` and `data` are bodies, and a request has one {hint}")]
    );
    assert_eq!(
        endpoint("data: x\ngraphql: {query: '{a}'}").problems(),
        [format!("config.yaml:6:14: `data` and `graphql` are bodies, and a request has one {hint}")]
    );
    let text = "client: {base_url: https://a.b, paginator: single_page}\nresource_defaults: {endpoint: {json: {a: 1}}}\n\
                resources:\n- {name: r, endpoint: {json: null, data: x}}\n";
    assert_eq!(yaml(text).resource().endpoint.data, Some(Data::Text("x".to_owned())));
}

#[test]
fn what_cannot_be_sent_as_data_is_told() {
    let table = [
        ("data: 1", "5:11: `data` must be a map, a list of pairs or a string, not an integer"),
        ("data: [x]", "5:12: `data[0]` must be a pair of a name and a value, not a string"),
        ("data: [[x]]", "5:12: `data[0]` must be a pair of a name and a value"),
        ("data: {a: {b: 1}}", "5:15: `a` must be a scalar, not a map"),
        (
            "data: {a: '{resources.p.id}'}",
            "5:15: resource `r` needs rows of `p`, which is no resource (did you mean `r`?)",
        ),
        (
            "data: '{'",
            "5:11: `data` has a brace without its counterpart (write `{{` and `}}` for braces that stand for themselves)",
        ),
    ];
    for (keys, expected) in table {
        assert_eq!(endpoint(keys).problems(), [format!("config.yaml:{expected}")], "{keys}");
    }
    let paged = "endpoint: {data: {a: 1}, method: POST, paginator: {type: cursor, cursor_body_path: a.b}}";
    assert_eq!(
        one(paged).problems(),
        ["config.yaml:4:53: a body path of the paginator needs `json`, and cannot be put into `data`"]
    );
}

#[test]
fn graphql_is_posted_with_its_own_braces() {
    let keys = "graphql:\n  query: 'query Q($n: Int) { items(first: $n) { id } }'\n  variables: {n: 10, t: '{{x}}', after: null}\n\
                \x20 operation_name: Q\n\
                paginator: {type: cursor, cursor_path: data.items.end, cursor_body_path: variables.after}";
    let endpoint = endpoint(keys).resource().endpoint;
    assert_eq!((endpoint.method, endpoint.is_graphql), (Method::Post, true));
    assert_eq!(
        endpoint.json,
        Some(serde_json::json!({
            "query": "query Q($n: Int) { items(first: $n) { id } }",
            "operationName": "Q",
            "variables": {"n": 10, "t": "{x}", "after": null}
        }))
    );
}

#[test]
fn graphql_that_is_none_is_told() {
    let table = [
        ("graphql: x", "5:14: `graphql` must be a map, not a string"),
        ("graphql: {}", "5:14: `query` is missing in `resources[0].endpoint.graphql`"),
        ("graphql: {query: ' '}", "5:22: `query` must not be empty"),
        ("graphql: {query: '{a}', variables: [1]}", "5:40: `variables` must be a map, not a list"),
        (
            "graphql: {query: '{a}', variable: {}}",
            "5:29: unknown key `variable` in `resources[0].endpoint.graphql` (did you mean `variables`?)",
        ),
        ("method: GET\ngraphql: {query: '{a}'}", "5:13: `method` must be `POST` with `graphql`"),
    ];
    for (keys, expected) in table {
        assert_eq!(endpoint(keys).problems(), [format!("config.yaml:{expected}")], "{keys}");
    }
}

#[test]
fn secrets_in_every_body_are_known() {
    for body in ["data: {a: 'x${env:A}'}", "data: 'x${env:A}'", "graphql: {query: '{a(k: \"${env:A}\")}'}"] {
        let endpoint = endpoint(body).env(&[("A", "canary-a")]).resource().endpoint;
        let secrets: Vec<&str> = endpoint.secrets.iter().map(crate::plan::Secret::expose).collect();
        assert_eq!(secrets, ["canary-a"], "{body}");
        assert!(!format!("{endpoint:?}").contains("canary"));
    }
}
