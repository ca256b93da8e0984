//! Bloom filters on key columns: which files have them, and that a merge of few keys still finds all.

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use crate::support::command::{Bench, people};

/// The columns with bloom filters in a file of the table, each with the bytes of its filters. Of the files that the last version added.
async fn filters(bench: &Bench) -> Vec<Vec<(String, i32)>> {
    let version = bench.table("items").await.version;
    let added = bench.actions(version).into_iter().filter_map(|action| Some(action.get("add")?["path"].clone()));
    let mut found = Vec::new();
    for path in added {
        let path = bench.path("lake/items").join(path.as_str().expect("a path"));
        let file = std::fs::File::open(path).expect("a data file");
        let footer = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
        let mut columns: Vec<(String, i32)> = Vec::new();
        for column in footer.metadata().row_groups().iter().flat_map(|group| group.columns()) {
            let Some(bytes) = column.bloom_filter_length() else { continue };
            let name = column.column_path().string();
            match columns.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += bytes,
                None => columns.push((name, bytes)),
            }
        }
        found.push(columns);
    }
    found
}

fn names(filters: &[Vec<(String, i32)>]) -> Vec<&str> {
    filters.iter().flatten().map(|(name, _)| name.as_str()).collect()
}

fn shuffled(mut rows: Vec<Value>) -> Vec<Value> {
    fastrand::Rng::with_seed(9).shuffle(&mut rows);
    rows
}

fn config(bench: &Bench, more: &Value) -> std::path::PathBuf {
    let paginator = json!({"type": "offset", "limit": 100});
    let mut resource = json!({"endpoint": {"path": "items", "data_selector": "data", "paginator": paginator}});
    for (key, value) in more.as_object().expect("an object") {
        resource[key] = value.clone();
    }
    bench.config(&resource)
}

#[tokio::test]
async fn files_have_them_where_keys_do_not_rise_or_where_it_is_said() {
    for (wanted, rising, random) in [(None, false, true), (Some(true), true, true), (Some(false), false, false)] {
        let delta = wanted.map_or(json!({}), |wanted| json!({"delta": {"bloom_filters": wanted}}));
        let bench = Bench::new(people(0..500)).await;
        let config = config(&bench, &delta);
        bench.load(&config).await;
        let has = |has: bool| if has { vec!["id"] } else { vec![] };
        assert_eq!(names(&filters(&bench).await), has(rising), "{wanted:?}: a first load of rising keys");
        bench.serve(people(500..600));
        bench.load(&config).await;
        assert_eq!(names(&filters(&bench).await), has(rising), "{wanted:?}: and one above it");
        bench.serve(shuffled(people(600..900)));
        bench.load(&config).await;
        assert_eq!(names(&filters(&bench).await), has(random), "{wanted:?}: keys in no order");

        let bench = Bench::new(shuffled(people(0..1_000))).await;
        bench.load(&self::config(&bench, &delta)).await;
        let found = filters(&bench).await;
        assert_eq!(names(&found), has(random), "{wanted:?}: a first load in no order");
        for (_, bytes) in found.iter().flatten() {
            assert!(*bytes <= 4_096, "{bytes} bytes for 1,000 rows");
        }
    }
}

#[tokio::test]
async fn only_columns_of_the_key_have_them_and_no_booleans() {
    let row =
        |n: i64| json!({"flag": n % 2 == 0, "of": {"uuid": format!("{:032x}", n * 7_919 % 1_009), "n": n}, "x": n});
    let bench = Bench::new((0..400).map(row).collect()).await;
    let config = config(&bench, &json!({"primary_key": ["flag", "of.uuid"]}));
    bench.load(&config).await;
    assert_eq!(names(&filters(&bench).await), ["of.uuid"]);
    // Rows in the order of their keys come without an order in these.
    let mut changed: Vec<Value> = (390..402).map(row).collect();
    changed[3]["x"] = json!(-1);
    bench.serve(changed);
    let report = bench.load(&config).await;
    assert_eq!((&report["rows"]["inserted"], &report["rows"]["updated"]), (&json!(2), &json!(1)), "{report:#}");
    assert_eq!(bench.table("items").await.rows.len(), 402);
}

#[tokio::test]
async fn texts_in_no_order_are_found_again() {
    let row = |n: i64, x: i64| json!({"id": format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed())), "x": x});
    let bench = Bench::new((0..2_000).map(|n| row(n, 0)).collect()).await;
    let config = config(&bench, &json!({"delta": {"row_group_rows": 100}}));
    bench.load(&config).await;
    bench.serve((1_990..2_010).step_by(3).map(|n| row(n, 1)).collect());
    let report = bench.load(&config).await;
    assert_eq!((&report["rows"]["inserted"], &report["rows"]["updated"]), (&json!(3), &json!(4)), "{report:#}");
    let rows = bench.table("items").await.rows;
    assert_eq!((rows.len(), rows.iter().filter(|row| row["x"] == 1).count()), (2_003, 7));
}
