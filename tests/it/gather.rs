//! Merges that need all rows of a walk: they stage what they have, go on with it in another run, and commit once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::command::{Bench, Run};

/// Rows with two for most keys, on pages far from each other; `x` tells which row is the last, `at` which is to count.
fn rows(first: i64) -> Vec<Value> {
    let row = |n: i64| {
        let id = first + n % 60;
        json!({"id": id, "day": format!("d{}", id / 10), "at": (n * 37) % 101, "x": n})
    };
    (0..100).map(row).collect()
}

/// The same with a row on page 6 that is refused.
fn broken(first: i64) -> Vec<Value> {
    let mut rows = rows(first);
    rows[55]["id"] = Value::Null;
    rows
}

/// What gathers, with what a run is told.
fn gathering() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let strategy = |name: &str| json!({"disposition": "merge", "strategy": name});
    let scd2 = json!({"disposition": "merge", "strategy": "scd2", "boundary_timestamp": "2024-01-25T00:00:00Z"});
    vec![
        ("delete-insert", json!({"write_disposition": strategy("delete-insert"), "merge_key": "day"}), vec![]),
        (
            "delete-insert without a key",
            json!({"write_disposition": strategy("delete-insert"), "merge_key": "id", "primary_key": null}),
            vec![],
        ),
        ("dedup_sort", json!({"columns": {"at": {"dedup_sort": "desc"}}}), vec![]),
        ("dedup_sort of a refresh", json!({"columns": {"at": {"dedup_sort": "asc"}}}), vec!["--full-refresh"]),
        ("hard_delete of a refresh", json!({"columns": {"gone": {"hard_delete": true}}}), vec!["--full-refresh"]),
        ("scd2", json!({"write_disposition": scd2, "primary_key": null, "merge_key": "id"}), vec![]),
    ]
}

/// Every page is a part of its own.
fn in_parts(bench: &Bench, resource: &Value) -> PathBuf {
    let mut resource = resource.clone();
    resource["commit_every"] = json!("1B");
    bench.config(&resource)
}

async fn run(bench: &Bench, config: &Path, more: &[&str]) -> Value {
    let Run { code, report, stderr } = bench.run(config, more).await;
    assert_eq!(code, 0, "{report:#}\n{stderr}");
    report["resources"][0].clone()
}

#[tokio::test]
async fn what_is_staged_is_gone_on_with_and_no_half_table_is_seen() {
    for (name, resource, more) in gathering() {
        for existed in [false, true] {
            // What comes of it where nothing is interrupted, and the walk is one part.
            let plain = Bench::new(rows(30)).await;
            let bench = Bench::new(rows(30)).await;
            let config = in_parts(&bench, &resource);
            if existed {
                run(&plain, &plain.config(&resource), &more).await;
                run(&bench, &config, &more).await;
            }
            plain.serve(rows(0));
            run(&plain, &plain.config(&resource), &more).await;
            let expected = plain.table("items").await.rows;

            let before = if existed { Some(bench.table("items").await.version) } else { None };
            bench.serve(broken(0));
            let failed = bench.run(&config, &more).await;
            assert_eq!(failed.report["resources"][0]["error"]["code"], "null_key", "{name}: {:#}", failed.report);
            match before {
                Some(version) => assert_eq!(bench.table("items").await.version, version, "{name}"),
                None => assert!(!bench.path("lake/items/_delta_log").exists(), "{name}"),
            }
            let asked = bench.api.requests().len();
            bench.serve(rows(0));
            let report = run(&bench, &config, &more).await;
            assert_eq!(
                (&report["resumed_after_page"], &report["commits"]),
                (&json!(5), &json!(1)),
                "{name}: {report:#}"
            );
            assert_eq!(bench.api.requests().len() - asked, 6, "{name}: page 5 and five that follow");
            let table = bench.table("items").await;
            assert_eq!(table.rows, expected, "{name}, existed: {existed}");
            // What was staged is gone.
            let names = |version: u64| -> BTreeSet<String> {
                let added = bench.actions(version).into_iter();
                added.filter_map(|action| Some(action.get("add")?["path"].as_str()?.to_owned())).collect()
            };
            let known: BTreeSet<String> = (0..=table.version).flat_map(names).collect();
            assert_eq!(bench.files("items").await, known, "{name}");
            assert_eq!(run(&bench, &config, &more).await["resumed_after_page"], Value::Null, "{name}");
        }
    }
}

