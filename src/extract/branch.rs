//! One walk of a course: its pages as they come, and what is made of them before they are delivered.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::audience::Lanes;
use super::cursor::Tracker;
use super::error::{ExtractError, ExtractErrorKind};
use super::include::with_included;
use super::place::{Parents, Place};
use super::walk::Walk;
use super::walked::Walked;
use crate::flow::{BodyReader, CursorState, Page, RowPath};

/// Pages of one walk that may wait for those of earlier parents.
const WAITING_MAX: usize = 4;

/// A walk, with what its rows are compared with and get.
pub(super) struct Branch<R: BodyReader> {
    /// The parent, in the words of [`super::ParentRow::key`].
    key: Arc<str>,
    /// The parents before it; `None`: there are no parents.
    before: Option<Parents>,
    walk: Walk<R>,
    tracker: Option<Tracker>,
    /// Members that each row gets, as JSON texts.
    included: Vec<(String, String)>,
    /// For whom its parent is new.
    audience: Lanes,
    waiting: VecDeque<(Page, Option<R::Rows>)>,
    failed: Option<ExtractError>,
    is_done: bool,
}

impl<R: BodyReader> Branch<R> {
    pub(super) fn new(
        (key, before): (Arc<str>, Option<Parents>),
        walk: Walk<R>,
        tracker: Option<Tracker>,
        included: Vec<(String, String)>,
        audience: Lanes,
    ) -> Self {
        Self { key, before, walk, tracker, included, audience, waiting: VecDeque::new(), failed: None, is_done: false }
    }

    pub(super) fn waiting_bytes(&self) -> u64 {
        self.waiting.iter().map(|(page, _)| page.bytes).sum()
    }

    /// Whether nothing more comes of it.
    pub(super) fn is_over(&self) -> bool {
        self.is_done && self.waiting.is_empty() && self.failed.is_none()
    }

    /// Takes pages as long as some may wait; else it only moves the requests on.
    pub(super) fn poll_pages(&mut self, context: &mut Context<'_>) {
        while !self.is_done && self.waiting.len() < WAITING_MAX {
            // What is under way is kept by the walk, not by this.
            match pin!(self.walk.next()).poll(context) {
                Poll::Pending => return,
                Poll::Ready(Ok(Some(page))) => self.waiting.push_back(page),
                Poll::Ready(Ok(None)) => self.is_done = true,
                Poll::Ready(Err(error)) => {
                    self.is_done = true;
                    self.failed = Some(error);
                }
            }
        }
        self.poll_ahead(context);
    }

    /// Moves the requests on: one that is not polled would keep others waiting.
    pub(super) fn poll_ahead(&mut self, context: &mut Context<'_>) {
        if !self.is_done {
            let _ = pin!(self.walk.work_ahead()).poll(context);
        }
    }

    /// The page at the front as page `sequence` of the course; `None`: there is none yet, or none any more.
    pub(super) fn deliver(&mut self, sequence: u64) -> Result<Option<Walked<R::Rows>>, ExtractError> {
        let Some((mut page, mut rows)) = self.waiting.pop_front() else {
            return self.failed.take().map_or(Ok(None), Err);
        };
        let in_walk = std::mem::replace(&mut page.sequence, sequence);
        if let Some(before) = self.before.clone() {
            let (parent, at) = (self.key.to_string(), std::mem::take(&mut page.position));
            page.position = Place { before, parent, page: in_walk, at }.noted();
        }
        let mut lanes = None;
        if let Some(tracker) = &mut self.tracker {
            let new = tracker.take(&page.rows());
            let new = new.map_err(|fault| error(&page, ExtractErrorKind::Cursor(fault)))?;
            if let Some(places) = new.places {
                page.rows = RowPath::Picked(Arc::new(page.rows), places.into());
                rows = None;
            }
            lanes = new.lanes;
            page.cursor = tracker.state().map(|state| (Arc::clone(&self.key), state));
            if new.is_last {
                self.walk.end();
                self.waiting.clear();
                // Whatever went wrong behind the last page was asked for in vain.
                self.failed = None;
                self.is_done = true;
            }
        }
        if !self.included.is_empty() {
            page = with_included(&page, &self.included)
                .map_err(|fault| error(&page, ExtractErrorKind::Included(fault)))?;
            rows = None;
        }
        Ok(Some(Walked { page, rows, lanes, audience: self.audience }))
    }

    /// How far its cursor has come, if it has one.
    pub(super) fn reached(&self) -> Option<Ended<'_>> {
        let state = self.tracker.as_ref()?.state()?;
        Some(Ended { parent: &self.key, state, lanes: self.audience })
    }
}

/// How far the cursor of a parent is at the end of its walk, and for whom.
pub(super) struct Ended<'b> {
    pub(super) parent: &'b str,
    pub(super) state: CursorState,
    pub(super) lanes: Lanes,
}

fn error(page: &Page, kind: ExtractErrorKind) -> ExtractError {
    ExtractError { resource: page.resource.clone(), page: page.sequence, url: page.url.clone(), kind }
}
