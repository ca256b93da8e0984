//! Giving columns of a table a wider type: every file is written again under it, in one commit with the new schema.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef};
use futures::TryStreamExt;
use serde_json::json;

use super::commit::{CommitOutcome, Entry};
use super::datafile::{DataFile, DataWriter, paths, written};
use super::error::LoadErrorKind;
use super::layout::Layout;
use super::store::Place;
use super::table::Snapshot;
use super::{read, schema};

/// Integers up to this magnitude are floats without loss.
const EXACT_MAX: u64 = 1 << 53;

/// A rewriting of a table under wider types.
pub(super) struct Widening<'a> {
    pub(super) place: &'a Place,
    pub(super) snapshot: &'a Snapshot,
    /// The schema after it.
    pub(super) schema: SchemaRef,
    pub(super) layout: &'a Layout,
    pub(super) run_id: &'a str,
}

/// The schema of a table with the types that a load needs of some columns; `None` if it has them.
pub(super) fn widened(table: &SchemaRef, load: &SchemaRef, columns: &[String]) -> Option<SchemaRef> {
    let mut changed = false;
    let fields = table.fields().iter().map(|field| {
        let wanted = load.field_with_name(field.name()).ok().filter(|_| columns.contains(field.name()));
        match wanted {
            Some(wanted) if is_wider(field.data_type(), wanted.data_type()) => {
                changed = true;
                field.as_ref().clone().with_data_type(wanted.data_type().clone())
            }
            _ => field.as_ref().clone(),
        }
    });
    let fields: Vec<_> = fields.collect();
    changed.then(|| Schema::new(fields).into())
}

fn is_wider(stored: &DataType, wanted: &DataType) -> bool {
    matches!(
        (stored, wanted),
        (DataType::Int64, DataType::Float64 | DataType::Decimal128(..))
            | (DataType::Timestamp(..) | DataType::Date32, DataType::Utf8)
    )
}

impl Widening<'_> {
    /// Rewrites and commits; what was written is removed unless the commit landed.
    pub(super) async fn commit(&self) -> Result<CommitOutcome, LoadErrorKind> {
        let files = written(self.place, self.layout, async |writer| self.rewrite(writer).await).await?;
        let outcome = self.commit_files(&files).await;
        match &outcome {
            Ok(CommitOutcome::Committed) => {}
            Ok(CommitOutcome::Conflict) => self.place.discard(&paths(&files)).await,
            Err(error) => self.place.discard_after(error, &paths(&files)).await,
        }
        outcome
    }

    async fn rewrite(&self, writer: &mut DataWriter) -> Result<(), LoadErrorKind> {
        for file in &self.snapshot.files {
            let mut stored = read::live(self.place, file, &self.snapshot.schema).await?;
            while let Some(batch) = stored.try_next().await? {
                self.check(&batch)?;
                writer.write(&super::align::align(&batch, &self.schema)?).await?;
            }
            // Each rewritten file stays a file of its own, so that its key range stays narrow.
            writer.roll().await?;
        }
        Ok(())
    }

    /// Whether nothing is lost. The statistics said so when the load began; another writer may have added files since.
    fn check(&self, batch: &RecordBatch) -> Result<(), LoadErrorKind> {
        for (field, column) in self.schema.fields().iter().zip(batch.columns()) {
            if let (DataType::Float64, DataType::Int64) = (field.data_type(), column.data_type()) {
                let integers = column.as_primitive::<Int64Type>();
                if integers.iter().flatten().any(|value| value.unsigned_abs() > EXACT_MAX) {
                    return Err(LoadErrorKind::SchemaMoved);
                }
            }
        }
        Ok(())
    }

    async fn commit_files(&self, files: &[DataFile]) -> Result<CommitOutcome, LoadErrorKind> {
        self.place.sync(&paths(files))?;
        let mut metadata = self.snapshot.metadata.clone();
        if let Some(entries) = metadata.as_object_mut() {
            let pairs = self.schema.fields().iter().zip(self.snapshot.schema.fields());
            let wider = pairs.filter(|(field, stored)| field.data_type() != stored.data_type());
            let wider = wider.map(|(field, _)| std::sync::Arc::clone(field)).collect();
            let text = schema::retyped(self.snapshot.schema_string(), &wider)?;
            entries.insert("schemaString".to_owned(), text.into());
        }
        let mut entry = Entry::new("CHANGE COLUMN", json!({}), self.run_id);
        entry.push(json!({ "metaData": metadata }));
        for file in &self.snapshot.files {
            entry.push(file.remove_rewritten());
        }
        for file in files {
            entry.push_rewritten(file);
        }
        entry.commit(self.place, self.snapshot.version + 1).await
    }
}
