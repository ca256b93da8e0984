//! The composition root: the only module that knows every stage.
//!
//! ```text
//! walk pages ---Page---> decode, join ---TableBatch---> write, commit ---Receipt---> report
//!  (extract)               (normalize)                     (load)
//! ```
//!
//! Each resource has a lane of its own ([`lane`]): three tasks with bounded queues between them. Resources that need the rows of each
//! other are a tree of lanes ([`tree`]), which run at the same time.

mod budget;
mod event;
mod joiner;
mod lane;
mod report;
mod stop;
mod tree;
mod walker;
mod writer;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;

pub use event::{Event, Observer, Progress};
pub use report::{
    ErrorReport, FileReport, ResourceReport, ResourceStatus, RowReport, RunReport, RunStatus, SchemaChangeReport,
    WaitReport,
};
pub use stop::{Stop, StopHandle};

use crate::client::{Client, ClientOptions};
use crate::plan::{Limits, Plan};
use tree::{Shared, Tree};

/// Runs a plan: every resource is extracted, normalised and loaded, some of them at the same time.
///
/// A resource that fails leaves its table as it was and does not stop the others; the report has an entry for each.
/// Must be called within a multi-threaded tokio runtime.
pub async fn run(plan: &Plan, observer: Arc<dyn Observer>, stop: Stop) -> RunReport {
    let began = Instant::now();
    let run_id = uuid::Uuid::new_v4().to_string();
    let client = match Client::new(&ClientOptions { limits: plan.limits.clone(), retry: plan.retry.clone() }) {
        Ok(client) => client,
        Err(error) => return RunReport::not_started(run_id, began.elapsed(), plan, &error.into()),
    };
    let trees = tree::trees(plan);
    let shared = Shared { plan, limits: shared_limits(plan, &trees), client, run_id: &run_id, observer, stop };
    let runs = trees.into_iter().map(|tree| tree.run(shared.clone()));
    let mut reports: BTreeMap<usize, ResourceReport> = futures::stream::iter(runs)
        .buffered(plan.limits.resources_in_flight.get())
        .concat()
        .await
        .into_iter()
        .collect();
    let resources = plan.resources.iter().enumerate();
    let resources = resources
        .map(|(place, resource)| reports.remove(&place).unwrap_or_else(|| ResourceReport::skipped(plan, resource)));
    RunReport::new(run_id.clone(), began.elapsed(), resources.collect())
}

/// The limits of each of the lanes that run at the same time, which share the memory.
fn shared_limits(plan: &Plan, trees: &[Tree<'_>]) -> Limits {
    let mut sizes: Vec<usize> = trees.iter().map(Tree::len).collect();
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    let lanes = sizes.iter().take(plan.limits.resources_in_flight.get()).sum::<usize>().max(1) as u64;
    let memory = NonZeroU64::new(plan.limits.memory_bytes.get() / lanes).unwrap_or(NonZeroU64::MIN);
    Limits { memory_bytes: memory, ..plan.limits.clone() }
}
