//! Resources that need the rows of others: trees of walks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api::{Answer, Api, ReceivedRequest, Running};
use crate::support::command::{Bench, Run};

/// Posts with comments, each in pages of two behind a `next` link, and one thing for each post.
fn posts(request: &ReceivedRequest) -> Answer {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["posts"] => page(request, (1..=5).map(|id| json!({"id": id, "title": format!("Post {id}"), "x": {"k": id}}))),
        ["posts", id, "comments"] => {
            let id: i64 = id.parse().expect("an id");
            page(request, (0..id).map(|number| json!({"id": id * 100 + number, "body": "b", "tags": ["a"]})))
        }
        ["posts", id] => Answer::json(&json!({"id": id.parse::<i64>().expect("an id"), "tags": ["x", "y"]})),
        ["comments", id, "votes"] => Answer::json(&json!([{"comment": id}])),
        _ => Answer::text(404, "nothing"),
    }
}

fn page(request: &ReceivedRequest, rows: impl Iterator<Item = Value>) -> Answer {
    let (at, rows) = (request.number_param("at").unwrap_or(0), rows.collect::<Vec<_>>());
    let next = (at + 2 < rows.len()).then(|| format!("{}?at={}", request.path, at + 2));
    Answer::json(&json!({"data": rows.iter().skip(at).take(2).collect::<Vec<_>>(), "next": next}))
}

/// A bench whose API is another one.
async fn bench(handler: impl Fn(&ReceivedRequest) -> Answer + Send + Sync + 'static) -> Bench {
    let api = Api::handler(handler).start().await;
    let mut bench = Bench::new(vec![]).await;
    bench.api = api;
    bench
}

async fn run(bench: &Bench, resources: Value, client: Value) -> Run {
    let mut config = json!({
        "name": "tree",
        "client": {"base_url": bench.base_url(), "retry": {"backoff_factor": 0.001}},
        "resources": resources,
    });
    for (key, value) in client.as_object().expect("an object") {
        config["client"][key] = value.clone();
    }
    let path = bench.write("tree.json", &config.to_string());
    bench.run(&path, &[]).await
}

async fn loaded(bench: &Bench, resources: Value) -> Run {
    let run = run(bench, resources, json!({})).await;
    assert_eq!(run.code, 0, "{:#}\n{}", run.report, run.stderr);
    run
}

fn resource<'r>(run: &'r Run, name: &str) -> &'r Value {
    let resources = run.report["resources"].as_array().expect("resources");
    resources.iter().find(|resource| resource["resource"] == name).expect("an entry for each")
}

async fn sorted(bench: &Bench, table: &str, key: &str) -> Vec<Value> {
    let mut rows = bench.table(table).await.rows;
    rows.sort_by_key(|row| (row[key].as_i64(), row["id"].as_i64()));
    rows
}

