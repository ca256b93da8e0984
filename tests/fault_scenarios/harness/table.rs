//! Tables as readers see them: rows by deltalake's log replay, and the log as it lies on disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::{Check, same_rows};
use crate::lake;

/// The folder of a table.
pub struct Table {
    pub folder: PathBuf,
}

/// One entry of a log.
#[derive(Debug)]
pub struct Commit {
    /// The actions.
    pub lines: Vec<Value>,
    /// When it was made, by the clock of its writer.
    pub timestamp_ms: i64,
    /// The pipeline's transaction; only data commits have one.
    pub transaction: Option<i64>,
}

impl Commit {
    /// The data files that it adds.
    pub fn added(&self) -> impl Iterator<Item = String> {
        self.lines.iter().filter_map(|line| line["add"]["path"].as_str().map(str::to_owned))
    }
}

impl Table {
    /// Makes this folder a copy of another table's, in the place of a load.
    pub fn copy_from(&self, other: &Self) -> Check {
        std::fs::create_dir_all(self.log()).map_err(|error| format!("the copy: {error}"))?;
        for name in other.files() {
            std::fs::copy(other.folder.join(&name), self.folder.join(&name))
                .map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    }

    /// The path of an entry of the log.
    pub fn entry(&self, version: usize) -> PathBuf {
        self.log().join(format!("{version:020}.json"))
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("_delta_log")
    }

    /// The log, checked: versions without a gap, no data file added twice, transactions that rise. No entry means no
    /// table.
    pub fn history(&self) -> Check<Vec<Commit>> {
        let names = names(&self.log());
        let entries = names.iter().filter(|name| name.ends_with(".json") && !name.starts_with('_'));
        let mut commits = Vec::new();
        let mut added = BTreeSet::new();
        let mut last = None;
        for (version, name) in entries.enumerate() {
            if *name != format!("{version:020}.json") {
                return Err(format!("the log has `{name}` where version {version} should be"));
            }
            let text = std::fs::read_to_string(self.log().join(name)).map_err(|error| format!("{name}: {error}"))?;
            let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
            let lines = lines.map_err(|error| format!("`{name}` of the log is torn: {error}"))?;
            for path in lines.iter().filter_map(|line| line["add"]["path"].as_str()) {
                if !added.insert(path.to_owned()) {
                    return Err(format!("`{path}` is added twice in the log"));
                }
            }
            let transaction = lines.iter().find_map(|line| line["txn"]["version"].as_i64());
            // Numbers of runs that died are passed over.
            if transaction.is_some() && transaction <= last {
                return Err(format!("the transaction {transaction:?} follows {last:?}"));
            }
            last = transaction.or(last);
            let timestamp_ms = lines.iter().find_map(|line| line["commitInfo"]["timestamp"].as_i64()).unwrap_or(-1);
            commits.push(Commit { lines, timestamp_ms, transaction });
        }
        Ok(commits)
    }

    /// How many commits carry data.
    pub fn data_commits(&self) -> Check<usize> {
        Ok(self.history()?.iter().filter(|commit| commit.transaction.is_some()).count())
    }

    /// The rows; none where there is no table.
    pub async fn rows(&self) -> Check<Vec<Value>> {
        if self.history()?.is_empty() {
            return Ok(Vec::new());
        }
        Ok(lake::read(&self.folder).await.rows.into_iter().map(modelled).collect())
    }

    /// The table holds these rows.
    pub async fn holds(&self, rows: &[Value]) -> Check {
        same_rows(&self.rows().await?, rows)
    }

    /// The table holds either the rows before a load or those after it. Whether it holds those after it.
    pub async fn holds_before_or_after(&self, before: &[Value], after: &[Value]) -> Check<bool> {
        let rows = self.rows().await?;
        let Err(not_after) = same_rows(&rows, after) else { return Ok(true) };
        match same_rows(&rows, before) {
            Ok(()) => Ok(false),
            Err(not_before) => Err(format!("neither the rows before ({not_before}) nor those after ({not_after})")),
        }
    }

    /// Every version of the table can be opened by deltalake, which also tells the whole history.
    pub async fn reads_at_every_version(&self) -> Check {
        let versions = self.history()?.len();
        let url = url::Url::from_directory_path(self.folder.canonicalize().expect("the folder")).expect("a path");
        let wrong = |error: deltalake::DeltaTableError| format!("the history cannot be read: {error}");
        let mut table = deltalake::open_table(url).await.map_err(wrong)?;
        let told: Vec<_> = table.history(None).try_collect().await.map_err(wrong)?;
        if told.len() != versions {
            return Err(format!("the history tells {} of {versions} commits", told.len()));
        }
        for version in 0..versions {
            table.load_version(version as u64).await.map_err(wrong)?;
        }
        Ok(())
    }

    /// The columns `id` and `version` of all rows, sorted: for tables of which the whole rows are too many.
    pub fn ids_and_versions(&self) -> Check<Vec<(i64, i64)>> {
        let mut files = BTreeSet::new();
        for line in self.history()?.into_iter().flat_map(|commit| commit.lines) {
            files.extend(line["add"]["path"].as_str().map(str::to_owned));
            if let Some(path) = line["remove"]["path"].as_str() {
                files.remove(path);
            }
        }
        let mut found = Vec::new();
        for path in files {
            let file = std::fs::File::open(self.folder.join(&path)).map_err(|error| format!("{path}: {error}"))?;
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
            let columns = ProjectionMask::columns(builder.parquet_schema(), ["id", "version"]);
            for batch in builder.with_projection(columns).build().expect("a reader") {
                let batch = batch.expect("a batch");
                let column = |name| batch.column_by_name(name).expect("a column").as_primitive::<Int64Type>().values();
                found.extend(column("id").iter().copied().zip(column("version").iter().copied()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The names of all files of the table's folder and of its log.
    pub fn files(&self) -> BTreeSet<String> {
        let log = names(&self.log()).into_iter().map(|name| format!("_delta_log/{name}"));
        names(&self.folder).into_iter().filter(|name| name != "_delta_log").chain(log).collect()
    }
}

/// A row as the model has it: of the columns of a version only whether it has ended.
fn modelled(mut row: Value) -> Value {
    let members = row.as_object_mut().expect("a row is an object");
    if members.remove("_dlt_valid_from").is_some() {
        members.remove("_dlt_id");
        if members.remove("_dlt_valid_to").is_some_and(|end| !end.is_null()) {
            members.insert("ended".to_owned(), true.into());
        }
    }
    row
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
