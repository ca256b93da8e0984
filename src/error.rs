//! What went wrong, for callers: one opaque error with a class to branch on, a stable code, and words for people.

use std::fmt;

use crate::client::{ClientErrorKind, StartError};
use crate::extract::{ExtractError, ExtractErrorKind};
use crate::load::{LoadError, TableError};
use crate::normalize::NormalizeError;

/// A failure of one resource, or of the work on one table. The message is in `Display`, its causes in `source()`.
#[derive(Debug)]
pub struct Error(Stage);

#[derive(Debug)]
enum Stage {
    Start(StartError),
    Extract(Box<ExtractError>),
    Normalize(Box<NormalizeError>),
    Load(Box<LoadError>),
    Table(Box<TableError>),
    Interrupted(Interrupted),
    Task(&'static str),
}

/// What became of the pages of a resource that the user stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// They are gone.
    Dropped,
    /// They are in the table, up to this one.
    Committed {
        /// Pages of the walk.
        pages: u64,
    },
    /// They wait to be committed with the rest, up to this one.
    Staged {
        /// Pages of the walk.
        pages: u64,
    },
}

/// What kind of failure it is: what a caller does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Something else was to be asked for.
    Config,
    /// The API refused the credentials, or its token endpoint gave no token for them.
    Auth,
    /// The API could not be reached, or answered what cannot be used.
    Api,
    /// The rows cannot be stored as they are.
    Data,
    /// The table could not be read or written.
    Storage,
    /// The user stopped the run.
    Interrupted,
    /// An error of ours.
    Internal,
}

impl ErrorClass {
    /// The class's name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Auth => "auth",
            Self::Api => "api",
            Self::Data => "data",
            Self::Storage => "storage",
            Self::Interrupted => "interrupted",
            Self::Internal => "internal",
        }
    }
}

impl Error {
    pub(crate) fn interrupted(what: Interrupted) -> Self {
        Self(Stage::Interrupted(what))
    }

    /// Whether the walk could not go on where an earlier run left it, so that it has to begin anew.
    pub(crate) fn is_shifted(&self) -> bool {
        matches!(&self.0, Stage::Extract(error) if matches!(error.kind, ExtractErrorKind::Shifted { .. }))
    }

    pub(crate) fn task(what: &'static str) -> Self {
        Self(Stage::Task(what))
    }

    /// What kind of failure it is.
    pub fn class(&self) -> ErrorClass {
        match &self.0 {
            Stage::Start(_) => ErrorClass::Internal,
            Stage::Extract(error) => match &error.kind {
                ExtractErrorKind::Client(cause)
                    if matches!(cause.kind, ClientErrorKind::Unauthorized { .. } | ClientErrorKind::Token(_)) =>
                {
                    ErrorClass::Auth
                }
                _ => ErrorClass::Api,
            },
            Stage::Normalize(error) if error.code() == "internal" => ErrorClass::Internal,
            Stage::Normalize(_) => ErrorClass::Data,
            Stage::Load(error) if error.code() == "internal" => ErrorClass::Internal,
            Stage::Load(_) => ErrorClass::Storage,
            Stage::Table(error) if error.is_misuse() => ErrorClass::Config,
            Stage::Table(error) if error.code() == "internal" => ErrorClass::Internal,
            Stage::Table(_) => ErrorClass::Storage,
            Stage::Interrupted(_) => ErrorClass::Interrupted,
            Stage::Task(_) => ErrorClass::Internal,
        }
    }

    /// A stable name of the failure.
    pub fn code(&self) -> &'static str {
        match &self.0 {
            Stage::Start(_) => "start",
            Stage::Extract(error) => error.code(),
            Stage::Normalize(error) => error.code(),
            Stage::Load(error) => error.code(),
            Stage::Table(error) => error.code(),
            Stage::Interrupted(_) => "interrupted",
            Stage::Task(_) => "internal",
        }
    }

    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        match &self.0 {
            Stage::Extract(error) => error.hint(),
            Stage::Normalize(error) => error.hint(),
            Stage::Load(error) => error.hint(),
            Stage::Table(error) => error.hint(),
            Stage::Interrupted(Interrupted::Dropped) => {
                Some("run again: nothing of this resource was committed".to_owned())
            }
            Stage::Interrupted(Interrupted::Committed { .. } | Interrupted::Staged { .. }) => {
                Some("run again: it goes on from there".to_owned())
            }
            Stage::Start(_) | Stage::Task(_) => None,
        }
    }

    /// Where it happened: the page and its URL, or the table, without secrets.
    pub fn at(&self) -> Option<String> {
        match &self.0 {
            Stage::Extract(error) => Some(format!("page {}, {}", error.page, error.url)),
            Stage::Normalize(error) => error.at(),
            Stage::Load(error) => Some(error.uri.clone()),
            Stage::Table(error) => Some(error.uri.clone()),
            Stage::Start(_) | Stage::Interrupted(_) | Stage::Task(_) => None,
        }
    }
}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        Self(Stage::Start(error))
    }
}

impl From<ExtractError> for Error {
    fn from(error: ExtractError) -> Self {
        Self(Stage::Extract(Box::new(error)))
    }
}

impl From<NormalizeError> for Error {
    fn from(error: NormalizeError) -> Self {
        Self(Stage::Normalize(Box::new(error)))
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        Self(Stage::Load(Box::new(error)))
    }
}

impl From<TableError> for Error {
    fn from(error: TableError) -> Self {
        Self(Stage::Table(Box::new(error)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Stage::Start(error) => error.fmt(formatter),
            Stage::Extract(error) => error.fmt(formatter),
            Stage::Normalize(error) => error.fmt(formatter),
            Stage::Load(error) => error.fmt(formatter),
            Stage::Table(error) => error.fmt(formatter),
            Stage::Interrupted(Interrupted::Dropped) => formatter.write_str("stopped on request"),
            Stage::Interrupted(Interrupted::Committed { pages }) => {
                write!(formatter, "stopped on request after page {pages}; the pages up to it are committed")
            }
            Stage::Interrupted(Interrupted::Staged { pages }) => {
                write!(
                    formatter,
                    "stopped on request after page {pages}; the pages up to it wait to be committed with the rest"
                )
            }
            Stage::Task(what) => write!(formatter, "internal error: {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Stage::Start(error) => error.source(),
            Stage::Extract(error) => error.source(),
            Stage::Normalize(error) => error.source(),
            Stage::Load(error) => error.source(),
            Stage::Table(error) => error.source(),
            Stage::Interrupted(_) | Stage::Task(_) => None,
        }
    }
}
