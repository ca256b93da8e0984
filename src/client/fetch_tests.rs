//! The retry loop over a scripted transport: its clock moves only when the client waits, so that no test does.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use futures::future::BoxFuture;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::plan::{Auth, ClientAuth, Grant, Method, Secret};

type Scripted = Result<Reply, TransportError>;

/// Answers in turn; the time is that of the start plus all waits.
struct Script {
    answers: Mutex<VecDeque<Scripted>>,
    /// `Authorization` of each request, `-` where there is none.
    sent: Arc<Mutex<Vec<String>>>,
    /// When each was sent.
    times: Arc<Mutex<Vec<Instant>>>,
    present: Arc<Mutex<Instant>>,
}

impl Transport for Script {
    fn send<'a>(&'a self, request: &'a WireRequest, _bounds: Bounds) -> BoxFuture<'a, Scripted> {
        let authorization = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        self.sent.lock().expect("no poison").push(authorization.unwrap_or("-").to_owned());
        self.times.lock().expect("no poison").push(self.now());
        let answer = self.answers.lock().expect("no poison").pop_front().expect("no more requests than answers");
        Box::pin(std::future::ready(answer))
    }

    fn now(&self) -> Instant {
        *self.present.lock().expect("no poison")
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn wait_until(&self, instant: Instant) -> BoxFuture<'_, ()> {
        let mut present = self.present.lock().expect("no poison");
        *present = instant.max(*present);
        Box::pin(std::future::ready(()))
    }
}

fn script(answers: Vec<Scripted>, present: &Arc<Mutex<Instant>>) -> Script {
    Script {
        answers: Mutex::new(answers.into()),
        sent: Arc::default(),
        times: Arc::default(),
        present: Arc::clone(present),
    }
}

fn answer(status: u16, body: &'static str) -> Scripted {
    Ok(Reply { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()), spool: None })
}

fn answer_with(status: u16, name: &'static str, value: &'static str) -> Scripted {
    let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
    Ok(Reply { status, headers, body: Bytes::new(), spool: None })
}

fn broken(fault: TransportFault) -> Scripted {
    Err(TransportError { fault, source: None })
}

/// Outcome, seconds waited, and the meter.
async fn fetched(answers: Vec<Scripted>) -> (Result<Fetched<String>, ClientError>, f64, crate::client::MeterReading) {
    let start = Instant::now();
    let present = Arc::new(Mutex::new(start));
    let script = script(answers, &present);
    let client = Client::over(Box::new(script), &ClientOptions::default());
    let meter = Meter::new();
    let result = client.fetch(&request(), &meter, read).await;
    let waited = present.lock().expect("no poison").duration_since(start).as_secs_f64();
    (result, waited, meter.reading())
}

fn request() -> Request {
    let url = url::Url::parse("http://api.example/rows").expect("a URL");
    let origin = url.origin();
    Request {
        method: Method::Get,
        url,
        params: vec![],
        headers: vec![],
        json: None,
        data: None,
        secret_form: vec![],
        auth: None,
        secrets: vec![],
        actions: Arc::default(),
        origin,
        left_origin: false,
    }
}

fn read(RawBody { bytes: body, .. }: RawBody) -> Result<String, Unread> {
    // A byte that is no text stands for a body that was cut off.
    let bytes = if body.starts_with(b"cut") { vec![0xff] } else { body.to_vec() };
    String::from_utf8(bytes).map_err(|error| Unread::Broken(Box::new(error)))
}

#[tokio::test]
async fn failures_are_waited_out_with_doubling_waits() {
    let answers = vec![answer(500, ""), broken(TransportFault::Connect), answer(200, "cut"), answer(200, "rows")];
    let (result, waited, reading) = fetched(answers).await;
    let fetched = result.expect("the fourth is good");
    assert_eq!((fetched.body.as_deref(), fetched.attempts, fetched.bytes), (Some("rows"), 4, 4));
    assert!((14.0..15.5).contains(&waited), "2 + 4 + 8 s and up to 10 %, not {waited}");
    assert_eq!((reading.requests, reading.retries, reading.bytes_received), (4, 3, 7));
    let reasons: Vec<_> = reading.waits.keys().map(|reason| reason.name()).collect();
    assert_eq!(reasons, ["server_error", "connection", "bad_body"]);
}

