//! Loads of what is new: cursors that are kept from run to run.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::api::{Answer, Api, ReceivedRequest};
use crate::support::command::{Bench, Run};

/// An API with events, of which it hands out those whose `at` is not before `since` as texts, two a page; and members of groups.
struct Events {
    bench: Bench,
    rows: Arc<Mutex<Vec<Value>>>,
}

impl Events {
    async fn new(rows: Vec<Value>) -> Self {
        let rows = Arc::new(Mutex::new(rows));
        let shared = Arc::clone(&rows);
        let api = Api::handler(move |request| answer(request, &shared.lock().expect("no poison"))).start().await;
        let mut bench = Bench::new(vec![]).await;
        bench.api = api;
        Self { bench, rows }
    }

    fn serve(&self, rows: Vec<Value>) {
        *self.rows.lock().expect("no poison") = rows;
    }

    async fn run(&self, resources: Value, more: &[&str]) -> Run {
        let config = json!({
            "name": "p",
            "client": {"base_url": self.bench.base_url(), "paginator": "json_link", "retry": {"backoff_factor": 0.001}},
            "resources": resources,
        });
        let path = self.bench.write("events.json", &config.to_string());
        self.bench.run(&path, more).await
    }

    async fn load(&self, resources: Value) -> Value {
        let run = self.run(resources, &[]).await;
        assert_eq!(run.code, 0, "{:#}\n{}", run.report, run.stderr);
        run.report["resources"].clone()
    }

    /// What `since` was in the requests since the last call.
    fn asked(&self, from: usize) -> Vec<String> {
        let requests = self.bench.api.requests();
        let first_pages = requests.iter().skip(from).filter(|request| request.param("page").is_none());
        first_pages.map(|request| request.param("since").unwrap_or("-").to_owned()).collect()
    }

    async fn names(&self) -> Vec<String> {
        let mut rows = self.bench.table("events").await.rows;
        rows.sort_by_key(|row| row["id"].as_i64());
        rows.iter().map(|row| format!("{}{}", row["id"], row["name"].as_str().unwrap_or("-"))).collect()
    }
}

fn answer(request: &ReceivedRequest, rows: &[Value]) -> Answer {
    let number = request.number_param("page").unwrap_or(0);
    let group = request.path.strip_prefix("/groups/").map(|group| group.trim_end_matches("/events").to_owned());
    let is_in = |row: &&Value| group.as_ref().is_none_or(|group| row["group"].as_i64() == group.parse().ok());
    if request.path == "/groups" {
        return Answer::json(&json!({"data": [{"id": 1}, {"id": 2}], "next": null}));
    }
    let rows: Vec<&Value> = rows.iter().filter(is_in).collect();
    let next = (number * 2 + 2 < rows.len()).then(|| format!("{}?page={}", request.path, number + 1));
    Answer::json(&json!({"data": rows.iter().skip(number * 2).take(2).collect::<Vec<_>>(), "next": next}))
}

fn event(id: i64, name: &str, at: &str) -> Value {
    json!({"id": id, "name": name, "at": at})
}

fn events(disposition: &str, incremental: Value) -> Value {
    json!([{
        "name": "events", "primary_key": "id", "write_disposition": disposition,
        "endpoint": {"data_selector": "data", "params": {"since": "{incremental.start_value}"}, "incremental": incremental},
    }])
}

fn by_time() -> Value {
    json!({"cursor_path": "at", "initial_value": "2024-01-01T00:00:00Z"})
}

