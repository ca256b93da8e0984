//! `auth` of the type `oauth2_client_credentials`: dlt's keys, and two of our own. And `oauth_jwt`, our word for dlt's class
//! `OAuthJWTAuth`, with its keys.
//!
//! - `client_auth: basic` sends the client's id and secret as `Authorization` in place of fields of the form.
//! - `grant_type: refresh_token` asks with a `refresh_token`, which a user has given away, for what the user may read.

use std::time::Duration;

use super::auth::{Fields, filled};
use super::headers;
use super::problem::{Problem, Report, code};
use super::reader::{self, invalid, unknown_word, wrong_type};
use super::scalar_text::python_text;
use super::tree::{LookupKind, Text, Tree, Value};
use crate::plan::{ClientAuth, Grant, Secret, SigningKey, TokenGrant};

/// dlt's `default_token_expiration`, in seconds.
const DEFAULT_EXPIRATION_S: u64 = 3_600;

const CLIENT_AUTHS: [(&str, ClientAuth); 2] = [("body", ClientAuth::Body), ("basic", ClientAuth::Basic)];

const CLIENT_CREDENTIALS: &str = "client_credentials";
const REFRESH_TOKEN: &str = "refresh_token";

/// Reads what a token is asked for with.
pub(super) fn token_grant(mut fields: Fields<'_>) -> Option<TokenGrant> {
    let (lookups, report) = (fields.lookups, fields.lookups.report);
    let url = url(&fields.field(LookupKind::Config, "access_token_url"), report);
    let client_id = filled(&fields.secret("client_id"), lookups);
    let grant = grant(&mut fields);
    let client_secret = client_secret(&mut fields, matches!(grant, Some(Grant::RefreshToken(_))));
    let client_auth = fields.reader.present("client_auth");
    let client_auth =
        client_auth.map_or(Some(ClientAuth::default()), |tree| client_auth_of(tree, &client_secret, report));
    let data = fields.reader.present("access_token_request_data");
    let data = data.map_or(Some(Vec::new()), |tree| form(tree, report));
    let expiration_s = fields.reader.integer("default_token_expiration", 0).unwrap_or(DEFAULT_EXPIRATION_S);
    // dlt takes a token that is given for expired, and asks for another.
    fields.reader.ignore(&["access_token"]);
    fields.reader.refuse(&["session"]);
    fields.reader.close();
    Some(TokenGrant {
        url: url?,
        client_id: client_id?,
        client_secret: client_secret?,
        client_auth: client_auth?,
        grant: grant?,
        data: data?,
        headers: Vec::new(),
        default_expiration: Duration::from_secs(expiration_s),
    })
}

/// Reads what a token is asked for with where the client signs for itself.
pub(super) fn signed_grant(mut fields: Fields<'_>) -> Option<TokenGrant> {
    let report = fields.lookups.report;
    let url = url(&fields.field(LookupKind::Config, "auth_endpoint"), report);
    let client_id = filled(&fields.field(LookupKind::Config, "client_id"), fields.lookups);
    let key = signing_key(&fields.secret("private_key"), report);
    let scope = fields.reader.present("scopes").map_or(Some(None), |tree| scopes(tree, report).map(Some));
    let headers = fields.reader.present("headers").map(|tree| headers::read(tree, None, report)).unwrap_or_default();
    let headers = headers::apply(headers.iter());
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name, Secret::new(value.as_literal()?))));
    let expiration_s = fields.reader.integer("default_token_expiration", 0).unwrap_or(DEFAULT_EXPIRATION_S);
    if let Some(tree) = fields.reader.present("private_key_passphrase") {
        let problem = Problem::new(code::UNSUPPORTED, &tree.at, "`private_key_passphrase` is not supported yet");
        report.add(problem.hint("give the key without one: `openssl pkey -in key.pem -out plain.pem`"));
    }
    fields.reader.refuse(&["session"]);
    fields.reader.close();
    Some(TokenGrant {
        url: url?,
        client_id: client_id?,
        client_secret: None,
        client_auth: ClientAuth::Body,
        grant: Grant::Assertion { key: key?, scope: scope? },
        data: Vec::new(),
        headers: headers.collect(),
        default_expiration: Duration::from_secs(expiration_s),
    })
}

