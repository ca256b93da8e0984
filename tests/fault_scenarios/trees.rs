//! Trees of resources that are cut short: by SIGKILL at random moments, by Ctrl-C, and by SIGKILL between the commits of two tables.
//!
//! ```text
//! posts --> comments --> votes      each with what is drawn for it: append, merge, replace or not selected; a cursor or none;
//!       --> tags                    members of its parent; commits in parts or in one
//!       --> things
//! ```
//!
//! 1. An undisturbed run is timed.
//! 2. Runs are cut short, and then one runs to its end: each table must be what the model says, row by row.
//! 3. A run without news makes no commit, and one with more rows gets these alone: the cursors are where the rows are.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::{Answer, Api, ReceivedRequest};
use crate::harness::{Check, Child, Disposition, Run, Stage, Tally, World, after, same_rows};

/// How long the API takes for a page.
const LATENCY: Duration = Duration::from_millis(6);
const PAGE_ROWS: usize = 3;
/// A run that the user has stopped ends the pages under way and commits what it has; this is far above that.
const STOP_MAX: Duration = Duration::from_secs(20);
/// How long a commit of one table is held up before it is killed, so that the others come first.
const HELD_UP: &str = "400000";

const NAMES: [&str; 5] = ["posts", "comments", "votes", "tags", "things"];

/// How one resource of the tree is loaded.
#[derive(Debug, Clone, Copy)]
struct Loading {
    /// `None`: it is not selected.
    disposition: Option<Disposition>,
    has_cursor: bool,
    commit_every: &'static str,
}

/// What the API serves: rows by the path that leads to them, each with the tick at which it was changed last.
#[derive(Debug, Clone, Default)]
struct Site {
    tick: i64,
    rows: BTreeMap<String, Vec<Value>>,
}

/// What the tables must hold, by the loads that have come to their ends. It knows nothing of the program under test.
struct Model {
    loadings: BTreeMap<&'static str, Loading>,
    tables: BTreeMap<&'static str, Vec<Value>>,
    /// By the resource that is loaded, and the path that is walked: the tick up to which it has had what is there.
    seen: BTreeMap<(&'static str, String), i64>,
}

pub async fn run(stage: &Stage, seeds: Range<u64>, tally: &mut Tally) {
    for seed in seeds {
        let name = if seed.is_multiple_of(4) { "stopped" } else { "killed" };
        tally.case(name, seed, cut_short(stage, seed)).await;
        tally.case("killed between two commits", seed, between_commits(stage, seed)).await;
    }
}

/// Cuts runs short at random moments.
async fn cut_short(stage: &Stage, seed: u64) -> Check<Vec<String>> {
    // Every fourth case makes the tables.
    let existed = fastrand::Rng::with_seed(seed).u8(0..4) != 0;
    let length = Case::prepared(stage, seed, existed).await?.0.load().await?;
    let (mut case, mut rng) = Case::prepared(stage, seed, existed).await?;
    let mut seen = Vec::new();
    for _ in 0..rng.u8(1..4) {
        let mut child = case.world.start(case.world.command());
        tokio::time::sleep(length.mul_f64(rng.f64())).await;
        let running = if seed.is_multiple_of(4) { child.interrupt() } else { child.kill() };
        let ended = case.ended(child, running && !seed.is_multiple_of(4)).await?;
        seen.push(ended);
    }
    case.goes_on(&mut rng).await?;
    Ok(seen)
}

/// Kills a run just before the commit of one table, when those of the others have had their time.
async fn between_commits(stage: &Stage, seed: u64) -> Check<Vec<String>> {
    let (mut case, mut rng) = Case::prepared(stage, seed, true).await?;
    let loaded: Vec<_> = NAMES.into_iter().filter(|name| case.model.loadings[name].disposition.is_some()).collect();
    let killed = loaded[rng.usize(..loaded.len())];
    let version = |case: &Case, name| case.world.table_of(name).history().map(|commits| commits.len());
    let before: Vec<usize> = loaded.iter().map(|name| version(&case, name)).collect::<Check<_>>()?;
    let table = case.world.table_of(killed);
    let entry = table.entry(version(&case, killed)?).to_string_lossy().into_owned();
    // Its data files are durable before the entry of the log that names them is linked.
    let folder = table.folder.to_string_lossy().into_owned();
    let hold = format!("inject=fsync:delay_enter={HELD_UP}");
    let trace = case.world.path("trace").to_string_lossy().into_owned();
    let words = [
        "strace",
        "-f",
        "-qq",
        "-o",
        &trace,
        "-e",
        "trace=linkat,fsync",
        "-e",
        &hold,
        "-e",
        "inject=linkat:signal=KILL:when=1",
        "-P",
        &folder,
        "-P",
        &entry,
    ];
    let ended = case.world.start(case.world.command_under(&words)).ended().await?;
    let mut seen = Vec::new();
    if ended.status.success() {
        seen.push("had nothing to commit there".to_owned());
        case.model.load(&case.site.lock().expect("no poison"));
    } else {
        ended.killed()?;
        let after: Vec<usize> = loaded.iter().map(|name| version(&case, name)).collect::<Check<_>>()?;
        let others = before.iter().zip(&after).filter(|(before, after)| before < after).count();
        seen.push(format!("killed before a commit with {others} others made"));
    }
    case.goes_on(&mut rng).await?;
    Ok(seen)
}

/// A world with its site and its model.
struct Case {
    world: World,
    site: Arc<Mutex<Site>>,
    model: Model,
}

impl Case {
    /// One before the load that is cut short, with tables or without.
    async fn prepared(stage: &Stage, seed: u64, existed: bool) -> Check<(Self, fastrand::Rng)> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut case = Self::made(stage, &mut rng).await;
        if existed {
            case.load().await?;
            case.change(&mut rng);
        }
        Ok((case, rng))
    }

