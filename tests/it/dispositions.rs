//! What each write disposition and merge strategy makes of a table.

use serde_json::{Value, json};

use crate::support::command::{Bench, people};

/// A bench that serves rows under these keys of the resource.
async fn with(resource: Value, rows: Value) -> (Bench, std::path::PathBuf) {
    let bench = Bench::new(rows.as_array().expect("rows").clone()).await;
    let config = bench.config(&resource);
    (bench, config)
}

fn serve(bench: &Bench, rows: Value) {
    bench.serve(rows.as_array().expect("rows").clone());
}

/// The table's rows, sorted by their text, without the columns that begin with an underscore.
async fn rows(bench: &Bench) -> Value {
    let mut rows = bench.table("items").await.rows;
    for row in &mut rows {
        row.as_object_mut().expect("a row").retain(|name, _| !name.starts_with('_'));
    }
    rows.sort_by_key(Value::to_string);
    rows.into()
}

fn strategy(name: &str) -> Value {
    json!({"disposition": "merge", "strategy": name})
}

#[tokio::test]
async fn a_hard_delete_takes_the_row_of_its_key_out() {
    let columns = json!({"gone": {"hard_delete": true}});
    for (delete, keep) in [(json!(true), json!(false)), (json!("2024-01-25"), Value::Null)] {
        let first = json!([{"id": 1, "gone": keep}, {"id": 2, "gone": delete}, {"id": 3, "gone": delete}, {"id": 3, "gone": keep}]);
        let (bench, config) = with(json!({"columns": columns}), first).await;
        let report = bench.load(&config).await;
        assert_eq!(bench.table("items").await.rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(report["rows"]["inserted"], 2, "{report:#}");
        serve(&bench, json!([{"id": 1, "gone": delete}, {"id": 4, "gone": keep}, {"id": 9, "gone": delete}]));
        let report = bench.load(&config).await;
        assert_eq!((&report["rows"]["deleted"], &report["rows"]["inserted"]), (&json!(1), &json!(1)), "{report:#}");
        let ids: Vec<Value> = bench.table("items").await.rows.iter().map(|row| row["id"].clone()).collect();
        assert_eq!(ids, [3, 4]);
    }
}

#[tokio::test]
async fn the_row_with_the_greatest_or_least_value_counts() {
    let source = json!([
        {"id": 1, "at": 2, "x": "b"}, {"id": 1, "at": 3, "x": "c"}, {"id": 1, "at": 1, "x": "a"}, {"id": 1, "x": "no time"},
        {"id": 2, "x": "no time"}, {"id": 2, "at": 5, "x": "e"}, {"id": 3, "at": 7, "x": "first"}, {"id": 3, "at": 7, "x": "last"},
    ]);
    for (order, best) in [("desc", "c"), ("asc", "a")] {
        let resource = json!({"columns": {"at": {"dedup_sort": order}}, "commit_every": "1B"});
        let (bench, config) = with(resource, source.clone()).await;
        let expected = |best: &str| {
            let at = if best == "c" { 3 } else { 1 };
            json!([{"at": at, "id": 1, "x": best}, {"at": 5, "id": 2, "x": "e"}, {"at": 7, "id": 3, "x": "last"}])
        };
        let report = bench.load(&config).await;
        assert_eq!((&report["rows"]["inserted"], &report["commits"]), (&json!(3), &json!(1)), "{report:#}");
        assert_eq!(rows(&bench).await, expected(best), "into a new table");
        assert_eq!(bench.load(&config).await["rows"]["unchanged"], 3, "into a table with rows");
        let run = bench.run(&config, &["--full-refresh"]).await;
        assert_eq!(run.code, 0, "{:#}", run.report);
        assert_eq!(rows(&bench).await, expected(best), "in place of rows");
    }
}

#[tokio::test]
async fn delete_insert_takes_out_all_rows_of_a_merge_key() {
    let day = |day: &str, ids: &[i64]| -> Vec<Value> { ids.iter().map(|id| json!({"day": day, "id": id})).collect() };
    let mut first = day("mon", &[1, 2, 3]);
    first.extend(day("tue", &[4, 5]));
    for key in [json!({"primary_key": null}), json!({"primary_key": "id"})] {
        let mut resource = json!({"write_disposition": strategy("delete-insert"), "merge_key": "day"});
        resource["primary_key"] = key["primary_key"].clone();
        let (bench, config) = with(resource, first.clone().into()).await;
        bench.load(&config).await;
        let mut next = day("mon", &[2, 7]);
        next.extend(day("wed", &[8]));
        bench.serve(next);
        let report = bench.load(&config).await;
        assert_eq!(
            report["rows"]["deleted"].as_u64().expect("a number")
                + report["rows"]["updated"].as_u64().expect("a number"),
            3,
            "{report:#}"
        );
        let mut expected = day("mon", &[2, 7]);
        expected.extend(day("tue", &[4, 5]));
        expected.extend(day("wed", &[8]));
        assert_eq!(rows(&bench).await, Value::from(expected), "{key}");
    }
}

#[tokio::test]
async fn delete_insert_also_goes_by_the_primary_key_and_tells_rows_apart_unless_they_are() {
    let two = json!([{"id": 1, "day": "tue", "x": 1}, {"id": 1, "day": "tue", "x": 2}]);
    for (deduplicated, left) in [(false, 1), (true, 2)] {
        let disposition = json!({"disposition": "merge", "strategy": "delete-insert", "deduplicated": deduplicated});
        let resource = json!({"write_disposition": disposition, "merge_key": ["day"]});
        let (bench, config) = with(resource, json!([{"id": 1, "day": "mon"}, {"id": 2, "day": "mon"}])).await;
        bench.load(&config).await;
        serve(&bench, two.clone());
        bench.load(&config).await;
        assert_eq!(bench.table("items").await.rows.len(), 1 + left, "id 1 of monday is gone");
        // Into a new table likewise.
        std::fs::remove_dir_all(bench.path("lake")).expect("the lake");
        bench.load(&config).await;
        assert_eq!(bench.table("items").await.rows.len(), left);
    }
}

const BOUNDARIES: [&str; 3] = ["2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"];

fn scd2(boundary: usize, more: Value) -> Value {
    let mut disposition =
        json!({"disposition": "merge", "strategy": "scd2", "boundary_timestamp": BOUNDARIES[boundary]});
    for (key, value) in more.as_object().expect("a map") {
        disposition[key] = value.clone();
    }
    json!({"write_disposition": disposition, "primary_key": null})
}

#[tokio::test]
async fn scd2_ends_what_is_gone_and_begins_what_is_new() {
    for vectors in [false, true] {
        let mut resource = scd2(0, json!({}));
        resource["delta"] = json!({"deletion_vectors": vectors});
        let (bench, config) = with(resource.clone(), people(0..30).into()).await;
        assert_eq!(bench.load(&config).await["rows"]["inserted"], 30);
        assert_eq!(bench.load(&config).await["commits"], 0, "nothing has changed");
        let mut next = people(0..29);
        next[3]["name"] = json!("another");
        next[4]["new"] = json!({"deep": [1, 2.5, null]});
        bench.serve(next.clone());
        resource["write_disposition"]["boundary_timestamp"] = json!(BOUNDARIES[1]);
        let config = bench.config(&resource);
        let report = bench.load(&config).await;
        let counts = ["inserted", "updated", "unchanged"].map(|count| report["rows"][count].as_u64());
        assert_eq!(counts, [Some(2), Some(3), Some(27)], "{report:#}");
        let table = bench.table("items").await;
        let of = |id: i64| -> Vec<(Value, Value)> {
            let found = table.rows.iter().filter(|row| row["id"] == id);
            found.map(|row| (row["_dlt_valid_from"].clone(), row["_dlt_valid_to"].clone())).collect()
        };
        assert_eq!(table.rows.len(), 32);
        assert_eq!(of(0).len(), 1);
        assert_eq!(
            of(29),
            [(of(0)[0].0.clone(), of(3).iter().map(|(_, to)| to).find(|to| !to.is_null()).expect("an end").clone())]
        );
        assert_eq!(of(3).len(), 2);
        assert!(of(3).iter().any(|(from, to)| to.is_null() && *from != of(0)[0].0), "{:?}", of(3));
        // The old row again: a version of its own.
        next[3]["name"] = json!("person 3");
        bench.serve(next);
        resource["write_disposition"]["boundary_timestamp"] = json!(BOUNDARIES[2]);
        bench.load(&bench.config(&resource)).await;
        assert_eq!(bench.table("items").await.rows.iter().filter(|row| row["id"] == 3).count(), 3);
        assert_eq!(bench.load(&bench.config(&resource)).await["commits"], 0);
    }
}

#[tokio::test]
async fn scd2_keeps_to_its_merge_key_names_and_active_time() {
    let more = json!({
        "validity_column_names": ["from", "to"],
        "active_record_timestamp": "9999-12-31",
        "row_version_column_name": "hash",
    });
    let mut resource = scd2(0, more);
    resource["merge_key"] = json!("id");
    let row = |id: i64, hash: &str| json!({"id": id, "hash": hash});
    let (bench, config) = with(resource.clone(), json!([row(1, "a"), row(2, "b"), row(2, "b")])).await;
    assert_eq!(bench.load(&config).await["rows"]["inserted"], 2);
    serve(&bench, json!([row(1, "c")]));
    resource["write_disposition"]["boundary_timestamp"] = json!(BOUNDARIES[1]);
    let report = bench.load(&bench.config(&resource)).await;
    assert_eq!((&report["rows"]["inserted"], &report["rows"]["updated"]), (&json!(1), &json!(1)), "{report:#}");
    let table = bench.table("items").await;
    let active = |row: &&Value| row["to"].to_string().contains("9999");
    let mut valid: Vec<&str> = table.rows.iter().filter(active).filter_map(|row| row["hash"].as_str()).collect();
    valid.sort_unstable();
    assert_eq!(valid, ["b", "c"], "2 is not in the load, and stays");
    assert!(table.columns.iter().all(|(name, _)| !name.starts_with('_')), "{:?}", table.columns);
}

#[tokio::test]
async fn columns_that_scd2_makes_cannot_be_in_the_rows() {
    let (bench, config) = with(scd2(0, json!({})), json!([{"id": 1, "_dlt_valid_to": "x"}])).await;
    let run = bench.run(&config, &[]).await;
    assert_eq!(
        (run.code, &run.report["resources"][0]["error"]["code"]),
        (1, &json!("column_taken")),
        "{:#}",
        run.report
    );
}

#[tokio::test]
async fn a_replaced_schema_is_settled_anew_in_the_same_commit() {
    let (bench, config) = with(json!({"write_disposition": "replace"}), json!([{"id": 1, "x": 1, "old": true}])).await;
    bench.load(&config).await;
    serve(&bench, json!([{"id": "a", "x": "text", "new": 1}]));
    let kept = bench.load(&config).await;
    assert!(kept["schema_changes"].to_string().contains("id__v_text"), "{kept:#}");
    let config = bench.config(&json!({"write_disposition": "replace", "replace_schema": true}));
    let report = bench.load(&config).await;
    assert_eq!(report["commits"], 1, "{report:#}");
    let table = bench.table("items").await;
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["id", "new", "x"]);
    assert_eq!(table.rows, [json!({"id": "a", "x": "text", "new": 1})]);
    let actions = bench.actions(table.version);
    assert!(actions.iter().any(|action| action.get("metaData").is_some()));
}

