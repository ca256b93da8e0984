//! Joining the columns of a page into the shape of the table, in page order.
//!
//! Null joins anything; integers join floats as floats while each of them is within 2^53; texts of which some are no timestamps
//! are texts; objects join objects member by member and lists lists by their items. What does not join is a [`Clash`].

use std::sync::Arc;

use super::build::{Column, Record, Values};
use super::kind::{Kind, fits_float};
use super::names::ColumnNames;
use super::shape::{Field, Firmness, Shape, dotted};
use crate::flow::{ChangeKind, SchemaChange};

/// Joins pages into a shape and notes what changes for the table.
pub(super) struct Joiner<'a> {
    pub(super) names: &'a ColumnNames,
    pub(super) changes: &'a mut Vec<SchemaChange>,
}

/// A column of a page that does not join the table's.
#[derive(Debug)]
pub(super) struct Clash {
    /// The source keys to the column, outermost first.
    pub(super) path: Vec<Arc<str>>,
    /// The first row of the page with a value that does not fit.
    pub(super) row: usize,
    pub(super) holds: &'static str,
    pub(super) seen: &'static str,
}

/// A kind as it has to become, or why it cannot.
type Joined = Result<(), Clash>;

impl Joiner<'_> {
    pub(super) fn join(&mut self, shape: &mut Shape, record: &Record) -> Joined {
        self.join_record(shape, record, &mut Vec::new())
    }

    fn join_record(&mut self, shape: &mut Shape, record: &Record, parents: &mut Vec<Arc<str>>) -> Joined {
        for (key, column) in record.columns() {
            let Some(field) = shape.claim(key, parents, self.names, self.changes) else { continue };
            let before = field.kind.name();
            parents.push(Arc::clone(key));
            self.join_column(&mut field.kind, field.firmness, column, parents)?;
            parents.pop();
            self.note_widening(field, before, parents);
        }
        Ok(())
    }

    fn note_widening(&mut self, field: &Field, before: &'static str, parents: &[Arc<str>]) {
        let after = field.kind.name();
        if field.firmness == Firmness::Settled && before != after && before != Kind::Unknown.name() {
            self.changes.push(SchemaChange {
                column: dotted(parents, &field.name),
                change: ChangeKind::Widened,
                from: Some(before.to_owned()),
                to: Some(after.to_owned()),
            });
        }
    }

    fn join_column(
        &mut self,
        kind: &mut Kind,
        firmness: Firmness,
        column: &Column,
        path: &mut Vec<Arc<str>>,
    ) -> Joined {
        let clash =
            |holds: &Kind, seen: &'static str, row: usize| Clash { path: path.clone(), row, holds: holds.name(), seen };
        if matches!(kind, Kind::Unknown) {
            if firmness == Firmness::Fixed && !matches!(column.values(), Values::Unknown) {
                return Err(Clash {
                    path: path.clone(),
                    row: column.first_row(),
                    holds: "a type that JSON cannot fill",
                    seen: "a value",
                });
            }
            *kind = start(column.values());
        }
        match (&mut *kind, column.values()) {
            (_, Values::Unknown)
            | (Kind::Bool, Values::Bool(_))
            | (Kind::Float, Values::Float(_))
            | (Kind::Text, Values::Text(_))
            | (Kind::Json | Kind::Text, Values::Json(_))
            | (Kind::Timestamp, Values::Timestamp(_))
            | (Kind::Date, Values::Date(_)) => {}
            (Kind::Int { wide }, Values::Int(values)) => {
                *wide = *wide || !values.iter().copied().all(fits_float);
            }
            (Kind::Int { wide: false }, Values::Float(_)) if firmness != Firmness::Fixed => *kind = Kind::Float,
            (Kind::Int { .. }, Values::Float(_)) => return Err(clash(kind, "a number", column.first_row())),
            (Kind::Float, Values::Int(values)) => {
                if let Some(row) = values.iter().position(|value| !fits_float(*value)) {
                    return Err(clash(kind, "an integer beyond 2^53", row));
                }
            }
            (Kind::Instants, Values::Text(texts)) if !texts.are_instants() => *kind = Kind::Text,
            (Kind::Timestamp, Values::Text(texts)) if !texts.are_instants() => {
                return Err(clash(kind, "a string that is no timestamp", texts.first_other()));
            }
            (Kind::Instants | Kind::Timestamp, Values::Text(_)) => {}
            (Kind::Struct(shape), Values::Struct(record)) => self.join_record(Arc::make_mut(shape), record, path)?,
            (Kind::List(item), Values::List(list)) => {
                self.join_column(item, firmness, &list.items, path).map_err(|clash| {
                    let row = list.ends.partition_point(|end| usize::try_from(*end).is_ok_and(|end| end <= clash.row));
                    Clash { row: row.saturating_sub(1), ..clash }
                })?;
            }
            (kind, values) => return Err(clash(kind, described(values), column.first_row())),
        }
        Ok(())
    }
}

/// The kind of a column that is seen for the first time.
fn start(values: &Values) -> Kind {
    match values {
        Values::Unknown => Kind::Unknown,
        Values::Bool(_) => Kind::Bool,
        Values::Int(_) => Kind::Int { wide: false },
        Values::Float(_) => Kind::Float,
        Values::Text(texts) if texts.are_instants() => Kind::Instants,
        Values::Text(_) => Kind::Text,
        Values::Json(_) => Kind::Json,
        Values::Timestamp(_) => Kind::Timestamp,
        Values::Date(_) => Kind::Date,
        Values::Struct(_) => Kind::Struct(Arc::default()),
        Values::List(_) => Kind::List(Box::new(Kind::Unknown)),
    }
}

fn described(values: &Values) -> &'static str {
    match values {
        Values::Unknown => "null",
        Values::Bool(_) => "a boolean",
        Values::Int(_) => "an integer",
        Values::Float(_) => "a number",
        Values::Text(_) | Values::Json(_) | Values::Timestamp(_) | Values::Date(_) => "a string",
        Values::Struct(_) => "an object",
        Values::List(_) => "an array",
    }
}

/// Ends the time in which types are open: what is known is settled, texts that all were timestamps become timestamps.
/// Returns whether the schema is another one now.
pub(super) fn settle(shape: &mut Shape) -> bool {
    let mut changed = false;
    for field in shape.fields_mut() {
        changed |= settle_kind(&mut field.kind);
        if field.firmness == Firmness::Open && field.kind.is_known() {
            field.firmness = Firmness::Settled;
            changed = true;
        }
    }
    changed
}

fn settle_kind(kind: &mut Kind) -> bool {
    match kind {
        Kind::Instants => {
            *kind = Kind::Timestamp;
            true
        }
        Kind::List(item) => settle_kind(item),
        Kind::Struct(shape) if needs_settling(shape) => settle(Arc::make_mut(shape)),
        _ => false,
    }
}

/// Whether settling would change anything, asked before a shared shape is copied.
fn needs_settling(shape: &Shape) -> bool {
    shape.fields().iter().any(|field| {
        let nested = match &field.kind {
            Kind::Struct(members) => needs_settling(members),
            Kind::List(_) => true,
            _ => false,
        };
        nested || matches!(field.kind, Kind::Instants) || (field.firmness == Firmness::Open && field.kind.is_known())
    })
}
