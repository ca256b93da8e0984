//! One parsed body. The only file that names the parser.
//!
//! The parser is sonic-rs: on 302 MB of flat records it takes 0.20 s where the tape of simd-json takes 0.33 s and
//! `serde_json::Value` 1.3 s. Its values live in one arena per document; a [`Node`] is a reference into it.
//!
//! Numbers are read as `i64` or `f64`. The few documents that hold an integer beyond `i64`, which the parser would turn
//! into a float, are found while they are walked ([`Kind::Inexact`]) and read again with the text of numbers kept
//! ([`Document::parse_exact`]). The sign of `-0.0` is lost in the parser.

use super::depth::exceeds;
use bytes::Bytes;
use sonic_rs::{JsonNumberTrait, JsonValueTrait, Value, ValueRef};

/// Levels of nesting that are parsed: the parser recurses, and this many fit into a stack of 2 MiB
/// even in a build without optimisation, where a level takes about 30 KiB.
const LEVELS_MAX: usize = 48;

/// A body that is JSON, parsed once and shared by all who read it.
#[derive(Debug)]
pub struct Document {
    root: Value,
    body: Bytes,
    exact: bool,
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
pub struct Node<'a>(&'a Value);

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
pub struct Items<'a>(&'a [Value]);

/// The members of an object, in order.
#[derive(Debug, Clone, Copy)]
pub struct Members<'a>(&'a sonic_rs::Object);

impl Document {
    /// Parses a whole body.
    ///
    /// # Errors
    /// When the body is not one JSON value in UTF-8, or nests beyond 48 levels.
    pub fn parse(body: Bytes) -> Result<Self, ParseError> {
        if exceeds(&body, LEVELS_MAX) {
            let problem = format!("objects or arrays are nested deeper than {LEVELS_MAX} levels");
            return Err(ParseError { line: 1, column: 1, problem });
        }
        let root = sonic_rs::from_slice(&body).map_err(|error| located(&error))?;
        Ok(Self { root, body, exact: false })
    }

    /// Reads the same body again with the text of its numbers kept, which is slower.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_exact(&self) -> Result<Self, ParseError> {
        let mut reader = sonic_rs::Deserializer::from_slice(&self.body).use_rawnumber();
        let root = reader.deserialize().map_err(|error| located(&error))?;
        Ok(Self { root, body: self.body.clone(), exact: true })
    }

    /// Whether the text of numbers was kept.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// The value that the body is.
    pub fn root(&self) -> Node<'_> {
        Node(&self.root)
    }

    /// The body's bytes, after decompression.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

fn located(error: &sonic_rs::Error) -> ParseError {
    // The parser's message goes on with an excerpt of the body, which may hold anybody's data.
    let text = error.to_string();
    let problem = text.split(" at line ").next().unwrap_or_default().lines().next().unwrap_or_default().to_owned();
    ParseError { line: error.line(), column: error.column(), problem }
}

impl<'a> Items<'a> {
    /// How many elements there are.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The element at `index`.
    pub fn get(self, index: usize) -> Option<Node<'a>> {
        self.0.get(index).map(Node)
    }

    /// The elements in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Node<'a>> + DoubleEndedIterator {
        self.0.iter().map(Node)
    }
}

impl<'a> Members<'a> {
    /// How many members there are.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The members in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        self.0.iter().map(|(key, value)| (key, Node(value)))
    }
}

impl<'a> Node<'a> {
    /// What the value is.
    #[inline]
    pub fn kind(self) -> Kind<'a> {
        match self.0.as_ref() {
            // The parser shows a kept number text that overflows a float as null.
            ValueRef::Null if !self.0.is_null() => Kind::Inexact,
            ValueRef::Null => Kind::Null,
            ValueRef::Bool(value) => Kind::Bool(value),
            ValueRef::String(text) => Kind::Text(text),
            ValueRef::Array(items) => Kind::Array(Items(items.as_slice())),
            ValueRef::Object(members) => Kind::Object(Members(members)),
            ValueRef::Number(number) => self.number(&number),
        }
    }

    fn number(self, number: &sonic_rs::Number) -> Kind<'a> {
        if let Some(value) = number.as_i64() {
            return Kind::Int(value);
        }
        match number.as_f64() {
            // 2^63: from here on the text decides whether it was an integer.
            Some(value) if value.abs() < 9_223_372_036_854_775_808.0 => Kind::Float(value),
            float => match self.0.as_raw_number() {
                Some(text) if !text.as_str().contains(['.', 'e', 'E']) => Kind::BigInt,
                Some(_) => float.filter(|value| value.is_finite()).map_or(Kind::Inexact, Kind::Float),
                None => Kind::Inexact,
            },
        }
    }

    /// The member `key` of an object; of duplicates the last.
    pub fn member(self, key: &str) -> Option<Node<'a>> {
        match self.kind() {
            Kind::Object(members) => members.iter().filter(|(name, _)| *name == key).last().map(|(_, node)| node),
            _ => None,
        }
    }

    /// The value as JSON text, without white space.
    pub fn to_json(self) -> String {
        sonic_rs::to_string(self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let exact = plain.parse_exact().expect("it parsed before");
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
        let fits = format!("{}{}", "[".repeat(LEVELS_MAX), "]".repeat(LEVELS_MAX));
        assert!(Document::parse(Bytes::from(fits)).is_ok());
    }
}
