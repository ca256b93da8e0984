//! Gives the rows of a page members of their parent's row. A page that gets some is written anew and parsed again: that is rare, and
//! small beside the request that each parent costs.

use std::sync::Arc;

use crate::flow::{Page, RowPath};
use crate::json::{Document, Kind, Node, ParseError};

/// The key of a row that is no object, as the normaliser has it.
const VALUE: &str = "value";

/// The page with these members, given as JSON texts, in each of its rows; they take the place of members of the same name.
pub(super) fn with_included(page: &Page, included: &[(String, String)]) -> Result<Page, ParseError> {
    // One that comes in pieces knows already what stands for all of it.
    let came_as = page.came_as.clone().or_else(|| Some(page.digest().into()));
    let page = page.exact();
    let mut text = String::from("[");
    for (place, row) in page.rows().into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        write_row(&mut text, row, included);
    }
    text.push(']');
    let document = Document::parse(text.into())?;
    Ok(Page { document: Arc::new(document), rows: RowPath::Whole, came_as, ..page })
}

fn write_row(text: &mut String, row: Node<'_>, included: &[(String, String)]) {
    text.push('{');
    match row.kind() {
        Kind::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| !included.iter().any(|(own, _)| own == name)) {
                write_member(text, name, &value.to_json());
            }
        }
        _ => write_member(text, VALUE, &row.to_json()),
    }
    included.iter().for_each(|(name, value)| write_member(text, name, value));
    // Each member ends with a comma.
    text.pop();
    text.push('}');
}

fn write_member(text: &mut String, name: &str, value: &str) {
    text.push_str(&serde_json::Value::from(name).to_string());
    text.push(':');
    text.push_str(value);
    text.push(',');
}
