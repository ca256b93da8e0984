//! Reading data files back, column by column and batch by batch.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::align::align;
use super::error::LoadErrorKind;
use super::store::Place;

/// Rows of one batch that is read back.
const BATCH_ROWS: usize = 8192;

/// The rows of a file in order, as columns of `schema`: what the file lacks is null, narrower types are cast.
pub(super) async fn rows(
    place: &Place,
    path: &Path,
    bytes: u64,
    schema: &SchemaRef,
) -> Result<BoxStream<'static, Result<RecordBatch, LoadErrorKind>>, LoadErrorKind> {
    let reader = StoredFile { store: Arc::clone(&place.store), path: path.clone(), bytes };
    // The types stored beside the Parquet schema are another writer's; ours are those of the table.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
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
    let stream = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()?;
    let schema = Arc::clone(schema);
    let aligned = stream
        .map_err(LoadErrorKind::from)
        .map(move |batch| batch.and_then(|batch| align(&batch, &schema).map_err(LoadErrorKind::from)));
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
            let options = options.map(|options| options.metadata_options().clone());
            let bytes = self.bytes;
            let reader = ParquetMetaDataReader::new().with_metadata_options(options);
            Ok(Arc::new(reader.load_and_finish(self, bytes).await?))
        }
        .boxed()
    }
}
