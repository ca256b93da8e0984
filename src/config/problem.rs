//! What is wrong with a config, and where. All problems of a file are collected and told at once.
//!
//! A message never holds a secret: texts from the environment and from secret files are shown as `***`.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The kinds of problems, for callers that branch on them.
pub mod code {
    /// The file is not valid YAML, JSON, TOML or Python.
    pub const SYNTAX: &str = "syntax";
    /// A key that does not exist.
    pub const UNKNOWN_KEY: &str = "unknown_key";
    /// A value of the wrong type.
    pub const WRONG_TYPE: &str = "wrong_type";
    /// A key that is needed and not there.
    pub const MISSING: &str = "missing";
    /// Something that dlt has and this program does not have yet.
    pub const UNSUPPORTED: &str = "unsupported";
    /// A secret or variable that is not set.
    pub const SECRET: &str = "secret";
    /// A name that is taken already.
    pub const DUPLICATE: &str = "duplicate";
    /// A value of the right type that makes no sense.
    pub const INVALID: &str = "invalid";
    /// A file that cannot be read.
    pub const FILE: &str = "file";
}

/// Where a problem is. Places sort by position; those of the command line come last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A file as a whole.
    Whole {
        /// The file.
        path: Arc<Path>,
    },
    /// A character of a file. Line and column count from 1, the column in characters.
    At {
        /// The file.
        path: Arc<Path>,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// An argument, such as `--set client.base_url`.
    Argument {
        /// The argument without its value.
        argument: Arc<str>,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { path } => write!(formatter, "{}", path.display()),
            Self::At { path, line, column } => write!(formatter, "{}:{line}:{column}", path.display()),
            Self::Argument { argument } => formatter.write_str(argument),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The kind, one of [`code`].
    pub code: &'static str,
    /// What is wrong and what was seen.
    pub message: String,
    /// What to try next.
    pub hint: Option<String>,
    /// Where it is.
    pub at: Place,
}

impl Problem {
    pub(super) fn new(code: &'static str, at: &Place, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, at: at.clone() }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.at, self.message)
    }
}

impl std::error::Error for Problem {}

/// Everything that is wrong with a config: at least one problem, sorted by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems, sorted by position.
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }
}

/// One problem a line, without hints.
impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Collects the problems of one file. Whoever reads a part of the config adds to it and reads on.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: RefCell<Vec<Problem>>,
}

impl Report {
    pub(super) fn add(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// Takes problems of some kind out, each once, by position.
    pub(super) fn take(&self, is_taken: impl Fn(&Problem) -> bool) -> Vec<Problem> {
        let all = self.problems.take();
        let (mut taken, kept): (Vec<Problem>, Vec<Problem>) = all.into_iter().partition(is_taken);
        self.problems.replace(kept);
        taken.sort_by(|left, right| (&left.at, &left.message).cmp(&(&right.at, &right.message)));
        taken.dedup();
        taken
    }

    /// Hands out `value` if nothing was wrong.
    ///
    /// What stands in `resource_defaults` is read once a resource; its problems are told once.
    pub(super) fn finish<T>(self, value: Option<T>, whole: &Place) -> Result<T, Problems> {
        let mut problems = self.problems.into_inner();
        problems.sort_by(|left, right| (&left.at, &left.message).cmp(&(&right.at, &right.message)));
        problems.dedup();
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            _ if problems.is_empty() => {
                debug_assert!(false, "a config without a plan and without a problem");
                Err(Problems(vec![Problem::new(code::INVALID, whole, "the config was not understood")]))
            }
            _ => Err(Problems(problems)),
        }
    }
}

/// The words to try instead of `word`: the closest one, else all that are valid.
pub(super) fn suggestion(word: &str, valid: &[&str]) -> String {
    if let Some(closest) = closest(word, valid) {
        return format!("did you mean `{closest}`?");
    }
    let listed: Vec<String> = valid.iter().map(|valid| format!("`{valid}`")).collect();
    match listed.as_slice() {
        [] => "nothing is valid here".to_owned(),
        [only] => format!("only {only} is valid here"),
        _ => format!("valid here: {}", listed.join(", ")),
    }
}

fn closest<'a>(word: &str, valid: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let distance = |valid: &str| strsim::damerau_levenshtein(&word, &valid.to_lowercase());
    let (best, changes) = valid.iter().map(|valid| (*valid, distance(valid))).min_by_key(|(_, changes)| *changes)?;
    // One slip in three characters is a slip; more is another word.
    (changes * 3 <= word.chars().count().max(3)).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::suggestion;

    #[test]
    fn a_slip_is_corrected_and_another_word_gets_the_list() {
        assert_eq!(suggestion("paginater", &["path", "paginator"]), "did you mean `paginator`?");
        assert_eq!(suggestion("get", &["GET", "POST"]), "did you mean `GET`?");
        assert_eq!(suggestion("zzz", &["path", "paginator"]), "valid here: `path`, `paginator`");
    }
}
