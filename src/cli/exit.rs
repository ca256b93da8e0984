//! What a process tells its caller: one code a way to end.

use std::process::ExitCode;

use alluvium::pipeline::{RunReport, RunStatus};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: every resource is loaded.
    Ok,
    /// 1: no resource is loaded, or the work on a table failed.
    Failed,
    /// 2: nothing was started, because the config or the command line is wrong.
    NotStarted,
    /// 3: some resources are loaded and some are not.
    Partial,
    /// 4: the API refused the credentials.
    Unauthorized,
    /// 5: the user stopped the run.
    Interrupted,
    /// 7: a schema contract stopped a resource.
    Frozen,
}

impl Exit {
    /// The way in which a run ended.
    pub(crate) fn of(report: &RunReport) -> Self {
        let refused = |error: &alluvium::pipeline::ErrorReport| error.class == "auth";
        let failures = || report.resources.iter().filter_map(|entry| entry.error.as_ref());
        if report.status != RunStatus::Interrupted && failures().any(|error| error.code == "schema_frozen") {
            return Self::Frozen;
        }
        match report.status {
            RunStatus::Ok => Self::Ok,
            RunStatus::Interrupted => Self::Interrupted,
            RunStatus::Partial => Self::Partial,
            RunStatus::Failed => {
                if failures().any(refused) {
                    Self::Unauthorized
                } else {
                    Self::Failed
                }
            }
        }
    }
}

impl From<&alluvium::Error> for Exit {
    fn from(error: &alluvium::Error) -> Self {
        match error.class() {
            alluvium::ErrorClass::Config => Self::NotStarted,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::NotStarted => 2,
            Exit::Partial => 3,
            Exit::Unauthorized => 4,
            Exit::Interrupted => 5,
            Exit::Frozen => 7,
        })
    }
}
