//! What keeps a table quick to open: checkpoints of its log, and the removal of what has expired of it. The table is right without any
//! of it, so that what fails is only told.

use deltalake::DeltaTable;
use deltalake::checkpoints::create_checkpoint;
use deltalake::table::config::TablePropertiesExt;

use super::log_files;
use super::store::Place;

/// Commits between checkpoints where the table does not say: opening a table reads every entry since the last one.
const COMMITS_A_CHECKPOINT: u64 = 20;
/// Bytes of entries after which a checkpoint is due in any case: parsing them takes some hundredths of a second.
const BYTES_A_CHECKPOINT: u64 = 5_000_000;

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
