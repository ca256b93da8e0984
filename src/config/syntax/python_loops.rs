//! Choices and loops of Python: conditional expressions, conditions, comprehensions, and what they go over.

use ruff_python_ast::{BoolOp, CmpOp, Comprehension, Expr, ExprBoolOp, ExprIf, UnaryOp};

use super::map::MapBuilder;
use super::python_values::{Evaluator, Refusal};
use crate::config::scalar_text::python_text;
use crate::config::tree::{Choice, Test, Tree, Value};

/// What is known of a condition.
pub(super) enum Condition {
    Known(bool),
    /// It is what is asked of a value that is looked up.
    Asked(Tree, Test),
}

impl Condition {
    fn of(tree: Tree, test: Test) -> Self {
        match test.of(&tree) {
            Some(known) => Self::Known(known),
            None => Self::Asked(tree, test),
        }
    }
}

impl<'a> Evaluator<'_, 'a> {
    /// `yes if condition else no`.
    pub(super) fn chosen(&mut self, choice: &'a ExprIf) -> Result<Tree, Refusal> {
        match self.condition(&choice.test)? {
            Condition::Known(true) => self.try_tree(&choice.body),
            Condition::Known(false) => self.try_tree(&choice.orelse),
            Condition::Asked(condition, test) => {
                let (yes, no) = (self.try_tree(&choice.body)?, self.try_tree(&choice.orelse)?);
                Ok(Tree::new(Value::Choice(Box::new(Choice { condition, test, yes, no })), &self.at(choice)))
            }
        }
    }

    /// `a or b` and `a and b`, which are one of the two values.
    pub(super) fn either(&mut self, operation: &'a ExprBoolOp) -> Result<Tree, Refusal> {
        let mut values = operation.values.iter();
        let Some(first) = values.next() else { return Err(self.problem(operation, "nothing is there to choose from")) };
        let mut tree = self.try_tree(first)?;
        for next in values {
            match (Condition::of(tree.clone(), Test::Truthy), operation.op) {
                (Condition::Known(true), BoolOp::Or) | (Condition::Known(false), BoolOp::And) => {}
                (Condition::Known(_), _) => tree = self.try_tree(next)?,
                (Condition::Asked(condition, test), operator) => {
                    let other = self.try_tree(next)?;
                    let (yes, no) = if operator == BoolOp::Or { (tree, other) } else { (other, tree) };
                    let at = self.at(operation);
                    tree = Tree::new(Value::Choice(Box::new(Choice { condition, test, yes, no })), &at);
                }
            }
        }
        Ok(tree)
    }

    /// A comparison as a value.
    pub(super) fn comparison(&mut self, expression: &'a Expr) -> Result<Value, Refusal> {
        self.known(expression).map(Value::Bool)
    }

    /// Whether a condition holds that has to be known.
    pub(super) fn known(&mut self, expression: &'a Expr) -> Result<bool, Refusal> {
        match self.condition(expression)? {
            Condition::Known(known) => Ok(known),
            Condition::Asked(..) => Err(self.not_static(expression)),
        }
    }

    /// What is known of an expression as a condition.
    pub(super) fn condition(&mut self, expression: &'a Expr) -> Result<Condition, Refusal> {
        match expression {
            Expr::UnaryOp(operation) if operation.op == UnaryOp::Not => match self.condition(&operation.operand)? {
                Condition::Known(known) => Ok(Condition::Known(!known)),
                Condition::Asked(tree, test) => Ok(Condition::Asked(tree, test.not())),
            },
            Expr::Compare(comparison) => {
                let ([operator], [right]) = (&*comparison.ops, &*comparison.comparators) else {
                    return Err(self.not_static(expression));
                };
                let (left, right) = (self.try_tree(&comparison.left)?, self.try_tree(right)?);
                match operator {
                    CmpOp::Is if right.is_null() => return Ok(Condition::of(left, Test::Null)),
                    CmpOp::IsNot if right.is_null() => return Ok(Condition::of(left, Test::NotNull)),
                    CmpOp::Eq | CmpOp::NotEq
                        if matches!(left.value, Value::Lookup(_)) && right.written_text().is_some() =>
                    {
                        let text = right.written_text().unwrap_or_default().to_owned();
                        let test = if *operator == CmpOp::Eq { Test::Equal(text) } else { Test::Different(text) };
                        return Ok(Condition::Asked(left, test));
                    }
                    _ => {}
                }
                compared(&left, *operator, &right).map(Condition::Known).ok_or_else(|| self.not_static(expression))
            }
            _ => Ok(Condition::of(self.try_tree(expression)?, Test::Truthy)),
        }
    }

    /// `[element for name in items if condition]`.
    pub(super) fn comprehension(
        &mut self,
        element: &'a Expr,
        generators: &'a [Comprehension],
    ) -> Result<Value, Refusal> {
        let mut items = Vec::new();
        self.each(generators, &mut |evaluator| {
            items.push(evaluator.try_tree(element)?);
            Ok(())
        })?;
        Ok(Value::List(items))
    }

    /// `{key: value for name in items if condition}`.
    pub(super) fn dict_comprehension(&mut self, expression: &'a Expr) -> Result<Value, Refusal> {
        let Expr::DictComp(dict) = expression else { return Err(self.not_static(expression)) };
        let Some(key_expression) = dict.key.as_deref() else { return Err(self.not_static(expression)) };
        let mut map = MapBuilder::default();
        self.each(&dict.generators, &mut |evaluator| {
            let key = evaluator.key(key_expression)?;
            let value = evaluator.try_tree(&dict.value)?;
            let key = crate::config::tree::Key { text: key, at: evaluator.at(key_expression), within: "".into() };
            map.unpack(vec![(key, value)]);
            Ok(())
        })?;
        Ok(map.finish())
    }

    /// Does a thing for each round of the loops of a comprehension.
    fn each(
        &mut self,
        generators: &'a [Comprehension],
        act: &mut dyn FnMut(&mut Self) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let Some((generator, inner)) = generators.split_first() else { return act(self) };
        if generator.is_async {
            return Err(self.problem(generator, "an asynchronous loop cannot be read"));
        }
        for item in self.items(&generator.iter)? {
            let known = self.loop_names.len();
            let mut names = Vec::new();
            let round = self.bind(&generator.target, item, &mut names).and_then(|()| {
                self.loop_names.append(&mut names);
                for condition in &generator.ifs {
                    if !self.known(condition)? {
                        return Ok(());
                    }
                }
                self.nested(&generator.iter, |evaluator| evaluator.each(inner, act))
            });
            self.loop_names.truncate(known);
            round?;
        }
        Ok(())
    }

    /// What the names of a loop's target stand for in one round.
    pub(super) fn bind(&self, target: &'a Expr, value: Tree, names: &mut Vec<(&'a str, Tree)>) -> Result<(), Refusal> {
        let targets = match target {
            Expr::Name(name) => {
                names.push((name.id.as_str(), value));
                return Ok(());
            }
            Expr::Tuple(tuple) => &tuple.elts,
            Expr::List(list) => &list.elts,
            _ => return Err(self.not_static(target)),
        };
        match value.value {
            Value::List(items) if items.len() == targets.len() => {
                targets.iter().zip(items).try_for_each(|(target, item)| self.bind(target, item, names))
            }
            _ => Err(self.problem(target, "the values do not go with the names here")),
        }
    }

    /// What a loop goes over.
    pub(super) fn items(&mut self, expression: &'a Expr) -> Result<Vec<Tree>, Refusal> {
        let tree = self.try_tree(expression)?;
        match tree.value {
            Value::List(items) => Ok(items),
            Value::Map(entries) => Ok(entries.into_iter().map(|(key, _)| Tree::text(key.text, &key.at)).collect()),
            _ => {
                let message = format!("a loop over {} cannot be read; only one over a list can", tree.kind());
                Err(self.problem(expression, &message))
            }
        }
    }
}

