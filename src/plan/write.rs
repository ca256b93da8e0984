//! How rows join those of the table.

/// What becomes of the rows of a merge whose key the table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matched {
    /// They take the place of the old ones, unless they are equal.
    #[default]
    UpdateChanged,
    /// They take the place of the old ones, equal or not (`skip_unchanged_rows: false`).
    Update,
    /// They are left out: the old ones stay (`insert-only`).
    Keep,
}

/// What a load does to its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteDisposition {
    /// The rows are added.
    Append,
    /// The rows take the place of all that were there, in one commit.
    Replace,
    /// Rows whose key is there take the place of the old ones, or are left out; the others are added.
    Merge {
        /// The key columns, by column name or source key; never empty.
        key: Vec<String>,
        /// What becomes of rows whose key is there.
        matched: Matched,
    },
    /// The resource is not loaded.
    Skip,
}
