//! Requests with gaps: texts of which parts are known only while a run is under way, from a parent's row or from the cursor.
//!
//! Only data; `extract::fill` fills them.

use std::sync::Arc;

use super::CursorPlace;
use crate::json::Path;

/// A text with gaps.
#[derive(Clone, Default, PartialEq)]
pub struct Template(pub Vec<TemplatePart>);

/// A part of a [`Template`].
#[derive(Clone, PartialEq)]
pub enum TemplatePart {
    /// A text as it is, which may be a secret.
    Literal(String),
    /// What is known later.
    Gap(Gap),
}

/// A place in a text that is filled for each request.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// The placeholder as written, without its braces.
    pub text: String,
    /// What fills it.
    pub source: GapSource,
    /// How it is written there.
    pub format: Option<TextFormat>,
}

/// What fills a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapSource {
    /// A field of the parent's row, by its place in [`ParentLink::fields`](super::ParentLink).
    Parent(usize),
    /// A value of the cursor.
    Cursor(CursorPlace),
}

/// The part of Python's format specification that placeholders are seen with: `05d`, `.2f`, `>8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFormat {
    /// What fills up to the width.
    pub fill: char,
    /// Where the text stands; `None`: numbers at the right, texts at the left.
    pub align: Option<Align>,
    /// Characters at least.
    pub width: usize,
    /// Digits after the point, or characters of a text at most.
    pub precision: Option<usize>,
    /// How the value is read.
    pub kind: TextKind,
}

/// Where a text stands in a wider place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// `<`.
    Left,
    /// `>`.
    Right,
    /// `^`.
    Center,
    /// `=`, or a leading zero: between the sign and the digits.
    AfterSign,
}

/// How a formatted value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// As it is.
    Plain,
    /// `d`: an integer.
    Integer,
    /// `f`: a number with digits after the point.
    Fixed,
    /// `x`: a hexadecimal integer.
    Hex,
    /// `X`.
    UpperHex,
}

/// A JSON value with gaps in its texts. A text that is one gap and nothing else keeps the type of what fills it.
#[derive(Clone, PartialEq)]
pub enum JsonTemplate {
    /// A value without gaps.
    Value(serde_json::Value),
    /// A text.
    Text(Template),
    /// A list.
    List(Vec<JsonTemplate>),
    /// An object, whose keys may have gaps too.
    Map(Vec<(Template, JsonTemplate)>),
}

/// All of an endpoint's request that may have gaps. What has none is in it too, so that the whole takes the place of the endpoint's.
#[derive(Clone, Default)]
pub struct RequestTemplate {
    /// The URL, in which a filled text stays one segment or one value.
    pub url: Template,
    /// The path is one gap, whose value may be a URL itself, which then takes the place of `base_url`.
    pub may_be_url: bool,
    /// Query parameters in order.
    pub params: Vec<(Template, Template)>,
    /// Request headers.
    pub headers: Vec<(String, Template)>,
    /// The JSON body.
    pub json: Option<JsonTemplate>,
    /// The form of the body, as pairs.
    pub form: Option<Vec<(Template, Template)>>,
    /// The body as a text.
    pub raw: Option<Template>,
}

/// A field of the parent's row that requests or rows of the child hold.
#[derive(Debug, Clone, PartialEq)]
pub struct ParentField {
    /// The path as written.
    pub text: String,
    /// Leads from the row to the value, of which the first counts.
    pub path: Arc<Path>,
}

impl Template {
    /// A text without gaps.
    pub fn literal(text: impl Into<String>) -> Self {
        Self(vec![TemplatePart::Literal(text.into())])
    }

    /// The text, if it has no gaps.
    pub fn as_literal(&self) -> Option<String> {
        let parts = self.0.iter().map(|part| match part {
            TemplatePart::Literal(text) => Some(text.as_str()),
            TemplatePart::Gap(_) => None,
        });
        parts.collect()
    }

    /// The gap, if the text is nothing else.
    pub fn only_gap(&self) -> Option<&Gap> {
        match self.0.as_slice() {
            [TemplatePart::Gap(gap)] => Some(gap),
            _ => None,
        }
    }

    /// Its gaps in order.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.0.iter().filter_map(|part| match part {
            TemplatePart::Gap(gap) => Some(gap),
            TemplatePart::Literal(_) => None,
        })
    }

    /// The text with its gaps as they were written.
    pub fn written(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            TemplatePart::Literal(text) => text.clone(),
            TemplatePart::Gap(gap) => format!("{{{}}}", gap.text),
        });
        parts.collect()
    }
}

impl JsonTemplate {
    /// The value, if it has no gaps.
    pub fn as_value(&self) -> Option<serde_json::Value> {
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Text(text) => text.as_literal().map(Into::into),
            Self::List(items) => items.iter().map(Self::as_value).collect(),
            Self::Map(entries) => {
                let entries = entries.iter().map(|(name, value)| Some((name.as_literal()?, value.as_value()?)));
                entries.collect::<Option<serde_json::Map<_, _>>>().map(Into::into)
            }
        }
    }
}

impl RequestTemplate {
    /// Whether nothing of it is known only later.
    pub fn is_complete(&self) -> bool {
        let pairs = |pairs: &[(Template, Template)]| {
            pairs.iter().all(|(name, value)| name.as_literal().is_some() && value.as_literal().is_some())
        };
        self.url.as_literal().is_some()
            && pairs(&self.params)
            && self.headers.iter().all(|(_, value)| value.as_literal().is_some())
            && self.json.as_ref().is_none_or(|json| json.as_value().is_some())
            && self.form.as_deref().is_none_or(pairs)
            && self.raw.as_ref().is_none_or(|raw| raw.as_literal().is_some())
    }
}

/// Without its literals: a config may have taken them from its secrets.
impl std::fmt::Debug for Template {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.gaps().map(|gap| &gap.text)).finish()
    }
}

impl std::fmt::Debug for TemplatePart {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(_) => formatter.write_str("Literal"),
            Self::Gap(gap) => formatter.debug_tuple("Gap").field(&gap.text).finish(),
        }
    }
}

impl std::fmt::Debug for JsonTemplate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JsonTemplate")
    }
}

impl std::fmt::Debug for RequestTemplate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RequestTemplate").field("url", &self.url).finish_non_exhaustive()
    }
}
