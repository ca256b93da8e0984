//! From JSON text to batches, without I/O.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType as Arrow, Float64Type, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use proptest::prelude::*;

use super::{NormalizeError, NormalizeErrorKind, Normalizer};
use crate::flow::{ChangeKind, Page, RowPath, TableState};
use crate::json::Document;
use crate::plan::{
    ColumnHint, DataType, Endpoint, Limits, Method, Naming, PaginatorSpec, RenameRule, ResourceName, ResourcePlan,
    RowSelection, SafeUrl, TableName, WriteDisposition,
};

fn plan() -> ResourcePlan {
    ResourcePlan {
        name: ResourceName::parse("items").expect("a name"),
        table: TableName::parse("items").expect("a name"),
        endpoint: Endpoint {
            url: url::Url::parse("http://api.example/items").expect("a URL"),
            method: Method::Get,
            params: Vec::new(),
            headers: Vec::new(),
            json: None,
            auth: None,
            paginator: PaginatorSpec::SinglePage,
            rows: RowSelection::Detect,
        },
        write: WriteDisposition::Append,
        columns: Vec::new(),
        rename: Vec::new(),
        naming: Naming::SnakeCase,
        selected: true,
    }
}

fn page(sequence: u64, body: &str) -> Page {
    let document = Document::parse(Bytes::copy_from_slice(body.as_bytes())).expect("JSON");
    let url = url::Url::parse("http://api.example/items").expect("a URL");
    Page {
        resource: ResourceName::parse("items").expect("a name"),
        sequence,
        url: SafeUrl::new(&url, &[]),
        document: Arc::new(document),
        rows: RowPath::Whole,
        bytes: body.len() as u64,
    }
}

/// All pages as one batch, with types settled after `memory` bytes.
fn load_within(plan: &ResourcePlan, memory: u64, bodies: &[&str]) -> Result<(RecordBatch, Normalizer), NormalizeError> {
    let limits = Limits { memory_bytes: NonZeroU64::new(memory).expect("not 0"), ..Limits::default() };
    let mut normalizer = Normalizer::new(plan, &limits, &TableState::default())?;
    let mut batches = Vec::new();
    for (index, body) in bodies.iter().enumerate() {
        let draft = normalizer.decoder().decode(&page(index as u64 + 1, body))?;
        batches.extend(normalizer.push(draft)?);
    }
    batches.extend(normalizer.finish()?);
    let schema = normalizer.load_schema().columns;
    let rows: Vec<RecordBatch> = batches.into_iter().map(|batch| batch.rows).collect();
    Ok((concat_batches(&schema, &rows).expect("one schema"), normalizer))
}

fn load(bodies: &[&str]) -> Result<RecordBatch, NormalizeError> {
    load_within(&plan(), 1 << 30, bodies).map(|(rows, _)| rows)
}

fn types(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect()
}

/// The fault of the first page that is refused, as a user reads it.
fn refused(bodies: &[&str]) -> String {
    load(bodies).expect_err("a fault").to_string()
}

