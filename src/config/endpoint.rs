//! `endpoint`: one resource's requests.

use super::auth::{self, AuthSetting};
use super::body;
use super::client::Client;
use super::format;
use super::headers;
use super::paginator::{self, PaginatorSetting, json_path, needs_body};
use super::params;
use super::placeholders;
use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, unknown_word, wrong_type};
use super::response_actions;
use super::secrets::Lookups;
use super::tree::{Piece, Text, Tree, Value};
use crate::plan::{Auth, BodyFormat, Endpoint, Method, PaginatorSpec, RowSelection, Secret};

/// What an endpoint is read with.
pub(super) struct Surrounding<'s, 'a> {
    pub(super) client: &'s Client<'a>,
    pub(super) lookups: &'s Lookups<'a>,
    /// The resource with its defaults.
    pub(super) resource: &'s Tree,
    /// The resource's name, which is also the default path. `None`: it is missing, which is reported.
    pub(super) name: Option<&'s Text>,
}

/// Reads an endpoint that has its defaults; `None` if something is wrong, which is reported.
pub(super) fn read(tree: &Tree, surrounding: &Surrounding<'_, '_>) -> Option<Endpoint> {
    let report = surrounding.lookups.report;
    let mut reader = Reader::open(tree, report)?;
    let mut secrets = Vec::new();
    for tree in ["params"].iter().chain(&body::KEYS).filter_map(|key| tree.get(key)) {
        looked_up(tree, &mut secrets);
    }
    let mut params = reader.present("params").map(|tree| params::read(tree, report)).unwrap_or_default();
    let url = url(&mut reader, &mut params, surrounding);
    let written_method = reader.present("method").map_or(Some(None), |tree| Some(Some((tree, method(tree, report)?))));
    let json = reader.present("json").map_or(Some(None), |tree| json_body(tree, report).map(Some));
    let body = body::read(&mut reader, json.clone().flatten());
    let own_headers = reader.present("headers").map(|tree| headers::read(tree, report)).unwrap_or_default();
    let format = reader.present("format").map_or(Some(BodyFormat::default()), |tree| format::read(tree, report));
    let rows = reader.present("data_selector").map_or(Some(RowSelection::Detect), |tree| rows(tree, report));
    let own_auth = auth::read(reader.value("auth"), surrounding.lookups);
    let actions =
        reader.present("response_actions").map_or(Some(Vec::new()), |tree| response_actions::read(tree, report));
    let paginator = reader.value("paginator");
    let spec = paging(paginator, surrounding);
    reader.refuse(&["incremental"]);
    reader.close();

    let (url, _, body, paginator_spec) = (url?, json?, body?, spec?);
    let method = body::method(written_method?, &body, report)?;
    let has_no_place = match (&body.json, &body.data) {
        (_, Some(_)) => Some("a body path of the paginator needs `json`, and cannot be put into `data`"),
        (None, None) if method == Method::Get => Some("a body path of the paginator needs `method: POST` or `json`"),
        _ => None,
    };
    if let Some(message) = has_no_place.filter(|_| needs_body(&paginator_spec)) {
        let at = paginator.or(surrounding.client.paginator).unwrap_or(tree);
        report.add(Problem::new(code::INVALID, &at.at, message));
        return None;
    }
    let format = format?;
    let mut headers = headers::apply(surrounding.client.headers.iter().chain(&own_headers));
    format::accept(format, &mut headers);
    Some(Endpoint {
        auth: auth(own_auth, &url, surrounding.client),
        url,
        method,
        params: params::into_query(params),
        headers,
        json: body.json,
        data: body.data,
        is_graphql: body.is_graphql,
        secrets,
        actions: actions?.into(),
        paginator: paginator_spec,
        format,
        rows: rows?,
    })
}

