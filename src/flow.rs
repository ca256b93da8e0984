//! What moves between the stages: [`Page`] to [`TableBatch`] to [`Receipt`], and [`TableState`] upstream.

mod cursors;
mod keys;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

pub use cursors::{CursorState, Cursors, Remembered};
pub use keys::{KeyColumn, KeyColumns};

use crate::json::{Document, Node, ParseError, Path};
use crate::plan::{ResourceName, SafeUrl};

/// One fetched body: parsed exactly once, of one resource, with a sequence number that rises by one a page.
#[derive(Debug, Clone)]
pub struct Page {
    /// The resource that the walk belongs to.
    pub resource: ResourceName,
    /// The number of the page in its walk, from 1.
    pub sequence: u64,
    /// Where it is in the walk, in the words of its paginator.
    pub position: serde_json::Value,
    /// Where it came from.
    pub url: SafeUrl,
    /// The body.
    pub document: Arc<Document>,
    /// What leads from the body to its rows.
    pub rows: RowPath,
    /// Bytes received for it, as they came over the network (after decompression).
    pub bytes: u64,
    /// The parent whose cursor it is, and how far that is after the page; `None`: there is no cursor.
    pub cursor: Option<(Arc<str>, CursorState)>,
    /// What stands for its rows as they came, where they have been changed since.
    pub came_as: Option<Arc<str>>,
    /// Whether it is a part of a page, of which more follow.
    pub is_partial: bool,
    /// Whether it is the first of a walk that does not go on where an earlier run was after all: how far cursors were there is void.
    pub begins_anew: bool,
}

impl Page {
    /// The rows in order. A row need not be an object.
    pub fn rows(&self) -> Vec<Node<'_>> {
        self.rows.select(self.document.root())
    }

    /// The page with the text of its numbers, where that is needed to tell them.
    #[must_use]
    pub fn exact(&self) -> Self {
        let mut page = self.clone();
        if page.document.holds_inexact() {
            page.document = Arc::new(page.document.parse_exact());
        }
        page
    }

    /// The place in the walk that this page is, to go on from in another run.
    pub fn waypoint(&self) -> Waypoint {
        let digest = self.came_as.as_deref().map_or_else(|| self.digest(), str::to_owned);
        Waypoint { position: self.position.clone(), digest, pages: self.sequence, cursors: BTreeMap::new() }
    }

    /// What stands for its rows.
    pub fn digest(&self) -> String {
        let mut digest = Xxh3::new();
        // All of them: which are new depends on the run.
        let rows = match &self.rows {
            RowPath::Picked(all, _) => all.select(self.document.root()),
            RowPath::Whole | RowPath::At(_) | RowPath::Nothing => self.rows(),
        };
        for row in rows {
            digest.update(row.to_json().as_bytes());
            digest.update(b"\n");
        }
        format!("{:032x}", digest.digest128())
    }
}

/// A page of a walk from which another run can go on: it is fetched again, and what follows it is new if it is the same still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waypoint {
    /// Its position, in the words of its paginator.
    pub position: serde_json::Value,
    /// Stands for its rows.
    pub digest: String,
    /// Pages of the walk up to it.
    pub pages: u64,
    /// How far the cursors were after it, by parent, as far as the walk has moved them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cursors: BTreeMap<String, CursorState>,
}

/// A walk that an earlier run began, of which the pages up to a waypoint need not be taken in again.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfinished {
    /// The last page that is taken in.
    pub waypoint: Waypoint,
    /// How long ago that was noted.
    pub age: Duration,
}

/// Reads bodies, and takes their rows while it does where it is known where they are.
///
/// So that rows need not be kept as values between the stages, the walk is given one by `pipeline`, which takes it from
/// `normalize`.
pub trait BodyReader: Clone + Send + Sync + 'static {
    /// What is made of the rows of a body.
    type Rows: Send + 'static;

    /// Parses a body. `rows`: they are the items of the array that this leads to; `None`: that is not known yet. The second
    /// value is all of them, or `None` where they have to be taken from the document.
    ///
    /// # Errors
    /// As [`Document::parse`].
    fn read(&self, body: Bytes, rows: Option<&Path>) -> Result<(Document, Option<Self::Rows>), ParseError>;
}

/// What leads from a body to its rows.
#[derive(Debug, Clone)]
pub enum RowPath {
    /// The body as a whole: its elements if it is an array, else one row.
    Whole,
    /// What a path leads to: where that is one array its elements, one null nothing, else each match a row.
    At(Arc<Path>),
    /// Some of the rows that another one leads to, by their places in order.
    Picked(Arc<RowPath>, Arc<[usize]>),
    /// No rows: the body's array of rows is not known yet, because no page had one that was not empty.
    Nothing,
}

