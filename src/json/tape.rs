//! A body as a tape: its values one after the other in document order, in one allocation. The only file that names the parser.
//!
//! ```text
//! {"a": [1, "x"]}   =>   Object(1 member, ends at 5)  Text(a)  Array(2 items, ends at 5)  Int(1)  Text(x)
//! ```
//!
//! The parser is sonic-rs, through its serde interface: it reads strings and numbers as fast as into its own value, the tape
//! needs no copy of the body, and its depth is counted while it is read, where a value of the parser's own would be built by
//! recursion without a bound. For 31 MB of flat records the tape takes 26 ms and the parser's value 22 ms, to which a scan for
//! the depth would add 15 ms. Of the parsers, sonic-rs took 0.20 s for 302 MB where the tape of simd-json took 0.33 s and
//! `serde_json::Value` 1.3 s.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Levels of objects and arrays in each other that are read: as many as most readers of JSON take.
pub(super) const LEVELS_MAX: usize = 128;
/// Levels that are read on the caller's stack. The parser calls itself for each, and takes up to 30 KiB for one in a build without
/// optimisation, so that these fit into a thread's usual 2 MiB.
pub(super) const LEVELS_HERE: usize = 40;
/// The stack of the thread that reads a deeper body.
const DEEP_STACK_BYTES: usize = 16 << 20;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Null,
    False,
    True,
    /// An integer within `i64`, in the payload.
    Int,
    /// A float, in the payload.
    Float,
    /// A number of which the parser's form does not tell what it was.
    Inexact,
    /// The text of a number, in the body at the payload.
    Number,
    /// A text without escapes, in the body at the payload.
    Text,
    /// A text that had escapes, in [`Tape::unescaped`] at the payload.
    Unescaped,
    /// So many items; the payload is the entry after the last.
    Array,
    /// So many members; the payload is the entry after the last.
    Object,
}

/// One value, or the key before a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) tag: Tag,
    /// Bytes of a text, items of an array, members of an object.
    pub(super) len: u32,
    pub(super) payload: u64,
}

/// The values of a body.
#[derive(Debug, Default)]
pub(super) struct Tape {
    pub(super) entries: Vec<Entry>,
    /// The texts that had escapes, one after the other.
    pub(super) unescaped: String,
}

/// Bytes of a body for which an entry is reserved: records of short members have an entry in about ten bytes.
const BYTES_AN_ENTRY: usize = 10;

impl Tape {
    /// Reads a whole body.
    pub(super) fn parse(body: &str) -> Result<Self, sonic_rs::Error> {
        let (tape, is_deep) = Self::parse_within(body, LEVELS_HERE);
        if !is_deep {
            return tape;
        }
        let deep = std::thread::Builder::new().stack_size(DEEP_STACK_BYTES);
        std::thread::scope(|scope| match deep.spawn_scoped(scope, || Self::parse_within(body, LEVELS_MAX).0) {
            Ok(thread) => thread.join().unwrap_or(tape),
            // Without another thread the body is as deep as it was.
            Err(_) => tape,
        })
    }

    /// Reads a body of so many levels; whether it is for their number that it could not.
    fn parse_within(body: &str, levels: usize) -> (Result<Self, sonic_rs::Error>, bool) {
        let mut tape = Self { entries: Vec::with_capacity(body.len() / BYTES_AN_ENTRY), unescaped: String::new() };
        let mut is_deep = false;
        let read = tape.read(body, levels, &mut is_deep, |put| read_with(body, put));
        (read.map(|()| tape), is_deep)
    }

    /// Lets values of a body be put behind those that are there. `is_deep` is set where they have more levels than may be.
    #[inline]
    pub(super) fn read<R>(
        &mut self,
        body: &str,
        levels: usize,
        is_deep: &mut bool,
        values: impl FnOnce(Put<'_>) -> R,
    ) -> R {
        values(Put { tape: self, base: body.as_ptr().addr(), levels, is_deep })
    }

    /// Takes everything off, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.unescaped.clear();
    }

    /// The same with the text of every number: in a body that was read before, the numbers outside of strings are those of the
    /// tape, in order.
    pub(super) fn with_number_texts(&self, body: &str) -> Self {
        let mut numbers = number_texts(body);
        let entries = self.entries.iter().map(|entry| match entry.tag {
            Tag::Int | Tag::Float | Tag::Inexact | Tag::Number => match numbers.next() {
                Some((at, len)) => Entry { tag: Tag::Number, len, payload: at as u64 },
                None => *entry,
            },
            _ => *entry,
        });
        Self { entries: entries.collect(), unescaped: self.unescaped.clone() }
    }

