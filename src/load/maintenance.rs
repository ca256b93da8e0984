//! What is done to a table on its own, without a load: compaction, with what it reports and how it fails.

use std::fmt;

use serde::Serialize;

use super::compact::{Compacted, Compaction};
use super::error::LoadErrorKind;
use super::key;
use super::store::Place;
use super::table::Snapshot;
use super::upkeep::checkpoint_if_due;
use crate::plan::{Limits, Target};

/// How a table is compacted.
#[derive(Debug, Clone, Default)]
pub struct OptimizeOptions {
    /// The columns that rows are sorted by; none: rows keep their order.
    pub key: Vec<String>,
    /// `file_bytes` is the target size: files of less than half of it are put together. A quarter of `memory_bytes` is for sorting, and
    /// `commit_attempts` bounds the conflicts with other writers.
    pub limits: Limits,
}

/// What a compaction did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OptimizeReport {
    /// The table's place, without secrets.
    pub table: String,
    /// The table's version after it.
    pub version: u64,
    /// Files taken out of the table. They stay in its folder until a vacuum.
    pub files_removed: u64,
    /// Files that took their place.
    pub files_added: u64,
    /// Their rows.
    pub rows: u64,
    /// Bytes of the files taken out.
    pub bytes_before: u64,
    /// Bytes of those that took their place.
    pub bytes_after: u64,
}

/// A table that is as it was, but for what the compaction has committed before.
#[derive(Debug)]
pub struct TableError {
    /// Where the table is, without secrets.
    pub uri: String,
    /// What happened.
    pub kind: TableErrorKind,
}

/// What stopped the work on a table.
#[derive(Debug)]
pub enum TableErrorKind {
    /// There is no table.
    NoTable,
    /// A key column that the table does not have.
    NoColumn {
        /// The column.
        column: String,
        /// Those that it has.
        columns: Vec<String>,
    },
    /// The table could not be read or written.
    Load(LoadErrorKind),
}

/// Compacts a table: see [`OptimizeOptions`]. The rows stay the same, and readers and writers need not stop.
///
/// It works on the calling thread, which has to be one that may block.
///
/// # Errors
/// When there is no table, it lacks a key column, uses a feature that is not written, or cannot be read or written.
pub async fn optimize(target: &Target, options: &OptimizeOptions) -> Result<OptimizeReport, TableError> {
    let located = |kind| TableError { uri: target.to_string(), kind };
    let compacted = compact(target, options).await.map_err(located)?;
    let Compacted { version, files_removed, bytes_before, added, commits: _ } = compacted;
    Ok(OptimizeReport {
        table: target.to_string(),
        version,
        files_removed,
        files_added: added.len() as u64,
        rows: added.values().map(|file| file.rows).sum(),
        bytes_before,
        bytes_after: added.values().map(|file| file.bytes).sum(),
    })
}

async fn compact(target: &Target, options: &OptimizeOptions) -> Result<Compacted, TableErrorKind> {
    let place = Place::open_existing(target)?.ok_or(TableErrorKind::NoTable)?;
    let snapshot = Snapshot::load(&place, "").await?.ok_or(TableErrorKind::NoTable)?;
    let mut names = Vec::with_capacity(options.key.len());
    for column in &options.key {
        match key::position(&snapshot.schema, column) {
            Some(position) => names.push(snapshot.schema.field(position).name().clone()),
            None => {
                let columns = snapshot.schema.fields().iter().map(|field| field.name().clone()).collect();
                return Err(TableErrorKind::NoColumn { column: column.clone(), columns });
            }
        }
    }
    place.check_conditions().await?;
    let run_id = uuid::Uuid::new_v4().to_string();
    let compaction = Compaction { place: &place, limits: &options.limits, key: &names, more_than: 0, run_id: &run_id };
    let compacted = compaction.run().await?.ok_or(TableErrorKind::NoTable)?;
    checkpoint_if_due(&place, snapshot.checkpoint_interval(), compacted.version, compacted.commits).await;
    Ok(compacted)
}

impl TableError {
    /// A stable name of the fault.
    pub fn code(&self) -> &'static str {
        match &self.kind {
            TableErrorKind::NoTable => "no_table",
            TableErrorKind::NoColumn { .. } => "no_column",
            TableErrorKind::Load(kind) => kind.code(),
        }
    }

    /// Whether something else was to be asked for.
    pub fn is_misuse(&self) -> bool {
        matches!(self.kind, TableErrorKind::NoColumn { .. })
    }

    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        Some(match &self.kind {
            TableErrorKind::NoTable => {
                "give the folder of one table, which has `_delta_log` in it, not that of all tables".to_owned()
            }
            TableErrorKind::NoColumn { columns, .. } => {
                let columns: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
                format!("it has {}", columns.join(", "))
            }
            TableErrorKind::Load(kind) => match kind {
                LoadErrorKind::Storage { .. } | LoadErrorKind::Disk { .. } => {
                    "check that the place exists, can be written and has room; then run again".to_owned()
                }
                LoadErrorKind::Unconfirmed { .. } | LoadErrorKind::SchemaMoved | LoadErrorKind::Vanished => {
                    "run again: the rows of the table are the same in any case".to_owned()
                }
                LoadErrorKind::Unconditional => "use a store that keeps `If-None-Match: *`".to_owned(),
                LoadErrorKind::Contended { .. } => "run again when fewer writers are at work on the table".to_owned(),
                _ => return None,
            },
        })
    }
}

impl From<LoadErrorKind> for TableErrorKind {
    fn from(kind: LoadErrorKind) -> Self {
        Self::Load(kind)
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "table at {}: ", self.uri)?;
        match &self.kind {
            TableErrorKind::NoTable => formatter.write_str("there is no Delta table"),
            TableErrorKind::NoColumn { column, .. } => write!(formatter, "there is no column `{column}` to sort by"),
            TableErrorKind::Load(kind) => kind.fmt(formatter),
        }
    }
}

impl std::error::Error for TableError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            // Its message is part of the one above.
            TableErrorKind::Load(kind) => kind.source(),
            _ => None,
        }
    }
}
