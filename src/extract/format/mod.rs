//! What bodies are written in: packed or not, JSON, JSON Lines or CSV. All of them become one JSON text, which is parsed as any other.
//!
//! 1. `unpack`: gzip and zip are known by their first bytes; what is in them is bounded as a body is.
//! 2. What it is: as the config says, else by `Content-Type`, else by the end of the name, else JSON. What is no JSON is JSON Lines
//!    if its first line is a value by itself and others follow.
//! 3. `lines` and `csv` make an array of it, and several files of a zip become one array.
//!
//! A body of plain JSON is not copied and not looked at twice.

mod csv;
mod lines;
mod unpack;
mod zip;

use bytes::Bytes;

use crate::client::{RawBody, Unread};
use crate::json::{Document, ParseError};
use crate::plan::{BodyFormat, CsvFormat, FormatKind};
use unpack::File;

/// Why a body is not what it should be.
#[derive(Debug, thiserror::Error)]
enum FormatFault {
    #[error("the body is to be {expected}, and its `Content-Type` is `{content_type}`")]
    OtherType { expected: &'static str, content_type: String },
    #[error("in `{name}`: {source}")]
    InFile { name: String, source: Box<Self> },
    #[error("{0}")]
    Json(ParseError),
    #[error("{0}")]
    Csv(::csv::Error),
    #[error("two columns of the CSV have the name `{0}`")]
    SameColumn(String),
    #[error("it is packed, and cannot be unpacked: {0}")]
    Packed(String),
}

/// What a body, or a file in it, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// JSON, or JSON Lines where it is not.
    Json {
        may_be_lines: bool,
    },
    Lines,
    Csv {
        delimiter: u8,
    },
}

/// Reads a body by `parse`, which takes JSON. The second value is the size of that.
pub(super) fn read<T>(
    body: RawBody,
    format: BodyFormat,
    bytes_max: u64,
    parse: impl Fn(Bytes) -> Result<T, ParseError>,
) -> Result<(T, u64), Unread> {
    check_type(&body, format).map_err(broken)?;
    let sized = |json: Bytes| {
        let bytes = u64::try_from(json.len()).unwrap_or(u64::MAX);
        parse(json).map(|parsed| (parsed, bytes)).map_err(|error| broken(FormatFault::Json(error)))
    };
    let Some(files) = unpack::files(&body.bytes, bytes_max)? else {
        let written = written(format, body.content_type.as_deref(), &body.name);
        return read_one(body.bytes, written, format.csv, sized);
    };
    match <[File; 1]>::try_from(files) {
        Ok([file]) => {
            let name = if file.name.is_empty() { &body.name } else { &file.name };
            let written = written(format, body.content_type.as_deref(), name);
            read_one(file.bytes, written, format.csv, sized)
        }
        Err(files) => sized(joined(files, format).map_err(broken)?),
    }
}

fn read_one<T>(
    bytes: Bytes,
    written: Written,
    csv: CsvFormat,
    parse: impl Fn(Bytes) -> Result<T, Unread>,
) -> Result<T, Unread> {
    match written {
        Written::Lines => parse(lines::array(&bytes)),
        Written::Csv { delimiter } => parse(csv::array(&bytes, delimiter, csv.has_header).map_err(broken)?),
        Written::Json { may_be_lines } => match parse(bytes.clone()) {
            Err(_) if may_be_lines && lines::are_these(&bytes) => parse(lines::array(&bytes)),
            parsed => parsed,
        },
    }
}

/// Several files as one array of their rows.
fn joined(files: Vec<File>, format: BodyFormat) -> Result<Bytes, FormatFault> {
    let mut whole = String::from("[");
    for File { name, bytes } in files {
        let array = array(bytes, written(format, None, &name), format.csv);
        let array = array.map_err(|source| FormatFault::InFile { name, source: Box::new(source) })?;
        let items =
            array.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map_or(array.trim(), str::trim);
        if !items.is_empty() {
            if whole.len() > 1 {
                whole.push_str(",\n");
            }
            whole.push_str(items);
        }
    }
    whole.push(']');
    Ok(whole.into())
}

/// One of several files as JSON: an array of rows, or a row.
fn array(bytes: Bytes, written: Written, csv: CsvFormat) -> Result<String, FormatFault> {
    let json = match written {
        Written::Csv { delimiter } => csv::array(&bytes, delimiter, csv.has_header)?,
        Written::Lines => lines::array(&bytes),
        Written::Json { may_be_lines: true } if lines::are_these(&bytes) => lines::array(&bytes),
        Written::Json { .. } => bytes,
    };
    // Each has to be JSON by itself: two halves of a value in two files are none.
    let document = Document::parse(json).map_err(FormatFault::Json)?;
    Ok(document.root().to_json())
}

fn written(format: BodyFormat, content_type: Option<&str>, name: &str) -> Written {
    let delimiter = |usual| Written::Csv { delimiter: format.csv.delimiter.unwrap_or(usual) };
    let is_tabs = content_type.is_some_and(|given| given.starts_with("text/tab-separated")) || has_end(name, "tsv");
    match format.kind {
        FormatKind::Json => Written::Json { may_be_lines: false },
        FormatKind::JsonLines => Written::Lines,
        FormatKind::Csv => delimiter(if is_tabs { b'\t' } else { b',' }),
        FormatKind::Auto => match content_type.unwrap_or_default() {
            given if is_lines(given) => Written::Lines,
            given if given.starts_with("text/csv") || given.starts_with("application/csv") => delimiter(b','),
            given if given.starts_with("text/tab-separated") => delimiter(b'\t'),
            given if is_json(given) => Written::Json { may_be_lines: true },
            _ if has_end(name, "csv") => delimiter(b','),
            _ if has_end(name, "tsv") => delimiter(b'\t'),
            _ if has_end(name, "jsonl") || has_end(name, "ndjson") => Written::Lines,
            _ => Written::Json { may_be_lines: true },
        },
    }
}

/// An error in JSON or HTML, with a status that says that it is none, would be rows of text.
fn check_type(body: &RawBody, format: BodyFormat) -> Result<(), FormatFault> {
    let Some(given) = body.content_type.as_deref() else { return Ok(()) };
    let is_page = given.starts_with("text/html");
    let expected = match format.kind {
        FormatKind::Csv if is_page || is_json(given) => "CSV",
        FormatKind::JsonLines if is_page => "JSON Lines",
        _ => return Ok(()),
    };
    Err(FormatFault::OtherType { expected, content_type: given.to_owned() })
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

fn is_lines(content_type: &str) -> bool {
    ["ndjson", "jsonl", "json-lines", "json-stream"].iter().any(|word| content_type.contains(word))
}

/// Whether a name ends so, packed or not.
fn has_end(name: &str, end: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zip")).unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, last)| last == end)
}

fn broken(fault: FormatFault) -> Unread {
    Unread::Broken(Box::new(fault))
}

#[cfg(test)]
mod tests;
