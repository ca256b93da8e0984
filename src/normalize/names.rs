//! How source keys become column names: the convention and the config's renames. Collisions are the shape's business.

use std::collections::HashMap;
use std::sync::Arc;

use crate::flow::KeyColumn;
use crate::plan::{Naming, RenameRule};

/// The naming of one level of objects.
#[derive(Debug, Clone, Default)]
pub(super) struct LevelNames {
    naming: Naming,
    /// New names by source key.
    renames: HashMap<String, String>,
}

impl LevelNames {
    /// The name that a source key asks for.
    pub(super) fn column(&self, source: &str) -> String {
        self.renames.get(source).cloned().unwrap_or_else(|| storable(&self.naming.column(source)))
    }

    /// The naming of the levels below, where hints do not reach.
    pub(super) fn below(&self) -> Self {
        Self { naming: self.naming, renames: HashMap::new() }
    }
}

/// The naming rules of one resource.
#[derive(Debug, Clone, Default)]
pub(super) struct ColumnNames {
    naming: Naming,
    renames: HashMap<Vec<String>, String>,
}

impl ColumnNames {
    pub(super) fn new(naming: Naming, rules: &[RenameRule]) -> Self {
        Self { naming, renames: rules.iter().map(|rule| (rule.path.clone(), rule.to.clone())).collect() }
    }

    /// The name that a source key asks for below the given keys.
    pub(super) fn column(&self, source: &str, parents: &[Arc<str>]) -> String {
        if !self.renames.is_empty() {
            let path: Vec<String> =
                parents.iter().map(ToString::to_string).chain(std::iter::once(source.to_owned())).collect();
            if let Some(name) = self.renames.get(&path) {
                return name.clone();
            }
        }
        storable(&self.naming.column(source))
    }

    /// The naming of the top level.
    pub(super) fn top(&self) -> LevelNames {
        let top = self.renames.iter().filter_map(|(path, name)| match path.as_slice() {
            [source] => Some((source.clone(), name.clone())),
            _ => None,
        });
        LevelNames { naming: self.naming, renames: top.collect() }
    }

    /// The column name that a config means by a column name or a source key of the top level.
    pub(super) fn resolve(&self, written: &str) -> String {
        if let Some(name) = self.renames.get(std::slice::from_ref(&written.to_owned())) {
            return name.clone();
        }
        if self.renames.values().any(|name| name == written) {
            return written.to_owned();
        }
        storable(&self.naming.column(written))
    }

    /// The key column that a config means: one of the top level, or, dotted, a member of an object.
    pub(super) fn key_column(&self, written: &str) -> KeyColumn {
        let name = self.resolve(written);
        let segments: Vec<&str> = written.split('.').collect();
        if segments.len() == 1 || segments.iter().any(|segment| segment.trim().is_empty()) {
            return KeyColumn::top(&name);
        }
        let mut parents: Vec<Arc<str>> = Vec::with_capacity(segments.len());
        let mut member = Vec::with_capacity(segments.len());
        for segment in segments {
            let is_top = parents.is_empty();
            member.push(if is_top { self.resolve(segment) } else { self.column(segment, &parents) });
            parents.push(segment.into());
        }
        KeyColumn::dotted(written, &name, member)
    }
}

/// Parquet readers such as Spark refuse these characters in a column name.
fn storable(name: &str) -> String {
    name.replace([' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '='], "_")
}
