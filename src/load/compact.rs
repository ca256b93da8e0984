//! Compaction: small files of a table become few, and rows that deletion vectors took out are left out for good.
//!
//! ```text
//! files that are small or have a vector --plan--> bins --rewrite--> one file a bin --commit--> removed and added in one version
//! ```
//!
//! 1. The files of each partition are put into bins of at most the target size, in the order of their keys where these are known. A
//!    bin of one file without a vector stays as it is.
//! 2. The rows of a bin are written into one file: sorted by key, or in the order in which the files have them.
//! 3. All bins are committed together, by compare-and-swap. Where another writer was faster, a bin of which any file is gone or has
//!    another vector since is dropped; what is left is committed against the new version.
//! 4. This is repeated until there is nothing to do, so that a second compaction finds nothing.
//!
//! What is held in memory is what [`super::sort`] says of one run, and the open row group.

use std::cmp::Ordering;
use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;
use object_store::path::Path;
use serde_json::{Value, json};

use super::commit::{CommitOutcome, Entry};
use super::cores::read_ahead;
use super::datafile::{DataFile, DataWriter, paths, written};
use super::error::LoadErrorKind;
use super::finish::wait_before;
use super::fits::same_types;
use super::layout::Layout;
use super::read;
use super::sort::Sorter;
use super::store::Place;
use super::table::{Change, Snapshot, TableFile};
use crate::flow::KeyColumn;
use crate::plan::Limits;

/// Compactions after each other. Each leaves fewer files, so that two or three are enough; what other writers add is left for the next
/// time.
const PASSES_MAX: usize = 8;
/// The share of the memory budget for rows that are sorted.
const SORT_SHARE: u64 = 4;

/// A compaction of one table.
pub(super) struct Compaction<'a> {
    pub(super) place: &'a Place,
    /// `file_bytes` is the target size.
    pub(super) limits: &'a Limits,
    /// The columns that rows are sorted by; none: they keep their order.
    pub(super) key: &'a [KeyColumn],
    /// Nothing is done unless more files than this are small or have a vector.
    pub(super) more_than: u64,
    pub(super) run_id: &'a str,
}

/// What a compaction did. What one pass adds and a later one removes does not count.
#[derive(Debug, Default)]
pub(super) struct Compacted {
    /// The newest version.
    pub(super) version: u64,
    pub(super) commits: u64,
    pub(super) files_removed: u64,
    pub(super) bytes_before: u64,
    /// The files that took their place.
    pub(super) added: HashMap<Path, DataFile>,
}

/// Files of the table that are to become one.
type Bin<'f> = Vec<&'f TableFile>;

/// A bin of which the file is written.
struct Rewritten {
    files: Vec<TableFile>,
    /// None where no row was left.
    outputs: Vec<DataFile>,
}

