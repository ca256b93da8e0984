//! `alluvium run` from the config to the table: over a real socket, into real files, with the binary itself.

use serde_json::{Value, json};

use crate::support::api::Fault;
use crate::support::command::{Bench, CANARY, alluvium, people};

/// The snippet that every user of dlt has, byte for byte.
const PYTHON: &str = r#"import dlt
from dlt.sources.rest_api import rest_api_source

source = rest_api_source({
    "client": {
        "base_url": "https://api.example.com",
        "auth": {
            "type": "api_key",
            "name": "api_key",
            "api_key": dlt.secrets["api_key"],
            "location": "query"
        }
    },
    "resource_defaults": {
        "primary_key": "id",
        "write_disposition": "merge"
    },
    "resources": [
        {
            "name": "resource_name",
            "endpoint": {
                "path": "/v1/resource",
                "data_selector": "data",
                "paginator": {
                    "type": "offset",
                    "limit": 100
                }
            }
        }
    ]
})
"#;

#[tokio::test]
async fn the_python_file_runs_as_it_stands() {
    let bench = Bench::new(people(0..250)).await;
    let config = bench.write("datasets.py", PYTHON);
    let run = bench.run(&config, &["--set", &format!("client.base_url={}", bench.base_url())]).await;
    assert_eq!(run.code, 0, "{:#}", run.report);
    assert_eq!(run.report["status"], "ok");
    assert_eq!(run.report["resources"][0]["rows"]["inserted"], 250);
    assert_eq!(run.report["resources"][0]["pages"], 3);
    assert!(bench.api.requests().iter().all(|request| request.path == "/v1/resource"));
    let table = bench.table("resource_name").await;
    assert_eq!(table.rows.len(), 250);
    assert_eq!(table.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["id", "name", "score"]);
}

#[tokio::test]
async fn a_second_run_writes_nothing_and_a_third_only_what_changed() {
    let bench = Bench::new(people(0..95)).await;
    let config = bench.config(&json!({}));
    bench.load(&config).await;
    let first = bench.table("items").await;

    let report = bench.load(&config).await;
    assert_eq!(
        report["rows"],
        json!({"read": 95, "inserted": 0, "updated": 0, "unchanged": 95, "deleted": 0, "rejected": 0})
    );
    assert_eq!((&report["commits"], &report["files"]["added"]), (&json!(0), &json!(0)));
    assert_eq!(bench.table("items").await.files, first.files);

    let mut rows = people(0..100);
    rows[7]["name"] = json!("changed");
    rows[94]["score"] = json!(null);
    bench.serve(rows.clone());
    let report = bench.load(&config).await;
    assert_eq!(
        report["rows"],
        json!({"read": 100, "inserted": 5, "updated": 2, "unchanged": 93, "deleted": 0, "rejected": 0})
    );
    assert_eq!(report["commits"], 1);
    rows[94].as_object_mut().expect("an object").remove("score");
    assert_same_rows(&bench.table("items").await.rows, &rows);
}

#[tokio::test]
async fn the_last_row_of_a_key_wins_whatever_the_order() {
    let mut rows = people(0..30);
    rows.extend(people(5..15).into_iter().map(|mut row| {
        row["name"] = json!("again");
        row
    }));
    let bench = Bench::new(rows.clone()).await;
    let config = bench.config(&json!({}));
    let report = bench.load(&config).await;
    assert_eq!((&report["rows"]["read"], &report["rows"]["inserted"]), (&json!(40), &json!(30)));
    let table = bench.table("items").await;
    assert_eq!(table.rows.iter().filter(|row| row["name"] == "again").count(), 10);
    assert_eq!(table.rows.len(), 30);
    assert_eq!(bench.parquet_files("items").await, table.files.len(), "nothing is left beside the table");

    let report = bench.load(&config).await;
    assert_eq!((&report["rows"]["unchanged"], &report["commits"]), (&json!(30), &json!(0)));
}

