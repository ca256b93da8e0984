//! The `page_number` scheme: the position is the number of the page.
//!
//! 1. The total counts pages. It is read from every page, because it may grow and shrink. Without one the walk ends at the
//!    first empty page, or where the server says that there is no such page.
//! 2. With a total, pages are asked for ahead. A page that is shorter than others proves nothing: it may be filtered.
//! 3. A total is believed unless it has changed on the way or the scheme is a guess: some servers give the number of the last
//!    page, counted from 0, or count the rows of the page. Where such a total says that a *full* page was the last of several,
//!    one more is asked for in *doubt*; from the first record found there on only an empty page ends the walk.
//! 4. Where the total counts records after all (`total` is dlt's default path), the walk ends at the first empty page.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Numbered, Paginator, PagingFault, Parameter, Position, Prospect, Repeated, Seen, Step, Trust,
    said::{self, Total},
};
use crate::json::Node;
use crate::plan::PageNumberSpec;

/// The scheme on its way.
pub(super) struct PageNumber {
    spec: PageNumberSpec,
    trust: Trust,
    total: Total,
    /// Whether there were records beyond a total.
    total_was_wrong: bool,
    /// What has been seen.
    tally: Tally,
    /// What had been seen before the page at hand.
    tally_before: Tally,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Tally {
    pages: u64,
    records: u64,
    /// Records of the longest page.
    longest: u64,
}

/// Where the scheme was.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    page: Numbered,
    before: Tally,
    #[serde(default)]
    total_changed: bool,
}

impl PageNumber {
    pub(super) fn new(spec: PageNumberSpec, trust: Trust) -> Self {
        let (tally, tally_before) = (Tally::default(), Tally::default());
        Self { spec, trust, total: Total::default(), total_was_wrong: false, tally, tally_before }
    }

    /// The number after the last page that the total counts.
    fn end(&self) -> Option<u64> {
        self.total.last.filter(|_| !self.total_was_wrong).map(|total| total.saturating_add(self.spec.base_page))
    }

    fn is_beyond_maximum(&self, number: u64) -> bool {
        self.spec.maximum_page.is_some_and(|maximum| number >= maximum)
    }

    fn after_records(&mut self, page: &Numbered, seen: &Seen<'_>) -> Result<Step, PagingFault> {
        let number = successor(page.number)?;
        let is_short = seen.records.is_some_and(|records| records < self.tally.longest);
        self.total_was_wrong |= page.prospect == Prospect::Doubt;
        let more = self.has_more(seen)?;
        if more == Some(false) || self.is_beyond_maximum(number) {
            return Ok(done());
        }
        let is_believed = self.trust == Trust::Configured && !self.total.has_changed;
        let is_doubted = !is_believed && seen.records.is_some() && !is_short && self.tally.pages > 1;
        let prospect = match self.end() {
            _ if more == Some(true) => Prospect::Told,
            // All records that a total of records counts have been seen.
            Some(end) if number < end && self.total.last == Some(self.tally.records) => Prospect::Tail,
            Some(end) if number < end => Prospect::Told,
            Some(_) if is_doubted => Prospect::Doubt,
            Some(_) => return Ok(done()),
            None if is_short => Prospect::Tail,
            None => Prospect::Open,
        };
        Ok(Step::Next(Position::Page(Numbered { number, prospect })))
    }

    fn after_nothing(&self, page: &Numbered, seen: &Seen<'_>) -> Result<Step, PagingFault> {
        let number = successor(page.number)?;
        let end = self.end();
        let has_all = self.total.last == Some(self.tally.records);
        let missing = end.filter(|_| !has_all).map_or(0, |end| end.saturating_sub(page.number));
        if page.prospect == Prospect::Doubt || self.spec.stop_after_empty_page {
            return Ok(Step::Done { missing });
        }
        if self.has_more(seen)? == Some(false) || self.is_beyond_maximum(number) {
            return Ok(done());
        }
        let goes_on = match end {
            Some(end) => number < end,
            // Who turns off the end at an empty page and gives another end wants the pages between.
            None => self.spec.maximum_page.is_some() || (self.spec.has_more_path.is_some() && seen.body.is_some()),
        };
        let next = Position::Page(Numbered { number, prospect: Prospect::Told });
        Ok(if goes_on { Step::Next(next) } else { Step::Done { missing } })
    }

    fn has_more(&self, seen: &Seen<'_>) -> Result<Option<bool>, PagingFault> {
        said::has_more(self.spec.has_more_path.as_deref(), seen.root())
    }
}

impl Paginator for PageNumber {
    fn first(&self) -> Position {
        Position::Page(Numbered { number: self.spec.page, prospect: Prospect::Told })
    }

    fn noted(&self, position: &Position) -> Value {
        let Position::Page(page) = position else { return Value::Null };
        let (before, total_changed) = (self.tally_before, self.total.has_changed);
        serde_json::to_value(Noted { page: page.clone(), before, total_changed }).unwrap_or_default()
    }

    fn resume(&mut self, noted: &Value) -> Option<Position> {
        let noted = Noted::deserialize(noted).ok()?;
        // The page will be seen again.
        self.tally = noted.before;
        self.total.has_changed = noted.total_changed;
        Some(Position::Page(noted.page))
    }

    fn advance(&mut self, position: &Position, seen: &Seen<'_>) -> Result<Step, PagingFault> {
        let Position::Page(page) = position else { return Ok(done()) };
        let records = seen.records.unwrap_or(seen.rows);
        self.tally_before = self.tally;
        self.tally = Tally {
            pages: self.tally.pages.saturating_add(1),
            records: self.tally.records.saturating_add(records),
            longest: self.tally.longest.max(records),
        };
        self.total.hear(self.spec.total_path.as_deref(), seen.root(), "pages")?;
        if seen.is_empty() { self.after_nothing(page, seen) } else { self.after_records(page, seen) }
    }

    fn likely_after(&self, position: &Position) -> Option<Position> {
        let (Position::Page(page), Some(end)) = (position, self.end()) else { return None };
        let number = page.number.checked_add(1)?;
        let follows = page.prospect != Prospect::Doubt && number < end && !self.is_beyond_maximum(number);
        follows.then_some(Position::Page(Numbered { number, prospect: Prospect::Told }))
    }

    fn parameters(&self, position: &Position) -> Vec<Parameter<'_>> {
        let Position::Page(page) = position else { return Vec::new() };
        vec![Parameter { place: &self.spec.page_place, value: page.number.into() }]
    }

    fn repeated(&mut self, position: &Position, _seen: &Seen<'_>) -> Repeated {
        // Beyond the total some servers send their last page again.
        if position.is_in_doubt() && !self.total_was_wrong {
            return Repeated::End;
        }
        if self.spec.allow_repeated_pages { Repeated::Accept } else { Repeated::Fault }
    }

    fn is_paged(&self, _body: Node<'_>) -> bool {
        true
    }
}

fn done() -> Step {
    Step::Done { missing: 0 }
}

fn successor(number: u64) -> Result<u64, PagingFault> {
    number.checked_add(1).ok_or(PagingFault::Overflow { offset: number })
}

#[cfg(test)]
#[path = "page_number_tests.rs"]
mod tests;
