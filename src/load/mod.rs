//! Batches into committed rows. The only folder that names deltalake, parquet and `object_store`.
//!
//! 1. [`Loader::open`] reads what the table is and hands it upstream as a [`TableState`].
//! 2. [`Loader::write`] takes the batches: into data files, or, for a merge into a table with rows, into a spill.
//! 3. [`Loader::finish`] plans against the newest version of the table and commits by compare-and-swap; where another writer
//!    was faster it reloads and plans again. Until then readers see nothing, and [`Loader::abort`] leaves nothing.
//!
//! Each data commit carries the pipeline's transaction, so that a greater sequence than the one seen at the start tells that
//! another run of the same pipeline has committed.

mod above;
mod align;
mod cardinality;
mod commit;
mod compact;
mod cores;
mod datafile;
mod dedup;
mod deletion;
mod encoder;
mod error;
mod finish;
mod fits;
mod gather;
mod history;
mod key;
mod key_buckets;
mod key_runs;
mod keys;
mod layout;
mod log_files;
mod logged_paths;
mod maintenance;
mod merge;
mod open;
mod partition;
mod read;
mod rejects;
mod row_ranges;
mod row_text;
mod schema;
mod sort;
mod source;
mod spill;
mod staged;
mod state;
mod stats;
mod store;
mod table;
mod upkeep;
mod vacuum;
mod vectors;
mod versions;
mod widen;

pub use error::{LoadError, LoadErrorKind};
pub use maintenance::{
    OptimizeOptions, OptimizeReport, TableError, TableErrorKind, VacuumOptions, VacuumReport, optimize, vacuum,
};

use crate::flow::{KeyColumns, LoadSchema, Receipt, Remembered, TableBatch, TableState, Waypoint};
use crate::plan::{History, Limits, Maintenance, Matched, PipelineName, ResourcePlan, Target, WriteDisposition};
use gather::Gathered;
use history::Past;
use layout::Layout;
use rejects::RejectSpool;
use source::{Shelf, Source};
use state::StateFolder;
use store::Place;
use table::{Change, Snapshot};
use versions::Versions;

/// The load of one resource into its table.
pub struct Loader {
    resource: crate::plan::ResourceName,
    table: crate::plan::TableName,
    uri: String,
    /// The identifier of the pipeline's transactions in the table.
    application: String,
    run_id: String,
    disposition: Disposition,
    limits: Limits,
    layout: Layout,
    place: Place,
    /// The pipeline's last sequence when the load began.
    sequence: Option<i64>,
    /// The rows take the place of all that the table has, whatever the disposition of the resource is.
    refreshes: bool,
    states: StateFolder,
    past: Past,
    /// Loads of this run before this one.
    parts: u64,
    /// The state of this load, once it has one, and its walk.
    claimed: Option<i64>,
    walk: Option<Waypoint>,
    /// How far the cursors are with it.
    remembered: Option<Remembered>,
    /// Deletion vectors are to be switched on.
    wants_vectors: bool,
    /// What is done to the table afterwards.
    maintenance: Maintenance,
    /// What a merge does with rows whose key the table has.
    matched: Matched,
    /// The rows are versions.
    versions: Option<Versions>,
    /// Files of the load that a state names.
    kept: Vec<object_store::path::Path>,
    /// The rows have been compared with those of the table.
    is_merged: bool,
    /// The table gets the columns of the load, whatever it had.
    starts_anew: bool,
    /// The table when the load began, for as long as no plan has been made against it.
    opened: Option<Snapshot>,
    /// Commits between checkpoints, if the table says.
    interval: Option<u64>,
    /// Whether there was a table when the load began.
    existed: bool,
    source: Source,
    /// The parts before this one of a load whose rows are merged at its end; `None`: it is none.
    gathered: Option<Gathered>,
    /// A state names files that this load is to commit.
    is_staged: bool,
    /// The folder of all tables.
    folder: Target,
    pipeline: String,
    rejects: RejectSpool,
}

/// What the load does to the table, with the columns that it needs for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disposition {
    Append,
    Replace,
    Merge,
}

/// What one load is about.
pub struct LoadOptions<'a> {
    /// The pipeline, whose name is part of the transaction identifier.
    pub pipeline: &'a PipelineName,
    /// The resource.
    pub resource: &'a ResourcePlan,
    /// The tables folder.
    pub target: &'a Target,
    /// The bounds of the run.
    pub limits: &'a Limits,
    /// The run, for the log.
    pub run_id: &'a str,
    /// What the run makes of what earlier ones left.
    pub history: History,
    /// What an earlier run has begun is not gone on with.
    pub starts_over: bool,
    /// The load of this run that this one follows; `None`: it is the first.
    pub after: Option<Continuation>,
}

/// Where a load of several commits is.
#[derive(Debug, Clone, PartialEq)]
pub struct Continuation {
    /// Loads before the next one.
    parts: u64,
    /// The pipeline's last sequence.
    sequence: Option<i64>,
    /// Whether the state of that says that there is more to come.
    is_unfinished: bool,
    /// How far the cursors are with that.
    remembered: Option<Remembered>,
}

/// Where a load leaves its resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// The walk came to its end; this is how far the cursors are.
    Whole(Remembered),
    /// Another run, or part, goes on from here; the cursors stay where they are.
    Part(Waypoint),
}

/// Rows of the smallest part: a merge of fewer would cost more than it saves.
const PART_ROWS_MIN: u64 = 100_000;

