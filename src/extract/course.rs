//! The pages of one resource: of one walk, or of one walk for each row of its parent.
//!
//! ```text
//! parent's rows --> branches (walks side by side) --> in the order of the parent's rows --> what is new, with the parent's fields
//! ```
//!
//! Walks of later parents go ahead while the first one is delivered, each up to some pages: the order of rows is that of the parents
//! however the answers come. Like a walk it spawns nothing, and its requests make progress only while it is polled.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::num::NonZeroU64;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use futures::stream::BoxStream;

use super::audience::Lanes;
use super::branch::Branch;
use super::cursor::Tracker;
use super::error::{ExtractError, ExtractErrorKind};
use super::fill::{FillFault, FillProblem, Values, fill};
use super::parent_row::{Parent, ParentRow};
use super::place::{Parents, Place};
use super::reached::{LaneCursors, Reached};
use super::resuming::{Resuming, TOO_MANY_CAME};
use super::walk::{Equipment, Walk};
use super::walked::Walked;
use crate::client::{Client, Meter};
use crate::flow::{BodyReader, Cursors, Unfinished};
use crate::plan::{Endpoint, Limits, MissingParentField, ResourcePlan, WriteDisposition};

/// Walks under way, for each request that may be in flight: while one waits for its turn to be read, another one asks.
const BRANCHES_PER_REQUEST: usize = 2;
/// The share of the memory budget for pages that wait for those of earlier parents.
const WAITING_SHARE: u64 = 4;

/// What a course is made of.
pub struct CourseOptions<'a, R> {
    /// The resource.
    pub resource: &'a ResourcePlan,
    /// The bounds.
    pub limits: &'a Limits,
    /// What sends its requests.
    pub client: Client,
    /// What counts them.
    pub meter: Arc<Meter>,
    /// What reads the bodies.
    pub reader: R,
    /// The rows of its parent, if it has one.
    pub parents: Option<BoxStream<'static, Parent>>,
    /// Whether other resources need its rows.
    pub is_parent: bool,
    /// Those who need its rows, itself included, with how far its cursors are for each.
    pub takers: Vec<(Lanes, Option<Cursors>)>,
}

/// The pages of one resource, in order, each row once.
pub struct Course<R: BodyReader> {
    resource: ResourcePlan,
    equipment: Equipment<R>,
    takers: Vec<(Lanes, Option<Cursors>)>,
    reached: Reached,
    parents: Option<BoxStream<'static, Parent>>,
    /// Parents whose walks have begun, or need not.
    begun: Parents,
    /// What an earlier run left, until it is known that the walk can go on from there.
    resuming: Option<Resuming>,
    /// Parents that come before those that are still to come.
    again: VecDeque<ParentRow>,
    branches: VecDeque<Branch<R>>,
    branches_max: usize,
    waiting_max: u64,
    pages: u64,
    /// The next page is the first of a walk that begins anew.
    begins_anew: bool,
    skipped: u64,
}

impl<R: BodyReader> Course<R> {
    /// A course at its start, or where an earlier run left it.
    ///
    /// # Errors
    /// When the request cannot be made, or the walk cannot go on from there.
    pub fn new(options: CourseOptions<'_, R>, from: Option<&Unfinished>) -> Result<Self, ExtractError> {
        let CourseOptions { resource, limits, client, meter, reader, parents, is_parent, takers } = options;
        let has_included = resource.parent.as_ref().is_some_and(|link| !link.included.is_empty());
        let sees_values = has_included || resource.incremental.is_some() || !resource.steps.is_empty();
        let takes_rows = !is_parent && !sees_values;
        let branches_max = limits.requests_in_flight.get().saturating_mul(BRANCHES_PER_REQUEST);
        let equipment = Equipment {
            resource: resource.name.clone(),
            limits: if parents.is_some() { side_by_side(limits, branches_max) } else { limits.clone() },
            client,
            meter,
            reader,
            steps: Arc::clone(&resource.steps),
            takes_rows,
        };
        let mut course = Self {
            resource: resource.clone(),
            equipment,
            reached: Reached { own: LaneCursors::new(resource, &takers), above: BTreeMap::new() },
            takers,
            parents,
            begun: Parents::default(),
            resuming: None,
            again: VecDeque::new(),
            branches: VecDeque::new(),
            branches_max,
            waiting_max: limits.memory_bytes.get() / WAITING_SHARE,
            pages: from.map_or(0, |from| from.waypoint.pages),
            begins_anew: false,
            skipped: 0,
        };
        if course.parents.is_none() {
            let branch = course.root(from)?;
            course.branches.push_back(branch);
        } else if let Some(from) = from {
            course.resume(from)?;
        }
        Ok(course)
    }

