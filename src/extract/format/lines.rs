//! JSON Lines: a value on each line.

use bytes::Bytes;

use crate::json::Document;

/// Whether a body that is no JSON is made of lines that are: the first is a value by itself, and another one follows.
pub(super) fn are_these(body: &Bytes) -> bool {
    let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let (Some(first), Some(_)) = (lines.next(), lines.next()) else { return false };
    Document::parse(body.slice_ref(first.trim_ascii())).is_ok()
}

/// The lines as one array. Each stays on its line, so that a fault is told where it is: a line break within a value is none of
/// JSON Lines, and becomes a fault by the comma before it.
pub(super) fn array(body: &[u8]) -> Bytes {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut array = Vec::with_capacity(body.len().saturating_add(2));
    array.push(b'[');
    let mut is_first = true;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if !line.trim_ascii().is_empty() && !std::mem::take(&mut is_first) {
            array.push(b',');
        }
        array.extend_from_slice(line);
    }
    array.push(b']');
    array.into()
}
