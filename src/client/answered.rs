//! Where an answer came from and what its headers say, for who looks there for what follows it.

use std::fmt;

use url::Url;

use crate::plan::{SafeUrl, Secret};

/// The head of a good answer.
#[derive(Clone)]
pub struct Answered {
    /// Where it came from in the end, after redirects. It may hold credentials, and is for joining only.
    pub url: Url,
    /// Whether a link or a redirect has led to another origin on the way: nothing secret goes where it leads.
    pub left_origin: bool,
    /// The access token that it was asked for with, if that had been asked for itself: the config does not have it.
    pub token: Option<Secret>,
    /// Names and values in order; those that are no text are left out.
    headers: Vec<(String, String)>,
}

impl Answered {
    /// An answer from `url` with these headers.
    pub fn new(url: Url, left_origin: bool, headers: Vec<(String, String)>) -> Self {
        Self { url, left_origin, token: None, headers }
    }

    /// The values of a header, in order; its name may be in any case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Without the values, which are anybody's.
impl fmt::Debug for Answered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        formatter
            .debug_struct("Answered")
            .field("url", &SafeUrl::new(&self.url, &[]))
            .field("left_origin", &self.left_origin)
            .field("headers", &names)
            .finish()
    }
}
