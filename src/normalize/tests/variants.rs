//! Values that do not fit their column: where they go while types are open, and once they are settled.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType as Arrow, Decimal128Type, Field, Float64Type, Int64Type, Schema};

use super::*;
use crate::flow::ChangeKind;

#[test]
fn what_does_not_join_goes_to_variants() {
    let rows =
        load(&[r#"[{"a":1},{"a":"x"},{"a":{"b":[1]}},{"a":[2]},{"a":true},{"a":1.5},{"a":null}]"#]).expect("all");
    assert_eq!(
        types(rows.schema_ref()),
        ["a: Float64", "a__v_text: Utf8", "a__v_bool: Boolean", "a__v_json: Utf8"],
        "integers and floats join, whatever lies between them"
    );
    assert_eq!(rows.column(0).as_primitive::<Float64Type>().iter().flatten().collect::<Vec<_>>(), [1.0, 1.5]);
    let json = rows.column(3).as_string::<i32>();
    assert_eq!((json.value(2), json.value(3), json.null_count()), (r#"{"b":[1]}"#, "[2]", 5));
}

#[test]
fn the_first_kind_keeps_the_name_and_the_set_of_columns_is_the_same() {
    let first = r#"[{"a":{"x":1}},{"a":[1]}]"#;
    let other = r#"[{"a":[1]},{"a":{"x":1}}]"#;
    let seen = |bodies: &[&str]| types(load(bodies).expect("all").schema_ref());
    assert_eq!(seen(&[first, other])[1], "a__v_json: Utf8");
    assert!(seen(&[first, other])[0].starts_with("a: Struct"));
    assert!(seen(&[other, first])[0].starts_with("a: List"));
    // An empty list tells nothing of a column, but is not lost beside one.
    assert_eq!(seen(&[r#"[{"a":[]},{"a":{"x":1}}]"#]).len(), 2);
    assert_eq!(seen(&[r#"[{"a":[]},{"a":{}}]"#]).len(), 0);
}

#[test]
fn lists_of_several_kinds_are_kept_whole() {
    let rows = load(&[r#"[{"a":[1,2]},{"a":[1,"x"]},{"a":[3]}]"#, r#"[{"a":["y"]},{"a":[[1]]}]"#]).expect("all");
    assert_eq!(types(rows.schema_ref()), ["a: List(Int64, field: 'element')", "a__v_json: Utf8"]);
    let (lists, json) = (rows.column(0).as_list::<i32>(), rows.column(1).as_string::<i32>());
    assert_eq!((0..5).map(|row| lists.is_valid(row)).collect::<Vec<_>>(), [true, false, true, false, false]);
    assert_eq!(lists.values().len(), 3, "items of other rows are not kept");
    assert_eq!((json.value(1), json.value(3), json.value(4)), (r#"[1,"x"]"#, r#"["y"]"#, "[[1]]"));
}

fn members(data_type: &Arrow) -> Vec<&str> {
    let Arrow::Struct(fields) = data_type else { panic!("a struct") };
    fields.iter().map(|field| field.name().as_str()).collect()
}

#[test]
fn members_of_objects_have_variants_beside_them() {
    let rows = load(&[r#"[{"l":[{"v":1},{"v":"a"}],"o":{"p":{"q":1}}},{"o":{"p":{"q":[]}}}]"#]).expect("all");
    let Arrow::List(item) = rows.schema_ref().field(0).data_type() else { panic!("a list") };
    assert_eq!(members(item.data_type()), ["v", "v__v_text"]);
    let Arrow::Struct(outer) = rows.schema_ref().field(1).data_type() else { panic!("a struct") };
    assert_eq!(members(outer[0].data_type()), ["q", "q__v_json"]);
}

#[test]
fn numbers_are_never_bent() {
    let wide = r#"[{"a":9007199254740993}]"#;
    let seen = |bodies: &[&str]| types(load(bodies).expect("all").schema_ref());
    assert_eq!(seen(&[wide, r#"[{"a":0.5}]"#]), ["a: Int64", "a__v_double: Float64"], "2^53 + 1 is no float");
    assert_eq!(seen(&[r#"[{"a":0.5},{"a":1}]"#, wide]), ["a: Float64", "a__v_bigint: Int64"]);
    let rows = load(&[r#"[{"a":1},{"a":0.5}]"#, wide]).expect("all");
    assert_eq!(types(rows.schema_ref()), ["a: Int64", "a__v_double: Float64"], "an integer was first");
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().iter().flatten().collect::<Vec<_>>(), [1, 9007199254740993]);
    let rows = load(&[r#"[{"a":7},{"a":18446744073709551615},{"a":-123456789012345678901234567890}]"#]).expect("all");
    assert_eq!(types(rows.schema_ref()), ["a: Decimal128(38, 0)"]);
    let values = rows.column(0).as_primitive::<Decimal128Type>().values().to_vec();
    assert_eq!(values, [7, 18_446_744_073_709_551_615, -123_456_789_012_345_678_901_234_567_890]);
    let huge = "1234567890".repeat(5);
    let rows = load(&[&format!(r#"[{{"a":1}},{{"a":{huge}}}]"#)]).expect("all");
    assert_eq!(types(rows.schema_ref()), ["a: Int64", "a__v_text: Utf8"]);
    assert_eq!(rows.column(1).as_string::<i32>().value(1), huge);
    let rows = load(&[r#"[{"a":1e30}, {"a":0.1}, {"a":1}]"#]).expect("floats");
    assert_eq!(rows.column(0).as_primitive::<Float64Type>().values()[..], [1e30, 0.1, 1.0]);
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
    let draft = normalizer.decoder().decode(&page(3, r#"[{"t":"soon"}]"#)).expect("it fits");
    let rows = normalizer.push(draft).expect("it joins");
    assert_eq!(types(rows[0].rows.schema_ref())[2], "t__v_text: Utf8", "a settled timestamp takes no other text");
    let changes: Vec<_> =
        normalizer.schema_changes().iter().map(|change| (change.column.clone(), change.change)).collect();
    assert!(changes.contains(&("a".to_owned(), ChangeKind::Widened)), "{changes:?}");
    assert!(changes.contains(&("t__v_text".to_owned(), ChangeKind::Variant)), "{changes:?}");
}

#[test]
fn a_float_is_no_decimal_before_or_after_types_are_settled() {
    let page = r#"[{"a":18446744073709551616},{"a":2.0}]"#;
    let batches = batches_within(&plan(), 1, &[page, page]).expect("all");
    assert_eq!(types(batches[1].schema_ref()), ["a: Decimal128(38, 0)", "a__v_double: Float64"]);
    assert_eq!(batches[0], batches[1]);
}

/// All pages into a table that is there, with types settled at once.
fn load_into(plan: &ResourcePlan, fields: Vec<Field>, bodies: &[&str]) -> Result<Vec<RecordBatch>, NormalizeError> {
    let limits = Limits { memory_bytes: NonZeroU64::MIN, ..Limits::default() };
    let state = TableState { exists: true, schema: Some(Arc::new(Schema::new(fields))), ..TableState::default() };
    let mut normalizer = Normalizer::new(plan, &limits, &state)?;
    let mut batches = Vec::new();
    for (index, body) in bodies.iter().enumerate() {
        let draft = normalizer.decoder().decode(&page(index as u64 + 1, body))?;
        batches.extend(normalizer.push(draft)?);
    }
    batches.extend(normalizer.finish()?);
    Ok(batches.into_iter().map(|batch| batch.rows).collect())
}

#[test]
fn a_stored_object_that_json_cannot_fill_shifts_nothing() {
    let member = Field::new("a", Arrow::Int32, true);
    let text = |name: &str| Field::new(name, Arrow::Utf8, true);
    let fields = || vec![Field::new("s", Arrow::Struct(vec![member.clone()].into()), true), text("x"), text("y")];
    let rows = load_into(&plan(), fields(), &[r#"[{"x":"1","y":"2"}]"#]).expect("it fits");
    let column = |name: &str| rows[0].column_by_name(name).expect(name).as_string::<i32>().value(0).to_owned();
    assert_eq!((column("x"), column("y")), ("1".to_owned(), "2".to_owned()));
    let rows = load_into(&plan(), fields(), &[r#"[{"s":{"a":5},"x":"1","y":"2"}]"#]).expect("it fits");
    let member = rows[0].column_by_name("s").expect("the object").as_struct().column_by_name("a__v_bigint").cloned();
    assert_eq!(member.expect("a variant").as_primitive::<Int64Type>().value(0), 5);
}

#[test]
fn two_keys_that_ask_for_one_hinted_column_both_keep_their_values() {
    let mut plan = plan();
    let hint = |name: &str, data_type| ColumnHint { name: name.to_owned(), data_type: Some(data_type), nullable: true };
    plan.columns = vec![hint("created_at", DataType::Timestamp)];
    let body = r#"[{"created_at":"2024-01-01T00:00:00Z","createdAt":"2024-02-02T00:00:00Z"}]"#;
    for memory in [1, 1 << 30] {
        let (rows, normalizer) = load_within(&plan, memory, &[body]).expect("it fits");
        assert_eq!((rows.num_columns(), rows.column(1).null_count()), (2, 0), "{:?}", types(rows.schema_ref()));
        assert!(normalizer.null_only().is_empty());
    }
    // What was made for another column before the first page was joined finds its place among other kinds, too.
    let bodies = [body, r#"[{"created_at":"2024-01-01T00:00:00Z","createdAt":7}]"#];
    let (rows, _) = load_within(&plan, 1 << 30, &bodies).expect("it fits");
    assert_eq!(rows.columns().iter().map(|column| 2 - column.null_count()).sum::<usize>(), 4);
}

#[test]
fn a_key_never_widens_once_it_is_settled() {
    let mut plan = plan();
    plan.write = WriteDisposition::Merge(crate::plan::Merge::by(vec!["id".to_owned()]));
    let bodies = [r#"[{"id":5}]"#, r#"[{"id":18446744073709551616}, {"id":5}]"#];
    let error = load_within(&plan, 1, &bodies).expect_err("two forms of one key").to_string();
    assert_eq!(error, "page 2, row 1 of resource `items`: column `id` holds bigint, found a decimal");
    assert!(load_within(&plan, 1 << 30, &bodies).is_ok(), "while types are open, all are decimals");
}
