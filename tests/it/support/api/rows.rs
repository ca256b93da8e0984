//! Pages of rows in every paging style, and the ways in which servers differ.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Answer, Api, ReceivedRequest, Running};

/// The total of an answer, from the request and the true count.
type Total = Arc<dyn Fn(&ReceivedRequest, usize) -> Option<usize> + Send + Sync>;
/// What happens to the rows before a request is answered.
type Shift = Arc<dyn Fn(&ReceivedRequest, &mut Vec<Value>) + Send + Sync>;

/// How one page leads to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `offset` and `limit`.
    Offset,
    /// `page`, counted from a base, with `total_pages` in the body.
    Page { base: usize },
    /// `cursor`, with `next_cursor` in the body, null on the last page.
    Cursor,
    /// A URL at `next` in the body, absent on the last page.
    NextLink { absolute: bool },
    /// A `Link` header, and the rows alone in the body.
    HeaderLink,
    /// The next cursor in the header `x-next-cursor`, and the rows alone in the body.
    HeaderCursor,
    /// Everything at once.
    Single,
}

impl Style {
    /// A style by its name on a command line.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "offset" => Self::Offset,
            "page" => Self::Page { base: 1 },
            "page0" => Self::Page { base: 0 },
            "cursor" => Self::Cursor,
            "next" => Self::NextLink { absolute: true },
            "next-relative" => Self::NextLink { absolute: false },
            "link" => Self::HeaderLink,
            "header-cursor" => Self::HeaderCursor,
            "single" => Self::Single,
            _ => return None,
        })
    }
}

/// Rows behind an endpoint.
#[derive(Clone)]
pub struct Rows {
    rows: Arc<Mutex<Vec<Value>>>,
    style: Style,
    /// Rows of a page where the request does not say.
    size: usize,
    cap: usize,
    total: Total,
    shift: Option<Shift>,
    ignores_offset: bool,
    echoes_offset: bool,
    /// The bodies of the page style tell the number of their page.
    echoes_page: bool,
    /// Bodies of whole pages of the offset style, by offset and limit.
    rendered: Arc<HashMap<(usize, usize), Bytes>>,
}

impl Rows {
    /// The rows `{"id": 0}` to `{"id": count - 1}`, behind an offset, with their true total.
    pub fn new(count: usize) -> Self {
        Self::of((0..count).map(|id| json!({"id": id})).collect())
    }

    /// These rows, behind an offset, with their true total.
    pub fn of(rows: Vec<Value>) -> Self {
        Self {
            rows: Arc::new(Mutex::new(rows)),
            style: Style::Offset,
            size: 100,
            cap: usize::MAX,
            total: Arc::new(|_, count| Some(count)),
            shift: None,
            ignores_offset: false,
            echoes_offset: false,
            echoes_page: false,
            rendered: Arc::default(),
        }
    }

    /// `count` rows, each as JSON text, in pages of `limit` behind an offset; all bodies are made beforehand, for benches.
    pub fn rendered(count: usize, limit: usize, row: impl Fn(usize) -> String) -> Self {
        let mut bodies = HashMap::new();
        for offset in (0..=count).step_by(limit) {
            let page: Vec<String> = (offset..(offset + limit).min(count)).map(&row).collect();
            let body = format!("{{\"data\": [{}], \"total\": {count}}}", page.join(","));
            bodies.insert((offset, limit), body.into());
        }
        Self { rendered: Arc::new(bodies), ..Self::of(Vec::new()) }
    }

    pub fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// Rows of a page where the request does not say.
    pub fn size(mut self, size: usize) -> Self {
        self.size = size;
        self
    }

    /// Pages hold at most this many rows, whatever `limit` says.
    pub fn cap(mut self, cap: usize) -> Self {
        self.cap = cap;
        self
    }

    pub fn without_total(self) -> Self {
        self.total(|_, _| None)
    }

    /// The total of each answer, from the request and the true count.
    pub fn total(mut self, total: impl Fn(&ReceivedRequest, usize) -> Option<usize> + Send + Sync + 'static) -> Self {
        self.total = Arc::new(total);
        self
    }

