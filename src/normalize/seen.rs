//! Which kinds of values a column was seen to hold while its types are open, and what they become when types are settled.
//!
//! What is remembered is a set, so that joining is commutative, associative and idempotent; only which kind keeps the plain name
//! is decided by the order in which kinds were first seen. Integers and floats are one kind while every integer is within 2^53.

use std::sync::Arc;

use super::build::DIGITS_MAX;
use super::join::{Rules, settle};
use super::kind::Kind;
use super::shape::Shape;

/// What tells kinds apart that do not join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Bool,
    Int,
    Float,
    Text,
    Object,
    List,
}

/// The kinds of values that were seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// In the order in which they were first seen.
    order: Vec<Sort>,
    /// There were integers beyond 2^53.
    pub(super) wide: bool,
    /// There were integers beyond 64 bits.
    pub(super) big: bool,
    /// There were integers beyond any number type.
    pub(super) huge: bool,
    /// There were pages of texts that were not all timestamps.
    other_than_instants: bool,
    /// There were pages of texts that were not all days.
    other_than_dates: bool,
    /// The kinds of columns that values were made for before it was known that this is another one.
    made: Vec<Kind>,
    /// The members of objects.
    object: Option<Arc<Shape>>,
    /// The items of lists.
    items: Option<Box<Seen>>,
}

impl Seen {
    pub(super) fn add(&mut self, sort: Sort) {
        if !self.order.contains(&sort) {
            self.order.push(sort);
        }
    }

    /// Remembers what the texts of a page are.
    pub(super) fn see_texts(&mut self, are_instants: bool, are_dates: bool) {
        self.other_than_instants |= !are_instants;
        self.other_than_dates |= !are_dates;
    }

    /// Remembers the kind that values were made of.
    pub(super) fn add_made(&mut self, kind: Kind) {
        if !self.made.iter().any(|known| known.name() == kind.name()) {
            self.made.push(kind);
        }
    }

    pub(super) fn has(&self, sort: Sort) -> bool {
        self.order.contains(&sort)
    }

    /// Whether only null was seen.
    pub(super) fn is_nothing(&self) -> bool {
        self.order.is_empty() && !self.huge && self.made.is_empty()
    }

    /// The members of objects, to be joined into.
    pub(super) fn object_mut(&mut self) -> &mut Shape {
        Arc::make_mut(self.object.get_or_insert_default())
    }

    /// The items of lists, to be joined into.
    pub(super) fn items_mut(&mut self) -> &mut Seen {
        self.items.get_or_insert_default()
    }

    /// The shapes in it, to be told how keys are named.
    pub(super) fn shapes_mut(&mut self) -> impl Iterator<Item = &mut Shape> {
        let of_items = self.items.as_mut().and_then(|items| items.object.as_mut());
        self.object.iter_mut().chain(of_items).map(Arc::make_mut)
    }

    /// The kinds of the columns that hold all of it: first that which keeps the plain name, then those of the variants. None
    /// where only null, empty objects and empty lists were seen.
    pub(super) fn settled(&mut self, rules: Rules) -> Vec<Kind> {
        let floats_hold_integers = self.has(Sort::Float) && !self.wide && !self.big;
        let mut kinds: Vec<Kind> = Vec::new();
        let mut leftover = false;
        for sort in self.order.clone() {
            let kind = match sort {
                Sort::Bool => Kind::Bool,
                Sort::Int | Sort::Float if floats_hold_integers => Kind::Float,
                Sort::Int if self.big => Kind::Decimal { precision: DIGITS_MAX, scale: 0 },
                Sort::Int => Kind::Int { wide: self.wide },
                Sort::Float => Kind::Float,
                Sort::Text if !self.other_than_instants => Kind::Timestamp,
                Sort::Text if !self.other_than_dates && rules.infer_dates => Kind::Date,
                Sort::Text => Kind::Text,
                Sort::Object => self.settled_object(rules),
                Sort::List => {
                    let (kind, all_fit) = self.settled_list(rules);
                    leftover |= !all_fit;
                    kind
                }
            };
            leftover |= !kind.is_known();
            if kind.is_known() && !kinds.iter().any(|known| known.name() == kind.name()) {
                kinds.push(kind);
            }
        }
        for made in &self.made {
            if !kinds.iter().any(|known| known.name() == made.name()) {
                kinds.push(made.clone());
            }
        }
        if self.huge && !kinds.iter().any(|kind| matches!(kind, Kind::Text)) {
            kinds.push(Kind::Text);
        }
        as_variants(kinds, leftover)
    }

    fn settled_object(&mut self, rules: Rules) -> Kind {
        let mut shape = self.object.clone().unwrap_or_default();
        settle(Arc::make_mut(&mut shape), rules);
        Kind::Struct(shape)
    }

    /// The kind of the lists, and whether all items fit it.
    fn settled_list(&mut self, rules: Rules) -> (Kind, bool) {
        let mut kinds = self.items.as_mut().map(|items| items.settled(rules)).unwrap_or_default().into_iter();
        let item = kinds.next().unwrap_or(Kind::Unknown);
        (Kind::List(Box::new(item)), kinds.next().is_none())
    }
}

/// Variants of objects and lists are JSON, in one column; so is what is left over of those that have no column.
fn as_variants(kinds: Vec<Kind>, leftover: bool) -> Vec<Kind> {
    let mut settled: Vec<Kind> = Vec::with_capacity(kinds.len());
    let mut json = leftover && !kinds.is_empty();
    for kind in kinds {
        let is_nested = matches!(kind, Kind::Struct(_) | Kind::List(_));
        if is_nested && !settled.is_empty() {
            json = true;
        } else {
            settled.push(kind);
        }
    }
    if json {
        settled.push(Kind::Json);
    }
    settled
}
