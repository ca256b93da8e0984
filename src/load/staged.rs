//! The data files of a load once all of its rows are there: under one schema, and without the rows that are left out.

use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;
use object_store::path::Path;
use roaring::RoaringTreemap;

use super::align::align;
use super::datafile::{DataFile, DataWriter, written};
use super::error::LoadErrorKind;
use super::fits::same_types;
use super::source::Shelf;
use super::spill::Spill;
use super::store::Place;
use super::{Disposition, Loader, read};

impl Loader {
    /// Rows that do not go into the table: others of their key count, or they are there to take rows out.
    pub(super) fn left_out(&mut self) -> Result<RoaringTreemap, LoadErrorKind> {
        let replaced = self.source.replaced()?;
        Ok(replaced | &self.source.deleting)
    }

    /// The data files of the load under one schema, without the rows that are left out.
    pub(super) async fn staged(&mut self, schema: &SchemaRef) -> Result<Vec<DataFile>, LoadErrorKind> {
        let left_out = self.left_out()?;
        let (place, layout) = (&self.place, &self.layout);
        match &mut self.source.shelf {
            Shelf::Spill(spill) if self.disposition == Disposition::Replace || !self.existed => {
                written(place, layout, async |writer| write_spilled(spill, schema, &left_out, writer).await).await
            }
            Shelf::Spill(_) => Ok(Vec::new()),
            Shelf::Files(writer) => {
                self.kept = writer.kept();
                writer.roll().await?;
                let (mut files, mut dropped) = (Vec::new(), Vec::new());
                let clean = written(place, layout, async |clean| {
                    (files, dropped) = cleaned(place, writer.written(), schema, &left_out, clean).await?;
                    Ok(())
                });
                let clean = clean.await?;
                files.extend(clean);
                writer.close().await?;
                dropped.retain(|path| !self.kept.contains(path));
                place.discard(&dropped).await;
                Ok(files)
            }
        }
    }
}

/// Writes rows that waited, where they need not be compared with a table.
async fn write_spilled(
    spill: &mut Spill,
    schema: &SchemaRef,
    left_out: &RoaringTreemap,
    writer: &mut DataWriter,
) -> Result<(), LoadErrorKind> {
    let mut first = 0;
    for index in 0..spill.segments() {
        for batch in spill.segment(index)? {
            let batch = align(&batch?, schema)?;
            writer.write(&read::without(&batch, first, left_out)?).await?;
            first += batch.num_rows() as u64;
        }
    }
    Ok(())
}

/// The files that are good as they are, and those of which the good rows were written again.
async fn cleaned(
    place: &Place,
    written: &[DataFile],
    schema: &SchemaRef,
    left_out: &RoaringTreemap,
    clean: &mut DataWriter,
) -> Result<(Vec<DataFile>, Vec<Path>), LoadErrorKind> {
    let (mut files, mut dropped) = (Vec::new(), Vec::new());
    let mut first = 0;
    for file in written {
        let end = first + file.rows;
        if left_out.range_cardinality(first..end) == 0 && same_types(file.schema.fields(), schema.fields()) {
            files.push(file.clone());
        } else {
            dropped.push(file.path.clone());
            let mut batches = read::rows(place, file.at(), schema).await?;
            let mut at = first;
            while let Some(batch) = batches.try_next().await? {
                clean.write(&read::without(&batch, at, left_out)?).await?;
                at += batch.num_rows() as u64;
            }
        }
        first = end;
    }
    Ok((files, dropped))
}