#[tokio::test]
async fn what_was_loaded_is_asked_for_no_more_and_an_idle_run_writes_nothing() {
    for disposition in ["append", "merge"] {
        let rows = vec![
            event(1, "a", "2024-01-03T00:00:00Z"),
            event(2, "b", "2024-01-05T00:00:00+02:00"),
            event(3, "c", "2023-12-31T00:00:00Z"),
            // The latest of all as an instant, and not as a text.
            event(4, "d", "2024-01-04T23:30:00Z"),
        ];
        let api = Events::new(rows.clone()).await;
        let resources = || events(disposition, by_time());
        assert_eq!(api.load(resources()).await[0]["rows"]["inserted"], 3, "one is before the start");
        assert_eq!(api.names().await, ["1a", "2b", "4d"]);
        let idle = api.load(resources()).await;
        assert_eq!(
            (&idle[0]["commits"], &idle[0]["version"], &idle[0]["files"]["added"]),
            (&json!(0), &json!(0), &json!(0))
        );
        assert_eq!(api.asked(0), ["2024-01-01T00:00:00Z", "2024-01-04T23:30:00Z"]);
        // One that changed though its cursor did not, one that is as late, and one that is later.
        let mut more = rows;
        more[3] = event(4, "D", "2024-01-04T23:30:00Z");
        more.push(event(5, "e", "2024-01-05T01:30:00+02:00"));
        more.push(event(6, "f", "2024-01-05T00:00:00Z"));
        api.serve(more);
        api.load(resources()).await;
        let expected: &[&str] = match disposition {
            "append" => &["1a", "2b", "4d", "4D", "5e", "6f"],
            _ => &["1a", "2b", "4D", "5e", "6f"],
        };
        let mut names = api.names().await;
        names.sort_by_key(|name| (name[..1].to_owned(), name.to_uppercase() == *name));
        assert_eq!(names, expected);
        assert_eq!(api.load(resources()).await[0]["commits"], 0);
        assert_eq!(api.asked(0).last().map(String::as_str), Some("2024-01-05T00:00:00Z"));
    }
}

#[tokio::test]
async fn numbers_are_numbers_even_as_texts() {
    let row = |id: i64, at: Value| json!({"id": id, "name": "x", "at": at});
    let api = Events::new(vec![row(1, json!("9")), row(2, json!("10")), row(3, json!(9.5))]).await;
    api.load(events("append", json!({"cursor_path": "at"}))).await;
    // Without a value there is no parameter; dlt sends `None`.
    assert_eq!(api.asked(0), ["-"]);
    api.serve(vec![row(1, json!("9")), row(4, json!("11"))]);
    api.load(events("append", json!({"cursor_path": "at"}))).await;
    assert_eq!(api.names().await, ["1x", "2x", "3x", "4x"]);
    assert_eq!(api.asked(0), ["-", "10"]);
}

#[tokio::test]
async fn bounds_are_open_or_closed_and_an_end_is_not_remembered() {
    let rows: Vec<Value> = (1..=6).map(|at| json!({"id": at, "name": "x", "at": at})).collect();
    let table = [
        (json!({}), vec![2, 3, 4]),
        (json!({"range_start": "open"}), vec![3, 4]),
        (json!({"range_end": "closed"}), vec![2, 3, 4, 5]),
        (json!({"last_value_func": "min", "initial_value": 5, "end_value": 2}), vec![3, 4, 5]),
    ];
    for (more, expected) in table {
        let api = Events::new(rows.clone()).await;
        let mut rules = json!({"cursor_path": "at", "initial_value": 2, "end_value": 5});
        rules.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        for _ in 0..2 {
            api.load(events("merge", rules.clone())).await;
        }
        let ids: Vec<String> = expected.iter().map(|id| format!("{id}x")).collect();
        assert_eq!(api.names().await, ids, "{more}");
        assert_eq!(api.asked(0)[0], api.asked(0)[1]);
    }
}

#[tokio::test]
async fn a_lag_begins_before_the_last_value_but_not_before_the_initial_one() {
    let api = Events::new(vec![event(1, "a", "2024-01-03T00:00:00Z")]).await;
    let rules = json!({"cursor_path": "at", "initial_value": "2024-01-01T00:00:00Z", "lag": 3600});
    api.load(events("merge", rules.clone())).await;
    api.load(events("merge", rules)).await;
    assert_eq!(api.asked(0), ["2024-01-01T00:00:00Z", "2024-01-02T23:00:00Z"]);
    let far = json!({"cursor_path": "at", "initial_value": "2024-01-01T00:00:00Z", "lag": 36_000_000});
    api.load(events("merge", far)).await;
    assert_eq!(api.asked(2), ["2024-01-01T00:00:00Z"]);
}

#[tokio::test]
async fn values_are_sent_as_the_config_wants_them() {
    let api = Events::new(vec![event(1, "a", "2024-01-03T00:00:00Z")]).await;
    let formats = [
        ("unix", "1704067200"),
        ("unix_ms", "1704067200000"),
        ("iso", "2024-01-01T00:00:00Z"),
        ("%d.%m.%y", "01.01.24"),
    ];
    for (format, sent) in formats {
        let from = api.bench.api.requests().len();
        let rules = json!({"cursor_path": "at", "initial_value": "2024-01-01T02:00:00+02:00", "convert": format});
        let run = api.run(events("append", rules), &["--full-refresh"]).await;
        assert_eq!(run.code, 0, "{:#}", run.report);
        assert_eq!(api.asked(from), [sent], "{format}");
    }
}

