//! The beginning of a load: what the table is, what earlier runs left, and where the rows are to wait.

use arrow::datatypes::SchemaRef;

use super::above::Above;
use super::datafile::DataWriter;
use super::error::LoadErrorKind;
use super::gather::Gathered;
use super::history::{Past, Takes};
use super::layout::Layout;
use super::rejects::RejectSpool;
use super::source::{Shelf, Source};
use super::state::StateFolder;
use super::store::Place;
use super::table::Snapshot;
use super::versions::Versions;
use super::{Disposition, LoadOptions, Loader};
use crate::flow::{KeyColumns, Remembered, TableState};
use crate::plan::{Matched, WriteDisposition};

/// Reads what the table is. `columns` are those with a part in how rows are written.
pub(super) async fn open(
    options: &LoadOptions<'_>,
    mut columns: KeyColumns,
) -> Result<(Loader, TableState), LoadErrorKind> {
    let resource = options.resource;
    let target = options.target.table(&resource.table);
    let application = format!("alluvium:{}:{}", options.pipeline, resource.name);
    let place = Place::open(&target)?;
    let disposition = Disposition::of(options);
    let snapshot = newest(&place, &application, options, disposition).await?;
    let mut states = StateFolder::open(options.target, &options.pipeline.to_string(), resource.name.as_str())?;
    let mut past = Past::read(&place, &mut states, snapshot.as_ref(), options, disposition).await?;
    let partitions = partitions(snapshot.as_ref(), &columns);
    let versions = versions(options, &columns);
    let above = above(snapshot.as_ref(), options, &columns);
    let layout = Layout::new(options.limits, partitions);
    let has_rows = snapshot.as_ref().is_some_and(|old| !old.files.is_empty());
    let compares = disposition == Disposition::Merge && above.is_none() && has_rows;
    let waiting = waits(&layout, compares, options, &columns).then(|| Source::spill(options.limits));
    let starts_anew = resource.schema.starts_anew && disposition == Disposition::Replace;
    let stored = snapshot.as_ref().filter(|_| !starts_anew);
    let write = resource.write.gathers(options.history).then(|| format!("{:?}", resource.write));
    past.settle(takes(write.as_deref(), waiting.as_ref(), &columns, &layout), stored.map(|snapshot| &snapshot.schema))?;
    let state = table_state(stored, snapshot.is_some(), &past, versions.as_ref())?;
    state.schema.iter().for_each(|table| columns.settle_by_table(table));
    let layout = layout.with(resource.delta.files);
    let shelf = waiting.unwrap_or_else(|| Shelf::Files(Box::new(DataWriter::new(&place, &layout))));
    let is_staged = past.has_staged();
    let mut source = source(shelf, options, &columns, versions.as_ref());
    source.go_above(above);
    source.filter(resource.delta.files.bloom_filters, &columns.key);
    let staged = past.staged_files(&layout.partitions)?;
    if write.is_none() {
        source.adopt(&place, staged.clone()).await?;
    }
    let gathered = write.map(|write| Gathered::begin(write, staged, past.unseen()));
    let loader = Loader {
        resource: resource.name.clone(),
        table: resource.table.clone(),
        uri: target.to_string(),
        application,
        run_id: options.run_id.to_owned(),
        disposition,
        limits: options.limits.clone(),
        layout,
        place,
        wants_vectors: resource.delta.deletion_vectors,
        maintenance: resource.delta.maintenance,
        matched: matched(options),
        versions,
        kept: Vec::new(),
        is_merged: false,
        starts_anew,
        sequence: snapshot.as_ref().and_then(|snapshot| snapshot.sequence),
        refreshes: options.history.refreshes,
        states,
        past,
        parts: options.after.as_ref().map_or(0, |after| after.parts),
        claimed: None,
        walk: None,
        remembered: None,
        interval: snapshot.as_ref().and_then(Snapshot::checkpoint_interval),
        existed: snapshot.is_some(),
        opened: snapshot,
        source,
        gathered,
        is_staged,
        folder: options.target.clone(),
        pipeline: options.pipeline.to_string(),
        rejects: RejectSpool::default(),
    };
    Ok((loader, state))
}

/// The table as it is now.
async fn newest(
    place: &Place,
    application: &str,
    options: &LoadOptions<'_>,
    disposition: Disposition,
) -> Result<Option<Snapshot>, LoadErrorKind> {
    if options.after.is_none() {
        place.check_conditions().await?;
    }
    let snapshot = Snapshot::load(place, application).await?;
    if snapshot.is_none() && options.after.as_ref().is_some_and(|after| after.sequence.is_some()) {
        // It was there a part ago. Opening its place has made a folder again.
        place.forget_empty();
        return Err(LoadErrorKind::Vanished);
    }
    if let Some(snapshot) = &snapshot {
        snapshot.check_features(disposition.change())?;
    }
    Ok(snapshot)
}

