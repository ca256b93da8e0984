//! The files of a zip archive, as far as APIs make them: stored or deflated, also in the form for sizes beyond 32 bits.
//!
//! ```text
//! (local header, name, extra, data)…  (central header, name, extra, comment)…  end record
//!        ^--------- offset -----------------------'    ^------- offset -----------'
//! ```
//!
//! The central headers count, because a local one need not know its sizes. What is encrypted, in several volumes or packed by any
//! other method is refused. Ours, because the crates for it bring encryption and half a dozen methods along.

use std::io::Read;

use flate2::read::DeflateDecoder;

const END: &[u8] = b"PK\x05\x06";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
/// Bytes of the end record without its comment, which has up to 65,535.
const END_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = 65_535;
/// What stands for a number that is in the field for larger ones.
const ELSEWHERE: u64 = 0xffff_ffff;
/// The field for larger numbers.
const LARGE_FIELD: usize = 1;

/// A file of an archive, still packed.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    data: &'a [u8],
    is_deflated: bool,
    /// The checksum of what is in it.
    pub(super) crc: u32,
}

/// The files in the order of the archive, without folders.
///
/// # Errors
/// What is wrong with it, or not supported.
pub(super) fn entries(archive: &[u8]) -> Result<Vec<Entry<'_>>, &'static str> {
    const CUT_OFF: &str = "the zip archive is cut off or broken";
    let last = archive.len().checked_sub(END_BYTES).ok_or(CUT_OFF)?;
    let first = last.saturating_sub(COMMENT_BYTES_MAX);
    let is_end = |at: &usize| archive.get(*at..).is_some_and(|rest| rest.starts_with(END));
    let end = (first..=last).rev().find(is_end).ok_or(CUT_OFF)?;
    let (count, mut at) = (number(archive, end + 10, 2).ok_or(CUT_OFF)?, number(archive, end + 16, 4).ok_or(CUT_OFF)?);
    if count == 0xffff || at as u64 == ELSEWHERE {
        return Err("the zip archive has too many files");
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        let header = archive.get(at..).filter(|rest| rest.starts_with(CENTRAL)).ok_or(CUT_OFF)?;
        let field = |offset, bytes| number(header, offset, bytes).ok_or(CUT_OFF);
        let (flags, method) = (field(8, 2)?, field(10, 2)?);
        let (name_bytes, extra_bytes, comment_bytes) = (field(28, 2)?, field(30, 2)?, field(32, 2)?);
        let name = header.get(46..46 + name_bytes).ok_or(CUT_OFF)?;
        let extra = header.get(46 + name_bytes..46 + name_bytes + extra_bytes).ok_or(CUT_OFF)?;
        let numbers = [field(24, 4)?, field(20, 4)?, field(42, 4)?];
        let [_, packed, local] = large(numbers, extra).ok_or(CUT_OFF)?;
        at += 46 + name_bytes + extra_bytes + comment_bytes;
        if name.ends_with(b"/") {
            continue;
        }
        if flags & 1 != 0 {
            return Err("a file of the zip archive is encrypted");
        }
        if !matches!(method, 0 | 8) {
            return Err("a file of the zip archive is packed by a method other than deflate");
        }
        entries.push(Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            data: data(archive, local, packed).ok_or(CUT_OFF)?,
            is_deflated: method == 8,
            crc: u32::try_from(field(16, 4)?).map_err(|_| CUT_OFF)?,
        });
    }
    Ok(entries)
}

impl<'a> Entry<'a> {
    /// What is in the file.
    pub(super) fn reader(&self) -> Box<dyn Read + 'a> {
        match self.is_deflated {
            true => Box::new(DeflateDecoder::new(self.data)),
            false => Box::new(self.data),
        }
    }
}

/// The packed bytes of the file whose local header is there.
fn data(archive: &[u8], local: usize, packed: usize) -> Option<&[u8]> {
    let header = archive.get(local..).filter(|rest| rest.starts_with(LOCAL))?;
    let start = 30 + number(header, 26, 2)? + number(header, 28, 2)?;
    header.get(start..start.checked_add(packed)?)
}

/// The numbers, those that stand elsewhere from the field for larger ones, which has them in this order.
fn large(mut numbers: [usize; 3], mut extra: &[u8]) -> Option<[usize; 3]> {
    let mut left = numbers.iter_mut().filter(|number| **number as u64 == ELSEWHERE).peekable();
    while left.peek().is_some() {
        let (id, bytes) = (number(extra, 0, 2)?, number(extra, 2, 2)?);
        if id == LARGE_FIELD {
            for (at, slot) in (4..4 + bytes).step_by(8).zip(left.by_ref()) {
                *slot = number(extra, at, 8)?;
            }
            break;
        }
        extra = extra.get(4 + bytes..)?;
    }
    Some(numbers)
}

/// A number of some bytes, the lowest first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    let number = bytes.iter().rev().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    usize::try_from(number).ok()
}