#[tokio::test]
async fn every_fault_in_turn_gives_the_same_table() {
    let bench = Bench::with(people(0..600), |api| api.fault_every(7, Fault::all())).await;
    let config = bench.config(&json!({}));
    let report = bench.load(&config).await;
    assert_same_rows(&bench.table("items").await.rows, &people(0..600));
    assert!(report["retries"].as_u64().expect("a number") >= 8, "{report:#}");
    assert!(!report["waits"].as_array().expect("a list").is_empty());
}

#[tokio::test]
async fn append_adds_and_replace_takes_the_place() {
    let bench = Bench::new(people(0..20)).await;
    let append = bench.config(&json!({"write_disposition": "append"}));
    bench.load(&append).await;
    bench.load(&append).await;
    assert_eq!(bench.table("items").await.rows.len(), 40);

    let replace = bench.config(&json!({"write_disposition": "replace"}));
    let report = bench.load(&replace).await;
    assert_eq!((&report["rows"]["inserted"], &report["rows"]["deleted"]), (&json!(20), &json!(40)));
    assert_same_rows(&bench.table("items").await.rows, &people(0..20));

    bench.serve(Vec::new());
    let report = bench.load(&replace).await;
    assert_eq!((&report["commits"], &report["status"]), (&json!(1), &json!("ok")));
    assert!(bench.table("items").await.rows.is_empty());
}

#[tokio::test]
async fn without_rows_there_is_no_table_but_with_columns_there_is() {
    let bench = Bench::new(Vec::new()).await;
    let report = bench.load(&bench.config(&json!({}))).await;
    assert_eq!((&report["status"], &report["version"]), (&json!("ok"), &Value::Null));
    assert!(!bench.path("lake/items").exists());

    bench
        .load(&bench.config(&json!({"columns": {"id": {"data_type": "bigint"}, "at": {"data_type": "timestamp"}}})))
        .await;
    let table = bench.table("items").await;
    assert!(table.rows.is_empty());
    assert_eq!(table.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["id", "at"]);
}

#[tokio::test]
async fn types_are_the_join_of_what_was_seen_and_names_never_collide() {
    let rows = vec![
        json!({"id": 1, "n": 1, "at": "2024-01-25T11:21:28Z", "t": "2024-01-25T11:21:28Z", "o": {"a": 1}, "l": [1], "userId": 1, "user_id": 2, "e": {}}),
        json!({"id": 2, "n": 1.5, "at": "2024-01-25T13:21:28+02:00", "t": "no", "o": {"bC": "x"}, "l": [2.5, null], "user_id": 3, "e": {}}),
    ];
    let bench = Bench::new(rows).await;
    let config = bench.config(
        &json!({"endpoint": {"path": "items", "data_selector": "data", "paginator": {"type": "offset", "limit": 1}}}),
    );
    let report = bench.load(&config).await;
    let table = bench.table("items").await;
    let first = &table.rows[0];
    assert_eq!((&first["n"], &first["t"]), (&json!(1.0), &json!("2024-01-25T11:21:28Z")));
    assert_eq!(first["at"], table.rows[1]["at"], "offsets are applied");
    assert_eq!((&first["o"], &table.rows[1]["o"]), (&json!({"a": 1}), &json!({"b_c": "x"})));
    assert_eq!(first["l"], json!([1.0]));
    let renamed: Vec<&Value> =
        list(&report["schema_changes"]).iter().filter(|change| change["change"] == "renamed").collect();
    let name = renamed[0]["to"].as_str().expect("a name");
    assert_eq!((&first["user_id"], &first[name]), (&json!(1), &json!(2)));
    assert_eq!(report["null_only"], json!(["e"]));

    // Another run finds the same columns, whatever comes first.
    bench.serve(vec![json!({"id": 3, "user_id": 30, "userId": 10})]);
    bench.load(&config).await;
    let row = bench.table("items").await.rows.into_iter().find(|row| row["id"] == 3).expect("the new row");
    assert_eq!((&row["user_id"], &row[name]), (&json!(10), &json!(30)));
}