impl RowPath {
    /// The rows of a body.
    pub fn select<'a>(&self, root: Node<'a>) -> Vec<Node<'a>> {
        let matches = match self {
            Self::Nothing => return Vec::new(),
            Self::Whole => vec![root],
            Self::At(path) => path.select(root),
            Self::Picked(all, places) => {
                let all = all.select(root);
                return places.iter().filter_map(|place| all.get(*place).copied()).collect();
            }
        };
        match matches.as_slice() {
            [one] => match one.kind() {
                crate::json::Kind::Array(items) => items.iter().collect(),
                crate::json::Kind::Null => Vec::new(),
                _ => matches,
            },
            _ => matches,
        }
    }
}

/// Rows of one table in columns: names are normalised and unique, the schema only widens from batch to batch, key columns
/// are present and hold no null.
#[derive(Debug, Clone)]
pub struct TableBatch {
    /// The rows. Each field's metadata tells the source key that it was made from ([`SOURCE_KEY`]).
    pub rows: RecordBatch,
    /// What the schema contract kept out.
    pub rejects: Vec<Reject>,
}

/// A row or a value that the schema contract keeps out of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// The page of the walk, from 1.
    pub page: u64,
    /// The row in the page, from 1.
    pub row: u64,
    /// The column that may not be there, dotted for a nested one; `None`: the table may not.
    pub column: Option<String>,
    /// Why.
    pub reason: &'static str,
    /// The JSON text of the row, or of the value where that alone is kept out.
    #[serde(skip)]
    pub value: String,
    /// Whether the whole row is kept out.
    #[serde(skip)]
    pub is_row: bool,
}

/// The columns of a whole load, known at its end.
#[derive(Debug, Clone)]
pub struct LoadSchema {
    /// Every column that the load has, and those of the table that are of types JSON can fill.
    pub columns: SchemaRef,
    /// Columns of the table of which no row of the load had the key. A merge keeps their values.
    pub unseen: Vec<String>,
    /// Columns of the table that have another type now, for which it has to be rewritten.
    pub widened: Vec<String>,
}

/// The key of a field's metadata that holds the source key, where that is not the column's name.
pub const SOURCE_KEY: &str = "alluvium.source";

/// The key of a field's metadata that says that it is a variant, with the name of the column that it is a variant of.
pub const VARIANT_KEY: &str = "alluvium.variant_of";

/// What the target knew before the load: handed upstream once, as plain values.
#[derive(Debug, Clone, Default)]
pub struct TableState {
    /// Whether there is a table, or files that will be one.
    pub exists: bool,
    /// The table's schema; `None`: there is no table, or what it has does not count.
    pub schema: Option<SchemaRef>,
    /// Columns of integers of which none is beyond 2^53, as far as the files' statistics tell.
    pub narrow: Vec<String>,
    /// The walk that an earlier run of the pipeline has not ended.
    pub unfinished: Option<Unfinished>,
    /// How far the cursors of the resource are.
    pub remembered: Option<Remembered>,
}

/// One change that a load makes to a table's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaChange {
    /// The column, dotted for a nested one.
    pub column: String,
    /// What happens to it.
    pub change: ChangeKind,
    /// The type or name before.
    pub from: Option<String>,
    /// The type or name after.
    pub to: Option<String>,
    /// The page of the walk, from 1, at which it was settled; `None`: before the first.
    pub page: Option<u64>,
}

/// What happens to a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its type holds more than before.
    Widened,
    /// It is new, and takes the values of another column that do not fit that one.
    Variant,
    /// Its name is not the one its source key would have had, because that was taken.
    Renamed,
}

/// What a load left behind, durable when this is handed out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The table's version after the load; `None`: there is no table.
    pub version: Option<u64>,
    /// Commits that the load made.
    pub commits: u64,
    /// The number of the pipeline's last commit.
    pub sequence: Option<i64>,
    /// What became of the rows.
    pub rows: RowCounts,
    /// What became of the files.
    pub files: FileCounts,
    /// What the schema contract kept out.
    pub rejects: Rejects,
}

/// What the schema contract kept out of a load.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rejects {
    /// Rows and values.
    pub count: u64,
    /// The first of them.
    pub first: Vec<Reject>,
    /// The file that has all of them, as JSON Lines.
    pub file: Option<String>,
}

/// What became of a load's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows handed to the load.
    pub read: u64,
    /// Rows that are new in the table.
    pub inserted: u64,
    /// Rows that took the place of an old one.
    pub updated: u64,
    /// Rows that were there already, as they are.
    pub unchanged: u64,
    /// Rows of the table that are gone.
    pub deleted: u64,
    /// Rows that were refused.
    pub rejected: u64,
}

/// What became of a table's data files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// Files of the table that were opened.
    pub scanned: u64,
    /// Files added.
    pub added: u64,
    /// Files removed.
    pub removed: u64,
}
