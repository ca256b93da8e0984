//! A page whose rows come in pieces, because its body is too large for memory.

use futures::future::BoxFuture;

use super::error::{ExtractError, ExtractErrorKind};
use super::large::{Piece, PieceFault, Pieces};
use crate::client::Client;
use crate::flow::{BodyReader, Page, RowPath};

type Read<R> = (Pieces<R>, Result<Option<Piece<<R as BodyReader>::Rows>>, PieceFault>);

/// What is left of a page.
pub(super) struct Midst<R: BodyReader> {
    /// The page without its rows.
    page: Page,
    pieces: Option<Pieces<R>>,
    /// The next piece, while it is read.
    reading: Option<BoxFuture<'static, Option<Read<R>>>>,
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
            self.reading = Some(Box::pin(async move {
                let read = move || {
                    let piece = pieces.next();
                    (pieces, piece)
                };
                client.apart(read).await
            }));
        }
        let read = match &mut self.reading {
            Some(reading) => reading.await,
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

    fn error(&self, kind: ExtractErrorKind) -> ExtractError {
        let Page { resource, sequence, url, .. } = &self.page;
        ExtractError { resource: resource.clone(), page: *sequence, url: url.clone(), kind }
    }
}
