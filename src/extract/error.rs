//! Why a walk stopped before its end, and at which page.

use std::error::Error;
use std::fmt;

use super::cursor::CursorFault;
use super::fill::{FillFault, FillProblem};
use super::paginate::PagingFault;
use super::select::SelectFault;
use crate::client::ClientError;
use crate::json::{ParseError, StepFault};
use crate::plan::{ResourceName, SafeUrl};

/// A walk that stopped before its end.
#[derive(Debug)]
pub struct ExtractError {
    /// The resource.
    pub resource: ResourceName,
    /// The number of the page, from 1.
    pub page: u64,
    /// Where the page is.
    pub url: SafeUrl,
    /// What happened.
    pub kind: ExtractErrorKind,
}

/// What stopped a walk.
#[derive(Debug)]
pub enum ExtractErrorKind {
    /// The request failed for good.
    Client(Box<ClientError>),
    /// The answer to a query in GraphQL tells of errors.
    Refused {
        /// The first of them.
        said: String,
    },
    /// The rows of the page cannot be told.
    Select(SelectFault),
    /// A step of `processing_steps` makes nothing of a row.
    Step(StepFault),
    /// The page does not tell how to go on.
    Paging(PagingFault),
    /// The cursor of a row says nothing.
    Cursor(CursorFault),
    /// The request cannot be made, for lack of a value from the parent's row (where it is: its page and its place there) or the
    /// cursor.
    Unfilled {
        /// What cannot be filled.
        fault: FillFault,
        /// The parent's row.
        at: Option<(SafeUrl, usize)>,
    },
    /// A part of a body that is too large for memory cannot be read.
    Piece(Box<dyn Error + Send + Sync>),
    /// The parent failed, so that not all of its rows have come.
    Parent,
    /// The rows with members of their parent's row are no JSON.
    Included(ParseError),
    /// The page from which the walk was to go on is not what it was.
    Shifted {
        /// Pages of the walk up to it.
        pages: u64,
        /// What is different.
        how: &'static str,
    },
    /// There are more pages than are read.
    TooManyPages {
        /// The most pages that are read.
        pages_max: u64,
    },
}

impl ExtractError {
    /// A stable name of what happened.
    pub fn code(&self) -> &'static str {
        match &self.kind {
            ExtractErrorKind::Client(error) => error.code(),
            ExtractErrorKind::Refused { .. } => "graphql",
            ExtractErrorKind::Step(_) => "processing_step",
            ExtractErrorKind::Select(SelectFault::Missing { .. }) => "rows_missing",
            ExtractErrorKind::Select(SelectFault::Changed { .. }) => "rows_changed",
            ExtractErrorKind::Select(SelectFault::Ambiguous { .. }) => "rows_ambiguous",
            ExtractErrorKind::Paging(PagingFault::Total { .. }) => "paging_total",
            ExtractErrorKind::Paging(PagingFault::HasMoreMissing { .. } | PagingFault::HasMore { .. }) => {
                "paging_has_more"
            }
            ExtractErrorKind::Paging(
                PagingFault::Repeated { .. }
                | PagingFault::Guessed { .. }
                | PagingFault::CountsFromOne { .. }
                | PagingFault::RepeatedLink,
            ) => "paging_repeated",
            ExtractErrorKind::Paging(PagingFault::Loop { .. } | PagingFault::EmptyPages { .. }) => "paging_loop",
            ExtractErrorKind::Paging(PagingFault::Cursor { .. } | PagingFault::CursorMissing { .. }) => "paging_cursor",
            ExtractErrorKind::Paging(PagingFault::Link { .. }) => "paging_link",
            ExtractErrorKind::Paging(PagingFault::Undetected { .. }) => "paging_undetected",
            ExtractErrorKind::Paging(PagingFault::Overflow { .. }) => "paging_overflow",
            ExtractErrorKind::Cursor(_) => "cursor",
            ExtractErrorKind::Unfilled { .. } => "placeholder",
            ExtractErrorKind::Piece(_) => "bad_body",
            ExtractErrorKind::Parent => "parent_failed",
            ExtractErrorKind::Included(_) => "include_from_parent",
            ExtractErrorKind::Shifted { .. } => "resume_shifted",
            ExtractErrorKind::TooManyPages { .. } => "too_many_pages",
        }
    }

    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        let hint = match &self.kind {
            ExtractErrorKind::Client(error) => return error.hint(),
            ExtractErrorKind::Step(_) => {
                "expressions of jq take care of what is missing by `?` and `//`, such as `.a.b? // 0`"
            }
            ExtractErrorKind::Refused { .. } => {
                "check `graphql`; where trying again helps, say so with `response_actions`"
            }
            ExtractErrorKind::Select(SelectFault::Missing { .. }) => "set `data_selector` to where the rows are",
            ExtractErrorKind::Select(SelectFault::Changed { .. }) => {
                "the API may have answered with an error in place of rows"
            }
            ExtractErrorKind::Select(SelectFault::Ambiguous { .. }) => "set `data_selector` to one of them",
            ExtractErrorKind::Paging(PagingFault::Total { counted, .. }) => {
                return Some(format!(
                    "set `total_path` to a number of {counted}, or to null to read until an empty page"
                ));
            }
            ExtractErrorKind::Paging(PagingFault::HasMoreMissing { .. } | PagingFault::HasMore { .. }) => {
                "check `has_more_path`"
            }
            ExtractErrorKind::Paging(PagingFault::Repeated { .. }) => {
                "check the names of the paging parameters; where pages may well be equal, set `allow_repeated_pages: true`"
            }
            ExtractErrorKind::Paging(PagingFault::Guessed { .. } | PagingFault::Undetected { .. }) => {
                "give the endpoint a `paginator`: `single_page` if this is all there is"
            }
            ExtractErrorKind::Paging(PagingFault::CountsFromOne { .. }) => "set `base_page: 1`",
            ExtractErrorKind::Paging(PagingFault::RepeatedLink) => {
                "where pages may well be equal, set `allow_repeated_pages: true`"
            }
            ExtractErrorKind::Paging(PagingFault::Loop { .. } | PagingFault::EmptyPages { .. }) => {
                "if the API ends so, set what else ends the walk, such as `stop_after_empty_page: true` or `has_more_path` of \
                 `cursor`"
            }
            ExtractErrorKind::Paging(PagingFault::Cursor { .. } | PagingFault::CursorMissing { .. }) => {
                "check `cursor_path`"
            }
            ExtractErrorKind::Paging(PagingFault::Link { .. }) => "check where the paginator looks for the link",
            ExtractErrorKind::Paging(PagingFault::Overflow { .. }) => return None,
            ExtractErrorKind::Cursor(CursorFault::Missing { .. }) => {
                "check `cursor_path`; `on_cursor_value_missing: include` takes such rows, `exclude` leaves them out"
            }
            ExtractErrorKind::Cursor(CursorFault::Kind { .. } | CursorFault::Mixed { .. }) => {
                "check `cursor_path` and `initial_value`"
            }
            ExtractErrorKind::Cursor(CursorFault::Crowded { .. }) => {
                "use a finer cursor, or `primary_key: []` in `incremental` to take these rows again each time"
            }
            ExtractErrorKind::Unfilled { fault, .. } => match fault.problem {
                FillProblem::Missing => "`on_missing_parent_field: skip` leaves such parents out",
                FillProblem::NoCursor => "give `incremental` an `initial_value`",
                FillProblem::NoText | FillProblem::Format | FillProblem::Url => {
                    "check the field that the placeholder names"
                }
            },
            ExtractErrorKind::Piece(_) => {
                "check what the API answers; bodies of this size are kept in the folder for temporary files"
            }
            ExtractErrorKind::Parent => "its own error says what to do",
            ExtractErrorKind::Included(_) => return None,
            ExtractErrorKind::Shifted { .. } => {
                "`--full-refresh` loads the resource anew and replaces its rows in one commit"
            }
            ExtractErrorKind::TooManyPages { .. } => "raise `limits.max_pages` if the walk is not endless",
        };
        Some(hint.to_owned())
    }
}

