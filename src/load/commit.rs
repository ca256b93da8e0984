//! One entry of the log, written by compare-and-swap.
//!
//! The entry is ours from the first byte to the last: deltalake's own commit would rebase it over other writers' commits and
//! could double rows. Whoever wrote a version is told by the id that each of our entries carries, so that an answer that got
//! lost after the write is no doubt.

use std::time::Duration;

use bytes::Bytes;
use deltalake::DeltaTableError;
use serde_json::{Value, json};

use super::datafile::DataFile;
use super::error::LoadErrorKind;
use super::store::{Place, PublishError};

/// Looks at whether a commit landed, and the wait after the first: the store's client has tried again for minutes already.
const LOOKS_MAX: u32 = 4;
const LOOK_WAIT: Duration = Duration::from_millis(200);

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
            // The log has URLs, in which the escapes of a name are escaped.
            "path": file.path.as_ref().replace('%', "%25"),
            "partitionValues": file.partition.to_log(),
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
    /// When the entry is not in the log, or, as [`LoadErrorKind::Unconfirmed`], when that cannot be told.
    pub(super) async fn commit(&self, place: &Place, version: u64) -> Result<CommitOutcome, LoadErrorKind> {
        let unconfirmed = |source| LoadErrorKind::Unconfirmed { version, source };
        let published = place.publish(version, self.bytes()).await;
        let error = match published {
            Ok(true) => return Ok(CommitOutcome::Committed),
            Ok(false) => None,
            Err(PublishError::Before(error)) => return Err(error),
            Err(PublishError::NotDurable(error)) => return Err(unconfirmed(error.into())),
            Err(PublishError::Unknown(error)) => Some(error),
        };
        // Somebody has the version, and it may be us: an answer that got lost is repeated by the store's client.
        match self.look(place, version).await.map_err(|error| unconfirmed(error.into()))? {
            Some(entry) if self.is_ours(&entry) => {
                tracing::warn!(version, "the commit landed although the storage said otherwise");
                Ok(CommitOutcome::Committed)
            }
            Some(_) => Ok(CommitOutcome::Conflict),
            None => match error {
                Some(error) => Err(LoadErrorKind::storage("write the log entry")(error)),
                None => Err(LoadErrorKind::Internal("a version that is taken and not there")),
            },
        }
    }

    /// Reads the entry of a version, again after a wait where that fails.
    async fn look(&self, place: &Place, version: u64) -> Result<Option<Bytes>, DeltaTableError> {
        let mut wait = LOOK_WAIT;
        for _ in 1..LOOKS_MAX {
            match place.log_store.read_commit_entry(version).await {
                Ok(entry) => return Ok(entry),
                Err(error) => tracing::debug!(version, error = %error, "could not look whether the commit landed"),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        place.log_store.read_commit_entry(version).await
    }

    fn is_ours(&self, entry: &[u8]) -> bool {
        let first = entry.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let info: Option<Value> = serde_json::from_slice(first).ok();
        info.is_some_and(|info| info.pointer("/commitInfo/alluvium.commit").and_then(Value::as_str) == Some(&self.id))
    }
}

/// The metadata of a new table.
pub(super) fn new_metadata(schema_string: &str, partitions: &[String]) -> Value {
    json!({
        "id": uuid::Uuid::new_v4().to_string(),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema_string,
        "partitionColumns": partitions,
        "configuration": {},
        "createdTime": now_ms(),
    })
}

/// The protocol of a new table: the oldest one, which every reader knows.
pub(super) fn new_protocol() -> Value {
    json!({"minReaderVersion": 1, "minWriterVersion": 2})
}

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
