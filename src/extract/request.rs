//! The request for one position: the endpoint's own, with the paging parameters in their places.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::paginate::{Link, Parameter, Position};
use crate::client::Request;
use crate::plan::{Endpoint, ParameterPlace};

/// The request for the page at `position`, which stands in `parameters`.
pub(super) fn request(endpoint: &Endpoint, position: &Position, parameters: &[Parameter<'_>]) -> Request {
    let mut request = own(endpoint);
    if let Position::Link(link) = position {
        follow(&mut request, link, endpoint);
    }
    for parameter in parameters {
        match parameter.place {
            ParameterPlace::Query(name) => put_in_query(&mut request, name, parameter.text()),
            ParameterPlace::Body(keys) => {
                let body = request.json.get_or_insert_with(|| Value::Object(Map::new()));
                put_in_body(body, keys, &parameter.value);
            }
        }
    }
    request
}

/// The request as the config has it.
fn own(endpoint: &Endpoint) -> Request {
    Request {
        method: endpoint.method,
        url: endpoint.url.clone(),
        params: endpoint.params.clone(),
        headers: endpoint.headers.clone(),
        json: endpoint.json.clone(),
        data: endpoint.data.clone(),
        secret_form: Vec::new(),
        auth: endpoint.auth.clone(),
        secrets: endpoint.secrets.clone(),
        actions: Arc::clone(&endpoint.actions),
        origin: endpoint.url.origin(),
        left_origin: false,
    }
}

/// Leads the request where a link leads: its URL takes the place of the endpoint's, with all parameters but those that were taken
/// out of it because they are secret. These, and a password in the URL, go to the endpoint's own origin only.
fn follow(request: &mut Request, link: &Link, endpoint: &Endpoint) {
    request.url = link.url.clone();
    request.left_origin = link.left_origin;
    request.params.clear();
    if link.left_origin {
        return;
    }
    // A URL of the same origin takes what the endpoint's has.
    let _ = request.url.set_username(endpoint.url.username());
    let _ = request.url.set_password(endpoint.url.password());
    let is_restored = |name: &String, value: &str| link.restored.contains(name) && endpoint.holds_secret(value);
    let params = endpoint.params.iter().filter(|(name, value)| is_restored(name, value));
    request.params.extend(params.cloned());
}

/// Takes the place of a parameter of that name, in `params` or in the URL itself; else it is the last.
fn put_in_query(request: &mut Request, name: &str, value: String) {
    let in_url = request.url.query_pairs().any(|(seen, _)| seen == name);
    if in_url {
        let kept: Vec<(String, String)> = request
            .url
            .query_pairs()
            .filter(|(seen, _)| seen != name)
            .map(|(seen, value)| (seen.into(), value.into()))
            .collect();
        request.url.set_query(None);
        if !kept.is_empty() {
            request.url.query_pairs_mut().extend_pairs(kept);
        }
    }
    let place = request.params.iter().position(|(seen, _)| seen == name).unwrap_or(request.params.len());
    request.params.retain(|(seen, _)| seen != name);
    request.params.insert(place.min(request.params.len()), (name.to_owned(), value));
}

/// Sets the value below `keys`; objects on the way are made, and anything else that stands there gives way.
fn put_in_body(body: &mut Value, keys: &[String], value: &Value) {
    let mut place = body;
    for key in keys {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(members) = place else { return };
        place = members.entry(key.as_str()).or_insert(Value::Null);
    }
    *place = value.clone();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Method, PaginatorSpec, RowSelection};

    fn endpoint(url: &str, params: &[(&str, &str)], json: Option<Value>) -> Endpoint {
        Endpoint {
            url: url::Url::parse(url).expect("a URL"),
            method: Method::Get,
            params: params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            headers: vec![],
            json,
            data: None,
            is_graphql: false,
            auth: None,
            secrets: vec![],
            actions: Arc::default(),
            paginator: PaginatorSpec::SinglePage,
            format: crate::plan::BodyFormat::default(),
            rows: RowSelection::Detect,
        }
    }

    #[test]
    fn a_query_parameter_takes_the_place_of_its_namesake() {
        let place = ParameterPlace::Query("o".into());
        let parameters = [Parameter { place: &place, value: 7.into() }];
        let endpoint = endpoint("http://h/x?o=1&p=2", &[("a", "1"), ("o", "5"), ("b", "2"), ("o", "6")], None);
        let request = request(&endpoint, &Position::Only, &parameters);
        assert_eq!(request.url.as_str(), "http://h/x?p=2");
        let params: Vec<String> = request.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(params, ["a=1", "o=7", "b=2"]);
    }

    #[test]
    fn a_body_path_makes_its_objects() {
        let place = ParameterPlace::Body(vec!["page".into(), "offset".into()]);
        let parameters = [Parameter { place: &place, value: 7.into() }];
        let json = |json| {
            request(&endpoint("http://h/x", &[], json), &Position::Only, &parameters).json.map(|json| json.to_string())
        };
        assert_eq!(json(None).as_deref(), Some(r#"{"page":{"offset":7}}"#));
        let configured = serde_json::json!({"page": {"offset": 1, "size": 2}, "q": "x"});
        assert_eq!(json(Some(configured)).as_deref(), Some(r#"{"page":{"offset":7,"size":2},"q":"x"}"#));
    }
}
