//! `processing_steps`: rows are what the steps make of them, and pages are what they were.

use serde_json::{Value, json};

use crate::support::api::{Answer, Api};
use crate::support::command::{Bench, CANARY};
use crate::support::walk::Source;

fn with_steps(source: Source, steps: &Value) -> Source {
    let config = json!({
        "client": {"base_url": "http://a.b"},
        "resources": [{"name": "items", "processing_steps": steps}],
    });
    let file = alluvium::config::Source { path: std::path::Path::new("c.json").into(), text: config.to_string() };
    let plan = alluvium::config::load_source(&file, &alluvium::config::Options::default());
    let plan = plan.unwrap_or_else(|problems| panic!("{problems}"));
    let mut source = source;
    source.resource.steps = plan.resources[0].steps.clone();
    source
}

#[tokio::test]
async fn a_page_of_which_no_row_is_kept_does_not_end_the_walk() {
    // In dlt, too, the paginator sees the rows as they came.
    for (in_flight, selector) in [(1, None), (4, None), (4, Some("data")), (1, Some("data[?(@.id < 900)]"))] {
        let api = Api::rows(95).api().start().await;
        let mut source = Source::offset(&api.url, 10).in_flight(in_flight);
        if let Some(selector) = selector {
            source = source.selector(selector);
        }
        let source = with_steps(source, &json!([{"filter": ".id % 2 == 0 and (.id < 10 or .id > 79)"}]));
        let outcome = source.read().await;
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        let kept: Vec<i64> = (0..95).filter(|id| id % 2 == 0 && !(10..80).contains(id)).collect();
        assert_eq!(outcome.ids, kept, "{selector:?}");
        assert_eq!(outcome.pages, [5, 0, 0, 0, 0, 0, 0, 0, 5, 3], "{selector:?}");
    }
}

#[tokio::test]
async fn a_row_of_which_a_step_makes_nothing_is_told() {
    let api = Api::rows(95).api().start().await;
    let source = with_steps(Source::offset(&api.url, 10), &json!([{"map": "if .id == 25 then .id + {} else . end"}]));
    let outcome = source.read().await;
    let error = outcome.error.expect("an error");
    assert_eq!((error.code(), outcome.pages), ("processing_step", vec![10, 10]));
    let text = error.to_string();
    assert!(text.starts_with("page 3 of resource `items` (`http://"), "{text}");
    let expected = "row 6: step 1 of `processing_steps` (`map`): `if .id == 25 then .id + {} else . end`: cannot calculate 25 + {}";
    assert!(text.ends_with(expected), "{text}");
}

#[tokio::test]
async fn tables_hold_what_the_steps_make() {
    let rows = (0..30)
        .map(|id| json!({"id": id, "n": {"a": id, "b": 1.5, "c": "x"}, "big": 9_007_199_254_740_993_i64, "no": 1}));
    let bench = Bench::new(rows.collect()).await;
    let steps = json!([
        {"filter": ".id >= 10"},
        {"map": {"label": "\"row \\(.id)\"", "n": "{a: .n.a, half: (.n.a / 2)}"}},
        {"exclude": ["no", "n.a"]},
        {"rename": {"n.half": "middle"}},
    ]);
    let report = bench.load(&bench.config(&json!({"processing_steps": steps}))).await;
    assert_eq!((&report["rows"]["read"], &report["pages"]), (&json!(20), &json!(3)));
    let table = bench.table("items").await;
    let row = |id: i64| {
        json!({"id": id, "n": {"middle": f64::from(i32::try_from(id).unwrap()) / 2.0}, "big": 9_007_199_254_740_993_i64,
               "label": format!("row {id}")})
    };
    assert_eq!(table.rows.len(), 20);
    let mut found = table.rows.clone();
    found.sort_by_key(|row| row["id"].as_i64());
    assert_eq!(found, (10..30).map(row).collect::<Vec<_>>());
}

#[tokio::test]
async fn children_and_cursors_see_the_rows_after_the_steps() {
    let api = |_| {
        Api::handler(|request| match request.path.as_str() {
            "/parents" => Answer::json(&json!([{"id": 1, "at": "5"}, {"id": 2, "at": "7"}, {"id": 3, "at": "9"}])),
            path => Answer::json(&json!([{"id": path}])),
        })
    };
    let bench = Bench::with(vec![], api).await;
    let auth = json!({"type": "api_key", "name": "api_key", "api_key": CANARY, "location": "query"});
    let config = json!({
        "client": {"base_url": bench.base_url(), "auth": auth, "paginator": "single_page"},
        "resources": [
            {
                "name": "parents",
                "endpoint": {"path": "parents", "incremental": {"cursor_path": "moment", "initial_value": 6}},
                "processing_steps": [{"filter": ".id < 3"}, {"map": {"code": "\"c\\(.id)\"", "moment": ".at | tonumber"}}],
            },
            {"name": "children", "endpoint": {"path": "children/{resources.parents.code}"}},
        ],
    });
    let run = bench.run(&bench.write("both.json", &config.to_string()), &[]).await;
    assert_eq!(run.code, 0, "{:#}", run.report);
    let ids = |table: &str| {
        let folder = bench.path("lake").join(table);
        async move { crate::support::lake::read(&folder).await.rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>() }
    };
    assert_eq!(ids("parents").await, [json!(2)], "the cursor is a member that a step makes");
    assert_eq!(ids("children").await, [json!("/children/c2")]);
}
