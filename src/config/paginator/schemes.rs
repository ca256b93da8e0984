//! The keys of each paging scheme, with dlt's defaults.
//!
//! Everything is read before anything that is missing ends it, so that all problems are told.

use std::num::NonZeroU64;

use super::keys::{count, name, path, path_or, path_or_none, place, switch};
use crate::config::headers::is_token;
use crate::config::problem::{Problem, code};
use crate::config::reader::{self, Reader};
use crate::plan::{
    CursorSpec, HeaderCursorSpec, HeaderLinkSpec, JsonLinkSpec, OffsetSpec, PageNumberSpec, PaginatorSpec,
};

/// The key of our own that every scheme has.
const REPEATED: &str = "allow_repeated_pages";

pub(super) fn json_link(reader: &mut Reader<'_>) -> Option<PaginatorSpec> {
    let next_url_path = path_or(reader, "next_url_path", "next");
    let allow_repeated_pages = switch(reader, REPEATED, false);
    Some(PaginatorSpec::JsonLink(JsonLinkSpec {
        next_url_path: next_url_path?,
        allow_repeated_pages: allow_repeated_pages?,
    }))
}

pub(super) fn header_link(reader: &mut Reader<'_>) -> Option<PaginatorSpec> {
    let links_next_key = name(reader, "links_next_key", "next");
    let allow_repeated_pages = switch(reader, REPEATED, false);
    Some(PaginatorSpec::HeaderLink(HeaderLinkSpec {
        links_next_key: links_next_key?,
        allow_repeated_pages: allow_repeated_pages?,
    }))
}

pub(super) fn header_cursor(reader: &mut Reader<'_>) -> Option<PaginatorSpec> {
    let written = reader.tree.get("cursor_key");
    let cursor_key = name(reader, "cursor_key", "next");
    let cursor_place = place(reader, "cursor_param", "cursor_body_path", "cursor");
    let allow_repeated_pages = switch(reader, REPEATED, false);
    let cursor_key = cursor_key?;
    if let Some(tree) = written.filter(|_| !is_token(&cursor_key)) {
        reader::invalid(tree, "is not the name of a header", reader.report);
        return None;
    }
    Some(PaginatorSpec::HeaderCursor(HeaderCursorSpec {
        cursor_key,
        cursor_place: cursor_place?,
        allow_repeated_pages: allow_repeated_pages?,
    }))
}

pub(super) fn cursor(reader: &mut Reader<'_>) -> Option<PaginatorSpec> {
    let cursor_path = path_or(reader, "cursor_path", "cursors.next");
    let cursor_place = place(reader, "cursor_param", "cursor_body_path", "cursor");
    let stop_after_empty_page = switch(reader, "stop_after_empty_page", false);
    let has_more_path = path(reader, "has_more_path");
    let allow_repeated_pages = switch(reader, REPEATED, false);
    Some(PaginatorSpec::Cursor(CursorSpec {
        cursor_path: cursor_path?,
        cursor_place: cursor_place?,
        stop_after_empty_page: stop_after_empty_page?,
        has_more_path: has_more_path?,
        allow_repeated_pages: allow_repeated_pages?,
    }))
}

pub(super) fn page_number(reader: &mut Reader<'_>) -> Option<PaginatorSpec> {
    let base_page = count(reader, "base_page").map(|base| base.unwrap_or(0));
    let page = count(reader, "page");
    let page_place = place(reader, "page_param", "page_body_path", "page");
    let total_path = path_or_none(reader, "total_path", "total");
    let maximum_page = count(reader, "maximum_page");
    let stop_after_empty_page = switch(reader, "stop_after_empty_page", true);
    let has_more_path = path(reader, "has_more_path");
    let allow_repeated_pages = switch(reader, REPEATED, false);
    let spec = PageNumberSpec {
        base_page: base_page?,
        page: page?.unwrap_or(base_page?),
        page_place: page_place?,
        total_path: total_path?,
        maximum_page: maximum_page?,
        stop_after_empty_page: stop_after_empty_page?,
        has_more_path: has_more_path?,
        allow_repeated_pages: allow_repeated_pages?,
    };
    let has_end = spec.total_path.is_some() || spec.maximum_page.is_some() || spec.has_more_path.is_some();
    if !has_end && !spec.stop_after_empty_page {
        no_end(reader, "maximum_page");
        return None;
    }
    Some(PaginatorSpec::PageNumber(spec))
}

pub(super) fn offset(reader: &mut Reader<'_>) -> Option<PaginatorSpec> {
    let report = reader.report;
    let limit = reader.required("limit").and_then(|tree| reader::integer(tree, 1, report)).and_then(NonZeroU64::new);
    let offset = count(reader, "offset").map(|offset| offset.unwrap_or(0));
    let offset_place = place(reader, "offset_param", "offset_body_path", "offset");
    let limit_place = place(reader, "limit_param", "limit_body_path", "limit");
    let total_path = path_or_none(reader, "total_path", "total");
    let maximum_offset = count(reader, "maximum_offset");
    let stop_after_empty_page = switch(reader, "stop_after_empty_page", true);
    let has_more_path = path(reader, "has_more_path");
    let allow_repeated_pages = switch(reader, REPEATED, false);
    let spec = OffsetSpec {
        limit: limit?,
        offset: offset?,
        offset_place: offset_place?,
        limit_place: limit_place?,
        total_path: total_path?,
        maximum_offset: maximum_offset?,
        stop_after_empty_page: stop_after_empty_page?,
        has_more_path: has_more_path?,
        allow_repeated_pages: allow_repeated_pages?,
    };
    let has_end = spec.total_path.is_some() || spec.maximum_offset.is_some() || spec.has_more_path.is_some();
    if !has_end && !spec.stop_after_empty_page {
        no_end(reader, "maximum_offset");
        return None;
    }
    Some(PaginatorSpec::Offset(spec))
}

fn no_end(reader: &Reader<'_>, maximum: &str) {
    let message = format!(
        "nothing ends the paging: one of `total_path`, `{maximum}`, `has_more_path` and `stop_after_empty_page` is needed"
    );
    reader.report.add(Problem::new(code::INVALID, &reader.tree.at, message));
}