/// What is taken of what was staged: by a load that gathers rows in this way, or whose rows wait here, or go into files.
fn takes<'a>(write: Option<&'a str>, waiting: Option<&Shelf>, columns: &KeyColumns, layout: &'a Layout) -> Takes<'a> {
    match (write, waiting, &columns.hard_delete) {
        (Some(write), ..) => Takes::Gathered { write },
        (None, None, None) => Takes::Files { partitions: &layout.partitions },
        (None, ..) => Takes::Nothing,
    }
}

/// What is handed upstream. `stored` is the table, where what it has counts.
fn table_state(
    stored: Option<&Snapshot>,
    exists: bool,
    past: &Past,
    versions: Option<&Versions>,
) -> Result<TableState, LoadErrorKind> {
    let settled = past.schema(stored.map(|snapshot| SchemaRef::clone(&snapshot.schema)))?;
    Ok(TableState {
        exists: exists || past.has_staged(),
        schema: match versions {
            Some(versions) => settled.map(|schema| versions.hidden(&schema)),
            None => settled,
        },
        // What is staged is not looked at, so that none of the columns counts as narrow.
        narrow: match stored {
            Some(snapshot) if !past.has_staged() => snapshot.narrow_columns(),
            _ => Vec::new(),
        },
        unfinished: past.unfinished.clone(),
        remembered: past.remembered.clone(),
    })
}

fn versions(options: &LoadOptions<'_>, columns: &KeyColumns) -> Option<Versions> {
    match &options.resource.write {
        WriteDisposition::Scd2(rules) => Some(Versions::new(rules, columns)),
        _ => None,
    }
}

fn matched(options: &LoadOptions<'_>) -> Matched {
    match &options.resource.write {
        WriteDisposition::Merge(merge) => merge.matched,
        _ => Matched::default(),
    }
}

/// The columns that split the files of the table: its own, else those of the config.
fn partitions(snapshot: Option<&Snapshot>, columns: &KeyColumns) -> Vec<String> {
    let Some(snapshot) = snapshot else { return columns.partitions.clone() };
    let stored = snapshot.partitions();
    if !columns.partitions.is_empty() && stored != columns.partitions {
        tracing::warn!(stored = ?stored, config = ?columns.partitions, "the table keeps the partitions that it has");
    }
    stored
}

/// What tells that rows need not be compared with the table's: for merges by a key alone, into tables whose files tell.
fn above(snapshot: Option<&Snapshot>, options: &LoadOptions<'_>, columns: &KeyColumns) -> Option<Above> {
    let WriteDisposition::Merge(merge) = &options.resource.write else { return None };
    let is_plain = merge.merge_key.is_empty() && merge.hard_delete.is_none() && !merge.is_deduplicated;
    let is_whole = snapshot.is_none_or(|snapshot| snapshot.partitions().is_empty()) && columns.partitions.is_empty();
    let first = columns.key.first().filter(|_| is_plain && is_whole && !options.history.refreshes)?;
    Above::of(snapshot, first)
}

/// Whether the rows are to wait beside the table: those that have to be compared, or of which only the end tells which count; of those
/// in partitions the files do not have them in order.
fn waits(layout: &Layout, compares: bool, options: &LoadOptions<'_>, columns: &KeyColumns) -> bool {
    let tells_apart = !columns.key.is_empty() || columns.hard_delete.is_some();
    let is_ordered =
        layout.partitions.is_empty() || !tells_apart && !matches!(options.resource.write, WriteDisposition::Scd2(_));
    compares || columns.dedup_sort.is_some() || !is_ordered
}

/// No rows yet, with what tells theirs apart.
fn source(shelf: Shelf, options: &LoadOptions<'_>, columns: &KeyColumns, versions: Option<&Versions>) -> Source {
    let keys = versions.map_or_else(|| columns.clone(), |versions| versions.keys(columns));
    let tells_apart = !matches!(&options.resource.write, WriteDisposition::Merge(merge) if merge.is_deduplicated);
    Source::new(shelf, &keys, tells_apart, options.limits)
}

/// How far the cursors are that the next load of a resource begins with.
pub(super) async fn remembered(options: &LoadOptions<'_>) -> Result<Option<Remembered>, LoadErrorKind> {
    let resource = options.resource;
    if options.history.refreshes {
        return Ok(None);
    }
    let place = Place::open(&options.target.table(&resource.table))?;
    let application = format!("alluvium:{}:{}", options.pipeline, resource.name);
    let Some(snapshot) = Snapshot::load(&place, &application).await? else {
        place.forget_empty();
        return Ok(None);
    };
    let Some(sequence) = snapshot.sequence else { return Ok(None) };
    let states = StateFolder::open(options.target, &options.pipeline.to_string(), resource.name.as_str())?;
    Ok(states.read(sequence).await?.and_then(|state| state.remembered))
}
