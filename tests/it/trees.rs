//! Random trees of resources under the tightest bounds: each run ends, with all of the rows or a proper error, and the next one
//! completes what a fault or the user has cut short.
//!
//! `ALLUVIUM_TREES=2000 ALLUVIUM_TREES_SEED=1 cargo test --test it trees::` tries so many trees from that seed; a failure tells its seed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alluvium::config::{self, Options, Source, Surroundings};
use alluvium::pipeline::{self, ResourceStatus, RunReport, Stop, StopHandle};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::support::api::{Answer, Api, ReceivedRequest, Running};
use crate::support::lake;

/// Trees that are tried if nothing else is said.
const TREES: u64 = 10;
/// Far above what a run of these takes.
const RUN_MAX: Duration = Duration::from_secs(240);
/// Rows of a resource that lead to walks of its children, so that a tree takes no more than some seconds.
const ROWS_MAX: usize = 60;
/// Every so many trees have a root with many rows.
const LARGE_EVERY: u64 = 50;
const LARGE_ROWS: usize = 10_000;

/// One resource of a tree; its name is `n` and its number.
#[derive(Debug, Clone)]
struct Node {
    parent: Option<usize>,
    depth: usize,
    /// `append`, `merge`, `replace`, or `none`: it is not selected.
    write: &'static str,
    commit_every: &'static str,
    is_incremental: bool,
    /// Rows get these members of their parent's.
    included: Vec<&'static str>,
    paginator: &'static str,
    page_rows: usize,
    /// Bytes of each row beside the others.
    filler: usize,
    latency: Duration,
    /// Rows by the key of the parent's row; the root's is empty.
    counts: BTreeMap<String, usize>,
}

/// What goes wrong in the first run.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    None,
    /// The server refuses pages from some on of one walk.
    Refused {
        node: usize,
        parent: String,
        page: usize,
    },
    /// A row has not what its schema wants.
    BadRow {
        node: usize,
        parent: String,
        row: usize,
    },
    /// The user stops the run when so many requests have come.
    Stopped {
        after: usize,
    },
}

#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    fault: Fault,
    memory: &'static str,
    concurrency: usize,
}

impl Tree {
    fn made(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let is_large = seed % LARGE_EVERY == LARGE_EVERY - 1;
        let mut nodes: Vec<Node> = Vec::new();
        let size = if is_large { random.usize(2..4) } else { random.usize(2..9) };
        for number in 0..size {
            let parent = (number > 0).then(|| match is_large {
                true => 0,
                false => pick(&mut random, &(0..number).filter(|above| nodes[*above].depth < 4).collect::<Vec<_>>()),
            });
            let node = node(&mut random, &nodes, parent, is_large);
            nodes.push(node);
        }
        // A resource that nobody needs is not walked.
        for number in 0..size {
            let has_children = nodes.iter().any(|node| node.parent == Some(number));
            if !has_children && nodes[number].write == "none" {
                nodes[number].write = "append";
            }
        }
        let fault = fault(&mut random, &mut nodes);
        let memory = pick(&mut random, &["1", "20kB", "256kB", "1MB"]);
        Self { nodes, fault, memory, concurrency: random.usize(1..3) }
    }

    fn config(&self, base_url: &str, lake: &Path) -> Value {
        let resources: Vec<Value> = (0..self.nodes.len()).map(|number| self.resource(number)).collect();
        json!({
            "name": "trees",
            "destination": lake,
            "limits": {"memory": self.memory, "resources_in_flight": 1, "file_bytes": "20kB"},
            "client": {"base_url": base_url, "concurrency": self.concurrency, "retry": {"max_retries": 0}},
            "resources": resources,
        })
    }

