//! The values of a batch as the JSON that they were read from, to be compared with it: by source key, whichever column has them.

use alluvium::flow::{SOURCE_KEY, VARIANT_KEY};
use arrow::datatypes::{DataType, Fields};
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value};

use super::lake::objects;

/// The rows of a batch, each as [`kept`] has it.
pub fn of_batch(batch: &RecordBatch) -> Vec<Value> {
    if batch.num_columns() == 0 {
        return vec![Value::Null; batch.num_rows()];
    }
    let fields = batch.schema_ref().fields();
    objects(batch).iter().map(|row| kept(&by_source(fields, row.as_object().expect("a row")))).collect()
}

/// The row that an item of a page is.
pub fn of_item(item: &Value) -> Value {
    match item {
        Value::Object(_) => kept(item),
        item => kept(&serde_json::json!({ "value": item })),
    }
}

fn by_source(fields: &Fields, members: &Map<String, Value>) -> Value {
    let mut found = Map::new();
    for field in fields {
        let Some(value) = members.get(field.name()).filter(|value| !value.is_null()) else { continue };
        let metadata = field.metadata();
        let is_json = metadata.contains_key(VARIANT_KEY) && field.name().contains("__v_json");
        let value = match value {
            Value::String(text) if is_json => serde_json::from_str(text).expect("JSON"),
            value => renamed(field.data_type(), value),
        };
        let before = found.insert(metadata[SOURCE_KEY].clone(), value);
        assert!(before.is_none(), "`{}` has two values", metadata[SOURCE_KEY]);
    }
    Value::Object(found)
}

fn renamed(data_type: &DataType, value: &Value) -> Value {
    match (data_type, value) {
        (DataType::Struct(fields), Value::Object(members)) => by_source(fields, members),
        (DataType::List(item), Value::Array(items)) => {
            items.iter().map(|value| renamed(item.data_type(), value)).collect()
        }
        _ => value.clone(),
    }
}

/// What a table keeps of a value: nothing of null, of empty objects and of lists without a value; of a timestamp not how it was
/// written; and not whether digits that no number type holds were a number or a text.
fn kept(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => number_text(number.as_f64().unwrap_or_default()).into(),
        Value::Number(number) => number.to_string().into(),
        Value::String(text) => match text.parse() {
            Ok(number) if text.len() > 38 => number_text(number).into(),
            _ if text.contains('-') && text.bytes().filter(u8::is_ascii_digit).count() > 5 => "a time".into(),
            _ => value.clone(),
        },
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().map(kept).collect();
            if items.iter().all(Value::is_null) { Value::Null } else { items.into() }
        }
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| (key.clone(), kept(value)));
            let members: Map<String, Value> = members.filter(|(_, value)| !value.is_null()).collect();
            if members.is_empty() { Value::Null } else { Value::Object(members) }
        }
        value => value.clone(),
    }
}

/// As an integer where it is one within 2^53, else with as many digits as `serde_json` is right about.
fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
        return format!("{}", number + 0.0);
    }
    format!("{number:.12e}")
}
