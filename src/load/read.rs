//! Reading data files back, column by column and batch by batch.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use roaring::RoaringTreemap;

use super::align::align;
use super::error::LoadErrorKind;
use super::partition::Partition;
use super::store::Place;
use super::table::TableFile;

/// Rows of one batch that is read back.
const BATCH_ROWS: usize = 8192;

/// Where a data file is, and what the log says of its rows.
#[derive(Clone, Copy)]
pub(super) struct FileAt<'a> {
    pub(super) path: &'a Path,
    pub(super) bytes: u64,
    pub(super) partition: &'a Partition,
}

/// Batches of a file, in the order of its rows.
pub(super) type Batches = BoxStream<'static, Result<RecordBatch, LoadErrorKind>>;

/// The rows of a table's file that are not gone.
pub(super) async fn live(place: &Place, file: &TableFile, schema: &SchemaRef) -> Result<Batches, LoadErrorKind> {
    let deleted = file.deleted(place).await?;
    let mut first = 0;
    let batches = rows(place, file.at(), schema).await?;
    let without_deleted = move |batch: RecordBatch| {
        let start = first;
        first += batch.num_rows() as u64;
        std::future::ready(without(&batch, start, &deleted))
    };
    Ok(batches.and_then(without_deleted).boxed())
}

/// The rows of a batch, of which the first has a number, without some.
pub(super) fn without(batch: &RecordBatch, first: u64, gone: &RoaringTreemap) -> Result<RecordBatch, LoadErrorKind> {
    let end = first + batch.num_rows() as u64;
    if gone.range_cardinality(first..end) == 0 {
        return Ok(batch.clone());
    }
    let kept: BooleanArray = (first..end).map(|row| Some(!gone.contains(row))).collect();
    Ok(filter_record_batch(batch, &kept)?)
}

/// The rows of a file in order, as columns of `schema`: what the file lacks is null, narrower types are cast.
pub(super) async fn rows(place: &Place, file: FileAt<'_>, schema: &SchemaRef) -> Result<Batches, LoadErrorKind> {
    selected(place, file, schema, None).await
}

/// Some of the rows of a file.
pub(super) async fn selected(
    place: &Place,
    file: FileAt<'_>,
    schema: &SchemaRef,
    selection: Option<RowSelection>,
) -> Result<Batches, LoadErrorKind> {
    let reader = StoredFile { store: Arc::clone(&place.store), path: file.path.clone(), bytes: file.bytes };
    // The types stored beside the Parquet schema are another writer's; ours are those of the table.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    // Pages without a selected row are not read.
    let policy = if selection.is_some() { PageIndexPolicy::Optional } else { PageIndexPolicy::Skip };
    let options = options.with_page_index_policy(policy);
    let builder = ParquetRecordBatchStreamBuilder::new_with_options(reader, options).await?;
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let wanted: Vec<&str> = names.collect();
    let roots: Vec<usize> = builder
        .parquet_schema()
        .root_schema()
        .get_fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| wanted.iter().any(|name| name.eq_ignore_ascii_case(field.name())))
        .map(|(index, _)| index)
        .collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let mut builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
    if let Some(selection) = selection {
        builder = builder.with_row_selection(selection);
    }
    let stream = builder.build()?;
    let schema = Arc::clone(schema);
    let partition = file.partition.clone();
    let aligned = stream
        .map_err(LoadErrorKind::from)
        .map(move |batch| batch.and_then(|batch| partition.fill(align(&batch, &schema)?)));
    Ok(aligned.boxed())
}

/// A file of the store, as the Parquet reader asks for it.
struct StoredFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    bytes: u64,
}

fn unreadable(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for StoredFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move { self.store.get_range(&self.path, range).await.map_err(unreadable) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(unreadable) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let policy = options.map_or(PageIndexPolicy::Skip, ArrowReaderOptions::offset_index_policy);
            let options = options.map(|options| options.metadata_options().clone());
            let bytes = self.bytes;
            let reader = ParquetMetaDataReader::new().with_metadata_options(options).with_page_index_policy(policy);
            Ok(Arc::new(reader.load_and_finish(self, bytes).await?))
        }
        .boxed()
    }
}