impl Compaction<'_> {
    /// Compacts the table; `None`: there is none.
    ///
    /// # Errors
    /// When it stays as it is, or as the passes before left it. What was written for nothing is removed.
    pub(super) async fn run(&self) -> Result<Option<Compacted>, LoadErrorKind> {
        let mut done = Compacted::default();
        let (mut passes, mut conflicts) = (0, 0);
        while passes < PASSES_MAX {
            let Some(snapshot) = Snapshot::load(self.place, "").await? else { return Ok(None) };
            snapshot.check_features(Change::Appends)?;
            done.version = snapshot.version;
            let candidates = candidates(&snapshot.files, self.target());
            if passes == 0 && candidates.len() as u64 <= self.more_than {
                break;
            }
            let bins = bins(candidates, self.key.first().map(KeyColumn::path), self.target());
            if bins.is_empty() {
                break;
            }
            let mut rewritten = self.rewrite(&snapshot, bins).await?;
            let committed = self.commit(snapshot.version, &mut rewritten, &mut conflicts).await;
            if let Err(error) = &committed {
                self.place.discard_after(error, &output_paths(&rewritten)).await;
            }
            if let Some(version) = committed? {
                passes += 1;
                done.count(version, rewritten);
            }
        }
        Ok(Some(done))
    }

    fn target(&self) -> u64 {
        self.limits.file_bytes.get()
    }

    /// Writes the files of all bins. If one fails, nothing of them is left.
    async fn rewrite(&self, snapshot: &Snapshot, bins: Vec<Bin<'_>>) -> Result<Vec<Rewritten>, LoadErrorKind> {
        let mut rewritten = Vec::with_capacity(bins.len());
        for bin in bins {
            // One file, whatever its size comes to: more would be small again.
            let layout = Layout { file_bytes: u64::MAX, ..Layout::new(self.limits, snapshot.partitions()) };
            let write = async |writer: &mut DataWriter| self.write(&bin, &snapshot.schema, writer).await;
            match written(self.place, &layout, write).await {
                Ok(outputs) => rewritten.push(Rewritten { files: bin.into_iter().cloned().collect(), outputs }),
                Err(error) => {
                    self.place.discard(&output_paths(&rewritten)).await;
                    return Err(error);
                }
            }
        }
        Ok(rewritten)
    }

    async fn write(
        &self,
        bin: &[&TableFile],
        schema: &SchemaRef,
        writer: &mut DataWriter,
    ) -> Result<(), LoadErrorKind> {
        let mut sorter = match self.key {
            [] => None,
            key => {
                let share = self.limits.memory_bytes.get() / SORT_SHARE;
                Some(Sorter::new(schema, key, usize::try_from(share).unwrap_or(usize::MAX))?)
            }
        };
        for file in bin {
            let mut batches = read_ahead(read::live(self.place, file, schema).await?)?;
            while let Some(rows) = batches.try_next().await? {
                match &mut sorter {
                    Some(sorter) => sorter.push(rows)?,
                    None => writer.write(&rows).await?,
                }
            }
        }
        if let Some(sorter) = sorter {
            for rows in sorter.finish()? {
                writer.write(&rows?).await?;
            }
        }
        Ok(())
    }

    /// Commits the bins that are as they were; the others, and what was written for them, are dropped. Gives the version of the
    /// commit, or `None` where no bin was left.
    async fn commit(
        &self,
        planned: u64,
        bins: &mut Vec<Rewritten>,
        conflicts: &mut usize,
    ) -> Result<Option<u64>, LoadErrorKind> {
        self.place.sync(&output_paths(bins))?;
        let mut version = planned;
        while !bins.is_empty() {
            match self.entry(bins).commit(self.place, version + 1).await? {
                CommitOutcome::Committed => return Ok(Some(version + 1)),
                CommitOutcome::Conflict => *conflicts += 1,
            }
            let attempts = self.limits.commit_attempts.get();
            if *conflicts >= attempts {
                return Err(LoadErrorKind::Contended { attempts });
            }
            tracing::debug!(version, conflicts, "the table has moved on, looking which files are as they were");
            wait_before(*conflicts).await;
            let snapshot = Snapshot::load(self.place, "").await?.ok_or(LoadErrorKind::Vanished)?;
            snapshot.check_features(Change::Appends)?;
            version = snapshot.version;
            let (kept, dropped) = std::mem::take(bins).into_iter().partition(|bin| bin.still_fits(&snapshot));
            *bins = kept;
            self.place.discard(&output_paths(&dropped)).await;
        }
        Ok(None)
    }

    fn entry(&self, bins: &[Rewritten]) -> Entry {
        let key: Value = self.key.iter().map(KeyColumn::to_string).collect();
        let key = key.to_string();
        let parameters = json!({"targetSize": self.target().to_string(), "predicate": "[]", "sortedBy": key});
        let mut entry = Entry::new("OPTIMIZE", parameters, self.run_id);
        for file in bins.iter().flat_map(|bin| &bin.files) {
            entry.push(file.remove_rewritten());
        }
        for file in bins.iter().flat_map(|bin| &bin.outputs) {
            entry.push_rewritten(file);
        }
        entry
    }
}

impl Compacted {
    fn count(&mut self, version: u64, bins: Vec<Rewritten>) {
        self.version = version;
        self.commits += 1;
        for bin in bins {
            for file in bin.files {
                if self.added.remove(&file.path).is_none() {
                    self.files_removed += 1;
                    self.bytes_before += file.size;
                }
            }
            self.added.extend(bin.outputs.into_iter().map(|file| (file.path.clone(), file)));
        }
    }
}

impl Rewritten {
    /// Whether every file is in the table with the rows that were read, and what was written has the table's types.
    fn still_fits(&self, snapshot: &Snapshot) -> bool {
        let current: HashMap<&Path, &TableFile> = snapshot.files.iter().map(|file| (&file.path, file)).collect();
        let is_there = |file: &TableFile| current.get(&file.path).is_some_and(|now| now.vector == file.vector);
        let fits = |output: &DataFile| same_types(output.schema.fields(), snapshot.schema.fields());
        self.files.iter().all(is_there) && self.outputs.iter().all(fits)
    }
}

fn output_paths(bins: &[Rewritten]) -> Vec<Path> {
    bins.iter().flat_map(|bin| paths(&bin.outputs)).collect()
}

/// The files that are smaller than half the target size, or have a deletion vector.
fn candidates(files: &[TableFile], target: u64) -> Vec<&TableFile> {
    files.iter().filter(|file| file.vector.is_some() || file.size.saturating_mul(2) < target).collect()
}

