//! `endpoint`: one resource's requests.

use super::auth::{self, AuthSetting};
use super::body;
use super::client::Client;
use super::format;
use super::gaps::Gaps;
use super::headers;
use super::incremental::{self, CursorRules};
use super::paginator::{self, PaginatorSetting, json_path, needs_body};
use super::params;
use super::problem::{Place, Problem, Report, code};
use super::reader::{self, Reader, unknown_word, wrong_type};
use super::response_actions;
use super::secrets::Lookups;
use super::tree::{Piece, Text, Tree, Value};
use super::url::{path, url};
use crate::plan::{
    Auth, BodyFormat, CursorPlace, Data, Endpoint, Incremental, JsonTemplate, Method, PaginatorSpec, ParentField,
    RequestTemplate, RowSelection, Secret, Template,
};

/// What an endpoint is read with.
pub(super) struct Surrounding<'s, 'a> {
    pub(super) client: &'s Client<'a>,
    pub(super) lookups: &'s Lookups<'a>,
    /// The resource with its defaults.
    pub(super) resource: &'s Tree,
    /// The resource's name, which is also the default path. `None`: it is missing, which is reported.
    pub(super) name: Option<&'s Text>,
}

/// An endpoint as far as it is understood.
pub(super) struct Read {
    pub(super) endpoint: Endpoint,
    /// `None`: nothing of its request is known only later.
    pub(super) request: Option<RequestTemplate>,
    pub(super) incremental: Option<Incremental>,
}

/// What can be told of an endpoint, whether or not all of it is understood.
#[derive(Default)]
pub(super) struct Shape {
    /// The resources whose rows it needs, with the places where they are named.
    pub(super) parents: Vec<(String, Place)>,
    pub(super) fields: Vec<ParentField>,
    /// `None`: something is wrong, which is reported.
    pub(super) read: Option<Read>,
    pub(super) view: View,
}

/// What `plan` shows of an endpoint that its keys do not say as they are.
#[derive(Default)]
pub(super) struct View {
    /// The path with static values in place.
    pub(super) path: Option<String>,
    /// Parameters that stand in the path.
    pub(super) used_params: Vec<String>,
    pub(super) paginator: Option<PaginatorSpec>,
    /// The path leads to one thing.
    pub(super) is_entity: bool,
    pub(super) incremental: Option<CursorRules>,
}

/// Reads an endpoint that has its defaults.
pub(super) fn read<'t>(tree: &'t Tree, surrounding: &Surrounding<'t, '_>) -> Option<Shape> {
    let report = surrounding.lookups.report;
    let mut reader = Reader::open(tree, report)?;
    let cursor_tree = cursor_tree(tree, report);
    let gaps = Gaps::new(report, cursor_tree.is_some());
    let mut view = View::default();
    let read = read_with(&mut reader, &gaps, cursor_tree, surrounding, &mut view);
    reader.close();
    let (parents, fields) = gaps.into_found();
    Some(Shape { parents, fields, read, view })
}

