//! The end of a load: plan against the newest version, commit, and plan again where another writer was faster.

use std::time::Duration;

use arrow::datatypes::SchemaRef;
use object_store::path::Path;
use serde_json::{Value, json};

use super::align::union;
use super::commit::{CommitOutcome, Entry, new_metadata, new_protocol};
use super::datafile::{DataFile, paths};
use super::error::LoadErrorKind;
use super::fits::check_types;
use super::key::position;
use super::merge::Merge;
use super::source::Shelf;
use super::store::Place;
use super::table::{Snapshot, TableFile};
use super::widen::{Widening, widened};
use super::{Disposition, Loader, schema, vectors};
use crate::flow::{FileCounts, LoadSchema, Receipt, Rejects, RowCounts};

/// What one data commit does, planned against one version.
struct Change {
    removed: Vec<Value>,
    added: Vec<DataFile>,
    /// The actions that put files back without some rows.
    put_back: Vec<Value>,
    /// The file that says which rows these are.
    vectors: Option<Path>,
    /// Files that were written for this attempt alone, to be removed when it does not land.
    written_now: Vec<Path>,
    rows: RowCounts,
    files: FileCounts,
}

/// What came of one attempt.
enum Attempt {
    Done(Receipt),
    /// Another writer committed; commits of ours that landed are counted.
    Again,
    /// The table has now what the load needs of it: other types, or deletion vectors.
    Prepared,
}

impl Loader {
    /// Commits the load; what is left behind on an error is removed by the caller.
    pub(super) async fn commit_all(&mut self, load: &LoadSchema) -> Result<Receipt, LoadErrorKind> {
        self.layout.blooms = self.source.filtered();
        let staged = self.staged(&load.columns).await?;
        let kept = self.keep_rejects().await;
        let mut commits = 0;
        let result = match kept {
            Ok(rejects) => {
                self.attempts(load, &staged, &mut commits).await.map(|receipt| Receipt { rejects, ..receipt })
            }
            Err(error) => Err(error),
        };
        let own: Vec<Path> = paths(&staged).into_iter().filter(|path| !self.kept.contains(path)).collect();
        match &result {
            Err(error) => self.place.discard_after(error, &own).await,
            // Another writer created the table, and the rows were merged into that.
            Ok(_) if self.is_merged => self.place.discard(&own).await,
            Ok(_) => {}
        }
        let rejected = self.rejects.rows;
        result.map(|mut receipt| {
            receipt.rows.read += rejected;
            receipt.rows.rejected = rejected;
            receipt
        })
    }

    /// Keeps what the schema contract kept out, before the commit that goes without it.
    async fn keep_rejects(&mut self) -> Result<Rejects, LoadErrorKind> {
        if self.rejects.is_empty() {
            return Ok(Rejects::default());
        }
        let name = match self.parts {
            0 => format!("{}.jsonl", self.run_id),
            parts => format!("{}-{}.jsonl", self.run_id, parts + 1),
        };
        let path = ["_alluvium", "rejects", &self.pipeline, self.resource.as_str(), &name];
        let path = path.into_iter().collect::<Path>();
        let folder = Place::open(&self.folder)?;
        self.rejects.keep(&folder, &path).await
    }

    async fn attempts(
        &mut self,
        load: &LoadSchema,
        staged: &[DataFile],
        commits: &mut u64,
    ) -> Result<Receipt, LoadErrorKind> {
        let attempts = self.limits.commit_attempts.get();
        let mut attempt = 0;
        while attempt < attempts {
            if attempt > 0 {
                wait_before(attempt).await;
            }
            match self.attempt(load, staged, commits).await? {
                Attempt::Done(receipt) => return Ok(receipt),
                Attempt::Prepared => {}
                Attempt::Again => attempt += 1,
            }
            tracing::debug!(table = %self.table, attempt, "the table has moved on, planning again");
        }
        Err(LoadErrorKind::Contended { attempts })
    }

