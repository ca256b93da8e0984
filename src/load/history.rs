//! What earlier runs left for this one: a walk to go on with, files that wait for their commit, or a table that is another pipeline's.

use std::collections::BTreeSet;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::align::union;
use super::datafile::{DataFile, stored_path};
use super::error::LoadErrorKind;
use super::fits::check_types;
use super::partition::Partition;
use super::schema;
use super::state::{Staged, StagedFile, State, StateFolder};
use super::store::Place;
use super::table::{Snapshot, arrow_schema};
use super::{Disposition, LoadOptions, Loader};
use crate::flow::{Remembered, Unfinished, Waypoint};

/// What is there when a load begins.
#[derive(Default)]
pub(super) struct Past {
    /// The walk that the load goes on with.
    pub(super) unfinished: Option<Unfinished>,
    /// Whether the state that counts says that its walk has not ended.
    pub(super) is_unfinished: bool,
    /// How far the cursors are.
    pub(super) remembered: Option<Remembered>,
    /// What the load adds to.
    staged: Option<Staged>,
    /// The numbers of the states that are there.
    pub(super) numbers: BTreeSet<i64>,
}

impl Past {
    /// Looks at what there is.
    ///
    /// # Errors
    /// When a state cannot be read, another run is at work, or the table is another pipeline's to append to.
    pub(super) async fn read(
        place: &Place,
        states: &mut StateFolder,
        snapshot: Option<&Snapshot>,
        options: &LoadOptions<'_>,
        disposition: Disposition,
    ) -> Result<Self, LoadErrorKind> {
        let sequence = snapshot.and_then(|snapshot| snapshot.sequence);
        if let Some(after) = &options.after {
            if sequence != after.sequence && disposition != Disposition::Merge {
                return Err(LoadErrorKind::OtherRun { run: None });
            }
            let remembered = after.remembered.clone();
            return Ok(Self { is_unfinished: after.is_unfinished, remembered, ..Self::default() });
        }
        if let Some(snapshot) = snapshot
            && sequence.is_none()
        {
            check_others(place, snapshot, states, options, disposition).await?;
        }
        let mut past = Self { numbers: states.numbers().await?, ..Self::default() };
        if let Some(sequence) = sequence
            && !options.history.refreshes
            && let Some(state) = states.read(sequence).await?
        {
            past.is_unfinished = state.walk.is_some();
            past.remembered.clone_from(&state.remembered);
            past.unfinished = state.walk.clone().map(|waypoint| unfinished(&state, waypoint));
        }
        if disposition == Disposition::Replace || options.resource.write.gathers(options.history) {
            past.unfinished = None;
            past.find_staged(place, states, sequence, options).await?;
        }
        if options.starts_over {
            past.unfinished = None;
        }
        Ok(past)
    }

    /// Looks for files that wait for their commit: those of the newest state, where that is newer than what is committed.
    async fn find_staged(
        &mut self,
        place: &Place,
        states: &StateFolder,
        sequence: Option<i64>,
        options: &LoadOptions<'_>,
    ) -> Result<(), LoadErrorKind> {
        let Some(newest) = self.numbers.last().copied().filter(|newest| sequence.is_none_or(|counts| *newest > counts))
        else {
            return Ok(());
        };
        // A broken one is nobody's pointer: it is passed over.
        let Some(state) = states.read(newest).await.unwrap_or_default() else { return Ok(()) };
        let (Some(staged), Some(waypoint)) = (state.staged.clone(), state.walk.clone()) else { return Ok(()) };
        if staged.refreshes != options.history.refreshes {
            return Ok(());
        }
        let paths: Vec<Path> = staged.files.iter().map(|file| stored_path(&file.path)).collect::<Result<_, _>>()?;
        // They are left to a vacuum: the run that staged them may still be at work.
        if options.starts_over {
            return Ok(());
        }
        for (file, path) in staged.files.iter().zip(&paths) {
            if !matches!(place.store.head(path).await, Ok(found) if found.size == file.bytes) {
                tracing::warn!(file = %path, "a staged file is gone, starting over");
                return Ok(());
            }
        }
        self.unfinished = Some(unfinished(&state, waypoint));
        self.staged = Some(staged);
        Ok(())
    }

    /// Gives up what does not fit the load as its config is now: rows that were gathered for another disposition, or files that wait
    /// where rows do not go into files, or under other partitions; and what does not fit the table as it is now.
    pub(super) fn settle(&mut self, takes: Takes<'_>, table: Option<&SchemaRef>) -> Result<(), LoadErrorKind> {
        let Some(staged) = &self.staged else { return Ok(()) };
        let fits = match (&staged.gathered, takes) {
            (None, Takes::Files { partitions }) => staged.files.iter().all(|file| {
                file.partition.len() == partitions.len()
                    && partitions.iter().all(|name| file.partition.contains_key(name))
            }),
            (Some(gathered), Takes::Gathered { write }) => gathered.write == write,
            (None | Some(_), _) => false,
        };
        let columns = self.staged_schema()?;
        let has_types = match (&columns, table) {
            (Some(columns), Some(table)) => check_types(columns.fields(), table.fields()).is_ok(),
            _ => true,
        };
        if !fits || !has_types {
            tracing::warn!("what was staged does not fit the config or the table any more, starting over");
            self.staged = None;
            self.unfinished = None;
        }
        Ok(())
    }

