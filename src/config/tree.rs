//! A config as one tree, whatever it was written in: values, and where each of them stands.
//!
//! A tree is made by `syntax`, changed by `set`, freed of its look-ups by `secrets`, merged by `defaults` and then read.
//! The `Debug` form of a tree shows no text that was looked up.

use std::sync::Arc;

use super::problem::Place;
use crate::plan::Secret;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) value: Value,
    pub(super) at: Place,
    /// The keys from the root of the config, such as `resources[0].endpoint`; empty for the root.
    pub(super) path: Arc<str>,
    /// The last step of the path, such as `endpoint` or `resources[0]`.
    pub(super) label: Arc<str>,
}

/// A key and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) at: Place,
    /// The path of the map that it was written in, which a merge with the defaults does not change.
    pub(super) within: Arc<str>,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// Always finite.
    Float(f64),
    Text(Text),
    List(Vec<Tree>),
    /// No key stands twice.
    Map(Vec<(Key, Tree)>),
    /// A value that stands elsewhere, until `secrets` finds it.
    Lookup(Lookup),
    /// Values whose texts are put together, until `secrets` has found them.
    Joined(Vec<Tree>),
    /// One of two values, until `secrets` has found what tells which.
    Choice(Box<Choice>),
    /// A value that could not be read. That is reported already, so that nobody complains of it again.
    Lost,
}

/// A value that stands in the environment or in a file of secrets.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub(super) kind: LookupKind,
    pub(super) name: String,
    /// What holds where it is not found; `None`: it has to be found.
    pub(super) otherwise: Option<Box<Tree>>,
}

/// One of two values: which, depends on a value that is looked up.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) condition: Tree,
    /// What has to be true of the condition for `yes`.
    pub(super) test: Test,
    pub(super) yes: Tree,
    pub(super) no: Tree,
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// That Python takes it for true.
    Truthy,
    /// That Python does not take it for true.
    Falsy,
    /// That it is nothing.
    Null,
    /// That it is something.
    NotNull,
    /// That it is this text.
    Equal(String),
    /// That it is not this text.
    Different(String),
}

impl Test {
    pub(super) fn not(self) -> Self {
        match self {
            Self::Truthy => Self::Falsy,
            Self::Falsy => Self::Truthy,
            Self::Null => Self::NotNull,
            Self::NotNull => Self::Null,
            Self::Equal(text) => Self::Different(text),
            Self::Different(text) => Self::Equal(text),
        }
    }

    /// Whether it holds of a value that is set, as far as that can be told.
    pub(super) fn is_of_what_is_set(&self) -> bool {
        matches!(self, Self::Truthy | Self::NotNull | Self::Different(_))
    }

    /// The answer for a value, `None` as long as it is not known.
    pub(super) fn of(&self, tree: &Tree) -> Option<bool> {
        let is_truthy = match &tree.value {
            Value::Null => false,
            Value::Bool(value) => *value,
            Value::Int(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Map(entries) => !entries.is_empty(),
            Value::Lookup(_) | Value::Joined(_) | Value::Choice(_) | Value::Lost => return None,
        };
        Some(match self {
            Self::Truthy => is_truthy,
            Self::Falsy => !is_truthy,
            Self::Null => tree.is_null(),
            Self::NotNull => !tree.is_null(),
            Self::Equal(wanted) => matches!(&tree.value, Value::Text(text) if text.reveal() == *wanted),
            Self::Different(wanted) => !matches!(&tree.value, Value::Text(text) if text.reveal() == *wanted),
        })
    }
}

/// Where a look-up looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LookupKind {
    /// dlt's secrets: the environment, then the files of secrets.
    Secret,
    /// dlt's configuration: as a secret, then the files of configuration.
    Config,
    /// One environment variable.
    Env,
    /// The text of one file, whose path counts from the config's folder.
    File,
}

impl Tree {
    pub(super) fn new(value: Value, at: &Place) -> Self {
        Self { value, at: at.clone(), path: "".into(), label: "".into() }
    }

    pub(super) fn text(text: impl Into<String>, at: &Place) -> Self {
        Self::new(Value::Text(Text::written(text)), at)
    }

    /// Names every value by its path from the root.
    pub(super) fn name_paths(&mut self) {
        self.name_from("".into(), "".into());
    }

    fn name_from(&mut self, path: Arc<str>, label: Arc<str>) {
        match &mut self.value {
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    item.name_from(format!("{path}[{index}]").into(), format!("{label}[{index}]").into());
                }
            }
            Value::Map(entries) => {
                for (key, value) in entries {
                    key.within = path.clone();
                    let separator = if path.is_empty() { "" } else { "." };
                    value.name_from(format!("{path}{separator}{}", key.text).into(), key.text.as_str().into());
                }
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
            Value::Lookup(_) | Value::Joined(_) | Value::Choice(_) | Value::Lost => {}
        }
        self.path = path;
        self.label = label;
    }

    /// The value of a key, if this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(known, _)| known.text == key).map(|(_, value)| value)
    }

    /// The text, if this is one that is written in the config itself.
    pub(super) fn written_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => text.as_written(),
            _ => None,
        }
    }

    /// The same with its texts marked as looked up.
    pub(super) fn looked_up(&self) -> Self {
        let value = match &self.value {
            Value::Text(text) => Value::Text(Text::looked_up(text.reveal())),
            Value::List(items) => Value::List(items.iter().map(Self::looked_up).collect()),
            Value::Map(entries) => {
                Value::Map(entries.iter().map(|(key, value)| (key.clone(), value.looked_up())).collect())
            }
            other => other.clone(),
        };
        Self { value, ..self.clone() }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What this is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a number with a fraction",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Lookup(_) | Value::Joined(_) | Value::Choice(_) => "a value that is looked up",
            Value::Lost => "a value that cannot be read",
        }
    }
}

/// A text in pieces: what is written in the config, and what was looked up and is never shown or interpreted.
#[derive(Debug, Clone, Default)]
pub(super) struct Text(Vec<Piece>);

/// A piece of a text.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Written(String),
    LookedUp(Secret),
}

impl Text {
    pub(super) fn written(text: impl Into<String>) -> Self {
        Self(vec![Piece::Written(text.into())])
    }

    pub(super) fn looked_up(text: impl Into<String>) -> Self {
        Self(vec![Piece::LookedUp(Secret::new(text))])
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Adds a text at the end. Neighbours that are both written become one piece.
    pub(super) fn append(&mut self, other: Self) {
        for piece in other.0 {
            match (self.0.last_mut(), piece) {
                (Some(Piece::Written(before)), Piece::Written(text)) => before.push_str(&text),
                (_, piece) => self.0.push(piece),
            }
        }
    }

    /// The text itself. It may hold secrets and goes into the plan only.
    pub(super) fn reveal(&self) -> String {
        let whole = self.0.iter().map(|piece| match piece {
            Piece::Written(text) => text.as_str(),
            Piece::LookedUp(secret) => secret.expose(),
        });
        whole.collect()
    }

    /// The text for messages, with `***` for what was looked up.
    pub(super) fn shown(&self) -> String {
        let shown = self.0.iter().map(|piece| match piece {
            Piece::Written(text) => text.as_str(),
            Piece::LookedUp(_) => "***",
        });
        shown.collect()
    }

    /// The text, if all of it is written in the config.
    pub(super) fn as_written(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Written(text)] => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_written(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Written(_)))
    }

    /// Whether all of it was looked up, so that it may stand for a number or a boolean.
    pub(super) fn is_looked_up(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|piece| matches!(piece, Piece::LookedUp(_)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.reveal().is_empty()
    }
}
