//! Keys and rows as numbers: what a merge compares.
//!
//! A key of at most 15 bytes in Arrow's row format, which every integer, date and boolean is, stands for itself. A longer
//! one, and a row as a whole, is its 128-bit XXH3 under a seed of this process: two different ones are taken for equal with a
//! chance below 2^-128 a pair.

use std::sync::OnceLock;

use arrow::array::ArrayRef;
use arrow::datatypes::{Fields, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, Rows, SortField};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// The place of a key column, whatever the case of its name.
pub(super) fn position(schema: &SchemaRef, name: &str) -> Option<usize> {
    schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name))
}

/// A key column of some rows.
pub(super) fn column<'a>(rows: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
    rows.columns().get(position(rows.schema_ref(), name)?)
}

/// Reads the keys, or the whole rows, of batches of one schema.
pub(super) struct RowReader {
    converter: RowConverter,
    columns: Vec<usize>,
}

impl RowReader {
    /// Over some columns of a schema, found by name.
    pub(super) fn keys(schema: &SchemaRef, names: &[String]) -> Result<Self, ArrowError> {
        let columns = names
            .iter()
            .map(|name| {
                position(schema, name)
                    .ok_or_else(|| ArrowError::SchemaError(format!("there is no key column `{name}`")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::over(schema.fields(), columns)
    }

    /// Over the columns at some places of a schema.
    pub(super) fn columns(schema: &SchemaRef, columns: Vec<usize>) -> Result<Self, ArrowError> {
        Self::over(schema.fields(), columns)
    }

    fn over(fields: &Fields, columns: Vec<usize>) -> Result<Self, ArrowError> {
        let sorted = columns
            .iter()
            .filter_map(|index| fields.get(*index))
            .map(|field| SortField::new(field.data_type().clone()))
            .collect();
        Ok(Self { converter: RowConverter::new(sorted)?, columns })
    }

    /// The columns' values in a form whose bytes compare as the values do.
    pub(super) fn encode(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        let columns: Vec<ArrayRef> =
            self.columns.iter().filter_map(|index| batch.columns().get(*index).cloned()).collect();
        self.converter.convert_columns(&columns)
    }
}

/// The number that stands for encoded values.
pub(super) fn digest(bytes: &[u8]) -> u128 {
    const SHORT: usize = 15;
    let mut short = [0_u8; 16];
    if let Some(place) = short.get_mut(..bytes.len())
        && bytes.len() <= SHORT
    {
        place.copy_from_slice(bytes);
        if let Some(last) = short.last_mut() {
            // Lengths are told apart from each other and from digests, whose last bit pattern is set below.
            *last = u8::try_from(bytes.len()).unwrap_or_default();
        }
        return u128::from_be_bytes(short);
    }
    xxh3_128_with_seed(bytes, seed()) | 0x80
}

fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn short_keys_stand_for_themselves() {
        assert_ne!(digest(b"a"), digest(b"a\0"));
        assert_ne!(digest(b""), digest(b"\0"));
        assert_eq!(digest(b"abc"), digest(b"abc"));
        assert_ne!(digest(&[0; 15]), digest(&[0; 16]));
    }
}
