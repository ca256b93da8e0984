//! Reading data files back, column by column and batch by batch.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Fields, SchemaRef};
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
use parquet::schema::types::SchemaDescriptor;
use roaring::RoaringTreemap;

use super::align::align;
use super::error::LoadErrorKind;
use super::key::position;
use super::partition::Partition;
use super::row_ranges::{Few, Wanted, may_have, row_ranges, wanted_leaf};
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
    // Pages without a selected row are not read.
    let builder = builder(place, file, schema, selection.is_some()).await?;
    built(builder, file, schema, selection)
}

/// The rows of a file that may be wanted, with the numbers that they have in it; `None`: they are all.
pub(super) async fn wanted(
    place: &Place,
    file: FileAt<'_>,
    schema: &SchemaRef,
    wanted: Option<Wanted<'_>>,
) -> Result<(Batches, Option<Vec<Range<u64>>>), LoadErrorKind> {
    let looks_at_pages = wanted.is_some_and(|wanted| matches!(wanted.few, Some(Few::Integers(_))));
    let mut builder = builder(place, file, schema, looks_at_pages).await?;
    let ranges = match wanted {
        Some(wanted) => {
            let lacking = lacking(&mut builder, wanted).await?;
            row_ranges(builder.metadata(), wanted, &lacking)
        }
        None => None,
    };
    let rows = builder.metadata().file_metadata().num_rows();
    let selection = ranges.as_ref().map(|ranges| {
        let index = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
        let rows = usize::try_from(rows).unwrap_or_default();
        RowSelection::from_consecutive_ranges(ranges.iter().map(|range| index(range.start)..index(range.end)), rows)
    });
    Ok((built(builder, file, schema, selection)?, ranges))
}

/// The row groups whose bloom filters say that they have none of a few values.
async fn lacking(
    builder: &mut ParquetRecordBatchStreamBuilder<StoredFile>,
    wanted: Wanted<'_>,
) -> Result<Vec<usize>, LoadErrorKind> {
    let mut lacking = Vec::new();
    let metadata = Arc::clone(builder.metadata());
    let (Some(values), Some(leaf)) = (wanted.few, wanted_leaf(&metadata, wanted)) else { return Ok(lacking) };
    for (index, group) in metadata.row_groups().iter().enumerate() {
        if group.column(leaf).bloom_filter_offset().is_none() || !may_have(group, leaf, wanted) {
            continue;
        }
        if let Some(filter) = builder.get_row_group_column_bloom_filter(index, leaf).await?
            && !values.may_be_in(&filter)
        {
            lacking.push(index);
        }
    }
    Ok(lacking)
}

async fn builder(
    place: &Place,
    file: FileAt<'_>,
    schema: &SchemaRef,
    with_pages: bool,
) -> Result<ParquetRecordBatchStreamBuilder<StoredFile>, LoadErrorKind> {
    let local = place.open_local(file.path)?;
    let reader = StoredFile { store: Arc::clone(&place.store), path: file.path.clone(), bytes: file.bytes, local };
    // The types stored beside the Parquet schema are another writer's; ours are those of the table.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let policy = if with_pages { PageIndexPolicy::Optional } else { PageIndexPolicy::Skip };
    let options = options.with_page_index_policy(policy);
    let builder = ParquetRecordBatchStreamBuilder::new_with_options(reader, options).await?;
    let mask = mask(builder.parquet_schema(), schema);
    Ok(builder.with_projection(mask).with_batch_size(BATCH_ROWS))
}

/// The leaves of a file that columns of `schema` have; of an object of which it has none all, because they tell where the object is
/// null.
fn mask(file: &SchemaDescriptor, schema: &SchemaRef) -> ProjectionMask {
    let roots = file.root_schema().get_fields().len();
    let of_root = |root: usize| (0..file.num_columns()).filter(move |leaf| file.get_column_root_idx(*leaf) == root);
    let mut wanted = Vec::new();
    for root in 0..roots {
        let leaves = of_root(root).filter(|leaf| has_leaf(schema.fields(), file.column(*leaf).path().parts()));
        let before = wanted.len();
        wanted.extend(leaves);
        let name = file.root_schema().get_fields().get(root).map(|field| field.name());
        if wanted.len() == before && name.is_some_and(|name| position(schema, name).is_some()) {
            wanted.extend(of_root(root));
        }
    }
    ProjectionMask::leaves(file, wanted)
}

