//! The rows of the merge bench: ten columns, made from a number and a version.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;

/// Rows of a batch.
pub(crate) const BATCH_ROWS: u64 = 10_000;

/// The key of a row: numbers that follow each other have keys far from each other, and no two the same.
fn key(row: u64) -> i64 {
    let spread = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 1;
    i64::try_from(spread).unwrap_or_default()
}

/// Rows by their numbers; all values but the key are others in another version.
pub(crate) fn batch(rows: &[u64], version: u64) -> RecordBatch {
    let mixed = |row: u64, salt: u64| (row ^ (version << 40)).wrapping_add(salt).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let small = |row: u64, salt: u64, below: u64| i64::try_from((mixed(row, salt) >> 33) % below).unwrap_or_default();
    let texts = |text: &dyn Fn(u64) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| text(*row))))
    };
    let numbers = |number: &dyn Fn(u64) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| number(*row))))
    };
    let times = |salt: u64| -> ArrayRef {
        let micros = rows.iter().map(|row| 1_700_000_000_000_000 + small(*row, salt, 1 << 30) * 1_000);
        Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
    };
    let columns: [(&str, ArrayRef); 10] = [
        ("id", numbers(&key)),
        ("account", numbers(&|row| small(row, 1, 1 << 24))),
        ("name", texts(&|row| format!("customer {:x}", mixed(row, 2)))),
        ("city", texts(&|row| format!("city {}", small(row, 3, 500)))),
        (
            "kind",
            texts(&|row| ["new", "paid", "sent", "closed"][usize::try_from(small(row, 4, 4)).unwrap_or(0)].to_owned()),
        ),
        (
            "amount",
            Arc::new(Float64Array::from_iter_values(
                rows.iter().map(|row| f64::from(u32::try_from(small(*row, 5, 1 << 20)).unwrap_or(0)) / 100.0),
            )),
        ),
        ("active", Arc::new(rows.iter().map(|row| Some(small(*row, 6, 2) == 1)).collect::<BooleanArray>())),
        ("created_at", times(7)),
        ("updated_at", times(8)),
        (
            "note",
            texts(&|row| format!("note {} of {}: {:016x}", small(row, 9, 100), small(row, 10, 100), mixed(row, 11))),
        ),
    ];
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

/// The rows that change: so many of the first `of`, spread over all of these.
pub(crate) fn changes(count: u64, of: u64) -> Vec<u64> {
    let mut rows: Vec<u64> = (0..count).map(|nth| nth * (of / count) + (nth * 7_919) % (of / count)).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut rows);
    rows
}

/// All rows as one batch.
pub(crate) fn whole(rows: &[u64], version: u64) -> RecordBatch {
    let batches: Vec<RecordBatch> =
        rows.chunks(usize::try_from(BATCH_ROWS).unwrap_or(1)).map(|rows| batch(rows, version)).collect();
    let schema = batches.first().expect("a row").schema();
    concat_batches(&schema, &batches).expect("one schema")
}
