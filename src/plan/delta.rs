//! How a resource's table is kept in Delta Lake.

/// What the table of one resource uses of Delta Lake (`delta`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeltaOptions {
    /// Rows that change are taken out of their files by deletion vectors (`delta.deletion_vectors`). A table that has them
    /// switched on gets them in any case; `true` switches them on. Readers have to know them.
    pub deletion_vectors: bool,
    /// Columns whose values split the table's files, by column name or source key (the hint `partition`). A table that is there keeps
    /// what it has.
    pub partitions: Vec<String>,
}
