//! A URL as it may be shown. It never holds the secrets of the URL that it was made from.

use std::fmt;

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
        let mut shown = url.clone();
        // A URL without a host refuses these; it has no user or password then.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.set_fragment(None);
        if url.query().is_none() {
            return Self(shown.into());
        }
        shown.set_query(None);
        let mut text = String::from(shown);
        let mut separator = '?';
        for pair in url.query().unwrap_or_default().split('&') {
            text.push(separator);
            separator = '&';
            text.push_str(&shown_pair(pair, hidden));
        }
        Self(text)
    }
}

fn shown_pair(pair: &str, hidden: &[&str]) -> String {
    let Some((name, _)) = url::form_urlencoded::parse(pair.as_bytes()).next() else { return pair.to_owned() };
    let secret = hidden.iter().any(|known| name.eq_ignore_ascii_case(known))
        || SECRET_PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known));
    match pair.split_once('=') {
        Some((raw_name, _)) if secret => format!("{raw_name}=***"),
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
    fn the_configured_parameter_is_hidden_too() {
        assert_eq!(shown("https://h.example/p?pass%77ort=canary", &["passwort"]), "https://h.example/p?pass%77ort=***");
    }
}
