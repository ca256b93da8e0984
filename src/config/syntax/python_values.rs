//! Python expressions to trees, without running any Python: literals, names that stand for them, texts put together,
//! and the look-ups of dlt and of the environment. Everything else is a problem that says what was seen.

use std::rc::Rc;

use ruff_python_ast::{
    Expr, ExprBinOp, ExprCall, ExprDict, ExprFString, ExprSubscript, ExprUnaryOp, FStringPart, InterpolatedElement,
    InterpolatedStringElement, Number, Operator, UnaryOp,
};

use super::map::MapBuilder;
use super::position::Positions;
use super::python_classes;
use super::python_names::{Binding, Scope, Script};
use super::{NESTING_MAX, VALUES_MAX};
use crate::config::problem::{Place, Problem, Report, code};
use crate::config::scalar_text::python_text;
use crate::config::tree::{Lookup, LookupKind, Text, Tree, Value};

/// Why an expression has no static value.
pub(super) type Refusal = Box<Problem>;

/// Reads the expressions of one scope.
pub(super) struct Evaluator<'e, 'a> {
    pub(super) script: &'e Script<'a>,
    /// From the module inwards.
    pub(super) scopes: &'e [Rc<Scope<'a>>],
    pub(super) positions: &'e Positions<'e>,
    pub(super) report: &'e Report,
    values: usize,
    depth: usize,
}

