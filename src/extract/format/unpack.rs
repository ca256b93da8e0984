//! What is in a body of gzip or zip. Both are known by their first bytes: servers that store files often tell nothing else.

use std::io::Read;

use bytes::Bytes;

use super::{FormatFault, broken, zip};
use crate::client::Unread;

/// How gzip begins (RFC 1952, section 2.3.1), with the only method that there is.
const GZIP: &[u8] = b"\x1f\x8b\x08";
/// How a zip archive with files begins.
const ZIP: &[u8] = b"PK\x03\x04";

/// One file of a packed body.
pub(super) struct File {
    /// Its name; empty where none is told.
    pub(super) name: String,
    pub(super) bytes: Bytes,
}

/// The files of a packed body, in the order of the archive; `None`: it is not packed.
pub(super) fn files(body: &Bytes, bytes_max: u64) -> Result<Option<Vec<File>>, Unread> {
    let mut left = bytes_max;
    if body.starts_with(GZIP) {
        let bytes = ungzipped(body, &mut left)?;
        return Ok(Some(vec![File { name: String::new(), bytes }]));
    }
    if !body.starts_with(ZIP) {
        return Ok(None);
    }
    let mut files = Vec::new();
    for entry in zip::entries(body).map_err(|problem| packed(&problem))? {
        if is_of_system(&entry.name) {
            continue;
        }
        let bytes = read(entry.reader(), &mut left)?;
        if crc32fast::hash(&bytes) != entry.crc {
            return Err(packed(&"a file of the zip archive is broken"));
        }
        let bytes = if bytes.starts_with(GZIP) { ungzipped(&bytes, &mut left)? } else { bytes };
        files.push(File { name: entry.name, bytes });
    }
    Ok(Some(files))
}

/// What macOS puts beside the files.
fn is_of_system(name: &str) -> bool {
    name.starts_with("__MACOSX/") || name.rsplit('/').next() == Some(".DS_Store")
}

fn ungzipped(body: &[u8], left: &mut u64) -> Result<Bytes, Unread> {
    read(flate2::read::MultiGzDecoder::new(body), left)
}

/// All bytes, if they are no more than are left.
fn read(from: impl Read, left: &mut u64) -> Result<Bytes, Unread> {
    let mut bytes = Vec::new();
    from.take(left.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| packed(&error))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    *left = left.checked_sub(length).ok_or(Unread::TooLarge)?;
    Ok(bytes.into())
}

fn packed(problem: &impl ToString) -> Unread {
    broken(FormatFault::Packed(problem.to_string()))
}
