//! The one retry loop: attempts at a request until its body is read or it has failed for good.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use tracing::{debug, warn};

use super::actions;
use super::answered::Answered;
use super::error::{ClientError, ClientErrorKind, RedirectFault, RequestFault, StartError, TokenFault};
use super::excerpt::excerpt;
use super::meter::{Meter, WaitReason};
use super::quota;
use super::readers::{RawBody, Readers, Unread};
use super::request::Request;
use super::retry::{self, Attempt, Verdict};
use super::spool::spooled_from;
use super::throttle::Throttle;
use super::tokens::{Token, TokenAnswer, Tokens};
use super::transport::{Bounds, HttpTransport, Reply, Transport, TransportError, TransportFault};
use super::wire::{Secrets, WireRequest};
use crate::plan::{Action, Limits, RetryPolicy, SafeUrl, SigningError, TokenGrant};

/// Redirects that are followed in a row; browsers and HTTP libraries stop between 10 and 20.
const REDIRECTS_MAX: u32 = 10;
/// Longer timeouts are none: the clock cannot tell all of them.
const TIMEOUT_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The bounds and the retry policy of a run's requests.
#[derive(Debug, Clone, Default)]
pub struct ClientOptions {
    /// Of these the client keeps requests in flight, time of a request and size of a body.
    pub limits: Limits,
    /// How failed requests are repeated.
    pub retry: RetryPolicy,
}

/// The HTTP client of a whole run. Clones share permits, pauses, connections and access tokens.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    transport: Box<dyn Transport>,
    throttle: Throttle,
    tokens: Tokens,
    readers: Readers,
    options: ClientOptions,
}

/// A good answer.
#[derive(Debug)]
pub struct Fetched<T> {
    /// What the body was read as; `None`: there is none (status 204, or no bytes).
    pub body: Option<T>,
    /// Where it came from in the end, as it may be shown.
    pub url: SafeUrl,
    /// Where it came from in the end, and its headers.
    pub answered: Answered,
    /// Whether `response_actions` has it ignored: it is no page then, and neither is what follows it.
    pub is_ignored: bool,
    /// Bytes of the body, after decompression.
    pub bytes: u64,
    /// Attempts made.
    pub attempts: u32,
}

/// The end of an attempt that is no good answer.
struct Failure {
    url: SafeUrl,
    kind: ClientErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
    verdict: Verdict,
    /// The wait that the server asked for.
    asked_wait: Option<Duration>,
    /// Where the answer came from; `None`: there is none.
    origin: Option<String>,
}

/// An answer, and the request that it answers.
struct Exchanged {
    hop: WireRequest,
    reply: Reply,
    sent: Instant,
}

impl Client {
    /// The client of one run.
    ///
    /// # Errors
    /// When the HTTP library cannot be set up, for instance without a store of certificates.
    pub fn new(options: &ClientOptions) -> Result<Self, StartError> {
        Ok(Self::over(Box::new(HttpTransport::new()?), options))
    }

    fn over(transport: Box<dyn Transport>, options: &ClientOptions) -> Self {
        let throttle = Throttle::new(&options.limits);
        Self {
            shared: Arc::new(Shared {
                transport,
                throttle,
                tokens: Tokens::default(),
                readers: Readers::default(),
                options: options.clone(),
            }),
        }
    }

