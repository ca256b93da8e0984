//! What requests cost, counted while they run; a progress display reads it at any time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Why a request was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitReason {
    /// The server asked for fewer requests.
    RateLimited,
    /// The server failed.
    ServerError,
    /// No connection, or a broken one.
    Connection,
    /// No answer in time.
    Timeout,
    /// A body that could not be read.
    BadBody,
    /// An answer that `response_actions` has asked for again.
    Unwanted,
    /// The server said that no request was left.
    QuotaSpent,
    /// The config's own limit.
    RateLimit,
    /// The server had refused requests that came faster.
    Paced,
}

impl WaitReason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::RateLimited,
        Self::ServerError,
        Self::Connection,
        Self::Timeout,
        Self::BadBody,
        Self::Unwanted,
        Self::QuotaSpent,
        Self::RateLimit,
        Self::Paced,
    ];

    /// Whether it holds back all requests to a host, and not one that has failed.
    pub(super) fn is_of_host(self) -> bool {
        matches!(self, Self::QuotaSpent | Self::RateLimit | Self::Paced)
    }

    /// The reason's name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::BadBody => "bad_body",
            Self::Unwanted => "response_action",
            Self::QuotaSpent => "quota_spent",
            Self::RateLimit => "rate_limit",
            Self::Paced => "paced",
        }
    }
}

/// Counters of the requests of one walk, or of several that share it.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    retries: AtomicU64,
    ignored: AtomicU64,
    bytes_received: AtomicU64,
    rate_limited_ms: AtomicU64,
    server_error_ms: AtomicU64,
    connection_ms: AtomicU64,
    timeout_ms: AtomicU64,
    bad_body_ms: AtomicU64,
    unwanted_ms: AtomicU64,
    quota_spent_ms: AtomicU64,
    rate_limit_ms: AtomicU64,
    paced_ms: AtomicU64,
}

/// What a [`Meter`] showed at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeterReading {
    /// Requests sent, with repeats and redirects.
    pub requests: u64,
    /// Repeats of a failed attempt.
    pub retries: u64,
    /// Answers that `response_actions` has ignored.
    pub ignored: u64,
    /// Bytes of bodies, after decompression.
    pub bytes_received: u64,
    /// Time that failed attempts made their own requests wait, and that the pace of a host made any wait; requests that wait side by
    /// side count each.
    pub waits: BTreeMap<WaitReason, Duration>,
}

impl Meter {
    /// A meter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it shows now.
    pub fn reading(&self) -> MeterReading {
        let waits = WaitReason::ALL.into_iter().filter_map(|reason| {
            let waited_ms = self.waited_ms(reason).load(Ordering::Relaxed);
            (waited_ms > 0).then(|| (reason, Duration::from_millis(waited_ms)))
        });
        MeterReading {
            requests: self.requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            ignored: self.ignored.load(Ordering::Relaxed),
            bytes_received: self.bytes_received.load(Ordering::Relaxed),
            waits: waits.collect(),
        }
    }

    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_ignored(&self) {
        self.ignored.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_bytes(&self, bytes: u64) {
        self.bytes_received.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn count_retry(&self, reason: WaitReason, wait: Duration) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        self.count_wait(reason, wait);
    }

    pub(super) fn count_wait(&self, reason: WaitReason, wait: Duration) {
        // A wait below one millisecond is a wait nevertheless.
        let wait_ms = u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        self.waited_ms(reason).fetch_add(wait_ms, Ordering::Relaxed);
    }

    fn waited_ms(&self, reason: WaitReason) -> &AtomicU64 {
        match reason {
            WaitReason::RateLimited => &self.rate_limited_ms,
            WaitReason::ServerError => &self.server_error_ms,
            WaitReason::Connection => &self.connection_ms,
            WaitReason::Timeout => &self.timeout_ms,
            WaitReason::BadBody => &self.bad_body_ms,
            WaitReason::Unwanted => &self.unwanted_ms,
            WaitReason::QuotaSpent => &self.quota_spent_ms,
            WaitReason::RateLimit => &self.rate_limit_ms,
            WaitReason::Paced => &self.paced_ms,
        }
    }
}
