//! From JSON text to batches, without I/O.

mod properties;
mod variants;

use std::num::NonZeroU64;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType as Arrow, Float64Type, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;

use super::{NormalizeError, NormalizeErrorKind, Normalizer};
use crate::flow::{BodyReader, ChangeKind, Page, RowPath, TableState};
use crate::json::{Document, Path};
use crate::plan::{
    ColumnHint, DataType, Endpoint, Limits, RenameRule, ResourceName, ResourcePlan, SafeUrl, TableName,
    WriteDisposition,
};

fn plan() -> ResourcePlan {
    let url = url::Url::parse("http://api.example/items").expect("a URL");
    let (name, table) = (ResourceName::parse("items").expect("a name"), TableName::parse("items").expect("a name"));
    ResourcePlan::new(name, table, Endpoint::get(url))
}

fn page(sequence: u64, body: &str) -> Page {
    of_document(sequence, Document::parse(Bytes::copy_from_slice(body.as_bytes())).expect("JSON"))
}

fn of_document(sequence: u64, document: Document) -> Page {
    let url = url::Url::parse("http://api.example/items").expect("a URL");
    Page {
        resource: ResourceName::parse("items").expect("a name"),
        sequence,
        position: serde_json::Value::Null,
        url: SafeUrl::new(&url, &[]),
        document: Arc::new(document),
        rows: RowPath::Whole,
        bytes: 0,
        cursor: None,
        came_as: None,
        is_partial: false,
        begins_anew: false,
    }
}

/// All pages as one batch, with types settled after `memory` bytes.
fn load_within(plan: &ResourcePlan, memory: u64, bodies: &[&str]) -> Result<(RecordBatch, Normalizer), NormalizeError> {
    let (batches, normalizer) = walked(plan, memory, bodies)?;
    let schema = normalizer.load_schema().columns;
    Ok((concat_batches(&schema, &batches).expect("one schema"), normalizer))
}

/// The batches as they come, whose schemas may grow.
fn batches_within(plan: &ResourcePlan, memory: u64, bodies: &[&str]) -> Result<Vec<RecordBatch>, NormalizeError> {
    walked(plan, memory, bodies).map(|(batches, _)| batches)
}

/// The batches, which are the same whether rows are taken while a body is read or from its nodes.
fn walked(plan: &ResourcePlan, memory: u64, bodies: &[&str]) -> Result<(Vec<RecordBatch>, Normalizer), NormalizeError> {
    let taken = walked_by(plan, memory, bodies, true);
    match (&taken, walked_by(plan, memory, bodies, false)) {
        (Ok((batches, _)), Ok((others, _))) => assert_eq!(batches, &others),
        (Err(error), Err(other)) => assert_eq!(error.to_string(), other.to_string()),
        (Ok(_), Err(error)) => panic!("only nodes are refused: {error}"),
        (Err(error), Ok(_)) => panic!("only nodes are taken: {error}"),
    }
    taken
}

fn walked_by(
    plan: &ResourcePlan,
    memory: u64,
    bodies: &[&str],
    takes: bool,
) -> Result<(Vec<RecordBatch>, Normalizer), NormalizeError> {
    let limits = Limits { memory_bytes: NonZeroU64::new(memory).expect("not 0"), ..Limits::default() };
    let mut normalizer = Normalizer::new(plan, &limits, &TableState::default())?;
    let mut batches = Vec::new();
    for (index, body) in bodies.iter().enumerate() {
        let (decoder, body) = (normalizer.decoder(), Bytes::copy_from_slice(body.as_bytes()));
        let (document, rows) = decoder.read(body, takes.then_some(&Path::of_members([]))).expect("JSON");
        let page = of_document(index as u64 + 1, document);
        let draft = match rows {
            Some(rows) => decoder.taken(&page, rows),
            None => decoder.decode(&page)?,
        };
        batches.extend(normalizer.push(draft)?);
    }
    batches.extend(normalizer.finish()?);
    Ok((batches.into_iter().map(|batch| batch.rows).collect(), normalizer))
}

fn load(bodies: &[&str]) -> Result<RecordBatch, NormalizeError> {
    load_within(&plan(), 1 << 30, bodies).map(|(rows, _)| rows)
}

fn types(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect()
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
fn objects_and_lists_below_a_level_are_text() {
    let at = |levels| {
        let mut plan = plan();
        plan.schema.text_below = Some(levels);
        plan
    };
    let body = r#"[{"i":1,"o":{"x":1,"deep":{"y":[1.50]}},"l":[{"z":[]},2]},{"i":{"a":123456789012345678901},"o":{},"l":"text"}]"#;
    let (rows, _) = load_within(&at(0), 1 << 30, &[body]).expect("it fits");
    assert_eq!(types(rows.schema_ref()), ["i: Int64", "i__v_text: Utf8", "o: Utf8", "l: Utf8"]);
    let texts = |column: usize| {
        rows.column(column).as_string::<i32>().iter().map(Option::unwrap_or_default).collect::<Vec<_>>()
    };
    assert_eq!(texts(1), ["", r#"{"a":123456789012345678901}"#]);
    assert_eq!(texts(2), [r#"{"x":1,"deep":{"y":[1.50]}}"#, "{}"]);
    assert_eq!(texts(3), [r#"[{"z":[]},2]"#, "text"]);
    let (rows, _) =
        load_within(&at(1), 1 << 30, &[r#"[{"o":{"x":1,"deep":{"y":1}},"l":[[1],{"z":2}]}]"#]).expect("it fits");
    let (object, list) = (rows.column(0).as_struct(), rows.column(1).as_list::<i32>().values());
    assert_eq!(object.column(1).as_string::<i32>().value(0), r#"{"y":1}"#);
    assert_eq!(list.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("[1]"), Some(r#"{"z":2}"#)]);
    let (rows, _) = load_within(&at(1000), 1 << 30, &[r#"[{"o":{"x":[1]}}]"#]).expect("it fits");
    assert!(types(rows.schema_ref())[0].starts_with("o: Struct"), "no more than the limit are levels");
}

#[test]
fn what_may_be_nested_fits_on_the_stack_of_a_thread() {
    let nested = |levels, open: &str, close: &str| format!("{}1{}", open.repeat(levels), close.repeat(levels));
    let row = |levels| format!(r#"{{"l":{},"o":{}}}"#, nested(levels, "[", "]"), nested(levels, r#"{"a":"#, "}"));
    let body = format!("[{},{}]", row(31), row(31));
    assert_eq!(load(&[&body]).expect("it fits").num_rows(), 2);
    let mut plan = plan();
    plan.columns = vec![ColumnHint { name: "o".to_owned(), data_type: Some(DataType::Json), nullable: true }];
    let deep = format!(r#"[{{"o":1}},{{"o":{}}}]"#, nested(120, r#"{"a":"#, "}"));
    assert_eq!(load_within(&plan, 1 << 30, &[&deep]).expect("it fits").0.num_rows(), 2);
}

#[test]
fn what_is_always_empty_is_no_column() {
    let (rows, normalizer) =
        load_within(&plan(), 1 << 30, &[r#"[{"a":1,"n":null,"e":{},"l":[],"o":{"x":null,"y":1}}]"#]).expect("it fits");
    assert_eq!(rows.num_columns(), 2);
    assert_eq!(normalizer.null_only(), ["e", "l", "n", "o.x"]);
}
