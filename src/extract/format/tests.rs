//! Every format by type, name and content, and what is told of bodies that are none.

use std::io::Write;

use fastrand::Rng;
use serde_json::{Value, json};

use super::*;
use crate::fuzzing::{Target, tear};

const BOUND: u64 = 1 << 20;

fn raw(content_type: &str, name: &str, bytes: impl Into<Bytes>) -> RawBody {
    let content_type = (!content_type.is_empty()).then(|| content_type.to_owned());
    RawBody { bytes: bytes.into(), spool: None, content_type, name: name.to_owned() }
}

/// The JSON that a body becomes, or the text of what is wrong.
fn json_of(body: RawBody, format: BodyFormat) -> Result<Value, String> {
    match read(body, format, BOUND, |json| Document::parse(json).map(|document| document.root().to_json())) {
        Ok((json, _)) => Ok(serde_json::from_str(&json).expect("JSON")),
        Err(Unread::Broken(cause)) => Err(cause.to_string()),
        Err(Unread::TooLarge) => Err("too large".to_owned()),
    }
}

fn auto(content_type: &str, name: &str, bytes: impl Into<Bytes>) -> Result<Value, String> {
    json_of(raw(content_type, name, bytes), BodyFormat::default())
}

fn csv(delimiter: Option<u8>, has_header: bool) -> BodyFormat {
    BodyFormat { kind: FormatKind::Csv, csv: CsvFormat { delimiter, has_header } }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// An archive as other programs make it: with sizes behind the data, a comment at the end, and large fields where asked for.
#[expect(clippy::cast_possible_truncation, reason = "archives of a few bytes")]
fn archive(files: &[(&str, &[u8])], is_large: bool) -> Vec<u8> {
    let (mut bytes, mut central) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).expect("memory");
        let packed = encoder.finish().expect("memory");
        let local = bytes.len() as u64;
        let name_bytes = (name.len() as u16).to_le_bytes();
        // Version 20, sizes behind the data, deflate.
        let head = [20, 0, 8, 0, 8, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&[0; 12]);
        bytes.extend_from_slice(&name_bytes);
        bytes.extend_from_slice(&[3, 0]);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&[9; 3]);
        bytes.extend_from_slice(&packed);
        bytes.extend_from_slice(b"PK\x07\x08 sizes");
        central.extend_from_slice(b"PK\x01\x02\x14\x00");
        central.extend_from_slice(&head);
        central.extend_from_slice(&crc32fast::hash(content).to_le_bytes());
        let numbers = [packed.len() as u64, content.len() as u64];
        let mut extra = vec![7, 0, 1, 0, 0];
        let small = |number: u64| if is_large { [255; 4] } else { (number as u32).to_le_bytes() };
        if is_large {
            extra.extend_from_slice(&[1, 0, 24, 0]);
            [numbers[1], numbers[0], local].iter().for_each(|number| extra.extend_from_slice(&number.to_le_bytes()));
        }
        numbers.iter().for_each(|number| central.extend_from_slice(&small(*number)));
        central.extend_from_slice(&name_bytes);
        central.extend_from_slice(&(extra.len() as u16).to_le_bytes());
        central.extend_from_slice(&[0; 10]);
        central.extend_from_slice(&small(local));
        central.extend_from_slice(name.as_bytes());
        central.extend_from_slice(&extra);
    }
    let (at, count) = ((bytes.len() as u32).to_le_bytes(), (files.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&central);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&(central.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&at);
    bytes.extend_from_slice(&[2, 0, b'h', b'i']);
    bytes
}

#[test]
fn json_lines_are_known_by_type_name_and_content() {
    let rows = json!([{"a": 1}, {"a": "\n2"}, [3]]);
    let text = "{\"a\":1}\n\n  {\"a\": \"\\n2\"}\r\n[3]\n";
    for content_type in
        ["application/x-ndjson", "application/jsonl; charset=utf-8", "application/json", "", "text/plain"]
    {
        assert_eq!(auto(content_type, "items", text), Ok(rows.clone()), "{content_type}");
    }
    // One line alone is a value unless something says that it is one of many.
    assert_eq!(auto("", "items", "{\"a\":1}\n"), Ok(json!({"a": 1})));
    assert_eq!(auto("application/x-ndjson", "items", "{\"a\":1}\n"), Ok(json!([{"a": 1}])));
    assert_eq!(auto("", "items.jsonl.gz", gzip("{\"a\":1}")), Ok(json!([{"a": 1}])));
    assert_eq!(auto("application/x-ndjson", "items", "\u{feff}\n"), Ok(json!([])));
}

