//! How source keys become column names. Collisions are settled where the columns are known (`normalize`).

/// The naming convention of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Naming {
    /// dlt's `snake_case`.
    #[default]
    SnakeCase,
    /// The source key as it is.
    Preserve,
}

impl Naming {
    /// The column name for a source key, before collisions.
    pub fn column(self, key: &str) -> String {
        match self {
            Self::SnakeCase => snake_case_path(key),
            Self::Preserve if key.trim().is_empty() => "_empty".to_owned(),
            Self::Preserve => key.to_owned(),
        }
    }
}

/// dlt takes `__` inside a key for a path separator: its parts are named one by one and keep `__` between them.
fn snake_case_path(key: &str) -> String {
    let parts: Vec<String> = key.split("__").filter(|part| !part.trim().is_empty()).map(snake_case).collect();
    if parts.is_empty() { snake_case(key) } else { parts.join("__") }
}

/// dlt's `snake_case` for one identifier.
///
/// `+` and `*` become `x`, `-` `_`, `@` `a`, `|` `l`; every other run of characters outside `[A-Za-z0-9_]` becomes one `_`;
/// a capital after a small letter or digit, or before a small letter, starts a word; a leading digit gets `_` before it;
/// trailing underscores become as many `x`; several underscores become one. A blank key is `_empty`.
pub fn snake_case(key: &str) -> String {
    let trimmed = key.trim();
    if trimmed.is_empty() {
        return "_empty".to_owned();
    }
    let ascii = ascii_only(trimmed);
    let mut name = split_words(&ascii).to_ascii_lowercase();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    let kept = name.trim_end_matches('_').len();
    let trailing = name.len() - kept;
    name.truncate(kept);
    name.extend(std::iter::repeat_n('x', trailing));
    collapse(&name)
}

fn ascii_only(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut in_gap = false;
    for character in key.chars() {
        let mapped = match character {
            '+' | '*' => 'x',
            '-' => '_',
            '@' => 'a',
            '|' => 'l',
            other => other,
        };
        let plain = mapped.is_ascii_alphanumeric() || mapped == '_';
        if plain {
            out.push(mapped);
        } else if !in_gap {
            out.push('_');
        }
        in_gap = !plain;
    }
    out
}

/// Two passes, as in dlt: `([^_])([A-Z][a-z]+)` and then `([a-z0-9])([A-Z])` get an underscore between their groups.
fn split_words(text: &str) -> String {
    let first = split_capitalised(text.as_bytes());
    let mut out = String::with_capacity(first.len() + 8);
    let mut previous = '_';
    for character in first.chars() {
        if character.is_ascii_uppercase() && (previous.is_ascii_lowercase() || previous.is_ascii_digit()) {
            out.push('_');
        }
        out.push(character);
        previous = character;
    }
    out
}

fn split_capitalised(text: &[u8]) -> String {
    let at = |index: usize| text.get(index).copied().unwrap_or(b'_');
    let mut out = String::with_capacity(text.len() + 8);
    let mut index = 0;
    while index < text.len() {
        out.push(char::from(at(index)));
        let splits = at(index) != b'_' && at(index + 1).is_ascii_uppercase() && at(index + 2).is_ascii_lowercase();
        if !splits {
            index += 1;
            continue;
        }
        // The match takes the whole word, so that the next one is looked for after it.
        out.push('_');
        out.push(char::from(at(index + 1)));
        index += 2;
        while at(index).is_ascii_lowercase() {
            out.push(char::from(at(index)));
            index += 1;
        }
    }
    out
}

fn collapse(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for character in name.chars() {
        if character != '_' || !out.ends_with('_') {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Naming, snake_case};

    #[test]
    fn a_double_underscore_in_a_key_is_kept() {
        assert_eq!(Naming::SnakeCase.column("aB__cD"), "a_b__c_d");
        assert_eq!(Naming::SnakeCase.column("__"), "xx");
        assert_eq!(Naming::Preserve.column("aB cD"), "aB cD");
    }

    #[test]
    fn names_are_those_of_dlt() {
        let table = [
            ("userID", "user_id"),
            ("userIDs", "user_i_ds"),
            ("HTTPServer", "http_server"),
            ("CreatedAtUTC", "created_at_utc"),
            ("2fa", "_2fa"),
            ("123", "_123"),
            ("v2Api", "v2_api"),
            ("A1B2", "a1_b2"),
            ("@odata.nextLink", "aodata_next_link"),
            ("100%", "_100x"),
            ("SKU#", "skux"),
            ("x_", "xx"),
            ("naïve", "na_ve"),
            ("Größe", "gr_e"),
            ("日本", "x"),
            ("é", "x"),
            ("-", "x"),
            ("_", "x"),
            ("", "_empty"),
            ("  ", "_empty"),
            ("a__b", "a_b"),
            ("magType", "mag_type"),
            ("id", "id"),
        ];
        for (key, expected) in table {
            assert_eq!(snake_case(key), expected, "{key}");
        }
    }
}
