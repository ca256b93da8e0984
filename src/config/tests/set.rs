//! `--set` changes the config before it is checked.

use super::{Override, yaml};

const CONFIG: &str = "client: {base_url: https://a.b, paginator: single_page}\n\
                      resources: [posts, {name: users, endpoint: people}]\n";

#[test]
fn values_are_put_where_the_path_leads() {
    let plan = yaml(CONFIG)
        .set("resources.posts.endpoint.path=/p")
        .set("resources.users.endpoint.params.a=[1, true]")
        .set("resources.1.primary_key=\"id\"")
        .set("limits.max_pages=2")
        .set("name=my=pipeline")
        .plan();
    let urls: Vec<&str> = plan.resources.iter().map(|resource| resource.endpoint.url.as_str()).collect();
    assert_eq!(urls, ["https://a.b/p", "https://a.b/people"]);
    assert_eq!(plan.resources[1].endpoint.params.len(), 2);
    assert_eq!((plan.limits.pages_max.get(), plan.pipeline.as_str()), (2, "my=pipeline"));
}

#[test]
fn problems_are_located_at_the_argument() {
    assert_eq!(
        yaml(CONFIG).set("client.timeout=-1").problems(),
        ["--set client.timeout: `timeout` must be at least 0"]
    );
    assert_eq!(
        yaml(CONFIG).set("client.tmeout=1").problems(),
        ["--set client.tmeout: unknown key `tmeout` in `client` (did you mean `timeout`?)"]
    );
    assert_eq!(
        yaml(CONFIG).set("resources.post.name=x").problems(),
        ["--set resources.post.name: there is no item `post` (did you mean `posts`?)"]
    );
    assert_eq!(
        yaml(CONFIG).set("client.base_url.x=1").problems(),
        ["--set client.base_url.x: `base_url` is a string and has no `x`"]
    );
    assert_eq!(yaml(CONFIG).set("resources.7=x").problems().len(), 1);
}

#[test]
fn an_override_is_a_path_and_a_value() {
    let problem = |text: &str| Override::parse(text).expect_err("a problem").to_string();
    assert_eq!(problem("client"), "--set client: expected a path, `=` and a value");
    assert_eq!(problem("a..b=1"), "--set a..b: the path has an empty key");
    assert_eq!(problem("a=99999999999999999999"), "--set a: the number is out of range");
}

#[test]
fn an_override_takes_the_place_of_a_secret() {
    let text = "client: {base_url: https://a.b, paginator: single_page, auth: api_key}\nresources: [r]\n";
    assert!(yaml(text).set("client.auth.api_key=k").resource().endpoint.auth.is_some());
    assert!(yaml(text).set("client.auth=null").resource().endpoint.auth.is_none());
}
