//! Python scripts, read without running them.

use super::{python, to_yaml};
use crate::plan::{ApiKeyLocation, Auth, Method, PaginatorSpec, ParameterPlace, Secret, WriteDisposition};

const ISSUE: &str = r#"import dlt
from dlt.sources.rest_api import rest_api_source

source = rest_api_source({
    "client": {
        "base_url": "https://api.example.com",
        "auth": {
            "type": "api_key",
            "name": "api_key",
            "api_key": dlt.secrets["api_key"],
            "location": "query"
        }
    },
    "resource_defaults": {
        "primary_key": "id",
        "write_disposition": "merge"
    },
    "resources": [
        {
            "name": "resource_name",
            "endpoint": {
                "path": "/v1/resource",
                "data_selector": "data",
                "paginator": {
                    "type": "offset",
                    "limit": 100
                }
            }
        }
    ]
})
"#;

#[test]
fn the_script_of_the_issue_is_understood() {
    let case = python(ISSUE).env(&[("API_KEY", "canary")]);
    let resource = case.resource();
    assert_eq!(resource.name.as_str(), "resource_name");
    assert_eq!(resource.table.as_str(), "resource_name");
    assert_eq!(resource.endpoint.url.as_str(), "https://api.example.com/v1/resource");
    assert_eq!(resource.endpoint.method, Method::Get);
    assert_eq!(resource.write, WriteDisposition::Merge(crate::plan::Merge::by(vec!["id".into()])));
    let auth = Auth::ApiKey { name: "api_key".into(), key: Secret::new("canary"), location: ApiKeyLocation::Query };
    assert_eq!(resource.endpoint.auth, Some(auth));
    let PaginatorSpec::Offset(offset) = resource.endpoint.paginator else { panic!("not offset") };
    assert_eq!((offset.limit.get(), offset.offset, offset.stop_after_empty_page), (100, 0, true));
    assert_eq!(offset.offset_place, ParameterPlace::Query("offset".into()));
    assert_eq!(offset.limit_place, ParameterPlace::Query("limit".into()));
    assert!(offset.total_path.is_some());
    let plan = case.plan();
    assert_eq!((plan.pipeline.as_str(), plan.target.to_string().as_str()), ("config", "./lake"));
}

#[test]
fn the_script_of_the_issue_without_its_secret_says_where_it_looked() {
    assert_eq!(
        python(ISSUE).problems(),
        ["config.py:10:24: the secret `api_key` is not set; looked at the environment variables `API_KEY`, \
          `SOURCES__REST_API__API_KEY`, `SOURCES__API_KEY` and at the keys `api_key`, `sources.rest_api.api_key`, \
          `sources.api_key` of the files `/nowhere/.dlt/secrets.toml` (set the environment variable `API_KEY`)"]
    );
}

fn script(before: &str, resource: &str) -> super::Case {
    python(&format!(
        "import os\nimport dlt\nfrom dlt.sources.rest_api import rest_api_source, RESTAPIConfig\n{before}\n\
         source = rest_api_source({{\"client\": {{\"base_url\": \"https://a.b\", \"paginator\": \"single_page\"}}, \
         \"resources\": [{resource}]}})\n"
    ))
}

#[test]
fn names_stand_for_what_they_are_bound_to_once() {
    let case = script("PATH = 'a' 'b'\nN = -5", "{'name': 'r', 'endpoint': {'path': PATH + '/c', 'params': {'n': N}}}");
    let endpoint = case.resource().endpoint;
    assert_eq!(endpoint.url.as_str(), "https://a.b/ab/c");
    assert_eq!(endpoint.params, [("n".to_owned(), "-5".to_owned())]);
}

#[test]
fn a_name_with_two_meanings_is_refused() {
    assert_eq!(
        script("P = {}\nP.pop('path')", "{'name': 'r', 'endpoint': P}").problems(),
        ["config.py:6:134: `P` is changed after it is bound, at config.py:5:1; only static values can be read"]
    );
    assert_eq!(
        script("for P in 'ab': pass", "{'name': 'r', 'endpoint': P}").problems(),
        ["config.py:5:134: `P` is not bound to a literal in this file; only static values can be read"]
    );
    assert_eq!(
        script("P = [P]", "{'name': 'r', 'endpoint': P}").problems(),
        [
            "config.py:4:5: `endpoint` must be a string or a map, not a list",
            "config.py:4:5: the config is nested too deeply, is too large or refers to itself",
        ]
    );
}

