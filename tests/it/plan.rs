//! What `plan` and `import` say of configs: as dlt 1.31 understands them, in every language.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::command::alluvium;

struct Planned {
    code: i32,
    plan: Value,
}

async fn plan(file: &str, text: &str) -> Planned {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(file), text).expect("a file");
    let output = alluvium(folder.path(), &["plan", file, "--output", "json"]).await;
    let plan = serde_json::from_slice(&output.stdout).expect("JSON on every exit");
    Planned { code: output.status.code().expect("no signal"), plan }
}

/// Configs with dlt's verdict, and its expansion of those that it takes.
fn configs() -> Vec<Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/dlt_configs.jsonl");
    let text = std::fs::read_to_string(path).expect("the file of configs");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// dlt's classes of paginators, and its attributes where ours are named otherwise.
fn paginator(expanded: &Value) -> Value {
    let Some(class) = expanded["class"].as_str() else { return json!({"type": "auto"}) };
    let (kind, names): (&str, &[(&str, &str)]) = match class {
        "JSONLinkPaginator" => ("json_link", &[]),
        "HeaderLinkPaginator" => ("header_link", &[]),
        "HeaderCursorPaginator" => ("header_cursor", &[]),
        "SinglePagePaginator" => ("single_page", &[]),
        "JSONResponseCursorPaginator" => ("cursor", &[]),
        "PageNumberPaginator" => (
            "page_number",
            &[
                ("param_name", "page_param"),
                ("param_body_path", "page_body_path"),
                ("initial_value", "page"),
                ("base_index", "base_page"),
                ("maximum_value", "maximum_page"),
            ],
        ),
        "OffsetPaginator" => (
            "offset",
            &[
                ("param_name", "offset_param"),
                ("param_body_path", "offset_body_path"),
                ("initial_value", "offset"),
                ("maximum_value", "maximum_offset"),
            ],
        ),
        other => panic!("a paginator that is not known: {other}"),
    };
    let names: BTreeMap<&str, &str> = names.iter().copied().collect();
    let mut paginator = json!({ "type": kind });
    for (key, value) in expanded.as_object().expect("an object") {
        // What dlt derives from the others.
        let is_derived = matches!(key.as_str(), "class" | "value_step") || kind == "offset" && key == "base_index";
        if !is_derived {
            paginator[*names.get(key.as_str()).unwrap_or(&key.as_str())] = value.clone();
        }
    }
    paginator
}

/// A JSONPath in one of its spellings.
fn spelled(path: &Value) -> Value {
    match path.as_str() {
        Some(path) => {
            path.replace("']['", ".").replace("'.'", ".").replace(".[", "[").replace(['[', ']', '\''], "").into()
        }
        None => path.clone(),
    }
}

fn compare(name: &str, resource: &str, ours: &Value, dlts: &Value) {
    for key in ["parent", "method", "path", "params", "json", "data", "headers", "data_selector", "primary_key"] {
        assert_eq!(ours[key], dlts[key], "`{key}` of {resource} in {name}");
    }
    let written = Some(&dlts["write_disposition"]).filter(|written| !written.is_null());
    assert_eq!(ours["write_disposition"], *written.unwrap_or(&json!("append")), "{resource} in {name}");
    assert_eq!(ours["table"], dlts["table"]["name"], "{resource} in {name}");
    for (key, value) in dlts["incremental"].as_object().into_iter().flatten() {
        assert_eq!(ours["incremental"][key], *value, "`incremental.{key}` of {resource} in {name}");
    }
}

#[tokio::test]
async fn configs_mean_what_they_mean_to_dlt() {
    for config in configs() {
        let name = config["name"].as_str().expect("a name");
        let planned = plan("config.json", &config["config"].to_string()).await;
        if config["expect"] == "error" && name != "unknown_client_key" {
            assert_eq!(planned.code, 2, "{name} is refused: {:#}", planned.plan);
            for error in planned.plan["errors"].as_array().expect("errors") {
                let at = error["at"].as_str().expect("a place");
                assert!(at.starts_with("config.json:1:"), "{name}: {at}");
            }
            continue;
        }
        assert_eq!(planned.code, 0, "{name}: {:#}", planned.plan);
        let expanded = &config["expanded"]["expanded"];
        if expanded.is_null() {
            continue;
        }
        assert_eq!(planned.plan["order"], expanded["order"], "{name}");
        for (resource, dlts) in expanded["resources"].as_object().expect("resources") {
            let ours = &planned.plan["resources"][resource];
            compare(name, resource, ours, dlts);
            let own = &dlts["endpoint_paginator"];
            let expected = paginator(if own.is_null() { &expanded["client_paginator"] } else { own });
            for (key, value) in expected.as_object().expect("an object") {
                let (found, value) = (&ours["paginator"][key], value);
                let is_path = key.ends_with("_path");
                let (found, value) =
                    if is_path { (spelled(found), spelled(value)) } else { (found.clone(), value.clone()) };
                assert_eq!(found, value, "`paginator.{key}` of {resource} in {name}");
            }
        }
    }
}

const PYTHON: &str = r#"
import os
import dlt
from dlt.sources.rest_api import rest_api_source
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator

BASE = "https://api.example.com"

def source():
    return rest_api_source({
        "client": {
            "base_url": f"{BASE}/v1",
            "auth": BearerTokenAuth(token=dlt.secrets["api.token"]),
            "headers": {"X-Env": os.environ["STAGE"], "X-On": os.getenv("SWITCH", "off")},
            "paginator": OffsetPaginator(limit=50, total_path=None),
        },
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": [
            "users",
            {
                "name": "events",
                "endpoint": {
                    "path": "users/{resources.users.id}/events",
                    "params": {"since": "{incremental.start_value}", "k": ["a", "b" + "c"], "yes": "yes"},
                    "incremental": dlt.sources.incremental("at", initial_value="2024-01-01", last_value_func=max, lag=1.5),
                },
                "include_from_parent": ["id"],
            },
        ],
    })

