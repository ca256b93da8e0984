//! Which rows of a walk are new, and how far its cursor has come.
//!
//! A row is new if its cursor is not before the start and not beyond the end. Rows at the start have been taken before, unless they
//! have changed: what stands for each of them is remembered with the last value.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use super::audience::Lanes;
use crate::flow::CursorState;
use crate::json::{Kind, Node};
use crate::plan::{CursorPlace, CursorValue, Incremental, LastValue, MissingCursor, RangeBound, RowOrder};

/// Rows that may share the last value: what stands for them is remembered, 32 characters each.
const BOUNDARY_MAX: usize = 1_000_000;

/// Why a row's cursor says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CursorFault {
    /// The row has none, or null.
    Missing {
        /// The row in the page, from 1.
        row: usize,
        /// Where it was looked for.
        path: String,
    },
    /// It is nothing that can be compared.
    Kind {
        /// The row in the page, from 1.
        row: usize,
        /// Where it is.
        path: String,
        /// What it is.
        found: &'static str,
    },
    /// It is of another kind than what it is compared with.
    Mixed {
        /// The row in the page, from 1.
        row: usize,
        /// Where it is.
        path: String,
        /// The row's value.
        found: String,
        /// What it was compared with.
        other: String,
    },
    /// Too many rows share one value.
    Crowded {
        /// The value.
        value: String,
    },
}

impl fmt::Display for CursorFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { row, path } => write!(formatter, "row {row} has no cursor at `{path}`"),
            Self::Kind { row, path, found } => write!(formatter, "the cursor of row {row} at `{path}` is {found}"),
            Self::Mixed { row, path, found, other } => {
                write!(
                    formatter,
                    "the cursor of row {row} at `{path}` is {found}, which cannot be compared with {other}"
                )
            }
            Self::Crowded { value } => write!(formatter, "more than {BOUNDARY_MAX} rows have the cursor {value}"),
        }
    }
}

/// The cursor of one walk, for all who need its rows.
pub(super) struct Tracker {
    rules: Incremental,
    /// From where on rows are new, and for whom.
    starts: Vec<Start>,
    end: Option<CursorValue>,
    /// Rows at the start are told apart.
    tells_apart: bool,
    last: Option<CursorValue>,
    boundary: BTreeSet<String>,
}

/// From where on rows are new for some lanes.
struct Start {
    /// `None`: all are.
    at: Option<CursorValue>,
    /// What stands for the rows that were taken there.
    taken: BTreeSet<String>,
    lanes: Lanes,
}

/// The rows of one page that are new for somebody.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NewRows {
    /// Their places in the page; `None`: all are.
    pub(super) places: Option<Vec<usize>>,
    /// For whom each of them is new; `None`: for all.
    pub(super) lanes: Option<Vec<Lanes>>,
    /// Nothing that follows can be new.
    pub(super) is_last: bool,
}

impl Tracker {
    /// A cursor that goes on from where it was for each of the lanes; one with an end remembers nothing.
    pub(super) fn new(rules: &Incremental, states: &[(Lanes, Option<&CursorState>)]) -> Self {
        let has_lag = rules.lag.is_some_and(|lag| lag != 0.0);
        let has_no_key = rules.key.as_ref().is_some_and(Vec::is_empty);
        let mut tracker = Self {
            starts: Vec::new(),
            end: rules.end_value.as_ref().and_then(CursorValue::of_json),
            tells_apart: !has_lag && !has_no_key && rules.range_start == RangeBound::Closed,
            last: None,
            boundary: BTreeSet::new(),
            rules: rules.clone(),
        };
        let mut known: Vec<Option<&CursorState>> = Vec::new();
        for (lanes, state) in states {
            let state = state.filter(|_| rules.end_value.is_none());
            match known.iter().position(|known| *known == state).and_then(|place| tracker.starts.get_mut(place)) {
                Some(start) => start.lanes = start.lanes.with(*lanes),
                None => {
                    known.push(state);
                    let start = tracker.start(state, *lanes);
                    tracker.starts.push(start);
                    state.into_iter().for_each(|state| tracker.reach(state));
                }
            }
        }
        tracker
    }

    fn start(&self, state: Option<&CursorState>, lanes: Lanes) -> Start {
        let (initial, rules) = (self.initial(), &self.rules);
        let last = state.and_then(|state| CursorValue::of_json(&state.last));
        let lagged = last.map(|last| match rules.lag.filter(|lag| *lag != 0.0) {
            Some(lag) => {
                not_before(&last, last.lagged(signed(lag, rules.last_value)), initial.as_ref(), rules.last_value)
            }
            None => last,
        });
        let taken = state.map(|state| state.boundary.iter().cloned().collect()).unwrap_or_default();
        Start { at: lagged.or(initial), taken, lanes }
    }

