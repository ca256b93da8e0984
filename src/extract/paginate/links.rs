//! The `json_link` and `header_link` schemes: each page has the URL of the next.
//!
//! Nothing, null, false and an empty text are no link, and end the walk. A link that was followed before, also one to its own
//! page, is a fault: the walk would have no end. Only a page without rows may lead to itself, and is the last. The endpoint's own
//! parameters are not added to a link, as in dlt: it has its own.

use std::sync::Arc;

use serde_json::Value;

use super::guard::Guard;
use super::{Link, Paginator, PagingFault, Parameter, Position, Repeated, Seen, Step, link_header, said};
use crate::json::{Kind, Node, Path};
use crate::plan::{Endpoint, HeaderLinkSpec, JsonLinkSpec};

/// Either scheme on its way.
pub(super) struct Links {
    source: Source,
    allow_repeated_pages: bool,
    endpoint: Endpoint,
    guard: Guard,
}

/// Where a page has its link.
enum Source {
    Body(Arc<Path>),
    /// The header `Link`, by the relation.
    Header(String),
}

impl Links {
    pub(super) fn in_body(spec: &JsonLinkSpec, endpoint: &Endpoint) -> Self {
        let source = Source::Body(Arc::clone(&spec.next_url_path));
        Self::new(source, spec.allow_repeated_pages, endpoint)
    }

    pub(super) fn in_header(spec: &HeaderLinkSpec, endpoint: &Endpoint) -> Self {
        Self::new(Source::Header(spec.links_next_key.clone()), spec.allow_repeated_pages, endpoint)
    }

    fn new(source: Source, allow_repeated_pages: bool, endpoint: &Endpoint) -> Self {
        Self { source, allow_repeated_pages, endpoint: endpoint.clone(), guard: Guard::default() }
    }

    /// The link of a page; `None`: there is none.
    fn link(&self, seen: &Seen<'_>) -> Result<Option<Link>, PagingFault> {
        let text = match &self.source {
            Source::Body(path) => match seen.root().and_then(|root| path.first(root)) {
                Some(node) => in_body(path, node)?,
                None => None,
            },
            Source::Header(relation) => link_header::target(seen.answered.header("link"), relation),
        };
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
        match Link::found(text, seen.answered, &self.endpoint) {
            Some(link) => Ok(Some(link)),
            None => Err(PagingFault::Link { place: self.place(), found: "a text that is no URL of HTTP".to_owned() }),
        }
    }

    fn place(&self) -> String {
        match &self.source {
            Source::Body(path) => path.to_string(),
            Source::Header(relation) => format!("Link: <…>; rel=\"{relation}\""),
        }
    }
}

impl Paginator for Links {
    fn first(&self) -> Position {
        Position::Only
    }

    fn noted(&self, position: &Position) -> Value {
        match position {
            Position::Link(link) => link.noted(&self.endpoint),
            _ => serde_json::json!({ "link": null }),
        }
    }

    fn resume(&mut self, noted: &Value) -> Option<Position> {
        match noted.as_object()?.get("link")? {
            Value::Null => Some(Position::Only),
            _ => Link::resumed(noted, &self.endpoint).map(Position::Link),
        }
    }

    fn advance(&mut self, position: &Position, seen: &Seen<'_>) -> Result<Step, PagingFault> {
        match position {
            Position::Link(link) => self.guard.enter(link.url.as_str()),
            // The endpoint's own request, where a link to it would be one to its own page.
            _ => self.guard.enter(&own_url(&self.endpoint)),
        };
        let Some(link) = self.link(seen)? else { return Ok(Step::Done { missing: 0 }) };
        let next = Position::Link(link.clone());
        if seen.is_empty() && next == *position {
            return Ok(Step::Done { missing: 0 });
        }
        self.guard.page(seen.is_empty())?;
        if !self.guard.enter(link.url.as_str()) {
            let what = format!("the link `{}` at `{}`", link.shown(), self.place());
            return Err(PagingFault::Loop { what });
        }
        Ok(Step::Next(next))
    }

    fn likely_after(&self, _position: &Position) -> Option<Position> {
        None
    }

    fn parameters(&self, _position: &Position) -> Vec<Parameter<'_>> {
        Vec::new()
    }

    fn repeated(&mut self, _position: &Position, _seen: &Seen<'_>) -> Repeated {
        if self.allow_repeated_pages { Repeated::Accept } else { Repeated::Fault }
    }

    fn is_paged(&self, _body: Node<'_>) -> bool {
        true
    }
}

/// The text at a path, if it is one.
fn in_body<'a>(path: &Path, node: Node<'a>) -> Result<Option<&'a str>, PagingFault> {
    match node.kind() {
        Kind::Null | Kind::Bool(false) => Ok(None),
        Kind::Array(items) if items.is_empty() => Ok(None),
        Kind::Object(members) if members.is_empty() => Ok(None),
        Kind::Text(text) => Ok(Some(text)),
        _ => Err(PagingFault::Link { place: path.to_string(), found: said::found(node) }),
    }
}

/// The URL of the endpoint's own request. A link to it as it is spelled here is a circle; any other spelling is found one page later.
fn own_url(endpoint: &Endpoint) -> String {
    let mut url = endpoint.url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if !endpoint.params.is_empty() {
        url.query_pairs_mut().extend_pairs(&endpoint.params);
    }
    url.into()
}