impl Loader {
    /// Reads what the table is. `columns` are those with a part in how rows are written.
    ///
    /// # Errors
    /// When the place cannot be read, or the table uses a feature that is not written.
    pub async fn open(options: &LoadOptions<'_>, columns: &KeyColumns) -> Result<(Self, TableState), LoadError> {
        open::open(options, columns.clone()).await.map_err(|kind| located(options, kind))
    }

    /// How far the cursors are that a load would begin with; `None`: nothing is remembered.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub async fn remembered(options: &LoadOptions<'_>) -> Result<Option<Remembered>, LoadError> {
        open::remembered(options).await.map_err(|kind| located(options, kind))
    }

    /// Rows after which the part of a load that is done in parts had better end: the keys of a merge into a table with rows are held in
    /// memory. `None`: the number does not matter.
    pub fn part_rows_max(&self) -> Option<u64> {
        let has_rows = self.opened.as_ref().is_some_and(|snapshot| !snapshot.files.is_empty());
        let share = self.limits.memory_bytes.get() / source::KEYS_SHARE / keys::KEY_BYTES;
        (self.disposition == Disposition::Merge && has_rows && self.gathered.is_none())
            .then(|| share.max(PART_ROWS_MIN))
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn write(&mut self, batch: TableBatch) -> Result<(), LoadError> {
        let kept = self.rejects.push(batch.rejects).and_then(|()| match &self.versions {
            Some(versions) if batch.rows.num_rows() > 0 => versions.begun(&batch.rows),
            _ => Ok(batch.rows),
        });
        let written = match kept {
            Ok(rows) if rows.num_rows() > 0 => self.source.push(&self.place, rows).await,
            kept => kept.map(|_| ()),
        };
        written.map_err(|kind| self.located(kind))
    }

    /// Keeps what was written for another run, which commits it together with what it adds; `walk` is where that goes on, and `schema` has
    /// the columns so far. `false`: the rows are not where another run finds them.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn stage(&mut self, walk: Waypoint, schema: &LoadSchema) -> Result<bool, LoadError> {
        let staged = self.stage_files(walk, &schema.unseen).await;
        staged.map_err(|kind| self.located(kind))
    }

    /// Commits what was written; `schema` has the columns of the whole load.
    ///
    /// # Errors
    /// When nothing was committed; what was written is removed.
    pub async fn finish(mut self, schema: &LoadSchema, ending: Ending) -> Result<(Receipt, Continuation), LoadError> {
        (self.walk, self.remembered) = match ending {
            Ending::Part(waypoint) => (Some(waypoint), self.past.remembered.clone()),
            Ending::Whole(reached) => {
                let mut remembered = self.past.remembered.clone().unwrap_or_default();
                remembered.advance(&reached);
                (None, (!remembered.is_empty()).then_some(remembered))
            }
        };
        match self.gather_and_commit(schema).await {
            Ok(mut receipt) => {
                self.drop_gathered(true).await;
                self.keep_up(&mut receipt).await;
                self.states.forget_before(&self.past.numbers, receipt.sequence.unwrap_or_default()).await;
                let was_committed = self.claimed.is_some() && self.claimed == receipt.sequence;
                let continuation = Continuation {
                    parts: self.parts + 1,
                    sequence: receipt.sequence,
                    is_unfinished: if was_committed { self.walk.is_some() } else { self.past.is_unfinished },
                    remembered: if was_committed { self.remembered.clone() } else { self.past.remembered.clone() },
                };
                Ok((receipt, continuation))
            }
            Err(kind) => {
                let error = self.located(kind);
                self.abort().await;
                Err(error)
            }
        }
    }

    async fn gather_and_commit(&mut self, schema: &LoadSchema) -> Result<Receipt, LoadErrorKind> {
        let mut schema = schema.clone();
        self.gather_all(&mut schema).await?;
        let shown = self.versions.as_ref().map(|versions| versions.shown(&schema));
        self.commit_all(shown.as_ref().unwrap_or(&schema)).await
    }

    /// Removes what was written. The table stays as it is.
    pub async fn abort(mut self) {
        self.drop_gathered(false).await;
        if let Shelf::Files(writer) = &mut self.source.shelf {
            writer.abort().await;
        }
        if !self.existed {
            self.place.forget_empty();
        }
    }

    fn located(&self, kind: LoadErrorKind) -> LoadError {
        LoadError { resource: self.resource.clone(), table: self.table.clone(), uri: self.uri.clone(), kind }
    }
}

fn located(options: &LoadOptions<'_>, kind: LoadErrorKind) -> LoadError {
    let (resource, table) = (options.resource.name.clone(), options.resource.table.clone());
    LoadError { resource, uri: options.target.table(&table).to_string(), table, kind }
}

impl Disposition {
    fn of(options: &LoadOptions<'_>) -> Self {
        match &options.resource.write {
            // The old rows stand until the new are whole.
            _ if options.history.refreshes => Self::Replace,
            WriteDisposition::Append | WriteDisposition::Skip => Self::Append,
            WriteDisposition::Replace => Self::Replace,
            WriteDisposition::Merge(_) | WriteDisposition::Scd2(_) => Self::Merge,
        }
    }

    fn change(&self) -> Change {
        match self {
            Self::Append => Change::Appends,
            Self::Replace | Self::Merge => Change::Rewrites,
        }
    }

    /// The name of the operation in the table's history.
    fn operation(&self) -> (&'static str, &'static str) {
        match self {
            Self::Append => ("WRITE", "Append"),
            Self::Replace => ("WRITE", "Overwrite"),
            Self::Merge => ("MERGE", "Upsert"),
        }
    }
}
