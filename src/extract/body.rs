//! One body as a walk reads it: parsed, with its rows where it is known where they are.

use std::sync::Arc;

use super::format;
use super::large::{self, Large};
use super::processed::Processed;
use crate::client::{RawBody, Unread};
use crate::flow::BodyReader;
use crate::json::{Document, Path, RowStep};
use crate::plan::{BodyFormat, FormatKind};

/// A body, with its rows where they were taken while it was read, and where they were found.
pub(super) struct Body<R> {
    pub(super) document: Document,
    pub(super) rows: Option<(R, Arc<Path>)>,
    /// Its size as JSON.
    pub(super) bytes: u64,
    /// What the steps made of its rows, where it was known where they are.
    pub(super) processed: Option<Processed>,
    /// It is on local disk, and `document` is its outline.
    pub(super) large: Option<Large>,
}

/// All that a body is read with.
#[derive(Clone)]
pub(super) struct Reading<R> {
    pub(super) reader: R,
    /// The array whose items are the rows, if that is known.
    pub(super) path: Option<Arc<Path>>,
    /// Whether rows may be taken while the body is read.
    pub(super) takes_rows: bool,
    pub(super) format: BodyFormat,
    pub(super) bytes_max: u64,
    pub(super) steps: Arc<[RowStep]>,
}

impl<R: BodyReader> Reading<R> {
    pub(super) fn read(&self, body: RawBody) -> Result<Body<R::Rows>, Unread> {
        if let Some(spool) = body.spool.as_ref().filter(|_| self.may_be_json(&body))
            && let Some((document, large)) = Large::outlined(spool)?
        {
            return Ok(Body { document, rows: None, bytes: spool.bytes, processed: None, large: Some(large) });
        }
        let body = large::whole(body, self.bytes_max)?;
        let path = self.path.as_ref().filter(|_| self.takes_rows);
        let parse = |json| self.reader.read(json, path.map(Arc::as_ref));
        let ((document, rows), bytes) = format::read(body, self.format, self.bytes_max, parse)?;
        let processed = self.path.as_ref().and_then(|path| Processed::ahead(&self.steps, &document, path));
        Ok(Body { document, rows: rows.zip(self.path.clone()), bytes, processed, large: None })
    }

    fn may_be_json(&self, body: &RawBody) -> bool {
        let first = body.bytes.trim_ascii_start().first();
        matches!(self.format.kind, FormatKind::Auto | FormatKind::Json) && matches!(first, Some(b'[' | b'{'))
    }
}
