//! Deletion vectors: which rows of a data file are gone, without writing the file again.
//!
//! The format is that of the Delta protocol ("Deletion Vector Format"): a file begins with a byte of version; each vector in it
//! is its size, big-endian, then a magic number, little-endian, and a 64-bit Roaring bitmap in the portable form, and at the
//! end the CRC-32 of these two, big-endian. The log says where in which file the vector of a data file is.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use roaring::RoaringTreemap;
use serde_json::{Value, json};

use super::error::LoadErrorKind;
use super::store::Place;

/// The first byte of a file of vectors.
const VERSION: u8 = 1;
const MAGIC: u32 = 1_681_511_377;
/// Bytes of the magic number, of a size and of a checksum.
const WORD: usize = 4;
/// Characters of an encoded UUID at the end of a file's name in the log.
const ENCODED_UUID: usize = 20;
/// Bytes of a file of vectors: offsets in it are 32 bits with a sign.
const FILE_BYTES_MAX: usize = i32::MAX as usize;

/// Where the log says that a vector is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Descriptor {
    /// The descriptor as it stands in the log.
    action: Value,
    /// Rows that are gone.
    pub(super) rows: u64,
}

impl Descriptor {
    /// The descriptor of an action of the log.
    pub(super) fn of(action: Value) -> Self {
        let rows = action.get("cardinality").and_then(Value::as_u64).unwrap_or_default();
        Self { action, rows }
    }

    /// The file that has the vector; `None`: it stands in the log.
    ///
    /// # Errors
    /// When it is outside of the table's folder.
    pub(super) fn file(&self) -> Result<Option<Path>, LoadErrorKind> {
        match self.text("storageType") {
            "i" => Ok(None),
            "u" => file_of(self.text("pathOrInlineDv")).map(Some).ok_or_else(damaged),
            _ => Err(LoadErrorKind::Feature { feature: "deletion vectors outside of the table".to_owned() }),
        }
    }

    fn text(&self, key: &str) -> &str {
        self.action.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.action.get(key).and_then(Value::as_u64)
    }

    /// Reads the vector.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or lies outside of the table's folder.
    pub(super) async fn read(&self, place: &Place) -> Result<RoaringTreemap, LoadErrorKind> {
        let stored = self.text("pathOrInlineDv");
        let size = self.number("sizeInBytes").unwrap_or_default();
        let vector = match self.file()? {
            None => decoded(stored).and_then(|bytes| bitmap(bytes.get(..usize::try_from(size).ok()?)?)),
            Some(path) => {
                let at = self.number("offset").unwrap_or(1);
                let end = at + size + 2 * WORD as u64;
                let bytes = place.store.get_range(&path, at..end).await;
                checked(&bytes.map_err(LoadErrorKind::storage("read a deletion vector"))?, size)
            }
        };
        vector.filter(|vector| vector.len() == self.rows).ok_or_else(damaged)
    }
}

fn damaged() -> LoadErrorKind {
    LoadErrorKind::Place { problem: "a deletion vector of the table is damaged".to_owned() }
}

/// The bytes of a text in the Z85 form of base 85.
fn decoded(text: &str) -> Option<Vec<u8>> {
    z85::decode(text).ok()
}

/// The file of a vector, which is named after its UUID.
fn file_of(stored: &str) -> Option<Path> {
    let at = stored.len().checked_sub(ENCODED_UUID)?;
    let (folder, id) = (stored.get(..at)?, stored.get(at..)?);
    let id = uuid::Uuid::from_slice(&decoded(id)?).ok()?;
    let name = format!("deletion_vector_{id}.bin");
    Some([folder, &name].into_iter().filter(|part| !part.is_empty()).collect())
}

/// The vector in its frame: size, magic number and bitmap, checksum.
fn checked(frame: &Bytes, size: u64) -> Option<RoaringTreemap> {
    let (stored_size, rest) = frame.split_first_chunk::<WORD>()?;
    let (body, checksum) = rest.split_last_chunk::<WORD>()?;
    let is_whole =
        u64::from(u32::from_be_bytes(*stored_size)) == size && u32::from_be_bytes(*checksum) == crc32fast::hash(body);
    if is_whole { bitmap(body) } else { None }
}

