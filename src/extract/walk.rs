//! The walk over one resource: asks for pages ahead, takes them in order, finds their rows and decides where to go on.

mod resume;

use std::sync::Arc;

use futures::future::{BoxFuture, OptionFuture};
use tracing::{debug, warn};

use super::ahead::Ahead;
use super::body::{Body, Reading};
use super::detect::Scheme;
use super::error::{ExtractError, ExtractErrorKind};
use super::graphql;
use super::large::Large;
use super::midst::Midst;
use super::paginate::{Paginator, Position, Repeated, Seen, Step, paginator};
use super::processed;
use super::repeats::{self, Delivered};
use super::request::request;
use super::select::{RowFinder, Selected};
use crate::client::{Client, ClientError, Fetched, Meter, Request, presentable};
use crate::flow::{BodyReader, Page, RowPath, Waypoint};
use crate::json::{Document, Path, RowStep};
use crate::plan::{Endpoint, Limits, ResourceName, RowSelection, SafeUrl};

type Answer<R> = Result<Fetched<Body<R>>, ClientError>;

/// A page, with its rows where they were taken while it was read.
type Walked<R> = (Page, Option<R>);

/// A document and its rows; with a body on disk, where they come in pieces, and how many there are.
type Apart = (Arc<Document>, Selected, Option<(Large, u64)>);

/// The share of the memory budget for bodies that are asked for ahead.
const AHEAD_SHARE: u64 = 4;
/// Pages asked for ahead, for each request that may be in flight: a body that is being read, or waits for its turn, holds no
/// request, and with one of each the network need not wait for the decoders.
const AHEAD_PER_REQUEST: usize = 2;

/// The pages of one resource, in order, each row once.
///
/// Requests ahead make progress only while [`Walk::next`] or [`Walk::work_ahead`] is polled. Both may be cancelled at any
/// time without loss. Dropping the walk drops its requests.
pub(super) struct Walk<R: BodyReader> {
    resource: ResourceName,
    endpoint: Endpoint,
    limits: Limits,
    client: Client,
    meter: Arc<Meter>,
    reader: R,
    steps: Arc<[RowStep]>,
    /// Whether rows may be taken while a body is read; else they are looked at as values.
    takes_rows: bool,
    paginator: Box<dyn Paginator>,
    finder: RowFinder,
    ahead: Ahead<Position, Answer<R::Rows>>,
    /// The page delivered last: the next one must not be the same.
    last: Option<Delivered>,
    /// The page from which the walk goes on, until it has come.
    resumed: Option<Waypoint>,
    /// Bytes of the largest body so far.
    largest: u64,
    pages: u64,
    /// The page of which some rows are still to come.
    midst: Option<Midst<R>>,
    is_done: bool,
}

/// What walks of one resource have in common.
#[derive(Clone)]
pub(super) struct Equipment<R> {
    pub(super) resource: ResourceName,
    /// Their memory is that of each of them.
    pub(super) limits: Limits,
    pub(super) client: Client,
    pub(super) meter: Arc<Meter>,
    pub(super) reader: R,
    pub(super) steps: Arc<[RowStep]>,
    pub(super) takes_rows: bool,
}

impl<R: BodyReader> Walk<R> {
    /// A walk at its start.
    pub(super) fn new(endpoint: Endpoint, equipment: &Equipment<R>) -> Self {
        let mut walk = Self::unbegun(endpoint, equipment);
        walk.begin(walk.paginator.first());
        walk
    }

    fn begin(&mut self, position: Position) {
        let answer = self.ask(&position);
        self.ahead.push_back(position, answer);
    }

    pub(super) fn shown_url(&self) -> SafeUrl {
        self.endpoint.shown_url()
    }

