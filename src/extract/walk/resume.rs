//! A walk that goes on where an earlier run left it: the page there is asked for again, and is the same, or the walk cannot go on.

use std::time::Duration;

use super::{Answer, Walk, Walked};
use crate::client::ClientError;
use crate::extract::error::{ExtractError, ExtractErrorKind};
use crate::extract::paginate::Position;
use crate::flow::{BodyReader, Unfinished};

impl<R: BodyReader> Walk<R> {
    /// The same walk where an earlier run left it: the page there is fetched again, compared and not delivered.
    ///
    /// # Errors
    /// When that is too long ago, or its paginator has no such position. If the page is another one now, [`Walk::next`] says so.
    pub(in crate::extract) fn resume(mut self, from: &Unfinished, within: Duration) -> Result<Self, ExtractError> {
        self.ahead.clear();
        let waypoint = &from.waypoint;
        let how = match self.paginator.resume(&waypoint.position) {
            _ if from.age > within => "that was longer ago than `resume_within`",
            None => "the paginator is another one now",
            Some(position) => {
                self.begin(position);
                self.resumed = Some(waypoint.clone());
                return Ok(self);
            }
        };
        let kind = ExtractErrorKind::Shifted { pages: waypoint.pages, how };
        Err(self.error(&self.shown_url(), kind))
    }

    /// Compares the page from which the walk goes on with what it was.
    pub(super) fn take_again(
        &mut self,
        position: &Position,
        answer: Answer<R::Rows>,
    ) -> Result<Option<Walked<R::Rows>>, ExtractError> {
        let Some(from) = self.resumed.take() else { return Ok(None) };
        let shifted = |how| ExtractErrorKind::Shifted { pages: from.pages, how };
        if let Err(error) = &answer
            && is_end(error)
        {
            return Err(self.error(&error.url, shifted("the server refuses its position")));
        }
        self.pages = from.pages.saturating_sub(1);
        let taken = self.take(position, answer);
        if let Some(midst) = self.midst.take() {
            let page = midst.page();
            let is_same = page.waypoint().digest == from.digest;
            return if is_same { Ok(None) } else { Err(self.error(&page.url, shifted("it holds other rows now"))) };
        }
        match taken {
            Ok(Some((page, _))) if page.waypoint().digest == from.digest => Ok(None),
            Ok(Some((page, _))) => Err(self.error(&page.url, shifted("it holds other rows now"))),
            Ok(None) => Err(self.error(&self.shown_url(), shifted("it holds no rows any more"))),
            Err(ExtractError { url, kind: ExtractErrorKind::Select(_) | ExtractErrorKind::Paging(_), .. }) => {
                Err(self.error(&url, shifted("it looks different now")))
            }
            Err(error) => Err(error),
        }
    }
}

/// How servers refuse a position beyond their last record.
fn is_end(error: &ClientError) -> bool {
    matches!(error.status(), Some(400 | 404 | 410 | 416 | 422))
}
