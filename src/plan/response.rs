//! What is done about answers that the config speaks of.

use std::ops::RangeInclusive;

/// What is done about the answers that fit (an entry of `endpoint.response_actions`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseAction {
    /// The statuses that fit; empty: each.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// A text that the body holds.
    pub content: Option<String>,
    /// What is done.
    pub action: Action,
}

/// What is done about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is no page, and the walk ends before it.
    Ignore,
    /// It is an error, whatever its status.
    Fail,
    /// It is asked for again, as often as a failed request is.
    Retry,
}

impl ResponseAction {
    /// Whether an answer of this status fits, as far as its status tells.
    pub fn takes_status(&self, status: u16) -> bool {
        self.statuses.is_empty() || self.statuses.iter().any(|range| range.contains(&status))
    }
}
