//! The `offset` scheme: the position is the number of records before the page.
//!
//! 1. The offset moves on by the records that a page holds, not by `limit`: servers cap the page size.
//! 2. The total is read from every page, because it may grow and shrink while the walk is under way. Without one the walk
//!    ends at the first empty page, or where the server says that there is no such page.
//! 3. With a total, pages can be asked for ahead. The first page sets the stride. A page that is shorter has its *gap*
//!    asked for before anything later; a longer one makes what was asked for ahead stale.
//! 4. A total is believed unless there is a reason not to: the first page is full and holds all that it counts, so that it may be
//!    the count of the page; the server caps the page; it has changed on the way; or the scheme is a guess. Where such a total
//!    says that a *full* page was the last, one more page is asked for in *doubt*; from the first record found there on only an
//!    empty page ends the walk.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Paginator, PagingFault, Parameter, Position, Purpose, Range, Repeated, Seen, Step, Trust,
    said::{self, Total},
};
use crate::json::Node;
use crate::plan::OffsetSpec;

/// The scheme on its way.
pub(super) struct Offset {
    spec: OffsetSpec,
    trust: Trust,
    /// Records of a full page, known from the first page on.
    stride: Option<u64>,
    total: Total,
    /// Whether there were records beyond a total.
    total_was_wrong: bool,
    /// Pages seen.
    pages: u64,
}

/// Where the scheme was.
#[derive(Serialize, Deserialize)]
struct Noted {
    range: Range,
    /// Pages seen.
    pages: u64,
    /// Whether pages told different totals.
    #[serde(default)]
    total_changed: bool,
}

impl Offset {
    pub(super) fn new(spec: OffsetSpec, trust: Trust) -> Self {
        Self { spec, trust, stride: None, total: Total::default(), total_was_wrong: false, pages: 0 }
    }

    fn range(&self, offset: u64, purpose: Purpose) -> Range {
        let limit = self.spec.limit.get();
        Range { offset, limit, expected: self.stride.unwrap_or(limit), purpose }
    }

    fn next(&self, offset: u64) -> Step {
        let purpose = if self.total.last.is_some() { Purpose::Next } else { Purpose::Open };
        Step::Next(Position::Range(self.range(offset, purpose)))
    }

    fn is_beyond_maximum(&self, offset: u64) -> bool {
        self.spec.maximum_offset.is_some_and(|maximum| offset >= maximum)
    }

    fn after_records(&mut self, range: &Range, seen: &Seen<'_>) -> Result<Step, PagingFault> {
        let records = seen.records.unwrap_or(range.limit);
        let end = sum(range.offset, records)?;
        let is_full = records >= range.limit || records >= self.stride.unwrap_or(u64::MAX);
        if range.purpose != Purpose::Gap {
            self.stride = Some(self.stride.unwrap_or(0).max(records));
        }
        self.total_was_wrong |= range.purpose == Purpose::Doubt;
        let more = self.has_more(seen)?;
        if more == Some(false) || self.is_beyond_maximum(end) {
            return Ok(done());
        }
        let told = Step::Next(Position::Range(self.range(end, Purpose::Next)));
        let Some(total) = self.total.last else { return Ok(if more == Some(true) { told } else { self.next(end) }) };
        if end < total {
            return Ok(self.towards_total(range, end));
        }
        if more == Some(true) {
            return Ok(told);
        }
        let doubted = is_full && !self.is_believed(total);
        if seen.records.is_some() && (doubted || self.total_was_wrong) {
            return Ok(Step::Next(Position::Range(self.range(end, Purpose::Doubt))));
        }
        Ok(done())
    }

    /// Whether nothing speaks against a total that says that the page at hand is the last.
    fn is_believed(&self, total: u64) -> bool {
        let records = self.stride.unwrap_or(0);
        let is_capped = records < self.spec.limit.get();
        let may_count_the_page = self.pages == 1 && total <= records;
        self.trust == Trust::Configured && !self.total.has_changed && !is_capped && !may_count_the_page
    }

    /// After a page that ended at `end`, where the total says that more follows.
    fn towards_total(&self, range: &Range, end: u64) -> Step {
        let expected_end = range.offset.saturating_add(range.expected);
        if end >= expected_end {
            return self.next(end);
        }
        let gap = expected_end - end;
        // No more than the gap is asked for, so that the pages ahead stay good.
        let limit = gap.min(self.spec.limit.get());
        Step::Fill(Position::Range(Range { offset: end, limit, expected: gap, purpose: Purpose::Gap }))
    }

