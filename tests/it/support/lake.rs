//! Reading tables back in tests, with deltalake's log replay and the Parquet reader: not with the code under test.

use std::collections::BTreeSet;
use std::path::Path;

use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// A table as it is now.
pub struct Lake {
    /// The rows as JSON objects, without null members, sorted by their text.
    pub rows: Vec<Value>,
    /// The data files that belong to the table.
    pub files: BTreeSet<String>,
    /// Column names with their types.
    pub columns: Vec<(String, String)>,
}

/// Reads the table in a folder.
pub async fn read(folder: &Path) -> Lake {
    let url = url::Url::from_directory_path(folder.canonicalize().expect("the table's folder")).expect("a path");
    let table = deltalake::open_table(url).await.expect("a table");
    let state = table.snapshot().expect("a loaded table");
    let mut rows = Vec::new();
    let mut files = BTreeSet::new();
    for file in state.log_data().iter() {
        let path = file.path().into_owned();
        let reader = std::fs::File::open(folder.join(&path)).expect("a data file");
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(reader).expect("a Parquet file").build().expect("a reader");
        for batch in reader {
            rows.extend(objects(&batch.expect("a batch")));
        }
        files.insert(path);
    }
    rows.sort_by_key(Value::to_string);
    let columns = state.snapshot().arrow_schema();
    let columns = columns.fields().iter().map(|field| (field.name().clone(), field.data_type().to_string())).collect();
    Lake { rows, files, columns }
}

/// Every Parquet file in a folder, whether it belongs to the table or not.
pub fn parquet_files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".parquet"))
        .collect()
}

fn objects(batch: &RecordBatch) -> Vec<Value> {
    let mut writer = arrow::json::ArrayWriter::new(Vec::new());
    writer.write(batch).expect("rows as JSON");
    writer.finish().expect("rows as JSON");
    serde_json::from_slice(&writer.into_inner()).expect("JSON")
}
