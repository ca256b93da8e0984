//! Two equal pages in a row: whether they are, and what to say of it.

use std::sync::Arc;

use super::paginate::{Paginator, PagingFault, Position};
use super::select::RowFinder;
use crate::flow::RowPath;
use crate::json::Document;
use crate::plan::{PaginatorSpec, ParameterPlace};

/// What is kept of a page to compare the next one with.
pub(super) struct Delivered {
    pub(super) position: Position,
    pub(super) document: Arc<Document>,
    pub(super) rows: RowPath,
}

impl Delivered {
    /// Whether the next page has the same rows. The rest of the body may differ: many servers echo the position.
    ///
    /// The page is kept and compared row by row, which ends at the first row that differs: a digest of each page would cost writing out
    /// all of its rows.
    pub(super) fn has_rows_of(&self, rows: &RowPath, document: &Document) -> bool {
        RowFinder::are_equal((&self.rows, self.document.root()), (rows, document.root()))
    }
}

/// Why the page at `position` is most likely the one before it once more.
pub(super) fn fault(
    paginator: &dyn Paginator,
    spec: &PaginatorSpec,
    last: Option<&Position>,
    position: &Position,
) -> PagingFault {
    let first = |position: &Position| {
        let parameter = paginator.parameters(position).into_iter().next()?;
        let name = match parameter.place {
            ParameterPlace::Query(name) => name.clone(),
            ParameterPlace::Body(keys) => keys.join("."),
        };
        Some((name, parameter.text()))
    };
    let before = last.and_then(first).map(|(_, value)| value);
    match (first(position), spec) {
        (None, _) => PagingFault::RepeatedLink,
        (Some((parameter, after)), PaginatorSpec::PageNumber(_)) if after == "1" && before.as_deref() == Some("0") => {
            PagingFault::CountsFromOne { parameter }
        }
        (Some((parameter, after)), PaginatorSpec::Auto) => PagingFault::Guessed { parameter, before, after },
        (Some((parameter, after)), _) => PagingFault::Repeated { parameter, before, after },
    }
}
