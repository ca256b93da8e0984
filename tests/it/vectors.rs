//! Deletion vectors: when a table gets them, when a file gets one, and what becomes of them afterwards.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::command::{Bench, people};
use crate::support::lake::Lake;

/// People of whom some were changed.
fn changed(ids: std::ops::Range<i64>, which: &[usize], name: &str) -> Vec<Value> {
    let mut rows = people(ids);
    for row in which {
        rows[*row]["name"] = name.into();
    }
    rows
}

fn with_vectors() -> Value {
    json!({"delta": {"deletion_vectors": true}})
}

/// The rows that are gone from each file that has a vector.
fn gone(table: &Lake) -> Vec<u64> {
    table.vectors.values().copied().collect()
}

fn assert_rows(table: &Lake, expected: &[Value]) {
    let mut expected = expected.to_vec();
    expected.sort_by_key(Value::to_string);
    assert_eq!(table.rows, expected);
}

/// What some actions of an entry say, such as all its `protocol`.
fn of<'a>(actions: &'a [Value], kind: &str) -> Vec<&'a Value> {
    actions.iter().filter_map(|action| action.get(kind)).collect()
}

#[tokio::test]
async fn a_file_gets_a_vector_until_more_than_a_fifth_of_it_is_gone() {
    let bench = Bench::new(people(0..100)).await;
    let config = bench.config(&with_vectors());
    bench.load(&config).await;
    assert_eq!(
        of(&bench.actions(0), "protocol"),
        [&json!({
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": ["deletionVectors"],
            "writerFeatures": ["deletionVectors"],
        })]
    );
    let first = bench.table("items").await;
    assert_eq!((first.files.len(), gone(&first)), (1, vec![]));

    let mut rows = changed(0..100, &[7, 60], "first");
    bench.serve(rows[5..70].to_vec());
    let report = bench.load(&config).await;
    assert_eq!(
        report["rows"],
        json!({"read": 65, "inserted": 0, "updated": 2, "unchanged": 63, "deleted": 0, "rejected": 0})
    );
    assert_eq!((&report["files"]["added"], &report["files"]["removed"]), (&json!(1), &json!(0)), "{report:#}");
    let second = bench.table("items").await;
    assert!(first.files.is_subset(&second.files));
    assert_eq!((second.files.len(), gone(&second)), (2, vec![2]));
    assert_rows(&second, &rows);

    // The fifth: 18 more rows of the first file.
    for row in &mut rows[70..88] {
        row["name"] = "second".into();
    }
    bench.serve(rows.clone());
    let report = bench.load(&config).await;
    assert_eq!((&report["rows"]["updated"], &report["rows"]["unchanged"]), (&json!(18), &json!(82)));
    let third = bench.table("items").await;
    assert!(second.files.is_subset(&third.files));
    assert_eq!((third.files.len(), gone(&third)), (3, vec![20]));
    assert_rows(&third, &rows);
    let vector = first.files.first().expect("the file");
    let actions = bench.actions(2);
    let [removed] = of(&actions, "remove")[..] else { panic!("one file is taken out: {actions:#?}") };
    assert_eq!((&removed["path"], &removed["deletionVector"]["cardinality"]), (&json!(vector), &json!(2)));
    let put_back = of(&actions, "add").into_iter().find(|add| add["path"] == json!(vector)).expect("put back");
    assert_eq!((&put_back["deletionVector"]["cardinality"], &put_back["partitionValues"]), (&json!(20), &json!({})));
    let stats: Value = serde_json::from_str(put_back["stats"].as_str().expect("statistics")).expect("JSON");
    assert_eq!((&stats["numRecords"], &stats["tightBounds"]), (&json!(100), &json!(false)), "as in the file itself");

    // One more, and the file is written again.
    rows[0]["name"] = "third".into();
    bench.serve(rows[0..1].to_vec());
    let report = bench.load(&config).await;
    assert_eq!((&report["files"]["added"], &report["files"]["removed"]), (&json!(2), &json!(1)), "{report:#}");
    let fourth = bench.table("items").await;
    assert_eq!((fourth.files.len(), gone(&fourth)), (4, vec![]));
    assert_rows(&fourth, &rows);

    // All rows of all files go.
    let rows = changed(0..100, &(0..100).collect::<Vec<_>>(), "fourth");
    bench.serve(rows.clone());
    let report = bench.load(&config).await;
    assert_eq!((&report["files"]["added"], &report["files"]["removed"]), (&json!(1), &json!(4)), "{report:#}");
    let fifth = bench.table("items").await;
    assert_eq!((fifth.files.len(), gone(&fifth)), (1, vec![]));
    assert_rows(&fifth, &rows);
}

