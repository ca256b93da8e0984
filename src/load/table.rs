//! What a table is at one version: its schema, its files and what our pipeline committed last. Reads only.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow;
use deltalake::kernel::{Action, EagerSnapshot, LogicalFileView, StructType};
use futures::TryStreamExt;
use object_store::path::Path;
use roaring::RoaringTreemap;
use serde_json::{Value, json};

use super::deletion::Descriptor;
use super::error::LoadErrorKind;
use super::key::position;
use super::logged_paths::LoggedPaths;
use super::partition::{Partition, takes};
use super::read::FileAt;
use super::store::Place;

/// One version of a table.
pub(super) struct Snapshot {
    pub(super) version: u64,
    /// The schema, with the metadata of its fields.
    pub(super) schema: SchemaRef,
    /// The `metaData` action as it stands in the log.
    pub(super) metadata: Value,
    pub(super) protocol: Value,
    pub(super) files: Vec<TableFile>,
    /// The version of our pipeline's last transaction.
    pub(super) sequence: Option<i64>,
    /// There are files of which it is not known under which text they can be taken out.
    has_nameless_files: bool,
}

/// One data file of a table.
#[derive(Clone)]
pub(super) struct TableFile {
    pub(super) path: Path,
    pub(super) size: u64,
    /// Rows in the file, deleted ones included, if the log tells.
    pub(super) rows: Option<u64>,
    pub(super) stats: Option<Value>,
    pub(super) partition: Partition,
    /// The least and the greatest value of the columns of its partition, which are the same.
    pub(super) partition_bounds: BTreeMap<String, Value>,
    /// The rows that are gone from it; `None`: none is.
    pub(super) vector: Option<Descriptor>,
    /// Milliseconds since the epoch.
    pub(super) modified: i64,
    /// The action that takes the file out of the table.
    pub(super) remove: Value,
}

impl TableFile {
    /// Rows that a reader sees, if the log tells.
    pub(super) fn live_rows(&self) -> Option<u64> {
        Some(self.rows?.saturating_sub(self.vector.as_ref().map_or(0, |vector| vector.rows)))
    }

    /// The least and the greatest value of the column at a path, if the log tells.
    pub(super) fn bounds(&self, column: &[String]) -> Option<(&Value, &Value)> {
        if let [name] = column
            && let Some(bound) = self.partition_bounds.get(&name.to_lowercase())
        {
            return Some((bound, bound));
        }
        let bound = |kind: &str| column.iter().try_fold(self.stats.as_ref()?.get(kind)?, |level, name| level.get(name));
        Some((bound("minValues")?, bound("maxValues")?))
    }

    /// Where to read it.
    pub(super) fn at(&self) -> FileAt<'_> {
        FileAt { path: &self.path, bytes: self.size, partition: &self.partition }
    }

    /// The rows that are gone, by their number in the file.
    pub(super) async fn deleted(&self, place: &Place) -> Result<RoaringTreemap, LoadErrorKind> {
        match &self.vector {
            Some(vector) => vector.read(place).await,
            None => Ok(RoaringTreemap::new()),
        }
    }

    /// The action that takes the file out of the table while its rows stay in it, which readers of changes want to know.
    pub(super) fn remove_rewritten(&self) -> Value {
        let mut remove = self.remove.clone();
        if let Some(entries) = remove.get_mut("remove").and_then(Value::as_object_mut) {
            entries.insert("dataChange".to_owned(), false.into());
        }
        remove
    }

    /// The action that puts the file back, after [`TableFile::remove`], with more rows gone.
    pub(super) fn add_with(&self, vector: &Value) -> Value {
        let removed = |key: &str| self.remove.pointer("/remove").and_then(|remove| remove.get(key)).cloned();
        let mut stats = self.stats.clone().unwrap_or_else(|| json!({}));
        if let Some(entries) = stats.as_object_mut() {
            // What is least or greatest may be gone.
            entries.insert("tightBounds".to_owned(), false.into());
        }
        let mut add = json!({
            "path": removed("path"),
            "partitionValues": removed("partitionValues").unwrap_or_else(|| json!({})),
            "size": self.size,
            "modificationTime": self.modified,
            "dataChange": true,
            "stats": stats.to_string(),
            "deletionVector": vector,
        });
        if let (Some(tags), Some(entries)) = (removed("tags").filter(|tags| !tags.is_null()), add.as_object_mut()) {
            entries.insert("tags".to_owned(), tags);
        }
        json!({ "add": add })
    }
}

