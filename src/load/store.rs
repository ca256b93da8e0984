//! The place of one table: its object store and its log, on local disk or S3.
//!
//! Opening creates nothing. What is durable on local disk is the business of [`Place::sync`], because the object store does
//! not sync.

use std::collections::HashMap;
use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;

use deltalake::DeltaTableBuilder;
use deltalake::logstore::LogStoreRef;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::error::LoadErrorKind;
use crate::plan::Target;

/// Where one table is.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) log_store: LogStoreRef,
    pub(super) store: Arc<dyn ObjectStore>,
    local: Option<PathBuf>,
}

impl Place {
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
        }
        let log_store = DeltaTableBuilder::from_url(url)?.with_storage_options(options).build_storage()?;
        let store = log_store.object_store(None);
        Ok(Self { log_store, store, local })
    }

    /// Makes files and their folders durable on local disk. Object stores are durable by themselves.
    pub(super) fn sync(&self, files: &[Path]) -> Result<(), LoadErrorKind> {
        let Some(root) = &self.local else { return Ok(()) };
        let failed = LoadErrorKind::disk("make the files of the load durable");
        sync_files(root, files).map_err(failed)
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
            // Fails where it holds anything, as it should.
            let _ = std::fs::remove_dir(path);
        }
    }
}

fn sync_files(root: &LocalPath, files: &[Path]) -> std::io::Result<()> {
    let mut folders = std::collections::BTreeSet::new();
    for file in files {
        let path = file.parts().fold(root.to_path_buf(), |path, part| path.join(part.as_ref()));
        std::fs::File::open(&path)?.sync_all()?;
        folders.extend(path.parent().map(LocalPath::to_path_buf));
    }
    for folder in folders {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
