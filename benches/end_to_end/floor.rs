//! What no loader can go below: the bytes fetched and parsed, and ready rows encoded and synced, at the same time.

use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use arrow::array::RecordBatch;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

/// Requests in flight, as many as a load has.
const IN_FLIGHT: usize = 4;

/// Fetches and parses all pages while the rows of a table are encoded. Prints seconds and seconds of CPU, without what it took to
/// make the rows ready.
pub(crate) fn run(url: &str, table: &Path) {
    let (batches, plain) = ready(table);
    let (began, cpu_before) = (Instant::now(), cpu_seconds());
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let encoder = std::thread::spawn(move || encode(&batches, plain));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(fetch(url, rows));
    encoder.join().expect("no panic");
    println!("{} {}", began.elapsed().as_secs_f64(), cpu_seconds() - cpu_before);
}

/// Seconds of CPU that this process has taken, in user and in kernel mode (proc_pid_stat(5), fields 14 and 15).
fn cpu_seconds() -> f64 {
    /// The kernel tells them in hundredths, whatever its clock.
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_A_SECOND
}

/// The rows of a table's files, in memory, and the columns that have no dictionary there.
fn ready(table: &Path) -> (Vec<RecordBatch>, Vec<ColumnPath>) {
    let (mut batches, mut plain) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(table).expect("the table") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "parquet") {
            continue;
        }
        let file = File::open(path).expect("a data file");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet").with_batch_size(super::LIMIT);
        let columns = reader.metadata().row_groups().iter().flat_map(|group| group.columns());
        plain.extend(
            columns
                .filter(|column| column.dictionary_page_offset().is_none())
                .map(|column| column.column_path().clone()),
        );
        batches.extend(reader.build().expect("a reader").map(|batch| batch.expect("rows")));
    }
    (batches, plain)
}

async fn fetch(url: &str, rows: usize) {
    let client = reqwest::Client::new();
    let pages = (0..rows).step_by(super::LIMIT).map(|offset| {
        let request = client.get(format!("{url}?offset={offset}&limit={}", super::LIMIT));
        async move {
            let body = request.send().await.expect("an answer").bytes().await.expect("a body");
            let parse = move || black_box(sonic_rs::from_slice::<sonic_rs::Value>(&body).expect("JSON"));
            tokio::task::spawn_blocking(parse).await.expect("no panic");
        }
    });
    futures::stream::iter(pages).buffered(IN_FLIGHT).for_each(|()| async {}).await;
}

fn encode(batches: &[RecordBatch], plain: Vec<ColumnPath>) {
    let Some(first) = batches.first() else { return };
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("a level")))
        .set_max_row_group_row_count(Some(128 * 1024))
        .set_max_row_group_bytes(Some(64 << 20))
        .set_statistics_enabled(EnabledStatistics::Page);
    let without = |properties: WriterPropertiesBuilder, column| properties.set_column_dictionary_enabled(column, false);
    let properties = plain.into_iter().fold(properties, without).build();
    let file = tempfile::tempfile().expect("a file");
    let mut writer = ArrowWriter::try_new(file, first.schema(), Some(properties)).expect("a writer");
    batches.iter().for_each(|batch| writer.write(batch).expect("rows"));
    writer.into_inner().expect("the file").sync_all().expect("a disk");
}
