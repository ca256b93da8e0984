//! Long walks that commit as they go, and runs that go on where an earlier one ended.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alluvium::extract::Walked;
use alluvium::flow::{Unfinished, Waypoint};
use serde_json::{Value, json};

use crate::support::api::{Answer, Api, ReceivedRequest, Running, Style};
use crate::support::command::{Bench, people};
use crate::support::walk::{Source, id};

/// Every page is a part of its own.
fn each_page(disposition: &str) -> Value {
    json!({"write_disposition": disposition, "commit_every": "1B", "columns": {"name": {"nullable": false}}})
}

/// 100 rows of which one, on page 6, is not good.
fn broken() -> Vec<Value> {
    let mut rows = people(0..100);
    rows[55].as_object_mut().expect("an object").remove("name");
    rows
}

/// A run that stops at page 6; the pages before it are kept.
async fn stopped(disposition: &str, more: &[&str]) -> (Bench, std::path::PathBuf) {
    let bench = Bench::new(broken()).await;
    let config = bench.config(&each_page(disposition));
    let run = bench.run(&config, more).await;
    assert_eq!(
        (run.code, &run.report["resources"][0]["error"]["code"]),
        (1, &json!("null_column")),
        "{:#}",
        run.report
    );
    (bench, config)
}

async fn ids(bench: &Bench) -> Vec<i64> {
    let mut ids: Vec<i64> =
        bench.table("items").await.rows.iter().map(|row| row["id"].as_i64().expect("an id")).collect();
    ids.sort_unstable();
    ids
}

fn states(bench: &Bench) -> Vec<Value> {
    let folder = bench.path("lake/_alluvium/state/items/items");
    let mut names: Vec<_> =
        std::fs::read_dir(folder).expect("states").map(|entry| entry.expect("a file").path()).collect();
    names.sort();
    let read =
        |path: &std::path::PathBuf| serde_json::from_slice(&std::fs::read(path).expect("a state")).expect("JSON");
    names.iter().map(read).collect()
}

#[tokio::test]
async fn an_append_or_a_merge_goes_on_after_its_last_commit() {
    for disposition in ["append", "merge"] {
        let (bench, config) = stopped(disposition, &[]).await;
        assert_eq!(ids(&bench).await, (0..50).collect::<Vec<_>>(), "five pages are committed");
        let asked = bench.api.requests().len();
        bench.serve(people(0..100));
        let report = bench.load(&config).await;
        assert_eq!(report["resumed_after_page"], 5, "{report:#}");
        assert_eq!((&report["rows"]["read"], &report["rows"]["inserted"]), (&json!(50), &json!(50)), "{report:#}");
        assert_eq!(bench.api.requests().len() - asked, 6, "page 5 and five that follow");
        assert_eq!(ids(&bench).await, (0..100).collect::<Vec<_>>(), "{disposition}");
        assert_eq!(states(&bench).last().expect("a state")["walk"], Value::Null, "the walk is at its end");
        // The next run begins at the beginning.
        let report = bench.load(&config).await;
        assert_eq!((&report["resumed_after_page"], &report["rows"]["read"]), (&Value::Null, &json!(100)));
    }
}

#[tokio::test]
async fn a_walk_that_ends_at_the_page_of_its_last_commit_is_told_to_have_ended() {
    let (bench, config) = stopped("append", &[]).await;
    bench.serve(people(0..50));
    let report = bench.load(&config).await;
    assert_eq!((&report["resumed_after_page"], &report["rows"]["read"]), (&json!(5), &json!(0)), "{report:#}");
    assert_eq!(states(&bench).last().expect("a state")["walk"], Value::Null);
    assert_eq!(ids(&bench).await, (0..50).collect::<Vec<_>>());
}

