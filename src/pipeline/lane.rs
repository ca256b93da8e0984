//! One resource from its first request to its commit: three tasks with bounded queues between them.
//!
//! ```text
//! walker (async; reads bodies  --PAGES_QUEUED-->  joiner (this task; in page order)
//!   on the blocking pool)
//!                                      --BATCHES_QUEUED-->  writer (a blocking thread: encodes and stores)
//! ```
//!
//! The queues are bounded by number and by bytes ([`Budget`]). Every task is joined; a commit that has begun is never cancelled.

use std::sync::Arc;
use std::time::Duration;

use futures::future::Either;
use futures::stream::BoxStream;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::budget::Budget;
use super::joiner::Joiner;
use super::tree::Shared;
use super::walker::{Feed, Walker};
use super::writer::spawn_writer;
use super::{Event, Progress, ResourceReport, WaitReport};
use crate::client::Meter;
use crate::error::{Error, ErrorClass, Interrupted};
use crate::extract::{Course, CourseOptions, ExtractError, ExtractErrorKind, Lanes, Parent, Reached, Walked};
use crate::flow::{Cursors, Remembered, TableState};
use crate::load::{Continuation, Ending, LoadOptions, Loader};
use crate::normalize::{Decoder, Draft, Normalizer, Rows};
use crate::plan::{ResourcePlan, WriteDisposition};

/// What one resource is loaded with.
pub(super) struct Lane<'a> {
    /// The limits in it are those of the run, with this lane's share of its memory.
    pub(super) shared: Shared<'a>,
    pub(super) resource: &'a ResourcePlan,
    /// Its number; nobody: it is not loaded, and only leads to children.
    pub(super) lane: Lanes,
    /// Those who need its rows, itself included, with how far its cursors are for each.
    pub(super) takers: Vec<(Lanes, Option<Cursors>)>,
    /// The ways to its children.
    pub(super) feeds: Vec<Feed>,
    pub(super) is_parent: bool,
    /// The rows of its parent, if it has one.
    pub(super) parents: Option<BoxStream<'static, Parent>>,
}

/// How the parts of a walk are kept before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// Each is a commit.
    Commits,
    /// They wait, to be committed as a whole.
    Stages,
}

