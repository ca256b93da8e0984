//! A long append that commits as it goes, killed in mid-walk: the next run must go on where the last commit was.

use std::ops::Range;
use std::time::Duration;

use crate::harness::{Check, Disposition, Options, Rows, Stage, Tally, World};

/// How long the walk goes on before it is killed: some of its 40 ms pages are committed by then, and some are to come.
const BEFORE_KILL: Duration = Duration::from_millis(400);

pub async fn run(stage: &Stage, seeds: Range<u64>, tally: &mut Tally) {
    for seed in seeds {
        tally.case("a killed append goes on where it was", seed, case(stage, seed)).await;
    }
}

async fn case(stage: &Stage, seed: u64) -> Check<Vec<String>> {
    let rows = Rows::made(&mut fastrand::Rng::with_seed(seed), false);
    let world = World::new(stage, &Options::of(Disposition::Append)).await;
    world.serve(&rows.new);
    let command = || {
        let mut command = world.command();
        command.args(["--set", "resources.items.commit_every=8kB"]);
        command
    };
    let mut child = world.start(command());
    tokio::time::sleep(BEFORE_KILL).await;
    let running = child.kill();
    let killed = child.ended().await?;
    if !running {
        return Err(format!("the walk was not under way: {}", killed.told()));
    }
    let asked_before = world.requests();
    let run = world.start(command()).ended().await?;
    run.ok()?;
    world.table().holds(&rows.new).await?;
    let pages = rows.new.len().div_ceil(Options::of(Disposition::Append).page_rows);
    match world.requests() - asked_before {
        again if again < pages => Ok(vec!["went on in mid-walk".to_owned()]),
        again => Err(format!("asked for all {pages} pages again, with {again} requests")),
    }
}