    async fn made(stage: &Stage, rng: &mut fastrand::Rng) -> Self {
        let loadings = loadings(rng);
        let mut first = Site::default();
        first.grow(rng, 6);
        let site = Arc::new(Mutex::new(first));
        let served = Arc::clone(&site);
        let api = Api::handler(move |request| served.lock().expect("no poison").answer(request)).latency(|_| LATENCY);
        let world = World::of_config(stage, config(&loadings), api).await;
        Self { world, site, model: Model { loadings, tables: BTreeMap::new(), seen: BTreeMap::new() } }
    }

    /// Changes what is served.
    fn change(&self, rng: &mut fastrand::Rng) {
        self.site.lock().expect("no poison").grow(rng, 3);
    }

    /// Runs to the end and compares the tables; how long that took.
    async fn load(&mut self) -> Check<Duration> {
        let run = self.world.run().await?;
        run.ok()?;
        self.model.load(&self.site.lock().expect("no poison"));
        self.holds().await?;
        Ok(run.took)
    }

    /// The end of a run that was cut short.
    async fn ended(&self, child: Child, is_killed: bool) -> Check<String> {
        let began = Instant::now();
        let run = child.ended().await?;
        if run.stderr.contains("panicked") {
            return Err(format!("there was a panic: {}", run.told()));
        }
        if is_killed {
            return Ok(how(&run));
        }
        if began.elapsed() > STOP_MAX {
            return Err(format!("stopped only after {:?}: {}", began.elapsed(), run.told()));
        }
        match run.status.code() {
            Some(0 | 5) => Ok(how(&run)),
            // The signal may come before there is anybody to hear it.
            None => Ok("stopped before it began".to_owned()),
            _ => Err(format!("exit code 5 was expected: {}", run.told())),
        }
    }

    /// A run to the end completes all tables; one without news commits nothing; one with more rows gets these.
    async fn goes_on(&mut self, rng: &mut fastrand::Rng) -> Check {
        self.load().await.map_err(|wrong| format!("the run after it: {wrong}"))?;
        let idle = self.world.run().await?;
        idle.ok()?;
        for report in idle.report["resources"].as_array().into_iter().flatten() {
            let replaces = self.model.loadings.iter().any(|(name, loading)| {
                report["resource"] == *name && loading.disposition == Some(Disposition::Replace)
            });
            if !replaces && report["commits"] != 0 {
                return Err(format!("a run without news has committed to {}", report["resource"]));
            }
        }
        self.model.load(&self.site.lock().expect("no poison"));
        self.holds().await.map_err(|wrong| format!("the run without news: {wrong}"))?;
        self.change(rng);
        self.load().await.map(|_| ()).map_err(|wrong| format!("the run with more rows: {wrong}"))
    }

