//! A request as it is sent: URL with parameters, headers, credentials; and the request that a redirect asks for.
//!
//! Credentials go to the origin (scheme, host, port) of the resource's own URL. Once a redirect or a link has led away from it
//! they are gone for the rest of the chain, even if it leads back: where it leads is then another party's choice.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::error::{ClientErrorKind, RedirectFault, RequestFault};
use super::request::Request;
use crate::plan::{ApiKeyLocation, Auth, Data, Method, SafeUrl, Secret};

/// One request as it is sent.
#[derive(Debug, Clone)]
pub(super) struct WireRequest {
    pub(super) method: reqwest::Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<String>,
    /// Whether a redirect or a link has led to another origin.
    pub(super) left_origin: bool,
}

impl WireRequest {
    /// The first request, with credentials where it goes to their origin.
    pub(super) fn first(request: &Request) -> Result<Self, ClientErrorKind> {
        let mut url = request.url.clone();
        if !request.params.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.params);
        }
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let body = match request.secret_form.as_slice() {
            [] => match &request.data {
                Some(Data::Form(fields)) => Some(encoded(fields.iter().map(|(name, value)| (name, value.as_str())))),
                Some(Data::Text(text)) => Some(text.clone()),
                None => request.json.as_ref().map(serde_json::Value::to_string),
            },
            form => Some(encoded(form.iter().map(|(name, value)| (name, value.expose())))),
        };
        let headers = configured_headers(request)?;
        let left_origin = request.left_origin || url.origin() != request.origin;
        let mut wire = Self { method, url, headers, body, left_origin };
        if left_origin {
            wire.drop_credentials(request);
        } else {
            wire.add_credentials(request)?;
        }
        Ok(wire)
    }

    /// The request that a redirect to `location` asks for; nothing of `request`'s credentials goes to another origin.
    pub(super) fn redirected(&self, request: &Request, status: u16, location: &str) -> Result<Self, ClientErrorKind> {
        let target =
            self.url.join(location).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(url) = target else { return Err(ClientErrorKind::Redirect(RedirectFault::Location)) };
        let left_origin = self.left_origin || url.origin() != request.origin;
        if left_origin && !request.secret_form.is_empty() {
            return Err(ClientErrorKind::Redirect(RedirectFault::OtherOrigin));
        }
        let mut next = Self { url, left_origin, ..self.clone() };
        if !matches!(status, 307 | 308) {
            next.method = reqwest::Method::GET;
            next.body = None;
            next.headers.remove(CONTENT_TYPE);
        }
        if left_origin {
            next.drop_credentials(request);
        } else {
            next.add_query_key(request);
        }
        Ok(next)
    }

    fn add_credentials(&mut self, request: &Request) -> Result<(), ClientErrorKind> {
        let Some(auth) = &request.auth else { return Ok(()) };
        match auth {
            Auth::ApiKey { location: ApiKeyLocation::Query, .. } => self.add_query_key(request),
            Auth::ApiKey { name, key, location: ApiKeyLocation::Header } => {
                let value = secret_value(name, key.expose())?;
                self.headers.insert(header_name(name)?, value);
            }
            Auth::Bearer { token } => self.authorize(&format!("Bearer {}", token.expose()))?,
            Auth::Basic { username, password } => {
                self.authorize(&format!("Basic {}", basic(username, password)))?;
            }
            Auth::OAuth2(_) => {
                debug_assert!(false, "an access token takes the place of its grant");
                return Err(ClientErrorKind::Request(RequestFault::Refused));
            }
            Auth::ApiKey { name, key, location: ApiKeyLocation::Cookie } => {
                if key.expose().contains([';', ',']) || name.contains(['=', ';', ' ']) {
                    return Err(ClientErrorKind::Request(RequestFault::Credential { name: name.clone() }));
                }
                let configured = self.headers.get(COOKIE).and_then(|value| value.to_str().ok());
                let before = configured.map(|cookies| format!("{cookies}; ")).unwrap_or_default();
                let value = secret_value(name, &format!("{before}{name}={}", key.expose()))?;
                self.headers.insert(COOKIE, value);
            }
        }
        Ok(())
    }

    /// Takes the place of an `Authorization` that is configured as a header, as in dlt.
    fn authorize(&mut self, text: &str) -> Result<(), ClientErrorKind> {
        self.headers.insert(AUTHORIZATION, secret_value("Authorization", text)?);
        Ok(())
    }

    /// Adds a key that is sent in the query, unless it is there.
    fn add_query_key(&mut self, request: &Request) {
        let Some(Auth::ApiKey { name, key, location: ApiKeyLocation::Query }) = &request.auth else { return };
        let there = self.url.query_pairs().any(|(seen, value)| seen == name.as_str() && value == key.expose());
        if !there {
            self.url.query_pairs_mut().append_pair(name, key.expose());
        }
    }

    /// Keeps of the headers only those that say how to answer, and drops what holds a secret: query parameters, because
    /// servers often repeat the query in `Location` and in links, and the body as a whole.
    fn drop_credentials(&mut self, request: &Request) {
        let secret: Vec<HeaderName> = self.headers.keys().filter(|name| !is_neutral(name)).cloned().collect();
        for name in secret {
            self.headers.remove(name);
        }
        let secrets = Secrets::of(request);
        if self.body.as_ref().is_some_and(|body| secrets.redact(body) != *body) {
            self.body = None;
            self.headers.remove(CONTENT_TYPE);
        }
        let named = match &request.auth {
            Some(Auth::ApiKey { name, .. }) => Some(name.as_str()),
            Some(Auth::Bearer { .. } | Auth::Basic { .. } | Auth::OAuth2(_)) | None => None,
        };
        let is_secret = |seen: &str, value: &str| {
            let is_whole = request.secrets.iter().any(|secret| secret.expose() == value && !value.is_empty());
            named == Some(seen) || is_whole || secrets.redact(value) != value
        };
        let pairs: Vec<(String, String)> = self.url.query_pairs().into_owned().collect();
        if !pairs.iter().any(|(seen, value)| is_secret(seen, value)) {
            return;
        }
        self.url.set_query(None);
        let kept: Vec<_> = pairs.into_iter().filter(|(seen, value)| !is_secret(seen, value)).collect();
        if !kept.is_empty() {
            self.url.query_pairs_mut().extend_pairs(kept);
        }
    }
}

