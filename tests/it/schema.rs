//! Tables whose schema moves: drifting types, contracts, and what becomes of values that do not fit.

use serde_json::{Value, json};

use crate::support::command::{Bench, people};
use crate::support::lake::{Lake, plain};

/// A week of an API that cannot make up its mind: `n` is an integer, then a float, then a text; `o` is an object and becomes
/// a list; `gone` vanishes and returns; `late` is null until the last day.
fn week() -> Vec<Vec<Value>> {
    let day = |day: i64, n: Value, o: Value, gone: Value, late: Value| {
        (0..3)
            .map(|row| {
                let mut record = json!({"id": day * 3 + row, "n": n, "o": o, "late": late});
                if !gone.is_null() {
                    record["gone"] = gone.clone();
                }
                record
            })
            .collect()
    };
    vec![
        day(0, json!(7), json!({"x": 1}), json!("here"), Value::Null),
        day(1, json!(8), json!({"x": 2}), json!("here"), Value::Null),
        day(2, json!(1.5), json!({"x": 3, "y": "z"}), Value::Null, Value::Null),
        day(3, json!(2.5), json!([1, 2]), Value::Null, Value::Null),
        day(4, json!("many"), json!([3]), Value::Null, Value::Null),
        day(5, json!("few"), json!({"x": 4}), json!("back"), Value::Null),
        day(6, json!(9), json!([]), json!("back"), json!("2024-01-25T11:21:28Z")),
    ]
}

fn columns(table: &Lake) -> Vec<String> {
    let mut columns: Vec<String> = table
        .columns
        .iter()
        .map(|(name, kind)| format!("{name}: {}", kind.split('(').next().unwrap_or(kind)))
        .collect();
    columns.sort();
    columns
}

/// What the report says of columns, such as `variant n__v_text`.
fn changes(report: &Value) -> Vec<String> {
    let changes = report["schema_changes"].as_array().expect("a list").iter();
    let text = |change: &Value, key: &str| change[key].as_str().unwrap_or_default().to_owned();
    changes.map(|change| format!("{} {}", text(change, "change"), text(change, "column"))).collect()
}

#[tokio::test]
async fn a_week_of_drift_loses_no_value_in_one_run() {
    for conflict in ["variant", "widen"] {
        let days = week();
        let bench = Bench::new(days.concat()).await;
        let report = bench.load(&bench.config(&json!({"type_conflict": conflict}))).await;
        let table = bench.table("items").await;
        assert_eq!(
            columns(&table),
            [
                "gone: Utf8",
                "id: Int64",
                "late: Timestamp",
                "n: Float64",
                "n__v_text: Utf8",
                "o: Struct",
                "o__v_json: Utf8",
            ],
            "types were open until the first file"
        );
        assert_eq!(table.found(), days.concat().iter().map(plain).collect::<Vec<_>>());
        assert!(changes(&report).contains(&"variant n__v_text".to_owned()), "{report:#}");
    }
}

#[tokio::test]
async fn a_week_of_drift_loses_no_value_in_seven_runs() {
    let variants = ["n: Int64", "n__v_double: Float64", "n__v_text: Utf8"];
    let widened = ["n: Float64", "n__v_text: Utf8"];
    for (conflict, expected) in [("variant", &variants[..]), ("widen", &widened[..])] {
        let days = week();
        let bench = Bench::new(Vec::new()).await;
        let config = bench.config(&json!({"type_conflict": conflict, "write_disposition": "append"}));
        let mut told = Vec::new();
        for day in &days {
            bench.serve(day.clone());
            told.extend(changes(&bench.load(&config).await));
        }
        let table = bench.table("items").await;
        let of_n: Vec<String> = columns(&table).into_iter().filter(|column| column.starts_with('n')).collect();
        assert_eq!(of_n, expected, "{conflict}");
        assert_eq!(table.found(), days.concat().iter().map(plain).collect::<Vec<_>>(), "{conflict}");
        for change in ["added n", "variant n__v_text", "variant o__v_json", "added late"] {
            assert!(told.iter().any(|seen| seen == change), "`{change}` is in the reports of {conflict}: {told:?}");
        }
        assert_eq!(told.iter().any(|seen| seen == "widened n"), conflict == "widen", "{told:?}");
    }
}

