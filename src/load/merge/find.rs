//! Finding the rows of a file that new rows match, by reading its key columns alone.

use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;

use super::Match;
use crate::load::error::LoadErrorKind;
use crate::load::key::RowReader;
use crate::load::read;
use crate::load::source::Keys;
use crate::load::store::Place;
use crate::load::table::TableFile;

/// The matches in a file, in the order of its rows.
pub(super) async fn matches(
    place: &Place,
    file: &TableFile,
    key_schema: &SchemaRef,
    keys: &Keys,
) -> Result<Vec<Match>, LoadErrorKind> {
    let reader = RowReader::keys(key_schema, &keys.names)?;
    let mut batches = read::rows(place, &file.path, file.size, key_schema).await?;
    let mut found = Vec::new();
    let mut row_in_file = 0;
    while let Some(batch) = batches.try_next().await? {
        for key in &reader.encode(&batch)? {
            if let Some(row) = keys.row_of(key.data()) {
                found.push(Match { row_in_file, row });
            }
            row_in_file += 1;
        }
    }
    Ok(found)
}
