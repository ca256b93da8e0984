//! Arrow schemas as the log's schema strings. Columns that a table has already are kept word for word.

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use serde_json::{Map, Value, json};

use super::error::LoadErrorKind;
use crate::flow::{SOURCE_KEY, VARIANT_KEY};

/// The schema string of a new table.
pub(super) fn schema_string(fields: &Fields) -> Result<String, LoadErrorKind> {
    Ok(struct_type(fields)?.to_string())
}

/// A table's schema string with the columns added that only `fields` has, at any depth; `None` where there are none.
pub(super) fn extended(stored: &str, fields: &Fields) -> Result<Option<String>, LoadErrorKind> {
    let mut schema: Value =
        serde_json::from_str(stored).map_err(|_| LoadErrorKind::Internal("the table's schema string is not JSON"))?;
    Ok(extend_struct(&mut schema, fields)?.then(|| schema.to_string()))
}

/// A table's schema string with the types that `fields` have for its columns.
pub(super) fn retyped(stored: &str, fields: &Fields) -> Result<String, LoadErrorKind> {
    let mut schema: Value =
        serde_json::from_str(stored).map_err(|_| LoadErrorKind::Internal("the table's schema string is not JSON"))?;
    let columns = schema.get_mut("fields").and_then(Value::as_array_mut);
    for column in columns.into_iter().flatten() {
        let field = fields.iter().find(|field| column.get("name").and_then(Value::as_str) == Some(field.name()));
        if let (Some(field), Some(entry)) = (field, column.get_mut("type"))
            && entry.is_string()
        {
            *entry = delta_type(field.data_type())?;
        }
    }
    Ok(schema.to_string())
}

fn struct_type(fields: &Fields) -> Result<Value, LoadErrorKind> {
    let fields = fields.iter().map(|field| field_type(field)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"type": "struct", "fields": fields}))
}

fn field_type(field: &Field) -> Result<Value, LoadErrorKind> {
    let metadata: Map<String, Value> = field
        .metadata()
        .iter()
        .filter(|(key, _)| [SOURCE_KEY, VARIANT_KEY].contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), Value::String(value.clone())))
        .collect();
    Ok(json!({
        "name": field.name(),
        "type": delta_type(field.data_type())?,
        "nullable": field.is_nullable(),
        "metadata": metadata,
    }))
}

/// The types that the normaliser makes; others come only from tables that have them already.
fn delta_type(data_type: &DataType) -> Result<Value, LoadErrorKind> {
    Ok(match data_type {
        DataType::Boolean => "boolean".into(),
        DataType::Int64 => "long".into(),
        DataType::Float64 => "double".into(),
        DataType::Utf8 => "string".into(),
        DataType::Date32 => "date".into(),
        DataType::Binary => "binary".into(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})").into(),
        DataType::Struct(fields) => struct_type(fields)?,
        DataType::List(item) => {
            json!({"type": "array", "elementType": delta_type(item.data_type())?, "containsNull": true})
        }
        _ => return Err(LoadErrorKind::Internal("a column of a type that is not written")),
    })
}

/// Adds the missing members of a struct; whether there were any.
fn extend_struct(schema: &mut Value, fields: &Fields) -> Result<bool, LoadErrorKind> {
    let Some(stored) = schema.get_mut("fields").and_then(Value::as_array_mut) else {
        return Err(LoadErrorKind::Internal("a struct without fields in the table's schema"));
    };
    let mut changed = false;
    for field in fields {
        let same = |entry: &&mut Value| {
            entry.get("name").and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case(field.name()))
        };
        match stored.iter_mut().find(same) {
            Some(entry) => {
                if let Some(kind) = entry.get_mut("type") {
                    changed |= extend_type(kind, field.data_type())?;
                }
            }
            None => {
                stored.push(field_type(field)?);
                changed = true;
            }
        }
    }
    Ok(changed)
}

fn extend_type(stored: &mut Value, data_type: &DataType) -> Result<bool, LoadErrorKind> {
    match data_type {
        DataType::Struct(fields) => extend_struct(stored, fields),
        DataType::List(item) => match stored.get_mut("elementType") {
            Some(element) => extend_type(element, item.data_type()),
            None => Ok(false),
        },
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn new_columns_are_added_at_any_depth_and_the_rest_is_kept() {
        let stored = r#"{"type":"struct","fields":[
            {"name":"id","type":"integer","nullable":false,"metadata":{"x":1}},
            {"name":"tags","type":{"type":"array","elementType":{"type":"struct","fields":[]},"containsNull":false},"nullable":true,"metadata":{}}]}"#;
        let member = Field::new("a", DataType::Utf8, true);
        let element = Field::new("element", DataType::Struct(Fields::from(vec![member])), true);
        let fields = Fields::from(vec![
            Field::new("ID", DataType::Int64, true),
            Field::new("tags", DataType::List(Arc::new(element)), true),
        ]);
        let text = extended(stored, &fields).expect("it is a schema").expect("a column is new");
        let schema: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(schema["fields"][0]["type"], "integer");
        assert_eq!(schema["fields"][0]["metadata"]["x"], 1);
        assert_eq!(schema["fields"][1]["type"]["elementType"]["fields"][0]["name"], "a");
        assert_eq!(schema["fields"].as_array().map(Vec::len), Some(2));
        assert_eq!(extended(&text, &fields).expect("it is a schema"), None);
    }
}
