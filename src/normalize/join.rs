//! Joining the columns of a page into the shape of the table, in page order.
//!
//! While the types of a field are open, what its columns hold is only remembered ([`Seen`]). Once they are settled, every class
//! of values goes to the first column of the field that takes it; where none does, a column that no commit has yet is widened
//! if nothing is lost, else a variant is made.

use std::sync::Arc;

use super::build::{Column, Lane, ListValues, Record, Values};
use super::field::{Field, Firmness, Outlet};
use super::kind::{Class, Kind, classes, fits_float, is_whole, made_kind};
use super::names::ColumnNames;
use super::seen::{Seen, Sort};
use super::shape::{Shape, dotted};
use crate::flow::{ChangeKind, KeyColumn, SchemaChange};
use crate::plan::ContractMode;

/// What a shape may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Texts that are days become dates.
    pub(super) infer_dates: bool,
    /// Columns that the table has may widen.
    pub(super) widens_table: bool,
    /// New columns; of a new table all may be.
    pub(super) columns: ContractMode,
    /// Variants.
    pub(super) variants: ContractMode,
    /// The page that was joined last.
    pub(super) page: u64,
}

/// Joins pages into a shape and notes what changes for the table.
pub(super) struct Joiner<'a> {
    pub(super) names: &'a ColumnNames,
    pub(super) rules: Rules,
    /// The key columns of a merge: one that widened would have two forms of one key.
    pub(super) key: &'a [KeyColumn],
    pub(super) changes: &'a mut Vec<SchemaChange>,
    /// Whether a settled column became another one, or got a variant.
    pub(super) changed: bool,
}

/// The source keys above a level.
type Parents = Vec<Arc<str>>;

