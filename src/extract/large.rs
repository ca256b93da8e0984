//! Bodies on local disk: an outline for all who look at the envelope, and the rows in pieces.
//!
//! Memory holds the outline and one piece, however large the array of rows is. The paginator sees the outline with the true number of
//! records; the pieces are delivered as parts of one page.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;

use super::processed::{self, Processed};
use crate::client::{RawBody, Spool, Unread};
use crate::flow::{BodyReader, RowPath};
use crate::json::{Batches, Document, Outline, Path, RowStep, SplitError, StepFault, outline};

/// A row, or what is around the rows, has at most so many: as a whole body had that is held in memory.
const PIECE_BYTES_MAX: usize = 256 << 20;

/// A body on local disk whose outline has been read.
pub(super) struct Large {
    spool: Spool,
    arrays: Vec<(Vec<String>, u64)>,
}

/// A piece of the rows.
pub(super) struct Piece<R> {
    pub(super) document: Arc<Document>,
    pub(super) rows: RowPath,
    pub(super) taken: Option<R>,
    pub(super) bytes: u64,
    /// Whether another one follows.
    pub(super) is_followed: bool,
}

/// Why a piece cannot be had.
#[derive(Debug)]
pub(super) enum PieceFault {
    /// The body cannot be read, or is not JSON.
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// A step refused a row.
    Step(StepFault),
}

/// The pieces of one page.
pub(super) struct Pieces<R> {
    batches: Batches<Box<dyn Read + Send>>,
    reader: R,
    takes_rows: bool,
    steps: Arc<[RowStep]>,
    root: Arc<Path>,
}

impl Large {
    /// The outline of a body that is one JSON document; `None`: it is none, and has to be read as a whole.
    pub(super) fn outlined(spool: &Spool) -> Result<Option<(Document, Self)>, Unread> {
        let broken = |error: SplitError| Unread::Broken(Box::new(error));
        let input = spool.reader().map_err(|error| Unread::Broken(Box::new(error)))?;
        let Outline { text, arrays } = match outline(input, PIECE_BYTES_MAX) {
            Ok(outline) => outline,
            Err(SplitError::NotWhole) => return Ok(None),
            Err(SplitError::TooLarge(_)) => return Err(Unread::TooLarge),
            Err(error @ SplitError::Io(_)) => return Err(broken(error)),
        };
        let document = Document::parse(Bytes::from(text)).map_err(|error| Unread::Broken(Box::new(error)))?;
        Ok(Some((document, Self { spool: spool.clone(), arrays })))
    }

    /// How many elements the array has whose elements the rows are; `None`: the rows are no such thing.
    pub(super) fn records(&self, rows: &RowPath) -> Option<u64> {
        let keys = keys(rows)?;
        let mut found = self.arrays.iter().filter(|(known, _)| *known == keys);
        // A key that stands twice would have two arrays, of which only one counts.
        found.next().filter(|_| found.next().is_none()).map(|(_, count)| *count)
    }

    /// The whole body, as far as memory may hold that: its rows are no plain array.
    pub(super) fn whole(&self) -> Result<Document, Box<dyn std::error::Error + Send + Sync>> {
        if self.spool.bytes > PIECE_BYTES_MAX as u64 {
            let bytes = self.spool.bytes;
            return Err(format!("it has {bytes} bytes, and its rows are no array that keys alone lead to").into());
        }
        let mut bytes = Vec::new();
        self.spool.reader()?.read_to_end(&mut bytes)?;
        Ok(Document::parse(bytes.into())?)
    }

    /// The rows in pieces.
    pub(super) fn pieces<R: BodyReader>(
        &self,
        rows: &RowPath,
        (reader, takes_rows): (R, bool),
        steps: Arc<[RowStep]>,
    ) -> std::io::Result<Pieces<R>> {
        let input = self.spool.reader()?;
        let keys = keys(rows).unwrap_or_default();
        let piece_bytes = usize::try_from(self.spool.piece_bytes).unwrap_or(usize::MAX);
        let batches = Batches::new(Box::new(input) as Box<dyn Read + Send>, keys, piece_bytes, PIECE_BYTES_MAX);
        Ok(Pieces { batches, reader, takes_rows, steps, root: Arc::new(Path::of_members([])) })
    }
}

/// The whole of a body on local disk, as far as memory may hold that.
pub(super) fn whole(body: RawBody, bytes_max: u64) -> Result<RawBody, Unread> {
    let Some(spool) = &body.spool else { return Ok(body) };
    if spool.bytes > bytes_max.min(PIECE_BYTES_MAX as u64) {
        return Err(Unread::TooLarge);
    }
    let mut bytes = Vec::new();
    let mut input = spool.reader().map_err(|error| Unread::Broken(Box::new(error)))?;
    input.read_to_end(&mut bytes).map_err(|error| Unread::Broken(Box::new(error)))?;
    Ok(RawBody { bytes: bytes.into(), spool: None, ..body })
}

/// The keys that lead to the array whose elements the rows are.
fn keys(rows: &RowPath) -> Option<Vec<String>> {
    match rows {
        RowPath::Whole => Some(Vec::new()),
        RowPath::At(path) => path.names().map(|names| names.into_iter().map(str::to_owned).collect()),
        RowPath::Picked(..) | RowPath::Nothing => None,
    }
}

impl<R: BodyReader> Pieces<R> {
    /// The next piece; `None`: there is none.
    pub(super) fn next(&mut self) -> Result<Option<Piece<R::Rows>>, PieceFault> {
        let batch = self.batches.next_batch().map_err(|error| PieceFault::Body(Box::new(error)))?;
        let Some((batch, is_followed)) = batch else { return Ok(None) };
        let bytes = batch.len() as u64;
        let root = self.takes_rows.then_some(&*self.root);
        let read = self.reader.read(batch.into(), root);
        let (document, taken) = read.map_err(|error| PieceFault::Body(Box::new(error)))?;
        let rows = RowPath::At(Arc::clone(&self.root));
        let ahead = Processed::ahead(&self.steps, &document, &self.root);
        let processed = processed::of_page(&self.steps, &document, &rows, ahead).map_err(PieceFault::Step)?;
        let (document, rows) = processed.unwrap_or_else(|| (Arc::new(document), rows));
        Ok(Some(Piece { document, rows, taken, bytes, is_followed }))
    }
}
