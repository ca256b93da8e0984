//! What keeps a table quick to open and to read: checkpoints of its log, the removal of what has expired of it, and what the config
//! asks for after a load. The table is right without any of it, so that what fails is only told.

use deltalake::DeltaTable;
use deltalake::checkpoints::create_checkpoint;
use deltalake::table::config::TablePropertiesExt;

use super::compact::Compaction;
use super::error::LoadErrorKind;
use super::store::Place;
use super::vacuum::Vacuum;
use super::{Loader, log_files};
use crate::flow::{KeyColumn, Receipt};

/// Commits between checkpoints where the table does not say: opening a table reads every entry since the last one.
const COMMITS_A_CHECKPOINT: u64 = 20;
/// Bytes of entries after which a checkpoint is due in any case: parsing them takes some hundredths of a second.
const BYTES_A_CHECKPOINT: u64 = 5_000_000;

impl Loader {
    /// Does what is due after a load that was committed.
    pub(super) async fn keep_up(&mut self, receipt: &mut Receipt) {
        if receipt.version.is_none() {
            return;
        }
        // A walk that goes on has more to come.
        if self.walk.is_none()
            && let Err(error) = self.maintain(receipt).await
        {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(table = %self.table, error = %error, cause, "the rows are loaded, but the table's maintenance failed");
        }
        if let Some(version) = receipt.version {
            checkpoint_if_due(&self.place, self.interval, version, receipt.commits).await;
        }
    }

    async fn maintain(&mut self, receipt: &mut Receipt) -> Result<(), LoadErrorKind> {
        if let Some(files) = self.maintenance.optimize_files {
            let key = self.source.keys.as_ref().map(|keys| keys.names.as_slice());
            let key = key.filter(|key| key.iter().all(KeyColumn::is_settled)).unwrap_or_default();
            let (place, limits, run_id) = (&self.place, &self.limits, self.run_id.as_str());
            let compaction = Compaction { place, limits, key, more_than: files.get(), run_id };
            if let Some(compacted) = compaction.run().await? {
                receipt.version = Some(compacted.version);
                receipt.commits += compacted.commits;
                let (removed, added) = (compacted.files_removed, compacted.added.len());
                tracing::debug!(table = %self.table, removed, added, "looked for files to compact");
            }
        }
        if self.maintenance.vacuum {
            let vacuum = Vacuum { place: &self.place, retention: self.maintenance.retention, is_dry: false };
            if let Some(vacuumed) = vacuum.run().await? {
                let (files, bytes) = (vacuumed.files, vacuumed.bytes);
                tracing::debug!(table = %self.table, files, bytes, "removed files that nothing needs");
            }
        }
        Ok(())
    }
}

/// Writes a checkpoint if the commits that led to `version` make one due, and then removes what has expired of the log.
pub(super) async fn checkpoint_if_due(place: &Place, interval: Option<u64>, version: u64, commits: u64) {
    if commits == 0 {
        return;
    }
    let every = interval.unwrap_or(COMMITS_A_CHECKPOINT).max(1);
    let first = version.saturating_sub(commits.saturating_sub(1));
    // Versions 19, 39 and so on, as deltalake counts them.
    let is_due = (version + 1) / every > first / every || is_long(place, version.saturating_sub(every)).await;
    if !is_due {
        return;
    }
    if let Err(error) = write(place).await {
        tracing::warn!(version, error = %error, "could not write a checkpoint of the table's log");
    }
}

/// Whether the entries since the last checkpoint have many bytes; what is before a version, where a checkpoint was due, does not count.
async fn is_long(place: &Place, first: u64) -> bool {
    match log_files::list(place, first).await {
        Ok(files) => log_files::bytes_to_replay(&files) >= BYTES_A_CHECKPOINT,
        Err(error) => {
            tracing::debug!(error = %error, "could not look how long the log is");
            false
        }
    }
}

async fn write(place: &Place) -> Result<(), deltalake::DeltaTableError> {
    let mut table = DeltaTable::new(place.log_store.clone());
    table.load().await?;
    create_checkpoint(&table, None).await?;
    let config = table.snapshot()?.table_config();
    if config.enable_expired_log_cleanup() {
        match log_files::clean(place, config.log_retention_duration()).await {
            Ok(files) => tracing::debug!(files, "removed what has expired of the log"),
            Err(error) => tracing::warn!(error = %error, "could not remove what has expired of the table's log"),
        }
    }
    Ok(())
}
