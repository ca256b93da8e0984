//! How scalars become texts: as Python's `str` writes them, because that is what dlt sends.

use super::tree::{Text, Tree, Value};

/// The text of a scalar, `None` for lists, maps and what was not found.
pub(super) fn python_text(tree: &Tree) -> Option<Text> {
    match &tree.value {
        Value::Null => Some(Text::written("None")),
        Value::Bool(true) => Some(Text::written("True")),
        Value::Bool(false) => Some(Text::written("False")),
        Value::Int(number) => Some(Text::written(number.to_string())),
        Value::Float(number) => Some(Text::written(python_float(*number))),
        Value::Text(text) => Some(text.clone()),
        Value::List(_) | Value::Map(_) | Value::Lookup(_) | Value::Joined(_) | Value::Lost => None,
    }
}

/// Rust's `Debug` switches to an exponent where Python does, but writes it without sign and padding.
fn python_float(number: f64) -> String {
    let text = format!("{number:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{digits}e-{exponent:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::python_float;

    #[test]
    fn floats_are_written_as_python_does() {
        let table =
            [(1.5, "1.5"), (1.0, "1.0"), (1e16, "1e+16"), (1.5e-7, "1.5e-07"), (0.0001, "0.0001"), (1e100, "1e+100")];
        for (number, expected) in table {
            assert_eq!(python_float(number), expected);
        }
    }
}