    /// Changes the rows before each request is answered, as data that shifts while it is paged.
    pub fn shift(mut self, shift: impl Fn(&ReceivedRequest, &mut Vec<Value>) + Send + Sync + 'static) -> Self {
        self.shift = Some(Arc::new(shift));
        self
    }

    pub fn ignore_offset(mut self) -> Self {
        self.ignores_offset = true;
        self
    }

    /// Repeats the offset in the envelope.
    pub fn echo_offset(mut self) -> Self {
        self.echoes_offset = true;
        self
    }

    pub fn page(&self, request: &ReceivedRequest) -> Answer {
        let asked = self.asked(request);
        if let Some(body) = self.rendered.get(&(asked.offset, asked.limit)) {
            return Answer::bytes(200, body.clone()).with("content-type", "application/json");
        }
        let mut rows = self.rows.lock().expect("no poison");
        if let Some(shift) = &self.shift {
            shift(request, &mut rows);
        }
        let offset = if self.ignores_offset { 0 } else { asked.offset };
        let data: Vec<&Value> = rows.iter().skip(offset).take(asked.limit.min(self.cap)).collect();
        let next = Some(offset + data.len()).filter(|next| !data.is_empty() && *next < rows.len());
        let mut body = json!({ "data": data });
        if let Some(total) = (self.total)(request, rows.len()) {
            body["total"] = json!(total);
        }
        if self.echoes_offset {
            body["offset"] = json!(asked.offset);
        }
        self.answer(request, body, next, rows.len())
    }

    fn asked(&self, request: &ReceivedRequest) -> Asked {
        let limit = request.number_param("limit").unwrap_or(match self.style {
            Style::Offset | Style::Single => usize::MAX,
            _ => self.size,
        });
        let offset = match self.style {
            Style::Offset => request.number_param("offset").unwrap_or(0),
            Style::Page { base } => {
                request.number_param("page").unwrap_or(base).saturating_sub(base).saturating_mul(limit.min(self.cap))
            }
            Style::Cursor | Style::NextLink { .. } | Style::HeaderLink | Style::HeaderCursor => {
                request.number_param("cursor").unwrap_or(0)
            }
            Style::Single => 0,
        };
        Asked { offset, limit }
    }

    /// The page with what leads to the next one.
    fn answer(&self, request: &ReceivedRequest, mut body: Value, next: Option<usize>, count: usize) -> Answer {
        let link = |next: usize| {
            let kept = request.query.iter().filter(|(name, _)| name != "cursor");
            let kept: Vec<String> = kept.map(|(name, value)| format!("{name}={value}&")).collect();
            format!("{}?{}cursor={next}", request.path, kept.concat())
        };
        let host = request.header("host").unwrap_or_default();
        match self.style {
            Style::Offset | Style::Single => Answer::json(&body),
            Style::Page { base } => {
                let size = request.number_param("limit").unwrap_or(self.size).min(self.cap);
                body["total_pages"] = json!(count.div_ceil(size.max(1)));
                if self.echoes_page {
                    body["page"] = json!(request.number_param("page").unwrap_or(base));
                }
                Answer::json(&body)
            }
            Style::Cursor => {
                body["next_cursor"] = json!(next);
                Answer::json(&body)
            }
            Style::NextLink { absolute } => {
                if let Some(next) = next {
                    let origin = if absolute { format!("http://{host}") } else { String::new() };
                    body["next"] = json!(format!("{origin}{}", link(next)));
                }
                Answer::json(&body)
            }
            Style::HeaderLink => match next {
                Some(next) => {
                    let target = format!("<http://{host}{}>; rel=\"next\"", link(next));
                    Answer::json(&body["data"]).with("link", &target)
                }
                None => Answer::json(&body["data"]),
            },
            Style::HeaderCursor => match next {
                Some(next) => Answer::json(&body["data"]).with("x-next-cursor", &next.to_string()),
                None => Answer::json(&body["data"]),
            },
        }
    }

    /// The bodies of the page style tell the number of their page.
    pub fn echo_page(mut self) -> Self {
        self.echoes_page = true;
        self
    }

    pub fn api(self) -> Api {
        Api::handler(move |request| self.page(request))
    }

    pub async fn start(self) -> Running {
        self.api().start().await
    }
}

/// The rows that a request asks for.
struct Asked {
    offset: usize,
    limit: usize,
}
