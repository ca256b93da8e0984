//! How one page leads to the next, as data. The state machines that walk are in `extract::paginate`.

use std::num::NonZeroU64;
use std::sync::Arc;

use crate::json::Path;

/// A paging scheme with its settings.
#[derive(Debug, Clone)]
pub enum PaginatorSpec {
    /// One request and no more.
    SinglePage,
    /// Rows are counted off from a start.
    Offset(OffsetSpec),
}

/// The `offset` scheme, with dlt's keys.
///
/// At least one of `total_path`, `maximum_offset`, `stop_after_empty_page` and `has_more_path` ends the walk.
#[derive(Debug, Clone)]
pub struct OffsetSpec {
    /// Rows asked for in one page.
    pub limit: NonZeroU64,
    /// Offset of the first page.
    pub offset: u64,
    /// Where the offset is put.
    pub offset_place: ParameterPlace,
    /// Where the limit is put.
    pub limit_place: ParameterPlace,
    /// Leads to the number of rows in all. Absent or null in a body: not known.
    pub total_path: Option<Arc<Path>>,
    /// Offset from which on nothing is asked for any more.
    pub maximum_offset: Option<u64>,
    /// Whether the walk ends at a page without rows.
    pub stop_after_empty_page: bool,
    /// Leads to a boolean that says whether another page follows.
    pub has_more_path: Option<Arc<Path>>,
    /// Whether two equal bodies in a row are taken as they are, and not for a server that ignores the offset.
    pub allow_repeated_pages: bool,
}

/// Where a paging parameter is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterPlace {
    /// A query parameter of this name; it replaces one that the config has.
    Query(String),
    /// The keys from the root of the JSON body down to the value; objects on the way are made. Never empty.
    Body(Vec<String>),
}