    fn resource(&self, number: usize) -> Value {
        let node = &self.nodes[number];
        let path = match node.parent {
            Some(parent) => format!("n{number}/{{resources.n{parent}.id}}/rows"),
            None => format!("n{number}/root/rows"),
        };
        let paginator = match node.paginator {
            "offset" => json!({"type": "offset", "limit": node.page_rows}),
            "page_number" => json!({"type": "page_number", "base_page": 1, "total_path": "pages"}),
            "cursor" => json!({"type": "cursor", "cursor_path": "cursor", "cursor_param": "cursor"}),
            other => json!(other),
        };
        let mut endpoint = json!({"path": path, "data_selector": "data", "paginator": paginator});
        if node.is_incremental {
            endpoint["incremental"] = json!({"cursor_path": "n"});
        }
        let mut resource = json!({
            "name": format!("n{number}"),
            "primary_key": "id",
            "commit_every": node.commit_every,
            "columns": {"name": {"nullable": false}},
            "endpoint": endpoint,
        });
        if !node.included.is_empty() {
            resource["include_from_parent"] = json!(node.included);
        }
        match node.write {
            "none" => resource["selected"] = json!(false),
            write => resource["write_disposition"] = json!(write),
        }
        resource
    }

    fn answer(&self, request: &ReceivedRequest, is_faulty: bool) -> Answer {
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let (number, parent) = (parts[0][1..].parse::<usize>().expect("a number"), parts[1]);
        let node = &self.nodes[number];
        let key = if parent == "root" { "" } else { parent };
        let count = node.counts.get(key).copied().expect("a parent that was served");
        let of = |name| request.number_param(name);
        let page = match node.paginator {
            "offset" => of("offset").unwrap_or(0) / node.page_rows,
            "page_number" => of("page").expect("a page") - 1,
            "cursor" => of("cursor").unwrap_or(0),
            "json_link" => of("at").unwrap_or(0),
            _ => 0,
        };
        if is_faulty
            && let Fault::Refused { node: refused, parent, page: from } = &self.fault
            && (*refused, parent.as_str()) == (number, key)
            && page >= *from
        {
            return Answer::text(403, "no");
        }
        let page_rows = if node.paginator == "single_page" { usize::MAX } else { node.page_rows };
        let rows: Vec<Value> = (page.saturating_mul(page_rows)..count)
            .take(page_rows)
            .map(|row| {
                let mut made = json!({"id": below(key, row), "n": row, "name": "a", "filler": "f".repeat(node.filler)});
                let bad = Fault::BadRow { node: number, parent: key.to_owned(), row };
                if is_faulty && bad == self.fault {
                    made.as_object_mut().expect("an object").remove("name");
                }
                made
            })
            .collect();
        let pages = count.div_ceil(node.page_rows);
        let follows = page + 1 < pages;
        Answer::json(&json!({
            "data": rows,
            "total": count,
            "pages": pages,
            "cursor": follows.then_some(page + 1),
            "next": follows.then(|| format!("{}?at={}", request.path, page + 1)),
        }))
    }

    /// The keys of all rows of a resource, with what they have of their parents.
    fn rows(&self, number: usize) -> BTreeMap<String, Option<usize>> {
        let node = &self.nodes[number];
        let rows = node.counts.iter().flat_map(|(parent, count)| {
            let of_parent = parent.rsplit('.').next().and_then(|last| last.parse().ok());
            (0..*count).map(move |row| (below(parent, row), of_parent.filter(|_| node.included.contains(&"n"))))
        });
        rows.collect()
    }

    fn is_below(&self, number: usize, above: usize) -> bool {
        self.nodes[number].parent.is_some_and(|parent| parent == above || self.is_below(parent, above))
    }

    /// Whether what a run has loaded is not taken again by the next one.
    fn goes_on(&self, number: usize) -> bool {
        let node = &self.nodes[number];
        node.write != "replace" && (node.is_incremental || node.parent.is_some_and(|parent| self.leads_on(parent)))
    }

    /// Whether what goes wrong is a parent's row with a cursor, which has changed once it is mended, and is new again for its children.
    fn mends_a_parent_of(&self, number: usize) -> bool {
        match &self.fault {
            Fault::BadRow { node, .. } => self.nodes[*node].is_incremental && self.is_below(number, *node),
            Fault::None | Fault::Refused { .. } | Fault::Stopped { .. } => false,
        }
    }

