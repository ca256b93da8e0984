//! Finding the rows of a file that new rows match, by reading its key columns alone.

use std::collections::VecDeque;
use std::ops::Range;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, or};
use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;

use super::sieve::Sieve;
use super::{Hit, Match, NO_ROW};
use crate::flow::KeyColumn;
use crate::load::error::LoadErrorKind;
use crate::load::key::RowReader;
use crate::load::keys::Keys;
use crate::load::read;
use crate::load::row_ranges::Wanted;
use crate::load::store::Place;
use crate::load::table::TableFile;

/// The numbers in their file of rows that are read in order, where some are left out.
struct RowNumbers {
    /// What is still to come; `None`: every row is read.
    ranges: Option<VecDeque<Range<u64>>>,
    first: u64,
}

/// The numbers of the rows of one batch.
enum Numbered {
    From(u64),
    Listed(Vec<u64>),
}

impl RowNumbers {
    fn new(ranges: Option<Vec<Range<u64>>>) -> Self {
        Self { ranges: ranges.map(VecDeque::from), first: 0 }
    }

    /// Those of the next rows.
    fn next(&mut self, count: usize) -> Numbered {
        let Some(ranges) = &mut self.ranges else {
            let first = self.first;
            self.first += count as u64;
            return Numbered::From(first);
        };
        let mut numbers = Vec::with_capacity(count);
        while numbers.len() < count
            && let Some(range) = ranges.front_mut()
        {
            match range.next() {
                Some(number) => numbers.push(number),
                None => drop(ranges.pop_front()),
            }
        }
        Numbered::Listed(numbers)
    }
}

impl Numbered {
    fn at(&self, index: usize) -> Option<u64> {
        match self {
            Self::From(first) => Some(first + index as u64),
            Self::Listed(numbers) => numbers.get(index).copied(),
        }
    }
}

/// Looks for the keys of a load.
pub(super) struct Search<'a> {
    pub(super) place: &'a Place,
    pub(super) keys: &'a Keys,
    /// The key columns, and those of the other keys.
    pub(super) schema: SchemaRef,
    pub(super) sieve: &'a Sieve,
    /// That of the other keys.
    pub(super) other_sieve: Option<&'a Sieve>,
}

impl Search<'_> {
    /// The matches in a file, in the order of its rows; `None` if there are none.
    pub(super) async fn file<'f>(&self, file: &'f TableFile) -> Result<Option<Hit<'f>>, LoadErrorKind> {
        let deleted = file.deleted(self.place).await?;
        let reader = RowReader::keys(&self.schema, &self.keys.names)?;
        let other = match &self.keys.also {
            Some(also) => Some((RowReader::keys(&self.schema, &also.names)?, also)),
            None => None,
        };
        let may_lie_within = |low, high| self.sieve.may_lie_between(low, high);
        let wanted = (self.sieve.is_listed() && self.other_sieve.is_none()).then(|| Wanted {
            column: self.keys.names.first().map(KeyColumn::path).unwrap_or_default(),
            may_lie_within: &may_lie_within,
            few: self.sieve.few(),
        });
        let (mut batches, ranges) = read::wanted(self.place, file.at(), &self.schema, wanted).await?;
        let mut rows = RowNumbers::new(ranges);
        let mut matches = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            let numbered = rows.next(batch.num_rows());
            let (passing, numbers): (_, Vec<u64>) = match self.passing(&batch)? {
                Some(passing) if !passing.has_true() => continue,
                Some(passing) => {
                    let numbers = passing.values().set_indices().filter_map(|index| numbered.at(index)).collect();
                    (filter_record_batch(&batch, &passing)?, numbers)
                }
                None => {
                    let numbers = (0..batch.num_rows()).filter_map(|index| numbered.at(index)).collect();
                    (batch, numbers)
                }
            };
            let others = other.as_ref().map(|(reader, _)| reader.encode(&passing)).transpose()?;
            for (index, (key, row_in_file)) in reader.encode(&passing)?.iter().zip(numbers).enumerate() {
                let by_other = || match (&other, &others) {
                    (Some((_, also)), Some(keys)) => also.contains(keys.row(index).data()).then_some(NO_ROW),
                    _ => None,
                };
                if let Some(row) = self.keys.row_of(key.data()).or_else(by_other)
                    && !deleted.contains(row_in_file)
                {
                    matches.push(Match { row_in_file, row });
                }
            }
        }
        Ok((!matches.is_empty()).then_some(Hit { file, deleted, matches }))
    }

    /// The rows that may match; `None`: all may.
    fn passing(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>, LoadErrorKind> {
        let passing = self.keys.names.first().and_then(|first| self.sieve.passing(batch, first));
        let (Some(other_sieve), Some(also)) = (self.other_sieve, &self.keys.also) else { return Ok(passing) };
        Ok(match (passing, also.names.first().and_then(|first| other_sieve.passing(batch, first))) {
            (Some(one), Some(other)) => Some(or(&one, &other)?),
            _ => None,
        })
    }
}