    fn after_nothing(&self, range: &Range, seen: &Seen<'_>) -> Result<Step, PagingFault> {
        let expected_end = sum(range.offset, range.expected.max(1))?;
        let total_says_more = self.total.last.is_some_and(|total| expected_end < total);
        let missing = self.total.last.map_or(0, |total| total.saturating_sub(range.offset));
        if range.purpose == Purpose::Gap && total_says_more && !self.is_beyond_maximum(expected_end) {
            return Ok(self.next(expected_end));
        }
        if range.purpose == Purpose::Doubt || self.spec.stop_after_empty_page {
            return Ok(Step::Done { missing });
        }
        if self.has_more(seen)? == Some(false) || self.is_beyond_maximum(expected_end) {
            return Ok(done());
        }
        let goes_on = match self.total.last {
            Some(_) => total_says_more,
            // Who turns off the end at an empty page and gives another end wants the pages between.
            None => self.spec.maximum_offset.is_some() || (self.spec.has_more_path.is_some() && seen.body.is_some()),
        };
        Ok(if goes_on { self.next(expected_end) } else { Step::Done { missing } })
    }

    fn has_more(&self, seen: &Seen<'_>) -> Result<Option<bool>, PagingFault> {
        said::has_more(self.spec.has_more_path.as_deref(), seen.root())
    }
}

impl Paginator for Offset {
    fn first(&self) -> Position {
        Position::Range(self.range(self.spec.offset, Purpose::Next))
    }

    fn noted(&self, position: &Position) -> Value {
        let Position::Range(range) = position else { return Value::Null };
        serde_json::to_value(Noted { range: range.clone(), pages: self.pages, total_changed: self.total.has_changed })
            .unwrap_or_default()
    }

    fn resume(&mut self, noted: &Value) -> Option<Position> {
        let noted = Noted::deserialize(noted).ok()?;
        // The page will be seen again.
        self.pages = noted.pages.saturating_sub(1);
        self.total.has_changed = noted.total_changed;
        Some(Position::Range(noted.range))
    }

    fn advance(&mut self, position: &Position, seen: &Seen<'_>) -> Result<Step, PagingFault> {
        let Position::Range(range) = position else { return Ok(done()) };
        self.pages = self.pages.saturating_add(1);
        self.total.hear(self.spec.total_path.as_deref(), seen.root(), "records")?;
        if seen.is_empty() { self.after_nothing(range, seen) } else { self.after_records(range, seen) }
    }

    fn likely_after(&self, position: &Position) -> Option<Position> {
        let (Position::Range(range), Some(total), Some(_)) = (position, self.total.last, self.stride) else {
            return None;
        };
        let offset = range.offset.checked_add(range.expected)?;
        let follows = range.purpose != Purpose::Doubt && offset < total && !self.is_beyond_maximum(offset);
        follows.then(|| Position::Range(self.range(offset, Purpose::Next)))
    }

    fn parameters(&self, position: &Position) -> Vec<Parameter<'_>> {
        let Position::Range(range) = position else { return Vec::new() };
        vec![
            Parameter { place: &self.spec.offset_place, value: range.offset.into() },
            Parameter { place: &self.spec.limit_place, value: range.limit.into() },
        ]
    }

    fn repeated(&mut self, position: &Position, seen: &Seen<'_>) -> Repeated {
        let Position::Range(range) = position else { return Repeated::Accept };
        // Beyond the total some servers send their last page again, and those that know no pages send all they have. Only a
        // first page of exactly `limit` records leaves open whether more would follow.
        let limit = self.spec.limit.get();
        let holds_all = self.pages > 1 || seen.records != Some(limit);
        let allowed = self.spec.allow_repeated_pages;
        if range.purpose == Purpose::Doubt && !self.total_was_wrong && (holds_all || allowed) {
            return Repeated::End;
        }
        if allowed { Repeated::Accept } else { Repeated::Fault }
    }

    fn is_paged(&self, _body: Node<'_>) -> bool {
        true
    }
}

fn done() -> Step {
    Step::Done { missing: 0 }
}

fn sum(offset: u64, records: u64) -> Result<u64, PagingFault> {
    offset.checked_add(records).ok_or(PagingFault::Overflow { offset })
}
