//! Upkeep of tables: checkpoints, and what goes with them. The rows must be the same whatever is done to the files.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::command::{Bench, people};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn append() -> Value {
    json!({"write_disposition": "append"})
}

/// Makes a file so many days old.
fn age(path: &Path, days: u32) {
    let file = fs::File::options().write(true).open(path).unwrap_or_else(|_| panic!("{}", path.display()));
    file.set_modified(SystemTime::now() - days * DAY).expect("a time");
}

/// Adds an entry to the log that says nothing in five million bytes.
fn grow_log(bench: &Bench, version: u64) {
    let info = json!({"commitInfo": {"timestamp": 0, "operation": "NOTHING", "note": "x".repeat(5_000_000)}});
    fs::write(bench.entry(version), format!("{info}\n")).expect("an entry");
}

#[tokio::test]
async fn a_long_log_gets_a_checkpoint_and_what_has_expired_of_it_goes() {
    let bench = Bench::new(people(0..10)).await;
    let config = bench.config(&append());
    let checkpoint = |version: u64| bench.path(&format!("lake/items/_delta_log/{version:020}.checkpoint.parquet"));
    for _ in 0..2 {
        bench.load(&config).await;
    }
    grow_log(&bench, 2);
    bench.load(&config).await;
    assert!(checkpoint(3).exists());
    bench.load(&config).await;
    assert!(!checkpoint(4).exists(), "there is little since the last one");

    // Versions 0 to 2 are older than the thirty days of the default, and 3 is what the younger ones are read from.
    for version in 0..3 {
        age(&bench.entry(version), 31);
    }
    age(&bench.entry(3), 29);
    grow_log(&bench, 5);
    bench.load(&config).await;
    assert!(checkpoint(6).exists());
    let left: Vec<u64> = (0..8).filter(|version| bench.entry(*version).exists()).collect();
    assert_eq!(left, [3, 4, 5, 6]);
    assert!(checkpoint(3).exists());
    assert_eq!(bench.table("items").await.rows.len(), 50);
    bench.load(&config).await;
    assert_eq!(bench.table("items").await.rows.len(), 60);
}