#[tokio::test]
async fn each_row_of_a_parent_leads_to_all_pages_of_its_children() {
    let bench = bench(posts).await;
    let run = loaded(
        &bench,
        json!([
            {"name": "comments", "endpoint": "posts/{resources.posts.id}/comments", "include_from_parent": ["id", "title", "x"]},
            "posts",
            {"name": "one", "endpoint": "posts/{resources.posts.x.k}"},
            {"name": "votes", "endpoint": "comments/{resources.comments.id}/votes"},
        ]),
    )
    .await;
    let comments = sorted(&bench, "comments", "_posts_id").await;
    assert_eq!(comments.len(), 15);
    assert_eq!(
        comments[1],
        json!({"id": 200, "body": "b", "tags": ["a"], "_posts_id": 2, "_posts_title": "Post 2", "_posts_x": {"k": 2}})
    );
    assert_eq!(bench.table("posts").await.rows.len(), 5);
    // One thing is one row, whatever lists it has.
    assert_eq!(sorted(&bench, "one", "id").await[2], json!({"id": 3, "tags": ["x", "y"]}));
    assert_eq!(bench.table("votes").await.rows.len(), 15);
    // dlt's order: what needs nobody comes first.
    let names: Vec<&str> = run.report["resources"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["resource"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["posts", "comments", "one", "votes"]);
    assert_eq!(resource(&run, "comments")["pages"], 1 + 1 + 2 + 2 + 3);
}

#[tokio::test]
async fn placeholders_stand_wherever_a_request_has_texts() {
    let bench = bench(|request: &ReceivedRequest| match request.path.as_str() {
        "/parents" => {
            Answer::json(&json!([{"id": 7, "name": "a/b ?&ä", "on": true, "big": 18_446_744_073_709_551_615_u64}]))
        }
        _ => Answer::json(&json!([{"ok": 1}])),
    })
    .await;
    let endpoint = json!({
        "path": "x/{resources.parents.name}/{resources.parents.id:04d}",
        "method": "POST",
        "params": {"{resources.parents.id}": "n-{resources.parents.name}", "on": ["{resources.parents.on}", "y"]},
        "headers": {"X-Big": "{resources.parents.big}"},
        "json": {"id": "{resources.parents.id}", "t": "p{resources.parents.id}", "l": ["{resources.parents.on}"], "{{": "}}"},
        "paginator": "single_page",
    });
    loaded(
        &bench,
        json!(["parents", {"name": "json", "endpoint": endpoint},
               {"name": "form", "endpoint": {"path": "form", "method": "POST", "data": {"id": "{resources.parents.id}"},
                "paginator": "single_page"}},
               {"name": "query", "endpoint": "items?parent={resources.parents.name}"}]),
    )
    .await;
    let requests = bench.api.requests();
    let sent = |path: &str| requests.iter().find(|request| request.path.starts_with(path)).expect("a request");
    let request = sent("/x/");
    assert_eq!(request.path, "/x/a%2Fb%20%3F%26%C3%A4/0007");
    let query: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(query, ["on=True", "on=y", "7=n-a/b ?&ä"]);
    assert_eq!(request.header("x-big"), Some("18446744073709551615"));
    let body: Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(body, json!({"id": 7, "t": "p7", "l": [true], "{": "}"}));
    assert_eq!(sent("/form").body, "id=7");
    // dlt would have the value change the query.
    assert_eq!(sent("/items").query, [("parent".to_owned(), "a/b ?&ä".to_owned())]);
}

#[tokio::test]
async fn a_path_that_only_ends_in_a_placeholder_is_no_single_thing() {
    // dlt loads the envelope of the first page as a row, and forgets the client's paginator.
    let bench = bench(|request: &ReceivedRequest| match request.path.as_str() {
        "/parents" => Answer::json(&json!({"results": [{"id": 1}], "total": 1})),
        _ => {
            let page = request.number_param("page").expect("the client's paginator");
            Answer::json(&json!({"results": (page * 2..(page * 2 + 2).min(5)).map(|id| json!({"id": id})).collect::<Vec<_>>(), "total": 3}))
        }
    })
    .await;
    let resources = json!(["parents", {"name": "items", "endpoint": "items?parent={resources.parents.id}"}]);
    let run = run(&bench, resources, json!({"paginator": {"type": "page_number"}})).await;
    assert_eq!(run.code, 0, "{:#}", run.report);
    assert_eq!(bench.table("items").await.rows.len(), 5);
}

#[tokio::test]
async fn a_thing_that_turns_out_to_be_a_list_is_walked_to_its_end() {
    let bench = bench(|request: &ReceivedRequest| match request.path.as_str() {
        "/parents" => Answer::json(&json!([{"id": 1}, {"id": 2}])),
        "/items/1" => page(request, (0..5).map(|id| json!({"id": id}))),
        _ => Answer::json(&json!({"id": 9, "next": "/items/1", "parts": []})),
    })
    .await;
    loaded(&bench, json!(["parents", {"name": "items", "endpoint": "items/{resources.parents.id}"}])).await;
    let ids: Vec<_> = sorted(&bench, "items", "id").await.iter().map(|row| row["id"].clone()).collect();
    // The link in one thing leads to another one, which nobody asked for.
    assert_eq!(ids, [json!(0), json!(1), json!(2), json!(3), json!(4), json!(9)]);
}

#[tokio::test]
async fn parents_that_lack_a_field_fail_or_are_skipped() {
    let handler = |request: &ReceivedRequest| match request.path.as_str() {
        "/parents" => Answer::json(&json!([{"id": 1, "k": 1}, {"id": null, "k": 2}, {"k": 3}, {"id": [4], "k": 4}])),
        _ => Answer::json(&json!([{"path": request.path}])),
    };
    let bench = bench(handler).await;
    let child = |more: Value| {
        let mut child = json!({"name": "items", "endpoint": {"path": "items/{resources.parents.id}/x", "paginator": "single_page"}});
        child.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!(["parents", child])
    };
    let failed = run(&bench, child(json!({})), json!({})).await;
    assert_eq!(failed.code, 3, "{:#}", failed.report);
    let error = &resource(&failed, "items")["error"];
    assert_eq!(error["code"], "placeholder");
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("row 2 of the parent's page") && message.contains("`{resources.parents.id}`"),
        "{message}"
    );
    assert_eq!(resource(&failed, "parents")["status"], "ok");
    assert!(!bench.path("lake/items").exists());
    // A list is no value of a path, and no field that is missing.
    let failed = run(&bench, child(json!({"on_missing_parent_field": "skip"})), json!({})).await;
    let message = resource(&failed, "items")["error"]["message"].as_str().expect("a message").to_owned();
    assert!(message.contains("row 4") && message.contains("a list or an object"), "{message}");
}