#[tokio::test]
async fn retry_after_wins_over_the_backoff() {
    let (result, waited, reading) = fetched(vec![answer_with(429, "retry-after", "30"), answer(200, "rows")]).await;
    assert!(result.is_ok());
    assert_eq!(waited, 30.0);
    assert_eq!(reading.waits.get(&WaitReason::RateLimited), Some(&Duration::from_secs(30)));
    let (_, waited, _) = fetched(vec![answer_with(503, "retry-after", "9999"), answer(200, "rows")]).await;
    assert_eq!(waited, 300.0);
    let (_, waited, _) = fetched(vec![answer_with(503, "retry-after", "0"), answer(200, "rows")]).await;
    assert!((2.0..2.3).contains(&waited));
}

#[tokio::test]
async fn repeats_end_with_the_policy() {
    let (result, _, reading) = fetched((0..4).map(|_| answer(503, "over  \n capacity")).collect()).await;
    let error = result.expect_err("four failures");
    insta::assert_snapshot!(error.to_string(), @"`http://api.example/rows` answered with status 503: over capacity (4 attempts)");
    assert_eq!((error.code(), error.attempts, reading.requests), ("http_status", 4, 4));
}

#[tokio::test]
async fn what_cannot_go_better_is_not_repeated() {
    let refusals = [
        (answer(401, "no"), "unauthorized"),
        (answer(403, "no"), "unauthorized"),
        (answer(404, ""), "http_status"),
        (broken(TransportFault::TooLarge), "body_too_large"),
        (answer(302, ""), "redirect"),
        (answer_with(302, "location", "ftp://x/"), "redirect"),
    ];
    for (refusal, code) in refusals {
        let (result, waited, reading) = fetched(vec![refusal]).await;
        assert_eq!(result.expect_err(code).code(), code);
        assert_eq!((waited, reading.requests), (0.0, 1));
    }
}

#[tokio::test]
async fn redirects_are_bounded() {
    let (result, _, reading) = fetched((0..11).map(|_| answer_with(307, "location", "/again")).collect()).await;
    assert_eq!(result.expect_err("endless").kind, ClientErrorKind::Redirect(RedirectFault::TooMany));
    assert_eq!(reading.requests, 11);
}

#[tokio::test]
async fn an_answer_without_a_body_is_no_error() {
    for nothing in [answer(204, ""), answer(200, "")] {
        let (result, _, _) = fetched(vec![nothing]).await;
        assert_eq!(result.expect("good").body, None);
    }
}

#[tokio::test]
async fn a_pause_holds_back_all_requests_to_the_host() {
    let start = Instant::now();
    let present = Arc::new(Mutex::new(start));
    let script = script(vec![], &present);
    let throttle = Throttle::new(&Limits { requests_in_flight: std::num::NonZeroUsize::MIN, ..Limits::default() });
    throttle.pause("http://api.example", start, Duration::from_secs(9), WaitReason::RateLimited);
    throttle.pause("http://api.example", start, Duration::from_secs(3), WaitReason::QuotaSpent);
    let meter = Meter::new();
    drop(throttle.enter("http://other.example", &script, &meter).await);
    assert_eq!(script.now(), start);
    drop(throttle.enter("http://api.example", &script, &meter).await);
    assert_eq!(script.now().duration_since(start), Duration::from_secs(9));
}