#[tokio::test]
async fn dlts_older_forms_mean_the_same() {
    let api = Events::new(vec![event(1, "a", "2024-01-03T00:00:00Z")]).await;
    let param = json!({"type": "incremental", "cursor_path": "at", "initial_value": "2024-01-01"});
    let older = json!([{"name": "events", "endpoint": {"data_selector": "data", "params": {"since": param}}}]);
    api.load(older.clone()).await;
    api.load(older).await;
    let rules = json!({"cursor_path": "at", "initial_value": "2023-01-01", "start_param": "since", "end_param": "until", "end_value": "2024-02-01"});
    api.load(
        json!([{"name": "others", "endpoint": {"path": "events", "data_selector": "data", "incremental": rules}}]),
    )
    .await;
    assert_eq!(api.asked(0), ["2024-01-01", "2024-01-03T00:00:00Z", "2023-01-01"]);
    assert_eq!(api.bench.api.requests()[2].param("until"), Some("2024-02-01"));
    assert_eq!(api.names().await, ["1a"]);
}

#[tokio::test]
async fn rows_without_a_cursor_fail_or_are_taken_or_left_out() {
    let rows = vec![event(1, "a", "2024-01-03T00:00:00Z"), json!({"id": 2, "name": "b", "at": null})];
    let with = |rule: &str| json!({"cursor_path": "at", "on_cursor_value_missing": rule});
    let api = Events::new(rows).await;
    let failed = api.run(events("merge", with("raise")), &[]).await;
    let error = &failed.report["resources"][0]["error"];
    assert_eq!(error["code"], "cursor");
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("page 1 of resource `events`") && message.contains("row 2 has no cursor at `at`"),
        "{message}"
    );
    assert!(!api.bench.path("lake/events").exists());
    api.load(events("merge", with("exclude"))).await;
    assert_eq!(api.names().await, ["1a"]);
    api.load(events("merge", with("include"))).await;
    assert_eq!(api.names().await, ["1a", "2b"]);
    api.serve(vec![json!({"id": 3, "name": "c", "at": 5})]);
    let failed = api.run(events("merge", with("raise")), &[]).await;
    let message = failed.report["resources"][0]["error"]["message"].as_str().expect("a message").to_owned();
    assert!(message.contains("a number (5), which cannot be compared with a time"), "{message}");
}

#[tokio::test]
async fn an_order_ends_the_walk_where_nothing_new_can_follow() {
    let rows: Vec<Value> = (1..=9).rev().map(|at| json!({"id": at, "name": "x", "at": at})).collect();
    let api = Events::new(rows).await;
    let rules = json!({"cursor_path": "at", "initial_value": 7, "row_order": "desc"});
    api.load(events("append", rules)).await;
    assert_eq!(api.names().await, ["7x", "8x", "9x"]);
    // The page where a row is too old is the last; the one after it may have been asked for.
    let ascending: Vec<Value> = (1..=9).map(|at| json!({"id": at, "name": "x", "at": at})).collect();
    api.serve(ascending);
    let rules = json!({"cursor_path": "at", "initial_value": 1, "end_value": 3, "row_order": "asc"});
    let run = api.run(events("append", rules), &["--full-refresh"]).await;
    assert_eq!(run.report["resources"][0]["pages"], 2, "{:#}", run.report);
    assert_eq!(api.names().await, ["1x", "2x"]);
}

fn groups() -> Value {
    json!([
        {"name": "groups", "endpoint": {"data_selector": "data"}},
        {"name": "events", "primary_key": "id", "write_disposition": "append", "endpoint": {
            "path": "groups/{resources.groups.id}/events", "data_selector": "data",
            "params": {"since": "{incremental.start_value}"}, "incremental": {"cursor_path": "at", "initial_value": 0}}},
    ])
}

