//! Access tokens of OAuth 2: one for each grant, kept for the whole run.
//!
//! 1. A token is good until shortly before it expires; then, and after an API has refused it, the next one is asked for.
//! 2. Who needs one waits for the turn to ask. Whose turn comes looks first whether somebody else has got one meanwhile, or has
//!    failed to: so that one request serves all who wait. Who is dropped while asking passes the turn on.
//! 3. A refresh token that comes with an access token takes the place of the one before it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::{ClientError, ClientErrorKind, TokenFault};
use super::request::Request;
use crate::plan::{Auth, ClientAuth, Grant, Method, SafeUrl, Secret, SigningError, SigningKey, TokenGrant};

/// The longest time before its expiry at which a token is given up: a request may wait for its turn and travel.
const SLACK_MAX: Duration = Duration::from_secs(30);
/// Of a short life a tenth is given up at most.
const SLACK_SHARE: u32 = 10;
/// How long an assertion is good for; dlt's hour.
const ASSERTION_S: u64 = 3_600;

/// The tokens of a run. As many entries as its config has grants.
#[derive(Default)]
pub(super) struct Tokens {
    slots: Mutex<Vec<Arc<Slot>>>,
}

/// The token of one grant.
pub(super) struct Slot {
    grant: Arc<TokenGrant>,
    /// Held by who asks.
    turn: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// What came with the last token, in place of the grant's.
    refresh_token: Option<Secret>,
    /// Requests for a token that have ended.
    rounds: u64,
    /// How the last of them failed.
    failed: Option<Failed>,
}

/// An error that is told to all who waited.
#[derive(Clone)]
struct Failed {
    url: SafeUrl,
    attempts: u32,
    fault: TokenFault,
}

/// An access token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) text: Secret,
    /// The round that brought it.
    round: u64,
    /// When the next one is asked for; `None`: beyond all time.
    good_until: Option<Instant>,
}

/// What a token endpoint answers, as far as it is of use.
#[derive(Debug, Clone)]
pub(super) struct TokenAnswer {
    access_token: Option<Secret>,
    refresh_token: Option<Secret>,
    expires_in: Option<Duration>,
}

impl Tokens {
    pub(super) fn slot(&self, grant: &Arc<TokenGrant>) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.iter().find(|slot| slot.grant == *grant) {
            return Arc::clone(slot);
        }
        let slot =
            Arc::new(Slot { grant: Arc::clone(grant), turn: Semaphore::new(1), state: Mutex::new(State::default()) });
        slots.push(Arc::clone(&slot));
        slot
    }
}

impl Slot {
    /// The token, if it is good at `now`.
    pub(super) fn token(&self, now: Instant) -> Option<Token> {
        self.state().token.clone().filter(|token| token.good_until.is_none_or(|until| until > now))
    }

    /// How many requests for a token have ended.
    pub(super) fn rounds(&self) -> u64 {
        self.state().rounds
    }