    fn unbegun(endpoint: Endpoint, equipment: &Equipment<R>) -> Self {
        let Equipment { resource, limits, client, meter, reader, steps, takes_rows } = equipment.clone();
        Self {
            resource,
            limits,
            client,
            meter,
            reader,
            steps,
            takes_rows,
            paginator: paginator(&endpoint),
            finder: RowFinder::new(&endpoint.rows, Scheme::Single),
            endpoint,
            ahead: Ahead::new(),
            last: None,
            resumed: None,
            largest: 1,
            pages: 0,
            midst: None,
            is_done: false,
        }
    }

    /// The next page; `None` after the last. A page may be without rows.
    ///
    /// # Errors
    /// When a request failed for good, or a page is not what the config or the pages before it promise. The walk is over then.
    pub(super) async fn next(&mut self) -> Result<Option<Walked<R::Rows>>, ExtractError> {
        loop {
            if let Some(midst) = &mut self.midst {
                let part = midst.next(&self.client).await;
                if !matches!(&part, Ok((page, _)) if page.is_partial) {
                    self.midst = None;
                }
                return part.map(Some).inspect_err(|_| self.end());
            }
            if self.is_done {
                return Ok(None);
            }
            let Some((position, answer)) = self.ahead.next().await else { return Ok(None) };
            let taken = match &self.resumed {
                None => self.take(&position, answer),
                Some(_) => self.take_again(&position, answer),
            };
            match taken {
                Ok(None) => {}
                Ok(Some(page)) => return Ok(Some(page)),
                Err(error) => {
                    self.end();
                    return Err(error);
                }
            }
        }
    }

    /// Moves what is under way on while the caller waits for something else; never returns.
    pub(super) async fn work_ahead(&mut self) {
        futures::join!(OptionFuture::from(self.midst.as_mut().map(Midst::drive)), self.ahead.drive());
    }

    /// Makes an answer a page and decides where to go on. `None`: the answer brought nothing to deliver.
    fn take(&mut self, position: &Position, answer: Answer<R::Rows>) -> Result<Option<Walked<R::Rows>>, ExtractError> {
        let Some(fetched) = self.fetched(position, answer)? else { return Ok(None) };
        let Fetched { body, url, answered, bytes, .. } = fetched;
        let bytes = body.as_ref().map_or(bytes, |body| body.bytes.max(bytes));
        self.largest = self.largest.max(bytes);
        let Some(Body { document, rows: taken, processed, large, .. }) = body else {
            let seen = Seen { body: None, answered: &answered, path: &RowPath::Nothing, records: Some(0), rows: 0 };
            self.go_on(position, &url, &seen)?;
            self.pages = self.pages.saturating_add(1);
            return Ok(None);
        };
        if let Some(said) = graphql::refusal(document.root()).filter(|_| self.endpoint.is_graphql) {
            let said = presentable(&self.request(position), &said);
            return Err(self.error(&url, ExtractErrorKind::Refused { said }));
        }
        let document = Arc::new(document);
        if self.paginator.is_paged(document.root()) {
            self.finder.expect_pages();
        }
        let found = match self.finder.find(document.root()) {
            Ok(selected) => selected,
            Err(_) if position.is_in_doubt() => return Ok(self.end_in_doubt(&url)),
            Err(fault) => return Err(self.error(&url, ExtractErrorKind::Select(fault))),
        };
        let (document, Selected { rows, records }, in_pieces) = self.apart(large, document, found, &url)?;
        let is_whole = matches!(self.endpoint.rows, RowSelection::Entity) && self.finder.is_one_row();
        let count = match records {
            Some(records) => records,
            None => u64::try_from(rows.select(document.root()).len()).unwrap_or(u64::MAX),
        };
        let seen = Seen { body: Some(&document), answered: &answered, path: &rows, records, rows: count };
        if self.last.as_ref().is_some_and(|last| last.has_rows_of(&rows, &document)) {
            match self.paginator.repeated(position, &seen) {
                Repeated::Accept => {}
                Repeated::End => return Ok(self.end_in_doubt(&url)),
                Repeated::Again => {
                    self.go_on(position, &url, &seen)?;
                    return Ok(None);
                }
                Repeated::Fault => return Err(self.repeated(position, &url)),
            }
        }
        // A link in one thing leads to another one, which is not asked for.
        if is_whole {
            self.end();
        } else {
            self.go_on(position, &url, &seen)?;
        }
        if position.is_in_doubt() && seen.is_empty() {
            return Ok(None);
        }
        if let Some((large, count)) = in_pieces {
            let pieces = large.pieces(&rows, (self.reader.clone(), self.takes_rows), Arc::clone(&self.steps));
            let pieces = pieces.map_err(|error| self.error(&url, ExtractErrorKind::Piece(Box::new(error))))?;
            let outline = self.delivered(position, url, document, rows, bytes);
            self.midst = Some(Midst::new(outline, count, pieces));
            return Ok(None);
        }
        // What was taken is worth nothing if the rows turned out to be somewhere else.
        let is_there = |path: &Arc<Path>| matches!(&rows, RowPath::At(found) if Arc::ptr_eq(found, path));
        let taken = taken.filter(|(_, path)| is_there(path)).map(|(taken, _)| taken);
        let processed = processed::of_page(&self.steps, &document, &rows, processed);
        let processed = processed.map_err(|fault| self.error(&url, ExtractErrorKind::Step(fault)))?;
        debug!(resource = %self.resource, page = self.pages + 1, records = count, bytes, "page");
        let page = self.delivered(position, url, document, rows, bytes);
        Ok(Some((processed::with_rows(page, processed), taken)))
    }

