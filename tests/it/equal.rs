//! Equal tables of equal records: whatever the pages, the requests in flight and the threads; and equal to those of `arrow-json`.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use arrow::compute::concat_batches;
use arrow::json::ReaderBuilder;
use fastrand::Rng;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::bodies::{Bodies, Route};
use crate::support::command::Bench;
use crate::support::lake::{Lake, plain};

/// How a run asks for the records, and with what.
#[derive(Debug, Clone, Copy)]
struct Run {
    rows_a_page: usize,
    requests: usize,
    threads: usize,
}

const fn run(rows_a_page: usize, requests: usize, threads: usize) -> Run {
    Run { rows_a_page, requests, threads }
}

/// Records whose columns hold more and more kinds of values, in any order.
fn drifting(count: usize) -> Vec<Value> {
    let mut random = Rng::with_seed(7);
    let record = |id: usize| {
        let kinds = [
            Some(json!(id)),
            None,
            Some(json!(id as f64 / 2.0)),
            Some(Value::Null),
            Some(json!("2024-01-25T11:21:28Z")),
            Some(json!({"x": id, "y": {"z": [id]}})),
            Some(json!(format!("text {id}"))),
            Some(json!([id, null])),
            Some(json!({"x": "other", "w": null, "y": {"z": 1}})),
            Some(json!(id.is_multiple_of(2))),
            Some(json!([{"v": id}, {"v": "mixed"}])),
            Some(json!([id, "mixed", []])),
            Some(json!(9_007_199_254_740_993_i64)),
            Some(json!({})),
            Some(json!([])),
            Some(json!(u64::MAX)),
        ];
        let mut record = json!({ "id": id });
        for (column, name) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
            // Each column begins with another kind, and takes one more every thirty records.
            let kind = (column * 3 + random.usize(..3 + id / 30)) % kinds.len();
            if let Some(value) = &kinds[kind] {
                record[name] = value.clone();
            }
        }
        record
    };
    (0..count).map(record).collect()
}

/// The table that a run of the binary makes of the records.
async fn table(records: &[Value], run: Run, limits: &[&str]) -> Lake {
    let shuffled = |number: usize| Duration::from_micros(number as u64 * 700 % 2_000);
    let bench = Bench::with(records.to_vec(), |api| api.latency(move |request| shuffled(request.number)));
    let bench = bench.await.on_threads(run.threads);
    let paginator = json!({"type": "offset", "limit": run.rows_a_page});
    let endpoint = json!({"path": "items", "data_selector": "data", "paginator": paginator});
    let config = bench.config(&json!({"write_disposition": "append", "endpoint": endpoint}));
    let concurrency = format!("client.concurrency={}", run.requests);
    let settings = limits.iter().flat_map(|limit| ["--set", *limit]);
    let said = bench.run(&config, &["--set", &concurrency].into_iter().chain(settings).collect::<Vec<_>>()).await;
    assert_eq!(said.code, 0, "{:#}\n{}", said.report, said.stderr);
    bench.table("items").await
}

#[tokio::test]
async fn pages_requests_and_threads_do_not_show_in_a_table() {
    let records = drifting(300);
    let first = table(&records, run(300, 1, 1), &[]).await;
    let stored: Vec<Value> = first.stored.iter().map(plain).collect();
    assert_eq!(stored, records.iter().map(plain).collect::<Vec<_>>(), "in their order");
    assert_eq!(first.files.len(), 1, "all of it fits before the first file");
    for run in [run(1, 1, 2), run(1, 8, 8), run(7, 1, 8), run(7, 8, 1), run(7, 8, 8), run(100, 8, 2), run(300, 8, 8)] {
        let other = table(&records, run, &[]).await;
        assert_eq!(other.columns, first.columns, "{run:?}");
        assert_eq!(other.stored, first.stored, "{run:?}");
    }
}

#[tokio::test]
async fn every_value_is_found_when_types_are_settled_with_the_first_page() {
    let records = drifting(300);
    let expected: Vec<Value> = records.iter().map(plain).collect();
    for run in [run(1, 8, 2), run(7, 8, 8)] {
        let settled = table(&records, run, &["limits.memory=1"]).await;
        assert_eq!(settled.found(), expected, "{run:?}");
    }
}

/// What the values of a column are: of one kind, which both readers take for the same.
#[derive(Debug, Clone)]
enum Sort {
    Bool,
    Int,
    Float,
    Text,
    List(Box<Sort>),
    Struct(Vec<Sort>),
}

fn sort() -> impl Strategy<Value = Sort> {
    let scalar = prop_oneof![Just(Sort::Bool), Just(Sort::Int), Just(Sort::Float), Just(Sort::Text)];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|item| Sort::List(Box::new(item))),
            prop::collection::vec(inner, 1..4).prop_map(Sort::Struct),
        ]
    })
}

/// A value of a sort, or null.
fn value(sort: &Sort) -> BoxedStrategy<Value> {
    let known = match sort {
        Sort::Bool => any::<bool>().prop_map(Into::into).boxed(),
        Sort::Int => any::<i64>().prop_map(Into::into).boxed(),
        // Integers up to 2^53 are floats among floats. The sign of zero is lost in our parser.
        Sort::Float => prop_oneof![
            (-(1_i64 << 53)..=1 << 53).prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(Value::from),
            prop::num::f64::SUBNORMAL.prop_map(Value::from),
        ]
        .boxed(),
        Sort::Text => "[ a-zä\"\\\\\n\u{1}日😀]{0,6}".prop_map(Into::into).boxed(),
        Sort::List(item) => prop::collection::vec(value(item), 0..4).prop_map(Into::into).boxed(),
        Sort::Struct(members) => object(members).prop_map(Value::Object).boxed(),
    };
    prop_oneof![4 => known, 1 => Just(Value::Null)].boxed()
}

/// An object that may lack some of its members.
fn object(members: &[Sort]) -> impl Strategy<Value = Map<String, Value>> + use<> {
    let members: Vec<_> = members.iter().map(|sort| prop::option::weighted(0.8, value(sort))).collect();
    members.prop_map(|members| {
        let members = members.into_iter().zip(0..).filter_map(|(value, at)| Some((format!("m{at}"), value?)));
        members.collect()
    })
}

/// Records with an `id`, and members each of one sort.
fn records() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(sort(), 1..6).prop_flat_map(|members| {
        prop::collection::vec(object(&members), 1..20).prop_map(|records| {
            let with_id = records.into_iter().zip(0..).map(|(mut record, id)| {
                record.insert("id".to_owned(), Value::from(id));
                Value::Object(record)
            });
            with_id.collect()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Where both define what a record becomes, `arrow-json` makes the same of it under the schema that we found.
    #[test]
    fn arrow_json_decodes_the_same(records in records(), rows_a_page in 1_usize..20) {
        let texts: Vec<String> = records.iter().map(Value::to_string).collect();
        let pages: Vec<_> = texts.chunks(rows_a_page).map(|page| format!("[{}]", page.join(",")).into()).collect();
        let ours = Bodies::new("$", 1 << 30).load(&pages, Route::Taken).expect("records");
        let lines = Cursor::new(texts.join("\n"));
        let theirs = ReaderBuilder::new(Arc::clone(&ours.schema)).with_batch_size(records.len()).build(lines);
        let theirs = theirs.expect("a reader").next().expect("a batch").expect("the same records");
        prop_assert_eq!(concat_batches(&ours.schema, &ours.batches).expect("one schema"), theirs);
    }
}
