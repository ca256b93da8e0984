//! A body read with its rows handed on one by one while the parser is at them, so that they are never kept as values.
//!
//! ```text
//! {"total": 3, "data": [{…}, {…}, {…}]}   =>   the tape of {"total": 3, "data": [{…}, and two more]}, and three rows in a sink
//! ```
//!
//! The first row is on the tape too: by it two pages can be told apart. Whatever does not go its usual way (another shape of the
//! body, a value that the sink does not take, deep nesting, what is no JSON) ends in reading the body as a whole instead,
//! which also finds the right words for a fault.

use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::document::text_of;
use super::tape::{LEVELS_HERE, Put, Tag, read_with};
use super::{Document, Node, ParseError, Path};

/// What takes the rows of a body while it is read.
pub trait RowSink {
    /// Takes the first row; whether it could.
    fn first(&mut self, row: Node<'_>) -> bool;

    /// Takes the next row from the parser.
    ///
    /// # Errors
    /// Those of the parser, and any by which the sink says that it cannot go on.
    fn next<'de, D: Deserializer<'de>>(&mut self, row: D, scratch: &mut Scratch<'_>) -> Result<(), D::Error>;
}

/// A place for values that a sink takes as nodes, one at a time.
#[derive(Debug)]
pub struct Scratch<'b> {
    document: Document,
    body: &'b str,
    /// Levels of objects and arrays that a row may have.
    levels: usize,
}

impl Scratch<'_> {
    /// Levels of objects and arrays that a row may have before its body has to be read as a whole.
    pub fn levels(&self) -> usize {
        self.levels
    }

    /// The value that `value` puts here. `levels` are those that it may have.
    ///
    /// # Errors
    /// Those of the parser, or that the value has more levels.
    pub fn read<E>(&mut self, levels: usize, value: impl FnOnce(Put<'_>) -> Result<(), E>) -> Result<Node<'_>, E> {
        self.document.tape.clear();
        self.document.tape.read(self.body, levels, &mut false, value)?;
        Ok(self.document.root())
    }
}

impl Document {
    /// Parses a whole body, and hands the items of the array that `path` leads to over to a sink as they are read. The second
    /// value tells whether the sink has all of them; else what it has is worth nothing.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_rows(body: Bytes, path: &Path, sink: &mut impl RowSink) -> Result<(Self, bool), ParseError> {
        let body = text_of(body)?;
        if let Some(names) = path.names().filter(|names| names.len() < LEVELS_MAX_ABOVE) {
            let mut document = Self::empty(body.clone());
            let seed = OnPath { document: &mut document, body: &body, names: &names, levels: LEVELS_HERE, sink };
            if read_with(&body, seed).is_ok() && document.cut.is_some() {
                return Ok((document, true));
            }
        }
        Ok((Self::parse_text(body)?, false))
    }
}

/// Objects around the rows: with more, too few levels would be left for rows.
const LEVELS_MAX_ABOVE: usize = 8;

/// Of duplicate keys the last counts, but the rows of the first are with the sink already.
const ONE_TOO_MANY: &str = "two members of the name that leads to the rows";

/// A value on the way to the rows.
struct OnPath<'t, 'n, S> {
    document: &'t mut Document,
    body: &'t str,
    /// The names that still lead to the rows.
    names: &'n [&'n str],
    levels: usize,
    sink: &'t mut S,
}

impl<S> OnPath<'_, '_, S> {
    /// Puts a value that has no rows on the tape.
    fn put<E>(self, value: impl FnOnce(Put<'_>) -> Result<(), E>) -> Result<(), E> {
        self.document.tape.read(self.body, self.levels, &mut false, value)
    }
}

impl<'de, S: RowSink> DeserializeSeed<'de> for OnPath<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de, S: RowSink> Visitor<'de> for OnPath<'_, '_, S> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(|put| put.visit_unit())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.put(|put| put.visit_bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.put(|put| put.visit_i64(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.put(|put| put.visit_u64(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.put(|put| put.visit_f64(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.put(|put| put.visit_borrowed_str(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.put(|put| put.visit_str(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some((name, names)) = self.names.split_first() else { return self.put(|put| put.visit_map(members)) };
        let Self { document, body, levels, sink, .. } = self;
        let levels = levels.saturating_sub(1);
        let at = document.tape.begin(Tag::Object);
        let mut len = 0;
        let mut is_found = false;
        loop {
            let key = document.tape.entries.len();
            if document.tape.read(body, levels, &mut false, |put| members.next_key_seed(put))?.is_none() {
                break;
            }
            if document.key(key) == *name {
                if std::mem::replace(&mut is_found, true) {
                    return Err(A::Error::custom(ONE_TOO_MANY));
                }
                members.next_value_seed(OnPath { document: &mut *document, body, names, levels, sink: &mut *sink })?;
            } else {
                document.tape.read(body, levels, &mut false, |put| members.next_value_seed(put))?;
            }
            len += 1;
        }
        document.tape.end(at, len);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if !self.names.is_empty() {
            return self.put(|put| put.visit_seq(items));
        }
        let Self { document, body, levels, sink, .. } = self;
        let levels = levels.saturating_sub(1);
        let at = document.tape.begin(Tag::Array);
        let mut len = 0;
        if document.tape.read(body, levels, &mut false, |put| items.next_element_seed(put))?.is_some() {
            len += 1;
            if !sink.first(document.node(at + 1)) {
                return Err(A::Error::custom("a row that the sink does not take"));
            }
        }
        let mut scratch = Scratch { document: Document::empty(document.body().clone()), body, levels };
        while items.next_element_seed(Row { sink: &mut *sink, scratch: &mut scratch })?.is_some() {
            len += 1;
        }
        document.tape.end(at, len);
        document.cut = Some(at + 1);
        Ok(())
    }
}

