//! What the steps of a resource make of a page's rows. Where it is known where the rows are, that is done with the reading of the body,
//! side by side; else, mostly for the first page, when it is the page's turn.

use std::sync::Arc;

use crate::flow::{Page, RowPath};
use crate::json::{Document, Path, RowStep, StepFault};

/// The rows of a body after all steps, or the first that was refused.
pub(super) struct Processed {
    /// Where the rows had been.
    path: Arc<Path>,
    rows: Result<Document, StepFault>,
}

impl Processed {
    /// The rows that `path` leads to, where there are steps.
    pub(super) fn ahead(steps: &[RowStep], document: &Document, path: &Arc<Path>) -> Option<Self> {
        if steps.is_empty() {
            return None;
        }
        let rows = of_rows(steps, document, &RowPath::At(Arc::clone(path)));
        Some(Self { path: Arc::clone(path), rows })
    }
}

/// The document and the rows that take the place of a page's; `None`: there are no steps.
///
/// # Errors
/// The first row that was refused.
pub(super) fn of_page(
    steps: &[RowStep],
    document: &Document,
    rows: &RowPath,
    ahead: Option<Processed>,
) -> Result<Option<(Arc<Document>, RowPath)>, StepFault> {
    if steps.is_empty() {
        return Ok(None);
    }
    let is_there = |ahead: &Processed| matches!(rows, RowPath::At(found) if Arc::ptr_eq(found, &ahead.path));
    let processed = match ahead.filter(is_there) {
        Some(ahead) => ahead.rows?,
        None => of_rows(steps, document, rows)?,
    };
    Ok(Some((Arc::new(processed), RowPath::Whole)))
}

/// The page with these rows, if there are such.
pub(super) fn with_rows(page: Page, rows: Option<(Arc<Document>, RowPath)>) -> Page {
    match rows {
        Some((document, rows)) => Page { document, rows, ..page },
        None => page,
    }
}

fn of_rows(steps: &[RowStep], document: &Document, rows: &RowPath) -> Result<Document, StepFault> {
    // With the texts of numbers, so that those that no step touches stay as they are.
    let exact = document.parse_exact();
    Document::of_steps(&rows.select(exact.root()), steps)
}