/// The files that are written together, each bin into one file of about the target size.
fn bins<'f>(mut files: Vec<&'f TableFile>, key: Option<&[String]>, target: u64) -> Vec<Bin<'f>> {
    match key {
        // Files whose keys lie near each other go together, so that the key ranges of the new files are narrow.
        Some(key) => files.sort_by(|one, other| Least::of(one, key).order(&Least::of(other, key))),
        // The log has the newest files first.
        None => files.sort_by_key(|file| file.modified),
    }
    // Stable, so that the files of each partition stay in order.
    files.sort_by_key(|file| &file.partition);
    let (mut bins, mut open, mut open_bytes) = (Vec::new(), Bin::new(), 0_u64);
    for file in files {
        let bytes = live_bytes(file);
        let is_other = open.last().is_some_and(|last| last.partition != file.partition);
        if is_other || !open.is_empty() && open_bytes.saturating_add(bytes) > target {
            bins.push(std::mem::take(&mut open));
            open_bytes = 0;
        }
        open_bytes = open_bytes.saturating_add(bytes);
        open.push(file);
    }
    bins.push(open);
    bins.retain(|bin| bin.len() > 1 || bin.iter().any(|file| file.vector.is_some()));
    bins
}

/// About how many bytes the rows of a file have that are not gone.
fn live_bytes(file: &TableFile) -> u64 {
    let (Some(rows), Some(live)) = (file.rows.filter(|rows| *rows > 0), file.live_rows()) else { return file.size };
    let bytes = u128::from(file.size) * u128::from(live) / u128::from(rows);
    u64::try_from(bytes).unwrap_or(file.size)
}

/// The least key of a file, as far as the log tells.
#[derive(Debug, PartialEq, PartialOrd)]
enum Least<'f> {
    Int(i64),
    Float(f64),
    Text(&'f str),
    Unknown,
}

impl<'f> Least<'f> {
    fn of(file: &'f TableFile, key: &[String]) -> Self {
        let Some((low, _)) = file.bounds(key) else { return Self::Unknown };
        let number = low.as_i64().map(Self::Int).or(low.as_f64().map(Self::Float));
        number.or(low.as_str().map(Self::Text)).unwrap_or(Self::Unknown)
    }

