//! What the schema contract kept out of a load: counted, spooled to local disk, and kept beside the tables.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};

use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use serde_json::json;

use super::datafile::PART_BYTES;
use super::error::LoadErrorKind;
use super::store::Place;
use crate::flow::{Reject, Rejects};

/// Rejects that a report lists; all are in the file.
const LISTED_MAX: usize = 20;

/// The rejects of a load. The spool has no name and goes with the process.
#[derive(Default)]
pub(super) struct RejectSpool {
    rejects: Rejects,
    /// Rows among them.
    pub(super) rows: u64,
    spool: Option<BufWriter<File>>,
}

impl RejectSpool {
    pub(super) fn is_empty(&self) -> bool {
        self.spool.is_none()
    }

    pub(super) fn push(&mut self, rejects: Vec<Reject>) -> Result<(), LoadErrorKind> {
        for reject in rejects {
            let spool = match &mut self.spool {
                Some(spool) => spool,
                None => {
                    let file = tempfile::tempfile().map_err(LoadErrorKind::disk("create the file of rejected rows"))?;
                    self.spool.insert(BufWriter::new(file))
                }
            };
            let (page, row, column) = (reject.page, reject.row, &reject.column);
            let place = json!({"page": page, "row": row, "column": column, "reason": reject.reason});
            // The value is JSON text already, to the last digit.
            let place = place.to_string();
            let place = place.trim_end_matches('}');
            writeln!(spool, "{place},\"value\":{}}}", reject.value)
                .map_err(LoadErrorKind::disk("write the file of rejected rows"))?;
            self.rejects.count += 1;
            self.rows += u64::from(reject.is_row);
            if self.rejects.first.len() < LISTED_MAX {
                self.rejects.first.push(reject);
            }
        }
        Ok(())
    }

    /// Puts them beside the tables and tells of them.
    pub(super) async fn keep(&mut self, folder: &Place, path: &Path) -> Result<Rejects, LoadErrorKind> {
        if let Some(spool) = self.spool.take() {
            let failed = LoadErrorKind::disk("read the file of rejected rows");
            let rewound = spool.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|mut file| {
                file.seek(SeekFrom::Start(0))?;
                Ok(file)
            });
            upload(folder, path, rewound.map_err(failed)?).await?;
            self.rejects.file = Some(path.to_string());
        }
        Ok(self.rejects.clone())
    }
}

/// Copies a file to the store part by part, so that its size does not matter.
async fn upload(folder: &Place, path: &Path, mut file: File) -> Result<(), LoadErrorKind> {
    let failed = |error| LoadErrorKind::storage("write the file of rejected rows")(error);
    let mut upload = folder.store.put_multipart(path).await.map_err(failed)?;
    loop {
        let mut part = Vec::new();
        let read = Read::by_ref(&mut file).take(PART_BYTES as u64).read_to_end(&mut part);
        let copied = match read.map_err(LoadErrorKind::disk("read the file of rejected rows")) {
            Ok(0) => return upload.complete().await.map(|_| ()).map_err(failed),
            Ok(_) => upload.put_part(PutPayload::from(part)).await.map_err(failed),
            Err(error) => Err(error),
        };
        if let Err(error) = copied {
            // What cannot be taken back is left to the store's own clean-up of uploads.
            let _ = upload.abort().await;
            return Err(error);
        }
    }
}