#[tokio::test]
async fn a_file_goes_with_the_last_row_that_its_vector_left() {
    // A page is a file.
    let small = ["--set", "limits.memory=1", "--set", "limits.file_bytes=1"];
    let bench = Bench::new(people(0..30)).await;
    let config = bench.config(&with_vectors());
    bench.run(&config, &small).await;
    assert_eq!(bench.table("items").await.files.len(), 3);
    let rows = changed(0..30, &[12, 13], "first");
    bench.serve(rows[12..14].to_vec());
    bench.load(&config).await;
    assert_eq!(gone(&bench.table("items").await), [2]);
    let others: Vec<Value> =
        (10..20).filter(|id| ![12, 13].contains(id)).map(|id| json!({"id": id, "name": "b"})).collect();
    bench.serve(others.clone());
    let report = bench.load(&config).await;
    assert_eq!((&report["files"]["added"], &report["files"]["removed"]), (&json!(1), &json!(1)), "{report:#}");
    let table = bench.table("items").await;
    assert_eq!((table.files.len(), gone(&table)), (4, vec![]));
    assert_eq!(table.rows.iter().filter(|row| row["name"] == "b" && !row["score"].is_null()).count(), 8);
    assert_eq!(table.rows.len(), 30);
}

#[tokio::test]
async fn a_table_without_gets_them_in_a_commit_of_its_own_and_only_if_asked() {
    let bench = Bench::new(people(0..50)).await;
    let plain = bench.config(&json!({}));
    bench.load(&plain).await;
    bench.serve(changed(0..50, &[3], "first"));
    bench.load(&plain).await;
    assert!(of(&bench.actions(1), "protocol").is_empty() && of(&bench.actions(1), "metaData").is_empty());
    assert!(gone(&bench.table("items").await).is_empty());

    let config = bench.config(&with_vectors());
    let rows = changed(0..50, &[3, 4], "second");
    bench.serve(rows.clone());
    // A switch is no attempt at the commit of the rows.
    let run = bench.run(&config, &["--set", "limits.commit_attempts=1"]).await;
    let report = &run.report["resources"][0];
    assert_eq!((run.code, &report["commits"], &report["version"]), (0, &json!(2), &json!(3)), "{report:#}");
    let switch = bench.actions(2);
    assert_eq!(switch.len(), 3, "{switch:#?}");
    let (created, switched) = (bench.actions(0), of(&switch, "metaData")[0].clone());
    assert_eq!(switched["id"], of(&created, "metaData")[0]["id"]);
    assert_eq!(switched["schemaString"], of(&created, "metaData")[0]["schemaString"]);
    assert_eq!(switched["configuration"], json!({"delta.enableDeletionVectors": "true"}));
    assert_eq!(of(&switch, "protocol")[0]["writerFeatures"], json!(["appendOnly", "invariants", "deletionVectors"]));
    let table = bench.table("items").await;
    assert_eq!(gone(&table), [1]);
    assert_rows(&table, &rows);

    // What the table has, it keeps, with or without the config's key; and it is switched on once.
    for (version, config) in [(4, bench.config(&json!({}))), (5, bench.config(&with_vectors()))] {
        let rows = changed(0..50, &[3, 4, 5], &format!("version {version}"));
        bench.serve(rows.clone());
        assert_eq!(bench.load(&config).await["version"], version);
        assert!(of(&bench.actions(version), "protocol").is_empty());
        assert_rows(&bench.table("items").await, &rows);
    }
}

#[tokio::test]
async fn an_append_switches_them_on_too_and_a_load_without_rows_does_nothing_else() {
    let bench = Bench::new(people(0..5)).await;
    bench.load(&bench.config(&json!({"write_disposition": "append"}))).await;
    let append = json!({"write_disposition": "append", "delta": {"deletion_vectors": true}});
    let report = bench.load(&bench.config(&append)).await;
    assert_eq!((&report["commits"], &report["version"]), (&json!(2), &json!(2)));
    bench.serve(Vec::new());
    let report = bench.load(&bench.config(&append)).await;
    assert_eq!((&report["commits"], &report["version"]), (&json!(0), &json!(2)), "{report:#}");
    assert_eq!(bench.table("items").await.rows.len(), 10);
}

