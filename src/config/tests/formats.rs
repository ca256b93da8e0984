//! `format`: what bodies are written in.

use super::endpoint;
use crate::plan::{BodyFormat, CsvFormat, FormatKind};

#[test]
fn a_format_is_a_word_or_a_map() {
    let format = |kind, delimiter, has_header| BodyFormat { kind, csv: CsvFormat { delimiter, has_header } };
    let table = [
        ("method: GET", format(FormatKind::Auto, None, true)),
        ("format: csv", format(FormatKind::Csv, None, true)),
        ("format: jsonl", format(FormatKind::JsonLines, None, true)),
        ("format: {type: json}", format(FormatKind::Json, None, true)),
        ("format: {delimiter: ';'}", format(FormatKind::Auto, Some(b';'), true)),
        ("format: {type: csv, delimiter: \"\\t\", header: false}", format(FormatKind::Csv, Some(b'\t'), false)),
        ("format: {type: csv, delimiter: '\\t'}", format(FormatKind::Csv, Some(b'\t'), true)),
    ];
    for (keys, expected) in table {
        assert_eq!(endpoint(keys).resource().endpoint.format, expected, "{keys}");
    }
    let headers = endpoint("format: csv\nheaders: {ACCEPT: x/y}").resource().endpoint.headers;
    assert_eq!(headers, [("ACCEPT".to_owned(), "x/y".to_owned())], "the config's own stays");
}

#[test]
fn formats_that_are_none_are_told() {
    let table = [
        ("format: cvs", "5:13: `format` cannot be `cvs` (did you mean `csv`?)"),
        ("format: [csv]", "5:13: `format` must be a map, not a list"),
        (
            "format: {type: csv, delimiter: ';;'}",
            "5:36: `delimiter` must be one character of ASCII, and no quote or line break",
        ),
        (
            "format: {type: csv, delimiter: '\"'}",
            "5:36: `delimiter` must be one character of ASCII, and no quote or line break",
        ),
        ("format: {type: json, delimiter: ';'}", "5:37: `delimiter` is of CSV, and the `type` is another"),
        (
            "format: {type: csv, headers: false}",
            "5:25: unknown key `headers` in `resources[0].endpoint.format` (did you mean `header`?)",
        ),
    ];
    for (keys, expected) in table {
        assert_eq!(endpoint(keys).problems(), [format!("config.yaml:{expected}")], "{keys}");
    }
}
