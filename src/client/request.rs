//! What is asked of the network edge.

use crate::plan::{Auth, Method, Secret};

/// One request, complete but for the credentials, which are added where it is sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL without the parameters below.
    pub url: url::Url,
    /// Query parameters in order, after those of the URL.
    pub params: Vec<(String, String)>,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The JSON body.
    pub json: Option<serde_json::Value>,
    /// The credentials; `None`: none are sent.
    pub auth: Option<Auth>,
    /// Texts in the parameters and the body that are secret too.
    pub secrets: Vec<Secret>,
    /// The only origin that anything secret goes to.
    pub origin: url::Origin,
    /// Whether what led here had been at another origin: nothing secret is sent then, wherever the URL leads.
    pub left_origin: bool,
}
