//! Whether an answer to a query in GraphQL is one: servers tell errors in the body, mostly with status 200, and may leave rows out.

use crate::json::{Kind, Node};

/// What the server says is wrong, if it says so.
pub(super) fn refusal(root: Node<'_>) -> Option<String> {
    let errors = root.member("errors")?;
    let (first, count) = match errors.kind() {
        Kind::Null => return None,
        Kind::Array(items) => (items.get(0)?, items.len()),
        _ => (errors, 1),
    };
    let text = match first.member("message").map(Node::kind) {
        Some(Kind::Text(message)) => message.to_owned(),
        _ => first.to_json(),
    };
    Some(match count {
        1 => text,
        count => format!("{text} (the first of {count})"),
    })
}

#[cfg(test)]
mod tests {
    use super::refusal;
    use crate::json::Document;

    #[test]
    fn errors_are_told_and_nothing_else_is_one() {
        let table = [
            (r#"{"data":{"errors":[1]}}"#, None),
            (r#"{"data":{},"errors":null}"#, None),
            (r#"{"data":{},"errors":[]}"#, None),
            ("[1]", None),
            (r#"{"errors":[{"message":"no such field"}],"data":null}"#, Some("no such field")),
            (r#"{"errors":[{"message":"a"},{"message":"b"}]}"#, Some("a (the first of 2)")),
            (r#"{"errors":"down"}"#, Some("\"down\"")),
        ];
        for (body, expected) in table {
            let document = Document::parse(bytes::Bytes::from_static(body.as_bytes())).expect("JSON");
            assert_eq!(refusal(document.root()).as_deref(), expected, "{body}");
        }
    }
}
