//! The values of one column of a page, in a lane a kind of value.
//!
//! Nearly every column has one lane: the hot path is a value of the kind of the first lane. A value of another kind gets a
//! lane of its own, and is null in the first. Integers join a lane of floats, and remember that they were integers.

use std::sync::Arc;

use super::bytes::parse_bytes;
use super::floats::exact_int;
use super::{Fault, Floats, Lane, Levels, ListValues, Record, TextValues, Values, parse_decimal};
use crate::json::{Kind as JsonKind, Node};
use crate::normalize::field::{Field, Firmness};
use crate::normalize::kind::{Kind, fits_float};
use crate::normalize::shape::Shape;
use crate::normalize::timestamp::{parse_date, parse_timestamp};

/// One column of a record, or the items of a list.
#[derive(Debug)]
pub(in crate::normalize) struct Column {
    /// As long as the column.
    first: Lane,
    /// Lanes of further kinds; each may be shorter than the column, by nulls.
    others: Vec<Lane>,
    /// The table or a hint has the type.
    fixed: bool,
    /// A hint asks for values of other kinds to be converted where nothing is lost.
    converts: bool,
    /// What is known of the members of objects in the column.
    members: Option<Arc<Shape>>,
}

impl Column {
    /// A column that takes its type from the values.
    pub(super) fn free() -> Self {
        Self { first: Lane::new(Values::Unknown), others: Vec::new(), fixed: false, converts: false, members: None }
    }

    /// A column whose type a table, a written file or a hint has settled.
    pub(super) fn expecting(field: &Field) -> Self {
        let Some(outlet) = field.outlets.first() else { return Self::free() };
        let mut column = Self::of(&outlet.kind, outlet.firmness);
        column.converts = field.converts;
        column
    }

    fn of(kind: &Kind, firmness: Firmness) -> Self {
        let mut column = Self::free();
        column.fixed = firmness == Firmness::Fixed;
        column.first.values = match kind {
            Kind::Unknown => Values::Unknown,
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Int { .. } => Values::Int(Vec::new()),
            Kind::Float => Values::Float(Floats::default()),
            Kind::Text => Values::Text(TextValues::new(false)),
            Kind::Json => Values::Json(TextValues::new(false)),
            Kind::Timestamp => Values::Timestamp(Vec::new()),
            Kind::Date => Values::Date(Vec::new()),
            Kind::Binary => Values::Binary(Vec::new()),
            Kind::Decimal { precision, scale } => {
                Values::Decimal { precision: *precision, scale: *scale, unscaled: Vec::new() }
            }
            Kind::Struct(shape) => Values::Struct(Box::new(Record::new(Some(Arc::clone(shape))))),
            Kind::List(item) => Values::List(Box::new(ListValues::new(Self::of(item, firmness)))),
        };
        if let Kind::Struct(shape) = kind {
            column.members = Some(Arc::clone(shape));
        }
        column
    }

    #[inline]
    pub(in crate::normalize) fn len(&self) -> usize {
        self.first.len()
    }

    /// Where the usual values go; what is put there is to be counted.
    #[inline]
    pub(super) fn values_mut(&mut self) -> &mut Values {
        &mut self.first.values
    }

    /// Counts the value that was just put into the usual ones.
    #[inline]
    pub(super) fn count(&mut self) {
        self.first.count();
    }

    #[inline]
    pub(super) fn push_null(&mut self) {
        self.first.push_null();
    }

    /// The lanes, of which the first is as long as the column.
    pub(in crate::normalize) fn lanes(&self) -> impl Iterator<Item = &Lane> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(in crate::normalize) fn into_lanes(self) -> impl Iterator<Item = Lane> {
        std::iter::once(self.first).chain(self.others)
    }

    /// Adds one value.
    #[inline]
    pub(super) fn push(&mut self, node: Node<'_>, levels: Levels) -> Result<(), Fault> {
        match (node.kind(), &mut self.first.values) {
            (JsonKind::Null, _) => {
                self.first.push_null();
                return Ok(());
            }
            (JsonKind::Object(_) | JsonKind::Array(_), _) if levels.is_text() => {
                return self.push_json(&node.to_json());
            }
            (JsonKind::Int(value), Values::Int(values)) => values.push(value),
            (JsonKind::Float(value), Values::Float(values)) => values.push(value),
            (JsonKind::Text(text), Values::Text(values)) => values.push(text).map_err(|_| Fault::TooLarge)?,
            (JsonKind::Text(text), Values::Timestamp(values)) => match parse_timestamp(text) {
                Some(micros) => values.push(micros),
                None => return self.push_other(node, levels),
            },
            (JsonKind::Bool(value), Values::Bool(values)) => values.push(value),
            (JsonKind::Object(members), Values::Struct(record)) => record.push(members, levels.deeper()?)?,
            (JsonKind::Array(items), Values::List(list)) => push_items(list, items, levels)?,
            (JsonKind::Int(value), Values::Float(values)) if fits_float(value) => values.push_integer(value),
            _ => return self.push_other(node, levels),
        }
        self.first.count();
        Ok(())
    }