    /// Gets ready to go on among the parents of an earlier run, whose walks before the one that goes on had come to their ends.
    fn resume(&mut self, from: &Unfinished) -> Result<(), ExtractError> {
        let Some(place) = Place::read(&from.waypoint.position) else {
            return self.start_over("it had no parent then");
        };
        if let Some(own) = &mut self.reached.own {
            let ended = from.waypoint.cursors.iter().filter(|(parent, _)| **parent != place.parent);
            ended.for_each(|(parent, state)| own.advance(Lanes::ALL, parent, state));
        }
        self.resuming = Some(Resuming::new(place, from.clone(), self.waiting_max));
        Ok(())
    }

    /// Forgets where an earlier run was: what is merged a second time is the same; what is appended would be doubled.
    fn start_over(&mut self, how: &'static str) -> Result<(), ExtractError> {
        let resuming = self.resuming.take();
        if !matches!(self.resource.write, WriteDisposition::Merge(_)) {
            return Err(self.error(ExtractErrorKind::Shifted { pages: self.pages, how }));
        }
        let Some(come) = resuming.map_or(Some(Vec::new()), Resuming::into_come) else {
            return Err(self.error(ExtractErrorKind::Shifted { pages: self.pages, how: TOO_MANY_CAME }));
        };
        tracing::warn!(resource = %self.resource.name, problem = how, "the walk begins anew");
        self.branches.clear();
        self.begun = Parents::default();
        self.begins_anew = true;
        self.reached.own = LaneCursors::new(&self.resource, &self.takers);
        self.again = come.into();
        Ok(())
    }

    /// The next page; `None` after the last. Cancelling loses nothing.
    ///
    /// # Errors
    /// When a request failed for good, or a page is not what the config or the pages before it promise.
    pub async fn next(&mut self) -> Result<Option<Walked<R::Rows>>, ExtractError> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// Moves the requests ahead on while the caller waits for something else; never returns.
    pub async fn work_ahead(&mut self) {
        std::future::poll_fn(|context| {
            self.branches.iter_mut().for_each(|branch| branch.poll_ahead(context));
            Poll::<()>::Pending
        })
        .await;
    }

