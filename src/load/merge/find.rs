//! Finding the rows of a file that new rows match, by reading its key columns alone.

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, or};
use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;

use super::sieve::Sieve;
use super::{Hit, Match, NO_ROW};
use crate::load::error::LoadErrorKind;
use crate::load::key::RowReader;
use crate::load::read;
use crate::load::source::Keys;
use crate::load::store::Place;
use crate::load::table::TableFile;

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
        let mut batches = read::rows(self.place, file.at(), &self.schema).await?;
        let mut matches = Vec::new();
        let mut first = 0;
        while let Some(batch) = batches.try_next().await? {
            let start = first;
            first += batch.num_rows() as u64;
            let (passing, numbers): (_, Vec<u64>) = match self.passing(&batch)? {
                Some(passing) if !passing.has_true() => continue,
                Some(passing) => {
                    let numbers = passing.values().set_indices().map(|index| start + index as u64).collect();
                    (filter_record_batch(&batch, &passing)?, numbers)
                }
                None => (batch, (start..first).collect()),
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
        let first = |names: &[String]| names.first().cloned().unwrap_or_default();
        let passing = self.sieve.passing(batch, &first(&self.keys.names));
        let (Some(other_sieve), Some(also)) = (self.other_sieve, &self.keys.also) else { return Ok(passing) };
        Ok(match (passing, other_sieve.passing(batch, &first(&also.names))) {
            (Some(one), Some(other)) => Some(or(&one, &other)?),
            _ => None,
        })
    }
}
