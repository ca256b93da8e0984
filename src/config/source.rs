//! The file of a config: its path and its text.

use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::problem::{Place, Problem, code};

/// Configs are written by people; a larger file is a mistake, such as the path of a data file.
const BYTES_MAX: u64 = 4 << 20;

/// A config that has been read but not understood.
#[derive(Clone)]
pub struct Source {
    /// Where it came from. The ending tells its language, the folder where its `.dlt` folder is.
    pub path: Arc<Path>,
    /// What it says.
    pub text: String,
}

/// Without the text, which may hold secrets.
impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Source").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// When the file cannot be read, is too large or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let path: Arc<Path> = path.into();
        let whole = Place::Whole { path: path.clone() };
        let cannot =
            |error: std::io::Error| Problem::new(code::FILE, &whole, format!("cannot read the config: {error}"));
        let file = std::fs::File::open(&path).map_err(cannot)?;
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > BYTES_MAX {
            return Err(Problem::new(code::FILE, &whole, format!("the config is larger than {} MiB", BYTES_MAX >> 20)));
        }
        let text =
            String::from_utf8(bytes).map_err(|_| Problem::new(code::FILE, &whole, "the config is not UTF-8 text"))?;
        // Some editors open a file with a byte order mark, which no parser here takes for white space.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Ok(Self { path, text })
    }

    /// The file as a whole, for problems that have no position.
    pub(super) fn whole(&self) -> Place {
        Place::Whole { path: self.path.clone() }
    }

    /// The ending of the file's name, in lower case.
    pub(super) fn ending(&self) -> String {
        self.path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
    }
}
