//! Vacuum: the removal of files that no version needs any more that is younger than the retention.
//!
//! 1. What is needed is read from the log: the files of the newest version with their deletion vectors, and those that were taken out
//!    of the table since the retention began.
//! 2. The folder is listed, and of it what looks like a data file, a file of vectors or a draft of the log, is old enough and is not
//!    needed, is removed, some at a time. Before each time it is asked whether the table has moved on.
//!
//! All else stays: other files, and whatever is hidden or lies below a folder whose name begins with `_` or `.`.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use deltalake::DeltaTable;
use deltalake::table::config::TablePropertiesExt;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use serde_json::Value;

use super::deletion::Descriptor;
use super::error::LoadErrorKind;
use super::log_files::{self, LOG, LogFileKind};
use super::store::Place;
use super::table::Snapshot;
use crate::plan::RETENTION_MIN;

/// Files that are removed at a time: as many as one request of S3 takes.
const FILES_AT_ONCE: usize = 1_000;
/// Entries of the log that are read at the same time.
const ENTRIES_AT_ONCE: usize = 8;
/// Files that are listed in the report; all are counted.
const LISTED_MAX: usize = 100_000;

/// A vacuum of one table.
pub(super) struct Vacuum<'a> {
    pub(super) place: &'a Place,
    /// `None`: what the table says, at least [`RETENTION_MIN`].
    pub(super) retention: Option<Duration>,
    /// Nothing is removed.
    pub(super) is_dry: bool,
}

/// What a vacuum removed, or would remove.
#[derive(Debug, Clone, Default)]
pub(super) struct Vacuumed {
    /// The first of the files, by their path in the table's folder.
    pub(super) deleted: Vec<String>,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// The files that are needed.
struct Needed {
    version: u64,
    /// Files that are younger are left alone, in milliseconds since the epoch.
    cutoff: i64,
    /// Paths as the log has them, and as they are in the store.
    paths: HashSet<String>,
}

impl Vacuum<'_> {
    /// Removes what is not needed; `None`: there is no table.
    ///
    /// # Errors
    /// When the log or the folder cannot be read, or a file cannot be removed. Nothing that is needed is removed in any case.
    pub(super) async fn run(&self) -> Result<Option<Vacuumed>, LoadErrorKind> {
        let Some(mut needed) = self.needed().await? else { return Ok(None) };
        let mut done = Vacuumed::default();
        let mut waiting = Vec::new();
        let mut listed = self.place.store.list(None);
        while let Some(file) = listed.try_next().await.map_err(LoadErrorKind::storage("list the table's folder"))? {
            if needed.is_garbage(&file) {
                waiting.push(file);
            }
            if waiting.len() >= FILES_AT_ONCE {
                self.remove(std::mem::take(&mut waiting), &mut needed, &mut done).await?;
            }
        }
        self.remove(waiting, &mut needed, &mut done).await?;
        Ok(Some(done))
    }

    async fn remove(
        &self,
        mut files: Vec<ObjectMeta>,
        needed: &mut Needed,
        done: &mut Vacuumed,
    ) -> Result<(), LoadErrorKind> {
        if files.is_empty() {
            return Ok(());
        }
        if !self.place.is_newest(needed.version).await {
            // A commit may have put an old file back, as a restore does.
            *needed = self.needed().await?.ok_or(LoadErrorKind::Vanished)?;
            files.retain(|file| needed.is_garbage(file));
        }
        if !self.is_dry {
            let paths: Vec<_> = files.iter().map(|file| Ok(file.location.clone())).collect();
            let mut removed = self.place.store.delete_stream(futures::stream::iter(paths).boxed());
            while let Some(result) = removed.next().await {
                match result {
                    // Another vacuum was faster.
                    Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(LoadErrorKind::storage("remove a file")(error)),
                }
            }
        }
        done.files += files.len() as u64;
        done.bytes += files.iter().map(|file| file.size).sum::<u64>();
        let room = LISTED_MAX.saturating_sub(done.deleted.len());
        done.deleted.extend(files.iter().take(room).map(|file| file.location.to_string()));
        Ok(())
    }

    async fn needed(&self) -> Result<Option<Needed>, LoadErrorKind> {
        let Some(snapshot) = Snapshot::load(self.place, "").await? else { return Ok(None) };
        snapshot.check_protocol()?;
        let mut table = DeltaTable::new(self.place.log_store.clone());
        table.load().await?;
        let state = table.snapshot()?;
        let said = state.table_config().deleted_file_retention_duration().max(RETENTION_MIN);
        let retention = i64::try_from(self.retention.unwrap_or(said).as_millis()).unwrap_or(i64::MAX);
        let cutoff = chrono::Utc::now().timestamp_millis().saturating_sub(retention);
        let mut needed = Needed { version: snapshot.version, cutoff, paths: HashSet::new() };
        for file in &snapshot.files {
            needed.paths.insert(file.path.to_string());
            needed.add_action(file.remove.pointer("/remove").unwrap_or(&Value::Null))?;
        }
        let mut tombstones = state.all_tombstones(self.place.log_store.as_ref());
        while let Some(tombstone) = tombstones.try_next().await? {
            if tombstone.deletion_timestamp().is_some_and(|at| at >= cutoff) {
                needed.paths.insert(tombstone.path().into_owned());
            }
        }
        self.add_removed(&mut needed).await?;
        Ok(Some(needed))
    }