/// Runs after which the page of the last commit is not what it was, each with what is done about it.
async fn shifts(bench: &Bench, how: &str) -> Vec<String> {
    match how {
        "other rows" => {
            let mut rows = people(0..100);
            rows[44]["name"] = json!("somebody else");
            bench.serve(rows);
            Vec::new()
        }
        "older" => {
            bench.serve(people(0..100));
            tokio::time::sleep(Duration::from_millis(5)).await;
            vec!["--set".to_owned(), "resources.items.resume_within=1ms".to_owned()]
        }
        "refused" => {
            let api = Api::handler(|request| match request.number_param("offset") {
                Some(offset) if offset == 40 && request.number == 1 => Answer::text(410, "this cursor is gone"),
                offset => {
                    let offset = i64::try_from(offset.unwrap_or_default()).expect("a number");
                    let page = people(offset..(offset + 10).min(100));
                    Answer::json(&json!({"data": page, "total": 100}))
                }
            });
            let running = api.start().await;
            let url = running.url.trim_end_matches("/items").to_owned();
            // It lives as long as the test.
            std::mem::forget(running);
            vec!["--set".to_owned(), format!("client.base_url={url}")]
        }
        "gone" => {
            bench.serve(people(0..30));
            Vec::new()
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_cannot_be_gone_on_with_begins_anew_but_an_append_stops() {
    for how in ["other rows", "older", "refused", "gone"] {
        for disposition in ["append", "merge", "replace"] {
            let (bench, config) = stopped(disposition, &[]).await;
            let more = shifts(&bench, how).await;
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            let run = bench.run(&config, &more).await;
            let report = &run.report["resources"][0];
            let count: i64 = if how == "gone" { 30 } else { 100 };
            if disposition == "append" {
                assert_eq!((run.code, &report["error"]["code"]), (1, &json!("resume_shifted")), "{how}: {report:#}");
                let hint = report["error"]["hint"].as_str().expect("a hint");
                assert!(hint.contains("--full-refresh"), "{hint}");
                assert_eq!(ids(&bench).await.len(), 50, "{how}: the table is as it was");
                let version = bench.table("items").await.version;
                let mut anew = more.clone();
                anew.push("--full-refresh");
                let run = bench.run(&config, &anew).await;
                assert_eq!(run.code, 0, "{how}: {:#}", run.report);
                let table = bench.table("items").await;
                assert_eq!(
                    (i64::try_from(table.rows.len()), table.version),
                    (Ok(count), version + 1),
                    "{how}: one commit"
                );
            } else {
                assert_eq!(run.code, 0, "{how}, {disposition}: {report:#}\n{}", run.stderr);
                assert_eq!(report["resumed_after_page"], Value::Null, "{how}, {disposition}: {report:#}");
                assert_eq!(report["rows"]["read"], count, "{how}, {disposition}: {report:#}");
                let expected = if disposition == "merge" { count.max(50) } else { count };
                assert_eq!(ids(&bench).await, (0..expected).collect::<Vec<_>>(), "{how}, {disposition}");
            }
        }
    }
}

#[tokio::test]
async fn a_replace_goes_on_with_its_staged_files_and_shows_no_half_table() {
    let bench = Bench::new(people(500..503)).await;
    let config = bench.config(&each_page("replace"));
    bench.load(&config).await;
    bench.serve(broken());
    let run = bench.run(&config, &[]).await;
    assert_eq!(run.code, 1);
    assert_eq!(ids(&bench).await, [500, 501, 502], "the old rows stand");
    let asked = bench.api.requests().len();
    bench.serve(people(0..100));
    let report = bench.load(&config).await;
    assert_eq!((&report["resumed_after_page"], &report["commits"]), (&json!(5), &json!(1)), "{report:#}");
    assert_eq!((&report["rows"]["inserted"], &report["rows"]["deleted"]), (&json!(100), &json!(3)), "{report:#}");
    assert_eq!(bench.api.requests().len() - asked, 6);
    assert_eq!(ids(&bench).await, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn staged_files_that_are_gone_are_fetched_again() {
    let (bench, config) = stopped("replace", &[]).await;
    let folder = bench.path("lake/items");
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            std::fs::remove_file(path).expect("a file");
            break;
        }
    }
    bench.serve(people(0..100));
    let report = bench.load(&config).await;
    assert_eq!((&report["resumed_after_page"], &report["rows"]["read"]), (&Value::Null, &json!(100)), "{report:#}");
    assert_eq!(ids(&bench).await, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_refresh_of_a_merge_keeps_the_last_row_of_every_key_also_after_a_failure() {
    let bench = Bench::new(people(0..100)).await;
    let config = bench.config(&each_page("merge"));
    bench.load(&config).await;
    let old = bench.table("items").await;
    let mut rows = people(10..60);
    rows.extend(people(10..20));
    rows[58]["name"] = json!("the last");
    let good = rows.clone();
    rows[55].as_object_mut().expect("an object").remove("name");
    bench.serve(rows);
    assert_eq!(bench.run(&config, &["--full-refresh"]).await.code, 1);
    assert_eq!(bench.table("items").await.version, old.version, "nothing of it is to be seen");
    bench.serve(good);
    let run = bench.run(&config, &["--full-refresh"]).await;
    assert_eq!(run.code, 0, "{:#}", run.report);
    assert_eq!(run.report["resources"][0]["resumed_after_page"], 5, "{:#}", run.report);
    let new = bench.table("items").await;
    assert_eq!((new.rows.len(), new.version), (50, old.version + 1));
    assert!(new.rows.iter().any(|row| row["id"] == 18 && row["name"] == "the last"));
    // Afterwards merges are merges.
    bench.serve(people(18..20));
    assert_eq!(bench.load(&config).await["rows"]["updated"], 1);
    assert_eq!(ids(&bench).await.len(), 50);
}

#[tokio::test]
async fn a_renamed_pipeline_does_not_append_twice_unless_it_is_told_to() {
    let bench = Bench::new(people(0..5)).await;
    let config = bench.config(&json!({"write_disposition": "append"}));
    bench.load(&config).await;
    let renamed = bench.write("renamed.json", &std::fs::read_to_string(&config).expect("the config"));
    let run = bench.run(&renamed, &[]).await;
    assert_eq!((run.code, &run.report["resources"][0]["error"]["code"]), (1, &json!("other_pipeline")));
    assert_eq!(ids(&bench).await.len(), 5);
    assert_eq!(bench.run(&renamed, &["--adopt"]).await.code, 0);
    assert_eq!(bench.run(&renamed, &[]).await.code, 0, "from then on it is known");
    assert_eq!(ids(&bench).await.len(), 15);
    let merge = bench.config(&json!({}));
    let merging = bench.write("merging.json", &std::fs::read_to_string(&merge).expect("the config"));
    let run = bench.run(&merging, &[]).await;
    assert_eq!(run.code, 0, "a merge doubles nothing");
    assert!(run.stderr.contains("another pipeline"), "{}", run.stderr);
}

/// Starts the binary, lets it run until `when`, stops it with SIGINT, and gives its exit code.
fn interrupted(folder: &Path, config: &Path, when: impl Fn() -> bool) -> (i32, Value) {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_alluvium"))
        .args(["run", config.to_str().expect("a path"), "--to", "lake", "--output", "json"])
        .current_dir(folder)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary");
    while !when() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill").success());
    let status = child.wait().expect("it ends");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().expect("stdout"), &mut text).expect("a report");
    (status.code().expect("no signal"), serde_json::from_str(&text).expect("a report"))
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_keeps_the_pages_so_far_and_the_next_run_goes_on() {
    let delete_insert = json!({"disposition": "merge", "strategy": "delete-insert"});
    for (disposition, merge_key) in [
        (json!("append"), Value::Null),
        (json!("merge"), Value::Null),
        (json!("replace"), Value::Null),
        (delete_insert, json!("score")),
    ] {
        let slow = |api: Api| api.latency(|_| Duration::from_millis(20));
        let bench = Bench::with(people(0..500), slow).await;
        let config = bench.config(&json!({"write_disposition": disposition, "merge_key": merge_key}));
        let asked = || bench.api.requests().len() > 8;
        let (code, report) = tokio::task::block_in_place(|| interrupted(bench.folder.path(), &config, asked));
        let error = &report["resources"][0]["error"];
        assert_eq!((code, &report["status"]), (5, &json!("interrupted")), "{report:#}");
        assert!(error["message"].as_str().expect("a text").contains("after page"), "{error:#}");
        let pages = report["resources"][0]["pages"].as_u64().expect("a number");
        let report = bench.load(&config).await;
        assert_eq!(report["resumed_after_page"], pages, "{disposition}: {report:#}");
        assert_eq!(ids(&bench).await, (0..500).collect::<Vec<_>>(), "{disposition}");
    }
}

/// Every style with the paginators that walk over it.
fn styles() -> Vec<(Style, Value)> {
    vec![
        (Style::NextLink { absolute: true }, json!("json_link")),
        (Style::NextLink { absolute: false }, json!("auto")),
        (Style::HeaderLink, json!("header_link")),
        (Style::HeaderLink, json!("auto")),
        (Style::HeaderCursor, json!({"type": "header_cursor", "cursor_key": "x-next-cursor"})),
        (Style::Cursor, json!({"type": "cursor", "cursor_path": "next_cursor"})),
        (Style::Cursor, json!("auto")),
        (Style::Page { base: 1 }, json!({"type": "page_number", "base_page": 1, "total_path": "total_pages"})),
        (Style::Page { base: 1 }, json!("auto")),
        (Style::Page { base: 0 }, json!("auto")),
        (Style::Offset, json!({"type": "offset", "limit": 10})),
        (Style::Offset, json!("auto")),
    ]
}

#[tokio::test]
async fn a_walk_of_every_scheme_goes_on_from_each_of_its_pages() {
    for (style, paginator) in styles() {
        let api = Api::rows(45).style(style).size(10).cap(10).start().await;
        let source = Source::paged(&api.url, &paginator);
        let mut noted: Vec<(Waypoint, usize)> = Vec::new();
        let (mut walk, _) = source.walk();
        let mut read = 0;
        while let Some(Walked { page, .. }) = walk.next().await.expect("no error") {
            read += page.rows().len();
            let text = serde_json::to_string(&page.waypoint()).expect("JSON");
            noted.push((serde_json::from_str(&text).expect("JSON"), read));
        }
        assert_eq!((read, noted.len()), (45, 5), "{style:?} {paginator}");
        for (waypoint, read) in noted {
            let pages = waypoint.pages;
            let from = Unfinished { waypoint, age: Duration::ZERO };
            let walk = source.walk_from(Some(&from)).0;
            let mut walk = walk.unwrap_or_else(|error| panic!("{style:?} {paginator}: {error}"));
            let mut rest = Vec::new();
            while let Some(Walked { page, .. }) = walk.next().await.expect("no error") {
                rest.extend(page.rows().into_iter().map(id));
            }
            let first = i64::try_from(read).expect("small");
            assert_eq!(rest, (first..45).collect::<Vec<_>>(), "{style:?} {paginator} after page {pages}");
        }
    }
}

/// Pages of ten of 50 people by links that repeat the key and the tenant; the fourth is refused as long as `is_down`.
async fn linked(is_down: Arc<AtomicBool>) -> Running {
    let handler = move |request: &ReceivedRequest| {
        let at = request.number_param("cursor").unwrap_or(0);
        if at == 30 && is_down.load(Ordering::SeqCst) {
            return Answer::text(410, "gone");
        }
        let kept = request.query.iter().filter(|(name, _)| name != "cursor");
        let kept: Vec<String> = kept.map(|(name, value)| format!("{name}={value}&")).collect();
        let host = request.header("host").expect("a host");
        let next = (at < 40).then(|| format!("http://{host}/items?{}cursor={}", kept.concat(), at + 10));
        let at = i64::try_from(at).expect("small");
        Answer::json(&json!({"data": people(at..at + 10), "next": next}))
    };
    Api::handler(handler).start().await
}

#[tokio::test]
async fn a_walk_by_links_keeps_no_secret_in_its_state_and_goes_on_where_the_api_has_moved() {
    let is_down = Arc::new(AtomicBool::new(true));
    let api = linked(Arc::clone(&is_down)).await;
    let bench = Bench::new(Vec::new()).await;
    let endpoint = json!({"data_selector": "data", "paginator": "json_link", "params": {"tenant": "${env:API_KEY}"}});
    let config = bench.config(&json!({"write_disposition": "append", "commit_every": "1B", "endpoint": endpoint}));
    let at = |url: &str| format!("client.base_url={}", url.trim_end_matches("/items"));
    let run = bench.run(&config, &["--set", &at(&api.url)]).await;
    assert_eq!(
        (run.code, &run.report["resources"][0]["error"]["code"]),
        (1, &json!("http_status")),
        "{:#}",
        run.report
    );
    assert_eq!(ids(&bench).await, (0..30).collect::<Vec<_>>());
    let walk = states(&bench).last().expect("a state")["walk"].to_string();
    assert!(walk.contains("cursor=20") && !walk.contains("canary") && !walk.contains("127.0.0.1"), "{walk}");
    is_down.store(false, Ordering::SeqCst);
    let moved = linked(is_down).await;
    let run = bench.run(&config, &["--set", &at(&moved.url)]).await;
    assert_eq!((run.code, &run.report["resources"][0]["resumed_after_page"]), (0, &json!(3)), "{:#}", run.report);
    assert_eq!(ids(&bench).await, (0..50).collect::<Vec<_>>());
    let seen = moved.requests();
    assert_eq!(seen.len(), 3);
    for request in &seen {
        let tenants: Vec<&str> =
            request.query.iter().filter(|(name, _)| name == "tenant").map(|(_, value)| value.as_str()).collect();
        assert_eq!(tenants, [crate::support::command::CANARY], "{request:?}");
        assert!(request.param("api_key").is_some());
    }
}

#[tokio::test]
async fn a_config_that_changed_meanwhile_never_loads_a_part_for_the_whole() {
    // Of a merge, under a strategy that needs all rows.
    for strategy in ["scd2", "delete-insert"] {
        let (bench, _) = stopped("merge", &[]).await;
        bench.serve(people(0..100));
        let disposition = json!({"disposition": "merge", "strategy": strategy});
        let config = bench.config(&json!({"write_disposition": disposition, "merge_key": "name"}));
        let report = bench.load(&config).await;
        assert_eq!((&report["resumed_after_page"], &report["rows"]["read"]), (&Value::Null, &json!(100)), "{report:#}");
    }
    // Of a refresh with staged files, under a hint for which rows do not go into files, and one that takes rows out.
    for hint in [json!({"score": {"dedup_sort": "desc"}}), json!({"gone": {"hard_delete": true}})] {
        let (bench, _) = stopped("merge", &["--full-refresh"]).await;
        let mut rows = people(0..100);
        rows[7]["gone"] = json!(true);
        bench.serve(rows);
        let config = bench.config(&json!({"columns": hint}));
        let run = bench.run(&config, &["--full-refresh"]).await;
        assert_eq!(run.report["resources"][0]["resumed_after_page"], Value::Null, "{:#}", run.report);
        let expected: Vec<i64> = (0..100).filter(|id| *id != 7 || hint.get("gone").is_none()).collect();
        assert_eq!(ids(&bench).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_deleted_between_two_parts_is_not_made_again() {
    let slow = |api: Api| api.latency(|_| Duration::from_millis(30));
    let bench = Bench::with(people(0..300), slow).await;
    let config = bench.config(&each_page("append"));
    let folder = bench.path("lake/items");
    let deleted = async {
        while !folder.join("_delta_log/00000000000000000003.json").exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // The run may be writing a file of its own meanwhile.
        while std::fs::remove_dir_all(&folder).is_err() {}
    };
    let (run, ()) = tokio::join!(bench.run(&config, &[]), deleted);
    let error = &run.report["resources"][0]["error"];
    assert_eq!(run.code, 1, "{:#}", run.report);
    // Which of its files is missed first depends on the moment.
    assert_eq!(error["class"], "storage", "{error:#}");
    assert!(!folder.join("_delta_log").exists(), "nothing is created in its place");
}

/// An API of 100 people, of which the last page is answered only once two runs have asked for it.
async fn meeting() -> Running {
    let both = std::sync::Barrier::new(2);
    let handler = move |request: &ReceivedRequest| {
        let offset = i64::try_from(request.number_param("offset").unwrap_or_default()).expect("small");
        if offset == 90 {
            tokio::task::block_in_place(|| both.wait());
        }
        Answer::json(&json!({"data": people(offset..(offset + 10).min(100)), "total": 100}))
    };
    Api::handler(handler).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_runs_with_the_same_staged_files_the_one_that_loses_removes_none_that_are_committed() {
    let delete_insert = json!({"disposition": "merge", "strategy": "delete-insert"});
    for (disposition, merge_key) in [(json!("replace"), Value::Null), (delete_insert, json!("score"))] {
        let bench = Bench::new(broken()).await;
        let mut resource = each_page("replace");
        resource["merge_key"] = merge_key;
        resource["write_disposition"] = disposition;
        let config = bench.config(&resource);
        assert_eq!(bench.run(&config, &[]).await.code, 1, "five pages are staged");
        let api = meeting().await;
        let base = format!("client.base_url={}", api.url.trim_end_matches("/items"));
        let more = ["--set", base.as_str()];
        let (one, other) = tokio::join!(bench.run(&config, &more), bench.run(&config, &more));
        for run in [&one, &other] {
            let report = &run.report["resources"][0];
            // The one that begins later may go on with what the other has staged meanwhile.
            assert!(report["resumed_after_page"].as_u64().is_some_and(|page| page >= 5), "{report:#}");
            // What it misses first depends on the moment.
            assert!(run.code == 0 || report["error"]["class"] == "storage", "{report:#}");
        }
        assert!(one.code == 0 || other.code == 0, "{:#}\n{:#}", one.report, other.report);
        // Read with every file that the log names.
        assert_eq!(ids(&bench).await, (0..100).collect::<Vec<_>>());
    }
}
