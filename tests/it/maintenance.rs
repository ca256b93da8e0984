//! Compaction and vacuum: by the command, and after a load. The rows must be the same whatever is done to the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::command::{Bench, Run, alluvium, people};
use crate::support::lake::Lake;
use crate::support::s3::Server;

/// A page of the API is a file of the table.
const FILE_A_PAGE: [&str; 4] = ["--set", "limits.memory=1", "--set", "limits.file_bytes=1"];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs `alluvium table` on the table `items`.
async fn table(bench: &Bench, command: &str, more: &[&str]) -> Run {
    let mut arguments = vec!["table", command];
    let options: Vec<String> = match &bench.s3 {
        None => vec!["lake/items".to_owned()],
        Some(s3) => {
            let options = s3.options().into_iter().map(|(name, value)| format!("--storage-option={name}={value}"));
            [s3.uri("tables/items")].into_iter().chain(options).collect()
        }
    };
    arguments.extend(options.iter().map(String::as_str));
    arguments.extend(["--output", "json"]);
    arguments.extend(more);
    let output = alluvium(bench.folder.path(), &arguments).await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("a report on every exit: {stderr}"));
    Run { code: output.status.code().expect("no signal"), report, stderr }
}

/// Loads what the API serves, each page into a file of its own.
async fn load_small(bench: &Bench, config: &Path) {
    let run = bench.run(config, &FILE_A_PAGE).await;
    assert_eq!(run.code, 0, "{:#}\n{}", run.report, run.stderr);
}

/// The report of a command that must succeed.
async fn done(bench: &Bench, command: &str, more: &[&str]) -> Value {
    let run = table(bench, command, more).await;
    assert_eq!(run.code, 0, "{:#}\n{}", run.report, run.stderr);
    run.report
}

/// The code and the message of the error of a command that must fail.
fn error(run: &Run) -> (i32, &str, &str) {
    let error = &run.report["errors"][0];
    (run.code, error["code"].as_str().expect("a code"), error["message"].as_str().expect("a message"))
}

fn assert_rows(table: &Lake, expected: &[Value]) {
    let mut expected = expected.to_vec();
    expected.sort_by_key(Value::to_string);
    assert_eq!(table.rows, expected);
}

fn ids(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["id"].as_i64().expect("an id")).collect()
}

/// People in no order.
fn shuffled(ids: std::ops::Range<i64>) -> Vec<Value> {
    let mut rows = people(ids);
    fastrand::Rng::with_seed(3).shuffle(&mut rows);
    rows
}

fn append() -> Value {
    json!({"write_disposition": "append"})
}

fn with_vectors() -> Value {
    json!({"delta": {"deletion_vectors": true}})
}

/// What some actions of an entry say, such as all its `add`.
fn of<'a>(actions: &'a [Value], kind: &str) -> Vec<&'a Value> {
    actions.iter().filter_map(|action| action.get(kind)).collect()
}

#[tokio::test]
async fn small_files_become_one_that_is_sorted_and_once_is_enough() {
    let rows = shuffled(0..95);
    for s3 in [None, Some(Server::start().await)] {
        let mut bench = Bench::new(rows.clone()).await;
        bench.s3 = s3;
        load_small(&bench, &bench.config(&append())).await;
        let before = bench.table("items").await;
        assert_eq!(before.files.len(), 10);

        let report = done(&bench, "optimize", &["--key", "ID"]).await;
        let after = bench.table("items").await;
        assert_eq!(
            ["version", "files_removed", "files_added", "rows"].map(|key| report[key].as_u64()),
            [Some(1), Some(10), Some(1), Some(95)],
            "{report:#}"
        );
        assert!(report["bytes_before"].as_u64() > report["bytes_after"].as_u64(), "{report:#}");
        assert_eq!((after.files.len(), &after.rows), (1, &before.rows));
        assert_eq!(ids(&after.stored), (0..95).collect::<Vec<_>>());
        assert!(before.files.is_subset(&bench.files("items").await), "readers of the version before may be at work");

        let report = done(&bench, "optimize", &["--key", "id"]).await;
        assert_eq!((&report["version"], &report["files_removed"]), (&json!(1), &json!(0)), "{report:#}");
        if bench.s3.is_some() {
            continue;
        }
        let entry = bench.actions(1);
        let info = of(&entry, "commitInfo")[0];
        assert_eq!(
            (&info["operation"], &info["operationParameters"]["sortedBy"]),
            (&json!("OPTIMIZE"), &json!("[\"id\"]"))
        );
        let changes = [of(&entry, "add"), of(&entry, "remove")].concat();
        assert!(changes.len() == 11 && changes.iter().all(|action| action["dataChange"] == json!(false)), "{entry:#?}");
        let stats: Value =
            serde_json::from_str(of(&entry, "add")[0]["stats"].as_str().expect("statistics")).expect("JSON");
        assert_eq!((&stats["minValues"]["id"], &stats["maxValues"]["id"]), (&json!(0), &json!(94)));
        // The pipeline's position is that of before.
        assert_eq!(bench.load(&bench.config(&json!({}))).await["rows"]["unchanged"], 95);
    }
}

