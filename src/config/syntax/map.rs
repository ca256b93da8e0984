//! Builds a map in which no key stands twice.

use std::collections::{HashMap, HashSet};

use crate::config::problem::{Place, Problem, Report, code};
use crate::config::tree::{Key, Tree, Value};

/// A map as it is read, entry by entry.
#[derive(Debug, Default)]
pub(super) struct MapBuilder {
    entries: Vec<(Key, Tree)>,
    seen: HashMap<String, Place>,
    /// Keys that another map brought along.
    unpacked: HashSet<String>,
}

impl MapBuilder {
    /// Adds an entry. A key that is written there already is a problem and changes nothing.
    pub(super) fn push(&mut self, text: String, at: &Place, value: Tree, report: &Report) {
        if self.unpacked.remove(&text) {
            self.replace(text, at, value);
            return;
        }
        if let Some(first) = self.seen.get(&text) {
            let message = format!("duplicate key `{text}`; the first is at {first}");
            report.add(Problem::new(code::DUPLICATE, at, message));
            return;
        }
        self.replace(text, at, value);
    }

    /// Adds the entries of another map, which take the place of those that have the same keys.
    pub(super) fn unpack(&mut self, entries: Vec<(Key, Tree)>) {
        for (key, value) in entries {
            self.unpacked.insert(key.text.clone());
            self.replace(key.text, &key.at, value);
        }
    }

    /// Adds an entry, or gives the one of this key another value.
    fn replace(&mut self, text: String, at: &Place, value: Tree) {
        self.seen.insert(text.clone(), at.clone());
        match self.entries.iter_mut().find(|(key, _)| key.text == text) {
            Some((key, known)) => (key.at, *known) = (at.clone(), value),
            None => self.entries.push((Key { text, at: at.clone(), within: "".into() }, value)),
        }
    }

    pub(super) fn finish(self) -> Value {
        Value::Map(self.entries)
    }
}
