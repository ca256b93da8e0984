//! The state of a resource beside its tables: how far its walk is, for the next run of the pipeline.
//!
//! A state is a small file `_alluvium/state/<pipeline>/<resource>/<sequence>.json`, put there before the commit that it belongs to and
//! never overwritten. The version of the pipeline's transaction in the table is the pointer to the one that counts: what a run that
//! died before its commit left is never read. Only a *staged* state counts without a commit: it names files of a load that will
//! be committed as a whole.
//!
//! A sequence belongs to one run and one commit. A run that finds its number taken uses the next one.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};

use super::error::LoadErrorKind;
use super::store::Place;
use crate::flow::{Remembered, Waypoint};
use crate::plan::Target;

/// The form of the files.
const FORMAT: u32 = 1;
/// Numbers that are tried in a row: each is taken by another run at work on the same table at the same time.
const CLAIMS_MAX: u32 = 1_000;
/// States that stay behind the one that counts, to be looked at by people.
const KEPT: usize = 8;

/// A part of a path as it was before the store's escapes.
fn unescaped(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let code = more.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match code.filter(|_| *first == b'%') {
            Some(code) => {
                bytes.push(code);
                rest = more.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a resource's last commit left for the next run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) format: u32,
    /// The run that made it.
    pub(super) run: String,
    /// Milliseconds since the epoch.
    pub(super) written_ms: i64,
    /// Where the walk stands; `None`: it came to its end.
    pub(super) walk: Option<Waypoint>,
    /// How far the cursors are that a new walk begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) remembered: Option<Remembered>,
    /// Files of a load that is not committed yet.
    #[serde(default)]
    pub(super) staged: Option<Staged>,
}

/// A load that waits for its end, to be committed as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Staged {
    /// Whether it begins everything anew, key columns and all.
    pub(super) refreshes: bool,
    pub(super) files: Vec<StagedFile>,
    /// The files have the rows as they came, to be merged in this way; `None`: they go into the table as they are.
    #[serde(default)]
    pub(super) gathered: Option<GatheredFor>,
}

/// What rows that were gathered are to be merged with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GatheredFor {
    /// Stands for the disposition: under another one they may lack what it needs.
    pub(super) write: String,
    /// Columns of the table of which none of the rows has the key.
    pub(super) unseen: Vec<String>,
}

/// A data file that no commit names yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StagedFile {
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) stats: String,
    /// Its columns as in a table's metadata.
    pub(super) schema: String,
    /// The values of its partition as in the log.
    #[serde(default)]
    pub(super) partition: serde_json::Map<String, serde_json::Value>,
}

impl State {
    pub(super) fn new(run: &str, walk: Option<Waypoint>, remembered: Option<Remembered>) -> Self {
        let written_ms = chrono::Utc::now().timestamp_millis();
        Self { format: FORMAT, run: run.to_owned(), written_ms, walk, remembered, staged: None }
    }
}

/// The states of one resource.
#[derive(Clone)]
pub(super) struct StateFolder {
    /// The folder of all tables.
    place: Place,
    pipeline: String,
    resource: String,
    /// The greatest number that is known to be taken.
    taken: Option<i64>,
}

impl StateFolder {
    pub(super) fn open(folder: &Target, pipeline: &str, resource: &str) -> Result<Self, LoadErrorKind> {
        let (pipeline, resource) = (pipeline.to_owned(), resource.to_owned());
        Ok(Self { place: Place::open(folder)?, pipeline, resource, taken: None })
    }

    fn all() -> Path {
        ["_alluvium", "state"].into_iter().collect()
    }

    fn folder(&self) -> Path {
        Self::all().join(self.pipeline.as_str()).join(self.resource.as_str())
    }

    fn file(&self, sequence: i64) -> Path {
        self.folder().join(format!("{sequence:020}.json"))
    }

    /// The state of a sequence; `None`: there is none.
    pub(super) async fn read(&self, sequence: i64) -> Result<Option<State>, LoadErrorKind> {
        let failed = LoadErrorKind::storage("read the state of the resource");
        let path = self.file(sequence);
        let bytes = match self.place.store.get(&path).await {
            Ok(found) => found.bytes().await.map_err(failed)?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match serde_json::from_slice::<State>(&bytes) {
            Ok(state) if state.format == FORMAT => Ok(Some(state)),
            Ok(state) => {
                Err(LoadErrorKind::State { path: path.to_string(), problem: format!("its form is {}", state.format) })
            }
            Err(error) => Err(LoadErrorKind::State { path: path.to_string(), problem: error.to_string() }),
        }
    }

    /// The numbers that are taken.
    pub(super) async fn numbers(&mut self) -> Result<BTreeSet<i64>, LoadErrorKind> {
        let folder = self.folder();
        let listed: Vec<_> = match self.place.store.list(Some(&folder)).try_collect().await {
            Ok(listed) => listed,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(LoadErrorKind::storage("list the states of the resource")(error)),
        };
        let numbers = listed.iter().filter_map(|found| found.location.filename()?.strip_suffix(".json")?.parse().ok());
        let numbers: BTreeSet<i64> = numbers.collect();
        self.taken = self.taken.max(numbers.last().copied());
        Ok(numbers)
    }

    /// Other pipelines that have states of this resource.
    pub(super) async fn other_pipelines(&self) -> Result<Vec<String>, LoadErrorKind> {
        let failed = LoadErrorKind::storage("list the states of the resource");
        let listed = match self.place.store.list_with_delimiter(Some(&Self::all())).await {
            Ok(listed) => listed,
            Err(object_store::Error::NotFound { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut others = Vec::new();
        for folder in listed.common_prefixes {
            let Some(name) = folder.parts().next_back().map(|part| unescaped(part.as_ref())) else { continue };
            let other = Self { pipeline: name, ..self.clone() };
            if other.pipeline != self.pipeline && !other.clone().numbers().await?.is_empty() {
                others.push(other.pipeline);
            }
        }
        Ok(others)
    }

    /// Puts a state under the next free number above another one, durably; that number.
    pub(super) async fn put(&mut self, above: Option<i64>, state: &State) -> Result<i64, LoadErrorKind> {
        let text = serde_json::to_string(state).map_err(|_| LoadErrorKind::Internal("a state that is not JSON"))?;
        let mut sequence = above.max(self.taken).map_or(0, |taken| taken.saturating_add(1));
        for _ in 0..CLAIMS_MAX {
            self.taken = Some(sequence);
            if self.place.put_new(&self.file(sequence), Bytes::from(text.clone())).await? {
                return Ok(sequence);
            }
            sequence = sequence.saturating_add(1);
        }
        Err(LoadErrorKind::Contended { attempts: CLAIMS_MAX as usize })
    }

    /// Removes the states that are long behind the one that counts.
    pub(super) async fn forget_before(&self, numbers: &BTreeSet<i64>, counts: i64) {
        let old = numbers.range(..counts).rev().skip(KEPT);
        let paths: Vec<Path> = old.map(|number| self.file(*number)).collect();
        self.place.discard(&paths).await;
    }
}
