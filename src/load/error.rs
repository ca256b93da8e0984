//! What can go wrong between batches and a commit.

use std::fmt;

use crate::plan::{ResourceName, TableName};

/// A load that left its table as it was, unless it says otherwise.
#[derive(Debug)]
pub struct LoadError {
    /// The resource that was loaded.
    pub resource: ResourceName,
    /// Its table.
    pub table: TableName,
    /// Where the table is, without secrets.
    pub uri: String,
    /// What happened.
    pub kind: LoadErrorKind,
}

/// What stopped a load.
#[derive(Debug)]
pub enum LoadErrorKind {
    /// The storage refused or failed.
    Storage {
        /// What was tried.
        action: &'static str,
        /// What the storage said.
        source: object_store::Error,
    },
    /// A file of this machine could not be written or read.
    Disk {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The table's log could not be read.
    Log(deltalake::DeltaTableError),
    /// A data file could not be written or read.
    Parquet(parquet::errors::ParquetError),
    /// Rows could not be brought into the table's types.
    Arrow(arrow::error::ArrowError),
    /// The table uses a feature that this loader does not write.
    Feature {
        /// The feature, as the Delta protocol calls it.
        feature: String,
    },
    /// The place is no table and holds other files, or is no place for tables.
    Place {
        /// What is wrong with it.
        problem: String,
    },
    /// The storage lets two puts succeed of which one was to fail, so that commits can be lost.
    Unconditional,
    /// The commit may be in the log or not, or may not be durable. The files that it names stay.
    Unconfirmed {
        /// The version that it would be.
        version: u64,
        /// What kept it from being confirmed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Other writers committed in between, every time.
    Contended {
        /// How often a commit was tried.
        attempts: usize,
    },
    /// Another run of the same pipeline committed during this one.
    OtherRun {
        /// Its id, if its state tells.
        run: Option<String>,
    },
    /// Another pipeline has appended this resource to the table.
    OtherPipeline {
        /// Its name.
        pipeline: String,
    },
    /// The rows have a column that the loader makes itself.
    Taken {
        /// The column.
        column: String,
    },
    /// A column cannot split the files of the table.
    Partition {
        /// The column.
        column: String,
        /// Why.
        problem: String,
    },
    /// A state of the resource cannot be read.
    State {
        /// The file, from the folder of the tables.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The table's schema changed under the load in a way that the rows do not fit any more.
    SchemaMoved,
    /// The table was deleted during the load.
    Vanished,
    /// Something that cannot be: an error of ours.
    Internal(&'static str),
}

impl LoadErrorKind {
    pub(super) fn storage(action: &'static str) -> impl FnOnce(object_store::Error) -> Self {
        move |source| Self::Storage { action, source }
    }

    pub(super) fn disk(action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Disk { action, source }
    }
}

impl LoadErrorKind {
    /// Whether the log may name the files of the load, so that they must not be removed.
    pub(super) fn may_be_committed(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. })
    }
}

impl From<deltalake::DeltaTableError> for LoadErrorKind {
    fn from(error: deltalake::DeltaTableError) -> Self {
        Self::Log(error)
    }
}

impl From<parquet::errors::ParquetError> for LoadErrorKind {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::Parquet(error)
    }
}

impl From<arrow::error::ArrowError> for LoadErrorKind {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Arrow(error)
    }
}

impl LoadErrorKind {
    /// A stable name of the fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Storage { .. } => "storage",
            Self::Disk { .. } => "disk",
            Self::Log(_) => "table_log",
            Self::Parquet(_) => "data_file",
            Self::Arrow(_) => "types",
            Self::Feature { .. } => "table_feature",
            Self::Place { .. } => "table_place",
            Self::Unconditional => "storage_unconditional",
            Self::Unconfirmed { .. } => "commit_unconfirmed",
            Self::Contended { .. } => "commit_contended",
            Self::OtherRun { .. } => "other_run",
            Self::OtherPipeline { .. } => "other_pipeline",
            Self::Taken { .. } => "column_taken",
            Self::Partition { .. } => "partition",
            Self::State { .. } => "state",
            Self::SchemaMoved => "schema_moved",
            Self::Vanished => "table_vanished",
            Self::Internal(_) => "internal",
        }
    }
}

