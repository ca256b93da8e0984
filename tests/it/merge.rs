//! What a merge makes of a table, whatever takes the old rows out: a deletion vector, or the file written again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::support::command::{Bench, people};
use crate::support::lake::Lake;
use crate::support::s3::Server;

/// A page of the API is a file of the table.
const FILE_A_PAGE: [&str; 4] = ["--set", "limits.memory=1", "--set", "limits.file_bytes=1"];

/// A config of a merge with or without vectors.
fn merge(bench: &Bench, vectors: bool, skips_unchanged: bool, more: &Value) -> PathBuf {
    let mut resource = json!({
        "write_disposition": {"disposition": "merge", "skip_unchanged_rows": skips_unchanged},
        "delta": {"deletion_vectors": vectors},
    });
    for (key, value) in more.as_object().expect("an object") {
        resource[key] = value.clone();
    }
    bench.config(&resource)
}

fn pages_of(limit: usize) -> Value {
    json!({"endpoint": {"path": "items", "data_selector": "data", "paginator": {"type": "offset", "limit": limit}}})
}

/// Rows inserted, updated, unchanged and deleted.
fn counts(report: &Value) -> [u64; 4] {
    ["inserted", "updated", "unchanged", "deleted"].map(|key| report["rows"][key].as_u64().expect("a count"))
}

fn assert_rows(table: &Lake, expected: &[Value]) {
    let mut expected = expected.to_vec();
    expected.sort_by_key(Value::to_string);
    assert_eq!(table.rows, expected);
}

/// With and without vectors, with and without unchanged rows.
fn ways() -> [(bool, bool); 4] {
    [(false, true), (false, false), (true, true), (true, false)]
}

#[tokio::test]
async fn unchanged_rows_are_written_only_where_it_is_asked() {
    for (vectors, skips_unchanged) in ways() {
        let bench = Bench::new(people(0..100)).await;
        let config = merge(&bench, vectors, skips_unchanged, &json!({}));
        bench.load(&config).await;
        let mut rows = people(0..100);
        rows[4]["name"] = "changed".into();
        bench.serve([&rows[0..10], &people(100..102)].concat());
        let report = bench.load(&config).await;
        let expected = if skips_unchanged { [2, 1, 9, 0] } else { [2, 10, 0, 0] };
        assert_eq!(counts(&report), expected, "{report:#}");
        let table = bench.table("items").await;
        assert_rows(&table, &[rows.clone(), people(100..102)].concat());
        let gone: Vec<u64> = table.vectors.values().copied().collect();
        assert_eq!(gone, if vectors { vec![expected[1]] } else { vec![] });

        // Nothing has changed.
        let report = bench.load(&config).await;
        let expected = if skips_unchanged { ([0, 0, 12, 0], 0) } else { ([0, 12, 0, 0], 1) };
        assert_eq!((counts(&report), report["commits"].as_u64()), (expected.0, Some(expected.1)), "{report:#}");
        assert_rows(&bench.table("items").await, &[rows, people(100..102)].concat());
    }
}

#[tokio::test]
async fn a_column_that_a_load_lacks_keeps_its_values() {
    for (vectors, skips_unchanged) in ways() {
        let bench = Bench::new(people(0..60)).await;
        let config = merge(&bench, vectors, skips_unchanged, &json!({}));
        bench.run(&config, &FILE_A_PAGE).await;
        let row = |id: i64, name: &str| json!({"id": id, "name": name});
        bench.serve(vec![row(5, "b"), row(6, "person 6"), row(59, "b"), row(99, "new")]);
        let report = bench.load(&config).await;
        assert_eq!(counts(&report), if skips_unchanged { [1, 2, 1, 0] } else { [1, 3, 0, 0] }, "{report:#}");
        let mut expected = people(0..60);
        expected[5]["name"] = "b".into();
        expected[59]["name"] = "b".into();
        expected.push(row(99, "new"));
        let table = bench.table("items").await;
        assert_rows(&table, &expected);
        assert_eq!(table.vectors.is_empty(), !vectors);
    }
}

