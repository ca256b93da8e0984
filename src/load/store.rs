//! The place of one table: its object store and its log, on local disk or S3.
//!
//! Opening creates nothing. What is durable on local disk is the business of [`Place::sync`], because the object store does
//! not sync.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use deltalake::DeltaTableBuilder;
use deltalake::logstore::LogStoreRef;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use super::error::LoadErrorKind;
use crate::plan::Target;

/// Where one table is.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) log_store: LogStoreRef,
    pub(super) store: Arc<dyn ObjectStore>,
    local: Option<PathBuf>,
    single_writer: bool,
}

impl Place {
    /// The place of a table that exists, for all that can be told without asking the store.
    pub(super) fn open_existing(target: &Target) -> Result<Option<Self>, LoadErrorKind> {
        let is_missing = target.local_path().is_some_and(|path| !path.is_dir());
        if is_missing { Ok(None) } else { Self::open(target).map(Some) }
    }

    /// The place of a table that may not exist yet.
    pub(super) fn open(target: &Target) -> Result<Self, LoadErrorKind> {
        let local = target.local_path().map(std::path::absolute).transpose();
        let local = local.map_err(LoadErrorKind::disk("find the folder of the table"))?;
        let url = match (&local, target.url()) {
            (Some(path), _) => url::Url::from_directory_path(path)
                .map_err(|()| LoadErrorKind::Place { problem: "the folder of the table is no path".to_owned() })?,
            (None, Some(url)) => url.clone(),
            (None, None) => return Err(LoadErrorKind::Internal("a target that is no place")),
        };
        let options: HashMap<String, String> =
            target.storage_options.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
        if let Some(path) = &local {
            // The object store wants the folder to be there; an empty folder is no table.
            std::fs::create_dir_all(path).map_err(LoadErrorKind::disk("create the folder of the table"))?;
        } else {
            deltalake::aws::register_handlers(None);
            #[cfg(feature = "gcs")]
            deltalake::gcp::register_handlers(None);
            #[cfg(feature = "azure")]
            deltalake::azure::register_handlers(None);
        }
        let log_store = DeltaTableBuilder::from_url(url)?.with_storage_options(options).build_storage()?;
        let store = log_store.object_store(None);
        Ok(Self { log_store, store, local, single_writer: target.single_writer })
    }

    /// Looks whether the storage keeps the condition of a put, by two puts of one key of which only one may succeed. A file system
    /// does; of a store that does not, `single_writer` says that nobody minds.
    ///
    /// # Errors
    /// When it does not, so that the commits of writers that race would be lost.
    pub(super) async fn check_conditions(&self) -> Result<(), LoadErrorKind> {
        if self.local.is_some() || self.single_writer {
            return Ok(());
        }
        let path = Path::from(format!("_alluvium/probe-{}", uuid::Uuid::new_v4()));
        let put = || {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            self.store.put_opts(&path, Bytes::from_static(b"whether two may win").into(), options)
        };
        // An answer that got lost is asked for again by the store's client, which then hears that the key is taken.
        match put().await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {}
            Err(error) => return Err(LoadErrorKind::storage("write to the folder of the table")(error)),
        }
        let second = put().await;
        self.discard(std::slice::from_ref(&path)).await;
        match second {
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(()),
            Ok(_) => Err(LoadErrorKind::Unconditional),
            Err(error) => Err(LoadErrorKind::storage("write to the folder of the table")(error)),
        }
    }

    /// Writes the log entry of a version if there is none; whether there was none. On local disk it is durable then: it is
    /// written and synced under another name, and linked, so that a crash leaves either no entry or a whole one.
    pub(super) async fn publish(&self, version: u64, entry: Bytes) -> Result<bool, PublishError> {
        let path = Path::from(format!("_delta_log/{version:020}.json"));
        if let Some(root) = &self.local {
            let log = root.join("_delta_log");
            if version > 0 && !log.exists() {
                return Err(PublishError::Before(LoadErrorKind::Vanished));
            }
            // Only the first entry makes the folder: one that has gone meanwhile is not made again.
            let folders = if version > 0 { Folders::Needed } else { Folders::Made };
            return publish_file(root, &path, &entry, folders);
        }
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path, entry.into(), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(PublishError::Unknown(error)),
        }
    }

    /// A data file on local disk; `None`: it is in an object store.
    pub(super) fn open_local(&self, file: &Path) -> Result<Option<std::fs::File>, LoadErrorKind> {
        let Some(root) = &self.local else { return Ok(None) };
        let opened = std::fs::File::open(local(root, file));
        opened.map(Some).map_err(LoadErrorKind::disk("read a data file"))
    }

    /// Writes a small file under a name that nobody has, as durable as an entry of the log; whether nobody had it.
    pub(super) async fn put_new(&self, path: &Path, bytes: Bytes) -> Result<bool, LoadErrorKind> {
        let action = "write the state of the resource";
        if let Some(root) = &self.local {
            return publish_file(root, path, &bytes, Folders::Made).map_err(|error| match error {
                PublishError::Before(error) => error,
                PublishError::NotDurable(source) => LoadErrorKind::disk(action)(source),
                PublishError::Unknown(source) => LoadErrorKind::storage(action)(source),
            });
        }
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(path, bytes.into(), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(LoadErrorKind::storage(action)(error)),
        }
    }

    /// Whether a version is in the log and none after it is. Where that cannot be told it counts as not.
    pub(super) async fn is_newest(&self, version: u64) -> bool {
        let entry = |version: u64| Path::from(format!("_delta_log/{version:020}.json"));
        let (this, next) = (entry(version), entry(version + 1));
        let (this, next) = futures::join!(self.store.head(&this), self.store.head(&next));
        this.is_ok() && matches!(next, Err(object_store::Error::NotFound { .. }))
    }

    /// Makes files and their folders durable on local disk. Object stores are durable by themselves.
    pub(super) fn sync(&self, files: &[Path]) -> Result<(), LoadErrorKind> {
        let Some(root) = &self.local else { return Ok(()) };
        let failed = LoadErrorKind::disk("make the files of the load durable");
        sync_files(root, files).map_err(failed)
    }

    /// Removes the files of a load that failed, unless the log may name them.
    pub(super) async fn discard_after(&self, error: &LoadErrorKind, files: &[Path]) {
        if !error.may_be_committed() {
            self.discard(files).await;
        }
    }

    /// Removes files that no commit names. What cannot be removed is left to a vacuum.
    pub(super) async fn discard(&self, files: &[Path]) {
        for file in files {
            if let Err(error) = self.store.delete(file).await {
                tracing::debug!(file = %file, error = %error, "could not remove an uncommitted file");
            }
        }
    }

    /// Removes the folders of a table that was never committed, if they are empty.
    pub(super) fn forget_empty(&self) {
        if let Some(path) = &self.local {
            remove_empty(path, FOLDERS_DEEP);
        }
    }
}