fn read_with<'t>(
    reader: &mut Reader<'t>,
    gaps: &Gaps<'_>,
    cursor_tree: Option<(&Tree, Option<&str>)>,
    surrounding: &Surrounding<'t, '_>,
    view: &mut View,
) -> Option<Read> {
    let (report, tree) = (reader.report, reader.tree);
    let mut secrets = secrets(tree);
    secrets.extend(surrounding.client.base_secrets.iter().cloned());
    let mut params = reader.present("params").map(|tree| params::read(tree, gaps)).unwrap_or_default();
    let path = path(reader, &mut params, gaps, surrounding);
    let written_method = reader.present("method").map_or(Some(None), |tree| Some(Some((tree, method(tree, report)?))));
    let json = reader.present("json").map_or(Some(None), |tree| json_body(tree, gaps).map(Some));
    let body = body::read(reader, json.clone().flatten(), gaps);
    let own_headers = reader.present("headers").map(|tree| headers::read(tree, Some(gaps), report)).unwrap_or_default();
    let format = reader.present("format").map_or(Some(BodyFormat::default()), |tree| format::read(tree, report));
    let selector = reader.present("data_selector");
    let rows = selector.map_or(Some(RowSelection::Detect), |tree| rows(tree, report));
    let own_auth = auth::read(reader.value("auth"), surrounding.lookups);
    let paginator = reader.value("paginator");
    let is_entity = path.as_ref().is_some_and(|path| path.is_entity);
    let spec = paging(paginator, surrounding, is_entity);
    view.paginator = spec.as_ref().map(|paging| paging.spec().clone());
    reader.ignore(&["incremental"]);
    let actions =
        reader.present("response_actions").map_or(Some(Vec::new()), |tree| response_actions::read(tree, report));
    let cursor = cursor_tree.map(|(tree, param)| incremental::read(tree, param, report));
    let path = path?;
    (view.path, view.used_params) = (Some(path.shown), path.used);
    view.is_entity = matches!(spec, Some(Paging::Entity(_)));

    let (_, body, spec, mut rows, format) = (json?, body?, spec?, rows?, format?);
    let method = body::method(written_method?, &body, report)?;
    let cursor = cursor.map_or(Some(None), |cursor| cursor.map(Some))?;
    let paginator_spec = match spec {
        Paging::Said(spec) => spec,
        Paging::Entity(spec) => {
            rows = if selector.is_none() { RowSelection::Entity } else { rows };
            spec
        }
    };
    if let Some(message) = body.has_no_place().filter(|_| needs_body(&paginator_spec)) {
        let at = paginator.or(surrounding.client.paginator).unwrap_or(tree);
        report.add(Problem::new(code::INVALID, &at.at, message));
        return None;
    }
    let mut headers = headers::apply(surrounding.client.headers.iter().chain(&own_headers));
    format::accept(format, &mut headers);
    let mut params = params::into_query(params);
    if let Some(cursor) = &cursor {
        cursor_params(cursor, &mut params);
    }
    let request = RequestTemplate {
        url: path.template,
        may_be_url: path.may_be_url,
        params,
        headers,
        json: body.json,
        form: body.form,
        raw: body.raw,
    };
    let url = url(&request.url, surrounding, path.at, report)?;
    let endpoint = Endpoint {
        method,
        is_graphql: body.is_graphql,
        auth: auth(own_auth, &url, surrounding.client),
        secrets,
        actions: actions?.into(),
        paginator: paginator_spec,
        format,
        rows,
        ..literal(&request, url)
    };
    let rules = cursor.as_ref().map(|cursor| cursor.rules.clone());
    view.incremental = cursor;
    let request = (!request.is_complete()).then_some(request);
    Some(Read { endpoint, request, incremental: rules })
}

/// What of a request is known from the beginning.
fn literal(request: &RequestTemplate, url: url::Url) -> Endpoint {
    let pairs = |pairs: &[(Template, Template)]| {
        let pairs = pairs.iter().filter_map(|(name, value)| Some((name.as_literal()?, value.as_literal()?)));
        pairs.collect::<Vec<(String, String)>>()
    };
    let headers = request.headers.iter().filter_map(|(name, value)| Some((name.clone(), value.as_literal()?)));
    Endpoint {
        params: pairs(&request.params),
        headers: headers.collect(),
        json: request.json.as_ref().and_then(JsonTemplate::as_value),
        data: match (&request.form, &request.raw) {
            (Some(form), _) => Some(Data::Form(pairs(form))),
            (None, Some(raw)) => raw.as_literal().map(Data::Text),
            (None, None) => None,
        },
        ..Endpoint::get(url)
    }
}

