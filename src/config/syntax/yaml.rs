//! YAML to tree: one document, the 1.2 core schema, anchors and aliases. Merge keys (`<<`) are not part of YAML 1.2.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::map::MapBuilder;
use super::position::Positions;
use super::{NESTING_MAX, VALUES_MAX};
use crate::config::problem::{Place, Problem, Report, code};
use crate::config::tree::{Tree, Value};

pub(super) fn parse(text: &str, positions: &Positions<'_>, report: &Report) -> Option<Tree> {
    let parser = Parser::new_from_str(text);
    let mut reader = Reader { parser, positions, report, anchors: HashMap::new(), values: 0 };
    match reader.document() {
        Ok(tree) => Some(tree),
        Err(problem) => {
            report.add(problem);
            None
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    positions: &'a Positions<'a>,
    report: &'a Report,
    /// What each anchor stands for, with the number of its values.
    anchors: HashMap<usize, (Tree, usize)>,
    values: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Tree, Problem> {
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd => return Ok(Tree::new(Value::Null, &self.positions.at(1, 1))),
                event => {
                    let tree = self.node(event, &at, 0)?;
                    return self.only_document(tree);
                }
            }
        }
    }

    fn only_document(&mut self, tree: Tree) -> Result<Tree, Problem> {
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(tree),
                Event::DocumentStart(_) => {
                    return Err(Problem::new(
                        code::SYNTAX,
                        &at,
                        "a config is one YAML document; here a second one starts",
                    ));
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Place), Problem> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.place(span))),
            Some(Err(error)) => {
                let at = self.positions.at(error.marker().line(), error.marker().col() + 1);
                Err(Problem::new(code::SYNTAX, &at, format!("not valid YAML: {}", error.info())))
            }
            None => Err(Problem::new(code::SYNTAX, &self.positions.whole(), "not valid YAML: it ends too early")),
        }
    }

    fn place(&self, span: Span) -> Place {
        self.positions.at(span.start.line(), span.start.col() + 1)
    }

    fn node(&mut self, event: Event<'a>, at: &Place, depth: usize) -> Result<Tree, Problem> {
        if depth > NESTING_MAX {
            return Err(Problem::new(code::SYNTAX, at, format!("nested deeper than {NESTING_MAX} levels")));
        }
        self.count(1, at)?;
        let before = self.values;
        let (value, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                (scalar(&text, style, tag.as_deref()).map_err(|fault| Problem::new(code::INVALID, at, fault))?, anchor)
            }
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            _ => return Err(Problem::new(code::SYNTAX, at, "not valid YAML: a value was expected")),
        };
        let tree = Tree::new(value, at);
        // The parser counts anchors from 1; 0 is none.
        if anchor > 0 {
            self.anchors.insert(anchor, (tree.clone(), self.values - before + 1));
        }
        Ok(tree)
    }

    /// Counts before anything is copied, so that aliases of aliases cannot exhaust the memory.
    fn count(&mut self, values: usize, at: &Place) -> Result<(), Problem> {
        self.values = self.values.saturating_add(values);
        match self.values > VALUES_MAX {
            true => Err(Problem::new(code::SYNTAX, at, format!("the config has more than {VALUES_MAX} values"))),
            false => Ok(()),
        }
    }

    fn alias(&mut self, anchor: usize, at: &Place) -> Result<Tree, Problem> {
        let Some((_, values)) = self.anchors.get(&anchor) else {
            return Err(Problem::new(code::SYNTAX, at, "the alias stands inside the value that it names"));
        };
        self.count(*values, at)?;
        let copy = self.anchors.get(&anchor).map(|(tree, _)| tree.clone());
        Ok(copy.unwrap_or_else(|| Tree::new(Value::Null, at)))
    }

    fn list(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::List(items));
            }
            items.push(self.node(event, &at, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut map = MapBuilder::default();
        loop {
            let (event, at) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(map.finish()),
                Event::Scalar(text, ..) => text.into_owned(),
                Event::Alias(anchor) => match self.anchors.get(&anchor).and_then(|(tree, _)| tree.written_text()) {
                    Some(text) => text.to_owned(),
                    None => return Err(Problem::new(code::SYNTAX, &at, "a key must be a string")),
                },
                _ => return Err(Problem::new(code::SYNTAX, &at, "a key must be a string, not a list or a map")),
            };
            let (event, value_at) = self.next()?;
            let value = self.node(event, &value_at, depth + 1)?;
            map.push(key, &at, value, self.report);
        }
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let as_text = || Value::Text(crate::config::tree::Text::written(text));
    let Some(tag) = tag else {
        return if style == ScalarStyle::Plain { plain(text) } else { Ok(as_text()) };
    };
    let value = match tag.suffix.as_str() {
        "str" if tag.is_yaml_core_schema() => return Ok(as_text()),
        "null" | "bool" | "int" | "float" if tag.is_yaml_core_schema() => plain(text)?,
        _ => return Err(format!("the tag `{tag}` is not known")),
    };
    match (tag.suffix.as_str(), value) {
        ("null", Value::Null) => Ok(Value::Null),
        ("bool", Value::Bool(value)) => Ok(Value::Bool(value)),
        ("int", Value::Int(number)) => Ok(Value::Int(number)),
        ("float", Value::Float(number)) => Ok(Value::Float(number)),
        // Every integer of the core schema is also the text of a float.
        ("float", Value::Int(number)) => plain(&format!("{number}.0")),
        _ => Err(format!("`{text}` does not fit the tag `{tag}`")),
    }
}