#[tokio::test]
async fn new_columns_come_in_a_commit_of_their_own_and_absent_ones_keep_their_values() {
    let bench = Bench::new(people(0..5)).await;
    let config = bench.config(&json!({}));
    bench.load(&config).await;
    bench.serve(vec![json!({"id": 1, "name": "person 1", "extra": {"x": 1}}), json!({"id": 9, "name": "new"})]);
    let report = bench.load(&config).await;
    assert_eq!((&report["commits"], &report["version"]), (&json!(2), &json!(2)));
    assert_eq!((&report["rows"]["updated"], &report["rows"]["inserted"]), (&json!(1), &json!(1)));
    let rows = bench.table("items").await.rows;
    assert!(rows.contains(&json!({"id": 1, "name": "person 1", "score": 10, "extra": {"x": 1}})), "{rows:#?}");
    assert!(rows.contains(&json!({"id": 9, "name": "new"})));
    assert_eq!(rows.len(), 6);
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_kept_beside_its_column() {
    let mut rows = people(0..30);
    rows[25]["score"] = json!("high");
    let bench = Bench::new(rows).await;
    let report = bench.load(&bench.config(&json!({}))).await;
    assert!(bench.table("items").await.rows.iter().any(|row| row["score__v_text"] == "high"));
    let change =
        list(&report["schema_changes"]).iter().find(|change| change["change"] == "variant").expect("a variant");
    assert_eq!(
        (&change["column"], &change["from"], &change["to"]),
        (&json!("score__v_text"), &json!("bigint"), &json!("text"))
    );

    let hinted = bench.config(&json!({"table_name": "hinted", "columns": {"score": {"data_type": "text"}}}));
    bench.load(&hinted).await;
    assert!(bench.table("hinted").await.rows.iter().any(|row| row["score"] == "high"));
}

#[tokio::test]
async fn a_row_without_its_key_names_its_place() {
    let mut rows = people(0..30);
    rows[14]["id"] = Value::Null;
    let bench = Bench::new(rows).await;
    let run = bench.run(&bench.config(&json!({})), &[]).await;
    let error = &run.report["resources"][0]["error"];
    assert_eq!((run.code, &error["code"]), (1, &json!("null_key")));
    assert!(error["message"].as_str().expect("a text").contains("page 2, row 5"), "{error}");
}

#[tokio::test]
async fn several_key_columns_and_renamed_ones_are_a_key() {
    let row = |a: i64, b: &str, v: i64| json!({"partA": a, "b": b, "value": v});
    let bench = Bench::new(vec![row(1, "x", 1), row(1, "y", 2), row(2, "x", 3)]).await;
    let config = bench.config(&json!({"primary_key": ["partA", "key_b"], "rename": {"b": "key_b"}}));
    bench.load(&config).await;
    bench.serve(vec![row(1, "y", 20), row(2, "y", 4)]);
    let report = bench.load(&config).await;
    assert_eq!((&report["rows"]["updated"], &report["rows"]["inserted"]), (&json!(1), &json!(1)));
    let rows = bench.table("items").await.rows;
    assert!(rows.contains(&json!({"part_a": 1, "key_b": "y", "value": 20})), "{rows:#?}");
    assert_eq!(rows.len(), 4);
}

#[tokio::test]
async fn a_wrong_key_is_its_own_exit_code() {
    let bench = Bench::new(people(0..5)).await;
    let config = bench.config(&json!({}));
    let run = bench.run(&config, &["--set", "client.auth.api_key=canary-5e7d-wrong"]).await;
    assert_eq!(run.code, 4);
    let error = &run.report["resources"][0]["error"];
    assert_eq!((&error["code"], &error["class"]), (&json!("unauthorized"), &json!("auth")));
    assert_eq!(bench.api.requests().len(), 1, "401 is not tried again");
}

#[tokio::test]
async fn a_misspelt_key_is_found_with_its_place() {
    let bench = Bench::new(people(0..5)).await;
    let config = bench.write("typo.py", &PYTHON.replace("\"paginator\"", "\"paginater\""));
    let run = bench.run(&config, &[]).await;
    assert_eq!(run.code, 2);
    let errors = list(&run.report["errors"]);
    let error = errors.iter().find(|error| error["code"] == "unknown_key").expect("the misspelt key");
    assert!(error["at"].as_str().expect("a place").ends_with("typo.py:24:17"), "{error}");
    assert!(error["hint"].as_str().expect("a hint").contains("did you mean `paginator`"), "{error}");
    assert!(bench.api.requests().is_empty());
}

#[tokio::test]
async fn an_api_that_is_down_leaves_nothing() {
    let bench = Bench::new(people(0..5)).await;
    let config = bench.config(&json!({}));
    let run = bench.run(&config, &["--set", "client.base_url=http://127.0.0.1:9"]).await;
    assert_eq!(run.code, 1);
    assert_eq!(run.report["resources"][0]["error"]["class"], "api");
    assert_eq!(run.report["resources"][0]["retries"], 3);
    assert!(!bench.path("lake/items").exists());
}

#[tokio::test]
async fn one_resource_that_fails_does_not_stop_the_others() {
    let bench = Bench::new(people(0..5)).await;
    let auth = json!({"type": "api_key", "name": "api_key", "api_key": CANARY, "location": "query"});
    let resource = |name: &str, selector: &str| json!({"name": name, "endpoint": {"data_selector": selector, "paginator": {"type": "offset", "limit": 3}}});
    let config = json!({
        "client": {"base_url": bench.base_url(), "auth": auth},
        "resources": [resource("good", "data"), resource("bad", "dada")],
    });
    let config = bench.write("two.json", &config.to_string());
    let run = bench.run(&config, &[]).await;
    assert_eq!((run.code, &run.report["status"]), (3, &json!("partial")));
    let message = run.report["resources"][1]["error"]["message"].as_str().expect("a message");
    assert!(message.contains("`data`"), "it lists what was there: {message}");
    let run = bench.run(&config, &["--resource", "good"]).await;
    assert_eq!((run.code, &run.report["resources"][1]["status"]), (0, &json!("skipped")));
    let run = bench.run(&config, &["--resource", "god"]).await;
    assert_eq!(run.code, 2);
}

#[tokio::test]
async fn wrong_usage_is_told_in_json_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = alluvium(folder.path(), &["run", "--output", "json", "--no-such-flag"]).await;
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["errors"][0]["code"], "usage");
    let output = alluvium(folder.path(), &["run", "--output=json", "missing.yaml"]).await;
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn the_demo_loads_every_earthquake() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = alluvium(folder.path(), &["demo", "lake"]).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1,707 inserted"), "{text}");
    assert_eq!(crate::support::lake::read(&folder.path().join("lake/earthquakes")).await.rows.len(), 1707);
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn assert_same_rows(seen: &[Value], expected: &[Value]) {
    let mut expected = expected.to_vec();
    expected.sort_by_key(Value::to_string);
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_checkpoint_keeps_the_log_short() {
    let bench = Bench::new(people(0..3)).await;
    let config = bench.config(&json!({"write_disposition": "append"}));
    for _ in 0..21 {
        bench.load(&config).await;
    }
    let log = bench.path("lake").join("items/_delta_log");
    let last: Value =
        serde_json::from_slice(&std::fs::read(log.join("_last_checkpoint")).expect("a checkpoint")).expect("JSON");
    assert_eq!(last["version"], 19);
    // Readers begin with it: the entries before may go.
    for version in 0..19 {
        std::fs::remove_file(log.join(format!("{version:020}.json"))).expect("an entry");
    }
    bench.load(&config).await;
    assert_eq!(bench.table("items").await.rows.len(), 22 * 3);
}

#[tokio::test]
async fn insert_only_leaves_what_is_there() {
    let bench = Bench::new(people(0..3)).await;
    let disposition = json!({"disposition": "merge", "strategy": "insert-only"});
    let config = bench.config(&json!({"write_disposition": disposition}));
    bench.load(&config).await;
    let mut rows = people(0..5);
    rows[1]["name"] = json!("changed");
    bench.serve(rows);
    let report = bench.load(&config).await;
    assert_eq!(
        report["rows"],
        json!({"read": 5, "inserted": 2, "updated": 0, "unchanged": 3, "deleted": 0, "rejected": 0})
    );
    let table = bench.table("items").await;
    assert_eq!((table.rows.len(), table.files.len()), (5, 2), "no file is written again");
    assert!(table.rows.iter().all(|row| row["name"] != "changed"));
}