#[tokio::test]
async fn all_rows_of_a_key_make_room_for_the_new_one() {
    for (vectors, skips_unchanged) in ways() {
        // Each key thrice: twice in one file, once in another.
        let bench = Bench::new([people(0..40), people(0..40)].concat()).await;
        let append = bench.config(&json!({"write_disposition": "append"}));
        bench.load(&append).await;
        bench.serve(people(0..40));
        bench.load(&append).await;
        assert_eq!(bench.table("items").await.rows.len(), 120);

        // Of two, one is as it was; it takes the place of the three all the same.
        let mut second = people(3..5);
        second[0]["name"] = "changed".into();
        bench.serve(second.clone());
        let config = merge(&bench, vectors, skips_unchanged, &json!({}));
        let report = bench.load(&config).await;
        assert_eq!(counts(&report), [0, 2, 0, 4], "{report:#}");
        let others = [people(0..3), people(5..40)].concat();
        let table = bench.table("items").await;
        assert_rows(&table, &[others.clone(), others.clone(), others, second.clone()].concat());
        assert_eq!(table.vectors.values().copied().collect::<BTreeSet<_>>().len(), if vectors { 2 } else { 0 });

        let report = bench.load(&config).await;
        assert_eq!(counts(&report), if skips_unchanged { [0, 0, 2, 0] } else { [0, 2, 0, 0] }, "{report:#}");
    }
}

#[tokio::test]
async fn a_row_far_behind_the_beginning_of_its_file_is_changed() {
    // A file is read in batches of 8,192 rows.
    for (vectors, skips_unchanged) in ways() {
        let bench = Bench::new(people(0..20_000)).await;
        let config = merge(&bench, vectors, skips_unchanged, &pages_of(5_000));
        bench.load(&config).await;
        let mut rows = people(0..20_000);
        for ids in [&[19_999][..], &[8_191, 8_192, 16_384]] {
            let mut load = rows[100..110].to_vec();
            for id in ids {
                rows[*id]["name"] = format!("changed {id}").into();
                load.push(rows[*id].clone());
            }
            bench.serve(load);
            let updated = if skips_unchanged { ids.len() } else { ids.len() + 10 };
            assert_eq!(bench.load(&config).await["rows"]["updated"], updated);
            assert_rows(&bench.table("items").await, &rows);
        }
        // So many that the files are written again in any case.
        for row in &mut rows[9_000..] {
            row["score"] = 1.into();
        }
        bench.serve(rows[8_000..].to_vec());
        bench.load(&config).await;
        let table = bench.table("items").await;
        assert_rows(&table, &rows);
        assert!(table.vectors.is_empty());
    }
}

/// The key of a row by its number.
type KeyOf = fn(i64) -> Value;

#[tokio::test]
async fn keys_of_every_type_are_found() {
    let hinted = |data_type: Value| json!({"key": data_type});
    let text = |kind: &str| hinted(json!({"data_type": kind}));
    let kinds: [(&str, Value, KeyOf); 8] = [
        ("integers", json!({}), |n| json!(n - 20)),
        ("great integers", json!({}), |n| json!(i64::MAX - n * 1_000_003)),
        ("texts", json!({}), |n| json!(format!("{}{n}", "ä".repeat(usize::try_from(n * 3).expect("small"))))),
        ("long texts", json!({}), |n| json!(format!("{}{n:03}", "x".repeat(80)))),
        ("dates", text("date"), |n| json!(format!("2024-{:02}-{:02}", 1 + n / 28, 1 + n % 28))),
        ("timestamps", json!({}), |n| json!(format!("2024-03-09T10:{:02}:{:02}.{n:03}Z", n / 60, n % 60))),
        ("early timestamps", text("timestamp"), |n| json!(format!("1969-12-31T23:59:{:02}.{:06}Z", n % 60, n * 7))),
        ("decimals", hinted(json!({"data_type": "decimal", "precision": 30, "scale": 3})), |n| {
            json!(format!("-123456789.{n:03}"))
        }),
    ];
    for (kind, columns, key) in kinds {
        for vectors in [false, true] {
            let row = |n: i64, value: i64| json!({"key": key(n), "value": value});
            let bench = Bench::new((0..60).map(|n| row(n, n)).collect()).await;
            let config = merge(&bench, vectors, true, &json!({"primary_key": "key", "columns": columns}));
            bench.run(&config, &FILE_A_PAGE).await;
            // Of the rows 20 to 70, those that 6 divides are changed, and ten are new.
            let value = |n: i64| if n % 6 == 0 { 1_000 + n } else { n };
            bench.serve((20..70).map(|n| row(n, value(n))).collect());
            let report = bench.load(&config).await;
            assert_eq!(counts(&report), [10, 6, 34, 0], "{kind}, vectors: {vectors}: {report:#}");
            let table = bench.table("items").await;
            assert_eq!(table.vectors.is_empty(), !vectors, "{kind}");
            let mut values: Vec<i64> = table.rows.iter().filter_map(|row| row["value"].as_i64()).collect();
            let mut expected: Vec<i64> = (0..20).chain((20..70).map(value)).collect();
            values.sort_unstable();
            expected.sort_unstable();
            assert_eq!(values, expected, "{kind}");
            assert_eq!(
                table.rows.iter().map(|row| row["key"].to_string()).collect::<BTreeSet<_>>().len(),
                70,
                "{kind}"
            );
        }
    }
}

