//! Reads a map of the config key by key, and knows at the end which keys nobody asked for.
//!
//! Every method reports what is wrong and returns `None`, so that reading goes on and all problems are told at once.

use super::problem::{Problem, Report, code, suggestion};
use super::tree::{Key, Text, Tree, Value};

/// A map that is being read. [`Reader::close`] ends it.
pub(super) struct Reader<'a> {
    pub(super) tree: &'a Tree,
    pub(super) report: &'a Report,
    entries: &'a [(Key, Tree)],
    asked: Vec<&'static str>,
    /// Keys that are known but not worth a suggestion.
    ignored: Vec<&'static str>,
    ignored_prefix: Option<&'static str>,
}

impl<'a> Reader<'a> {
    /// Starts to read a value that must be a map.
    pub(super) fn open(tree: &'a Tree, report: &'a Report) -> Option<Self> {
        match &tree.value {
            Value::Map(entries) => {
                Some(Self { tree, report, entries, asked: Vec::new(), ignored: Vec::new(), ignored_prefix: None })
            }
            _ => {
                wrong_type(tree, "a map", report);
                None
            }
        }
    }

    /// The value of a key, which may be null.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Tree> {
        self.asked.push(key);
        self.entries.iter().find(|(known, _)| known.text == key).map(|(_, value)| value)
    }

    /// The value of a key; null counts as absent.
    pub(super) fn present(&mut self, key: &'static str) -> Option<&'a Tree> {
        self.value(key).filter(|value| !value.is_null())
    }

    /// The value of a key that has to be there.
    pub(super) fn required(&mut self, key: &'static str) -> Option<&'a Tree> {
        let value = self.present(key);
        if value.is_none() {
            let message = format!("`{key}` is missing{}", within(&self.tree.path));
            self.report.add(Problem::new(code::MISSING, &self.tree.at, message));
        }
        value
    }

    pub(super) fn bool(&mut self, key: &'static str) -> Option<bool> {
        let value = self.present(key)?;
        bool(value, self.report)
    }

    /// An integer of at least `least`.
    pub(super) fn integer(&mut self, key: &'static str, least: u64) -> Option<u64> {
        let value = self.present(key)?;
        integer(value, least, self.report)
    }

    /// A finite number of at least 0.
    pub(super) fn number(&mut self, key: &'static str) -> Option<f64> {
        let value = self.present(key)?;
        number(value, self.report)
    }

    /// Refuses keys by name that dlt has and this program does not have yet, unless they are switched off.
    pub(super) fn refuse(&mut self, keys: &[&'static str]) {
        self.ignored.extend(keys);
        for (key, value) in self.entries {
            let is_off = matches!(value.value, Value::Null | Value::Bool(false));
            if !is_off && keys.contains(&key.text.as_str()) {
                let message = format!("`{}` is not supported yet", key.text);
                self.report.add(Problem::new(code::UNSUPPORTED, &key.at, message));
            }
        }
    }

    /// Accepts keys whatever their value is.
    pub(super) fn ignore(&mut self, keys: &[&'static str]) {
        self.ignored.extend(keys);
    }

    /// Accepts every key that starts like this.
    pub(super) fn ignore_prefix(&mut self, prefix: &'static str) {
        self.ignored_prefix = Some(prefix);
    }

    /// Reports every key that was not asked for.
    pub(super) fn close(self) {
        for (key, _) in self.entries {
            let name = key.text.as_str();
            let is_ignored = self.ignored_prefix.is_some_and(|prefix| name.starts_with(prefix));
            if is_ignored || self.ignored.contains(&name) || self.asked.contains(&name) {
                continue;
            }
            let message = format!("unknown key `{}`{}", key.text, within(&key.within));
            let problem = Problem::new(code::UNKNOWN_KEY, &key.at, message);
            self.report.add(problem.hint(suggestion(&key.text, &self.asked)));
        }
    }
}

fn within(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" in `{path}`") }
}

/// Reports a value of the wrong type, but not one that could not be read at all.
pub(super) fn wrong_type(tree: &Tree, expected: &str, report: &Report) {
    if matches!(tree.value, Value::Lost) {
        return;
    }
    let label = if tree.label.is_empty() { "the config".to_owned() } else { format!("`{}`", tree.label) };
    let message = format!("{label} must be {expected}, not {}", tree.kind());
    report.add(Problem::new(code::WRONG_TYPE, &tree.at, message));
}

/// Reports a value that makes no sense; `fault` follows the value's name.
pub(super) fn invalid(tree: &Tree, fault: &str, report: &Report) {
    report.add(Problem::new(code::INVALID, &tree.at, format!("`{}` {fault}", tree.label)));
}

/// Reports a text that is not one of the known words.
pub(super) fn unknown_word(tree: &Tree, word: &Text, valid: &[&str], report: &Report) {
    let problem = Problem::new(code::INVALID, &tree.at, format!("`{}` cannot be `{}`", tree.label, word.shown()));
    report.add(problem.hint(suggestion(&word.shown(), valid)));
}

/// Reports a word that dlt knows and this program does not know yet.
pub(super) fn unsupported_word(tree: &Tree, word: &str, report: &Report) {
    let message = format!("`{}` `{word}` is not supported yet", tree.label);
    report.add(Problem::new(code::UNSUPPORTED, &tree.at, message));
}

/// What one of the known words stands for; another one is reported.
pub(super) fn one_of<T: Copy>(tree: &Tree, known: &[(&'static str, T)], report: &Report) -> Option<T> {
    let word = text(tree, report)?;
    let written = word.reveal();
    let found = known.iter().find(|(name, _)| *name == written);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        unknown_word(tree, word, &names, report);
    }
    found.map(|(_, value)| *value)
}

pub(super) fn text<'a>(tree: &'a Tree, report: &Report) -> Option<&'a Text> {
    match &tree.value {
        Value::Text(text) => Some(text),
        _ => {
            wrong_type(tree, "a string", report);
            None
        }
    }
}