/// Adds every text below `tree` that was looked up.
fn looked_up(tree: &Tree, secrets: &mut Vec<Secret>) {
    match &tree.value {
        Value::Text(text) => secrets.extend(text.pieces().iter().filter_map(|piece| match piece {
            Piece::LookedUp(secret) => Some(secret.clone()),
            Piece::Written(_) => None,
        })),
        Value::List(items) => items.iter().for_each(|item| looked_up(item, secrets)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| looked_up(value, secrets)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        Value::Lookup(_) | Value::Joined(_) | Value::Lost => {}
    }
}

/// The URL without the parameters. A path that is a URL itself takes the place of `base_url`.
fn url(
    reader: &mut Reader<'_>,
    params: &mut Vec<params::Param>,
    surrounding: &Surrounding<'_, '_>,
) -> Option<url::Url> {
    let report = reader.report;
    let written = reader.present("path");
    let tree = written.unwrap_or(surrounding.resource);
    let path = match written {
        Some(path) => params::fill_path(reader::text(path, report)?, params, &path.at, report)?,
        // A name is no template.
        None => surrounding.name?.reveal(),
    };
    let is_absolute = path.starts_with("http://") || path.starts_with("https://");
    let joined = match (&surrounding.client.base_url, is_absolute) {
        (_, true) => path,
        (Some(base), false) if path.is_empty() => base.clone(),
        (Some(base), false) => format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/')),
        (None, false) => return None,
    };
    match url::Url::parse(&joined) {
        Ok(url) => Some(url),
        Err(error) => {
            let message = format!("`base_url` and `path` make no URL: {error}");
            report.add(Problem::new(code::INVALID, &tree.at, message));
            None
        }
    }
}

/// The client's credentials are for its own origin; an endpoint elsewhere needs its own.
fn auth(own: AuthSetting, url: &url::Url, client: &Client<'_>) -> Option<Auth> {
    match own {
        AuthSetting::Off => None,
        AuthSetting::Use(auth) => Some(auth),
        AuthSetting::Inherit => {
            let base = client.base_url.as_deref().and_then(|base| url::Url::parse(base).ok())?;
            match &client.auth {
                AuthSetting::Use(auth) if base.origin() == url.origin() => Some(auth.clone()),
                AuthSetting::Use(_) | AuthSetting::Off | AuthSetting::Inherit => None,
            }
        }
    }
}

fn method(tree: &Tree, report: &Report) -> Option<Method> {
    let word = reader::text(tree, report)?;
    match word.reveal().as_str() {
        "GET" => Some(Method::Get),
        "POST" => Some(Method::Post),
        _ => {
            unknown_word(tree, word, &["GET", "POST"], report);
            None
        }
    }
}

fn rows(tree: &Tree, report: &Report) -> Option<RowSelection> {
    let text = reader::text(tree, report)?;
    if text.is_empty() {
        return Some(RowSelection::Detect);
    }
    json_path(tree, text, report).map(RowSelection::Selector)
}

/// The endpoint's scheme, else the client's, else the one that the first page suggests.
fn paging(own: Option<&Tree>, surrounding: &Surrounding<'_, '_>) -> Option<PaginatorSpec> {
    let report = surrounding.lookups.report;
    for written in [own, surrounding.client.paginator] {
        match paginator::read(written, report) {
            PaginatorSetting::Use(spec) => return Some(spec),
            PaginatorSetting::Wrong => return None,
            PaginatorSetting::Inherit => {}
        }
    }
    Some(PaginatorSpec::Auto)
}

fn json_body(tree: &Tree, report: &Report) -> Option<serde_json::Value> {
    match tree.value {
        Value::Map(_) => json(tree, report),
        _ => {
            wrong_type(tree, "a map", report);
            None
        }
    }
}

/// A value of the body, with doubled braces made single ones in keys and texts.
pub(super) fn json(tree: &Tree, report: &Report) -> Option<serde_json::Value> {
    Some(match &tree.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) => placeholders::without_any(text, "json", &tree.at, report)?.into(),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| json(item, report)).collect();
            serde_json::Value::Array(items.into_iter().collect::<Option<_>>()?)
        }
        Value::Map(entries) => {
            let mut object = serde_json::Map::new();
            let mut complete = true;
            for (key, value) in entries {
                let name = placeholders::without_any(&Text::written(key.text.as_str()), "json", &key.at, report);
                match (name, json(value, report)) {
                    (Some(name), Some(value)) => {
                        object.insert(name, value);
                    }
                    _ => complete = false,
                }
            }
            if !complete {
                return None;
            }
            object.into()
        }
        Value::Lookup(_) | Value::Joined(_) | Value::Lost => return None,
    })
}
