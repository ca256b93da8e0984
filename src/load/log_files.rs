//! The files of a table's log: how much of it a reader has to read, and which of it nobody needs any more.
//!
//! deltalake's own clean-up takes a checkpoint of which a part is missing for a whole one, and would remove the entries that it
//! lacks. The files below `_sidecars` are left alone: a checkpoint that stays may name them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::error::LoadErrorKind;
use super::store::Place;

/// The folder of the log.
pub(super) const LOG: &str = "_delta_log";
/// Digits of a version in the name of a file.
const VERSION_DIGITS: usize = 20;

/// A file of the log that has a version.
#[derive(Debug, Clone)]
pub(super) struct LogFile {
    pub(super) version: u64,
    pub(super) kind: LogFileKind,
    pub(super) bytes: u64,
    /// Milliseconds since the epoch.
    pub(super) modified: i64,
    path: Path,
}

/// What a file of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogFileKind {
    /// The actions of a version.
    Entry,
    /// All of a checkpoint, or one of so many parts.
    Checkpoint { parts: u64 },
    /// What can be made of others, such as a checksum.
    Derived,
}

/// Every file of the log that has a version, from one version on.
pub(super) async fn list(place: &Place, first: u64) -> Result<Vec<LogFile>, LoadErrorKind> {
    let (log, offset) = (Path::from(LOG), Path::from(format!("{LOG}/{first:020}")));
    let listed =
        if first == 0 { place.store.list(Some(&log)) } else { place.store.list_with_offset(Some(&log), &offset) };
    let files = listed.try_filter_map(async |file| Ok(LogFile::of(file)));
    files.try_collect().await.map_err(LoadErrorKind::storage("list the table's log"))
}

/// Bytes of the entries since the newest checkpoint among these files.
pub(super) fn bytes_to_replay(files: &[LogFile]) -> u64 {
    let checkpoint = checkpoints(files).last().copied();
    let entries = files.iter().filter(|file| file.kind == LogFileKind::Entry);
    entries.filter(|file| checkpoint.is_none_or(|version| file.version > version)).map(|file| file.bytes).sum()
}

/// Removes what is older than the retention and not needed for any version that is younger; gives how many files these were.
pub(super) async fn clean(place: &Place, retention: Duration) -> Result<usize, LoadErrorKind> {
    let retention = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    let cutoff = chrono::Utc::now().timestamp_millis().saturating_sub(retention);
    let expired = expired(&list(place, 0).await?, cutoff);
    let count = expired.len();
    let mut removed = place.store.delete_stream(futures::stream::iter(expired.into_iter().map(Ok)).boxed());
    while let Some(result) = removed.next().await {
        match result {
            // Another writer cleans up too.
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(LoadErrorKind::storage("remove old files of the table's log")(error)),
        }
    }
    Ok(count)
}

/// The files that are older than `cutoff` and lie before the checkpoint from which every younger version can be read; the oldest
/// first, so that what is left is a whole if the removal is broken off.
fn expired(files: &[LogFile], cutoff: i64) -> Vec<Path> {
    let young = files.iter().filter(|file| file.kind == LogFileKind::Entry && file.modified >= cutoff);
    let oldest_young = young.map(|file| file.version).min().unwrap_or(u64::MAX);
    let checkpoints = checkpoints(files);
    let Some(base) = checkpoints.range(..=oldest_young).next_back() else { return Vec::new() };
    let mut expired: Vec<&LogFile> =
        files.iter().filter(|file| file.version < *base && file.modified < cutoff).collect();
    expired.sort_by_key(|file| file.version);
    expired.into_iter().map(|file| file.path.clone()).collect()
}

/// The versions that have a whole checkpoint.
fn checkpoints(files: &[LogFile]) -> BTreeSet<u64> {
    let mut parts: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for file in files {
        if let LogFileKind::Checkpoint { parts: of } = file.kind {
            *parts.entry((file.version, of)).or_default() += 1;
        }
    }
    parts.into_iter().filter(|((_, of), there)| there >= of).map(|((version, _), _)| version).collect()
}

