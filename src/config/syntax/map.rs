//! Builds a map in which no key stands twice.

use std::collections::HashMap;

use crate::config::problem::{Place, Problem, Report, code};
use crate::config::tree::{Key, Tree, Value};

/// A map as it is read, entry by entry.
#[derive(Debug, Default)]
pub(super) struct MapBuilder {
    entries: Vec<(Key, Tree)>,
    seen: HashMap<String, Place>,
}

impl MapBuilder {
    /// Adds an entry. A key that is there already is a problem and changes nothing.
    pub(super) fn push(&mut self, text: String, at: &Place, value: Tree, report: &Report) {
        if let Some(first) = self.seen.get(&text) {
            let message = format!("duplicate key `{text}`; the first is at {first}");
            report.add(Problem::new(code::DUPLICATE, at, message));
            return;
        }
        self.seen.insert(text.clone(), at.clone());
        self.entries.push((Key { text, at: at.clone(), within: "".into() }, value));
    }

    pub(super) fn finish(self) -> Value {
        Value::Map(self.entries)
    }
}
