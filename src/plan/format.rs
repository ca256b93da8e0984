//! What the bodies of an endpoint are written in.

/// How a body is read (`endpoint.format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BodyFormat {
    /// What it is.
    pub kind: FormatKind,
    /// What its CSV is like, where it is that.
    pub csv: CsvFormat,
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FormatKind {
    /// What its `Content-Type`, the end of its name or its content says; else JSON.
    #[default]
    Auto,
    /// One JSON value.
    Json,
    /// A JSON value on each line.
    JsonLines,
    /// Text in rows, of which each is an object of texts.
    Csv,
}

/// What CSV is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvFormat {
    /// What separates fields; `None`: a tab in tab-separated values, else a comma.
    pub delimiter: Option<u8>,
    /// Whether the first row has the names of the columns; else they are `column_1` and so on.
    pub has_header: bool,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self { delimiter: None, has_header: true }
    }
}
