//! A URL as it may be shown. It never holds the secrets of the URL that it was made from.

use std::fmt;

use super::spelling::{in_path, is_told_in_path};

/// A URL without user, password, fragment and the values of query parameters that look like credentials.
///
/// This is the only form in which a URL reaches an error, a log line or a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeUrl(String);

/// Query parameters whose value is hidden whatever the config says: the names that dlt hides, and a few more.
const SECRET_PARAMETERS: [&str; 16] = [
    "access-token",
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "auth",
    "client_secret",
    "code",
    "key",
    "password",
    "pwd",
    "secret",
    "sig",
    "signature",
    "token",
    "x-amz-signature",
];

impl SafeUrl {
    /// Redacts `url`; `hidden` names further query parameters that carry a credential in this run.
    pub fn new(url: &url::Url, hidden: &[&str]) -> Self {
        Self::without(url, &[], hidden)
    }

    /// Redacts `url`, and every one of `texts` wherever it stands in the path or in a parameter: servers rename parameters.
    pub fn without(url: &url::Url, texts: &[&str], hidden: &[&str]) -> Self {
        let mut shown = without_in_path(url, texts);
        // A URL without a host refuses these; it has no user or password then.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.set_fragment(None);
        shown.set_query(None);
        let Some(query) = url.query() else { return Self(shown.into()) };
        let pairs: Vec<String> = query.split('&').map(|pair| shown_pair(pair, texts, hidden)).collect();
        Self(format!("{shown}?{}", pairs.join("&")))
    }
}

/// The URL with `***` in its path in place of the texts.
fn without_in_path(url: &url::Url, texts: &[&str]) -> url::Url {
    let mut shown = url.clone();
    for text in texts {
        for text in [*text, &in_path(url, text)] {
            if is_told_in_path(text) && shown.path().contains(text) {
                let path = shown.path().replace(text, "***");
                shown.set_path(&path);
            }
        }
    }
    shown
}

fn shown_pair(pair: &str, texts: &[&str], hidden: &[&str]) -> String {
    let Some((name, value)) = url::form_urlencoded::parse(pair.as_bytes()).next() else { return pair.to_owned() };
    let holds_one = |text: &str| texts.iter().any(|secret| !secret.is_empty() && text.contains(secret));
    if holds_one(&name) {
        return "***".to_owned();
    }
    let mut known = hidden.iter().chain(&SECRET_PARAMETERS);
    match pair.split_once('=') {
        Some((raw_name, _)) if holds_one(&value) || known.any(|known| name.eq_ignore_ascii_case(known)) => {
            format!("{raw_name}=***")
        }
        _ => pair.to_owned(),
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::SafeUrl;

    fn shown(url: &str, hidden: &[&str]) -> String {
        url::Url::parse(url).map(|url| SafeUrl::new(&url, hidden).to_string()).unwrap_or_default()
    }

    #[test]
    fn credentials_are_hidden_and_the_rest_is_kept() {
        assert_eq!(
            shown("https://me:pw@h.example/p?offset=3&API_KEY=canary&x=a%20b#frag", &[]),
            "https://h.example/p?offset=3&API_KEY=***&x=a%20b"
        );
    }

    #[test]
    fn texts_are_hidden_in_the_path_and_in_parameters() {
        let url = url::Url::parse("https://h.example/bot1:a%20b/x.y/?q=a+b%21&other=c").expect("a URL");
        let shown = |texts: &[&str]| SafeUrl::without(&url, texts, &[]).to_string();
        assert_eq!(shown(&["1:a b"]), "https://h.example/bot***/x.y/?q=a+b%21&other=c");
        assert_eq!(shown(&["a b"]), "https://h.example/bot1:***/x.y/?q=***&other=c");
        assert_eq!(shown(&["q", "!"]), "https://h.example/bot1:a%20b/x.y/?***&other=c");
        for none in ["", "/", ".", ".."] {
            assert_eq!(shown(&[none]), url.as_str(), "`{none}`");
        }
    }

    #[test]
    fn the_configured_parameter_is_hidden_too() {
        assert_eq!(shown("https://h.example/p?pass%77ort=canary", &["passwort"]), "https://h.example/p?pass%77ort=***");
    }
}
