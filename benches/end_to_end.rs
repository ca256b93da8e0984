//! Whole loads against their floor, in turn, from a loopback API in its own process.
//!
//! ```text
//! cargo bench --bench end_to_end              # 1,000,000 flat and 200,000 nested records; peak memory at 1 and 5 million
//! cargo bench --bench end_to_end -- --rows 100000 --turns 1
//! ```
//!
//! The *floor* fetches the same bytes, parses them to the parser's own value, and encodes a ready Arrow table of the same rows
//! with the same settings and syncs it, as a pipeline of as many threads: what no loader can go below. Every run is a process
//! of its own; printed are medians of wall time and CPU seconds, and their ratio.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench stops at what is wrong, and prints"
)]
#![allow(clippy::cast_precision_loss, reason = "ratios for people")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use clap::Parser;

#[path = "end_to_end/floor.rs"]
mod floor;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows of a page.
const LIMIT: usize = 1_000;

/// Whole loads against their floor.
#[derive(Debug, Parser)]
struct Args {
    /// Flat records; nested ones are a fifth of them
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    #[arg(long, default_value_t = 5)]
    turns: usize,
    /// Is the floor, for one run: the API's URL and a table to encode
    #[arg(long, num_args = 2)]
    floor: Option<Vec<String>>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// One measured process.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Run {
    seconds: f64,
    cpu_seconds: f64,
    peak_megabytes: f64,
}

/// The API while it runs.
struct Api {
    process: Child,
    url: String,
}

fn main() {
    let args = Args::parse();
    if let Some([url, table]) = args.floor.as_deref() {
        floor::run(url, Path::new(table));
        return;
    }
    let work = tempfile::tempdir().expect("a folder");
    println!("{:26} {:>9} {:>9} {:>7} {:>9} {:>9} {:>7}", "", "wall", "floor", "ratio", "CPU", "floor", "ratio");
    for (shape, rows) in [("flat", args.rows), ("nested", args.rows / 5)] {
        compare(shape, rows, args.turns, work.path());
    }
    println!("\n{:26} {:>12} {:>12} {:>7}", "peak memory", rows_text(args.rows), rows_text(args.rows * 5), "ratio");
    for disposition in ["append", "merge"] {
        let peak = |rows| {
            let api = Api::start("flat", rows);
            load(&api, disposition, &work.path().join("memory")).peak_megabytes
        };
        let (one, five) = (peak(args.rows), peak(args.rows * 5));
        println!("{disposition:26} {one:9.0} MB {five:9.0} MB {:7.2}", five / one);
    }
}

fn rows_text(rows: u64) -> String {
    format!("{rows} rows")
}

/// Loads and the floor in turn.
fn compare(shape: &str, rows: u64, turns: usize, work: &Path) {
    let api = Api::start(shape, rows);
    let (lake, ready) = (work.join("lake"), work.join("ready"));
    load(&api, "merge", &ready);
    let (mut loads, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        loads.push(load(&api, "merge", &lake));
        floors.push(floor_run(&api, &ready.join("items")));
    }
    let (load, floor) = (median(loads), median(floors));
    println!(
        "{:26} {:7.2} s {:7.2} s {:7.2} {:7.2} s {:7.2} s {:7.2}",
        format!("{rows} {shape}, merge"),
        load.seconds,
        floor.seconds,
        load.seconds / floor.seconds,
        load.cpu_seconds,
        floor.cpu_seconds,
        load.cpu_seconds / floor.cpu_seconds,
    );
}

/// The floor tells its own times, because it makes its rows ready first.
fn floor_run(api: &Api, table: &Path) -> Run {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let output = command.arg("--floor").arg(&api.url).arg(table).output().expect("this program runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [seconds, cpu_seconds] = numbers[..] else { panic!("no times: {told}") };
    Run { seconds, cpu_seconds, peak_megabytes: 0.0 }
}

/// A first load by the binary.
fn load(api: &Api, disposition: &str, lake: &Path) -> Run {
    let _ = std::fs::remove_dir_all(lake);
    std::fs::create_dir_all(lake).expect("a folder");
    let config = lake.join("items.json");
    let paginator = serde_json::json!({"type": "offset", "limit": LIMIT});
    let text = serde_json::json!({
        "client": {"base_url": api.url.trim_end_matches("/items")},
        "resources": [{
            "name": "items",
            "primary_key": "id",
            "write_disposition": disposition,
            "endpoint": {"path": "items", "data_selector": "data", "paginator": paginator},
        }],
    });
    std::fs::write(&config, text.to_string()).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_alluvium"));
    command.arg("run").arg(&config).arg("--to").arg(lake).args(["--progress", "none"]);
    measured(command)
}

/// Runs a process to its end under GNU time's format of what it took.
fn measured(command: Command) -> Run {
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["-f", "%U %S %M"]).arg(command.get_program()).args(command.get_args());
    let began = Instant::now();
    let output = timed.stdout(Stdio::null()).stderr(Stdio::piped()).output().expect("GNU time");
    let seconds = began.elapsed().as_secs_f64();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let numbers: Vec<f64> =
        told.lines().last().unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [user, system, kilobytes] = numbers[..] else { panic!("no times: {told}") };
    Run { seconds, cpu_seconds: user + system, peak_megabytes: kilobytes / 1_000.0 }
}

fn median(runs: Vec<Run>) -> Run {
    let of = |figure: fn(&Run) -> f64| {
        let mut figures: Vec<f64> = runs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or_default()
    };
    Run {
        seconds: of(|run| run.seconds),
        cpu_seconds: of(|run| run.cpu_seconds),
        peak_megabytes: of(|run| run.peak_megabytes),
    }
}

impl Api {
    fn start(shape: &str, rows: u64) -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_alluvium")).with_file_name("examples/api");
        let mut process = Command::new(&program)
            .args(["--shape", shape, "--rows", &rows.to_string(), "--render", &LIMIT.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}; build it: cargo build --release --example api", program.display())
            });
        let mut url = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut url).expect("its URL");
        Self { process, url: url.trim().to_owned() }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        // One that is gone is no error.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