#[tokio::test]
async fn each_parent_has_a_cursor_of_its_own() {
    let row = |id: i64, group: i64, at: i64| json!({"id": id, "group": group, "name": "x", "at": at});
    let api = Events::new(vec![row(1, 1, 50), row(2, 2, 10)]).await;
    api.load(groups()).await;
    api.serve(vec![row(1, 1, 50), row(2, 2, 10), row(3, 2, 20), row(4, 1, 60)]);
    api.load(groups()).await;
    // dlt has one cursor for all: the event at 20 is lost.
    assert_eq!(api.names().await, ["1x", "2x", "3x", "4x"]);
    let asked: Vec<String> = api.asked(0).into_iter().filter(|since| since != "-").collect();
    assert_eq!(asked, ["0", "0", "50", "10"]);
}

#[tokio::test]
async fn children_of_new_parents_are_not_lost_when_their_load_failed() {
    // Events are the parents; each has details. In the second run the details fail, so that the third has to ask again for those of
    // events that are in the table already.
    let is_down = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (rows, down) = (Arc::new(Mutex::new(vec![event(1, "a", "2024-01-03T00:00:00Z")])), Arc::clone(&is_down));
    let served = Arc::clone(&rows);
    let api = Api::handler(move |request: &ReceivedRequest| match request.path.strip_prefix("/details/") {
        Some(_) if down.load(std::sync::atomic::Ordering::SeqCst) => Answer::text(400, "down"),
        Some(id) => Answer::json(&json!({"event": id})),
        None => answer(request, &served.lock().expect("no poison")),
    });
    let mut bench = Bench::new(vec![]).await;
    bench.api = api.start().await;
    let api = Events { bench, rows };
    let resources = || {
        json!([
            {"name": "events", "write_disposition": "append", "endpoint": {"data_selector": "data", "incremental": by_time()}},
            {"name": "details", "write_disposition": "append", "endpoint": {"path": "details/{resources.events.id}"}},
            {"name": "others", "write_disposition": "append", "table_name": "others",
             "endpoint": {"path": "groups/{resources.events.id}/events", "data_selector": "data"}},
        ])
    };
    api.load(resources()).await;
    api.serve(vec![event(1, "a", "2024-01-03T00:00:00Z"), event(2, "b", "2024-01-04T00:00:00Z")]);
    is_down.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(api.run(resources(), &[]).await.code, 3);
    is_down.store(false, std::sync::atomic::Ordering::SeqCst);
    let reports = api.load(resources()).await;
    assert_eq!(reports[0]["commits"], 0, "the event itself is there already");
    let mut details: Vec<String> = api
        .bench
        .table("details")
        .await
        .rows
        .iter()
        .map(|row| row["event"].as_str().expect("an id").to_owned())
        .collect();
    details.sort();
    assert_eq!(details, ["1", "2"]);
    assert_eq!(api.names().await, ["1a", "2b"]);
    let idle = api.load(resources()).await;
    assert!(idle.as_array().expect("a list").iter().all(|report| report["commits"] == 0), "{idle:#}");
}

#[tokio::test]
async fn a_replaced_table_has_all_rows_and_a_refresh_begins_anew() {
    let rows = vec![event(1, "a", "2024-01-03T00:00:00Z"), event(2, "b", "2024-01-04T00:00:00Z")];
    let api = Events::new(rows).await;
    for _ in 0..2 {
        api.load(events("replace", by_time())).await;
        assert_eq!(api.names().await, ["1a", "2b"]);
    }
    let api = Events::new(vec![event(1, "a", "2024-01-03T00:00:00Z")]).await;
    api.load(events("append", by_time())).await;
    let run = api.run(events("append", by_time()), &["--full-refresh"]).await;
    assert_eq!(run.code, 0);
    assert_eq!(api.names().await, ["1a"]);
    assert_eq!(api.load(events("append", by_time())).await[0]["commits"], 0);
}

#[tokio::test]
async fn a_long_walk_moves_its_cursor_only_at_its_end() {
    // Newest first, in parts of one page; the walk fails in the midst of the second run, and goes on in the third.
    let rows: Vec<Value> = (1..=10).rev().map(|at| json!({"id": at, "name": "x", "at": at})).collect();
    let api = Events::new(rows.clone()).await;
    let resources = || {
        let mut resources = events("append", json!({"cursor_path": "at"}));
        resources[0]["commit_every"] = json!("1B");
        resources[0]["columns"] = json!({"name": {"nullable": false}});
        resources
    };
    let mut broken = rows.clone();
    broken[5].as_object_mut().expect("an object").remove("name");
    api.serve(broken);
    assert_eq!(api.run(resources(), &[]).await.code, 1);
    api.serve(rows);
    let report = api.load(resources()).await;
    assert!(report[0]["resumed_after_page"].is_number(), "{report:#}");
    assert_eq!(api.names().await.len(), 10);
    assert_eq!(api.load(resources()).await[0]["commits"], 0);
    assert_eq!(api.asked(0).last().map(String::as_str), Some("10"));
}

