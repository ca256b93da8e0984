//! For whom a row is new: lanes of one tree of resources.
//!
//! A parent's row that its own table has may still be new for a child whose last run failed; each takes what is new for it.

/// A set of lanes, by their numbers in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes(u128);

impl Lanes {
    /// Nobody.
    pub const NONE: Self = Self(0);
    /// Everybody.
    pub const ALL: Self = Self(u128::MAX);
    /// Lanes that a tree may have.
    pub const MAX: usize = 128;

    /// One lane; those beyond [`Lanes::MAX`] are nobody.
    pub fn one(lane: usize) -> Self {
        u32::try_from(lane).ok().and_then(|lane| 1_u128.checked_shl(lane)).map_or(Self::NONE, Self)
    }

    /// Both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are not among the others.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether one of the others is in it.
    pub fn meets(self, other: Self) -> bool {
        self.and(other) != Self::NONE
    }
}