    /// Adds what entries of the log that are younger than the retention take out of the table. The tombstones do not tell of their
    /// deletion vectors, and a checkpoint may have left some out.
    async fn add_removed(&self, needed: &mut Needed) -> Result<(), LoadErrorKind> {
        let (files, cutoff) = (log_files::list(self.place, 0).await?, needed.cutoff);
        let young = files.into_iter().filter(|file| file.kind == LogFileKind::Entry && file.modified >= cutoff);
        let log = &self.place.log_store;
        let read = young.map(|file| async move { log.read_commit_entry(file.version).await });
        let mut entries = futures::stream::iter(read).buffer_unordered(ENTRIES_AT_ONCE);
        while let Some(entry) = entries.try_next().await? {
            needed.add_entry(&entry.unwrap_or_default())?;
        }
        Ok(())
    }
}

impl Needed {
    fn add_entry(&mut self, entry: &Bytes) -> Result<(), LoadErrorKind> {
        const REMOVE: &[u8] = b"\"remove\"";
        let removes = |line: &&[u8]| line.windows(REMOVE.len()).any(|word| word == REMOVE);
        for line in entry.split(|byte| *byte == b'\n').filter(removes) {
            let action: Value = serde_json::from_slice(line)
                .map_err(|_| LoadErrorKind::Place { problem: "an entry of the table's log is damaged".to_owned() })?;
            self.add_action(action.get("remove").unwrap_or(&Value::Null))?;
        }
        Ok(())
    }

    /// Adds the file of an `add` or `remove`, and that of its deletion vector.
    fn add_action(&mut self, action: &Value) -> Result<(), LoadErrorKind> {
        if let Some(path) = action.get("path").and_then(Value::as_str) {
            if path.starts_with('/') || path.contains("://") || path.starts_with("file:") {
                // They may lie in this folder after all.
                return Err(LoadErrorKind::Feature { feature: "files outside of the table's folder".to_owned() });
            }
            // In the log a path is that of a URL; in a store it is what that stands for.
            self.paths.extend(Path::from_url_path(path).ok().map(|path| path.to_string()));
            self.paths.insert(path.to_owned());
        }
        if let Some(vector) = action.get("deletionVector").filter(|vector| !vector.is_null()) {
            let vector = Descriptor::of(vector.clone());
            self.paths.extend(vector.file()?.map(|path| path.to_string()));
        }
        Ok(())
    }

    /// Whether a file is one of the kinds that are removed, old enough, and not needed.
    fn is_garbage(&self, file: &ObjectMeta) -> bool {
        is_of_a_table(file.location.as_ref())
            && file.last_modified.timestamp_millis() < self.cutoff
            && !self.paths.contains(file.location.as_ref())
            // Whether a writer has encoded the names in the store once more or not, what is named stays.
            && Path::from_url_path(file.location.as_ref()).is_ok_and(|path| !self.paths.contains(path.as_ref()))
    }
}

/// Whether a path is one at which a table has data files, files of vectors, or drafts of its log.
fn is_of_a_table(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let Some((name, folders)) = parts.split_last() else { return false };
    if folders == [LOG] {
        return name.starts_with('.') && name.ends_with(".tmp");
    }
    let is_hidden = parts.iter().any(|part| part.starts_with(['_', '.']));
    let is_vectors = name.starts_with("deletion_vector_") && name.ends_with(".bin");
    !is_hidden && (is_vectors || name.ends_with(".parquet"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_files_of_tables_are_looked_at() {
        let of_tables =
            ["part-1.parquet", "day=2024-01-01/part-1.snappy.parquet", "ab/deletion_vector_1.bin", "_delta_log/.1.tmp"];
        let others = [
            "_delta_log/00000000000000000000.json",
            "_delta_log/00000000000000000000.checkpoint.parquet",
            "_delta_log/_sidecars/1.parquet",
            "_delta_log/_sidecars/.1.tmp",
            "_change_data/1.parquet",
            "_alluvium/rejects/1.parquet",
            "x/_y/1.parquet",
            ".hidden.parquet",
            ".hidden/1.parquet",
            "README.md",
            "other.bin",
        ];
        assert!(of_tables.iter().all(|path| is_of_a_table(path)));
        assert_eq!(others.iter().filter(|path| is_of_a_table(path)).collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn what_the_log_names_stays_however_it_is_encoded() {
        let mut needed = Needed { version: 0, cutoff: 10, paths: HashSet::new() };
        let vector =
            json!({"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "sizeInBytes": 4, "cardinality": 1});
        needed.add_action(&json!({"path": "p=a%20b%2525/1.parquet", "deletionVector": vector})).expect("in the folder");
        let entry = r#"{"commitInfo":{}}
{"remove":{"path":"2.parquet","dataChange":true}}
{"add":{"path":"3.parquet"}}"#;
        needed.add_entry(&Bytes::from_static(entry.as_bytes())).expect("JSON");
        let file = |path: &str, modified: i64| ObjectMeta {
            location: Path::parse(path).expect("a path"),
            last_modified: chrono::DateTime::from_timestamp_millis(modified).expect("a time"),
            size: 1,
            e_tag: None,
            version: None,
        };
        let dv = "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin";
        for path in ["p=a b%25/1.parquet", "p=a%20b%2525/1.parquet", "2.parquet", dv] {
            assert!(!needed.is_garbage(&file(path, 0)), "{path}");
        }
        assert!(needed.is_garbage(&file("p=a b/1.parquet", 0)));
        assert!(needed.is_garbage(&file("3.parquet", 9)), "its add is no reason");
        assert!(!needed.is_garbage(&file("3.parquet", 10)), "it is young");
        for path in ["/data/1.parquet", "s3://bucket/1.parquet", "file:/data/1.parquet"] {
            assert!(needed.add_action(&json!({ "path": path })).is_err(), "{path}");
        }
    }
}
