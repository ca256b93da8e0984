//! A link to the next page, as it is followed and noted.
//!
//! 1. It is relative to the page that it stood on, after redirects.
//! 2. What of the endpoint's credentials the server has repeated in it is taken out, because positions are kept in files. The
//!    names of such parameters are kept, and the request gets their values from the config again.
//! 3. Secrets that are a part of it all the same, such as a key in the path, have a mark in their place where it is noted.
//! 4. It is noted relative to the endpoint's own origin where it leads there, so that it leads to the same page when the API has
//!    moved.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::client::Answered;
use crate::plan::{Endpoint, SafeUrl, Secret, in_path, is_told_in_path};

/// A link to the next page.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::extract) struct Link {
    /// An absolute URL of HTTP without user, password, fragment and the config's secrets.
    pub(in crate::extract) url: Url,
    /// Query parameters of the endpoint that belong to it and hold a secret.
    pub(in crate::extract) restored: Vec<String>,
    /// Whether it, or what led to it, leads away from the endpoint's origin.
    pub(in crate::extract) left_origin: bool,
}

/// A link in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    /// A URL, or a path where it is on the endpoint's origin.
    link: String,
    restored: Vec<String>,
    left_origin: bool,
}

impl Link {
    /// The link that a page has; `None`: the text is no URL of HTTP.
    pub(super) fn found(text: &str, answered: &Answered, endpoint: &Endpoint) -> Option<Self> {
        let mut url = http(answered.url.join(text).ok()?)?;
        url.set_fragment(None);
        // A URL with a host takes these.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        upgrade(&mut url, &endpoint.url);
        let left_origin = answered.left_origin || url.origin() != endpoint.url.origin();
        let restored = take_out_secrets(&mut url, endpoint, answered.token.as_ref());
        Some(Self { url, restored, left_origin })
    }

    /// The URL as it may be shown.
    pub(super) fn shown(&self) -> SafeUrl {
        SafeUrl::new(&self.url, &[])
    }

    pub(super) fn noted(&self, endpoint: &Endpoint) -> Value {
        let is_home = self.url.origin() == endpoint.url.origin();
        let link = if is_home { &self.url[url::Position::BeforePath..] } else { self.url.as_str() };
        let link = with_marks(link, &spellings(endpoint));
        let noted = Noted { link, restored: self.restored.clone(), left_origin: self.left_origin };
        serde_json::to_value(noted).unwrap_or_default()
    }

    pub(super) fn resumed(noted: &Value, endpoint: &Endpoint) -> Option<Self> {
        let Noted { link, restored, left_origin } = Noted::deserialize(noted).ok()?;
        let link = without_marks(&link, &spellings(endpoint))?;
        let url = if link.starts_with('/') { at_origin(&endpoint.url, &link)? } else { Url::parse(&link).ok()? };
        let url = http(url)?;
        let left_origin = left_origin || url.origin() != endpoint.url.origin();
        Some(Self { url, restored, left_origin })
    }
}

/// What stands in a noted link for a secret of the config, and how that is spelled in a URL.
type Spelling = (String, String);

/// The secrets as they are, and as paths and queries spell them. No URL holds a `<`, so that nothing else is like a mark.
fn spellings(endpoint: &Endpoint) -> Vec<Spelling> {
    let mut spellings = Vec::new();
    for (number, secret) in endpoint.secrets.iter().enumerate() {
        let text = secret.expose();
        if !is_told_in_path(text) {
            continue;
        }
        let of_query = url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        spellings.push((format!("<{number}>"), text.to_owned()));
        spellings.push((format!("<{number} in a path>"), in_path(&endpoint.url, text)));
        spellings.push((format!("<{number} in a query>"), of_query));
    }
    // Nothing may be left of one in a path, as of `x/..`: that would stand everywhere.
    spellings.retain(|(_, text)| is_told_in_path(text));
    // Of two secrets of which one holds the other, the whole of the longer one goes.
    spellings.sort_by_key(|(_, text)| std::cmp::Reverse(text.len()));
    spellings
}

fn with_marks(link: &str, spellings: &[Spelling]) -> String {
    let (mut marked, mut rest) = (String::with_capacity(link.len()), link);
    while let Some(next) = rest.chars().next() {
        match spellings.iter().find_map(|(mark, text)| Some((mark, rest.strip_prefix(text.as_str())?))) {
            Some((mark, behind)) => {
                marked.push_str(mark);
                rest = behind;
            }
            None => {
                marked.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
        }
    }
    marked
}

/// `None`: the config has no such secret any more.
fn without_marks(marked: &str, spellings: &[Spelling]) -> Option<String> {
    let mut link = marked.to_owned();
    for (mark, text) in spellings {
        link = link.replace(mark, text);
    }
    (!link.contains('<')).then_some(link)
}

/// The URL is not shown whole: the server may have put credentials of its own in it.
impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Link({}, left_origin: {})", self.shown(), self.left_origin)
    }
}

fn http(url: Url) -> Option<Url> {
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// A path and query at the origin of `home`. Joining would take `//x` for a host.
fn at_origin(home: &Url, path: &str) -> Option<Url> {
    Url::parse(&format!("{}{path}", home.origin().ascii_serialization())).ok()
}

/// Servers behind a proxy that speaks TLS for them give links without it. Such a link means the same host, and would else be
/// followed in the open, without credentials.
fn upgrade(url: &mut Url, home: &Url) {
    let is_same_host = url.host() == home.host() && url.port().is_none() && home.port().is_none();
    if is_same_host && url.scheme() == "http" && home.scheme() == "https" {
        // Both schemes are special, so that the one takes the place of the other.
        let _ = url.set_scheme("https");
    }
}

/// Takes parameters out that hold what is secret; gives the names of those that are not credentials. What stays keeps its
/// spelling: URLs may be signed.
fn take_out_secrets(url: &mut Url, endpoint: &Endpoint, token: Option<&Secret>) -> Vec<String> {
    // Wherever the key belongs, the request gets it there again.
    let is_key = |value: &str| {
        endpoint.auth.as_ref().is_some_and(|auth| auth.is_credential(value))
            || token.is_some_and(|token| token.expose() == value)
    };
    let is_secret = |name: &str, value: &str| {
        endpoint.holds_secret(value) && endpoint.params.iter().any(|(known, text)| known == name && text == value)
    };
    let Some(query) = url.query() else { return Vec::new() };
    let (mut kept, mut restored, mut is_changed) = (Vec::new(), Vec::new(), false);
    for piece in query.split('&') {
        let Some((name, value)) = url::form_urlencoded::parse(piece.as_bytes()).next() else { continue };
        if is_secret(&name, &value) {
            is_changed = true;
            restored.push(name.into_owned());
        } else if is_key(&value) {
            is_changed = true;
        } else {
            kept.push(piece);
        }
    }
    if is_changed {
        let kept = kept.join("&");
        url.set_query((!kept.is_empty()).then_some(kept.as_str()));
    }
    restored
}
