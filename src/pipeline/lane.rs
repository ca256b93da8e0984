//! One resource from its first request to its commit: three tasks with bounded queues between them.
//!
//! ```text
//! walker (async; reads bodies  --PAGES_QUEUED-->  joiner (this task; in page order)
//!   on the blocking pool)
//!                                      --BATCHES_QUEUED-->  writer (a blocking thread: encodes and stores)
//! ```
//!
//! The queues are bounded by number and by bytes ([`Budget`]). The only file that spawns. Every task is joined; a commit that has begun is never cancelled.

use std::sync::Arc;
use std::time::Duration;

use futures::future::Either;
use futures::stream::{FuturesOrdered, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::budget::{Budget, Share};
use super::{Event, Observer, Progress, ResourceReport, Stop, WaitReport};
use crate::client::{Client, Meter};
use crate::error::Error;
use crate::extract::{Walk, Walked};
use crate::flow::{Receipt, TableBatch};
use crate::load::{LoadError, LoadOptions, Loader};
use crate::normalize::{Decoder, Draft, Normalizer, Rows};
use crate::plan::{Limits, Plan, ResourcePlan};

/// Pages that wait to be joined. With the batches below it is what the network and the decoders work on while the writer encodes what
/// it has gathered; mostly the bytes are the bound.
const PAGES_QUEUED: usize = 16;
/// Pages that are being decoded: the writer needs a core too, so more would not be faster on small machines.
const PAGES_DECODED: usize = 2;
/// Batches that wait for the writer, which takes them in bursts.
const BATCHES_QUEUED: usize = 64;

/// What one resource is loaded with.
pub(super) struct Lane<'a> {
    pub(super) plan: &'a Plan,
    pub(super) resource: &'a ResourcePlan,
    /// The limits of the run, with this lane's share of its memory.
    pub(super) limits: Limits,
    pub(super) client: Client,
    pub(super) run_id: &'a str,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) stop: Stop,
}

impl Lane<'_> {
    /// Loads the resource and reports; never fails as such.
    pub(super) async fn run(self) -> ResourceReport {
        let mut report = ResourceReport::empty(self.plan, self.resource);
        self.observer.event(&Event::Started(self.resource.name.clone()));
        let meter = Arc::new(Meter::default());
        match self.load(&meter, &mut report).await {
            Ok(receipt) => report.succeed(&receipt),
            Err(error) => {
                tracing::debug!(resource = %self.resource.name, error = %error, "the resource failed");
                report.fail(&error);
            }
        }
        let metered = meter.reading();
        report.requests = metered.requests;
        report.retries = metered.retries;
        report.bytes_received = metered.bytes_received;
        let waits = metered.waits.into_iter();
        report.waits =
            waits.map(|(reason, took)| WaitReport { reason: reason.name(), seconds: took.as_secs_f64() }).collect();
        self.observer.event(&Event::Ended(self.resource.name.clone()));
        report
    }

    async fn load(&self, meter: &Arc<Meter>, report: &mut ResourceReport) -> Result<Receipt, Error> {
        let (loader, mut normalizer) = self.open().await?;
        let (client, decoder) = (self.client.clone(), normalizer.decoder());
        let walk = Walk::new(self.resource, &self.limits, client, Arc::clone(meter), decoder);
        let (pages, walker) = spawn_walker(walk, self.stop.clone(), Budget::of(self.limits.memory_bytes));
        let (batches, writer) = spawn_writer(loader, Budget::of(self.limits.memory_bytes));
        let joined = self.join_pages(pages, &mut normalizer, &batches, meter, report).await;
        drop(batches);
        let walked = walker.await.unwrap_or_else(|_| Err(Error::task("the walker panicked")));
        let (loader, written) = writer.await.map_err(|_| Error::task("the writer panicked"))?;
        // The first cause wins: a writer that failed makes the joiner stop, and that the walker.
        let outcome = written.map_err(Error::from).and(joined).and(walked);
        report.schema_changes = normalizer.schema_changes().into_iter().map(Into::into).collect();
        report.null_only = normalizer.null_only();
        if let Err(error) = outcome {
            loader.abort().await;
            return Err(error);
        }
        self.observer.event(&Event::Committing(self.resource.name.clone()));
        let load_schema = normalizer.load_schema();
        let handle = Handle::current();
        let finished = spawn_blocking(move || handle.block_on(loader.finish(&load_schema))).await;
        Ok(finished.map_err(|_| Error::task("the commit panicked"))??)
    }

    async fn open(&self) -> Result<(Loader, Normalizer), Error> {
        let options = LoadOptions {
            pipeline: &self.plan.pipeline,
            resource: self.resource,
            target: &self.plan.target,
            limits: &self.limits,
            run_id: self.run_id,
        };
        let key = Normalizer::key_columns(self.resource);
        let (loader, state) = Loader::open(&options, &key).await?;
        match Normalizer::new(self.resource, &self.limits, &state) {
            Ok(normalizer) => Ok((loader, normalizer)),
            Err(error) => {
                loader.abort().await;
                Err(error.into())
            }
        }
    }

    /// Decodes pages side by side and joins them in page order.
    async fn join_pages(
        &self,
        mut pages: Pages,
        normalizer: &mut Normalizer,
        batches: &Batches,
        meter: &Meter,
        report: &mut ResourceReport,
    ) -> Result<(), Error> {
        let mut decoding = FuturesOrdered::new();
        let decoder = normalizer.decoder();
        let mut open = true;
        loop {
            // A page keeps its share of the memory until it is joined, so that the next may come only after that.
            tokio::select! {
                biased;
                Some((draft, _share)) = decoding.next() => {
                    let draft: Draft = draft?;
                    report.rows.read += draft.rows() as u64;
                    let ready = normalizer.push(draft)?;
                    if !batches.send(ready).await {
                        return Ok(());
                    }
                    self.observe(meter, report);
                }
                page = pages.recv(), if open && decoding.len() < PAGES_DECODED => match page {
                    Some((page, share)) => {
                        report.pages += 1;
                        let decoding_page = decoded(page, decoder.clone());
                        decoding.push_back(async move { (decoding_page.await, share) });
                    }
                    None => open = false,
                },
                else => break,
            }
        }
        // Not known to be the end of the pages if the walker failed; then the rest is thrown away by the caller.
        let ready = normalizer.finish()?;
        batches.send(ready).await;
        Ok(())
    }

    fn observe(&self, meter: &Meter, report: &ResourceReport) {
        let metered = meter.reading();
        let progress = Progress {
            pages: report.pages,
            rows: report.rows.read,
            bytes: metered.bytes_received,
            retries: metered.retries,
            waited_seconds: metered.waits.values().map(Duration::as_secs_f64).sum(),
        };
        self.observer.event(&Event::Page(self.resource.name.clone(), progress));
    }
}