/// Where the rules of the cursor stand: in `incremental`, or in the place of a query parameter, whose name comes along.
fn cursor_tree<'a>(tree: &'a Tree, report: &Report) -> Option<(&'a Tree, Option<&'a str>)> {
    let own = tree.get("incremental").filter(|tree| !tree.is_null()).map(|tree| (tree, None));
    let params = match tree.get("params").map(|params| &params.value) {
        Some(Value::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    let in_params = params.iter().filter(|(_, value)| params::is_cursor(value));
    let mut all = own.into_iter().chain(in_params.map(|(key, value)| (value, Some(key.text.as_str()))));
    let first = all.next();
    if let Some((second, _)) = all.next() {
        let message = "an endpoint can have one cursor only, and this is another one";
        report.add(Problem::new(code::DUPLICATE, &second.at, message));
    }
    first
}

/// The parameters that dlt sends the bounds of a cursor in.
fn cursor_params(cursor: &CursorRules, params: &mut Vec<(Template, Template)>) {
    let bounds = [(&cursor.start_param, CursorPlace::Start), (&cursor.end_param, CursorPlace::End)];
    for (name, place) in bounds {
        let Some(name) = name else { continue };
        if place == CursorPlace::End && cursor.rules.end_value.is_none() {
            continue;
        }
        if !params.iter().any(|(known, _)| known.as_literal().as_deref() == Some(name)) {
            params.push((Template::literal(name.as_str()), params::cursor_value(place)));
        }
    }
}

/// Texts of an endpoint's path, parameters and body that were looked up.
fn secrets(endpoint: &Tree) -> Vec<Secret> {
    let mut secrets = Vec::new();
    for tree in ["path", "params"].iter().chain(&body::KEYS).filter_map(|key| endpoint.get(key)) {
        looked_up(tree, &mut secrets);
    }
    secrets
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
        Value::Lookup(_) | Value::Joined(_) | Value::Choice(_) | Value::Lost => {}
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

/// How an endpoint pages.
enum Paging {
    Said(PaginatorSpec),
    /// Its path leads to one thing. Should there be more all the same, this is how it pages.
    Entity(PaginatorSpec),
}

impl Paging {
    fn spec(&self) -> &PaginatorSpec {
        match self {
            Self::Said(spec) | Self::Entity(spec) => spec,
        }
    }
}

/// The endpoint's scheme, else the client's, else the one that the first page suggests.
fn paging(own: Option<&Tree>, surrounding: &Surrounding<'_, '_>, may_be_entity: bool) -> Option<Paging> {
    let report = surrounding.lookups.report;
    match paginator::read(own, report) {
        PaginatorSetting::Use(spec) => return Some(Paging::Said(spec)),
        PaginatorSetting::Wrong => return None,
        PaginatorSetting::Inherit => {}
    }
    let spec = match paginator::read(surrounding.client.paginator, report) {
        PaginatorSetting::Use(spec) => spec,
        PaginatorSetting::Wrong => return None,
        PaginatorSetting::Inherit => PaginatorSpec::Auto,
    };
    Some(match spec {
        spec if !may_be_entity => Paging::Said(spec),
        // These ask for their first page without any parameter, as is done for one thing.
        spec @ (PaginatorSpec::JsonLink(_)
        | PaginatorSpec::HeaderLink(_)
        | PaginatorSpec::Cursor(_)
        | PaginatorSpec::HeaderCursor(_)) => Paging::Entity(spec),
        PaginatorSpec::Auto | PaginatorSpec::SinglePage | PaginatorSpec::PageNumber(_) | PaginatorSpec::Offset(_) => {
            Paging::Entity(PaginatorSpec::Auto)
        }
    })
}

fn json_body(tree: &Tree, gaps: &Gaps<'_>) -> Option<JsonTemplate> {
    match tree.value {
        Value::Map(_) => json(tree, gaps),
        _ => {
            wrong_type(tree, "a map", gaps.report);
            None
        }
    }
}

/// A value of the body, with the placeholders of its keys and texts.
pub(super) fn json(tree: &Tree, gaps: &Gaps<'_>) -> Option<JsonTemplate> {
    Some(match &tree.value {
        Value::Null => JsonTemplate::Value(serde_json::Value::Null),
        Value::Bool(value) => JsonTemplate::Value((*value).into()),
        Value::Int(number) => JsonTemplate::Value((*number).into()),
        Value::Float(number) => JsonTemplate::Value((*number).into()),
        Value::Text(text) => JsonTemplate::Text(gaps.template(text, "json", &tree.at)?),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| json(item, gaps)).collect();
            JsonTemplate::List(items.into_iter().collect::<Option<_>>()?)
        }
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let name = gaps.template(&Text::written(key.text.as_str()), "json", &key.at);
                let value = json(value, gaps);
                Some((name?, value?))
            });
            let entries: Vec<_> = entries.collect();
            JsonTemplate::Map(entries.into_iter().collect::<Option<_>>()?)
        }
        Value::Lookup(_) | Value::Joined(_) | Value::Choice(_) | Value::Lost => return None,
    })
}
