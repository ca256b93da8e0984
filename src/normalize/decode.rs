//! One page into untyped-until-joined columns. Pages of one resource may be decoded in parallel, in any order.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use super::build::{Fault, Levels, Record, RowReader};
use super::error::{NormalizeError, NormalizeErrorKind};
use super::shape::Shape;
use crate::flow::{BodyReader, Page};
use crate::json::{Document, Node, ParseError, Path};
use crate::plan::{ResourceName, SafeUrl};

/// Turns pages into drafts. Its clones know what is settled so far; a draft stays right when more is settled later.
#[derive(Debug, Clone)]
pub struct Decoder {
    resource: ResourceName,
    settled: Arc<RwLock<Arc<Shape>>>,
    levels: Levels,
}

/// The rows of one body in columns, by source key, taken while the body was read.
#[derive(Debug)]
pub struct Rows(Record);

impl Rows {
    /// How many there are.
    pub fn rows(&self) -> usize {
        self.0.rows()
    }
}

/// The rows of one page in columns, by source key.
#[derive(Debug)]
pub struct Draft {
    pub(super) page: (u64, SafeUrl),
    pub(super) record: Record,
}

impl Draft {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.record.rows()
    }

    /// Bytes held, for the memory budget.
    pub fn bytes(&self) -> usize {
        self.record.bytes()
    }
}

impl BodyReader for Decoder {
    type Rows = Rows;

    fn read(&self, body: Bytes, rows: Option<&Path>) -> Result<(Document, Option<Rows>), ParseError> {
        let shape = self.shape();
        let Some(path) = rows.filter(|_| !self.keeps_numbers(&shape)) else {
            return Ok((Document::parse(body)?, None));
        };
        let mut reader = RowReader { record: Record::new(Some(shape)), levels: self.levels };
        let (document, is_taken) = Document::parse_rows(body, path, &mut reader)?;
        Ok((document, is_taken.then_some(Rows(reader.record))))
    }
}

impl Decoder {
    pub(super) fn new(resource: ResourceName, shape: &Shape, levels: Levels) -> Self {
        Self { resource, settled: Arc::new(RwLock::new(Arc::new(shape.clone()))), levels }
    }

    /// Tells all clones what is settled now.
    pub(super) fn settle(&self, shape: &Shape) {
        *self.settled.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(shape.clone());
    }

    /// Whether numbers become part of a text, so that they have to be read as they are written.
    fn keeps_numbers(&self, shape: &Shape) -> bool {
        self.levels.have_text() || shape.holds_number_text()
    }

    fn shape(&self) -> Arc<Shape> {
        Arc::clone(&self.settled.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The rows of a page that were taken while its body was read.
    pub fn taken(&self, page: &Page, rows: Rows) -> Draft {
        Draft { page: (page.sequence, page.url.clone()), record: rows.0 }
    }

    /// Walks the rows of a page into columns.
    ///
    /// # Errors
    /// When a value does not fit the column that it belongs to, or is nested too deep.
    pub fn decode(&self, page: &Page) -> Result<Draft, NormalizeError> {
        let shape = self.shape();
        let exact_first = self.keeps_numbers(&shape) && !page.document.is_exact();
        let built = match exact_first {
            true => Err((0, Fault::Inexact)),
            false => self.build(&shape, &page.rows(), false),
        };
        let built = match built {
            Err((_, Fault::Inexact)) => {
                // It parsed before, so it parses again.
                let document = page.document.parse_exact();
                self.build(&shape, &page.rows.select(document.root()), true)
            }
            built => built,
        };
        let record = built.map_err(|(row, fault)| self.located(page, row, fault))?;
        Ok(Draft { page: (page.sequence, page.url.clone()), record })
    }

    /// The rows as columns, or the first row that found no place. With `exact`, a number is never too inexact to tell.
    fn build(&self, shape: &Arc<Shape>, rows: &[Node<'_>], exact: bool) -> Result<Record, (usize, Fault)> {
        let mut reader = RowReader { record: Record::new(Some(Arc::clone(shape))), levels: self.levels };
        for (row, node) in rows.iter().enumerate() {
            match reader.push(*node) {
                Err(Fault::Inexact) if exact => return Err((row, Fault::Beyond)),
                Err(fault) => return Err((row, fault)),
                Ok(()) => {}
            }
        }
        Ok(reader.record)
    }

    #[cold]
    fn located(&self, page: &Page, row: usize, fault: Fault) -> NormalizeError {
        let kind = match fault {
            Fault::TooDeep => NormalizeErrorKind::TooDeep { levels: self.levels.left() },
            Fault::TooLarge => NormalizeErrorKind::TooLarge,
            Fault::Inexact | Fault::Beyond => NormalizeErrorKind::Overflow,
        };
        NormalizeError {
            resource: self.resource.clone(),
            page: Some((page.sequence, page.url.clone())),
            row: Some(row as u64 + 1),
            kind,
        }
    }
}
