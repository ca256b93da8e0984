//! Why a request failed for good. No secret is in it: URLs are [`SafeUrl`]s, excerpts are redacted.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::plan::SafeUrl;

/// A request that failed for good.
///
/// `Display` tells what was seen; the cause below it, if there is one, is only in [`Error::source`].
#[derive(Debug)]
pub struct ClientError {
    /// Where the last attempt ended.
    pub url: SafeUrl,
    /// Attempts made.
    pub attempts: u32,
    /// What happened at the last attempt.
    pub kind: ClientErrorKind,
    /// The cause below.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// What happened at the last attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientErrorKind {
    /// 401 or 403.
    Unauthorized {
        /// The status.
        status: u16,
        /// The beginning of the answer's body.
        body: String,
        /// Whether a redirect or a link had led to another origin, where no credentials are sent.
        left_origin: bool,
    },
    /// Another status that is no success.
    Status {
        /// The status.
        status: u16,
        /// The beginning of the answer's body.
        body: String,
    },
    /// `response_actions` has it fail, or had it asked for again until there was no more time.
    Unwanted {
        /// The status.
        status: u16,
        /// The beginning of the answer's body.
        body: String,
        /// Whether it was asked for again.
        is_retried: bool,
    },
    /// No connection was made.
    Connect,
    /// The connection broke before the answer was whole.
    Broken,
    /// The answer was not whole in time.
    Timeout {
        /// The time it had.
        after: Duration,
    },
    /// The body has more bytes than are read.
    BodyTooLarge {
        /// The most bytes that are read.
        bytes_max: u64,
    },
    /// The body could not be read by who asked for it.
    BadBody {
        /// Whether it is HTML.
        html: bool,
    },
    /// A redirect that leads nowhere.
    Redirect(RedirectFault),
    /// The token endpoint of `auth`, which the URL is then, gave no access token.
    Token(TokenFault),
    /// The request cannot be sent as configured.
    Request(RequestFault),
}

/// Why a redirect was not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectFault {
    /// There were too many in a row.
    TooMany,
    /// There is no `Location`, or it is not a URL of HTTP.
    Location,
    /// It leads a request to another origin that is worth nothing without its secrets.
    OtherOrigin,
}

/// Why there is no access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFault {
    /// The request for it failed for good.
    Request(Box<ClientErrorKind>),
    /// The answer has none, or one that cannot be sent.
    Missing,
    /// The key does not sign.
    Unsigned,
}

/// Why a request cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestFault {
    /// The name of a header cannot be one.
    HeaderName {
        /// The name.
        name: String,
    },
    /// The value of a header cannot be one. It is not shown: it may be a secret.
    HeaderValue {
        /// The header's name.
        name: String,
    },
    /// The credential cannot stand where it is put.
    Credential {
        /// The name that it is sent under.
        name: String,
    },
    /// The HTTP library refused it.
    Refused,
}