    /// Tells whether the rows of a body on disk come in pieces; else its outline makes room for the whole.
    fn apart(
        &mut self,
        large: Option<Large>,
        document: Arc<Document>,
        found: Selected,
        url: &SafeUrl,
    ) -> Result<Apart, ExtractError> {
        let Some(large) = large else { return Ok((document, found, None)) };
        if let Some(records) = large.records(&found.rows) {
            return Ok((document, Selected { records: Some(records), ..found }, Some((large, records))));
        }
        let whole = large.whole().map_err(|fault| self.error(url, ExtractErrorKind::Piece(fault)))?;
        let found = self.finder.find(whole.root());
        let found = found.map_err(|fault| self.error(url, ExtractErrorKind::Select(fault)))?;
        Ok((Arc::new(whole), found, None))
    }

    /// A good answer; `None`: it is no page, and the walk is over.
    fn fetched(
        &mut self,
        position: &Position,
        answer: Answer<R::Rows>,
    ) -> Result<Option<Fetched<Body<R::Rows>>>, ExtractError> {
        match answer {
            Ok(fetched) if fetched.is_ignored => {
                debug!(resource = %self.resource, url = %fetched.url, "an ignored answer ends the walk");
                self.end();
                Ok(None)
            }
            Ok(fetched) => Ok(Some(fetched)),
            Err(error) if error.status().is_some_and(|status| position.ends_by(status)) => {
                if matches!(error.status(), Some(400 | 422)) {
                    // Some servers cap the total and what can be asked for alike; then there are rows that cannot be had.
                    warn!(resource = %self.resource, url = %error.url, problem = %error.kind, "taken for the end of the pages");
                }
                self.end_in_doubt(&error.url);
                Ok(None)
            }
            Err(error) => {
                let url = error.url.clone();
                Err(self.error(&url, ExtractErrorKind::Client(Box::new(error))))
            }
        }
    }

    /// The next page, of which is kept what the one after it is compared with.
    fn delivered(
        &mut self,
        position: &Position,
        url: SafeUrl,
        document: Arc<Document>,
        rows: RowPath,
        bytes: u64,
    ) -> Page {
        self.pages = self.pages.saturating_add(1);
        self.last = Some(Delivered { position: position.clone(), document: Arc::clone(&document), rows: rows.clone() });
        let (resource, position) = (self.resource.clone(), self.paginator.noted(position));
        Page {
            resource,
            sequence: self.pages,
            position,
            url,
            document,
            rows,
            bytes,
            cursor: None,
            came_as: None,
            is_partial: false,
            begins_anew: false,
        }
    }

