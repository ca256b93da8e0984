//! Credentials over real sockets: tokens and passwords, and access tokens that a token endpoint hands out for a while.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alluvium::client::{Client, ClientOptions, Meter, Request};
use alluvium::plan::Limits;
use serde_json::{Value, json};

use crate::support::api::{Answer, Api, KeyPlace, ReceivedRequest, Running};
use crate::support::command::{Bench, CANARY};
use crate::support::walk::{Source, ids};

/// The token endpoint beside an API's rows.
fn token_url(url: &str) -> String {
    url.replace("/items", "/token")
}

/// An auth of client credentials at this token endpoint, with these keys more.
fn oauth2(token_url: &str, more: &Value) -> Value {
    let mut auth = json!({
        "type": "oauth2_client_credentials",
        "access_token_url": token_url,
        "client_id": "my-client",
        "client_secret": CANARY,
    });
    for (key, value) in more.as_object().expect("an object") {
        auth[key] = value.clone();
    }
    auth
}

/// Pages of ten by offset, with this auth.
fn pages(url: &str, auth: &Value) -> Source {
    Source::configured(url, &json!({"auth": auth, "paginator": {"type": "offset", "limit": 10}}))
}

/// An API whose token endpoint answers so, with a number of its own in each token, and that takes the newest token only.
fn guarded(token: impl Fn(&ReceivedRequest, usize) -> Answer + Send + Sync + 'static) -> Api {
    let count = AtomicUsize::new(0);
    Api::handler(move |request| {
        if request.path == "/token" {
            return token(request, count.fetch_add(1, Ordering::SeqCst) + 1);
        }
        let expected = format!("Bearer token-{}", count.load(Ordering::SeqCst));
        if request.header("authorization") != Some(&expected) {
            return Answer::text(401, &format!("bad token in {}", request.text()));
        }
        let offset = request.number_param("offset").unwrap_or_default();
        let page: Vec<Value> = (offset..(offset + 10).min(95)).map(|id| json!({"id": id})).collect();
        Answer::json(&json!({"data": page, "total": 95}))
    })
}

fn token(number: usize) -> Answer {
    Answer::json(&json!({"access_token": format!("token-{number}"), "expires_in": 3_600, "token_type": "bearer"}))
}

/// The requests for a token.
fn asked(api: &Running) -> Vec<ReceivedRequest> {
    api.requests().into_iter().filter(|request| request.path == "/token").collect()
}

#[tokio::test]
async fn tokens_and_passwords_are_sent() {
    let table = [
        (json!({"token": "abc"}), "Bearer abc"),
        (json!({"type": "http_basic", "username": "sk_test", "password": ""}), "Basic c2tfdGVzdDo="),
        (
            json!({"type": "http_basic", "username": "me@acme.io/token", "password": "k"}),
            "Basic bWVAYWNtZS5pby90b2tlbjpr",
        ),
    ];
    for (auth, expected) in table {
        let api = Api::rows(25).api().require_key("Authorization", expected, KeyPlace::Header).start().await;
        assert_eq!(pages(&api.url, &auth).ids().await, ids(25));
    }
}

#[tokio::test]
async fn an_access_token_is_asked_for_once() {
    let api = guarded(|_, number| token(number)).start().await;
    let data = json!({"access_token_request_data": {"scope": "read all"}});
    let outcome = pages(&api.url, &oauth2(&token_url(&api.url), &data)).read().await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.ids, ids(95));
    assert_eq!(outcome.reading.requests, api.requests().len() as u64);
    let asked = asked(&api);
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].method.as_str(), asked[0].header("authorization")), ("POST", None));
    assert_eq!(asked[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    let expected = "client_id=my-client&client_secret=canary-5e7d&grant_type=client_credentials&scope=read+all";
    assert_eq!(asked[0].body, expected);
}

#[tokio::test]
async fn a_client_may_say_who_it_is_by_basic() {
    let api = guarded(|_, number| token(number)).start().await;
    let auth = oauth2(&token_url(&api.url), &json!({"client_auth": "basic"}));
    assert_eq!(pages(&api.url, &auth).ids().await, ids(95));
    let asked = asked(&api);
    assert_eq!(asked[0].header("authorization"), Some("Basic bXktY2xpZW50OmNhbmFyeS01ZTdk"));
    assert_eq!(asked[0].body, "grant_type=client_credentials");
}

#[tokio::test]
async fn a_token_that_is_refused_in_mid_walk_is_asked_for_again_by_one_request() {
    let api = Api::rows(1_000).api().latency(|_| Duration::from_millis(1)).expiring_tokens(30).start().await;
    let outcome = pages(&api.url, &oauth2(&token_url(&api.url), &json!({}))).in_flight(8).read().await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.ids, ids(1_000));
    // A hundred pages, thirty by each token.
    assert_eq!(asked(&api).len(), 4);
    assert_eq!(outcome.reading.retries, 0);
}

