//! Tables whose files are split by the values of columns.

use serde_json::{Value, json};

use crate::support::command::Bench;

/// Rows of some days, of which every third has no region.
fn events(ids: std::ops::Range<i64>, note: &str) -> Vec<Value> {
    let region = |id: i64| if id % 3 == 0 { Value::Null } else { json!(format!("r {}/é", id % 2)) };
    ids.map(|id| json!({"id": id, "day": format!("2024-01-0{}", 1 + id % 4), "region": region(id), "note": note}))
        .collect()
}

fn partitioned(more: Value) -> Value {
    let mut resource =
        json!({"columns": {"day": {"partition": true, "data_type": "date"}, "region": {"partition": true}}});
    for (key, value) in more.as_object().expect("a map") {
        resource[key] = value.clone();
    }
    resource
}

/// The adds of a version, each with its partition.
fn partitions(bench: &Bench, version: u64) -> Vec<Value> {
    let adds = bench.actions(version).into_iter().filter_map(|action| action.get("add").cloned());
    adds.map(|add| add["partitionValues"].clone()).collect()
}

/// The rows that the log and the files together tell; the helper for other tests reads files alone.
async fn ids_and_notes(bench: &Bench) -> Vec<(i64, String)> {
    let rows = bench.table("items").await.rows;
    let mut found: Vec<(i64, String)> = rows
        .iter()
        .map(|row| (row["id"].as_i64().expect("an id"), row["note"].as_str().expect("a note").to_owned()))
        .collect();
    found.sort_unstable();
    found
}

fn expected(ids: std::ops::Range<i64>, changed: std::ops::Range<i64>) -> Vec<(i64, String)> {
    ids.map(|id| (id, if changed.contains(&id) { "new" } else { "old" }.to_owned())).collect()
}

#[tokio::test]
async fn files_are_split_and_a_merge_goes_by_what_the_log_tells() {
    for (vectors, commit_every) in [(false, "1GB"), (true, "1GB"), (false, "1B")] {
        let bench = Bench::new(events(0..40, "old")).await;
        let more = json!({"delta": {"deletion_vectors": vectors}, "commit_every": commit_every});
        let config = bench.config(&partitioned(more));
        let report = bench.load(&config).await;
        assert_eq!(report["rows"]["inserted"], 40, "{report:#}");
        if commit_every == "1GB" {
            let found = partitions(&bench, 0);
            // Four days, of each one file without region and up to two with one.
            assert_eq!(found.len(), 8, "{found:?}");
            assert!(found.contains(&json!({"day": "2024-01-01", "region": null})), "{found:?}");
            assert!(found.contains(&json!({"day": "2024-01-02", "region": "r 1/é"})), "{found:?}");
        }
        assert_eq!(bench.load(&config).await["rows"]["unchanged"], 40, "the values of partitions are compared too");
        let mut next = events(0..40, "old");
        next[5]["note"] = json!("new");
        // Another partition.
        next[6]["day"] = json!("2024-02-01");
        bench.serve(next);
        let report = bench.load(&config).await;
        assert_eq!((&report["rows"]["updated"], &report["rows"]["unchanged"]), (&json!(2), &json!(38)), "{report:#}");
        let all: Vec<(i64, String)> = expected(0..40, 5..6);
        assert_eq!(ids_and_notes(&bench).await, all);
    }
}

#[tokio::test]
async fn a_key_column_that_is_a_partition_prunes_files() {
    let bench = Bench::new(events(0..40, "old")).await;
    let resource = json!({"primary_key": ["id", "day"], "columns": {"day": {"partition": true}}});
    let config = bench.config(&resource);
    bench.load(&config).await;
    let files = bench.table("items").await.files.len();
    assert_eq!(files, 4);
    bench.serve(events(4..5, "new"));
    let report = bench.load(&config).await;
    assert_eq!((&report["files"]["scanned"], &report["rows"]["updated"]), (&json!(1), &json!(1)), "{report:#}");
    assert_eq!(ids_and_notes(&bench).await, expected(0..40, 4..5));
}