impl LogFile {
    fn of(file: ObjectMeta) -> Option<Self> {
        let name = file.location.as_ref().strip_prefix(LOG)?.strip_prefix('/')?;
        let (version, kind) = read_name(name)?;
        let modified = file.last_modified.timestamp_millis();
        Some(Self { version, kind, bytes: file.size, modified, path: file.location })
    }
}

/// The version that a name begins with, and what the rest says.
fn read_name(name: &str) -> Option<(u64, LogFileKind)> {
    let (version, rest) = name.split_at_checked(VERSION_DIGITS)?;
    let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
    let version = version.parse().ok().filter(|_| is_number)?;
    if rest.contains('/') {
        return None;
    }
    let words: Vec<&str> = rest.strip_prefix('.')?.split('.').collect();
    let kind = match words.as_slice() {
        ["json"] => LogFileKind::Entry,
        ["checkpoint", "parquet"] | ["checkpoint", _, "json" | "parquet"] => LogFileKind::Checkpoint { parts: 1 },
        ["checkpoint", _, of, "parquet"] => LogFileKind::Checkpoint { parts: of.parse().ok()? },
        ["crc"] => LogFileKind::Derived,
        _ => return None,
    };
    Some((version, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, modified: i64) -> LogFile {
        let meta = ObjectMeta {
            location: Path::from(format!("{LOG}/{name}")),
            last_modified: chrono::DateTime::from_timestamp_millis(modified).expect("a time"),
            size: 10,
            e_tag: None,
            version: None,
        };
        LogFile::of(meta).expect("a file with a version")
    }

    /// The entries of versions 0 to 9, each as old as its version says, and more.
    fn log(more: &[(&str, i64)]) -> Vec<LogFile> {
        let entries = (0..10).map(|version| file(&format!("{version:020}.json"), version));
        entries.chain(more.iter().map(|(name, modified)| file(name, *modified))).collect()
    }

    fn names(files: &[LogFile], cutoff: i64) -> Vec<String> {
        let short = |path: Path| path.filename().expect("a name").trim_start_matches('0').to_owned();
        expired(files, cutoff).into_iter().map(short).collect()
    }

    const THIRD: (&str, i64) = ("00000000000000000003.checkpoint.parquet", 3);
    const SEVENTH: (&str, i64) = ("00000000000000000007.checkpoint.parquet", 7);

    #[test]
    fn what_lies_before_the_checkpoint_of_the_oldest_young_version_expires() {
        assert_eq!(names(&log(&[]), 100), Vec::<String>::new(), "there is no checkpoint");
        let both = log(&[THIRD, SEVENTH, ("00000000000000000002.crc", 2)]);
        assert_eq!(names(&both, 2), Vec::<String>::new(), "version 2 is young, and no checkpoint comes before it");
        assert_eq!(names(&both, 6), [".json", "1.json", "2.json", "2.crc"], "version 6 is read from the first one");
        let all =
            [".json", "1.json", "2.json", "2.crc", "3.json", "3.checkpoint.parquet", "4.json", "5.json", "6.json"];
        assert_eq!(names(&both, 100), all);
        assert_eq!(bytes_to_replay(&both), 20);
        assert_eq!(bytes_to_replay(&log(&[])), 100);
    }

    #[test]
    fn a_checkpoint_counts_once_all_its_parts_are_there() {
        let first = ("00000000000000000007.checkpoint.0000000001.0000000002.parquet", 7);
        let second = ("00000000000000000007.checkpoint.0000000002.0000000002.parquet", 7);
        assert_eq!(names(&log(&[first]), 100), Vec::<String>::new());
        assert_eq!(bytes_to_replay(&log(&[first])), 100);
        assert_eq!(names(&log(&[first, second]), 100).len(), 7);
        let named = ("00000000000000000007.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json", 7);
        assert_eq!(names(&log(&[named]), 100).len(), 7);
    }

    #[test]
    fn other_names_are_not_of_a_version() {
        for name in ["_last_checkpoint", ".tmp", "0000000000000000000é.json", "+0000000000000000001.json", "1.json"] {
            assert_eq!(read_name(name), None, "{name}");
        }
    }
}
