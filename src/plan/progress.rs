//! How a long walk commits as it goes, and when it may go on in another run.

use std::num::NonZeroU64;
use std::time::Duration;

use super::limits::non_zero_u64;

/// When a walk commits what it has (`commit_every`), and how long another run may go on from there (`resume_within`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitRules {
    /// Bytes received since the last commit.
    pub bytes: NonZeroU64,
    /// Time since the last commit.
    pub time: Duration,
    /// Age from which on a position is no good any more: servers forget their cursors, and lists shift.
    pub resume_within: Duration,
}

impl Default for CommitRules {
    fn default() -> Self {
        Self {
            // What a crash costs at most; below that a commit of its own would only make more files.
            bytes: non_zero_u64(1_000_000_000),
            time: Duration::from_secs(10 * 60),
            resume_within: Duration::from_secs(24 * 3_600),
        }
    }
}
