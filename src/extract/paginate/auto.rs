//! The `auto` scheme, which is that of every endpoint without a `paginator`: the first page decides.
//!
//! 1. The endpoint's own request is sent as it is. What its answer suggests (`signs`) is the scheme from then on; where it
//!    suggests nothing, it is the only page.
//! 2. Where pages are counted and the first does not tell its number, page 1 is asked for. If that is the first page again, the API
//!    counts from 1 and the page is dropped; dlt takes it twice and loses the last page.
//! 3. A guess that the server does not follow, so that the same rows come again, is a fault, which says what to configure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::debug;

use super::signs::{self, Choice};
use super::{Numbered, Paginator, PagingFault, Parameter, Position, Repeated, Seen, Step, Trust, machine};
use crate::json::{Node, Path};
use crate::plan::{CursorSpec, Endpoint, HeaderLinkSpec, JsonLinkSpec, OffsetSpec, PageNumberSpec, PaginatorSpec};

/// The scheme on its way.
pub(super) struct Auto {
    endpoint: Endpoint,
    chosen: Option<Chosen>,
}

/// The scheme that the first page suggests.
struct Chosen {
    choice: Choice,
    inner: Box<dyn Paginator>,
}

/// Where the scheme was.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    choice: Choice,
    /// The position in the words of the chosen scheme; null on the first page.
    inner: Value,
}

impl Auto {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone(), chosen: None }
    }

    fn choose(&mut self, choice: Choice) -> &mut Chosen {
        let inner = machine(&spec(&choice), &self.endpoint, Trust::Guessed);
        self.chosen.insert(Chosen { choice, inner })
    }

    /// Whether the pages are counted from an unknown number, and this is the first that a number was asked for.
    fn may_count_from_one(&self, position: &Position) -> bool {
        let is_second = matches!(position, Position::Page(Numbered { number: 1, .. }));
        is_second && matches!(self.chosen, Some(Chosen { choice: Choice::Page { first: None, .. }, .. }))
    }

    fn settle_first(&mut self, number: u64) {
        if let Some(Chosen { choice: Choice::Page { first, .. }, .. }) = &mut self.chosen {
            *first = Some(number);
        }
    }
}

impl Chosen {
    /// The position in the words of the chosen scheme.
    fn inner_position(&self, position: &Position) -> Position {
        match position {
            Position::Only => self.inner.first(),
            other => other.clone(),
        }
    }
}

impl Paginator for Auto {
    fn first(&self) -> Position {
        Position::Only
    }

    fn noted(&self, position: &Position) -> Value {
        let Some(chosen) = &self.chosen else { return Value::Null };
        let inner = if *position == Position::Only { Value::Null } else { chosen.inner.noted(position) };
        serde_json::to_value(Noted { choice: chosen.choice.clone(), inner }).unwrap_or_default()
    }

    fn resume(&mut self, noted: &Value) -> Option<Position> {
        let Noted { choice, inner } = Noted::deserialize(noted).ok()?;
        let chosen = self.choose(choice);
        if inner.is_null() { Some(Position::Only) } else { chosen.inner.resume(&inner) }
    }

    fn advance(&mut self, position: &Position, seen: &Seen<'_>) -> Result<Step, PagingFault> {
        if self.chosen.is_none() {
            let choice = signs::choice(seen, &self.endpoint)?;
            debug!(?choice, "paginator that the first page suggests");
            self.choose(choice);
        }
        if self.may_count_from_one(position) {
            self.settle_first(0);
        }
        match &mut self.chosen {
            Some(chosen) => {
                let position = chosen.inner_position(position);
                chosen.inner.advance(&position, seen)
            }
            None => Ok(Step::Done { missing: 0 }),
        }
    }

    fn likely_after(&self, position: &Position) -> Option<Position> {
        let chosen = self.chosen.as_ref()?;
        chosen.inner.likely_after(&chosen.inner_position(position))
    }

    fn parameters(&self, position: &Position) -> Vec<Parameter<'_>> {
        match (&self.chosen, position) {
            (Some(chosen), position) if *position != Position::Only => chosen.inner.parameters(position),
            _ => Vec::new(),
        }
    }

    fn repeated(&mut self, position: &Position, seen: &Seen<'_>) -> Repeated {
        if self.may_count_from_one(position) {
            // The machine begins anew, with this page as its first.
            self.settle_first(1);
            if let Some(choice) = self.chosen.as_ref().map(|chosen| chosen.choice.clone()) {
                self.choose(choice);
            }
            return Repeated::Again;
        }
        self.chosen.as_mut().map_or(Repeated::Accept, |chosen| chosen.inner.repeated(position, seen))
    }

    fn is_paged(&self, body: Node<'_>) -> bool {
        match &self.chosen {
            Some(chosen) => chosen.inner.is_paged(body),
            None => signs::is_envelope(body),
        }
    }
}

/// The scheme with what is known of it; everything else as dlt has it. A path that was made here always parses.
fn spec(choice: &Choice) -> PaginatorSpec {
    known(choice).unwrap_or(PaginatorSpec::SinglePage)
}

fn known(choice: &Choice) -> Option<PaginatorSpec> {
    let path = |text: &str| Path::parse(text).ok().map(Arc::new);
    let optional = |text: &Option<String>| match text {
        Some(text) => path(text).map(Some),
        None => Some(None),
    };
    let allow_repeated_pages = false;
    Some(match choice {
        Choice::SinglePage => PaginatorSpec::SinglePage,
        Choice::HeaderLink => {
            PaginatorSpec::HeaderLink(HeaderLinkSpec { links_next_key: "next".to_owned(), allow_repeated_pages })
        }
        Choice::JsonLink { path: text } => {
            PaginatorSpec::JsonLink(JsonLinkSpec { next_url_path: path(text)?, allow_repeated_pages })
        }
        Choice::Cursor { path: text, place, has_more_path } => PaginatorSpec::Cursor(CursorSpec {
            cursor_path: path(text)?,
            cursor_place: place.clone(),
            stop_after_empty_page: false,
            has_more_path: optional(has_more_path)?,
            allow_repeated_pages,
        }),
        Choice::Page { place, first, total_path, has_more_path } => PaginatorSpec::PageNumber(PageNumberSpec {
            // Where pages are counted from 0 somebody says so: the request or the page.
            base_page: first.map_or(0, |first| first.min(1)),
            page: first.unwrap_or(0),
            page_place: place.clone(),
            total_path: optional(total_path)?,
            maximum_page: None,
            stop_after_empty_page: true,
            has_more_path: optional(has_more_path)?,
            allow_repeated_pages,
        }),
        Choice::Offset { place, limit_place, first, limit, total_path, has_more_path } => {
            PaginatorSpec::Offset(OffsetSpec {
                limit: *limit,
                offset: *first,
                offset_place: place.clone(),
                limit_place: limit_place.clone(),
                total_path: optional(total_path)?,
                maximum_offset: None,
                stop_after_empty_page: true,
                has_more_path: optional(has_more_path)?,
                allow_repeated_pages,
            })
        }
    })
}

#[cfg(test)]
#[path = "auto_tests.rs"]
mod tests;
