//! Reading tables back in tests, with deltalake's log replay and the Parquet reader: not with the code under test.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use object_store::ObjectStoreExt;
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
    read_at(url, HashMap::new()).await
}

/// Reads the table at a URL.
pub async fn read_at(url: url::Url, storage_options: HashMap<String, String>) -> Lake {
    deltalake::aws::register_handlers(None);
    let table = deltalake::open_table_with_storage_options(url, storage_options).await.expect("a table");
    let (state, store) = (table.snapshot().expect("a loaded table"), table.object_store());
    let mut rows = Vec::new();
    let mut files = BTreeSet::new();
    for file in state.log_data().iter() {
        let stored = store.get(&file.object_store_path()).await.expect("a data file");
        let bytes = stored.bytes().await.expect("a whole data file");
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a Parquet file").build().expect("a reader");
        for batch in reader {
            rows.extend(objects(&batch.expect("a batch")));
        }
        files.insert(file.path().into_owned());
    }
    rows.sort_by_key(Value::to_string);
    let columns = state.snapshot().arrow_schema();
    let columns = columns.fields().iter().map(|field| (field.name().clone(), field.data_type().to_string())).collect();
    Lake { rows, files, columns }
}

/// Every Parquet file at a place, whether it belongs to the table or not.
pub async fn parquet_files_at(url: url::Url, storage_options: HashMap<String, String>) -> usize {
    deltalake::aws::register_handlers(None);
    let builder = deltalake::DeltaTableBuilder::from_url(url).expect("a URL").with_storage_options(storage_options);
    let store = builder.build_storage().expect("a store").object_store(None);
    let listed = store.list(None).map(|entry| entry.expect("an entry").location.to_string());
    listed.filter(|path| std::future::ready(path.ends_with(".parquet"))).count().await
}

fn objects(batch: &RecordBatch) -> Vec<Value> {
    let mut writer = arrow::json::ArrayWriter::new(Vec::new());
    writer.write(batch).expect("rows as JSON");
    writer.finish().expect("rows as JSON");
    serde_json::from_slice(&writer.into_inner()).expect("JSON")
}