impl<'e, 'a> Evaluator<'e, 'a> {
    pub(super) fn new(
        script: &'e Script<'a>,
        scopes: &'e [Rc<Scope<'a>>],
        positions: &'e Positions<'e>,
        report: &'e Report,
    ) -> Self {
        Self { script, scopes, positions, report, values: 0, depth: 0 }
    }

    /// The value of an expression; [`Value::Lost`] where it has none, which is then reported.
    pub(super) fn tree(&mut self, expression: &Expr) -> Tree {
        self.try_tree(expression).unwrap_or_else(|problem| {
            self.report.add(*problem);
            Tree::new(Value::Lost, &self.at(expression))
        })
    }

    /// The value of an expression, or why it has none.
    pub(super) fn try_tree(&mut self, expression: &Expr) -> Result<Tree, Refusal> {
        self.values += 1;
        if self.depth >= NESTING_MAX || self.values > VALUES_MAX {
            return Err(self.problem(expression, "the config is nested too deeply, is too large or refers to itself"));
        }
        self.depth += 1;
        let tree = self.value(expression);
        self.depth -= 1;
        tree
    }

    fn value(&mut self, expression: &Expr) -> Result<Tree, Refusal> {
        let value = match expression {
            Expr::NoneLiteral(_) => Value::Null,
            Expr::BooleanLiteral(literal) => Value::Bool(literal.value),
            Expr::NumberLiteral(literal) => self.number(&literal.value, false, expression)?,
            Expr::UnaryOp(operation) => self.negative(operation, expression)?,
            Expr::StringLiteral(literal) => Value::Text(Text::written(literal.value.to_str())),
            Expr::FString(literal) => self.f_string(literal)?,
            Expr::List(list) => Value::List(list.elts.iter().map(|element| self.tree(element)).collect()),
            Expr::Tuple(tuple) => Value::List(tuple.elts.iter().map(|element| self.tree(element)).collect()),
            Expr::Dict(dict) => self.dict(dict),
            Expr::BinOp(operation) => self.sum(operation, expression)?,
            Expr::Name(name) => return self.named(name.id.as_str(), expression),
            Expr::Subscript(subscript) => Value::Lookup(self.subscript(subscript, expression)?),
            Expr::Call(call) => self.call(call, expression)?,
            _ => return Err(self.not_static(expression)),
        };
        Ok(Tree::new(value, &self.at(expression)))
    }

    fn number(&self, number: &Number, negative: bool, expression: &Expr) -> Result<Value, Refusal> {
        let out_of_range = || self.problem(expression, "the number is out of range");
        match number {
            Number::Int(number) => {
                let sign = if negative { "-" } else { "" };
                let number = format!("{sign}{number}").parse().or_else(|_| number.as_i64().ok_or_else(out_of_range));
                number.map(Value::Int)
            }
            Number::Float(number) if number.is_finite() => Ok(Value::Float(if negative { -number } else { *number })),
            Number::Float(_) => Err(out_of_range()),
            Number::Complex { .. } => Err(self.not_static(expression)),
        }
    }

    fn negative(&self, operation: &ExprUnaryOp, expression: &Expr) -> Result<Value, Refusal> {
        match (operation.op, operation.operand.as_ref()) {
            (UnaryOp::USub, Expr::NumberLiteral(literal)) => self.number(&literal.value, true, expression),
            _ => Err(self.not_static(expression)),
        }
    }

    fn dict(&mut self, dict: &ExprDict) -> Value {
        let mut map = MapBuilder::default();
        for item in &dict.items {
            let Some(key) = &item.key else {
                let message = "`**` is not a static key; only static values can be read";
                self.report.add(*self.problem(&item.value, message));
                continue;
            };
            let value = self.tree(&item.value);
            let key_tree = self.tree(key);
            match key_tree.written_text() {
                Some(text) => map.push(text.to_owned(), &self.at(key), value, self.report),
                None if matches!(key_tree.value, Value::Lost) => {}
                None => {
                    let message = format!("a key must be a string, not {}", key_tree.kind());
                    self.report.add(*self.problem(key, &message));
                }
            }
        }
        map.finish()
    }

    fn f_string(&mut self, literal: &ExprFString) -> Result<Value, Refusal> {
        let mut parts = Vec::new();
        for part in literal.value.iter() {
            match part {
                FStringPart::Literal(text) => parts.push(Tree::text(text.as_str(), &self.at(text))),
                FStringPart::FString(string) => {
                    for element in &string.elements {
                        parts.push(self.f_string_element(element)?);
                    }
                }
            }
        }
        Ok(joined(parts))
    }

    fn f_string_element(&mut self, element: &InterpolatedStringElement) -> Result<Tree, Refusal> {
        match element {
            InterpolatedStringElement::Literal(text) => Ok(Tree::text(text.value.as_ref(), &self.at(text))),
            InterpolatedStringElement::Interpolation(element) if is_plain(element) => {
                self.try_tree(&element.expression)
            }
            InterpolatedStringElement::Interpolation(element) => {
                Err(self.problem(element, "a format in an f-string cannot be read; only static values can"))
            }
        }
    }

    /// `a + b` for two texts or two lists.
    fn sum(&mut self, operation: &ExprBinOp, expression: &Expr) -> Result<Value, Refusal> {
        if operation.op != Operator::Add {
            return Err(self.not_static(expression));
        }
        let (left, right) = (self.try_tree(&operation.left)?, self.try_tree(&operation.right)?);
        let is_text = |tree: &Tree| matches!(tree.value, Value::Text(_) | Value::Lookup(_) | Value::Joined(_));
        if is_text(&left) && is_text(&right) {
            return Ok(joined(vec![left, right]));
        }
        match (left.value, right.value) {
            (Value::List(mut items), Value::List(more)) => {
                items.extend(more);
                Ok(Value::List(items))
            }
            _ => Err(self.problem(expression, "`+` can be read between two strings or two lists only")),
        }
    }

    fn named(&mut self, name: &str, expression: &Expr) -> Result<Tree, Refusal> {
        let fault = match self.target(name, expression)? {
            // Python's own, which dlt takes for `last_value_func`.
            (Binding::Other, _) if matches!(name, "max" | "min") => return Ok(Tree::text(name, &self.at(expression))),
            (Binding::Value(value), scopes) => {
                // What a name of the module stands for is not changed by the names of a function.
                let inner = std::mem::replace(&mut self.scopes, scopes);
                let tree = self.try_tree(value);
                self.scopes = inner;
                return tree;
            }
            (Binding::Parameter(default), _) => return self.parameter(name, default, expression),
            (Binding::Several, _) => format!("`{name}` is bound more than once; only names with one value can be read"),
            (Binding::Function, _) => {
                let fault = format!("`{name}` is a function; only static values can be read");
                return Err(Box::new(self.problem(expression, &fault).hint(WITHOUT_PYTHON)));
            }
            (Binding::Other, _) => {
                format!("`{name}` is not bound to a literal in this file; only static values can be read")
            }
        };
        Err(self.problem(expression, &fault))
    }

    /// What a name stands for here: its innermost binding, with the scopes in which that stands.
    pub(super) fn target(&self, name: &str, expression: &Expr) -> Result<(Binding<'a>, &'e [Rc<Scope<'a>>]), Refusal> {
        if let Some(change) = self.script.change_of(name) {
            let place = self.positions.at_byte(change.to_usize());
            let message = format!("`{name}` is changed after it is bound, at {place}; only static values can be read");
            return Err(self.problem(expression, &message));
        }
        let mut scopes = self.scopes;
        while let Some((innermost, outer)) = scopes.split_last() {
            if let Some(binding) = innermost.get(name) {
                return Ok((binding, scopes));
            }
            scopes = outer;
        }
        Ok((Binding::Other, scopes))
    }

    /// dlt fills a parameter whose default is `dlt.secrets.value` or `dlt.config.value` under the parameter's own name.
    fn parameter(&self, name: &str, default: Option<&Expr>, expression: &Expr) -> Result<Tree, Refusal> {
        let kind = match default.and_then(|default| self.script.full_name(default)).as_deref() {
            Some("dlt.secrets.value") => LookupKind::Secret,
            Some("dlt.config.value") => LookupKind::Config,
            _ => {
                let message = format!("`{name}` is a parameter; only static values can be read");
                return Err(self.problem(expression, &message));
            }
        };
        let lookup = Lookup { kind, name: name.to_owned(), otherwise: None };
        Ok(Tree::new(Value::Lookup(lookup), &self.at(expression)))
    }

    /// `dlt.secrets["a.b"]`, `dlt.config["a.b"]` and `os.environ["X"]`.
    fn subscript(&mut self, subscript: &ExprSubscript, expression: &Expr) -> Result<Lookup, Refusal> {
        let kind = match self.script.full_name(&subscript.value).as_deref() {
            Some("dlt.secrets") => LookupKind::Secret,
            Some("dlt.config") => LookupKind::Config,
            Some("os.environ") => LookupKind::Env,
            _ => return Err(self.not_static(expression)),
        };
        Ok(Lookup { kind, name: self.key(&subscript.slice)?, otherwise: None })
    }

    /// `dlt.secrets.get("a.b")`, `dlt.config.get("a.b")`, `os.environ.get("X", default)` and `os.getenv("X", default)`.
    ///
    /// A paginator or an auth is what its constructor says.
    fn call(&mut self, call: &ExprCall, expression: &Expr) -> Result<Value, Refusal> {
        // A class may be given the type that it is generic over: `incremental[str](…)`.
        let callee = match call.func.as_ref() {
            Expr::Subscript(subscript) => &subscript.value,
            callee => callee,
        };
        let name = self.script.full_name(callee);
        if let Some((kind, parameters)) = name.as_deref().and_then(python_classes::class) {
            return self.constructor(call, expression, kind, parameters);
        }
        let kind = match name.as_deref() {
            Some("dlt.secrets.get") => LookupKind::Secret,
            Some("dlt.config.get") => LookupKind::Config,
            Some("os.environ.get" | "os.getenv") => LookupKind::Env,
            _ => return Err(self.not_static(expression)),
        };
        let arguments = &call.arguments;
        let Some(name) = arguments.args.first() else { return Err(self.not_static(expression)) };
        let default = arguments.args.get(1).or_else(|| arguments.find_keyword("default").map(|keyword| &keyword.value));
        // The second argument of dlt's `get` is the expected type.
        let otherwise = match default.filter(|_| kind == LookupKind::Env) {
            Some(default) => self.try_tree(default)?,
            None => Tree::new(Value::Null, &self.at(expression)),
        };
        Ok(Value::Lookup(Lookup { kind, name: self.key(name)?, otherwise: Some(Box::new(otherwise)) }))
    }

    /// A call of a class as the map with `type` that says the same.
    fn constructor(
        &mut self,
        call: &ExprCall,
        expression: &Expr,
        kind: &str,
        parameters: &[&str],
    ) -> Result<Value, Refusal> {
        let at = self.at(expression);
        let mut map = MapBuilder::default();
        map.push("type".to_owned(), &at, Tree::text(kind, &at), self.report);
        for (index, argument) in call.arguments.args.iter().enumerate() {
            let Some(name) = parameters.get(index).filter(|_| !argument.is_starred_expr()) else {
                return Err(self.problem(argument, "the class has no such argument"));
            };
            let value = self.tree(argument);
            map.push((*name).to_owned(), &self.at(argument), value, self.report);
        }
        for keyword in &call.arguments.keywords {
            let Some(name) = &keyword.arg else {
                return Err(self.problem(&keyword.value, "`**` cannot be read; only static values can be read"));
            };
            let value = self.tree(&keyword.value);
            map.push(name.as_str().to_owned(), &self.at(keyword), value, self.report);
        }
        Ok(map.finish())
    }

    fn key(&mut self, expression: &Expr) -> Result<String, Refusal> {
        let key = self.try_tree(expression)?;
        match key.written_text() {
            Some(text) => Ok(text.to_owned()),
            None => Err(self.problem(expression, &format!("a static string is needed here, not {}", key.kind()))),
        }
    }

    fn not_static(&self, expression: &Expr) -> Refusal {
        let seen = match expression {
            Expr::Call(call) => self
                .script
                .full_name(&call.func)
                .map_or_else(|| "a function call".to_owned(), |name| format!("a call of `{name}`")),
            other => described(other).to_owned(),
        };
        let problem = self.problem(expression, &format!("{seen} cannot be read; only static values can"));
        let hint = if seen.ends_with("Auth`") {
            "the auths that can be read are `BearerTokenAuth`, `HttpBasicAuth`, `APIKeyAuth` and `OAuth2ClientCredentials`"
        } else if seen == "a lambda" {
            WITHOUT_PYTHON
        } else if seen.ends_with("Paginator`") {
            "write it as a dictionary with `type`"
        } else {
            return problem;
        };
        Box::new(problem.hint(hint))
    }

    fn problem(&self, node: &impl ruff_text_size::Ranged, message: &str) -> Refusal {
        Box::new(Problem::new(code::UNSUPPORTED, &self.at(node), message))
    }

    fn at(&self, node: &impl ruff_text_size::Ranged) -> Place {
        self.positions.at_byte(node.start().to_usize())
    }
}