/// The same with an access token.
fn guarded() -> Request {
    let grant = TokenGrant {
        url: url::Url::parse("http://login.example/token").expect("a URL"),
        client_id: Secret::new("id"),
        client_secret: Some(Secret::new("secret")),
        client_auth: ClientAuth::Body,
        grant: Grant::ClientCredentials,
        data: vec![],
        headers: vec![],
        default_expiration: Duration::from_secs(3_600),
    };
    Request { auth: Some(Auth::OAuth2(Arc::new(grant))), ..request() }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires_and_no_sooner() {
    let answers = vec![
        answer(200, r#"{"access_token": "1", "expires_in": 100}"#),
        answer_with(503, "retry-after", "89"),
        answer(200, "rows"),
        answer(200, "rows"),
        answer_with(503, "retry-after", "1"),
        answer(200, "rows"),
        answer(200, r#"{"access_token": "2"}"#),
        answer(200, "rows"),
    ];
    let script = script(answers, &Arc::new(Mutex::new(Instant::now())));
    let sent = Arc::clone(&script.sent);
    let client = Client::over(Box::new(script), &ClientOptions::default());
    for _ in 0..4 {
        client.fetch(&guarded(), &Meter::new(), read).await.expect("rows");
    }
    let sent = sent.lock().expect("no poison").join(" ");
    assert_eq!(sent, "- Bearer 1 Bearer 1 Bearer 1 Bearer 1 Bearer 1 - Bearer 2");
}

#[tokio::test]
async fn a_token_that_was_refused_is_renewed_once() {
    let token = |text| answer(200, text);
    let answers =
        vec![token(r#"{"access_token": "1"}"#), answer(401, ""), token(r#"{"access_token": "2"}"#), answer(401, "")];
    let script = script(answers, &Arc::new(Mutex::new(Instant::now())));
    let client = Client::over(Box::new(script), &ClientOptions::default());
    let error = client.fetch(&guarded(), &Meter::new(), read).await.expect_err("refused twice");
    assert_eq!(error.status(), Some(401));
}

#[tokio::test]
async fn what_a_token_endpoint_answers_says_nothing_of_the_page() {
    let script = script(vec![answer(404, "nobody here")], &Arc::new(Mutex::new(Instant::now())));
    let client = Client::over(Box::new(script), &ClientOptions::default());
    let error = client.fetch(&guarded(), &Meter::new(), read).await.expect_err("no token");
    insta::assert_snapshot!(error.to_string(), @"`http://login.example/token` gave no access token: answered with status 404: nobody here");
    // A walk takes 404 for its end where it asks beyond the last page.
    assert_eq!((error.code(), error.status()), ("token", None));
}

#[tokio::test]
async fn a_request_that_takes_no_credentials_needs_no_token() {
    let script = script(vec![answer(200, "rows")], &Arc::new(Mutex::new(Instant::now())));
    let sent = Arc::clone(&script.sent);
    let client = Client::over(Box::new(script), &ClientOptions::default());
    let away = Request { left_origin: true, ..guarded() };
    client.fetch(&away, &Meter::new(), read).await.expect("rows");
    assert_eq!(*sent.lock().expect("no poison"), ["-"]);
}

/// Sends one request after the other; the times at which they were sent, in milliseconds, and the meter.
async fn sent_at(answers: Vec<Scripted>, limits: Limits) -> (Vec<u128>, crate::client::MeterReading) {
    let start = Instant::now();
    let present = Arc::new(Mutex::new(start));
    let script = script(answers, &present);
    let (count, times) = (script.answers.lock().expect("no poison").len(), Arc::clone(&script.times));
    let client = Client::over(Box::new(script), &ClientOptions { limits, ..ClientOptions::default() });
    let meter = Meter::new();
    while times.lock().expect("no poison").len() < count {
        client.fetch(&request(), &meter, read).await.expect("a good answer in the end");
    }
    let times = times.lock().expect("no poison").iter().map(|time| time.duration_since(start).as_millis()).collect();
    (times, meter.reading())
}

#[tokio::test]
async fn the_configs_rate_limit_holds_for_all_requests_to_a_host() {
    let count = |number| std::num::NonZeroU32::new(number).expect("not zero");
    let rate = crate::plan::RateLimit { requests: count(2), per: Duration::from_secs(1), burst: count(2) };
    // A redirect is a request as any other, and so is a repeat.
    let mut answers: Vec<Scripted> = (0..4).map(|_| answer(200, "rows")).collect();
    answers.extend([answer_with(307, "location", "/again"), answer(200, "rows")]);
    let (times, reading) = sent_at(answers, Limits { rate: Some(rate), ..Limits::default() }).await;
    assert_eq!(times, [0, 0, 500, 1_000, 1_500, 2_000]);
    assert_eq!(reading.waits, [(WaitReason::RateLimit, Duration::from_secs(2))].into());
}

#[tokio::test]
async fn a_quota_that_is_spent_is_waited_for_before_the_next_request() {
    let reply = |status, left, reset| {
        let headers = [("ratelimit-remaining", left), ("ratelimit-reset", reset)];
        let headers = headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Ok(Reply { status, headers: HeaderMap::from_iter(headers), body: Bytes::from_static(b"rows"), spool: None })
    };
    let answers = vec![
        reply(200, "1", "60"),
        reply(200, "0", "60"),
        // Without a word of a status that says so, it is what a refusal means.
        reply(403, "0", "30"),
        reply(429, "0", "20"),
        reply(200, "0", "9999"),
        reply(200, "1", "9999"),
    ];
    let (times, reading) = sent_at(answers, Limits::default()).await;
    assert_eq!(times[..5], [0, 0, 60_000, 90_000, 110_000]);
    assert_eq!(times[5], 110_000 + 300_000, "no longer than the longest wait");
    assert_eq!(reading.waits.get(&WaitReason::QuotaSpent), Some(&Duration::from_secs(360)));
    assert_eq!(reading.waits.get(&WaitReason::RateLimited), Some(&Duration::from_secs(50)));
    let (result, _, _) = fetched(vec![reply(403, "1", "30")]).await;
    assert_eq!(result.expect_err("refused").code(), "unauthorized");
}
