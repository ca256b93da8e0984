//! What is known of a table's columns: a tree of fields by source key, each with the columns that take its values.
//!
//! A shape starts from the table's schema and the config's hints, and grows with the rows. It turns into an Arrow schema, in
//! which each field remembers its source key in its metadata, so that a later run gives every key the same column again.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field as ArrowField, Fields, Schema, SchemaRef};

use super::field::{Field, Firmness, Outlet};
use super::join::{Joiner, Rules};
use super::kind::Kind;
use super::names::LevelNames;
use crate::flow::{ChangeKind, SOURCE_KEY, SchemaChange, VARIANT_KEY};

/// The fields of a table or of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    fields: Vec<Field>,
    by_source: HashMap<Arc<str>, usize>,
    /// How keys of this level are named, to find the fields that no key has claimed yet.
    names: LevelNames,
}

impl Shape {
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(super) fn fields_mut(&mut self) -> &mut [Field] {
        &mut self.fields
    }

    /// The field of a source key: the one that it has claimed, or the unclaimed one of the name that it will ask for.
    pub(super) fn by_source(&self, source: &str) -> Option<&Field> {
        match self.by_source.get(source) {
            Some(index) => self.fields.get(*index),
            None if self.fields.iter().all(|field| field.source.is_some()) => None,
            None => self.by_name(&self.names.column(source)).filter(|field| field.source.is_none()),
        }
    }

    /// Tells how keys are named, here and below.
    pub(super) fn set_names(&mut self, names: LevelNames) {
        for field in &mut self.fields {
            let below = names.below();
            for outlet in &mut field.outlets {
                if let Some(shape) = members_mut(&mut outlet.kind) {
                    shape.set_names(below.clone());
                }
            }
            field.seen.shapes_mut().for_each(|shape| shape.set_names(below.clone()));
        }
        self.names = names;
    }

    /// The field of a column name, whatever its case.
    pub(super) fn by_name(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The field at the end of a path of column names.
    pub(super) fn by_path(&self, path: &[String]) -> Option<&Field> {
        let (first, below) = path.split_first()?;
        let field = self.by_name(first)?;
        match (below, field.kind()) {
            ([], _) => Some(field),
            (below, Kind::Struct(shape)) => shape.by_path(below),
            _ => None,
        }
    }

    /// Whether a column of that name is there, be it a variant.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.has_column(name))
    }

    /// Adds a field of the table or of a hint.
    pub(super) fn add(&mut self, field: Field) -> usize {
        let index = self.fields.len();
        if let Some(source) = &field.source {
            self.by_source.entry(Arc::clone(source)).or_insert(index);
        }
        self.fields.push(field);
        index
    }

    /// The field of a source key at a path of source keys, made under the right name if it is new.
    pub(super) fn claim(
        &mut self,
        source: &Arc<str>,
        parents: &[Arc<str>],
        joiner: &mut Joiner<'_>,
    ) -> Option<&mut Field> {
        let index = match self.by_source.get(source) {
            Some(index) => *index,
            None => self.bind(source, parents, joiner),
        };
        let field = self.fields.get_mut(index)?;
        field.is_used = true;
        Some(field)
    }