    fn initial(&self) -> Option<CursorValue> {
        self.rules.initial_value.as_ref().and_then(CursorValue::of_json)
    }

    /// Takes in how far the cursor is, where that is later than what is known.
    pub(super) fn reach(&mut self, state: &CursorState) {
        let Some(value) = CursorValue::of_json(&state.last) else { return };
        let order = self.last.as_ref().map(|last| self.order(0, &value, last).unwrap_or(Ordering::Less));
        if order.is_none_or(Ordering::is_gt) {
            self.last = Some(value);
            self.boundary.clear();
        }
        if order.is_none_or(Ordering::is_ge) {
            self.boundary.extend(state.boundary.iter().cloned());
        }
    }

    /// The start that is before all others; `None`: one has none.
    fn earliest(&self) -> Option<&CursorValue> {
        let mut starts = self.starts.iter().map(|start| start.at.as_ref());
        let mut earliest = starts.next()??;
        for start in starts {
            let start = start?;
            if self.order(0, start, earliest).is_ok_and(Ordering::is_lt) {
                earliest = start;
            }
        }
        Some(earliest)
    }

    /// What a request is to have; `None`: there is no such value.
    pub(super) fn value(&self, place: CursorPlace) -> Option<Value> {
        let value = match place {
            CursorPlace::Lag => return self.rules.lag.map(lag_value),
            CursorPlace::Start | CursorPlace::Last => self.earliest().cloned(),
            CursorPlace::Initial => self.initial(),
            CursorPlace::End => self.end.clone(),
        }?;
        match &self.rules.convert {
            Some(format) => Some(value.converted(format).unwrap_or_else(|| value.as_json().clone())),
            None => Some(value.as_json().clone()),
        }
    }

    /// How far the cursor has come; `None`: nowhere, or that is not remembered.
    pub(super) fn state(&self) -> Option<CursorState> {
        if self.rules.end_value.is_some() {
            return None;
        }
        let last = self.last.as_ref()?;
        Some(CursorState { last: last.as_json().clone(), boundary: self.boundary.iter().cloned().collect() })
    }

