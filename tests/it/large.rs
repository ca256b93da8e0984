//! Bodies that are too large for memory: they go to local disk, and their rows come in pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::api::{Answer, Api, ReceivedRequest};
use crate::support::command::{Bench, Run};

/// Rows of about 200 bytes; a text in each has what could be taken for the end of something.
fn rows(range: std::ops::Range<i64>) -> Vec<Value> {
    let row =
        |id: i64| json!({"id": id, "at": id, "text": format!("]}}\\\",[{{ {}", "x".repeat(150)), "tags": [id, [id]]});
    range.map(row).collect()
}

/// Two pages of 10,000 rows, about 2 MB each, for a run that has 1 MB of memory; page 2 is refused as long as `is_down`.
async fn bench(is_down: Arc<AtomicBool>) -> Bench {
    let handler = move |request: &ReceivedRequest| match request.path.as_str() {
        "/items" if request.param("page") == Some("2") => {
            if is_down.load(Ordering::SeqCst) {
                return Answer::text(400, "down");
            }
            Answer::json(&json!({"meta": {"n": [1]}, "data": {"rows": rows(10_000..20_000)}, "next": null}))
        }
        "/items" => Answer::json(&json!({"empty": [], "data": {"rows": rows(0..10_000)}, "next": "/items?page=2"})),
        "/last" => {
            let after = request.number_param("after").map_or(0, |after| i64::try_from(after).expect("small") + 1);
            Answer::json(&json!({"rows": rows(after..(after + 6_000).min(14_000))}))
        }
        "/array" => Answer::json(&json!(rows(0..10_000))),
        "/lines" => {
            let lines: Vec<String> = rows(0..5_000).iter().map(Value::to_string).collect();
            Answer::text(200, &lines.join("\n"))
        }
        "/cut" => Answer::text(200, &format!("{{\"data\": {}", json!(rows(0..5_000)))),
        _ => Answer::text(404, "nothing"),
    };
    let mut bench = Bench::new(vec![]).await;
    bench.api = Api::handler(handler).start().await;
    bench
}

async fn run(bench: &Bench, resource: Value) -> Run {
    let config = json!({
        "name": "large",
        "limits": {"memory": "1MiB"},
        "client": {"base_url": bench.base_url(), "retry": {"backoff_factor": 0.001, "max_retries": 1}},
        "resources": [resource],
    });
    let path = bench.write("large.json", &config.to_string());
    bench.run(&path, &[]).await
}

async fn loaded(bench: &Bench, resource: Value) -> Value {
    let run = run(bench, resource).await;
    assert_eq!(run.code, 0, "{:#}\n{}", run.report, run.stderr);
    run.report["resources"][0].clone()
}

/// Whether a table has these ids in this order; else how many, and the first that is another one.
async fn has_ids(bench: &Bench, table: &str, expected: impl Iterator<Item = i64>) -> Result<(), String> {
    let expected: Vec<i64> = expected.collect();
    let ids: Vec<i64> = bench.table(table).await.stored.iter().map(|row| row["id"].as_i64().expect("an id")).collect();
    match ids.iter().zip(&expected).position(|(id, expected)| id != expected) {
        None if ids.len() == expected.len() => Ok(()),
        place => Err(format!("{} in place of {} rows, another one from {place:?} on", ids.len(), expected.len())),
    }
}

fn up() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

#[tokio::test]
async fn every_row_of_a_large_body_comes_once_and_in_order() {
    let bench = bench(up()).await;
    for selector in [json!("data.rows"), Value::Null] {
        let items = json!({"name": "items", "write_disposition": "replace", "endpoint": {"data_selector": selector}});
        let report = loaded(&bench, items).await;
        assert_eq!((&report["pages"], &report["rows"]["read"]), (&json!(2), &json!(20_000)), "{report:#}");
        assert_eq!(has_ids(&bench, "items", 0..20_000).await, Ok(()));
    }
    assert_eq!(bench.table("items").await.stored[7]["text"], rows(7..8)[0]["text"]);
    loaded(&bench, json!("array")).await;
    assert_eq!(has_ids(&bench, "array", 0..10_000).await, Ok(()));
    loaded(&bench, json!({"name": "lines", "endpoint": {"format": "jsonl"}})).await;
    assert_eq!(has_ids(&bench, "lines", 0..5_000).await, Ok(()));
}

#[tokio::test]
async fn the_last_row_of_a_large_body_may_be_the_cursor() {
    let bench = bench(up()).await;
    let paginator = json!({"type": "cursor", "cursor_path": "rows[-1].id", "cursor_param": "after"});
    let report =
        loaded(&bench, json!({"name": "last", "endpoint": {"paginator": paginator, "data_selector": "rows"}})).await;
    assert_eq!(has_ids(&bench, "last", 0..14_000).await, Ok(()), "{report:#}");
}

#[tokio::test]
async fn steps_and_cursors_see_all_rows_of_a_large_body() {
    let bench = bench(up()).await;
    let items = json!({"name": "items", "processing_steps": [{"filter": ".id % 2 == 0"}, {"select": ["id", "at"]}],
                       "endpoint": {"incremental": {"cursor_path": "at", "initial_value": 100}}});
    loaded(&bench, items.clone()).await;
    assert_eq!(has_ids(&bench, "items", (100..20_000).step_by(2)).await, Ok(()));
    assert_eq!(loaded(&bench, items).await["commits"], 0);
}

#[tokio::test]
async fn what_is_no_plain_array_is_read_as_a_whole() {
    let bench = bench(up()).await;
    loaded(&bench, json!({"name": "items", "endpoint": {"data_selector": "data.rows[?(@.id>9990)]"}})).await;
    assert_eq!(has_ids(&bench, "items", 9_991..20_000).await, Ok(()));
}

#[tokio::test]
async fn a_large_body_that_is_not_whole_is_an_error() {
    let bench = bench(up()).await;
    let run = run(&bench, json!("cut")).await;
    assert_eq!(run.code, 1, "{:#}", run.report);
    assert_eq!(run.report["resources"][0]["error"]["code"], "bad_body", "{:#}", run.report);
    assert!(!bench.path("lake/cut").exists());
}

#[tokio::test]
async fn a_walk_goes_on_after_a_large_page_and_not_in_its_midst() {
    let is_down = Arc::new(AtomicBool::new(true));
    let bench = bench(Arc::clone(&is_down)).await;
    let items = json!({"name": "items", "commit_every": "1B", "endpoint": {"data_selector": "data.rows"}});
    assert_eq!(run(&bench, items.clone()).await.code, 1);
    assert_eq!(has_ids(&bench, "items", 0..10_000).await, Ok(()));
    is_down.store(false, Ordering::SeqCst);
    let report = loaded(&bench, items).await;
    assert_eq!(report["resumed_after_page"], 1, "{report:#}");
    // Files stand in the order of their names.
    let mut ids: Vec<i64> = bench.table("items").await.rows.iter().filter_map(|row| row["id"].as_i64()).collect();
    ids.sort_unstable();
    assert!(ids == (0..20_000).collect::<Vec<_>>());
}
