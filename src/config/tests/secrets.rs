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
fn every_auth_takes_what_is_left_out_from_the_same_places() {
    let table = [
        ("bearer", vec![("TOKEN", "t")], "Bearer"),
        ("http_basic", vec![("USERNAME", "u"), ("PASSWORD", "p")], "Basic"),
        (
            "oauth2_client_credentials",
            vec![("ACCESS_TOKEN_URL", "https://a.b/t"), ("CLIENT_ID", "i"), ("CLIENT_SECRET", "s")],
            "OAuth2",
        ),
        ("api_key", vec![("API_KEY", "k")], "ApiKey"),
    ];
    for (auth, fields, expected) in table {
        let config = format!("name: p\nclient: {{base_url: https://a.b, auth: {auth}}}\nresources: [r]\n");
        for prefix in ["P__SOURCES__REST_API__", "SOURCES__REST_API__", "SOURCES__", ""] {
            let variables: Vec<(String, String)> = fields
                .iter()
                .map(|(name, value)| (format!("{prefix}CREDENTIALS__{name}"), (*value).to_owned()))
                .collect();
            let mut case = yaml(&config);
            case.options.surroundings = Surroundings::new(variables, "/nowhere");
            let found = format!("{:?}", case.resource().endpoint.auth);
            assert!(found.contains(expected), "{auth} {prefix}: {found}");
        }
    }
}

#[test]
fn the_source_of_a_script_has_sections_of_its_own() {
    let script = "rest_api_source({'client': {'base_url': 'https://a.b', 'paginator': 'single_page', 'auth': 'api_key'}, \
                  'resources': ['r']}, name='mysrc')";
    let all = [
        ("CREDENTIALS__API_KEY", "5"),
        ("SOURCES__CREDENTIALS__API_KEY", "4"),
        ("SOURCES__MYSRC__CREDENTIALS__API_KEY", "3"),
        ("SOURCES__REST_API__CREDENTIALS__API_KEY", "2"),
        ("SOURCES__REST_API__MYSRC__CREDENTIALS__API_KEY", "1"),
    ];
    for count in 1..=all.len() {
        let case = super::python(script).env(&all[..count]);
        assert_eq!(key(case.resource().endpoint.auth), all[count - 1].1);
    }
}

#[test]
fn a_container_has_its_secrets_in_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let container = folder.path().join("run");
    let name = "sources--rest-api--credentials--api-key";
    std::fs::create_dir(&container).expect("a folder");
    std::fs::write(container.join(name), "docker\n").expect("a file");
    let mut case = yaml(CONFIG);
    let variables = [("SOURCES__CREDENTIALS__API_KEY".to_owned(), "later".to_owned())];
    case.options.surroundings = Surroundings::new(variables.clone(), "/nowhere").with_secrets_in(&container);
    assert_eq!(key(case.resource().endpoint.auth), "docker");
    std::fs::remove_file(container.join(name)).expect("removed");
    assert_eq!(key(case.resource().endpoint.auth), "later");
    std::fs::create_dir(container.join(name)).expect("a folder");
    std::fs::write(container.join(name).join(name), "kubernetes").expect("a file");
    assert_eq!(key(case.resource().endpoint.auth), "kubernetes");
    case.options.surroundings = Surroundings::new([], "/nowhere").with_secrets_in("/no/secrets");
    let problem = case.problems().remove(0);
    assert!(problem.contains("at the files `/no/secrets/p--sources--rest-api--credentials--api-key`,"), "{problem}");
}

#[test]
fn files_for_all_projects_come_last() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("home/.dlt/secrets.toml", "[credentials]\napi_key = 'home'\n");
    write("data/dlt/secrets.toml", "[sources.credentials]\napi_key = 'data'\n");
    let case = |variables: &[&str]| {
        let set = |name: &&str| {
            let value = folder.path().join(if *name == "HOME" { "home" } else { "data" });
            ((*name).to_owned(), value.display().to_string())
        };
        let mut case = yaml(CONFIG);
        case.options.surroundings = Surroundings::new(variables.iter().map(set), folder.path().join("work"));
        case
    };
    assert_eq!(key(case(&["HOME"]).resource().endpoint.auth), "home");
    assert_eq!(key(case(&["HOME", "XDG_DATA_HOME"]).resource().endpoint.auth), "data");
    write("work/.dlt/secrets.toml", "[credentials]\napi_key = 'work'\n");
    assert_eq!(key(case(&["HOME"]).resource().endpoint.auth), "work");
    let problem = yaml(CONFIG).env(&[("HOME", "/home/me")]).problems().remove(0);
    assert!(problem.contains("`/home/me/.dlt/secrets.toml`"), "{problem}");
}

#[test]
fn files_stand_inside_texts() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("token"), "canary}{\r\n").expect("a file");
    let texts = [
        (
            "c.yaml",
            "client: {base_url: 'https://a.b'}\nresources: [{name: r, endpoint: {params: {a: 'x ${file:token} ${env:E}'}}}]",
        ),
        (
            "c.json",
            r#"{"client": {"base_url": "https://a.b"}, "resources": [{"name": "r", "endpoint": {"params": {"a": "x ${file:token} ${env:E}"}}}]}"#,
        ),
        (
            "c.toml",
            "client.base_url = 'https://a.b'\n[[resources]]\nname = 'r'\nendpoint.params.a = 'x ${file:token} ${env:E}'",
        ),
    ];
    for (name, text) in texts {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        let surroundings = Surroundings::new([("E".to_owned(), "e".to_owned())], "/nowhere");
        let options = Options { surroundings, ..Options::default() };
        let plan = load(&path, &options).unwrap_or_else(|problems| panic!("{problems}"));
        let endpoint = &plan.resources[0].endpoint;
        assert_eq!(endpoint.params[0].1, "x canary}{ e", "{name}");
        assert!(endpoint.holds_secret("canary}{") && !format!("{plan:?}").contains("canary"));
    }
    assert_eq!(
        yaml("client: {base_url: '${file:'}\nresources: ['${file:no/such}']").problems(),
        [
            "config.yaml:1:20: `${file:` is not followed by a path and `}`",
            "config.yaml:2:13: there is no file `/nowhere/no/such` (the path counts from the config's folder)",
        ]
    );
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
