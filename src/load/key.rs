//! Keys and rows as numbers: what a merge compares.
//!
//! A key of at most 15 bytes in Arrow's row format, which every integer, date and boolean is, stands for itself. A longer
//! one, and a row as a whole, is its 128-bit XXH3 under a seed of this process: two different ones are taken for equal with a
//! chance below 2^-128 a pair.

use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, Rows, SortField};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::error::LoadErrorKind;
use crate::flow::KeyColumn;

/// The place of a column, whatever the case of its name.
pub(super) fn position(schema: &SchemaRef, name: &str) -> Option<usize> {
    schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name))
}

/// A column of some rows.
pub(super) fn column<'a>(rows: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
    rows.columns().get(position(rows.schema_ref(), name)?)
}

/// The values of a key column of some rows.
pub(super) fn values(rows: &RecordBatch, key: &KeyColumn) -> Option<ArrayRef> {
    values_at(rows, &key.place(rows.schema_ref().fields())?).ok()
}

/// The values at a place, which are null where the object is that they are in.
fn values_at(rows: &RecordBatch, place: &[usize]) -> Result<ArrayRef, ArrowError> {
    let missing = || ArrowError::SchemaError("there is no such column".to_owned());
    let (first, below) = place.split_first().ok_or_else(missing)?;
    let mut column = rows.columns().get(*first).ok_or_else(missing)?;
    let mut above: Option<NullBuffer> = None;
    for index in below {
        above = NullBuffer::union(above.as_ref(), column.nulls());
        column = column.as_struct_opt().and_then(|members| members.columns().get(*index)).ok_or_else(missing)?;
    }
    if above.as_ref().is_none_or(|nulls| nulls.null_count() == 0) {
        return Ok(ArrayRef::clone(column));
    }
    let nulls = NullBuffer::union(above.as_ref(), column.nulls());
    Ok(make_array(column.to_data().into_builder().nulls(nulls).build()?))
}

/// The key columns of a schema, without what else is in the objects that they are in.
pub(super) fn key_schema<'k>(
    schema: &SchemaRef,
    key: impl IntoIterator<Item = &'k KeyColumn>,
) -> Result<SchemaRef, LoadErrorKind> {
    let places = key.into_iter().map(|column| column.place(schema.fields()));
    let places: Option<Vec<Vec<usize>>> = places.collect();
    let places = places.ok_or(LoadErrorKind::Internal("a table without its key column"))?;
    let places: Vec<&[usize]> = places.iter().map(Vec::as_slice).collect();
    Ok(Arc::new(Schema::new(fields_at(schema.fields(), &places))))
}

/// The fields at some places, each once.
fn fields_at(fields: &Fields, places: &[&[usize]]) -> Fields {
    let mut taken: Vec<usize> = Vec::new();
    let mut found: Vec<Arc<Field>> = Vec::new();
    for place in places {
        let Some(first) = place.first().filter(|first| !taken.contains(first)) else { continue };
        let Some(field) = fields.get(*first) else { continue };
        taken.push(*first);
        let same = places.iter().filter(|other| other.first() == Some(first));
        let below: Vec<&[usize]> = same.filter_map(|other| other.get(1..)).collect();
        found.push(match field.data_type() {
            DataType::Struct(members) if !below.iter().any(|below| below.is_empty()) => {
                Arc::new(field.as_ref().clone().with_data_type(DataType::Struct(fields_at(members, &below))))
            }
            _ => Arc::clone(field),
        });
    }
    found.into()
}

/// Reads the keys, or the whole rows, of batches of one schema.
pub(super) struct RowReader {
    converter: RowConverter,
    /// Their places, from the top level down.
    columns: Vec<Vec<usize>>,
}

impl RowReader {
    /// Over the key columns of a schema.
    pub(super) fn keys(schema: &SchemaRef, key: &[KeyColumn]) -> Result<Self, ArrowError> {
        let columns = key
            .iter()
            .map(|column| {
                column
                    .place(schema.fields())
                    .ok_or_else(|| ArrowError::SchemaError(format!("there is no key column `{column}`")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::over(schema.fields(), columns)
    }

    /// Over the columns at some places of a schema.
    pub(super) fn columns(schema: &SchemaRef, columns: Vec<usize>) -> Result<Self, ArrowError> {
        Self::over(schema.fields(), columns.into_iter().map(|index| vec![index]).collect())
    }

    fn over(fields: &Fields, columns: Vec<Vec<usize>>) -> Result<Self, ArrowError> {
        let sorted = columns.iter().filter_map(|place| type_at(fields, place)).map(SortField::new).collect();
        Ok(Self { converter: RowConverter::new(sorted)?, columns })
    }

    /// The columns' values in a form whose bytes compare as the values do.
    pub(super) fn encode(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        let columns = self.columns.iter().map(|place| values_at(batch, place)).collect::<Result<Vec<_>, _>>()?;
        self.converter.convert_columns(&columns)
    }
}

/// The type of a key column.
pub(super) fn data_type(schema: &SchemaRef, key: &KeyColumn) -> Option<DataType> {
    type_at(schema.fields(), &key.place(schema.fields())?)
}

fn type_at(fields: &Fields, place: &[usize]) -> Option<DataType> {
    let (first, below) = place.split_first()?;
    match (fields.get(*first)?.data_type(), below) {
        (found, []) => Some(found.clone()),
        (DataType::Struct(members), below) => type_at(members, below),
        _ => None,
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
