//! How scalars become texts: as Python's `str` writes them, because that is what dlt sends.

use super::tree::{Text, Tree, Value};
use crate::plan::python_float;

/// The text of a scalar, `None` for lists, maps and what was not found.
pub(super) fn python_text(tree: &Tree) -> Option<Text> {
    match &tree.value {
        Value::Null => Some(Text::written("None")),
        Value::Bool(true) => Some(Text::written("True")),
        Value::Bool(false) => Some(Text::written("False")),
        Value::Int(number) => Some(Text::written(number.to_string())),
        Value::Float(number) => Some(Text::written(python_float(*number))),
        Value::Text(text) => Some(text.clone()),
        Value::List(_) | Value::Map(_) => None,
        Value::Lookup(_) | Value::Joined(_) | Value::Choice(_) | Value::Lost => None,
    }
}