/// A comparison of two values, if both are known.
fn compared(left: &Tree, operator: CmpOp, right: &Tree) -> Option<bool> {
    match operator {
        CmpOp::Eq | CmpOp::Is => is_same(left, right),
        CmpOp::NotEq | CmpOp::IsNot => is_same(left, right).map(|same| !same),
        CmpOp::In => contains(right, left),
        CmpOp::NotIn => contains(right, left).map(|contained| !contained),
        CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE => {
            let order = match (&left.value, &right.value) {
                (Value::Int(left), Value::Int(right)) => left.cmp(right),
                (Value::Text(left), Value::Text(right)) => left.as_written()?.cmp(right.as_written()?),
                _ => return None,
            };
            Some(match operator {
                CmpOp::Lt => order.is_lt(),
                CmpOp::LtE => order.is_le(),
                CmpOp::Gt => order.is_gt(),
                _ => order.is_ge(),
            })
        }
    }
}

fn contains(container: &Tree, wanted: &Tree) -> Option<bool> {
    match &container.value {
        Value::List(items) => items.iter().try_fold(false, |found, item| Some(found || is_same(item, wanted)?)),
        Value::Map(entries) => wanted.written_text().map(|wanted| entries.iter().any(|(key, _)| key.text == wanted)),
        Value::Text(text) => Some(text.as_written()?.contains(wanted.written_text()?)),
        _ => None,
    }
}

/// Whether two scalars are the same.
fn is_same(left: &Tree, right: &Tree) -> Option<bool> {
    match (&left.value, &right.value) {
        (Value::Text(left), Value::Text(right)) => Some(left.as_written()? == right.as_written()?),
        (Value::Float(_), _) | (_, Value::Float(_)) => None,
        _ => {
            let (left_text, right_text) = (python_text(left)?, python_text(right)?);
            Some(left.kind() == right.kind() && left_text.as_written()? == right_text.as_written()?)
        }
    }
}
