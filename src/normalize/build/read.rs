//! Values straight from the parser into columns.
//!
//! A value of the kind that its column had before is put there as it comes. All others are set aside as a node, and go the way
//! of [`Column::push`], which alone knows what becomes of them. What cannot be put at all ends the reading: the body is then
//! read as a whole, and whatever is wrong is found again there.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Column, Fault, Levels, Record, Values};
use crate::json::{Kind, Node, Put, RowSink, Scratch};
use crate::normalize::kind::fits_float;
use crate::normalize::timestamp::parse_timestamp;

/// Reads rows into a record.
#[derive(Debug)]
pub(in crate::normalize) struct RowReader {
    pub(in crate::normalize) record: Record,
    /// Objects and lists in each other in a column.
    pub(in crate::normalize) levels: Levels,
}

impl RowReader {
    /// Adds a row; one that is no object is the value of a column of its own, as in dlt.
    pub(in crate::normalize) fn push(&mut self, row: Node<'_>) -> Result<(), Fault> {
        match row.kind() {
            Kind::Object(members) => self.record.push(members, self.levels),
            _ => self.record.push_value(row, self.levels),
        }
    }
}

impl RowSink for RowReader {
    fn first(&mut self, row: Node<'_>) -> bool {
        self.push(row).is_ok()
    }

    #[inline]
    fn next<'de, D: Deserializer<'de>>(&mut self, row: D, scratch: &mut Scratch<'_>) -> Result<(), D::Error> {
        let levels = self.levels.within(scratch.levels());
        row.deserialize_any(Row { reader: self, levels, scratch })
    }
}

/// What a fault is to the parser, whose errors end the reading.
#[cold]
fn stopped<E: Error>(fault: Fault) -> E {
    E::custom(format_args!("{fault:?}"))
}

/// One row.
struct Row<'r, 's, 'b> {
    reader: &'r mut RowReader,
    levels: Levels,
    scratch: &'s mut Scratch<'b>,
}

impl Row<'_, '_, '_> {
    #[cold]
    fn no_object<E: Error>(self, value: impl FnOnce(Put<'_>) -> Result<(), E>) -> Result<(), E> {
        let node = self.scratch.read(self.scratch.levels(), value)?;
        self.reader.push(node).map_err(stopped)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        self.reader.record.read(members, self.levels, self.scratch)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.no_object(|put| put.visit_unit())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.no_object(|put| put.visit_bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.no_object(|put| put.visit_i64(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.no_object(|put| put.visit_u64(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.no_object(|put| put.visit_f64(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.no_object(|put| put.visit_borrowed_str(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.no_object(|put| put.visit_str(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.no_object(|put| put.visit_seq(items))
    }
}

impl Record {
    /// Adds one object. Of duplicate keys the last counts, as in every common reader.
    #[inline]
    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        mut members: A,
        levels: Levels,
        scratch: &mut Scratch<'_>,
    ) -> Result<(), A::Error> {
        let mut previous = None;
        while let Some(index) = members.next_key_seed(Key { record: &mut *self, previous })? {
            previous = Some(index);
            let Some(column) = self.column_for_row(index) else { continue };
            members.next_value_seed(Value { column, levels, scratch: &mut *scratch })?;
        }
        self.end_row();
        Ok(())
    }
}

/// The next key, as the place of its column.
struct Key<'r> {
    record: &'r mut Record,
    previous: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<usize, D::Error> {
        parser.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    #[inline]
    fn visit_str<E: Error>(self, key: &str) -> Result<usize, E> {
        Ok(self.record.index_of(key, self.previous))
    }
}

/// The next value, for a column.
struct Value<'c, 's, 'b> {
    column: &'c mut Column,
    /// Objects and lists that may still be entered.
    levels: Levels,
    scratch: &'s mut Scratch<'b>,
}

impl Value<'_, '_, '_> {
    /// A value that is not of the kind of its column.
    #[cold]
    fn aside<E: Error>(self, value: impl FnOnce(Put<'_>) -> Result<(), E>) -> Result<(), E> {
        let node = self.scratch.read(self.levels.left(), value)?;
        self.column.push(node, self.levels).map_err(stopped)
    }

    /// Takes a text; whether the column is one for it.
    #[inline]
    fn takes(&mut self, text: &str) -> bool {
        match self.column.values_mut() {
            Values::Text(values) => {
                if values.push(text).is_err() {
                    return false;
                }
            }
            Values::Timestamp(values) => match parse_timestamp(text) {
                Some(micros) => values.push(micros),
                None => return false,
            },
            _ => return false,
        }
        self.column.count();
        true
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_, '_> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.column.push_null();
        Ok(())
    }

    #[inline]
    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.column.values_mut() {
            Values::Bool(values) => values.push(value),
            _ => return self.aside(|put| put.visit_bool(value)),
        }
        self.column.count();
        Ok(())
    }

    #[inline]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match self.column.values_mut() {
            Values::Int(values) => values.push(value),
            Values::Float(values) if fits_float(value) => values.push_integer(value),
            _ => return self.aside(|put| put.visit_i64(value)),
        }
        self.column.count();
        Ok(())
    }

    #[inline]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => self.aside(|put| put.visit_u64(value)),
        }
    }

    #[inline]
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match self.column.values_mut() {
            Values::Float(values) if Put::is_float(value) => values.push(value),
            _ => return self.aside(|put| put.visit_f64(value)),
        }
        self.column.count();
        Ok(())
    }

    #[inline]
    fn visit_borrowed_str<E: Error>(mut self, text: &'de str) -> Result<(), E> {
        if self.takes(text) { Ok(()) } else { self.aside(|put| put.visit_borrowed_str(text)) }
    }

    #[inline]
    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        if self.takes(text) { Ok(()) } else { self.aside(|put| put.visit_str(text)) }
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        let levels = self.levels.deeper().map_err(stopped)?;
        match self.column.values_mut() {
            Values::Struct(record) => record.read(members, levels, self.scratch)?,
            _ => return self.aside(|put| put.visit_map(members)),
        }
        self.column.count();
        Ok(())
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let levels = self.levels.deeper().map_err(stopped)?;
        match self.column.values_mut() {
            Values::List(list) => {
                let scratch = self.scratch;
                while items
                    .next_element_seed(Value { column: &mut list.items, levels, scratch: &mut *scratch })?
                    .is_some()
                {}
                list.end_row().map_err(stopped)?;
            }
            _ => return self.aside(|put| put.visit_seq(items)),
        }
        self.column.count();
        Ok(())
    }
}