impl Snapshot {
    /// Loads the newest version; `None` if there is no table.
    pub(super) async fn load(place: &Place, application: &str) -> Result<Option<Self>, LoadErrorKind> {
        if !place.log_store.is_delta_table_location().await? {
            return Ok(None);
        }
        let log = place.log_store.as_ref();
        let eager = EagerSnapshot::try_new(log, None).await?;
        let files = eager.file_views(log, None).try_collect::<Vec<_>>().await?;
        let schema: Schema = eager.schema().as_ref().try_into_arrow()?;
        let schema = Arc::new(plain_lists(&schema));
        let metadata = json_of(eager.metadata())?;
        let partitions = partition_columns(&metadata);
        let at = files.iter().map(LogicalFileView::object_store_path);
        let logged = LoggedPaths::read(place, eager.version(), at).await?;
        let has_nameless_files = files.iter().any(|file| logged.text(&file.object_store_path()).is_none());
        let table_file = |file: LogicalFileView| {
            let mut remove = json_of(&Action::Remove(file.remove_action(true)))?;
            if let (Some(Some(text)), Some(path)) =
                (logged.text(&file.object_store_path()), remove.pointer_mut("/remove/path"))
            {
                *path = text.into();
            }
            let partition = Partition::of_log(remove.pointer("/remove/partitionValues"), &partitions);
            let bound = |name: &String| Some((name.to_lowercase(), partition.bound(name, &schema)?));
            Ok(TableFile {
                path: file.object_store_path(),
                size: u64::try_from(file.size()).unwrap_or_default(),
                rows: file.num_records().and_then(|rows| u64::try_from(rows).ok()),
                stats: file.stats().and_then(|stats| serde_json::from_str(&stats).ok()),
                partition_bounds: partitions.iter().filter_map(bound).collect(),
                partition,
                vector: match file.deletion_vector_descriptor() {
                    Some(vector) => Some(Descriptor::of(json_of(&vector)?)),
                    None => None,
                },
                modified: file.modification_time(),
                remove,
            })
        };
        Ok(Some(Self {
            version: eager.version(),
            protocol: json_of(eager.protocol())?,
            sequence: eager.transaction_version(log, application).await?,
            files: files.into_iter().map(table_file).collect::<Result<_, LoadErrorKind>>()?,
            has_nameless_files,
            schema,
            metadata,
        }))
    }

    /// The columns that split the table's files.
    pub(super) fn partitions(&self) -> Vec<String> {
        partition_columns(&self.metadata)
    }

    /// Whether an application has committed to a version of the table.
    pub(super) async fn has_transaction(place: &Place, version: u64, application: &str) -> Result<bool, LoadErrorKind> {
        let log = place.log_store.as_ref();
        let eager = EagerSnapshot::try_new(log, Some(version)).await?;
        Ok(eager.transaction_version(log, application).await?.is_some())
    }

    /// The top-level columns of integers of which the files' statistics tell that none is beyond 2^53.
    pub(super) fn narrow_columns(&self) -> Vec<String> {
        let is_narrow = |bound: &Value| bound.as_i64().is_some_and(|value| value.unsigned_abs() <= 1 << 53);
        let in_file = |file: &TableFile, name: &str| {
            let Some(stats) = &file.stats else { return false };
            let of = |kind: &str| stats.get(kind).and_then(|values| values.get(name));
            let is_null = file.rows.is_some() && of("nullCount").and_then(Value::as_u64) == file.rows;
            is_null || [of("minValues"), of("maxValues")].into_iter().all(|bound| bound.is_some_and(is_narrow))
        };
        let columns = self.schema.fields().iter().filter(|field| field.data_type() == &DataType::Int64);
        let narrow = columns.filter(|field| self.files.iter().all(|file| in_file(file, field.name())));
        narrow.map(|field| field.name().clone()).collect()
    }

    /// Whether rows may be taken out of files by deletion vectors: where the table says so, and only there.
    pub(super) fn takes_vectors(&self) -> bool {
        self.lists_vectors() && self.rows_are_counted()
    }

    /// Whether deletion vectors are switched on.
    pub(super) fn lists_vectors(&self) -> bool {
        let listed = self.protocol.get("writerFeatures").and_then(Value::as_array);
        listed.is_some_and(|listed| listed.iter().any(|feature| feature == VECTORS)) && self.is_on(VECTORS_PROPERTY)
    }

    /// A file with a deletion vector has to tell how many rows it has.
    fn rows_are_counted(&self) -> bool {
        self.files.iter().all(|file| file.rows.is_some())
    }

    /// The table's schema string, as it stands in the log.
    pub(super) fn schema_string(&self) -> &str {
        self.metadata.get("schemaString").and_then(Value::as_str).unwrap_or_default()
    }