#[tokio::test]
async fn a_file_that_is_put_back_keeps_its_statistics() {
    let row = |id: i64| {
        json!({
            "id": id,
            "at": format!("2024-03-09T10:11:12.{:06}Z", id * 1_001),
            "day": format!("2024-03-{:02}", 1 + id % 28),
            "price": format!("12345678901234.{id:02}"),
            "ratio": (id > 0).then_some(0.125),
            "flag": id % 2 == 0,
            "long": "x".repeat(100),
            "inner": {"n": id, "none": null},
        })
    };
    let mut rows: Vec<Value> = (0..150).map(row).collect();
    let bench = Bench::new(rows.clone()).await;
    let columns = json!({"day": {"data_type": "date"}, "price": {"data_type": "decimal", "precision": 20, "scale": 2}});
    let config = bench.config(&json!({"columns": columns, "delta": {"deletion_vectors": true}}));
    bench.load(&config).await;
    let statistics = |version: u64, path: &Value| {
        let actions = bench.actions(version);
        let add = of(&actions, "add").into_iter().find(|add| add["path"] == *path).expect("the file").clone();
        serde_json::from_str::<Value>(add["stats"].as_str().expect("statistics")).expect("JSON")
    };
    let path = of(&bench.actions(0), "add")[0]["path"].clone();
    let mut expected = statistics(0, &path);
    expected["tightBounds"] = false.into();
    // So many that they come from a checkpoint in the end.
    for version in 1..23_u64 {
        let id = usize::try_from(version).expect("small");
        rows[id]["flag"] = Value::Null;
        bench.serve(rows[id..=id].to_vec());
        bench.load(&config).await;
        assert_eq!(statistics(version, &path), expected, "version {version}");
    }
    let checkpoint = bench.path("lake/items/_delta_log/_last_checkpoint");
    assert!(checkpoint.exists());
}

/// A table of 50 people in one file, of which two rows are in another since.
async fn merged_once() -> (Bench, Vec<Value>) {
    let bench = Bench::new(people(0..50)).await;
    let config = bench.config(&with_vectors());
    bench.load(&config).await;
    let rows = changed(0..50, &[7, 30], "first");
    bench.serve(rows.clone());
    bench.load(&config).await;
    assert_eq!(gone(&bench.table("items").await), [2]);
    (bench, rows)
}

#[tokio::test]
async fn replace_and_append_know_the_rows_that_are_gone() {
    let (bench, rows) = merged_once().await;
    bench.serve(people(100..103));
    bench.load(&bench.config(&json!({"write_disposition": "append"}))).await;
    let table = bench.table("items").await;
    assert_rows(&table, &[rows, people(100..103)].concat());
    assert_eq!(gone(&table), [2]);
    let report = bench.load(&bench.config(&json!({"write_disposition": "replace"}))).await;
    assert_eq!((&report["rows"]["deleted"], &report["files"]["removed"]), (&json!(53), &json!(3)));
    let table = bench.table("items").await;
    assert_rows(&table, &people(100..103));
    assert!(gone(&table).is_empty());
}

#[tokio::test]
async fn a_wider_type_and_a_new_column_go_with_vectors() {
    let (bench, mut rows) = merged_once().await;
    rows[9]["score"] = json!(0.5);
    bench.serve(rows.clone());
    let report = bench.load(&bench.config(&json!({"type_conflict": "widen"}))).await;
    assert_eq!((&report["commits"], &report["rows"]["updated"]), (&json!(2), &json!(1)), "{report:#}");
    let table = bench.table("items").await;
    assert_eq!(gone(&table), [1], "the files are written again without the rows that were gone");
    let scores = |rows: &[Value]| {
        let mut scores: Vec<_> = rows.iter().map(|row| (row["id"].as_i64(), row["score"].as_f64())).collect();
        scores.sort_by_key(|(id, _)| *id);
        scores
    };
    assert_eq!(scores(&table.rows), scores(&rows));

    rows[10]["extra"] = json!({"x": 1});
    bench.serve(rows.clone());
    let report = bench.load(&bench.config(&json!({}))).await;
    assert_eq!((&report["commits"], &report["rows"]["updated"]), (&json!(2), &json!(1)), "{report:#}");
    let table = bench.table("items").await;
    assert_eq!(gone(&table), [2]);
    assert_eq!(scores(&table.rows), scores(&rows));
    assert_eq!(table.rows.iter().filter(|row| row["extra"] == json!({"x": 1})).count(), 1);
}

