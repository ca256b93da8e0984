//! `{name}` in texts, as in Python's `str.format`. `{{` and `}}` stand for single braces. What was looked up is taken as it
//! is: a secret may hold braces.

use super::problem::{Place, Problem, code};
use super::tree::{Piece, Text};

/// A part of a text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    /// The expression between single braces.
    Placeholder(String),
}

/// A single brace that does not belong to a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LooseBrace;

/// Splits a text at its placeholders.
pub(super) fn parts(text: &Text) -> Result<Vec<Part>, LooseBrace> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    for piece in text.pieces() {
        match piece {
            Piece::LookedUp(secret) => literal.push_str(secret.expose()),
            Piece::Written(written) => split(written, &mut literal, &mut parts)?,
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

fn split(written: &str, literal: &mut String, parts: &mut Vec<Part>) -> Result<(), LooseBrace> {
    let mut rest = written;
    while let Some(brace) = rest.find(['{', '}']) {
        let (before, from_brace) = rest.split_at(brace);
        literal.push_str(before);
        if let Some(after) = from_brace.strip_prefix("{{") {
            literal.push('{');
            rest = after;
        } else if let Some(after) = from_brace.strip_prefix("}}") {
            literal.push('}');
            rest = after;
        } else {
            let (expression, after) =
                from_brace.strip_prefix('{').and_then(|inner| inner.split_once('}')).ok_or(LooseBrace)?;
            if expression.contains('{') {
                return Err(LooseBrace);
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(literal)));
            }
            parts.push(Part::Placeholder(expression.to_owned()));
            rest = after;
        }
    }
    literal.push_str(rest);
    Ok(())
}

pub(super) fn loose_brace(key: &str, at: &Place) -> Problem {
    Problem::new(code::INVALID, at, format!("`{key}` has a brace without its counterpart")).hint(DOUBLE_BRACES)
}

pub(super) const DOUBLE_BRACES: &str = "write `{{` and `}}` for braces that stand for themselves";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_braces_are_single_ones_and_the_rest_is_placeholders() {
        let text = Text::written("a{{b}}/{x.y}/c");
        let expected = [Part::Literal("a{b}/".into()), Part::Placeholder("x.y".into()), Part::Literal("/c".into())];
        assert_eq!(parts(&text), Ok(expected.into()));
        assert_eq!(parts(&Text::written("a}b")), Err(LooseBrace));
        assert_eq!(parts(&Text::written("{a")), Err(LooseBrace));
        assert_eq!(parts(&Text::looked_up("{a")), Ok(vec![Part::Literal("{a".into())]));
    }
}
