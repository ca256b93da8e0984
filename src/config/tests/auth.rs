//! Credentials: what each type makes of its keys, of look-ups and of Python classes.

use super::{one, python, yaml};
use crate::plan::{Auth, Secret};

/// The auth of an endpoint that has this one.
fn auth(written: &str) -> Auth {
    one(&format!("endpoint: {{auth: {written}}}")).resource().endpoint.auth.expect("an auth")
}

fn bearer(token: &str) -> Auth {
    Auth::Bearer { token: Secret::new(token) }
}

fn basic(username: &str, password: &str) -> Auth {
    Auth::Basic { username: Secret::new(username), password: Secret::new(password) }
}

#[test]
fn a_map_without_a_type_is_bearer() {
    for written in ["{token: t}", "{type: bearer, token: t}", "{type: null, token: t}"] {
        assert_eq!(auth(written), bearer("t"), "{written}");
    }
}

#[test]
fn a_password_may_be_empty() {
    assert_eq!(auth("{type: http_basic, username: sk_test_x, password: ''}"), basic("sk_test_x", ""));
    assert_eq!(auth("{type: http_basic, username: me@acme.io/token, password: k}"), basic("me@acme.io/token", "k"));
}

#[test]
fn what_is_left_out_is_looked_up_under_its_own_name() {
    let variables = [
        ("SOURCES__REST_API__CREDENTIALS__TOKEN", "canary"),
        ("CREDENTIALS__USERNAME", "me"),
        ("CREDENTIALS__PASSWORD", "pw"),
    ];
    let table = [
        ("bearer", bearer("canary")),
        ("{}", bearer("canary")),
        ("http_basic", basic("me", "pw")),
        ("{type: http_basic, username: you}", basic("you", "pw")),
    ];
    for (written, expected) in table {
        let case = one(&format!("endpoint: {{auth: {written}}}")).env(&variables);
        assert_eq!(case.resource().endpoint.auth, Some(expected), "{written}");
    }
    let problems = one("endpoint: {auth: http_basic}").problems();
    let told: Vec<&str> = problems.iter().filter_map(|problem| problem.split(';').next()).collect();
    assert!(told[0].ends_with("the configuration value `username` is not set"), "{told:?}");
    assert!(told[1].ends_with("the secret `password` is not set"), "{told:?}");
    assert_eq!(told.len(), 2);
}

#[test]
fn what_is_no_auth_is_told() {
    let table = [
        ("{type: apikey}", "`type` cannot be `apikey` (did you mean `api_key`?)"),
        ("barer", "`auth` cannot be `barer` (did you mean `bearer`?)"),
        ("5", "`auth` must be a string or a map, not an integer"),
        ("{token: 5}", "`token` must be a string, not an integer"),
        ("{token: ''}", "`token` is empty or holds a control character"),
        (r#"{token: "canary\n"}"#, "`token` is empty or holds a control character"),
        (r#"{type: http_basic, username: u, password: "canary\n"}"#, "`password` holds a control character"),
        (
            "{type: http_basic, user: u, username: u, password: p}",
            "unknown key `user` in `resources[0].endpoint.auth` (valid here: `type`, `username`, `password`)",
        ),
        ("{type: api_key, api_key: 5}", "`api_key` must be a string, not an integer"),
        (
            "{type: api_key, api_key: k, location: body}",
            "`location` cannot be `body` (valid here: `header`, `query`, `param`, `cookie`)",
        ),
    ];
    for (written, expected) in table {
        let problems = one(&format!("endpoint: {{auth: {written}}}")).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].split_once(' ').map(|(_, message)| message), Some(expected), "{written}");
    }
}

#[test]
fn an_endpoint_has_its_own_or_none() {
    let text = "client: {base_url: https://a.b, auth: {token: t}}\nresources:\n- inherits\n- {name: off, endpoint: {auth: null}}\n\
                - {name: own, endpoint: {auth: {type: http_basic, username: u, password: p}}}\n\
                - {name: elsewhere, endpoint: {path: 'https://c.d/x'}}\n";
    let auths: Vec<Option<Auth>> = yaml(text).plan().resources.into_iter().map(|item| item.endpoint.auth).collect();
    assert_eq!(auths, [Some(bearer("t")), None, Some(basic("u", "p")), None]);
}

/// The auth of a script's client that has this one.
fn scripted(written: &str) -> super::Case {
    python(&format!(
        "from dlt.sources.helpers.rest_client.auth import *\nimport dlt\nfrom dlt.sources.rest_api import rest_api_source\n\
         rest_api_source({{'client': {{'base_url': 'https://a.b', 'auth': {written}}}, 'resources': ['r']}})\n"
    ))
}

#[test]
fn the_classes_of_dlt_are_read() {
    let table = [
        ("BearerTokenAuth(token=dlt.secrets['a.token'])", bearer("canary")),
        ("BearerTokenAuth('t')", bearer("t")),
        ("HttpBasicAuth('u', password='p')", basic("u", "p")),
        (
            "APIKeyAuth('X-Key', 'k', location='cookie')",
            Auth::ApiKey { name: "X-Key".into(), key: Secret::new("k"), location: crate::plan::ApiKeyLocation::Cookie },
        ),
    ];
    for (written, expected) in table {
        let case = scripted(written).env(&[("A__TOKEN", "canary")]);
        assert_eq!(case.resource().endpoint.auth, Some(expected), "{written}");
    }
    assert_eq!(scripted("BearerTokenAuth('a', 'b')").problems(), ["config.py:4:85: the class has no such argument"]);
}
