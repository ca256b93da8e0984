//! `limits`, and those of the client that bound the whole run.

use std::num::NonZeroU64;

use super::client::{Client, count};
use super::problem::Report;
use super::reader::{self, Reader};
use super::size;
use super::tree::Tree;
use crate::plan::{COLUMN_LEVELS_MAX, Limits};

/// The limits of a run: the defaults, changed by what is written.
pub(super) fn read(tree: Option<&Tree>, client: Option<&Client<'_>>, report: &Report) -> Limits {
    let mut limits = Limits::default();
    if let Some(client) = client {
        limits.request_timeout = client.timeout.unwrap_or(limits.request_timeout);
        limits.body_bytes_max = client.max_body_bytes.unwrap_or(limits.body_bytes_max);
        limits.rate = client.rate_limit;
        limits.requests_in_flight = client.concurrency.unwrap_or(limits.requests_in_flight);
    }
    let Some(mut reader) = tree.and_then(|tree| Reader::open(tree, report)) else { return limits };
    let pages = reader.integer("max_pages", 1).and_then(NonZeroU64::new);
    limits.pages_max = pages.unwrap_or(limits.pages_max);
    limits.memory_bytes = bytes(&mut reader, "memory").unwrap_or(limits.memory_bytes);
    limits.file_bytes = bytes(&mut reader, "file_bytes").unwrap_or(limits.file_bytes);
    limits.nesting_max = nesting(&mut reader).unwrap_or(limits.nesting_max);
    limits.commit_attempts = count(&mut reader, "commit_attempts").unwrap_or(limits.commit_attempts);
    limits.resources_in_flight = count(&mut reader, "resources_in_flight").unwrap_or(limits.resources_in_flight);
    reader.close();
    limits
}

fn bytes(reader: &mut Reader<'_>, key: &'static str) -> Option<NonZeroU64> {
    let report = reader.report;
    reader.present(key).and_then(|tree| size::bytes(tree, report)).and_then(NonZeroU64::new)
}

fn nesting(reader: &mut Reader<'_>) -> Option<usize> {
    let report = reader.report;
    let tree = reader.present("max_nesting")?;
    let levels = usize::try_from(reader::integer(tree, 1, report)?).unwrap_or(usize::MAX);
    if levels > COLUMN_LEVELS_MAX {
        reader::invalid(tree, &format!("must be at most {COLUMN_LEVELS_MAX}"), report);
        return None;
    }
    Some(levels)
}
