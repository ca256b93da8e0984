//! The values of one kind in a column, and the rows that have none of that kind.

use arrow::array::NullBufferBuilder;
use arrow::buffer::NullBuffer;

use super::{Column, Fault, Floats, Record, TextValues};

/// Values of one kind. It may be shorter than its column, by nulls.
#[derive(Debug)]
pub(in crate::normalize) struct Lane {
    len: usize,
    nulls: NullBufferBuilder,
    pub(in crate::normalize) values: Values,
}

/// Values of one kind; where the lane is null there is any value.
#[derive(Debug)]
pub(in crate::normalize) enum Values {
    /// Only null so far.
    Unknown,
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Floats),
    /// The digits of integers beyond 64 bits.
    Big(TextValues),
    Text(TextValues),
    /// JSON texts, by a hint.
    Json(TextValues),
    Timestamp(Vec<i64>),
    Date(Vec<i32>),
    Binary(Vec<Vec<u8>>),
    Decimal {
        precision: u8,
        scale: u8,
        unscaled: Vec<i128>,
    },
    Struct(Box<Record>),
    List(Box<ListValues>),
}

/// The items of lists, one after the other.
#[derive(Debug)]
pub(in crate::normalize) struct ListValues {
    pub(in crate::normalize) ends: Vec<i32>,
    pub(in crate::normalize) items: Column,
}

impl ListValues {
    pub(super) fn new(items: Column) -> Self {
        Self { ends: vec![0], items }
    }

    /// Ends a list with the items that are there.
    #[inline]
    pub(super) fn end_row(&mut self) -> Result<(), Fault> {
        self.ends.push(i32::try_from(self.items.len()).map_err(|_| Fault::TooLarge)?);
        Ok(())
    }

    /// The items of a row.
    pub(in crate::normalize) fn items_of(&self, row: usize) -> std::ops::Range<usize> {
        let end = |index: usize| self.ends.get(index).and_then(|end| usize::try_from(*end).ok()).unwrap_or_default();
        end(row)..end(row + 1)
    }
}

impl Lane {
    pub(super) fn new(values: Values) -> Self {
        Self { len: 0, nulls: NullBufferBuilder::new(0), values }
    }

    #[inline]
    pub(in crate::normalize) fn len(&self) -> usize {
        self.len
    }

    /// Whether a row has a value of this kind.
    pub(in crate::normalize) fn is_valid(&self, row: usize) -> bool {
        row < self.len && self.nulls.is_valid(row)
    }

    /// The rows with a value of this kind.
    pub(in crate::normalize) fn valid_rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len).filter(|row| self.nulls.is_valid(*row))
    }

    /// Counts the value that was just put into the values.
    #[inline]
    pub(super) fn count(&mut self) {
        self.nulls.append_non_null();
        self.len += 1;
    }

    #[inline]
    pub(super) fn push_null(&mut self) {
        self.push_filler();
        self.nulls.append_null();
        self.len += 1;
    }

    /// Any value, for a row that is null.
    #[inline]
    fn push_filler(&mut self) {
        match &mut self.values {
            Values::Unknown => {}
            Values::Bool(values) => values.push(false),
            Values::Int(values) | Values::Timestamp(values) => values.push(0),
            Values::Float(values) => values.push(0.0),
            Values::Date(values) => values.push(0),
            Values::Binary(values) => values.push(Vec::new()),
            Values::Decimal { unscaled, .. } => unscaled.push(0),
            Values::Big(values) | Values::Text(values) | Values::Json(values) => values.push_null(),
            Values::Struct(record) => record.push_null(),
            Values::List(list) => list.ends.push(list.ends.last().copied().unwrap_or_default()),
        }
    }

    /// Takes the kind of its first value; the rows before it stay null.
    pub(super) fn adopt(&mut self, values: Values) {
        self.values = values;
        for _ in 0..self.len {
            self.push_filler();
        }
    }

    /// Fills with nulls, or cuts, to a length.
    pub(super) fn resize(&mut self, len: usize) {
        while self.len < len {
            self.push_null();
        }
        if self.len == len {
            return;
        }
        self.nulls.truncate(len);
        self.len = len;
        match &mut self.values {
            Values::Unknown => {}
            Values::Bool(values) => values.truncate(len),
            Values::Int(values) | Values::Timestamp(values) => values.truncate(len),
            Values::Float(values) => values.truncate(len),
            Values::Date(values) => values.truncate(len),
            Values::Binary(values) => values.truncate(len),
            Values::Decimal { unscaled, .. } => unscaled.truncate(len),
            Values::Big(values) | Values::Text(values) | Values::Json(values) => values.truncate(len),
            Values::Struct(record) => record.truncate(len),
            Values::List(list) => {
                list.ends.truncate(len + 1);
                let items = list.ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or_default();
                list.items.resize(items);
            }
        }
    }

    /// Bytes held, for the memory budget.
    pub(super) fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Unknown => 0,
            Values::Bool(values) => values.len(),
            Values::Int(values) | Values::Timestamp(values) => values.len() * size_of::<i64>(),
            Values::Float(values) => values.bytes(),
            Values::Date(values) => values.len() * size_of::<i32>(),
            Values::Binary(values) => values.iter().map(|value| value.len() + size_of::<Vec<u8>>()).sum(),
            Values::Decimal { unscaled, .. } => unscaled.len() * size_of::<i128>(),
            Values::Big(values) | Values::Text(values) | Values::Json(values) => values.bytes(),
            Values::Struct(record) => record.bytes(),
            Values::List(list) => list.ends.len() * size_of::<i32>() + list.items.bytes(),
        };
        values + self.nulls.allocated_size()
    }

    /// The values and where they are null, filled with nulls up to `rows`.
    pub(in crate::normalize) fn into_parts(mut self, rows: usize) -> (Values, Option<NullBuffer>) {
        self.resize(rows);
        (self.values, self.nulls.build())
    }
}