    fn bind(&mut self, source: &Arc<str>, parents: &[Arc<str>], joiner: &mut Joiner<'_>) -> usize {
        let wanted = joiner.names.column(source, parents);
        let taken = self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(&wanted));
        let new =
            |name: String| Field { mode: joiner.rules.columns, ..Field::open(Some(Arc::clone(source)), name.into()) };
        let index = match taken {
            None if !self.has_column(&wanted) => self.add(new(wanted)),
            Some(index) if self.fields.get(index).is_some_and(|field| field.source.is_none()) => {
                if let Some(field) = self.fields.get_mut(index) {
                    field.source = Some(Arc::clone(source));
                }
                index
            }
            None | Some(_) => {
                let free = self.free_name(&wanted, source);
                joiner.changes.push(SchemaChange {
                    column: dotted(parents, &free),
                    change: ChangeKind::Renamed,
                    from: Some(wanted),
                    to: Some(free.clone()),
                    page: Some(joiner.rules.page),
                });
                self.add(new(free))
            }
        };
        self.by_source.insert(Arc::clone(source), index);
        index
    }

    /// The wanted name with a suffix that depends on the source key alone, so that every run finds the same one.
    pub(super) fn free_name(&self, wanted: &str, source: &str) -> String {
        let digest = xxhash_rust::xxh3::xxh3_64(source.as_bytes());
        let full = format!("{digest:016x}");
        for digits in [6, 10, 16] {
            let name = format!("{wanted}_{}", full.get(..digits).unwrap_or(&full));
            if !self.has_column(&name) {
                return name;
            }
        }
        format!("{wanted}_{full}_{}", self.fields.len())
    }

    /// Whether some column holds the text of values that are no text, for which a body's numbers must be kept as written.
    pub(super) fn holds_number_text(&self) -> bool {
        self.fields.iter().any(|field| match field.kind() {
            Kind::Json => true,
            Kind::Text => field.converts,
            Kind::Decimal { scale, .. } => *scale > 0,
            kind => members(kind).is_some_and(Self::holds_number_text),
        })
    }

    /// Gives a field its columns, if it held anything; whether there are new ones, here or below.
    pub(super) fn settle_field(&mut self, index: usize, rules: Rules) -> bool {
        let Some(mut field) = self.fields.get(index).cloned().filter(|field| field.needs_settling()) else {
            return false;
        };
        let changed = field.settle(rules);
        // A variant may ask for the name of another column.
        for outlet in field.outlets.iter_mut().skip(1).filter(|outlet| outlet.firmness == Firmness::Settled) {
            let taken =
                self.fields.iter().enumerate().any(|(other, known)| other != index && known.has_column(&outlet.name));
            if taken {
                outlet.name = self.free_name(&outlet.name, field.source.as_deref().unwrap_or_default()).into();
            }
        }
        if let Some(place) = self.fields.get_mut(index) {
            *place = field;
        }
        changed
    }

    /// Adds a variant to the field of a key.
    pub(super) fn add_variant(&mut self, source: &str, kind: Kind, rules: Rules) {
        let Some(index) = self.by_source.get(source).copied() else { return };
        let Some(wanted) = self.fields.get(index).map(|field| field.variant_name(&kind)) else { return };
        let name = if self.has_column(&wanted) { self.free_name(&wanted, source) } else { wanted };
        if let Some(field) = self.fields.get_mut(index) {
            let mode = field.outlet_mode(1, rules);
            field.outlets.push(Outlet::settled(name.into(), kind, mode, rules));
        }
    }

    /// Remembers which stored columns of integers hold none beyond 2^53.
    pub(super) fn note_narrow(&mut self, names: &[String]) {
        let columns = self.fields.iter_mut().flat_map(|field| &mut field.outlets);
        for outlet in columns.filter(|outlet| names.iter().any(|name| *name == *outlet.name)) {
            if let Kind::Int { wide } = &mut outlet.kind {
                *wide = false;
            }
        }
    }

    /// Puts the fields at these paths of column names first, in the given order, here and in the objects that they are in. Only for a
    /// table that has no file yet.
    pub(super) fn put_first(&mut self, paths: &[&[String]]) {
        let leads_to =
            |field: &Field, path: &&[String]| path.first().is_some_and(|name| name.eq_ignore_ascii_case(&field.name));
        let place = |field: &Field| paths.iter().position(|path| leads_to(field, path)).unwrap_or(paths.len());
        self.fields.sort_by_key(place);
        for field in &mut self.fields {
            let below: Vec<&[String]> = paths
                .iter()
                .filter(|path| leads_to(field, path))
                .filter_map(|path| path.get(1..).filter(|below| !below.is_empty()))
                .collect();
            if let (false, Some(Kind::Struct(shape))) =
                (below.is_empty(), field.outlets.first_mut().map(|outlet| &mut outlet.kind))
            {
                Arc::make_mut(shape).put_first(&below);
            }
        }
        self.by_source = self
            .fields
            .iter()
            .enumerate()
            .filter_map(|(index, field)| field.source.as_ref().map(|source| (Arc::clone(source), index)))
            .collect();
    }

    /// The columns that have a known kind.
    pub(super) fn arrow_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.arrow_fields()))
    }

    pub(super) fn arrow_fields(&self) -> Fields {
        self.fields.iter().flat_map(Field::arrow).collect()
    }

    /// The shape of a stored schema: every column is fixed.
    pub(super) fn of_table(fields: &Fields) -> Self {
        let mut shape = Self::default();
        let variant_of = |stored: &ArrowField| stored.metadata().get(VARIANT_KEY).cloned();
        let (variants, plain): (Vec<_>, Vec<_>) = fields.iter().partition(|stored| variant_of(stored).is_some());
        for stored in plain {
            let source = stored.metadata().get(SOURCE_KEY).map(|source| Arc::from(source.as_str()));
            let mut field = Field::open(source, stored.name().as_str().into());
            field.nullable = stored.is_nullable();
            field.outlets.push(Outlet::of_table(stored));
            shape.add(field);
        }
        for stored in variants {
            let of = variant_of(stored).unwrap_or_default();
            match shape.fields.iter_mut().find(|field| *field.name == *of) {
                Some(field) => field.outlets.push(Outlet::of_table(stored)),
                None => {
                    let mut field = Field::open(None, stored.name().as_str().into());
                    field.outlets.push(Outlet::of_table(stored));
                    shape.add(field);
                }
            }
        }
        shape
    }
}

/// The members of a struct, or of the structs in a list.
fn members_mut(kind: &mut Kind) -> Option<&mut Shape> {
    match kind {
        Kind::Struct(shape) => Some(Arc::make_mut(shape)),
        Kind::List(item) => members_mut(item),
        _ => None,
    }
}

/// A column's path for people: the source keys above it and its own name.
pub(super) fn dotted(parents: &[Arc<str>], name: &str) -> String {
    let mut path: Vec<&str> = parents.iter().map(AsRef::as_ref).collect();
    path.push(name);
    path.join(".")
}

/// As [`members_mut`], to look at.
pub(super) fn members(kind: &Kind) -> Option<&Shape> {
    match kind {
        Kind::Struct(shape) => Some(shape),
        Kind::List(item) => members(item),
        _ => None,
    }
}