    fn leads_on(&self, number: usize) -> bool {
        let node = &self.nodes[number];
        node.is_incremental || node.parent.is_some_and(|parent| self.leads_on(parent))
    }
}

/// The key of a row.
fn below(parent: &str, row: usize) -> String {
    if parent.is_empty() { row.to_string() } else { format!("{parent}.{row}") }
}

fn pick<T: Copy>(random: &mut Rng, choices: &[T]) -> T {
    choices[random.usize(..choices.len())]
}

fn node(random: &mut Rng, nodes: &[Node], parent: Option<usize>, is_large: bool) -> Node {
    let parents: Vec<String> = match parent {
        Some(parent) => nodes[parent].counts.iter().flat_map(|(key, n)| (0..*n).map(|row| below(key, row))).collect(),
        None => vec![String::new()],
    };
    let rows_max = if is_large { LARGE_ROWS } else { ROWS_MAX };
    let mut left = rows_max;
    let sizes: &[usize] = match parent {
        None if is_large => &[LARGE_ROWS],
        _ if is_large => &[0, 1],
        None => &[0, 1, 2, 5, 40, ROWS_MAX],
        Some(_) => pick(random, &[&[0][..], &[1], &[0, 1], &[0, 0, 0, 50], &[1, 2, 3, 7], &[30, 1]]),
    };
    let counts = parents.into_iter().map(|parent| {
        let count = pick(random, sizes).min(left);
        left -= count;
        (parent, count)
    });
    let counts = counts.collect();
    Node {
        parent,
        depth: parent.map_or(1, |parent| nodes[parent].depth + 1),
        write: pick(random, &["append", "append", "merge", "merge", "replace", "none"]),
        // A commit for each of so many pages would be all that takes time.
        commit_every: pick(random, if is_large { &["20kB", "1GB"] } else { &["1B", "2kB", "2kB", "1GB"] }),
        is_incremental: random.u8(0..3) == 0,
        included: if parent.is_some() { pick(random, &[&[][..], &["n"], &["n", "filler"]]).to_vec() } else { vec![] },
        paginator: pick(random, &["offset", "page_number", "cursor", "json_link", "single_page"]),
        page_rows: if is_large { random.usize(300..3_000) } else { pick(random, &[1, 2, 7, 25, 1_000]) },
        filler: if is_large { 0 } else { pick(random, &[0, 0, 10, 300, 3_000]) },
        latency: Duration::from_micros(if is_large { 0 } else { pick(random, &[0, 0, 300, 2_000]) }),
        counts,
    }
}

fn fault(random: &mut Rng, nodes: &mut [Node]) -> Fault {
    let spots: Vec<(usize, String, usize)> = nodes
        .iter()
        .enumerate()
        .flat_map(|(number, node)| node.counts.iter().map(move |(parent, count)| (number, parent.clone(), *count)))
        .collect();
    let (node, parent, count) = spots[random.usize(..spots.len())].clone();
    match random.u8(0..6) {
        0 => Fault::None,
        1 | 2 => Fault::Refused {
            node,
            parent,
            page: if count > nodes[node].page_rows && nodes[node].paginator != "single_page" {
                random.usize(0..2)
            } else {
                0
            },
        },
        3 if count > 0 && nodes[node].write != "none" => Fault::BadRow { node, parent, row: random.usize(..count) },
        _ => Fault::Stopped { after: random.usize(1..2 + spots.len()) },
    }
}

/// A tree with its server and its tables.
struct Grown {
    tree: Arc<Tree>,
    api: Running,
    folder: tempfile::TempDir,
    is_faulty: Arc<AtomicBool>,
    /// How the run under way is stopped.
    stop: Arc<Mutex<Option<StopHandle>>>,
    /// Copies of the rows that each table is to have.
    copies: Vec<usize>,
}

