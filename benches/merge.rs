//! Merges of 10,000 changed rows into a table, in turn with Python `deltalake`.
//!
//! ```text
//! cargo bench --bench merge                 # tables of 5,000,000 and of 500,000 rows, five turns
//! cargo bench --bench merge -- --turns 1
//! ```
//!
//! Rows are in memory on both sides, both write zstd 1, and what is measured is from opening the table to the acknowledged commit:
//! ours with all of its syncs. Every merge is a process of its own, into a fresh copy of the table. Printed are medians, how many
//! times as long as `deltalake` ours took, and the most memory that it had.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench stops at what is wrong, and prints"
)]

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use alluvium::flow::{LoadSchema, Receipt, Remembered, TableBatch};
use alluvium::load::{Ending, LoadOptions, Loader};
use alluvium::plan::{
    DeltaOptions, Endpoint, History, Limits, Matched, Merge, PipelineName, ResourceName, ResourcePlan, TableName,
    Target, WriteDisposition,
};
use arrow::array::RecordBatch;
use clap::{ArgAction, Parser, Subcommand};
use parquet::arrow::ArrowWriter;

#[path = "merge/rows.rs"]
mod rows;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows that change.
const CHANGES: u64 = 10_000;
/// Bytes of a data file, so that 5,000,000 rows are five files.
const FILE_BYTES: u64 = 46 << 20;

