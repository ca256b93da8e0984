//! CSV: rows of texts, which are objects by the names of their columns. An empty field is null, because CSV has no other way to say so.

use std::collections::HashSet;

use bytes::Bytes;

use super::FormatFault;

/// The rows as one array.
///
/// # Errors
/// When a row has another number of fields than the first, two columns have one name, or the text is no UTF-8.
pub(super) fn array(body: &[u8], delimiter: u8, has_header: bool) -> Result<Bytes, FormatFault> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut reader = ::csv::ReaderBuilder::new().delimiter(delimiter).has_headers(has_header).from_reader(body);
    let first = reader.headers().map_err(FormatFault::Csv)?;
    let names: Vec<String> = match has_header {
        true => first.iter().zip(1..).map(|(name, number)| named(name.trim(), number)).collect(),
        false => (1..=first.len()).map(|number| named("", number)).collect(),
    };
    let mut seen = HashSet::with_capacity(names.len());
    if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(FormatFault::SameColumn(name.clone()));
    }
    let keys: Vec<String> = names.iter().map(|name| format!("{}:", text(name))).collect();
    let mut array = String::with_capacity(body.len());
    array.push('[');
    let mut row = ::csv::StringRecord::new();
    while reader.read_record(&mut row).map_err(FormatFault::Csv)? {
        array.push_str(if array.len() > 1 { ",\n{" } else { "{" });
        for (index, (key, field)) in keys.iter().zip(&row).enumerate() {
            if index > 0 {
                array.push(',');
            }
            array.push_str(key);
            match field {
                "" => array.push_str("null"),
                // What needs no escape is most of what there is.
                plain if plain.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') => {
                    array.push('"');
                    array.push_str(plain);
                    array.push('"');
                }
                other => array.push_str(&text(other)),
            }
        }
        array.push('}');
    }
    array.push(']');
    Ok(array.into())
}

/// The name of a column, counted from 1.
fn named(name: &str, number: usize) -> String {
    if name.is_empty() { format!("column_{number}") } else { name.to_owned() }
}

fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
