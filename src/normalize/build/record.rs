//! The members of objects, column by column.
//!
//! Most records have the shape of the one before: for each column the record remembers which one came next the last time, so
//! that a key is looked up only where that guess is wrong. A column that a record lacks is simply shorter, and is filled with
//! nulls when it is next written to, or at the end.

use std::sync::Arc;

use hashbrown::HashMap;

use super::{Column, Fault, Levels};
use crate::json::Members;
use crate::normalize::shape::Shape;

/// Objects as columns, by source key in order of appearance.
#[derive(Debug)]
pub(in crate::normalize) struct Record {
    rows: usize,
    entries: Vec<Entry>,
    by_key: HashMap<Arc<str>, usize>,
    /// The column that the first member went to the last time.
    first: usize,
    shape: Option<Arc<Shape>>,
}

#[derive(Debug)]
struct Entry {
    key: Arc<str>,
    column: Column,
    /// The column that came after this one the last time.
    next: usize,
}

impl Record {
    /// No rows; `shape` tells what columns have to be.
    pub(in crate::normalize) fn new(shape: Option<Arc<Shape>>) -> Self {
        Self { rows: 0, entries: Vec::new(), by_key: HashMap::new(), first: 0, shape }
    }

    pub(in crate::normalize) fn rows(&self) -> usize {
        self.rows
    }

    /// The columns with their source keys; each may be shorter than [`Record::rows`], by nulls.
    pub(in crate::normalize) fn into_columns(self) -> impl Iterator<Item = (Arc<str>, Column)> {
        self.entries.into_iter().map(|entry| (entry.key, entry.column))
    }

    /// As [`Record::into_columns`], to look at.
    pub(in crate::normalize) fn columns(&self) -> impl Iterator<Item = (&Arc<str>, &Column)> {
        self.entries.iter().map(|entry| (&entry.key, &entry.column))
    }

    /// Adds one object. Of duplicate keys the last counts, as in every common reader.
    #[inline]
    pub(in crate::normalize) fn push(&mut self, members: Members<'_>, levels: Levels) -> Result<(), Fault> {
        let mut previous = None;
        for (key, node) in members.iter() {
            let index = self.index_of(key, previous);
            previous = Some(index);
            let Some(column) = self.column_for_row(index) else { continue };
            column.push(node, levels)?;
        }
        self.end_row();
        Ok(())
    }

    /// The column of a key that follows the column `previous` in the row.
    #[inline]
    pub(super) fn index_of(&mut self, key: &str, previous: Option<usize>) -> usize {
        let guess = match previous {
            None => self.first,
            Some(index) => self.entries.get(index).map_or(0, |entry: &Entry| entry.next),
        };
        match self.entries.get(guess) {
            Some(entry) if *entry.key == *key => guess,
            _ => self.find(key, previous),
        }
    }

    /// A column, with as many values as there are rows before this one.
    #[inline]
    pub(super) fn column_for_row(&mut self, index: usize) -> Option<&mut Column> {
        let column = &mut self.entries.get_mut(index)?.column;
        if column.len() != self.rows {
            column.resize(self.rows);
        }
        Some(column)
    }

    #[inline]
    pub(super) fn end_row(&mut self) {
        self.rows += 1;
    }

    /// Adds a row in its own column `value`: for rows that are no objects.
    pub(in crate::normalize) fn push_value(
        &mut self,
        node: crate::json::Node<'_>,
        levels: Levels,
    ) -> Result<(), Fault> {
        let index = self.find("value", None);
        if let Some(column) = self.column_for_row(index) {
            column.push(node, levels)?;
        }
        self.end_row();
        Ok(())
    }

    /// Adds a row without any member.
    pub(super) fn push_null(&mut self) {
        self.rows += 1;
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        self.rows = rows;
        for entry in &mut self.entries {
            if entry.column.len() > rows {
                entry.column.resize(rows);
            }
        }
    }

    pub(in crate::normalize) fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.column.bytes()).sum()
    }

    /// The column of a key, made if it is new, and remembered as the one that follows `previous`.
    #[cold]
    fn find(&mut self, key: &str, previous: Option<usize>) -> usize {
        let index = match self.by_key.get(key) {
            Some(index) => *index,
            None => self.add(key),
        };
        match previous {
            None => self.first = index,
            Some(previous) => {
                if let Some(entry) = self.entries.get_mut(previous) {
                    entry.next = index;
                }
            }
        }
        index
    }

    fn add(&mut self, key: &str) -> usize {
        let index = self.entries.len();
        let key: Arc<str> = key.into();
        let column = match self.shape.as_ref().and_then(|shape| shape.by_source(&key)) {
            Some(field) => Column::expecting(field),
            None => Column::free(),
        };
        self.by_key.insert(Arc::clone(&key), index);
        self.entries.push(Entry { key, column, next: index + 1 });
        index
    }
}