#[tokio::test]
async fn files_whose_keys_lie_near_each_other_share_a_bin() {
    // The later keys first, 95 files in all.
    let bench = Bench::new(people(450..950)).await;
    load_small(&bench, &bench.config(&append())).await;
    bench.serve(people(0..450));
    load_small(&bench, &bench.config(&append())).await;
    let before = bench.table("items").await;
    assert_eq!(before.files.len(), 95);
    let arguments = ["--key", "id,name", "--target-size", "4kB"];
    let report = done(&bench, "optimize", &arguments).await;
    let after = bench.table("items").await;
    assert_eq!(before.rows, after.rows);
    let count = |key: &str| usize::try_from(report[key].as_u64().expect("a count")).expect("small");
    // It takes more than one pass, because a small file is mostly footer; what is between does not count.
    assert_eq!(
        (count("files_removed"), count("files_added"), count("rows")),
        (95, after.files.len(), 950),
        "{report:#}"
    );
    assert!((3..30).contains(&after.files.len()) && report["version"].as_u64() > Some(2), "{report:#}");
    let steps = ids(&after.stored);
    let breaks = steps.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
    assert!(breaks < after.files.len(), "each file has a range of its own: {steps:?}");
    assert_eq!(done(&bench, "optimize", &arguments).await["files_removed"], 0);
}

#[tokio::test]
async fn without_a_key_rows_keep_their_order() {
    let bench = Bench::new(shuffled(0..50)).await;
    load_small(&bench, &bench.config(&append())).await;
    bench.serve(shuffled(50..90));
    load_small(&bench, &bench.config(&append())).await;
    done(&bench, "optimize", &[]).await;
    let table = bench.table("items").await;
    assert_eq!(table.files.len(), 1);
    assert_eq!(ids(&table.stored), ids(&[shuffled(0..50), shuffled(50..90)].concat()));
}

#[tokio::test]
async fn a_text_prints_what_was_done() {
    let bench = Bench::new(people(0..20)).await;
    load_small(&bench, &bench.config(&append())).await;
    let text = async |arguments: &[&str]| {
        let output = alluvium(bench.folder.path(), &[&["table"], arguments].concat()).await;
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("a text")
    };
    let first = text(&["optimize", "lake/items"]).await;
    assert!(first.starts_with("lake/items is at version 1\n  2 files of "), "{first}");
    assert!(first.contains(" became 1 file of ") && first.ends_with(" kB, with 20 rows\n"), "{first}");
    let second = text(&["optimize", "lake/items"]).await;
    assert_eq!(second, "lake/items stays at version 1: there is nothing to put together\n");
    assert_eq!(text(&["vacuum", "lake/items"]).await, "lake/items: 0 files of 0 bytes removed\n");
    let orphan = bench.path("lake/items/part-1.parquet");
    fs::write(&orphan, "x").expect("a file");
    age(&orphan, 8);
    let dry = text(&["vacuum", "lake/items", "--dry-run"]).await;
    assert_eq!(dry, "part-1.parquet\nlake/items: 1 file of 1 bytes would be removed\n");
}

