//! What of a parent's row its children need: the fields of their requests, and those that their rows get.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::audience::Lanes;
use super::reached::LaneCursors;
use crate::json::{Kind, Node};
use crate::plan::{ParentLink, SafeUrl};

/// A row of a parent, which leads to one walk of a child.
#[derive(Debug, Clone)]
pub struct ParentRow {
    /// The fields of the child's requests, in the order of [`ParentLink::fields`]; `None`: the row has no such field.
    pub(super) fields: Vec<Option<Value>>,
    /// What each row of the child gets, as JSON texts in the order of [`ParentLink::included`]; `None`: the row has no such key.
    pub(super) included: Vec<Option<String>>,
    /// Where the row is, for messages.
    pub(super) at: (SafeUrl, usize),
    /// For whom it is new.
    pub(super) lanes: Lanes,
}

/// What comes from a parent.
#[derive(Debug, Clone)]
pub enum Parent {
    /// A row.
    Row(ParentRow),
    /// It was the last; this is how far the cursors of all above are.
    Done(BTreeMap<String, Arc<LaneCursors>>),
    /// The parent failed, so that not all of its rows have come.
    Failed,
}

impl Parent {
    /// About the bytes that it takes while it waits.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Row(row) => row.bytes(),
            Self::Done(_) | Self::Failed => 0,
        }
    }
}

impl ParentRow {
    /// About the bytes that it takes.
    pub(super) fn bytes(&self) -> u64 {
        let fields = self.fields.iter().flatten().map(|value| value.as_str().map_or(1, str::len));
        let included = self.included.iter().flatten().map(String::len);
        u64::try_from(fields.chain(included).sum::<usize>() + size_of::<Self>()).unwrap_or(u64::MAX)
    }

    pub(super) fn new(row: Node<'_>, link: &ParentLink, at: (SafeUrl, usize), lanes: Lanes) -> Self {
        Self {
            fields: link.fields.iter().map(|field| field.path.first(row).map(value)).collect(),
            included: link.included.iter().map(|field| row.member(&field.key).map(Node::to_json)).collect(),
            at,
            lanes,
        }
    }

    /// What tells this parent from others: the fields of its requests as a JSON array.
    pub(super) fn key(&self) -> String {
        serde_json::to_string(&self.fields).unwrap_or_default()
    }
}

#[cfg(test)]
impl ParentRow {
    /// A row with this text for its field.
    pub(crate) fn of_text(text: &str) -> Self {
        let url = url::Url::parse("https://a.b/").expect("a URL");
        let fields = vec![Some(Value::from(text))];
        Self { fields, included: Vec::new(), at: (SafeUrl::new(&url, &[]), 1), lanes: Lanes::ALL }
    }
}

fn value(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Text(text) => Value::String(text.to_owned()),
        Kind::Int(number) => number.into(),
        _ => serde_json::from_str(&node.to_json()).unwrap_or(Value::Null),
    }
}
