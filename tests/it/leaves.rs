//! Members of objects as keys (`primary_key: meta.id`): merges by them, what they spare, and which of two columns a dot means.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::command::Bench;

/// A page of the API is a file of the table.
const FILE_A_PAGE: [&str; 4] = ["--set", "limits.memory=1", "--set", "limits.file_bytes=1"];

/// Rows whose key is in an object, behind another member and another column.
fn rows(ids: std::ops::Range<i64>) -> Vec<Value> {
    ids.map(|id| json!({"score": id, "meta": {"at": format!("t{id}"), "id": id}})).collect()
}

fn keyed(bench: &Bench, key: &Value, more: &Value) -> PathBuf {
    let mut resource = json!({"primary_key": key});
    for (name, value) in more.as_object().expect("an object") {
        resource[name] = value.clone();
    }
    bench.config(&resource)
}

/// Rows inserted, updated, unchanged and deleted.
fn counts(report: &Value) -> [u64; 4] {
    ["inserted", "updated", "unchanged", "deleted"].map(|key| report["rows"][key].as_u64().expect("a count"))
}

async fn assert_rows(bench: &Bench, mut expected: Vec<Value>) {
    expected.sort_by_key(Value::to_string);
    assert_eq!(bench.table("items").await.rows, expected);
}

#[tokio::test]
async fn rows_are_merged_by_a_member_of_an_object() {
    for vectors in [false, true] {
        let delta = json!({"delta": {"deletion_vectors": vectors}});
        let bench = Bench::new(rows(0..60)).await;
        let config = keyed(&bench, &json!("meta.id"), &delta);
        bench.run(&config, &FILE_A_PAGE).await;
        let mut load = rows(38..42);
        load[0]["score"] = json!("another");
        load[1]["meta"]["at"] = json!("another");
        load.push(json!({"score": 99, "meta": {"at": "t99", "id": 99}}));
        bench.serve(load.clone());
        let report = bench.load(&config).await;
        // Text among integers makes a variant of its own; of six files two may have one of the keys.
        assert_eq!((counts(&report), &report["files"]["scanned"]), ([1, 2, 2, 0], &json!(2)), "{report:#}");
        let mut expected = rows(0..60);
        expected[38] = json!({"score__v_text": "another", "meta": {"at": "t38", "id": 38}});
        expected[39] = load[1].clone();
        expected.push(load[4].clone());
        assert_rows(&bench, expected.clone()).await;
        assert_eq!(bench.table("items").await.vectors.is_empty(), !vectors);
        assert_eq!(bench.load(&config).await["commits"], 0, "nothing has changed");

        // Of several rows of a key the last counts, also in a table that is made anew.
        let mut twice = rows(38..42);
        twice.push(json!({"score": -1, "meta": {"at": "last", "id": 40}}));
        bench.serve(twice.clone());
        bench.load(&config).await;
        expected[38] = twice[0].clone();
        expected[39] = twice[1].clone();
        expected[40] = twice[4].clone();
        assert_rows(&bench, expected).await;
        let run = bench.run(&config, &["--full-refresh"]).await;
        assert_eq!(run.code, 0, "{:#}", run.report);
        twice.remove(2);
        assert_rows(&bench, twice).await;
    }
}

#[tokio::test]
async fn the_member_comes_first_in_the_file_and_new_rows_are_sorted_by_it() {
    let bench = Bench::new(rows(0..20)).await;
    let config = keyed(&bench, &json!("meta.id"), &json!({}));
    bench.load(&config).await;
    let table = bench.table("items").await;
    assert_eq!(table.columns[0].0, "meta", "{:?}", table.columns);
    assert!(
        table.columns[0].1.find("id").expect("it") < table.columns[0].1.find("at").expect("it"),
        "{:?}",
        table.columns
    );
    let mut load = rows(5..40);
    fastrand::Rng::with_seed(11).shuffle(&mut load);
    bench.serve(load);
    bench.load(&config).await;
    let stored = bench.table("items").await.stored;
    let ids: Vec<i64> = stored.iter().filter_map(|row| row["meta"]["id"].as_i64()).filter(|id| *id >= 20).collect();
    assert_eq!(ids, (20..40).collect::<Vec<_>>());
    // Rows that go on rising are not compared with the table at all.
    bench.serve(rows(40..60));
    let report = bench.load(&config).await;
    assert_eq!((counts(&report), &report["files"]["scanned"]), ([20, 0, 0, 0], &json!(0)), "{report:#}");
}

