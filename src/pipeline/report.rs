//! What a run did: one entry a resource, also for failed ones. Keys are only ever added.

use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, ErrorClass};
use crate::flow::{ChangeKind, FileCounts, Receipt, Rejects, RowCounts, SchemaChange};
use crate::plan::{Plan, ResourcePlan};

/// Rejects that a report lists; all are in the files.
const REJECTS_LISTED: usize = 20;

/// The report of a run.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// Names the run, also in the tables' histories.
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
    /// How long it took.
    pub seconds: f64,
    /// One entry a resource, in the order of the config.
    pub resources: Vec<ResourceReport>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Every resource is loaded.
    Ok,
    /// Some are loaded and some are not.
    Partial,
    /// None is loaded.
    Failed,
    /// The user stopped it.
    Interrupted,
}

/// How a resource ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceStatus {
    /// Its table holds its rows.
    Ok,
    /// Its table is as it was.
    Failed,
    /// The user stopped it; its table is as it was.
    Interrupted,
    /// It was not to be loaded.
    Skipped,
}

/// What became of one resource.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceReport {
    /// The resource's name.
    pub resource: String,
    /// Its table's name.
    pub table: String,
    /// Where the table is.
    pub uri: String,
    /// How it ended.
    pub status: ResourceStatus,
    /// The table's version after it.
    pub version: Option<u64>,
    /// Commits made.
    pub commits: u64,
    /// Pages of the walk that an earlier run had taken in, and this one went on from; `null`: it began at the beginning.
    pub resumed_after_page: Option<u64>,
    /// Requests sent, repeats included.
    pub requests: u64,
    /// Requests repeated.
    pub retries: u64,
    /// Answers that `response_actions` has ignored; each ended a walk.
    pub ignored: u64,
    /// How long was waited for the API, and why.
    pub waits: Vec<WaitReport>,
    /// Pages taken in.
    pub pages: u64,
    /// Bytes received, after decompression.
    pub bytes_received: u64,
    /// What became of the rows.
    pub rows: RowReport,
    /// What became of the table's files.
    pub files: FileReport,
    /// What the schema contract kept out.
    pub rejects: Rejects,
    /// Changes to the table's schema.
    pub schema_changes: Vec<SchemaChangeReport>,
    /// Columns that held only null, `{}` or `[]`, so that none was made.
    pub null_only: Vec<String>,
    /// Why it failed.
    pub error: Option<ErrorReport>,
}

/// A wait for the API.
#[derive(Debug, Clone, Serialize)]
pub struct WaitReport {
    /// Why.
    pub reason: &'static str,
    /// How long in all.
    pub seconds: f64,
}

/// Counts of rows.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[expect(missing_docs, reason = "as in `flow::RowCounts`")]
pub struct RowReport {
    pub read: u64,
    pub inserted: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub deleted: u64,
    pub rejected: u64,
}

/// Counts of files.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[expect(missing_docs, reason = "as in `flow::FileCounts`")]
pub struct FileReport {
    pub scanned: u64,
    pub added: u64,
    pub removed: u64,
}

/// One change to a schema.
#[derive(Debug, Clone, Serialize)]
pub struct SchemaChangeReport {
    /// The column.
    pub column: String,
    /// `added`, `widened`, `variant` or `renamed`.
    pub change: &'static str,
    /// The type or name before.
    pub from: Option<String>,
    /// The type or name after.
    pub to: Option<String>,
    /// The page, from 1, at which it was settled; `null`: before the first.
    pub page: Option<u64>,
}

/// Why a resource failed, or a config was refused.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorReport {
    /// A stable name.
    pub code: String,
    /// What kind of failure it is.
    pub class: String,
    /// What happened.
    pub message: String,
    /// What to try next.
    pub hint: Option<String>,
    /// Where it happened.
    pub at: Option<String>,
}

impl RunReport {
    pub(super) fn new(run_id: String, took: Duration, resources: Vec<ResourceReport>) -> Self {
        let any = |status| resources.iter().any(|resource| resource.status == status);
        let status = if any(ResourceStatus::Interrupted) {
            RunStatus::Interrupted
        } else if !any(ResourceStatus::Failed) {
            RunStatus::Ok
        } else if any(ResourceStatus::Ok) {
            RunStatus::Partial
        } else {
            RunStatus::Failed
        };
        Self { run_id, status, seconds: took.as_secs_f64(), resources }
    }
}

