//! What is done to a table on its own, without a load: compaction and vacuum, with what they report and how they fail.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::compact::{Compacted, Compaction};
use super::error::LoadErrorKind;
use super::store::Place;
use super::table::Snapshot;
use super::upkeep::checkpoint_if_due;
use super::vacuum::{Vacuum, Vacuumed};
use crate::flow::KeyColumn;
use crate::plan::{Limits, RETENTION_MIN, Target};

/// How a table is compacted.
#[derive(Debug, Clone, Default)]
pub struct OptimizeOptions {
    /// The columns that rows are sorted by, those in objects dotted; none: rows keep their order.
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

/// What a vacuum removes.
#[derive(Debug, Clone, Default)]
pub struct VacuumOptions {
    /// The age from which on files are removed that no version needs any more that is younger; `None`: the
    /// `delta.deletedFileRetentionDuration` of the table, at least [`RETENTION_MIN`].
    pub retention: Option<Duration>,
    /// A retention below [`RETENTION_MIN`] is taken. It has to be longer than any load and any reader takes: files of a load that
    /// is under way are told from garbage by their age alone.
    pub allow_short_retention: bool,
    /// Nothing is removed.
    pub dry_run: bool,
}

/// What a vacuum removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VacuumReport {
    /// The table's place, without secrets.
    pub table: String,
    /// The files by their path in the table's folder, the first hundred thousand of them.
    pub deleted: Vec<String>,
    /// How many files they are in all.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Nothing was removed.
    pub dry_run: bool,
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
    /// A retention below [`RETENTION_MIN`].
    ShortRetention,
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

/// Removes files that a table does not need any more: see [`VacuumOptions`].
///
/// # Errors
/// When the retention is too short, there is no table, it has a feature that is not known, or it cannot be read.
pub async fn vacuum(target: &Target, options: &VacuumOptions) -> Result<VacuumReport, TableError> {
    let located = |kind| TableError { uri: target.to_string(), kind };
    let Vacuumed { deleted, files, bytes } = remove_unneeded(target, options).await.map_err(located)?;
    Ok(VacuumReport { table: target.to_string(), deleted, files, bytes, dry_run: options.dry_run })
}

async fn compact(target: &Target, options: &OptimizeOptions) -> Result<Compacted, TableErrorKind> {
    let place = Place::open_existing(target)?.ok_or(TableErrorKind::NoTable)?;
    let snapshot = Snapshot::load(&place, "").await?.ok_or(TableErrorKind::NoTable)?;
    let mut names = Vec::with_capacity(options.key.len());
    for column in &options.key {
        let mut known = KeyColumn::dotted(column, column, column.split('.').map(str::to_owned).collect());
        known.settle_by_table(&snapshot.schema);
        match known.place(snapshot.schema.fields()) {
            Some(_) => names.push(known),
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

async fn remove_unneeded(target: &Target, options: &VacuumOptions) -> Result<Vacuumed, TableErrorKind> {
    let is_short = options.retention.is_some_and(|retention| retention < RETENTION_MIN);
    if is_short && !options.allow_short_retention {
        return Err(TableErrorKind::ShortRetention);
    }
    let place = Place::open_existing(target)?.ok_or(TableErrorKind::NoTable)?;
    let vacuum = Vacuum { place: &place, retention: options.retention, is_dry: options.dry_run };
    vacuum.run().await?.ok_or(TableErrorKind::NoTable)
}

impl TableError {
    /// A stable name of the fault.
    pub fn code(&self) -> &'static str {
        match &self.kind {
            TableErrorKind::NoTable => "no_table",
            TableErrorKind::NoColumn { .. } => "no_column",
            TableErrorKind::ShortRetention => "short_retention",
            TableErrorKind::Load(kind) => kind.code(),
        }
    }

    /// Whether something else was to be asked for.
    pub fn is_misuse(&self) -> bool {
        matches!(self.kind, TableErrorKind::NoColumn { .. } | TableErrorKind::ShortRetention)
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
            TableErrorKind::ShortRetention => {
                "give `--allow-short-retention` if no load and no reader is at work on the table that began before"
                    .to_owned()
            }
            TableErrorKind::Load(kind) => match kind {
                LoadErrorKind::Storage { .. } | LoadErrorKind::Disk { .. } => {
                    "check that the place exists, can be written and has room; then run again".to_owned()
                }
                LoadErrorKind::Unconfirmed { .. } | LoadErrorKind::SchemaMoved | LoadErrorKind::Vanished => {
                    "run again: the rows of the table are the same in any case".to_owned()
                }
                LoadErrorKind::Unconditional => {
                    "use a store that keeps `If-None-Match: *`, or give `--single-writer` if nobody else writes to the table"
                        .to_owned()
                }
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
            TableErrorKind::ShortRetention => formatter.write_str("a retention below 7 days may remove what is in use"),
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
