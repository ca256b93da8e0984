//! The hot path: the nodes of a page walked straight into typed columns.
//!
//! A [`Record`] holds the members of objects by source key, a [`Column`] the values of one member. Both grow row by row,
//! take their types from the values, and are bounded by the page. What a column has to be because its table says so is told
//! by the [`Shape`](super::shape::Shape) that a record is made with; names, joins across pages and Arrow come later.

mod column;
mod record;
mod text;

pub(super) use column::{Column, ListValues, Values};
pub(super) use record::Record;
pub(super) use text::TextValues;

use crate::json::Node;

/// Why a value found no place, with the way to it, innermost first.
#[derive(Debug)]
pub(super) enum Fault {
    /// The document has to be read again with exact numbers.
    Inexact,
    /// A number beyond what a float can hold.
    Beyond,
    /// Objects or arrays in each other beyond the limit.
    TooDeep,
    /// The value does not fit the column.
    Misfit(Misfit),
}

/// A value that does not fit its column.
#[derive(Debug)]
pub(super) struct Misfit {
    /// The source keys to the value, innermost first.
    pub(super) path: Vec<String>,
    /// What the column holds.
    pub(super) holds: &'static str,
    /// What the value is, with the start of its text.
    pub(super) seen: String,
}

impl Fault {
    #[cold]
    fn misfit(holds: &'static str, node: Node<'_>) -> Self {
        Self::Misfit(Misfit { path: Vec::new(), holds, seen: described(node) })
    }

    #[cold]
    fn within(mut self, key: &str) -> Self {
        if let Self::Misfit(misfit) = &mut self {
            misfit.path.push(key.to_owned());
        }
        self
    }
}

/// What a value is, with the start of its text.
#[cold]
pub(super) fn described(node: Node<'_>) -> String {
    /// Enough to find the value in the page.
    const CHARACTERS_MAX: usize = 40;
    let text = node.to_json();
    let mut start: String = text.chars().take(CHARACTERS_MAX).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{} `{start}`", node.kind().described())
}
