//! How deep objects and lists may stand in each other, and what becomes of those below.

use super::Fault;

/// Objects and lists that may still be entered on the way down from a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::normalize) struct Levels {
    left: usize,
    below: Below,
}

/// What becomes of objects and lists below the last level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Below {
    Fault,
    /// They are JSON text, each as a whole (dlt's `max_table_nesting`).
    Text,
}

impl Levels {
    /// At most `nesting_max` levels, with text below `text_below` of them where the config says so.
    pub(in crate::normalize) fn new(nesting_max: usize, text_below: Option<usize>) -> Self {
        match text_below.filter(|levels| *levels <= nesting_max) {
            Some(left) => Self { left, below: Below::Text },
            None => Self { left: nesting_max, below: Below::Fault },
        }
    }

    /// No more levels than `max`, with a fault below them.
    pub(super) fn within(self, max: usize) -> Self {
        if self.left <= max { self } else { Self { left: max, below: Below::Fault } }
    }

    pub(in crate::normalize) fn left(self) -> usize {
        self.left
    }

    /// Whether objects and lists may become text.
    pub(in crate::normalize) fn have_text(self) -> bool {
        self.below == Below::Text
    }

    /// Whether an object or a list is text here.
    #[inline]
    pub(super) fn is_text(self) -> bool {
        self.left == 0 && self.have_text()
    }

    /// One level further down.
    #[inline]
    pub(super) fn deeper(self) -> Result<Self, Fault> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left, ..self }),
            None => Err(Fault::TooDeep),
        }
    }
}