fn configured_headers(request: &Request) -> Result<HeaderMap, ClientErrorKind> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let content_type = match &request.data {
        _ if !request.secret_form.is_empty() => Some("application/x-www-form-urlencoded"),
        Some(Data::Form(_)) => Some("application/x-www-form-urlencoded"),
        // What a text is only the config can know.
        Some(Data::Text(_)) => None,
        None => request.json.is_some().then_some("application/json"),
    };
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    for (name, value) in &request.headers {
        let header = header_name(name)?;
        let Ok(mut value) = HeaderValue::from_bytes(value.as_bytes()) else {
            return Err(ClientErrorKind::Request(RequestFault::HeaderValue { name: name.clone() }));
        };
        value.set_sensitive(!is_neutral(&header));
        headers.insert(header, value);
    }
    Ok(headers)
}

/// Headers that go to every origin. All others may be credentials: APIs have invented many names for theirs.
fn is_neutral(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "accept" || name.starts_with("accept-") || name == "user-agent" || name == "content-type"
}

fn header_name(name: &str) -> Result<HeaderName, ClientErrorKind> {
    let fault = || ClientErrorKind::Request(RequestFault::HeaderName { name: name.to_owned() });
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault())
}

fn secret_value(name: &str, text: &str) -> Result<HeaderValue, ClientErrorKind> {
    let fault = || ClientErrorKind::Request(RequestFault::Credential { name: name.to_owned() });
    let mut value = HeaderValue::from_str(text).map_err(|_| fault())?;
    value.set_sensitive(true);
    Ok(value)
}

fn encoded<'a>(fields: impl Iterator<Item = (&'a String, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// User and password as RFC 7617 has them.
fn basic(username: &Secret, password: &Secret) -> String {
    BASE64_STANDARD.encode(format!("{}:{}", username.expose(), password.expose()))
}

/// Everything in a request that must not be shown.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    /// The parameter that the key is sent in.
    parameter: Option<String>,
    /// Texts, the longest first.
    texts: Vec<Secret>,
}

/// A shorter text that may be a secret is too common to be hidden wherever it stands.
const TEXT_BYTES_MIN: usize = 6;
/// Fields of a form for a token that are no secrets (RFC 6749 and RFC 8707), and which a server's error may well be about.
const SHOWN_FIELDS: [&str; 4] = ["audience", "grant_type", "resource", "scope"];

