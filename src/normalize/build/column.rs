//! The values of one column, typed by what is pushed.

use std::sync::Arc;

use arrow::array::NullBufferBuilder;
use arrow::buffer::NullBuffer;

use super::{Fault, Record, TextValues};
use crate::json::{Kind as JsonKind, Node};
use crate::normalize::kind::{Kind, fits_float};
use crate::normalize::shape::{Field, Firmness, Shape};
use crate::normalize::timestamp::{parse_date, parse_timestamp};

/// One column of a record, or the items of a list.
#[derive(Debug)]
pub(in crate::normalize) struct Column {
    len: usize,
    nulls: NullBufferBuilder,
    values: Values,
    /// The type may not change.
    fixed: bool,
    /// A hint asks for values of other kinds to be converted where nothing is lost.
    converts: bool,
    /// What is known of the members of objects in the column.
    members: Option<Arc<Shape>>,
}

/// Values of one kind; where the column is null there is any value.
#[derive(Debug)]
pub(in crate::normalize) enum Values {
    /// Only null so far.
    Unknown,
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(TextValues),
    Json(TextValues),
    Timestamp(Vec<i64>),
    Date(Vec<i32>),
    Struct(Box<Record>),
    List(Box<ListValues>),
}

/// The items of lists, one after the other.
#[derive(Debug)]
pub(in crate::normalize) struct ListValues {
    pub(in crate::normalize) ends: Vec<i32>,
    pub(in crate::normalize) items: Column,
}

impl Column {
    /// A column that takes its type from the values.
    pub(super) fn free() -> Self {
        Self {
            len: 0,
            nulls: NullBufferBuilder::new(0),
            values: Values::Unknown,
            fixed: false,
            converts: false,
            members: None,
        }
    }

    /// A column whose type a table, a written file or a hint has settled.
    pub(super) fn expecting(field: &Field) -> Self {
        let mut column = Self::of(&field.kind, field.firmness);
        column.converts = field.converts;
        column
    }

    fn of(kind: &Kind, firmness: Firmness) -> Self {
        let mut column = Self::free();
        if firmness == Firmness::Open {
            return column;
        }
        column.fixed = firmness == Firmness::Fixed;
        column.values = match kind {
            Kind::Unknown | Kind::Instants => Values::Unknown,
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Int { .. } => Values::Int(Vec::new()),
            Kind::Float => Values::Float(Vec::new()),
            Kind::Text => Values::Text(TextValues::new(false)),
            Kind::Json => Values::Json(TextValues::new(false)),
            Kind::Timestamp => Values::Timestamp(Vec::new()),
            Kind::Date => Values::Date(Vec::new()),
            Kind::Struct(shape) => Values::Struct(Box::new(Record::new(Some(Arc::clone(shape))))),
            Kind::List(item) => Values::List(Box::new(ListValues { ends: vec![0], items: Self::of(item, firmness) })),
        };
        if let Kind::Struct(shape) = kind {
            column.members = Some(Arc::clone(shape));
        }
        column
    }

    pub(in crate::normalize) fn len(&self) -> usize {
        self.len
    }

    pub(in crate::normalize) fn values(&self) -> &Values {
        &self.values
    }

    /// The values and where they are null, filled with nulls up to `rows`.
    pub(in crate::normalize) fn into_parts(mut self, rows: usize) -> (Values, Option<NullBuffer>) {
        self.resize(rows);
        (self.values, self.nulls.build())
    }

    /// The first row that is not null.
    pub(in crate::normalize) fn first_row(&self) -> usize {
        (0..self.len).find(|row| self.nulls.is_valid(*row)).unwrap_or_default()
    }

    /// Adds one value.
    #[inline]
    pub(super) fn push(&mut self, node: Node<'_>, depth: usize) -> Result<(), Fault> {
        match (node.kind(), &mut self.values) {
            (JsonKind::Null, _) => {
                self.push_null();
                return Ok(());
            }
            (JsonKind::Int(value), Values::Int(values)) => values.push(value),
            (JsonKind::Float(value), Values::Float(values)) => values.push(value),
            (JsonKind::Text(text), Values::Text(values)) => {
                values.push(text).map_err(|_| Fault::misfit("at most 2 GiB of text a page", node))?;
            }
            (JsonKind::Text(text), Values::Timestamp(values)) => match parse_timestamp(text) {
                Some(micros) => values.push(micros),
                None => return self.push_other(node, depth),
            },
            (JsonKind::Bool(value), Values::Bool(values)) => values.push(value),
            (JsonKind::Object(members), Values::Struct(record)) => {
                record.push(members, deeper(depth)?)?;
            }
            (JsonKind::Array(items), Values::List(list)) => {
                let depth = deeper(depth)?;
                for item in items.iter() {
                    list.items.push(item, depth)?;
                }
                let end = i32::try_from(list.items.len()).map_err(|_| Fault::misfit("fewer items a page", node))?;
                list.ends.push(end);
            }
            (JsonKind::Int(value), Values::Float(values)) if fits_float(value) => {
                #[expect(clippy::cast_precision_loss, reason = "checked to be without loss")]
                values.push(value as f64);
            }
            _ => return self.push_other(node, depth),
        }
        self.nulls.append_non_null();
        self.len += 1;
        Ok(())
    }

    /// A value of another kind than the column's: the column takes its kind, or the value is converted, or it does not fit.
    #[cold]
    fn push_other(&mut self, node: Node<'_>, depth: usize) -> Result<(), Fault> {
        if matches!(node.kind(), JsonKind::Inexact) {
            return Err(Fault::Inexact);
        }
        if matches!(self.values, Values::Unknown) && self.adopt(node) {
            return self.push(node, depth);
        }
        if self.widen(node) {
            return self.push(node, depth);
        }
        if self.push_converted(node)? {
            self.nulls.append_non_null();
            self.len += 1;
            return Ok(());
        }
        Err(Fault::misfit(self.holds(), node))
    }

