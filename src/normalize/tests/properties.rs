//! Laws: the table does not depend on how records are cut into pages, and every value is found again.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType as Arrow, Decimal128Type, Fields, Float64Type, Int64Type};
use proptest::prelude::*;

use super::*;

fn record() -> impl Strategy<Value = serde_json::Value> {
    let number = prop_oneof![
        Just(serde_json::Value::Null),
        (-1000_i64..1000).prop_map(Into::into),
        (-1000_i32..1000).prop_map(|half| serde_json::Value::from(f64::from(half) / 2.0)),
    ];
    let text = prop_oneof![
        Just(serde_json::Value::Null),
        "[a-z]{0,4}".prop_map(Into::into),
        Just(serde_json::Value::from("2024-01-25T11:21:28Z")),
    ];
    let list = prop::collection::vec(number.clone(), 0..3).prop_map(serde_json::Value::Array);
    let members = (prop::option::of(number), prop::option::of(text), prop::option::of(list));
    members.prop_map(|(number, text, list)| {
        let nested = serde_json::json!({"text": text.clone(), "list": list.clone()});
        let members = [("number", number), ("text", text), ("list", list), ("nested", Some(nested))];
        let present: BTreeMap<_, _> = members.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        serde_json::json!(present)
    })
}

/// Any JSON value that is no null, three levels deep.
fn anything() -> impl Strategy<Value = serde_json::Value> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Into::into),
        (-5_i64..5).prop_map(Into::into),
        Just(9_007_199_254_740_993_i64.into()),
        Just(u64::MAX.into()),
        (-9_i32..9).prop_map(|half| serde_json::Value::from(f64::from(half) / 2.0)),
        Just(serde_json::Value::from("2024-01-25T11:21:28Z")),
        "[a-c]{0,2}".prop_map(Into::into),
    ];
    scalar.prop_recursive(3, 12, 3, |inner| {
        let member = (prop_oneof![Just("x"), Just("y")], inner.clone());
        prop_oneof![
            prop::collection::vec(prop_oneof![Just(serde_json::Value::Null), inner], 0..3).prop_map(Into::into),
            prop::collection::vec(member, 0..3).prop_map(|members| {
                serde_json::Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

/// The value of a cell as JSON; null where it is null.
fn cell(column: &dyn Array, row: usize) -> serde_json::Value {
    use serde_json::Value;
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        Arrow::Boolean => column.as_boolean().value(row).into(),
        Arrow::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        Arrow::Float64 => column.as_primitive::<Float64Type>().value(row).into(),
        Arrow::Decimal128(..) => {
            let value = column.as_primitive::<Decimal128Type>().value(row);
            i64::try_from(value).map_or_else(|_| u64::try_from(value).expect("the test's greatest").into(), Into::into)
        }
        Arrow::Timestamp(..) => "2024-01-25T11:21:28Z".into(),
        Arrow::Utf8 => column.as_string::<i32>().value(row).into(),
        Arrow::List(_) => {
            let items = column.as_list::<i32>().value(row);
            (0..items.len()).map(|at| cell(&items, at)).collect()
        }
        Arrow::Struct(fields) => {
            let members = column.as_struct();
            Value::Object(found(fields, members.columns(), row))
        }
        other => panic!("no such type: {other}"),
    }
}

/// The members of a row by their plain names, wherever their values went.
fn found(fields: &Fields, columns: &[ArrayRef], row: usize) -> serde_json::Map<String, serde_json::Value> {
    let mut members = serde_json::Map::new();
    for (field, column) in fields.iter().zip(columns) {
        let value = match cell(column, row) {
            serde_json::Value::Null => continue,
            serde_json::Value::String(text) if field.name().ends_with("__v_json") => {
                serde_json::from_str(&text).expect("JSON")
            }
            value => value,
        };
        let name = field.name().split("__v_").next().expect("a name");
        assert!(members.insert(name.to_owned(), value).is_none(), "`{name}` has one value");
    }
    members
}

/// A value without what no column keeps: members that are null, and empty objects and lists where nothing else is; numbers
/// as floats where that is the same.
fn kept(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.abs() <= 9_007_199_254_740_992.0 => float.into(),
            _ => value.clone(),
        },
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().map(kept).collect();
            if items.iter().all(Value::is_null) { Value::Null } else { items.into() }
        }
        Value::Object(members) => {
            let kept: serde_json::Map<_, _> = members
                .iter()
                .map(|(key, value)| (key.clone(), kept(value)))
                .filter(|(_, value)| !value.is_null())
                .collect();
            if kept.is_empty() { Value::Null } else { Value::Object(kept) }
        }
        value => value.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the records are cut into pages, the table is the same.
    #[test]
    fn any_split_into_pages_gives_the_same_rows(
        records in prop::collection::vec(record(), 1..20),
        cuts in prop::collection::vec(any::<bool>(), 20),
    ) {
        let whole = serde_json::to_string(&records).expect("JSON");
        let mut pages = vec![Vec::new()];
        for (record, cut) in records.iter().zip(&cuts) {
            if *cut {
                pages.push(Vec::new());
            }
            pages.last_mut().expect("one page").push(record.clone());
        }
        let pages: Vec<String> = pages.iter().map(|page| serde_json::to_string(page).expect("JSON")).collect();
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        prop_assert_eq!(load(&[&whole]).expect("it fits"), load(&pages).expect("it fits"));
    }
    /// Of whatever kinds the values of a column are: each is found again, in the same columns however the rows are cut into
    /// pages, and still found when types are settled with the first page.
    #[test]
    fn every_value_is_found_again(values in prop::collection::vec(anything(), 1..12), page_rows in 1_usize..4) {
        let rows: Vec<serde_json::Value> = values.iter().map(|value| serde_json::json!({ "a": value })).collect();
        let whole = serde_json::to_string(&rows).expect("JSON");
        let pages: Vec<String> = rows.chunks(page_rows).map(|page| serde_json::to_string(page).expect("JSON")).collect();
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        let at_once = load(&[&whole]).expect("all of it");
        prop_assert_eq!(&at_once, &load(&pages).expect("all of it"));
        let cut = batches_within(&plan(), 1, &pages).expect("all of it");
        for (batches, rows) in [(vec![at_once], &rows), (cut, &rows)] {
            let seen: Vec<serde_json::Value> = batches
                .iter()
                .flat_map(|batch| {
                    let schema = batch.schema();
                    (0..batch.num_rows())
                        .map(|row| serde_json::Value::Object(found(schema.fields(), batch.columns(), row)))
                        .collect::<Vec<_>>()
                })
                .collect();
            let seen: Vec<serde_json::Value> = seen.iter().map(kept).collect();
            let rows: Vec<serde_json::Value> = rows.iter().map(kept).collect();
            prop_assert_eq!(seen, rows);
        }
    }
}
