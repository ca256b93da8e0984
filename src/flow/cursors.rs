//! How far the cursors of a resource are: what one run leaves for the next.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::{CursorValue, LastValue};

/// What a resource remembers from run to run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// Its own cursor; `None`: it has none.
    #[serde(default)]
    pub own: Option<Cursors>,
    /// How far the cursors of those above it were when their rows led to its own, by resource.
    #[serde(default)]
    pub fed: BTreeMap<String, Cursors>,
}

/// The cursors of one resource: one, or one for each row of its parent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursors {
    /// The path to the cursor. With another one everything starts afresh.
    pub path: String,
    /// Whether the smaller value is the later one.
    #[serde(default)]
    pub goes_down: bool,
    /// By the parent's fields as a JSON array; a resource without parent has one under `""`.
    pub at: BTreeMap<String, CursorState>,
}

/// How far one cursor is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CursorState {
    /// The last value.
    pub last: Value,
    /// What stands for the rows that had it, so that they are not taken again as long as they are the same.
    #[serde(default)]
    pub boundary: Vec<String>,
}

impl Cursors {
    /// No cursor yet.
    pub fn new(path: &str, last_value: LastValue) -> Self {
        Self { path: path.to_owned(), goes_down: last_value == LastValue::Min, at: BTreeMap::new() }
    }

    /// Whether both are cursors of the same kind.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.path, self.goes_down) == (&other.path, other.goes_down)
    }

    /// Takes in where another run is, as far as that is later.
    pub fn advance(&mut self, other: &Self) {
        if !self.is_like(other) {
            return;
        }
        for (parent, state) in &other.at {
            self.advance_one(parent, state);
        }
    }

    /// Takes in how far one of them is, if that is later.
    pub fn advance_one(&mut self, parent: &str, state: &CursorState) {
        if self.at.get(parent).is_none_or(|own| self.is_later(state, own)) {
            self.at.insert(parent.to_owned(), state.clone());
        }
    }

    fn advance_or_become(&mut self, other: &Self) {
        if self.is_like(other) {
            self.advance(other);
        } else {
            self.clone_from(other);
        }
    }

    fn is_later(&self, one: &CursorState, other: &CursorState) -> bool {
        let values = CursorValue::of_json(&one.last).zip(CursorValue::of_json(&other.last));
        match values.and_then(|(one, other)| one.compare(&other)) {
            Some(Ordering::Equal) => one.boundary.len() > other.boundary.len(),
            Some(order) => order.is_gt() != self.goes_down,
            None => false,
        }
    }
}

impl Remembered {
    /// Takes in how far a run has come, as far as that is later. Cursors of another kind take the place of what they were.
    pub fn advance(&mut self, other: &Self) {
        if let Some(other) = &other.own {
            self.own.get_or_insert_with(|| other.clone()).advance_or_become(other);
        }
        for (resource, cursors) in &other.fed {
            self.fed.entry(resource.clone()).or_insert_with(|| cursors.clone()).advance_or_become(cursors);
        }
    }

    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.own.is_none() && self.fed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cursors(last_value: LastValue, last: &str) -> Cursors {
        let mut cursors = Cursors::new("updated_at", last_value);
        cursors.at.insert(String::new(), CursorState { last: json!(last), boundary: Vec::new() });
        cursors
    }

    #[test]
    fn cursors_of_another_path_take_the_place_of_the_old_ones() {
        let (old, mut new) = (cursors(LastValue::Max, "2024-01-02"), cursors(LastValue::Max, "2023-01-01"));
        new.path = "created_at".to_owned();
        let mut remembered = Remembered { own: Some(old), ..Remembered::default() };
        remembered.advance(&Remembered { own: Some(new.clone()), ..Remembered::default() });
        assert_eq!(remembered.own, Some(new));
    }

    #[test]
    fn of_two_runs_the_later_cursor_stays() {
        let (early, late) = ("2024-01-02T00:00:00+02:00", "2024-01-01T23:00:00Z");
        for (rule, one, other, expected) in [
            (LastValue::Max, early, late, late),
            (LastValue::Max, late, early, late),
            (LastValue::Min, early, late, early),
        ] {
            let mut own = cursors(rule, one);
            own.advance(&cursors(rule, other));
            assert_eq!(own.at.get("").map(|state| &state.last), Some(&json!(expected)));
        }
    }
}
