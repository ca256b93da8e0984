//! JSONPath in the dialect of dlt's configs, compiled once: `data_selector`, `total_path` and the like.
//!
//! 1. [`parse`] turns the text into [`Step`]s; every name, index and filter is checked there.
//! 2. [`select`] walks the steps over a document, one step over all matches at a time, in document order.
//!
//! Beyond names, indices, slices, wildcards, unions, `..` and filters the dialect is refused, never misread: a path that
//! means something else than its author thought would load other rows than those asked for.

mod parse;
mod select;

use std::fmt;

use super::Node;

/// A compiled path. It has been checked, so selecting with it cannot fail.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {problem}")]
pub struct PathError {
    /// The character of the fault, from 0.
    pub at: usize,
    /// What is wrong.
    pub problem: String,
}

/// One step from a set of values to the next.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Member(String),
    Members(Vec<String>),
    Index(i64),
    Indices(Vec<i64>),
    /// `.*`: the values of an object.
    AnyMember,
    /// `[*]`: the elements of an array; anything else but null stands for itself, as in dlt.
    AnyElement,
    Slice {
        start: Option<i64>,
        end: Option<i64>,
        stride: usize,
    },
    /// `..`: the value and all below it.
    Descend,
    Filter(Condition),
}

/// What a filter asks of an element.
#[derive(Debug, Clone, PartialEq)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// The path leads somewhere.
    Present(Vec<Step>),
    /// One of the values that the path leads to compares so with the literal.
    Compare {
        steps: Vec<Step>,
        operator: Operator,
        literal: Literal,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Path {
    /// Compiles a path.
    ///
    /// # Errors
    /// When the text is no path of the dialect.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Ok(Self { text: text.trim().to_owned(), steps: parse::steps(text)? })
    }

    /// The path that follows `names` from the root.
    pub fn of_members<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self::of_steps(names.into_iter().map(|name| Step::Member(name.to_owned())).collect())
    }

    /// All matches, in document order.
    pub fn select<'a>(&self, root: Node<'a>) -> Vec<Node<'a>> {
        select::all(&self.steps, root)
    }

    /// The first match.
    pub fn first<'a>(&self, root: Node<'a>) -> Option<Node<'a>> {
        self.select(root).into_iter().next()
    }

    /// The part before the first filter, wildcard, slice, union or `..`: names and single indices only.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self::of_steps(self.steps.iter().take_while(|step| step.is_plain()).cloned().collect())
    }

    /// Whether the path has names and single indices only, so that it leads to one value at most.
    pub fn is_plain(&self) -> bool {
        self.steps.iter().all(Step::is_plain)
    }

    /// The names that the path follows; `None` if it has any other step.
    pub fn names(&self) -> Option<Vec<&str>> {
        let names = self.steps.iter().map(|step| match step {
            Step::Member(name) => Some(name.as_str()),
            _ => None,
        });
        names.collect()
    }

    /// The path without its last step; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, steps) = self.steps.split_last()?;
        Some(Self::of_steps(steps.to_vec()))
    }

    /// Whether the path ends at a name that none of the values reached so far has: a likely typing error.
    ///
    /// An empty array or a filter that lets nothing through is no such end.
    pub fn misses_a_name(&self, root: Node<'_>) -> bool {
        let mut matches = vec![root];
        for step in &self.steps {
            matches = select::step(step, matches);
            if matches.is_empty() {
                return matches!(step, Step::Member(_) | Step::Members(_));
            }
        }
        false
    }

    /// The path as written, or in its shortest form where it was made from another.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn of_steps(steps: Vec<Step>) -> Self {
        Self { text: spelled(&steps), steps }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Step {
    fn is_plain(&self) -> bool {
        matches!(self, Self::Member(_) | Self::Index(_))
    }
}

/// The text of plain steps; other kinds never reach this.
fn spelled(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Member(name) if is_bare(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Step::Member(name) => text.push_str(&format!("['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Members(_)
            | Step::Indices(_)
            | Step::AnyMember
            | Step::AnyElement
            | Step::Slice { .. }
            | Step::Descend
            | Step::Filter(_) => debug_assert!(false, "only plain steps are spelled"),
        }
    }
    if text.is_empty() { "$".to_owned() } else { text }
}

/// Whether a name can stand without quotes.
fn is_bare(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_bare_character)
}

fn is_bare_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '@' | ':')
}

#[cfg(test)]
mod tests;