#[tokio::test]
async fn a_parent_that_is_not_selected_is_walked_and_not_loaded() {
    let bench = bench(posts).await;
    let run = loaded(
        &bench,
        json!([
            {"name": "posts", "selected": false},
            {"name": "comments", "endpoint": "posts/{resources.posts.id}/comments"},
            {"name": "unneeded", "selected": false},
        ]),
    )
    .await;
    assert_eq!(bench.table("comments").await.rows.len(), 15);
    assert_eq!(resource(&run, "posts")["status"], "skipped");
    assert!(!bench.path("lake/posts").exists());
    assert!(bench.api.requests().iter().all(|request| request.path.starts_with("/posts")));
}

#[tokio::test]
async fn nothing_is_kept_of_children_whose_parent_failed() {
    let bench = bench(|request: &ReceivedRequest| match (request.path.as_str(), request.number_param("at")) {
        ("/posts", Some(2)) => Answer::text(400, "no"),
        _ => posts(request),
    })
    .await;
    let run = run(
        &bench,
        json!(["posts", {"name": "comments", "endpoint": "posts/{resources.posts.id}/comments"}]),
        json!({}),
    )
    .await;
    assert_eq!(resource(&run, "posts")["error"]["code"], "http_status");
    assert_eq!(resource(&run, "comments")["error"]["code"], "parent_failed");
    assert!(!bench.path("lake/comments").exists());
}

#[tokio::test]
async fn ignored_answers_end_the_walk_of_their_parent_only() {
    let bench = bench(|request: &ReceivedRequest| match request.path.as_str() {
        "/posts/2/comments" => Answer::text(404, "gone"),
        _ => posts(request),
    })
    .await;
    let comments = json!({
        "name": "comments",
        "endpoint": {"path": "posts/{resources.posts.id}/comments", "response_actions": [{"status_code": 404, "action": "ignore"}]},
    });
    loaded(&bench, json!(["posts", comments])).await;
    assert_eq!(bench.table("comments").await.rows.len(), 13);
}

