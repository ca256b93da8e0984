//! How one page leads to the next: a state machine for each scheme.
//!
//! A [`Paginator`] sees pages in delivery order and names positions. It sends nothing, waits for nothing and knows no
//! clock, so that every property of a scheme can be tested by calling it.

mod offset;
mod single_page;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::Node;
use crate::plan::{PaginatorSpec, ParameterPlace};

/// A paging scheme on its way through one resource.
pub(super) trait Paginator: Send {
    /// The position of the first page.
    fn first(&self) -> Position;

    /// What [`Paginator::resume`] needs to go on from the page at `position`, which has been seen.
    fn noted(&self, position: &Position) -> Value;

    /// Goes back to a page that was noted by a paginator of the same scheme; `None`: this is not where such a walk can be.
    fn resume(&mut self, noted: &Value) -> Option<Position>;

    /// Takes note of the page at `position` and says what follows it. Called once a page, in delivery order.
    ///
    /// # Errors
    /// When the page lacks what the scheme needs to go on.
    fn advance(&mut self, position: &Position, seen: &Seen<'_>) -> Result<Step, PagingFault>;

    /// The position after `position` if that page turns out full; `None` if there is none or it cannot be known yet.
    fn likely_after(&self, position: &Position) -> Option<Position>;

    /// Where and how the position stands in a request.
    fn parameters(&self, position: &Position) -> Vec<Parameter<'_>>;

    /// What to make of a page with the same rows as the one before it.
    fn repeated(&self, position: &Position, seen: &Seen<'_>) -> Repeated;
}

/// The state machine of a scheme.
pub(super) fn paginator(spec: &PaginatorSpec) -> Box<dyn Paginator> {
    match spec {
        PaginatorSpec::SinglePage => Box::new(single_page::SinglePage),
        PaginatorSpec::Offset(spec) => Box::new(offset::Offset::new(spec.clone())),
    }
}

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    /// The only one.
    Only,
    /// A run of records.
    Range(Range),
}

impl Position {
    /// Whether both are asked for by the same request.
    pub(super) fn is_asked_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Only, Self::Only) => true,
            (Self::Range(one), Self::Range(other)) => (one.offset, one.limit) == (other.offset, other.limit),
            (Self::Only, Self::Range(_)) | (Self::Range(_), Self::Only) => false,
        }
    }

    /// Whether the page is asked for although nothing more is expected.
    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Range(Range { purpose: Purpose::Doubt, .. }))
    }
}

/// A run of records of an offset scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Range {
    /// Records before the first.
    pub(super) offset: u64,
    /// Records asked for.
    pub(super) limit: u64,
    /// Records that are expected.
    pub(super) expected: u64,
    /// Why it is asked for.
    pub(super) purpose: Purpose,
}

/// Why a run of records is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// It is next.
    Next,
    /// A page was shorter than expected: this is the rest of what it should have held.
    Gap,
    /// The total says that there is nothing more, and may be wrong.
    Doubt,
}

/// A paging parameter with its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter<'a> {
    pub(super) place: &'a ParameterPlace,
    pub(super) value: u64,
}

/// What a page showed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// The body; `None`: there was none.
    pub(super) body: Option<Node<'a>>,
    /// Elements of the array that holds the rows, before filters; `None`: there is no such array.
    pub(super) records: Option<u64>,
    /// Rows.
    pub(super) rows: u64,
}

impl Seen<'_> {
    /// Whether the page holds nothing to count.
    pub(super) fn is_empty(&self) -> bool {
        self.records.unwrap_or(self.rows) == 0
    }
}

/// What follows a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Another page. Pages fetched ahead are good only if the first of them is this one.
    Next(Position),
    /// Another page before those fetched ahead, which stay good.
    Fill(Position),
    /// Nothing.
    Done {
        /// Records that the server counted and did not hand out.
        missing: u64,
    },
}

/// What to make of two equal pages in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeated {
    /// The server seems to ignore the position.
    Fault,
    /// The page is no news, and the walk ends as expected.
    End,
    /// It is a page like any other.
    Accept,
}

/// Why a walk cannot go on from a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PagingFault {
    /// The total is there and is no number.
    #[error("expected a number of records at `{path}`, found {found}")]
    Total {
        /// The `total_path`.
        path: String,
        /// What stands there.
        found: String,
    },
    /// The word on whether more follows is missing.
    #[error("expected a boolean at `{path}` (`has_more_path`), found nothing")]
    HasMoreMissing {
        /// The `has_more_path`.
        path: String,
    },
    /// The word on whether more follows is no boolean.
    #[error("expected a boolean at `{path}` (`has_more_path`), found {found}")]
    HasMore {
        /// The `has_more_path`.
        path: String,
        /// What stands there.
        found: String,
    },
    /// Two equal pages in a row.
    #[error("the server seems to ignore `{parameter}`: the pages at {before} and {after} hold the same rows")]
    Repeated {
        /// The parameter.
        parameter: String,
        /// Its value for the first of them.
        before: u64,
        /// Its value for the second.
        after: u64,
    },
    /// A number of records beyond 64 bits.
    #[error("the position after {offset} is beyond what can be counted")]
    Overflow {
        /// The last position.
        offset: u64,
    },
}