#[tokio::test]
async fn deletion_vectors_are_purged() {
    let mut rows = people(0..300);
    let bench = Bench::new(rows.clone()).await;
    let config = bench.config(&with_vectors());
    bench.load(&config).await;
    for row in [3, 150, 299] {
        rows[row]["name"] = "changed".into();
        bench.serve(vec![rows[row].clone()]);
        bench.load(&config).await;
    }
    let before = bench.table("items").await;
    assert_eq!(before.vectors.values().copied().collect::<Vec<_>>(), [3]);
    // So that no file is small, and only that with a vector is written again.
    let report = done(&bench, "optimize", &["--target-size", "1"]).await;
    assert_eq!(
        (&report["files_removed"], &report["files_added"], &report["rows"]),
        (&json!(1), &json!(1), &json!(297))
    );
    let after = bench.table("items").await;
    assert_rows(&after, &rows);
    assert!(after.vectors.is_empty());
    assert_eq!(done(&bench, "optimize", &["--target-size", "1"]).await["files_removed"], 0);

    // The table goes on having them.
    rows[7]["name"] = "again".into();
    bench.serve(rows.clone());
    bench.load(&config).await;
    let table = bench.table("items").await;
    assert_eq!(table.vectors.len(), 1);
    assert_rows(&table, &rows);
    done(&bench, "optimize", &["--key", "id"]).await;
    let table = bench.table("items").await;
    assert_eq!((table.files.len(), table.vectors.len()), (1, 0));
    assert_eq!(ids(&table.stored), (0..300).collect::<Vec<_>>());
    assert_rows(&table, &rows);
}

#[tokio::test]
async fn loaders_and_compactions_that_race_lose_no_row_and_double_none() {
    for vectors in [false, true] {
        let mut rows = people(0..200);
        let bench = Bench::new(rows.clone()).await;
        let merge = json!({"delta": {"deletion_vectors": vectors}});
        let config = bench.config(&merge);
        load_small(&bench, &config).await;
        let other = bench.write("other.json", &fs::read_to_string(&config).expect("the config"));
        let mut random = fastrand::Rng::with_seed(u64::from(vectors));
        for turn in 0..6 {
            for _ in 0..10 {
                let row = random.usize(0..rows.len());
                rows[row]["name"] = format!("turn {turn}").into();
            }
            rows.extend(people(200 + turn * 10..200 + (turn + 1) * 10));
            bench.serve(rows.clone());
            let key: &[&str] = if turn % 2 == 0 { &["--key", "id"] } else { &[] };
            let later = Duration::from_millis(random.u64(0..300));
            let (first, second, third, fourth) = tokio::join!(
                bench.run(&config, &FILE_A_PAGE),
                bench.run(&other, &[]),
                table(&bench, "optimize", key),
                async {
                    tokio::time::sleep(later).await;
                    table(&bench, "optimize", key).await
                }
            );
            for run in [&first, &second, &third, &fourth] {
                assert_eq!(run.code, 0, "turn {turn}: {:#}\n{}", run.report, run.stderr);
            }
            assert_rows(&bench.table("items").await, &rows);
        }
        done(&bench, "optimize", &["--key", "id"]).await;
        let table = bench.table("items").await;
        assert_eq!((table.files.len(), table.vectors.len()), (1, 0));
        assert_rows(&table, &rows);
        // Whatever was written for nothing is gone: all else the log has named at some time.
        let named: String = (0..).map_while(|version| fs::read_to_string(bench.entry(version)).ok()).collect();
        let files = bench.files("items").await;
        let data: Vec<&String> = files.iter().filter(|path| path.ends_with(".parquet")).collect();
        assert!(data.iter().all(|path| named.contains(path.as_str())), "{data:#?}");
    }
}

