//! The binary as a child process, with a bound on every wait.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Check;

/// Far above what any run of a scenario takes.
const RUN_MAX: Duration = Duration::from_secs(100);
/// How exactly the end of a child is seen.
const POLL: Duration = Duration::from_millis(2);

/// A run under way. It is killed when this is dropped.
pub struct Child {
    child: std::process::Child,
    started: Instant,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    pub status: ExitStatus,
    pub took: Duration,
    /// The report, or null if none came.
    pub report: Value,
    pub stderr: String,
}

impl Child {
    /// Starts a command; its output goes to two files, so that no pipe can fill.
    pub fn start(mut command: Command, stdout: PathBuf, stderr: PathBuf) -> Self {
        command.stdin(Stdio::null());
        command.stdout(File::create(&stdout).expect("a file for stdout"));
        command.stderr(File::create(&stderr).expect("a file for stderr"));
        let child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        Self { child, started: Instant::now(), stdout, stderr }
    }

    /// Sends SIGKILL; whether the child was still running.
    pub fn kill(&mut self) -> bool {
        let running = self.child.try_wait().expect("the child can be asked").is_none();
        self.child.kill().expect("a child can be killed");
        running
    }

    /// Sends SIGINT, as Ctrl-C does; whether the child was still running.
    pub fn interrupt(&mut self) -> bool {
        let running = self.child.try_wait().expect("the child can be asked").is_none();
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        running
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> Check<Run> {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                break status;
            }
            if self.started.elapsed() > RUN_MAX {
                return Err(format!("the run did not end within {} s", RUN_MAX.as_secs()));
            }
            tokio::time::sleep(POLL).await;
        };
        let took = self.started.elapsed();
        let stdout = std::fs::read(&self.stdout).unwrap_or_default();
        let stderr = String::from_utf8_lossy(&std::fs::read(&self.stderr).unwrap_or_default()).into_owned();
        Ok(Run { status, took, report: serde_json::from_slice(&stdout).unwrap_or_default(), stderr })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Run {
    /// The run succeeded.
    pub fn ok(&self) -> Check {
        if self.status.success() { Ok(()) } else { Err(format!("the run should succeed: {}", self.told())) }
    }

    /// The run was killed by SIGKILL.
    pub fn killed(&self) -> Check {
        let killed = self.status.signal() == Some(9);
        if killed { Ok(()) } else { Err(format!("the run should have been killed: {}", self.told())) }
    }

    /// The run failed as runs should: exit code 1, one error that names the table, and no panic.
    pub fn failed_well(&self, table: &str) -> Check {
        let error = &self.report["resources"][0]["error"];
        let message = error["message"].as_str().unwrap_or_default();
        let wrong = if self.status.code() != Some(1) {
            "exit code 1 was expected"
        } else if message.is_empty() {
            "an error was expected in the report"
        } else if !message.contains(&format!("`{table}`")) {
            "the error should name the table"
        } else if self.stderr.contains("panicked") {
            "there was a panic"
        } else {
            return Ok(());
        };
        Err(format!("{wrong}: {}", self.told()))
    }

    /// What the run said, for the message of a failure.
    pub fn told(&self) -> String {
        let resource = &self.report["resources"][0];
        let stderr: String = self.stderr.lines().rev().take(5).collect::<Vec<_>>().join(" | ");
        format!("{}, error {}, stderr {stderr}", self.status, resource["error"]["message"])
    }
}
