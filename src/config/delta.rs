//! `delta`: how a resource's table is kept in Delta Lake.

use super::reader::Reader;
use crate::plan::DeltaOptions;

/// Reads the key of a resource.
pub(super) fn read(reader: &mut Reader<'_>) -> DeltaOptions {
    let report = reader.report;
    let Some(mut reader) = reader.present("delta").and_then(|tree| Reader::open(tree, report)) else {
        return DeltaOptions::default();
    };
    let deletion_vectors = reader.bool("deletion_vectors").unwrap_or_default();
    let options = DeltaOptions { deletion_vectors, ..DeltaOptions::default() };
    reader.close();
    options
}
