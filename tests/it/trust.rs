//! The silent faults of dlt that must not be ours: one test for each row of the table in `docs/dlt.md`, named by its number.
//!
//! Each test tells in its first line what dlt 1.31 does with the same config and the same API.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::api::{Answer, Api, ReceivedRequest, Running};
use crate::support::command::{Bench, Run};
use crate::support::s3::Server;

/// An API with a folder for its tables.
async fn bench(handler: impl Fn(&ReceivedRequest) -> Answer + Send + Sync + 'static) -> Bench {
    let mut bench = Bench::new(vec![]).await;
    bench.api = Api::handler(handler).start().await;
    bench
}

/// Runs a config of these resources, with these keys of the client.
async fn run(bench: &Bench, client: Value, resources: Value) -> Run {
    let mut config = json!({
        "name": "trust",
        "client": {"base_url": bench.base_url(), "retry": {"backoff_factor": 0.001, "max_retries": 1}},
        "resources": resources,
    });
    for (key, value) in client.as_object().expect("an object") {
        config["client"][key] = value.clone();
    }
    let path = bench.write("trust.json", &config.to_string());
    bench.run(&path, &[]).await
}

async fn loaded(bench: &Bench, client: Value, resources: Value) -> Value {
    let run = run(bench, client, resources).await;
    assert_eq!(run.code, 0, "{:#}\n{}", run.report, run.stderr);
    run.report["resources"].clone()
}

/// The error of the last resource.
fn error(run: &Run) -> (String, String) {
    let error = &run.report["resources"].as_array().expect("resources").last().expect("a resource")["error"];
    (error["code"].as_str().unwrap_or_default().to_owned(), error["message"].as_str().unwrap_or_default().to_owned())
}

/// The `id`s of a table, in order.
async fn ids(bench: &Bench, table: &str) -> Vec<i64> {
    let mut ids: Vec<i64> = bench.table(table).await.rows.iter().filter_map(|row| row["id"].as_i64()).collect();
    ids.sort_unstable();
    ids
}

fn rows(range: std::ops::Range<i64>) -> Vec<Value> {
    range.map(|id| json!({ "id": id })).collect()
}

fn at(request: &ReceivedRequest, name: &str) -> i64 {
    request.number_param(name).map_or(0, |number| i64::try_from(number).expect("small"))
}