#[tokio::test]
async fn row_groups_and_bloom_filters_of_a_member_spare_reading() {
    for blooms in [false, true] {
        let mut stored = rows(0..2_000);
        fastrand::Rng::with_seed(3).shuffle(&mut stored);
        let bench = Bench::new(stored).await;
        let more = json!({
            "delta": {"row_group_rows": 100, "bloom_filters": blooms, "file_bytes": "1GB"},
            "endpoint": {"path": "items", "data_selector": "data", "paginator": {"type": "offset", "limit": 500}},
        });
        let config = keyed(&bench, &json!("meta.id"), &more);
        bench.load(&config).await;
        let mut expected = rows(0..2_001);
        for id in [0, 1_234, 1_999, 2_000] {
            expected[id]["meta"]["at"] = json!("changed");
        }
        bench.serve(expected.iter().filter(|row| row["meta"]["at"] == "changed").cloned().collect());
        assert_eq!(counts(&bench.load(&config).await), [1, 3, 0, 0]);
        assert_rows(&bench, expected).await;
    }
}

#[tokio::test]
async fn a_key_of_two_columns_may_have_a_member_and_names_are_those_of_the_table() {
    let row = |part: i64, id: &str, x: i64| json!({"part": part, "x": x, "theMeta": {"deep": {"rowID": id}}});
    let stored = |part: i64, id: &str, x: i64| json!({"part": part, "x": x, "the_meta": {"deep": {"row_id": id}}});
    for key in ["theMeta.deep.rowID", "the_meta.deep.row_id"] {
        for vectors in [false, true] {
            let bench = Bench::new(vec![row(1, "a", 1), row(1, "b", 2), row(2, "a", 3)]).await;
            let config = keyed(&bench, &json!(["part", key]), &json!({"delta": {"deletion_vectors": vectors}}));
            bench.load(&config).await;
            bench.serve(vec![row(2, "a", 4), row(2, "b", 5)]);
            assert_eq!(counts(&bench.load(&config).await), [1, 1, 0, 0], "{key}");
            assert_rows(&bench, vec![stored(1, "a", 1), stored(1, "b", 2), stored(2, "a", 4), stored(2, "b", 5)]).await;
        }
    }
}

