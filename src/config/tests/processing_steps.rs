//! `processing_steps`: expressions are compiled with the config, and told where they are wrong.

use super::{one, python};
use crate::json::RowStep;

#[test]
fn steps_are_read_in_order() {
    let keys = "processing_steps:\n- filter: .id > 1\n- map: {total: .price * .n}\n- map: '{id, total}'\n\
                - select: [id, a.b]\n- exclude: [c]\n- rename: {a.b: d}";
    let steps = one(keys).resource().steps;
    let names: Vec<&str> = steps.iter().map(RowStep::name).collect();
    assert_eq!(names, ["filter", "map", "map", "select", "exclude", "rename"]);
    assert!(matches!(&steps[1], RowStep::Members(members) if members[0].1.to_string() == ".price * .n"));
    assert!(matches!(&steps[3], RowStep::Select(paths) if paths[1] == ["a", "b"]));
    assert!(one("selected: true").resource().steps.is_empty());
}

#[test]
fn steps_that_are_none_are_told_where_they_are() {
    let table = [
        ("x", "4:21: `processing_steps` must be a list, not a string"),
        ("[x]", "4:22: `processing_steps[0]` must be a map, not a string"),
        ("[{filter: a, map: b}]", "4:22: `processing_steps[0]` must have one key: each step does one thing"),
        ("[{filter: .a +}]", "4:31: `filter` is no expression of jq: term is expected at its end"),
        ("[{filter: 1}]", "4:31: `filter` must be an expression of jq, not an integer"),
        ("[{filter: '${env:X}'}]", "4:31: `filter` must be written in the config as a whole"),
        ("[{map: {a: foo(.)}}]", "4:32: `a` is no expression of jq: there is no function `foo` of 1 arguments"),
        ("[{map: env.HOME}]", "4:28: `map` is no expression of jq: there is no function `env`"),
        ("[{select: id}]", "4:31: `select` must be a list of strings, not a string"),
        ("[{select: [a..b]}]", "4:32: `select[0]` must be keys separated by single dots"),
        ("[{rename: {a.: b}}]", "4:32: `a.` in `rename` must be keys separated by single dots"),
        ("[{rename: {a: ''}}]", "4:35: `a` must not be empty"),
        (
            "[{filters: .a}]",
            "4:23: unknown key `filters` in `resources[0].processing_steps[0]` (did you mean `filter`?)",
        ),
        (
            "[{yield_map: .a}]",
            "4:23: `yield_map` is not supported yet \
             (where rows are in lists of rows, `data_selector` takes them, such as `data[*].items[*]`)",
        ),
    ];
    for (written, expected) in table {
        let problems = one(&format!("processing_steps: {written}")).env(&[("X", ".a")]).problems();
        assert_eq!(problems, [format!("config.yaml:{expected}")], "{written}");
    }
}

#[test]
fn functions_in_python_are_refused_with_what_takes_their_place() {
    let script = |step: &str| {
        format!(
            "def keep(row):\n    return True\nrest_api_source({{'client': {{'base_url': 'https://a.b'}}, 'resources': [\n\
             {{'name': 'r', 'processing_steps': [{{'filter': {step}}}]}}]}})"
        )
    };
    let hint = "(say it without Python: `processing_steps` take expressions of jq, such as `{\"filter\": \".id > 1\"}`, \
                `response_actions` the words `ignore`, `fail` and `retry`, and `convert` `unix`, `unix_ms`, `iso` or a pattern)";
    assert_eq!(
        python(&script("lambda row: row['id'] > 1")).problems(),
        [format!("config.py:4:47: a lambda cannot be read; only static values can {hint}")]
    );
    assert_eq!(
        python(&script("keep")).problems(),
        [format!("config.py:4:47: `keep` is a function; only static values can be read {hint}")]
    );
    assert_eq!(python(&script("'.id > 1'")).resource().steps.len(), 1);
}