impl LoadError {
    /// A stable name of the fault.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        Some(match &self.kind {
            LoadErrorKind::Storage { .. } | LoadErrorKind::Disk { .. } => {
                "check that the place exists, can be written and has room; then run again: nothing was committed"
                    .to_owned()
            }
            LoadErrorKind::Feature { feature } => {
                format!("load into a table without `{feature}`, or under another `table_name`")
            }
            LoadErrorKind::Unconfirmed { version, .. } => format!(
                "look whether the table has version {version}: if so, the rows are loaded; a merge or a replace may be run \
                 again in any case, an append only if not"
            ),
            LoadErrorKind::Unconditional => {
                "use a store that keeps `If-None-Match: *`, or set `single_writer: true` in \
                 `destination` if no other writer, and no other run, is ever at work on these tables"
                    .to_owned()
            }
            LoadErrorKind::Contended { .. } => "run again when fewer writers are at work on the table".to_owned(),
            LoadErrorKind::OtherPipeline { pipeline } => format!(
                "name the pipeline `{pipeline}` again if it is the same one, or give `--adopt` to append what this one loads \
                 to what is there"
            ),
            LoadErrorKind::Taken { .. } => {
                "give that one another name with `rename`, or these with `validity_column_names`".to_owned()
            }
            LoadErrorKind::Partition { .. } => {
                "partition by a column of integers, texts, booleans or dates (`infer: [dates]`)".to_owned()
            }
            LoadErrorKind::State { .. } => "`--full-refresh` loads the resource anew, without its state".to_owned(),
            LoadErrorKind::OtherRun { .. } => {
                "let one run of a pipeline end before the next, then run again".to_owned()
            }
            LoadErrorKind::SchemaMoved | LoadErrorKind::Vanished => "run again".to_owned(),
            LoadErrorKind::Place { .. }
            | LoadErrorKind::Log(_)
            | LoadErrorKind::Parquet(_)
            | LoadErrorKind::Arrow(_)
            | LoadErrorKind::Internal(_) => return None,
        })
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "table `{}` of resource `{}` at {}: {}", self.table, self.resource, self.uri, self.kind)
    }
}

impl fmt::Display for LoadErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage { action, .. } | Self::Disk { action, .. } => {
                write!(formatter, "could not {action}")
            }
            Self::Log(_) => formatter.write_str("could not read the table's log"),
            Self::Parquet(_) => formatter.write_str("could not read or write a data file"),
            Self::Arrow(_) => formatter.write_str("could not bring the rows into the table's types"),
            Self::Feature { feature } => {
                write!(formatter, "the table uses `{feature}`, which this loader does not write")
            }
            Self::Place { problem } => formatter.write_str(problem),
            Self::Unconditional => formatter.write_str(
                "the storage ignores the condition of a put (`If-None-Match: *`), so that a commit could be overwritten",
            ),
            Self::Unconfirmed { version, .. } => {
                write!(formatter, "the commit of version {version} could not be confirmed")
            }
            Self::Contended { attempts } => {
                write!(formatter, "other writers committed before each of {attempts} attempts")
            }
            Self::OtherRun { run: None } => {
                formatter.write_str("another run of this pipeline committed during this one")
            }
            Self::OtherRun { run: Some(run) } => {
                write!(formatter, "another run of this pipeline, {run}, committed during this one")
            }
            Self::OtherPipeline { pipeline } => {
                write!(formatter, "the pipeline `{pipeline}` has appended this resource to the table already")
            }
            Self::Taken { column } => {
                write!(formatter, "the rows have a column `{column}`, which `scd2` needs for itself")
            }
            Self::Partition { column, problem } => {
                write!(formatter, "the column `{column}` cannot be a partition: {problem}")
            }
            Self::State { path, problem } => write!(formatter, "the state `{path}` cannot be read: {problem}"),
            Self::SchemaMoved => {
                formatter.write_str("another writer changed the schema so that the rows do not fit any more")
            }
            Self::Vanished => formatter.write_str("the table was deleted during the load"),
            Self::Internal(what) => write!(formatter, "internal error: {what}"),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.kind.source()
    }
}

impl std::error::Error for LoadErrorKind {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Storage { source, .. } => Some(source),
            Self::Disk { source, .. } => Some(source),
            Self::Unconfirmed { source, .. } => Some(source.as_ref()),
            Self::Log(source) => Some(source),
            Self::Parquet(source) => Some(source),
            Self::Arrow(source) => Some(source),
            _ => None,
        }
    }
}
