//! What to do: the validated, secret-safe description of a run.
//!
//! A [`Plan`] is what `config` makes of a file and what everything after it trusts: resources stand in dependency order,
//! every reference resolves, table names are unique, a merge has a key, JSONPaths are compiled, secrets are resolved and
//! every limit is set. It can be built in Rust without any file.
//!
//! This module is pure: no I/O, no async, no clock, no environment.

mod auth;
mod columns;
mod cursor_value;
mod delta;
mod endpoint;
mod format;
mod incremental;
mod limits;
mod names;
mod naming;
mod paging;
mod parent;
mod progress;
mod response;
mod safe_url;
mod schema;
mod secret;
mod signing;
mod spelling;
mod target;
mod template;
mod write;

use std::sync::Arc;

use crate::json::RowStep;

pub use auth::{ApiKeyLocation, Auth, ClientAuth, Grant, TokenGrant};
pub use columns::{ColumnHint, DataType, RenameRule};
pub use cursor_value::CursorValue;
pub use delta::{DeltaOptions, FileLayout, Maintenance, RETENTION_MIN};
pub use endpoint::{Data, Endpoint, Method, RowSelection};
pub use format::{BodyFormat, CsvFormat, FormatKind};
pub use incremental::{CursorFormat, CursorPlace, Incremental, LastValue, MissingCursor, RangeBound, RowOrder};
pub use limits::{COLUMN_LEVELS_MAX, Limits, RateLimit, RetryPolicy};
pub use names::{NameError, PipelineName, ResourceName, TableName};
pub use naming::{Naming, snake_case};
pub use paging::{
    CursorSpec, HeaderCursorSpec, HeaderLinkSpec, JsonLinkSpec, OffsetSpec, PageNumberSpec, PaginatorSpec,
    ParameterPlace,
};
pub use parent::{IncludedField, MissingParentField, ParentLink};
pub use progress::CommitRules;
pub use response::{Action, ResponseAction};
pub use safe_url::SafeUrl;
pub use schema::{ContractMode, MissingKey, SchemaContract, SchemaRules, TypeConflict};
pub use secret::Secret;
pub use signing::{SigningError, SigningKey};
pub use spelling::{in_path, is_told_in_path, percent_encoded, python_float};
pub use target::{Target, TargetError};
pub use template::{
    Align, Gap, GapSource, JsonTemplate, ParentField, RequestTemplate, Template, TemplatePart, TextFormat, TextKind,
};
pub use write::{DedupSort, Matched, Merge, Scd2, WriteDisposition};

/// One whole run: where rows come from, what they become and where they land.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names the pipeline in the tables' transaction identifiers (`alluvium:<pipeline>:<resource>`).
    pub pipeline: PipelineName,
    /// The folder that holds the tables.
    pub target: Target,
    /// The resources in dependency order.
    pub resources: Vec<ResourcePlan>,
    /// Bounds of the whole run.
    pub limits: Limits,
    /// How failed requests are repeated.
    pub retry: RetryPolicy,
    /// What the run makes of what earlier runs left.
    pub history: History,
}

/// What a run makes of what earlier runs left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// Nothing of it counts: every walk starts at its beginning, and its rows take the place of all that the table has, in one
    /// commit (`--full-refresh`).
    pub refreshes: bool,
    /// A table into which another pipeline has appended this resource is appended to all the same (`--adopt`).
    pub adopts: bool,
}

/// One resource: one walk over an endpoint that fills one table.
#[derive(Debug, Clone)]
pub struct ResourcePlan {
    /// The resource's name as written in the config.
    pub name: ResourceName,
    /// The table's folder, unique in the plan.
    pub table: TableName,
    /// Where its pages are.
    pub endpoint: Endpoint,
    /// The request, where parts of it are known only while the run is under way; it takes the place of the endpoint's.
    pub request: Option<RequestTemplate>,
    /// The resource whose rows lead to the requests of this one.
    pub parent: Option<ParentLink>,
    /// What of its rows is new.
    pub incremental: Option<Incremental>,
    /// What is made of its rows before anything else sees them.
    pub steps: Arc<[RowStep]>,
    /// How its rows join those of the table.
    pub write: WriteDisposition,
    /// Type and nullability hints, by column or source name.
    pub columns: Vec<ColumnHint>,
    /// Source keys that become columns of another name.
    pub rename: Vec<RenameRule>,
    /// How source keys become column names.
    pub naming: Naming,
    /// How the table's schema may change.
    pub schema: SchemaRules,
    /// How the table is kept in Delta Lake.
    pub delta: DeltaOptions,
    /// When a long walk commits what it has.
    pub commits: CommitRules,
    /// `false`: the resource is not loaded.
    pub selected: bool,
}

impl ResourcePlan {
    /// A resource that appends to its table, with every other rule as in a config that does not say.
    pub fn new(name: ResourceName, table: TableName, endpoint: Endpoint) -> Self {
        Self {
            name,
            table,
            endpoint,
            request: None,
            parent: None,
            incremental: None,
            steps: Arc::default(),
            write: WriteDisposition::Append,
            columns: Vec::new(),
            rename: Vec::new(),
            naming: Naming::default(),
            schema: SchemaRules::default(),
            delta: DeltaOptions::default(),
            commits: CommitRules::default(),
            selected: true,
        }
    }
}
