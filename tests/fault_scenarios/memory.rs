//! Loads of far more rows than fit into the memory that a process may have.
//!
//! The limit is a memory cgroup (v1), because that counts memory; `prlimit --as` counts addresses, of which the allocator
//! and the threads' stacks reserve many times what they use. The pages of the binary's file are counted where they were read
//! first, so a debug build costs no more here than a release.
//!
//! Measured with this build: 240,000 rows are 78 MB of JSON. A load into a new table ends well from about 96 MB on, whatever
//! the number of rows; the same load with a budget that lets it hold all rows is killed up to about 125 MB. The limit lies
//! between, and the control shows that it bites. A merge holds the keys of its rows by design, and compares them with those
//! of the table: half the rows are sometimes killed at 128 MB. It gets more memory, and proves less.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{Api, Rows};
use crate::harness::{Check, Disposition, Options, Run, Stage, Tally, World};
use crate::records::{Keys, Records, Shape};

const ROWS: usize = 240_000;
const MERGE_ROWS: usize = 120_000;
const PAGE_ROWS: usize = 100;
const LIMIT_BYTES: u64 = 108 << 20;
const MERGE_LIMIT_BYTES: u64 = 160 << 20;
const CGROUPS: &str = "/sys/fs/cgroup/memory";

pub async fn run(stage: &Stage, seeds: Range<u64>, tally: &mut Tally) {
    let rows = served(ROWS, 0);
    tally.case("a load that holds all rows is killed", seeds.start, control(stage, &rows)).await;
    for seed in seeds {
        let disposition = Disposition::of(seed);
        match disposition {
            Disposition::Merge => tally.case("merge", seed, merge(stage)).await,
            Disposition::Append
            | Disposition::Replace
            | Disposition::Scd2
            | Disposition::DeleteInsert
            | Disposition::DedupSort => {
                tally.case(disposition.name(), seed, load(stage, disposition, &rows)).await;
            }
        }
    }
}

/// The API of so many rows; the bodies are made beforehand.
fn served(rows: usize, version: u64) -> Rows {
    Rows::rendered(rows, PAGE_ROWS, |number| records(version).json(number as u64))
}

fn records(version: u64) -> Records {
    Records { shape: Shape::Flat, keys: Keys::Random, version }
}

/// A load into a new table.
async fn load(stage: &Stage, disposition: Disposition, rows: &Rows) -> Check<Vec<String>> {
    let world = world(stage, disposition, small_budget(), rows.clone().api()).await;
    limited(&world, LIMIT_BYTES).await?.ok()?;
    holds(&world, ROWS, 0)
}

/// A merge that changes every row of a table.
async fn merge(stage: &Stage) -> Check<Vec<String>> {
    let mut world = world(stage, Disposition::Merge, small_budget(), served(MERGE_ROWS, 0).api()).await;
    world.run().await?.ok()?;
    world.replace_api(served(MERGE_ROWS, 1).api()).await;
    limited(&world, MERGE_LIMIT_BYTES).await?.ok()?;
    holds(&world, MERGE_ROWS, 1)
}

fn small_budget() -> Value {
    json!({"memory": "8MB", "file_bytes": "4MB"})
}

/// The table holds the rows with these numbers in this version, each once.
fn holds(world: &World, rows: usize, version: u64) -> Check<Vec<String>> {
    let row = |number| (signed(records(version).id(number)), signed(version));
    let mut expected: Vec<(i64, i64)> = (0..rows as u64).map(row).collect();
    expected.sort_unstable();
    let found = world.table().ids_and_versions()?;
    if found != expected {
        return Err(format!("{} rows in place of {}, or other ones", found.len(), expected.len()));
    }
    Ok(vec![format!("{rows} rows of version {version}")])
}

/// A load whose budget lets it hold all rows: were it not killed, the limit would prove nothing.
async fn control(stage: &Stage, rows: &Rows) -> Check<Vec<String>> {
    let world = world(stage, Disposition::Append, json!({"memory": "4GB"}), rows.clone().api()).await;
    limited(&world, LIMIT_BYTES).await?.killed()?;
    Ok(Vec::new())
}

async fn world(stage: &Stage, disposition: Disposition, limits: Value, api: Api) -> World {
    let options = Options { latency: Duration::ZERO, page_rows: PAGE_ROWS, limits, ..Options::of(disposition) };
    World::over(stage, &options, api).await
}

/// Runs to the end in a cgroup of its own.
async fn limited(world: &World, bytes: u64) -> Check<Run> {
    let group = Group::new(bytes)?;
    let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", group.folder.display());
    world.start(world.command_under(&["sh", "-c", &enter, "sh"])).ended().await
}

/// A memory cgroup. It goes when this is dropped, if its processes have.
struct Group {
    folder: PathBuf,
}

impl Group {
    fn new(bytes: u64) -> Check<Self> {
        let folder = PathBuf::from(format!("{CGROUPS}/alluvium-faults-{}", std::process::id()));
        let needs = |error| format!("a memory limit needs root and cgroup v1 at {CGROUPS}: {error}");
        if !PathBuf::from(CGROUPS).join("memory.limit_in_bytes").exists() {
            return Err(needs(std::io::Error::from(std::io::ErrorKind::NotFound)));
        }
        fs::create_dir_all(&folder).map_err(needs)?;
        let group = Self { folder };
        fs::write(group.folder.join("memory.limit_in_bytes"), bytes.to_string()).map_err(needs)?;
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("keys have 63 bits")
}
