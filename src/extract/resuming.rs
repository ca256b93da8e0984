//! A child's walk that is to go on where an earlier run left it, until it is known whether it can.

use super::parent_row::ParentRow;
use super::place::Place;
use crate::flow::Unfinished;

/// Why a walk that cannot go on does not begin anew either.
pub(super) const TOO_MANY_CAME: &str =
    "other parents come before it now, and more of them than memory holds to begin anew; the next run begins anew";

/// What an earlier run left of a walk, and the parents that have come meanwhile.
pub(super) struct Resuming {
    pub(super) place: Place,
    pub(super) from: Unfinished,
    /// Parents for whom the walk begins anew should it not go on; `None`: there were too many to be kept.
    come: Option<Vec<ParentRow>>,
    /// Bytes that more of them may take.
    bytes_left: u64,
    /// The walk of its parent has begun; its first page tells.
    pub(super) has_begun: bool,
}

impl Resuming {
    /// One that keeps no more of the parents than some bytes.
    pub(super) fn new(place: Place, from: Unfinished, bytes_max: u64) -> Self {
        Self { place, from, come: Some(Vec::new()), bytes_left: bytes_max, has_begun: false }
    }

    /// Keeps a parent that has come.
    pub(super) fn note(&mut self, parent: &ParentRow) {
        match self.bytes_left.checked_sub(parent.bytes()) {
            Some(left) => {
                self.bytes_left = left;
                self.come.iter_mut().for_each(|come| come.push(parent.clone()));
            }
            None => {
                self.bytes_left = 0;
                self.come = None;
            }
        }
    }

    /// The parents that have come; `None`: they were too many.
    pub(super) fn into_come(self) -> Option<Vec<ParentRow>> {
        self.come
    }
}