fn signing_key(tree: &Tree, report: &Report) -> Option<SigningKey> {
    let key = SigningKey::parse(Secret::new(reader::text(tree, report)?.reveal()));
    key.map_err(|error| invalid(tree, &error.to_string(), report)).ok()
}

/// A text, or texts that become one with spaces between them.
fn scopes(tree: &Tree, report: &Report) -> Option<String> {
    match &tree.value {
        Value::List(_) => reader::texts(tree, report).map(|scopes| scopes.join(" ")),
        _ => reader::text(tree, report).map(Text::reveal),
    }
}

fn url(tree: &Tree, report: &Report) -> Option<url::Url> {
    let text = reader::text(tree, report)?.reveal();
    let url = url::Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    if url.is_none() {
        invalid(tree, "must be a URL that starts with `https://` or `http://`", report);
    }
    url
}

fn grant(fields: &mut Fields<'_>) -> Option<Grant> {
    let report = fields.lookups.report;
    let kind = fields.reader.present("grant_type");
    let word = match kind {
        Some(tree) => reader::text(tree, report)?.reveal(),
        None => CLIENT_CREDENTIALS.to_owned(),
    };
    match (word.as_str(), kind) {
        (REFRESH_TOKEN, _) => filled(&fields.secret(REFRESH_TOKEN), fields.lookups).map(Grant::RefreshToken),
        (CLIENT_CREDENTIALS, _) => {
            let Some(token) = fields.reader.present(REFRESH_TOKEN) else { return Some(Grant::ClientCredentials) };
            let problem = Problem::new(code::INVALID, &token.at, "`refresh_token` is used by another grant");
            report.add(problem.hint("set `grant_type: refresh_token`"));
            None
        }
        (_, Some(tree)) => {
            unknown_word(tree, reader::text(tree, report)?, &[CLIENT_CREDENTIALS, REFRESH_TOKEN], report);
            None
        }
        (_, None) => None,
    }
}

/// The inner `None`: a public client, which there is for refresh tokens only.
fn client_secret(fields: &mut Fields<'_>, may_be_public: bool) -> Option<Option<Secret>> {
    let is_off = fields.tree.get("client_secret").is_some_and(Tree::is_null);
    if may_be_public && is_off {
        // Asked for, so that it is known to be a key.
        fields.reader.value("client_secret");
        return Some(None);
    }
    filled(&fields.secret("client_secret"), fields.lookups).map(Some)
}

fn client_auth_of(tree: &Tree, client_secret: &Option<Option<Secret>>, report: &Report) -> Option<ClientAuth> {
    let word = reader::text(tree, report)?;
    let Some((_, known)) = CLIENT_AUTHS.iter().find(|(name, _)| word.as_written() == Some(name)) else {
        unknown_word(tree, word, &CLIENT_AUTHS.map(|(name, _)| name), report);
        return None;
    };
    if *known == ClientAuth::Basic && matches!(client_secret, Some(None)) {
        invalid(tree, "cannot be `basic` without a `client_secret`", report);
        return None;
    }
    Some(*known)
}

/// The fields of a form, written as dlt's HTTP library does: null is left out, and a list is a field several times.
fn form(tree: &Tree, report: &Report) -> Option<Vec<(String, Secret)>> {
    let Value::Map(entries) = &tree.value else {
        wrong_type(tree, "a map", report);
        return None;
    };
    let mut form = Vec::new();
    let mut is_complete = true;
    for (key, value) in entries {
        let values = match &value.value {
            Value::Null => continue,
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        };
        for item in values {
            match python_text(item) {
                Some(text) => form.push((key.text.clone(), Secret::new(text.reveal()))),
                None => {
                    wrong_type(item, "a scalar or a list of scalars", report);
                    is_complete = false;
                }
            }
        }
    }
    is_complete.then_some(form)
}
