//! One parsed body: the values on its tape, with what they are.
//!
//! Numbers are read as `i64` or `f64`. The few documents that hold an integer beyond `i64`, which the parser would turn
//! into a float, are found while they are walked ([`Kind::Inexact`]) and read again with the text of numbers kept
//! ([`Document::parse_exact`]). A lone surrogate in an escape, a number beyond what a float can hold and invalid UTF-8 are no
//! JSON; of duplicate keys all are there; `-0` and `-0.0` are the float 0.0, as in the parser.

use std::sync::OnceLock;

use bytes::Bytes;
use bytestring::ByteString;

use super::tape::{Entry, Tag, Tape};

/// A body that is JSON, parsed once and shared by all who read it.
///
/// One whose rows were handed on while it was read ([`Document::parse_rows`]) has only the first of them on its tape, and is
/// parsed again in the rare case that somebody asks for another.
#[derive(Debug)]
pub struct Document {
    pub(super) tape: Tape,
    body: ByteString,
    exact: bool,
    /// The entry of the first item of the array whose other items are not on the tape.
    pub(super) cut: Option<usize>,
    /// The same body with all of its values, once it was asked for.
    whole: OnceLock<Box<Document>>,
}

/// Why a body is not JSON, and where (both counted from 1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at line {line}, column {column}: {problem}")]
pub struct ParseError {
    /// The line of the fault.
    pub line: usize,
    /// The column of the fault, in bytes.
    pub column: usize,
    /// What the parser saw.
    pub problem: String,
}

/// One value of a document.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document,
    /// Its entry on the tape.
    pub(super) at: usize,
}

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub enum Kind<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer within `i64`.
    Int(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// An integer beyond `i64`; [`Node::to_json`] is its text. Only in a document read by [`Document::parse_exact`].
    BigInt,
    /// A number that may have been an integer beyond `i64`: the document has to be read again by
    /// [`Document::parse_exact`] to tell.
    Inexact,
    /// A text.
    Text(&'a str),
    /// An array.
    Array(Items<'a>),
    /// An object; of duplicate keys all are there, in order.
    Object(Members<'a>),
}

impl Kind<'_> {
    /// What a user calls such a value, with its article.
    pub fn described(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::BigInt => "an integer",
            Self::Float(_) | Self::Inexact => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// The elements of an array, in order.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a> {
    document: &'a Document,
    first: usize,
    len: usize,
}

/// The members of an object, in order.
#[derive(Debug, Clone, Copy)]
pub struct Members<'a> {
    document: &'a Document,
    first: usize,
    len: usize,
}

impl Document {
    /// Parses a whole body.
    ///
    /// # Errors
    /// When the body is not one JSON value in UTF-8, or nests beyond 128 levels.
    pub fn parse(body: Bytes) -> Result<Self, ParseError> {
        Self::parse_text(text_of(body)?)
    }

    pub(super) fn parse_text(body: ByteString) -> Result<Self, ParseError> {
        let tape = Tape::parse(&body).map_err(|error| located(&error))?;
        Ok(Self { tape, ..Self::empty(body) })
    }

    /// A document of which nothing has been read yet.
    pub(super) fn empty(body: ByteString) -> Self {
        Self { tape: Tape::default(), body, exact: false, cut: None, whole: OnceLock::new() }
    }

    /// The same body with the text of its numbers kept, which takes longer to read.
    #[must_use]
    pub fn parse_exact(&self) -> Self {
        let tape = self.whole().tape.with_number_texts(&self.body);
        Self { tape, exact: true, ..Self::empty(self.body.clone()) }
    }

    /// The document with all of its values on the tape.
    fn whole(&self) -> &Self {
        if self.cut.is_none() {
            return self;
        }
        self.whole.get_or_init(|| {
            // It was parsed before, so it parses again, and the entries up to the cut are the same.
            Box::new(Self::parse_text(self.body.clone()).unwrap_or_else(|_| Self::empty(self.body.clone())))
        })
    }

    /// Whether a number may have been an integer beyond `i64`, so that only [`Document::parse_exact`] tells.
    pub fn holds_inexact(&self) -> bool {
        self.whole().tape.entries.iter().any(|entry| entry.tag == Tag::Inexact)
    }

    /// Whether the text of numbers was kept.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// The value at an entry of the tape.
    pub(super) fn node(&self, at: usize) -> Node<'_> {
        Node { document: self, at }
    }

    /// The value that the body is.
    pub fn root(&self) -> Node<'_> {
        Node { document: self, at: 0 }
    }

    pub(super) fn body(&self) -> &ByteString {
        &self.body
    }

    /// The text at an entry, which is a key.
    pub(super) fn key(&self, at: usize) -> &str {
        self.text(self.entry(at))
    }

    #[inline]
    fn entry(&self, at: usize) -> Entry {
        self.tape.entries.get(at).copied().unwrap_or(Entry { tag: Tag::Null, len: 0, payload: 0 })
    }

    #[inline]
    fn text(&self, entry: Entry) -> &str {
        let whole = if entry.tag == Tag::Unescaped { self.tape.unescaped.as_str() } else { &self.body };
        let start = index(entry.payload);
        whole.get(start..start + index(entry.len.into())).unwrap_or_default()
    }

    /// The entry after a value and all that is in it.
    #[inline]
    fn after(&self, at: usize) -> usize {
        let entry = self.entry(at);
        match entry.tag {
            Tag::Array | Tag::Object => index(entry.payload),
            _ => at + 1,
        }
    }
}