impl Lane<'_> {
    /// Loads the resource and reports; never fails as such.
    pub(super) async fn run(mut self) -> ResourceReport {
        let plan = self.shared.plan;
        let mut report = ResourceReport::empty(plan, self.resource);
        self.shared.observer.event(&Event::Started(self.resource.name.clone()));
        let meter = Arc::new(Meter::default());
        let is_loaded = self.lane != Lanes::NONE;
        let mut loaded = match is_loaded {
            true => self.load(&meter, &mut report, false).await,
            false => self.lead(&meter, &mut report).await,
        };
        if let Err(error) = &loaded
            && error.is_shifted()
            && self.may_start_over()
            && self.has_parents()
        {
            tracing::warn!(resource = %self.resource.name, problem = %error, "the walk begins anew");
            report = ResourceReport::empty(plan, self.resource);
            loaded = self.load(&meter, &mut report, true).await;
        }
        match loaded {
            Ok(()) if is_loaded => report.succeed(),
            Ok(()) => report.skip(),
            Err(error) => {
                tracing::debug!(resource = %self.resource.name, error = %error, "the resource failed");
                report.fail(&error);
            }
        }
        let metered = meter.reading();
        report.requests = metered.requests;
        report.retries = metered.retries;
        report.ignored = metered.ignored;
        report.bytes_received = metered.bytes_received;
        let waits = metered.waits.into_iter();
        report.waits =
            waits.map(|(reason, took)| WaitReport { reason: reason.name(), seconds: took.as_secs_f64() }).collect();
        self.shared.observer.event(&Event::Ended(self.resource.name.clone()));
        report
    }

    /// Rows that are appended a second time are doubled; merged or replaced they are not.
    fn may_start_over(&self) -> bool {
        self.shared.plan.history.refreshes || self.resource.write != WriteDisposition::Append
    }

    /// Whether the rows of its parent, if it has one, are still to come.
    fn has_parents(&self) -> bool {
        self.resource.parent.is_none() || self.parents.is_some()
    }

    /// Whether parts of the walk are kept. Not where children need all of its rows, of which another run would see the rest only; nor
    /// where a child's parts would have to be thrown away while its parents come.
    fn keeps_parts(&self) -> bool {
        !self.is_parent && (self.resource.parent.is_none() || self.keeping() == Keeping::Commits)
    }

    fn keeping(&self) -> Keeping {
        let history = self.shared.plan.history;
        match &self.resource.write {
            write if history.refreshes || write.gathers(history) => Keeping::Stages,
            WriteDisposition::Append | WriteDisposition::Merge(_) => Keeping::Commits,
            WriteDisposition::Replace | WriteDisposition::Scd2(_) | WriteDisposition::Skip => Keeping::Stages,
        }
    }

    /// Loads the walk part by part. The first walk of a resource that is not long has one part.
    async fn load(&mut self, meter: &Arc<Meter>, report: &mut ResourceReport, starts_over: bool) -> Result<(), Error> {
        let (mut loader, state) = self.open(starts_over, None).await?;
        let parts = self.keeps_parts().then_some(self.resource.commits);
        let (walker, mut normalizer) = match self.begin(meter, &state) {
            Ok(begun) => begun,
            Err(error) => {
                loader.abort().await;
                return Err(error);
            }
        };
        report.resumed_after_page = state.unfinished.as_ref().map(|from| from.waypoint.pages);
        let (pages, walker) = walker.spawn();
        let mut joiner = Joiner::new(pages, normalizer.decoder(), parts, state.unfinished.as_ref());
        joiner.begin_part(loader.part_rows_max());
        let failed = loop {
            let (batches, writer) = spawn_writer(loader, Budget::of(self.shared.limits.memory_bytes));
            let joined = joiner.join(&mut normalizer, &batches, report, |report| self.observe(meter, report)).await;
            drop(batches);
            let (writer_loader, written) = writer.await.map_err(|_| Error::task("the writer panicked"))?;
            loader = writer_loader;
            // The first cause wins: a writer that failed makes the joiner stop, and that the walker.
            if let Err(error) = written.map_err(Error::from).and(joined) {
                break Some(error);
            }
            if joiner.is_over() {
                break None;
            }
            let kept = self.keep_part(loader, &mut normalizer, &mut joiner, report).await;
            loader = match kept {
                Ok(loader) => loader,
                Err(error) => {
                    joiner.close().await;
                    // It ends by itself once nobody listens.
                    let _ = walker.await;
                    return Err(error);
                }
            };
        };
        joiner.close().await;
        let walked = walker.await.unwrap_or_else(|_| Err(Error::task("the walker panicked")));
        match failed.map_or(walked, Err) {
            Ok(reached) => {
                let ending = Ending::Whole(self.remembered(reached));
                self.commit(loader, &normalizer, ending, report).await.map(|_| ())
            }
            Err(error) if error.class() == ErrorClass::Interrupted => {
                Err(self.interrupted(loader, &normalizer, &joiner, report).await)
            }
            Err(error) if error.is_shifted() && self.may_start_over() && !self.has_parents() => {
                // Its parents have gone by: the next run begins anew, and finds no walk to go on with.
                self.commit(loader, &normalizer, Ending::Whole(Remembered::default()), report).await?;
                Err(error)
            }
            Err(error) => {
                report.add_schema(normalizer.schema_changes(), normalizer.null_only());
                loader.abort().await;
                Err(error)
            }
        }
    }

    /// What the next run is to know.
    fn remembered(&self, reached: Reached) -> Remembered {
        if self.resource.write.replaces() {
            return Remembered::default();
        }
        let own = reached.own.and_then(|own| own.for_lane(self.lane).cloned());
        let above = reached.above.iter();
        let fed = above.filter_map(|(name, cursors)| Some((name.clone(), cursors.for_lane(self.lane)?.clone())));
        Remembered { own: own.filter(|own| !own.at.is_empty()), fed: fed.collect() }
    }

    /// Walks only for the sake of the children.
    async fn lead(&mut self, meter: &Arc<Meter>, report: &mut ResourceReport) -> Result<(), Error> {
        let (walker, _) = self.begin(meter, &TableState::default())?;
        let (mut pages, walker) = walker.spawn();
        while pages.recv().await.is_some() {}
        let walked = walker.await.unwrap_or_else(|_| Err(Error::task("the walker panicked")));
        report.pages = 0;
        walked.map(|_| ())
    }

    /// The walk, where it begins or goes on, and the normaliser of its pages.
    fn begin(&mut self, meter: &Arc<Meter>, state: &TableState) -> Result<(Walker, Normalizer), Error> {
        let normalizer = Normalizer::new(self.resource, &self.shared.limits, state)?;
        if let Some(from) = state.unfinished.as_ref().filter(|_| !self.keeps_parts()) {
            let how = "the config has parents or children for it now, for whom it has to begin anew";
            let kind = ExtractErrorKind::Shifted { pages: from.waypoint.pages, how };
            let (resource, url) = (self.resource.name.clone(), self.resource.endpoint.shown_url());
            return Err(ExtractError { resource, page: 1, url, kind }.into());
        }
        if !self.is_parent && self.resource.parent.is_none() {
            // What another run has left since.
            self.takers = vec![(self.lane, state.remembered.as_ref().and_then(|remembered| remembered.own.clone()))];
            if self.resource.write.replaces() {
                self.takers = vec![(self.lane, None)];
            }
        }
        let options = CourseOptions {
            resource: self.resource,
            limits: &self.shared.limits,
            client: self.shared.client.clone(),
            meter: Arc::clone(meter),
            reader: normalizer.decoder(),
            parents: self.parents.take(),
            is_parent: self.is_parent,
            takers: self.takers.clone(),
        };
        let course = Course::new(options, state.unfinished.as_ref())?;
        let walker = Walker {
            name: self.resource.name.to_string(),
            course,
            feeds: std::mem::take(&mut self.feeds),
            lane: self.lane,
            stop: self.shared.stop.clone(),
            budget: Budget::of(self.shared.limits.memory_bytes),
        };
        Ok((walker, normalizer))
    }

    /// Keeps the pages so far, and goes on with a loader for those that follow.
    async fn keep_part(
        &self,
        mut loader: Loader,
        normalizer: &mut Normalizer,
        joiner: &mut Joiner,
        report: &mut ResourceReport,
    ) -> Result<Loader, Error> {
        joiner.begin_part(None);
        let Some(waypoint) = joiner.waypoint() else { return Ok(loader) };
        if self.keeping() == Keeping::Stages {
            let (handle, schema) = (Handle::current(), normalizer.load_schema());
            let staged = spawn_blocking(move || {
                handle.block_on(async {
                    let staged = loader.stage(waypoint, &schema).await;
                    (loader, staged)
                })
            });
            let (loader, staged) = staged.await.map_err(|_| Error::task("the writer panicked"))?;
            return match staged {
                Ok(_) => Ok(loader),
                Err(error) => {
                    loader.abort().await;
                    Err(error.into())
                }
            };
        }
        let after = self.commit(loader, normalizer, Ending::Part(waypoint), report).await?;
        let (loader, state) = self.open(false, Some(after)).await?;
        joiner.begin_part(loader.part_rows_max());
        match normalizer.go_on(self.resource, &self.shared.limits, &state) {
            Ok(next) => {
                *normalizer = next;
                Ok(loader)
            }
            Err(error) => {
                loader.abort().await;
                Err(error.into())
            }
        }
    }

    /// Commits what the loader has. A commit that has begun is never cancelled.
    async fn commit(
        &self,
        loader: Loader,
        normalizer: &Normalizer,
        ending: Ending,
        report: &mut ResourceReport,
    ) -> Result<Continuation, Error> {
        report.add_schema(normalizer.schema_changes(), normalizer.null_only());
        self.shared.observer.event(&Event::Committing(self.resource.name.clone()));
        let load_schema = normalizer.load_schema();
        let handle = Handle::current();
        let finished = spawn_blocking(move || handle.block_on(loader.finish(&load_schema, ending))).await;
        let (receipt, continuation) = finished.map_err(|_| Error::task("the commit panicked"))??;
        report.add(&receipt);
        Ok(continuation)
    }

    /// Keeps the pages up to where the user stopped the walk, and tells what became of them.
    async fn interrupted(
        &self,
        mut loader: Loader,
        normalizer: &Normalizer,
        joiner: &Joiner,
        report: &mut ResourceReport,
    ) -> Error {
        let Some(waypoint) = joiner.waypoint().filter(|_| self.keeps_parts()) else {
            loader.abort().await;
            return Error::interrupted(Interrupted::Dropped);
        };
        let pages = waypoint.pages;
        match self.keeping() {
            Keeping::Commits => match self.commit(loader, normalizer, Ending::Part(waypoint), report).await {
                Ok(_) => Error::interrupted(Interrupted::Committed { pages }),
                Err(error) => error,
            },
            Keeping::Stages => match loader.stage(waypoint, &normalizer.load_schema()).await {
                Ok(is_staged) => {
                    report.add_schema(normalizer.schema_changes(), normalizer.null_only());
                    loader.abort().await;
                    Error::interrupted(if is_staged { Interrupted::Staged { pages } } else { Interrupted::Dropped })
                }
                Err(error) => {
                    loader.abort().await;
                    error.into()
                }
            },
        }
    }

    async fn open(&self, starts_over: bool, after: Option<Continuation>) -> Result<(Loader, TableState), Error> {
        let options = LoadOptions { starts_over, after, ..self.shared.load_options(self.resource) };
        Ok(Loader::open(&options, &Normalizer::key_columns(self.resource)).await?)
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
        self.shared.observer.event(&Event::Page(self.resource.name.clone(), progress));
    }
}

/// The draft of a page, of which the decoding has begun.
pub(super) fn decoded(
    Walked { page, rows, .. }: Walked<Rows>,
    decoder: Decoder,
) -> impl Future<Output = Result<Draft, Error>> + Send + 'static {
    match rows {
        Some(rows) => Either::Left(std::future::ready(Ok(decoder.taken(&page, rows)))),
        None => {
            let task = spawn_blocking(move || decoder.decode(&page));
            Either::Right(async { Ok(task.await.map_err(|_| Error::task("the decoder panicked"))??) })
        }
    }
}