    #[inline]
    fn push(&mut self, tag: Tag, len: usize, payload: u64) {
        // Bodies are shorter than what 32 bits can count, so that nothing is cut here.
        self.entries.push(Entry { tag, len: u32::try_from(len).unwrap_or(u32::MAX), payload });
    }

    /// Begins an array or an object; gives its place, to be ended.
    #[inline]
    pub(super) fn begin(&mut self, tag: Tag) -> usize {
        self.push(tag, 0, 0);
        self.entries.len() - 1
    }

    #[inline]
    pub(super) fn end(&mut self, at: usize, len: u32) {
        let end = self.entries.len() as u64;
        if let Some(entry) = self.entries.get_mut(at) {
            (entry.len, entry.payload) = (len, end);
        }
    }
}

/// The places and lengths of the numbers in a body that is JSON.
fn number_texts(body: &str) -> impl Iterator<Item = (usize, u32)> + '_ {
    let bytes = body.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            match *bytes.get(at)? {
                b'"' => at = string_end(bytes, at),
                b'-' | b'0'..=b'9' => {
                    let is_part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                    let len = bytes.get(at..)?.iter().take_while(|byte| is_part(byte)).count();
                    let start = at;
                    at += len;
                    return Some((start, u32::try_from(len).ok()?));
                }
                _ => at += 1,
            }
        }
    })
}

/// The byte after the string that begins at a byte.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// Reads a whole body with what takes a value of the parser.
pub(super) fn read_with<'de, S: DeserializeSeed<'de>>(body: &'de str, seed: S) -> Result<S::Value, sonic_rs::Error> {
    let mut parser = sonic_rs::Deserializer::from_str(body);
    let value = seed.deserialize(&mut parser)?;
    parser.end()?;
    Ok(value)
}

/// Puts the next value of the parser on a tape.
#[derive(Debug)]
pub struct Put<'t> {
    tape: &'t mut Tape,
    /// Where the body begins, from which texts are counted.
    base: usize,
    /// Levels that may still be entered.
    levels: usize,
    /// Set where there are more.
    is_deep: &'t mut bool,
}

impl Put<'_> {
    #[inline]
    fn again(&mut self) -> Put<'_> {
        Put { tape: self.tape, base: self.base, levels: self.levels, is_deep: self.is_deep }
    }

    /// Whether a number that the parser made a float of was none but that.
    #[inline]
    pub fn is_float(value: f64) -> bool {
        // 2^63: from here on the text decides whether it was an integer.
        value.abs() < 9_223_372_036_854_775_808.0
    }

    #[inline]
    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        match self.levels.checked_sub(1) {
            Some(levels) => {
                self.levels = levels;
                Ok(())
            }
            None => {
                *self.is_deep = true;
                Err(E::custom(format_args!("objects or arrays are nested deeper than {LEVELS_MAX} levels")))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Put<'_> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Put<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    #[inline]
    fn visit_unit<E>(self) -> Result<(), E> {
        self.tape.push(Tag::Null, 0, 0);
        Ok(())
    }

    #[inline]
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.tape.push(if value { Tag::True } else { Tag::False }, 0, 0);
        Ok(())
    }

    #[inline]
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.tape.push(Tag::Int, 0, value.cast_unsigned());
        Ok(())
    }

    #[inline]
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        let tag = if i64::try_from(value).is_ok() { Tag::Int } else { Tag::Inexact };
        self.tape.push(tag, 0, value);
        Ok(())
    }

    #[inline]
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        let tag = if Self::is_float(value) { Tag::Float } else { Tag::Inexact };
        self.tape.push(tag, 0, value.to_bits());
        Ok(())
    }

    #[inline]
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        let at = text.as_ptr().addr().wrapping_sub(self.base);
        self.tape.push(Tag::Text, text.len(), at as u64);
        Ok(())
    }

    #[inline]
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let at = self.tape.unescaped.len();
        self.tape.unescaped.push_str(text);
        self.tape.push(Tag::Unescaped, text.len(), at as u64);
        Ok(())
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.enter::<A::Error>()?;
        let at = self.tape.begin(Tag::Array);
        let mut len = 0;
        while items.next_element_seed(self.again())?.is_some() {
            len += 1;
        }
        self.tape.end(at, len);
        Ok(())
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.enter::<A::Error>()?;
        let at = self.tape.begin(Tag::Object);
        let mut len = 0;
        while members.next_key_seed(self.again())?.is_some() {
            members.next_value_seed(self.again())?;
            len += 1;
        }
        self.tape.end(at, len);
        Ok(())
    }
}
