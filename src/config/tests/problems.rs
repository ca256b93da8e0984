//! All problems of a file at once, each where it is.

use super::yaml;

#[test]
fn all_problems_are_told_in_the_order_of_the_file() {
    let text = "clint: 1\nclient: {base_url: api.example.com, timeout: 0, retry: {max_retries: x}}\nlimits: {memory: lots}\n\
                resources:\n- {name: r, endpoint: {paginater: 1, method: post}}\n- 5\n- {endpoint: x}\n";
    assert_eq!(
        yaml(text).problems(),
        [
            "config.yaml:1:1: unknown key `clint` (did you mean `client`?)",
            "config.yaml:2:20: `base_url` is not an absolute URL: relative URL without a base (write it with its scheme, such as `https://api.example.com`)",
            "config.yaml:2:46: `timeout` must be greater than 0",
            "config.yaml:2:70: `max_retries` must be an integer, not a string",
            "config.yaml:3:18: `memory` must be a size such as `128MB`, `64MiB` or a number of bytes",
            "config.yaml:5:24: unknown key `paginater` in `resources[0].endpoint` (did you mean `paginator`?)",
            "config.yaml:5:46: `method` cannot be `post` (did you mean `POST`?)",
            "config.yaml:6:3: `resources[1]` must be a string or a map, not an integer",
            "config.yaml:7:3: `name` is missing in `resources[2]`",
        ]
    );
}

#[test]
fn what_is_missing_is_told_where_it_belongs() {
    assert_eq!(
        yaml("x-y: 1").problems(),
        [
            "config.yaml:1:1: `client` is missing",
            "config.yaml:1:1: `resources` is missing",
            "config.yaml:1:1: unknown key `x-y` (valid here: `client`, `resource_defaults`, `resources`, `limits`, `name`, `destination`, `dataset`)",
        ]
    );
    assert_eq!(yaml("client: {}\nresources: []").problems(), ["config.yaml:1:9: `base_url` is missing in `client`"]);
}

#[test]
fn a_display_of_problems_is_one_a_line() {
    let problems = yaml("client: 1\nresources: 2").load().expect_err("problems");
    assert_eq!(
        problems.to_string(),
        "config.yaml:1:9: `client` must be a map, not an integer\nconfig.yaml:2:12: `resources` must be a list, not an integer"
    );
    let codes: Vec<&str> = problems.as_slice().iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["wrong_type", "wrong_type"]);
}
