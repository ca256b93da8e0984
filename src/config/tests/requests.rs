//! URLs, parameters, headers, bodies and credentials of an endpoint.

use super::{endpoint, one, yaml};
use crate::plan::{Method, RowSelection};

#[test]
fn a_path_is_joined_to_the_base_url() {
    let table = [
        ("path: /x/", "https://a.b/v1/x/"),
        ("path: ''", "https://a.b/v1/"),
        ("path: http://c.d/e", "http://c.d/e"),
        ("path: x?y=1", "https://a.b/v1/x?y=1"),
        ("method: GET", "https://a.b/v1/r"),
        ("path: 'a/{id}/{{b}}'\nparams: {id: x/y}", "https://a.b/v1/a/x%2Fy/%7Bb%7D"),
    ];
    for (keys, expected) in table {
        assert_eq!(endpoint(keys).resource().endpoint.url.as_str(), expected, "{keys}");
    }
    assert_eq!(one("endpoint: x").resource().endpoint.url.as_str(), "https://a.b/v1/x");
}

#[test]
fn params_are_written_as_python_writes_them() {
    let keys = "params: {b: true, f: 0.5, n: null, l: [1, a, false, null], s: '', q: '{{x}}'}";
    let params = endpoint(keys).resource().endpoint.params;
    let params: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(params, ["b=True", "f=0.5", "l=1", "l=a", "l=False", "s=", "q={x}"]);
}

#[test]
fn a_param_in_the_path_leaves_the_query() {
    let endpoint = endpoint("path: '{org}/x'\nparams: {org: acme, state: open}").resource().endpoint;
    assert_eq!(endpoint.url.as_str(), "https://a.b/v1/acme/x");
    assert_eq!(endpoint.params, [("state".to_owned(), "open".to_owned())]);
}

#[test]
fn placeholders_that_have_no_value_are_told() {
    let keys = "path: 'a/{x}/{resources.p.id}/{foo.bar}'\nparams: {a: '{incremental.start_value}', b: '{b}'}\n\
                headers: {H: '{'}\nmethod: POST\njson: {q: '{ a }', f: '{resources.p.id:%Y}', p: '{resources.p}'}";
    let known =
        "(`{resources.…}` and `{incremental.…}` are known; write `{{` and `}}` for braces that stand for themselves)";
    assert_eq!(
        endpoint(keys).problems(),
        [
            "config.yaml:5:11: `{foo.bar}` in `path` is not a known placeholder \
             (`{resources.<resource>.<field>}`, `{incremental.start_value}` and names of `params` are known)",
            "config.yaml:5:11: `{x}` in `path` has no value (give `x` in `params`)",
            "config.yaml:5:11: resource `r` needs rows of `p`, which is no resource (did you mean `r`?)",
            "config.yaml:6:17: `{incremental.start_value}` in `params` needs `incremental` in the endpoint",
            &format!("config.yaml:6:49: `{{b}}` in `params` is not a known placeholder {known}"),
            "config.yaml:7:18: `headers` has a brace without its counterpart \
             (write `{{` and `}}` for braces that stand for themselves)",
            &format!("config.yaml:9:15: `{{ a }}` in `json` is not a known placeholder {known}"),
            "config.yaml:9:27: `{resources.p.id:%Y}` in `json`: `%Y` is no format that is known here",
            "config.yaml:9:53: `{resources.p}` in `json` must be `{resources.<resource>.<field>}`",
        ]
    );
}

#[test]
fn a_param_that_is_wrong_is_told_once() {
    assert_eq!(
        endpoint("path: '{a}/{b}'\nparams: {a: {type: resolv, resource: p, field: id}, b: [1]}").problems(),
        [
            "config.yaml:5:11: `{b}` in `path` is a list in `params`; a path takes one value",
            "config.yaml:6:24: `type` cannot be `resolv` (did you mean `resolve`?)",
        ]
    );
}

#[test]
fn headers_of_the_endpoint_stand_over_those_of_the_client() {
    let text = "client: {base_url: https://a.b, paginator: single_page, headers: {A: a, B: b, C: c}}\n\
                resources:\n- name: r\n  endpoint: {headers: {b: x, C: null, D: '{{d}}'}}\n";
    let headers = [("A", "a"), ("b", "x"), ("D", "{d}")];
    let expected = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(yaml(text).resource().endpoint.headers, expected);
}

#[test]
fn what_params_and_body_take_from_secrets_is_known_to_be_secret() {
    let text = "client: {base_url: https://a.b}\nresources:\n- name: r\n  endpoint:\n    method: POST\n\
                \x20   params: {a: 'x${env:A}', b: plain}\n    json: {c: ['${env:C}', plain]}\n";
    let endpoint = yaml(text).env(&[("A", "canary-a"), ("C", "canary-c")]).resource().endpoint;
    let secrets: Vec<&str> = endpoint.secrets.iter().map(crate::plan::Secret::expose).collect();
    assert_eq!(secrets, ["canary-a", "canary-c"]);
    assert!(!format!("{endpoint:?}").contains("canary"));
}

#[test]
fn a_body_keeps_its_types() {
    let endpoint = endpoint("method: POST\njson: {a: [1, 0.5, null, '{{x}}'], '{{k}}': true}").resource().endpoint;
    assert_eq!(endpoint.method, Method::Post);
    assert_eq!(endpoint.json.map(|body| body.to_string()).as_deref(), Some(r#"{"a":[1,0.5,null,"{x}"],"{k}":true}"#));
    assert_eq!(super::endpoint("json: [1]").problems(), ["config.yaml:5:11: `json` must be a map, not a list"]);
}

#[test]
fn the_clients_key_stays_at_its_origin() {
    let text = "client:\n  base_url: https://a.b/v1\n  paginator: single_page\n  auth: {type: api_key, api_key: k}\nresources:\n\
                - {name: same, endpoint: 'https://a.b:443/x'}\n- {name: other, endpoint: 'https://c.d/x'}\n\
                - {name: off, endpoint: {auth: null}}\n\
                - {name: own, endpoint: {path: 'https://c.d/x', auth: {type: api_key, api_key: l, location: cookie, name: n}}}\n";
    let plan = yaml(text).plan();
    let sent: Vec<bool> = plan.resources.iter().map(|resource| resource.endpoint.auth.is_some()).collect();
    assert_eq!(sent, [true, false, false, true]);
}

#[test]
fn rows_are_selected_or_found() {
    assert!(matches!(endpoint("data_selector: data").resource().endpoint.rows, RowSelection::Selector(_)));
    assert!(matches!(endpoint("data_selector: ''").resource().endpoint.rows, RowSelection::Detect));
}