/// How far an entry of the log came.
pub(super) enum PublishError {
    /// It is not in the log.
    Before(LoadErrorKind),
    /// It is in the log, and a crash of the machine may take it out again.
    NotDurable(std::io::Error),
    /// It may be in the log.
    Unknown(object_store::Error),
}

/// Folders in each other that a load that failed may leave: those of partitions.
const FOLDERS_DEEP: usize = 32;

/// Removes a folder, and those in it, if there is no file.
fn remove_empty(folder: &LocalPath, levels: usize) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if levels > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path(), levels - 1);
        }
    }
    // Fails where it holds anything, as it should.
    let _ = std::fs::remove_dir(folder);
}

/// Whether the folders of a file are made where they are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folders {
    Made,
    Needed,
}

fn publish_file(root: &LocalPath, path: &Path, bytes: &[u8], folders: Folders) -> Result<bool, PublishError> {
    let failed = |source| PublishError::Before(LoadErrorKind::disk("write a file of the log or the state")(source));
    let file = local(root, path);
    let Some(folder) = file.parent() else { return Ok(false) };
    // The names of entries and states begin with a digit, so that no reader takes this for one.
    let draft = folder.join(format!(".{}.tmp", uuid::Uuid::new_v4()));
    // The folders that are new, and the one that is told of the first of them, have to be durable as well.
    let new = folder.ancestors().take_while(|folder| !folder.exists()).count();
    if folders == Folders::Made {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let written = write_synced(&draft, bytes);
    let linked = written.and_then(|()| std::fs::hard_link(&draft, &file));
    // Whatever became of it, the draft has done its work.
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(failed(error)),
    }
    // Opening the place may have made its own folder.
    for folder in folder.ancestors().take(if new > 0 { new + 2 } else { 1 }) {
        sync_folder(folder).map_err(PublishError::NotDurable)?;
    }
    Ok(true)
}

/// Where a file of the store is on local disk.
fn local(root: &LocalPath, path: &Path) -> PathBuf {
    path.parts().fold(root.to_path_buf(), |path, part| path.join(part.as_ref()))
}

fn write_synced(path: &LocalPath, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(folder: &LocalPath) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

fn sync_files(root: &LocalPath, files: &[Path]) -> std::io::Result<()> {
    let mut folders = std::collections::BTreeSet::new();
    for file in files {
        let path = local(root, file);
        std::fs::File::open(&path)?.sync_all()?;
        folders.extend(path.parent().map(LocalPath::to_path_buf));
    }
    for folder in folders {
        sync_folder(&folder)?;
    }
    Ok(())
}
