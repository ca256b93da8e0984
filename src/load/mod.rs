//! Batches into committed rows. The only folder that names deltalake, parquet and `object_store`.
//!
//! 1. [`Loader::open`] reads what the table is and hands it upstream as a [`TableState`].
//! 2. [`Loader::write`] takes the batches: into data files, or, for a merge into a table with rows, into a spill.
//! 3. [`Loader::finish`] plans against the newest version of the table and commits by compare-and-swap; where another writer
//!    was faster it reloads and plans again. Until then readers see nothing, and [`Loader::abort`] leaves nothing.
//!
//! Each data commit carries the pipeline's transaction, so that a greater sequence than the one seen at the start tells that
//! another run of the same pipeline has committed.

mod align;
mod cardinality;
mod commit;
mod cores;
mod datafile;
mod deletion;
mod encoder;
mod error;
mod finish;
mod fits;
mod history;
mod key;
mod key_runs;
mod layout;
mod merge;
mod read;
mod rejects;
mod schema;
mod source;
mod spill;
mod state;
mod stats;
mod store;
mod table;
mod upkeep;
mod vectors;
mod widen;

use arrow::datatypes::SchemaRef;

pub use error::{LoadError, LoadErrorKind};

use crate::flow::{LoadSchema, Receipt, TableBatch, TableState, Waypoint};
use crate::plan::{History, Limits, Matched, PipelineName, ResourcePlan, Target, WriteDisposition};
use datafile::DataWriter;
use history::Past;
use layout::Layout;
use rejects::RejectSpool;
use source::{Shelf, Source};
use spill::Spill;
use state::StateFolder;
use store::Place;
use table::{Change, Snapshot};

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
    /// Deletion vectors are to be switched on.
    wants_vectors: bool,
    /// What a merge does with rows whose key the table has.
    matched: Matched,
    /// The table when the load began, for as long as no plan has been made against it.
    opened: Option<Snapshot>,
    /// Commits between checkpoints, if the table says.
    interval: Option<u64>,
    /// Whether there was a table when the load began.
    existed: bool,
    source: Source,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Continuation {
    /// Loads before the next one.
    parts: u64,
    /// The pipeline's last sequence.
    sequence: Option<i64>,
    /// Whether the state of that says that there is more to come.
    is_unfinished: bool,
}

/// The share of the memory budget for rows that wait for a merge; what is more goes to local disk.
const SPILL_SHARE: u64 = 4;