/// The draft of a page, of which the decoding has begun.
fn decoded((page, rows): Walked<Rows>, decoder: Decoder) -> impl Future<Output = Result<Draft, Error>> {
    match rows {
        Some(rows) => Either::Left(std::future::ready(Ok(decoder.taken(&page, rows)))),
        None => {
            let task = spawn_blocking(move || decoder.decode(&page));
            Either::Right(async { Ok(task.await.map_err(|_| Error::task("the decoder panicked"))??) })
        }
    }
}

/// The pages of a walk, each with its share of the memory.
type Pages = mpsc::Receiver<(Walked<Rows>, Share)>;

/// The way to the writer.
struct Batches {
    sender: mpsc::Sender<(TableBatch, Share)>,
    budget: Budget,
}

impl Batches {
    /// Hands batches to the writer; whether it is still there. One that is gone has failed and tells why itself.
    async fn send(&self, ready: Vec<TableBatch>) -> bool {
        for batch in ready {
            let share = self.budget.take(batch.rows.get_array_memory_size() as u64).await;
            if self.sender.send((batch, share)).await.is_err() {
                return false;
            }
        }
        true
    }
}

fn spawn_walker(mut walk: Walk<Decoder>, mut stop: Stop, budget: Budget) -> (Pages, JoinHandle<Result<(), Error>>) {
    let (sender, receiver) = mpsc::channel(PAGES_QUEUED);
    let task = tokio::spawn(async move {
        loop {
            // Both are cancel-safe: a page that is not delivered is not lost but never committed.
            let next = tokio::select! {
                biased;
                () = stop.asked() => return Err(Error::interrupted()),
                next = walk.next() => next?,
            };
            let Some(page) = next else { return Ok(()) };
            let send = async {
                let share = budget.take(page.0.bytes).await;
                sender.send((page, share)).await
            };
            // While the queue is full, requests under way go on.
            let sent = tokio::select! {
                sent = send => sent,
                () = walk.work_ahead() => return Err(Error::task("the walk ended before its pages")),
            };
            if sent.is_err() {
                return Ok(());
            }
        }
    });
    (receiver, task)
}

type Writing = JoinHandle<(Loader, Result<(), LoadError>)>;

/// The writer has a thread of its own, because encoding is work for a core and not for a worker of the runtime.
fn spawn_writer(mut loader: Loader, budget: Budget) -> (Batches, Writing) {
    let (sender, mut receiver) = mpsc::channel::<(TableBatch, Share)>(BATCHES_QUEUED);
    let handle = Handle::current();
    let task = spawn_blocking(move || {
        handle.block_on(async move {
            while let Some((batch, _share)) = receiver.recv().await {
                if let Err(error) = loader.write(batch).await {
                    return (loader, Err(error));
                }
            }
            (loader, Ok(()))
        })
    });
    (Batches { sender, budget }, task)
}
