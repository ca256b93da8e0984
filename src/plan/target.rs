//! The folder that holds the tables: a local path or the URI of an object store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::{Secret, TableName};

/// Where tables are stored, with the options of the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    folder: Folder,
    /// Options of the object store, such as keys and the endpoint. All are taken for secrets.
    pub storage_options: BTreeMap<String, Secret>,
    /// Nobody else writes to the tables, so that the storage need not keep conditional puts (`destination.single_writer`).
    pub single_writer: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Folder {
    Local(PathBuf),
    Remote(url::Url),
}

/// Why a text is no place for tables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// An empty text.
    #[error("the place of the tables cannot be empty")]
    Empty,
    /// A URI of a store that this build does not have.
    #[error("tables cannot be stored under `{scheme}://`; {} can", built())]
    Scheme {
        /// The scheme of the URI.
        scheme: String,
    },
    /// A text with `://` that is no URI.
    #[error("not a URI: {0}")]
    Uri(#[from] url::ParseError),
    /// A `file://` URI that names no local path.
    #[error("not a path on this machine")]
    NotLocal,
}

/// The schemes of object stores, each with whether this build has it.
const SCHEMES: [(&str, bool); 6] = [
    ("s3", true),
    ("s3a", true),
    ("gs", cfg!(feature = "gcs")),
    ("az", cfg!(feature = "azure")),
    ("abfs", cfg!(feature = "azure")),
    ("abfss", cfg!(feature = "azure")),
];

/// Where tables can be stored, for people.
fn built() -> String {
    let stores = SCHEMES.iter().filter(|(scheme, is_built)| *is_built && *scheme != "s3a");
    let stores: Vec<String> = stores.map(|(scheme, _)| format!("`{scheme}://`")).collect();
    let features = if cfg!(all(feature = "gcs", feature = "azure")) {
        ""
    } else {
        " (the features `gcs` and `azure` of a build add `gs://`, `az://` and `abfss://`)"
    };
    format!("a local path, `file://` and {}{features}", stores.join(", "))
}

impl Target {
    /// Reads a local path, a `file://` URI or the URI of an object store. A relative path stays relative to the working directory.
    ///
    /// # Errors
    /// When the text is empty, no URI, or names a store that is not supported.
    pub fn parse(text: &str, storage_options: BTreeMap<String, Secret>) -> Result<Self, TargetError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        let folder = if text.contains("://") {
            let url = url::Url::parse(text)?;
            match url.scheme() {
                "file" => Folder::Local(url.to_file_path().map_err(|()| TargetError::NotLocal)?),
                scheme if SCHEMES.iter().any(|(known, is_built)| *known == scheme && *is_built) => Folder::Remote(url),
                scheme => return Err(TargetError::Scheme { scheme: scheme.to_owned() }),
            }
        } else {
            Folder::Local(PathBuf::from(text))
        };
        Ok(Self { folder, storage_options, single_writer: false })
    }

    /// The same place one folder further down.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let folder = match &self.folder {
            Folder::Local(path) => Folder::Local(path.join(name)),
            Folder::Remote(url) => {
                let mut url = url.clone();
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().push(name);
                }
                Folder::Remote(url)
            }
        };
        Self { folder, ..self.clone() }
    }

    /// The place of one table.
    #[must_use]
    pub fn table(&self, name: &TableName) -> Self {
        self.join(name.as_str())
    }

    /// The local path, if the place is on this machine.
    pub fn local_path(&self) -> Option<&std::path::Path> {
        match &self.folder {
            Folder::Local(path) => Some(path),
            Folder::Remote(_) => None,
        }
    }

    /// The URI, if the place is in an object store.
    pub fn url(&self) -> Option<&url::Url> {
        match &self.folder {
            Folder::Local(_) => None,
            Folder::Remote(url) => Some(url),
        }
    }
}

/// The path or URI, without secrets: they are in the storage options.
impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.folder {
            Folder::Local(path) => write!(formatter, "{}", path.display()),
            Folder::Remote(url) => write!(formatter, "{}", super::SafeUrl::new(url, &[])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, TargetError> {
        Target::parse(text, BTreeMap::new()).map(|target| target.join("t").to_string())
    }

    #[test]
    fn paths_and_uris_are_read() {
        assert_eq!(shown("./lake").as_deref(), Ok("./lake/t"));
        assert_eq!(shown("file:///tmp/lake/").as_deref(), Ok("/tmp/lake/t"));
        assert_eq!(shown("s3://bucket/lake/").as_deref(), Ok("s3://bucket/lake/t"));
        assert_eq!(shown("s3://bucket").as_deref(), Ok("s3://bucket/t"));
        assert_eq!(shown("ftp://x/y"), Err(TargetError::Scheme { scheme: "ftp".into() }));
        assert_eq!(shown(" "), Err(TargetError::Empty));
    }
}