/// The next row.
struct Row<'t, 'b, S> {
    sink: &'t mut S,
    scratch: &'t mut Scratch<'b>,
}

impl<'de, S: RowSink> DeserializeSeed<'de> for Row<'_, '_, S> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        self.sink.next(parser, self.scratch)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::IgnoredAny;

    use super::*;

    /// Counts rows, and takes none after `most`.
    struct Counter {
        first: String,
        rows: usize,
        most: usize,
    }

    impl RowSink for Counter {
        fn first(&mut self, row: Node<'_>) -> bool {
            self.first = row.to_json();
            self.rows = 1;
            true
        }

        fn next<'de, D: Deserializer<'de>>(&mut self, row: D, _: &mut Scratch<'_>) -> Result<(), D::Error> {
            self.rows += 1;
            if self.rows > self.most {
                return Err(D::Error::custom("enough"));
            }
            IgnoredAny::deserialize(row).map(|_| ())
        }
    }

    fn read(body: &str, path: &str, most: usize) -> (Document, bool, Counter) {
        let mut sink = Counter { first: String::new(), rows: 0, most };
        let path = Path::parse(path).expect("a path");
        let (document, taken) =
            Document::parse_rows(Bytes::copy_from_slice(body.as_bytes()), &path, &mut sink).expect("JSON");
        (document, taken, sink)
    }

    #[test]
    fn the_rows_go_to_the_sink_and_the_document_is_as_any_other() {
        let body = r#"{"total":3,"page":{"rows":[{"a":1},{"a":[2,{"b":"x\n"}]},3]},"next":{"after":"z"}}"#;
        let (document, taken, sink) = read(body, "page.rows", 9);
        assert!(taken);
        assert_eq!((sink.rows, sink.first.as_str()), (3, r#"{"a":1}"#));
        assert_eq!(document.tape.entries.len(), 14, "two rows are not on the tape");
        assert_eq!(
            document.root().member("next").and_then(|next| next.member("after")).map(Node::to_json).as_deref(),
            Some("\"z\"")
        );
        assert_eq!(document.root().to_json(), body, "what is missing is read when it is asked for");
        assert_eq!(document.parse_exact().root().to_json(), body);
    }

    #[test]
    fn rows_may_be_the_body_and_none_at_all() {
        let (document, taken, sink) = read("[1,2]", "$", 9);
        assert_eq!((taken, sink.rows, document.root().to_json().as_str()), (true, 2, "[1,2]"));
        let (document, taken, sink) = read(r#"{"data":[]}"#, "data", 9);
        assert_eq!((taken, sink.rows, document.root().to_json().as_str()), (true, 0, r#"{"data":[]}"#));
    }

    #[test]
    fn what_goes_no_usual_way_is_read_as_a_whole() {
        for (body, path, most) in [
            (r#"{"data":null}"#, "data", 9),
            (r#"{"data":{"a":1}}"#, "data", 9),
            (r#"{"other":[1]}"#, "data", 9),
            (r#"{"data":[1],"data":[2]}"#, "data", 9),
            (r#"{"page":{"data":[1]},"page":{}}"#, "page.data", 9),
            (r#"[{"data":[1]}]"#, "data", 9),
            (r#"{"data":[1,2,3]}"#, "data", 2),
            (r#"{"data":[1,2,3]}"#, "data[*]", 9),
        ] {
            let (document, taken, _) = read(body, path, most);
            assert!(!taken, "{body}");
            assert_eq!(document.root().to_json(), body);
        }
        let mut sink = Counter { first: String::new(), rows: 0, most: 9 };
        let path = Path::parse("data").expect("a path");
        let error =
            Document::parse_rows(Bytes::from_static(b"{\"data\":[1,\n2"), &path, &mut sink).expect_err("cut off");
        assert_eq!(error.line, 2);
    }
}
