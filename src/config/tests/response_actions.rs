//! `response_actions`: which answers an entry fits, and which entries make no sense.

use super::{endpoint, python, yaml};
use crate::plan::Action;

#[test]
fn statuses_are_numbers_texts_ranges_and_lists() {
    let table = [
        ("404", "404-404"),
        ("'404'", "404-404"),
        ("500-599", "500-599"),
        ("'500 - 599'", "500-599"),
        ("5xx", "500-599"),
        ("4XX", "400-499"),
        ("[404, '410', 5xx]", "404-404 410-410 500-599"),
    ];
    for (written, expected) in table {
        let keys = format!("response_actions: [{{status_code: {written}, action: ignore}}]");
        let action = endpoint(&keys).resource().endpoint.actions[0].clone();
        let ranges: Vec<String> =
            action.statuses.iter().map(|range| format!("{}-{}", range.start(), range.end())).collect();
        assert_eq!((ranges.join(" ").as_str(), action.action), (expected, Action::Ignore), "{written}");
    }
    let keys =
        "response_actions: [{content: 'Not {found}', action: retry}, {status_code: 200, content: x, action: fail}]";
    let actions = endpoint(keys).resource().endpoint.actions;
    assert_eq!((actions[0].content.as_deref(), actions[0].action), (Some("Not {found}"), Action::Retry));
    assert_eq!((actions[1].content.as_deref(), actions[1].action), (Some("x"), Action::Fail));
}

#[test]
fn actions_that_cannot_be_meant_are_told() {
    // dlt: an `ignore` without a condition never matches, and unknown words do nothing.
    let forms = "a status such as 404, a range such as `500-599` or `5xx`, or a list of these";
    let table = [
        (
            "{action: ignore}",
            "`response_actions[0]` fits every answer (give it a `status_code` or a `content`)".to_owned(),
        ),
        ("{status_code: 404}", "`action` is missing in `resources[0].endpoint.response_actions[0]`".to_owned()),
        ("{content: '', action: fail}", "`content` must not be empty".to_owned()),
        ("{status_code: [], action: fail}", "`status_code` must not be empty".to_owned()),
        ("{status_code: 404, action: ignored}", "`action` cannot be `ignored` (did you mean `ignore`?)".to_owned()),
        ("{status_code: 404, action: [f]}", "`action` must be a string, not a list".to_owned()),
        ("{status_code: 99, action: fail}", format!("`status_code` must be {forms}, from 100 to 599")),
        ("{status_code: 6xx, action: fail}", format!("`status_code` must be {forms}, from 100 to 599")),
        ("{status_code: 500-400, action: fail}", format!("`status_code` must be {forms}, from 100 to 599")),
        ("{status_code: true, action: fail}", format!("`status_code` must be {forms}, not a boolean")),
        (
            "{status: 404, action: fail, content: x}",
            "unknown key `status` in `resources[0].endpoint.response_actions[0]` (valid here: `status_code`, `content`, `action`)"
                .to_owned(),
        ),
        ("my_hook", "`response_actions[0]` must be a map, not a string".to_owned()),
    ];
    for (written, expected) in table {
        let problems = endpoint(&format!("response_actions: [{written}]")).problems();
        let messages: Vec<&str> =
            problems.iter().map(|problem| problem.splitn(2, ": ").last().unwrap_or_default()).collect();
        assert_eq!(messages, [expected], "{written}");
    }
    assert_eq!(
        endpoint("response_actions: x").problems(),
        ["config.yaml:5:23: `response_actions` must be a list, not a string"]
    );
}

#[test]
fn a_hook_in_python_is_told() {
    let text = "def hook(response):\n    return response\n\nconfig = {'client': {'base_url': 'https://a.b'}, 'resources': [\n\
                \x20   {'name': 'r', 'endpoint': {'response_actions': [hook, {'status_code': 200, 'action': hook}]}}]}\n\
                source = rest_api_source(config)\n";
    let problems = python(&format!("from dlt.sources.rest_api import rest_api_source\n{text}")).problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.contains("hook")), "{problems:?}");
}

#[test]
fn those_of_a_resource_take_the_place_of_the_defaults() {
    let text = "client: {base_url: https://a.b}\n\
                resource_defaults: {endpoint: {response_actions: [{status_code: 404, action: ignore}]}}\n\
                resources:\n- a\n- {name: b, endpoint: {response_actions: [{status_code: 500, action: fail}]}}\n";
    let plan = yaml(text).plan();
    let statuses: Vec<u16> =
        plan.resources.iter().map(|resource| *resource.endpoint.actions[0].statuses[0].start()).collect();
    assert_eq!((statuses, plan.resources[1].endpoint.actions.len()), (vec![404, 500], 1));
}
