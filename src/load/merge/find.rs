//! Finding the rows of a file that new rows match, by reading its key columns alone.

use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;

use super::sieve::Sieve;
use super::{Hit, Match};
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
    /// The key columns.
    pub(super) schema: SchemaRef,
    pub(super) sieve: &'a Sieve,
}

impl Search<'_> {
    /// The matches in a file, in the order of its rows; `None` if there are none.
    pub(super) async fn file<'f>(&self, file: &'f TableFile) -> Result<Option<Hit<'f>>, LoadErrorKind> {
        let deleted = file.deleted(self.place).await?;
        let reader = RowReader::keys(&self.schema, &self.keys.names)?;
        let mut batches = read::rows(self.place, &file.path, file.size, &self.schema).await?;
        let first_name = self.keys.names.first().map(String::as_str).unwrap_or_default();
        let mut matches = Vec::new();
        let mut first = 0;
        while let Some(batch) = batches.try_next().await? {
            let start = first;
            first += batch.num_rows() as u64;
            let (passing, numbers): (_, Vec<u64>) = match self.sieve.passing(&batch, first_name) {
                Some(passing) if !passing.has_true() => continue,
                Some(passing) => {
                    let numbers = passing.values().set_indices().map(|index| start + index as u64).collect();
                    (filter_record_batch(&batch, &passing)?, numbers)
                }
                None => (batch, (start..first).collect()),
            };
            for (key, row_in_file) in reader.encode(&passing)?.iter().zip(numbers) {
                if let Some(row) = self.keys.row_of(key.data())
                    && !deleted.contains(row_in_file)
                {
                    matches.push(Match { row_in_file, row });
                }
            }
        }
        Ok((!matches.is_empty()).then_some(Hit { file, deleted, matches }))
    }
}