    async fn attempt(
        &mut self,
        load: &LoadSchema,
        staged: &[DataFile],
        commits: &mut u64,
    ) -> Result<Attempt, LoadErrorKind> {
        let snapshot = match self.opened.take() {
            Some(snapshot) if self.place.is_newest(snapshot.version).await => Some(snapshot),
            _ => Snapshot::load(&self.place, &self.application).await?,
        };
        let Some(mut snapshot) = snapshot else {
            return if self.existed { Err(LoadErrorKind::Vanished) } else { self.create(&load.columns, staged).await };
        };
        self.check_sequence(&snapshot).await?;
        snapshot.check_features(self.disposition.change())?;
        if snapshot.partitions() != self.layout.partitions {
            return Err(LoadErrorKind::SchemaMoved);
        }
        if !self.starts_anew
            && let Some(schema) = widened(&snapshot.schema, &load.columns, &load.widened)
        {
            let (place, layout) = (&self.place, &self.layout);
            let widening = Widening { place, snapshot: &snapshot, schema, layout, run_id: &self.run_id };
            return Ok(prepared(widening.commit().await?, commits));
        }
        if self.wants_vectors && !snapshot.lists_vectors() {
            let switched = vectors::switch_on(&self.place, &snapshot, &self.run_id).await?;
            return Ok(prepared(switched, commits));
        }
        if !self.starts_anew {
            check_types(load.columns.fields(), snapshot.schema.fields())?;
        }
        let change = self.plan(&snapshot, load, staged).await?;
        // A walk that has ended at last is told even where it brought nothing more.
        let ends_walk = (self.past.is_unfinished || self.is_staged) && self.walk.is_none();
        let moves_cursor = self.remembered != self.past.remembered;
        if change.removed.is_empty() && change.added.is_empty() && !ends_walk && !moves_cursor {
            return Ok(Attempt::Done(receipt(Some(snapshot.version), *commits, snapshot.sequence, &change)));
        }
        let outcome = self.commit_change(&mut snapshot, &load.columns, &change, commits).await;
        match outcome {
            Ok(CommitOutcome::Committed) => {
                Ok(Attempt::Done(receipt(Some(snapshot.version), *commits, self.claimed, &change)))
            }
            Ok(CommitOutcome::Conflict) => {
                self.place.discard(&change.written_now).await;
                Ok(Attempt::Again)
            }
            Err(error) => {
                self.place.discard_after(&error, &change.written_now).await;
                Err(error)
            }
        }
    }

    /// The first commit of a table: its protocol, its schema and the rows together.
    async fn create(&mut self, schema: &SchemaRef, staged: &[DataFile]) -> Result<Attempt, LoadErrorKind> {
        self.is_merged = false;
        let change = Change::of_new_rows(staged, self.source.rows, self.left_out()?.len());
        if schema.fields().is_empty() {
            self.place.forget_empty();
            return Ok(Attempt::Done(receipt(None, 0, None, &change)));
        }
        self.check_partitions(schema)?;
        let mut entry = self.entry();
        let (mut protocol, mut metadata) =
            (new_protocol(), new_metadata(&schema::schema_string(schema.fields())?, &self.layout.partitions));
        if self.wants_vectors {
            // Nobody has written to it, so that nothing but these has to be listed.
            protocol = vectors::with_vectors(&json!({}));
            vectors::switch_on_in(&mut metadata);
        }
        entry.push(json!({ "protocol": protocol }));
        entry.push(json!({ "metaData": metadata }));
        self.sync(&change)?;
        let sequence = self.claim(None).await?;
        self.push_change(&mut entry, &change, sequence);
        Ok(match entry.commit(&self.place, 0).await? {
            CommitOutcome::Committed => Attempt::Done(receipt(Some(0), 1, Some(sequence), &change)),
            CommitOutcome::Conflict => Attempt::Again,
        })
    }

