//! The keys of a load where they are more than memory may hold: looked at bucket by bucket, by the digest of the key.
//!
//! 1. Once there are too many, nothing is remembered of them any more but how many they are: the rows wait in a spill, and have their keys.
//! 2. Before the rows are merged, the spill is read once for each bucket, to tell which rows of its keys count.
//! 3. The table's keys are then searched once for each bucket, while the keys of that are held.

use arrow::record_batch::RecordBatch;
use arrow::row::Rows;
use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::error::LoadErrorKind;
use super::key::{RowReader, digest};
use super::keys::{Keys, Seen};
use super::spill::Spill;

/// Keys that are held in any case: of fewer a bucket would cost more than it saves.
const HELD_MIN: u64 = 1_000;
/// Buckets at most. Each is a reading of all rows, and of the keys of the table.
const BUCKETS_MAX: u64 = 64;

/// The keys of one bucket, or the rows that they are to be told by.
#[derive(Debug, Default)]
pub(super) struct Held {
    bucket: u64,
    rows: HashMap<u128, u64>,
}

/// More keys than are held.
#[derive(Debug, Default)]
pub(super) struct Many {
    /// Rows so far.
    pub(super) rows: u64,
    held: Held,
    /// It is known which rows count.
    is_resolved: bool,
}

/// Which values of the other key are held beside the keys of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// Those of the same bucket: each is looked up once, whichever row has it.
    OfBucket,
    All,
}

impl Many {
    /// The row that counts for a key, if that is of the bucket.
    pub(super) fn row_of(&self, key: u128) -> Option<u64> {
        self.held.rows.get(&key).copied()
    }
}

impl Keys {
    /// Stops remembering keys once there are more than may be held.
    pub(super) fn bound(&mut self, rows: u64) {
        let Seen::Rows(seen) = &self.seen else { return };
        // A part of a load in parts may have a page more than it was to have.
        if seen.len() as u64 <= self.held_max() + self.held_max() / 4 {
            return;
        }
        self.seen = Seen::Many(Many { rows, ..Many::default() });
        self.dead.clear();
        self.order.iter_mut().for_each(|order| order.forget());
        self.also.iter_mut().for_each(|also| also.seen = hashbrown::HashSet::new());
    }

    fn held_max(&self) -> u64 {
        let order = if self.order.is_some() { super::keys::ORDER_BYTES } else { 0 };
        let also = if self.also.is_some() { super::keys::KEY_BYTES } else { 0 };
        (self.memory_bytes / (super::keys::KEY_BYTES + order + also)).max(HELD_MIN)
    }

    /// How often the table is searched.
    pub(super) fn buckets(&self) -> u64 {
        match &self.seen {
            Seen::Many(many) => many.rows.div_ceil(self.held_max()).clamp(2, BUCKETS_MAX),
            Seen::Rising { .. } | Seen::Runs(_) | Seen::Rows(_) => 1,
        }
    }

    /// Whether a key is among those that are held, or would be if it was one of the load.
    pub(super) fn is_held(&self, key: &[u8]) -> bool {
        match &self.seen {
            Seen::Many(many) => bucket_of(digest(key), self.buckets()) == many.held.bucket,
            Seen::Rising { .. } | Seen::Runs(_) | Seen::Rows(_) => true,
        }
    }

    /// Tells which of the rows that wait count, where that was not noted when they came.
    pub(super) fn resolve(&mut self, spill: &mut Spill) -> Result<(), LoadErrorKind> {
        if !matches!(&self.seen, Seen::Many(many) if !many.is_resolved) {
            return Ok(());
        }
        for bucket in 0..self.buckets() {
            self.begin(bucket);
            let mut first = 0;
            for index in 0..spill.segments() {
                for rows in spill.segment(index)? {
                    let rows = rows?;
                    let keys = self.encode(&rows)?;
                    self.tell_apart(&keys, &rows, first)?;
                    first += rows.num_rows() as u64;
                }
            }
            self.order.iter_mut().for_each(|order| order.forget());
        }
        if let Seen::Many(many) = &mut self.seen {
            many.is_resolved = true;
        }
        Ok(())
    }