#[tokio::test]
async fn ten_thousand_nulls_do_not_settle_a_type() {
    let mut rows: Vec<Value> = (0..10_050).map(|id| json!({"id": id, "v": null})).collect();
    rows[10_020]["v"] = json!(1.5);
    let bench = Bench::new(rows).await;
    let paginator = json!({"type": "offset", "limit": 1000});
    let endpoint = json!({"path": "items", "data_selector": "data", "paginator": paginator});
    bench.load(&bench.config(&json!({ "endpoint": endpoint }))).await;
    assert_eq!(columns(&bench.table("items").await), ["id: Int64", "v: Float64"]);
}

#[tokio::test]
async fn a_widened_table_is_rewritten_once_and_keeps_its_id() {
    let bench = Bench::new(people(0..30)).await;
    let config = bench.config(&json!({"type_conflict": "widen"}));
    bench.load(&config).await;
    // A widening is no attempt at the commit of the rows.
    let once = "limits.commit_attempts=1";
    let log = |version: u64| {
        std::fs::read_to_string(bench.path(&format!("lake/items/_delta_log/{version:020}.json"))).expect("an entry")
    };
    let id = |log: &str| {
        let line = log.lines().find(|line| line.contains("metaData")).expect("its metadata").to_owned();
        serde_json::from_str::<Value>(&line).expect("JSON")["metaData"]["id"].clone()
    };
    let mut rows = people(0..30);
    rows[3]["score"] = json!(0.25);
    bench.serve(rows.clone());
    let run = bench.run(&config, &["--set", once]).await;
    let report = &run.report["resources"][0];
    assert_eq!(
        (run.code, &report["commits"], &report["version"]),
        (0, &json!(2), &json!(2)),
        "the new type, then the rows"
    );
    assert_eq!(report["rows"]["updated"], 1);
    assert_eq!(id(&log(0)), id(&log(1)));
    assert!(log(1).contains("\"dataChange\":false"), "the rewritten rows are no news");
    let table = bench.table("items").await;
    assert_eq!(table.found(), rows.iter().map(plain).collect::<Vec<_>>());
    assert_eq!(bench.load(&config).await["commits"], 0, "once is enough");
}

#[tokio::test]
async fn integers_that_no_float_holds_are_not_widened() {
    let bench = Bench::new(vec![json!({"id": 1, "n": 9_007_199_254_740_993_i64})]).await;
    let config = bench.config(&json!({"type_conflict": "widen"}));
    bench.load(&config).await;
    bench.serve(vec![json!({"id": 2, "n": 0.5})]);
    bench.load(&config).await;
    let table = bench.table("items").await;
    assert_eq!(columns(&table), ["id: Int64", "n: Int64", "n__v_double: Float64"]);
    assert!(table.rows.contains(&json!({"id": 1, "n": 9_007_199_254_740_993_i64})), "{:?}", table.rows);
}

/// A table of people, and then rows of which one has a new column and one a score that does not fit.
async fn contracted(contract: &Value) -> (Bench, crate::support::command::Run) {
    let bench = Bench::new(people(0..3)).await;
    bench.load(&bench.config(&json!({}))).await;
    let config = bench.config(&json!({"schema_contract": contract}));
    let mut rows = people(3..6);
    rows[0]["new"] = json!("x");
    rows[1]["score"] = json!("high");
    bench.serve(rows);
    let run = bench.run(&config, &[]).await;
    (bench, run)
}

#[tokio::test]
async fn a_frozen_schema_stops_the_resource_with_its_own_exit_code() {
    for (contract, column) in [(json!("freeze"), "`new`"), (json!({"data_type": "freeze"}), "`score__v_text`")] {
        let (bench, run) = contracted(&contract).await;
        let error = &run.report["resources"][0]["error"];
        assert_eq!((run.code, &error["code"]), (7, &json!("schema_frozen")), "{error:#}");
        let message = error["message"].as_str().expect("a text");
        assert!(message.contains("page 1, row") && message.contains(column), "{message}");
        assert_eq!(bench.table("items").await.rows.len(), 3, "nothing was loaded");
    }
    let bench = Bench::new(people(0..3)).await;
    let run = bench.run(&bench.config(&json!({"schema_contract": {"tables": "freeze"}})), &[]).await;
    assert_eq!(run.code, 7);
    assert!(!bench.path("lake/items").exists());
    let hint = json!({"id": {"data_type": "bigint"}});
    let report =
        bench.load(&bench.config(&json!({"schema_contract": {"tables": "discard_row"}, "columns": hint}))).await;
    assert_eq!((&report["rows"]["rejected"], &report["version"]), (&json!(3), &Value::Null));
    assert!(!bench.path("lake/items").exists(), "a table that may not be made is not made");
}

