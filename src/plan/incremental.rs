//! What of an endpoint's rows is new: the rules of its cursor, as data. `extract::cursor` follows them.

use std::sync::Arc;

use crate::json::Path;

/// The rules of a cursor, with dlt's keys.
#[derive(Debug, Clone)]
pub struct Incremental {
    /// Leads from a row to its cursor, of which the first match counts.
    pub cursor_path: Arc<Path>,
    /// Where the first run begins; `None`: it takes everything.
    pub initial_value: Option<serde_json::Value>,
    /// Where every run ends. With one nothing is remembered from run to run.
    pub end_value: Option<serde_json::Value>,
    /// Which of two cursors is remembered.
    pub last_value: LastValue,
    /// The order in which the API hands rows out, if it is known.
    pub row_order: Option<RowOrder>,
    /// How far before the last value a run begins: seconds for instants, days for dates, else a number.
    pub lag: Option<f64>,
    /// What becomes of rows without a cursor.
    pub on_missing: MissingCursor,
    /// Whether rows at the start are taken.
    pub range_start: RangeBound,
    /// Whether rows at the end are taken.
    pub range_end: RangeBound,
    /// How values are written in requests; `None`: as they came.
    pub convert: Option<CursorFormat>,
    /// Columns that tell rows apart at the start. Empty: rows there are taken again (dlt's way to say so).
    pub key: Option<Vec<String>>,
}

/// Which of two cursors is the later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastValue {
    /// The greater one.
    #[default]
    Max,
    /// The smaller one: the walk goes back in time.
    Min,
}

/// The order in which an API hands rows out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOrder {
    /// Cursors rise.
    Ascending,
    /// Cursors fall.
    Descending,
}

/// What becomes of rows without a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingCursor {
    /// They are an error.
    #[default]
    Raise,
    /// They are taken.
    Include,
    /// They are left out.
    Exclude,
}

/// Whether what lies at a bound is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeBound {
    /// It is.
    Closed,
    /// It is not.
    Open,
}

/// How a cursor is written in requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CursorFormat {
    /// Seconds since 1970-01-01T00:00:00Z.
    Unix,
    /// Milliseconds since then.
    UnixMs,
    /// ISO 8601, in UTC.
    Iso,
    /// A pattern of `strftime`.
    Strftime(String),
}

/// A value of the cursor that a request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorPlace {
    /// Where the run begins: the last value less the lag, or the initial value.
    Start,
    /// The initial value.
    Initial,
    /// The last value; before there is one, the initial value.
    Last,
    /// The end value.
    End,
    /// The lag.
    Lag,
}
