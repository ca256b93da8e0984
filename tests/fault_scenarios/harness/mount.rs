//! Small disks in memory, to be filled.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Check;

/// A tmpfs. It is unmounted when this is dropped.
pub struct Mount {
    folder: PathBuf,
}

impl Mount {
    /// Mounts a disk of some bytes at a folder, which is made.
    pub fn new(folder: &Path, bytes: u64) -> Check<Self> {
        std::fs::create_dir_all(folder).expect("a folder");
        let folder = folder.to_path_buf();
        command("mount", &["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs", &folder.to_string_lossy()])?;
        Ok(Self { folder })
    }

    /// Makes it read-only, or writable again.
    pub fn read_only(&self, on: bool) -> Check {
        let mode = if on { "remount,ro" } else { "remount,rw" };
        command("mount", &["-o", mode, &self.folder.to_string_lossy()])
    }

    /// Leaves so many inodes in all.
    pub fn inodes(&self, count: u64) -> Check {
        command("mount", &["-o", &format!("remount,nr_inodes={count}"), &self.folder.to_string_lossy()])
    }

    /// Bytes and inodes that are taken.
    pub fn used(&self) -> Check<(u64, u64)> {
        let told = Command::new("df")
            .args(["--output=used,iused", "--block-size=1"])
            .arg(&self.folder)
            .output()
            .map_err(|error| format!("df: {error}"))?;
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let mut numbers = told.lines().nth(1).unwrap_or_default().split_whitespace().map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(bytes)), Some(Ok(inodes))) => Ok((bytes, inodes)),
            _ => Err(format!("`df` said: {told}")),
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, because a run that was not waited for may still have a file open.
        let _ = command("umount", &["-l", &self.folder.to_string_lossy()]);
    }
}

fn command(program: &str, arguments: &[&str]) -> Check {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("`{program} {}` failed, which needs root: {}", arguments.join(" "), told.trim()))
}