    /// Refuses a table of which a feature is in use that is not kept up by what we write.
    pub(super) fn check_features(&self, change: Change) -> Result<(), LoadErrorKind> {
        let feature = |name: &str| Err(LoadErrorKind::Feature { feature: name.to_owned() });
        self.check_protocol()?;
        if self.protocol_version("minReaderVersion") == 2 {
            return feature("columnMapping");
        }
        for name in self.partitions() {
            let place = position(&self.schema, &name);
            let data_type = place.and_then(|index| self.schema.fields().get(index)).map(|field| field.data_type());
            if !data_type.is_some_and(takes) {
                return feature(&format!("the partition column {name}"));
            }
        }
        if self.is_on("delta.enableChangeDataFeed") {
            return feature("changeDataFeed");
        }
        if self.configuration("delta.columnMapping.mode").is_some_and(|mode| mode != "none") {
            return feature("columnMapping");
        }
        if change == Change::Rewrites && self.has_nameless_files {
            return feature("paths that stand in the log in several ways");
        }
        if self.is_on("delta.appendOnly") && change == Change::Rewrites {
            return feature("appendOnly");
        }
        if self.configured_with_prefix("delta.constraints.") {
            return feature("checkConstraints");
        }
        for (marker, name) in [("delta.invariants", "invariants"), ("delta.generationExpression", "generatedColumns")] {
            if self.schema_string().contains(marker) {
                return feature(name);
            }
        }
        Ok(())
    }

    /// Refuses a table that lists a feature that is not known here: it may have files that nothing here knows of.
    pub(super) fn check_protocol(&self) -> Result<(), LoadErrorKind> {
        let listed = ["readerFeatures", "writerFeatures"].map(|key| self.protocol.get(key).and_then(Value::as_array));
        let mut listed = listed.into_iter().flatten().flatten().filter_map(Value::as_str);
        if let Some(name) = listed.find(|name| !LISTED_BUT_HARMLESS.contains(name)) {
            return Err(LoadErrorKind::Feature { feature: name.to_owned() });
        }
        if self.protocol_version("minReaderVersion") > 3 || self.protocol_version("minWriterVersion") > 7 {
            return Err(LoadErrorKind::Feature { feature: "a newer protocol".to_owned() });
        }
        Ok(())
    }

    fn protocol_version(&self, key: &str) -> u64 {
        self.protocol.get(key).and_then(Value::as_u64).unwrap_or(1)
    }

    /// Commits between checkpoints, if the table says.
    pub(super) fn checkpoint_interval(&self) -> Option<u64> {
        self.configuration("delta.checkpointInterval")?.parse().ok()
    }

    fn is_on(&self, key: &str) -> bool {
        self.configuration(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn configuration(&self, key: &str) -> Option<&str> {
        self.metadata.get("configuration")?.get(key)?.as_str()
    }

    fn configured_with_prefix(&self, prefix: &str) -> bool {
        let configuration = self.metadata.get("configuration").and_then(Value::as_object);
        configuration.is_some_and(|entries| entries.keys().any(|key| key.starts_with(prefix)))
    }
}

fn partition_columns(metadata: &Value) -> Vec<String> {
    let names = metadata.get("partitionColumns").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// The feature of deletion vectors, as the protocol calls it.
pub(super) const VECTORS: &str = "deletionVectors";
/// The property that lets writers use them.
pub(super) const VECTORS_PROPERTY: &str = "delta.enableDeletionVectors";

/// What a load does to the rows that a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// They stay.
    Appends,
    /// Some go.
    Rewrites,
}

/// Features that a table may list: those that are checked for use above, and those that ask nothing of what we write.
const LISTED_BUT_HARMLESS: [&str; 10] = [
    "appendOnly",
    "changeDataFeed",
    "checkConstraints",
    "columnMapping",
    VECTORS,
    "generatedColumns",
    "invariants",
    "timestampNtz",
    "v2Checkpoint",
    "vacuumProtocolCheck",
];

/// The columns of a schema string, as a snapshot has them.
pub(super) fn arrow_schema(schema_string: &str) -> Result<SchemaRef, LoadErrorKind> {
    let schema: StructType = serde_json::from_str(schema_string)
        .map_err(|_| LoadErrorKind::Internal("a schema string that is no schema"))?;
    let schema: Schema = (&schema).try_into_arrow()?;
    Ok(Arc::new(plain_lists(&schema)))
}

fn json_of<T: serde::Serialize>(value: &T) -> Result<Value, LoadErrorKind> {
    serde_json::to_value(value).map_err(|_| LoadErrorKind::Internal("an action that is not JSON"))
}

/// The log names the elements of lists in its own way; ours are all called `element`, so that schemas compare equal.
fn plain_lists(schema: &Schema) -> Schema {
    Schema::new(plain_fields(schema.fields()))
}

fn plain_fields(fields: &Fields) -> Fields {
    fields.iter().map(|field| field.as_ref().clone().with_data_type(plain_type(field.data_type()))).collect()
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Struct(fields) => DataType::Struct(plain_fields(fields)),
        DataType::List(item) | DataType::LargeList(item) => {
            DataType::List(Arc::new(Field::new("element", plain_type(item.data_type()), true)))
        }
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}