impl Joiner<'_> {
    pub(super) fn join(&mut self, shape: &mut Shape, record: &Record) {
        self.join_record(shape, record, &mut Vec::new());
    }

    fn join_record(&mut self, shape: &mut Shape, record: &Record, parents: &mut Parents) {
        for (key, column) in record.columns() {
            let Some(field) = shape.claim(key, parents, self) else { continue };
            parents.push(Arc::clone(key));
            let wanted = if field.outlets.is_empty() {
                self.see(&mut field.seen, column, parents);
                Vec::new()
            } else {
                self.join_settled(field, column, parents)
            };
            parents.pop();
            for kind in wanted {
                self.changed = true;
                shape.add_variant(key, kind, self.rules);
            }
        }
    }

    /// Remembers what a column holds, while types are open.
    fn see(&mut self, seen: &mut Seen, column: &Column, parents: &mut Parents) {
        let mut lanes: Vec<(usize, &Lane)> =
            column.lanes().filter_map(|lane| Some((lane.valid_rows().next()?, lane))).collect();
        lanes.sort_by_key(|(first, _)| *first);
        for (_, lane) in lanes {
            match &lane.values {
                Values::Unknown => {}
                made @ (Values::Json(_)
                | Values::Timestamp(_)
                | Values::Date(_)
                | Values::Binary(_)
                | Values::Decimal { .. }) => made_kind(made).into_iter().for_each(|kind| seen.add_made(kind)),
                Values::Bool(_) => seen.add(Sort::Bool),
                Values::Int(values) => {
                    seen.wide |= !values.iter().copied().all(fits_float);
                    seen.add(Sort::Int);
                }
                Values::Float(_) | Values::Big(_) => see_numbers(seen, lane),
                Values::Text(texts) => {
                    seen.see_texts(texts.are_instants(), texts.are_dates());
                    seen.add(Sort::Text);
                }
                Values::Struct(record) => {
                    seen.add(Sort::Object);
                    self.join_record(seen.object_mut(), record, parents);
                }
                Values::List(list) => {
                    seen.add(Sort::List);
                    self.see(seen.items_mut(), &list.items, parents);
                }
            }
        }
    }

    /// Finds a column for every class of values; gives the kinds of the variants that are wanted for those that have none.
    fn join_settled(&mut self, field: &mut Field, column: &Column, parents: &mut Parents) -> Vec<Kind> {
        let mut wanted: Vec<Kind> = Vec::new();
        for lane in column.lanes() {
            if self.fits_first(field, lane, parents) {
                continue;
            }
            if let Some(made) = made_kind(&lane.values) {
                let takes = |kind: &Kind| is_whole(&lane.values, kind) || matches!(kind, Kind::Text);
                if !field.outlets.iter().any(|outlet| takes(&outlet.kind)) && !wanted.iter().any(takes) {
                    wanted.push(made);
                }
                continue;
            }
            let found = classes(lane);
            for (class, _) in &found {
                if let Some(outlet) = field.outlets.iter_mut().find(|outlet| outlet.takes(*class)) {
                    note_wide(&mut outlet.kind, *class);
                } else if !self.widened(field, *class, parents) {
                    want(&mut wanted, *class, &found);
                }
            }
            // A list or an object that its column takes may still hold items that it does not.
            if matches!(lane.values, Values::List(_) | Values::Struct(_)) && !self.nested_fits(field, lane, parents) {
                let has_json = field.outlets.iter().skip(1).any(|outlet| matches!(outlet.kind, Kind::Json));
                if !has_json {
                    want(&mut wanted, Class::List, &[]);
                }
            }
        }
        wanted
    }

    /// Whether a lane plainly is what the first column of its field is: the common case, in which nothing is looked through.
    fn fits_first(&mut self, field: &mut Field, lane: &Lane, parents: &mut Parents) -> bool {
        let Some(outlet) = field.outlets.first_mut() else { return false };
        match (&mut outlet.kind, &lane.values) {
            (_, Values::Unknown)
            | (Kind::Bool, Values::Bool(_))
            | (Kind::Float, Values::Float(_))
            | (Kind::Text, Values::Text(_)) => true,
            (Kind::Int { wide }, Values::Int(values)) => {
                *wide = *wide || !values.iter().copied().all(fits_float);
                true
            }
            (Kind::Struct(shape), Values::Struct(record)) => {
                self.join_record(Arc::make_mut(shape), record, parents);
                true
            }
            (kind, values) if made_kind(values).is_some() && is_whole(values, kind) => true,
            _ => lane.valid_rows().next().is_none(),
        }
    }

    /// Joins the items of lists into the kind of a list's column; whether all of them fit it.
    fn nested_fits(&mut self, field: &mut Field, lane: &Lane, parents: &mut Parents) -> bool {
        let Values::List(list) = &lane.values else { return true };
        let outlet = field.outlets.iter_mut().find(|outlet| matches!(outlet.kind, Kind::List(_)));
        match outlet {
            Some(Outlet { kind: Kind::List(item), firmness, .. }) => self.join_items(item, *firmness, list, parents),
            _ => true,
        }
    }

    fn join_items(&mut self, kind: &mut Kind, firmness: Firmness, list: &ListValues, parents: &mut Parents) -> bool {
        let items = &list.items;
        if matches!(kind, Kind::Unknown) && firmness != Firmness::Fixed {
            let mut seen = Seen::default();
            self.see(&mut seen, items, parents);
            let mut kinds = seen.settled(self.rules).into_iter();
            self.changed = true;
            *kind = kinds.next().unwrap_or(Kind::Unknown);
            return kinds.next().is_none();
        }
        let mut all_fit = true;
        for lane in items.lanes() {
            match (&mut *kind, &lane.values) {
                (Kind::Struct(shape), Values::Struct(record)) => {
                    self.join_record(Arc::make_mut(shape), record, parents);
                    continue;
                }
                (Kind::List(item), Values::List(list)) => {
                    all_fit &= self.join_items(item, firmness, list, parents);
                    continue;
                }
                _ => {}
            }
            for (class, _) in classes(lane) {
                if class == Class::Made || kind.takes(class, firmness == Firmness::Fixed) {
                    note_wide(kind, class);
                } else if firmness == Firmness::Settled && widens(kind, class) {
                    self.changed = true;
                    *kind = Kind::natural(class);
                } else {
                    all_fit = false;
                }
            }
        }
        all_fit
    }

    /// Whether the field at the end of some source keys is a key column.
    fn is_key(&self, field: &Field, parents: &[Arc<str>]) -> bool {
        let is_above = |(depth, name): (usize, &String)| {
            let source = parents.get(depth);
            let column = source.map(|source| self.names.column(source, parents.get(..depth).unwrap_or_default()));
            column.is_some_and(|column| column.eq_ignore_ascii_case(name))
        };
        self.key.iter().map(KeyColumn::path).filter(|path| path.len() == parents.len()).any(|path| {
            path.split_last().is_some_and(|(last, above)| {
                last.eq_ignore_ascii_case(&field.name) && above.iter().enumerate().all(is_above)
            })
        })
    }

    fn may_widen_table(&self, field: &Field, parents: &[Arc<str>]) -> bool {
        let rules = self.rules;
        rules.widens_table && rules.variants == ContractMode::Evolve && parents.len() == 1 && !field.converts
    }

    /// Widens the first column of a field for a class, if nothing is lost and no commit has it yet, or the table may widen.
    fn widened(&mut self, field: &mut Field, class: Class, parents: &[Arc<str>]) -> bool {
        if self.is_key(field, parents) {
            return false;
        }
        let may_widen_table = self.may_widen_table(field, parents);
        let Some(outlet) = field.outlets.first_mut() else { return false };
        let kind = match outlet.firmness {
            Firmness::Settled if widens(&outlet.kind, class) => Kind::natural(class),
            Firmness::Fixed if may_widen_table => match joined_with_table(&outlet.kind, class) {
                Some(kind) => kind,
                None => return false,
            },
            Firmness::Settled | Firmness::Fixed => return false,
        };
        self.changed = true;
        let before = std::mem::replace(&mut outlet.kind, kind);
        self.changes.push(SchemaChange {
            column: column_path(parents, &outlet.name),
            change: ChangeKind::Widened,
            from: Some(before.name().to_owned()),
            to: Some(outlet.kind.name().to_owned()),
            page: Some(self.rules.page),
        });
        true
    }
}