/// The HTTP library could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up")]
pub struct StartError(#[source] pub(super) Box<dyn Error + Send + Sync>);

impl ClientError {
    /// A stable name of what happened.
    pub fn code(&self) -> &'static str {
        match &self.kind {
            ClientErrorKind::Unauthorized { .. } => "unauthorized",
            ClientErrorKind::Status { .. } => "http_status",
            ClientErrorKind::Unwanted { .. } => "response_action",
            ClientErrorKind::Connect => "connect",
            ClientErrorKind::Broken => "connection",
            ClientErrorKind::Timeout { .. } => "timeout",
            ClientErrorKind::BodyTooLarge { .. } => "body_too_large",
            ClientErrorKind::BadBody { .. } => "bad_body",
            ClientErrorKind::Redirect(_) => "redirect",
            ClientErrorKind::Token(_) => "token",
            ClientErrorKind::Request(_) => "request",
        }
    }

    /// Whether it is the API's word that a token is not, or no more, good.
    pub(super) fn refuses_token(&self) -> bool {
        matches!(self.kind, ClientErrorKind::Unauthorized { status: 401, left_origin: false, .. })
    }

    /// The status of the last answer, where that is what happened. That of a token endpoint is not: it says nothing of the page.
    pub fn status(&self) -> Option<u16> {
        match &self.kind {
            ClientErrorKind::Unauthorized { status, .. } | ClientErrorKind::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        let hint = match &self.kind {
            ClientErrorKind::Unauthorized { left_origin: true, .. } => {
                "credentials are not sent to another scheme, host or port; set `base_url` to where the redirect or the link leads"
            }
            ClientErrorKind::Unauthorized { status: 401, .. } => "check the credentials in `auth`",
            ClientErrorKind::Unauthorized { .. } => "check the credentials in `auth` and what they are allowed to read",
            ClientErrorKind::Status { status: 404 | 405, .. } => "check `base_url`, `path` and `method`",
            ClientErrorKind::Status { status: 429, .. } => {
                "set `client.rate_limit`, or raise `client.retry.max_retries`"
            }
            ClientErrorKind::Status { status: 400 | 422, .. } => "check `params` and the paginator's settings",
            ClientErrorKind::Status { status: 500.., .. } => "the server failed; try again later",
            ClientErrorKind::Status { .. } => return None,
            ClientErrorKind::Unwanted { is_retried: true, .. } => {
                "raise `client.retry.max_retries`, or try again later"
            }
            ClientErrorKind::Unwanted { is_retried: false, .. } => return None,
            ClientErrorKind::Connect => "check `base_url`, and that the server is up and can be reached from here",
            ClientErrorKind::Broken => "the server or something on the way closes connections early; try again later",
            ClientErrorKind::Timeout { .. } => "raise `client.timeout` or ask for smaller pages",
            ClientErrorKind::BodyTooLarge { .. } => "ask for smaller pages or raise `client.max_body_bytes`",
            ClientErrorKind::BadBody { html: true } => "the body is HTML; check `base_url` and `path`",
            ClientErrorKind::BadBody { html: false } => "check `base_url`, `path` and `format`",
            ClientErrorKind::Redirect(_) => "set `base_url` to where the API is",
            ClientErrorKind::Token(fault) => fault.hint(),
            ClientErrorKind::Request(RequestFault::Credential { .. } | RequestFault::HeaderValue { .. }) => {
                "it holds a character that cannot be sent, such as a line break at its end"
            }
            ClientErrorKind::Request(_) => "check `base_url`, `path` and `headers`",
        };
        Some(hint.to_owned())
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` {}", self.url, self.kind)?;
        match self.attempts {
            0 | 1 => Ok(()),
            attempts => write!(formatter, " ({attempts} attempts)"),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl fmt::Display for ClientErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized { status, body, .. } | Self::Status { status, body } if body.is_empty() => {
                write!(formatter, "answered with status {status} and no text")
            }
            Self::Unauthorized { status, body, .. } | Self::Status { status, body } => {
                write!(formatter, "answered with status {status}: {body}")
            }
            Self::Unwanted { status, body, is_retried } => {
                let action = if *is_retried { "retry" } else { "fail" };
                write!(formatter, "answered with status {status}, for which `response_actions` says `{action}`")?;
                if body.is_empty() { Ok(()) } else { write!(formatter, ": {body}") }
            }
            Self::Connect => write!(formatter, "could not be connected to"),
            Self::Broken => write!(formatter, "broke off the connection before the answer was whole"),
            Self::Timeout { after } => write!(formatter, "did not answer within {} s", after.as_secs_f64()),
            Self::BodyTooLarge { bytes_max } => {
                write!(formatter, "answered with a body of more than {bytes_max} bytes")
            }
            Self::BadBody { .. } => write!(formatter, "answered with a body that could not be read"),
            Self::Redirect(RedirectFault::TooMany) => write!(formatter, "answered with yet another redirect"),
            Self::Redirect(RedirectFault::Location) => {
                write!(formatter, "answered with a redirect whose `Location` is missing or no URL of HTTP")
            }
            Self::Redirect(RedirectFault::OtherOrigin) => {
                write!(formatter, "answered with a redirect to another origin, where no credentials are sent")
            }
            Self::Token(TokenFault::Request(kind)) => write!(formatter, "gave no access token: {kind}"),
            Self::Token(TokenFault::Missing) => {
                write!(formatter, "gave no access token: answered without a usable `access_token`")
            }
            Self::Token(TokenFault::Unsigned) => {
                write!(formatter, "cannot be asked for an access token: the key does not sign")
            }
            Self::Request(fault) => write!(formatter, "cannot be asked: {fault}"),
        }
    }
}

impl TokenFault {
    fn hint(&self) -> &'static str {
        match self {
            Self::Request(kind) => match kind.as_ref() {
                ClientErrorKind::Unauthorized { .. } | ClientErrorKind::Status { status: 400, .. } => {
                    "check the client's id, secret or key, `access_token_request_data`, `scopes`, and whether the server wants `client_auth: basic`"
                }
                ClientErrorKind::Status { status: 429 | 500.., .. } | ClientErrorKind::Broken => {
                    "the token endpoint failed; try again later"
                }
                ClientErrorKind::Timeout { .. } => "raise `client.timeout`, or try again later",
                _ => "check `access_token_url`",
            },
            Self::Unsigned => "check `private_key`",
            Self::Missing => "check `access_token_url`: what answers there has to be JSON with an `access_token`",
        }
    }
}

impl fmt::Display for RequestFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderName { name } => write!(formatter, "`{name}` cannot be the name of a header"),
            Self::HeaderValue { name } => write!(formatter, "the value of the header `{name}` cannot be one"),
            Self::Credential { name } => write!(formatter, "the credential cannot be sent as `{name}`"),
            Self::Refused => write!(formatter, "the request is not valid"),
        }
    }
}