#[tokio::test]
async fn a_token_that_has_expired_is_not_sent() {
    let api = guarded(|_, number| Answer::json(&json!({"access_token": format!("token-{number}"), "expires_in": "0"})));
    let api = api.start().await;
    let auth = oauth2(&token_url(&api.url), &json!({}));
    assert_eq!(pages(&api.url, &auth).in_flight(1).ids().await, ids(95));
    assert_eq!((asked(&api).len(), api.requests().len()), (10, 20));
}

#[tokio::test]
async fn a_refresh_token_is_changed_for_the_next_one() {
    let api = guarded(|request, number| {
        let expected =
            format!("client_id=my-client&grant_type=refresh_token&refresh_token=refresh-{}", number.saturating_sub(1));
        if request.body != expected {
            return Answer::text(400, r#"{"error": "invalid_grant"}"#);
        }
        let token = format!("token-{number}");
        Answer::json(&json!({"access_token": token, "refresh_token": format!("refresh-{number}"), "expires_in": 0}))
    });
    let api = api.start().await;
    let more = json!({"grant_type": "refresh_token", "refresh_token": "refresh-0", "client_secret": null});
    let auth = oauth2(&token_url(&api.url), &more);
    assert_eq!(pages(&api.url, &auth).in_flight(1).ids().await, ids(95));
    assert_eq!(asked(&api).len(), 10);
}

/// A key made for these tests, and its public half.
const KEY: &str = include_str!("support/signing_key.pem");
const PUBLIC_KEY: &[u8] = include_bytes!("support/signing_key_public.pem");

#[tokio::test]
async fn a_client_may_sign_for_itself() {
    let api = guarded(|_, number| token(number)).start().await;
    let url = token_url(&api.url);
    let auth = json!({"type": "oauth_jwt", "auth_endpoint": url, "client_id": "my-client", "private_key": KEY,
        "scopes": ["read", "all"], "headers": {"X-Tenant": "t1"}});
    let outcome = pages(&api.url, &auth).read().await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.ids, ids(95));
    let [asked] = asked(&api).try_into().expect("one request serves all");
    assert_eq!(asked.header("x-tenant"), Some("t1"));
    let form: Vec<(String, String)> = url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
    let [(kind, grant), (name, assertion)] = form.try_into().expect("two fields");
    assert_eq!((kind.as_str(), name.as_str()), ("grant_type", "assertion"));
    assert_eq!(grant, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.set_audience(&[&url]);
    rules.set_issuer(&["my-client"]);
    let key = jsonwebtoken::DecodingKey::from_rsa_pem(PUBLIC_KEY).expect("a key");
    let claims = jsonwebtoken::decode::<Value>(&assertion, &key, &rules).expect("the signature is right").claims;
    assert_eq!((&claims["sub"], &claims["scope"]), (&json!("my-client"), &json!("read all")));
    let (from, to) = (claims["iat"].as_u64().expect("a time"), claims["exp"].as_u64().expect("a time"));
    assert_eq!(to - from, 3_600);
}

#[tokio::test]
async fn an_api_that_refuses_every_token_is_asked_twice() {
    let api = Api::handler(|request| match request.path.as_str() {
        "/token" => token(1),
        _ => Answer::text(401, &format!("bad token in {}", request.text())),
    });
    let api = api.start().await;
    let error = pages(&api.url, &oauth2(&token_url(&api.url), &json!({}))).error().await;
    assert_eq!(error.code(), "unauthorized");
    assert_eq!((asked(&api).len(), api.requests().len()), (2, 4));
    assert!(!format!("{error} {error:?}").contains("token-1"), "{error}");
}

#[tokio::test]
async fn a_token_endpoint_that_fails_for_a_while_is_asked_again() {
    let api = guarded(|_, number| if number < 3 { Answer::text(503, "not now") } else { token(number) });
    let api = api.start().await;
    let outcome = pages(&api.url, &oauth2(&token_url(&api.url), &json!({}))).read().await;
    assert_eq!((outcome.ids, outcome.reading.retries), (ids(95), 2));
}

#[tokio::test]
async fn what_gives_no_token_is_named() {
    let table = [
        (Answer::text(404, "no such page"), "answered with status 404: no such page", "check `access_token_url`"),
        (
            Answer::text(200, "<html>"),
            "answered with a body that could not be read (2 attempts)",
            "check `access_token_url`",
        ),
        (Answer::json(&json!({"token": CANARY})), "answered without a usable `access_token`", "`access_token`"),
        (Answer::text(204, ""), "answered without a usable `access_token`", "`access_token`"),
        (Answer::text(503, "down"), "answered with status 503: down (2 attempts)", "try again later"),
    ];
    for (answer, expected, hint) in table {
        let api = Api::handler(move |_| answer.clone()).start().await;
        let url = token_url(&api.url);
        let error = pages(&api.url, &oauth2(&url, &json!({}))).retries(1).error().await;
        assert_eq!(error.code(), "token");
        let expected = format!("page 1 of resource `items`: `{url}` gave no access token: {expected}");
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some_and(|told| told.contains(hint)), "{:?}", error.hint());
        assert!(!format!("{error:?}").contains(CANARY));
    }
}

