//! A page of a course, and what of it is for whom.

use std::sync::Arc;

use super::audience::Lanes;
use super::parent_row::ParentRow;
use crate::flow::{Page, RowPath};
use crate::plan::ParentLink;

/// A page of a course.
pub struct Walked<R> {
    /// The page, with the rows that are new for somebody.
    pub page: Page,
    /// Its rows, where they were taken while it was read.
    pub rows: Option<R>,
    /// For whom each row is new; `None`: for all whom the page is for.
    pub(super) lanes: Option<Vec<Lanes>>,
    /// For whom the parent's row is new that led to it.
    pub(super) audience: Lanes,
}

impl<R> Walked<R> {
    /// The rows as a child needs them that is one of these lanes, or leads to them.
    pub fn parent_rows(&self, link: &ParentLink, lanes: Lanes) -> Vec<ParentRow> {
        let page = self.page.exact();
        let mut rows = Vec::new();
        for (place, row) in page.rows().into_iter().enumerate() {
            let new_for = self.lanes.as_ref().map_or(Some(Lanes::ALL), |all| all.get(place).copied());
            let new_for = new_for.unwrap_or(Lanes::ALL).and(self.audience).and(lanes);
            if new_for != Lanes::NONE {
                rows.push(ParentRow::new(row, link, (page.url.clone(), place + 1), new_for));
            }
        }
        rows
    }

    /// The page with the rows that are new for one lane.
    #[must_use]
    pub fn for_lane(mut self, lane: Lanes) -> Self {
        if !self.audience.meets(lane) {
            self.page.rows = RowPath::Nothing;
            self.rows = None;
        } else if let Some(lanes) = self.lanes.take() {
            let places = lanes.iter().enumerate().filter(|(_, lanes)| lanes.meets(lane)).map(|(place, _)| place);
            self.page.rows = RowPath::Picked(Arc::new(self.page.rows), places.collect());
            self.rows = None;
        }
        self
    }
}
