//! Where secrets are found, and that they are never shown.

use super::{Surroundings, load, yaml};
use crate::config::Options;
use crate::plan::Auth;

fn key(auth: Option<Auth>) -> String {
    match auth {
        Some(Auth::ApiKey { key, .. }) => key.expose().to_owned(),
        Some(_) | None => "none".to_owned(),
    }
}

const CONFIG: &str =
    "name: p\nclient: {base_url: https://a.b, paginator: single_page, auth: {type: api_key}}\nresources: [r]\n";

#[test]
fn a_key_that_is_left_out_is_looked_up_as_dlt_does() {
    let all = [
        ("CREDENTIALS__API_KEY", "5"),
        ("SOURCES__CREDENTIALS__API_KEY", "4"),
        ("SOURCES__REST_API__CREDENTIALS__API_KEY", "3"),
        ("P__CREDENTIALS__API_KEY", "2"),
        ("P__SOURCES__REST_API__CREDENTIALS__API_KEY", "1"),
    ];
    for (count, expected) in (1..=all.len()).zip(["5", "4", "3", "2", "1"]) {
        assert_eq!(key(yaml(CONFIG).env(&all[..count]).resource().endpoint.auth), expected);
    }
    let problems = yaml(CONFIG).problems();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with(
            "config.yaml:2:63: the secret `api_key` is not set; looked at the environment variables \
                                     `P__SOURCES__REST_API__CREDENTIALS__API_KEY`,"
        ),
        "{problems:?}"
    );
}

#[test]
fn files_of_secrets_are_read_beside_the_config_and_in_the_working_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let working = tempfile::tempdir().expect("a folder");
    for (base, text) in
        [(&folder, "[sources.rest_api.credentials]\napi_key = 'beside'\n"), (&working, "api_key = 'working'\nn = 3\n")]
    {
        std::fs::create_dir(base.path().join(".dlt")).expect("a folder");
        std::fs::write(base.path().join(".dlt/secrets.toml"), text).expect("a file");
    }
    let surroundings = Surroundings::new([], working.path());
    let options = Options { surroundings, ..Options::default() };
    let path = folder.path().join("c.yaml");
    std::fs::write(&path, CONFIG).expect("a file");
    let plan = load(&path, &options).expect("a plan");
    assert_eq!(key(plan.resources[0].endpoint.auth.clone()), "beside");

    let path = folder.path().join("c.py");
    let script = "rest_api_source({'client': {'base_url': 'https://a.b', 'paginator': 'single_page', 'auth': \
                  {'type': 'api_key', 'api_key': dlt.secrets['KEY']}}, 'resources': ['r']})";
    std::fs::write(&path, script.replace("KEY", "api_key")).expect("a file");
    let plan = load(&path, &options).expect("a plan");
    assert_eq!(key(plan.resources[0].endpoint.auth.clone()), "working");

    std::fs::write(&path, script.replace("KEY", "n")).expect("a file");
    let problems = load(&path, &options).expect_err("a problem").to_string();
    assert!(problems.ends_with("`api_key` must be a string, not an integer"), "{problems}");
}

#[test]
fn variables_stand_inside_texts() {
    let text = "client: {base_url: 'https://${env:HOST}/v1', paginator: {type: offset, limit: '${env:LIMIT}'}}\nresources:\n\
                - {name: r, endpoint: {params: {a: 'x${env:A}{{y}}'}}}\n";
    let case = yaml(text).env(&[("HOST", "a.b"), ("LIMIT", "7"), ("A", "{q}")]);
    let endpoint = case.resource().endpoint;
    assert_eq!(endpoint.url.as_str(), "https://a.b/v1/r");
    assert_eq!(endpoint.params, [("a".to_owned(), "x{q}{y}".to_owned())]);
    assert_eq!(
        yaml("client: {base_url: '${env:HOST'}\nresources: ['${env:R}']").problems(),
        [
            "config.yaml:1:20: `${env:` is not followed by a name and `}`",
            "config.yaml:2:13: the environment variable `R` is not set",
        ]
    );
}

#[test]
fn no_message_and_no_debug_form_shows_a_secret() {
    let text = "name: \"${env:S}\\n\"\nclient: {base_url: '${env:S}', paginator: '${env:S}', timeout: '${env:S}', auth: {type: '${env:S}'},\n\
                \x20 headers: {A: '${env:S}'}}\nlimits: {memory: '${env:S}'}\nresources:\n- name: r\n\
                \x20 write_disposition: '${env:S}'\n  columns: {a: {data_type: '${env:S}'}}\n  naming: '${env:S}'\n\
                \x20 endpoint: {method: '${env:S}', data_selector: '${env:S}', path: '${env:S}/{x}'}\n";
    let case = yaml(text).env(&[("S", "canary[")]);
    let problems = format!("{:?} {}", case.problems(), case.load().expect_err("problems"));
    assert!(problems.contains("***") && !problems.contains("canary"), "{problems}");
    let text = "client: {base_url: 'https://u:${env:S}@a.b', paginator: single_page, headers: {A: '${env:S}'}}\n\
                destination: {uri: ./x, storage_options: {k: '${env:S}'}}\n\
                resources:\n- {name: r, endpoint: {params: {p: '${env:S}'}, json: {j: '${env:S}'}, auth: {type: api_key, api_key: '${env:S}'}}}\n";
    let plan = format!("{:?}", yaml(text).env(&[("S", "canary")]).plan());
    assert!(!plan.contains("canary"), "{plan}");
}