    /// A value of another kind than the first lane's: the lane takes its kind, or it is converted, or gets another lane.
    #[cold]
    fn push_other(&mut self, node: Node<'_>, levels: Levels) -> Result<(), Fault> {
        if matches!(node.kind(), JsonKind::Inexact) {
            return Err(Fault::Inexact);
        }
        if matches!(self.first.values, Values::Unknown) && !self.fixed {
            self.first.adopt(self.natural(node));
            return self.push(node, levels);
        }
        if self.others.is_empty() && self.joins_floats(node) {
            return self.push(node, levels);
        }
        if self.push_converted(node)? {
            self.first.count();
            return Ok(());
        }
        self.push_aside(node, levels)
    }

    /// Empty values of the kind of a node.
    fn natural(&self, node: Node<'_>) -> Values {
        match node.kind() {
            JsonKind::Null | JsonKind::Inexact => Values::Unknown,
            JsonKind::Bool(_) => Values::Bool(Vec::new()),
            JsonKind::Int(_) => Values::Int(Vec::new()),
            JsonKind::Float(_) => Values::Float(Floats::default()),
            JsonKind::BigInt => Values::Big(TextValues::new(false)),
            JsonKind::Text(_) => Values::Text(TextValues::new(true)),
            JsonKind::Object(_) => Values::Struct(Box::new(Record::new(self.members.clone()))),
            JsonKind::Array(_) => Values::List(Box::new(ListValues::new(Self::free()))),
        }
    }

    /// Makes floats of integers for the first float, if none of them loses anything.
    fn joins_floats(&mut self, node: Node<'_>) -> bool {
        let (JsonKind::Float(_), Values::Int(values), false) = (node.kind(), &self.first.values, self.fixed) else {
            return false;
        };
        if !values.iter().copied().all(fits_float) {
            return false;
        }
        self.first.values = Values::Float(Floats::of_integers(values, |row| self.first.is_valid(row)));
        true
    }

