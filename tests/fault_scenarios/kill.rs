//! SIGKILL at a random moment of a load, sometimes twice in a row.
//!
//! 1. An undisturbed run is timed, for each kind of load.
//! 2. Each case kills a run at a moment of that length, and looks: the table holds the rows before the load or those after
//!    it, and nothing in between.
//! 3. A run to the end must then give what the model says.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Check, Disposition, Options, Rows, Stage, Tally, World, after};

/// How long undisturbed loads take: by disposition, and whether there is a table already.
type Lengths = BTreeMap<(Disposition, bool), Duration>;

pub async fn run(stage: &Stage, seeds: Range<u64>, tally: &mut Tally) {
    let mut lengths = Lengths::new();
    for seed in seeds {
        let disposition = Disposition::of(seed);
        tally.case(disposition.name(), seed, case(stage, seed, &mut lengths)).await;
    }
}

async fn case(stage: &Stage, seed: u64, lengths: &mut Lengths) -> Check<Vec<String>> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let disposition = Disposition::of(seed);
    // Every fourth case kills the load that makes the table.
    let existed = rng.u8(0..4) != 0;
    let kills = if rng.u8(0..3) == 0 { 2 } else { 1 };
    let new_column = rng.bool();
    let rows = Rows::made(&mut rng, new_column);
    let length = match lengths.get(&(disposition, existed)) {
        Some(length) => *length,
        None => {
            let (world, before) = world(stage, disposition, existed, &rows).await?;
            let took = world.load(&rows.new).await?.took;
            world.table().holds(&after(disposition, &before, &rows.new)).await?;
            *lengths.entry((disposition, existed)).or_insert(took)
        }
    };
    let (world, mut table) = world(stage, disposition, existed, &rows).await?;
    let mut seen = Vec::new();
    world.serve(&rows.new);
    for _ in 0..kills {
        let loaded = after(disposition, &table, &rows.new);
        let files = world.table().files();
        let mut child = world.start(world.command());
        tokio::time::sleep(length.mul_f64(rng.f64())).await;
        let running = child.kill();
        let run = child.ended().await?;
        let landed = world.table().holds_before_or_after(&table, &loaded).await?;
        match (running, landed) {
            (true, false) if world.table().files() == files => seen.push("killed before the first file".to_owned()),
            (true, false) => seen.push("killed with files written and not committed".to_owned()),
            (true, true) => seen.push("killed with the rows committed".to_owned()),
            (false, _) => run.ok().map(|()| seen.push("was done before the kill".to_owned()))?,
        }
        if landed {
            table = loaded;
        }
    }
    // A second append of a run that had committed appends again: exactly once is promised only for runs that had not.
    let expected = after(disposition, &table, &rows.new);
    world.load(&rows.new).await?;
    world.table().holds(&expected).await?;
    Ok(seen)
}

/// A world with a table of the old rows, or with none. Gives the rows too.
async fn world(stage: &Stage, disposition: Disposition, existed: bool, rows: &Rows) -> Check<(World, Vec<Value>)> {
    let world = World::new(stage, &Options::of(disposition)).await;
    if !existed {
        return Ok((world, Vec::new()));
    }
    world.load(&rows.old).await?;
    world.table().holds(&rows.old).await?;
    Ok((world, rows.old.clone()))
}
