//! One entry of the log, written by compare-and-swap.
//!
//! The entry is ours from the first byte to the last: deltalake's own commit would rebase it over other writers' commits and
//! could double rows. Whoever wrote a version is told by the id that each of our entries carries, so that an answer that got
//! lost after the write is no doubt.

use bytes::Bytes;
use deltalake::logstore::CommitOrBytes;
use object_store::path::Path;
use serde_json::{Value, json};

use super::datafile::DataFile;
use super::error::LoadErrorKind;
use super::store::Place;

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommitOutcome {
    /// It is in the log, durably.
    Committed,
    /// Another writer has the version.
    Conflict,
}

/// The actions of one commit.
pub(super) struct Entry {
    id: String,
    lines: Vec<Value>,
}

impl Entry {
    /// An entry of an operation such as `WRITE` or `MERGE`, with its parameters.
    pub(super) fn new(operation: &str, parameters: Value, run_id: &str) -> Self {
        let id = uuid::Uuid::new_v4().to_string();
        let info = json!({"commitInfo": {
            "timestamp": now_ms(),
            "operation": operation,
            "operationParameters": parameters,
            "engineInfo": concat!("alluvium/", env!("CARGO_PKG_VERSION")),
            "alluvium.run": run_id,
            "alluvium.commit": id,
        }});
        Self { id, lines: vec![info] }
    }

    /// Adds any action.
    pub(super) fn push(&mut self, action: Value) {
        self.lines.push(action);
    }

    /// Adds the pointer to what this pipeline has committed.
    pub(super) fn push_transaction(&mut self, application: &str, sequence: i64) {
        self.push(json!({"txn": {"appId": application, "version": sequence, "lastUpdated": now_ms()}}));
    }

    /// Adds a data file to the table.
    pub(super) fn push_file(&mut self, file: &DataFile) {
        self.push_add(file, true);
    }

    /// Adds a data file whose rows the table had already.
    pub(super) fn push_rewritten(&mut self, file: &DataFile) {
        self.push_add(file, false);
    }

    fn push_add(&mut self, file: &DataFile, data_change: bool) {
        self.push(json!({"add": {
            "path": file.path.as_ref(),
            "partitionValues": {},
            "size": file.bytes,
            "modificationTime": now_ms(),
            "dataChange": data_change,
            "stats": file.stats,
        }}));
    }

    fn bytes(&self) -> Bytes {
        let lines: Vec<String> = self.lines.iter().map(Value::to_string).collect();
        Bytes::from(lines.join("\n") + "\n")
    }

    /// Writes the entry as `version`, if no other writer has that yet.
    ///
    /// # Errors
    /// When the storage fails and the entry is not in the log afterwards.
    pub(super) async fn commit(&self, place: &Place, version: u64) -> Result<CommitOutcome, LoadErrorKind> {
        let bytes = CommitOrBytes::LogBytes(self.bytes());
        let written = place.log_store.write_commit_entry(version, bytes, uuid::Uuid::new_v4()).await;
        if let Err(error) = written {
            match place.log_store.read_commit_entry(version).await? {
                Some(entry) if self.is_ours(&entry) => {
                    tracing::warn!(version, error = %error, "the commit landed although the storage reported an error");
                }
                Some(_) => return Ok(CommitOutcome::Conflict),
                None => return Err(LoadErrorKind::Log(error.into())),
            }
        }
        place.sync(&[Path::from(format!("_delta_log/{version:020}.json"))])?;
        Ok(CommitOutcome::Committed)
    }

    fn is_ours(&self, entry: &[u8]) -> bool {
        let first = entry.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let info: Option<Value> = serde_json::from_slice(first).ok();
        info.is_some_and(|info| info.pointer("/commitInfo/alluvium.commit").and_then(Value::as_str) == Some(&self.id))
    }
}

/// The `metaData` action of a new table.
pub(super) fn new_metadata(schema_string: &str) -> Value {
    json!({"metaData": {
        "id": uuid::Uuid::new_v4().to_string(),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema_string,
        "partitionColumns": [],
        "configuration": {},
        "createdTime": now_ms(),
    }})
}

/// The `protocol` action of a new table: the oldest one, which every reader knows.
pub(super) fn new_protocol() -> Value {
    json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}})
}

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
