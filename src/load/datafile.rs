//! Writing data files: rows into Parquet, file after file, streamed to the store.
//!
//! A new file is begun at the target size. What is written is in no commit yet: who drops the writer without [`DataWriter::close`]
//! leaves files behind that [`Place::discard`] removes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};

use super::encoder::Encoder;
use super::error::LoadErrorKind;
use super::layout::Layout;
use super::partition::{Partition, split};
use super::read::FileAt;
use super::stats::file_stats;
use super::store::Place;

/// A file that was written and is in no commit yet.
#[derive(Debug, Clone)]
pub(super) struct DataFile {
    pub(super) path: Path,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    /// The statistics as the log has them.
    pub(super) stats: String,
    /// Its columns, with those of its partition.
    pub(super) schema: SchemaRef,
    pub(super) partition: Partition,
}

impl DataFile {
    /// Where to read it.
    pub(super) fn at(&self) -> FileAt<'_> {
        FileAt { path: &self.path, bytes: self.bytes, partition: &self.partition }
    }
}

/// Writes rows into as many files as they need.
pub(super) struct DataWriter {
    place: Place,
    layout: Layout,
    /// One a partition; without partitions there is one at most.
    open: BTreeMap<Partition, OpenFile>,
    written: Vec<DataFile>,
    /// Of the written files so many are named by a state, and stay whatever becomes of this load.
    kept: usize,
}

struct OpenFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    partition: Partition,
    schema: SchemaRef,
    encoder: Encoder,
    /// Begun with the first full part: a file of less is put at once, which is one request and can be repeated.
    upload: Option<Box<dyn MultipartUpload>>,
    uploaded: u64,
    rows: u64,
}

/// Files that are open at once, each for a partition: an open file has a row group in memory, so that more would end up as small
/// files anyway.
const OPEN_MAX: usize = 64;

/// Parts of an upload: S3 takes none under 5 MiB but the last.
pub(super) const PART_BYTES: usize = 8 << 20;

/// The files that `write` writes. If it fails, nothing of them is left.
pub(super) async fn written(
    place: &Place,
    layout: &Layout,
    write: impl AsyncFnOnce(&mut DataWriter) -> Result<(), LoadErrorKind>,
) -> Result<Vec<DataFile>, LoadErrorKind> {
    let mut writer = DataWriter::new(place, layout);
    let files = match write(&mut writer).await {
        Ok(()) => writer.close().await,
        Err(error) => Err(error),
    };
    if files.is_err() {
        writer.abort().await;
    }
    files
}

/// The path of a data file as it is: its escapes are part of its name.
pub(super) fn stored_path(path: &str) -> Result<Path, LoadErrorKind> {
    Path::parse(path).map_err(|_| LoadErrorKind::Internal("a data file without a path"))
}

/// Where files are.
pub(super) fn paths(files: &[DataFile]) -> Vec<Path> {
    files.iter().map(|file| file.path.clone()).collect()
}

impl DataWriter {
    pub(super) fn new(place: &Place, layout: &Layout) -> Self {
        Self { place: place.clone(), layout: layout.clone(), open: BTreeMap::new(), written: Vec::new(), kept: 0 }
    }