    /// Sends `request` and reads the answer's body with `decode`, again after a wait where that may help.
    ///
    /// A body that `decode` refuses counts as a failed attempt: truncated and broken bodies often are whole the next time.
    ///
    /// # Errors
    /// When the request cannot be sent, was refused, or failed at every attempt that the retry policy allows; and when it needs
    /// an access token and there is none.
    pub async fn fetch<T, F>(&self, request: &Request, meter: &Meter, decode: F) -> Result<Fetched<T>, ClientError>
    where
        T: Send + 'static,
        F: Fn(RawBody) -> Result<T, Unread> + Clone + Send + 'static,
    {
        let Some(grant) = request.grant() else { return self.attempts(request, meter, decode).await };
        let mut is_repeated = false;
        loop {
            let token = self.token(grant, meter).await?;
            let fetched = self.attempts(&request.with_token(&token.text, grant), meter, decode.clone()).await;
            match fetched {
                Ok(mut fetched) => {
                    fetched.answered.token = Some(token.text);
                    return Ok(fetched);
                }
                // One that was replaced meanwhile was refused for its age. The next one is refused once for each of those
                // requests that have got it, so that even a server that refuses them all is not asked without end.
                Err(error) if error.refuses_token() && !is_repeated => {
                    is_repeated = self.shared.tokens.slot(grant).refuse(&token);
                    debug!(url = %error.url, is_repeated, "access token is refused");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Does work where it holds up nobody else; `None`: it panicked.
    pub async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        self.shared.readers.apart(work).await.ok()
    }

    /// The access token for `grant`, with which one request serves all who wait for it.
    async fn token(&self, grant: &Arc<TokenGrant>, meter: &Meter) -> Result<Token, ClientError> {
        let transport = self.shared.transport.as_ref();
        let slot = self.shared.tokens.slot(grant);
        let rounds = slot.rounds();
        if let Some(token) = slot.token(transport.now()) {
            return Ok(token);
        }
        let _turn = slot.turn().await;
        if let Some(token) = slot.token(transport.now()) {
            return Ok(token);
        }
        if let Some(error) = slot.failure_after(rounds) {
            return Err(error);
        }
        let asked = transport.now();
        let request = slot.request(SystemTime::now()).map_err(|SigningError| ClientError {
            url: SafeUrl::new(&grant.url, &[]),
            attempts: 0,
            kind: ClientErrorKind::Token(TokenFault::Unsigned),
            source: None,
        })?;
        let url = Secrets::of(&request).shown(&request.url);
        debug!(%url, "asks for an access token");
        let read = |body: RawBody| TokenAnswer::read(&body.bytes).map_err(|error| Unread::Broken(Box::new(error)));
        let answer = self.attempts(&request, meter, read).await;
        slot.settle(asked, url, answer.map(|fetched| fetched.body))
    }

    /// The retry loop.
    async fn attempts<T, F>(&self, request: &Request, meter: &Meter, decode: F) -> Result<Fetched<T>, ClientError>
    where
        T: Send + 'static,
        F: Fn(RawBody) -> Result<T, Unread> + Clone + Send + 'static,
    {
        let secrets = Secrets::of(request);
        let mut attempts: u32 = 0;
        loop {
            attempts = attempts.saturating_add(1);
            let failure = match self.attempt(request, &secrets, meter, decode.clone()).await {
                Ok(fetched) => return Ok(Fetched { attempts, ..fetched }),
                Err(failure) => failure,
            };
            match failure.verdict {
                Verdict::Retry(reason) if attempts <= self.shared.options.retry.max_retries => {
                    self.wait(meter, &failure, Repeat { nth: attempts, reason }).await;
                }
                Verdict::Retry(_) | Verdict::GiveUp | Verdict::Accept => return Err(failure.into_error(attempts)),
            }
        }
    }

    async fn attempt<T, F>(
        &self,
        request: &Request,
        secrets: &Secrets,
        meter: &Meter,
        decode: F,
    ) -> Result<Fetched<T>, Failure>
    where
        T: Send + 'static,
        F: Fn(RawBody) -> Result<T, Unread> + Send + 'static,
    {
        let Exchanged { hop, reply, sent } = self.exchange(request, secrets, meter).await?;
        let url = secrets.shown(&hop.url);
        let in_memory = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
        let bytes = reply.spool.as_ref().map_or(in_memory, |spool| spool.bytes);
        meter.count_bytes(bytes);
        let policy = &self.shared.options.retry;
        let retry_after = header(&reply, &RETRY_AFTER);
        let wall_clock = self.shared.transport.wall_clock();
        let spent = quota::spent(&reply.headers, wall_clock);
        let action = actions::first(&request.actions, reply.status, &reply.body);
        debug!(%url, status = reply.status, bytes, ?action, ?spent, "answer");
        let attempt = Attempt::Answered { status: reply.status, retry_after, is_spent: spent.is_some() };
        let verdict = match action {
            Some(Action::Ignore) => Verdict::Accept,
            Some(Action::Fail) => Verdict::GiveUp,
            Some(Action::Retry) => Verdict::Retry(retry::reason(reply.status)),
            None => retry::classify(policy, attempt),
        };
        let reset = spent.and_then(|spent| spent.reset).map(|wait| wait.min(policy.max_wait));
        let origin = hop.url.origin().ascii_serialization();
        self.keep_pace(&origin, sent, verdict, reset);
        if !matches!(verdict, Verdict::Accept) {
            let kind = refusal(&hop, &reply, action, secrets);
            let asked_wait = retry_after.and_then(|text| retry::asked_wait(policy, text, wall_clock)).or(reset);
            return Err(Failure { url, kind, source: None, verdict, asked_wait, origin: Some(origin) });
        }
        let answered = answered(&hop, &reply);
        if action == Some(Action::Ignore) {
            meter.count_ignored();
            return Ok(Fetched { body: None, url, answered, is_ignored: true, bytes, attempts: 0 });
        }
        if reply.status == 204 || bytes == 0 {
            return Ok(Fetched { body: None, url, answered, is_ignored: false, bytes, attempts: 0 });
        }
        let html = reply.body.trim_ascii_start().starts_with(b"<");
        match self.shared.readers.read(raw(&hop, &reply), decode).await {
            Ok(body) => Ok(Fetched { body: Some(body), url, answered, is_ignored: false, bytes, attempts: 0 }),
            Err(Unread::TooLarge) => {
                let bytes_max = self.shared.options.limits.body_bytes_max;
                Err(Failure::final_at(url, ClientErrorKind::BodyTooLarge { bytes_max }))
            }
            Err(Unread::Broken(source)) => {
                let verdict = retry::classify(policy, Attempt::BadBody);
                let kind = ClientErrorKind::BadBody { html };
                Err(Failure { url, kind, source: Some(source), verdict, asked_wait: None, origin: None })
            }
        }
    }

    /// Takes note of what an answer tells of the load that its host bears.
    fn keep_pace(&self, origin: &str, sent: Instant, verdict: Verdict, reset: Option<Duration>) {
        let throttle = &self.shared.throttle;
        let now = self.shared.transport.now();
        match (verdict, reset) {
            (Verdict::Retry(WaitReason::RateLimited), _) => throttle.refused(origin, sent, now),
            (Verdict::Accept, reset) => {
                throttle.succeeded(origin);
                if let Some(wait) = reset {
                    throttle.pause(origin, now, wait, WaitReason::QuotaSpent);
                }
            }
            (Verdict::Retry(_) | Verdict::GiveUp, _) => {}
        }
    }

    /// One answer that is no redirect, with the request that it answers. Holds one permit while one is asked for.
    async fn exchange(&self, request: &Request, secrets: &Secrets, meter: &Meter) -> Result<Exchanged, Failure> {
        let mut hop =
            WireRequest::first(request).map_err(|kind| Failure::final_at(secrets.shown(&request.url), kind))?;
        let transport = self.shared.transport.as_ref();
        let limits = &self.shared.options.limits;
        let error_body_bytes_max = actions::error_body_bytes_max(&request.actions);
        for _ in 0..=REDIRECTS_MAX {
            let entry = self.shared.throttle.enter(&hop.url.origin().ascii_serialization(), transport, meter).await;
            let sent = entry.at;
            let deadline = sent.checked_add(limits.request_timeout.min(TIMEOUT_MAX)).unwrap_or(sent);
            let spooled_from = spooled_from(limits.memory_bytes.get());
            let bounds = Bounds { deadline, body_bytes_max: limits.body_bytes_max, spooled_from, error_body_bytes_max };
            meter.count_request();
            debug!(url = %secrets.shown(&hop.url), method = %hop.method, "request");
            let reply = transport.send(&hop, bounds).await;
            drop(entry);
            let reply = reply.map_err(|error| self.broken(secrets.shown(&hop.url), error))?;
            let is_redirect = matches!(reply.status, 301 | 302 | 303 | 307 | 308);
            if !is_redirect || actions::first(&request.actions, reply.status, &reply.body).is_some() {
                return Ok(Exchanged { hop, reply, sent });
            }
            let location = header(&reply, &LOCATION).unwrap_or_default();
            let next = match location {
                "" => Err(ClientErrorKind::Redirect(RedirectFault::Location)),
                location => hop.redirected(request, reply.status, location),
            };
            hop = next.map_err(|kind| Failure::final_at(secrets.shown(&hop.url), kind))?;
        }
        Err(Failure::final_at(secrets.shown(&hop.url), ClientErrorKind::Redirect(RedirectFault::TooMany)))
    }

    fn broken(&self, url: SafeUrl, error: TransportError) -> Failure {
        let limits = &self.shared.options.limits;
        let kind = match error.fault {
            TransportFault::Connect => ClientErrorKind::Connect,
            TransportFault::Broken => ClientErrorKind::Broken,
            TransportFault::Timeout => ClientErrorKind::Timeout { after: limits.request_timeout },
            TransportFault::TooLarge => ClientErrorKind::BodyTooLarge { bytes_max: limits.body_bytes_max },
            TransportFault::Unsendable => ClientErrorKind::Request(RequestFault::Refused),
        };
        let verdict = retry::classify(&self.shared.options.retry, Attempt::Broken(error.fault));
        Failure { url, kind, source: error.source, verdict, asked_wait: None, origin: None }
    }

    /// Waits before a repeat. Where the server spoke of its load the whole host waits.
    async fn wait(&self, meter: &Meter, failure: &Failure, repeat: Repeat) {
        let transport = self.shared.transport.as_ref();
        let backoff = || retry::backoff(&self.shared.options.retry, repeat.nth, fastrand::f64());
        let wait = failure.asked_wait.unwrap_or_else(backoff);
        let now = transport.now();
        let is_of_host = repeat.reason == WaitReason::RateLimited || failure.asked_wait.is_some();
        if let Some(origin) = failure.origin.as_ref().filter(|_| is_of_host) {
            self.shared.throttle.pause(origin, now, wait, WaitReason::RateLimited);
        }
        meter.count_retry(repeat.reason, wait);
        warn!(url = %failure.url, problem = %failure.kind, attempt = repeat.nth, wait_ms = %wait.as_millis(), "request is repeated");
        if let Some(until) = now.checked_add(wait) {
            transport.wait_until(until).await;
        }
    }
}

/// The next repeat: its number, from 1, and why.
#[derive(Clone, Copy)]
struct Repeat {
    nth: u32,
    reason: WaitReason,
}

impl Failure {
    fn final_at(url: SafeUrl, kind: ClientErrorKind) -> Self {
        Self { url, kind, source: None, verdict: Verdict::GiveUp, asked_wait: None, origin: None }
    }

    fn into_error(self, attempts: u32) -> ClientError {
        ClientError { url: self.url, attempts, kind: self.kind, source: self.source }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

fn header<'a>(reply: &'a Reply, name: &reqwest::header::HeaderName) -> Option<&'a str> {
    reply.headers.get(name).and_then(|value| value.to_str().ok())
}

fn raw(hop: &WireRequest, reply: &Reply) -> RawBody {
    let content_type = header(reply, &CONTENT_TYPE).map(|text| text.trim().to_ascii_lowercase());
    let name = hop.url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default().to_owned();
    RawBody { bytes: reply.body.clone(), spool: reply.spool.clone(), content_type, name }
}

fn answered(hop: &WireRequest, reply: &Reply) -> Answered {
    let text = |value: &reqwest::header::HeaderValue| String::from_utf8(value.as_bytes().to_vec()).ok();
    let headers = reply.headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)));
    Answered::new(hop.url.clone(), hop.left_origin, headers.collect())
}

fn refusal(hop: &WireRequest, reply: &Reply, action: Option<Action>, secrets: &Secrets) -> ClientErrorKind {
    let body = excerpt(&reply.body, secrets);
    match reply.status {
        status if action.is_some() => {
            ClientErrorKind::Unwanted { status, body, is_retried: action == Some(Action::Retry) }
        }
        status @ (401 | 403) => ClientErrorKind::Unauthorized { status, body, left_origin: hop.left_origin },
        status => ClientErrorKind::Status { status, body },
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