    /// Holds the keys of one bucket, of the rows that count.
    pub(super) fn hold(&mut self, bucket: u64, others: Others, spill: &mut Spill) -> Result<(), LoadErrorKind> {
        if !matches!(&self.seen, Seen::Many(_)) {
            return Ok(());
        }
        self.resolve(spill)?;
        self.begin(bucket);
        let buckets = self.buckets();
        let mut first = 0;
        for index in 0..spill.segments() {
            for rows in spill.segment(index)? {
                let rows = rows?;
                let keys = self.encode(&rows)?;
                if let Seen::Many(many) = &mut self.seen {
                    let rows = (first..).zip(keys.iter()).filter(|(row, _)| !self.dead.contains(*row));
                    let digests = rows.map(|(row, key)| (digest(key.data()), row));
                    many.held.rows.extend(digests.filter(|(key, _)| bucket_of(*key, buckets) == bucket));
                }
                if let Some(also) = &mut self.also {
                    let reader = RowReader::keys(rows.schema_ref(), &also.names)?;
                    let encoded = reader.encode(&rows)?;
                    let digests = encoded.iter().map(|key| digest(key.data()));
                    also.seen.extend(digests.filter(|key| others == Others::All || bucket_of(*key, buckets) == bucket));
                }
                first += rows.num_rows() as u64;
            }
        }
        Ok(())
    }

    fn begin(&mut self, bucket: u64) {
        if let Seen::Many(many) = &mut self.seen {
            many.held = Held { bucket, rows: HashMap::new() };
        }
        self.also.iter_mut().for_each(|also| also.seen.clear());
    }

    /// Tells which of the rows of the bucket's keys count.
    fn tell_apart(&mut self, keys: &Rows, rows: &RecordBatch, first: u64) -> Result<(), LoadErrorKind> {
        if let Some(order) = &mut self.order {
            order.begin(rows)?;
        }
        let buckets = self.buckets();
        let Seen::Many(Many { held, .. }) = &mut self.seen else { return Ok(()) };
        for (index, (row, key)) in (first..).zip(keys.iter()).enumerate() {
            let key = digest(key.data());
            if bucket_of(key, buckets) != held.bucket {
                continue;
            }
            let winner = held.rows.entry(key).or_insert(row);
            let counts = self.order.as_mut().is_none_or(|order| order.wins(index, row, *winner));
            let loser = if counts { std::mem::replace(winner, row) } else { row };
            if self.tells_apart && loser != *winner {
                self.dead.insert(loser);
            }
        }
        Ok(())
    }
}

/// Short keys stand for themselves, so that their digests are as near to each other as they are.
fn bucket_of(digest: u128, buckets: u64) -> u64 {
    xxh3_64(&digest.to_le_bytes()) % buckets.max(1)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};
    use arrow::row::{RowConverter, SortField};

    use super::*;
    use crate::flow::{KeyColumn, KeyColumns};
    use crate::load::source::{Shelf, Source};
    use crate::load::store::Place;
    use crate::plan::{Limits, Target};

    #[tokio::test(flavor = "multi_thread")]
    async fn every_key_is_held_in_one_bucket_with_the_row_that_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::parse(&folder.path().display().to_string(), std::collections::BTreeMap::new());
        let place = Place::open(&target.expect("a path")).expect("a folder");
        // Two rows for each of 4,000 keys.
        let keys: Vec<i64> = (0..8_000).map(|n| n * 17 % 4_000).collect();
        let columns = KeyColumns { key: vec![KeyColumn::top("id")], ..KeyColumns::default() };
        let limits = Limits { memory_bytes: NonZeroU64::MIN, ..Limits::default() };
        let mut source = Source::new(Source::spill(&limits), &columns, true, &limits);
        for part in keys.chunks(500) {
            let ids: ArrayRef = Arc::new(Int64Array::from(part.to_vec()));
            let rows = RecordBatch::try_from_iter([("id", ids)]).expect("rows");
            source.push(&place, rows).await.expect("a spill");
        }
        assert_eq!(source.replaced().expect("a spill").iter().collect::<Vec<_>>(), (0..4_000).collect::<Vec<_>>());
        let (Some(known), Shelf::Spill(spill)) = (&mut source.keys, &mut source.shelf) else { panic!("a spill") };
        let buckets = known.buckets();
        assert_eq!(buckets, 8, "8,000 rows, of which 1,000 are held");
        let converter = RowConverter::new(vec![SortField::new(arrow::datatypes::DataType::Int64)]).expect("a type");
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..4_000));
        let encoded = converter.convert_columns(&[ids]).expect("keys");
        let mut found = vec![Vec::new(); 4_000];
        for bucket in 0..buckets {
            known.hold(bucket, Others::OfBucket, spill).expect("a spill");
            for (key, found) in encoded.iter().zip(&mut found) {
                assert!(known.is_held(key.data()) || known.row_of(key.data()).is_none());
                found.extend(known.row_of(key.data()));
            }
        }
        let last = |id: i64| vec![keys.iter().rposition(|key| *key == id).expect("it is there") as u64];
        assert_eq!(found, (0..4_000).map(last).collect::<Vec<_>>());
    }
}