/// What a column of floats or of large integers holds.
fn see_numbers(seen: &mut Seen, lane: &Lane) {
    for (class, _) in classes(lane) {
        match class {
            Class::Narrow => seen.add(Sort::Int),
            Class::Big => {
                seen.big = true;
                seen.add(Sort::Int);
            }
            Class::Huge => seen.huge = true,
            _ => seen.add(Sort::Float),
        }
    }
}

/// Remembers that a column of integers cannot become one of floats any more.
fn note_wide(kind: &mut Kind, class: Class) {
    if let (Kind::Int { wide }, Class::Wide) = (kind, class) {
        *wide = true;
    }
}

/// Whether a column can become one of the class's natural kind, and all of its values with it.
fn widens(kind: &Kind, class: Class) -> bool {
    matches!((kind, class), (Kind::Int { wide: false }, Class::Float | Class::Whole) | (Kind::Int { .. }, Class::Big))
}

/// The kind that a column of the table and a class have in common, for a table that is rewritten.
fn joined_with_table(kind: &Kind, class: Class) -> Option<Kind> {
    match (kind, class) {
        (kind, class) if widens(kind, class) => Some(Kind::natural(class)),
        (Kind::Timestamp | Kind::Date, Class::Instant | Class::Date | Class::Text) => Some(Kind::Text),
        _ => None,
    }
}

/// Adds the variant that a class needs, unless one that takes it is wanted already.
fn want(wanted: &mut Vec<Kind>, class: Class, lane: &[(Class, usize)]) {
    // Timestamps among other texts of one page stay with them.
    let among_texts = class == Class::Instant && lane.iter().any(|(other, _)| *other == Class::Text);
    let class = if among_texts { Class::Text } else { class };
    if !wanted.iter().any(|kind| kind.takes(class, false)) {
        let kind = Kind::natural(class);
        wanted.retain(|known| !matches!((known, &kind), (Kind::Timestamp, Kind::Text)));
        wanted.push(kind);
    }
}

fn column_path(parents: &[Arc<str>], name: &str) -> String {
    let above = parents.len().saturating_sub(1);
    dotted(parents.get(..above).unwrap_or_default(), name)
}

/// Ends the time in which the types of what was seen are open: every field that held anything gets its columns.
/// Returns whether the schema is another one now.
pub(super) fn settle(shape: &mut Shape, rules: Rules) -> bool {
    let mut changed = false;
    for index in 0..shape.fields().len() {
        changed |= shape.settle_field(index, rules);
    }
    changed
}

/// Settles what is below a kind.
pub(super) fn settle_kind(kind: &mut Kind, rules: Rules) -> bool {
    match kind {
        Kind::List(item) => settle_kind(item, rules),
        Kind::Struct(shape) if shape.fields().iter().any(Field::needs_settling) => settle(Arc::make_mut(shape), rules),
        _ => false,
    }
}

/// Whether something below a kind is open, asked before a shared shape is copied.
pub(super) fn needs_settling(kind: &Kind) -> bool {
    match kind {
        Kind::List(item) => needs_settling(item),
        Kind::Struct(shape) => shape.fields().iter().any(Field::needs_settling),
        _ => false,
    }
}
