//! `format`: what the bodies of an endpoint are written in.

use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, invalid, one_of};
use super::tree::{Tree, Value};
use crate::plan::{BodyFormat, CsvFormat, FormatKind, Template};

const KINDS: [(&str, FormatKind); 4] = [
    ("auto", FormatKind::Auto),
    ("csv", FormatKind::Csv),
    ("json", FormatKind::Json),
    ("jsonl", FormatKind::JsonLines),
];

/// Reads a word, or a map with what the CSV is like; `None`: reported.
pub(super) fn read(tree: &Tree, report: &Report) -> Option<BodyFormat> {
    if let Value::Text(_) = tree.value {
        return Some(BodyFormat { kind: one_of(tree, &KINDS, report)?, csv: CsvFormat::default() });
    }
    let mut reader = Reader::open(tree, report)?;
    let kind = reader.present("type").map_or(Some(FormatKind::Auto), |tree| one_of(tree, &KINDS, report));
    let delimiter = reader.present("delimiter").map_or(Some(None), |tree| delimiter(tree, report).map(Some));
    let has_header = reader.bool("header").unwrap_or(true);
    let of_csv = ["delimiter", "header"].into_iter().find_map(|key| tree.get(key));
    reader.close();
    let (kind, delimiter) = (kind?, delimiter?);
    if let (FormatKind::Json | FormatKind::JsonLines, Some(of_csv)) = (kind, of_csv) {
        let message = format!("`{}` is of CSV, and the `type` is another", of_csv.label);
        report.add(Problem::new(code::INVALID, &of_csv.at, message));
        return None;
    }
    Some(BodyFormat { kind, csv: CsvFormat { delimiter, has_header } })
}

/// The header `Accept` for bodies that are no JSON, unless the config has one.
pub(super) fn accept(format: BodyFormat, headers: &mut Vec<(String, Template)>) {
    let accepted = match format.kind {
        FormatKind::Auto | FormatKind::Json => return,
        FormatKind::JsonLines => "application/x-ndjson, application/jsonl, */*;q=0.1",
        FormatKind::Csv => "text/csv, */*;q=0.1",
    };
    if headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("accept")) {
        headers.push(("Accept".to_owned(), Template::literal(accepted)));
    }
}

fn delimiter(tree: &Tree, report: &Report) -> Option<u8> {
    let text = reader::text(tree, report)?.reveal();
    match text.as_bytes() {
        b"\\t" => Some(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | b'\0') => Some(*byte),
        _ => {
            invalid(tree, "must be one character of ASCII, and no quote or line break", report);
            None
        }
    }
}
