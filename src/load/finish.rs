//! The end of a load: plan against the newest version, commit, and plan again where another writer was faster.

use std::time::Duration;

use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;
use object_store::path::Path;
use roaring::RoaringTreemap;
use serde_json::{Value, json};

use super::align::union;
use super::commit::{CommitOutcome, Entry, new_metadata, new_protocol};
use super::datafile::{DataFile, DataWriter, paths, written};
use super::error::LoadErrorKind;
use super::fits::{check_types, same_types};
use super::merge::Merge;
use super::source::Shelf;
use super::store::Place;
use super::table::{Snapshot, TableFile};
use super::widen::{Widening, widened};
use super::{Disposition, Loader, read, schema, vectors};
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
        let staged = self.staged(&load.columns).await?;
        let kept = self.keep_rejects().await;
        let mut commits = 0;
        let result = match kept {
            Ok(rejects) => {
                self.attempts(load, &staged, &mut commits).await.map(|receipt| Receipt { rejects, ..receipt })
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            self.place.discard_after(error, &paths(&staged)).await;
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
        if let Some(schema) = widened(&snapshot.schema, &load.columns, &load.widened) {
            let (place, layout) = (&self.place, &self.layout);
            let widening = Widening { place, snapshot: &snapshot, schema, layout, run_id: &self.run_id };
            return Ok(prepared(widening.commit().await?, commits));
        }
        if self.wants_vectors && !snapshot.lists_vectors() {
            let switched = vectors::switch_on(&self.place, &snapshot, &self.run_id).await?;
            return Ok(prepared(switched, commits));
        }
        check_types(load.columns.fields(), snapshot.schema.fields())?;
        let change = self.plan(&snapshot, load, staged).await?;
        // A walk that has ended at last is told even where it brought nothing more.
        let ends_walk = self.past.is_unfinished && self.walk.is_none();
        if change.removed.is_empty() && change.added.is_empty() && !ends_walk {
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
        let change = Change::of_new_rows(staged, self.source.rows, self.replaced_rows()?);
        if schema.fields().is_empty() {
            self.place.forget_empty();
            return Ok(Attempt::Done(receipt(None, 0, None, &change)));
        }
        let mut entry = self.entry();
        let (mut protocol, mut metadata) = (new_protocol(), new_metadata(&schema::schema_string(schema.fields())?));
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
        let replaced = self.replaced_rows()?;
        if self.disposition == Disposition::Replace {
            let mut change = Change::of_new_rows(staged, self.source.rows, replaced);
            change.removed = snapshot.files.iter().map(|file| file.remove.clone()).collect();
            change.files.removed = change.removed.len() as u64;
            change.rows.deleted = snapshot.files.iter().filter_map(TableFile::live_rows).sum();
            return Ok(change);
        }
        let Shelf::Spill(spill) = &mut self.source.shelf else {
            if self.disposition == Disposition::Merge && !snapshot.files.is_empty() {
                // The table was empty when the load began, so that its rows were not held back to be compared.
                return Err(LoadErrorKind::SchemaMoved);
            }
            return Ok(Change::of_new_rows(staged, self.source.rows, replaced));
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
        };
        let merged = merge.apply(snapshot).await?;
        Ok(Change {
            removed: merged.removed,
            written_now: paths(&merged.added).into_iter().chain(merged.vectors.clone()).collect(),
            added: merged.added,
            put_back: merged.put_back,
            vectors: merged.vectors,
            rows: merged.rows,
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
        if let Some(schema_string) = schema::extended(snapshot.schema_string(), schema.fields())? {
            let mut metadata = snapshot.metadata.clone();
            if let Some(entries) = metadata.as_object_mut() {
                entries.insert("schemaString".to_owned(), schema_string.into());
            }
            let mut entry = Entry::new("ADD COLUMN", json!({}), &self.run_id);
            entry.push(json!({ "metaData": metadata }));
            if entry.commit(&self.place, snapshot.version + 1).await? == CommitOutcome::Conflict {
                return Ok(CommitOutcome::Conflict);
            }
            snapshot.version += 1;
            *commits += 1;
        }
        let mut entry = self.entry();
        let sequence = self.claim(snapshot.sequence).await?;
        self.push_change(&mut entry, change, sequence);
        let outcome = entry.commit(&self.place, snapshot.version + 1).await?;
        if outcome == CommitOutcome::Committed {
            snapshot.version += 1;
            *commits += 1;
        }
        Ok(outcome)
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

    /// A merge plans again on whatever the table is; append and replace cannot tell whether their rows are in it already.
    async fn check_sequence(&self, snapshot: &Snapshot) -> Result<(), LoadErrorKind> {
        if snapshot.sequence == self.sequence || self.disposition == Disposition::Merge {
            return Ok(());
        }
        // Who it was is good to know, and no reason to fail in another way.
        let state = match snapshot.sequence {
            Some(sequence) => self.states.read(sequence).await.unwrap_or_default(),
            None => None,
        };
        Err(LoadErrorKind::OtherRun { run: state.map(|state| state.run) })
    }

    fn replaced_rows(&mut self) -> Result<u64, LoadErrorKind> {
        self.source.keys.as_mut().map_or(Ok(0), |keys| Ok(keys.replaced()?.len() as u64))
    }

    /// The data files of the load under one schema, without rows that a later one of the same key has replaced.
    async fn staged(&mut self, schema: &SchemaRef) -> Result<Vec<DataFile>, LoadErrorKind> {
        let Shelf::Files(writer) = &mut self.source.shelf else { return Ok(Vec::new()) };
        writer.roll().await?;
        let replaced = match &mut self.source.keys {
            Some(keys) => keys.replaced()?.to_vec(),
            None => Vec::new(),
        };
        let (mut files, mut dropped) = (Vec::new(), Vec::new());
        let clean = written(&self.place, &self.layout, async |clean| {
            (files, dropped) = cleaned(&self.place, writer.written(), schema, &replaced, clean).await?;
            Ok(())
        });
        let clean = clean.await?;
        files.extend(clean);
        writer.close().await?;
        self.place.discard(&dropped).await;
        Ok(files)
    }
}

/// The files that are good as they are, and those of which the good rows were written again.
async fn cleaned(
    place: &Place,
    written: &[DataFile],
    schema: &SchemaRef,
    replaced: &[u64],
    clean: &mut DataWriter,
) -> Result<(Vec<DataFile>, Vec<Path>), LoadErrorKind> {
    let (mut files, mut dropped) = (Vec::new(), Vec::new());
    let mut first = 0;
    for file in written {
        let end = first + file.rows;
        let gone: RoaringTreemap = replaced.iter().filter(|row| (first..end).contains(*row)).copied().collect();
        if gone.is_empty() && same_types(file.schema.fields(), schema.fields()) {
            files.push(file.clone());
        } else {
            dropped.push(file.path.clone());
            let mut batches = read::rows(place, &file.path, file.bytes, schema).await?;
            let mut at = first;
            while let Some(batch) = batches.try_next().await? {
                clean.write(&read::without(&batch, at, &gone)?).await?;
                at += batch.num_rows() as u64;
            }
        }
        first = end;
    }
    Ok((files, dropped))
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
async fn wait_before(attempt: usize) {
    let ceiling = 50_u64.saturating_mul(1 << attempt.min(7)).min(5_000);
    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=ceiling))).await;
}