    /// The rows of a page that are new. Takes note of them.
    pub(super) fn take(&mut self, rows: &[Node<'_>]) -> Result<NewRows, CursorFault> {
        let everyone = self.starts.iter().fold(Lanes::NONE, |all, start| all.with(start.lanes));
        let (mut places, mut lanes) = (Vec::with_capacity(rows.len()), Vec::new());
        let mut latest: Vec<(usize, CursorValue)> = Vec::new();
        let (mut meets_old, mut meets_end) = (false, false);
        for (place, row) in rows.iter().enumerate() {
            let Some(cursor) = self.cursor(place, *row)? else {
                if self.rules.on_missing == MissingCursor::Include {
                    places.push(place);
                    lanes.push(everyone);
                }
                continue;
            };
            if self.is_beyond(place, &cursor)? {
                meets_end = true;
                continue;
            }
            let (new_for, is_old) = self.new_for(place, &cursor, *row)?;
            meets_old |= is_old;
            if new_for == Lanes::NONE {
                continue;
            }
            places.push(place);
            lanes.push(new_for);
            let order = latest.first().map(|(_, latest)| self.order(place, &cursor, latest)).transpose()?;
            match order {
                Some(Ordering::Less) => {}
                Some(Ordering::Equal) => latest.push((place, cursor)),
                Some(Ordering::Greater) | None => latest = vec![(place, cursor)],
            }
        }
        self.note(rows, latest)?;
        let is_last = match self.rules.row_order {
            Some(RowOrder::Descending) => meets_old,
            Some(RowOrder::Ascending) => meets_end,
            None => false,
        };
        let is_whole = places.len() == rows.len();
        let is_for_all = lanes.iter().all(|lanes| *lanes == everyone);
        Ok(NewRows { places: (!is_whole).then_some(places), lanes: (!is_for_all).then_some(lanes), is_last })
    }

    fn cursor(&self, place: usize, row: Node<'_>) -> Result<Option<CursorValue>, CursorFault> {
        let path = &self.rules.cursor_path;
        let found = path.first(row).filter(|node| !matches!(node.kind(), Kind::Null));
        let Some(node) = found else {
            return match self.rules.on_missing {
                MissingCursor::Raise => Err(CursorFault::Missing { row: place + 1, path: path.to_string() }),
                MissingCursor::Include | MissingCursor::Exclude => Ok(None),
            };
        };
        let value = match node.kind() {
            Kind::Text(text) => Value::String(text.to_owned()),
            Kind::Int(number) => number.into(),
            _ => serde_json::from_str(&node.to_json()).unwrap_or(Value::Null),
        };
        let wrong = || CursorFault::Kind { row: place + 1, path: path.to_string(), found: node.kind().described() };
        CursorValue::of_json(&value).ok_or_else(wrong).map(Some)
    }

    /// The order in the direction of the cursor: what is greater is later.
    fn order(&self, place: usize, one: &CursorValue, other: &CursorValue) -> Result<Ordering, CursorFault> {
        let order = one.compare(other).ok_or_else(|| CursorFault::Mixed {
            row: place + 1,
            path: self.rules.cursor_path.to_string(),
            found: format!("{} ({})", one.described(), one.as_json()),
            other: format!("{} ({})", other.described(), other.as_json()),
        })?;
        Ok(if self.rules.last_value == LastValue::Min { order.reverse() } else { order })
    }

    fn is_beyond(&self, place: usize, cursor: &CursorValue) -> Result<bool, CursorFault> {
        let Some(end) = &self.end else { return Ok(false) };
        Ok(match self.order(place, cursor, end)? {
            Ordering::Greater => true,
            Ordering::Equal => self.rules.range_end == RangeBound::Open,
            Ordering::Less => false,
        })
    }

    /// For whom a row is new, and whether it lies before all starts.
    fn new_for(&self, place: usize, cursor: &CursorValue, row: Node<'_>) -> Result<(Lanes, bool), CursorFault> {
        let (mut lanes, mut is_old) = (Lanes::NONE, true);
        let mut own_digest = None;
        for start in &self.starts {
            let order = start.at.as_ref().map(|at| self.order(place, cursor, at)).transpose()?;
            let is_new = match order {
                Some(Ordering::Less) => continue,
                Some(Ordering::Equal) if self.rules.range_start == RangeBound::Open => continue,
                Some(Ordering::Equal) if self.tells_apart && !start.taken.is_empty() => {
                    !start.taken.contains(own_digest.get_or_insert_with(|| digest(row)).as_str())
                }
                Some(Ordering::Equal | Ordering::Greater) | None => true,
            };
            // One that was taken before is no reason to stop: more rows may share its cursor.
            is_old = false;
            if is_new {
                lanes = lanes.with(start.lanes);
            }
        }
        Ok((lanes, is_old))
    }

    /// Takes note of the latest rows of a page.
    fn note(&mut self, rows: &[Node<'_>], latest: Vec<(usize, CursorValue)>) -> Result<(), CursorFault> {
        let Some((place, cursor)) = latest.first() else { return Ok(()) };
        let order = match &self.last {
            Some(last) => self.order(*place, cursor, last)?,
            None => Ordering::Greater,
        };
        if order.is_lt() {
            return Ok(());
        }
        if order.is_gt() {
            self.boundary.clear();
            self.last = Some(cursor.clone());
        }
        if self.tells_apart {
            let digests = latest.iter().filter_map(|(place, _)| rows.get(*place)).map(|row| digest(*row));
            self.boundary.extend(digests);
            if self.boundary.len() > BOUNDARY_MAX {
                return Err(CursorFault::Crowded { value: cursor.as_json().to_string() });
            }
        }
        Ok(())
    }
}

fn digest(row: Node<'_>) -> String {
    format!("{:032x}", xxh3_128(row.to_json().as_bytes()))
}

/// A lag without a fraction is an integer, as it was most likely written.
fn lag_value(lag: f64) -> Value {
    CursorValue::of_json(&format!("{lag}").into())
        .and_then(|value| value.as_json().as_str().and_then(|text| text.parse::<serde_json::Number>().ok()))
        .map_or_else(|| lag.into(), Value::Number)
}

fn signed(lag: f64, last_value: LastValue) -> f64 {
    if last_value == LastValue::Min { -lag } else { lag }
}

/// The lagged start, but never before the initial value.
fn not_before(
    last: &CursorValue,
    lagged: CursorValue,
    initial: Option<&CursorValue>,
    last_value: LastValue,
) -> CursorValue {
    let Some(initial) = initial else { return lagged };
    let is_before = |one: &CursorValue, other: &CursorValue| {
        let order = one.compare(other);
        order == Some(if last_value == LastValue::Min { Ordering::Greater } else { Ordering::Less })
    };
    if !is_before(&lagged, initial) {
        return lagged;
    }
    // A last value before the initial one is left as it is.
    if is_before(last, initial) { last.clone() } else { initial.clone() }
}
