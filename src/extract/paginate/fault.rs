//! Why a walk cannot go on from a page.

/// Why a walk cannot go on from a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PagingFault {
    /// The total is there and is no number.
    #[error("expected a number of {counted} at `{path}`, found {found}")]
    Total {
        /// What it should count.
        counted: &'static str,
        /// The `total_path`.
        path: String,
        /// What stands there.
        found: String,
    },
    /// The word on whether more follows is missing.
    #[error("expected a boolean at `{path}` (`has_more_path`), found nothing")]
    HasMoreMissing {
        /// The `has_more_path`.
        path: String,
    },
    /// The word on whether more follows is no boolean.
    #[error("expected a boolean at `{path}` (`has_more_path`), found {found}")]
    HasMore {
        /// The `has_more_path`.
        path: String,
        /// What stands there.
        found: String,
    },
    /// Two equal pages in a row.
    #[error("the server seems to ignore `{parameter}`: {} hold the same rows", pair(.before, .after))]
    Repeated {
        /// The parameter.
        parameter: String,
        /// Its value for the first of them; `None`: it was asked for without.
        before: Option<String>,
        /// Its value for the second.
        after: String,
    },
    /// Two equal pages in a row under a scheme that was guessed.
    #[error(
        "the first page suggests that more follow, but the server seems to ignore `{parameter}`: {} hold the same rows",
        pair(.before, .after)
    )]
    Guessed {
        /// The parameter.
        parameter: String,
        /// Its value for the first of them; `None`: it was asked for without.
        before: Option<String>,
        /// Its value for the second.
        after: String,
    },
    /// More follows, and nothing tells how it is asked for.
    #[error("`{path}` says that more follows, and nothing on the page says how to ask for it")]
    Undetected {
        /// What says so.
        path: String,
    },
    /// The first two numbers lead to the same page.
    #[error("the pages 0 and 1 at `{parameter}` hold the same rows: the API seems to count from 1")]
    CountsFromOne {
        /// The parameter.
        parameter: String,
    },
    /// The page behind a link has the rows of the page that the link stood on.
    #[error("the link to the next page leads to the same rows again")]
    RepeatedLink,
    /// What leads on has led on before.
    #[error("{what} leads back to a page that was there before, so that the walk would have no end")]
    Loop {
        /// What leads there and where it was found.
        what: String,
    },
    /// More and more pages, and nothing on them.
    #[error("the last {count} pages hold no rows, and each leads to another one")]
    EmptyPages {
        /// How many they were.
        count: u32,
    },
    /// What should lead on is no cursor.
    #[error("expected a text or a number at `{path}` (`cursor_path`), found {found}")]
    Cursor {
        /// The `cursor_path`.
        path: String,
        /// What stands there.
        found: String,
    },
    /// More follows, and nothing leads there.
    #[error("`{has_more}` says that more follows, and there is no cursor at `{path}`")]
    CursorMissing {
        /// The `cursor_path`.
        path: String,
        /// The `has_more_path`.
        has_more: String,
    },
    /// What should lead on is no link.
    #[error("expected a link to the next page at `{place}`, found {found}")]
    Link {
        /// Where it was looked for.
        place: String,
        /// What stands there.
        found: String,
    },
    /// A number of records beyond 64 bits.
    #[error("the position after {offset} is beyond what can be counted")]
    Overflow {
        /// The last position.
        offset: u64,
    },
}

/// Names two pages, shortly: a cursor may be long.
fn pair(before: &Option<String>, after: &str) -> String {
    match before {
        Some(before) => format!("the pages at {} and {}", short(before), short(after)),
        None => format!("the first page and that at {}", short(after)),
    }
}

/// The longest text that is shown of a cursor.
const CHARACTERS_MAX: usize = 60;

/// A text, cut where it is long.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
