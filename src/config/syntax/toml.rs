//! TOML to tree. Keys keep the order of the file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::map::MapBuilder;
use super::position::Positions;
use crate::config::problem::{Place, Problem, Report, code};
use crate::config::tree::{Tree, Value};

pub(super) fn parse(text: &str, positions: &Positions<'_>, report: &Report) -> Option<Tree> {
    match DeTable::parse(text) {
        Ok(table) => Some(Tree::new(map(table.into_inner(), positions, report), &positions.at(1, 1))),
        Err(error) => {
            let at = error.span().map_or_else(|| positions.whole(), |span| positions.at_byte(span.start));
            report.add(Problem::new(
                code::SYNTAX,
                &at,
                format!("not valid TOML: {}", error.message().replace('\n', "; ")),
            ));
            None
        }
    }
}

fn map(table: DeTable<'_>, positions: &Positions<'_>, report: &Report) -> Value {
    // The parser's table is sorted by name.
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut map = MapBuilder::default();
    for (key, value) in entries {
        let at = positions.at_byte(key.span().start);
        map.push(key.into_inner().into_owned(), &at, tree(value, positions, report), report);
    }
    map.finish()
}

/// Recurses no deeper than the parser, which stops at 80 levels.
fn tree(value: Spanned<DeValue<'_>>, positions: &Positions<'_>, report: &Report) -> Tree {
    let at = positions.at_byte(value.span().start);
    let value = match value.into_inner() {
        DeValue::String(text) => return Tree::text(text, &at),
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Int(number),
            Err(_) => refuse(&at, report, "the integer is out of range"),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Float(number),
            _ => refuse(&at, report, "the number is not finite"),
        },
        DeValue::Datetime(_) => refuse(&at, report, "dates have no meaning here; write it as a string"),
        DeValue::Array(items) => Value::List(items.into_iter().map(|item| tree(item, positions, report)).collect()),
        DeValue::Table(table) => map(table, positions, report),
    };
    Tree::new(value, &at)
}

fn refuse(at: &Place, report: &Report, message: &str) -> Value {
    report.add(Problem::new(code::INVALID, at, message));
    Value::Lost
}