impl Secrets {
    /// The credentials of `request`, and its configured headers that may be some.
    pub(super) fn of(request: &Request) -> Self {
        let mut texts = Vec::new();
        let mut parameter = None;
        let mut secrets: Vec<&str> = request.secrets.iter().map(Secret::expose).collect();
        match &request.auth {
            Some(Auth::ApiKey { name, key, location }) => {
                texts.extend(spellings(key.expose()));
                parameter = (*location == ApiKeyLocation::Query).then(|| name.clone());
            }
            Some(Auth::Bearer { token }) => texts.extend(spellings(token.expose())),
            Some(Auth::Basic { username, password }) => {
                texts.extend(spellings(&basic(username, password)));
                secrets.extend([username.expose(), password.expose()]);
            }
            Some(Auth::OAuth2(grant)) => secrets.extend(grant.secrets().map(Secret::expose)),
            None => {}
        }
        let hidden = request.secret_form.iter().filter(|(name, _)| !SHOWN_FIELDS.contains(&name.as_str()));
        secrets.extend(hidden.map(|(_, value)| value.expose()));
        let long = secrets.into_iter().filter(|text| text.len() >= TEXT_BYTES_MIN);
        texts.extend(long.flat_map(spellings));
        for (name, value) in &request.headers {
            let neutral = HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| is_neutral(&name));
            // `Bearer abc`: the last word is the secret.
            let words = [value.trim(), value.split_whitespace().last().unwrap_or_default()];
            let long = words.into_iter().filter(|word| !neutral && word.len() >= TEXT_BYTES_MIN);
            texts.extend(long.flat_map(spellings));
        }
        texts.retain(|text| !text.is_empty());
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts.dedup();
        Self { parameter, texts: texts.into_iter().map(Secret::new).collect() }
    }

    /// `text` with every secret replaced.
    pub(super) fn redact(&self, text: &str) -> String {
        self.texts.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "***"))
    }

    /// `url` as it may be shown. Parameters that hold a secret are hidden whatever their name: servers rename them.
    pub(super) fn shown(&self, url: &Url) -> SafeUrl {
        let texts: Vec<&str> = self.texts.iter().map(Secret::expose).collect();
        SafeUrl::without(url, &texts, &self.parameter.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// A secret as it is, and as it stands in a URL and in JSON.
fn spellings(secret: &str) -> [String; 4] {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = form.replace('+', "%20");
    let json = serde_json::Value::from(secret).to_string();
    let json = json.trim_matches('"').replace('/', "\\/");
    [secret.to_owned(), form, percent, json]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(location: ApiKeyLocation) -> Request {
        Request {
            method: Method::Post,
            url: Url::parse("https://api.example/v1/items?fixed=1").expect("a URL"),
            params: vec![("a b".into(), "c&d".into())],
            headers: vec![("X-Tenant".into(), "tenant-7".into()), ("accept-language".into(), "de".into())],
            json: Some(serde_json::json!({"q": 1})),
            data: None,
            secret_form: vec![],
            auth: Some(Auth::ApiKey { name: "pass".into(), key: Secret::new("canary+1"), location }),
            secrets: vec![Secret::new("canary in the config")],
            actions: std::sync::Arc::default(),
            origin: Url::parse("https://api.example/").expect("a URL").origin(),
            left_origin: false,
        }
    }

    fn header(wire: &WireRequest, name: &str) -> String {
        wire.headers.get(name).map(|value| value.to_str().unwrap_or("?").to_owned()).unwrap_or_default()
    }

    #[test]
    fn the_key_stands_where_it_is_configured() {
        let query = WireRequest::first(&request(ApiKeyLocation::Query)).expect("sendable");
        assert_eq!(query.url.as_str(), "https://api.example/v1/items?fixed=1&a+b=c%26d&pass=canary%2B1");
        let cookie = WireRequest::first(&request(ApiKeyLocation::Cookie)).expect("sendable");
        assert_eq!(header(&cookie, "cookie"), "pass=canary+1");
        let header_key = WireRequest::first(&request(ApiKeyLocation::Header)).expect("sendable");
        assert_eq!(header(&header_key, "pass"), "canary+1");
        assert_eq!(header(&header_key, "accept"), "application/json");
    }

    fn authorized(auth: Auth) -> Request {
        Request {
            auth: Some(auth),
            headers: vec![("authorization".into(), "configured".into())],
            ..request(ApiKeyLocation::Header)
        }
    }

    #[test]
    fn tokens_and_passwords_are_sent_as_authorization_and_stay_at_home() {
        let token = Auth::Bearer { token: Secret::new("canary.token") };
        let password = Auth::Basic { username: Secret::new("me@canary/token"), password: Secret::new("p\u{e4}ss") };
        let table = [(token, "Bearer canary.token"), (password, "Basic bWVAY2FuYXJ5L3Rva2VuOnDDpHNz")];
        for (auth, expected) in table {
            let request = authorized(auth);
            let first = WireRequest::first(&request).expect("sendable");
            assert_eq!(header(&first, "authorization"), expected);
            assert!(first.headers.get("authorization").is_some_and(HeaderValue::is_sensitive));
            let secrets = Secrets::of(&request);
            let word = expected.split(' ').next_back().unwrap_or_default();
            assert_eq!(secrets.redact(&format!("got {word}")), "got ***");
            let next = first.redirected(&request, 307, "https://evil.example/").expect("followed");
            assert!(!next.headers.contains_key("authorization"));
            let home = first.redirected(&request, 307, "/v2").expect("followed");
            assert_eq!(header(&home, "authorization"), expected);
        }
        let error = WireRequest::first(&authorized(Auth::Bearer { token: Secret::new("canary\n") }));
        let error = error.expect_err("refused").to_string();
        assert_eq!(error, "cannot be asked: the credential cannot be sent as `Authorization`");
    }

    #[test]
    fn a_redirect_to_another_origin_takes_no_credentials_along() {
        for location in [ApiKeyLocation::Query, ApiKeyLocation::Header, ApiKeyLocation::Cookie] {
            let request = request(location);
            let first = WireRequest::first(&request).expect("sendable");
            for target in [
                "http://api.example/x",
                "https://api.example:444/x",
                "https://evil.example/x?pass=canary%2B1&k=1&o=canary%2B1&p=canary+in+the+config",
            ] {
                let next = first.redirected(&request, 307, target).expect("followed");
                let shown = format!("{:?} {}", next.headers, next.url);
                assert!(!shown.contains("canary") && !shown.contains("tenant"), "{shown}");
                assert!(!next.headers.contains_key("cookie") && !next.headers.contains_key("pass"));
                assert_eq!(header(&next, "accept-language"), "de");
                let back = next.redirected(&request, 307, "https://api.example/y").expect("followed");
                assert!(!format!("{back:?}").contains("canary") && !back.headers.contains_key("pass"));
            }
        }
    }

    #[test]
    fn a_request_elsewhere_or_after_a_detour_takes_no_credentials_along() {
        for location in [ApiKeyLocation::Query, ApiKeyLocation::Header, ApiKeyLocation::Cookie] {
            let away = "https://evil.example/x?pass=canary%2B1&k=1&p=canary+in+the+config";
            for (url, left_origin) in [(away, false), ("https://api.example/v1?k=1", true)] {
                let mut request = Request { url: Url::parse(url).expect("a URL"), left_origin, ..request(location) };
                request.json = Some(serde_json::json!({"token": "canary in the config"}));
                let wire = WireRequest::first(&request).expect("sendable");
                let shown = format!("{:?} {} {:?}", wire.headers, wire.url, wire.body);
                assert!(!shown.contains("canary") && !shown.contains("tenant"), "{shown}");
                assert!(wire.left_origin && wire.body.is_none() && !wire.headers.contains_key("content-type"));
                assert!(wire.url.query_pairs().any(|(name, value)| name == "k" && value == "1"));
            }
        }
    }

    #[test]
    fn a_redirect_on_the_same_origin_keeps_credentials_and_rows() {
        let request = request(ApiKeyLocation::Query);
        let first = WireRequest::first(&request).expect("sendable");
        let seen = first.redirected(&request, 302, "/v2?page=2").expect("followed");
        assert_eq!(seen.url.as_str(), "https://api.example/v2?page=2&pass=canary%2B1");
        assert_eq!((seen.method, seen.body), (reqwest::Method::GET, None));
        let kept = first.redirected(&request, 308, "/v2?pass=canary%2B1").expect("followed");
        assert_eq!(kept.url.as_str(), "https://api.example/v2?pass=canary%2B1");
        assert_eq!((kept.method, kept.body.as_deref()), (reqwest::Method::POST, Some("{\"q\":1}")));
        assert!(first.redirected(&request, 302, "ftp://x/").is_err());
    }

    #[test]
    fn an_unsendable_key_is_refused_without_showing_it() {
        let mut request = request(ApiKeyLocation::Header);
        request.auth =
            Some(Auth::ApiKey { name: "pass".into(), key: Secret::new("canary\n"), location: ApiKeyLocation::Header });
        let error = WireRequest::first(&request).expect_err("refused");
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert!(error.to_string().contains("`pass`"));
    }

    #[test]
    fn secrets_are_hidden_in_every_spelling() {
        let secrets = Secrets::of(&request(ApiKeyLocation::Query));
        assert_eq!(secrets.redact("a canary+1 b canary%2B1 tenant-7"), "a *** b *** ***");
        let url = Url::parse("https://h/?pass=1&other=xcanary%2B1&z=2").expect("a URL");
        assert_eq!(secrets.shown(&url).to_string(), "https://h/?pass=***&other=***&z=2");
    }
}
