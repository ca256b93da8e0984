//! The task that walks: takes page after page of a course and hands it on, to the joiner of its lane and to the lanes of children.
//!
//! Every queue is bounded; while one is full, requests under way go on. The only file that spawns a task onto the runtime.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Stop;
use super::budget::{Budget, Share};
use crate::error::{Error, Interrupted};
use crate::extract::{Course, ExtractError, ExtractErrorKind, LaneCursors, Lanes, Parent, Reached, Walked};
use crate::normalize::{Decoder, Rows};
use crate::plan::ParentLink;

/// Pages that wait to be joined. With the batches behind it is what the network and the decoders work on while the writer encodes what
/// it has gathered; mostly the bytes are the bound.
const PAGES_QUEUED: usize = 16;
/// Rows of a parent that wait for their walks, within their share of the memory. A page of them may be larger than this; then its walk
/// waits.
const PARENTS_QUEUED: usize = 256;

/// The pages of a course, each with its share of the memory.
pub(super) type Pages = mpsc::Receiver<(Walked<Rows>, Share)>;

/// The way to a child.
pub(super) struct Feed {
    pub(super) link: ParentLink,
    /// The child, and the lanes that it leads to.
    pub(super) lanes: Lanes,
    sender: mpsc::Sender<(Parent, Share)>,
    budget: Budget,
}

/// A way to a child, and its end there.
pub(super) fn feed(link: &ParentLink, lanes: Lanes, budget: Budget) -> (Feed, BoxStream<'static, Parent>) {
    let (sender, receiver) = mpsc::channel(PARENTS_QUEUED);
    let rows = futures::stream::unfold(receiver, |mut receiver| async {
        let (parent, _share) = receiver.recv().await?;
        Some((parent, receiver))
    });
    (Feed { link: link.clone(), lanes, sender, budget }, rows.boxed())
}

impl Feed {
    /// Hands on what comes from the parent; whether the child is still there.
    async fn send(&self, parent: Parent) -> bool {
        let share = self.budget.take(parent.bytes()).await;
        self.sender.send((parent, share)).await.is_ok()
    }
}

/// A walk that is about to begin.
pub(super) struct Walker {
    pub(super) name: String,
    pub(super) course: Course<Decoder>,
    pub(super) feeds: Vec<Feed>,
    /// The lane that its rows are loaded by; nobody: they only lead to those of children.
    pub(super) lane: Lanes,
    pub(super) stop: Stop,
    pub(super) budget: Budget,
}

impl Walker {
    /// Walks in a task of its own. It ends by itself once nobody listens.
    pub(super) fn spawn(self) -> (Pages, JoinHandle<Result<Reached, Error>>) {
        let (sender, receiver) = mpsc::channel(PAGES_QUEUED);
        (receiver, tokio::spawn(self.walk(sender)))
    }

    async fn walk(mut self, pages: mpsc::Sender<(Walked<Rows>, Share)>) -> Result<Reached, Error> {
        let walked = self.walk_all(&pages).await;
        let ending = match &walked {
            Ok(true) => Parent::Done(self.above_children()),
            Ok(false) | Err(_) => Parent::Failed,
        };
        let Self { course, feeds, .. } = self;
        let reached = course.reached().clone();
        // Requests that are under way and that nobody moves on would keep children waiting, who have to make room for the end.
        drop(course);
        for feed in &feeds {
            // A child that is gone has its own error.
            let _ = feed.send(ending.clone()).await;
        }
        walked.map(|_| reached)
    }

    /// Whether it came to the end.
    async fn walk_all(&mut self, pages: &mpsc::Sender<(Walked<Rows>, Share)>) -> Result<bool, Error> {
        loop {
            // Both are cancel-safe: a page that is not delivered is not lost but never committed.
            let next = tokio::select! {
                biased;
                () = self.stop.asked() => return Err(Error::interrupted(Interrupted::Dropped)),
                next = self.course.next() => next.map_err(|error| self.failure(error))?,
            };
            let Some(walked) = next else { return Ok(true) };
            let (feeds, budget, lane) = (&self.feeds, &self.budget, self.lane);
            let hand_on = async {
                for feed in feeds {
                    for row in walked.parent_rows(&feed.link, feed.lanes) {
                        if !feed.send(Parent::Row(row)).await {
                            break;
                        }
                    }
                }
                if lane == Lanes::NONE {
                    return !feeds.iter().all(|feed| feed.sender.is_closed());
                }
                let walked = walked.for_lane(lane);
                let share = budget.take(walked.page.bytes).await;
                pages.send((walked, share)).await.is_ok()
            };
            // While a queue is full, requests under way go on.
            let is_wanted = tokio::select! {
                is_wanted = hand_on => is_wanted,
                () = self.course.work_ahead() => return Err(Error::task("the walk ended before its pages")),
            };
            if !is_wanted {
                return Ok(false);
            }
        }
    }

    /// Why the course ended. The lane above may have heard of the user's wish before this one.
    fn failure(&self, error: ExtractError) -> Error {
        match error.kind {
            ExtractErrorKind::Parent if self.stop.is_asked() => Error::interrupted(Interrupted::Dropped),
            _ => error.into(),
        }
    }

    /// How far the cursors are of all that is above a child.
    fn above_children(&self) -> BTreeMap<String, Arc<LaneCursors>> {
        let reached = self.course.reached();
        let mut above = reached.above.clone();
        if let Some(own) = &reached.own {
            above.insert(self.name.clone(), Arc::new(own.clone()));
        }
        above
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[tokio::test]
    async fn rows_of_parents_wait_within_their_share_of_the_memory() {
        let resource = crate::plan::ResourceName::parse("posts").expect("a name");
        let on_missing = crate::plan::MissingParentField::Fail;
        let link = ParentLink { resource, fields: Vec::new(), included: Vec::new(), on_missing };
        let (feed, mut rows) = feed(&link, Lanes::ALL, Budget::of(NonZeroU64::new(64 << 10).expect("not 0")));
        let row = |bytes: usize| Parent::Row(crate::extract::ParentRow::of_text(&"x".repeat(bytes)));
        assert!(feed.send(row(10 << 10)).await);
        let mut next = Box::pin(feed.send(row(10 << 10)));
        assert!(futures::poll!(&mut next).is_pending());
        assert!(rows.next().await.is_some());
        assert!(next.await);
        // One that is larger than all of it goes alone.
        assert!(rows.next().await.is_some());
        assert!(feed.send(row(1 << 20)).await);
        drop(rows);
        assert!(!feed.send(row(1)).await);
    }
}
