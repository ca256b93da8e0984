//! Fault scenarios: the real binary against the tests' scripted API, while something goes wrong. `tests/faults` builds and
//! runs it.
//!
//! ```text
//! tests/faults kill --runs 50 --seed 1     runs of the seeds 1 to 50; a failure tells the seed that repeats it
//! tests/faults all --runs 3 --seed 1
//! tests/faults --list
//! ```
//!
//! The last line is `N passed, N failed`; the exit code is 1 if any failed.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a case stops at the first thing that is wrong"
)]
#![allow(clippy::print_stdout, reason = "its verdicts are its output")]
#![allow(unreachable_pub, dead_code, reason = "the tests use the rest of what is shared with them")]

#[path = "../it/support/api/mod.rs"]
mod api;
#[path = "../it/support/lake.rs"]
mod lake;
#[path = "../it/support/records.rs"]
mod records;
#[path = "../it/support/s3.rs"]
mod s3;

mod clock;
mod disk;
mod harness;
mod kill;
mod memory;
mod points;
mod proxy;
mod resume;
mod storage;
mod trees;

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use harness::{Stage, Tally};

/// Runs fault scenarios
#[derive(Debug, Parser)]
struct Args {
    /// What goes wrong; `all` for everything
    #[arg(required_unless_present = "list")]
    scenarios: Vec<Choice>,
    /// How often each scenario runs
    #[arg(long, default_value_t = 3)]
    runs: u64,
    /// The seed of the first run; those of the next follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The binary under test
    #[arg(long)]
    binary: PathBuf,
    /// Shows the scenarios and the expected failures
    #[arg(long)]
    list: bool,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    All,
    Kill,
    Points,
    Disk,
    Memory,
    Clock,
    Resume,
    Storage,
    Trees,
}

/// The scenarios in the order in which they run.
const SCENARIOS: [(Choice, &str); 8] = [
    (Choice::Kill, "SIGKILL at a random moment of a load, sometimes twice in a row"),
    (Choice::Points, "SIGKILL and failing disks at named points of a commit"),
    (Choice::Disk, "a disk that is full, out of inodes or read-only"),
    (Choice::Memory, "more rows than fit into the memory that the process may have"),
    (Choice::Clock, "a clock that jumps to 2001 and 2031 between loads and within one"),
    (Choice::Resume, "a long append, killed in mid-walk, that goes on where it was"),
    (Choice::Storage, "an S3 storage that fails requests before or after it has done what they ask"),
    (
        Choice::Trees,
        "SIGKILL and Ctrl-C at a random moment of a tree of resources, and between the commits of its tables",
    ),
];

impl Choice {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    async fn run(self, stage: &Stage, seeds: Range<u64>, tally: &mut Tally) {
        match self {
            Self::All => {}
            Self::Kill => kill::run(stage, seeds, tally).await,
            Self::Points => points::run(stage, seeds, tally).await,
            Self::Disk => disk::run(stage, seeds, tally).await,
            Self::Memory => memory::run(stage, seeds, tally).await,
            Self::Clock => clock::run(stage, seeds, tally).await,
            Self::Resume => resume::run(stage, seeds, tally).await,
            Self::Storage => storage::run(stage, seeds, tally).await,
            Self::Trees => trees::run(stage, seeds, tally).await,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        list();
        return ExitCode::SUCCESS;
    }
    // What panics is a case, which says so in its verdict.
    std::panic::set_hook(Box::new(|_| {}));
    let stage = Stage::new(&args.binary);
    let mut tally = Tally::default();
    for (scenario, _) in SCENARIOS {
        if args.scenarios.contains(&scenario) || args.scenarios.contains(&Choice::All) {
            tally.begin(&scenario.name());
            scenario.run(&stage, args.seed..args.seed + args.runs, &mut tally).await;
            tally.end();
        }
    }
    let failed = tally.print();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn list() {
    for (scenario, about) in SCENARIOS {
        println!("{:<8} {about}", scenario.name());
    }
    for (name, reason, _) in harness::EXPECTED_FAILURES {
        println!("expected to fail: {name}: {reason}");
    }
}
