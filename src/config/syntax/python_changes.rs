//! Changes of dictionaries and lists in place, as `python_replay` plays them through: items that are set, and methods.

use ruff_python_ast::{Expr, ExprCall};

use super::map::MapBuilder;
use super::python_names::root;
use super::python_replay::Replay;
use super::python_values::{Evaluator, Refusal};
use crate::config::tree::{Key, Tree, Value};

/// A step into a value.
enum Step {
    Key(String),
    Index(usize),
}

impl<'a> Evaluator<'_, 'a> {
    /// `name = value`, `name["a"]["b"] = value`; an assignment to something else only uses the name.
    pub(super) fn set(
        &mut self,
        target: &'a Expr,
        value: &'a Expr,
        replay: &mut Replay<'_, 'a>,
    ) -> Result<(), Refusal> {
        if root(target) != Some(replay.name) {
            return match target {
                Expr::Name(_) | Expr::Subscript(_) | Expr::Attribute(_) => Ok(()),
                _ => Err(self.not_static(target)),
            };
        }
        let value = self.try_tree(value)?;
        let steps = self.steps(target)?;
        let Some((last, inner)) = steps.split_last() else {
            replay.current = Some(value);
            return Ok(());
        };
        let at = self.at(target);
        let reached = replay.current.as_mut().and_then(|tree| reach(tree, inner));
        match (reached.map(|tree| &mut tree.value), last) {
            (Some(Value::Map(entries)), Step::Key(key)) => {
                match entries.iter_mut().find(|(known, _)| known.text == *key) {
                    Some((_, known)) => *known = value,
                    None => entries.push((Key { text: key.clone(), at, within: "".into() }, value)),
                }
                Ok(())
            }
            (Some(Value::List(items)), Step::Index(index)) if *index < items.len() => {
                items.iter_mut().skip(*index).take(1).for_each(|item| *item = value.clone());
                Ok(())
            }
            _ => Err(self.not_static(target)),
        }
    }

    /// A method that changes the value; `false`: the call is of something else.
    pub(super) fn apply(&mut self, call: &'a ExprCall, replay: &mut Replay<'_, 'a>) -> Result<bool, Refusal> {
        let Expr::Attribute(method) = call.func.as_ref() else { return Ok(false) };
        let name = method.attr.as_str();
        if root(&method.value) != Some(replay.name) || !matches!(name, "append" | "extend" | "update") {
            return Ok(false);
        }
        let steps = self.steps(&method.value)?;
        let mut arguments = Vec::new();
        for argument in &call.arguments.args {
            arguments.push(self.try_tree(argument)?);
        }
        let mut keywords = MapBuilder::default();
        for keyword in &call.arguments.keywords {
            let Some(name) = &keyword.arg else { return Err(self.not_static(&call.func)) };
            let value = self.try_tree(&keyword.value)?;
            keywords.push(name.as_str().to_owned(), &self.at(keyword), value, self.report);
        }
        let refused = self.not_static(&method.value);
        let Some(tree) = replay.current.as_mut().and_then(|tree| reach(tree, &steps)) else { return Err(refused) };
        let argument = arguments.pop().map(|tree| (tree.value.clone(), tree));
        let keywords = keywords.finish();
        match (name, &mut tree.value, argument) {
            ("append", Value::List(items), Some((_, item))) if arguments.is_empty() => items.push(item),
            ("extend", Value::List(items), Some((Value::List(more), _))) if arguments.is_empty() => items.extend(more),
            ("update", Value::Map(_), argument) if arguments.is_empty() => {
                let more = match argument {
                    Some((Value::Map(entries), _)) => entries,
                    None => Vec::new(),
                    Some(_) => return Err(refused),
                };
                for more in [Value::Map(more), keywords] {
                    let (Value::Map(known), Value::Map(more)) = (&tree.value, more) else { continue };
                    tree.value = merged(known.clone(), more);
                }
            }
            _ => return Err(refused),
        }
        Ok(true)
    }

    /// The way from a name into its value.
    fn steps(&mut self, target: &'a Expr) -> Result<Vec<Step>, Refusal> {
        match target {
            Expr::Name(_) => Ok(Vec::new()),
            Expr::Subscript(subscript) => {
                let mut steps = self.steps(&subscript.value)?;
                let step = self.try_tree(&subscript.slice)?;
                steps.push(match (&step.value, step.written_text()) {
                    (_, Some(key)) => Step::Key(key.to_owned()),
                    (Value::Int(index), _) => {
                        Step::Index(usize::try_from(*index).map_err(|_| self.not_static(target))?)
                    }
                    _ => return Err(self.not_static(target)),
                });
                Ok(steps)
            }
            _ => Err(self.not_static(target)),
        }
    }
}

/// What the steps lead to.
fn reach<'t>(tree: &'t mut Tree, steps: &[Step]) -> Option<&'t mut Tree> {
    let Some((step, inner)) = steps.split_first() else { return Some(tree) };
    let next = match (step, &mut tree.value) {
        (Step::Key(key), Value::Map(entries)) => {
            entries.iter_mut().find(|(known, _)| known.text == *key).map(|(_, value)| value)
        }
        (Step::Index(index), Value::List(items)) => items.get_mut(*index),
        _ => None,
    };
    reach(next?, inner)
}

/// Two dictionaries as one: the values of the second count.
pub(super) fn merged(entries: Vec<(Key, Tree)>, more: Vec<(Key, Tree)>) -> Value {
    let mut map = MapBuilder::default();
    map.unpack(entries);
    map.unpack(more);
    map.finish()
}