    /// Adds rows. Rows of another schema than those before begin new files.
    pub(super) async fn write(&mut self, rows: &RecordBatch) -> Result<(), LoadErrorKind> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        if self.open.values().any(|open| &open.schema != rows.schema_ref()) {
            self.roll().await?;
        }
        for (partition, part) in split(rows, &self.layout.partitions)? {
            self.write_part(&partition, &part, rows.schema()).await?;
        }
        while self.open.len() > 1 && (self.open.len() > OPEN_MAX || self.held_bytes() > self.layout.group_bytes) {
            let largest = self.open.iter().max_by_key(|(_, open)| open.bytes()).map(|(partition, _)| partition.clone());
            let Some(partition) = largest else { break };
            self.end(&partition).await?;
        }
        Ok(())
    }

    async fn write_part(
        &mut self,
        partition: &Partition,
        rows: &RecordBatch,
        schema: SchemaRef,
    ) -> Result<(), LoadErrorKind> {
        let open = match self.open.get_mut(partition) {
            Some(open) => open,
            None => {
                let created = OpenFile::create(&self.place, partition, (rows.schema(), schema), &self.layout)?;
                self.open.entry(partition.clone()).or_insert(created)
            }
        };
        open.encoder.write(rows)?;
        open.rows += rows.num_rows() as u64;
        open.upload_parts().await?;
        if open.bytes() >= self.layout.file_bytes {
            self.end(partition).await?;
        }
        Ok(())
    }

    /// Bytes that all open files have in memory.
    fn held_bytes(&self) -> usize {
        self.open.values().map(|open| open.encoder.encoded_bytes() + open.encoder.open_bytes()).sum()
    }

    async fn end(&mut self, partition: &Partition) -> Result<(), LoadErrorKind> {
        if let Some(open) = self.open.remove(partition) {
            self.written.push(open.close().await?);
        }
        Ok(())
    }

    /// Ends the open files, so that they can be read.
    pub(super) async fn roll(&mut self) -> Result<(), LoadErrorKind> {
        while let Some((_, open)) = self.open.pop_first() {
            self.written.push(open.close().await?);
        }
        Ok(())
    }

    /// Gives the files that are begun from now on bloom filters on these columns.
    pub(super) fn filter(&mut self, columns: Vec<Vec<String>>) {
        self.layout.blooms = columns;
    }

    /// The files that are whole.
    pub(super) fn written(&self) -> &[DataFile] {
        &self.written
    }

    /// Takes files of an earlier run as if they were written here.
    pub(super) fn adopt(&mut self, files: Vec<DataFile>) {
        self.written.extend(files);
        self.keep_written();
    }

    /// Where the files are that a state names. They are never removed by a load: another one may commit them.
    pub(super) fn kept(&self) -> Vec<Path> {
        self.written.iter().take(self.kept).map(|file| file.path.clone()).collect()
    }

    /// The files that are whole stay even if the load is aborted.
    pub(super) fn keep_written(&mut self) {
        self.kept = self.written.len();
    }

    /// Ends the last file and hands all of them out.
    pub(super) async fn close(&mut self) -> Result<Vec<DataFile>, LoadErrorKind> {
        self.roll().await?;
        Ok(std::mem::take(&mut self.written))
    }

    /// Removes all that was written.
    pub(super) async fn abort(&mut self) {
        while let Some((_, mut open)) = self.open.pop_first() {
            if let Some(upload) = &mut open.upload
                && let Err(error) = upload.abort().await
            {
                tracing::debug!(file = %open.path, error = %error, "could not abort an upload");
            }
        }
        let paths: Vec<Path> = self.written.drain(..).skip(self.kept).map(|file| file.path).collect();
        self.place.discard(&paths).await;
    }
}

impl OpenFile {
    /// With the columns that go into the file, and those that its rows have.
    fn create(
        place: &Place,
        partition: &Partition,
        (stored, schema): (SchemaRef, SchemaRef),
        layout: &Layout,
    ) -> Result<Self, LoadErrorKind> {
        if stored.fields().is_empty() {
            let problem = "the rows have no other column".to_owned();
            return Err(LoadErrorKind::Partition { column: layout.partitions.join("`, `"), problem });
        }
        let folder = partition.folder();
        let path = stored_path(&format!("{folder}part-00000-{}-c000.zstd.parquet", uuid::Uuid::new_v4()))?;
        let (encoder, partition) = (Encoder::new(&stored, layout), partition.clone());
        let store = Arc::clone(&place.store);
        Ok(Self { store, path, partition, schema, encoder, upload: None, uploaded: 0, rows: 0 })
    }

    /// Bytes that the file has so far, with an estimate for the open row group.
    fn bytes(&self) -> u64 {
        let held = self.encoder.encoded_bytes() + self.encoder.open_bytes();
        self.uploaded + held as u64
    }

    async fn upload_parts(&mut self) -> Result<(), LoadErrorKind> {
        if self.encoder.encoded_bytes() >= PART_BYTES {
            let part = self.encoder.take_encoded();
            self.put(part).await?;
        }
        Ok(())
    }

    async fn put(&mut self, part: Vec<u8>) -> Result<(), LoadErrorKind> {
        self.uploaded += part.len() as u64;
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => {
                let begun = self.store.put_multipart(&self.path).await;
                self.upload.insert(begun.map_err(LoadErrorKind::storage("create a data file"))?)
            }
        };
        let written = upload.put_part(PutPayload::from(part)).await;
        written.map_err(LoadErrorKind::storage("write a data file"))
    }

    async fn close(mut self) -> Result<DataFile, LoadErrorKind> {
        let footer = self.encoder.finish()?;
        let rest = self.encoder.take_encoded();
        if self.upload.is_some() {
            self.put(rest).await?;
            self.complete().await?;
        } else {
            self.uploaded = rest.len() as u64;
            let put = self.store.put(&self.path, PutPayload::from(rest)).await;
            put.map_err(LoadErrorKind::storage("write a data file"))?;
        }
        Ok(DataFile {
            path: self.path,
            bytes: self.uploaded,
            rows: self.rows,
            stats: file_stats(&footer),
            schema: self.schema,
            partition: self.partition,
        })
    }

    /// Ends an upload. Where the answer was lost, the store's client asks again and hears that there is no such upload any
    /// more: then the file tells whether it is whole.
    async fn complete(&mut self) -> Result<(), LoadErrorKind> {
        let Some(upload) = &mut self.upload else { return Ok(()) };
        let Err(error) = upload.complete().await else { return Ok(()) };
        match self.store.head(&self.path).await {
            Ok(stored) if stored.size == self.uploaded => Ok(()),
            _ => Err(LoadErrorKind::storage("finish a data file")(error)),
        }
    }
}