impl Grown {
    async fn of(tree: Tree) -> Self {
        let tree = Arc::new(tree);
        let is_faulty = Arc::new(AtomicBool::new(true));
        let stop: Arc<Mutex<Option<StopHandle>>> = Arc::default();
        let (served, faulty, stopping) = (Arc::clone(&tree), Arc::clone(&is_faulty), Arc::clone(&stop));
        let came = AtomicUsize::new(0);
        let slow = Arc::clone(&tree);
        let api = Api::handler(move |request| {
            let came = came.fetch_add(1, Ordering::SeqCst) + 1;
            let is_faulty = faulty.load(Ordering::SeqCst);
            if is_faulty && served.fault == (Fault::Stopped { after: came }) {
                stopping.lock().expect("no poison").as_ref().expect("a run").stop();
            }
            served.answer(request, is_faulty)
        });
        let latency = move |request: &ReceivedRequest| {
            let number: usize = request.path[2..].split('/').next().and_then(|n| n.parse().ok()).expect("a number");
            slow.nodes[number].latency
        };
        let api = api.latency(latency).start().await;
        let copies = vec![0; tree.nodes.len()];
        Self { tree, api, folder: tempfile::tempdir().expect("a folder"), is_faulty, stop, copies }
    }

    /// Runs once, and checks what is in the tables against what the report says.
    async fn run(&mut self) -> RunReport {
        let config = self.tree.config(self.api.url.trim_end_matches("/items"), &self.folder.path().join("lake"));
        let (handle, stop) = Stop::new();
        *self.stop.lock().expect("no poison") = Some(handle);
        let report = ended(&config, stop).await.unwrap_or_else(|| panic!("the run hangs: {:#?}", self.tree));
        self.check(&report).await;
        report
    }

    async fn check(&mut self, report: &RunReport) {
        for entry in &report.resources {
            let number: usize = entry.resource[1..].parse().expect("a number");
            let node = &self.tree.nodes[number];
            if node.write == "none" {
                continue;
            }
            let is_loaded = entry.status == ResourceStatus::Ok;
            let before = self.copies[number];
            let more = match node.write {
                "append" if before > 0 && self.tree.goes_on(number) => 0,
                "append" => 1,
                _ => 1 - before,
            };
            if is_loaded {
                self.copies[number] += more;
            }
            // Of a load that failed the parts before are there, but for those of a replacement.
            let most = if node.write == "replace" { self.copies[number] } else { before + more };
            let most = most + usize::from(node.write == "append" && self.tree.mends_a_parent_of(number));
            let mut found = self.found(number).await;
            for (id, of_parent) in self.tree.rows(number) {
                let (count, stored) = found.remove(&id).unwrap_or((0, of_parent));
                let range = self.copies[number]..=most.max(self.copies[number]);
                assert!(range.contains(&count), "row {id} of n{number} is there {count} times, {range:?}: {report:#?}");
                assert_eq!(stored, of_parent, "row {id} of n{number}");
            }
            assert!(found.is_empty(), "n{number} has rows that were not served: {found:?}");
        }
    }

    /// How often each row of a table is there, with what it has of its parent.
    async fn found(&self, number: usize) -> BTreeMap<String, (usize, Option<usize>)> {
        let folder = self.folder.path().join(format!("lake/n{number}"));
        let mut found: BTreeMap<String, (usize, Option<usize>)> = BTreeMap::new();
        if !folder.exists() {
            return found;
        }
        let of_parent = self.tree.nodes[number].parent.map(|parent| format!("_n{parent}_n")).unwrap_or_default();
        for row in lake::read(&folder).await.stored {
            let id = row["id"].as_str().expect("a key").to_owned();
            let of_parent = row[&of_parent].as_u64().and_then(|n| n.try_into().ok());
            found.entry(id).or_insert((0, of_parent)).0 += 1;
        }
        found
    }

