//! Reading tables back in tests, with deltalake's log replay and the Parquet reader: not with the code under test. Deletion
//! vectors are read here after the protocol's text.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use deltalake::kernel::{DeletionVectorDescriptor, StorageType};
use futures::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use roaring::RoaringTreemap;
use serde_json::Value;

/// A table as it is now.
pub struct Lake {
    /// The rows as JSON objects, without null members, sorted by their text.
    pub rows: Vec<Value>,
    /// The same in the order in which they are stored.
    pub stored: Vec<Value>,
    /// The data files that belong to the table.
    pub files: BTreeSet<String>,
    /// The data files that have a deletion vector, each with the number of rows that it takes out.
    pub vectors: BTreeMap<String, u64>,
    /// The files of these vectors.
    pub vector_files: BTreeSet<String>,
    /// Column names with their types.
    pub columns: Vec<(String, String)>,
    /// The newest version.
    pub version: u64,
}

impl Lake {
    /// The rows by `id`, each as [`plain`] has it.
    pub fn found(&self) -> Vec<Value> {
        let mut rows: Vec<Value> = self.rows.iter().map(plain).collect();
        rows.sort_by_key(|row| row["id"].as_f64().map(f64::to_bits));
        rows
    }
}

/// A value with what its variants hold under their plain names, without what is null, and with numbers as floats where that
/// loses nothing.
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.abs() <= 9_007_199_254_740_992.0 => float.into(),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let plain_member = |(name, value): (&String, &Value)| match (value, name.split_once("__v_")) {
                (Value::String(text), Some((key, "json"))) => {
                    (key.to_owned(), plain(&serde_json::from_str(text).expect("JSON")))
                }
                (value, variant) => (variant.map_or(name.as_str(), |(key, _)| key).to_owned(), plain(value)),
            };
            Value::Object(members.map(plain_member).collect())
        }
        value => value.clone(),
    }
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
    let mut stored = Vec::new();
    let (mut files, mut vectors, mut vector_files) = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
    for file in state.log_data().iter() {
        let object = store.get(&file.object_store_path()).await.expect("a data file");
        let bytes = object.bytes().await.expect("a whole data file");
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a Parquet file").build().expect("a reader");
        let path = file.path().into_owned();
        let mut gone = RoaringTreemap::new();
        if let Some(descriptor) = file.deletion_vector_descriptor() {
            gone = vector(store.as_ref(), &descriptor).await;
            vectors.insert(path.clone(), gone.len());
            vector_files.extend(vector_file(&descriptor));
        }
        let mut number = 0..;
        for batch in reader {
            let batch = batch.expect("a batch");
            let stays: BooleanArray =
                number.by_ref().take(batch.num_rows()).map(|row| Some(!gone.contains(row))).collect();
            stored.extend(objects(&filter_record_batch(&batch, &stays).expect("the rows that stay")));
        }
        files.insert(path);
    }
    let mut rows = stored.clone();
    rows.sort_by_key(Value::to_string);
    let columns = state.snapshot().arrow_schema();
    let columns = columns.fields().iter().map(|field| (field.name().clone(), field.data_type().to_string())).collect();
    let version = state.version();
    Lake { rows, stored, files, vectors, vector_files, columns, version }
}

/// The rows that a deletion vector takes out of a file.
async fn vector(store: &dyn ObjectStore, descriptor: &DeletionVectorDescriptor) -> RoaringTreemap {
    let size = usize::try_from(descriptor.size_in_bytes).expect("a size");
    let body = match vector_file(descriptor) {
        Some(file) => {
            let stored = store.get(&file.into()).await.expect("the file of the vector");
            let bytes = stored.bytes().await.expect("a whole file");
            assert_eq!(bytes[0], 1, "the version of the format");
            let at = usize::try_from(descriptor.offset.expect("an offset")).expect("a position");
            let (frame, end) = (&bytes[at..], 4 + size);
            assert_eq!(frame[..4], u32::try_from(size).expect("small").to_be_bytes());
            assert_eq!(frame[end..end + 4], crc32fast::hash(&frame[4..end]).to_be_bytes());
            frame[4..end].to_vec()
        }
        None => z85::decode(&descriptor.path_or_inline_dv).expect("Z85"),
    };
    assert_eq!(body[..4], 1_681_511_377_u32.to_le_bytes(), "the magic number");
    let rows = RoaringTreemap::deserialize_from(&body[4..size]).expect("a bitmap");
    assert_eq!(Ok(rows.len()), u64::try_from(descriptor.cardinality));
    rows
}

/// The file of a vector, unless the log holds it itself.
fn vector_file(descriptor: &DeletionVectorDescriptor) -> Option<String> {
    if descriptor.storage_type == StorageType::Inline {
        return None;
    }
    assert_eq!(descriptor.storage_type, StorageType::UuidRelativePath);
    let (folder, id) = descriptor.path_or_inline_dv.split_at(descriptor.path_or_inline_dv.len() - 20);
    let id = uuid::Uuid::from_slice(&z85::decode(id).expect("Z85")).expect("a UUID");
    let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    Some(format!("{folder}deletion_vector_{id}.bin"))
}

/// Every file at a place but the log's, whether it belongs to the table or not.
pub async fn files_at(url: url::Url, storage_options: HashMap<String, String>) -> BTreeSet<String> {
    deltalake::aws::register_handlers(None);
    let builder = deltalake::DeltaTableBuilder::from_url(url).expect("a URL").with_storage_options(storage_options);
    let store = builder.build_storage().expect("a store").object_store(None);
    let listed = store.list(None).map(|entry| entry.expect("an entry").location.to_string());
    listed.filter(|path| std::future::ready(!path.starts_with("_delta_log/"))).collect().await
}

/// The rows of a batch as JSON objects.
pub fn objects(batch: &RecordBatch) -> Vec<Value> {
    let mut writer = arrow::json::ArrayWriter::new(Vec::new());
    writer.write(batch).expect("rows as JSON");
    writer.finish().expect("rows as JSON");
    serde_json::from_slice(&writer.into_inner()).expect("JSON")
}
