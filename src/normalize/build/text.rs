//! The values of a text column: one run of bytes and where each value ends. Nulls are kept beside it, by the column.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;

use crate::normalize::timestamp::{is_date, parse_timestamp};

/// Texts, one after the other.
#[derive(Debug)]
pub(in crate::normalize) struct TextValues {
    ends: Vec<i32>,
    bytes: Vec<u8>,
    /// Whether every text so far is a timestamp. Not looked at any more once it is `false`.
    instants: bool,
    /// Whether every text so far is a day.
    dates: bool,
}

impl TextValues {
    /// `is_watched`: whether the texts are timestamps or days is looked at.
    pub(super) fn new(is_watched: bool) -> Self {
        Self { ends: vec![0], bytes: Vec::new(), instants: is_watched, dates: is_watched }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    #[inline]
    pub(super) fn push(&mut self, text: &str) -> Result<(), TextOverflow> {
        if self.instants && parse_timestamp(text).is_none() {
            self.instants = false;
        }
        if self.dates && !is_date(text) {
            self.dates = false;
        }
        self.bytes.extend_from_slice(text.as_bytes());
        self.push_end()
    }

    pub(super) fn push_null(&mut self) {
        self.ends.push(self.ends.last().copied().unwrap_or_default());
    }

    fn push_end(&mut self) -> Result<(), TextOverflow> {
        self.ends.push(i32::try_from(self.bytes.len()).map_err(|_| TextOverflow)?);
        Ok(())
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len + 1);
        self.bytes.truncate(self.ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or_default());
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<i32>()
    }

    /// The text of a row; of a null the empty one.
    pub(in crate::normalize) fn get(&self, row: usize) -> &str {
        let end = |index: usize| self.ends.get(index).and_then(|end| usize::try_from(*end).ok()).unwrap_or_default();
        let bytes = self.bytes.get(end(row)..end(row + 1)).unwrap_or_default();
        // Whole texts were put in, so whole texts come out.
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Whether every text is a timestamp, as far as they were watched.
    pub(in crate::normalize) fn are_instants(&self) -> bool {
        self.instants
    }

    /// Whether every text is a day, as far as they were watched.
    pub(in crate::normalize) fn are_dates(&self) -> bool {
        self.dates
    }

    pub(in crate::normalize) fn into_array(self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(self.bytes), nulls)?))
    }

    /// The texts as timestamps; one that is none, and was not null, is an error.
    pub(in crate::normalize) fn into_timestamps(self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let mut micros = Vec::with_capacity(self.len());
        let text = std::str::from_utf8(&self.bytes).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        let mut start = 0;
        for (row, end) in self.ends.iter().skip(1).enumerate() {
            let end = usize::try_from(*end).unwrap_or_default();
            let value = text.get(start..end).and_then(parse_timestamp);
            start = end;
            match value {
                Some(value) => micros.push(value),
                None if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) => micros.push(0),
                None => return Err(ArrowError::CastError("a text that is no timestamp among timestamps".to_owned())),
            }
        }
        Ok(Arc::new(TimestampMicrosecondArray::try_new(micros.into(), nulls)?.with_timezone("UTC")))
    }
}

/// More than 2 GiB of text in one column of one page.
#[derive(Debug)]
pub(super) struct TextOverflow;
