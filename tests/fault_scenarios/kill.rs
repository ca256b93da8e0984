//! SIGKILL at a random moment of a load, sometimes twice in a row.
//!
//! 1. An undisturbed run is timed, for each kind of load.
//! 2. Each case kills a run at a moment of that length, and looks: the table holds the rows before the load or those after
//!    it, and nothing in between, unless the load commits as it goes.
//! 3. A run to the end must then give what the model says.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Check, Disposition, Options, Rows, Stage, Tally, World, after};

/// How long undisturbed loads take: by disposition, whether there is a table already, and when parts are kept.
type Lengths = BTreeMap<(Disposition, bool, &'static str), Duration>;

pub async fn run(stage: &Stage, seeds: Range<u64>, tally: &mut Tally) {
    let mut lengths = Lengths::new();
    for seed in seeds {
        let disposition = Disposition::any_of(seed);
        tally.case(disposition.name(), seed, case(stage, seed, &mut lengths)).await;
    }
}

async fn case(stage: &Stage, seed: u64, lengths: &mut Lengths) -> Check<Vec<String>> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let disposition = Disposition::any_of(seed);
    // Every fourth case kills the load that makes the table.
    let existed = rng.u8(0..4) != 0;
    let kills = if rng.u8(0..3) == 0 { 2 } else { 1 };
    let new_column = rng.bool();
    let commit_every = if rng.bool() { "1GB" } else { "8kB" };
    let in_parts = commit_every != "1GB" && matches!(disposition, Disposition::Append | Disposition::Merge);
    let kind = Kind { disposition, existed, commit_every };
    let rows = Rows::made(&mut rng, new_column);
    let rows = match disposition {
        Disposition::DeleteInsert | Disposition::DedupSort => rows.with_repeated_keys(),
        Disposition::Append | Disposition::Replace | Disposition::Merge | Disposition::Scd2 => rows,
    };
    let length = match lengths.get(&(disposition, existed, commit_every)) {
        Some(length) => *length,
        None => {
            let (world, before) = world(stage, kind, &rows).await?;
            let took = world.load(&rows.new).await?.took;
            world.table().holds(&after(disposition, &before, &rows.new)).await?;
            *lengths.entry((disposition, existed, commit_every)).or_insert(took)
        }
    };
    let (world, mut table) = world(stage, kind, &rows).await?;
    let (mut seen, mut has_landed) = (Vec::new(), false);
    world.serve(&rows.new);
    for _ in 0..kills {
        let loaded = after(disposition, &table, &rows.new);
        let files = world.table().files();
        let mut child = world.start(world.command());
        tokio::time::sleep(length.mul_f64(rng.f64())).await;
        let running = child.kill();
        let run = child.ended().await?;
        let landed = match in_parts {
            true => world.table().holds(&loaded).await.is_ok(),
            false => world.table().holds_before_or_after(&table, &loaded).await?,
        };
        match (running, landed) {
            (true, false) if world.table().files() == files => seen.push("killed before the first file".to_owned()),
            (true, false) => seen.push("killed with files written and not committed".to_owned()),
            (true, true) => seen.push("killed with the rows committed".to_owned()),
            (false, _) => run.ok().map(|()| seen.push("was done before the kill".to_owned()))?,
        }
        if landed {
            has_landed = true;
            table = loaded;
        }
    }
    // A second append of a run that had committed appends again: exactly once is promised only for runs that had not. One that was
    // killed between its last part and the end of its walk had not: the next one ends that walk, and no more.
    let expected = after(disposition, &table, &rows.new);
    let run = world.load(&rows.new).await?;
    let went_on = !run.report["resources"][0]["resumed_after_page"].is_null();
    if went_on {
        seen.push("went on where the killed run was".to_owned());
    }
    let ended_it = in_parts && has_landed && went_on;
    world.table().holds(if ended_it { &table } else { &expected }).await?;
    Ok(seen)
}

/// What is killed.
#[derive(Debug, Clone, Copy)]
struct Kind {
    disposition: Disposition,
    /// Whether there is a table already.
    existed: bool,
    commit_every: &'static str,
}

/// A world with a table of the old rows, or with none. Gives the rows too.
async fn world(stage: &Stage, kind: Kind, rows: &Rows) -> Check<(World, Vec<Value>)> {
    let options = Options { commit_every: kind.commit_every, ..Options::of(kind.disposition) };
    let world = World::new(stage, &options).await;
    if !kind.existed {
        return Ok((world, Vec::new()));
    }
    world.load(&rows.old).await?;
    world.table().holds(&rows.old).await?;
    Ok((world, rows.old.clone()))
}