#[tokio::test]
async fn discarded_rows_are_kept_beside_the_tables() {
    let (bench, run) = contracted(&json!("discard_row")).await;
    let report = &run.report["resources"][0];
    assert_eq!((run.code, &report["rows"]["rejected"], &report["rows"]["inserted"]), (0, &json!(2), &json!(1)));
    assert_eq!(report["rejects"]["count"], 2);
    let first = &report["rejects"]["first"][0];
    assert_eq!((&first["page"], &first["row"], &first["column"]), (&json!(1), &json!(1), &json!("new")));
    let file = bench.path("lake").join(report["rejects"]["file"].as_str().expect("a file"));
    let lines: Vec<Value> = std::fs::read_to_string(file)
        .expect("the file of rejects")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines[0]["value"], json!({"id": 3, "name": "person 3", "score": 30, "new": "x"}));
    assert_eq!(lines[1]["value"]["score"], "high");
    assert_eq!(bench.table("items").await.rows.len(), 4);
}

#[tokio::test]
async fn discarded_values_leave_their_rows() {
    let (bench, run) = contracted(&json!("discard_value")).await;
    let report = &run.report["resources"][0];
    assert_eq!((&report["rows"]["rejected"], &report["rows"]["inserted"]), (&json!(0), &json!(3)));
    assert_eq!(report["rejects"]["count"], 2);
    let table = bench.table("items").await;
    assert_eq!(columns(&table), ["id: Int64", "name: Utf8", "score: Int64"]);
    assert!(table.rows.contains(&json!({"id": 4, "name": "person 4"})), "{:?}", table.rows);
}

#[tokio::test]
async fn a_column_that_the_table_requires_is_required_of_every_load() {
    let bench = Bench::new(people(0..3)).await;
    bench.load(&bench.config(&json!({"columns": {"name": {"nullable": false}}}))).await;
    bench.serve(vec![json!({"id": 7, "score": 1})]);
    let run = bench.run(&bench.config(&json!({})), &[]).await;
    let error = &run.report["resources"][0]["error"];
    assert_eq!((run.code, &error["code"]), (1, &json!("null_column")), "{error:#}");
    assert!(error["message"].as_str().expect("a text").contains("page 1, row 1"), "{error:#}");
}

#[tokio::test]
async fn hinted_types_hold_what_json_cannot_say() {
    let rows = vec![
        json!({"id": 1, "price": 12.30, "raw": "aGk=", "at": "11:21", "day": "2024-01-25", "big": 18446744073709551615_u64}),
    ];
    let bench = Bench::new(rows).await;
    let columns_hint = json!({
        "price": {"data_type": "decimal", "precision": 10, "scale": 2},
        "raw": {"data_type": "binary"},
        "at": {"data_type": "time"},
    });
    bench.load(&bench.config(&json!({"columns": columns_hint, "infer": ["dates"]}))).await;
    let table = bench.table("items").await;
    let kinds: Vec<&str> = table.columns.iter().map(|(_, kind)| kind.as_str()).collect();
    for kind in ["Decimal128(10, 2)", "Binary", "Date32", "Decimal128(38, 0)"] {
        assert!(kinds.contains(&kind), "{kind} is one of {kinds:?}");
    }
    assert_eq!(table.rows[0]["price"], 12.3);
}

#[tokio::test]
async fn what_is_nested_too_deep_for_a_table_is_told_and_can_be_text() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
    let bench = Bench::new(vec![json!({"id": 1, "deep": nested(100), "fits": nested(30)})]).await;
    let run = bench.run(&bench.config(&json!({})), &[]).await;
    let error = &run.report["resources"][0]["error"];
    assert_eq!((run.code, &error["code"]), (1, &json!("nesting")), "{error:#}");
    let config = bench.config(&json!({"columns": {"deep": {"data_type": "json"}}}));
    bench.load(&config).await;
    assert_eq!(bench.load(&config).await["commits"], 0, "the table can be read back");
    let row = &bench.table("items").await.rows[0];
    assert_eq!(serde_json::from_str::<Value>(row["deep"].as_str().expect("a text")).expect("JSON"), nested(100));
}
