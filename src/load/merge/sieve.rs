//! What the first key column of a load holds: which files can have one of its values, and which rows may.
//!
//! Nearly all rows of a table match no new one. Those are told by a table of bits over the values of the first key column, for a
//! few nanoseconds each; only what passes is encoded as a key and looked up.

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Date32Type, Int64Type, TimestampMicrosecondType};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::flow::KeyColumn;
use crate::load::key::values;
use crate::load::row_ranges::Few;

/// Bits a value: at eight, about one row in eight passes that should not.
const BITS_A_VALUE: usize = 8;
/// Bits at most: a megabyte, which stays in a core's cache.
const BITS_MAX: usize = 1 << 23;
/// Values that are kept one by one for the pruning of files, 8 MB of integers.
const VALUES_MAX: usize = 1 << 20;

/// Values for which the statistics of pages, and bloom filters, are looked at: of more, nearly every page has one.
const FEW_VALUES: usize = 2_000;

/// The values of one column of a load.
pub(super) struct Sieve {
    bits: Vec<u64>,
    /// All values in rising order; `None`: there are too many, or they are no integers.
    values: Option<Vec<i64>>,
    /// All values; `None`: there are many, or they are no texts.
    texts: Option<Vec<String>>,
}

impl Sieve {
    /// For so many rows, each to be told by [`Sieve::add`].
    pub(super) fn new(rows: u64) -> Self {
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let bits = rows.saturating_mul(BITS_A_VALUE).clamp(64, BITS_MAX).next_power_of_two();
        Self {
            bits: vec![0; bits / 64],
            values: (rows <= VALUES_MAX).then(Vec::new),
            texts: (rows <= FEW_VALUES).then(Vec::new),
        }
    }

    /// Takes the values of the first key column of some rows of the load.
    pub(super) fn add(&mut self, rows: &RecordBatch, column: &KeyColumn) {
        let Some(column) = values(rows, column) else { return };
        let shift = self.shift();
        let bits = &mut self.bits;
        let is_hashed = hashes(&column, |hash| {
            let (word, bit) = place(hash, shift);
            if let Some(word) = bits.get_mut(word) {
                *word |= bit;
            }
            true
        });
        if is_hashed.is_none() {
            // Every row of a type that is not looked at passes.
            self.bits.fill(u64::MAX);
        }
        match (column.data_type(), &mut self.values) {
            (DataType::Int64, Some(values)) => values.extend(column.as_primitive::<Int64Type>().iter().flatten()),
            _ => self.values = None,
        }
        match (column.data_type(), &mut self.texts) {
            (DataType::Utf8, Some(texts)) => {
                texts.extend(column.as_string::<i32>().iter().flatten().map(str::to_owned));
            }
            _ => self.texts = None,
        }
    }

    /// To be called once all rows have been told.
    pub(super) fn seal(&mut self) {
        if let Some(values) = &mut self.values {
            values.sort_unstable();
        }
    }

    /// The hash's upper bits are the place.
    fn shift(&self) -> u32 {
        64 - (self.bits.len() * 64).trailing_zeros()
    }

    /// The rows of a batch that may have one of the values; `None`: all may.
    pub(super) fn passing(&self, batch: &RecordBatch, column: &KeyColumn) -> Option<BooleanArray> {
        let shift = self.shift();
        hashes(&values(batch, column)?, |hash| {
            let (word, bit) = place(hash, shift);
            self.bits.get(word).is_some_and(|word| word & bit != 0)
        })
    }

    /// Whether a value may lie between the bounds that the log has of a file.
    pub(super) fn may_lie_within(&self, low: &Value, high: &Value) -> bool {
        let (Some(low), Some(high)) = (low.as_i64(), high.as_i64()) else { return true };
        self.may_lie_between(low, high)
    }

    /// Whether a value may lie between two integers.
    pub(super) fn may_lie_between(&self, low: i64, high: i64) -> bool {
        let Some(values) = &self.values else { return true };
        values.get(values.partition_point(|value| *value < low)).is_some_and(|value| *value <= high)
    }

    /// Whether all values are known one by one.
    pub(super) fn is_listed(&self) -> bool {
        self.values.is_some() || self.texts.is_some()
    }

    /// The values, where there are few.
    pub(super) fn few(&self) -> Option<Few<'_>> {
        match (&self.values, &self.texts) {
            (Some(values), _) => (values.len() <= FEW_VALUES).then_some(Few::Integers(values)),
            (None, Some(texts)) => Some(Few::Texts(texts)),
            (None, None) => None,
        }
    }
}

#[inline]
fn place(hash: u64, shift: u32) -> (usize, u64) {
    let at = usize::try_from(hash >> shift).unwrap_or_default();
    (at / 64, 1 << (at % 64))
}

/// What is told of the hash of each value, null included; `None` for types that are not hashed.
fn hashes(column: &dyn Array, mut told: impl FnMut(u64) -> bool) -> Option<BooleanArray> {
    // Fibonacci hashing: the golden ratio spreads values that follow each other over the upper bits.
    let number = |value: i64| value.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut of_numbers =
        |values: &[i64]| -> BooleanBuffer { values.iter().map(|value| told(number(*value))).collect() };
    let bits: BooleanBuffer = match column.data_type() {
        DataType::Int64 => of_numbers(column.as_primitive::<Int64Type>().values()),
        DataType::Timestamp(..) => of_numbers(column.as_primitive_opt::<TimestampMicrosecondType>()?.values()),
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().values().iter();
            days.map(|days| told(number(i64::from(*days)))).collect()
        }
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            (0..texts.len()).map(|row| told(xxh3_64(texts.value(row).as_bytes()))).collect()
        }
        _ => return None,
    };
    Some(BooleanArray::new(bits, None))
}
