//! The middle of a lane: pages as they come, decoded side by side and joined in page order, part by part.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};

use super::ResourceReport;
use super::budget::Share;
use super::lane::decoded;
use super::walker::Pages;
use super::writer::Batches;
use crate::error::Error;
use crate::flow::{CursorState, Page, Unfinished, Waypoint};
use crate::normalize::{Decoder, Draft, Normalizer};
use crate::plan::CommitRules;

/// Pages that are being decoded: the writer needs a core too, so more would not be faster on small machines.
const PAGES_DECODED: usize = 2;

/// A page with its draft and its share of the memory.
type Decoded = (Page, Result<Draft, Error>, Share);

/// Joins the pages of one walk.
pub(super) struct Joiner {
    pages: Pages,
    decoder: Decoder,
    /// Pages on their way. A page keeps its share of the memory until it is joined, so that the next may come only after that.
    decoding: FuturesOrdered<BoxFuture<'static, Decoded>>,
    /// Whether more pages may come.
    is_open: bool,
    /// The page that was joined last.
    last: Option<Page>,
    /// It was a part of a page, of which more follow: nobody can go on from there.
    is_in_midst: bool,
    /// How far the cursors are after that, by parent.
    cursors: BTreeMap<String, CursorState>,
    /// When a part ends; `None`: never.
    parts: Option<CommitRules>,
    part_bytes: u64,
    part_rows: u64,
    /// Rows after which the loader wants the part to end.
    part_rows_max: Option<u64>,
    part_began: Instant,
}

impl Joiner {
    /// `from`: where the walk goes on.
    pub(super) fn new(pages: Pages, decoder: Decoder, parts: Option<CommitRules>, from: Option<&Unfinished>) -> Self {
        Self {
            cursors: from.map(|from| from.waypoint.cursors.clone()).unwrap_or_default(),
            pages,
            decoder,
            decoding: FuturesOrdered::new(),
            is_open: true,
            last: None,
            is_in_midst: false,
            parts,
            part_bytes: 0,
            part_rows: 0,
            part_rows_max: None,
            part_began: Instant::now(),
        }
    }

    /// Whether every page has been joined, as far as the walk came.
    pub(super) fn is_over(&self) -> bool {
        !self.is_open && self.decoding.is_empty()
    }

    /// The page that was joined last, to go on from; `None`: none was.
    pub(super) fn waypoint(&self) -> Option<Waypoint> {
        let cursors = self.cursors.clone();
        let last = self.last.as_ref().filter(|_| !self.is_in_midst);
        last.map(|page| Waypoint { cursors, ..page.waypoint() })
    }

    /// Begins to count what a part has, which had better end after some rows.
    pub(super) fn begin_part(&mut self, rows_max: Option<u64>) {
        self.part_bytes = 0;
        self.part_rows = 0;
        self.part_rows_max = rows_max;
        self.part_began = Instant::now();
    }

    /// Lets the walk end: nobody listens any more. The walker may wait for the memory that pages on their way have, so that all of
    /// them have to go.
    pub(super) async fn close(&mut self) {
        self.pages.close();
        while self.decoding.next().await.is_some() {}
        while self.pages.recv().await.is_some() {}
    }

    /// Joins pages until the part is large enough to be kept, or there are no more, and hands their batches on.
    pub(super) async fn join(
        &mut self,
        normalizer: &mut Normalizer,
        batches: &Batches,
        report: &mut ResourceReport,
        observe: impl Fn(&ResourceReport),
    ) -> Result<(), Error> {
        loop {
            tokio::select! {
                biased;
                Some((page, draft, _share)) = self.decoding.next() => {
                    let draft = draft?;
                    report.rows.read += draft.rows() as u64;
                    self.part_rows += draft.rows() as u64;
                    let ready = normalizer.push(draft)?;
                    if !batches.send(ready).await {
                        return Ok(());
                    }
                    self.part_bytes += page.bytes;
                    if page.begins_anew {
                        self.cursors.clear();
                    }
                    let moved = page.cursor.iter().map(|(parent, state)| (parent.to_string(), state.clone()));
                    self.cursors.extend(moved);
                    self.is_in_midst = page.is_partial;
                    self.last = Some(page);
                    observe(report);
                    if self.is_part() && !self.is_over() && !self.is_in_midst {
                        break;
                    }
                }
                page = self.pages.recv(), if self.is_open && self.decoding.len() < PAGES_DECODED => match page {
                    Some((walked, share)) => {
                        report.pages += u64::from(!walked.page.is_partial);
                        let page = walked.page.clone();
                        let decoding = decoded(walked, self.decoder.clone());
                        self.decoding.push_back(Box::pin(async move { (page, decoding.await, share) }));
                    }
                    None => self.is_open = false,
                },
                else => break,
            }
        }
        // If the walker failed this is not the end of the pages; then the rest is thrown away by the caller.
        let ready = normalizer.finish()?;
        batches.send(ready).await;
        Ok(())
    }

    fn is_part(&self) -> bool {
        self.parts.is_some_and(|rules| {
            self.part_bytes >= rules.bytes.get()
                || self.part_rows_max.is_some_and(|rows_max| self.part_rows >= rows_max)
                || self.part_began.elapsed() >= rules.time
        })
    }
}