    /// Plans the data commit against a version of the table.
    async fn plan(
        &mut self,
        snapshot: &Snapshot,
        load: &LoadSchema,
        staged: &[DataFile],
    ) -> Result<Change, LoadErrorKind> {
        let replaced = self.left_out()?.len();
        if self.disposition == Disposition::Replace {
            let mut change = Change::of_new_rows(staged, self.source.rows, replaced);
            change.removed = snapshot.files.iter().map(|file| file.remove.clone()).collect();
            change.files.removed = change.removed.len() as u64;
            change.rows.deleted = snapshot.files.iter().filter_map(TableFile::live_rows).sum();
            return Ok(change);
        }
        let read = self.source.rows;
        if let (Shelf::Files(_), Disposition::Merge) = (&self.source.shelf, self.disposition)
            && !snapshot.files.is_empty()
            && !self.source.lies_above(snapshot)
        {
            // Another writer has brought rows that these have to be compared with.
            self.source.hold_back(&self.place, staged).await?;
        }
        let Shelf::Spill(spill) = &mut self.source.shelf else {
            return Ok(Change::of_new_rows(staged, read, replaced));
        };
        let keys = self.source.keys.as_mut().ok_or(LoadErrorKind::Internal("a merge without a key"))?;
        let mut merge = Merge {
            place: &self.place,
            schema: union(&snapshot.schema, &load.columns),
            kept: kept_columns(&snapshot.schema, load),
            keys,
            spill,
            rows: self.source.rows,
            layout: &self.layout,
            matched: self.matched,
            deleting: &self.source.deleting,
            versions: self.versions.as_ref(),
        };
        let merged = merge.apply(snapshot).await?;
        self.is_merged = true;
        Ok(Change {
            removed: merged.removed,
            written_now: paths(&merged.added).into_iter().chain(merged.vectors.clone()).collect(),
            added: merged.added,
            put_back: merged.put_back,
            vectors: merged.vectors,
            rows: RowCounts { read, ..merged.rows },
            files: merged.files,
        })
    }

    /// Commits new columns first, if there are any, and then the change. `snapshot.version` is the last version after it.
    async fn commit_change(
        &mut self,
        snapshot: &mut Snapshot,
        schema: &SchemaRef,
        change: &Change,
        commits: &mut u64,
    ) -> Result<CommitOutcome, LoadErrorKind> {
        self.sync(change)?;
        let anew = if self.starts_anew { self.schema_anew(snapshot, schema)? } else { None };
        if let Some(schema_string) =
            schema::extended(snapshot.schema_string(), schema.fields())?.filter(|_| !self.starts_anew)
        {
            let metadata = with_schema(&snapshot.metadata, schema_string);
            let mut entry = Entry::new("ADD COLUMN", json!({}), &self.run_id);
            entry.push(json!({ "metaData": metadata }));
            if entry.commit(&self.place, snapshot.version + 1).await? == CommitOutcome::Conflict {
                return Ok(CommitOutcome::Conflict);
            }
            snapshot.version += 1;
            *commits += 1;
        }
        let mut entry = self.entry();
        if let Some(metadata) = anew {
            entry.push(json!({ "metaData": metadata }));
        }
        let sequence = self.claim(snapshot.sequence).await?;
        self.push_change(&mut entry, change, sequence);
        let outcome = entry.commit(&self.place, snapshot.version + 1).await?;
        if outcome == CommitOutcome::Committed {
            snapshot.version += 1;
            *commits += 1;
        }
        Ok(outcome)
    }

    /// The metadata of a table that gets the columns of the load; `None` where it has them.
    fn schema_anew(&self, snapshot: &Snapshot, schema: &SchemaRef) -> Result<Option<Value>, LoadErrorKind> {
        let schema_string = schema::schema_string(schema.fields())?;
        if schema.fields().is_empty() || snapshot.schema_string() == schema_string {
            return Ok(None);
        }
        self.check_partitions(schema)?;
        Ok(Some(with_schema(&snapshot.metadata, schema_string)))
    }

    /// A table has to have the columns that split its files.
    fn check_partitions(&self, schema: &SchemaRef) -> Result<(), LoadErrorKind> {
        match self.layout.partitions.iter().find(|name| position(schema, name).is_none()) {
            Some(name) => {
                let problem = "no row has it; a `data_type` makes it all the same".to_owned();
                Err(LoadErrorKind::Partition { column: name.clone(), problem })
            }
            None => Ok(()),
        }
    }

