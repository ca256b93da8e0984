//! A storage that fails requests before or after it has done what they ask: no row is lost or doubled, no file is added
//! twice, and there are as many data commits as runs that said so.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Check, Commit, Disposition, Options, Rows, Stage, Table, Tally, World, after, same_rows};
use crate::proxy::{Fault, Proxy, Rule};
use crate::s3::Server;

/// The kinds of requests, by what they are about.
const KINDS: [(&str, Rule); 4] = [
    ("commits", rule(&["PUT"], "_delta_log/", ".json")),
    ("data files", rule(&["PUT", "POST"], "part-", ".parquet")),
    ("reads of data", rule(&["GET", "HEAD"], "part-", ".parquet")),
    // Lists have the path of the bucket alone.
    ("reads of the log", rule(&["GET", "HEAD"], "", "")),
];

const FAULTS: [(&str, Fault); 4] = [
    ("dropped before", Fault::DropBefore),
    ("503 before", Fault::StatusBefore(503)),
    ("dropped after", Fault::DropAfter),
    ("503 after", Fault::StatusAfter(503)),
];

const fn rule(methods: &'static [&'static str], containing: &'static str, ending: &'static str) -> Rule {
    Rule { methods, ending, containing, nth: 1, most: usize::MAX, fault: Fault::DropBefore }
}

pub async fn run(stage: &Stage, seeds: Range<u64>, tally: &mut Tally) {
    for seed in seeds {
        let disposition = Disposition::of(seed).name();
        for (kind, rule) in &KINDS {
            for (name, fault) in FAULTS {
                let name = format!("{disposition}, {kind} {name}");
                tally.case(&name, seed, spoiled(stage, seed, &Rule { fault, ..rule.clone() })).await;
            }
        }
        let name = format!("{disposition}, a commit whose answer and check are lost");
        tally.case(&name, seed, unknown(stage, seed)).await;
    }
}

/// A world on S3 behind a proxy.
struct Site {
    world: World,
    server: Server,
    proxy: Proxy,
}

impl Site {
    async fn new(stage: &Stage, disposition: Disposition) -> Self {
        let server = Server::start().await;
        let proxy = Proxy::start(server.address).await;
        let mut storage: BTreeMap<&str, String> = Server::options_at(&proxy.address.to_string()).into_iter().collect();
        // Short waits: what is tested is what becomes of the rows, not the patience.
        storage.insert("backoff_config.init_backoff", "10ms".to_owned());
        let destination = json!({"uri": server.uri("tables"), "storage_options": storage});
        let options = Options { latency: Duration::ZERO, destination: Some(destination), ..Options::of(disposition) };
        Self { world: World::new(stage, &options).await, server, proxy }
    }

    /// A copy of the table as the server has it.
    fn table(&self) -> Table {
        let folder = self.world.path("copy");
        let _ = std::fs::remove_dir_all(&folder);
        for (key, bytes) in self.server.objects("tables/items/") {
            let path = folder.join(Path::new(&key));
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, bytes).expect("a file");
        }
        Table { folder: folder.join("tables/items") }
    }
}

/// Two loads while every first, second or third request of a kind goes wrong.
async fn spoiled(stage: &Stage, seed: u64, rule: &Rule) -> Check<Vec<String>> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let disposition = Disposition::of(seed);
    let site = Site::new(stage, disposition).await;
    let new_column = rng.bool();
    let rows = Rows::made(&mut rng, new_column);
    let (mut table, mut acknowledged) = (Vec::new(), 0);
    let mut seen = Vec::new();
    for served in [&rows.old, &rows.new] {
        // Never all of them: that would be a storage that is down.
        let rule = Rule { nth: rng.usize(1..=3), most: 2, ..rule.clone() };
        site.proxy.set(vec![rule.clone()]);
        site.world.serve(served);
        let run = site.world.run().await?;
        seen.extend((site.proxy.spoiled() > 0).then(|| "load with requests that went wrong".to_owned()));
        if run.status.success() {
            table = after(disposition, &table, served);
            acknowledged += run.report["resources"][0]["commits"].as_u64().unwrap_or_default();
        } else {
            run.failed_well("items")?;
            let message = run.report["resources"][0]["error"]["message"].as_str().unwrap_or_default();
            seen.push(format!("failed by {:?}: {:.160}", rule.fault, message.rsplit(": ").next().unwrap_or_default()));
            let named = site.table().history()?.iter().flat_map(Commit::added).count();
            let stored = site.table().files().iter().filter(|name| name.ends_with(".parquet")).count();
            seen.extend((stored > named).then(|| "failed and left data files that no commit names".to_owned()));
        }
        let told = |wrong: String| format!("{wrong}; the run: {}", run.told());
        let stored = site.table();
        stored.holds(&table).await.map_err(told)?;
        let commits = stored.history()?.len() as u64;
        if commits != acknowledged {
            return Err(format!("{commits} commits, {acknowledged} acknowledged; the run: {}", run.told()));
        }
    }
    Ok(seen)
}

/// The commit lands, its answer is lost, and the storage refuses to tell whether it has landed. The run cannot know; the
/// table must hold the rows before it or those after it all the same.
async fn unknown(stage: &Stage, seed: u64) -> Check<Vec<String>> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let disposition = Disposition::of(seed);
    let site = Site::new(stage, disposition).await;
    let rows = Rows::made(&mut rng, false);
    site.world.load(&rows.old).await?;
    site.world.serve(&rows.new);
    let commit = Rule { fault: Fault::DropAfter, ..rule(&["PUT"], "_delta_log/", "1.json") };
    let check = Rule { fault: Fault::StatusBefore(403), ..rule(&["GET", "HEAD"], "_delta_log/", "1.json") };
    site.proxy.set(vec![commit, check]);
    let run = site.world.run().await?;
    let spoiled = site.proxy.spoiled();
    site.proxy.set(vec![]);
    if spoiled < 2 {
        return Err(format!("{spoiled} requests went wrong in place of 2; the run: {}", run.told()));
    }
    let loaded = after(disposition, &rows.old, &rows.new);
    let landed = site.table().holds_before_or_after(&rows.old, &loaded).await?;
    if run.status.success() {
        same_rows(&site.table().rows().await?, &loaded)?;
    }
    Ok(vec![format!("unknown commit: landed {landed}, the run succeeded {}", run.status.success())])
}
