//! Finding the rows of a file that new rows match, by reading its key columns alone.

use arrow::array::{Array, UInt64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;
use roaring::RoaringTreemap;

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
        let mut matches = Vec::new();
        let mut first = 0;
        while let Some(batch) = batches.try_next().await? {
            let rows = first..first + batch.num_rows() as u64;
            first = rows.end;
            let name = self.keys.names.first().map(String::as_str).unwrap_or_default();
            let passing = self.sieve.passing(&batch, name);
            let (batch, rows) = match &passing {
                Some(passing) if passing.true_count() == 0 => continue,
                Some(passing) => {
                    let numbers = UInt64Array::from_iter_values(rows);
                    let numbers = arrow::compute::filter(&numbers, passing)?;
                    (filter_record_batch(&batch, passing)?, numbers)
                }
                None => (batch, std::sync::Arc::new(UInt64Array::from_iter_values(rows)) as _),
            };
            let Some(numbers) = rows.as_any().downcast_ref::<UInt64Array>() else { continue };
            matches.extend(self.among(&reader.encode(&batch)?, numbers, &deleted));
        }
        Ok((!matches.is_empty()).then_some(Hit { file, deleted, matches }))
    }

    /// The matches among encoded keys, whose rows have these numbers.
    fn among(
        &self,
        keys: &arrow::row::Rows,
        numbers: &UInt64Array,
        deleted: &RoaringTreemap,
    ) -> impl Iterator<Item = Match> {
        let found = keys.iter().zip(numbers.values()).filter_map(|(key, row_in_file)| {
            let row = self.keys.row_of(key.data())?;
            (!deleted.contains(*row_in_file)).then_some(Match { row_in_file: *row_in_file, row })
        });
        found.collect::<Vec<_>>().into_iter()
    }
}