    /// Gives a column that held only null the kind of its first value.
    fn adopt(&mut self, node: Node<'_>) -> bool {
        self.values = match node.kind() {
            JsonKind::Bool(_) => Values::Bool(vec![false; self.len]),
            JsonKind::Int(_) => Values::Int(vec![0; self.len]),
            JsonKind::Float(_) => Values::Float(vec![0.0; self.len]),
            JsonKind::Text(_) => Values::Text(TextValues::new(true)),
            JsonKind::Object(_) => Values::Struct(Box::new(Record::new(self.members.clone()))),
            JsonKind::Array(_) => Values::List(Box::new(ListValues { ends: vec![0], items: Self::free() })),
            JsonKind::Null | JsonKind::BigInt | JsonKind::Inexact => return false,
        };
        for _ in 0..self.len {
            match &mut self.values {
                Values::Text(values) => values.push_null(),
                Values::Struct(record) => record.push_null(),
                Values::List(list) => list.ends.push(0),
                _ => {}
            }
        }
        true
    }

    /// Makes floats of integers for the first float, if none of them loses anything.
    fn widen(&mut self, node: Node<'_>) -> bool {
        let (JsonKind::Float(_), Values::Int(values), false) = (node.kind(), &self.values, self.fixed) else {
            return false;
        };
        if !values.iter().copied().all(fits_float) {
            return false;
        }
        #[expect(clippy::cast_precision_loss, reason = "checked to be without loss")]
        let floats = values.iter().map(|value| *value as f64).collect();
        self.values = Values::Float(floats);
        true
    }

    /// Converts a value to the kind that the column has to have, where nothing is lost.
    fn push_converted(&mut self, node: Node<'_>) -> Result<bool, Fault> {
        let overflow = |_| Fault::misfit("at most 2 GiB of text a page", node);
        match (node.kind(), &mut self.values) {
            // What the table holds as integers takes 7.0 as 7, as dlt does.
            (JsonKind::Float(value), Values::Int(values)) if self.fixed => match exact_int(value) {
                Some(value) => values.push(value),
                None => return Ok(false),
            },
            (JsonKind::Text(text), Values::Date(values)) => match parse_date(text) {
                Some(days) => values.push(days),
                None => return Ok(false),
            },
            (_, Values::Json(values)) => values.push(&node.to_json()).map_err(overflow)?,
            _ if !self.converts => return Ok(false),
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
            (_, Values::Text(values)) => values.push(&node.to_json()).map_err(overflow)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn push_null(&mut self) {
        match &mut self.values {
            Values::Unknown => {}
            Values::Bool(values) => values.push(false),
            Values::Int(values) | Values::Timestamp(values) => values.push(0),
            Values::Float(values) => values.push(0.0),
            Values::Date(values) => values.push(0),
            Values::Text(values) | Values::Json(values) => values.push_null(),
            Values::Struct(record) => record.push_null(),
            Values::List(list) => list.ends.push(list.ends.last().copied().unwrap_or_default()),
        }
        self.nulls.append_null();
        self.len += 1;
    }

    /// Fills with nulls, or cuts, to a length.
    pub(super) fn resize(&mut self, len: usize) {
        while self.len < len {
            self.push_null();
        }
        if self.len == len {
            return;
        }
        self.nulls.truncate(len);
        self.len = len;
        match &mut self.values {
            Values::Unknown => {}
            Values::Bool(values) => values.truncate(len),
            Values::Int(values) | Values::Timestamp(values) => values.truncate(len),
            Values::Float(values) => values.truncate(len),
            Values::Date(values) => values.truncate(len),
            Values::Text(values) | Values::Json(values) => values.truncate(len),
            Values::Struct(record) => record.truncate(len),
            Values::List(list) => {
                list.ends.truncate(len + 1);
                let items = list.ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or_default();
                list.items.resize(items);
            }
        }
    }

    /// Bytes held, for the memory budget.
    pub(super) fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Unknown => 0,
            Values::Bool(values) => values.len(),
            Values::Int(values) | Values::Timestamp(values) => values.len() * 8,
            Values::Float(values) => values.len() * 8,
            Values::Date(values) => values.len() * 4,
            Values::Text(values) | Values::Json(values) => values.bytes(),
            Values::Struct(record) => record.bytes(),
            Values::List(list) => list.ends.len() * 4 + list.items.bytes(),
        };
        values + self.nulls.allocated_size()
    }

    fn holds(&self) -> &'static str {
        match &self.values {
            Values::Unknown => "integers of at most 64 bits",
            Values::Bool(_) => "bool",
            Values::Int(_) => "bigint",
            Values::Float(_) => "double",
            Values::Text(_) => "text",
            Values::Json(_) => "json",
            Values::Timestamp(_) => "timestamp",
            Values::Date(_) => "date",
            Values::Struct(_) => "struct",
            Values::List(_) => "list",
        }
    }
}

/// One level further down, within the bound that the depth counts down from.
fn deeper(depth: usize) -> Result<usize, Fault> {
    depth.checked_sub(1).ok_or(Fault::TooDeep)
}

/// The integer that a float is without loss.
fn exact_int(value: f64) -> Option<i64> {
    // Beyond 2^53 a float text may stand for several integers.
    let whole = value.trunc();
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
    (whole == value && whole.abs() <= 9_007_199_254_740_992.0).then_some(whole as i64)
}
