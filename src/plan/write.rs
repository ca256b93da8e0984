//! How rows join those of the table.

use super::History;

/// What becomes of the rows of a merge whose key the table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matched {
    /// They take the place of the old ones, unless they are equal.
    #[default]
    UpdateChanged,
    /// They take the place of the old ones, equal or not (`skip_unchanged_rows: false`, and `delete-insert`).
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
    Merge(Merge),
    /// Every version of a row stays, with the time from and to which it was valid.
    Scd2(Scd2),
    /// The resource is not loaded.
    Skip,
}

impl WriteDisposition {
    /// Whether a load has to have all rows, because those that it lacks go.
    pub fn replaces(&self) -> bool {
        matches!(self, Self::Replace)
    }
}

/// How rows are merged (`upsert`, `insert-only`, `delete-insert`). Columns by column name or source key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merge {
    /// The key columns; of several rows of a load with one key the last counts. Empty: rows have no key, only a merge key.
    pub key: Vec<String>,
    /// Columns by which rows of the table go as well (`delete-insert`): all that have the values of a row of the load.
    pub merge_key: Vec<String>,
    /// What becomes of rows whose key is there.
    pub matched: Matched,
    /// The load has each key once, so that none of its rows is left out (`deduplicated: true`).
    pub is_deduplicated: bool,
    /// A row with `true`, or anything but null where that is no boolean, in this column takes the row of its key out of the table.
    pub hard_delete: Option<String>,
    /// Of several rows with one key the one with the greatest or least value of this column counts, and not the last.
    pub dedup_sort: Option<DedupSort>,
}

impl WriteDisposition {
    /// Whether rows are merged only once all of a walk are there: one may still lose against a later one, take it out, or end what an
    /// earlier one began.
    pub fn gathers(&self, history: History) -> bool {
        match self {
            Self::Merge(merge) => {
                merge.dedup_sort.is_some()
                    || (if history.refreshes { merge.hard_delete.is_some() } else { !merge.merge_key.is_empty() })
            }
            Self::Scd2(_) => !history.refreshes,
            Self::Append | Self::Replace | Self::Skip => false,
        }
    }
}

impl Merge {
    /// By these columns, where equal rows are left alone.
    pub fn by(key: Vec<String>) -> Self {
        Self { key, ..Self::default() }
    }
}

/// Which row of a key counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupSort {
    /// The column.
    pub column: String,
    /// The greatest value counts (`desc`); else the least.
    pub is_descending: bool,
}

/// How the versions of rows are kept (`scd2`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scd2 {
    /// Only versions of rows end that have the values of a row of the load in these columns. Empty: every version that the load
    /// does not have.
    pub merge_key: Vec<String>,
    /// The names of the columns of validity, if they are not [`Scd2::VALIDITY`].
    pub validity: Option<[String; 2]>,
    /// The column that tells versions apart; `None`: [`Scd2::VERSION`], made of the values of the row.
    pub version: Option<String>,
    /// The time at which old versions end and new ones begin, in microseconds since the epoch; `None`: the beginning of the load.
    pub boundary_us: Option<i64>,
    /// What stands in place of an end while a version is valid; `None`: null.
    pub active_us: Option<i64>,
}

impl Scd2 {
    /// dlt's names of the columns of validity.
    pub const VALIDITY: [&str; 2] = ["_dlt_valid_from", "_dlt_valid_to"];
    /// dlt's name of the column that tells versions apart.
    pub const VERSION: &str = "_dlt_id";
}