/// Merges in turn with deltalake.
#[derive(Debug, Parser)]
struct Args {
    /// Merges of each kind; the medians are printed
    #[arg(long, default_value_t = 5)]
    turns: usize,
    /// Rows of the larger table; the smaller has a tenth
    #[arg(long, default_value_t = 5_000_000)]
    rows: u64,
    /// What cargo tells a bench
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What a process of its own does.
#[derive(Debug, Subcommand)]
enum Part {
    /// Makes a table
    Make {
        lake: PathBuf,
        rows: u64,
        #[arg(action = ArgAction::Set)]
        vectors: bool,
    },
    /// Merges changes into it
    Merge {
        lake: PathBuf,
        of: u64,
        #[arg(action = ArgAction::Set)]
        skips_unchanged: bool,
    },
}

/// One kind of merge of ours.
struct Kind {
    name: &'static str,
    /// Into the table with deletion vectors.
    vectors: bool,
    skips_unchanged: bool,
    /// The share of the table's rows, the oldest, among which the changes are.
    among: u64,
}

const KINDS: [Kind; 4] = [
    Kind { name: "deletion vectors", vectors: true, skips_unchanged: false, among: 1 },
    Kind { name: "deletion vectors, skip_unchanged_rows", vectors: true, skips_unchanged: true, among: 1 },
    Kind { name: "copy on write", vectors: false, skips_unchanged: true, among: 1 },
    Kind { name: "copy on write, one file in five", vectors: false, skips_unchanged: true, among: 6 },
];

fn main() {
    let args = Args::parse();
    match args.part {
        Some(Part::Make { lake, rows, vectors }) => make(&lake, rows, vectors),
        Some(Part::Merge { lake, of, skips_unchanged }) => merge(&lake, of, skips_unchanged),
        None => compare(args.rows, args.turns),
    }
}

/// A median time of ours and one of deltalake's, in seconds, and our peak memory in bytes.
struct Measured {
    ours: f64,
    deltalake: f64,
    peak: f64,
}

fn compare(rows: u64, turns: usize) {
    let python = command(&mut Command::new("benches/peers/install"));
    let work =
        tempfile::tempdir_in(std::env::var_os("ALLUVIUM_BENCH_FOLDER").unwrap_or("/var/tmp".into())).expect("a folder");
    println!("{:8} {:40} {:>9} {:>10} {:>6} {:>8}", "rows", "", "alluvium", "deltalake", "ratio", "memory");
    for rows in [rows, rows / 10] {
        for vectors in [false, true] {
            own(&["make", &path(&work.path().join(base(rows, vectors))), &rows.to_string(), &vectors.to_string()]);
        }
        for kind in &KINDS {
            let measured = measure(work.path(), python.trim(), rows, kind, turns);
            println!(
                "{rows:8} {:40} {:7.3} s {:8.3} s {:6.3} {:5.0} MB",
                kind.name,
                measured.ours,
                measured.deltalake,
                measured.ours / measured.deltalake,
                measured.peak / 1e6
            );
        }
    }
}

fn base(rows: u64, vectors: bool) -> String {
    format!("base-{rows}-{vectors}")
}

fn measure(work: &Path, python: &str, rows: u64, kind: &Kind, turns: usize) -> Measured {
    let of = rows / kind.among;
    let changes = work.join("changes.parquet");
    write_parquet(&changes, &rows::whole(&rows::changes(CHANGES, of), 1));
    let (mut ours, mut theirs, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..turns {
        let lake = work.join("copy");
        copy(&work.join(base(rows, kind.vectors)), &lake);
        let told = own(&["merge", &path(&lake), &of.to_string(), &kind.skips_unchanged.to_string()]);
        let mut told = told.split_whitespace().map(|figure| figure.parse::<f64>().expect("a number"));
        ours.push(told.next().expect("seconds"));
        peaks.push(told.next().expect("bytes"));
        fs::remove_dir_all(&lake).expect("a copy");
        copy(&work.join(base(rows, false)), &lake);
        let script = ["-B", "benches/peers/merge_deltalake.py"];
        let told = command(Command::new(python).args(script).arg(lake.join("items")).arg(&changes));
        theirs.push(told.trim().parse().expect("seconds"));
        fs::remove_dir_all(&lake).expect("a copy");
    }
    Measured { ours: median(ours), deltalake: median(theirs), peak: median(peaks) }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A copy of a table. Files of a table are never changed, so that links will do.
fn copy(from: &Path, to: &Path) {
    for folder in ["items/_delta_log", "items"] {
        fs::create_dir_all(to.join(folder)).expect("a folder");
        for entry in fs::read_dir(from.join(folder)).expect("the table") {
            let entry = entry.expect("an entry").path();
            if entry.is_file() {
                fs::hard_link(&entry, to.join(folder).join(entry.file_name().expect("a name"))).expect("a link");
            }
        }
    }
}

fn own(arguments: &[&str]) -> String {
    command(Command::new(std::env::current_exe().expect("this program")).args(arguments))
}

/// What a command prints.
fn command(command: &mut Command) -> String {
    let output = command.stderr(std::process::Stdio::inherit()).output().expect("the command starts");
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn path(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn write_parquet(path: &Path, rows: &RecordBatch) {
    let file = fs::File::create(path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, rows.schema(), None).expect("a writer");
    writer.write(rows).expect("rows");
    writer.close().expect("a file");
}

fn make(lake: &Path, rows: u64, vectors: bool) {
    let numbers: Vec<u64> = (0..rows).collect();
    let batches = numbers.chunks(usize::try_from(rows::BATCH_ROWS).expect("small")).map(|rows| rows::batch(rows, 0));
    load(lake, &resource(WriteDisposition::Append, vectors), batches);
}

/// Merges, and prints seconds and the most bytes of memory.
fn merge(lake: &Path, of: u64, skips_unchanged: bool) {
    let key = vec!["id".to_owned()];
    let changes = rows::whole(&rows::changes(CHANGES, of), 1);
    let matched = if skips_unchanged { Matched::UpdateChanged } else { Matched::Update };
    let began = Instant::now();
    let receipt = load(
        lake,
        &resource(WriteDisposition::Merge(Merge { matched, ..Merge::by(key) }), false),
        [changes].into_iter(),
    );
    let took = began.elapsed();
    assert_eq!(receipt.rows.updated, CHANGES, "every row was there, and is another one now");
    println!("{} {}", took.as_secs_f64(), peak_bytes());
}

fn load(lake: &Path, resource: &ResourcePlan, batches: impl Iterator<Item = RecordBatch> + Send) -> Receipt {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let limits = Limits { file_bytes: NonZeroU64::new(FILE_BYTES).expect("not 0"), ..Limits::default() };
    let target = Target::parse(&path(lake), std::collections::BTreeMap::new()).expect("a folder");
    let pipeline = PipelineName::parse("bench").expect("a name");
    runtime.block_on(async {
        let key = alluvium::normalize::Normalizer::key_columns(resource);
        let options = LoadOptions {
            pipeline: &pipeline,
            resource,
            target: &target,
            limits: &limits,
            run_id: "bench",
            history: History::default(),
            starts_over: false,
            after: None,
        };
        let (mut loader, _) = Loader::open(&options, &key).await.expect("a table");
        let mut schema = None;
        for rows in batches {
            schema = Some(rows.schema());
            loader.write(TableBatch { rows, rejects: Vec::new() }).await.expect("rows");
        }
        let columns = schema.expect("a batch");
        let schema = LoadSchema { columns, unseen: Vec::new(), widened: Vec::new() };
        loader.finish(&schema, Ending::Whole(Remembered::default())).await.expect("a commit").0
    })
}

/// The most memory that this process had (proc_pid_status(5), `VmHWM`).
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the peak");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}

fn resource(write: WriteDisposition, deletion_vectors: bool) -> ResourcePlan {
    let url = url::Url::parse("http://api.example/items").expect("a URL");
    let (name, table) = (ResourceName::parse("items").expect("a name"), TableName::parse("items").expect("a name"));
    let plan = ResourcePlan::new(name, table, Endpoint::get(url));
    ResourcePlan { write, delta: DeltaOptions { deletion_vectors, ..DeltaOptions::default() }, ..plan }
}
