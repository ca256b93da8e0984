//! How values are spelled in requests, whether a config or a run puts them there.

/// A float as Python's `str` writes it, because that is what dlt sends. Rust's `Debug` switches to an exponent where Python does, but
/// writes it without sign and padding.
pub fn python_float(number: f64) -> String {
    let text = format!("{number:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{digits}e-{exponent:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}

/// Everything but the unreserved characters of RFC 3986 percent-encoded, so that a value stays one segment.
pub fn percent_encoded(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A text as a URL spells it in its path.
pub fn in_path(url: &url::Url, text: &str) -> String {
    let mut url = url.clone();
    url.set_path(text);
    url.path().trim_start_matches('/').to_owned()
}

/// Whether a text can be told in a path from what stands between and for its segments anyway.
pub fn is_told_in_path(text: &str) -> bool {
    !text.trim_matches(['.', '/']).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_does() {
        let table =
            [(1.5, "1.5"), (1.0, "1.0"), (1e16, "1e+16"), (1.5e-7, "1.5e-07"), (0.0001, "0.0001"), (1e100, "1e+100")];
        for (number, expected) in table {
            assert_eq!(python_float(number), expected);
        }
    }

    #[test]
    fn a_value_in_a_path_stays_one_segment() {
        assert_eq!(percent_encoded("a/b c?ä~"), "a%2Fb%20c%3F%C3%A4~");
    }
}
