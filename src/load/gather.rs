//! Rows that are merged only once all of a walk are there (`delete-insert` with a merge key, `dedup_sort`, `scd2`).
//!
//! 1. A short walk has one part, and its rows wait as those of any load.
//! 2. When a part of a long one is to be kept, its rows go as they came into files beside the table, which a state names; the load goes on
//!    without them. Another run can go on with these.
//! 3. At the end the rows of all parts are read back in their order, and merged as if they had come at once. Then the files go.

use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;

use super::Loader;
use super::align::align;
use super::datafile::{DataFile, paths, written};
use super::error::LoadErrorKind;
use super::history::staged_file;
use super::layout::Layout;
use super::read;
use super::source::Shelf;
use super::state::{GatheredFor, Staged, State};
use crate::flow::{LoadSchema, Waypoint};

/// The rows of the parts of a walk that were kept.
pub(super) struct Gathered {
    /// Stands for how they are to be merged.
    write: String,
    files: Vec<DataFile>,
    /// Of these so many are named by a state, and stay if this load fails.
    kept: usize,
    /// Columns of the table of which no row in the files has the key; `None`: there are no rows.
    unseen: Option<Vec<String>>,
}

impl Gathered {
    /// What an earlier run has gathered.
    pub(super) fn begin(write: String, files: Vec<DataFile>, unseen: Option<Vec<String>>) -> Self {
        Self { write, kept: files.len(), files, unseen }
    }

    /// The columns of which no row has the key, if these are such that the last ones lack.
    fn unseen(&self, last: &[String]) -> Vec<String> {
        let lacks = |column: &&String| self.unseen.as_ref().is_none_or(|unseen| unseen.contains(column));
        last.iter().filter(lacks).cloned().collect()
    }
}

impl Loader {
    /// Moves the rows so far into files, and notes these in a state.
    pub(super) async fn stage_gathered(&mut self, walk: Waypoint, unseen: &[String]) -> Result<bool, LoadErrorKind> {
        self.gather_part().await?;
        let Some(gathered) = &mut self.gathered else { return Ok(false) };
        self.place.sync(&paths(gathered.files.get(gathered.kept..).unwrap_or_default()))?;
        let unseen = gathered.unseen(unseen);
        let staged = Staged {
            refreshes: self.refreshes,
            files: gathered.files.iter().map(staged_file).collect::<Result<_, _>>()?,
            gathered: Some(GatheredFor { write: gathered.write.clone(), unseen: unseen.clone() }),
        };
        let state =
            State { staged: Some(staged), ..State::new(&self.run_id, Some(walk), self.past.remembered.clone()) };
        self.states.put(self.sequence, &state).await?;
        self.is_staged = true;
        gathered.kept = gathered.files.len();
        gathered.unseen = Some(unseen);
        Ok(true)
    }

    /// Moves the rows so far into files.
    async fn gather_part(&mut self) -> Result<(), LoadErrorKind> {
        let Some(gathered) = &mut self.gathered else { return Ok(()) };
        let place = &self.place;
        let files = match &mut self.source.shelf {
            Shelf::Files(writer) => writer.close().await?,
            Shelf::Spill(spill) => {
                // The order of the rows counts, which partitions would not keep.
                let layout = Layout { partitions: Vec::new(), ..self.layout.clone() };
                let rows = written(place, &layout, async |writer| {
                    for index in 0..spill.segments() {
                        for rows in spill.segment(index)? {
                            writer.write(&rows?).await?;
                        }
                    }
                    Ok(())
                });
                rows.await?
            }
        };
        gathered.files.extend(files);
        self.source = self.source.emptied(place, &self.layout);
        Ok(())
    }

    /// Makes the rows of all parts the rows of the load; what no row of any part has the key of stays unseen.
    pub(super) async fn gather_all(&mut self, load: &mut LoadSchema) -> Result<(), LoadErrorKind> {
        if self.gathered.as_ref().is_none_or(|gathered| gathered.files.is_empty()) {
            return Ok(());
        }
        self.gather_part().await?;
        let Some(gathered) = &self.gathered else { return Ok(()) };
        load.unseen = gathered.unseen(&load.unseen);
        for file in &gathered.files {
            if matches!(self.place.store.head(&file.path).await, Err(object_store::Error::NotFound { .. })) {
                // Who has committed the rows has removed it.
                return Err(LoadErrorKind::OtherRun { run: None });
            }
            let mut batches = read::rows(&self.place, file.at(), &file.schema).await?;
            while let Some(rows) = batches.try_next().await? {
                // One type for a column, by which rows can be put in order.
                let rows = align(&self.as_it_came(&rows)?, &load.columns)?;
                let rows = match &self.versions {
                    Some(versions) => versions.begun(&rows)?,
                    None => rows,
                };
                self.source.push(&self.place, rows).await?;
            }
        }
        Ok(())
    }

    /// Rows without the columns that versions have.
    fn as_it_came(&self, rows: &RecordBatch) -> Result<RecordBatch, LoadErrorKind> {
        let Some(versions) = &self.versions else { return Ok(rows.clone()) };
        let hidden = versions.hidden(rows.schema_ref());
        Ok(align(rows, &hidden)?)
    }

    /// Removes the files of gathered rows: all, once the rows are in the table; else those that no state names.
    pub(super) async fn drop_gathered(&mut self, are_committed: bool) {
        let Some(gathered) = &mut self.gathered else { return };
        let first = if are_committed { 0 } else { gathered.kept };
        let dropped = paths(gathered.files.get(first..).unwrap_or_default());
        gathered.files.clear();
        self.place.discard(&dropped).await;
    }
}