    /// Lets the paginator see the page, then asks for what follows.
    fn go_on(&mut self, position: &Position, url: &SafeUrl, seen: &Seen<'_>) -> Result<(), ExtractError> {
        let step = self.paginator.advance(position, seen);
        let step = step.map_err(|fault| self.error(url, ExtractErrorKind::Paging(fault)))?;
        let pages_max = self.limits.pages_max.get();
        let brings_page = !matches!(step, Step::Done { .. }) || !seen.is_empty();
        if self.pages >= pages_max && brings_page {
            return Err(self.error(url, ExtractErrorKind::TooManyPages { pages_max }));
        }
        match step {
            Step::Done { missing } => {
                if missing > 0 {
                    warn!(resource = %self.resource, missing, "the server counted more than it handed out");
                }
                self.end();
                return Ok(());
            }
            Step::Fill(next) => {
                let answer = self.ask(&next);
                self.ahead.push_front(next, answer);
            }
            Step::Next(next) => match self.ahead.front_mut() {
                Some(front) if front.is_asked_like(&next) => *front = next,
                _ => {
                    // What was asked for ahead starts elsewhere: it would lose or double rows.
                    self.ahead.clear();
                    let answer = self.ask(&next);
                    self.ahead.push_back(next, answer);
                }
            },
        }
        self.ask_ahead();
        Ok(())
    }

    fn ask_ahead(&mut self) {
        while self.ahead.len() < self.ahead_max() {
            let Some(likely) = self.ahead.back().and_then(|last| self.paginator.likely_after(last)) else { return };
            let answer = self.ask(&likely);
            self.ahead.push_back(likely, answer);
        }
    }

    /// Pages that may be asked for: of large bodies fewer, so that they fit into their share of the memory. How many of the requests
    /// are in flight is the client's business.
    fn ahead_max(&self) -> usize {
        let fitting = self.limits.memory_bytes.get() / AHEAD_SHARE / self.largest;
        let ahead_max = self.limits.requests_in_flight.get().saturating_mul(AHEAD_PER_REQUEST);
        usize::try_from(fitting).unwrap_or(usize::MAX).clamp(1, ahead_max)
    }

    fn request(&self, position: &Position) -> Request {
        request(&self.endpoint, position, &self.paginator.parameters(position))
    }

    fn ask(&self, position: &Position) -> BoxFuture<'static, Answer<R::Rows>> {
        let request = self.request(position);
        let client = self.client.clone();
        let meter = Arc::clone(&self.meter);
        let reading = Reading {
            reader: self.reader.clone(),
            path: self.finder.array().cloned(),
            takes_rows: self.takes_rows,
            format: self.endpoint.format,
            bytes_max: self.limits.body_bytes_max,
            steps: Arc::clone(&self.steps),
        };
        let read = move |body| reading.read(body);
        Box::pin(async move { client.fetch(&request, &meter, read).await })
    }

    fn repeated(&self, position: &Position, url: &SafeUrl) -> ExtractError {
        let last = self.last.as_ref().map(|last| &last.position);
        let fault = repeats::fault(&*self.paginator, &self.endpoint.paginator, last, position);
        self.error(url, ExtractErrorKind::Paging(fault))
    }

    /// The page asked for in doubt brought nothing new: the total was right.
    fn end_in_doubt(&mut self, url: &SafeUrl) -> Option<Walked<R::Rows>> {
        debug!(resource = %self.resource, %url, "nothing beyond the total");
        self.end();
        None
    }

    /// Asks for nothing more.
    pub(super) fn end(&mut self) {
        self.is_done = true;
        self.ahead.clear();
        self.midst = None;
        self.last = None;
    }

    pub(super) fn error(&self, url: &SafeUrl, kind: ExtractErrorKind) -> ExtractError {
        let page = self.pages.saturating_add(1);
        ExtractError { resource: self.resource.clone(), page, url: url.clone(), kind }
    }
}
