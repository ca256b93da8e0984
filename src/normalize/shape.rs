//! What is known of a table's columns: a tree of fields by source key, each with its column name, kind and how firm that is.
//!
//! A shape starts from the table's schema and the config's hints, and grows with the rows. It turns into an Arrow schema, in
//! which each field remembers its source key in its metadata, so that a later run gives every key the same column again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema, SchemaRef, TimeUnit};

use super::kind::Kind;
use super::names::{ColumnNames, storable};
use crate::flow::{ChangeKind, SOURCE_KEY, SchemaChange};
use crate::plan::Naming;

/// The fields of a table or of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    fields: Vec<Field>,
    by_source: HashMap<Arc<str>, usize>,
    /// How keys of this level are named, to find the fields that no key has claimed yet.
    names: LevelNames,
}

/// The naming of one level of objects.
#[derive(Debug, Clone, Default)]
pub(super) struct LevelNames {
    pub(super) naming: Naming,
    /// New names by source key.
    pub(super) renames: HashMap<String, String>,
}

/// One column, or one member of a nested object.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// The source key; `None`: no key was seen yet for a column of the table or of a hint.
    pub(super) source: Option<Arc<str>>,
    /// The column's name, unique among its siblings whatever the case.
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) firmness: Firmness,
    /// A hint asks for values of other kinds to be converted.
    pub(super) converts: bool,
    pub(super) nullable: bool,
    /// A row of this load had the key.
    pub(super) seen: bool,
    /// A hint forbids null.
    pub(super) required: bool,
}

/// How firm a field's kind is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Firmness {
    /// No file has it yet: it is the join of all values seen.
    Open,
    /// Files of this load have it: it may only widen.
    Settled,
    /// The table or a hint has it: it stays.
    Fixed,
}

impl Field {
    /// A new field under a name, with nothing known of its values.
    pub(super) fn open(source: Option<Arc<str>>, name: Arc<str>) -> Self {
        Self {
            source,
            name,
            kind: Kind::Unknown,
            firmness: Firmness::Open,
            converts: false,
            nullable: true,
            seen: false,
            required: false,
        }
    }

