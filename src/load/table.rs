//! What a table is at one version: its schema, its files and what our pipeline committed last. Reads only.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow;
use deltalake::kernel::{Action, EagerSnapshot};
use futures::TryStreamExt;
use object_store::path::Path;
use serde_json::Value;

use super::error::LoadErrorKind;
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
}

/// One data file of a table.
#[derive(Clone)]
pub(super) struct TableFile {
    pub(super) path: Path,
    pub(super) size: u64,
    /// Rows in the file, deleted ones included, if the log tells.
    pub(super) rows: Option<u64>,
    pub(super) stats: Option<Value>,
    /// Rows that a deletion vector has taken out; `None`: the file has none.
    pub(super) deleted_rows: Option<u64>,
    /// The action that takes the file out of the table.
    pub(super) remove: Value,
}

impl TableFile {
    /// Rows that a reader sees, if the log tells.
    pub(super) fn live_rows(&self) -> Option<u64> {
        Some(self.rows?.saturating_sub(self.deleted_rows.unwrap_or_default()))
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
        Ok(Some(Self {
            version: eager.version(),
            schema: Arc::new(plain_lists(&schema)),
            metadata: json_of(eager.metadata())?,
            protocol: json_of(eager.protocol())?,
            sequence: eager.transaction_version(log, application).await?,
            files: files
                .into_iter()
                .map(|file| {
                    Ok(TableFile {
                        path: file.object_store_path(),
                        size: u64::try_from(file.size()).unwrap_or_default(),
                        rows: file.num_records().and_then(|rows| u64::try_from(rows).ok()),
                        stats: file.stats().and_then(|stats| serde_json::from_str(&stats).ok()),
                        deleted_rows: file
                            .deletion_vector_descriptor()
                            .map(|vector| u64::try_from(vector.cardinality).unwrap_or_default()),
                        remove: json_of(&Action::Remove(file.remove_action(true)))?,
                    })
                })
                .collect::<Result<_, LoadErrorKind>>()?,
        }))
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

    /// The table's schema string, as it stands in the log.
    pub(super) fn schema_string(&self) -> &str {
        self.metadata.get("schemaString").and_then(Value::as_str).unwrap_or_default()
    }

    /// Refuses a table of which a feature is in use that is not kept up by what we write.
    pub(super) fn check_features(&self, change: Change) -> Result<(), LoadErrorKind> {
        let feature = |name: &str| Err(LoadErrorKind::Feature { feature: name.to_owned() });
        for key in ["readerFeatures", "writerFeatures"] {
            let listed = self.protocol.get(key).and_then(Value::as_array);
            for name in listed.into_iter().flatten().filter_map(Value::as_str) {
                if !LISTED_BUT_HARMLESS.contains(&name) {
                    return feature(name);
                }
            }
        }
        let legacy = |key: &str| self.protocol.get(key).and_then(Value::as_u64).unwrap_or(1);
        if legacy("minReaderVersion") == 2 || legacy("minReaderVersion") > 3 || legacy("minWriterVersion") > 7 {
            return feature("columnMapping");
        }
        if self.metadata.get("partitionColumns").and_then(Value::as_array).is_some_and(|columns| !columns.is_empty()) {
            return feature("partitionColumns");
        }
        let on = |key: &str| self.configuration(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if on("delta.enableChangeDataFeed") {
            return feature("changeDataFeed");
        }
        if self.configuration("delta.columnMapping.mode").is_some_and(|mode| mode != "none") {
            return feature("columnMapping");
        }
        if on("delta.appendOnly") && change == Change::Rewrites {
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

    fn configuration(&self, key: &str) -> Option<&str> {
        self.metadata.get("configuration")?.get(key)?.as_str()
    }

    fn configured_with_prefix(&self, prefix: &str) -> bool {
        let configuration = self.metadata.get("configuration").and_then(Value::as_object);
        configuration.is_some_and(|entries| entries.keys().any(|key| key.starts_with(prefix)))
    }
}

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
    "deletionVectors",
    "generatedColumns",
    "invariants",
    "timestampNtz",
    "v2Checkpoint",
    "vacuumProtocolCheck",
];

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