#[tokio::test]
async fn booleans_and_two_columns_are_keys() {
    for (vectors, skips_unchanged) in ways() {
        let row = |flag: bool, part: i64, value: i64| json!({"flag": flag, "part": part, "value": value});
        let rows = |values: i64| (0..60).map(|n| row(n % 2 == 0, n / 2, values)).collect::<Vec<_>>();
        let bench = Bench::new(rows(0)).await;
        let config = merge(&bench, vectors, skips_unchanged, &json!({"primary_key": ["flag", "part"]}));
        bench.run(&config, &FILE_A_PAGE).await;
        bench.serve(vec![row(true, 7, 1), row(false, 29, 1), row(true, 30, 1)]);
        assert_eq!(counts(&bench.load(&config).await), [1, 2, 0, 0]);
        let mut expected = rows(0);
        (expected[14], expected[59]) = (row(true, 7, 1), row(false, 29, 1));
        expected.push(row(true, 30, 1));
        assert_rows(&bench.table("items").await, &expected);

        let bench = Bench::new(vec![row(true, 0, 0), row(false, 0, 0)]).await;
        let config = merge(&bench, vectors, skips_unchanged, &json!({"primary_key": "flag"}));
        bench.load(&config).await;
        bench.serve(vec![row(false, 1, 1)]);
        assert_eq!(counts(&bench.load(&config).await), [0, 1, 0, 0]);
        assert_rows(&bench.table("items").await, &[row(true, 0, 0), row(false, 1, 1)]);
    }
}

