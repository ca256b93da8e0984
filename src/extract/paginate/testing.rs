//! Drives a state machine over made-up pages, for its tests.

use std::sync::Arc;

use bytes::Bytes;
use url::Url;

use super::{Paginator, PagingFault, Position, Seen, Step, paginator};
use crate::client::Answered;
use crate::flow::RowPath;
use crate::json::{Document, Kind, Path};
use crate::plan::{
    CursorSpec, Endpoint, HeaderCursorSpec, HeaderLinkSpec, JsonLinkSpec, PageNumberSpec, PaginatorSpec, ParameterPlace,
};

pub(super) fn query(name: &str) -> ParameterPlace {
    ParameterPlace::Query(name.to_owned())
}

pub(super) fn cursor_spec(place: ParameterPlace) -> CursorSpec {
    CursorSpec {
        cursor_path: path("next"),
        cursor_place: place,
        stop_after_empty_page: false,
        has_more_path: None,
        allow_repeated_pages: false,
    }
}

pub(super) fn page_spec(base: u64) -> PageNumberSpec {
    PageNumberSpec {
        base_page: base,
        page: base,
        page_place: query("page"),
        total_path: Some(path("total")),
        maximum_page: None,
        stop_after_empty_page: true,
        has_more_path: None,
        allow_repeated_pages: false,
    }
}

pub(super) fn json_link() -> PaginatorSpec {
    PaginatorSpec::JsonLink(JsonLinkSpec { next_url_path: path("next"), allow_repeated_pages: false })
}

pub(super) fn header_link() -> PaginatorSpec {
    PaginatorSpec::HeaderLink(HeaderLinkSpec { links_next_key: "next".into(), allow_repeated_pages: false })
}

pub(super) fn header_cursor() -> PaginatorSpec {
    let cursor_key = "X-Next".into();
    PaginatorSpec::HeaderCursor(HeaderCursorSpec { cursor_key, cursor_place: query("c"), allow_repeated_pages: false })
}

/// What follows each page of a walk.
pub(super) fn told(spec: PaginatorSpec, pages: &[TestPage<'_>]) -> Vec<String> {
    let mut drive = Drive::of(&endpoint(spec));
    pages.iter().map(|page| drive.tell(page)).collect()
}

/// What follows a first page with this body.
pub(super) fn after(spec: PaginatorSpec, body: &str) -> String {
    told(spec, &[page(body)]).concat()
}

pub(super) fn path(text: &str) -> Arc<Path> {
    Arc::new(Path::parse(text).expect("the test's own path"))
}

/// An endpoint at `https://api.example/items`.
pub(super) fn endpoint(spec: PaginatorSpec) -> Endpoint {
    let url = Url::parse("https://api.example/items").expect("a URL");
    Endpoint { paginator: spec, ..Endpoint::get(url) }
}

/// One page as a test writes it.
#[derive(Clone)]
pub(super) struct TestPage<'a> {
    /// Empty: there is none.
    pub(super) body: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) url: &'a str,
}

pub(super) fn page(body: &str) -> TestPage<'_> {
    TestPage { body, headers: &[], url: "https://api.example/items" }
}

/// A walk of one machine.
pub(super) struct Drive {
    pub(super) machine: Box<dyn Paginator>,
    pub(super) position: Position,
}

impl Drive {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        Self::with(paginator(endpoint))
    }

    pub(super) fn with(machine: Box<dyn Paginator>) -> Self {
        let position = machine.first();
        Self { machine, position }
    }

    /// What follows a page whose rows are at `data`, or which is an array of rows itself.
    pub(super) fn step(&mut self, page: &TestPage<'_>) -> Result<Step, PagingFault> {
        let document = Document::parse(Bytes::copy_from_slice(page.body.as_bytes())).ok();
        let headers = page.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answered = Answered::new(Url::parse(page.url).expect("a URL"), false, headers);
        let root = document.as_ref().map(Document::root);
        let rows = root.and_then(|root| root.member("data").or(Some(root)));
        let path = match root.and_then(|root| root.member("data")) {
            Some(_) => RowPath::At(path("data")),
            None => RowPath::Whole,
        };
        let records = match rows.map(|rows| rows.kind()) {
            Some(Kind::Array(items)) => Some(items.len() as u64),
            Some(Kind::Null) | None => Some(0),
            Some(_) => None,
        };
        let seen =
            Seen { body: document.as_ref(), answered: &answered, path: &path, records, rows: records.unwrap_or(1) };
        let step = self.machine.advance(&self.position, &seen)?;
        if let Step::Next(next) | Step::Fill(next) = &step {
            self.position = next.clone();
        }
        Ok(step)
    }

    /// The same, shortly: how the next page is asked for, `end`, or the fault.
    pub(super) fn tell(&mut self, page: &TestPage<'_>) -> String {
        match self.step(page) {
            Ok(Step::Next(position) | Step::Fill(position)) => self.asked(&position),
            Ok(Step::Done { missing: 0 }) => "end".to_owned(),
            Ok(Step::Done { missing }) => format!("end, {missing} missing"),
            Err(fault) => format!("fault: {fault}"),
        }
    }

    pub(super) fn asked(&self, position: &Position) -> String {
        if let Position::Link(link) = position {
            return link.url.to_string();
        }
        let parameters = self.machine.parameters(position);
        let shown = parameters.iter().map(|parameter| match parameter.place {
            ParameterPlace::Query(name) => format!("{name}={}", parameter.text()),
            ParameterPlace::Body(keys) => format!("{}:{}", keys.join("."), parameter.value),
        });
        shown.collect::<Vec<_>>().join("&")
    }
}
