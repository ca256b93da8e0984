//! How a resource's table is kept in Delta Lake.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// The least age of a file that a vacuum removes, unless a user asks for less: longer than any load and any reader takes, and what
/// Delta Lake's own vacuum keeps to.
pub const RETENTION_MIN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What the table of one resource uses of Delta Lake (`delta`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeltaOptions {
    /// Rows that change are taken out of their files by deletion vectors (`delta.deletion_vectors`). A table that has them
    /// switched on gets them in any case; `true` switches them on. Readers have to know them.
    pub deletion_vectors: bool,
    /// Columns whose values split the table's files, by column name or source key (the hint `partition`). A table that is there keeps
    /// what it has.
    pub partitions: Vec<String>,
    /// What is done to the table after a load.
    pub maintenance: Maintenance,
    /// How new data files are laid out.
    pub files: FileLayout,
}

/// How data files are laid out. What is not said is as [`Limits`](super::Limits) or the writer has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileLayout {
    /// Bytes at which the next file is begun (`delta.file_bytes`), in place of `limits.file_bytes`.
    pub file_bytes: Option<NonZeroU64>,
    /// Rows at which a row group ends (`delta.row_group_rows`): smaller ones are pruned better and compressed worse.
    pub row_group_rows: Option<NonZeroUsize>,
    /// The level of zstd, from 1 to 22 (`delta.zstd_level`).
    pub zstd_level: Option<u8>,
    /// Whether key columns get bloom filters (`delta.bloom_filters`): about two bytes a row, which spare a merge of few random keys the
    /// row groups that have none of them. `None`: where the keys of a load do not rise, because statistics do not tell where they are.
    pub bloom_filters: Option<bool>,
}

/// What is done to a table after a load (`delta.maintenance`); by default nothing. Where it fails, the rows are loaded all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Maintenance {
    /// The table is compacted once it has more files than this that are small or have a deletion vector (`optimize_files`).
    pub optimize_files: Option<NonZeroU64>,
    /// Files that the table does not need any more are removed (`vacuum`).
    pub vacuum: bool,
    /// The age from which on they are, at least [`RETENTION_MIN`] (`retention`); `None`: what the table says, at least that.
    pub retention: Option<Duration>,
}