#[tokio::test]
async fn parts_of_other_types_and_columns_are_one_load() {
    // `at` is of integers, then of floats; `early` is in the first part only, `late` in the last.
    let source = |broken: bool| -> Vec<Value> {
        let row = |n: i64| match n / 10 {
            0 => json!({"id": n % 10, "at": n, "early": n, "day": "a"}),
            1 => json!({"id": n % 10, "at": if n % 2 == 0 { 1.5 } else { 100.5 }, "day": "a"}),
            _ => {
                json!({"id": if broken && n == 25 { Value::Null } else { json!(n % 10) }, "at": 2, "late": n, "day": "a"})
            }
        };
        (0..30).map(row).collect()
    };
    let best = |id: i64| match id {
        odd if odd % 2 == 1 => json!({"id": odd, "at": 100.5, "day": "a"}),
        small @ 0..=2 => json!({"id": small, "at": 2.0, "late": small + 20, "day": "a"}),
        id => json!({"id": id, "at": f64::from(i32::try_from(id).expect("small")), "early": id, "day": "a"}),
    };
    let dedup = json!({"columns": {"at": {"dedup_sort": "desc"}}});
    let bench = Bench::new(source(false)).await;
    let report = run(&bench, &in_parts(&bench, &dedup), &[]).await;
    assert_eq!((&report["commits"], &report["rows"]["inserted"]), (&json!(1), &json!(10)), "{report:#}");
    let sorted = |mut rows: Vec<Value>| {
        rows.sort_by_key(Value::to_string);
        rows
    };
    assert_eq!(bench.table("items").await.rows, sorted((0..10).map(best).collect()));

    let bench = Bench::new(source(true)).await;
    let config = in_parts(&bench, &dedup);
    assert_eq!(bench.run(&config, &[]).await.code, 1);
    bench.serve(source(false));
    assert_eq!(run(&bench, &config, &[]).await["resumed_after_page"], 2);
    assert_eq!(bench.table("items").await.rows, sorted((0..10).map(best).collect()));
}

#[tokio::test]
async fn a_column_that_only_the_staged_rows_have_is_not_taken_for_one_that_no_row_has() {
    let old = |id: i64| json!({"id": id, "day": "a", "kept": "old", "said": "old"});
    let new = |id: i64| match id {
        0..10 => json!({"id": id, "day": "a", "said": null}),
        _ => json!({"id": id, "day": "a"}),
    };
    let disposition = json!({"disposition": "merge", "strategy": "delete-insert"});
    let bench = Bench::new((0..30).map(old).collect()).await;
    let config = in_parts(&bench, &json!({"write_disposition": disposition, "merge_key": "day"}));
    run(&bench, &config, &[]).await;
    let mut load: Vec<Value> = (0..30).map(new).collect();
    load[25]["id"] = Value::Null;
    bench.serve(load.clone());
    assert_eq!(bench.run(&config, &[]).await.code, 1);
    load[25]["id"] = json!(25);
    bench.serve(load);
    let report = run(&bench, &config, &[]).await;
    assert_eq!(report["resumed_after_page"], 2, "{report:#}");
    for row in bench.table("items").await.rows {
        assert_eq!((&row["said"], &row["kept"]), (&Value::Null, &json!("old")), "{row}");
    }
}

#[tokio::test]
async fn rows_that_were_gathered_for_something_else_are_fetched_again() {
    let bench = Bench::new(broken(0)).await;
    let config = in_parts(&bench, &json!({"columns": {"at": {"dedup_sort": "desc"}}}));
    assert_eq!(bench.run(&config, &[]).await.code, 1);
    bench.serve(rows(0));
    let config = in_parts(&bench, &json!({"columns": {"at": {"dedup_sort": "asc"}}}));
    let report = run(&bench, &config, &[]).await;
    assert_eq!((&report["resumed_after_page"], &report["rows"]["read"]), (&Value::Null, &json!(100)), "{report:#}");
    assert_eq!(bench.table("items").await.rows.len(), 60);
}