/// What takes the place of functions.
const WITHOUT_PYTHON: &str = "say it without Python: `processing_steps` take expressions of jq, such as `{\"filter\": \".id > 1\"}`, \
             `response_actions` the words `ignore`, `fail` and `retry`, and `convert` `unix`, `unix_ms`, `iso` or a pattern";

/// One text if all parts are known, else the parts to be joined later.
fn joined(parts: Vec<Tree>) -> Value {
    let mut whole = Text::default();
    for part in &parts {
        match python_text(part) {
            Some(text) => whole.append(text),
            None => return Value::Joined(parts),
        }
    }
    Value::Text(whole)
}

fn is_plain(element: &InterpolatedElement) -> bool {
    element.debug_text.is_none() && element.format_spec.is_none() && element.conversion.is_none()
}

fn described(expression: &Expr) -> &'static str {
    match expression {
        Expr::Lambda(_) => "a lambda",
        Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) => "a comprehension",
        Expr::Generator(_) => "a generator",
        Expr::If(_) => "a conditional expression",
        Expr::BoolOp(_) | Expr::Compare(_) => "a condition",
        Expr::BinOp(_) | Expr::UnaryOp(_) => "a calculation",
        Expr::Attribute(_) => "an attribute",
        Expr::Subscript(_) => "a subscript",
        Expr::BytesLiteral(_) => "a bytes literal",
        Expr::Set(_) => "a set",
        Expr::NumberLiteral(_) => "a complex number",
        Expr::Starred(_) => "`*`",
        Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_) => "a suspension",
        _ => "this expression",
    }
}
