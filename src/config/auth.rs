//! `auth`, of the client and of an endpoint.
//!
//! A field that a config leaves out is looked up as dlt does. The short form is a type that leaves all of them out, and a map
//! without `type` is `bearer`.

use std::sync::Arc;

use super::headers::is_token;
use super::oauth2;
use super::problem::{Problem, code, suggestion};
use super::reader::{self, Reader, invalid, unknown_word, wrong_type};
use super::secrets::Lookups;
use super::tree::{LookupKind, Text, Tree, Value};
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

const TYPES: [&str; 5] = ["api_key", "bearer", "http_basic", "oauth2_client_credentials", "oauth_jwt"];

const LOCATIONS: [(&str, ApiKeyLocation); 4] = [
    ("header", ApiKeyLocation::Header),
    ("query", ApiKeyLocation::Query),
    ("param", ApiKeyLocation::Query),
    ("cookie", ApiKeyLocation::Cookie),
];

/// Reads an auth. One that is wrong counts as none, which no plan comes of.
pub(super) fn read(tree: Option<&Tree>, lookups: &Lookups<'_>) -> AuthSetting {
    let Some(tree) = tree else { return AuthSetting::Inherit };
    let auth = match &tree.value {
        Value::Null => None,
        Value::Text(word) => short_form(tree, word, lookups),
        Value::Map(_) => long_form(tree, lookups),
        _ => {
            wrong_type(tree, "a string or a map", lookups.report);
            None
        }
    };
    auth.map_or(AuthSetting::Off, AuthSetting::Use)
}

/// Only the type: everything else is looked up or has its default.
fn short_form(tree: &Tree, word: &Text, lookups: &Lookups<'_>) -> Option<Auth> {
    if !word.as_written().is_some_and(|word| TYPES.contains(&word)) {
        // The word is not shown: it may be a token, which some take for the short form.
        let problem = Problem::new(code::INVALID, &tree.at, format!("`{}` is not one of the types", tree.label));
        lookups.report.add(problem.hint(suggestion(&word.shown(), &TYPES)));
        return None;
    }
    let nothing = Tree { value: Value::Map(Vec::new()), ..tree.clone() };
    of_type(tree, word, Fields::open(&nothing, lookups)?)
}

fn long_form(tree: &Tree, lookups: &Lookups<'_>) -> Option<Auth> {
    let mut fields = Fields::open(tree, lookups)?;
    match fields.reader.present("type") {
        Some(kind) => of_type(kind, reader::text(kind, lookups.report)?, fields),
        None => bearer(fields),
    }
}

/// The keys of an unknown type are not read: all of them would only be reported as unknown.
fn of_type(tree: &Tree, word: &Text, fields: Fields<'_>) -> Option<Auth> {
    let report = fields.lookups.report;
    match word.as_written() {
        Some("api_key") => api_key(fields),
        Some("bearer") => bearer(fields),
        Some("http_basic") => http_basic(fields),
        Some("oauth2_client_credentials") => oauth2::token_grant(fields).map(|grant| Auth::OAuth2(Arc::new(grant))),
        Some("oauth_jwt") => oauth2::signed_grant(fields).map(|grant| Auth::OAuth2(Arc::new(grant))),
        _ => {
            unknown_word(tree, word, &TYPES, report);
            None
        }
    }
}

/// The keys of an auth, written or looked up.
pub(super) struct Fields<'a> {
    pub(super) tree: &'a Tree,
    pub(super) reader: Reader<'a>,
    pub(super) lookups: &'a Lookups<'a>,
}

impl<'a> Fields<'a> {
    fn open(tree: &'a Tree, lookups: &'a Lookups<'a>) -> Option<Self> {
        Some(Self { tree, reader: Reader::open(tree, lookups.report)?, lookups })
    }

    /// A field that dlt takes for a secret.
    pub(super) fn secret(&mut self, key: &'static str) -> Tree {
        self.field(LookupKind::Secret, key)
    }

    pub(super) fn field(&mut self, kind: LookupKind, key: &'static str) -> Tree {
        let written = self.reader.present(key).cloned();
        let tree = written.unwrap_or_else(|| self.lookups.credential(kind, key, &self.tree.at));
        // A field that was looked up has no label of its own.
        Tree { label: key.into(), ..tree }
    }
}

fn bearer(mut fields: Fields<'_>) -> Option<Auth> {
    let token = filled(&fields.secret("token"), fields.lookups);
    fields.reader.close();
    Some(Auth::Bearer { token: token? })
}

/// The password may be empty: some APIs take their key as the user.
fn http_basic(mut fields: Fields<'_>) -> Option<Auth> {
    let username = plain(&fields.field(LookupKind::Config, "username"), fields.lookups);
    let password = plain(&fields.secret("password"), fields.lookups);
    fields.reader.close();
    Some(Auth::Basic { username: username?, password: password? })
}

const DEFAULT_NAME: &str = "Authorization";

fn api_key(mut fields: Fields<'_>) -> Option<Auth> {
    let report = fields.lookups.report;
    let reader = &mut fields.reader;
    let location =
        reader.present("location").map_or(Some(ApiKeyLocation::default()), |tree| location(tree, fields.lookups));
    let name_tree = reader.present("name");
    let name = name_tree.map_or(Some(DEFAULT_NAME.to_owned()), |tree| Some(reader::text(tree, report)?.reveal()));
    let key = filled(&fields.secret("api_key"), fields.lookups);
    let tree = fields.tree;
    fields.reader.close();
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

/// A secret that is not empty.
pub(super) fn filled(tree: &Tree, lookups: &Lookups<'_>) -> Option<Secret> {
    let text = reader::text(tree, lookups.report)?.reveal();
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        invalid(tree, "is empty or holds a control character", lookups.report);
        return None;
    }
    Some(Secret::new(text))
}

/// A text that may be empty. A control character is the line break at the end of a file or variable, and not meant.
fn plain(tree: &Tree, lookups: &Lookups<'_>) -> Option<Secret> {
    let text = reader::text(tree, lookups.report)?.reveal();
    if text.chars().any(char::is_control) {
        invalid(tree, "holds a control character", lookups.report);
        return None;
    }
    Some(Secret::new(text))
}