#[tokio::test]
async fn trust_01_pages_counted_from_one_come_once_each() {
    // dlt asks for pages (none), 1, 2, 3: page 1 twice, page 4 never.
    let bench = bench(|request| {
        let page = at(request, "page").max(1);
        Answer::json(&json!({"items": rows((page - 1) * 3..(page * 3).min(10)), "page": page, "total_pages": 4}))
    })
    .await;
    loaded(&bench, json!({}), json!(["items"])).await;
    assert_eq!(ids(&bench, "items").await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn trust_02_a_server_that_caps_pages_loses_no_rows() {
    // dlt adds the limit and not what came: 11 of 23 rows.
    let bench = bench(|request| {
        let first = at(request, "offset");
        Answer::json(&json!({"data": rows(first..(first + 4).min(23).max(first)), "total": 23}))
    })
    .await;
    loaded(&bench, json!({"paginator": {"type": "offset", "limit": 10}}), json!(["items"])).await;
    assert_eq!(ids(&bench, "items").await, (0..23).collect::<Vec<_>>());
}

#[tokio::test]
async fn trust_03_a_selector_that_matches_nothing_is_an_error() {
    // dlt loads 0 rows and reports success.
    let bench = bench(|_| Answer::json(&json!({"users": rows(0..2), "page": 1}))).await;
    let run = run(&bench, json!({}), json!([{"name": "items", "endpoint": {"data_selector": "user"}}])).await;
    let (code, message) = error(&run);
    assert_eq!((run.code, code.as_str()), (1, "rows_missing"));
    assert!(message.contains("`user`") && message.contains("`users` (array of 2)"), "{message}");
}

#[tokio::test]
async fn trust_04_an_empty_list_before_the_rows_is_not_the_rows() {
    // dlt takes the first list that it meets: 0 rows.
    let bench = bench(|_| Answer::json(&json!({"errors": [], "users": rows(0..3)}))).await;
    loaded(&bench, json!({}), json!(["items"])).await;
    assert_eq!(ids(&bench, "items").await, [0, 1, 2]);
}

#[tokio::test]
async fn trust_05_one_object_with_a_list_is_one_row() {
    // dlt loads the tags as rows.
    let bench = bench(|_| Answer::json(&json!({"id": 1, "tags": ["a", "b"]}))).await;
    loaded(&bench, json!({}), json!(["items"])).await;
    assert_eq!(bench.table("items").await.rows, [json!({"id": 1, "tags": ["a", "b"]})]);
}

#[tokio::test]
async fn trust_06_a_page_of_another_shape_is_named() {
    // dlt keeps the selector of page 1, which finds nothing any more: 0 rows from there on.
    let bench = bench(|request| match at(request, "page") {
        0 => Answer::json(&json!({"data": rows(0..2), "next": "/items?page=1"})),
        _ => Answer::json(&json!({"content": rows(2..4), "next": null})),
    })
    .await;
    let run = run(&bench, json!({}), json!(["items"])).await;
    let (code, message) = error(&run);
    assert_eq!((run.code, code.as_str()), (1, "rows_missing"));
    assert!(message.starts_with("page 2 of resource `items`"), "{message}");
}

#[tokio::test]
async fn trust_07_a_path_that_ends_in_a_placeholder_has_all_its_pages() {
    // dlt takes it for a single thing: one page, whose envelope is a row; the client's paginator is ignored.
    let bench = bench(|request| match request.path.as_str() {
        "/parents" => Answer::json(&json!({"data": rows(1..2), "total": 1})),
        _ => {
            let first = at(request, "offset");
            Answer::json(&json!({"data": rows(first..(first + 2).min(5)), "total": 5}))
        }
    })
    .await;
    let items = json!({"name": "items", "endpoint": "items?parent={resources.parents.id}"});
    loaded(&bench, json!({"paginator": {"type": "offset", "limit": 2}}), json!(["parents", items])).await;
    assert_eq!(ids(&bench, "items").await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn trust_08_each_parent_has_a_cursor() {
    // dlt asks for what is newer than the newest row of any parent: the row of parent 2 at 3 is lost in the second run.
    let late = Arc::new(AtomicBool::new(false));
    let is_late = Arc::clone(&late);
    let bench = bench(move |request| match request.path.as_str() {
        "/parents" => Answer::json(&json!(rows(1..3))),
        "/parents/1/items" => Answer::json(&json!([{"id": 10, "at": 9}])),
        _ if is_late.load(Ordering::SeqCst) => Answer::json(&json!([{"id": 20, "at": 2}, {"id": 21, "at": 3}])),
        _ => Answer::json(&json!([{"id": 20, "at": 2}])),
    })
    .await;
    let items = json!({"name": "items", "endpoint": {"path": "parents/{resources.parents.id}/items", "incremental": {"cursor_path": "at"}}});
    loaded(&bench, json!({}), json!(["parents", items])).await;
    late.store(true, Ordering::SeqCst);
    loaded(&bench, json!({}), json!(["parents", items])).await;
    assert_eq!(ids(&bench, "items").await, [10, 20, 21]);
}

#[tokio::test]
async fn trust_09_a_row_that_changed_at_the_boundary_is_loaded() {
    // dlt drops it: its key and its cursor have been seen.
    let name = Arc::new(Mutex::new("old"));
    let shared = Arc::clone(&name);
    let bench = bench(move |_| {
        Answer::json(&json!([{"id": 1, "at": "2024-01-01", "name": *shared.lock().expect("no poison")}]))
    })
    .await;
    let items = json!([{"name": "items", "primary_key": "id", "write_disposition": "merge",
                        "endpoint": {"incremental": {"cursor_path": "at"}}}]);
    loaded(&bench, json!({}), items.clone()).await;
    *name.lock().expect("no poison") = "new";
    loaded(&bench, json!({}), items).await;
    assert_eq!(bench.table("items").await.rows[0]["name"], "new");
}

#[tokio::test]
async fn trust_10_cursors_are_times_and_numbers() {
    // dlt compares texts: the first of each pair would be the later one.
    let table = [
        (json!("2024-01-02T01:00:00+02:00"), json!("2024-01-01T23:30:00Z"), json!("2024-01-01T23:15:00Z")),
        (json!("9"), json!("10"), json!("9.5")),
    ];
    for (earlier, later, between) in table {
        let shown = Arc::new(Mutex::new(vec![json!({"id": 1, "at": earlier}), json!({"id": 2, "at": later})]));
        let shared = Arc::clone(&shown);
        let bench = bench(move |_| Answer::json(&json!(*shared.lock().expect("no poison")))).await;
        let items = json!([{"name": "items", "endpoint": {"incremental": {"cursor_path": "at"}}}]);
        loaded(&bench, json!({}), items.clone()).await;
        shown.lock().expect("no poison").push(json!({"id": 3, "at": between}));
        loaded(&bench, json!({}), items).await;
        assert_eq!(ids(&bench, "items").await, [1, 2], "what is before the last value is not new");
    }
}

#[tokio::test]
async fn trust_11_two_keys_never_become_one_column() {
    // dlt keeps the last of them.
    let bench = bench(|_| Answer::json(&json!([{"userId": 1, "user_id": 2}]))).await;
    let report = loaded(&bench, json!({}), json!(["items"])).await;
    let row = &bench.table("items").await.rows[0];
    let mut values: Vec<i64> = row.as_object().expect("a row").values().filter_map(Value::as_i64).collect();
    values.sort_unstable();
    assert_eq!(values, [1, 2], "{row}");
    assert!(report[0]["schema_changes"].to_string().contains("renamed"), "{report:#}");
}

#[tokio::test]
async fn trust_12_keys_without_ascii_letters_stay_apart() {
    // dlt calls all of them `x` and keeps the last.
    let bench = bench(|_| Answer::json(&json!([{"日本": 1, "東京": 2, "é": 3, "-": 4}]))).await;
    let report = loaded(&bench, json!({}), json!(["items"])).await;
    let row = &bench.table("items").await.rows[0];
    let mut values: Vec<i64> = row.as_object().expect("a row").values().filter_map(Value::as_i64).collect();
    values.sort_unstable();
    assert_eq!(values, [1, 2, 3, 4], "{row}");
    assert!(report[0]["schema_changes"].as_array().expect("changes").len() >= 4, "{report:#}");
}

#[tokio::test]
async fn trust_13_auto_finds_odata_links_and_nested_totals() {
    // dlt loads one page of each.
    let bench = bench(|request| match request.path.as_str() {
        "/odata" => {
            let first = at(request, "$skip");
            let next = (first + 2 < 5).then(|| format!("{}/odata?%24skip={}", "", first + 2));
            let mut body = json!({"value": rows(first..(first + 2).min(5))});
            if let Some(next) = next {
                body["@odata.nextLink"] = next.into();
            }
            Answer::json(&body)
        }
        _ => {
            let first = at(request, "offset");
            let limit = request.number_param("limit").map_or(2, |limit| i64::try_from(limit).expect("small"));
            let meta = json!({"total": 5, "limit": limit, "offset": first});
            Answer::json(&json!({"data": rows(first..(first + limit).min(5)), "meta": meta}))
        }
    })
    .await;
    loaded(&bench, json!({}), json!(["odata", "meta"])).await;
    assert_eq!(ids(&bench, "odata").await, [0, 1, 2, 3, 4]);
    assert_eq!(ids(&bench, "meta").await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn trust_14_what_leads_in_a_circle_ends_or_is_named() {
    // dlt never ends in any of them.
    let one = bench(|_| Answer::json(&json!([{"id": 1, "next_review": 7}]))).await;
    loaded(&one, json!({}), json!(["items"])).await;
    assert_eq!(one.api.requests().len(), 1);
    let itself = bench(|_| Answer::json(&json!({"data": rows(0..1), "next": "/items"}))).await;
    let run = run(&itself, json!({"paginator": "json_link"}), json!(["items"])).await;
    assert_eq!(run.code, 1);
    assert!(error(&run).0.starts_with("paging_"), "{:?}", error(&run));
    let empty = bench(|_| Answer::json(&json!(rows(0..1))).with("next", "")).await;
    loaded(&empty, json!({"paginator": "header_cursor"}), json!(["items"])).await;
    assert_eq!(empty.api.requests().len(), 1);
}

#[tokio::test]
async fn trust_15_another_origin_gets_no_credentials() {
    // dlt sends the token and the custom headers along.
    let other: Running = Api::handler(|_| Answer::json(&json!({"data": rows(1..2), "next": null}))).start().await;
    let next = other.url.clone();
    let bench = bench(move |_| Answer::json(&json!({"data": rows(0..1), "next": next}))).await;
    let client =
        json!({"paginator": "json_link", "auth": {"token": "canary-token"}, "headers": {"X-Key": "canary-header"}});
    loaded(&bench, client, json!(["items"])).await;
    assert_eq!(ids(&bench, "items").await, [0, 1]);
    assert!(bench.api.requests()[0].text().contains("canary-token"));
    assert!(!other.requests()[0].text().contains("canary"), "{}", other.requests()[0].text());
}

#[tokio::test]
async fn trust_16_an_answer_without_a_token_is_an_error() {
    // dlt sends `Bearer None`.
    let bench = bench(|request| match request.path.as_str() {
        "/token" => Answer::json(&json!({"expires_in": 3600})),
        _ => Answer::json(&json!(rows(0..1))),
    })
    .await;
    let auth = json!({"type": "oauth2_client_credentials", "access_token_url": format!("{}/token", bench.base_url()),
                      "client_id": "i", "client_secret": "s"});
    let run = run(&bench, json!({ "auth": auth }), json!(["items"])).await;
    assert_ne!(run.code, 0);
    assert!(bench.api.requests().iter().all(|request| request.path == "/token"));
    assert!(error(&run).1.contains("access_token"), "{:?}", error(&run));
}

#[tokio::test]
async fn trust_17_a_commit_that_landed_is_not_repeated() {
    // dlt's retry of a load that was committed doubles its rows. Kills at any moment are `tests/faults kill`.
    let bench = Bench::new(crate::support::command::people(0..20)).await.on(Server::start().await);
    let config = bench.config(&json!({"write_disposition": "append"}));
    for (entry, rows) in [("00000000000000000000.json", 20), ("00000000000000000001.json", 40)] {
        bench.s3.as_ref().expect("a server").deny_once(&format!("_delta_log/{entry}"));
        assert_eq!(bench.load(&config).await["rows"]["inserted"], 20, "the entry landed, whatever the answer said");
        assert_eq!(bench.table("items").await.rows.len(), rows);
    }
}

#[tokio::test]
async fn trust_18_the_first_load_of_a_merge_is_a_merge() {
    // dlt appends it: both rows of a key, and those that are deleted.
    let bench =
        bench(|_| Answer::json(&json!([{"id": 1, "n": "a"}, {"id": 1, "n": "b"}, {"id": 2, "n": "c", "gone": true}])))
            .await;
    let items = json!([{"name": "items", "primary_key": "id", "write_disposition": "merge",
                        "columns": {"gone": {"data_type": "bool", "hard_delete": true}}}]);
    loaded(&bench, json!({}), items).await;
    assert_eq!(bench.table("items").await.rows, [json!({"id": 1, "n": "b"})]);
}

#[tokio::test]
async fn trust_19_an_element_that_vanished_is_gone() {
    // dlt's child table keeps it for ever.
    let tags = Arc::new(Mutex::new(json!(["a", "b", "c"])));
    let shared = Arc::clone(&tags);
    let bench = bench(move |_| Answer::json(&json!([{"id": 1, "tags": *shared.lock().expect("no poison")}]))).await;
    let items = json!([{"name": "items", "primary_key": "id", "write_disposition": "merge"}]);
    loaded(&bench, json!({}), items.clone()).await;
    *tags.lock().expect("no poison") = json!(["a"]);
    loaded(&bench, json!({}), items).await;
    assert_eq!(bench.table("items").await.rows, [json!({"id": 1, "tags": ["a"]})]);
}

#[tokio::test]
async fn trust_20_a_load_that_failed_does_not_swallow_the_next_one() {
    // dlt finishes the pending package, and ignores the data of this run with a warning.
    let shown =
        Arc::new(Mutex::new(vec![json!({"id": 1, "day": "2024-01-01"}), json!({"id": null, "day": "2024-01-02"})]));
    let shared = Arc::clone(&shown);
    let bench = bench(move |_| Answer::json(&json!(*shared.lock().expect("no poison")))).await;
    let items = json!([{"name": "items", "primary_key": "id", "write_disposition": "merge"}]);
    assert_eq!(run(&bench, json!({}), items.clone()).await.code, 1);
    *shown.lock().expect("no poison") = vec![json!({"id": 7, "day": "2024-01-03"})];
    loaded(&bench, json!({}), items).await;
    assert_eq!(ids(&bench, "items").await, [7]);
}

#[tokio::test]
async fn trust_21_a_value_in_a_path_stays_a_value() {
    // dlt puts it in as it is: `/`, `?` and `&` change the URL, and null is sent as `None`.
    let bench = bench(|request| match request.path.as_str() {
        "/parents" => Answer::json(&json!([{"k": "a/b?c&d"}, {"k": null}])),
        path => Answer::json(&json!([{"path": path, "query": request.query.len()}])),
    })
    .await;
    let items = |rule: &str| json!(["parents", {"name": "items", "on_missing_parent_field": rule, "endpoint": "parents/{resources.parents.k}/items"}]);
    let failed = run(&bench, json!({}), items("fail")).await;
    assert_eq!((failed.code, error(&failed).0.as_str()), (3, "placeholder"));
    loaded(&bench, json!({}), items("skip")).await;
    assert_eq!(bench.table("items").await.rows, [json!({"path": "/parents/a%2Fb%3Fc%26d/items", "query": 0})]);
    assert!(bench.api.requests().iter().all(|request| !request.path.contains("None")));
}

#[tokio::test]
async fn trust_22_an_action_matches_or_is_refused() {
    // In dlt neither of these ever matches, and nobody is told.
    let bench = bench(|_| Answer::text(404, "nothing")).await;
    let items = |action: Value| json!([{"name": "items", "endpoint": {"response_actions": [action]}}]);
    loaded(&bench, json!({}), items(json!({"status_code": "404", "action": "ignore"}))).await;
    let run = run(&bench, json!({}), items(json!({"action": "ignore"}))).await;
    assert_eq!(run.code, 2);
    let problem = &run.report["errors"][0];
    assert!(problem["at"].as_str().expect("a place").contains("trust.json:1:"), "{problem}");
}

#[tokio::test]
async fn trust_23_a_hint_of_one_resource_stays_there() {
    // In dlt the hint of `b` changes the shared default, so that `a` gets it too.
    let bench = bench(|_| Answer::json(&json!([{"n": 1}]))).await;
    let config = json!({
        "client": {"base_url": bench.base_url()},
        "resource_defaults": {"columns": {"n": {"data_type": "text"}}},
        "resources": ["a", {"name": "b", "columns": {"n": {"data_type": "double"}}}, "c"],
    });
    let path = bench.write("hints.json", &config.to_string());
    assert_eq!(bench.run(&path, &[]).await.code, 0);
    for (table, expected) in [("a", json!("1")), ("b", json!(1.0)), ("c", json!("1"))] {
        assert_eq!(bench.table(table).await.rows[0]["n"], expected, "{table}");
    }
}

#[tokio::test]
async fn trust_24_the_sort_column_tells_which_row_counts() {
    // dlt ignores `dedup_sort` on Delta, and its MERGE fails on the duplicates.
    let bench = bench(|_| Answer::json(&json!([{"id": 1, "v": 3}, {"id": 1, "v": 5}, {"id": 1, "v": 4}]))).await;
    let items = json!([{"name": "items", "primary_key": "id", "write_disposition": "merge",
                        "columns": {"v": {"data_type": "bigint", "dedup_sort": "desc"}}}]);
    for _ in 0..2 {
        loaded(&bench, json!({}), items.clone()).await;
        assert_eq!(bench.table("items").await.rows, [json!({"id": 1, "v": 5})]);
    }
}
