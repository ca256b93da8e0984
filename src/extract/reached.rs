//! How far cursors have come in a walk, for each of those who need its rows.
//!
//! The walk of a parent's row is for the lanes that the row is new for, and moves the cursor for these alone: the others were not shown
//! what it brought, and would lose it if their next walk began there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::audience::Lanes;
use crate::flow::{CursorState, Cursors};
use crate::plan::ResourcePlan;

/// How far cursors are at the end of a course.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reached {
    /// Its own; `None`: it has none, or they are not remembered.
    pub own: Option<LaneCursors>,
    /// Those of the resources above it, by name.
    pub above: BTreeMap<String, Arc<LaneCursors>>,
}

/// The cursors of one resource, as each lane has them.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneCursors {
    /// Cursors of this kind that are nowhere yet.
    none: Cursors,
    /// Lanes whose cursors are the same stand together; each is in one group.
    groups: Vec<(Lanes, Cursors)>,
}

impl LaneCursors {
    /// The cursors of a resource as earlier runs left them for its takers; `None`: it has none, or they are not remembered.
    pub(super) fn new(resource: &ResourcePlan, takers: &[(Lanes, Option<Cursors>)]) -> Option<Self> {
        let rules = resource.incremental.as_ref().filter(|rules| rules.end_value.is_none())?;
        let none = Cursors::new(rules.cursor_path.as_str(), rules.last_value);
        let mut groups: Vec<(Lanes, Cursors)> = Vec::new();
        for (lane, cursors) in takers {
            let cursors = cursors.as_ref().filter(|cursors| none.is_like(cursors)).unwrap_or(&none);
            match groups.iter_mut().find(|(_, known)| known == cursors) {
                Some((lanes, _)) => *lanes = lanes.with(*lane),
                None => groups.push((*lane, cursors.clone())),
            }
        }
        Some(Self { none, groups })
    }

    /// Whether these are cursors of the same kind.
    pub(super) fn is_like(&self, cursors: &Cursors) -> bool {
        self.none.is_like(cursors)
    }

    /// Takes in how far the walk of a parent's row has come that was for these lanes.
    pub(super) fn advance(&mut self, lanes: Lanes, parent: &str, state: &CursorState) {
        let mut apart = Vec::new();
        for (group, cursors) in &mut self.groups {
            let moved = group.and(lanes);
            if moved == Lanes::NONE {
                continue;
            }
            if moved != *group {
                apart.push((group.without(lanes), cursors.clone()));
                *group = moved;
            }
            cursors.advance_one(parent, state);
        }
        self.groups.extend(apart);
    }

    /// The cursors as one lane has them; `None`: it does not need the rows.
    pub fn for_lane(&self, lane: Lanes) -> Option<&Cursors> {
        self.groups.iter().find(|(lanes, _)| lanes.meets(lane)).map(|(_, cursors)| cursors)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::LastValue;

    #[test]
    fn a_walk_moves_the_cursors_of_those_alone_that_it_was_for() {
        let none = Cursors::new("at", LastValue::Max);
        let (first, second) = (Lanes::one(0), Lanes::one(1));
        let mut cursors = LaneCursors { none: none.clone(), groups: vec![(first.with(second), none)] };
        let state = |last: i64| CursorState { last: json!(last), boundary: Vec::new() };
        cursors.advance(first.with(second), "[1]", &state(1));
        cursors.advance(second, "[1]", &state(2));
        cursors.advance(second, "[2]", &state(3));
        // A second walk of the same parent that began before the first had ended.
        cursors.advance(second, "[2]", &state(2));
        let of = |lane| cursors.for_lane(lane).expect("a taker").at.clone();
        assert_eq!(of(first), BTreeMap::from([("[1]".to_owned(), state(1))]));
        assert_eq!(of(second), BTreeMap::from([("[1]".to_owned(), state(2)), ("[2]".to_owned(), state(3))]));
        assert_eq!(cursors.for_lane(Lanes::one(2)), None);
    }
}