#[tokio::test]
async fn other_dispositions_keep_to_the_partitions() {
    let bench = Bench::new(events(0..20, "old")).await;
    bench.load(&bench.config(&partitioned(json!({"write_disposition": "append"})))).await;
    // A config that does not say.
    let append = bench.config(&json!({"write_disposition": "append", "columns": {"day": {"data_type": "date"}}}));
    bench.serve(events(20..30, "old"));
    bench.load(&append).await;
    assert_eq!(ids_and_notes(&bench).await, expected(0..30, 0..0));
    assert!(partitions(&bench, 1).iter().all(|values| values["day"].is_string()));
    let replace = bench.config(&json!({"write_disposition": "replace", "columns": {"day": {"data_type": "date"}}}));
    bench.serve(events(0..10, "new"));
    assert_eq!(bench.load(&replace).await["rows"]["deleted"], 30);
    assert_eq!(ids_and_notes(&bench).await, expected(0..10, 0..10));
    let scd2 = json!({"disposition": "merge", "strategy": "scd2"});
    let bench = Bench::new(events(0..20, "old")).await;
    let config = bench.config(&partitioned(json!({"write_disposition": scd2, "primary_key": null})));
    bench.load(&config).await;
    bench.serve(events(0..19, "old"));
    let report = bench.load(&config).await;
    assert_eq!((&report["rows"]["updated"], &report["rows"]["unchanged"]), (&json!(1), &json!(19)), "{report:#}");
}

#[tokio::test]
async fn a_column_that_cannot_be_told_by_the_log_is_one_clear_error() {
    for (rows, problem) in [
        (json!([{"id": 1, "p": 1.5}]), "values of type"),
        (json!([{"id": 1, "p": ""}]), "empty text"),
        (json!([{"id": 1, "p": {"a": 1}}]), "values of type"),
        (json!([{"id": 1}]), "no row has it"),
    ] {
        let bench = Bench::new(rows.as_array().expect("rows").clone()).await;
        let config = bench.config(&json!({"columns": {"p": {"partition": true}}}));
        let run = bench.run(&config, &[]).await;
        let error = &run.report["resources"][0]["error"];
        assert_eq!((run.code, &error["code"]), (1, &json!("partition")), "{error:#}");
        assert!(error["message"].as_str().expect("a text").contains(problem), "{error:#}");
        assert!(!bench.path("lake/items").exists(), "nothing is left");
    }
}

/// Gives the table the folders and paths of another writer: what we escape in a folder's name is there as it is, and in the log as
/// `text` has it.
fn as_others_write(bench: &Bench, text: impl Fn(&str) -> String) {
    let folder = bench.path("lake/items");
    let plain = |name: &str| name.replace("%C3%A4", "ä").replace("%20", " ").replace("%3A", ":");
    for entry in std::fs::read_dir(&folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        std::fs::rename(&path, folder.join(plain(&name))).expect("it is renamed");
    }
    let log = std::fs::read_to_string(bench.entry(0)).expect("the log");
    let entry = log.lines().map(|line| {
        let mut action: Value = serde_json::from_str(line).expect("an action");
        if let Some(path) = action.pointer_mut("/add/path") {
            *path = text(&plain(&path.as_str().expect("a path").replace("%25", "%"))).into();
        }
        action.to_string() + "\n"
    });
    std::fs::write(bench.entry(0), entry.collect::<String>()).expect("the log");
}

#[tokio::test]
async fn files_are_taken_out_under_the_very_path_that_another_writer_gave_them() {
    let values = ["ä", "a b:c", "plain"];
    let row = |id: i64, x: i64| {
        let p = values[usize::try_from(id % 3).expect("small")];
        json!({"id": id, "x": x, "p": p})
    };
    let as_it_is = |path: &str| path.to_owned();
    let escaped = |path: &str| path.replace('ä', "%C3%A4").replace(' ', "%20");
    let all_escaped =
        |path: &str| path.replace('ä', "%c3%a4").replace(' ', "%20").replace(':', "%3A").replace("plain", "%70lain");
    for text in [as_it_is, escaped, all_escaped] as [fn(&str) -> String; 3] {
        for vectors in [false, true] {
            let bench = Bench::new((0..30).map(|id| row(id, 0)).collect()).await;
            let resource = json!({"columns": {"p": {"partition": true}}, "delta": {"deletion_vectors": vectors}});
            let config = bench.config(&resource);
            bench.load(&config).await;
            as_others_write(&bench, text);
            bench.serve((27..32).map(|id| row(id, 1)).collect());
            let report = bench.load(&config).await;
            assert_eq!((&report["rows"]["updated"], &report["rows"]["inserted"]), (&json!(3), &json!(2)), "{report:#}");
            let table = bench.table("items").await;
            assert_eq!(table.vectors.is_empty(), !vectors);
            let mut ids: Vec<(i64, i64)> =
                table.rows.iter().filter_map(|row| Some((row["id"].as_i64()?, row["x"].as_i64()?))).collect();
            ids.sort_unstable();
            assert_eq!(ids, (0..32).map(|id| (id, i64::from(id >= 27))).collect::<Vec<_>>());
            // Every file goes.
            bench.serve(vec![row(1, 2)]);
            let run = bench.run(&config, &["--full-refresh"]).await;
            assert_eq!(run.code, 0, "{:#}", run.report);
            assert_eq!(bench.table("items").await.rows.len(), 1);
        }
    }
}
