//! Credentials: what each type makes of its keys, of look-ups and of Python classes.

use super::{one, python, yaml};
use crate::plan::{Auth, ClientAuth, Grant, Secret, TokenGrant};

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
        ("barer", "`auth` is not one of the types (did you mean `bearer`?)"),
        (
            "sk_live_canary",
            "`auth` is not one of the types (valid here: `api_key`, `bearer`, `http_basic`, `oauth2_client_credentials`, `oauth_jwt`)",
        ),
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

/// A key made for tests.
const PEM: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/signing_key.pem"));

#[test]
fn a_key_that_does_not_sign_is_told() {
    let cut = PEM.replacen("MII", "MIJ", 1);
    for key in ["canary", cut.as_str(), "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n"] {
        let auth = serde_json::json!({"type": "oauth_jwt", "client_id": "c", "auth_endpoint": "https://l.io/t",
            "private_key": key, "private_key_passphrase": "canary"});
        let problems = one(&format!("endpoint: {{auth: {auth}}}")).problems();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("`private_key` is no private RSA key in PEM"), "{problems:?}");
        assert!(problems[1].contains("`private_key_passphrase` is not supported yet"), "{problems:?}");
    }
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
        (
            "OAuthJWTAuth('cid', os.environ['PEM'], 'https://l.io/t', scopes=['a', 'b'])",
            auth(&format!(
                "{{type: oauth_jwt, client_id: cid, auth_endpoint: 'https://l.io/t', scopes: a b, private_key: {}}}",
                serde_json::Value::from(PEM)
            )),
        ),
        (
            "OAuth2ClientCredentials(access_token_url='https://l.io/t', client_id='cid', client_secret='csec')",
            Auth::OAuth2(grant(", client_secret: csec").into()),
        ),
    ];
    for (written, expected) in table {
        let case = scripted(written).env(&[("A__TOKEN", "canary"), ("PEM", PEM)]);
        assert_eq!(case.resource().endpoint.auth, Some(expected), "{written}");
    }
    assert_eq!(scripted("BearerTokenAuth('a', 'b')").problems(), ["config.py:4:85: the class has no such argument"]);
}

/// The grant of an endpoint whose auth has these keys more.
fn grant(more: &str) -> TokenGrant {
    let written =
        format!("{{type: oauth2_client_credentials, access_token_url: 'https://l.io/t', client_id: cid{more}}}");
    match auth(&written) {
        Auth::OAuth2(grant) => TokenGrant::clone(&grant),
        other => panic!("{other:?}"),
    }
}

fn fields(grant: &TokenGrant) -> Vec<String> {
    grant.data.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect()
}

#[test]
fn a_token_is_asked_for_with_dlts_keys() {
    let plain = grant(", client_secret: csec");
    assert_eq!((plain.url.as_str(), plain.client_id.expose()), ("https://l.io/t", "cid"));
    assert_eq!(plain.client_secret, Some(Secret::new("csec")));
    assert_eq!((plain.client_auth, &plain.grant), (ClientAuth::Body, &Grant::ClientCredentials));
    assert_eq!((plain.default_expiration.as_secs(), fields(&plain)), (3_600, vec![]));
    let full = grant(
        ", client_secret: csec, default_token_expiration: 60, client_auth: basic, access_token: old, session: null, \
         access_token_request_data: {scope: a b, n: 5, t: true, no: null, many: [x, y]}",
    );
    assert_eq!((full.default_expiration.as_secs(), full.client_auth), (60, ClientAuth::Basic));
    assert_eq!(fields(&full), ["scope=a b", "n=5", "t=True", "many=x", "many=y"]);
}

#[test]
fn a_refresh_token_is_a_grant_of_its_own() {
    let own = grant(", client_secret: csec, grant_type: refresh_token, refresh_token: rt");
    assert_eq!((own.grant, own.client_secret), (Grant::RefreshToken(Secret::new("rt")), Some(Secret::new("csec"))));
    let public = grant(", client_secret: null, grant_type: refresh_token, refresh_token: rt");
    assert_eq!(public.client_secret, None);
}

#[test]
fn what_is_no_grant_is_told() {
    let table = [
        ("client_secret: s, session: x", "`session` is not supported yet"),
        (
            "client_secret: s, refresh_token: x",
            "`refresh_token` is used by another grant (set `grant_type: refresh_token`)",
        ),
        (
            "client_secret: s, grant_type: password",
            "`grant_type` cannot be `password` (valid here: `client_credentials`, `refresh_token`)",
        ),
        ("client_secret: s, client_auth: header", "`client_auth` cannot be `header` (valid here: `body`, `basic`)"),
        (
            "client_secret: null, grant_type: refresh_token, refresh_token: r, client_auth: basic",
            "`client_auth` cannot be `basic` without a `client_secret`",
        ),
        ("client_secret: ''", "`client_secret` is empty or holds a control character"),
        ("client_secret: s, access_token_request_data: x", "`access_token_request_data` must be a map, not a string"),
        (
            "client_secret: s, access_token_request_data: {a: {}}",
            "`a` must be a scalar or a list of scalars, not a map",
        ),
        (
            "client_secret: s, default_token_expiration: soon",
            "`default_token_expiration` must be an integer, not a string",
        ),
        (
            "client_secret: s, scope: x",
            "unknown key `scope` in `resources[0].endpoint.auth` (valid here: `type`, `access_token_url`, `client_id`, \
             `grant_type`, `refresh_token`, `client_secret`, `client_auth`, `access_token_request_data`, `default_token_expiration`)",
        ),
    ];
    for (written, expected) in table {
        let more =
            format!("type: oauth2_client_credentials, access_token_url: 'https://l.io/t', client_id: c, {written}");
        let problems = one(&format!("endpoint: {{auth: {{{more}}}}}")).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].split_once(' ').map(|(_, message)| message), Some(expected), "{written}");
    }
    let url = "{type: oauth2_client_credentials, access_token_url: l.io/t, client_id: c, client_secret: s}";
    let problems = one(&format!("endpoint: {{auth: {url}}}")).problems();
    assert!(problems[0].ends_with("`access_token_url` must be a URL that starts with `https://` or `http://`"));
    let problems = one("endpoint: {auth: oauth2_client_credentials}").problems();
    let told: Vec<&str> = problems.iter().filter_map(|problem| problem.split([' ', ';']).nth(4)).collect();
    assert_eq!(problems.len(), 3, "{told:?}");
}

#[test]
fn a_grant_shows_none_of_its_secrets() {
    let shown = format!(
        "{:?}",
        auth(
            "{type: oauth2_client_credentials, access_token_url: 'https://u:canary@l.io/t?key=canary', client_id: canary, \
             client_secret: canary, grant_type: refresh_token, refresh_token: canary, access_token_request_data: {password: canary}}"
        )
    );
    assert!(shown.contains("https://l.io/t") && !shown.contains("canary"), "{shown}");
}
