//! Ends walks that would have no end: what leads on has led on before, or pages are empty for ever.

use std::collections::{HashSet, VecDeque};

use xxhash_rust::xxh3::xxh3_128;

use super::PagingFault;

/// Positions that are remembered: 2 MB. A longer circle is ended by `limits.max_pages`.
const REMEMBERED_MAX: usize = 1 << 16;

/// Pages without rows in a row. Servers that filter after they have paged hand out some; these are minutes of nothing.
const EMPTY_PAGES_MAX: u32 = 10_000;

/// The positions of one walk, each as a digest.
#[derive(Debug, Default)]
pub(super) struct Guard {
    order: VecDeque<u128>,
    known: HashSet<u128>,
    empty_pages: u32,
}

impl Guard {
    /// Takes note of a page.
    ///
    /// # Errors
    /// When it is one of too many pages without rows.
    pub(super) fn page(&mut self, is_empty: bool) -> Result<(), PagingFault> {
        self.empty_pages = if is_empty { self.empty_pages.saturating_add(1) } else { 0 };
        match self.empty_pages {
            count @ EMPTY_PAGES_MAX.. => Err(PagingFault::EmptyPages { count }),
            _ => Ok(()),
        }
    }

    /// Takes note of a position that is gone to; `false`: it is one that has been gone to.
    pub(super) fn enter(&mut self, position: &str) -> bool {
        let digest = xxh3_128(position.as_bytes());
        if !self.known.insert(digest) {
            return false;
        }
        self.order.push_back(digest);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_entered_once_and_few_are_remembered() {
        let mut guard = Guard::default();
        for position in 0..REMEMBERED_MAX + 10 {
            assert!(guard.enter(&position.to_string()));
        }
        assert!(!guard.enter(&(REMEMBERED_MAX + 9).to_string()) && !guard.enter("10"));
        assert_eq!((guard.order.len(), guard.known.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
        assert!(guard.enter("3"), "the oldest are forgotten");
    }

    #[test]
    fn rows_begin_the_count_of_empty_pages_anew() {
        let mut guard = Guard::default();
        for _ in 1..EMPTY_PAGES_MAX {
            assert_eq!(guard.page(true), Ok(()));
        }
        assert_eq!(guard.page(false), Ok(()));
        for _ in 1..EMPTY_PAGES_MAX {
            assert_eq!(guard.page(true), Ok(()));
        }
        assert_eq!(guard.page(true), Err(PagingFault::EmptyPages { count: EMPTY_PAGES_MAX }));
    }
}
