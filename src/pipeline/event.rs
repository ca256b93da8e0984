//! What a run tells while it runs.

use crate::plan::ResourceName;

/// Hears what happens. Called from many threads; it should return at once.
pub trait Observer: Send + Sync {
    /// One thing happened.
    fn event(&self, event: &Event);
}

/// Hears nothing.
impl Observer for () {
    fn event(&self, _event: &Event) {}
}

/// What happens to a resource.
#[derive(Debug, Clone)]
pub enum Event {
    /// Its first request is about to be sent.
    Started(ResourceName),
    /// A page was taken in.
    Page(ResourceName, Progress),
    /// All pages are there and the commit is under way.
    Committing(ResourceName),
    /// It is loaded, or has failed; the report tells.
    Ended(ResourceName),
}

/// How far a resource is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Pages taken in.
    pub pages: u64,
    /// Rows taken in.
    pub rows: u64,
    /// Bytes received, after decompression.
    pub bytes: u64,
    /// Requests repeated.
    pub retries: u64,
    /// Seconds waited for the API to be ready.
    pub waited_seconds: f64,
}