impl RunReport {
    /// Every resource failed for the same reason.
    pub(super) fn not_started(run_id: String, took: Duration, plan: &Plan, error: &Error) -> Self {
        let failed = |resource| {
            let mut report = ResourceReport::empty(plan, resource);
            report.fail(error);
            report
        };
        Self::new(run_id, took, plan.resources.iter().map(failed).collect())
    }
}

impl ResourceReport {
    /// A report of nothing done yet.
    pub(super) fn empty(plan: &Plan, resource: &ResourcePlan) -> Self {
        Self {
            resource: resource.name.to_string(),
            table: resource.table.to_string(),
            uri: plan.target.table(&resource.table).to_string(),
            status: ResourceStatus::Failed,
            version: None,
            commits: 0,
            resumed_after_page: None,
            requests: 0,
            retries: 0,
            ignored: 0,
            waits: Vec::new(),
            pages: 0,
            bytes_received: 0,
            rows: RowReport::default(),
            files: FileReport::default(),
            rejects: Rejects::default(),
            schema_changes: Vec::new(),
            null_only: Vec::new(),
            error: None,
        }
    }

    pub(super) fn skipped(plan: &Plan, resource: &ResourcePlan) -> Self {
        Self { status: ResourceStatus::Skipped, ..Self::empty(plan, resource) }
    }

    pub(super) fn skip(&mut self) {
        self.status = ResourceStatus::Skipped;
    }

    pub(super) fn succeed(&mut self) {
        self.status = ResourceStatus::Ok;
    }

    /// Takes in what one commit of the resource did.
    pub(super) fn add(&mut self, receipt: &Receipt) {
        self.version = receipt.version.or(self.version);
        self.commits += receipt.commits;
        self.rows.add(receipt.rows);
        self.files.add(receipt.files);
        self.rejects.count += receipt.rejects.count;
        let room = REJECTS_LISTED.saturating_sub(self.rejects.first.len());
        self.rejects.first.extend(receipt.rejects.first.iter().take(room).cloned());
        if self.rejects.file.is_none() {
            self.rejects.file.clone_from(&receipt.rejects.file);
        }
    }

    /// Takes in what the rows of one commit were.
    pub(super) fn add_schema(&mut self, changes: Vec<SchemaChange>, null_only: Vec<String>) {
        self.schema_changes.extend(changes.into_iter().map(SchemaChangeReport::from));
        self.null_only.extend(null_only);
        self.null_only.sort_unstable();
        self.null_only.dedup();
        let changes = &self.schema_changes;
        // One that held nothing in an earlier part may have become a column since.
        self.null_only.retain(|name| !changes.iter().any(|change| change.column == *name));
    }

    pub(super) fn fail(&mut self, error: &Error) {
        self.status = match error.class() {
            ErrorClass::Interrupted => ResourceStatus::Interrupted,
            _ => ResourceStatus::Failed,
        };
        self.error = Some(error.into());
    }
}

impl From<&Error> for ErrorReport {
    fn from(error: &Error) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            // Storage and HTTP errors repeat their cause in their own words.
            let text = error.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        Self {
            code: error.code().to_owned(),
            class: error.class().name().to_owned(),
            message,
            hint: error.hint(),
            at: error.at(),
        }
    }
}

impl From<SchemaChange> for SchemaChangeReport {
    fn from(change: SchemaChange) -> Self {
        let name = match change.change {
            ChangeKind::Added => "added",
            ChangeKind::Widened => "widened",
            ChangeKind::Variant => "variant",
            ChangeKind::Renamed => "renamed",
        };
        Self { column: change.column, change: name, from: change.from, to: change.to, page: change.page }
    }
}

impl RowReport {
    /// `read` counts while pages come.
    fn add(&mut self, counts: RowCounts) {
        let RowCounts { read: _, inserted, updated, unchanged, deleted, rejected } = counts;
        self.inserted += inserted;
        self.updated += updated;
        self.unchanged += unchanged;
        self.deleted += deleted;
        self.rejected += rejected;
    }
}

impl FileReport {
    fn add(&mut self, counts: FileCounts) {
        let FileCounts { scanned, added, removed } = counts;
        self.scanned += scanned;
        self.added += added;
        self.removed += removed;
    }
}
