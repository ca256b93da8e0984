//! What keeps a table quick to open: a checkpoint of its log every few commits.

use deltalake::DeltaTable;
use deltalake::checkpoints::create_checkpoint;

use super::store::Place;

/// Commits between checkpoints where the table does not say: opening a table reads every entry since the last one.
const COMMITS_A_CHECKPOINT: u64 = 20;

/// Writes a checkpoint if the commits that led to `version` make one due. The table is right without it, so that a checkpoint that
/// fails is only told.
pub(super) async fn checkpoint_if_due(place: &Place, interval: Option<u64>, version: u64, commits: u64) {
    let every = interval.unwrap_or(COMMITS_A_CHECKPOINT).max(1);
    let first = version.saturating_sub(commits.saturating_sub(1));
    // Versions 19, 39 and so on, as deltalake counts them.
    let is_due = commits > 0 && (version + 1) / every > first / every;
    if !is_due {
        return;
    }
    if let Err(error) = write(place).await {
        tracing::warn!(version, error = %error, "could not write a checkpoint of the table's log");
    }
}

async fn write(place: &Place) -> Result<(), deltalake::DeltaTableError> {
    let mut table = DeltaTable::new(place.log_store.clone());
    table.load().await?;
    create_checkpoint(&table, None).await
}