    /// What the report says of the run with the fault.
    fn judge(&self, report: &RunReport) {
        let failing = match &self.tree.fault {
            Fault::Refused { node, .. } | Fault::BadRow { node, .. } => Some(*node),
            Fault::None | Fault::Stopped { .. } => None,
        };
        for entry in &report.resources {
            let number: usize = entry.resource[1..].parse().expect("a number");
            let code = entry.error.as_ref().map(|error| error.code.clone());
            let told = || format!("n{number} {:?}: {report:#?}\n{:#?}", entry.status, self.tree);
            match failing {
                Some(failing) if number == failing => assert_eq!(entry.status, ResourceStatus::Failed, "{}", told()),
                Some(failing) if self.tree.is_below(number, failing) => {
                    // A parent whose rows cannot be stored may have led on to all of its children by then.
                    let may_be_loaded = matches!(self.tree.fault, Fault::BadRow { .. });
                    assert!(may_be_loaded || code.as_deref() == Some("parent_failed"), "{}", told());
                }
                _ if matches!(self.tree.fault, Fault::Stopped { .. }) => {
                    let is_stopped = entry.status == ResourceStatus::Interrupted;
                    assert!(is_stopped || code.is_none(), "{}", told());
                }
                _ => assert_eq!(code, None, "{}", told()),
            }
        }
    }
}

/// The report of a config's run; `None`: it does not end.
async fn ended(config: &Value, stop: Stop) -> Option<RunReport> {
    let source = Source { path: Path::new("tree.json").into(), text: config.to_string() };
    let options = Options { surroundings: Surroundings::new([], "/nowhere"), ..Options::default() };
    let plan = config::load_source(&source, &options).unwrap_or_else(|problems| panic!("{problems}"));
    tokio::time::timeout(RUN_MAX, pipeline::run(&plan, Arc::new(()), stop)).await.ok()
}

async fn case(seed: u64) {
    let mut grown = Grown::of(Tree::made(seed)).await;
    let report = grown.run().await;
    grown.judge(&report);
    grown.is_faulty.store(false, Ordering::SeqCst);
    let report = grown.run().await;
    assert!(report.resources.iter().all(|entry| entry.error.is_none()), "{report:#?}\n{:#?}", grown.tree);
    let idle = grown.run().await;
    for entry in idle.resources {
        let number: usize = entry.resource[1..].parse().expect("a number");
        assert!(entry.commits == 0 || !grown.tree.goes_on(number), "{entry:#?}\n{:#?}", grown.tree);
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "the seed of a failure is known before the others have been tried")]
fn random_trees_end_with_their_rows_or_an_error() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (count, first) = (number("ALLUVIUM_TREES").unwrap_or(TREES), number("ALLUVIUM_TREES_SEED").unwrap_or(0));
    let mut failed = Vec::new();
    for seed in first..first + count {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let began = Instant::now();
        let tried = std::panic::catch_unwind(|| runtime.block_on(case(seed)));
        if tried.is_err() {
            println!("seed {seed} failed after {:?}", began.elapsed());
            failed.push(seed);
        }
        // What hangs is left behind.
        runtime.shutdown_background();
    }
    assert!(failed.is_empty(), "of {count} trees these failed: {failed:?}");
}

/// The status of each resource of a run that ends.
async fn statuses(api: Api, limits: Value, client: Value, resources: Value) -> Vec<ResourceStatus> {
    let (api, folder) = (api.start().await, tempfile::tempdir().expect("a folder"));
    let mut config = json!({
        "name": "trees", "destination": folder.path().join("lake"), "limits": limits, "client": client, "resources": resources,
    });
    config["client"]["base_url"] = json!(api.url.trim_end_matches("/items"));
    let (_handle, stop) = Stop::new();
    let report = ended(&config, stop).await.expect("the run ends");
    report.resources.iter().map(|entry| entry.status).collect()
}

