//! A page whose rows come in pieces, because its body is too large for memory.

use std::pin::Pin;

use futures::future::{BoxFuture, MaybeDone, maybe_done};

use super::error::{ExtractError, ExtractErrorKind};
use super::large::{Piece, PieceFault, Pieces};
use crate::client::Client;
use crate::flow::{BodyReader, Page, RowPath};

type Read<R> = (Pieces<R>, Result<Option<Piece<<R as BodyReader>::Rows>>, PieceFault>);

/// The next piece under way, or there.
type Reading<R> = Pin<Box<MaybeDone<BoxFuture<'static, Option<Read<R>>>>>>;

/// What is left of a page.
pub(super) struct Midst<R: BodyReader> {
    /// The page without its rows.
    page: Page,
    pieces: Option<Pieces<R>>,
    /// The next piece, until it is taken.
    reading: Option<Reading<R>>,
}

impl<R: BodyReader> Midst<R> {
    /// The beginning of a page, whose outline has been looked at.
    pub(super) fn new(outline: Page, records: u64, pieces: Pieces<R>) -> Self {
        let came_as = Some(format!("{} of {records}", outline.digest()).into());
        Self { page: Page { rows: RowPath::Nothing, came_as, ..outline }, pieces: Some(pieces), reading: None }
    }

    /// The page without its rows.
    pub(super) fn page(&self) -> &Page {
        &self.page
    }

    /// The next part of the page, and whether it is the last. Cancelling loses nothing.
    pub(super) async fn next(&mut self, client: &Client) -> Result<(Page, Option<R::Rows>), ExtractError> {
        if let Some(mut pieces) = self.pieces.take() {
            let client = client.clone();
            let reading = async move {
                let read = move || {
                    let piece = pieces.next();
                    (pieces, piece)
                };
                client.apart(read).await
            };
            self.reading = Some(Box::pin(maybe_done(Box::pin(reading))));
        }
        let read = match &mut self.reading {
            Some(reading) => {
                reading.as_mut().await;
                reading.as_mut().take_output().flatten()
            }
            None => None,
        };
        self.reading = None;
        let Some((pieces, piece)) = read else {
            return Err(self.error(ExtractErrorKind::Piece("the reader of the body stopped".into())));
        };
        match piece {
            Ok(Some(Piece { document, rows, taken, bytes, is_followed })) => {
                if is_followed {
                    self.pieces = Some(pieces);
                }
                Ok((Page { document, rows, bytes, is_partial: is_followed, ..self.page.clone() }, taken))
            }
            Ok(None) => Ok((Page { is_partial: false, ..self.page.clone() }, None)),
            Err(PieceFault::Step(fault)) => Err(self.error(ExtractErrorKind::Step(fault))),
            Err(PieceFault::Body(fault)) => Err(self.error(ExtractErrorKind::Piece(fault))),
        }
    }

    /// Moves on the reading of a piece, and takes none; never returns. A piece that waits for its turn to be read, and is not asked for
    /// when it has come, would hold up all other bodies.
    pub(super) async fn drive(&mut self) {
        if let Some(reading) = &mut self.reading {
            reading.as_mut().await;
        }
        std::future::pending().await
    }

    fn error(&self, kind: ExtractErrorKind) -> ExtractError {
        let Page { resource, sequence, url, .. } = &self.page;
        ExtractError { resource: resource.clone(), page: *sequence, url: url.clone(), kind }
    }
}
