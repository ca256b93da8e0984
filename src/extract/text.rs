//! Values as texts of a request, as Python's `str` and `format` write them.

use serde_json::Value;

use crate::plan::{Align, TextFormat, TextKind, python_float};

/// The text of a scalar; `None`: it is a list or an object.
pub(super) fn plain(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) if number.is_f64() => python_float(number.as_f64()?),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => return None,
    })
}

/// The text of a scalar in a format; `None`: it does not fit.
pub(super) fn formatted(value: &Value, format: &TextFormat) -> Option<String> {
    let is_number = value.is_number();
    let text = match format.kind {
        TextKind::Plain => {
            let text = plain(value)?;
            match format.precision {
                Some(precision) if is_number => format!("{:.precision$}", value.as_f64()?),
                Some(precision) => text.chars().take(precision).collect(),
                None => text,
            }
        }
        TextKind::Integer => value.as_i64()?.to_string(),
        TextKind::Fixed => format!("{:.*}", format.precision.unwrap_or(6), value.as_f64()?),
        TextKind::Hex => hexadecimal(value.as_i64()?),
        TextKind::UpperHex => hexadecimal(value.as_i64()?).to_uppercase(),
    };
    let missing = format.width.saturating_sub(text.chars().count());
    let align = format.align.unwrap_or(if is_number { Align::Right } else { Align::Left });
    let fill = |count: usize| format.fill.to_string().repeat(count);
    Some(match align {
        Align::Left => format!("{text}{}", fill(missing)),
        Align::Right => format!("{}{text}", fill(missing)),
        Align::Center => format!("{}{text}{}", fill(missing / 2), fill(missing - missing / 2)),
        // Python refuses to put anything between the sign and the digits of a text.
        Align::AfterSign if !is_number => return None,
        Align::AfterSign => match text.strip_prefix('-') {
            Some(digits) => format!("-{}{digits}", fill(missing)),
            None => format!("{}{text}", fill(missing)),
        },
    })
}

fn hexadecimal(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{:x}", number.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn format(fill: char, align: Option<Align>, width: usize, kind: TextKind) -> TextFormat {
        TextFormat { fill, align, width, precision: None, kind }
    }

    #[test]
    fn values_are_written_as_python_writes_them() {
        let table = [
            (json!(true), "True"),
            (json!(1.5), "1.5"),
            (json!(1e16), "1e+16"),
            (json!("a b"), "a b"),
            (json!(7), "7"),
        ];
        for (value, expected) in table {
            assert_eq!(plain(&value).as_deref(), Some(expected));
        }
        assert_eq!(plain(&json!([1])), None);
        let padded = format('0', Some(Align::AfterSign), 5, TextKind::Integer);
        assert_eq!(formatted(&json!(-42), &padded).as_deref(), Some("-0042"));
        assert_eq!(formatted(&json!("x"), &padded), None);
        assert_eq!(
            formatted(&json!("ab"), &format('*', Some(Align::Center), 5, TextKind::Plain)).as_deref(),
            Some("*ab**")
        );
        assert_eq!(formatted(&json!(255), &format(' ', None, 4, TextKind::UpperHex)).as_deref(), Some("  FF"));
    }
}