#[test]
fn what_is_neither_json_nor_lines_is_told_where_it_is() {
    for (text, line) in [("{\"a\":\n1", 2), ("{\"a\":1}\n{\"a\":", 2), ("{\"a\":1} {\"a\":2}", 1)] {
        let said = auto("", "items", text).expect_err("no JSON");
        assert!(said.starts_with(&format!("not JSON at line {line}, ")), "{said}");
    }
    let strict = BodyFormat { kind: FormatKind::Json, ..BodyFormat::default() };
    assert!(json_of(raw("", "items", "1\n2\n"), strict).is_err(), "it is to be one value");
}

#[test]
fn csv_rows_are_objects_of_texts() {
    let text = "\u{feff}id, name ,\n1,\"a \"\"b\"\"\nc\",x\n2,,007\n";
    let rows =
        json!([{"id": "1", "name": "a \"b\"\nc", "column_3": "x"}, {"id": "2", "name": null, "column_3": "007"}]);
    for (content_type, name) in
        [("text/csv; charset=utf-8", "x"), ("application/csv", "x"), ("", "x.csv"), ("text/plain", "X.CSV")]
    {
        assert_eq!(auto(content_type, name, text), Ok(rows.clone()), "{content_type} {name}");
    }
    assert_eq!(json_of(raw("text/plain", "x", text), csv(None, true)), Ok(rows));
    assert_eq!(auto("text/csv", "x", "id,name\n"), Ok(json!([])));
    assert_eq!(auto("text/csv", "x", "\n"), Ok(json!([])));
    assert_eq!(auto("text/tab-separated-values", "x", "a\tb\n1\t2\n"), Ok(json!([{"a": "1", "b": "2"}])));
    assert_eq!(json_of(raw("", "x", "a;b\n"), csv(Some(b';'), false)), Ok(json!([{"column_1": "a", "column_2": "b"}])));
    assert_eq!(json_of(raw("", "x.tsv", "a\n\u{e4}\\\n"), csv(None, true)), Ok(json!([{"a": "\u{e4}\\"}])));
}

#[test]
fn csv_that_is_none_is_told() {
    let ragged = auto("text/csv", "x", "a,b\n1,2\n3\n").expect_err("a field is missing");
    assert!(ragged.contains("line: 3") && ragged.contains("1 field"), "{ragged}");
    assert_eq!(auto("text/csv", "x", "a,b,a\n"), Err("two columns of the CSV have the name `a`".to_owned()));
    assert!(auto("text/csv", "x", &b"a\n\xff\n"[..]).expect_err("no text").contains("utf-8"));
    for content_type in ["application/json", "text/html; charset=utf-8", "application/problem+json"] {
        let said = json_of(raw(content_type, "x", "{}"), csv(None, true)).expect_err("another type");
        assert_eq!(said, format!("the body is to be CSV, and its `Content-Type` is `{content_type}`"));
    }
}