    /// The turn to ask. `None` never happens: the semaphore is never closed.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turn.acquire().await.ok()
    }

    /// What became of the last request, if it ended after so many others and failed.
    pub(super) fn failure_after(&self, rounds: u64) -> Option<ClientError> {
        let state = self.state();
        (state.rounds > rounds).then(|| state.failed.clone()).flatten().map(Failed::into_error)
    }

    /// Gives a token up that an API has refused. Whether it was still the one in use.
    pub(super) fn refuse(&self, token: &Token) -> bool {
        let mut state = self.state();
        let is_current = state.token.as_ref().is_some_and(|current| current.round == token.round);
        if is_current {
            state.token = None;
        }
        is_current
    }

    /// Keeps what became of a request that was sent at `asked`, and gives it to who asked.
    pub(super) fn settle(
        &self,
        asked: Instant,
        url: SafeUrl,
        answer: Result<Option<TokenAnswer>, ClientError>,
    ) -> Result<Token, ClientError> {
        let mut state = self.state();
        state.rounds = state.rounds.saturating_add(1);
        let (failed, source) = match answer {
            Ok(Some(TokenAnswer { access_token: Some(text), refresh_token, expires_in })) => {
                let lifetime = expires_in.unwrap_or(self.grant.default_expiration);
                let slack = (lifetime / SLACK_SHARE).min(SLACK_MAX);
                let token = Token { text, round: state.rounds, good_until: asked.checked_add(lifetime - slack) };
                state.refresh_token = refresh_token.or_else(|| state.refresh_token.take());
                state.failed = None;
                state.token = Some(token.clone());
                return Ok(token);
            }
            Ok(_) => (Failed { url, attempts: 1, fault: TokenFault::Missing }, None),
            // The cause below, such as a certificate, is told to who asked: it cannot be told twice.
            Err(ClientError { url, attempts, kind, source }) => {
                (Failed { url, attempts, fault: TokenFault::Request(Box::new(kind)) }, source)
            }
        };
        state.token = None;
        state.failed = Some(failed.clone());
        Err(ClientError { source, ..failed.into_error() })
    }

    /// The request for the next token, at a time of the clock on the wall. What it is made of is secret, and it goes to no other
    /// origin.
    ///
    /// # Errors
    /// When the key of an assertion does not sign.
    pub(super) fn request(&self, now: SystemTime) -> Result<Request, SigningError> {
        let grant = &self.grant;
        let refresh_token = self.state().refresh_token.clone();
        let mut form: Vec<(String, Secret)> = Vec::new();
        let mut put = |name: &str, value: Secret| {
            form.retain(|(seen, _)| seen != name);
            form.push((name.to_owned(), value));
        };
        let client_secret = grant.client_secret.clone();
        let auth = match (grant.client_auth, client_secret) {
            _ if matches!(grant.grant, Grant::Assertion { .. }) => None,
            (ClientAuth::Basic, secret) => Some(Auth::Basic {
                username: form_encoded(&grant.client_id),
                password: form_encoded(&secret.unwrap_or_else(|| Secret::new(""))),
            }),
            (ClientAuth::Body, secret) => {
                put("client_id", grant.client_id.clone());
                if let Some(secret) = secret {
                    put("client_secret", secret);
                }
                None
            }
        };
        match &grant.grant {
            Grant::ClientCredentials => put("grant_type", Secret::new("client_credentials")),
            Grant::RefreshToken(first) => {
                put("grant_type", Secret::new("refresh_token"));
                put("refresh_token", refresh_token.unwrap_or_else(|| first.clone()));
            }
            Grant::Assertion { key, scope } => {
                put("grant_type", Secret::new(ASSERTION));
                put("assertion", assertion(grant, key, scope.as_deref(), now)?);
            }
        }
        form.retain(|(name, _)| grant.data.iter().all(|(given, _)| given != name));
        form.extend(grant.data.iter().cloned());
        Ok(Request {
            method: Method::Post,
            url: grant.url.clone(),
            params: Vec::new(),
            headers: grant.headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
            json: None,
            data: None,
            secret_form: form,
            auth,
            secrets: grant.secrets().cloned().chain([grant.client_id.clone()]).collect(),
            actions: Arc::default(),
            origin: grant.url.origin(),
            left_origin: false,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `grant_type` of a signed assertion (RFC 7523, section 2.1).
const ASSERTION: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What a client says of itself, signed; the claims are those of dlt.
fn assertion(
    grant: &TokenGrant,
    key: &SigningKey,
    scope: Option<&str>,
    now: SystemTime,
) -> Result<Secret, SigningError> {
    let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut claims = json!({
        "iss": grant.client_id.expose(),
        "sub": grant.client_id.expose(),
        "aud": grant.url.as_str(),
        "exp": now_s.saturating_add(ASSERTION_S),
        "iat": now_s,
    });
    if let Some(scope) = scope {
        claims["scope"] = scope.into();
    }
    key.sign(&claims)
}

impl Failed {
    fn into_error(self) -> ClientError {
        ClientError { url: self.url, attempts: self.attempts, kind: ClientErrorKind::Token(self.fault), source: None }
    }
}

impl TokenAnswer {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is no JSON. The error tells where, and shows nothing of it.
    pub(super) fn read(body: &Bytes) -> Result<Self, serde_json::Error> {
        let body: Value = serde_json::from_slice(body)?;
        let text =
            |name: &str| body.get(name).and_then(Value::as_str).filter(|text| is_sendable(text)).map(Secret::new);
        let expires_in = match body.get("expires_in") {
            Some(Value::String(text)) => text.trim().parse::<f64>().ok(),
            Some(number) => number.as_f64(),
            None => None,
        };
        // A negative one is past.
        let expires_in =
            expires_in.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX));
        Ok(Self { access_token: text("access_token"), refresh_token: text("refresh_token"), expires_in })
    }
}

/// Whether a token consists of what RFC 6749 (appendix A.12) makes it of.
fn is_sendable(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// As RFC 6749 (section 2.3.1) has it: a colon in the id would end it.
fn form_encoded(secret: &Secret) -> Secret {
    Secret::new(url::form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect::<String>())
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
