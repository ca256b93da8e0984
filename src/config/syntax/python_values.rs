//! Python expressions to trees, without running any Python: literals, names that stand for them, what is put together of
//! them, and the look-ups of dlt and of the environment. Everything else is a problem that says what was seen.
//!
//! Names are followed by `python_bindings`, calls by `python_calls`, loops by `python_loops`.

use chrono::{DateTime, Utc};
use ruff_python_ast::{
    Expr, ExprBinOp, ExprDict, ExprFString, ExprUnaryOp, FStringPart, InterpolatedElement, InterpolatedStringElement,
    Number, Operator, UnaryOp,
};
use ruff_text_size::TextSize;

use super::map::MapBuilder;
use super::position::Positions;
use super::python_changes::merged;
use super::python_names::Scopes;
use super::python_script::Script;
use super::{NESTING_MAX, VALUES_MAX};
use crate::config::problem::{Place, Problem, Report, code};
use crate::config::scalar_text::python_text;
use crate::config::tree::{Lookup, Text, Tree, Value};

/// Why an expression has no static value.
pub(super) type Refusal = Box<Problem>;

/// A name that is bound while a loop or a call is played through: in which scope, and to what.
pub(super) struct Local<'a> {
    pub(super) scope: Option<TextSize>,
    pub(super) name: &'a str,
    pub(super) value: Tree,
}

/// Reads the expressions of one scope.
pub(super) struct Evaluator<'e, 'a> {
    pub(super) script: &'e Script<'a>,
    /// From the module inwards.
    pub(super) scopes: Scopes<'a>,
    pub(super) positions: &'e Positions<'e>,
    pub(super) report: &'e Report,
    /// When the script is read.
    pub(super) now: DateTime<Utc>,
    pub(super) locals: Vec<Local<'a>>,
    /// The names of the comprehensions that are being read.
    pub(super) loop_names: Vec<(&'a str, Tree)>,
    /// Look-ups with whose defaults something was worked out, so that nothing else may be found there.
    pub(super) assumed: Vec<Tree>,
    values: usize,
    depth: usize,
}

impl<'e, 'a> Evaluator<'e, 'a> {
    pub(super) fn new(
        script: &'e Script<'a>,
        scopes: Scopes<'a>,
        positions: &'e Positions<'e>,
        report: &'e Report,
    ) -> Self {
        let (locals, loop_names, assumed, now) = (Vec::new(), Vec::new(), Vec::new(), Utc::now());
        Self { script, scopes, positions, report, now, locals, loop_names, assumed, values: 0, depth: 0 }
    }

    /// The value of an expression; [`Value::Lost`] where it has none, which is then reported.
    pub(super) fn tree(&mut self, expression: &'a Expr) -> Tree {
        self.try_tree(expression).unwrap_or_else(|problem| {
            self.report.add(*problem);
            Tree::new(Value::Lost, &self.at(expression))
        })
    }

    /// The value of an expression, or why it has none.
    pub(super) fn try_tree(&mut self, expression: &'a Expr) -> Result<Tree, Refusal> {
        self.nested(expression, |evaluator| evaluator.value(expression))
    }