/// Places on the tape and in the body were made from `usize`.
#[inline]
fn index(payload: u64) -> usize {
    usize::try_from(payload).unwrap_or(usize::MAX)
}

/// Bytes of the largest body, whose texts a tape can count.
const BYTES_MAX: usize = u32::MAX as usize;

/// The body as text. A mark at the beginning that says that it is UTF-8 is none of it.
pub(super) fn text_of(body: Bytes) -> Result<ByteString, ParseError> {
    let body = match body.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => body.slice_ref(rest),
        None => body,
    };
    if body.len() > BYTES_MAX {
        return Err(ParseError { line: 1, column: 1, problem: "the body is larger than 4 GiB".to_owned() });
    }
    ByteString::try_from(body.clone()).map_err(|_| no_text(&body))
}

/// Where a body is not UTF-8.
#[cold]
fn no_text(body: &[u8]) -> ParseError {
    let end = std::str::from_utf8(body).err().map_or(0, |error| error.valid_up_to());
    let before = body.get(..end).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    ParseError { line, column, problem: "the text is not UTF-8".to_owned() }
}

fn located(error: &sonic_rs::Error) -> ParseError {
    // The parser's message goes on with an excerpt of the body, which may hold anybody's data.
    let text = error.to_string();
    let problem = text.split(" at line ").next().unwrap_or_default().lines().next().unwrap_or_default().to_owned();
    ParseError { line: error.line().max(1), column: error.column().max(1), problem }
}

impl<'a> Items<'a> {
    /// How many elements there are.
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The element at `index`, found by going past those before it.
    pub fn get(self, index: usize) -> Option<Node<'a>> {
        self.iter().nth(index)
    }

    /// The elements in order.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Node<'a>> {
        let (mut document, mut at) = (self.document, self.first);
        let is_cut = document.cut == Some(at);
        (0..self.len).map(move |index| {
            if is_cut && index == 1 {
                document = document.whole();
            }
            let node = Node { document, at };
            at = document.after(at);
            node
        })
    }
}

impl<'a> Members<'a> {
    /// How many members there are.
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The members in order.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let (document, mut at) = (self.document, self.first);
        (0..self.len).map(move |_| {
            let key = document.text(document.entry(at));
            let node = Node { document, at: at + 1 };
            at = document.after(at + 1);
            (key, node)
        })
    }
}

impl<'a> Node<'a> {
    /// What the value is.
    #[inline]
    pub fn kind(self) -> Kind<'a> {
        let Self { document, at } = self;
        let entry = document.entry(at);
        let len = index(entry.len.into());
        match entry.tag {
            Tag::Null => Kind::Null,
            Tag::False => Kind::Bool(false),
            Tag::True => Kind::Bool(true),
            Tag::Int => Kind::Int(entry.payload.cast_signed()),
            Tag::Float => Kind::Float(f64::from_bits(entry.payload)),
            Tag::Text | Tag::Unescaped => Kind::Text(document.text(entry)),
            Tag::Array => Kind::Array(Items { document, first: at + 1, len }),
            Tag::Object => Kind::Object(Members { document, first: at + 1, len }),
            Tag::Number => number(document.text(entry)),
            Tag::Inexact => Kind::Inexact,
        }
    }

    /// The member `key` of an object; of duplicates the last.
    pub fn member(self, key: &str) -> Option<Node<'a>> {
        match self.kind() {
            Kind::Object(members) => members.iter().filter(|(name, _)| *name == key).last().map(|(_, node)| node),
            _ => None,
        }
    }

    /// The value as JSON text, without white space; numbers as they are written, where their text was kept.
    pub fn to_json(self) -> String {
        let mut text = String::new();
        self.write_json(&mut text);
        text
    }

    fn write_json(self, out: &mut String) {
        let entry = self.document.entry(self.at);
        match self.kind() {
            _ if entry.tag == Tag::Number => out.push_str(self.document.text(entry)),
            Kind::Null => out.push_str("null"),
            Kind::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Kind::Int(value) => out.push_str(&value.to_string()),
            Kind::Float(value) => out.push_str(&serde_json::Value::from(value).to_string()),
            Kind::BigInt | Kind::Inexact => {
                out.push_str(&serde_json::Value::from(f64::from_bits(entry.payload)).to_string())
            }
            Kind::Text(text) => out.push_str(&serde_json::Value::from(text).to_string()),
            Kind::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Kind::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&serde_json::Value::from(key).to_string());
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }

    /// Whether both are the same, member by member in the same order.
    pub fn equals(self, other: Node<'_>) -> bool {
        match (self.kind(), other.kind()) {
            (Kind::Null, Kind::Null) => true,
            (Kind::Bool(one), Kind::Bool(two)) => one == two,
            (Kind::Int(one), Kind::Int(two)) => one == two,
            (Kind::Float(one), Kind::Float(two)) => one.to_bits() == two.to_bits(),
            (Kind::Text(one), Kind::Text(two)) => one == two,
            (Kind::Array(one), Kind::Array(two)) => {
                one.len() == two.len() && one.iter().zip(two.iter()).all(|(one, two)| one.equals(two))
            }
            (Kind::Object(one), Kind::Object(two)) => {
                let same = |((key, value), (other, second)): ((&str, Node<'_>), (&str, Node<'_>))| {
                    key == other && value.equals(second)
                };
                one.len() == two.len() && one.iter().zip(two.iter()).all(same)
            }
            (Kind::BigInt | Kind::Inexact, Kind::BigInt | Kind::Inexact) => self.to_json() == other.to_json(),
            _ => false,
        }
    }
}

