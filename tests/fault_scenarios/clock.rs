//! Clocks that jump, by libfaketime: to 2001 and to 2031 between the loads of one table, and in the middle of a load.
//!
//! Only the wall clock is changed, as it is on machines: the monotonic clock, by which waits are timed, cannot jump.

use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, Datelike};
use serde_json::Value;

use crate::harness::{Check, Disposition, Options, Rows, Run, Stage, Tally, World, after};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
const PAST: &str = "@2001-02-03 04:05:06";
const FUTURE: &str = "@2031-02-03 04:05:06";

pub async fn run(stage: &Stage, seeds: Range<u64>, tally: &mut Tally) {
    for seed in seeds {
        let name = Disposition::of(seed).name();
        tally.case(&format!("{name}, jumps between loads"), seed, between_loads(stage, seed)).await;
        tally.case(&format!("{name}, jump back in a load"), seed, in_a_load(stage, seed, FUTURE, PAST)).await;
        tally.case(&format!("{name}, jump ahead in a load"), seed, in_a_load(stage, seed, PAST, FUTURE)).await;
    }
}

/// Loads in 2001, in 2031, in 2001 again, and now.
async fn between_loads(stage: &Stage, seed: u64) -> Check<Vec<String>> {
    let (world, disposition, rows) = world(stage, seed, Duration::ZERO).await?;
    let mut table: Vec<Value> = Vec::new();
    let mut years = Vec::new();
    let loads = [(Some(PAST), &rows.old), (Some(FUTURE), &rows.new), (Some(PAST), &rows.old), (None, &rows.new)];
    for (time, served) in loads {
        world.serve(served);
        let run = match time {
            Some(time) => faked(&world, time, async {}).await?,
            None => world.run().await?,
        };
        run.ok().map_err(|wrong| format!("at {time:?}: {wrong}"))?;
        table = after(disposition, &table, served);
        world.table().holds(&table).await.map_err(|wrong| format!("at {time:?}: {wrong}"))?;
        years.push(last_year(&world)?);
    }
    if years[..3] != [2001, 2031, 2001] {
        return Err(format!("the clock was not faked: the commits are of {years:?}"));
    }
    world.table().reads_at_every_version().await?;
    Ok(vec!["loads in 2001, 2031, 2001 and now".to_owned()])
}

/// The clock jumps while the second load waits for the API.
async fn in_a_load(stage: &Stage, seed: u64, before: &str, later: &str) -> Check<Vec<String>> {
    let (world, disposition, rows) = world(stage, seed, Duration::from_millis(60)).await?;
    world.load(&rows.old).await?;
    world.serve(&rows.new);
    let clock = world.path("clock");
    let half = world.requests() + 6;
    let jump = async {
        while world.requests() < half {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        set(&clock, later);
    };
    let run = faked(&world, before, jump).await?;
    run.ok()?;
    world.table().holds(&after(disposition, &rows.old, &rows.new)).await?;
    world.table().reads_at_every_version().await?;
    let year = last_year(&world)?;
    if !later.starts_with(&format!("@{year}")) {
        return Err(format!("the clock did not jump: the commit is of {year}"));
    }
    Ok(vec![format!("jump in a load to {year}")])
}

async fn world(stage: &Stage, seed: u64, latency: Duration) -> Check<(World, Disposition, Rows)> {
    if !Path::new(LIBRARY).exists() {
        return Err("libfaketime is not installed: apt-get install faketime".to_owned());
    }
    let mut rng = fastrand::Rng::with_seed(seed);
    let new_column = rng.bool();
    let rows = Rows::made(&mut rng, new_column);
    let disposition = Disposition::of(seed);
    let world = World::new(stage, &Options { latency, ..Options::of(disposition) }).await;
    Ok((world, disposition, rows))
}

/// Runs to the end with a clock that begins at a time, and does something meanwhile.
async fn faked(world: &World, time: &str, meanwhile: impl Future<Output = ()>) -> Check<Run> {
    let clock = world.path("clock");
    set(&clock, time);
    let mut command: Command = world.command();
    command.env("LD_PRELOAD", LIBRARY);
    command.env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    let child = world.start(command);
    let meanwhile = async { tokio::time::timeout(Duration::from_secs(5), meanwhile).await };
    let (run, done) = tokio::join!(child.ended(), meanwhile);
    done.map_err(|_| "the moment to change the clock did not come".to_owned())?;
    run
}

/// Sets the clock. By a rename, because the file is read all the time.
fn set(clock: &Path, time: &str) {
    let next = clock.with_extension("next");
    std::fs::write(&next, format!("{time}\n")).expect("a file");
    std::fs::rename(&next, clock).expect("a name");
}

/// The year of the last commit of rows.
fn last_year(world: &World) -> Check<i32> {
    let history = world.table().history()?;
    let last = history.iter().rfind(|commit| commit.transaction.is_some()).ok_or("no commit")?;
    let time = DateTime::from_timestamp_millis(last.timestamp_ms).ok_or("a commit without a time")?;
    Ok(time.year())
}
