//! Configs in the four languages, mutated: whatever they say, they are understood or refused, in time and without a secret shown.
//! How to run one target for longer: `crate::fuzzing`.

use fastrand::Rng;
use serde_json::Value as Json;

use super::fuzz_words::{KEYS, VALUES, WORDS};
use super::*;
use crate::config::placeholders::{LooseBrace, Part, parts};
use crate::config::text_format;
use crate::config::tree::Text;
use crate::fuzzing::{Target, tear};

/// What is looked up, and never shown.
const SECRET: &str = "qzcanaryzq";

/// Configs that dlt takes and refuses, as JSON; a line each.
const SEEDS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/dlt_configs.jsonl"));

fn configs() -> Vec<Json> {
    let lines = SEEDS.lines().map(|line| serde_json::from_str::<Json>(line).expect("JSON"));
    lines.map(|line| line["config"].clone()).collect()
}

/// Changes a value somewhere below.
fn alter(random: &mut Rng, value: &mut Json, donor: &Json) {
    let goes_on = random.u8(..5) > 0;
    match value {
        Json::Array(items) if goes_on && !items.is_empty() => {
            let at = random.usize(..items.len());
            return alter(random, &mut items[at], donor);
        }
        Json::Object(entries) if goes_on && !entries.is_empty() => {
            let at = random.usize(..entries.len());
            let key = entries.keys().nth(at).expect("it is there").clone();
            match random.u8(..12) {
                0 => drop(entries.remove(&key)),
                1 | 2 => drop(entries.insert(random.choice(KEYS).expect("some").to_owned(), new(random))),
                _ => alter(random, entries.get_mut(&key).expect("it is there"), donor),
            }
            return;
        }
        _ => {}
    }
    *value = match random.u8(..6) {
        0 => Json::Array(vec![value.take(); random.usize(1..3)]),
        1 => serde_json::json!({ random.choice(KEYS).expect("some"): value.take() }),
        2 => part(random, donor).clone(),
        _ => new(random),
    };
}

fn new(random: &mut Rng) -> Json {
    serde_json::from_str(random.choice(VALUES).expect("some")).expect("JSON")
}

/// Some value below.
fn part<'j>(random: &mut Rng, value: &'j Json) -> &'j Json {
    let below: Vec<&Json> = match value {
        Json::Array(items) => items.iter().collect(),
        Json::Object(entries) => entries.values().collect(),
        _ => Vec::new(),
    };
    match random.choice(below) {
        Some(below) if random.u8(..4) > 0 => part(random, below),
        _ => value,
    }
}

/// A config that is changed in some places, and the words of another one.
fn config(random: &mut Rng) -> (Json, Json) {
    let configs = configs();
    let mut config = random.choice(&configs).expect("some").clone();
    let other = random.choice(&configs).expect("some").clone();
    for _ in 0..random.usize(..6) {
        alter(random, &mut config, &other);
    }
    (config, other)
}

fn torn(random: &mut Rng, spelled: fn(&Json) -> String) -> Vec<u8> {
    let (config, other) = config(random);
    let (mut text, other) = (spelled(&config).into_bytes(), spelled(&other).into_bytes());
    if random.bool() {
        for _ in 0..random.usize(1..5) {
            tear(random, &mut text, &other, &WORDS);
        }
    }
    text
}

fn as_yaml(config: &Json) -> String {
    let json = config.to_string();
    to_yaml(&case("config.json", &json).source, None).unwrap_or(json)
}

fn as_toml(config: &Json) -> String {
    let members = config.as_object().into_iter().flatten();
    members
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| format!("{} = {}\n", text(key), inline(value)))
        .collect()
}

fn text(text: &str) -> String {
    Json::from(text).to_string()
}

