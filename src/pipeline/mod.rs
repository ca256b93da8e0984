//! The composition root: the only module that knows every stage.
//!
//! ```text
//! walk pages ---Page---> decode, join ---TableBatch---> write, commit ---Receipt---> report
//!  (extract)               (normalize)                     (load)
//! ```
//!
//! Each resource has a lane of its own ([`lane`]): three tasks with bounded queues between them.

mod budget;
mod event;
mod joiner;
mod lane;
mod report;
mod stop;

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
use crate::plan::{Limits, Plan, ResourcePlan, WriteDisposition};

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
    let limits = shared_limits(plan);
    let lanes = plan.resources.iter().map(|resource| {
        let lane = lane::Lane {
            plan,
            resource,
            limits: limits.clone(),
            client: client.clone(),
            run_id: &run_id,
            observer: Arc::clone(&observer),
            stop: stop.clone(),
        };
        async move { if is_loaded(resource) { lane.run().await } else { ResourceReport::skipped(plan, resource) } }
    });
    let resources: Vec<ResourceReport> =
        futures::stream::iter(lanes).buffered(plan.limits.resources_in_flight.get()).collect().await;
    RunReport::new(run_id, began.elapsed(), resources)
}

/// The limits of each of the lanes that run at the same time, which share the memory.
fn shared_limits(plan: &Plan) -> Limits {
    let loaded = plan.resources.iter().filter(|resource| is_loaded(resource)).count();
    let lanes = loaded.min(plan.limits.resources_in_flight.get()).max(1) as u64;
    let memory = NonZeroU64::new(plan.limits.memory_bytes.get() / lanes).unwrap_or(NonZeroU64::MIN);
    Limits { memory_bytes: memory, ..plan.limits.clone() }
}

fn is_loaded(resource: &ResourcePlan) -> bool {
    resource.selected && resource.write != WriteDisposition::Skip
}
