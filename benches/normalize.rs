//! JSON to Arrow: MB/s of parsing alone, of parsing and building, and of `arrow-json`, on one thread.
//!
//! ```text
//! cargo bench --bench normalize
//! ```
//!
//! The denominator is sonic-rs parsing the same bytes to its own value. Every page yields a finished `RecordBatch`; the batches
//! of all rounds have the same checksum, and equal those that `arrow-json` decodes under the same schema. Each figure is the
//! best of [`ROUNDS`].

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench stops at what is wrong, and prints"
)]
#![allow(clippy::cast_precision_loss, reason = "ratios for people")]
#![allow(unreachable_pub, dead_code, reason = "the tests use the rest")]

#[path = "../tests/it/support/records.rs"]
mod records;

use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alluvium::flow::{BodyReader, Page, RowPath, TableState};
use alluvium::json::Path;
use alluvium::normalize::Normalizer;
use alluvium::plan::{Endpoint, Limits, ResourceName, ResourcePlan, SafeUrl, TableName};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::json::reader::{ReaderBuilder, infer_json_schema};
use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use records::{Keys, Records, Shape};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 20;
const ROWS_A_PAGE: u64 = 1_000;

/// Pages of one shape: as bodies, and as the lines that `arrow-json` reads.
struct Data {
    name: &'static str,
    bodies: Vec<Bytes>,
    lines: Vec<Bytes>,
}

fn main() {
    println!(
        "{:8} {:>8} {:>12} {:>18} {:>8} {:>22} {:>8}",
        "", "MB", "parse MB/s", "parse+build MB/s", "ratio", "arrow-json MB/s", "ratio"
    );
    for (name, shape, pages) in [("flat", Shape::Flat, 100), ("nested", Shape::Nested, 60), ("wide", Shape::Wide, 15)] {
        measure(&data(name, shape, pages));
    }
}

fn data(name: &'static str, shape: Shape, pages: u64) -> Data {
    let records = Records { shape, keys: Keys::Rising, version: 0 };
    let rows = |page: u64| (page * ROWS_A_PAGE..(page + 1) * ROWS_A_PAGE).map(move |number| records.json(number));
    let joined = |page, between: &str| rows(page).collect::<Vec<_>>().join(between);
    Data {
        name,
        bodies: (0..pages).map(|page| format!("{{\"data\":[{}]}}", joined(page, ",")).into()).collect(),
        lines: (0..pages).map(|page| joined(page, "\n").into()).collect(),
    }
}

fn measure(data: &Data) {
    let megabytes = data.bodies.iter().map(Bytes::len).sum::<usize>() as f64 / 1e6;
    let parse = best(|| {
        for body in &data.bodies {
            black_box(sonic_rs::from_slice::<sonic_rs::Value>(body).expect("JSON"));
        }
    });
    let ours = batches(data);
    let checksum = checksum(&ours);
    let build = best(|| {
        let built = black_box(batches(data));
        assert_eq!(built.len(), data.bodies.len());
    });
    assert_eq!(self::checksum(&batches(data)), checksum, "every round builds the same");
    let schema = ours.first().expect("a page").schema();
    let oracle: Vec<RecordBatch> = data.lines.iter().map(|lines| decoded(lines, &schema)).collect();
    let whole = |batches: &[RecordBatch]| concat_batches(&schema, batches).expect("one schema");
    assert_eq!(whole(&ours), whole(&oracle), "arrow-json decodes the same rows");
    let arrow_json = best(|| {
        for lines in &data.lines {
            let (schema, _) = infer_json_schema(Cursor::new(lines), None).expect("JSON");
            black_box(decoded(lines, &Arc::new(schema)));
        }
    });
    let rate = |took: Duration| megabytes / took.as_secs_f64();
    println!(
        "{:8} {megabytes:8.1} {:12.0} {:18.0} {:8.2} {:22.0} {:8.2}",
        data.name,
        rate(parse),
        rate(build),
        build.as_secs_f64() / parse.as_secs_f64(),
        rate(arrow_json),
        arrow_json.as_secs_f64() / build.as_secs_f64(),
    );
}

/// The shortest of [`ROUNDS`] rounds.
fn best(mut round: impl FnMut()) -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        round();
        began.elapsed()
    });
    rounds.min().unwrap_or_default()
}

/// Every page as a batch, from its bytes, as a load does it: types are settled with the first page.
fn batches(data: &Data) -> Vec<RecordBatch> {
    let limits = Limits { memory_bytes: std::num::NonZeroU64::MIN, ..Limits::default() };
    let mut normalizer = Normalizer::new(&resource(), &limits, &TableState::default()).expect("no hints");
    let selector = Arc::new(Path::parse("data").expect("a path"));
    let mut built = Vec::with_capacity(data.bodies.len());
    for (body, sequence) in data.bodies.iter().zip(1..) {
        let (document, rows) = normalizer.decoder().read(body.clone(), Some(&selector)).expect("JSON");
        let page = Page {
            resource: ResourceName::parse("items").expect("a name"),
            sequence,
            position: serde_json::Value::Null,
            url: SafeUrl::new(&url(), &[]),
            document: Arc::new(document),
            rows: RowPath::At(Arc::clone(&selector)),
            bytes: body.len() as u64,
            cursor: None,
            came_as: None,
            is_partial: false,
            begins_anew: false,
        };
        let draft = normalizer.decoder().taken(&page, rows.expect("rows"));
        built.extend(normalizer.push(draft).expect("one schema").into_iter().map(|batch| batch.rows));
    }
    built.extend(normalizer.finish().expect("one schema").into_iter().map(|batch| batch.rows));
    built
}

fn decoded(lines: &Bytes, schema: &arrow::datatypes::SchemaRef) -> RecordBatch {
    let rows = usize::try_from(ROWS_A_PAGE).expect("small");
    let mut reader =
        ReaderBuilder::new(Arc::clone(schema)).with_batch_size(rows).build(Cursor::new(lines)).expect("a reader");
    reader.next().expect("a batch").expect("rows")
}

/// Over the buffers of all columns, whatever they hold.
fn checksum(batches: &[RecordBatch]) -> u64 {
    fn add(data: &arrow::array::ArrayData, hash: &mut Xxh3) {
        data.buffers().iter().for_each(|buffer| hash.update(buffer.as_slice()));
        data.child_data().iter().for_each(|child| add(child, hash));
    }
    let mut hash = Xxh3::new();
    for column in batches.iter().flat_map(RecordBatch::columns) {
        add(&column.to_data(), &mut hash);
    }
    hash.digest()
}

fn url() -> url::Url {
    url::Url::parse("http://api.example/items").expect("a URL")
}

fn resource() -> ResourcePlan {
    let (name, table) = (ResourceName::parse("items").expect("a name"), TableName::parse("items").expect("a name"));
    ResourcePlan::new(name, table, Endpoint::get(url()))
}
