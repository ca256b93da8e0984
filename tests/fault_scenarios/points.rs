//! SIGKILL at named points of a commit, and disks that fail at them, by `strace`'s injection.
//!
//! A data file is written as `NAME#1`, renamed and synced, and its folder after it. A log entry is written under a name of its
//! own, synced, linked to its right name and unlinked, and its folder is synced after it; so is the state, before the entry of the
//! rows. A kill before a call leaves the call undone. A load with a new column commits twice: the column, then the rows.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::harness::{Check, Disposition, Options, Rows, Run, Stage, Table, Tally, World, after};

/// Where a load is hit.
struct Point {
    name: &'static str,
    syscall: &'static str,
    /// The path that the call is about; any if there is none.
    path: Option<PathBuf>,
    /// Which of the calls of a thread, from 1.
    when: u32,
    hit: Hit,
    /// Whether the rows are in the table afterwards.
    landed: Landed,
}

/// What happens at the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hit {
    /// SIGKILL before the call.
    Kill,
    /// The call fails with this error, and is not made.
    Fail(&'static str),
}

/// What is known of the rows after the hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Landed {
    Yes,
    No,
    /// The run failed at making durable what it had committed; it may keep the commit or take it back.
    Either,
}

pub async fn run(stage: &Stage, seeds: Range<u64>, tally: &mut Tally) {
    for seed in seeds {
        let disposition = Disposition::of(seed);
        let prepared = prepared(stage, seed).await;
        // The names only; the paths are those of the case's own world.
        let names: Vec<&str> = points(&Table { folder: PathBuf::new() }, seed).iter().map(|point| point.name).collect();
        for (index, point) in names.into_iter().enumerate() {
            tally.case(&format!("{}, {point}", disposition.name()), seed, case(stage, seed, index, &prepared)).await;
        }
    }
}

/// A world with a table of the old rows, of which each case gets a copy.
async fn prepared(stage: &Stage, seed: u64) -> Check<World> {
    strace_is_there()?;
    let world = world(stage, seed).await;
    let rows = rows(seed);
    world.load(&rows.old).await?;
    world.table().holds(&rows.old).await?;
    Ok(world)
}

async fn world(stage: &Stage, seed: u64) -> World {
    let options = Options { latency: Duration::ZERO, ..Options::of(Disposition::of(seed)) };
    World::new(stage, &options).await
}

fn rows(seed: u64) -> Rows {
    Rows::made(&mut fastrand::Rng::with_seed(seed), adds_column(seed))
}

async fn case(stage: &Stage, seed: u64, index: usize, prepared: &Check<World>) -> Check<Vec<String>> {
    let prepared = prepared.as_ref().map_err(String::clone)?;
    let disposition = Disposition::of(seed);
    let rows = rows(seed);
    let world = world(stage, seed).await;
    world.table().copy_from(&prepared.table())?;
    let loaded = after(disposition, &rows.old, &rows.new);
    world.serve(&rows.new);
    let point = points(&world.table(), seed).swap_remove(index);
    let run = hit(&world, &point).await?;
    match point.hit {
        Hit::Kill => run.killed()?,
        Hit::Fail(_) => run.failed_well("items")?,
    }
    let landed = world.table().holds_before_or_after(&rows.old, &loaded).await?;
    match (point.landed, landed) {
        (Landed::Yes, false) => return Err("the rows should be in the table".to_owned()),
        (Landed::No, true) => return Err("the rows should not be in the table".to_owned()),
        _ => {}
    }
    // A second append of a run that had committed appends again: exactly once is promised only for runs that had not.
    let table = if landed { loaded } else { rows.old };
    world.load(&rows.new).await?;
    world.table().holds(&after(disposition, &table, &rows.new)).await?;
    Ok(vec![point.name.to_owned()])
}

/// Whether the new rows of a seed have a column more.
fn adds_column(seed: u64) -> bool {
    seed / 3 % 2 == 1
}

/// The points of a load into a table of one version.
fn points(table: &Table, seed: u64) -> Vec<Point> {
    use Hit::{Fail, Kill};
    use Landed::{Either, No, Yes};
    let point = |name, syscall, path: Option<&Path>, hit, landed| Point {
        name,
        syscall,
        path: path.map(Path::to_path_buf),
        when: 1,
        hit,
        landed,
    };
    let entries: u32 = if adds_column(seed) { 2 } else { 1 };
    let entry = table.entry(entries as usize);
    let (folder, log) = (table.folder.as_path(), table.log());
    let mut points = vec![
        point("killed before the first data file gets its name", "rename", None, Kill, No),
        point("killed before the first data file is synced", "fsync", None, Kill, No),
        point("killed before the table's folder is synced", "fsync", Some(folder), Kill, No),
        point("killed before the log entry is published", "linkat", Some(&entry), Kill, No),
        // Nothing else is unlinked in these loads, but the drafts of the column's entry and, before that of the rows, of the state.
        Point { when: entries, ..point("killed after the state is published", "unlink", None, Kill, No) },
        Point { when: entries + 1, ..point("killed after the log entry is published", "unlink", None, Kill, Yes) },
        point("killed before the log folder is synced", "fsync", Some(&log), Kill, Yes),
        point("killed before the exit", "exit_group", None, Kill, Yes),
        point("a data file cannot get its name", "rename", None, Fail("EIO"), No),
        point("a data file cannot be synced", "fsync", None, Fail("EIO"), No),
        point("the log entry cannot be published", "linkat", Some(&entry), Fail("EIO"), No),
        point("the log folder cannot be synced", "fsync", Some(&log), Fail("EIO"), Either),
    ];
    if adds_column(seed) {
        let column = table.entry(1);
        // The log's folder is synced once for each of the two entries.
        points.iter_mut().filter(|point| point.path.as_ref() == Some(&log)).for_each(|point| point.when = 2);
        points.extend([
            point("killed before the column is published", "linkat", Some(&column), Kill, No),
            point("killed after the column is published", "unlink", None, Kill, No),
            point("killed before the column is durable", "fsync", Some(&log), Kill, No),
            point("the column cannot be published", "linkat", Some(&column), Fail("EIO"), No),
        ]);
    }
    points
}

/// Runs into the point. Fails if it was not reached.
async fn hit(world: &World, point: &Point) -> Check<Run> {
    let trace = world.path("trace");
    let trace_path = trace.to_string_lossy();
    let what = match point.hit {
        Hit::Kill => "signal=KILL".to_owned(),
        Hit::Fail(error) => format!("error={error}"),
    };
    let traced = format!("trace={}", point.syscall);
    let inject = format!("inject={}:{what}:when={}", point.syscall, point.when);
    let path = point.path.as_ref().map(|path| path.to_string_lossy().into_owned());
    let mut words = vec!["strace", "-f", "-qq", "-o", &trace_path, "-e", &traced, "-e", &inject];
    if let Some(path) = &path {
        words.extend(["-P", path]);
    }
    let run = world.start(world.command_under(&words)).ended().await?;
    let told = std::fs::read_to_string(&trace).unwrap_or_default();
    if run.report.is_object() && point.syscall != "exit_group" && !told.contains("(INJECTED)") {
        return Err(format!("the point was not reached: {}", run.told()));
    }
    Ok(run)
}

/// Whether `strace` is there; without it there is nothing to run.
fn strace_is_there() -> Check {
    match std::process::Command::new("strace").arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err("`strace` is not installed: apt-get install strace".to_owned()),
    }
}
