//! JSON to tree. Strict JSON: no comments, no trailing commas.

use jsonc_parser::ast::{ObjectPropName, Value as Json};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::NESTING_MAX;
use super::map::MapBuilder;
use super::position::Positions;
use crate::config::problem::{Place, Problem, Report, code};
use crate::config::tree::{Tree, Value};

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub(super) fn parse(text: &str, positions: &Positions<'_>, report: &Report) -> Option<Tree> {
    match parse_to_ast(text, &CollectOptions::default(), &STRICT) {
        Ok(parsed) => match parsed.value {
            Some(value) => Some(tree(value, 0, positions, report)),
            None => Some(Tree::new(Value::Null, &positions.at(1, 1))),
        },
        Err(error) => {
            let fault = error.kind().to_string();
            let at = positions.at_byte(error.range().start);
            report.add(Problem::new(code::SYNTAX, &at, format!("not valid JSON: {}", fault.to_lowercase())));
            None
        }
    }
}

/// The parser itself stops at 512 levels.
fn tree(json: Json<'_>, depth: usize, positions: &Positions<'_>, report: &Report) -> Tree {
    let at = positions.at_byte(json.start());
    if depth > NESTING_MAX {
        report.add(Problem::new(code::SYNTAX, &at, format!("nested deeper than {NESTING_MAX} levels")));
        return Tree::new(Value::Lost, &at);
    }
    let value = match json {
        Json::NullKeyword(_) => Value::Null,
        Json::BooleanLit(literal) => Value::Bool(literal.value),
        Json::NumberLit(literal) => number(literal.value, &at, report),
        Json::StringLit(literal) => return Tree::text(literal.value, &at),
        Json::Array(array) => {
            Value::List(array.elements.into_iter().map(|element| tree(element, depth + 1, positions, report)).collect())
        }
        Json::Object(object) => {
            let mut map = MapBuilder::default();
            for property in object.properties {
                let key_at = positions.at_byte(property.start());
                let key = match property.name {
                    ObjectPropName::String(name) => name.value.into_owned(),
                    ObjectPropName::Word(name) => name.value.to_owned(),
                };
                map.push(key, &key_at, tree(property.value, depth + 1, positions, report), report);
            }
            map.finish()
        }
    };
    Tree::new(value, &at)
}

fn number(text: &str, at: &Place, report: &Report) -> Value {
    let is_integer = !text.contains(['.', 'e', 'E']);
    let value = match is_integer {
        true => text.parse().ok().map(Value::Int),
        false => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float),
    };
    value.unwrap_or_else(|| {
        report.add(Problem::new(code::INVALID, at, format!("`{text}` is out of range for a number")));
        Value::Lost
    })
}
