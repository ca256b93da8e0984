//! What is done to one table beside loading it, so that it stays quick to read and does not grow for ever.
//!
//! A load does the same by itself where the config says so (`delta.maintenance`).

pub use crate::load::{OptimizeOptions, OptimizeReport, VacuumOptions, VacuumReport};

use crate::error::Error;
use crate::load;
use crate::plan::Target;

/// Puts small files of a table together, sorted by key if one is given, and leaves out for good what deletion vectors have taken out.
///
/// The rows stay the same; readers and writers need not stop. A second call finds nothing to do. Must be called within a multi-threaded
/// tokio runtime, on a thread that may block.
///
/// # Errors
/// When there is no table, it lacks a key column, uses a feature that is not written, or cannot be read or written.
pub async fn optimize(table: &Target, options: &OptimizeOptions) -> Result<OptimizeReport, Error> {
    Ok(load::optimize(table, options).await?)
}

/// Removes the files of a table's folder that no version needs any more that is younger than the retention, and drafts of its log.
///
/// # Errors
/// When the retention is too short, there is no table, it has a feature that is not known, or cannot be read.
pub async fn vacuum(table: &Target, options: &VacuumOptions) -> Result<VacuumReport, Error> {
    Ok(load::vacuum(table, options).await?)
}