fn inline(value: &Json) -> String {
    match value {
        Json::Null => "\"null\"".to_owned(),
        Json::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{} = {}", text(key), inline(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn as_python(config: &Json) -> String {
    format!("import dlt, os\nK = \"x\"\nsource = rest_api_source({}, name=\"s\")\n", literal(config))
}

/// A value as Python writes it; look-ups as Python does them.
fn literal(value: &Json) -> String {
    match value {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(number) => number.to_string(),
        Json::String(written) => match written.as_str() {
            "${env:K}" => "os.environ[\"K\"]".to_owned(),
            "${env:NONE}" => "os.getenv(\"NONE\")".to_owned(),
            "${env:NONE:-x}" => "os.getenv(\"NONE\", \"x\")".to_owned(),
            "${secret:K}" => "dlt.secrets[\"K\"]".to_owned(),
            "a${env:K}b" => "\"a\" + os.environ['K'] + \"b\"".to_owned(),
            written => text(written),
        },
        Json::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", text(key), literal(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// What `plan` shows of a request.
const REQUEST: [&str; 6] = ["path", "params", "json", "data", "graphql", "headers"];

/// Whether what is looked up names a resource, a table or a parameter, or is a path: such are shown, whoever says them.
fn is_name_of_something(resolved: &Resolved) -> bool {
    let others = resolved.resources.iter().filter_map(|(name, resource)| Some((name, resource.as_object()?)));
    resolved.order.iter().any(|name| name.contains(SECRET))
        || others
            .flat_map(|(_, resource)| resource)
            .any(|(key, value)| !REQUEST.contains(&key.as_str()) && value.to_string().contains(SECRET))
}

/// What a run says of where it goes, whose hosts are no secrets. The rest of a plan holds secrets as such, and names of parameters,
/// keys, columns and folders: one that is looked up is there as it is.
fn said(plan: &Plan) -> String {
    let requests = plan.resources.iter().map(|resource| {
        let host = resource.endpoint.url.host_str().unwrap_or_default();
        let request = format!("{} {:?}", resource.endpoint.shown_url(), resource.request);
        request.replace(&format!("//{host}"), "//host")
    });
    requests.chain([format!("{:?}", plan.target.storage_options)]).collect::<Vec<_>>().join("\n")
}

/// The text without what it quotes that may be a name.
fn without_names(text: &str) -> String {
    let is_none = |quoted: &&str| quoted.contains(['/', ':', '=', ' ']) || !quoted.contains(SECRET);
    text.split('`').filter(is_none).collect()
}

/// Whatever is in a config, it is understood or refused, and no secret is shown; as YAML it says the same.
fn check(file: &str, text: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(text) else { return Ok(()) };
    let case = case(file, text).env(&[("K", SECRET), ("A__B", SECRET)]);
    let loaded = case.load();
    let resolved = resolve(&case.source, &case.options);
    let shown = match (&loaded, &resolved) {
        (Ok(_), Err(problems)) => return Err(format!("it loads, and is not resolved: {problems}")),
        (loaded, Ok(resolved)) if is_name_of_something(resolved) => {
            let resources =
                resolved.resources.values().flat_map(|resource| REQUEST.map(|key| resource[key].to_string()));
            let problems = loaded.as_ref().err().map(ToString::to_string);
            resources.chain(problems).collect::<Vec<_>>().join("\n")
        }
        // Problems quote names, also those that are looked up.
        (Err(problems), resolved) => without_names(&format!("{problems} {resolved:?}")),
        (Ok(plan), Ok(resolved)) => format!("{} {resolved:?}", said(plan)),
    };
    if shown.contains(SECRET) {
        return Err(format!("a secret is shown: {shown}"));
    }
    let (Ok(plan), Ok(resolved), Ok(yaml)) = (loaded, resolved, to_yaml(&case.source, None)) else { return Ok(()) };
    if yaml.contains(SECRET) {
        return Err(format!("a secret is imported: {yaml}"));
    }
    let imported =
        Case { source: Source { path: std::path::Path::new("config.yaml").into(), text: yaml.clone() }, ..case };
    let imported_plan = match imported.load() {
        Ok(plan) => plan,
        // YAML has only texts for what is not set, so that it needs what Python goes without.
        Err(problems) if problems.as_slice().iter().any(|problem| problem.code == code::SECRET) => return Ok(()),
        Err(problems) => return Err(format!("the YAML of it is refused: {problems}\n{yaml}")),
    };
    let imported = resolve(&imported.source, &imported.options);
    let imported = imported.map_err(|problems| format!("the YAML of it is not resolved: {problems}\n{yaml}"))?;
    if imported != resolved || format!("{imported_plan:?}") != format!("{plan:?}") {
        return Err(format!(
            "the YAML of it says something else:\n{resolved:?}\n{imported:?}\n{plan:?}\n{imported_plan:?}\n{yaml}"
        ));
    }
    Ok(())
}

const CASES: u64 = 150;

#[test]
fn fuzz_yaml() {
    let input = |random: &mut Rng| {
        let spelled = if random.u8(..4) == 0 { Json::to_string } else { as_yaml };
        torn(random, spelled)
    };
    Target { name: "fuzz_yaml", cases: CASES, input, check: |text| check("config.yaml", text) }.run();
}

#[test]
fn fuzz_json() {
    let input = |random: &mut Rng| torn(random, Json::to_string);
    Target { name: "fuzz_json", cases: CASES, input, check: |text| check("config.json", text) }.run();
}

#[test]
fn fuzz_toml() {
    let input = |random: &mut Rng| torn(random, as_toml);
    Target { name: "fuzz_toml", cases: CASES, input, check: |text| check("config.toml", text) }.run();
}

#[test]
fn fuzz_python() {
    let input = |random: &mut Rng| torn(random, as_python);
    Target { name: "fuzz_python", cases: CASES, input, check: |text| check("config.py", text) }.run();
}

/// A text is split into what is written again the same.
#[test]
fn fuzz_placeholders() {
    const SEEDS: [&str; 6] =
        ["a/{b.c}/d", "{{a}}", "{resources.p['a:b'].c:*>8.2f}", "{a:05d}{b}", "}}{{{x}", "ä{ö:é^3}"];
    const WORDS: [&str; 20] = [
        "{",
        "}",
        "{{",
        "}}",
        ":",
        "'",
        "\"",
        "[",
        "]",
        "(",
        ")",
        "0",
        "999999",
        ".",
        "<",
        ">",
        "=",
        "^",
        "x",
        "\u{1f600}",
    ];
    fn input(random: &mut Rng) -> Vec<u8> {
        let mut text = random.choice(SEEDS).expect("some").as_bytes().to_vec();
        let other = random.choice(SEEDS).expect("some").as_bytes();
        (0..random.usize(..8)).for_each(|_| tear(random, &mut text, other, &WORDS));
        text
    }
    fn check(text: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(text);
        let first = match parts(&Text::written(&*text)) {
            Ok(first) => first,
            Err(LooseBrace) => return Ok(()),
        };
        let written: String = first
            .iter()
            .map(|part| match part {
                Part::Literal(literal) => literal.replace('{', "{{").replace('}', "}}"),
                Part::Placeholder(expression) => format!("{{{expression}}}"),
            })
            .collect();
        for part in &first {
            if let Part::Placeholder(expression) = part {
                let _ = text_format::split(expression);
            }
        }
        let again = parts(&Text::written(&*written));
        if again.as_ref() == Ok(&first) {
            Ok(())
        } else {
            Err(format!("{first:?} is written `{written}`, that is {again:?}"))
        }
    }
    Target { name: "fuzz_placeholders", cases: 2_000, input, check }.run();
}
