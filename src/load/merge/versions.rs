//! Merging versions of rows (`scd2`): what the load does not have any more ends, what is new begins, and nothing is taken away.

use arrow::array::RecordBatch;
use futures::TryStreamExt;

use super::kept::Kept;
use super::rework::Rework;
use super::{Fate, Hit, Match, Merge, Merged, NO_ROW, Noted, join, reworked, set};
use crate::flow::{KeyColumn, RowCounts};
use crate::load::cores::{cores, futures_side_by_side};
use crate::load::datafile::{DataWriter, written};
use crate::load::error::LoadErrorKind;
use crate::load::key::{RowReader, key_schema};
use crate::load::key_buckets::Others;
use crate::load::read;
use crate::load::table::{Snapshot, TableFile};
use crate::load::versions::Versions;

/// What a file has of the versions that are valid.
struct Found<'f> {
    hit: Option<Hit<'f>>,
    /// New rows that are among them.
    known: Vec<u64>,
}

impl Merge<'_> {
    /// Reads the table and writes what has to be written. Nothing is committed.
    pub(super) async fn apply_versions(
        &mut self,
        versions: &Versions,
        snapshot: &Snapshot,
        noted: &Noted,
    ) -> Result<Merged, LoadErrorKind> {
        let mut fates = self.first_fates()?;
        let kept = Kept::new(&self.schema, &[]);
        let files: Vec<&TableFile> = snapshot.files.iter().filter(|file| versions.may_be_valid(file)).collect();
        let scanned = files.len() as u64;
        let mut hits: Vec<Option<Hit<'_>>> = files.iter().map(|_| None).collect();
        for bucket in 0..self.keys.buckets() {
            // Whether a version ends is told by the rows of all buckets.
            self.keys.hold(bucket, Others::All, self.spill)?;
            let this = &*self;
            let found = futures_side_by_side(files.clone(), async |file| this.valid(versions, file).await)?;
            for (hit, found) in hits.iter_mut().zip(found) {
                found.known.iter().for_each(|row| set(&mut fates, *row, Fate::Unchanged));
                join(hit, found.hit);
            }
        }
        let hits: Vec<Hit<'_>> = hits.into_iter().flatten().collect();
        let rework = Rework {
            place: self.place,
            layout: self.layout,
            schema: self.schema.clone(),
            takes_vectors: snapshot.takes_vectors(),
            digests: None,
            fates: &[],
            compared: Vec::new(),
            shares_cores: hits.len() < cores(),
            kept: &kept,
        };
        let reworked = reworked(&rework, &hits, noted)?;
        let mut merged = self.take_out(&hits, reworked, noted).await?;
        let (place, layout) = (self.place, self.layout);
        let new = written(place, layout, async |writer| {
            for hit in &hits {
                self.write_ended(versions, hit, writer).await?;
            }
            self.write_new(&fates, &kept, writer).await
        });
        merged.added.extend(new.await?);
        merged.files.scanned = scanned;
        merged.files.added = merged.added.len() as u64;
        merged.files.removed = (merged.removed.len() - merged.put_back.len()) as u64;
        let count = |wanted: Fate| fates.iter().filter(|fate| **fate == wanted).count() as u64;
        merged.rows = RowCounts {
            read: self.rows,
            inserted: count(Fate::New),
            updated: hits.iter().map(|hit| hit.matches.len() as u64).sum(),
            unchanged: count(Fate::Unchanged),
            ..RowCounts::default()
        };
        Ok(merged)
    }

    /// The versions of a file that end, and the new rows that are there already.
    async fn valid<'f>(&self, versions: &Versions, file: &'f TableFile) -> Result<Found<'f>, LoadErrorKind> {
        let deleted = file.deleted(self.place).await?;
        let also = self.keys.also.as_ref();
        let own = [&versions.version, &versions.to].map(|name| KeyColumn::top(name));
        let schema = key_schema(&self.schema, own.iter().chain(also.iter().flat_map(|also| &also.names)))?;
        let reader = RowReader::keys(&schema, &self.keys.names)?;
        let scope =
            also.map(|also| Ok::<_, LoadErrorKind>((RowReader::keys(&schema, &also.names)?, also))).transpose()?;
        let mut batches = read::rows(self.place, file.at(), &schema).await?;
        let (mut matches, mut known, mut first) = (Vec::new(), Vec::new(), 0);
        while let Some(batch) = batches.try_next().await? {
            let scoped = scope.as_ref().map(|(reader, _)| reader.encode(&batch)).transpose()?;
            let keys = reader.encode(&batch)?;
            for index in versions.valid_rows(&batch) {
                let row_in_file = first + index as u64;
                if deleted.contains(row_in_file) || !self.keys.is_held(keys.row(index).data()) {
                    continue;
                }
                let in_scope = match (&scope, &scoped) {
                    (Some((_, also)), Some(scoped)) => also.contains(scoped.row(index).data()),
                    _ => true,
                };
                match self.keys.row_of(keys.row(index).data()) {
                    Some(row) => known.push(row),
                    None if in_scope => matches.push(Match { row_in_file, row: NO_ROW }),
                    None => {}
                }
            }
            first += batch.num_rows() as u64;
        }
        let hit = (!matches.is_empty()).then_some(Hit { file, deleted, matches });
        Ok(Found { hit, known })
    }

    /// Writes the versions of a file that end, with their end.
    async fn write_ended(
        &self,
        versions: &Versions,
        hit: &Hit<'_>,
        writer: &mut DataWriter,
    ) -> Result<(), LoadErrorKind> {
        let rows = hit.file.rows.ok_or(LoadErrorKind::Internal("a file whose rows are not counted"))?;
        let selection = hit.selection(rows);
        let file = hit.file;
        let mut batches = read::selected(self.place, file.at(), &self.schema, Some(selection)).await?;
        while let Some(batch) = batches.try_next().await? {
            let ended: RecordBatch = versions.ended(&batch)?;
            writer.write(&ended).await?;
        }
        Ok(())
    }
}