fn numbered(rows: std::ops::Range<usize>, filler: usize) -> Vec<Value> {
    rows.map(|id| json!({"id": id, "filler": "f".repeat(filler)})).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_waits_for_memory_does_not_hold_up_a_load_that_has_failed() {
    // The lane has 100 kB for pages: a large one waits for the one before it, which is behind one that fails.
    for bad in [2, 3, 4, 5, 6, 7] {
        let api = Api::handler(move |request| {
            let offset = request.number_param("offset").expect("an offset");
            let mut rows = numbered(offset..offset + 10, if offset == (bad + 2) * 10 { 9_000 } else { 3_000 });
            if offset == bad * 10 {
                rows[9] = json!({"id": 9});
            }
            Answer::json(&json!({"data": rows, "total": 1_000}))
        });
        let items = json!({
            "name": "items", "columns": {"filler": {"nullable": false}},
            // With a cursor, rows are not taken while the body is read, so that more than one page is being decoded.
            "endpoint": {"data_selector": "data", "paginator": {"type": "offset", "limit": 10},
                "incremental": {"cursor_path": "id"}},
        });
        let statuses = statuses(api, json!({"memory": "400kB"}), json!({}), json!([items])).await;
        assert_eq!(statuses, [ResourceStatus::Failed]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parent_that_has_failed_keeps_no_request_from_its_children() {
    // The walk of the first group fails when its members wait for their badges; that of the second is always about to ask again.
    for _ in 0..10 {
        let api = Api::handler(|request| match (request.path.as_str(), request.param("at")) {
            ("/groups", _) => Answer::json(&json!({"data": numbered(1..3, 0)})),
            ("/groups/1/members", None) => {
                Answer::json(&json!({"data": numbered(0..300, 0), "next": "/groups/1/members?at=1"}))
            }
            ("/groups/1/members", _) => Answer::text(403, "no"),
            ("/groups/2/members", _) => Answer::text(500, "again"),
            _ => Answer::json(&json!([{"badge": 1}])),
        });
        let second_is_slow = |request: &ReceivedRequest| match request.path.as_str() {
            "/groups/2/members" => Duration::from_millis(5),
            _ => Duration::ZERO,
        };
        let resources = json!([
            {"name": "groups", "endpoint": {"data_selector": "data", "paginator": "single_page"}},
            {"name": "members", "endpoint": {"path": "groups/{resources.groups.id}/members", "data_selector": "data",
                "paginator": "json_link"}},
            {"name": "badges", "endpoint": {"path": "members/{resources.members.id}/badges", "paginator": "single_page"}},
        ]);
        let client =
            json!({"concurrency": 1, "retry": {"max_retries": 100_000, "backoff_factor": 0.0001, "max_wait": 0.0005}});
        let statuses = statuses(api.latency(second_is_slow), json!({}), client, resources).await;
        assert_eq!(statuses, [ResourceStatus::Ok, ResourceStatus::Failed, ResourceStatus::Failed]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_on_every_level_do_not_wait_for_each_other() {
    // Each is on disk and comes in pieces, which wait for their turn to be read; members of parents leave room for one row at a time.
    let api = Api::handler(|request| match request.path.split('/').nth(1) {
        Some("groups") if request.path == "/groups" => Answer::json(&json!({"data": numbered(0..12, 16_000)})),
        Some("groups") => Answer::json(&json!({"data": numbered(0..8, 16_000)})),
        _ => Answer::json(&json!({"data": numbered(0..4, 20_000)})),
    });
    let resource = |name: &str, path: &str| {
        let mut resource =
            json!({"name": name, "endpoint": {"path": path, "data_selector": "data", "paginator": "single_page"}});
        if path.contains('{') {
            resource["include_from_parent"] = json!(["filler"]);
        }
        resource
    };
    let resources = json!([
        resource("groups", "groups"),
        resource("members", "groups/{resources.groups.id}/members"),
        resource("badges", "members/{resources.members.id}/badges"),
    ]);
    let statuses = statuses(api, json!({"memory": "20kB"}), json!({"concurrency": 2}), resources).await;
    assert_eq!(statuses, [ResourceStatus::Ok; 3]);
}
