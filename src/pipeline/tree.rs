//! Resources that need the rows of each other: a tree of lanes that run at the same time, each fed by the one above it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use futures::stream::BoxStream;

use super::budget::Budget;
use super::lane::Lane;
use super::walker::{Feed, feed};
use super::{Observer, ResourceReport, Stop};
use crate::client::Client;
use crate::error::Error;
use crate::extract::{Lanes, Parent};
use crate::flow::{Cursors, Remembered};
use crate::load::{LoadOptions, Loader};
use crate::plan::{Limits, Plan, ResourcePlan, WriteDisposition};

/// Resources of which none needs rows from outside, parents first. Those that nobody needs are left out.
pub(super) struct Tree<'a> {
    /// The first is the root.
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    /// Its place in the plan.
    place: usize,
    resource: &'a ResourcePlan,
    /// The member whose rows it needs.
    parent: Option<usize>,
    is_loaded: bool,
}

/// What the lanes of a run share.
#[derive(Clone)]
pub(super) struct Shared<'a> {
    pub(super) plan: &'a Plan,
    pub(super) limits: Limits,
    pub(super) client: Client,
    pub(super) run_id: &'a str,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) stop: Stop,
}

pub(super) fn is_loaded(resource: &ResourcePlan) -> bool {
    resource.selected && resource.write != WriteDisposition::Skip
}

/// The trees of a plan.
pub(super) fn trees(plan: &Plan) -> Vec<Tree<'_>> {
    let all = &plan.resources;
    let parent = |one: &ResourcePlan| {
        let link = one.parent.as_ref()?;
        all.iter().position(|other| other.name == link.resource)
    };
    let mut is_needed: Vec<bool> = all.iter().map(is_loaded).collect();
    // Parents come first, so that from the end each child has told what it needs.
    for (place, resource) in all.iter().enumerate().rev() {
        let needs = is_needed.get(place).copied().unwrap_or_default();
        if let Some(needed) = parent(resource).filter(|_| needs).and_then(|parent| is_needed.get_mut(parent)) {
            *needed = true;
        }
    }
    let mut trees: Vec<Tree<'_>> = Vec::new();
    for (place, resource) in all.iter().enumerate().filter(|(place, _)| is_needed.get(*place) == Some(&true)) {
        let above = parent(resource);
        let found = above.and_then(|above| {
            trees.iter_mut().find_map(|tree| {
                let member = tree.members.iter().position(|member| member.place == above)?;
                Some((tree, member))
            })
        });
        let member = |parent| Member { place, resource, parent, is_loaded: is_loaded(resource) };
        match found {
            Some((tree, parent)) => tree.members.push(member(Some(parent))),
            None => trees.push(Tree { members: vec![member(None)] }),
        }
    }
    trees
}