pipeline = dlt.pipeline(pipeline_name="shop", destination="filesystem", dataset_name="raw")
"#;

const YAML: &str = r#"
name: shop
dataset: raw
client:
  base_url: https://api.example.com/v1
  auth: {type: bearer, token: "${secret:api.token}"}
  headers: {X-Env: "${env:STAGE}", X-On: "${env:SWITCH:-off}"}
  paginator: {type: offset, limit: 50, total_path: null}
resource_defaults: {primary_key: id, write_disposition: merge}
resources:
- users
- name: events
  endpoint:
    path: users/{resources.users.id}/events
    params: {since: "{incremental.start_value}", k: [a, bc], "yes": "yes"}
    incremental: {cursor_path: at, initial_value: "2024-01-01", last_value_func: max, lag: 1.5}
  include_from_parent: [id]
"#;

const TOML: &str = r#"
name = "shop"
dataset = "raw"
resource_defaults = {primary_key = "id", write_disposition = "merge"}

[client]
base_url = "https://api.example.com/v1"
auth = {type = "bearer", token = "${secret:api.token}"}
headers = {X-Env = "${env:STAGE}", X-On = "${env:SWITCH:-off}"}
# TOML has no null; the empty text switches a path off.
paginator = {type = "offset", limit = 50, total_path = ""}

[[resources]]
name = "users"

[[resources]]
name = "events"
include_from_parent = ["id"]
[resources.endpoint]
path = "users/{resources.users.id}/events"
params = {since = "{incremental.start_value}", k = ["a", "bc"], yes = "yes"}
incremental = {cursor_path = "at", initial_value = "2024-01-01", last_value_func = "max", lag = 1.5}
"#;

fn json_form() -> String {
    json!({
        "name": "shop",
        "dataset": "raw",
        "client": {
            "base_url": "https://api.example.com/v1",
            "auth": {"type": "bearer", "token": "${secret:api.token}"},
            "headers": {"X-Env": "${env:STAGE}", "X-On": "${env:SWITCH:-off}"},
            "paginator": {"type": "offset", "limit": 50, "total_path": null},
        },
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": ["users", {
            "name": "events",
            "endpoint": {
                "path": "users/{resources.users.id}/events",
                "params": {"since": "{incremental.start_value}", "k": ["a", "bc"], "yes": "yes"},
                "incremental": {"cursor_path": "at", "initial_value": "2024-01-01", "last_value_func": "max", "lag": 1.5},
            },
            "include_from_parent": ["id"],
        }],
    })
    .to_string()
}

#[tokio::test]
async fn one_config_is_the_same_plan_in_every_language() {
    let python = plan("config.py", PYTHON).await;
    assert_eq!(python.code, 0, "{:#}", python.plan);
    assert_eq!(python.plan["missing_secrets"], json!(["STAGE", "api.token"]));
    assert_eq!(python.plan["unsupported"], json!([]));
    assert_eq!(python.plan["resources"]["events"]["incremental"]["lag"], 1.5);
    for (file, text) in [("config.yaml", YAML), ("config.toml", TOML), ("config.json", &json_form())] {
        assert_eq!(plan(file, text).await.plan, python.plan, "{file}");
    }
}

#[tokio::test]
async fn an_imported_script_is_the_same_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("config.py"), PYTHON).expect("a file");
    let output = alluvium(folder.path(), &["import", "config.py"]).await;
    assert!(output.status.success());
    let yaml = String::from_utf8(output.stdout).expect("a text");
    assert!(yaml.starts_with("name: shop\ndataset: raw\n") && yaml.contains("\"${secret:api.token}\""), "{yaml}");
    assert_eq!(plan("config.yaml", &yaml).await.plan, plan("config.py", PYTHON).await.plan);
}

#[tokio::test]
async fn what_cannot_be_done_is_listed_by_plan_and_refused_by_run() {
    let text = "client: {base_url: 'https://a.b', auth: {token: '${env:TOKEN_OF_NOBODY}'}}\nresources:\n\
                - {name: r, nested_hints: {}, endpoint: {params: {q: 'x${env:TOKEN_OF_NOBODY}'}}}\n";
    let planned = plan("config.yaml", text).await;
    assert_eq!(planned.code, 0, "{:#}", planned.plan);
    assert_eq!(planned.plan["unsupported"], json!(["config.yaml:3:13: `nested_hints` is not supported yet"]));
    assert_eq!(planned.plan["missing_secrets"], json!(["TOKEN_OF_NOBODY"]));
    assert_eq!(planned.plan["resources"]["r"]["params"], json!({"q": "***"}));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("config.yaml"), text).expect("a file");
    let output = alluvium(folder.path(), &["run", "config.yaml", "--to", "lake"]).await;
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("`nested_hints` is not supported yet") && stderr.contains("TOKEN_OF_NOBODY"), "{stderr}");
}

#[tokio::test]
async fn a_secret_that_is_there_is_not_shown() {
    let text = "client: {base_url: 'https://a.b', headers: {X: '${env:API_KEY}'}}\nresources:\n\
                - {name: r, endpoint: {path: 'x/{k}', params: {k: '${env:API_KEY}', q: '${env:API_KEY}'}}}\n";
    let planned = plan("config.yaml", text).await;
    let shown = planned.plan.to_string();
    assert!(!shown.contains(crate::support::command::CANARY), "{shown}");
    assert_eq!(planned.plan["resources"]["r"]["path"], "x/{k}");
    assert_eq!(planned.plan["resources"]["r"]["params"], json!({"q": "***"}));
}