#[tokio::test]
async fn a_walk_that_ended_without_a_change_is_not_gone_on_with() {
    let bench = Bench::new(rows(0)).await;
    let config = in_parts(&bench, &json!({"columns": {"at": {"dedup_sort": "desc"}}}));
    run(&bench, &config, &[]).await;
    for _ in 0..2 {
        let report = run(&bench, &config, &[]).await;
        assert_eq!(
            (&report["resumed_after_page"], &report["rows"]["unchanged"]),
            (&Value::Null, &json!(60)),
            "{report:#}"
        );
    }
}

#[tokio::test]
async fn staged_files_of_a_replace_keep_what_only_a_wider_column_holds() {
    let source = |broken: bool| -> Vec<Value> {
        let row = |n: i64| match n / 10 {
            0 => json!({"id": n, "v": n}),
            1 => json!({"id": n, "v": 0.5}),
            _ => json!({"id": n, "name": if broken && n == 25 { Value::Null } else { json!("n") }}),
        };
        let mut rows: Vec<Value> = (0..30).map(row).collect();
        rows[0..20].iter_mut().for_each(|row| row["name"] = json!("n"));
        rows
    };
    let bench = Bench::new(source(true)).await;
    let config = in_parts(&bench, &json!({"write_disposition": "replace", "columns": {"name": {"nullable": false}}}));
    assert_eq!(bench.run(&config, &[]).await.code, 1);
    bench.serve(source(false));
    assert_eq!(run(&bench, &config, &[]).await["resumed_after_page"], 2);
    let sum: f64 = bench.table("items").await.rows.iter().filter_map(|row| row["v"].as_f64()).sum();
    assert!((sum - 50.0).abs() < f64::EPSILON, "{sum}");
}

#[tokio::test]
async fn keys_beyond_the_memory_are_merged_bucket_by_bucket() {
    // 3,000 rows of 2,000 keys: more than are held where there is next to no memory.
    let source = |add: i64| -> Vec<Value> {
        let row = |n: i64| {
            let id = (n * 7_919 % 2_000) + add;
            json!({"id": id, "day": format!("d{}", id / 3), "at": (n * 37) % 1_001, "x": n % 5})
        };
        (0..3_000).map(row).collect()
    };
    let pages = json!({"path": "items", "data_selector": "data", "paginator": {"type": "offset", "limit": 500}});
    for (name, mut resource, more) in gathering() {
        resource["endpoint"] = pages.clone();
        let mut tables = Vec::new();
        for limits in [vec![], vec!["--set", "limits.memory=1"]] {
            let bench = Bench::new(source(0)).await;
            let config = bench.config(&resource);
            let more = [more.clone(), limits].concat();
            let first = run(&bench, &config, &more).await;
            bench.serve(source(1_000));
            let second = run(&bench, &config, &more).await;
            tables.push((first["rows"].clone(), second["rows"].clone(), bench.table("items").await.rows));
        }
        let (small, plain) = (tables.pop().expect("a table"), tables.pop().expect("a table"));
        assert_eq!((&small.0, &small.1), (&plain.0, &plain.1), "{name}");
        assert!(small.2 == plain.2, "{name}: {} rows in place of {}", small.2.len(), plain.2.len());
        assert!(small.2.len() >= 2_000);
    }
    // A merge in parts holds the keys of each.
    for vectors in [false, true] {
        let mut tables = Vec::new();
        for limits in [vec![], vec!["--set", "limits.memory=1"]] {
            let bench = Bench::new(source(0)).await;
            let config = bench.config(&json!({"endpoint": pages, "delta": {"deletion_vectors": vectors}}));
            run(&bench, &config, &limits).await;
            bench.serve(source(1_000));
            let report = run(&bench, &config, &limits).await;
            tables.push((report["rows"].clone(), bench.table("items").await.rows));
        }
        assert!(tables[0] == tables[1], "{} and {}", tables[0].0, tables[1].0);
    }
}