#[test]
fn what_is_not_static_is_named() {
    let resource = "{'name': f(1), 'endpoint': lambda: 1}, {**x, 1: 2}, [y for y in z], 3j, TenantAuth(tok='x')";
    assert_eq!(
        script("", resource).problems(),
        [
            "config.py:5:117: a call of `f` cannot be read; only static values can",
            "config.py:5:135: a lambda cannot be read; only static values can (say it without Python: `processing_steps` take \
             expressions of jq, such as `{\"filter\": \".id > 1\"}`, `response_actions` the words `ignore`, `fail` and `retry`, \
             and `convert` `unix`, `unix_ms`, `iso` or a pattern)",
            "config.py:5:147: `name` is missing in `resources[1]`",
            "config.py:5:150: `x` is not bound to a literal in this file; only static values can be read",
            "config.py:5:153: a key must be a string, not an integer",
            "config.py:5:172: `z` is not bound to a literal in this file; only static values can be read",
            "config.py:5:176: a complex number cannot be read; only static values can",
            "config.py:5:180: a call of `TenantAuth` cannot be read; only static values can \
             (the auths that can be read are `BearerTokenAuth`, `HttpBasicAuth`, `APIKeyAuth`, `OAuth2ClientCredentials` and `OAuthJWTAuth`)",
        ]
    );
}

#[test]
fn texts_are_put_together_with_what_is_looked_up() {
    let resource = "{'name': 'r', 'endpoint': {'headers': {\
                    'A': f'Bearer {dlt.secrets[\"a.token\"]} {{x}} {2}'.strip if False else f'Bearer {dlt.secrets[\"a.token\"]}', }}}";
    assert_eq!(script("", resource).problems().len(), 1);
    let resource = "{'name': 'r', 'endpoint': {'headers': {\
                    'A': f'Bearer {dlt.secrets[\"a.token\"]}' ' x' f' {{{{}}}} {2}', \
                    'B': 'k-' + os.environ['B'], 'C': os.getenv('C', 'c'), 'D': os.environ.get('D')}}}";
    let case = script("", resource).env(&[("A__TOKEN", "t{1}"), ("B", "b")]);
    let headers = [("A", "Bearer t{1} x {} 2"), ("B", "k-b"), ("C", "c")];
    assert_eq!(case.resource().endpoint.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!format!("{:?}", case.plan()).contains("t{1}"));
}

#[test]
fn a_config_is_found_by_annotation_and_in_functions() {
    let text = r#"
import dlt as d
from dlt.sources import rest_api as api

@d.source
def shop(token=d.secrets.value):
    config: api.RESTAPIConfig = {
        "client": {"base_url": "https://a.b", "auth": {"type": "api_key", "api_key": token}, "paginator": "single_page"},
        "resources": ("r",),
    }
    yield from api.rest_api_resources(config)

if __name__ == "__main__":
    pipeline = d.pipeline(pipeline_name="shop", destination="/data/lake", dataset_name="raw")
    pipeline.run(shop())
"#;
    let case = python(text).env(&[("TOKEN", "canary")]);
    let plan = case.plan();
    assert_eq!((plan.pipeline.as_str(), plan.target.to_string().as_str()), ("shop", "/data/lake/raw"));
    assert!(case.resource().endpoint.auth.is_some());
    let annotated = "config: RESTAPIConfig = {'client': {'base_url': 'https://a.b'}, 'resources': []}";
    assert!(python(annotated).plan().resources.is_empty());
}