/// 10 pages of 10 parents, 10 children each, one request a child.
async fn family(latency: Duration) -> Running {
    let handler = |request: &ReceivedRequest| {
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let ten = |first: usize| (first..first + 10).map(|id| json!({"id": id})).collect::<Vec<_>>();
        match parts.as_slice() {
            ["parents"] => {
                let page = request.number_param("page").unwrap_or(0);
                Answer::json(&json!({"data": if page < 10 { ten(page * 10) } else { vec![] }, "total": 10}))
            }
            ["parents", id] => Answer::json(&json!({"data": ten(id.parse::<usize>().expect("an id") * 10)})),
            [_, id] => Answer::json(&json!({"id": id})),
            _ => Answer::text(404, "nothing"),
        }
    };
    Api::handler(handler).latency(move |_| latency).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_are_asked_for_side_by_side_within_the_bound() {
    let mut took = Vec::new();
    for concurrency in [1, 8] {
        let mut bench = Bench::new(vec![]).await;
        bench.api = family(Duration::from_millis(2)).await;
        let resources = json!([
            {"name": "parents", "endpoint": {"paginator": {"type": "page_number"}}},
            {"name": "children", "endpoint": {"path": "parents/{resources.parents.id}", "data_selector": "data", "paginator": "single_page"}},
            {"name": "things", "endpoint": "things/{resources.children.id}"},
        ]);
        let run = run(&bench, resources, json!({"concurrency": concurrency})).await;
        assert_eq!(run.code, 0, "{:#}", run.report);
        assert_eq!(bench.table("things").await.rows.len(), 1_000);
        assert!(bench.api.in_flight_max() <= concurrency, "{}", bench.api.in_flight_max());
        took.push(bench.api.in_flight_max());
    }
    assert_eq!(took, [1, 8]);
}

#[tokio::test]
async fn rows_stand_in_the_order_of_their_parents() {
    let slow_first =
        |request: &ReceivedRequest| Duration::from_millis(if request.path == "/posts/1/comments" { 50 } else { 0 });
    let mut bench = Bench::new(vec![]).await;
    bench.api = Api::handler(posts).latency(slow_first).start().await;
    loaded(&bench, json!(["posts", {"name": "comments", "endpoint": "posts/{resources.posts.id}/comments"}])).await;
    let order: Vec<i64> =
        bench.table("comments").await.stored.iter().map(|row| row["id"].as_i64().expect("an id")).collect();
    assert!(order.is_sorted() && order.len() == 15, "{order:?}");
}

/// Posts and their comments, each page a commit of its own; comments of post 4 are refused as long as `is_down`.
async fn in_parts(is_down: Arc<AtomicBool>, first: Arc<AtomicI64>) -> Bench {
    bench(move |request: &ReceivedRequest| match request.path.as_str() {
        "/posts/4/comments" if is_down.load(Ordering::SeqCst) => Answer::text(400, "down"),
        "/posts" => page(request, (first.load(Ordering::SeqCst)..=5).map(|id| json!({ "id": id }))),
        _ => posts(request),
    })
    .await
}

fn parts(disposition: &str, incremental: bool) -> Value {
    let mut comments = json!({
        "name": "comments", "primary_key": "id", "write_disposition": disposition, "commit_every": "1B",
        "include_from_parent": ["id"], "endpoint": {"path": "posts/{resources.posts.id}/comments"},
    });
    if incremental {
        comments["endpoint"]["incremental"] = json!({"cursor_path": "id"});
    }
    json!(["posts", comments])
}

async fn comment_ids(bench: &Bench) -> Vec<i64> {
    sorted(bench, "comments", "id").await.iter().filter_map(|row| row["id"].as_i64()).collect()
}

#[tokio::test]
async fn a_childs_walk_goes_on_after_its_last_commit() {
    for (disposition, incremental) in [("append", false), ("merge", false), ("append", true)] {
        let is_down = Arc::new(AtomicBool::new(true));
        let bench = in_parts(Arc::clone(&is_down), Arc::new(AtomicI64::new(1))).await;
        let failed = run(&bench, parts(disposition, incremental), json!({})).await;
        assert_eq!(failed.code, 3, "{:#}", failed.report);
        // The page before the one that failed may not have been taken in any more.
        let kept = comment_ids(&bench).await;
        assert!(kept.len() >= 4 && [100, 200, 201, 300, 301, 302].starts_with(&kept), "{disposition}: {kept:?}");
        is_down.store(false, Ordering::SeqCst);
        let asked = bench.api.requests().len();
        let run = loaded(&bench, parts(disposition, incremental)).await;
        assert!(resource(&run, "comments")["resumed_after_page"].is_u64(), "{:#}", run.report);
        let again: Vec<String> = bench.api.requests().iter().skip(asked).map(|request| request.path.clone()).collect();
        assert!(!again.contains(&"/posts/2/comments".to_owned()), "{again:?}");
        let expected: Vec<i64> = (1..=5).flat_map(|post| (0..post).map(move |number| post * 100 + number)).collect();
        assert_eq!(comment_ids(&bench).await, expected, "{disposition}");
        if incremental {
            let idle = loaded(&bench, parts(disposition, incremental)).await;
            assert_eq!(resource(&idle, "comments")["commits"], 0, "{:#}", idle.report);
        }
    }
}

#[tokio::test]
async fn a_childs_walk_among_other_parents_begins_anew_or_stops() {
    for disposition in ["append", "merge"] {
        let (is_down, first) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicI64::new(1)));
        let bench = in_parts(Arc::clone(&is_down), Arc::clone(&first)).await;
        assert_eq!(run(&bench, parts(disposition, false), json!({})).await.code, 3);
        is_down.store(false, Ordering::SeqCst);
        // There is another post before the others.
        first.store(0, Ordering::SeqCst);
        let run = run(&bench, parts(disposition, false), json!({})).await;
        if disposition == "append" {
            let error = &resource(&run, "comments")["error"];
            assert_eq!(error["code"], "resume_shifted", "{:#}", run.report);
            assert!(error["hint"].as_str().expect("a hint").contains("--full-refresh"));
            assert!(comment_ids(&bench).await.len() <= 6);
        } else {
            assert_eq!(run.code, 0, "{:#}", run.report);
            assert_eq!(comment_ids(&bench).await.len(), 15);
        }
    }
}

