//! The part of Python's format specifications that placeholders are seen with: `{resources.posts.id:05d}`.
//!
//! `[[fill]align][0][width][.precision][type]`, with `<`, `>`, `^` and `=` to align and the types `s`, `d`, `f`, `x` and `X`.

use crate::plan::{Align, TextFormat, TextKind};

/// Characters of the widest text; wider ones are mistakes.
const WIDTH_MAX: usize = 1_000;

/// Splits an expression into what it stands for and how that is written.
pub(super) fn split(expression: &str) -> Result<(&str, Option<TextFormat>), String> {
    match colon(expression) {
        None => Ok((expression, None)),
        Some(at) => {
            let (name, spec) = expression.split_at(at);
            let spec = spec.strip_prefix(':').unwrap_or(spec);
            if spec.is_empty() {
                return Ok((name, None));
            }
            let format = parse(spec).ok_or_else(|| format!("`{spec}` is no format that is known here"))?;
            Ok((name, Some(format)))
        }
    }
}

/// The first colon that stands in no brackets and no quotes: a path may hold some.
fn colon(expression: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, character) in expression.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (None, ':') if depth == 0 => return Some(at),
            (None, _) => {}
        }
    }
    None
}

fn parse(spec: &str) -> Option<TextFormat> {
    let mut format = TextFormat { fill: ' ', align: None, width: 0, precision: None, kind: TextKind::Plain };
    let mut rest = spec;
    let mut characters = spec.chars();
    let (first, second) = (characters.next()?, characters.next());
    if let Some(align) = second.and_then(align) {
        format.fill = first;
        format.align = Some(align);
        rest = characters.as_str();
    } else if let Some(align) = align(first) {
        format.align = Some(align);
        rest = spec.strip_prefix(first)?;
    }
    if let Some(after) = rest.strip_prefix('0') {
        format.fill = '0';
        format.align = format.align.or(Some(Align::AfterSign));
        rest = after;
    }
    let (width, after) = number(rest)?;
    format.width = width.unwrap_or(0);
    rest = after;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after)?;
        format.precision = Some(precision?);
        rest = after;
    }
    format.kind = match rest {
        "" | "s" => TextKind::Plain,
        "d" => TextKind::Integer,
        "f" => TextKind::Fixed,
        "x" => TextKind::Hex,
        "X" => TextKind::UpperHex,
        _ => return None,
    };
    Some(format)
}

fn align(character: char) -> Option<Align> {
    match character {
        '<' => Some(Align::Left),
        '>' => Some(Align::Right),
        '^' => Some(Align::Center),
        '=' => Some(Align::AfterSign),
        _ => None,
    }
}

/// The number at the beginning, if there is one, and what follows it; `None`: it is too large.
fn number(text: &str) -> Option<(Option<usize>, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return Some((None, rest));
    }
    let number = digits.parse().ok().filter(|number| *number <= WIDTH_MAX)?;
    Some((Some(number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_stands_behind_a_colon_that_is_in_no_brackets() {
        let padded =
            TextFormat { fill: '0', align: Some(Align::AfterSign), width: 5, precision: None, kind: TextKind::Integer };
        assert_eq!(split("resources.p.id:05d"), Ok(("resources.p.id", Some(padded))));
        assert_eq!(split("resources.p['a:b']"), Ok(("resources.p['a:b']", None)));
        assert_eq!(split("resources.p[0:2].id"), Ok(("resources.p[0:2].id", None)));
        let right =
            TextFormat { fill: '*', align: Some(Align::Right), width: 8, precision: Some(2), kind: TextKind::Fixed };
        assert_eq!(split("a:*>8.2f"), Ok(("a", Some(right))));
        assert!(split("a:%Y").is_err());
    }
}