#[test]
fn kinds_join_within_and_across_pages() {
    for bodies in [
        &[r#"[{"a":1,"b":null,"c":"2024-01-25T11:21:28Z","d":[1]}, {"a":2.5,"b":true,"c":"x","d":[0.5]}]"#][..],
        &[r#"[{"a":1,"b":null,"c":"2024-01-25T11:21:28Z","d":[1]}]"#, r#"[{"a":2.5,"b":true,"c":"x","d":[0.5]}]"#][..],
    ] {
        let rows = load(bodies).expect("they join");
        let seen = types(rows.schema_ref());
        assert_eq!(seen[..3], ["a: Float64", "b: Boolean", "c: Utf8"], "{bodies:?}");
        assert_eq!(rows.column(0).as_primitive::<Float64Type>().values()[..], [1.0, 2.5]);
        assert_eq!(rows.column(2).as_string::<i32>().value(0), "2024-01-25T11:21:28Z", "the text is kept");
    }
}

#[test]
fn nested_values_stay_nested_and_missing_ones_are_null() {
    let rows = load(&[r#"[{"o":{"x":1}}, {}, {"o":{"yZ":[{"q":"a"},null,{}]}}, {"o":null}]"#]).expect("it fits");
    let Arrow::Struct(members) = rows.schema_ref().field(0).data_type().clone() else { panic!("a struct") };
    assert_eq!(members.iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["x", "y_z"]);
    let outer = rows.column(0).as_struct();
    assert_eq!((0..4).map(|row| outer.is_null(row)).collect::<Vec<_>>(), [false, true, false, true]);
    assert_eq!(outer.column(0).as_primitive::<Int64Type>().value(0), 1);
    let list = outer.column(1).as_list::<i32>().value(2);
    assert_eq!((list.len(), list.null_count()), (3, 1));
}

#[test]
fn of_duplicate_keys_the_last_counts() {
    let rows = load(&[r#"[{"a":1,"l":[1,2],"a":2,"l":[3]}, {"a":3}]"#]).expect("it fits");
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().values()[..], [2, 3]);
    assert_eq!(rows.column(1).as_list::<i32>().value(0).as_primitive::<Int64Type>().values()[..], [3]);
}

#[test]
fn rows_that_are_no_objects_have_one_column() {
    assert_eq!(types(load(&["[1, 2, 3]"]).expect("it fits").schema_ref()), ["value: Int64"]);
}

#[test]
fn what_does_not_join_names_page_row_and_column() {
    let page = r#"[{"a":{"b":[1]}}, {"a":{"b":[2]}}]"#;
    assert_eq!(
        refused(&[r#"[{"a":1},{"a":"x"}]"#]),
        "page 1, row 2 of resource `items`: column `a` holds bigint, found a string `\"x\"`"
    );
    assert_eq!(
        refused(&[page, r#"[{"a":{"b":[3]}}, {"a":{"b":[4,5]}}, {"a":{"b":null}}, {"a":{"b":["x"]}}]"#]),
        "page 2, row 4 of resource `items`: column `a.b` holds bigint, found a string `\"x\"`"
    );
    assert_eq!(
        refused(&[page, r#"[{"a":null}, {"a":{"b":["x"]}}]"#]),
        "page 2, row 2 of resource `items`: column `a.b` holds bigint, found a string"
    );
}

#[test]
fn numbers_are_never_bent() {
    let wide = r#"[{"a":9007199254740993}]"#;
    assert!(load(&[wide, r#"[{"a":0.5}]"#]).is_err(), "2^53 + 1 is no float");
    assert!(load(&[r#"[{"a":0.5}]"#, wide]).is_err());
    assert!(load(&[r#"[{"a":18446744073709551615}]"#]).is_err());
    assert!(load(&[r#"[{"a":123456789012345678901234567890}]"#]).is_err());
    let rows = load(&[r#"[{"a":1e30}, {"a":0.1}, {"a":1}]"#]).expect("floats");
    assert_eq!(rows.column(0).as_primitive::<Float64Type>().values()[..], [1e30, 0.1, 1.0]);
}

#[test]
fn hints_fix_types_and_keep_the_text_of_numbers() {
    let hint = |name: &str, data_type| ColumnHint { name: name.to_owned(), data_type: Some(data_type), nullable: true };
    let mut plan = plan();
    plan.columns = vec![
        hint("bigId", DataType::Text),
        hint("raw", DataType::Json),
        hint("n", DataType::BigInt),
        hint("day", DataType::Date),
        hint("absent", DataType::Bool),
    ];
    let body = r#"[{"bigId":123456789012345678901234567890,"raw":{"x":[1.50,"é"]},"n":"7","day":"2024-01-25"}]"#;
    let (rows, _) = load_within(&plan, 1 << 30, &[body]).expect("it fits");
    assert_eq!(types(rows.schema_ref()), ["big_id: Utf8", "raw: Utf8", "n: Int64", "day: Date32", "absent: Boolean"]);
    assert_eq!(rows.column(0).as_string::<i32>().value(0), "123456789012345678901234567890");
    assert_eq!(rows.column(1).as_string::<i32>().value(0), r#"{"x":[1.50,"é"]}"#);
    plan.columns = vec![ColumnHint { name: "n".to_owned(), data_type: None, nullable: false }];
    let error = load_within(&plan, 1 << 30, &[r#"[{"n":1},{"m":1}]"#]).expect_err("a null");
    assert!(matches!(error.kind, NormalizeErrorKind::NullColumn { .. }) && error.row == Some(2), "{error}");
}

#[test]
fn names_are_renamed_and_never_shared() {
    let mut plan = plan();
    plan.rename = vec![
        RenameRule { path: vec!["ga_id".to_owned()], to: "analytics_id".to_owned() },
        RenameRule { path: vec!["o".to_owned(), "x".to_owned()], to: "inner_x".to_owned() },
    ];
    let body = r#"[{"ga_id":1,"o":{"x":1},"userId":1,"user_id":2,"日本":3,"東京":4}]"#;
    let (rows, normalizer) = load_within(&plan, 1 << 30, &[body]).expect("it fits");
    let names: Vec<&str> = rows.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names[..3], ["analytics_id", "o", "user_id"]);
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 6);
    let changes = normalizer.schema_changes();
    assert_eq!(changes.iter().filter(|change| change.change == ChangeKind::Renamed).count(), 2);
}

#[test]
fn deep_nesting_is_refused() {
    let limits = Limits { nesting_max: 10, ..Limits::default() };
    let normalizer = Normalizer::new(&plan(), &limits, &TableState::default()).expect("no hints");
    let body = |levels| format!("[{{\"a\":{}1{}}}]", "[".repeat(levels), "]".repeat(levels));
    assert!(normalizer.decoder().decode(&page(1, &body(8))).is_ok());
    let error = normalizer.decoder().decode(&page(1, &body(20))).expect_err("too deep").to_string();
    assert!(error.ends_with("nested deeper than 10 levels"), "{error}");
}

#[test]
fn types_settle_with_the_first_batch_and_only_widen_after() {
    let first = r#"[{"a":1,"t":"2024-01-25T11:21:28Z"}]"#;
    let (rows, normalizer) = {
        let limits = Limits { memory_bytes: NonZeroU64::MIN, ..Limits::default() };
        let mut normalizer = Normalizer::new(&plan(), &limits, &TableState::default()).expect("no hints");
        let draft = normalizer.decoder().decode(&page(1, first)).expect("it fits");
        let rows = normalizer.push(draft).expect("it joins");
        (rows, normalizer)
    };
    assert_eq!(types(rows[0].rows.schema_ref()), ["a: Int64", "t: Timestamp(µs, \"UTC\")"]);
    let mut normalizer = normalizer;
    let draft = normalizer.decoder().decode(&page(2, r#"[{"a":0.5,"new":true}]"#)).expect("it fits");
    let rows = normalizer.push(draft).expect("it joins");
    assert_eq!(types(rows[0].rows.schema_ref()), ["a: Float64", "t: Timestamp(µs, \"UTC\")", "new: Boolean"]);
    let draft = normalizer.decoder().decode(&page(3, r#"[{"t":"soon"}]"#));
    assert!(draft.is_err(), "a settled timestamp takes no other text");
}

#[test]
fn what_is_always_empty_is_no_column() {
    let (rows, normalizer) =
        load_within(&plan(), 1 << 30, &[r#"[{"a":1,"n":null,"e":{},"l":[],"o":{"x":null,"y":1}}]"#]).expect("it fits");
    assert_eq!(rows.num_columns(), 2);
    assert_eq!(normalizer.null_only(), ["e", "l", "n", "o.x"]);
}

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
}
