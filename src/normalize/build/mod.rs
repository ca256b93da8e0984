//! The hot path: the values of a page walked straight into typed columns, as they come from the parser ([`read`]) or, where
//! that is not to be, from the nodes of a parsed body.
//!
//! A [`Record`] holds the members of objects by source key, a [`Column`] the values of one member, in a [`Lane`] a kind of
//! value. All grow row by row, take their types from the values, and are bounded by the page. What a column has to be because
//! its table says so is told by the [`Shape`](super::shape::Shape) that a record is made with; which lane goes into which
//! column of the table, names, joins across pages and Arrow come later.

mod bytes;
mod column;
mod decimal;
mod floats;
mod lane;
mod levels;
mod read;
mod record;
mod text;

pub(super) use bytes::bytes_text;
pub(super) use column::Column;
pub(super) use decimal::{DIGITS_MAX, parse_decimal};
pub(super) use floats::{Floats, exact_int};
pub(super) use lane::{Lane, ListValues, Values};
pub(super) use levels::Levels;
pub(super) use read::RowReader;
pub(super) use record::Record;
pub(super) use text::TextValues;

/// Why a page cannot be walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The document has to be read again with exact numbers.
    Inexact,
    /// A number beyond what a float can hold.
    Beyond,
    /// Objects or arrays in each other beyond the limit.
    TooDeep,
    /// More than 2 GiB of text, or 2^31 items, in one column of one page.
    TooLarge,
}
