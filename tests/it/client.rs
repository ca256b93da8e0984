//! The network edge over real sockets: retries, credentials, redirects and bounds.

use std::time::Duration;

use alluvium::extract::ExtractErrorKind;
use alluvium::plan::ApiKeyLocation;
use serde_json::json;

use crate::support::api::{Answer, Api, End, Fault, KeyPlace};
use crate::support::walk::{Source, ids};

const CANARY: &str = "canary+/secret 7";
const PLACES: [(ApiKeyLocation, KeyPlace); 3] = [
    (ApiKeyLocation::Query, KeyPlace::Query),
    (ApiKeyLocation::Header, KeyPlace::Header),
    (ApiKeyLocation::Cookie, KeyPlace::Cookie),
];

fn one_row() -> Answer {
    Answer::json(&json!([{"id": 0}]))
}

#[tokio::test]
async fn every_fault_is_retried_and_no_row_is_lost() {
    let faults = Fault::all();
    let api = Api::rows(1_000).api().fault_every(7, faults.clone()).start().await;
    let outcome = Source::offset(&api.url, 10).read().await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.ids, ids(1_000));
    let requests = api.requests().len() as u64;
    assert!(requests / 7 >= faults.len() as u64, "each kind of fault has been met");
    assert_eq!(outcome.reading.requests, requests);
    assert_eq!(outcome.reading.retries, requests / 7);
    let reasons: Vec<&str> = outcome.reading.waits.keys().map(|reason| reason.name()).collect();
    assert_eq!(reasons[..4], ["rate_limited", "server_error", "connection", "bad_body"]);
}

#[tokio::test]
async fn retries_end() {
    let api = Api::handler(|_| Answer::text(503, "down for\n maintenance")).start().await;
    let error = Source::single(&api.url).retries(2).error().await;
    assert_eq!((error.code(), api.requests().len()), ("http_status", 3));
    assert_eq!(
        error.to_string(),
        format!(
            "page 1 of resource `items`: `{}` answered with status 503: down for maintenance (3 attempts)",
            api.url
        )
    );
}

#[tokio::test]
async fn a_refusal_is_not_retried_unless_it_says_when_to_come_back() {
    for status in [401, 403] {
        let api = Api::handler(move |_| Answer::text(status, "no")).start().await;
        assert_eq!(Source::single(&api.url).error().await.code(), "unauthorized");
        assert_eq!(api.requests().len(), 1);
    }
    let api = Api::handler(|request| match request.number {
        1 => Answer::text(403, "slow down").with("retry-after", "0"),
        _ => one_row(),
    });
    let api = api.start().await;
    assert_eq!(Source::single(&api.url).ids().await, ids(1));
}

#[tokio::test]
async fn the_key_is_sent_where_it_belongs() {
    for (location, place) in PLACES {
        let api = Api::rows(25).api().require_key("X-Key", CANARY, place).start().await;
        assert_eq!(Source::offset(&api.url, 10).key("X-Key", CANARY, location).ids().await, ids(25));
        assert_eq!(Source::offset(&api.url, 10).key("X-Key", "wrong", location).error().await.code(), "unauthorized");
    }
}

