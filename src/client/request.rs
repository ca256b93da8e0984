//! What is asked of the network edge.

use std::sync::Arc;

use crate::plan::{Auth, Data, Method, ResponseAction, Secret, TokenGrant};

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
    /// A body that is no JSON, in place of that.
    pub data: Option<Data>,
    /// A form of secrets in place of any other body; empty: none. A request with one goes to no other origin at all: what it asks
    /// for it would not get without them.
    pub secret_form: Vec<(String, Secret)>,
    /// The credentials; `None`: none are sent.
    pub auth: Option<Auth>,
    /// Texts in the parameters and the body that are secret too.
    pub secrets: Vec<Secret>,
    /// What is done about answers that one of these fits, before anything else is made of them.
    pub actions: Arc<[ResponseAction]>,
    /// The only origin that anything secret goes to.
    pub origin: url::Origin,
    /// Whether what led here had been at another origin: nothing secret is sent then, wherever the URL leads.
    pub left_origin: bool,
}

impl Request {
    /// What an access token is asked for with, if the request is sent with one.
    pub(super) fn grant(&self) -> Option<&Arc<TokenGrant>> {
        match &self.auth {
            Some(Auth::OAuth2(grant)) if !self.left_origin && self.url.origin() == self.origin => Some(grant),
            _ => None,
        }
    }

    /// The same request with an access token in place of its grant, whose secrets still must not be shown.
    pub(super) fn with_token(&self, token: &Secret, grant: &TokenGrant) -> Self {
        let mut secrets = self.secrets.clone();
        secrets.extend(grant.secrets().cloned());
        Self { auth: Some(Auth::Bearer { token: token.clone() }), secrets, ..self.clone() }
    }
}