/// A scalar without quotes: the table of the core schema (YAML 1.2.2, section 10.3.2).
fn plain(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    if let Some(number) = integer(text) {
        return number.map(Value::Int).map_err(|_| format!("`{text}` is out of range for an integer"));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(format!("`{text}` is not a finite number"));
    }
    if is_float(unsigned) {
        return match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err(format!("`{text}` is out of range for a number")),
        };
    }
    Ok(Value::Text(crate::config::tree::Text::written(text)))
}

fn integer(text: &str) -> Option<Result<i64, std::num::ParseIntError>> {
    let all = |digits: &str, radix: u32| !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    if let Some(digits) = text.strip_prefix("0x").filter(|digits| all(digits, 16)) {
        return Some(i64::from_str_radix(digits, 16));
    }
    if let Some(digits) = text.strip_prefix("0o").filter(|digits| all(digits, 8)) {
        return Some(i64::from_str_radix(digits, 8));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    all(unsigned, 10).then(|| text.parse())
}

/// `1.5`, `.5`, `5.`, `1e3`: digits with at most one point, then at most one exponent.
fn is_float(unsigned: &str) -> bool {
    let digits = |text: &str| text.chars().all(|digit| digit.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !(whole.is_empty() && fraction.is_empty());
    has_digits
        && digits(whole)
        && digits(fraction)
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let table = [
            ("~", "Ok(Null)"),
            ("True", "Ok(Bool(true))"),
            ("-12", "Ok(Int(-12))"),
            ("0x1F", "Ok(Int(31))"),
            ("0o17", "Ok(Int(15))"),
            ("+.5e1", "Ok(Float(5.0))"),
            ("1.", "Ok(Float(1.0))"),
            (".", r#"Ok(Text(Text([Written(".")])))"#),
            ("yes", r#"Ok(Text(Text([Written("yes")])))"#),
            ("2024-01-01", r#"Ok(Text(Text([Written("2024-01-01")])))"#),
            ("e5", r#"Ok(Text(Text([Written("e5")])))"#),
            (".inf", r#"Err("`.inf` is not a finite number")"#),
            ("99999999999999999999", r#"Err("`99999999999999999999` is out of range for an integer")"#),
        ];
        for (text, expected) in table {
            assert_eq!(format!("{:?}", plain(text)), expected, "{text}");
        }
    }
}