#[tokio::test]
async fn each_partition_is_put_together_on_its_own() {
    let rows: Vec<Value> = shuffled(0..60)
        .into_iter()
        .map(|mut row| {
            let id = row["id"].as_i64().expect("an id");
            row["team"] = if id % 3 == 0 { Value::Null } else { format!("t {}", id % 3).into() };
            row
        })
        .collect();
    let bench = Bench::new(rows.clone()).await;
    let team = json!({"team": {"partition": true}});
    load_small(&bench, &bench.config(&json!({"write_disposition": "append", "columns": team}))).await;
    assert!(bench.table("items").await.files.len() > 6);
    let report = done(&bench, "optimize", &["--key", "id"]).await;
    assert_eq!((&report["files_added"], &report["rows"]), (&json!(3), &json!(60)), "{report:#}");
    let version = report["version"].as_u64().expect("a version");
    let entry = bench.actions(version);
    let mut teams: Vec<Value> = of(&entry, "add").iter().map(|add| add["partitionValues"]["team"].clone()).collect();
    teams.sort_by_key(Value::to_string);
    assert_eq!(teams, [json!("t 1"), json!("t 2"), Value::Null]);
    // A merge compares the values of the partitions too.
    let merge = bench.config(&json!({ "columns": team }));
    assert_eq!(bench.load(&merge).await["rows"]["unchanged"], 60);
    done(&bench, "vacuum", &["--retention", "1ms", "--allow-short-retention"]).await;
    let table = bench.table("items").await;
    assert_eq!((bench.files("items").await, table.files.len()), (table.files.clone(), 3));
    assert_eq!(bench.load(&merge).await["rows"]["unchanged"], 60);
}

#[tokio::test]
async fn a_table_that_others_wrote_with_features_is_refused() {
    let bench = Bench::new(people(0..20)).await;
    load_small(&bench, &bench.config(&append())).await;
    let mut metadata = of(&bench.actions(0), "metaData")[0].clone();
    metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"});
    fs::write(bench.entry(1), format!("{}\n", json!({ "metaData": metadata }))).expect("an entry");
    let run = table(&bench, "optimize", &[]).await;
    let expected = "table at lake/items: the table uses `changeDataFeed`, which this loader does not write";
    assert_eq!(error(&run), (1, "table_feature", expected));
    assert_eq!(bench.parquet_files("items").await, 2);
}

#[tokio::test]
async fn wrong_usage_is_told_apart_from_failure() {
    let bench = Bench::new(people(0..5)).await;
    bench.load(&bench.config(&json!({}))).await;
    let run = table(&bench, "optimize", &["--key", "id,nobody"]).await;
    assert_eq!(error(&run), (2, "no_column", "table at lake/items: there is no column `nobody` to sort by"));
    assert_eq!(run.report["errors"][0]["hint"], "it has `id`, `name`, `score`");
    let run = table(&bench, "optimize", &["--target-size", "big", "--storage-option", "canary-value"]).await;
    assert_eq!(error(&run), (2, "usage", "`--storage-option` must be `NAME=VALUE`"));
    assert_eq!(run.report["errors"].as_array().map(Vec::len), Some(2), "both are told");
    assert!(!format!("{}{}", run.report, run.stderr).contains("canary-value"));
    let run = table(&bench, "vacuum", &["--retention", "soon"]).await;
    assert_eq!((run.code, &run.report["errors"][0]["code"]), (2, &json!("usage")));
    let run = table(&bench, "vacuum", &["--retention", "167h"]).await;
    assert_eq!(
        error(&run),
        (2, "short_retention", "table at lake/items: a retention below 7 days may remove what is in use")
    );
    done(&bench, "vacuum", &["--retention", "7d"]).await;
}

#[tokio::test]
async fn where_there_is_no_table_nothing_is_made() {
    for s3 in [None, Some(Server::start().await)] {
        let mut bench = Bench::new(Vec::new()).await;
        bench.s3 = s3;
        for command in ["optimize", "vacuum"] {
            let run = table(&bench, command, &[]).await;
            let (code, name, message) = error(&run);
            assert_eq!((code, name), (1, "no_table"));
            assert!(message.ends_with("items: there is no Delta table"), "{message}");
        }
        assert!(!bench.path("lake").exists());
        if bench.s3.is_none() {
            fs::create_dir_all(bench.path("lake/items")).expect("a folder");
            assert_eq!(error(&table(&bench, "optimize", &[]).await).1, "no_table");
            assert_eq!(fs::read_dir(bench.path("lake/items")).expect("the folder").count(), 0);
        }
    }
}

/// Makes a file so many days old.
fn age(path: &Path, days: u32) {
    let file = fs::File::options().write(true).open(path).unwrap_or_else(|_| panic!("{}", path.display()));
    file.set_modified(SystemTime::now() - days * DAY).expect("a time");
}