    /// One level deeper, unless that is too deep.
    pub(super) fn nested<T>(
        &mut self,
        expression: &'a Expr,
        read: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.values += 1;
        if self.depth >= NESTING_MAX || self.values > VALUES_MAX {
            return Err(self.problem(expression, "the config is nested too deeply, is too large or refers to itself"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// The value of an expression that something is worked out with: of a look-up its default.
    pub(super) fn settled(&mut self, expression: &'a Expr) -> Result<Tree, Refusal> {
        let tree = self.try_tree(expression)?;
        match &tree.value {
            Value::Lookup(Lookup { otherwise: Some(otherwise), .. }) if !otherwise.is_null() => {
                let otherwise = Tree { at: tree.at.clone(), ..*otherwise.clone() };
                self.assumed.push(tree);
                Ok(otherwise)
            }
            _ => Ok(tree),
        }
    }

    fn value(&mut self, expression: &'a Expr) -> Result<Tree, Refusal> {
        let value = match expression {
            Expr::NoneLiteral(_) => Value::Null,
            Expr::BooleanLiteral(literal) => Value::Bool(literal.value),
            Expr::NumberLiteral(literal) => self.number(&literal.value, false, expression)?,
            Expr::UnaryOp(operation) => self.unary(operation, expression)?,
            Expr::StringLiteral(literal) => Value::Text(Text::written(literal.value.to_str())),
            Expr::FString(literal) => self.f_string(literal)?,
            Expr::List(list) => self.elements(&list.elts)?,
            Expr::Tuple(tuple) => self.elements(&tuple.elts)?,
            Expr::ListComp(list) => self.comprehension(&list.elt, &list.generators)?,
            Expr::Generator(generator) => self.comprehension(&generator.elt, &generator.generators)?,
            Expr::DictComp(_) => self.dict_comprehension(expression)?,
            Expr::Dict(dict) => self.dict(dict)?,
            Expr::BinOp(operation) => self.calculation(operation, expression)?,
            Expr::Compare(_) => self.comparison(expression)?,
            Expr::BoolOp(operation) => return self.either(operation),
            Expr::If(choice) => return self.chosen(choice),
            Expr::Name(name) => return self.named(name.id.as_str(), expression),
            Expr::Subscript(subscript) => return self.subscript(subscript, expression),
            Expr::Attribute(attribute) => self.attribute(attribute, expression)?,
            Expr::Call(call) => return self.call(call, expression),
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

    fn unary(&mut self, operation: &'a ExprUnaryOp, expression: &'a Expr) -> Result<Value, Refusal> {
        match (operation.op, operation.operand.as_ref()) {
            (UnaryOp::USub, Expr::NumberLiteral(literal)) => self.number(&literal.value, true, expression),
            (UnaryOp::USub, operand) => match self.settled(operand)?.value {
                Value::Int(number) => number.checked_neg().map(Value::Int).ok_or_else(|| self.not_static(expression)),
                Value::Float(number) => Ok(Value::Float(-number)),
                _ => Err(self.not_static(expression)),
            },
            (UnaryOp::Not, _) => self.comparison(expression),
            _ => Err(self.not_static(expression)),
        }
    }

    /// The elements of a list, those behind `*` among them.
    fn elements(&mut self, elements: &'a [Expr]) -> Result<Value, Refusal> {
        let mut items = Vec::with_capacity(elements.len());
        for element in elements {
            match element {
                Expr::Starred(starred) => items.extend(self.items(&starred.value)?),
                element => items.push(self.tree(element)),
            }
        }
        Ok(Value::List(items))
    }

    fn dict(&mut self, dict: &'a ExprDict) -> Result<Value, Refusal> {
        let mut map = MapBuilder::default();
        for item in &dict.items {
            let Some(key) = &item.key else {
                match self.try_tree(&item.value) {
                    Ok(Tree { value: Value::Map(entries), .. }) => map.unpack(entries),
                    Ok(Tree { value: Value::Lost, .. }) => {}
                    Ok(tree) => {
                        let message = format!("`**` can be read before a dictionary only, not before {}", tree.kind());
                        self.report.add(*self.problem(&item.value, &message));
                    }
                    Err(problem) => self.report.add(*problem),
                }
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
        Ok(map.finish())
    }

    fn f_string(&mut self, literal: &'a ExprFString) -> Result<Value, Refusal> {
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

    fn f_string_element(&mut self, element: &'a InterpolatedStringElement) -> Result<Tree, Refusal> {
        match element {
            InterpolatedStringElement::Literal(text) => Ok(Tree::text(text.value.as_ref(), &self.at(text))),
            InterpolatedStringElement::Interpolation(element) if is_plain(element) => {
                let tree = self.try_tree(&element.expression)?;
                match tree.value {
                    Value::List(_) | Value::Map(_) => {
                        let message =
                            format!("{} in an f-string cannot be read; only texts and numbers can", tree.kind());
                        Err(self.problem(element, &message))
                    }
                    _ => Ok(tree),
                }
            }
            InterpolatedStringElement::Interpolation(element) => self.formatted(element),
        }
    }

    /// A part of an f-string with a format: that of a time, such as `{day:%Y-%m-%d}`, or of an integer, such as `{n:02d}`.
    fn formatted(&mut self, element: &'a InterpolatedElement) -> Result<Tree, Refusal> {
        let refused = |evaluator: &Self| {
            evaluator.problem(element, "a format in an f-string cannot be read; only static values can")
        };
        let specification = element.format_spec.as_ref().filter(|_| element.debug_text.is_none());
        let written = specification.map(|specification| {
            let texts = specification.elements.iter().map(|part| part.as_literal().map(|text| text.value.as_ref()));
            texts.collect::<Option<String>>()
        });
        let Some(Some(format)) = written.filter(|_| element.conversion.is_none()) else { return Err(refused(self)) };
        if let Some(moment) = self.moment(&element.expression)? {
            let text = moment.strftime(&format).ok_or_else(|| refused(self))?;
            return Ok(Tree::text(text, &self.at(element)));
        }
        let digits = format.strip_suffix('d').unwrap_or(&format);
        let width = digits.strip_prefix('0').and_then(|width| width.parse::<usize>().ok()).filter(|width| *width < 100);
        match (self.try_tree(&element.expression)?.value, width) {
            (Value::Int(number), Some(width)) => Ok(Tree::text(format!("{number:0width$}"), &self.at(element))),
            _ => Err(refused(self)),
        }
    }

    /// `a + b` for two texts, lists, numbers or dates, `a | b` for two dictionaries, and a little more.
    fn calculation(&mut self, operation: &'a ExprBinOp, expression: &'a Expr) -> Result<Value, Refusal> {
        if let Some(moment) = self.moment(expression)? {
            return Ok(Value::Text(Text::written(moment.to_string())));
        }
        let (left, right) = (self.try_tree(&operation.left)?, self.try_tree(&operation.right)?);
        let is_text = |tree: &Tree| matches!(tree.value, Value::Text(_) | Value::Lookup(_) | Value::Joined(_));
        if operation.op == Operator::Add && is_text(&left) && is_text(&right) {
            return Ok(joined(vec![left, right]));
        }
        if operation.op == Operator::Mod
            && let Some(pattern) = left.written_text()
        {
            let parts = percent(pattern, &right, &self.at(expression));
            return parts.map(joined).ok_or_else(|| self.not_static(expression));
        }
        let is_number = |tree: &Tree| matches!(tree.value, Value::Int(_));
        let left = if is_number(&right) { self.settled(&operation.left)? } else { left };
        let right = if is_number(&left) { self.settled(&operation.right)? } else { right };
        match (left.value, operation.op, right.value) {
            (Value::List(mut items), Operator::Add, Value::List(more)) => {
                items.extend(more);
                Ok(Value::List(items))
            }
            (Value::Map(entries), Operator::BitOr, Value::Map(more)) => Ok(merged(entries, more)),
            (Value::Int(left), operator, Value::Int(right)) => {
                let result = match operator {
                    Operator::Add => left.checked_add(right),
                    Operator::Sub => left.checked_sub(right),
                    Operator::Mult => left.checked_mul(right),
                    Operator::FloorDiv if right > 0 => Some(left.div_euclid(right)),
                    Operator::Mod if right > 0 => Some(left.rem_euclid(right)),
                    _ => None,
                };
                result.map(Value::Int).ok_or_else(|| self.not_static(expression))
            }
            (_, Operator::Add, _) => {
                Err(self.problem(expression, "`+` can be read between two strings, two lists or two integers only"))
            }
            _ => Err(self.not_static(expression)),
        }
    }

    pub(super) fn not_static(&self, expression: &Expr) -> Refusal {
        let seen = match expression {
            Expr::Call(call) => self
                .script
                .full_name(&call.func)
                .map_or_else(|| "a function call".to_owned(), |name| format!("a call of `{name}`")),
            other => described(other).to_owned(),
        };
        let problem = self.problem(expression, &format!("{seen} cannot be read; only static values can"));
        let hint = if seen.ends_with("Auth`") {
            "the auths that can be read are `BearerTokenAuth`, `HttpBasicAuth`, `APIKeyAuth`, `OAuth2ClientCredentials` and `OAuthJWTAuth`"
        } else if seen == "a lambda" {
            WITHOUT_PYTHON
        } else if seen.ends_with("Paginator`") {
            "write it as a dictionary with `type`"
        } else {
            return problem;
        };
        Box::new(problem.hint(hint))
    }

    pub(super) fn problem(&self, node: &impl ruff_text_size::Ranged, message: &str) -> Refusal {
        Box::new(Problem::new(code::UNSUPPORTED, &self.at(node), message))
    }

    pub(super) fn at(&self, node: &impl ruff_text_size::Ranged) -> Place {
        self.positions.at_byte(node.start().to_usize())
    }
}

/// What takes the place of functions.
pub(super) const WITHOUT_PYTHON: &str = "say it without Python: `processing_steps` take expressions of jq, such as `{\"filter\": \".id > 1\"}`, \
             `response_actions` the words `ignore`, `fail` and `retry`, and `convert` `unix`, `unix_ms`, `iso` or a pattern";

/// The parts of `pattern % values`, of which `%s`, `%d` and `%%` are known.
fn percent(pattern: &str, values: &Tree, at: &Place) -> Option<Vec<Tree>> {
    let values = match &values.value {
        Value::List(items) => items.as_slice(),
        Value::Map(_) => return None,
        _ => std::slice::from_ref(values),
    };
    let mut values = values.iter();
    let (mut parts, mut rest) = (Vec::new(), pattern);
    while let Some((before, after)) = rest.split_once('%') {
        parts.push(Tree::text(before, at));
        parts.push(match after.chars().next()? {
            '%' => Tree::text("%", at),
            's' | 'd' => values.next().filter(|value| !matches!(value.value, Value::List(_) | Value::Map(_)))?.clone(),
            _ => return None,
        });
        rest = after.get(1..)?;
    }
    parts.push(Tree::text(rest, at));
    values.next().is_none().then_some(parts)
}

/// One text if all parts are known, else the parts to be joined later.
pub(super) fn joined(parts: Vec<Tree>) -> Value {
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
        Expr::SetComp(_) => "a comprehension of a set",
        Expr::Compare(_) => "a condition",
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
