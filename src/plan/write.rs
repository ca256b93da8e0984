//! How rows join those of the table.

/// What a load does to its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteDisposition {
    /// The rows are added.
    Append,
    /// The rows take the place of all that were there, in one commit.
    Replace,
    /// Rows whose key is there take the place of the old ones; the others are added.
    Merge {
        /// The key columns, by column name or source key; never empty.
        key: Vec<String>,
        /// Rows that are in the table as they are are not written again (`skip_unchanged_rows`).
        skips_unchanged: bool,
    },
    /// The resource is not loaded.
    Skip,
}