    fn order(&self, other: &Self) -> Ordering {
        self.partial_cmp(other).unwrap_or(Ordering::Equal)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::deletion::{Descriptor, VectorFile};
    use super::super::partition::Partition;
    use super::*;

    /// A file of so many bytes with so many rows, of which so many are gone, and with this least key.
    fn file(name: &str, size: u64, gone: u64, key: i64) -> TableFile {
        TableFile {
            path: Path::from(name),
            size,
            rows: Some(100),
            stats: Some(json!({"minValues": {"id": key}, "maxValues": {"id": key}})),
            vector: (gone > 0).then(|| Descriptor::of(json!({ "cardinality": gone }))),
            partition: Partition::default(),
            partition_bounds: BTreeMap::new(),
            modified: 100 - key,
            remove: Value::Null,
        }
    }

    fn binned(files: &[TableFile], key: Option<&str>) -> Vec<Vec<String>> {
        let key = key.map(|name| vec![name.to_owned()]);
        let bins = bins(candidates(files, 100), key.as_deref(), 100);
        bins.iter().map(|bin| bin.iter().map(|file| file.path.to_string()).collect()).collect()
    }

    #[test]
    fn small_files_share_bins_and_large_ones_stay() {
        let files = [file("a", 49, 0, 3), file("b", 50, 0, 2), file("c", 30, 0, 1), file("d", 30, 0, 0)];
        assert_eq!(binned(&files, Some("id")), [["d", "c"]], "`a` does not fit, and alone it stays");
        assert_eq!(binned(&files, None), [["a", "c"]], "the oldest first");
        assert_eq!(binned(&files[..1], None), Vec::<Vec<String>>::new());
        assert_eq!(binned(&[], None), Vec::<Vec<String>>::new());
    }

    #[test]
    fn a_file_with_a_vector_is_written_again_and_counts_what_is_left_of_it() {
        let files =
            [file("large", 1_000, 1, 0), file("half", 120, 50, 1), file("small", 40, 0, 2), file("last", 1, 0, 3)];
        assert_eq!(binned(&files, Some("id")), [vec!["large"], vec!["half", "small"]]);
        let gone = [file("gone", 90, 100, 0), file("small", 40, 0, 1)];
        assert_eq!(binned(&gone, Some("id")), [["gone", "small"]]);
    }

    #[test]
    fn a_bin_has_files_of_one_partition() {
        let in_partition = |file: TableFile, day: &str| {
            let partition = Partition::of_log(Some(&json!({ "day": day })), &["day".to_owned()]);
            TableFile { partition, ..file }
        };
        let files = [("a", "2"), ("b", "1"), ("c", "2"), ("d", "1"), ("e", "3")];
        let files = files.map(|(name, day)| in_partition(file(name, 10, 0, 0), day));
        assert_eq!(binned(&files, Some("id")), [["b", "d"], ["a", "c"]]);
    }

    /// A table of rows `{"id"}`, each of which is in a file of its own.
    async fn table(folder: &std::path::Path, ids: std::ops::Range<i64>) -> Place {
        let target = crate::plan::Target::parse(&folder.display().to_string(), std::collections::BTreeMap::new());
        let place = Place::open(&target.expect("a path")).expect("a folder");
        let mut entry = Entry::new("WRITE", json!({}), "run");
        for id in ids {
            let column: arrow::array::ArrayRef = std::sync::Arc::new(arrow::array::Int64Array::from(vec![id]));
            let rows = arrow::array::RecordBatch::try_from_iter_with_nullable([("id", column, true)]).expect("rows");
            let schema = super::super::schema::schema_string(rows.schema_ref().fields()).expect("a schema");
            if id == 0 {
                entry.push(json!({"protocol": super::super::commit::new_protocol()}));
                entry.push(json!({"metaData": super::super::commit::new_metadata(&schema, &[])}));
            }
            let layout = Layout::new(&Limits::default(), Vec::new());
            let files = written(&place, &layout, async |writer: &mut DataWriter| writer.write(&rows).await).await;
            files.expect("a file").iter().for_each(|file| entry.push_file(file));
        }
        assert_eq!(entry.commit(&place, 0).await.expect("a commit"), CommitOutcome::Committed);
        place
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn bins_with_a_file_that_has_changed_are_dropped_and_the_others_are_committed() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = table(folder.path(), 0..6).await;
        let snapshot = Snapshot::load(&place, "").await.expect("a log").expect("a table");
        let key = [KeyColumn::top("id")];
        // A target of two files.
        let bytes = std::num::NonZeroU64::new(snapshot.files[0].size * 2 + 20).expect("not 0");
        let limits = Limits { file_bytes: bytes, ..Limits::default() };
        let compaction = Compaction { place: &place, limits: &limits, key: &key, more_than: 0, run_id: "run" };
        let bins = bins(snapshot.files.iter().collect(), Some(&["id".to_owned()]), bytes.get());
        assert_eq!(bins.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2]);
        let mut rewritten = compaction.rewrite(&snapshot, bins).await.expect("they can be written");
        let outputs = output_paths(&rewritten);

        // Another writer takes a file out, and a row of a file of the second bin.
        let mut entry = Entry::new("MERGE", json!({}), "other");
        let (gone, thinned) = (rewritten[0].files[1].clone(), rewritten[1].files[0].clone());
        let mut vectors = VectorFile::new();
        let vector = vectors.add(&[0].into_iter().collect()).expect("small");
        vectors.write(&place).await.expect("a file of vectors");
        for action in [gone.remove.clone(), thinned.remove.clone(), thinned.add_with(&vector)] {
            entry.push(action);
        }
        assert_eq!(entry.commit(&place, 1).await.expect("a commit"), CommitOutcome::Committed);

        let mut conflicts = 0;
        let version = compaction.commit(snapshot.version, &mut rewritten, &mut conflicts).await.expect("a commit");
        assert_eq!((version, conflicts, rewritten.len()), (Some(2), 1, 1));
        let after = Snapshot::load(&place, "").await.expect("a log").expect("a table");
        let paths = |files: &[TableFile]| files.iter().map(|file| file.path.clone()).collect::<BTreeSet<_>>();
        let mut expected = paths(&snapshot.files);
        expected.remove(&gone.path);
        expected.retain(|path| rewritten[0].files.iter().all(|file| file.path != *path));
        expected.insert(outputs[2].clone());
        assert_eq!(paths(&after.files), expected, "only the third bin is one file now");
        assert!(after.files.iter().any(|file| file.path == thinned.path && file.vector.is_some()));
        let is_there = |path: &Path| folder.path().join(path.as_ref()).exists();
        assert_eq!(outputs.iter().map(is_there).collect::<Vec<_>>(), [false, false, true]);

        // With one attempt the conflict is the end, and nothing is committed.
        let once = Limits { commit_attempts: std::num::NonZeroUsize::MIN, ..limits.clone() };
        let compaction = Compaction { limits: &once, ..compaction };
        let mut stale = compaction.rewrite(&after, vec![after.files.iter().collect()]).await.expect("a file");
        let failed = compaction.commit(1, &mut stale, &mut 0).await;
        assert!(matches!(failed, Err(LoadErrorKind::Contended { attempts: 1 })));
        assert_eq!(Snapshot::load(&place, "").await.expect("a log").expect("a table").version, 2);
    }
}
