//! Merges `resource_defaults` into a resource, as deep as dlt does and no deeper.
//!
//! A key of the resource takes the place of the default's, also where it is null. Three are merged instead: `endpoint` key
//! by key; inside it `params` and `json` key by key; `columns` column by column and hint by hint. Nothing is shared
//! between resources: each gets a copy. Every value keeps its place, so that problems are told where they were written.

use super::tree::{Key, Tree, Value};

type Entries = Vec<(Key, Tree)>;

/// The resource with all its defaults, always as a map in its long form; as it is if it is no map.
pub(super) fn merge(defaults: Option<&Tree>, resource: &Tree) -> Tree {
    let resource = long_form(resource, "name");
    let resource =
        with_entries(&resource, |key, value| if key == "endpoint" { long_form(value, "path") } else { value.clone() });
    let Some(defaults) = defaults else { return with_entries(&resource, columns_by_name) };
    let defaults = with_entries(defaults, columns_by_name);
    let resource = with_entries(&resource, columns_by_name);
    let (Value::Map(base), Value::Map(over)) = (&defaults.value, &resource.value) else { return resource };
    let base: Entries = base.iter().filter(|(key, _)| key.text != "name").cloned().collect();
    let value = Value::Map(overlay(&base, over, |key, default, own| match key {
        "endpoint" => combine(default, own, |key, default, own| match key {
            "params" | "json" => combine(default, own, |_, _, own| own.clone()),
            _ => own.clone(),
        }),
        "columns" => combine(default, own, |_, default, own| combine(default, own, |_, _, own| own.clone())),
        _ => own.clone(),
    }));
    Tree { value, ..resource }
}

/// A text that stands for a map with one key.
fn long_form(tree: &Tree, key: &str) -> Tree {
    let Value::Text(_) = tree.value else { return tree.clone() };
    let key = Key { text: key.to_owned(), at: tree.at.clone(), within: tree.path.clone() };
    let text = Tree { label: key.text.as_str().into(), ..tree.clone() };
    Tree { value: Value::Map(vec![(key, text)]), ..tree.clone() }
}

fn with_entries(tree: &Tree, change: impl Fn(&str, &Tree) -> Tree) -> Tree {
    let Value::Map(entries) = &tree.value else { return tree.clone() };
    let entries = entries.iter().map(|(key, value)| (key.clone(), change(&key.text, value))).collect();
    Tree { value: Value::Map(entries), ..tree.clone() }
}

/// `columns` as a list becomes a map by name, if each column has one.
fn columns_by_name(key: &str, value: &Tree) -> Tree {
    let (true, Value::List(columns)) = (key == "columns", &value.value) else { return value.clone() };
    let named = columns.iter().map(|column| {
        let name = column.get("name")?.written_text()?;
        Some((Key { text: name.to_owned(), at: column.at.clone(), within: value.path.clone() }, column.clone()))
    });
    match named.collect::<Option<Entries>>() {
        Some(entries) => Tree { value: Value::Map(entries), ..value.clone() },
        None => value.clone(),
    }
}

/// Two maps as one; what is no map replaces as a whole.
fn combine(default: &Tree, own: &Tree, both: impl Fn(&str, &Tree, &Tree) -> Tree) -> Tree {
    match (&default.value, &own.value) {
        (Value::Map(base), Value::Map(over)) => Tree { value: Value::Map(overlay(base, over, both)), ..own.clone() },
        _ => own.clone(),
    }
}

/// The entries of `base`, then the new ones of `over`; `both` settles a key that is in both.
fn overlay(base: &Entries, over: &Entries, both: impl Fn(&str, &Tree, &Tree) -> Tree) -> Entries {
    let mut merged = base.clone();
    for (key, own) in over {
        // A key that stands twice in `over` is reported where it is read, so both have to get there.
        let known = merged.iter_mut().take(base.len()).find(|(known, _)| known.text == key.text);
        match known {
            Some((known, value)) => {
                *value = both(&key.text, value, own);
                *known = key.clone();
            }
            None => merged.push((key.clone(), own.clone())),
        }
    }
    merged
}
