//! The bounds of a run. Every wait, queue, body, loop and fan-out has one, with its reason beside the default.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// Objects and lists in each other that columns are made for. A table's schema is JSON in the log, where each takes three or four
/// levels, and readers stop at 128: a table with deeper columns could not be read back.
pub const COLUMN_LEVELS_MAX: usize = 32;

/// Bounds of a whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Requests in flight in the whole run, over all resources (`client.concurrency`).
    pub requests_in_flight: NonZeroUsize,
    /// How fast requests to one host may follow each other (`client.rate_limit`); `None`: as fast as it takes them.
    pub rate: Option<RateLimit>,
    /// Resources that are loaded at the same time.
    pub resources_in_flight: NonZeroUsize,
    /// Time for one attempt of a request, from connecting to the last byte of the body (`client.timeout`).
    pub request_timeout: Duration,
    /// Largest body that is read, in bytes after decompression (`client.max_body_bytes`).
    pub body_bytes_max: u64,
    /// Pages of one walk (`limits.max_pages`).
    pub pages_max: NonZeroU64,
    /// Objects and lists in each other in a column (`limits.max_nesting`), at most [`COLUMN_LEVELS_MAX`].
    pub nesting_max: usize,
    /// Bytes of rows that are held before their types are settled and their first file is written, and of rows that wait
    /// for encoding (`limits.memory`).
    pub memory_bytes: NonZeroU64,
    /// Attempts at one commit when other writers commit in between (`limits.commit_attempts`).
    pub commit_attempts: NonZeroUsize,
    /// Size of a data file at which the next is begun, in bytes (`limits.file_bytes`).
    pub file_bytes: NonZeroU64,
}

/// How many requests to one host (scheme, host and port) there may be in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// So many requests.
    pub requests: NonZeroU32,
    /// In this time.
    pub per: Duration,
    /// How many of them may follow each other at once after a rest.
    pub burst: NonZeroU32,
}

impl RateLimit {
    /// The time from one request to the next.
    pub fn interval(&self) -> Duration {
        self.per / self.requests.get()
    }
}

const fn non_zero(value: usize) -> NonZeroUsize {
    match NonZeroUsize::new(value) {
        Some(value) => value,
        None => NonZeroUsize::MIN,
    }
}

pub(super) const fn non_zero_u64(value: u64) -> NonZeroU64 {
    match NonZeroU64::new(value) {
        Some(value) => value,
        None => NonZeroU64::MIN,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Few public APIs allow more connections from one client; dlt sends one request at a time.
            requests_in_flight: non_zero(4),
            // Only the API's documentation can tell.
            rate: None,
            // Each resource holds pages and an open file; more than the requests in flight would only wait.
            resources_in_flight: non_zero(4),
            // dlt's request_timeout.
            request_timeout: Duration::from_secs(60),
            // Far above any sane page. What is larger than memory may hold goes to local disk.
            body_bytes_max: 4 << 30,
            // At 100 rows a page this is a thousand million rows: only an endless walk gets there.
            pages_max: non_zero_u64(10_000_000),
            nesting_max: COLUMN_LEVELS_MAX,
            // A load's memory is a few times this, so that it fits in a container of 512 MB.
            memory_bytes: non_zero_u64(128 << 20),
            // With the jittered waits between them this is some minutes of steady conflicts.
            commit_attempts: non_zero(30),
            // Delta's own default target.
            file_bytes: non_zero_u64(100 << 20),
        }
    }
}

/// How failed requests are repeated (`client.retry`).
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Answers that are asked for again.
    pub status_codes: Vec<u16>,
    /// Repeats after the first attempt.
    pub max_retries: u32,
    /// The n-th wait is this times 2^(n-1) seconds, plus up to 10 %.
    pub backoff_factor: f64,
    /// The longest wait; it also caps `Retry-After`.
    pub max_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            // What proxies and servers answer when the same request may succeed later.
            status_codes: vec![429, 500, 502, 503, 504],
            // 2, 4 and 8 seconds: long enough for a restart, short enough to hear of an outage.
            max_retries: 3,
            backoff_factor: 2.0,
            // dlt's request_max_retry_delay.
            max_wait: Duration::from_secs(300),
        }
    }
}