    async fn holds(&self) -> Check {
        for (name, rows) in &self.model.tables {
            let found = self.world.table_of(name).rows().await?;
            same_rows(&found, rows).map_err(|wrong| format!("`{name}` ({:?}): {wrong}", self.model.loadings[name]))?;
        }
        Ok(())
    }
}

fn how(run: &Run) -> String {
    match run.status.code() {
        Some(0) => "was done before it was cut short",
        Some(_) => "stopped by the user",
        None => "killed",
    }
    .to_owned()
}

/// Draws how each is loaded, so that no run doubles what one before it has appended: a cursor on the way to it, or no append.
fn loadings(rng: &mut fastrand::Rng) -> BTreeMap<&'static str, Loading> {
    use Disposition::{Append, Merge, Replace};
    let mut draw = |dispositions: &[Option<Disposition>], has_cursor: bool| Loading {
        disposition: dispositions[rng.usize(..dispositions.len())],
        has_cursor,
        commit_every: if rng.bool() { "1GB" } else { "200B" },
    };
    let posts_have_cursor = draw(&[None], false).commit_every == "1GB";
    let comments_have_cursor = draw(&[None], false).commit_every == "1GB";
    let once = [Some(Append), Some(Append), Some(Merge), Some(Replace)];
    let again = [Some(Merge), Some(Merge), Some(Replace)];
    let parent =
        |appends| if appends { vec![Some(Append), Some(Merge), None] } else { vec![Some(Merge), Some(Replace), None] };
    let of = |appends| if appends { &once[..] } else { &again[..] };
    let posts = draw(&parent(posts_have_cursor), posts_have_cursor);
    let comments = draw(&parent(posts_have_cursor || comments_have_cursor), comments_have_cursor);
    let votes = draw(of(posts_have_cursor || comments_have_cursor), false);
    let (tags, things) = (draw(of(posts_have_cursor), false), draw(of(posts_have_cursor), false));
    NAMES.into_iter().zip([posts, comments, votes, tags, things]).collect()
}

fn config(loadings: &BTreeMap<&'static str, Loading>) -> Value {
    let resource = |name: &'static str| {
        let loading = loadings[name];
        let (path, included) = match name {
            "posts" => ("posts", None),
            "votes" => ("comments/{resources.comments.id}/votes", Some("text")),
            "comments" => ("posts/{resources.posts.id}/comments", Some("text")),
            "tags" => ("posts/{resources.posts.id}/tags", None),
            _ => ("posts/{resources.posts.id}/things", Some("tick")),
        };
        let mut resource = json!({
            "name": name,
            "primary_key": "id",
            "commit_every": loading.commit_every,
            "endpoint": {"path": path, "data_selector": "data", "paginator": {"type": "offset", "limit": PAGE_ROWS}},
        });
        match loading.disposition {
            Some(disposition) => resource["write_disposition"] = json!(disposition.name()),
            None => resource["selected"] = json!(false),
        }
        if loading.has_cursor {
            resource["endpoint"]["incremental"] = json!({"cursor_path": "tick"});
        }
        if let Some(included) = included {
            resource["include_from_parent"] = json!([included]);
        }
        resource
    };
    json!({"limits": {"memory": "20kB", "file_bytes": "8kB"}, "resources": NAMES.map(resource)})
}

impl Site {
    /// Rows more: new posts, and old ones of which some have changed and some have only rows more below them, which nobody sees who
    /// asks for posts that are new.
    fn grow(&mut self, rng: &mut fastrand::Rng, posts: i64) {
        let old: Vec<i64> = self.rows.get("posts").into_iter().flatten().filter_map(|row| row["id"].as_i64()).collect();
        for post in old.iter().copied().filter(|_| rng.u8(0..3) != 0).collect::<Vec<_>>() {
            if rng.bool() {
                self.change("posts", post);
            }
            self.fill(rng, post);
        }
        let first = count(&old);
        for post in first..first + posts {
            self.change("posts", post);
            self.fill(rng, post);
        }
    }