#[tokio::test]
async fn a_client_secret_follows_no_redirect_to_another_origin() {
    let other = Api::handler(|_| token(1)).start().await;
    for status in [302, 307] {
        for more in [json!({}), json!({"client_auth": "basic"})] {
            let target = other.url.clone();
            let api = Api::handler(move |_| Answer::redirect(status, &target)).start().await;
            let error = pages(&api.url, &oauth2(&token_url(&api.url), &more)).error().await;
            assert!(
                error.to_string().ends_with("redirect to another origin, where no credentials are sent"),
                "{error}"
            );
        }
    }
    assert!(other.requests().is_empty());
    // On its own origin it may have moved.
    let api = guarded(|request, number| match request.param("moved") {
        None => Answer::redirect(307, "/token?moved=1"),
        Some(_) => token(number),
    });
    let api = api.start().await;
    assert_eq!(pages(&api.url, &oauth2(&token_url(&api.url), &json!({}))).ids().await, ids(95));
}

#[tokio::test]
async fn a_link_to_another_origin_is_followed_without_the_token() {
    let other = Api::handler(|_| Answer::json(&json!({"data": [{"id": 1}], "next": null}))).start().await;
    for auth in
        [json!({"token": CANARY}), json!({"type": "http_basic", "username": CANARY, "password": CANARY}), json!(null)]
    {
        let next = format!("{}?access_token=token-1", other.url);
        let api = Api::handler(move |request| match request.path.as_str() {
            "/token" => token(1),
            _ => Answer::json(&json!({"data": [{"id": 0}], "next": next})),
        });
        let api = api.start().await;
        let auth = if auth.is_null() { oauth2(&token_url(&api.url), &json!({})) } else { auth };
        let paginator = json!({"type": "json_link", "next_url_path": "next"});
        let source = Source::configured(&api.url, &json!({"auth": auth, "paginator": paginator}));
        assert_eq!(source.ids().await, ids(2));
        assert!(api.requests().iter().any(|request| request.header("authorization").is_some()));
        let seen = other.requests().pop().expect("a request");
        assert!(seen.header("authorization").is_none() && !seen.text().contains(CANARY), "{}", seen.text());
    }
    let last = other.requests().pop().expect("a request");
    assert!(!last.text().contains("token-1"), "{}", last.text());
}

/// Eight requests by one client, all of them on their way before the first is answered.
async fn together(api: &Running) -> Vec<Result<(), String>> {
    let source = pages(&api.url, &oauth2(&token_url(&api.url), &json!({})));
    let endpoint = source.resource.endpoint;
    let request = Request {
        method: endpoint.method,
        url: endpoint.url.clone(),
        params: vec![],
        headers: vec![],
        json: None,
        data: None,
        secret_form: vec![],
        auth: endpoint.auth,
        secrets: vec![],
        actions: std::sync::Arc::default(),
        origin: endpoint.url.origin(),
        left_origin: false,
    };
    let limits = Limits { requests_in_flight: NonZeroUsize::new(8).expect("not zero"), ..source.limits };
    let client = Client::new(&ClientOptions { limits, retry: source.retry }).expect("an HTTP client");
    let meter = Meter::new();
    let fetches = (0..8).map(|_| client.fetch(&request, &meter, |_| Ok(())));
    let fetched = futures::future::join_all(fetches).await;
    fetched.into_iter().map(|fetched| fetched.map(|_| ()).map_err(|error| error.to_string())).collect()
}

