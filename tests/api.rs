//! The scripted API of the tests as a program, for scripts and benches: prints its URL and serves until it is killed.
//!
//! ```text
//! api --rows 1000 --style offset --fault-every 7 --faults 503,half,reset
//! ```

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test's tool stops at what is wrong")]
#![allow(clippy::print_stdout, reason = "its first line is its URL")]
#![allow(unreachable_pub, dead_code, reason = "the tests use the rest")]

#[path = "it/support/api/mod.rs"]
mod api;
#[path = "it/support/records.rs"]
mod records;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use clap::Parser;
use serde_json::Value;

use api::{Fault, KeyPlace, ReceivedRequest, Rows, Style};
use records::{Keys, Records, Shape};

/// A scripted API over made records, or over the rows of a file.
#[derive(Debug, Parser)]
struct Args {
    /// Where it listens
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How many records are made
    #[arg(long, default_value_t = 1_000)]
    rows: u64,
    /// JSON Lines to serve in place of made records
    #[arg(long)]
    rows_file: Option<PathBuf>,
    /// What made records look like: flat, nested, wide
    #[arg(long, default_value = "flat", value_parser = shape)]
    shape: Shape,
    /// The order of their keys: rising, random
    #[arg(long, default_value = "rising", value_parser = keys)]
    keys: Keys,
    /// Another version has other values under the same keys
    #[arg(long, default_value_t = 0)]
    version: u64,
    /// Every Nth record is of the next version
    #[arg(long)]
    changed_every: Option<u64>,
    /// Prints every Nth record and ends, in place of serving
    #[arg(long)]
    print_every: Option<u64>,
    /// Makes the bodies of all pages of this many rows beforehand (style offset, made records)
    #[arg(long)]
    render: Option<usize>,
    /// offset, page, page0, cursor, next, next-relative, link, header-cursor, single
    #[arg(long, default_value = "offset", value_parser = style)]
    style: Style,
    /// Rows of a page where the request does not say
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// Rows of a page at the most
    #[arg(long)]
    cap: Option<usize>,
    /// Leaves the total out
    #[arg(long)]
    no_total: bool,
    /// The total grows by so many rows with each request until it is true
    #[arg(long)]
    growing_total: Option<usize>,
    /// Drops the first row before every Nth request is answered, so that the data shifts while it is paged
    #[arg(long)]
    shift_every: Option<usize>,
    /// Asks for this API key, as NAME=VALUE in the query
    #[arg(long, value_parser = key)]
    key: Option<(String, String)>,
    /// Asks for a bearer token of POST /token that can be used so often
    #[arg(long)]
    token_uses: Option<usize>,
    /// Every Nth request goes wrong
    #[arg(long, requires = "faults")]
    fault_every: Option<usize>,
    /// The ways in which requests go wrong, in turn: a status, retry-after, malformed, html, dropped, half, reset,
    /// short-length, long-length, slow, silent, stalled
    #[arg(long, value_delimiter = ',', value_parser = fault)]
    faults: Vec<Fault>,
    /// Milliseconds before each answer
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Up to so many more, at random
    #[arg(long, default_value_t = 0)]
    jitter_ms: u64,
    /// Compresses every body
    #[arg(long)]
    gzip: bool,
    /// Gets a line a request: its number, method, path and query
    #[arg(long)]
    log: Option<PathBuf>,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    if let Some(nth) = args.print_every {
        let records = Records { shape: args.shape, keys: args.keys, version: args.version };
        (0..args.rows)
            .filter(|number| number.is_multiple_of(nth))
            .for_each(|number| println!("{}", records.json(number)));
        return;
    }
    let mut api = rows(&args).api();
    if let Some((name, value)) = &args.key {
        api = api.require_key(name, value, KeyPlace::Query);
    }
    if let Some(uses) = args.token_uses {
        api = api.expiring_tokens(uses);
    }
    if let Some(nth) = args.fault_every {
        api = api.fault_every(nth, args.faults.clone());
    }
    if args.gzip {
        api = api.gzip();
    }
    let (latency_ms, jitter_ms) = (args.latency_ms, args.jitter_ms);
    api = api.latency(move |_| Duration::from_millis(latency_ms + fastrand::u64(0..=jitter_ms)));
    if let Some(path) = &args.log {
        let log = Mutex::new(File::create(path).expect("the log can be written"));
        api = api.telling(move |request| write_line(&log, request));
    }
    let running = api.start_at(args.listen).await.expect("the address is free");
    println!("{}", running.url);
    std::future::pending::<()>().await;
}

fn rows(args: &Args) -> Rows {
    let records = Records { shape: args.shape, keys: args.keys, version: args.version };
    let changed_every = args.changed_every;
    let json = move |number: u64| match changed_every {
        Some(nth) if number.is_multiple_of(nth) => Records { version: records.version + 1, ..records }.json(number),
        _ => records.json(number),
    };
    if let Some(limit) = args.render {
        let count = usize::try_from(args.rows).expect("they fit into memory");
        return Rows::rendered(count, limit, move |number| json(number as u64));
    }
    let values = match &args.rows_file {
        Some(path) => BufReader::new(File::open(path).expect("the rows can be read"))
            .lines()
            .map(|line| serde_json::from_str(&line.expect("a line")).expect("a row is JSON"))
            .collect(),
        None => (0..args.rows).map(|number| serde_json::from_str(&json(number)).expect("a record is JSON")).collect(),
    };
    let mut rows = Rows::of(values).style(args.style).size(args.size).cap(args.cap.unwrap_or(usize::MAX));
    if args.no_total {
        rows = rows.without_total();
    }
    if let Some(step) = args.growing_total {
        rows = rows.total(move |request, count| Some((request.number * step).min(count)));
    }
    if let Some(nth) = args.shift_every {
        rows = rows.shift(move |request, rows: &mut Vec<Value>| {
            if request.number.is_multiple_of(nth) && !rows.is_empty() {
                rows.remove(0);
            }
        });
    }
    rows
}

fn write_line(log: &Mutex<File>, request: &ReceivedRequest) {
    let query: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut log = log.lock().expect("no poison");
    writeln!(log, "{} {} {} {}", request.number, request.method, request.path, query.join("&")).expect("a line");
}

fn shape(name: &str) -> Result<Shape, String> {
    match name {
        "flat" => Ok(Shape::Flat),
        "nested" => Ok(Shape::Nested),
        "wide" => Ok(Shape::Wide),
        _ => Err("flat, nested or wide".to_owned()),
    }
}

fn keys(name: &str) -> Result<Keys, String> {
    match name {
        "rising" => Ok(Keys::Rising),
        "random" => Ok(Keys::Random),
        _ => Err("rising or random".to_owned()),
    }
}

fn style(name: &str) -> Result<Style, String> {
    Style::named(name).ok_or_else(|| "no such style".to_owned())
}

fn fault(name: &str) -> Result<Fault, String> {
    Fault::named(name).ok_or_else(|| "no such fault".to_owned())
}

fn key(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
