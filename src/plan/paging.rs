//! How one page leads to the next, as data. The state machines that walk are in `extract::paginate`.

use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::json::Path;

/// A paging scheme with its settings. The keys are dlt's, unless it says otherwise.
#[derive(Debug, Clone)]
pub enum PaginatorSpec {
    /// The scheme that the first page suggests.
    Auto,
    /// One request and no more.
    SinglePage,
    /// A link in the body leads to the next page.
    JsonLink(JsonLinkSpec),
    /// A link in the header `Link` leads to the next page.
    HeaderLink(HeaderLinkSpec),
    /// Pages are counted.
    PageNumber(PageNumberSpec),
    /// Rows are counted off from a start.
    Offset(OffsetSpec),
    /// A value in the body is handed back for the next page.
    Cursor(CursorSpec),
    /// A value in a header is handed back for the next page.
    HeaderCursor(HeaderCursorSpec),
}

/// The `json_link` scheme. The walk ends where the link is missing, null, false or empty.
#[derive(Debug, Clone)]
pub struct JsonLinkSpec {
    /// Leads to the link, which may be relative to the page it stands on.
    pub next_url_path: Arc<Path>,
    /// Whether two equal pages in a row are taken as they are (a key of our own).
    pub allow_repeated_pages: bool,
}

/// The `header_link` scheme. The walk ends where there is no such link.
#[derive(Debug, Clone)]
pub struct HeaderLinkSpec {
    /// The relation of the link (`rel`).
    pub links_next_key: String,
    /// Whether two equal pages in a row are taken as they are (a key of our own).
    pub allow_repeated_pages: bool,
}

/// The `page_number` scheme.
///
/// At least one of `total_path`, `maximum_page`, `stop_after_empty_page` and `has_more_path` ends the walk.
#[derive(Debug, Clone)]
pub struct PageNumberSpec {
    /// The number that the API gives its first page.
    pub base_page: u64,
    /// The number of the first page that is asked for.
    pub page: u64,
    /// Where the number is put.
    pub page_place: ParameterPlace,
    /// Leads to the number of pages in all. Absent or null in a body: not known.
    pub total_path: Option<Arc<Path>>,
    /// Number from which on nothing is asked for any more.
    pub maximum_page: Option<u64>,
    /// Whether the walk ends at a page without rows.
    pub stop_after_empty_page: bool,
    /// Leads to a boolean that says whether another page follows.
    pub has_more_path: Option<Arc<Path>>,
    /// Whether two equal pages in a row are taken as they are (a key of our own).
    pub allow_repeated_pages: bool,
}

/// The `offset` scheme.
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
    /// Whether two equal pages in a row are taken as they are, and not for a server that ignores the offset (a key of our own).
    pub allow_repeated_pages: bool,
}

/// The `cursor` scheme. The walk ends where the cursor is missing, null, false, 0 or empty.
#[derive(Debug, Clone)]
pub struct CursorSpec {
    /// Leads to the cursor of the next page.
    pub cursor_path: Arc<Path>,
    /// Where the cursor is put.
    pub cursor_place: ParameterPlace,
    /// Whether the walk ends at a page without rows.
    pub stop_after_empty_page: bool,
    /// Leads to a boolean that says whether another page follows.
    pub has_more_path: Option<Arc<Path>>,
    /// Whether two equal pages in a row are taken as they are (a key of our own).
    pub allow_repeated_pages: bool,
}

/// The `header_cursor` scheme. The walk ends where the header is missing or empty.
#[derive(Debug, Clone)]
pub struct HeaderCursorSpec {
    /// The name of the header that holds the cursor of the next page.
    pub cursor_key: String,
    /// Where the cursor is put; the body is a place of our own.
    pub cursor_place: ParameterPlace,
    /// Whether two equal pages in a row are taken as they are (a key of our own).
    pub allow_repeated_pages: bool,
}

/// Where a paging parameter is put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterPlace {
    /// A query parameter of this name; it replaces one that the config has.
    Query(String),
    /// The keys from the root of the JSON body down to the value; objects on the way are made. Never empty.
    Body(Vec<String>),
}