/// Whether some columns have a leaf at a path. Of what is in lists all is taken.
fn has_leaf(fields: &Fields, path: &[String]) -> bool {
    let Some((first, below)) = path.split_first() else { return true };
    let found = fields.iter().find(|field| field.name().eq_ignore_ascii_case(first));
    found.is_some_and(|field| match field.data_type() {
        DataType::Struct(members) => has_leaf(members, below),
        _ => true,
    })
}

fn built(
    builder: ParquetRecordBatchStreamBuilder<StoredFile>,
    file: FileAt<'_>,
    schema: &SchemaRef,
    selection: Option<RowSelection>,
) -> Result<Batches, LoadErrorKind> {
    let builder = match selection {
        Some(selection) => builder.with_row_selection(selection),
        None => builder,
    };
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
    /// The same file where it is on local disk: it is read by the thread that wants it. Memory that another one has filled would have
    /// to go back to that.
    local: Option<File>,
}

/// Reads a part of a local file.
fn read_at(file: &File, range: &Range<u64>) -> std::io::Result<Bytes> {
    let count = range.end.saturating_sub(range.start);
    let mut bytes = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    let mut file = file;
    file.seek(SeekFrom::Start(range.start))?;
    let read = file.take(count).read_to_end(&mut bytes)?;
    if read as u64 == count { Ok(bytes.into()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}

fn unreadable(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for StoredFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move {
            match &self.local {
                Some(file) => read_at(file, &range).map_err(|error| ParquetError::External(Box::new(error))),
                None => self.store.get_range(&self.path, range).await.map_err(unreadable),
            }
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move {
            match &self.local {
                Some(file) => ranges
                    .iter()
                    .map(|range| read_at(file, range).map_err(|error| ParquetError::External(Box::new(error))))
                    .collect(),
                None => self.store.get_ranges(&self.path, &ranges).await.map_err(unreadable),
            }
        }
        .boxed()
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

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, RecordBatch, StringArray, StructArray};

    use super::*;
    use crate::load::datafile::{DataWriter, written};
    use crate::load::layout::Layout;
    use crate::plan::{Limits, Target};

    #[tokio::test(flavor = "multi_thread")]
    async fn row_groups_without_a_few_texts_are_told_by_their_bloom_filters() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::parse(&folder.path().display().to_string(), std::collections::BTreeMap::new());
        let place = Place::open(&target.expect("a path")).expect("a folder");
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..1_000).map(|row| format!("key {row}"))));
        let object: ArrayRef = Arc::new(StructArray::try_from(vec![("k", Arc::clone(&texts))]).expect("a struct"));
        let rows = RecordBatch::try_from_iter_with_nullable([("k", texts, true), ("o", object, true)]).expect("rows");
        let paths = [vec!["k".to_owned()], vec!["o".to_owned(), "k".to_owned()]];
        for blooms in [Vec::new(), paths.to_vec()] {
            let layout =
                Layout { group_rows: 100, blooms: blooms.clone(), ..Layout::new(&Limits::default(), Vec::new()) };
            let files = written(&place, &layout, async |writer: &mut DataWriter| writer.write(&rows).await).await;
            let files = files.expect("a file");
            for path in &paths {
                let values = ["key 250", "key 999", "nothing"].map(str::to_owned);
                let look = Wanted { column: path, may_lie_within: &|_, _| true, few: Some(Few::Texts(&values)) };
                let (_, ranges) = wanted(&place, files[0].at(), &rows.schema(), Some(look)).await.expect("a file");
                let found = ranges.unwrap_or_default();
                assert!(blooms.is_empty() == found.is_empty() && found.len() < 5, "{path:?}: {found:?}");
                assert!(blooms.is_empty() || found.contains(&(200..300)) && found.contains(&(900..1_000)), "{found:?}");
            }
        }
    }
}