/// A vector without its frame.
fn bitmap(body: &[u8]) -> Option<RoaringTreemap> {
    let (magic, bitmap) = body.split_first_chunk::<WORD>()?;
    if u32::from_le_bytes(*magic) != MAGIC {
        return None;
    }
    RoaringTreemap::deserialize_from(bitmap).ok()
}

/// The vectors of one commit, in one file.
pub(super) struct VectorFile {
    id: uuid::Uuid,
    bytes: Vec<u8>,
}

impl VectorFile {
    pub(super) fn new() -> Self {
        Self { id: uuid::Uuid::new_v4(), bytes: vec![VERSION] }
    }

    /// Adds the rows of one data file that are gone. Gives what the log says of them.
    pub(super) fn add(&mut self, rows: &RoaringTreemap) -> Result<Value, LoadErrorKind> {
        let mut body = MAGIC.to_le_bytes().to_vec();
        rows.serialize_into(&mut body).map_err(LoadErrorKind::disk("encode a deletion vector"))?;
        let at = self.bytes.len();
        let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
        if at + body.len() + 2 * WORD > FILE_BYTES_MAX {
            return Err(LoadErrorKind::Internal("more than 2 GiB of deletion vectors in one commit"));
        }
        self.bytes.extend(size.to_be_bytes());
        self.bytes.extend(&body);
        self.bytes.extend(crc32fast::hash(&body).to_be_bytes());
        Ok(json!({
            "storageType": "u",
            "pathOrInlineDv": z85::encode(self.id.as_bytes()),
            "offset": at,
            "sizeInBytes": size,
            "cardinality": rows.len(),
        }))
    }

    pub(super) fn path(&self) -> Path {
        Path::from(format!("deletion_vector_{}.bin", self.id))
    }

    /// Writes the file, if there are vectors in it. Gives its path, for the commit or its end.
    pub(super) async fn write(self, place: &Place) -> Result<Option<Path>, LoadErrorKind> {
        if self.bytes.len() == 1 {
            return Ok(None);
        }
        let path = self.path();
        let written = place.store.put(&path, PutPayload::from(self.bytes)).await;
        written.map_err(LoadErrorKind::storage("write a deletion vector"))?;
        Ok(Some(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_damage_is_seen() {
        let first: RoaringTreemap = [3, 4, 1 << 33].into_iter().collect();
        let second: RoaringTreemap = (0..100_000).step_by(3).collect();
        let mut file = VectorFile::new();
        let descriptors = [file.add(&first).expect("small"), file.add(&second).expect("small")];
        for (descriptor, rows) in descriptors.iter().zip([&first, &second]) {
            let place = |key: &str| descriptor.get(key).and_then(Value::as_u64).expect("a number");
            let (at, size) = (place("offset"), place("sizeInBytes"));
            let range = usize::try_from(at).expect("small")..usize::try_from(at + size + 8).expect("small");
            let frame = Bytes::copy_from_slice(&file.bytes[range]);
            assert_eq!(checked(&frame, size).as_ref(), Some(rows));
            assert_eq!(place("cardinality"), rows.len());
            for damage in [0, 5, 20, frame.len() - 1] {
                let mut frame = frame.to_vec();
                frame[damage] ^= 1;
                assert_eq!(checked(&Bytes::from(frame), size), None, "byte {damage}");
            }
        }
        let stored = descriptors[0].get("pathOrInlineDv").and_then(Value::as_str).expect("a text");
        assert_eq!(file_of(stored), Some(file.path()));
        assert_eq!(
            file_of(&format!("ab{stored}")).expect("a path").prefix_match(&Path::from("ab")).map(Iterator::count),
            Some(1)
        );
    }

    /// The example of the protocol's text: rows 3, 4, 7, 11, 18 and 29.
    #[test]
    fn the_protocols_inline_example_is_read() {
        let bytes = decoded("^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L").expect("Z85");
        let rows: Vec<u64> = bitmap(&bytes).expect("a vector").iter().collect();
        assert_eq!(rows, [3, 4, 7, 11, 18, 29]);
    }
}
