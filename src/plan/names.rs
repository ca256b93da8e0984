//! The names of a run: pipeline, resource, table. Each is checked once, where it enters.

use std::fmt;
use std::sync::Arc;

use super::naming::snake_case;

/// Why a text cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("a name cannot be empty")]
    Empty,
    /// Longer than a file name can be.
    #[error("a name cannot be longer than {limit} bytes; this one has {seen}")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length in bytes.
        seen: usize,
    },
    /// A control character, which no path or log line can hold.
    #[error("a name cannot hold control characters")]
    Control,
    /// A table name that starts with the prefix of our own folders.
    #[error("table names that start with `_alluvium` are reserved")]
    Reserved,
}

/// File systems take 255 bytes for a name; a table's folder also gets suffixes beside it.
const BYTES_MAX: usize = 200;

fn checked(text: &str) -> Result<Arc<str>, NameError> {
    if text.trim().is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > BYTES_MAX {
        return Err(NameError::TooLong { limit: BYTES_MAX, seen: text.len() });
    }
    if text.chars().any(char::is_control) {
        return Err(NameError::Control);
    }
    Ok(text.into())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a pipeline, part of every transaction identifier it writes.
    PipelineName
}
name! {
    /// The name of a resource, verbatim from the config.
    ResourceName
}
name! {
    /// The folder of a table below the tables folder: snake_cased, without separators.
    TableName
}

impl PipelineName {
    /// Checks a pipeline's name.
    ///
    /// # Errors
    /// When the text is empty, too long or holds control characters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        checked(text).map(Self)
    }
}

impl ResourceName {
    /// Checks a resource's name.
    ///
    /// # Errors
    /// When the text is empty, too long or holds control characters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        checked(text).map(Self)
    }
}

impl TableName {
    /// Checks and snake_cases a table's name.
    ///
    /// # Errors
    /// When the text is empty, too long, holds control characters or is reserved.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        checked(text)?;
        let folder = snake_case(text);
        if folder.starts_with("_alluvium") {
            return Err(NameError::Reserved);
        }
        checked(&folder).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_name_is_one_folder() {
        assert_eq!(TableName::parse("My/Users-list").map(|name| name.to_string()), Ok("my_users_list".into()));
        assert_eq!(TableName::parse("../etc").map(|name| name.to_string()), Ok("_etc".into()));
    }

    #[test]
    fn unusable_names_are_refused() {
        assert_eq!(ResourceName::parse(" "), Err(NameError::Empty));
        assert_eq!(ResourceName::parse("a\nb"), Err(NameError::Control));
        assert_eq!(TableName::parse("_alluvium"), Err(NameError::Reserved));
        assert!(matches!(PipelineName::parse(&"x".repeat(201)), Err(NameError::TooLong { .. })));
    }
}
