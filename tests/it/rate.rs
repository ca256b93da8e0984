//! How fast requests follow each other: by the config, by what servers say is left, and by what they bear.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alluvium::client::WaitReason;
use alluvium::plan::RateLimit;
use serde_json::json;

use crate::support::api::{Answer, Api, ReceivedRequest};
use crate::support::walk::{Source, ids};

/// Ten of `count` rows, with their number.
fn ten(request: &ReceivedRequest, count: usize) -> Answer {
    let offset = request.number_param("offset").unwrap_or(0);
    let data: Vec<_> = (offset..(offset + 10).min(count)).map(|id| json!({"id": id})).collect();
    Answer::json(&json!({"data": data, "total": count}))
}

#[tokio::test]
async fn the_configs_limit_holds_however_many_requests_are_in_flight() {
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = Arc::clone(&times);
    let api = Api::handler(|request| ten(request, 200)).telling(move |_| seen.lock().unwrap().push(Instant::now()));
    let api = api.start().await;
    let count = |number| NonZeroU32::new(number).expect("not zero");
    let mut source = Source::offset(&api.url, 10).in_flight(8);
    source.limits.rate = Some(RateLimit { requests: count(100), per: Duration::from_secs(1), burst: count(5) });
    let outcome = source.read().await;
    assert_eq!(outcome.ids, ids(200));
    let times = times.lock().unwrap();
    // Twenty requests, of which five may come at once, take 150 ms; without the limit it were 20. An arrival may be late, and the
    // next then seems early.
    let took = times.last().expect("twenty").duration_since(times[0]);
    assert!(took >= Duration::from_millis(100), "{took:?}");
    assert!(outcome.reading.waits.contains_key(&WaitReason::RateLimit), "{:?}", outcome.reading.waits);
}

#[tokio::test]
async fn nothing_is_sent_while_the_server_says_that_nothing_is_left() {
    let reset = Duration::from_millis(50);
    let closed_until: Mutex<Option<Instant>> = Mutex::default();
    let api = Api::handler(move |request| {
        let mut closed_until = closed_until.lock().unwrap();
        if closed_until.is_some_and(|until| Instant::now() < until) {
            return Answer::text(400, "too early");
        }
        match request.number % 5 {
            0 => {
                *closed_until = Some(Instant::now() + reset);
                ten(request, 120).with("x-ratelimit-remaining", "0").with("x-ratelimit-reset-after", "0.05")
            }
            _ => ten(request, 120).with("x-ratelimit-remaining", "1").with("x-ratelimit-reset-after", "0.05"),
        }
    });
    let api = api.start().await;
    let outcome = Source::offset(&api.url, 10).in_flight(1).read().await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!((outcome.ids, outcome.reading.retries), (ids(120), 0));
    assert!(outcome.reading.waits.get(&WaitReason::QuotaSpent).is_some_and(|waited| *waited >= reset));
}

#[tokio::test]
async fn a_server_that_only_refuses_is_asked_more_slowly() {
    // Three requests in each tenth of a second.
    let window: Mutex<(u128, usize)> = Mutex::default();
    let start = Instant::now();
    let api = Api::handler(move |request| {
        let present = start.elapsed().as_millis() / 100;
        let mut window = window.lock().unwrap();
        *window = if window.0 == present { (present, window.1 + 1) } else { (present, 1) };
        if window.1 > 3 { Answer::text(429, "") } else { ten(request, 200) }
    });
    let api = api.start().await;
    let mut source = Source::offset(&api.url, 10).in_flight(4).retries(6);
    source.retry.backoff_factor = 0.02;
    let outcome = source.read().await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.ids, ids(200));
    let reasons: Vec<&str> = outcome.reading.waits.keys().map(|reason| reason.name()).collect();
    assert_eq!(reasons, ["rate_limited", "paced"]);
}

#[tokio::test]
async fn a_403_with_nothing_left_is_waited_out() {
    let api = Api::handler(|request| match request.number {
        1 => Answer::text(403, "limit exceeded")
            .with("x-ratelimit-remaining", "0")
            .with("x-ratelimit-reset-after", "0.01"),
        _ => Answer::json(&json!([{"id": 0}])),
    });
    let api = api.start().await;
    let outcome = Source::single(&api.url).read().await;
    assert_eq!((outcome.ids, outcome.reading.retries), (ids(1), 1));
    assert_eq!(outcome.reading.waits, [(WaitReason::RateLimited, Duration::from_millis(10))].into());
}
