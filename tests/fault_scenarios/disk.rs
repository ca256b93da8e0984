//! Disks that are full, out of inodes, or read-only: one clear error, the table as before, nothing left behind, and the next
//! run succeeds once there is room.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Check, Disposition, Mount, Options, Rows, Run, Stage, Table, Tally, World, after};

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Disk {
    /// No byte is free.
    Full,
    /// This share of what the load needs is free.
    Share(f64),
    /// Only the last page that the load needs is lacking.
    LastPage,
    /// This share of the files that the load makes can be made.
    Inodes(f64),
    ReadOnly,
}

/// Far more than a load needs.
const DISK_BYTES: u64 = 8 << 20;
/// The size of a page, in which a tmpfs counts.
const PAGE_BYTES: u64 = 4_096;

pub async fn run(stage: &Stage, seeds: Range<u64>, tally: &mut Tally) {
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let disks = [
            ("full", Disk::Full),
            ("almost full", Disk::Share(rng.f64() / 3.0)),
            ("half full", Disk::Share((1.0 + rng.f64()) / 3.0)),
            ("a page too small", Disk::LastPage),
            ("out of inodes", Disk::Inodes(rng.f64())),
            ("read-only", Disk::ReadOnly),
        ];
        for existed in [true, false] {
            let needed = needed(stage, Disposition::of(seed), existed, &rows(seed)).await;
            for (name, disk) in disks {
                let disposition = Disposition::of(seed);
                let table = if existed { "" } else { ", no table yet" };
                let name = format!("{}, {name}{table}", disposition.name());
                tally.case(&name, seed, case(stage, seed, disk, &needed)).await;
            }
        }
    }
}

/// A world whose lake is on a disk of its own.
struct Site {
    world: World,
    table: Table,
    mount: Mount,
    folder: tempfile::TempDir,
}

impl Site {
    async fn new(stage: &Stage, disposition: Disposition) -> Check<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mount = Mount::new(&folder.path().join("disk"), DISK_BYTES)?;
        // The lake is a folder on the disk, so that no lake is there before the first load.
        let lake = folder.path().join("disk/lake");
        let options = Options { latency: Duration::ZERO, destination: Some(json!(lake)), ..Options::of(disposition) };
        let world = World::new(stage, &options).await;
        Ok(Self { world, table: Table { folder: lake.join("items") }, mount, folder })
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("disk/filler")
    }

    /// Breaks the disk for a load that needs so much.
    fn spoil(&self, disk: Disk, needed: &Needed) -> Check {
        let (bytes, inodes) = self.mount.used()?;
        let pages = needed.bytes / PAGE_BYTES;
        let free_pages = match disk {
            Disk::Inodes(share) => return self.mount.inodes(inodes + part(needed.inodes, share)),
            Disk::ReadOnly => return self.mount.read_only(true),
            Disk::Full => 0,
            Disk::Share(share) => part(pages, share),
            Disk::LastPage => pages.saturating_sub(1),
        };
        let filler = vec![7; usize::try_from(DISK_BYTES - bytes - free_pages * PAGE_BYTES).expect("it fits")];
        std::fs::write(self.filler(), filler).map_err(|error| format!("the filler: {error}"))
    }

    fn mend(&self) -> Check {
        let _ = std::fs::remove_file(self.filler());
        self.mount.read_only(false)?;
        self.mount.inodes(100_000)
    }
}

async fn case(stage: &Stage, seed: u64, disk: Disk, needed: &Check<Needed>) -> Check<Vec<String>> {
    let needed = needed.as_ref().map_err(String::clone)?;
    let disposition = Disposition::of(seed);
    let rows = rows(seed);
    let site = Site::new(stage, disposition).await?;
    let mut old: Vec<Value> = Vec::new();
    if needed.existed {
        site.table.copy_from(&needed.table)?;
        old.clone_from(&rows.old);
    }
    site.spoil(disk, needed)?;
    let files = site.table.files();
    site.world.serve(&rows.new);
    let run = site.world.run().await?;
    run.failed_well("items")?;
    site.table.holds(&old).await.map_err(|wrong| format!("after the failed run: {wrong}"))?;
    // A new column has a commit of its own, before the one of the rows, and may stay; anything else may not.
    let left: Vec<String> = site.table.files().difference(&files).cloned().collect();
    let column = needed.existed && left.iter().all(|name| *name == "_delta_log/00000000000000000001.json");
    if !left.is_empty() && !column {
        return Err(format!("the failed run left files behind: {}", left.join(", ")));
    }
    let mut seen = vec![without_place(&run)];
    seen.extend((!left.is_empty()).then(|| "the column was committed, the rows were not".to_owned()));
    site.mend()?;
    site.world.load(&rows.new).await?;
    site.table.holds(&after(disposition, &old, &rows.new)).await?;
    Ok(seen)
}

/// What a load adds to a disk.
struct Needed {
    /// Whether there is a table before it.
    existed: bool,
    bytes: u64,
    inodes: u64,
    /// A copy of the table before it.
    table: Table,
    _folder: tempfile::TempDir,
}

/// Measures a load on a disk with room.
async fn needed(stage: &Stage, disposition: Disposition, existed: bool, rows: &Rows) -> Check<Needed> {
    let site = Site::new(stage, disposition).await?;
    if existed {
        site.world.load(&rows.old).await?;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let table = Table { folder: folder.path().join("items") };
    table.copy_from(&site.table)?;
    let before = site.mount.used()?;
    site.world.load(&rows.new).await?;
    let after = site.mount.used()?;
    Ok(Needed { existed, bytes: after.0 - before.0, inodes: after.1 - before.1, table, _folder: folder })
}

fn rows(seed: u64) -> Rows {
    let mut rng = fastrand::Rng::with_seed(seed);
    let new_column = rng.bool();
    Rows::made(&mut rng, new_column)
}

/// A share of a count, rounded down.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small numbers"
)]
fn part(count: u64, share: f64) -> u64 {
    (count as f64 * share) as u64
}

/// The first and the last part of the run's message, without the places between, which differ from case to case.
fn without_place(run: &Run) -> String {
    let message = run.report["resources"][0]["error"]["message"].as_str().unwrap_or_default();
    let parts: Vec<&str> = message.split(": ").skip(1).collect();
    format!("{}: {}", parts.first().unwrap_or(&""), parts.last().unwrap_or(&""))
}