/// Names were compared pair by pair, which takes hours for a line of some megabytes.
#[test]
fn a_csv_of_very_many_columns_is_read_in_time() {
    let started = std::time::Instant::now();
    assert_eq!(auto("text/csv", "x", ",".repeat(200_000)), Ok(json!([])));
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

#[test]
fn packed_bodies_are_unpacked() {
    for is_large in [false, true] {
        let one = archive(&[("export.csv", b"a\n1\n")], is_large);
        assert_eq!(auto("application/zip", "export", one), Ok(json!([{"a": "1"}])), "{is_large}");
        let files: [(&str, &[u8]); 7] = [
            ("folder/", b""),
            ("folder/1.csv", b"a\n1\n2\n"),
            ("__MACOSX/folder/._1.csv", b"\0"),
            ("folder/2.json", b"[{\"a\": [3, \"]\"]}]"),
            ("folder/3.json", b" [ ] "),
            ("folder/4.ndjson", b"{\"a\":4}\n{\"a\":5}\n"),
            ("folder/5.json.gz", &gzip("{\"a\":6}")),
        ];
        let rows = json!([{"a": "1"}, {"a": "2"}, {"a": [3, "]"]}, {"a": 4}, {"a": 5}, {"a": 6}]);
        assert_eq!(auto("application/zip", "export", archive(&files, is_large)), Ok(rows));
    }
    assert_eq!(auto("application/gzip", "x.json.gz", gzip("{\"data\":[1]}")), Ok(json!({"data": [1]})));
    assert_eq!(auto("", "x", [gzip("[1,"), gzip("2]")].concat()), Ok(json!([1, 2])));
}

#[test]
fn broken_archives_are_told() {
    let whole = archive(&[("1.json", b"[1]"), ("2.json", b"[2")], false);
    assert!(auto("", "x", whole.clone()).expect_err("no JSON").starts_with("in `2.json`: not JSON at line 1"));
    let cut = "it is packed, and cannot be unpacked: the zip archive is cut off or broken";
    for end in [10, whole.len() - 30, whole.len() - 3] {
        assert_eq!(auto("", "x", whole[..end].to_vec()), Err(cut.to_owned()), "{end}");
    }
    let at = whole.windows(4).position(|bytes| bytes == b"PK\x01\x02").expect("a central header");
    for (offset, byte, problem) in [
        (8, 9, "a file of the zip archive is encrypted"),
        (10, 12, "a file of the zip archive is packed by a method other than deflate"),
        (16, 0, "a file of the zip archive is broken"),
    ] {
        let mut other = whole.clone();
        other[at + offset] = byte;
        assert_eq!(auto("", "x", other), Err(format!("it is packed, and cannot be unpacked: {problem}")));
    }
    let mut gzipped = gzip("[1, 2, 3]");
    gzipped.truncate(15);
    assert!(auto("", "x", gzipped).expect_err("cut off").starts_with("it is packed, and cannot be unpacked"));
}

#[test]
fn what_is_in_a_packed_body_is_bounded() {
    let spaces = " ".repeat(usize::try_from(BOUND).expect("small"));
    assert_eq!(auto("", "x", gzip(&spaces[1..])).map_err(|error| error.starts_with("not JSON")), Err(true));
    assert_eq!(auto("", "x", gzip(&format!("{spaces} "))), Err("too large".to_owned()));
    let half = &spaces.as_bytes()[..spaces.len() / 2 + 1];
    assert_eq!(auto("", "x", archive(&[("1", half), ("2", half)], false)), Err("too large".to_owned()));
}

/// Any body becomes JSON within its bound or is refused, whatever it says it is.
mod fuzz {
    use super::*;

    const TYPES: [&str; 7] = [
        "",
        "text/csv",
        "application/json",
        "application/x-ndjson",
        "application/zip",
        "text/plain",
        "text/tab-separated-values",
    ];
    const NAMES: [&str; 6] = ["x", "x.csv", "x.jsonl.gz", "x.tsv", "x.zip", "x.json"];
    const WORDS: [&str; 24] = [
        ",",
        ";",
        "\n",
        "\r\n",
        "\"",
        "\"\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ":",
        "null",
        "\u{feff}",
        "\0",
        "PK\u{1}\u{2}",
        "PK\u{3}\u{4}",
        "PK\u{5}\u{6}",
        "\u{1f}",
        "\u{7f}",
        "{\"a\":1}\n",
        "a,b\n1,2\n",
        "\u{1}\0\u{18}\0",
        "\t",
    ];
    fn seeds() -> Vec<Vec<u8>> {
        let files: [(&str, &[u8]); 3] =
            [("1.csv", b"a,b\n1,2\n"), ("2.json", b"[{\"a\":1}]"), ("d/3.jsonl", b"{\"a\":1}\n{\"b\":2}\n")];
        let csv = b"id,name\n1,\"a \"\"b\"\"\n\"\n2,\n".to_vec();
        let lines = b"{\"a\":1}\n{\"a\":\"x\"}\n".to_vec();
        let packed = [
            archive(&files, false),
            archive(&files, true),
            archive(&files[..1], false),
            gzip("a,b\n1,2\n"),
            gzip("[1]"),
        ];
        packed.into_iter().chain([csv, lines, b"[{\"a\":1}]".to_vec()]).collect()
    }
    fn input(random: &mut Rng) -> Vec<u8> {
        let seeds = seeds();
        let mut text = random.choice(&seeds).expect("some").clone();
        let other = random.choice(&seeds).expect("some");
        (0..random.usize(..8)).for_each(|_| tear(random, &mut text, other, &WORDS));
        if random.u8(..4) == 0 {
            text = gzip(&String::from_utf8_lossy(&text));
        }
        // What it says it is.
        text.extend([random.u8(..), random.u8(..)]);
        text
    }
    fn check(text: &[u8]) -> Result<(), String> {
        let [body @ .., content_type, name] = text else { return Ok(()) };
        let content_type = TYPES[usize::from(*content_type) % TYPES.len()];
        let kinds = [FormatKind::Auto, FormatKind::Json, FormatKind::Csv, FormatKind::JsonLines];
        let format = BodyFormat { kind: kinds[usize::from(*name) % kinds.len()], ..BodyFormat::default() };
        let name = NAMES[usize::from(*name) / kinds.len() % NAMES.len()];
        // What is made of it is JSON to another parser too.
        let body = raw(content_type, name, body.to_vec());
        let read = read(body, format, BOUND, |json| Document::parse(json).map(|document| document.root().to_json()));
        match read {
            Ok((json, _)) => match serde_json::from_str::<Value>(&json) {
                Err(error) if !error.to_string().starts_with("number out of range") => Err(format!("{error}: {json}")),
                _ => Ok(()),
            },
            Err(Unread::Broken(cause)) if cause.to_string().is_empty() => Err("nothing is told".to_owned()),
            Err(Unread::Broken(_) | Unread::TooLarge) => Ok(()),
        }
    }

    #[test]
    fn fuzz_formats() {
        Target { name: "fuzz_formats", cases: 1_000, input, check }.run();
    }
}