impl Tree<'_> {
    /// Lanes that run at the same time.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Runs all of its lanes; the reports with their places in the plan.
    pub(super) async fn run(self, shared: Shared<'_>) -> Vec<(usize, ResourceReport)> {
        if self.len() > Lanes::MAX {
            return self
                .refused(shared.plan, &Error::task("more resources need rows of one than a run can tell apart"));
        }
        let takers = match self.takers(&shared).await {
            Ok(takers) => takers,
            Err(error) => return self.refused(shared.plan, &error),
        };
        let (mut feeds, mut parents) = self.feeds(&shared.limits);
        let lanes = self.members.iter().zip(takers).enumerate().map(|(number, (member, takers))| {
            let feeds = feeds.get_mut(number).map(std::mem::take).unwrap_or_default();
            Lane {
                shared: shared.clone(),
                resource: member.resource,
                lane: if member.is_loaded { Lanes::one(number) } else { Lanes::NONE },
                takers,
                is_parent: !feeds.is_empty(),
                feeds,
                parents: parents.get_mut(number).and_then(Option::take),
            }
        });
        let reports = join_all(lanes.map(Lane::run)).await;
        self.members.iter().map(|member| member.place).zip(reports).collect()
    }

    fn refused(&self, plan: &Plan, error: &Error) -> Vec<(usize, ResourceReport)> {
        let refused = |member: &Member<'_>| {
            let mut report = ResourceReport::empty(plan, member.resource);
            report.fail(error);
            (member.place, report)
        };
        self.members.iter().map(refused).collect()
    }

    /// A member, and those that its rows lead to, as far as they are loaded.
    fn lanes_below(&self, top: usize) -> Lanes {
        let mut below = vec![top];
        let mut lanes = Lanes::NONE;
        for (number, member) in self.members.iter().enumerate().skip(top) {
            if number != top && !member.parent.is_some_and(|parent| below.contains(&parent)) {
                continue;
            }
            below.push(number);
            if member.is_loaded {
                lanes = lanes.with(Lanes::one(number));
            }
        }
        lanes
    }

    /// The ways from parents to children, by member: those that begin there, and the one that ends there.
    fn feeds(&self, limits: &Limits) -> (Vec<Vec<Feed>>, Vec<Option<BoxStream<'static, Parent>>>) {
        let mut feeds: Vec<Vec<Feed>> = self.members.iter().map(|_| Vec::new()).collect();
        let mut parents = Vec::with_capacity(self.len());
        for (number, member) in self.members.iter().enumerate() {
            let above = member.parent.and_then(|parent| feeds.get_mut(parent));
            parents.push(above.zip(member.resource.parent.as_ref()).map(|(feeds, link)| {
                let (feed, rows) = feed(link, self.lanes_below(number), Budget::of(limits.memory_bytes));
                feeds.push(feed);
                rows
            }));
        }
        (feeds, parents)
    }

    /// For each member those who need its rows, and how far its cursors are for them.
    async fn takers(&self, shared: &Shared<'_>) -> Result<Vec<Vec<(Lanes, Option<Cursors>)>>, Error> {
        let mut known: BTreeMap<usize, Remembered> = BTreeMap::new();
        // A resource by itself learns it when its table is opened.
        if self.len() > 1 && self.members.iter().any(|member| member.resource.incremental.is_some()) {
            for (number, member) in self.members.iter().enumerate().filter(|(_, member)| member.is_loaded) {
                let remembered = Loader::remembered(&shared.load_options(member.resource)).await?;
                known.extend(remembered.map(|remembered| (number, remembered)));
            }
        }
        let takers = (0..self.len()).map(|top| self.takers_of(top, &known));
        Ok(takers.collect())
    }

    fn takers_of(&self, top: usize, known: &BTreeMap<usize, Remembered>) -> Vec<(Lanes, Option<Cursors>)> {
        let Some(source) = self.members.get(top).map(|member| member.resource) else { return Vec::new() };
        let below = self.lanes_below(top);
        let loaded = (0..self.len()).filter(|number| Lanes::one(*number).meets(below));
        loaded
            .map(|number| {
                let remembered = known.get(&number);
                let replaces = self.members.get(number).is_some_and(|member| member.resource.write.replaces());
                let cursors = match number == top {
                    true => remembered.and_then(|remembered| remembered.own.clone()),
                    false => remembered.and_then(|remembered| remembered.fed.get(source.name.as_str()).cloned()),
                };
                // What takes the place of all rows has to be all rows.
                (Lanes::one(number), cursors.filter(|_| !replaces))
            })
            .collect()
    }
}

impl<'a> Shared<'a> {
    /// The first load of a resource in this run.
    pub(super) fn load_options<'s>(&'s self, resource: &'s ResourcePlan) -> LoadOptions<'s> {
        LoadOptions {
            pipeline: &self.plan.pipeline,
            resource,
            target: &self.plan.target,
            limits: &self.limits,
            run_id: self.run_id,
            history: self.plan.history,
            starts_over: false,
            after: None,
        }
    }
}
