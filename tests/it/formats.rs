//! Bodies that are no plain JSON: JSON Lines, CSV, gzip and zip.

use std::io::Write;

use serde_json::{Value, json};

use crate::support::api::{Answer, Api, ReceivedRequest};
use crate::support::command::Bench;
use crate::support::walk::{Source, ids};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// Ten of `count` lines from the offset.
fn lines(request: &ReceivedRequest, count: usize, line: impl Fn(usize) -> String) -> String {
    let offset = request.number_param("offset").unwrap_or(0);
    (offset..(offset + 10).min(count)).map(line).collect()
}

fn by_offset(format: Value) -> Value {
    json!({"format": format, "paginator": {"type": "offset", "limit": 10, "total_path": null}})
}

#[tokio::test]
async fn pages_of_json_lines_are_walked_as_any_other() {
    for packed in [false, true] {
        let api = Api::handler(move |request| {
            let text = lines(request, 35, |id| format!("{{\"id\":{id}}}\n"));
            let answer = if packed { Answer::bytes(200, gzip(&text).into()) } else { Answer::text(200, &text) };
            answer.with("content-type", "application/x-ndjson")
        });
        let api = api.start().await;
        let outcome = Source::configured(&api.url, &by_offset(json!("auto"))).read().await;
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        assert_eq!((outcome.ids, &outcome.pages[..4]), (ids(35), &[10, 10, 10, 5][..]), "{packed}");
        assert_eq!(api.requests()[0].header("accept"), Some("application/json"));
    }
}

#[tokio::test]
async fn pages_of_csv_are_walked_to_their_end() {
    let api = Api::handler(|request| {
        Answer::text(200, &format!("id;name\n{}", lines(request, 25, |id| format!("{id};n\n"))))
    });
    let api = api.start().await;
    let source = Source::configured(&api.url, &by_offset(json!({"type": "csv", "delimiter": ";"})));
    let outcome = source.read().await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(outcome.pages, [10, 10, 5, 0]);
    assert_eq!(api.requests()[0].header("accept"), Some("text/csv, */*;q=0.1"));
}

#[tokio::test]
async fn values_of_csv_get_their_types_by_hints() {
    let csv = "id,name,score,ok,at,code\n2,\"b, \"\"c\"\"\",1.5,true,2024-01-25T11:21:28Z,007\n3,,,,,\n";
    let bench = Bench::with(vec![], move |_| {
        Api::handler(move |_| Answer::bytes(200, gzip(csv).into()).with("content-type", "application/octet-stream"))
    });
    let bench = bench.await;
    let columns = json!({
        "id": {"data_type": "bigint"}, "score": {"data_type": "double"}, "ok": {"data_type": "bool"},
        "at": {"data_type": "timestamp"},
    });
    let endpoint = json!({"path": "export.csv.gz", "paginator": "single_page"});
    bench.load(&bench.config(&json!({"endpoint": endpoint, "columns": columns}))).await;
    let table = bench.table("items").await;
    let first = json!({
        "id": 2.0, "name": "b, \"c\"", "score": 1.5, "ok": true, "at": "2024-01-25T11:21:28Z", "code": "007",
    });
    assert_eq!(table.found(), [first, json!({"id": 3.0})], "an empty field is null");
    let kinds: Vec<&str> = table.columns.iter().map(|(_, kind)| kind.split('(').next().unwrap_or(kind)).collect();
    for kind in ["Int64", "Float64", "Boolean", "Timestamp", "Utf8"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
}

#[tokio::test]
async fn an_error_in_another_format_is_no_row() {
    // As CSV it were a header without rows: a success that loads nothing.
    let api = Api::handler(|_| Answer::json(&json!({"error": "no such report"}))).start().await;
    let error = Source::configured(&api.url, &json!({"format": "csv"})).retries(0).error().await;
    assert_eq!(error.code(), "bad_body");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert_eq!(cause, "the body is to be CSV, and its `Content-Type` is `application/json`");
    assert_eq!(error.hint().as_deref(), Some("check `base_url`, `path` and `format`"));
}

#[tokio::test]
async fn a_packed_body_beyond_the_bound_is_an_error_and_not_asked_for_again() {
    let body = gzip(&format!("[{}1]", "1,".repeat(10_000)));
    let api = Api::handler(move |_| Answer::bytes(200, body.clone().into())).start().await;
    let mut source = Source::single(&api.url);
    source.limits.body_bytes_max = 10_000;
    let error = source.error().await;
    assert_eq!((error.code(), api.requests().len()), ("body_too_large", 1));
}

#[tokio::test]
async fn a_packed_body_that_was_cut_off_is_asked_for_again() {
    let whole = gzip("[{\"id\":0}]");
    let api = Api::handler(move |request| {
        let bytes = if request.number == 1 { &whole[..20] } else { &whole[..] };
        Answer::bytes(200, bytes.to_vec().into())
    });
    let api = api.start().await;
    let outcome = Source::single(&api.url).read().await;
    assert_eq!((outcome.ids, outcome.reading.retries), (ids(1), 1));
}