    fn fill(&mut self, rng: &mut fastrand::Rng, post: i64) {
        for (below, most) in [("comments", 5), ("tags", 8), ("things", 2)] {
            let path = format!("posts/{post}/{below}");
            for _ in 0..rng.u8(0..most) {
                let id = self.new_id(&path, post);
                self.change(&path, id);
                if below == "comments" {
                    let path = format!("comments/{id}/votes");
                    for _ in 0..rng.u8(0..3) {
                        let id = self.new_id(&path, id);
                        self.change(&path, id);
                    }
                }
            }
            let first = self.rows.get(&path).and_then(|rows| rows.first()?["id"].as_i64());
            if let Some(id) = first.filter(|_| rng.bool()) {
                self.change(&path, id);
            }
        }
    }

    fn new_id(&self, path: &str, parent: i64) -> i64 {
        parent * 1_000 + self.rows.get(path).map_or(0, |rows| count(rows))
    }

    /// Makes a row new, in its place.
    fn change(&mut self, path: &str, id: i64) {
        self.tick += 1;
        let row = json!({"id": id, "tick": self.tick, "text": format!("text {} of {path}", self.tick)});
        let rows = self.rows.entry(path.to_owned()).or_default();
        match rows.iter_mut().find(|row| row["id"] == id) {
            Some(old) => *old = row,
            None => rows.push(row),
        }
    }

    fn of(&self, path: &str) -> &[Value] {
        self.rows.get(path).map(Vec::as_slice).unwrap_or_default()
    }

    fn answer(&self, request: &ReceivedRequest) -> Answer {
        let rows = self.of(request.path.trim_matches('/'));
        let offset = request.number_param("offset").unwrap_or_default();
        let page: Vec<&Value> = rows.iter().skip(offset).take(PAGE_ROWS).collect();
        Answer::json(&json!({"data": page, "total": rows.len()}))
    }
}

impl Model {
    /// Takes in one run over what the site has.
    fn load(&mut self, site: &Site) {
        for (name, loading) in self.loadings.clone() {
            let Some(disposition) = loading.disposition else { continue };
            let rows = match name {
                "posts" => self.posts(site, name),
                "comments" => self.comments(site, name),
                "votes" => self.below(site, name, "text", &|id| format!("comments/{id}/votes")),
                "tags" => self.below(site, name, "", &|id| format!("posts/{id}/tags")),
                _ => self.below(site, name, "tick", &|id| format!("posts/{id}/things")),
            };
            let table = self.tables.entry(name).or_default();
            *table = after(disposition, table, &rows);
        }
    }

    fn posts(&mut self, site: &Site, of: &'static str) -> Vec<Value> {
        self.news(site, of, "posts", "posts".to_owned())
    }

    fn comments(&mut self, site: &Site, of: &'static str) -> Vec<Value> {
        let mut rows = Vec::new();
        for post in self.posts(site, of) {
            let comments = self.news(site, of, "comments", format!("posts/{}/comments", post["id"]));
            rows.extend(comments.into_iter().map(|row| including(row, "_posts_text", &post["text"])));
        }
        rows
    }

    /// All rows that lie below the new rows of the parent.
    fn below(&mut self, site: &Site, of: &'static str, included: &str, path: &dyn Fn(&Value) -> String) -> Vec<Value> {
        let (parents, prefix) = match of {
            "votes" => (self.comments(site, of), "_comments_"),
            _ => (self.posts(site, of), "_posts_"),
        };
        let mut rows = Vec::new();
        for parent in &parents {
            let own = site.of(&path(&parent["id"])).iter().cloned();
            rows.extend(own.map(|row| match included {
                "" => row,
                included => including(row, &format!("{prefix}{included}"), &parent[included]),
            }));
        }
        rows
    }

    /// The rows of a path that are new for one that is loaded; they are not new for it again.
    fn news(&mut self, site: &Site, of: &'static str, walked: &str, path: String) -> Vec<Value> {
        let rows = site.of(&path).to_vec();
        let replaces = self.loadings[of].disposition == Some(Disposition::Replace);
        if !self.loadings[walked].has_cursor || replaces {
            return rows;
        }
        let tick = |row: &Value| row["tick"].as_i64().unwrap_or_default();
        let last = rows.iter().map(tick).max().unwrap_or_default();
        let seen = self.seen.insert((of, path), last).unwrap_or_default();
        rows.into_iter().filter(|row| tick(row) > seen).collect()
    }
}

fn including(mut row: Value, name: &str, value: &Value) -> Value {
    row[name] = value.clone();
    row
}

fn count<T>(all: &[T]) -> i64 {
    i64::try_from(all.len()).expect("few")
}
