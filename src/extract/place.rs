//! Where a walk of a child is: after so many parents, of which a digest is kept, at a page of the walk that the next one leads to.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::flow::{Unfinished, Waypoint};

/// Parents whose walks have come to their end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parents {
    /// How many.
    pub(super) count: u64,
    /// Stands for their keys, in order.
    pub(super) digest: String,
}

impl Parents {
    /// These and one more.
    pub(super) fn and(&self, key: &str) -> Self {
        let digest = format!("{:032x}", xxh3_128(format!("{}\n{key}", self.digest).as_bytes()));
        Self { count: self.count + 1, digest }
    }
}

/// A page of a child's walk, as it is noted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The parents before its own.
    pub(super) before: Parents,
    /// Its own, as [`super::ParentRow::key`] has it.
    pub(super) parent: String,
    /// Its number in the walk.
    pub(super) page: u64,
    /// Its position, in the words of the paginator.
    pub(super) at: Value,
}

impl Place {
    /// The place in words of JSON.
    pub(super) fn noted(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads a place that was noted; `None`: it is none of a child.
    pub(super) fn read(noted: &Value) -> Option<Self> {
        serde_json::from_value(noted.clone()).ok()
    }

    /// The walk that goes on from there.
    pub(super) fn unfinished(&self, from: &Unfinished) -> Unfinished {
        let Waypoint { digest, .. } = &from.waypoint;
        let (position, digest) = (self.at.clone(), digest.clone());
        let waypoint = Waypoint { position, digest, pages: self.page, cursors: Default::default() };
        Unfinished { waypoint, age: from.age }
    }
}