#[tokio::test]
async fn requests_in_flight_share_one_refresh() {
    let api = Api::handler(|request| match (request.path.as_str(), request.header("authorization")) {
        ("/token", _) => token(if request.number == 1 { 1 } else { 2 }),
        (_, Some("Bearer token-2")) => Answer::json(&json!([])),
        _ => Answer::text(401, "expired"),
    });
    let api = api.latency(|_| Duration::from_millis(50)).start().await;
    assert_eq!(together(&api).await, [const { Ok(()) }; 8]);
    assert_eq!((asked(&api).len(), api.requests().len()), (2, 18));
}

#[tokio::test]
async fn requests_in_flight_share_one_failure() {
    let api =
        Api::handler(|_| Answer::text(400, "unknown client")).latency(|_| Duration::from_millis(50)).start().await;
    let expected = format!("`{}` gave no access token: answered with status 400: unknown client", token_url(&api.url));
    assert_eq!(together(&api).await, vec![Err(expected); 8]);
    assert_eq!(api.requests().len(), 1);
}

/// A config of several resources with the same auth.
fn config(api: &Running, auth: &Value, count: usize) -> String {
    let resources: Vec<Value> = (0..count)
        .map(|number| {
            let paginator = json!({"type": "offset", "limit": 10});
            json!({"name": format!("r{number}"), "endpoint": {"path": "items", "data_selector": "data", "paginator": paginator}})
        })
        .collect();
    let base_url = api.url.trim_end_matches("/items");
    let client = json!({"base_url": base_url, "auth": auth, "retry": {"backoff_factor": 0.001}});
    json!({"client": client, "resources": resources, "limits": {"resources_in_flight": count}}).to_string()
}

#[tokio::test]
async fn resources_that_start_together_ask_for_one_token() {
    let slow = |request: &ReceivedRequest| Duration::from_millis(if request.path == "/token" { 100 } else { 0 });
    let api = guarded(|_, number| token(number)).latency(slow).start().await;
    let bench = Bench::new(vec![]).await;
    let path = bench.write("c.json", &config(&api, &oauth2(&token_url(&api.url), &json!({})), 5));
    let run = bench.run(&path, &[]).await;
    assert_eq!(run.code, 0, "{:#}\n{}", run.report, run.stderr);
    assert_eq!((asked(&api).len(), api.requests().len()), (1, 51));
    assert!(!run.stderr.contains("token-1"), "an access token is on stderr");
}

#[tokio::test]
async fn a_wrong_secret_is_one_clear_error_and_exit_code_4() {
    let refused = |request: &ReceivedRequest, _| {
        Answer::text(401, &json!({"error": "invalid_client", "got": request.text()}).to_string())
    };
    for more in [json!({}), json!({"client_auth": "basic"})] {
        let api = guarded(refused).start().await;
        let bench = Bench::new(vec![]).await;
        let path = bench.write("c.json", &config(&api, &oauth2(&token_url(&api.url), &more), 1));
        let run = bench.run(&path, &[]).await;
        assert_eq!(run.code, 4, "{:#}\n{}", run.report, run.stderr);
        let error = &run.report["resources"][0]["error"];
        assert_eq!((&error["class"], &error["code"]), (&json!("auth"), &json!("token")));
        let message = error["message"].as_str().expect("a text");
        let expected = format!(
            "`{}` gave no access token: answered with status 401: {{\"error\":\"invalid_client\"",
            token_url(&api.url)
        );
        assert!(message.contains(&expected), "{message}");
        assert_eq!(api.requests().len(), 1);
        let base64 = "bXktY2xpZW50OmNhbmFyeS01ZTdk";
        assert!(!format!("{:#}{}", run.report, run.stderr).contains(base64), "{message}");
    }
}

#[tokio::test]
async fn no_output_shows_a_token_or_a_password() {
    let told = Arc::new(std::sync::Mutex::new(String::new()));
    for auth in [
        json!({"token": CANARY}),
        json!({"type": "http_basic", "username": CANARY, "password": ""}),
        json!({"type": "http_basic", "username": "me", "password": CANARY}),
    ] {
        let seen = Arc::clone(&told);
        let api = Api::handler(move |request| {
            let sent = request.header("authorization").unwrap_or_default().to_owned();
            let answer = Answer::text(401, &format!("{sent} of {CANARY} is wrong"));
            *seen.lock().expect("no poison") = sent.split(' ').next_back().unwrap_or_default().to_owned();
            answer
        });
        let api = api.start().await;
        let bench = Bench::new(vec![]).await;
        let path = bench.write("c.json", &config(&api, &auth, 1));
        let run = bench.run(&path, &[]).await;
        assert_eq!(run.code, 4, "{:#}\n{}", run.report, run.stderr);
        let sent = told.lock().expect("no poison").clone();
        assert!(!sent.is_empty() && !format!("{:#}{}", run.report, run.stderr).contains(&sent));
    }
}