    /// How far cursors are, once there are no more pages.
    pub fn reached(&self) -> &Reached {
        &self.reached
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Walked<R::Rows>>, ExtractError>> {
        loop {
            let is_open = self.admit(context)?;
            let waiting: u64 = self.branches.iter().skip(1).map(Branch::waiting_bytes).sum();
            let has_room = waiting < self.waiting_max;
            for (place, branch) in self.branches.iter_mut().enumerate() {
                match place == 0 || has_room {
                    true => branch.poll_pages(context),
                    false => branch.poll_ahead(context),
                }
            }
            let Some(front) = self.branches.front_mut() else {
                return if is_open { Poll::Pending } else { self.finish() };
            };
            let delivered = match front.deliver(self.pages + 1) {
                Err(ExtractError { kind: ExtractErrorKind::Shifted { how, .. }, .. }) if self.resuming.is_some() => {
                    self.start_over(how)?;
                    continue;
                }
                delivered => delivered?,
            };
            match delivered {
                Some(mut walked) => {
                    self.pages += u64::from(!walked.page.is_partial);
                    walked.page.begins_anew = std::mem::take(&mut self.begins_anew);
                    self.resuming = None;
                    return Poll::Ready(Ok(Some(walked)));
                }
                None if front.is_over() => {
                    self.resuming = None;
                    if let (Some(own), Some(ended)) = (&mut self.reached.own, front.reached()) {
                        own.advance(ended.lanes, ended.parent, &ended.state);
                    }
                    self.branches.pop_front();
                }
                None => return Poll::Pending,
            }
        }
    }

    /// Begins walks of further parents. Whether more parents may come.
    fn admit(&mut self, context: &mut Context<'_>) -> Result<bool, ExtractError> {
        loop {
            // Until it is known that the walk goes on, only the one that tells is walked.
            let branches_max = if self.resuming.is_some() { 1 } else { self.branches_max };
            if self.branches.len() >= branches_max {
                return Ok(true);
            }
            if let Some(parent) = self.again.pop_front() {
                self.take_in(parent)?;
                continue;
            }
            let Some(parents) = &mut self.parents else { return Ok(false) };
            match pin!(parents).poll_next(context) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Some(Parent::Done(above))) => {
                    self.reached.above = above;
                    self.parents = None;
                    if self.resuming.as_ref().is_some_and(|resuming| !resuming.has_begun) {
                        self.start_over("its parent is not there any more")?;
                    }
                }
                Poll::Ready(Some(Parent::Failed) | None) => {
                    self.parents = None;
                    return Err(self.error(ExtractErrorKind::Parent));
                }
                Poll::Ready(Some(Parent::Row(parent))) => self.take_in(parent)?,
            }
        }
    }

    /// Begins the walk of a parent, unless an earlier run has had it.
    fn take_in(&mut self, parent: ParentRow) -> Result<(), ExtractError> {
        let (key, before): (Arc<str>, _) = (parent.key().into(), self.begun.clone());
        self.begun = before.and(&key);
        let Some(resuming) = &mut self.resuming else {
            let branch = self.branch(&parent, (key, before), None)?;
            self.branches.extend(branch);
            return Ok(());
        };
        resuming.note(&parent);
        let place = resuming.place.clone();
        if before.count < place.before.count {
            return Ok(());
        }
        if before != place.before || *key != *place.parent {
            return self.start_over("other parents come before it now");
        }
        resuming.has_begun = true;
        let from = place.unfinished(&resuming.from);
        let branch = match self.branch(&parent, (key, before), Some(&from)) {
            Err(ExtractError { kind: ExtractErrorKind::Shifted { how, .. }, .. }) => return self.start_over(how),
            branch => branch?,
        };
        self.branches.extend(branch);
        Ok(())
    }

    fn finish(&mut self) -> Poll<Result<Option<Walked<R::Rows>>, ExtractError>> {
        if self.skipped > 0 {
            let skipped = std::mem::take(&mut self.skipped);
            tracing::warn!(resource = %self.resource.name, skipped, "parents lack a field of the requests, and were skipped");
        }
        Poll::Ready(Ok(None))
    }

    fn root(&self, from: Option<&Unfinished>) -> Result<Branch<R>, ExtractError> {
        let mut tracker = self.tracker("", Lanes::ALL);
        if let (Some(tracker), Some(state)) = (&mut tracker, from.and_then(|from| from.waypoint.cursors.get(""))) {
            tracker.reach(state);
        }
        let endpoint = self.filled(None, tracker.as_ref());
        let endpoint = endpoint.map_err(|fault| self.unfilled(None, fault))?;
        let walk = self.walk(endpoint, from)?;
        Ok(Branch::new(("".into(), None), walk, tracker, Vec::new(), Lanes::ALL))
    }

    /// The walk that a parent's row leads to, at its start or where an earlier run left it; `None`: to none.
    fn branch(
        &mut self,
        parent: &ParentRow,
        (key, before): (Arc<str>, Parents),
        from: Option<&Unfinished>,
    ) -> Result<Option<Branch<R>>, ExtractError> {
        let Some(link) = &self.resource.parent else { return Ok(None) };
        let is_skipped = link.on_missing == MissingParentField::Skip;
        let mut included = Vec::with_capacity(link.included.len());
        for (field, value) in link.included.iter().zip(&parent.included) {
            match value {
                Some(value) => included.push((field.name.clone(), value.clone())),
                None if is_skipped => {
                    self.skipped += 1;
                    return Ok(None);
                }
                None => {
                    let gap = format!("resources.{}.{}", link.resource, field.key);
                    let fault = FillFault { gap, problem: FillProblem::Missing };
                    return Err(self.unfilled(Some(parent), fault));
                }
            }
        }
        let mut tracker = self.tracker(&key, parent.lanes);
        let reached = self.resuming.as_ref().filter(|_| from.is_some());
        let reached = reached.and_then(|resuming| resuming.from.waypoint.cursors.get(&*key));
        tracker.iter_mut().zip(reached).for_each(|(tracker, state)| tracker.reach(state));
        match self.filled(Some(parent), tracker.as_ref()) {
            Ok(endpoint) => {
                let walk = self.walk(endpoint, from)?;
                Ok(Some(Branch::new((key, Some(before)), walk, tracker, included, parent.lanes)))
            }
            Err(fault) if is_skipped && fault.problem == FillProblem::Missing => {
                self.skipped += 1;
                Ok(None)
            }
            Err(fault) => Err(self.unfilled(Some(parent), fault)),
        }
    }

    /// A walk at its start, or where an earlier run left it.
    fn walk(&self, endpoint: Endpoint, from: Option<&Unfinished>) -> Result<Walk<R>, ExtractError> {
        let walk = Walk::new(endpoint, &self.equipment);
        match from {
            Some(from) => walk.resume(from, self.resource.commits.resume_within),
            None => Ok(walk),
        }
    }

    /// The cursor of one walk, for those of `lanes` who need its rows.
    fn tracker(&self, key: &str, lanes: Lanes) -> Option<Tracker> {
        let rules = self.resource.incremental.as_ref()?;
        let own = self.reached.own.as_ref();
        let takers = self.takers.iter().filter(|(taker, _)| taker.meets(lanes));
        let states: Vec<_> = takers
            .map(|(taker, cursors)| {
                let cursors = cursors.as_ref().filter(|cursors| own.is_some_and(|own| own.is_like(cursors)));
                (*taker, cursors.and_then(|cursors| cursors.at.get(key)))
            })
            .collect();
        Some(Tracker::new(rules, &states))
    }

    fn filled(&self, parent: Option<&ParentRow>, tracker: Option<&Tracker>) -> Result<Endpoint, FillFault> {
        let Some(template) = &self.resource.request else { return Ok(self.resource.endpoint.clone()) };
        let cursor = |place| tracker.and_then(|tracker| tracker.value(place));
        let parent = parent.map_or(&[][..], |parent| parent.fields.as_slice());
        fill(template, &self.resource.endpoint, &Values { parent, cursor: &cursor })
    }

    fn unfilled(&self, parent: Option<&ParentRow>, fault: FillFault) -> ExtractError {
        self.error(ExtractErrorKind::Unfilled { fault, at: parent.map(|parent| parent.at.clone()) })
    }

    fn error(&self, kind: ExtractErrorKind) -> ExtractError {
        let url = self.resource.endpoint.shown_url();
        ExtractError { resource: self.resource.name.clone(), page: self.pages + 1, url, kind }
    }
}

/// The limits of each of the walks that run side by side, which share the memory.
fn side_by_side(limits: &Limits, walks: usize) -> Limits {
    let share = limits.memory_bytes.get() / u64::try_from(walks).unwrap_or(u64::MAX).max(1);
    Limits { memory_bytes: NonZeroU64::new(share).unwrap_or(NonZeroU64::MIN), ..limits.clone() }
}

impl<R: BodyReader> fmt::Debug for Course<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resource, pages) = (&self.resource.name, &self.pages);
        formatter.debug_struct("Course").field("resource", resource).field("pages", pages).finish_non_exhaustive()
    }
}
