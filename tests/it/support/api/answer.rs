//! Answers, and the ways in which they go wrong.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub end: End,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Whole,
    /// After half of the body, with a `Content-Length` for all of it.
    Half,
    /// Before the first byte.
    Dropped,
    /// Never: the connection stays open and silent.
    Silent,
    /// After half of the body, and then the connection stays open and silent.
    Stalled,
    /// After half of the body the connection is reset.
    Reset,
    /// With a `Content-Length` that leaves the last bytes of the body out.
    LengthTooShort,
    /// With a `Content-Length` of more bytes than follow.
    LengthTooLong,
    /// Whole, in ten pieces with this wait before each.
    Dripping(Duration),
}

impl Answer {
    pub fn json(body: &Value) -> Self {
        Self::text(200, &body.to_string()).with("content-type", "application/json")
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self::bytes(status, Bytes::copy_from_slice(body.as_bytes()))
    }

    pub fn bytes(status: u16, body: Bytes) -> Self {
        Self { status, headers: vec![], body, end: End::Whole }
    }

    pub fn redirect(status: u16, location: &str) -> Self {
        Self::text(status, "").with("location", location)
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn ending(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Fault {
    Status(u16),
    /// A status with `Retry-After`.
    RetryAfter(u16, String),
    MalformedJson,
    Html,
    /// The good answer, ended badly.
    Ended(End),
}

impl Fault {
    /// Every kind that a client notices without a timeout, once.
    pub fn all() -> Vec<Self> {
        let date = httpdate::fmt_http_date(std::time::SystemTime::now() - Duration::from_secs(60));
        let mut faults: Vec<Self> = [429, 500, 502, 503, 504].into_iter().map(Self::Status).collect();
        faults.extend([Self::RetryAfter(429, "0".to_owned()), Self::RetryAfter(503, date)]);
        faults.extend([Self::MalformedJson, Self::Html]);
        let ends = [End::Dropped, End::Half, End::Reset, End::LengthTooShort, End::LengthTooLong];
        faults.extend(ends.into_iter().map(Self::Ended));
        faults
    }

    /// A fault by its name on a command line: a status, `retry-after`, `malformed`, `html`, `dropped`, `half`, `reset`,
    /// `short-length`, `long-length`, `slow`, `silent` or `stalled`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "retry-after" => Self::RetryAfter(429, "1".to_owned()),
            "malformed" => Self::MalformedJson,
            "html" => Self::Html,
            "dropped" => Self::Ended(End::Dropped),
            "half" => Self::Ended(End::Half),
            "reset" => Self::Ended(End::Reset),
            "short-length" => Self::Ended(End::LengthTooShort),
            "long-length" => Self::Ended(End::LengthTooLong),
            "slow" => Self::Ended(End::Dripping(Duration::from_millis(20))),
            "silent" => Self::Ended(End::Silent),
            "stalled" => Self::Ended(End::Stalled),
            status => Self::Status(status.parse().ok().filter(|status| (100..600).contains(status))?),
        })
    }

    pub(super) fn spoil(&self, good: Answer) -> Answer {
        match self {
            Self::Status(status) => Answer::text(*status, "not now"),
            Self::RetryAfter(status, after) => Answer::text(*status, "not now").with("retry-after", after),
            Self::MalformedJson => Answer::text(200, "{\"data\": [1, "),
            Self::Html => Answer::text(200, "<html><body>Bad gateway</body></html>"),
            Self::Ended(end) => good.ending(*end),
        }
    }
}