/// Groups with a cursor, members of each with one of their own, and something of each member that replaces its table.
fn chain(badges: &str) -> Value {
    let by_at = json!({"cursor_path": "at"});
    json!([
        {"name": "groups", "write_disposition": "append", "endpoint": {"data_selector": "data", "incremental": by_at}},
        {"name": "members", "write_disposition": "append", "endpoint": {
            "path": "groups/{resources.groups.id}/members", "data_selector": "data", "incremental": by_at}},
        {"name": "badges", "write_disposition": badges,
         "endpoint": {"path": "members/{resources.members.id}/badges", "data_selector": "data"}},
    ])
}

#[tokio::test]
async fn what_was_walked_for_others_alone_is_still_new_when_its_parent_changes() {
    let rows: Arc<Mutex<Vec<(&str, Value)>>> = Arc::default();
    let served = Arc::clone(&rows);
    let handler = move |request: &ReceivedRequest| {
        let rows = served.lock().expect("no poison");
        let rows: Vec<&Value> = rows.iter().filter(|(path, _)| *path == request.path).map(|(_, row)| row).collect();
        match request.path.ends_with("/badges") {
            true => Answer::json(&json!({"data": [{"of": request.path}]})),
            false => Answer::json(&json!({"data": rows})),
        }
    };
    let mut bench = Bench::new(vec![]).await;
    bench.api = Api::handler(handler).start().await;
    let api = Events { bench, rows: Arc::default() };
    let serve = |group_at: i64, members: &[i64]| {
        let mut all = vec![("/groups", json!({"id": 1, "at": group_at}))];
        all.extend(members.iter().map(|at| ("/groups/1/members", json!({"id": at, "at": at}))));
        *rows.lock().expect("no poison") = all;
    };
    let members = async || {
        let rows = api.bench.table("members").await.rows;
        rows.iter().filter_map(|row| row["id"].as_i64()).collect::<Vec<_>>()
    };
    serve(1, &[10]);
    api.load(chain("replace")).await;
    // The group is not new, so that its members are walked for the sake of the badges alone.
    serve(1, &[10, 20]);
    api.load(chain("replace")).await;
    assert_eq!(members().await, [10]);
    assert_eq!(api.bench.table("badges").await.rows.len(), 2);
    serve(2, &[10, 20, 30]);
    api.load(chain("replace")).await;
    assert_eq!(members().await, [10, 20, 30]);
    let idle = api.load(chain("replace")).await;
    assert_eq!((&idle[0]["commits"], &idle[1]["commits"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_page_behind_the_last_one_of_an_order_may_fail() {
    // The rows fall, so that the second page is the last that can have news; the third is asked for ahead, and refused sooner.
    let rows: Vec<Value> = (1..=6).rev().map(|at| json!({"id": at, "at": at})).collect();
    let handler = move |request: &ReceivedRequest| match request.number_param("offset").expect("an offset") {
        4 => Answer::text(403, "no"),
        offset => Answer::json(&json!({"data": &rows[offset..offset + 2], "total": 6})),
    };
    let second_is_slow = |request: &ReceivedRequest| match request.number_param("offset") {
        Some(2) => std::time::Duration::from_millis(200),
        _ => std::time::Duration::ZERO,
    };
    let mut bench = Bench::new(vec![]).await;
    bench.api = Api::handler(handler).latency(second_is_slow).start().await;
    let api = Events { bench, rows: Arc::default() };
    let resources = json!([{"name": "events", "endpoint": {
        "data_selector": "data", "paginator": {"type": "offset", "limit": 2},
        "incremental": {"cursor_path": "at", "initial_value": 4, "row_order": "desc"}}}]);
    api.load(resources).await;
    assert_eq!(api.bench.table("events").await.rows.len(), 3);
}
