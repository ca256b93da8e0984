//! `--set PATH=VALUE`: changes of the config's tree before it is checked.
//!
//! A path goes through maps by key, making maps on its way, and through lists by index or by the `name` of a resource.
//! Where the config has the short form of something, such as a resource that is only a name, the long form takes its place.

use std::fmt;

use super::problem::{Place, Problem, Report, code, suggestion};
use super::syntax;
use super::tree::{Key, Tree, Value};

/// One change: the value that stands at a path.
#[derive(Clone)]
pub struct Override {
    keys: Vec<String>,
    value: Tree,
}

/// Without the value, which may be a secret.
impl fmt::Debug for Override {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Override").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// Keys whose value may be a text, and the key of the map that the text stands for.
const SHORT_FORMS: [(&str, &str); 5] = [
    ("auth", "type"),
    ("destination", "uri"),
    ("endpoint", "path"),
    ("paginator", "type"),
    ("write_disposition", "disposition"),
];

impl Override {
    /// Reads `PATH=VALUE`. The value is JSON if it is valid JSON, else a text.
    ///
    /// # Errors
    /// When there is no `=`, when a key of the path is empty, or when a number is out of range.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let (path, value) = text.split_once('=').unwrap_or((text, ""));
        let at = Place::Argument { argument: format!("--set {path}").into() };
        let keys: Vec<String> = path.split('.').map(|key| key.trim().to_owned()).collect();
        let hint = "write it as `--set client.base_url=https://api.example.com`";
        if !text.contains('=') {
            return Err(Problem::new(code::SYNTAX, &at, "expected a path, `=` and a value").hint(hint));
        }
        if keys.iter().any(String::is_empty) {
            return Err(Problem::new(code::SYNTAX, &at, "the path has an empty key").hint(hint));
        }
        let value = match serde_json::from_str(value) {
            Ok(json) => tree(&json, &at)?,
            Err(_) => Tree::text(value, &at),
        };
        Ok(Self { keys, value })
    }

    /// Makes the change.
    pub(super) fn apply(&self, root: &mut Tree, report: &Report) {
        let mut value = self.value.clone();
        syntax::interpolate(&mut value, report);
        if let Err(problem) = self.put(root, value) {
            report.add(problem);
        }
    }

    fn put(&self, root: &mut Tree, value: Tree) -> Result<(), Problem> {
        let mut tree = root;
        let mut passed = "the config";
        let mut short_form = None;
        for key in &self.keys {
            lengthen(tree, short_form);
            let kind = tree.kind();
            (tree, short_form) = match &mut tree.value {
                Value::Map(entries) => (self.entry(entries, key), short_form_of(key)),
                Value::List(items) => (self.item(items, key)?, Some("name")),
                _ => return Err(self.problem(format!("`{passed}` is {kind} and has no `{key}`"))),
            };
            passed = key;
        }
        *tree = value;
        Ok(())
    }

    fn entry<'t>(&self, entries: &'t mut Vec<(Key, Tree)>, key: &str) -> &'t mut Tree {
        let index = entries.iter().position(|(known, _)| known.text == key).unwrap_or(entries.len());
        if index == entries.len() {
            let at = &self.value.at;
            let new = Key { text: key.to_owned(), at: at.clone(), within: "".into() };
            entries.push((new, Tree::new(Value::Null, at)));
        }
        // The entry at `index` is there: it was found or pushed.
        &mut entries[index].1
    }

    /// An item of a list, by index or by the name of a resource.
    fn item<'t>(&self, items: &'t mut [Tree], key: &str) -> Result<&'t mut Tree, Problem> {
        let names: Vec<String> = items.iter().filter_map(name_of).map(str::to_owned).collect();
        let named = items.iter().position(|item| name_of(item) == Some(key));
        let count = items.len();
        match named.or_else(|| key.parse().ok()).and_then(|index: usize| items.get_mut(index)) {
            Some(item) => Ok(item),
            None if names.is_empty() => Err(self.problem(format!("the list has {count} items and no item `{key}`"))),
            None => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Err(self.problem(format!("there is no item `{key}`")).hint(suggestion(key, &names)))
            }
        }
    }

    fn problem(&self, message: String) -> Problem {
        Problem::new(code::INVALID, &self.value.at, message)
    }
}

fn name_of(item: &Tree) -> Option<&str> {
    item.get("name").unwrap_or(item).written_text()
}

fn short_form_of(key: &str) -> Option<&'static str> {
    SHORT_FORMS.iter().find(|(known, _)| *known == key).map(|(_, long)| *long)
}

/// Makes a map of nothing, or of a short form, where the path goes into it.
fn lengthen(tree: &mut Tree, short_form: Option<&str>) {
    match (&tree.value, short_form) {
        (Value::Null, _) => tree.value = Value::Map(Vec::new()),
        (Value::Text(_), Some(key)) => wrap(tree, key),
        _ => {}
    }
}

/// `text` becomes `{key: text}`.
fn wrap(tree: &mut Tree, key: &str) {
    let key = Key { text: key.to_owned(), at: tree.at.clone(), within: "".into() };
    let text = Tree { value: std::mem::replace(&mut tree.value, Value::Null), ..tree.clone() };
    tree.value = Value::Map(vec![(key, text)]);
}

/// Recurses no deeper than the parser, which stops at 128 levels.
fn tree(json: &serde_json::Value, at: &Place) -> Result<Tree, Problem> {
    let value = match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => number_value(number, at)?,
        serde_json::Value::String(text) => return Ok(Tree::text(text.as_str(), at)),
        serde_json::Value::Array(items) => {
            Value::List(items.iter().map(|item| tree(item, at)).collect::<Result<_, _>>()?)
        }
        serde_json::Value::Object(object) => {
            let mut entries = Vec::with_capacity(object.len());
            for (key, value) in object {
                let key = Key { text: key.clone(), at: at.clone(), within: "".into() };
                entries.push((key, tree(value, at)?));
            }
            Value::Map(entries)
        }
    };
    Ok(Tree::new(value, at))
}

fn number_value(number: &serde_json::Number, at: &Place) -> Result<Value, Problem> {
    match (number.as_i64(), number.as_f64()) {
        (Some(number), _) => Ok(Value::Int(number)),
        (None, Some(number)) if !number.is_finite() || number.fract() == 0.0 && number.abs() >= 9.2e18 => {
            Err(Problem::new(code::INVALID, at, "the number is out of range"))
        }
        (None, Some(number)) => Ok(Value::Float(number)),
        (None, None) => Err(Problem::new(code::INVALID, at, "the number is out of range")),
    }
}
