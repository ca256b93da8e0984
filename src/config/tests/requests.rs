//! URLs, parameters, headers, bodies, credentials and paging of an endpoint.

use super::{endpoint, one, yaml};
use crate::plan::{Method, PaginatorSpec, ParameterPlace, RowSelection};

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
                headers: {H: '{'}\nmethod: POST\njson: {q: '{ a }'}";
    assert_eq!(
        endpoint(keys).problems(),
        [
            "config.yaml:5:11: `{foo.bar}` in `path` is not a known placeholder \
         (write `{{` and `}}` for braces that stand for themselves)",
            "config.yaml:5:11: `{resources.p.id}` in `path`: parents are not supported yet",
            "config.yaml:5:11: `{x}` in `path` has no value (give `x` in `params`)",
            "config.yaml:6:17: `{incremental.start_value}` in `params`: `incremental` is not supported yet",
            "config.yaml:6:49: `{b}` in `params` is not a known placeholder \
         (write `{{` and `}}` for braces that stand for themselves)",
            "config.yaml:7:18: `headers` has a brace without its counterpart \
         (write `{{` and `}}` for braces that stand for themselves)",
            "config.yaml:9:15: `{ a }` in `json` is not a known placeholder \
         (write `{{` and `}}` for braces that stand for themselves)",
        ]
    );
}

#[test]
fn a_param_that_is_wrong_is_told_once() {
    assert_eq!(
        endpoint("path: '{a}/{b}'\nparams: {a: {type: resolve, resource: p, field: id}, b: [1]}").problems(),
        [
            "config.yaml:5:11: `{b}` in `path` is a list in `params`; a path takes one value",
            "config.yaml:6:17: `type` `resolve`: parents are not supported yet",
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
    let text = "client: {base_url: https://a.b, paginator: single_page}\nresources:\n- name: r\n  endpoint:\n    method: POST\n\
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
fn every_key_of_the_offset_paginator_is_read() {
    let keys = "method: POST\npaginator: {type: offset, limit: 5, offset: 10, offset_body_path: page.from, limit_param: size, \
                total_path: null, maximum_offset: 100, stop_after_empty_page: false, has_more_path: more, allow_repeated_pages: true}";
    let PaginatorSpec::Offset(offset) = endpoint(keys).resource().endpoint.paginator else { panic!("not offset") };
    assert_eq!((offset.limit.get(), offset.offset, offset.maximum_offset), (5, 10, Some(100)));
    assert_eq!(offset.offset_place, ParameterPlace::Body(vec!["page".into(), "from".into()]));
    assert_eq!(offset.limit_place, ParameterPlace::Query("size".into()));
    assert!(offset.total_path.is_none() && offset.has_more_path.is_some());
    assert!(offset.allow_repeated_pages && !offset.stop_after_empty_page);
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
        (
            "{type: offset, limit: 5, offset_body_path: b}",
            "a body path of the paginator needs `method: POST` or `json`",
        ),
        (
            "{type: offset, limit: 5, total_path: null, stop_after_empty_page: false}",
            "nothing ends the paging: one of `total_path`, `maximum_offset`, `has_more_path` and `stop_after_empty_page` is needed",
        ),
        ("{type: cursor, cursor_path: x}", "`type` `cursor` is not supported yet"),
        ("json_link", "`paginator` `json_link` is not supported yet"),
        (
            "links",
            "`paginator` cannot be `links` (valid here: `auto`, `cursor`, `header_cursor`, `header_link`, `json_link`, \
                   `json_response`, `offset`, `page_number`, `single_page`)",
        ),
        ("{limit: 5}", "`type` is missing in `resources[0].endpoint.paginator`"),
        (
            "{type: single_page, limit: 5}",
            "unknown key `limit` in `resources[0].endpoint.paginator` (only `type` is valid here)",
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
fn a_paginator_is_the_endpoints_or_the_clients() {
    let text = "client: {base_url: https://a.b, paginator: {type: offset, limit: 1}}\n\
                resource_defaults: {endpoint: {paginator: {type: offset, limit: 2}}}\nresources:\n- a\n\
                - {name: b, endpoint: {paginator: null}}\n- {name: c, endpoint: {paginator: auto}}\n\
                - {name: d, endpoint: {paginator: {type: single_page}}}\n";
    let plan = yaml(text).plan();
    let limits: Vec<u64> = plan
        .resources
        .iter()
        .map(|resource| match &resource.endpoint.paginator {
            PaginatorSpec::Offset(offset) => offset.limit.get(),
            PaginatorSpec::SinglePage => 0,
        })
        .collect();
    assert_eq!(limits, [2, 1, 1, 0]);
    assert_eq!(
        yaml("client: {base_url: https://a.b}\nresources: [r]").problems(),
        ["config.yaml:2:13: resource `r` has no `paginator`, and finding one automatically is not supported yet \
         (give `paginator: {type: offset, limit: 100}` or `paginator: single_page`)"]
    );
}

#[test]
fn rows_are_selected_or_found() {
    assert!(matches!(endpoint("data_selector: data").resource().endpoint.rows, RowSelection::Selector(_)));
    assert!(matches!(endpoint("data_selector: ''").resource().endpoint.rows, RowSelection::Detect));
}