#[test]
fn the_source_and_the_pipeline_have_names() {
    let text = "rest_api_source(config=C, name='s')\nC = {'client': {'base_url': 'https://a.b', 'auth': 'api_key'}, \
                'resources': []}\ndlt.pipeline('p', destination='duckdb')";
    let case = python(text).env(&[("P__SOURCES__REST_API__S__CREDENTIALS__API_KEY", "k")]);
    assert_eq!(case.plan().pipeline.as_str(), "p");
    let text = "rest_api_source(name='s', config={'client': {'base_url': 'https://a.b'}, 'resources': []})";
    assert_eq!(python(text).plan().pipeline.as_str(), "s");
}

#[test]
fn scripts_without_one_config_are_refused() {
    assert_eq!(
        python("x = 1").problems(),
        ["config.py: no call of `rest_api_source` with a config and no name annotated as `RESTAPIConfig` was found"]
    );
    assert_eq!(
        python("rest_api_source({})\nrest_api_source({'a': 1})").problems(),
        ["config.py:2:17: the script has more than one config; only one can be read \
             (choose one with `--source`: `config.py:1:17`, `config.py:2:17`)"]
    );
    assert_eq!(python("rest_api_source({").problems().len(), 1);
    assert_eq!(python(&"[".repeat(5000)).problems(), ["config.py:1:101: brackets are nested deeper than 100 levels"]);
}

/// What is written as YAML says what the script says, or is refused.
#[test]
fn look_ups_are_imported_as_they_are_or_refused() {
    let imported = |value: &str| {
        let resource = format!("{{'name': 'r', 'endpoint': {{'params': {{'a': {value}}}}}}}");
        let yaml = to_yaml(&script("", &resource).source, None).map_err(|problems| problems.to_string());
        yaml.map(|yaml| yaml.lines().find(|line| line.contains("a:")).expect("it is there").trim().to_owned())
    };
    let table = [
        ("os.environ['A']", "a: \"${env:A}\""),
        ("os.getenv('A', 'x')", "a: \"${env:A:-x}\""),
        ("f\"b{os.environ['A']}c\"", "a: \"b${env:A}c\""),
        // It was the text `None`, which is nothing of the kind.
        ("os.getenv('A')", "a: \"${env:A}\""),
    ];
    for (value, expected) in table {
        assert_eq!(imported(value).as_deref(), Ok(expected), "{value}");
    }
    let refused = [
        ("os.environ['A}B']", "`${env:A}B}` would be looked up otherwise in YAML"),
        ("os.getenv('A', 'x}y')", "`${env:A:-x}y}` would be looked up otherwise in YAML"),
        ("os.environ[' A']", "`${env: A}` would be looked up otherwise in YAML"),
        ("'${env:B}' + os.environ['A']", "`${env:B}${env:A}` would be looked up otherwise in YAML"),
        ("os.getenv('A', 5)", "the default of a look-up is no text"),
    ];
    for (value, expected) in refused {
        let said = imported(value).expect_err(value);
        assert!(said.ends_with(&format!("cannot be written as YAML: {expected}")), "{value}: {said}");
    }
}

#[test]
fn a_name_that_is_none_gives_way_to_that_of_the_source() {
    let script = "rest_api_source({'client': {'base_url': 'https://a.b'}, 'name': None, 'resources': ['r']}, 's')";
    let case = python(script);
    assert_eq!(case.plan().pipeline.as_str(), "s");
    let yaml = to_yaml(&case.source, None).expect("it is written");
    assert_eq!(yaml.lines().filter(|line| line.starts_with("name:")).collect::<Vec<_>>(), ["name: s"]);
}

#[test]
fn a_key_that_is_too_long_for_yaml_is_refused() {
    let imported = |length: usize| {
        let resource = format!("{{'name': 'r', 'endpoint': {{'params': {{'{}': 1}}}}}}", "k".repeat(length));
        to_yaml(&script("", &resource).source, None).map_err(|problems| problems.to_string())
    };
    let yaml = imported(1_024).expect("it is written");
    let plain = script("", &format!("{{'name': 'r', 'endpoint': {{'params': {{'{}': 1}}}}}}", "k".repeat(1_024)));
    assert_eq!(super::yaml(&yaml).plan().resources[0].endpoint.params, plain.plan().resources[0].endpoint.params);
    assert!(imported(1_025).expect_err("it is refused").contains("a key has more than 1024 characters"));
}
