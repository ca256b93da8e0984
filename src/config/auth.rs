//! `auth`, of the client and of an endpoint.

use super::headers::is_token;
use super::problem::{Problem, code};
use super::reader::{self, Reader, invalid, unknown_word, unsupported_word, wrong_type};
use super::secrets::Lookups;
use super::tree::{Text, Tree, Value};
use crate::plan::{ApiKeyLocation, Auth, Secret};

/// What a config says of the credentials.
#[derive(Debug, Clone)]
pub(super) enum AuthSetting {
    /// Nothing: an endpoint takes the client's.
    Inherit,
    /// None are sent.
    Off,
    /// These are sent.
    Use(Auth),
}

const TYPES: [&str; 4] = ["api_key", "bearer", "http_basic", "oauth2_client_credentials"];

const LOCATIONS: [(&str, ApiKeyLocation); 4] = [
    ("header", ApiKeyLocation::Header),
    ("query", ApiKeyLocation::Query),
    ("param", ApiKeyLocation::Query),
    ("cookie", ApiKeyLocation::Cookie),
];

/// Reads an auth. One that is wrong counts as none, which no plan comes of.
pub(super) fn read(tree: Option<&Tree>, lookups: &Lookups<'_>) -> AuthSetting {
    let Some(tree) = tree else { return AuthSetting::Inherit };
    match &tree.value {
        Value::Null => AuthSetting::Off,
        Value::Text(word) => short_form(tree, word, lookups),
        Value::Map(_) => long_form(tree, lookups).map_or(AuthSetting::Off, AuthSetting::Use),
        _ => {
            wrong_type(tree, "a string or a map", lookups.report);
            AuthSetting::Off
        }
    }
}

/// Only the type: everything else is looked up or has its default.
fn short_form(tree: &Tree, word: &Text, lookups: &Lookups<'_>) -> AuthSetting {
    if !is_api_key(tree, word, lookups) {
        return AuthSetting::Off;
    }
    let looked_up = lookups.credential("api_key", &tree.at);
    let key = key(&looked_up, lookups);
    key.map_or(AuthSetting::Off, |key| {
        AuthSetting::Use(Auth::ApiKey { name: DEFAULT_NAME.to_owned(), key, location: ApiKeyLocation::default() })
    })
}

const DEFAULT_NAME: &str = "Authorization";

fn is_api_key(tree: &Tree, word: &Text, lookups: &Lookups<'_>) -> bool {
    match word.as_written() {
        Some("api_key") => return true,
        Some(known) if TYPES.contains(&known) => unsupported_word(tree, known, lookups.report),
        _ => unknown_word(tree, word, &TYPES, lookups.report),
    }
    false
}

fn long_form(tree: &Tree, lookups: &Lookups<'_>) -> Option<Auth> {
    let report = lookups.report;
    let mut reader = Reader::open(tree, report)?;
    let Some(kind) = reader.present("type") else {
        let problem =
            Problem::new(code::UNSUPPORTED, &tree.at, "`auth` without `type` is `bearer`, which is not supported yet");
        report.add(problem.hint("give `type: api_key`"));
        return None;
    };
    // The keys of another type would only be reported as unknown.
    if !is_api_key(kind, reader::text(kind, report)?, lookups) {
        return None;
    }
    let location = reader.present("location").map_or(Some(ApiKeyLocation::default()), |tree| location(tree, lookups));
    let name_tree = reader.present("name");
    let name = name_tree.map_or(Some(DEFAULT_NAME.to_owned()), |tree| Some(reader::text(tree, report)?.reveal()));
    let key = match reader.present("api_key") {
        Some(written) => key(written, lookups),
        None => key(&lookups.credential("api_key", &tree.at), lookups),
    };
    reader.close();
    let (name, location, key) = (name?, location?, key?);
    let fits = match location {
        ApiKeyLocation::Header | ApiKeyLocation::Cookie => is_token(&name),
        ApiKeyLocation::Query => !name.is_empty(),
    };
    if !fits {
        invalid(name_tree.unwrap_or(tree), "is not a name that can be sent", report);
        return None;
    }
    Some(Auth::ApiKey { name, key, location })
}

fn location(tree: &Tree, lookups: &Lookups<'_>) -> Option<ApiKeyLocation> {
    let word = reader::text(tree, lookups.report)?;
    let known = LOCATIONS.iter().find(|(name, _)| word.as_written() == Some(name));
    if known.is_none() {
        unknown_word(tree, word, &LOCATIONS.map(|(name, _)| name), lookups.report);
    }
    known.map(|(_, location)| *location)
}

fn key(tree: &Tree, lookups: &Lookups<'_>) -> Option<Secret> {
    // A key that was looked up has no label of its own.
    let labelled = Tree { label: "api_key".into(), ..tree.clone() };
    let text = reader::text(&labelled, lookups.report)?.reveal();
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        invalid(&labelled, "is empty or holds a control character", lookups.report);
        return None;
    }
    Some(Secret::new(text))
}
