//! Methods of Python's texts, lists and dictionaries that make a value of others and change none.

use ruff_python_ast::{Expr, ExprCall};

use super::python_values::{Evaluator, Refusal, joined};
use crate::config::scalar_text::python_text;
use crate::config::tree::{Text, Tree, Value};

impl<'a> Evaluator<'_, 'a> {
    /// A method of a value that is known.
    pub(super) fn method(&mut self, call: &'a ExprCall, expression: &'a Expr) -> Result<Value, Refusal> {
        let Expr::Attribute(method) = call.func.as_ref() else { return Err(self.not_static(expression)) };
        if let Some(value) = self.text_of_moment(call, method.attr.as_str(), &method.value)? {
            return Ok(value);
        }
        if let Some(moment) = self.moment(expression)? {
            return Ok(Value::Text(Text::written(moment.to_string())));
        }
        // A call of an imported function is told by its name, not by that of the module.
        let Ok(receiver) = self.settled(&method.value) else { return Err(self.not_static(expression)) };
        let mut arguments = Vec::new();
        for argument in &call.arguments.args {
            arguments.push(self.try_tree(argument)?);
        }
        let name = method.attr.as_str();
        let value = match &receiver.value {
            Value::Text(text) if name == "format" => {
                let text = text.as_written().map(str::to_owned);
                text.and_then(|text| self.format(&text, &arguments, call))
            }
            _ if !call.arguments.keywords.is_empty() => None,
            Value::Text(text) => text.as_written().and_then(|text| of_text(text, name, &arguments)),
            Value::Map(_) | Value::List(_) => self.of_container(&receiver, name, &arguments),
            _ => None,
        };
        value.ok_or_else(|| self.not_static(expression))
    }

    fn of_container(&self, receiver: &Tree, name: &str, arguments: &[Tree]) -> Option<Value> {
        match (&receiver.value, name, arguments) {
            (Value::Map(_) | Value::List(_), "copy", []) => Some(receiver.value.clone()),
            (Value::Map(_), "get", [key]) => {
                Some(receiver.get(key.written_text()?).map_or(Value::Null, |tree| tree.value.clone()))
            }
            (Value::Map(_), "get", [key, otherwise]) => {
                Some(receiver.get(key.written_text()?).unwrap_or(otherwise).value.clone())
            }
            (Value::Map(entries), "keys", []) => {
                Some(Value::List(entries.iter().map(|(key, _)| Tree::text(key.text.as_str(), &key.at)).collect()))
            }
            (Value::Map(entries), "values", []) => {
                Some(Value::List(entries.iter().map(|(_, value)| value.clone()).collect()))
            }
            (Value::Map(entries), "items", []) => {
                let pair = |(key, value): &(crate::config::tree::Key, Tree)| {
                    let pair = vec![Tree::text(key.text.as_str(), &key.at), value.clone()];
                    Tree::new(Value::List(pair), &value.at)
                };
                Some(Value::List(entries.iter().map(pair).collect()))
            }
            _ => None,
        }
    }

    /// `"{}/{name}".format(a, name=b)`, without formats.
    fn format(&mut self, text: &str, arguments: &[Tree], call: &'a ExprCall) -> Option<Value> {
        let mut named = Vec::new();
        for keyword in &call.arguments.keywords {
            named.push((keyword.arg.as_ref()?.as_str(), self.try_tree(&keyword.value).ok()?));
        }
        let at = self.at(call);
        let (mut parts, mut rest, mut next) = (Vec::new(), text, 0_usize);
        while let Some(brace) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(brace);
            parts.push(Tree::text(before, &at));
            if after.starts_with("{{") || after.starts_with("}}") {
                parts.push(Tree::text(after.get(..1)?, &at));
                rest = after.get(2..)?;
                continue;
            }
            let (field, behind) = after.strip_prefix('{')?.split_once('}')?;
            let value = match field {
                "" => {
                    next += 1;
                    arguments.get(next - 1)?
                }
                field => match field.parse::<usize>() {
                    Ok(index) => arguments.get(index)?,
                    Err(_) => named.iter().find(|(name, _)| *name == field).map(|(_, value)| value)?,
                },
            };
            if matches!(value.value, Value::List(_) | Value::Map(_)) {
                return None;
            }
            parts.push(value.clone());
            rest = behind;
        }
        parts.push(Tree::text(rest, &at));
        Some(joined(parts))
    }
}

fn of_text(text: &str, name: &str, arguments: &[Tree]) -> Option<Value> {
    let written = |text: &str| Some(Value::Text(Text::written(text)));
    let is_set = |characters: &Tree| characters.written_text().map(|set| set.chars().collect::<Vec<char>>());
    match (name, arguments) {
        ("strip", []) => written(text.trim()),
        ("rstrip", []) => written(text.trim_end()),
        ("lstrip", []) => written(text.trim_start()),
        ("strip", [set]) => written(text.trim_matches(is_set(set)?.as_slice())),
        ("rstrip", [set]) => written(text.trim_end_matches(is_set(set)?.as_slice())),
        ("lstrip", [set]) => written(text.trim_start_matches(is_set(set)?.as_slice())),
        ("lower", []) => written(&text.to_lowercase()),
        ("upper", []) => written(&text.to_uppercase()),
        ("replace", [from, to]) => written(&text.replace(from.written_text()?, to.written_text()?)),
        ("removesuffix", [end]) => written(text.strip_suffix(end.written_text()?).unwrap_or(text)),
        ("removeprefix", [start]) => written(text.strip_prefix(start.written_text()?).unwrap_or(text)),
        ("startswith", [start]) => Some(Value::Bool(text.starts_with(start.written_text()?))),
        ("endswith", [end]) => Some(Value::Bool(text.ends_with(end.written_text()?))),
        ("split", [separator]) => {
            let separator = separator.written_text().filter(|separator| !separator.is_empty())?;
            let at = &arguments.first()?.at;
            Some(Value::List(text.split(separator).map(|part| Tree::text(part, at)).collect()))
        }
        ("join", [list]) => {
            let Value::List(items) = &list.value else { return None };
            let mut whole = Text::default();
            for (index, item) in items.iter().enumerate() {
                let Value::Text(_) = &item.value else { return None };
                if index > 0 {
                    whole.append(Text::written(text));
                }
                whole.append(python_text(item)?);
            }
            Some(Value::Text(whole))
        }
        _ => None,
    }
}