impl Loader {
    /// Reads what the table is. `key` are the key columns of a merge, by column name.
    ///
    /// # Errors
    /// When the place cannot be read, or the table uses a feature that is not written.
    pub async fn open(options: &LoadOptions<'_>, key: &[String]) -> Result<(Self, TableState), LoadError> {
        let resource = options.resource;
        let target = options.target.table(&resource.table);
        let located = |kind| LoadError {
            resource: resource.name.clone(),
            table: resource.table.clone(),
            uri: target.to_string(),
            kind,
        };
        let application = format!("alluvium:{}:{}", options.pipeline, resource.name);
        let place = Place::open(&target).map_err(located)?;
        if options.after.is_none() {
            place.check_conditions().await.map_err(located)?;
        }
        let snapshot = Snapshot::load(&place, &application).await.map_err(located)?;
        let disposition = Disposition::of(options);
        if let Some(snapshot) = &snapshot {
            snapshot.check_features(disposition.change()).map_err(located)?;
        }
        let mut states = StateFolder::open(options.target, &options.pipeline.to_string(), resource.name.as_str())
            .map_err(located)?;
        let past = Past::read(&place, &mut states, snapshot.as_ref(), options, disposition).await.map_err(located)?;
        let layout = Layout::new(options.limits);
        let compared = disposition == Disposition::Merge && snapshot.as_ref().is_some_and(|old| !old.files.is_empty());
        let shelf = if compared {
            let memory = options.limits.memory_bytes.get() / SPILL_SHARE;
            Shelf::Spill(Spill::new(usize::try_from(memory).unwrap_or(usize::MAX)))
        } else {
            Shelf::Files(Box::new(DataWriter::new(&place, &layout)))
        };
        let mut source = Source::new(shelf, key, options.limits);
        let stored = snapshot.as_ref().map(|snapshot| SchemaRef::clone(&snapshot.schema));
        let state = TableState {
            schema: past.schema(stored).map_err(located)?,
            narrow: snapshot.as_ref().map(Snapshot::narrow_columns).unwrap_or_default(),
            unfinished: past.unfinished.clone(),
        };
        source.adopt(&place, past.staged_files().map_err(located)?).await.map_err(located)?;
        let loader = Self {
            resource: resource.name.clone(),
            table: resource.table.clone(),
            uri: target.to_string(),
            application,
            run_id: options.run_id.to_owned(),
            disposition,
            limits: options.limits.clone(),
            layout,
            place,
            wants_vectors: resource.delta.deletion_vectors,
            matched: match resource.write {
                WriteDisposition::Merge { matched, .. } => matched,
                _ => Matched::default(),
            },
            sequence: snapshot.as_ref().and_then(|snapshot| snapshot.sequence),
            refreshes: options.history.refreshes,
            states,
            past,
            parts: options.after.map_or(0, |after| after.parts),
            claimed: None,
            walk: None,
            interval: snapshot.as_ref().and_then(Snapshot::checkpoint_interval),
            existed: snapshot.is_some(),
            opened: snapshot,
            source,
            folder: options.target.clone(),
            pipeline: options.pipeline.to_string(),
            rejects: RejectSpool::default(),
        };
        Ok((loader, state))
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn write(&mut self, batch: TableBatch) -> Result<(), LoadError> {
        let written = match self.rejects.push(batch.rejects) {
            Ok(()) if batch.rows.num_rows() > 0 => self.source.push(&self.place, batch.rows).await,
            kept => kept,
        };
        written.map_err(|kind| self.located(kind))
    }

    /// Keeps what was written for another run, which commits it together with what it adds; `walk` is where that goes on.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn stage(&mut self, walk: Waypoint) -> Result<(), LoadError> {
        let staged = self.stage_files(walk).await;
        staged.map_err(|kind| self.located(kind))
    }

    /// Commits what was written; `schema` has the columns of the whole load. `walk` is where another run goes on; `None`: the walk is
    /// at its end.
    ///
    /// # Errors
    /// When nothing was committed; what was written is removed.
    pub async fn finish(
        mut self,
        schema: &LoadSchema,
        walk: Option<Waypoint>,
    ) -> Result<(Receipt, Continuation), LoadError> {
        self.walk = walk;
        match self.commit_all(schema).await {
            Ok(receipt) => {
                if let Some(version) = receipt.version {
                    upkeep::checkpoint_if_due(&self.place, self.interval, version, receipt.commits).await;
                }
                self.states.forget_before(&self.past.numbers, receipt.sequence.unwrap_or_default()).await;
                let was_committed = self.claimed.is_some() && self.claimed == receipt.sequence;
                let continuation = Continuation {
                    parts: self.parts + 1,
                    sequence: receipt.sequence,
                    is_unfinished: if was_committed { self.walk.is_some() } else { self.past.is_unfinished },
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

    /// Removes what was written. The table stays as it is.
    pub async fn abort(mut self) {
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

impl Disposition {
    fn of(options: &LoadOptions<'_>) -> Self {
        match &options.resource.write {
            // The old rows stand until the new are whole.
            _ if options.history.refreshes => Self::Replace,
            WriteDisposition::Append | WriteDisposition::Skip => Self::Append,
            WriteDisposition::Replace => Self::Replace,
            WriteDisposition::Merge { .. } => Self::Merge,
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
