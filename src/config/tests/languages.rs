//! YAML, JSON and TOML lead to the same plan, and their faults have positions.

use super::{case, yaml};

#[test]
fn the_same_config_in_every_language_is_the_same_plan() {
    let yaml_text = "client: &c\n  base_url: https://a.b\n  paginator: {type: offset, limit: 10}\n\
                     resources:\n- name: r\n  endpoint: {params: {z: 1, a: true, m: 1.5}}\n";
    let json = r#"{"client": {"base_url": "https://a.b", "paginator": {"type": "offset", "limit": 10}},
                   "resources": [{"name": "r", "endpoint": {"params": {"z": 1, "a": true, "m": 1.5}}}]}"#;
    let toml = "[client]\nbase_url = 'https://a.b'\npaginator = {type = 'offset', limit = 10}\n\
                [[resources]]\nname = 'r'\n[resources.endpoint.params]\nz = 1\na = true\nm = 1.5\n";
    let expected = format!("{:?}", yaml(yaml_text).plan());
    assert!(expected.contains("limit: 10"));
    assert_eq!(format!("{:?}", case("config.json", json).plan()), expected);
    assert_eq!(format!("{:?}", case("config.toml", toml).plan()), expected);
    let params = case("config.toml", toml).resource().endpoint.params;
    let params: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(params, ["z=1", "a=True", "m=1.5"]);
}

#[test]
fn faults_of_the_language_have_a_position() {
    assert_eq!(
        case("c.json", "{\"a\": 1,}").problems(),
        ["c.json:1:8: not valid JSON: trailing commas are not allowed"]
    );
    assert_eq!(case("c.json", "{}\n// x").problems().len(), 1);
    assert_eq!(case("c.toml", "a = \n").problems().len(), 1);
    assert_eq!(yaml("a: [1").problems().len(), 1);
    assert_eq!(
        case("c.ini", "").problems(),
        ["c.ini: configs cannot be read from `.ini` files (configs end in `.yaml`, `.yml`, `.json`, `.toml` or `.py`)"]
    );
    assert_eq!(yaml("").problems(), ["config.yaml:1:1: the config must be a map, not null"]);
    assert_eq!(
        yaml("a: 1\n---\nb: 2").problems(),
        ["config.yaml:2:1: a config is one YAML document; here a second one starts"]
    );
}

#[test]
fn duplicate_keys_are_told() {
    let problems = yaml("client: {base_url: https://a.b}\nresources: []\nclient: {}\n").problems();
    assert_eq!(problems, ["config.yaml:3:1: duplicate key `client`; the first is at config.yaml:1:1"]);
    let problems =
        case("c.json", "{\"client\": {\"base_url\": \"https://a.b\"}, \"resources\": [],\n \"resources\": []}")
            .problems();
    assert_eq!(problems, ["c.json:2:2: duplicate key `resources`; the first is at c.json:1:41"]);
}

#[test]
fn aliases_are_copies_and_cannot_exhaust_the_memory() {
    let text = "client: {base_url: https://a.b}\nresources:\n- name: a\n  endpoint: &e {paginator: single_page}\n- {name: b, endpoint: *e}\n";
    assert_eq!(yaml(text).plan().resources.len(), 2);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(yaml(&bomb).problems()[0].contains("more than 50000 values"));
    let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(yaml(&deep).problems(), ["config.yaml:1:104: nested deeper than 100 levels"]);
}

/// The same depth in all languages, so that a config can be imported, and the stack of a thread is enough for all who walk it.
#[test]
fn nesting_has_a_bound_in_every_language() {
    for (file, before, after) in
        [("c.json", "[", "]"), ("c.yaml", "[", "]"), ("c.toml", "a = [", "]"), ("c.py", "rest_api_source([", "])")]
    {
        let deep = format!("{before}{}1{}{after}", "[".repeat(300), "]".repeat(300));
        let said = case(file, &deep).problems().join("\n");
        assert!(said.contains("nested") || said.contains("recursion"), "{file}: {said}");
    }
}