#[tokio::test]
async fn no_error_shows_a_secret() {
    for (location, place) in PLACES {
        let api = Api::rows(25).api().require_key("zugang", "another", place).start().await;
        let source = Source::single(&api.url).key("zugang", CANARY, location).endpoint(|endpoint| {
            endpoint.headers.push(("X-Tenant".into(), "canary-tenant".into()));
        });
        let refused = source.error().await;
        let url = api.stop().await;
        let mut down = source;
        down.resource.endpoint.url = url::Url::parse(&url).expect("a URL");
        let down = down.retries(0).error().await;
        for error in [refused, down] {
            let mut shown = format!("{error} {error:?} {:?}", error.hint());
            let mut cause = std::error::Error::source(&error);
            while let Some(source) = cause {
                shown.push_str(&format!(" {source} {source:?}"));
                cause = source.source();
            }
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_redirect_to_another_origin_gets_no_credentials() {
    for (location, _) in PLACES {
        let other = Api::handler(|_| one_row()).start().await;
        let target = other.url.clone();
        let api = Api::handler(move |request| {
            let query: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            Answer::redirect(302, &format!("{target}?{}", query.join("&")))
        });
        let api = api.start().await;
        let source = Source::single(&api.url).key("X-Key", "canary7", location).endpoint(|endpoint| {
            endpoint.headers.push(("X-Tenant".into(), "canary-tenant".into()));
            endpoint.params.push(("kept".into(), "1".into()));
        });
        assert_eq!(source.ids().await, ids(1));
        assert!(api.requests()[0].text().contains("canary7"));
        let seen = &other.requests()[0];
        assert!(!seen.text().contains("canary") && !seen.text().to_lowercase().contains("x-key"), "{}", seen.text());
        assert_eq!((seen.param("kept"), seen.header("accept")), (Some("1"), Some("application/json")));
    }
}

#[tokio::test]
async fn a_redirect_on_the_same_origin_keeps_credentials() {
    for (location, place) in PLACES {
        let moved = |request: &crate::support::api::ReceivedRequest| match request.path.as_str() {
            "/moved" => one_row(),
            _ => Answer::redirect(307, "/moved"),
        };
        let api = Api::handler(moved).require_key("X-Key", CANARY, place).start().await;
        assert_eq!(Source::single(&api.url).key("X-Key", CANARY, location).ids().await, ids(1));
    }
}

#[tokio::test]
async fn an_endless_redirect_is_an_error() {
    let api = Api::handler(|_| Answer::redirect(301, "/items")).start().await;
    assert_eq!(Source::single(&api.url).error().await.code(), "redirect");
    assert_eq!(api.requests().len(), 11);
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    let api = Api::rows(25).api().gzip().start().await;
    let outcome = Source::offset(&api.url, 10).read().await;
    assert_eq!(outcome.ids, ids(25));
    assert!(api.requests()[0].header("accept-encoding").is_some_and(|accepted| accepted.contains("gzip")));
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_an_error_and_not_retried() {
    for gzip in [false, true] {
        let api = Api::handler(|_| Answer::text(200, &format!("[{}1]", "1,".repeat(10_000))));
        let api = if gzip { api.gzip() } else { api };
        let api = api.start().await;
        let mut source = Source::single(&api.url);
        source.limits.body_bytes_max = 10_000;
        let error = source.error().await;
        assert_eq!((error.code(), api.requests().len()), ("body_too_large", 1));
        assert!(error.to_string().contains("more than 10000 bytes"), "{error}");
    }
}

#[tokio::test]
async fn a_silent_server_times_out_and_is_asked_again() {
    let api = Api::handler(|request| if request.number == 1 { one_row().ending(End::Silent) } else { one_row() });
    let api = api.start().await;
    let source = Source::single(&api.url).timeout(Duration::from_millis(500));
    assert_eq!(source.ids().await, ids(1));
    let api = Api::handler(|_| one_row().ending(End::Silent)).start().await;
    let error = Source::single(&api.url).timeout(Duration::from_millis(500)).retries(1).error().await;
    assert_eq!((error.code(), api.requests().len()), ("timeout", 2));
}

#[tokio::test]
async fn a_body_that_stops_in_the_middle_times_out_and_is_asked_for_again() {
    let api = Api::handler(|request| if request.number == 1 { one_row().ending(End::Stalled) } else { one_row() });
    let api = api.start().await;
    let source = Source::single(&api.url).timeout(Duration::from_millis(500));
    assert_eq!((source.ids().await, api.requests().len()), (ids(1), 2));
}

#[tokio::test]
async fn a_slow_body_is_waited_for() {
    let slow = End::Dripping(Duration::from_millis(5));
    let api = Api::rows(250).api().fault_every(1, vec![Fault::Ended(slow)]).start().await;
    let outcome = Source::offset(&api.url, 100).timeout(Duration::from_secs(30)).read().await;
    assert_eq!((outcome.ids, outcome.reading.retries), (ids(250), 0));
}

#[tokio::test]
async fn an_api_that_is_down_is_an_error_that_says_so() {
    let url = Api::rows(1).start().await.stop().await;
    let outcome = Source::single(&url).retries(2).read().await;
    let error = outcome.error.expect("nobody is there");
    assert_eq!((error.code(), outcome.reading.retries), ("connect", 2));
    assert_eq!(
        error.to_string(),
        format!("page 1 of resource `items`: `{url}` could not be connected to (3 attempts)")
    );
}

#[tokio::test]
async fn html_in_place_of_json_is_told() {
    let api = Api::handler(|_| Answer::text(200, "<html></html>")).start().await;
    let error = Source::single(&api.url).error().await;
    assert_eq!(error.code(), "bad_body");
    assert!(error.hint().unwrap_or_default().contains("HTML"));
    assert!(matches!(error.kind, ExtractErrorKind::Client(_)));
}

#[tokio::test]
async fn the_wait_that_a_server_asks_for_is_kept_up_to_the_longest() {
    let api = Api::rows(100).api().fault_every(3, vec![Fault::RetryAfter(429, "1".into())]);
    let api = api.latency(|_| Duration::from_millis(2)).start().await;
    let mut source = Source::offset(&api.url, 10).retries(20);
    source.retry.max_wait = Duration::from_millis(20);
    let outcome = source.read().await;
    assert_eq!(outcome.ids, ids(100));
    let retries = u32::try_from(outcome.reading.retries).expect("few");
    let waited = outcome.reading.waits.get(&alluvium::client::WaitReason::RateLimited);
    assert_eq!(waited, Some(&(Duration::from_millis(20) * retries)));
}
