//! The same loads on local disk and on an S3 server in this process: what the storage is must make no difference.

use serde_json::{Value, json};

use crate::support::command::{Bench, people};
use crate::support::s3::Server;

/// A bench on each kind of storage.
async fn places(rows: Vec<Value>) -> [Bench; 2] {
    let remote = Bench::new(rows.clone()).await.on(Server::start().await);
    [Bench::new(rows).await, remote]
}

#[tokio::test]
async fn merges_and_replaces_are_the_same_on_every_storage() {
    for bench in places(people(0..95)).await {
        let config = bench.config(&json!({}));
        let report = bench.load(&config).await;
        assert_eq!((&report["rows"]["inserted"], &report["version"]), (&json!(95), &json!(0)));
        let report = bench.load(&config).await;
        assert_eq!((&report["rows"]["unchanged"], &report["commits"]), (&json!(95), &json!(0)));

        let mut rows = people(0..100);
        rows[7]["name"] = json!("changed");
        rows[8]["extra"] = json!({"x": [1, 2]});
        bench.serve(rows);
        let report = bench.load(&config).await;
        assert_eq!((&report["rows"]["updated"], &report["rows"]["inserted"]), (&json!(2), &json!(5)));
        assert_eq!((&report["commits"], &report["version"]), (&json!(2), &json!(2)), "new columns come first");
        let table = bench.table("items").await;
        assert_eq!(table.rows.len(), 100);
        assert!(table.rows.iter().any(|row| row["extra"] == json!({"x": [1, 2]})));

        bench.serve(people(3..5));
        let replace = bench.config(&json!({"write_disposition": "replace"}));
        assert_eq!(bench.load(&replace).await["rows"]["deleted"], 100);
        assert_eq!(bench.table("items").await.rows, people(3..5));
    }
}

#[tokio::test]
async fn a_load_that_fails_leaves_nothing_on_any_storage() {
    let mut rows = people(0..95);
    rows[90].as_object_mut().expect("an object").remove("name");
    for bench in places(rows).await {
        let hint = json!({"name": {"nullable": false}});
        let config = bench.config(&json!({"write_disposition": "append", "columns": hint}));
        // Types are settled with the first page, and every page is a file, so that files are there when it fails.
        let small = ["--set", "limits.memory=1", "--set", "limits.file_bytes=1"];
        let run = bench.run(&config, &small).await;
        assert_eq!((run.code, &run.report["resources"][0]["error"]["code"]), (1, &json!("null_column")));
        bench.serve(people(0..5));
        bench.load(&config).await;
        assert_eq!(bench.parquet_files("items").await, 1, "only the file of the load that succeeded");
    }
}

#[tokio::test]
async fn two_loaders_that_append_at_once_lose_no_row() {
    for bench in places(people(0..30)).await {
        // Two pipelines, so that neither is a second instance of the other.
        let one = bench.config(&json!({"write_disposition": "append"}));
        bench.load(&one).await;
        let other = bench.write("other.json", &std::fs::read_to_string(&one).expect("the config"));
        let (first, second) = tokio::join!(bench.run(&one, &[]), bench.run(&other, &["--adopt"]));
        assert_eq!((first.code, second.code), (0, 0), "{:#}{:#}", first.report, second.report);
        assert_eq!(bench.table("items").await.rows.len(), 90);
    }
}

#[tokio::test]
async fn wrong_storage_keys_are_one_clear_error() {
    let bench = Bench::new(people(0..5)).await.on(Server::start().await);
    let config = bench.config(&json!({}));
    let wrong = "destination.storage_options.AWS_SECRET_ACCESS_KEY=canary-s3-secret-wrong";
    let run = bench.run(&config, &["--set", wrong]).await;
    let error = &run.report["resources"][0]["error"];
    assert_eq!((run.code, &error["class"]), (1, &json!("storage")), "{error:#}");
    assert!(error["message"].as_str().expect("a text").contains("s3://lake/tables/items"), "{error:#}");
    assert!(bench.api.requests().is_empty(), "the API is asked for nothing that could not be stored");
}

#[tokio::test]
async fn rejects_are_uploaded_in_parts() {
    let bench = Bench::new(people(0..3)).await.on(Server::start().await);
    bench.load(&bench.config(&json!({}))).await;
    let note = "n".repeat(4_000);
    bench.serve((0..2_500).map(|id| json!({"id": id, "note": note})).collect());
    let paginator = json!({"type": "offset", "limit": 500});
    let endpoint = json!({"path": "items", "data_selector": "data", "paginator": paginator});
    let config = bench.config(&json!({"schema_contract": {"columns": "discard_row"}, "endpoint": endpoint}));
    let report = bench.load(&config).await;
    assert_eq!((&report["rows"]["rejected"], &report["rejects"]["count"]), (&json!(2_500), &json!(2_500)));
    let files = bench.s3.as_ref().expect("the server").objects("tables/_alluvium/rejects/");
    let text = files.values().next().expect("the file of rejects");
    assert!(text.len() > 8 << 20, "{} bytes", text.len());
    let ids: Vec<Value> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<Value>(line).expect("a line is JSON")["value"]["id"].clone())
        .collect();
    assert_eq!(ids, (0..2_500).map(Value::from).collect::<Vec<_>>());
}

#[tokio::test]
async fn bodies_are_uploaded_in_parts() {
    // 12 MB of noise, which hardly compresses: more than one part of an upload.
    let row = |id: i64| {
        let noise: String = (0..3_000).map(|_| fastrand::alphanumeric()).collect();
        json!({"id": id, "noise": noise})
    };
    let rows: Vec<Value> = (0..4_000).map(row).collect();
    let bench = Bench::new(rows.clone()).await.on(Server::start().await);
    let paginator = json!({"type": "offset", "limit": 500});
    let endpoint = json!({"path": "items", "data_selector": "data", "paginator": paginator});
    bench.load(&bench.config(&json!({ "endpoint": endpoint }))).await;
    let table = bench.table("items").await;
    assert_eq!((table.rows.len(), table.files.len()), (4_000, 1));
    let size = bench
        .s3
        .as_ref()
        .expect("the server")
        .objects("tables/items/part")
        .values()
        .map(|bytes| bytes.len())
        .sum::<usize>();
    assert!(size > 8 << 20, "{size} bytes");
}
