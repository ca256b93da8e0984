//! What the scenarios share: the binary under test, a world for each case, and the tally of verdicts.

mod mount;
mod process;
mod rows;
mod table;
mod tally;
mod world;

use std::path::{Path, PathBuf};

pub use mount::Mount;
pub use process::{Child, Run};
pub use rows::{Disposition, Rows, after, same_rows};
pub use table::{Commit, Table};
pub use tally::{EXPECTED_FAILURES, Tally};
pub use world::{Options, World};

/// What a check finds: a sentence that says what is wrong.
pub type Check<T = ()> = Result<T, String>;

/// What all cases need: a copy of the binary, which another build does not replace while they run.
pub struct Stage {
    folder: tempfile::TempDir,
    pub binary: PathBuf,
}

impl Stage {
    pub fn new(binary: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let copy = folder.path().join("alluvium");
        std::fs::copy(binary, &copy).expect("the binary can be copied");
        Self { folder, binary: copy }
    }
}
