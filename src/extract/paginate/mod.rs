//! How one page leads to the next: a state machine for each scheme.
//!
//! A [`Paginator`] sees pages in delivery order and names positions. It sends nothing, waits for nothing and knows no
//! clock, so that every property of a scheme can be tested by calling it.

mod auto;
mod cursors;
mod envelope;
mod fault;
mod guard;
mod link;
mod link_header;
mod links;
mod offset;
mod page_number;
mod said;
mod signs;
mod single_page;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::Answered;
use crate::flow::RowPath;
use crate::json::{Document, Node};
use crate::plan::{Endpoint, PaginatorSpec, ParameterPlace};

pub use fault::PagingFault;
pub(super) use link::Link;

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
    fn repeated(&mut self, position: &Position, seen: &Seen<'_>) -> Repeated;

    /// Whether more pages may follow one like this, so that it is more likely an envelope than a row.
    fn is_paged(&self, body: Node<'_>) -> bool;
}

/// The state machine of the endpoint's scheme.
pub(super) fn paginator(endpoint: &Endpoint) -> Box<dyn Paginator> {
    machine(&endpoint.paginator, endpoint, Trust::Configured)
}

/// Where a scheme comes from, and with it what its totals count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The config says so.
    Configured,
    /// The first page suggests it.
    Guessed,
}

fn machine(spec: &PaginatorSpec, endpoint: &Endpoint, trust: Trust) -> Box<dyn Paginator> {
    match spec {
        PaginatorSpec::Auto => Box::new(auto::Auto::new(endpoint)),
        PaginatorSpec::SinglePage => Box::new(single_page::SinglePage),
        PaginatorSpec::JsonLink(spec) => Box::new(links::Links::in_body(spec, endpoint)),
        PaginatorSpec::HeaderLink(spec) => Box::new(links::Links::in_header(spec, endpoint)),
        PaginatorSpec::PageNumber(spec) => Box::new(page_number::PageNumber::new(spec.clone(), trust)),
        PaginatorSpec::Offset(spec) => Box::new(offset::Offset::new(spec.clone(), trust)),
        PaginatorSpec::Cursor(spec) => Box::new(cursors::Cursors::in_body(spec)),
        PaginatorSpec::HeaderCursor(spec) => Box::new(cursors::Cursors::in_header(spec)),
    }
}

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    /// The one that the endpoint's own request leads to.
    Only,
    /// A run of records.
    Range(Range),
    /// A page with a number.
    Page(Numbered),
    /// The page that a server gave this cursor for: a text or a number.
    Cursor(Value),
    /// The page that a server gave this link for.
    Link(Link),
}

impl Position {
    /// Whether both are asked for by the same request.
    pub(super) fn is_asked_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Range(one), Self::Range(other)) => (one.offset, one.limit) == (other.offset, other.limit),
            (Self::Page(one), Self::Page(other)) => one.number == other.number,
            _ => self == other,
        }
    }

    /// Whether the page is asked for although nothing more is expected.
    pub(super) fn is_in_doubt(&self) -> bool {
        match self {
            Self::Range(range) => range.purpose == Purpose::Doubt,
            Self::Page(page) => page.prospect == Prospect::Doubt,
            Self::Only | Self::Cursor(_) | Self::Link(_) => false,
        }
    }

    /// Whether an answer with this status says that there is no such page, where nobody had said that there is one.
    pub(super) fn ends_by(&self, status: u16) -> bool {
        let is_absent = matches!(status, 404 | 410 | 416);
        // Servers also refuse so what is there and may not be had, such as all beyond the first thousand.
        let is_refused = matches!(status, 400 | 422);
        match self {
            Self::Page(Numbered { prospect: Prospect::Told, .. }) => false,
            Self::Page(Numbered { prospect: Prospect::Open, .. }) => is_absent,
            Self::Page(Numbered { prospect: Prospect::Tail | Prospect::Doubt, .. }) => is_absent || is_refused,
            Self::Range(Range { purpose: Purpose::Next | Purpose::Gap, .. }) => false,
            Self::Range(Range { purpose: Purpose::Open, .. }) => is_absent,
            Self::Range(Range { purpose: Purpose::Doubt, .. }) => is_absent || is_refused,
            Self::Only | Self::Cursor(_) | Self::Link(_) => false,
        }
    }
}

/// A page of a scheme that counts pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Numbered {
    /// Its number.
    pub(super) number: u64,
    /// Whether it is there.
    pub(super) prospect: Prospect,
}

/// What is known of a page before it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Prospect {
    /// It is there: a total or the page before says so, or it is the first.
    Told,
    /// Nothing says that it is there or not.
    Open,
    /// It is likely not there: the page before was shorter than others, or all records have been seen.
    Tail,
    /// The total says that it is not there, and may be wrong.
    Doubt,
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
    /// It is next: a total or the page before says so, or it is the first.
    Next,
    /// It may be next: nothing says that it is there or not.
    Open,
    /// A page was shorter than expected: this is the rest of what it should have held.
    Gap,
    /// The total says that there is nothing more, and may be wrong.
    Doubt,
}

/// A paging parameter with its value.
#[derive(Debug, Clone)]
pub(super) struct Parameter<'a> {
    pub(super) place: &'a ParameterPlace,
    /// A text or a number, which keeps its type in a body.
    pub(super) value: Value,
}

impl Parameter<'_> {
    /// The value as it stands in a query.
    pub(super) fn text(&self) -> String {
        as_text(&self.value)
    }
}

/// A text or a number without quotes.
fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a page showed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// The body; `None`: there was none.
    pub(super) body: Option<&'a Document>,
    /// Where the answer came from, and its headers.
    pub(super) answered: &'a Answered,
    /// What leads to the rows.
    pub(super) path: &'a RowPath,
    /// Elements of the array that holds the rows, before filters; `None`: there is no such array.
    pub(super) records: Option<u64>,
    /// Rows.
    pub(super) rows: u64,
}

impl<'a> Seen<'a> {
    /// The body's root.
    pub(super) fn root(&self) -> Option<Node<'a>> {
        self.body.map(Document::root)
    }

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
    /// It is that page under another number: it is no news, and the walk goes on.
    Again,
}
