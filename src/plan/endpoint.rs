//! Where the pages of a resource are and which part of them is rows.

use std::fmt;
use std::sync::Arc;

use super::{Auth, BodyFormat, PaginatorSpec, ResponseAction, SafeUrl, Secret};
use crate::json::Path;

/// One endpoint: everything about its requests but the position of the page.
#[derive(Clone)]
pub struct Endpoint {
    /// The URL without the parameters below.
    pub url: url::Url,
    /// The request method.
    pub method: Method,
    /// Query parameters in order; a name may stand several times.
    pub params: Vec<(String, String)>,
    /// Request headers; of the same name (in any case) there is only one.
    pub headers: Vec<(String, String)>,
    /// The JSON body, an object.
    pub json: Option<serde_json::Value>,
    /// A body that is no JSON, in place of that.
    pub data: Option<Data>,
    /// Whether the body is a query in GraphQL: an answer that has `errors` is none then, whatever its status.
    pub is_graphql: bool,
    /// The credentials; `None`: none are sent.
    pub auth: Option<Auth>,
    /// Texts in the URL's path, the parameters and the body that the config took from its secrets.
    pub secrets: Vec<Secret>,
    /// What is done about answers that one of these fits: the first that does counts.
    pub actions: Arc<[ResponseAction]>,
    /// How one page leads to the next.
    pub paginator: PaginatorSpec,
    /// What bodies are written in.
    pub format: BodyFormat,
    /// Which part of a body is rows.
    pub rows: RowSelection,
}

impl Endpoint {
    /// A GET request of one page without credentials, whose rows are detected.
    pub fn get(url: url::Url) -> Self {
        Self {
            url,
            method: Method::Get,
            params: Vec::new(),
            headers: Vec::new(),
            json: None,
            data: None,
            is_graphql: false,
            auth: None,
            secrets: Vec::new(),
            actions: Arc::default(),
            paginator: PaginatorSpec::SinglePage,
            format: BodyFormat::default(),
            rows: RowSelection::Detect,
        }
    }

    /// The URL as it may be shown.
    pub fn shown_url(&self) -> SafeUrl {
        let secrets: Vec<&str> = self.secrets.iter().map(Secret::expose).collect();
        SafeUrl::without(&self.url, &secrets, &[])
    }

    /// Whether a parameter's text, or a part of it, is one of the config's secrets.
    pub fn holds_secret(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| !secret.expose().is_empty() && text.contains(secret.expose()))
    }
}

/// Without the values of parameters, headers and body: a config may have taken them from its secrets.
impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<String>>();
        formatter
            .debug_struct("Endpoint")
            .field("url", &self.shown_url().to_string())
            .field("method", &self.method)
            .field("params", &names(&self.params))
            .field("headers", &names(&self.headers))
            .field("has_body", &(self.json.is_some() || self.data.is_some()))
            .field("auth", &self.auth)
            .field("paginator", &self.paginator)
            .field("rows", &self.rows)
            .finish()
    }
}

/// A body that is no JSON.
#[derive(Clone, PartialEq, Eq)]
pub enum Data {
    /// Fields in order, sent as a form; a name may stand several times.
    Form(Vec<(String, String)>),
    /// A text that is sent as it is.
    Text(String),
}

impl Data {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Form(fields) => fields.is_empty(),
            Self::Text(text) => text.is_empty(),
        }
    }
}

/// Without the values, which a config may have taken from its secrets.
impl fmt::Debug for Data {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(fields) => formatter.debug_list().entries(fields.iter().map(|(name, _)| name)).finish(),
            Self::Text(_) => formatter.write_str("a text"),
        }
    }
}

/// The request method, one of the two that dlt knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// `GET`.
    #[default]
    Get,
    /// `POST`.
    Post,
}

/// Which part of a body is rows.
#[derive(Debug, Clone, Default)]
pub enum RowSelection {
    /// What `data_selector` leads to.
    Selector(Arc<Path>),
    /// The body is one row, unless it is a list, or shows that it is a page of one.
    Entity,
    /// The array that looks most like rows, found on the first page that has one.
    #[default]
    Detect,
}