/// Switches vectors off without taking out those that are there, as `ALTER TABLE` does.
fn switch_off(bench: &Bench, version: u64) {
    let created = bench.actions(0);
    let mut metadata = of(&created, "metaData")[0].clone();
    metadata["configuration"] = json!({"delta.enableDeletionVectors": "false"});
    let entry = json!({"commitInfo": {"timestamp": 0, "operation": "SET TBLPROPERTIES"}});
    let text = format!("{entry}\n{}\n", json!({ "metaData": metadata }));
    std::fs::write(bench.entry(version), text).expect("an entry");
}

#[tokio::test]
async fn a_table_on_which_they_are_switched_off_gets_none_and_keeps_those_it_has() {
    let (bench, mut rows) = merged_once().await;
    switch_off(&bench, 2);
    bench.serve(rows.clone());
    let config = bench.config(&json!({}));
    assert_eq!(bench.load(&config).await["rows"]["unchanged"], 50);
    rows[7]["name"] = "second".into();
    bench.serve(rows.clone());
    bench.load(&config).await;
    let table = bench.table("items").await;
    assert_eq!(gone(&table), [2], "the first file was not touched");
    assert_rows(&table, &rows);
    rows[49]["name"] = "third".into();
    bench.serve(rows.clone());
    bench.load(&config).await;
    let table = bench.table("items").await;
    assert!(gone(&table).is_empty(), "the first file was written again");
    assert_rows(&table, &rows);
}

#[tokio::test]
async fn rows_before_the_first_changed_one_are_copied_without_those_that_are_gone() {
    let endpoint = json!({"path": "items", "data_selector": "data", "paginator": {"type": "offset", "limit": 5000}});
    let bench = Bench::new(people(0..20_000)).await;
    bench.load(&bench.config(&json!({"endpoint": endpoint, "delta": {"deletion_vectors": true}}))).await;
    let mut rows = changed(0..20_000, &[1, 8_191, 8_192, 9_000], "first");
    let config = bench.config(&json!({ "endpoint": endpoint }));
    bench.serve(rows.clone());
    bench.load(&config).await;
    assert_eq!(gone(&bench.table("items").await), [4]);
    switch_off(&bench, 2);
    rows[19_000]["name"] = "second".into();
    bench.serve(rows.clone());
    let report = bench.load(&config).await;
    assert_eq!((&report["rows"]["updated"], &report["files"]["removed"]), (&json!(1), &json!(1)), "{report:#}");
    let table = bench.table("items").await;
    assert!(gone(&table).is_empty());
    assert_rows(&table, &rows);
}

#[tokio::test]
async fn a_damaged_or_missing_vector_is_one_clear_error() {
    let (bench, rows) = merged_once().await;
    let config = bench.config(&json!({}));
    let before = bench.table("items").await;
    let file = bench.path("lake/items").join(before.vector_files.first().expect("a vector"));
    let whole = std::fs::read(&file).expect("its bytes");
    bench.serve(changed(0..50, &[1, 7, 30], "second"));
    let is_damaged = "a deletion vector of the table is damaged";
    for index in [1, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[index] ^= 1;
        std::fs::write(&file, bytes).expect("damage");
        assert_refused(&bench, &config, "table_place", is_damaged).await;
    }
    std::fs::write(&file, &whole[..whole.len() - 1]).expect("damage");
    assert_refused(&bench, &config, "table_place", is_damaged).await;
    std::fs::remove_file(&file).expect("it was there");
    assert_refused(&bench, &config, "storage", "could not read a deletion vector").await;

    std::fs::write(&file, &whole).expect("as it was");
    assert_rows(&bench.table("items").await, &rows);
    bench.load(&config).await;
    assert_rows(&bench.table("items").await, &changed(0..50, &[1, 7, 30], "second"));
}

/// A merge fails so, and leaves the log and every file as they were.
async fn assert_refused(bench: &Bench, config: &Path, code: &str, message: &str) {
    let (files, version) = (bench.files("items").await, bench.entry(2));
    let run = bench.run(config, &[]).await;
    let error = &run.report["resources"][0]["error"];
    assert_eq!((run.code, &error["code"]), (1, &json!(code)), "{error:#}");
    assert!(error["message"].as_str().expect("a text").contains(message), "{error:#}");
    assert!(!version.exists());
    assert_eq!(bench.files("items").await, files);
}
