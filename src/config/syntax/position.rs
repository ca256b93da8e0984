//! Byte offsets to lines and columns.

use std::path::Path;
use std::sync::Arc;

use crate::config::problem::Place;

/// The lines of one text.
#[derive(Debug)]
pub(super) struct Positions<'a> {
    path: Arc<Path>,
    text: &'a str,
    /// The offset of each line's first byte.
    starts: Vec<usize>,
}

impl<'a> Positions<'a> {
    pub(super) fn new(path: Arc<Path>, text: &'a str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset + 1);
        Self { path, text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// The place of a byte; that of the text's end for one beyond it.
    pub(super) fn at_byte(&self, offset: usize) -> Place {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(offset - start, |before| before.chars().count());
        self.at(line, column + 1)
    }

    /// The line of a byte, from 1.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// A part of the text; nothing if there is no such part.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// The place of a line and column, both from 1.
    pub(super) fn at(&self, line: usize, column: usize) -> Place {
        Place::At { path: self.path.clone(), line, column }
    }

    /// The text as a whole.
    pub(super) fn whole(&self) -> Place {
        Place::Whole { path: self.path.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::Positions;

    #[test]
    fn columns_count_characters() {
        let positions = Positions::new(std::path::Path::new("f").into(), "ä\nöx\n");
        let shown: Vec<String> = [0, 2, 3, 5, 99].map(|offset| positions.at_byte(offset).to_string()).into();
        assert_eq!(shown, ["f:1:1", "f:1:2", "f:2:1", "f:2:2", "f:3:1"]);
    }
}