#[tokio::test]
async fn a_walk_that_was_cut_short_and_begins_anew_without_its_parent_is_not_taken_for_ended() {
    // Comments fall; the walk of post 2 breaks off after its first page, which is committed.
    let (posts, is_whole) = (Arc::new(std::sync::Mutex::new(vec![1, 2])), Arc::new(AtomicBool::new(false)));
    let (served, whole) = (Arc::clone(&posts), Arc::clone(&is_whole));
    let bench = bench(move |request: &ReceivedRequest| match request.path.as_str() {
        "/posts" => {
            let posts = served.lock().expect("no poison");
            Answer::json(&json!({"data": posts.iter().map(|id| json!({"id": id})).collect::<Vec<_>>(), "next": null}))
        }
        path => {
            let post: i64 = path.split('/').nth(2).and_then(|id| id.parse().ok()).expect("an id");
            let body = if whole.load(Ordering::SeqCst) { json!("b") } else { Value::Null };
            page(request, (0..4).rev().map(|n| json!({"id": post * 10 + n, "body": if (post, n) == (2, 1) { body.clone() } else { json!("b") }})))
        }
    })
    .await;
    let comments = json!({
        "name": "comments", "primary_key": "id", "write_disposition": "merge", "commit_every": "1B",
        "columns": {"body": {"nullable": false}},
        "endpoint": {"path": "posts/{resources.posts.id}/comments", "incremental": {"cursor_path": "id"}},
    });
    let resources = || json!([{"name": "posts", "write_disposition": "replace"}, comments]);
    let failed = run(&bench, resources(), json!({})).await;
    assert_eq!(failed.code, 3, "{:#}", failed.report);
    assert_eq!(comment_ids(&bench).await, [10, 11, 12, 13, 22, 23]);
    is_whole.store(true, Ordering::SeqCst);
    *posts.lock().expect("no poison") = vec![3, 1];
    loaded(&bench, resources()).await;
    *posts.lock().expect("no poison") = vec![2];
    loaded(&bench, resources()).await;
    assert_eq!(comment_ids(&bench).await, [10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33]);
}

#[tokio::test]
async fn a_merge_among_other_parents_than_memory_holds_begins_anew_in_the_next_run() {
    let (is_down, first) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicI64::new(1)));
    let bench = in_parts(Arc::clone(&is_down), Arc::clone(&first)).await;
    assert_eq!(run(&bench, parts("merge", false), json!({})).await.code, 3);
    is_down.store(false, Ordering::SeqCst);
    first.store(0, Ordering::SeqCst);
    let (config, small) = (bench.path("tree.json"), ["--set", "limits.memory=1"]);
    let failed = bench.run(&config, &small).await;
    let error = &resource(&failed, "comments")["error"];
    assert_eq!((failed.code, &error["code"]), (3, &json!("resume_shifted")), "{:#}", failed.report);
    assert!(error["message"].as_str().expect("a message").contains("the next run begins anew"), "{error}");
    let next = bench.run(&config, &small).await;
    assert_eq!(next.code, 0, "{:#}", next.report);
    assert_eq!(comment_ids(&bench).await.len(), 15);
}

#[tokio::test]
async fn a_child_that_includes_members_goes_on_after_a_page_that_came_in_pieces() {
    let is_whole = Arc::new(AtomicBool::new(false));
    let whole = Arc::clone(&is_whole);
    let bench = bench(move |request: &ReceivedRequest| match request.path.as_str() {
        "/posts" => Answer::json(&json!([{"id": 1}, {"id": 2}])),
        path => {
            let is_bad = path == "/posts/2/comments" && !whole.load(Ordering::SeqCst);
            let body = if is_bad { Value::Null } else { json!("b".repeat(3_000)) };
            Answer::json(&(0..40).map(|id| json!({"id": id, "body": body})).collect::<Vec<_>>().into())
        }
    })
    .await;
    let comments = json!({
        "name": "comments", "write_disposition": "append", "commit_every": "1B", "include_from_parent": ["id"],
        "columns": {"body": {"nullable": false}},
        "endpoint": {"path": "posts/{resources.posts.id}/comments", "paginator": "single_page"},
    });
    let posts = json!({"name": "posts", "write_disposition": "replace", "endpoint": {"paginator": "single_page"}});
    let config = json!({
        "name": "tree", "client": {"base_url": bench.base_url()}, "limits": {"memory": "1"}, "resources": [posts, comments],
    });
    let config = bench.write("tree.json", &config.to_string());
    assert_eq!(bench.run(&config, &[]).await.code, 3);
    assert_eq!(bench.table("comments").await.rows.len(), 40);
    is_whole.store(true, Ordering::SeqCst);
    let run = bench.run(&config, &[]).await;
    assert_eq!(run.code, 0, "{:#}", run.report);
    assert_eq!(resource(&run, "comments")["resumed_after_page"], 1);
    assert_eq!(bench.table("comments").await.rows.len(), 80);
}
