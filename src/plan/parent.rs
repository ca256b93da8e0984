//! What a resource takes from the rows of another one.

use super::ResourceName;
use super::template::ParentField;

/// The parent of a resource, each row of which leads to a walk of its own.
#[derive(Debug, Clone)]
pub struct ParentLink {
    /// The parent.
    pub resource: ResourceName,
    /// The fields of its rows that the requests hold, each once.
    pub fields: Vec<ParentField>,
    /// The fields of its rows that the rows of the child get.
    pub included: Vec<IncludedField>,
    /// What becomes of parents without one of the fields.
    pub on_missing: MissingParentField,
}

/// A field of the parent's row that each row of the child gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncludedField {
    /// The key in the parent's row.
    pub key: String,
    /// The key in the child's row: `_<parent>_<key>`.
    pub name: String,
}

/// What becomes of parents that lack a field of the child's requests, or have null in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingParentField {
    /// They are an error.
    #[default]
    Fail,
    /// They have no children.
    Skip,
}
