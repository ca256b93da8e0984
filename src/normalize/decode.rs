//! One page into untyped-until-joined columns. Pages of one resource may be decoded in parallel, in any order.

use std::sync::Arc;

use super::build::{Fault, Record};
use super::error::{NormalizeError, NormalizeErrorKind};
use super::shape::Shape;
use crate::flow::Page;
use crate::json::{Kind, Node};
use crate::plan::{ResourceName, SafeUrl};

/// Turns pages into drafts. Made by [`Normalizer::decoder`](super::Normalizer::decoder) with what is settled at that time; a
/// draft stays right when more has been settled since.
#[derive(Debug, Clone)]
pub struct Decoder {
    pub(super) resource: ResourceName,
    pub(super) shape: Arc<Shape>,
    pub(super) nesting_max: usize,
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

impl Decoder {
    /// Walks the rows of a page into columns.
    ///
    /// # Errors
    /// When a value does not fit the column that it belongs to, or is nested too deep.
    pub fn decode(&self, page: &Page) -> Result<Draft, NormalizeError> {
        let exact_first = self.shape.holds_number_text() && !page.document.is_exact();
        let built = match exact_first {
            true => Err((0, Fault::Inexact)),
            false => self.build(&page.rows(), false),
        };
        let built = match built {
            Err((_, Fault::Inexact)) => {
                // It parsed before, so it parses again.
                let document = page.document.parse_exact();
                self.build(&page.rows.select(document.root()), true)
            }
            built => built,
        };
        let record = built.map_err(|(row, fault)| self.located(page, row, fault))?;
        Ok(Draft { page: (page.sequence, page.url.clone()), record })
    }

    /// The rows as columns, or the first row that found no place. With `exact`, a number is never too inexact to tell.
    fn build(&self, rows: &[Node<'_>], exact: bool) -> Result<Record, (usize, Fault)> {
        let mut record = Record::new(Some(Arc::clone(&self.shape)));
        for (row, node) in rows.iter().enumerate() {
            let pushed = match node.kind() {
                Kind::Object(members) => record.push(members, self.nesting_max),
                // As dlt does with rows that are no objects.
                _ => record.push_value(*node, self.nesting_max),
            };
            match pushed {
                Err(Fault::Inexact) if exact => return Err((row, Fault::Beyond)),
                Err(fault) => return Err((row, fault)),
                Ok(()) => {}
            }
        }
        Ok(record)
    }

    #[cold]
    fn located(&self, page: &Page, row: usize, fault: Fault) -> NormalizeError {
        let kind = match fault {
            Fault::TooDeep => NormalizeErrorKind::TooDeep { levels: self.nesting_max },
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
