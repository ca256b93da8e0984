//! What the schema contract kept out of a load: counted, spooled to local disk, and kept beside the tables.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};

use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use serde_json::json;

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
        if let Some(mut spool) = self.spool.take() {
            let failed = LoadErrorKind::disk("read the file of rejected rows");
            let read = |file: &mut File| -> std::io::Result<Vec<u8>> {
                let mut bytes = Vec::new();
                file.seek(SeekFrom::Start(0))?;
                file.read_to_end(&mut bytes)?;
                Ok(bytes)
            };
            let bytes = spool.flush().and_then(|()| read(spool.get_mut())).map_err(failed)?;
            let put = folder.store.put(path, PutPayload::from(bytes)).await;
            put.map_err(LoadErrorKind::storage("write the file of rejected rows"))?;
            self.rejects.file = Some(path.to_string());
        }
        Ok(self.rejects.clone())
    }
}