#[tokio::test]
async fn a_merge_that_is_refused_at_the_end_leaves_no_file() {
    for (vectors, skips_unchanged) in ways() {
        // What is refused: the entry of the log, the file of vectors, and the data files.
        for refused in ["_delta_log", "deletion_vector", "part-"] {
            if refused == "deletion_vector" && !vectors {
                continue;
            }
            let bench = Bench::new(people(0..60)).await.on(Server::start().await);
            let config = merge(&bench, vectors, skips_unchanged, &json!({}));
            let run = bench.run(&config, &FILE_A_PAGE).await;
            assert_eq!(run.code, 0, "{:#}", run.report);
            let (before, files) = (bench.table("items").await, bench.files("items").await);

            // One row of the first file, all but one of the second, all of the third.
            let ids = (3..4).chain(10..19).chain(20..30);
            bench.serve(ids.map(|id| json!({"id": id, "name": "changed", "score": 1})).collect());
            bench.s3.as_ref().expect("the server").refuse(refused);
            let run = bench.run(&config, &[]).await;
            let error = &run.report["resources"][0]["error"];
            assert_eq!((run.code, &error["code"]), (1, &json!("storage")), "{refused}: {error:#}");
            assert_eq!(bench.files("items").await, files, "{refused}, vectors: {vectors}");
            let after = bench.table("items").await;
            assert_eq!((after.rows, after.files), (before.rows, before.files), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_merge_that_finds_a_damaged_file_leaves_none() {
    for (vectors, skips_unchanged) in ways() {
        let bench = Bench::new(people(0..60)).await;
        let config = merge(&bench, vectors, skips_unchanged, &json!({}));
        bench.run(&config, &FILE_A_PAGE).await;
        let files = bench.files("items").await;
        let damaged = damage_names(&bench, &files);
        // Most rows of every file, so that each is read as a whole; without the names the table's are kept.
        bench.serve((0..60).filter(|id| id % 10 > 2).map(|id| json!({"id": id, "score": 7})).collect());
        let run = bench.run(&config, &[]).await;
        let error = &run.report["resources"][0]["error"];
        assert_eq!((run.code, &error["code"]), (1, &json!("data_file")), "{damaged}: {error:#}");
        assert_eq!(bench.files("items").await, files);
        assert!(!bench.entry(if vectors { 2 } else { 1 }).exists());
    }
}

/// Damages the names in the last of some files, and gives its path.
fn damage_names(bench: &Bench, files: &BTreeSet<String>) -> String {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let path = files.last().expect("a file").clone();
    let file = bench.path("lake/items").join(&path);
    let reader = SerializedFileReader::new(std::fs::File::open(&file).expect("the file")).expect("Parquet");
    let group = reader.metadata().row_group(0);
    let column = group.columns().iter().find(|column| column.column_path().string() == "name").expect("the names");
    let (start, length) = column.byte_range();
    let mut bytes = std::fs::read(&file).expect("the file");
    let (start, end) = (usize::try_from(start).expect("small"), usize::try_from(start + length).expect("small"));
    bytes[start..end].fill(0xff);
    std::fs::write(&file, bytes).expect("damage");
    path
}

#[tokio::test]
async fn two_merges_at_once_lose_no_row_and_leave_no_file() {
    for vectors in [false, true] {
        let bench = Bench::new(people(0..100)).await.on(Server::start().await);
        let config = merge(&bench, vectors, true, &json!({}));
        bench.load(&config).await;
        // Two pipelines that change a row each, and one more that both change.
        let mut rows = people(0..100);
        for row in [3, 50, 97] {
            rows[row]["name"] = "changed".into();
        }
        bench.serve(rows.clone());
        let other = bench.write("other.json", &std::fs::read_to_string(&config).expect("the config"));
        let (first, second) = tokio::join!(bench.run(&config, &[]), bench.run(&other, &[]));
        assert_eq!((first.code, second.code), (0, 0), "{:#}{:#}", first.report, second.report);
        let table = bench.table("items").await;
        assert_rows(&table, &rows);
        let updated = [&first, &second].map(|run| counts(&run.report["resources"][0])[1]);
        assert_eq!(updated.iter().sum::<u64>(), 3, "the one that comes later finds all done");
        let written = bench.files("items").await;
        let vector_files = written.iter().filter(|path| path.ends_with(".bin")).count();
        assert_eq!((vector_files, table.vectors.len()), (usize::from(vectors), usize::from(vectors)));
        let files = if vectors { 2 } else { 3 };
        assert_eq!(written.len() - vector_files, files, "{written:#?}");
    }
}

#[tokio::test]
async fn many_tables_are_merged_at_once() {
    let bench = Bench::new(people(0..100)).await.on(Server::start().await);
    let config = merge(&bench, true, true, &json!({}));
    let mut text: Value = serde_json::from_str(&std::fs::read_to_string(&config).expect("the config")).expect("JSON");
    let resource = text["resources"][0].clone();
    let named = |number: usize| {
        let mut resource = resource.clone();
        resource["name"] = format!("items_{number}").into();
        resource
    };
    text["resources"] = (0..8).map(named).collect();
    let config = bench.write("many.json", &text.to_string());
    let mut rows = people(0..100);
    for turn in 0..3 {
        rows[turn]["name"] = "changed".into();
        bench.serve(rows.clone());
        let run = bench.run(&config, &[]).await;
        assert_eq!(run.code, 0, "{:#}", run.report);
    }
    for number in 0..8 {
        let table = bench.table(&format!("items_{number}")).await;
        assert_rows(&table, &rows);
        assert_eq!(table.vectors.len(), 1);
    }
}

/// The table as it has to be: rows by their key.
#[derive(Default)]
struct Model(BTreeMap<i64, Map<String, Value>>);

impl Model {
    /// Merges rows, and gives how many are inserted, updated and unchanged.
    fn merge(&mut self, rows: &[Value], skips_unchanged: bool) -> [u64; 4] {
        let mut last = BTreeMap::new();
        for row in rows {
            last.insert(row["id"].as_i64().expect("a key"), row.as_object().expect("an object").clone());
        }
        let has_notes = rows.iter().any(|row| !row["note"].is_null());
        let mut counts = [0; 4];
        for (id, mut row) in last {
            row.retain(|_, value| !value.is_null());
            let old = self.0.get(&id);
            // A column that the whole load lacks keeps its values.
            if let Some(note) = old.and_then(|old| old.get("note")).filter(|_| !has_notes) {
                row.insert("note".to_owned(), note.clone());
            }
            let place = match old {
                None => 0,
                Some(old) if *old == row && skips_unchanged => 2,
                Some(_) => 1,
            };
            counts[place] += 1;
            self.0.insert(id, row);
        }
        counts
    }

    fn rows(&self) -> Vec<Value> {
        self.0.values().cloned().map(Value::Object).collect()
    }
}

/// Rows with random keys in a random range, from one to more than the table has, some of them twice.
fn random_rows(random: &mut fastrand::Rng) -> Vec<Value> {
    let low = random.i64(0..300);
    let range = low..low + 1 + random.i64(0..200);
    let has_notes = random.bool();
    let most = [3, 20, 150][random.usize(0..3)];
    let count = 1 + random.usize(0..most);
    let rows = (0..count).map(|_| {
        let mut row = json!({"id": random.i64(range.clone()), "value": random.i64(0..2)});
        if has_notes && random.u8(0..3) > 0 {
            row["note"] = format!("note {}", random.u8(0..3)).into();
        }
        row
    });
    rows.collect()
}

#[tokio::test]
async fn random_merges_make_the_table_of_the_model() {
    for (seed, may_have_vectors) in [(1, false), (2, true)] {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut model, mut with_vectors) = (Model::default(), 0);
        let first: Vec<Value> = (0..400).map(|id| json!({"id": id, "value": id % 2, "note": "first"})).collect();
        let bench = Bench::new(Vec::new()).await;
        for turn in 0..30 {
            let rows = if turn == 0 { first.clone() } else { random_rows(&mut random) };
            let (skips_unchanged, vectors) = (random.u8(0..4) > 0, may_have_vectors && turn % 2 == 1);
            bench.serve(rows.clone());
            let config = merge(&bench, vectors, skips_unchanged, &pages_of(20));
            let run = bench.run(&config, &FILE_A_PAGE).await;
            let report = &run.report["resources"][0];
            assert_eq!(run.code, 0, "seed {seed}, turn {turn}: {:#}", run.report);
            let expected = model.merge(&rows, skips_unchanged);
            assert_eq!(counts(report), expected, "seed {seed}, turn {turn}: {rows:#?}");
            let table = bench.table("items").await;
            assert_rows(&table, &model.rows());
            with_vectors += table.vectors.len();
            if turn == 0 {
                assert_eq!(table.files.len(), 20);
            }
            let files = bench.files("items").await;
            assert!(table.files.is_subset(&files) && table.vector_files.is_subset(&files));
        }
        assert_eq!(with_vectors > 20, may_have_vectors, "{with_vectors} vectors were read");
    }
}

#[tokio::test]
async fn the_first_and_the_last_key_of_a_file_are_found() {
    let keys: [KeyOf; 3] = [|n| json!(n), |n| json!(format!("{n:02}")), |n| json!(format!("{}{n:02}", "x".repeat(70)))];
    for key in keys {
        let bench = Bench::new((0..30).map(|n| json!({"key": key(n), "value": n})).collect()).await;
        let config = merge(&bench, false, true, &json!({"primary_key": "key"}));
        bench.run(&config, &FILE_A_PAGE).await;
        // Files hold ten rows; each load has nothing else to be found by.
        for n in [0, 9, 10, 19, 20, 29] {
            bench.serve(vec![json!({"key": key(n), "value": -1})]);
            assert_eq!(counts(&bench.load(&config).await), [0, 1, 0, 0], "{}", key(n));
        }
        assert_eq!(bench.table("items").await.rows.len(), 30);
    }
}

#[tokio::test]
async fn rows_above_the_table_are_not_compared_and_one_that_is_not_changes_that() {
    let bench = Bench::new(people(0..50)).await;
    // Types are settled with the first page, and every page is a file.
    let small = ["--set", "limits.memory=1", "--set", "limits.file_bytes=1"];
    let config = bench.config(&json!({}));
    bench.load(&config).await;
    bench.serve(people(50..80));
    let run = bench.run(&config, &small).await;
    let report = &run.report["resources"][0];
    assert_eq!((&report["files"]["scanned"], &report["rows"]["inserted"]), (&json!(0), &json!(30)), "{report:#}");
    // Above at first, then a row that is there, and one that came a page before.
    let mut rows = people(80..110);
    rows.extend([json!({"id": 7, "name": "changed", "score": 1}), json!({"id": 81, "name": "again", "score": 2})]);
    bench.serve(rows);
    let run = bench.run(&config, &small).await;
    let report = &run.report["resources"][0];
    let counts = ["read", "inserted", "updated"].map(|count| report["rows"][count].as_u64());
    assert_eq!(counts, [Some(32), Some(30), Some(1)], "{report:#}");
    let table = bench.table("items").await;
    assert_eq!(table.rows.len(), 110);
    let named =
        |id: i64| table.rows.iter().filter(|row| row["id"] == id).map(|row| row["name"].clone()).collect::<Vec<_>>();
    assert_eq!((named(7), named(81)), (vec![json!("changed")], vec![json!("again")]));
    assert_eq!(
        bench.parquet_files("items").await,
        table.files.len() + 1,
        "what was held back is gone; the replaced file stays"
    );
}

#[tokio::test]
async fn new_rows_are_stored_by_key() {
    let bench = Bench::new(people(0..10)).await;
    let config = bench.config(&json!({}));
    bench.load(&config).await;
    let mut rows = people(5..40);
    fastrand::Rng::with_seed(7).shuffle(&mut rows);
    bench.serve(rows);
    bench.load(&config).await;
    let ids: Vec<i64> = bench.table("items").await.stored.iter().filter_map(|row| row["id"].as_i64()).collect();
    let new: Vec<i64> = ids.iter().copied().filter(|id| *id >= 10).collect();
    assert_eq!(new, (10..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_file_of_many_row_groups_and_bloom_filters_is_searched_in_part_and_changed_as_a_whole() {
    for (rising, blooms) in [(true, false), (false, false), (false, true)] {
        let mut rows = people(0..2_000);
        if !rising {
            fastrand::Rng::with_seed(3).shuffle(&mut rows);
        }
        let bench = Bench::new(rows).await;
        let delta = json!({"row_group_rows": 100, "bloom_filters": blooms, "zstd_level": 3, "file_bytes": "1GB"});
        let mut resource = pages_of(500);
        resource["delta"] = delta;
        let config = bench.config(&resource);
        bench.load(&config).await;
        assert_eq!(bench.table("items").await.files.len(), 1);
        let mut changed = people(0..2_001);
        let ids = [0, 99, 100, 1_234, 1_999, 2_000];
        ids.iter().for_each(|id| changed[usize::try_from(*id).expect("small")]["name"] = json!("changed"));
        let load: Vec<Value> = changed.iter().filter(|row| row["name"] == "changed").cloned().collect();
        bench.serve(load);
        let report = bench.load(&config).await;
        assert_eq!(counts(&report), [1, 5, 0, 0], "{report:#}");
        assert_rows(&bench.table("items").await, &changed);
    }
}