    /// Whether files wait for their commit.
    pub(super) fn has_staged(&self) -> bool {
        self.staged.is_some()
    }

    /// The files that wait for their commit.
    pub(super) fn staged_files(&self, partitions: &[String]) -> Result<Vec<DataFile>, LoadErrorKind> {
        let files = self.staged.iter().flat_map(|staged| &staged.files);
        files
            .map(|file| {
                Ok(DataFile {
                    path: stored_path(&file.path)?,
                    bytes: file.bytes,
                    rows: file.rows,
                    stats: file.stats.clone(),
                    schema: arrow_schema(&file.schema)?,
                    partition: Partition::of_log(Some(&file.partition.clone().into()), partitions),
                })
            })
            .collect()
    }

    /// Columns of the table of which no row that was gathered has the key; `None`: none was.
    pub(super) fn unseen(&self) -> Option<Vec<String>> {
        let gathered = self.staged.as_ref()?.gathered.as_ref()?;
        Some(gathered.unseen.clone())
    }

    /// The columns that are settled: those of the table, and those of the files that wait.
    pub(super) fn schema(&self, stored: Option<SchemaRef>) -> Result<Option<SchemaRef>, LoadErrorKind> {
        Ok(match (stored, self.staged_schema()?) {
            (Some(stored), Some(staged)) => Some(union(&stored, &staged)),
            (stored, staged) => stored.or(staged),
        })
    }

    /// The columns of the files that wait. In a walk types only widen, so that those of the last file hold what is in all.
    fn staged_schema(&self) -> Result<Option<SchemaRef>, LoadErrorKind> {
        let mut schema: Option<SchemaRef> = None;
        for file in self.staged_files(&[])? {
            schema = Some(match schema {
                Some(before) => union(&file.schema, &before),
                None => file.schema,
            });
        }
        Ok(schema)
    }
}

/// What a load takes of what was staged.
#[derive(Clone, Copy)]
pub(super) enum Takes<'a> {
    /// Nothing.
    Nothing,
    /// Files that go into the table as they are.
    Files { partitions: &'a [String] },
    /// Rows that are merged in this way.
    Gathered { write: &'a str },
}

/// A table that holds this resource as another pipeline loads it: a renamed config must not append everything a second time.
async fn check_others(
    place: &Place,
    snapshot: &Snapshot,
    states: &StateFolder,
    options: &LoadOptions<'_>,
    disposition: Disposition,
) -> Result<(), LoadErrorKind> {
    for pipeline in states.other_pipelines().await? {
        let application = format!("alluvium:{pipeline}:{}", options.resource.name);
        if !Snapshot::has_transaction(place, snapshot.version, &application).await? {
            continue;
        }
        if disposition == Disposition::Append && !options.history.adopts {
            return Err(LoadErrorKind::OtherPipeline { pipeline });
        }
        tracing::warn!(
            resource = %options.resource.name,
            pipeline,
            "another pipeline has loaded this resource into the table"
        );
    }
    Ok(())
}

fn unfinished(state: &State, waypoint: Waypoint) -> Unfinished {
    let age = chrono::Utc::now().timestamp_millis().saturating_sub(state.written_ms);
    // A clock that was set back makes it no younger than now.
    Unfinished { waypoint, age: Duration::from_millis(u64::try_from(age).unwrap_or_default()) }
}

impl Loader {
    /// The number that the next commit has, with the state that says where its walk is. One that is not below what the table has
    /// is used again: its commit never landed.
    pub(super) async fn claim(&mut self, above: Option<i64>) -> Result<i64, LoadErrorKind> {
        if let Some(claimed) = self.claimed.filter(|claimed| above.is_none_or(|above| *claimed > above)) {
            return Ok(claimed);
        }
        let claimed =
            self.states.put(above, &State::new(&self.run_id, self.walk.clone(), self.remembered.clone())).await?;
        self.claimed = Some(claimed);
        Ok(claimed)
    }

    /// Ends the open file, makes all of them durable and notes them in a state; whether the rows are in files.
    pub(super) async fn stage_files(&mut self, walk: Waypoint, unseen: &[String]) -> Result<bool, LoadErrorKind> {
        // Rejects are kept with the commit; a run that went on from here would not know them.
        if !self.rejects.is_empty() {
            return Ok(false);
        }
        if self.gathered.is_some() {
            return self.stage_gathered(walk, unseen).await;
        }
        let super::Shelf::Files(writer) = &mut self.source.shelf else { return Ok(false) };
        writer.roll().await?;
        let files: Vec<Path> = writer.written().iter().map(|file| file.path.clone()).collect();
        self.place.sync(&files)?;
        let files = writer.written().iter().map(staged_file).collect::<Result<_, _>>()?;
        let staged = Some(Staged { refreshes: self.refreshes, files, gathered: None });
        let state = State { staged, ..State::new(&self.run_id, Some(walk), self.past.remembered.clone()) };
        self.states.put(self.sequence, &state).await?;
        self.is_staged = true;
        writer.keep_written();
        Ok(true)
    }
}

pub(super) fn staged_file(file: &DataFile) -> Result<StagedFile, LoadErrorKind> {
    Ok(StagedFile {
        path: file.path.to_string(),
        bytes: file.bytes,
        rows: file.rows,
        stats: file.stats.clone(),
        schema: schema::schema_string(file.schema.fields())?,
        partition: file.partition.to_log().as_object().cloned().unwrap_or_default(),
    })
}
