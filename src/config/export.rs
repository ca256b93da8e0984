//! A config as YAML: what `import` prints of a Python script.
//!
//! Look-ups stay look-ups (`${secret:…}`, `${config:…}`, `${env:…}`), so that no secret is printed.

use super::syntax::{self, Document, Outside};
use super::tree::{Lookup, LookupKind, Tree, Value};

/// Characters of a key, with its quotes, on one line with its value (YAML 1.2, section 7.4.2).
const KEY_MAX: usize = 1_024;

/// The YAML of a config that has been read and not changed. `None`: it holds what YAML here cannot say, with the words for it.
pub(super) fn yaml(document: &Document) -> Result<String, String> {
    let Outside { source_name, pipeline_name, dataset_name, destination, is_of_function: _, assumed: _, resources } =
        &document.outside;
    if resources.is_some() {
        return Err("the script selects resources by `with_resources`".to_owned());
    }
    let mut text = String::new();
    let name = pipeline_name.as_ref().or(source_name.as_ref());
    let outside = [("name", name), ("destination", destination.as_ref()), ("dataset", dataset_name.as_ref())];
    // Null says no more than a key that is not there.
    let outside = outside.map(|(key, tree)| (key, tree.filter(|_| document.root.get(key).is_none_or(Tree::is_null))));
    for (key, tree) in outside {
        if let Some(tree) = tree {
            entry(&mut text, 0, key, tree)?;
        }
    }
    let Value::Map(entries) = &document.root.value else { return Err("the config is no map".to_owned()) };
    for (key, tree) in entries {
        if outside.iter().any(|(said, tree)| *said == key.text && tree.is_some()) {
            continue;
        }
        entry(&mut text, 0, &key.text, tree)?;
    }
    Ok(text)
}

fn entry(text: &mut String, depth: usize, key: &str, tree: &Tree) -> Result<(), String> {
    let key = scalar(key);
    if key.chars().count() > KEY_MAX {
        return Err(format!("a key has more than {KEY_MAX} characters"));
    }
    text.push_str(&"  ".repeat(depth));
    text.push_str(&key);
    text.push(':');
    value(text, depth, tree)
}

/// What follows a key or a dash: a scalar on the same line, or a block below it.
fn value(text: &mut String, depth: usize, tree: &Tree) -> Result<(), String> {
    let tree = wanted(tree);
    match &tree.value {
        Value::Map(entries) if !entries.is_empty() => {
            text.push('\n');
            entries.iter().try_for_each(|(key, tree)| entry(text, depth + 1, &key.text, tree))
        }
        Value::List(items) if !items.is_empty() => {
            text.push('\n');
            items.iter().try_for_each(|item| list_item(text, depth + 1, item))
        }
        _ => {
            text.push(' ');
            text.push_str(&flat(tree)?);
            text.push('\n');
            Ok(())
        }
    }
}

fn list_item(text: &mut String, depth: usize, tree: &Tree) -> Result<(), String> {
    let tree = wanted(tree);
    let indent = "  ".repeat(depth);
    let mut block = String::new();
    match &tree.value {
        Value::Map(entries) if !entries.is_empty() => {
            entries.iter().try_for_each(|(key, tree)| entry(&mut block, depth + 1, &key.text, tree))?;
            // The first entry stands behind the dash.
            text.push_str(&format!("{indent}- {}", block.trim_start()));
            Ok(())
        }
        _ => {
            text.push_str(&format!("{indent}-"));
            value(text, depth, tree)
        }
    }
}

/// What stands in YAML for a choice by a look-up: the value for where it is set, as a look-up has to be set for YAML. A setting
/// with a default that is a number is the number.
fn wanted(mut tree: &Tree) -> &Tree {
    loop {
        tree = match &tree.value {
            Value::Choice(choice) if choice.test.is_of_what_is_set() => &choice.yes,
            Value::Choice(choice) => &choice.no,
            Value::Lookup(Lookup { kind: LookupKind::Config, otherwise: Some(otherwise), .. })
                if matches!(otherwise.value, Value::Int(_) | Value::Float(_) | Value::Bool(_)) =>
            {
                otherwise
            }
            _ => return tree,
        };
    }
}

/// A value on one line.
fn flat(tree: &Tree) -> Result<String, String> {
    Ok(match &tree.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(written) => {
            let written = written.as_written().ok_or("a value has been looked up")?;
            if ["${env:", "${file:", "${secret:", "${config:"].iter().any(|opening| written.contains(opening)) {
                return Err(format!("`{written}` would be looked up in YAML"));
            }
            scalar(written)
        }
        Value::Lookup(_) | Value::Joined(_) => {
            let text = interpolated(tree)?;
            let (mut said, mut meant) = (Vec::new(), Vec::new());
            let pieces = syntax::pieces(&text, &tree.at).unwrap_or_default();
            pieces.iter().for_each(|piece| flatten(piece, &mut said));
            flatten(tree, &mut meant);
            if said != meant {
                return Err(format!("`{text}` would be looked up otherwise in YAML"));
            }
            serde_json::Value::from(text).to_string()
        }
        Value::List(_) => "[]".to_owned(),
        Value::Map(_) => "{}".to_owned(),
        Value::Choice(_) => return flat(wanted(tree)),
        Value::Lost => return Err("a value cannot be read".to_owned()),
    })
}

/// A text with its look-ups as YAML here has them.
fn interpolated(tree: &Tree) -> Result<String, String> {
    let tree = wanted(tree);
    Ok(match &tree.value {
        Value::Joined(parts) => parts.iter().map(interpolated).collect::<Result<String, String>>()?,
        Value::Lookup(Lookup { kind, name, otherwise }) => {
            let kind = match kind {
                LookupKind::Secret => "secret",
                LookupKind::Config => "config",
                LookupKind::Env => "env",
                LookupKind::File => "file",
            };
            // What is nothing where it is not set has to be set for YAML, which has only texts in its place.
            match otherwise.as_deref().filter(|otherwise| !otherwise.is_null()) {
                None => format!("${{{kind}:{name}}}"),
                Some(otherwise) => {
                    let otherwise = otherwise.written_text().ok_or("the default of a look-up is no text")?;
                    format!("${{{kind}:{name}:-{otherwise}}}")
                }
            }
        }
        _ => {
            let text = super::scalar_text::python_text(tree).ok_or("a part of a text is no scalar")?;
            text.as_written().ok_or("a value has been looked up")?.to_owned()
        }
    })
}

/// A text as what it is made of: texts, and look-ups with their kind, name and default.
fn flatten<'t>(tree: &'t Tree, parts: &mut Vec<(Option<LookupKind>, String, Option<&'t str>)>) {
    let tree = wanted(tree);
    match &tree.value {
        Value::Joined(joined) => joined.iter().for_each(|part| flatten(part, parts)),
        Value::Lookup(Lookup { kind, name, otherwise }) => {
            parts.push((Some(*kind), name.clone(), otherwise.as_deref().and_then(Tree::written_text)));
        }
        _ => {
            let text = super::scalar_text::python_text(tree);
            let text = text.as_ref().and_then(super::tree::Text::as_written).unwrap_or_default();
            match parts.last_mut() {
                Some((None, before, _)) => before.push_str(text),
                _ if text.is_empty() => {}
                _ => parts.push((None, text.to_owned(), None)),
            }
        }
    }
}

/// A text, in quotes where YAML would take it for something else.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.chars().next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "_./-".contains(character))
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