    fn entry(&self) -> Entry {
        let (operation, mode) = self.disposition.operation();
        Entry::new(operation, json!({"mode": mode}), &self.run_id)
    }

    fn push_change(&self, entry: &mut Entry, change: &Change, sequence: i64) {
        entry.push_transaction(&self.application, sequence);
        for removed in &change.removed {
            entry.push(removed.clone());
        }
        for file in &change.put_back {
            entry.push(file.clone());
        }
        for file in &change.added {
            entry.push_file(file);
        }
    }

    fn sync(&self, change: &Change) -> Result<(), LoadErrorKind> {
        self.place.sync(&paths(&change.added).into_iter().chain(change.vectors.clone()).collect::<Vec<_>>())
    }

    /// A merge plans again on whatever the table is, and keeps the later cursors; append and replace cannot tell whether their rows are
    /// in it already.
    async fn check_sequence(&mut self, snapshot: &Snapshot) -> Result<(), LoadErrorKind> {
        if snapshot.sequence == self.sequence {
            return Ok(());
        }
        if self.disposition == Disposition::Merge {
            if let (Some(sequence), Some(remembered)) = (snapshot.sequence, &mut self.remembered)
                && let Some(theirs) = self.states.read(sequence).await?.and_then(|state| state.remembered)
            {
                let mut both = theirs.clone();
                both.advance(remembered);
                *remembered = both;
                self.past.remembered = Some(theirs);
            }
            return Ok(());
        }
        // Who it was is good to know, and no reason to fail in another way.
        let state = match snapshot.sequence {
            Some(sequence) => self.states.read(sequence).await.unwrap_or_default(),
            None => None,
        };
        Err(LoadErrorKind::OtherRun { run: state.map(|state| state.run) })
    }
}

/// The columns of the table whose values the load knows nothing of: those that no row had, and those of types that JSON
/// cannot fill.
fn kept_columns(table: &SchemaRef, load: &LoadSchema) -> Vec<String> {
    let known = |name: &str| load.columns.fields().iter().any(|field| field.name().eq_ignore_ascii_case(name));
    let names = table.fields().iter().map(|field| field.name());
    names.filter(|name| load.unseen.contains(name) || !known(name)).cloned().collect()
}

impl Change {
    fn of_new_rows(files: &[DataFile], read: u64, replaced: u64) -> Self {
        Self {
            removed: Vec::new(),
            added: files.to_vec(),
            written_now: Vec::new(),
            put_back: Vec::new(),
            vectors: None,
            rows: RowCounts { read, inserted: read.saturating_sub(replaced), ..RowCounts::default() },
            files: FileCounts { added: files.len() as u64, ..FileCounts::default() },
        }
    }
}

fn with_schema(metadata: &Value, schema_string: String) -> Value {
    let mut metadata = metadata.clone();
    if let Some(entries) = metadata.as_object_mut() {
        entries.insert("schemaString".to_owned(), schema_string.into());
    }
    metadata
}

/// What a commit that makes the table ready for the load comes to.
fn prepared(outcome: CommitOutcome, commits: &mut u64) -> Attempt {
    match outcome {
        CommitOutcome::Conflict => Attempt::Again,
        CommitOutcome::Committed => {
            *commits += 1;
            Attempt::Prepared
        }
    }
}

fn receipt(version: Option<u64>, commits: u64, sequence: Option<i64>, change: &Change) -> Receipt {
    Receipt { version, commits, sequence, rows: change.rows, files: change.files, rejects: Rejects::default() }
}

/// Waits a random while below 50 ms × 2^attempt, at most 5 s, so that writers in a race part.
pub(super) async fn wait_before(attempt: usize) {
    let ceiling = 50_u64.saturating_mul(1 << attempt.min(7)).min(5_000);
    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=ceiling))).await;
}