/// A file of a table's folder that is so many days old.
fn planted(bench: &Bench, name: &str, days: u32) -> PathBuf {
    let path = bench.path("lake/items").join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
    fs::write(&path, "not looked at").expect("a file");
    age(&path, days);
    path
}

#[tokio::test]
async fn a_vacuum_removes_old_files_that_nothing_names_and_no_others() {
    let mut rows = people(0..100);
    let bench = Bench::new(rows.clone()).await;
    let config = bench.config(&with_vectors());
    bench.load(&config).await;
    rows[5]["name"] = "changed".into();
    bench.serve(rows.clone());
    bench.load(&config).await;
    let before = bench.table("items").await;
    assert_eq!(before.vectors.len(), 1);
    for path in bench.files("items").await {
        age(&bench.path("lake/items").join(path), 30);
    }
    let uuid = "5d2e4c1e-7a52-4f9b-9c0a-0d0e7a1f3f00";
    let garbage = [
        "part-old.parquet".to_owned(),
        "day=2024-01-01/part-old.parquet".to_owned(),
        format!("deletion_vector_{uuid}.bin"),
        format!("_delta_log/.{uuid}.tmp"),
    ];
    let old: Vec<PathBuf> = garbage.iter().map(|name| planted(&bench, name, 8)).collect();
    let kept = [
        ("part-young.parquet", 6),
        ("deletion_vector_young.bin", 6),
        ("_delta_log/.young.tmp", 6),
        ("_delta_log/_sidecars/old.parquet", 30),
        ("_change_data/old.parquet", 30),
        (".hidden.parquet", 30),
        ("README.md", 30),
    ];
    let kept: Vec<PathBuf> = kept.iter().map(|(name, days)| planted(&bench, name, *days)).collect();

    let dry = done(&bench, "vacuum", &["--dry-run"]).await;
    assert!(old.iter().all(|path| path.exists()));
    let report = done(&bench, "vacuum", &[]).await;
    assert_eq!((&dry["deleted"], &dry["files"], &dry["bytes"]), (&report["deleted"], &json!(4), &json!(4 * 13)));
    assert_eq!((&dry["dry_run"], &report["dry_run"]), (&json!(true), &json!(false)));
    let mut deleted: Vec<&str> =
        report["deleted"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let mut expected: Vec<&str> = garbage.iter().map(String::as_str).collect();
    deleted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(deleted, expected);
    assert!(old.iter().all(|path| !path.exists()));
    assert!(kept.iter().all(|path| path.exists()), "{kept:#?}");
    let after = bench.table("items").await;
    assert_eq!((after.vector_files, after.files), (before.vector_files, before.files));
    assert_rows(&bench.table("items").await, &rows);
    assert_eq!(done(&bench, "vacuum", &["--retention", "7d"]).await["files"], 0);
}

#[tokio::test]
async fn what_was_taken_out_of_the_table_stays_for_the_retention() {
    let mut rows = people(0..200);
    let bench = Bench::new(rows.clone()).await;
    let config = bench.config(&with_vectors());
    bench.load(&config).await;
    for row in [5, 6] {
        rows[row]["name"] = "changed".into();
        bench.serve(rows.clone());
        bench.load(&config).await;
    }
    // Two files, one vector that another took the place of, and one that was purged.
    done(&bench, "optimize", &["--key", "id"]).await;
    let files = bench.files("items").await;
    assert_eq!(files.iter().filter(|path| path.ends_with(".bin")).count(), 2);
    for path in &files {
        age(&bench.path("lake/items").join(path), 30);
    }
    assert_eq!(done(&bench, "vacuum", &[]).await["files"], 0);
    assert_eq!(bench.files("items").await, files);

    let report = done(&bench, "vacuum", &["--retention", "1ms", "--allow-short-retention"]).await;
    assert_eq!(report["files"].as_u64(), Some(files.len() as u64 - 1), "{report:#}");
    let table = bench.table("items").await;
    assert_eq!(bench.files("items").await, table.files);
    assert_rows(&table, &rows);
    assert_eq!(bench.load(&config).await["rows"]["unchanged"], 200);
}

#[tokio::test]
async fn a_vacuum_is_the_same_on_s3() {
    let bench = Bench::new(shuffled(0..95)).await.on(Server::start().await);
    load_small(&bench, &bench.config(&append())).await;
    done(&bench, "optimize", &["--key", "id"]).await;
    assert_eq!(done(&bench, "vacuum", &[]).await["files"], 0);
    let short = ["--retention", "1ms", "--allow-short-retention"];
    let dry = done(&bench, "vacuum", &[&short[..], &["--dry-run"]].concat()).await;
    assert_eq!((&dry["files"], bench.files("items").await.len()), (&json!(10), 11));
    assert_eq!(done(&bench, "vacuum", &short).await["deleted"], dry["deleted"]);
    let table = bench.table("items").await;
    assert_eq!(bench.files("items").await, table.files);
    assert_eq!(ids(&table.stored), (0..95).collect::<Vec<_>>());
}

#[tokio::test]
async fn names_of_partition_folders_are_compared_as_they_are_in_the_store() {
    let bench = Bench::new(people(0..5)).await;
    bench.load(&bench.config(&json!({}))).await;
    // As Spark writes the values `a b` and `50%/x`: escaped in the folder, and once more in the log.
    let folders = ["p=a b", "p=50%25%2Fx"];
    let in_log = ["p=a%20b/1.parquet", "p=50%2525%252Fx/1.parquet"];
    let adds = in_log.map(|path| {
        let values = json!({"p": "x"});
        let add =
            json!({"path": path, "partitionValues": values, "size": 13, "modificationTime": 0, "dataChange": true});
        json!({ "add": add }).to_string()
    });
    let mut metadata = of(&bench.actions(0), "metaData")[0].clone();
    let mut schema: Value = serde_json::from_str(metadata["schemaString"].as_str().expect("a schema")).expect("JSON");
    let column = json!({"name": "p", "type": "string", "nullable": true, "metadata": {}});
    schema["fields"].as_array_mut().expect("columns").push(column);
    metadata["schemaString"] = schema.to_string().into();
    metadata["partitionColumns"] = json!(["p"]);
    let entry = format!("{}\n{}\n", json!({ "metaData": metadata }), adds.join("\n"));
    fs::write(bench.entry(1), entry).expect("an entry");
    let needed = folders.map(|folder| planted(&bench, &format!("{folder}/1.parquet"), 30));
    let garbage = folders.map(|folder| planted(&bench, &format!("{folder}/2.parquet"), 30));
    let report = done(&bench, "vacuum", &[]).await;
    assert_eq!(report["files"], 2, "{report:#}");
    assert!(needed.iter().all(|path| path.exists()) && garbage.iter().all(|path| !path.exists()));
}

#[tokio::test]
async fn the_config_asks_for_maintenance_after_a_load() {
    let bench = Bench::new(people(0..10)).await;
    let kept_up = json!({"delta": {"maintenance": {"optimize_files": 3, "vacuum": true, "retention": "8d"}}});
    let config = bench.config(&kept_up);
    bench.load(&config).await;
    let (orphan, young) = (planted(&bench, "part-old.parquet", 9), planted(&bench, "part-young.parquet", 7));
    let mut expected = people(0..10);
    // Rows that come last sort first.
    for (turn, files, version) in [(1, 2, 1), (2, 3, 2), (3, 1, 4), (4, 2, 5)] {
        let new = people(-turn * 10..-turn * 10 + 5);
        bench.serve(new.clone());
        expected.extend(new);
        let report = bench.load(&config).await;
        let table = bench.table("items").await;
        assert_rows(&table, &expected);
        assert_eq!((table.files.len(), &report["version"]), (files, &json!(version)), "turn {turn}: {report:#}");
        if turn == 3 {
            assert_eq!((&report["commits"], &report["rows"]["inserted"]), (&json!(2), &json!(5)));
            let sorted = ids(&table.stored);
            assert!(sorted.is_sorted(), "{sorted:?}");
        }
    }
    assert!(!orphan.exists() && young.exists());
}

#[tokio::test]
async fn a_walk_of_several_commits_is_followed_by_one_compaction() {
    let bench = Bench::new(people(0..40)).await;
    let maintenance = json!({"maintenance": {"optimize_files": 1}});
    let config = bench.config(&json!({"commit_every": "1B", "delta": maintenance}));
    let report = bench.load(&config).await;
    let version = report["version"].as_u64().expect("a version");
    let operation = |version| of(&bench.actions(version), "commitInfo")[0]["operation"].clone();
    let operations: Vec<Value> = (0..=version).map(operation).collect();
    assert!(operations.len() > 3 && report["commits"] == json!(operations.len()), "{report:#}");
    assert_eq!(operations.iter().position(|operation| operation == "OPTIMIZE"), Some(operations.len() - 1));
    let table = bench.table("items").await;
    assert_eq!((table.files.len(), ids(&table.stored)), (1, (0..40).collect()));
}

#[tokio::test]
async fn a_maintenance_that_fails_is_a_warning() {
    let bench = Bench::new(people(0..10)).await;
    bench.load(&bench.config(&append())).await;
    let file = bench.table("items").await.files.first().expect("a file").clone();
    let kept_up = json!({"write_disposition": "append", "delta": {"maintenance": {"optimize_files": 1}}});
    fs::write(bench.path("lake/items").join(&file), "damaged").expect("damage");
    let files = bench.files("items").await;
    let run = bench.run(&bench.config(&kept_up), &[]).await;
    assert_eq!((run.code, &run.report["resources"][0]["version"]), (0, &json!(1)), "{:#}", run.report);
    assert!(run.stderr.contains("maintenance failed"), "{}", run.stderr);
    assert_eq!(bench.files("items").await.len(), files.len() + 1, "only the file of the load");
}

/// Adds an entry to the log that says nothing in five million bytes.
fn grow_log(bench: &Bench, version: u64) {
    let info = json!({"commitInfo": {"timestamp": 0, "operation": "NOTHING", "note": "x".repeat(5_000_000)}});
    fs::write(bench.entry(version), format!("{info}\n")).expect("an entry");
}

#[tokio::test]
async fn a_long_log_gets_a_checkpoint_and_what_has_expired_of_it_goes() {
    let bench = Bench::new(people(0..10)).await;
    let config = bench.config(&append());
    let checkpoint = |version: u64| bench.path(&format!("lake/items/_delta_log/{version:020}.checkpoint.parquet"));
    for _ in 0..2 {
        bench.load(&config).await;
    }
    grow_log(&bench, 2);
    bench.load(&config).await;
    assert!(checkpoint(3).exists());
    bench.load(&config).await;
    assert!(!checkpoint(4).exists(), "there is little since the last one");

    // Versions 0 to 2 are older than the thirty days of the default, and 3 is what the younger ones are read from.
    for version in 0..3 {
        age(&bench.entry(version), 31);
    }
    age(&bench.entry(3), 29);
    grow_log(&bench, 5);
    bench.load(&config).await;
    assert!(checkpoint(6).exists());
    let left: Vec<u64> = (0..8).filter(|version| bench.entry(*version).exists()).collect();
    assert_eq!(left, [3, 4, 5, 6]);
    assert!(checkpoint(3).exists());
    assert_eq!(bench.table("items").await.rows.len(), 50);
    bench.load(&config).await;
    assert_eq!(bench.table("items").await.rows.len(), 60);
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_compacted_only_by_a_single_writer() {
    let bench = Bench::new(people(0..40)).await.on(Server::ignoring_conditions().await);
    let config = bench.config(&append());
    let text = std::fs::read_to_string(&config).expect("the config");
    let mut told: Value = serde_json::from_str(&text).expect("JSON");
    told["destination"]["single_writer"] = json!(true);
    load_small(&bench, &bench.write("items.json", &told.to_string())).await;
    let run = table(&bench, "optimize", &[]).await;
    let hint = run.report["errors"][0]["hint"].as_str().expect("a hint").to_owned();
    assert!(error(&run).0 == 1 && hint.contains("--single-writer"), "{:#}", run.report);
    let report = done(&bench, "optimize", &["--single-writer"]).await;
    assert_eq!((&report["files_removed"], &report["files_added"]), (&json!(4), &json!(1)), "{report:#}");
    done(&bench, "vacuum", &["--single-writer"]).await;
    assert_rows(&bench.table("items").await, &people(0..40));
}