pub(super) fn bool(tree: &Tree, report: &Report) -> Option<bool> {
    match (&tree.value, looked_up(tree).map(|text| text.to_lowercase()).as_deref()) {
        (Value::Bool(value), _) => Some(*value),
        (_, Some("true")) => Some(true),
        (_, Some("false")) => Some(false),
        _ => {
            wrong_type(tree, "a boolean", report);
            None
        }
    }
}

pub(super) fn integer(tree: &Tree, least: u64, report: &Report) -> Option<u64> {
    let number = match &tree.value {
        Value::Int(number) => Some(*number),
        _ => looked_up(tree).and_then(|text| text.trim().parse().ok()),
    };
    let Some(number) = number else {
        wrong_type(tree, "an integer", report);
        return None;
    };
    let number = u64::try_from(number).ok().filter(|number| *number >= least);
    if number.is_none() {
        invalid(tree, &format!("must be at least {least}"), report);
    }
    number
}

pub(super) fn number(tree: &Tree, report: &Report) -> Option<f64> {
    let number = match &tree.value {
        Value::Float(number) => Some(*number),
        // No setting means anything beyond these bounds; within them an integer is exact.
        Value::Int(number) => i32::try_from((*number).clamp(-1, i64::from(i32::MAX))).ok().map(f64::from),
        _ => looked_up(tree).and_then(|text| text.trim().parse().ok()).filter(|number: &f64| number.is_finite()),
    };
    let Some(number) = number else {
        wrong_type(tree, "a number", report);
        return None;
    };
    if number < 0.0 {
        invalid(tree, "must be at least 0", report);
        return None;
    }
    Some(number)
}

/// A text or a list of texts.
pub(super) fn texts(tree: &Tree, report: &Report) -> Option<Vec<String>> {
    match &tree.value {
        Value::Text(text) => Some(vec![text.reveal()]),
        Value::List(items) => {
            let texts: Vec<Option<&Text>> = items.iter().map(|item| text(item, report)).collect();
            texts.into_iter().map(|text| text.map(Text::reveal)).collect()
        }
        _ => {
            wrong_type(tree, "a string or a list of strings", report);
            None
        }
    }
}

/// The whole of a text that comes from the environment or a file of secrets, where every value is a text.
fn looked_up(tree: &Tree) -> Option<String> {
    match &tree.value {
        Value::Text(text) if text.is_looked_up() => Some(text.reveal()),
        _ => None,
    }
}