/// What a number is by its text: the same that the parser makes of it, to which a zero with a sign is the float 0.0.
fn number(text: &str) -> Kind<'static> {
    let nonzero = text.trim_start_matches(['-', '0', '.']);
    if text.starts_with('-') && (nonzero.is_empty() || nonzero.starts_with(['e', 'E'])) {
        return Kind::Float(0.0);
    }
    if let Ok(value) = text.parse() {
        return Kind::Int(value);
    }
    if !text.contains(['.', 'e', 'E']) {
        return Kind::BigInt;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite()).map_or(Kind::Inexact, Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::LEVELS_MAX;

    fn document(text: &str) -> Document {
        Document::parse(Bytes::copy_from_slice(text.as_bytes())).expect("the test's own JSON")
    }

    fn kinds(document: &Document) -> Vec<String> {
        match document.root().kind() {
            Kind::Array(items) => items
                .iter()
                .map(|item| match item.kind() {
                    Kind::Object(members) => {
                        format!("{:?}", members.iter().map(|(key, node)| (key, node.to_json())).collect::<Vec<_>>())
                    }
                    kind => format!("{kind:?}"),
                })
                .collect(),
            kind => vec![format!("{kind:?}")],
        }
    }

    #[test]
    fn every_kind_is_told_apart_and_duplicate_keys_are_kept() {
        let document = document(r#"[null, true, -7, 1.5, 1e2, "aA", {"a":1,"a":2}, -0.0]"#);
        assert_eq!(
            kinds(&document),
            [
                "Null",
                "Bool(true)",
                "Int(-7)",
                "Float(1.5)",
                "Float(100.0)",
                "Text(\"aA\")",
                "[(\"a\", \"1\"), (\"a\", \"2\")]",
                "Float(0.0)"
            ]
        );
    }

    #[test]
    fn integers_beyond_64_bits_are_never_rounded() {
        let plain = document(
            "[9223372036854775807, 9223372036854775808, 1e30, 123456789012345678901234567890, -9223372036854775808]",
        );
        assert_eq!(
            kinds(&plain),
            ["Int(9223372036854775807)", "Inexact", "Inexact", "Inexact", "Int(-9223372036854775808)"]
        );
        let exact = plain.parse_exact();
        assert_eq!(
            kinds(&exact),
            ["Int(9223372036854775807)", "BigInt", "Float(1e30)", "BigInt", "Int(-9223372036854775808)"]
        );
        let texts: Vec<String> = match exact.root().kind() {
            Kind::Array(items) => items.iter().map(Node::to_json).collect(),
            _ => vec![],
        };
        assert_eq!(texts[3], "123456789012345678901234567890");
    }

    #[test]
    fn numbers_are_the_same_with_and_without_their_text() {
        let plain = document("[-0, -0.0, -0e5, -0.00E-1, -1e-400, 0, 7, -0.07, 1e-400, -9223372036854775807]");
        assert_eq!(kinds(&plain), kinds(&plain.parse_exact()));
        assert_eq!(kinds(&plain)[..4], ["Float(0.0)"; 4]);
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for (body, line) in [("", 1), ("[1,\n 2", 2), ("<html>", 1), ("[1]x", 1), ("[NaN]", 1), ("[1e400]", 1)] {
            let error = Document::parse(Bytes::copy_from_slice(body.as_bytes())).expect_err(body);
            assert_eq!(error.line, line, "{body}: {error}");
        }
        assert!(Document::parse(Bytes::from_static(b"[\"\xff\"]")).is_err());
    }

    #[test]
    fn deep_nesting_is_no_danger() {
        let deep = "[".repeat(1_000_000);
        assert!(Document::parse(Bytes::from(deep)).is_err());
        let objects = "{\"a\":".repeat(1_000_000);
        assert!(Document::parse(Bytes::from(objects)).is_err());
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
            let deepest = nested(LEVELS_MAX);
            let document = Document::parse(Bytes::from(deepest.clone())).expect("it fits");
            assert_eq!(document.root().to_json(), deepest);
            assert!(document.root().equals(document.root()));
            let error = Document::parse(Bytes::from(nested(LEVELS_MAX + 1))).expect_err("one too many");
            assert!(error.to_string().contains("nested deeper than 128 levels"), "{error}");
        }
    }
}