#[tokio::test]
async fn rows_without_their_key_are_rejected_where_the_config_says_so() {
    let source = json!([{"id": 1}, {"x": 2}, {"id": null, "x": 3}, {"id": 4}, {"id": "five"}]);
    let (bench, config) = with(json!({"on_missing_key": "reject"}), source).await;
    let report = bench.load(&config).await;
    assert_eq!(
        (&report["rows"]["rejected"], &report["rows"]["inserted"], &report["rows"]["read"]),
        (&json!(3), &json!(2), &json!(5)),
        "{report:#}"
    );
    let first = &report["rejects"]["first"][0];
    assert_eq!((&first["page"], &first["row"], &first["column"]), (&json!(1), &json!(2), &json!("id")), "{report:#}");
    let file = bench.path("lake").join(report["rejects"]["file"].as_str().expect("a file"));
    let text = std::fs::read_to_string(file).expect("the rejects");
    assert_eq!(text.lines().count(), 3, "{text}");
    assert_eq!(rows(&bench).await, json!([{"id": 1}, {"id": 4}]));
    serve(&bench, json!([{"x": 1}, {"x": 2}]));
    assert_eq!(bench.load(&config).await["rows"]["rejected"], 2, "a page without any key");
}

#[tokio::test]
async fn a_schema_that_is_settled_anew_is_no_new_table_to_the_contract() {
    let (bench, config) = with(json!({"write_disposition": "replace"}), json!([{"id": 1, "x": 1}])).await;
    bench.load(&config).await;
    for contract in ["discard_row", "freeze"] {
        let resource = json!({"write_disposition": "replace", "replace_schema": true, "schema_contract": contract});
        serve(&bench, json!([{"id": 2, "y": "text"}]));
        let report = bench.load(&bench.config(&resource)).await;
        assert_eq!((&report["rows"]["inserted"], &report["rows"]["rejected"]), (&json!(1), &json!(0)), "{report:#}");
        assert_eq!(bench.table("items").await.rows, [json!({"id": 2, "y": "text"})]);
    }
}