    fn arrow(&self) -> Option<ArrowField> {
        let data_type = arrow_type(&self.kind)?;
        let field = ArrowField::new(self.name.as_ref(), data_type, self.nullable);
        let metadata: HashMap<String, String> =
            self.source.iter().map(|source| (SOURCE_KEY.to_owned(), source.to_string())).collect();
        Some(field.with_metadata(metadata))
    }
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
            None => {
                let name = match self.names.renames.get(source) {
                    Some(name) => name.clone(),
                    None => storable(&self.names.naming.column(source)),
                };
                self.by_name(&name).filter(|field| field.source.is_none())
            }
        }
    }

    /// Tells how keys are named, here and below.
    pub(super) fn set_names(&mut self, names: LevelNames) {
        for field in &mut self.fields {
            if let Some(shape) = members_mut(&mut field.kind) {
                shape.set_names(LevelNames { naming: names.naming, renames: HashMap::new() });
            }
        }
        self.names = names;
    }

    /// The field of a column name, whatever its case.
    pub(super) fn by_name(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
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
        names: &ColumnNames,
        changes: &mut Vec<SchemaChange>,
    ) -> Option<&mut Field> {
        let index = match self.by_source.get(source) {
            Some(index) => *index,
            None => self.bind(source, parents, names, changes),
        };
        let field = self.fields.get_mut(index)?;
        field.seen = true;
        Some(field)
    }

    fn bind(
        &mut self,
        source: &Arc<str>,
        parents: &[Arc<str>],
        names: &ColumnNames,
        changes: &mut Vec<SchemaChange>,
    ) -> usize {
        let wanted = names.column(source, parents);
        let taken = self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(&wanted));
        let index = match taken {
            None => self.add(Field::open(Some(Arc::clone(source)), wanted.into())),
            Some(index) if self.fields.get(index).is_some_and(|field| field.source.is_none()) => {
                if let Some(field) = self.fields.get_mut(index) {
                    field.source = Some(Arc::clone(source));
                }
                index
            }
            Some(_) => {
                let free = self.free_name(&wanted, source);
                changes.push(SchemaChange {
                    column: dotted(parents, &free),
                    change: ChangeKind::Renamed,
                    from: Some(wanted),
                    to: Some(free.clone()),
                });
                self.add(Field::open(Some(Arc::clone(source)), free.into()))
            }
        };
        self.by_source.insert(Arc::clone(source), index);
        index
    }

    /// The wanted name with a suffix that depends on the source key alone, so that every run finds the same one.
    fn free_name(&self, wanted: &str, source: &str) -> String {
        let digest = xxhash_rust::xxh3::xxh3_64(source.as_bytes());
        let full = format!("{digest:016x}");
        for digits in [6, 10, 16] {
            let name = format!("{wanted}_{}", full.get(..digits).unwrap_or(&full));
            if self.by_name(&name).is_none() {
                return name;
            }
        }
        format!("{wanted}_{full}_{}", self.fields.len())
    }

    /// Whether some column holds the text of values that are no text, for which a body's numbers must be kept as written.
    pub(super) fn holds_number_text(&self) -> bool {
        self.fields.iter().any(|field| match field.kind {
            Kind::Json => true,
            Kind::Text => field.converts,
            _ => false,
        })
    }

    /// Puts the fields with these names first, in the given order. Only for a table that has no file yet.
    pub(super) fn put_first(&mut self, names: &[String]) {
        let place =
            |field: &Field| names.iter().position(|name| name.eq_ignore_ascii_case(&field.name)).unwrap_or(names.len());
        self.fields.sort_by_key(place);
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

    fn arrow_fields(&self) -> Fields {
        self.fields.iter().filter_map(Field::arrow).collect()
    }

    /// The shape of a stored schema: every column is fixed.
    pub(super) fn of_table(fields: &Fields) -> Self {
        let mut shape = Self::default();
        for stored in fields {
            let source = stored.metadata().get(SOURCE_KEY).map(|source| Arc::from(source.as_str()));
            let mut field = Field::open(source, stored.name().as_str().into());
            field.kind = stored_kind(stored.data_type());
            field.firmness = Firmness::Fixed;
            field.nullable = stored.is_nullable();
            shape.add(field);
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

/// The Arrow type of a kind; `None` for one of which no column is made.
pub(super) fn arrow_type(kind: &Kind) -> Option<DataType> {
    Some(match kind {
        Kind::Unknown => return None,
        Kind::Bool => DataType::Boolean,
        Kind::Int { .. } => DataType::Int64,
        Kind::Float => DataType::Float64,
        Kind::Instants | Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Date => DataType::Date32,
        Kind::Text | Kind::Json => DataType::Utf8,
        Kind::List(item) => DataType::List(Arc::new(ArrowField::new("element", arrow_type(item)?, true))),
        Kind::Struct(shape) => {
            let fields = shape.arrow_fields();
            if fields.is_empty() {
                return None;
            }
            DataType::Struct(fields)
        }
    })
}

/// The kind of a stored column. One of a type that JSON cannot fill stays [`Kind::Unknown`] but fixed: it only takes null.
fn stored_kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Boolean => Kind::Bool,
        DataType::Int64 => Kind::Int { wide: true },
        DataType::Float64 => Kind::Float,
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Kind::Timestamp,
        DataType::Date32 => Kind::Date,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::List(item) | DataType::LargeList(item) => Kind::List(Box::new(stored_kind(item.data_type()))),
        DataType::Struct(fields) => Kind::Struct(Arc::new(Shape::of_table(fields))),
        _ => Kind::Unknown,
    }
}

/// The dotted paths of the columns of which no column is made, because they held nothing.
pub(super) fn empty_columns(shape: &Shape, prefix: &str, found: &mut Vec<String>) {
    let mut seen = BTreeMap::new();
    for field in shape.fields() {
        seen.insert(format!("{prefix}{}", field.name), field);
    }
    for (path, field) in seen {
        match &field.kind {
            kind if !kind.is_known() => found.push(path),
            Kind::Struct(members) => empty_columns(members, &format!("{path}."), found),
            _ => {}
        }
    }
}