#[tokio::test]
async fn rows_of_a_merge_key_go_that_is_a_member() {
    let row = |day: &str, id: i64| json!({"id": id, "of": {"day": day, "n": 1}});
    let bench = Bench::new(vec![row("mon", 1), row("mon", 2), row("tue", 3)]).await;
    let disposition = json!({"disposition": "merge", "strategy": "delete-insert"});
    let config = bench.config(&json!({"write_disposition": disposition, "merge_key": "of.day"}));
    bench.load(&config).await;
    bench.serve(vec![row("mon", 4)]);
    bench.load(&config).await;
    assert_rows(&bench, vec![row("mon", 4), row("tue", 3)]).await;
    // Versions of other days do not end.
    let disposition = json!({"disposition": "merge", "strategy": "scd2"});
    let bench = Bench::new(vec![row("mon", 1), row("tue", 3)]).await;
    let config = bench.config(&json!({"write_disposition": disposition, "merge_key": "of.day", "primary_key": null}));
    bench.load(&config).await;
    bench.serve(vec![row("mon", 4)]);
    let report = bench.load(&config).await;
    assert_eq!(counts(&report), [1, 1, 0, 0], "{report:#}");
    let ended = |row: &&Value| row.get("_dlt_valid_to").is_some();
    let rows = bench.table("items").await.rows;
    assert_eq!(rows.iter().filter(ended).map(|row| row["id"].clone()).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_row_without_the_member_is_refused_or_rejected() {
    let source =
        || vec![json!({"meta": {"id": 1}}), json!({"meta": {"at": 2}}), json!({"meta": null}), json!({"x": 1})];
    let bench = Bench::new(source()).await;
    let run = bench.run(&keyed(&bench, &json!("meta.id"), &json!({})), &[]).await;
    let error = &run.report["resources"][0]["error"];
    assert_eq!((run.code, &error["code"]), (1, &json!("null_key")), "{error:#}");
    let message = error["message"].as_str().expect("a text");
    assert!(message.contains("page 1, row 2") && message.contains("`meta.id`"), "{message}");
    let report = bench.load(&keyed(&bench, &json!("meta.id"), &json!({"on_missing_key": "reject"}))).await;
    assert_eq!((&report["rows"]["rejected"], &report["rows"]["inserted"]), (&json!(3), &json!(1)), "{report:#}");
    assert_eq!(report["rejects"]["first"][0]["column"], "meta.id");

    // What cannot be compared exactly is no key, and neither is what is no object.
    for (rows, code) in [
        (vec![json!({"meta": {"id": 1.5}})], "key_type"),
        (vec![json!({"meta": {"id": {"a": 1}}})], "key_type"),
        (vec![json!({"meta": "text"})], "null_key"),
        (vec![json!({"meta": {"id": 1}}), json!({"meta": {"id": "one"}})], "type_conflict"),
    ] {
        let bench = Bench::new(rows).await;
        let run = bench.run(&keyed(&bench, &json!("meta.id"), &json!({})), &[]).await;
        let error = &run.report["resources"][0]["error"];
        assert_eq!((run.code, &error["code"]), (1, &json!(code)), "{error:#}");
    }
}

#[tokio::test]
async fn a_column_with_a_dot_in_its_key_is_itself() {
    for naming in ["snake_case", "preserve"] {
        let dotted = |id: i64, x: i64| json!({"a.b": id, "x": x, "a": {"c": 1}});
        let bench = Bench::new((0..30).map(|id| dotted(id, 0)).collect()).await;
        let config = keyed(&bench, &json!("a.b"), &json!({"naming": naming}));
        bench.load(&config).await;
        // From now on the objects have such a member too, which is another for every row.
        let load = (20..31).map(|id| json!({"a.b": id, "x": 1, "a": {"c": 1, "b": id + 1_000}}));
        bench.serve(load.collect());
        assert_eq!(counts(&bench.load(&config).await), [1, 10, 0, 0], "{naming}");
        assert_eq!(counts(&bench.load(&config).await), [0, 0, 11, 0], "{naming}");
    }
    // Of a member that is joined by such a key, in a page or in a run, nobody can tell.
    let member = |id: i64| json!({"a": {"b": id}, "x": id});
    let both = |id: i64| json!({"a": {"b": id}, "a.b": 7, "x": -id});
    let bench = Bench::new((0..20).map(member).chain((5..15).map(both)).collect()).await;
    let config = keyed(&bench, &json!("a.b"), &json!({"commit_every": "1B"}));
    for left in [20, 20] {
        let run = bench.run(&config, &[]).await;
        let error = &run.report["resources"][0]["error"];
        assert_eq!((run.code, &error["code"]), (1, &json!("contested_key")), "{error:#}");
        assert_eq!(bench.table("items").await.rows.len(), left, "the parts before it are committed");
        bench.serve((10..20).map(both).collect());
    }
}

#[tokio::test]
async fn a_column_of_a_name_that_only_looks_like_the_member_is_not_the_key() {
    // `user_id` is what `user.id` would be called at the top level.
    let row = |id: i64, other: i64| json!({"user_id": other, "user": {"id": id}});
    let bench = Bench::new((0..20).map(|id| row(id, id % 3)).collect()).await;
    let config = keyed(&bench, &json!("user.id"), &json!({}));
    bench.load(&config).await;
    bench.serve((10..30).map(|id| row(id, 9)).collect());
    assert_eq!(counts(&bench.load(&config).await), [10, 10, 0, 0]);
    // Nor is it where no row has the object.
    bench.serve(vec![json!({"user_id": 1})]);
    let run = bench.run(&config, &[]).await;
    assert_eq!((run.code, &run.report["resources"][0]["error"]["code"]), (1, &json!("null_key")));
}

#[tokio::test]
async fn a_table_is_compacted_by_a_member() {
    let mut stored = rows(0..100);
    fastrand::Rng::with_seed(5).shuffle(&mut stored);
    let bench = Bench::new(stored).await;
    let config = keyed(&bench, &json!("meta.id"), &json!({"delta": {"maintenance": {"optimize_files": 1}}}));
    bench.run(&config, &FILE_A_PAGE).await;
    let mut more = rows(100..120);
    fastrand::Rng::with_seed(6).shuffle(&mut more);
    bench.serve(more);
    bench.load(&config).await;
    let table = bench.table("items").await;
    assert_eq!(table.files.len(), 1);
    let ids: Vec<i64> = table.stored.iter().filter_map(|row| row["meta"]["id"].as_i64()).collect();
    assert_eq!(ids, (0..120).collect::<Vec<_>>());
}
