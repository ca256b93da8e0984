//! `delta`: how a resource's table is kept in Delta Lake.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use super::duration::duration;
use super::problem::{Problem, Report, code};
use super::reader::{Reader, integer, invalid};
use super::size::bytes;
use super::tree::Tree;
use crate::plan::{DeltaOptions, FileLayout, Maintenance, RETENTION_MIN};

/// Reads the key of a resource.
pub(super) fn read(reader: &mut Reader<'_>) -> DeltaOptions {
    let report = reader.report;
    let Some(mut reader) = reader.present("delta").and_then(|tree| Reader::open(tree, report)) else {
        return DeltaOptions::default();
    };
    let options = DeltaOptions {
        deletion_vectors: reader.bool("deletion_vectors").unwrap_or_default(),
        maintenance: reader.present("maintenance").map(|tree| maintenance(tree, report)).unwrap_or_default(),
        files: files(&mut reader),
        ..DeltaOptions::default()
    };
    reader.close();
    options
}

fn files(reader: &mut Reader<'_>) -> FileLayout {
    let report = reader.report;
    let zstd_level = reader.present("zstd_level").and_then(|tree| {
        let level = integer(tree, 1, report)?;
        let level = u8::try_from(level).ok().filter(|level| *level <= 22);
        if level.is_none() {
            invalid(tree, "must be at most 22", report);
        }
        level
    });
    let row_group_rows = reader.integer("row_group_rows", 1).and_then(|rows| usize::try_from(rows).ok());
    FileLayout {
        file_bytes: reader.present("file_bytes").and_then(|tree| bytes(tree, report)).and_then(NonZeroU64::new),
        row_group_rows: row_group_rows.and_then(NonZeroUsize::new),
        zstd_level,
        bloom_filters: reader.bool("bloom_filters"),
    }
}

fn maintenance(tree: &Tree, report: &Report) -> Maintenance {
    let Some(mut reader) = Reader::open(tree, report) else { return Maintenance::default() };
    let maintenance = Maintenance {
        optimize_files: reader.integer("optimize_files", 1).and_then(NonZeroU64::new),
        vacuum: reader.bool("vacuum").unwrap_or_default(),
        retention: reader.present("retention").and_then(|tree| retention(tree, report)),
    };
    reader.close();
    maintenance
}

/// Less than the usual retention is asked for by hand only, where somebody knows that nothing else is at work on the table.
fn retention(tree: &Tree, report: &Report) -> Option<Duration> {
    let retention = duration(tree, report)?;
    if retention < RETENTION_MIN {
        let problem = Problem::new(code::INVALID, &tree.at, format!("`{}` must be at least 7 days", tree.label));
        report.add(problem.hint("`alluvium table vacuum --allow-short-retention` takes less"));
        return None;
    }
    Some(retention)
}
