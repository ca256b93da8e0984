//! The paths of a table's files word for word as its log has them.
//!
//! In a log a path is that of a URL, and what is escaped of it is up to each writer: `ä` may be there as it is, or as `%C3%A4`. An action
//! takes out the file that was added under the very same text, while deltalake hands out what the text stands for. Where that can be
//! written in one way only, nothing is read here.

use std::collections::HashMap;

use arrow::array::AsArray;
use deltalake::kernel::Snapshot;
use futures::TryStreamExt;
use object_store::path::Path;

use super::error::LoadErrorKind;
use super::key::column;
use super::store::Place;

/// The texts of paths, by what they stand for; `None`: there are several.
#[derive(Default)]
pub(super) struct LoggedPaths(HashMap<String, Option<String>>);

impl LoggedPaths {
    /// Reads those of one version of a table, if some of these paths may be written in several ways.
    pub(super) async fn read(
        place: &Place,
        version: u64,
        mut paths: impl Iterator<Item = Path>,
    ) -> Result<Self, LoadErrorKind> {
        let mut found = Self::default();
        if paths.all(|path| is_plain(&path)) {
            return Ok(found);
        }
        let snapshot = Snapshot::try_new(place.log_store.as_ref(), Some(version)).await?;
        let mut batches = snapshot.files(place.log_store.as_ref(), None);
        while let Some(files) = batches.try_next().await? {
            let texts = column(&files, "path").and_then(|texts| texts.as_string_opt::<i32>());
            let texts = texts.ok_or(LoadErrorKind::Internal("files of a table without paths"))?;
            for text in texts.iter().flatten() {
                let Ok(path) = Path::from_url_path(text) else { continue };
                let known = found.0.entry(path.to_string()).or_insert_with(|| Some(text.to_owned()));
                if known.as_deref() != Some(text) {
                    *known = None;
                }
            }
        }
        Ok(found)
    }

    /// The text of a path, the inner `None`: what it stands for; the outer: it is not known.
    pub(super) fn text(&self, path: &Path) -> Option<Option<&str>> {
        match self.0.get(path.as_ref()) {
            Some(text) => text.as_deref().map(Some),
            None => is_plain(path).then_some(None),
        }
    }
}

/// Whether nobody escapes anything in a path.
fn is_plain(path: &Path) -> bool {
    path.as_ref().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./=".contains(&byte))
}