impl fmt::Display for ExtractError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "page {} of resource `{}`", self.page, self.resource)?;
        match &self.kind {
            // The client's error names its URL itself.
            ExtractErrorKind::Client(error) => write!(formatter, ": {error}"),
            ExtractErrorKind::Refused { said } => {
                write!(formatter, " (`{}`): the answer tells of errors: {said}", self.url)
            }
            ExtractErrorKind::Step(fault) => write!(formatter, " (`{}`): {fault}", self.url),
            ExtractErrorKind::Select(fault) => write!(formatter, " (`{}`): {fault}", self.url),
            ExtractErrorKind::Paging(fault) => write!(formatter, " (`{}`): {fault}", self.url),
            ExtractErrorKind::Cursor(fault) => write!(formatter, " (`{}`): {fault}", self.url),
            ExtractErrorKind::Unfilled { fault, at: Some((url, row)) } => {
                write!(formatter, " (for row {row} of the parent's page `{url}`): {fault}")
            }
            ExtractErrorKind::Unfilled { fault, at: None } => write!(formatter, ": {fault}"),
            ExtractErrorKind::Piece(fault) => write!(formatter, " (`{}`): the body cannot be read: {fault}", self.url),
            ExtractErrorKind::Parent => {
                write!(formatter, ": its parent failed, so that not all of its pages are known")
            }
            ExtractErrorKind::Included(fault) => write!(formatter, " (`{}`): {fault}", self.url),
            ExtractErrorKind::Shifted { pages, how } => write!(
                formatter,
                " (`{}`): an earlier run ended after page {pages}, and this one cannot go on from there: {how}",
                self.url
            ),
            ExtractErrorKind::TooManyPages { pages_max } => {
                write!(formatter, " (`{}`): there are more than {pages_max} pages", self.url)
            }
        }
    }
}

impl Error for ExtractError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            // Its own words are in ours already.
            ExtractErrorKind::Client(error) => error.source(),
            ExtractErrorKind::Refused { .. }
            | ExtractErrorKind::Step(_)
            | ExtractErrorKind::Select(_)
            | ExtractErrorKind::Paging(_)
            | ExtractErrorKind::Cursor(_)
            | ExtractErrorKind::Unfilled { .. }
            | ExtractErrorKind::Piece(_)
            | ExtractErrorKind::Parent
            | ExtractErrorKind::Included(_)
            | ExtractErrorKind::Shifted { .. }
            | ExtractErrorKind::TooManyPages { .. } => None,
        }
    }
}
