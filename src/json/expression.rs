//! Expressions of jq, compiled by jaq.
//!
//! An expression sees its input and nothing else: what reads the environment or the clock, writes, or ends the process is left out.

use std::fmt;
use std::sync::Arc;

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, compile, data, unwrap_valr};
use jaq_json::Val;

/// Definitions and functions that do more than compute, and those that are made of them.
const LEFT_OUT: [&str; 10] = [
    "debug",
    "debug_empty",
    "env",
    "halt",
    "halt_error",
    "localtime",
    "now",
    "stderr",
    "stderr_empty",
    "strflocaltime",
];
/// Characters of a fault that are told: it may quote a whole row.
const FAULT_CHARACTERS_MAX: usize = 200;

type Data = data::JustLut<Val>;

/// An expression that was compiled. Its clones share it.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    filter: Arc<Filter<Data>>,
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ExpressionError {
    problem: String,
}

impl Expression {
    /// Compiles a text.
    ///
    /// # Errors
    /// When it is no expression, or names what there is not.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let is_kept = |name: &str| !LEFT_OUT.contains(&name);
        let definitions =
            jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).filter(|def| is_kept(def.name));
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs()).filter(|fun| is_kept(fun.0));
        let arena = Arena::default();
        let modules = Loader::new(definitions).load(&arena, File { code: text, path: () });
        let modules = modules.map_err(|errors| ExpressionError { problem: unparsed(text, errors) })?;
        let filter = Compiler::default().with_funs(functions).compile(modules);
        let filter = filter.map_err(|errors| ExpressionError { problem: undefined(errors) })?;
        Ok(Self { text: text.into(), filter: Arc::new(filter) })
    }

    /// The first two values that come of `input`: more than one is mostly not meant.
    pub(super) fn apply(&self, input: Val) -> Result<[Option<Val>; 2], String> {
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new([]));
        let mut values = self.filter.id.run((context, input)).map(unwrap_valr);
        let mut next = || values.next().transpose().map_err(|error| shortened(&error.to_string()));
        Ok([next()?, next()?])
    }
}

/// The text.
impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Expression").field(&self.text).finish()
    }
}

fn unparsed(text: &str, errors: load::Errors<&str, ()>) -> String {
    let at = |rest: &str| {
        let offset = rest.as_ptr().addr().wrapping_sub(text.as_ptr().addr()).min(text.len());
        let before = text.get(..offset).unwrap_or(text).chars().count();
        if offset == text.len() { "at its end".to_owned() } else { format!("at its character {}", before + 1) }
    };
    let expects = |expected: &str, rest: &str| match expected {
        "nothing" => format!("it should have ended {}", at(rest)),
        expected => format!("{expected} is expected {}", at(rest)),
    };
    let described = errors.into_iter().find_map(|(_, error)| match error {
        load::Error::Io(files) => files.first().map(|(path, _)| format!("`{path}` cannot be included")),
        load::Error::Lex(errors) => errors.first().map(|(expected, rest)| expects(expected.as_str(), rest)),
        load::Error::Parse(errors) => errors.first().map(|(expected, rest)| expects(expected.as_str(), rest)),
    });
    described.unwrap_or_else(|| "it cannot be read".to_owned())
}

fn undefined(errors: compile::Errors<&str, ()>) -> String {
    let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
    match first {
        Some((name, compile::Undefined::Filter(arity))) if arity > 0 => {
            format!("there is no function `{name}` of {arity} arguments")
        }
        Some((name, compile::Undefined::Filter(_))) => format!("there is no function `{name}`"),
        Some((name, kind)) => format!("there is no {} `{name}`", kind.as_str()),
        None => "it cannot be compiled".to_owned(),
    }
}

fn shortened(fault: &str) -> String {
    match fault.char_indices().nth(FAULT_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", fault.get(..end).unwrap_or_default()),
        None => fault.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(expression: &str, input: &str) -> Vec<String> {
        let input = jaq_json::read::parse_single(input.as_bytes()).expect("JSON");
        let expression = Expression::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        match expression.apply(input) {
            Ok(values) => values.into_iter().flatten().map(|value| value.to_string()).collect(),
            Err(error) => vec![error],
        }
    }

    #[test]
    fn expressions_of_jq_compute() {
        let row =
            r#"{"a": 1, "b": {"c": [2, 3]}, "t": "2024-01-25T00:00:00Z", "big": 123456789012345678901, "d": 1.10}"#;
        let table = [
            (".a + .b.c[1]", "4"),
            (".b.c | length", "2"),
            (".t | fromdate", "1706140800"),
            (".t | test(\"^2024-\")", "true"),
            (".missing // \"none\"", "\"none\""),
            ("{a, n: (.b.c | add)}", r#"{"a":1,"n":5}"#),
            ("[.big, .d]", "[123456789012345678901,1.10]"),
            ("if .a > 0 then \"p\" else \"n\" end", "\"p\""),
            ("any(.b.c[]; . == 3)", "true"),
            ("\"\\(.a)-\\(.t[:4])\"", "\"1-2024\""),
            ("tojson | fromjson | .a", "1"),
        ];
        for (expression, expected) in table {
            assert_eq!(results(expression, row), [expected], "{expression}");
        }
        assert_eq!(results(".b.c[]", row), ["2", "3"]);
        assert_eq!(results("empty", row), Vec::<String>::new());
        assert_eq!(results(".a.b", row), ["cannot index 1 with \"b\""]);
    }

    #[test]
    fn what_is_no_expression_is_told() {
        let table = [
            (".a +", "term is expected at its end"),
            (".a ++ 1", "it should have ended at its character 4"),
            ("(.a", "closing parenthesis is expected at its end"),
            ("foo", "there is no function `foo`"),
            ("foo(1; 2)", "there is no function `foo` of 2 arguments"),
            ("$x", "there is no variable `$x`"),
            ("", "term is expected at its end"),
        ];
        for (text, expected) in table {
            assert_eq!(
                Expression::parse(text).map_err(|error| error.to_string()).err().as_deref(),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn expressions_see_nothing_but_their_input() {
        for text in [
            "env",
            "$ENV",
            "now",
            "input",
            "inputs",
            "halt",
            "halt_error",
            "debug",
            "debug(1)",
            "stderr",
            "localtime",
            "$__prog_args",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
        assert!(Expression::parse("include \"a\"; .").is_err());
    }
}