    /// Converts a value to the kind that the column has to have, where nothing is lost.
    fn push_converted(&mut self, node: Node<'_>) -> Result<bool, Fault> {
        match (node.kind(), &mut self.first.values) {
            // What the table holds as integers takes 7.0 as 7, as dlt does.
            (JsonKind::Float(value), Values::Int(values)) if self.fixed => match exact_int(value) {
                Some(value) => values.push(value),
                None => return Ok(false),
            },
            (JsonKind::Text(text), Values::Date(values)) => match parse_date(text) {
                Some(days) => values.push(days),
                None => return Ok(false),
            },
            // What this load settled takes none of the floats that its first pages put aside.
            (JsonKind::Float(_), Values::Decimal { .. }) if !self.fixed => return Ok(false),
            (
                JsonKind::Int(_) | JsonKind::BigInt | JsonKind::Float(_),
                Values::Decimal { precision, scale, unscaled },
            ) => match parse_decimal(&node.to_json(), *precision, *scale) {
                Some(value) => unscaled.push(value),
                None => return Ok(false),
            },
            (JsonKind::Text(text), Values::Binary(values)) => match parse_bytes(text) {
                Some(bytes) => values.push(bytes),
                None => return Ok(false),
            },
            (_, Values::Json(values)) => values.push(&node.to_json()).map_err(|_| Fault::TooLarge)?,
            _ if !self.converts => return Ok(false),
            (JsonKind::Text(text), Values::Decimal { precision, scale, unscaled }) => {
                match parse_decimal(text, *precision, *scale) {
                    Some(value) => unscaled.push(value),
                    None => return Ok(false),
                }
            }
            (JsonKind::Text(text), Values::Int(values)) => match text.trim().parse() {
                Ok(value) => values.push(value),
                Err(_) => return Ok(false),
            },
            (JsonKind::Text(text), Values::Float(values)) => match text.trim().parse::<f64>() {
                Ok(value) if value.is_finite() => values.push(value),
                _ => return Ok(false),
            },
            (JsonKind::Text(text), Values::Bool(values)) => match text {
                "true" | "True" => values.push(true),
                "false" | "False" => values.push(false),
                _ => return Ok(false),
            },
            (JsonKind::Text(text), Values::Timestamp(values)) => match parse_date(text) {
                Some(days) => values.push(i64::from(days) * 86_400_000_000),
                None => return Ok(false),
            },
            (JsonKind::Int(seconds), Values::Timestamp(values)) => match seconds.checked_mul(1_000_000) {
                Some(micros) => values.push(micros),
                None => return Ok(false),
            },
            (_, Values::Text(values)) => values.push(&node.to_json()).map_err(|_| Fault::TooLarge)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Adds an object or a list as its JSON text, which is a text like any other.
    #[cold]
    fn push_json(&mut self, json: &str) -> Result<(), Fault> {
        if matches!(self.first.values, Values::Unknown) && !self.fixed {
            self.first.adopt(Values::Text(TextValues::new(true)));
        }
        if let Values::Text(texts) | Values::Json(texts) = &mut self.first.values {
            texts.push(json).map_err(|_| Fault::TooLarge)?;
            self.first.count();
            return Ok(());
        }
        let is_text = |values: &Values| matches!(values, Values::Text(_));
        let Some(lane) = self.lane_aside(is_text, || Values::Text(TextValues::new(true))) else { return Ok(()) };
        if let Values::Text(texts) = &mut lane.values {
            texts.push(json).map_err(|_| Fault::TooLarge)?;
        }
        lane.count();
        self.first.push_null();
        Ok(())
    }

    /// The lane beside the first that takes a value, made if there is none, as long as the column.
    fn lane_aside(&mut self, takes: impl Fn(&Values) -> bool, made: impl FnOnce() -> Values) -> Option<&mut Lane> {
        let row = self.first.len();
        let index = match self.others.iter().position(|lane| takes(&lane.values)) {
            Some(index) => index,
            None => {
                self.others.push(Lane::new(made()));
                self.others.len() - 1
            }
        };
        let lane = self.others.get_mut(index)?;
        lane.resize(row);
        Some(lane)
    }

    /// Puts a value into a lane of its kind beside the first, which is null there.
    fn push_aside(&mut self, node: Node<'_>, levels: Levels) -> Result<(), Fault> {
        let natural = self.natural(node);
        let Some(lane) = self.lane_aside(|values| takes(values, node), || natural) else { return Ok(()) };
        match (node.kind(), &mut lane.values) {
            (JsonKind::Bool(value), Values::Bool(values)) => values.push(value),
            (JsonKind::Int(value), Values::Int(values)) => values.push(value),
            (JsonKind::Int(value), Values::Float(values)) => values.push_integer(value),
            (JsonKind::Float(value), Values::Float(values)) => values.push(value),
            (JsonKind::BigInt, Values::Big(values)) => values.push(&node.to_json()).map_err(|_| Fault::TooLarge)?,
            (JsonKind::Text(text), Values::Text(values)) => values.push(text).map_err(|_| Fault::TooLarge)?,
            (JsonKind::Object(members), Values::Struct(record)) => record.push(members, levels.deeper()?)?,
            (JsonKind::Array(items), Values::List(list)) => push_items(list, items, levels)?,
            _ => {}
        }
        lane.count();
        self.first.push_null();
        Ok(())
    }

    /// Fills with nulls, or cuts, to a length.
    pub(super) fn resize(&mut self, len: usize) {
        self.first.resize(len);
        for lane in self.others.iter_mut().filter(|lane| lane.len() > len) {
            lane.resize(len);
        }
    }

    /// Bytes held, for the memory budget.
    pub(super) fn bytes(&self) -> usize {
        self.lanes().map(Lane::bytes).sum()
    }
}

/// Whether a lane beside the first takes a node.
fn takes(values: &Values, node: Node<'_>) -> bool {
    match (node.kind(), values) {
        (JsonKind::Bool(_), Values::Bool(_))
        | (JsonKind::Int(_), Values::Int(_))
        | (JsonKind::Float(_), Values::Float(_))
        | (JsonKind::BigInt, Values::Big(_))
        | (JsonKind::Text(_), Values::Text(_))
        | (JsonKind::Object(_), Values::Struct(_))
        | (JsonKind::Array(_), Values::List(_)) => true,
        (JsonKind::Int(value), Values::Float(_)) => fits_float(value),
        _ => false,
    }
}

#[inline]
fn push_items(list: &mut ListValues, items: crate::json::Items<'_>, levels: Levels) -> Result<(), Fault> {
    let levels = levels.deeper()?;
    for item in items.iter() {
        list.items.push(item, levels)?;
    }
    list.end_row()
}
