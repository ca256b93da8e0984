//! Bytes in JSON: base64, or hexadecimal digits behind `0x`, as dlt reads them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bytes that a text stands for; `None` if it is neither form.
pub(super) fn parse_bytes(text: &str) -> Option<Vec<u8>> {
    match text.strip_prefix("0x") {
        None => STANDARD.decode(text).ok(),
        Some(digits) if digits.len().is_multiple_of(2) => digits
            .as_bytes()
            .chunks_exact(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect(),
        Some(_) => None,
    }
}

/// The text that bytes are written as.
pub(in crate::normalize) fn bytes_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::parse_bytes;

    #[test]
    fn both_forms_are_read() {
        assert_eq!(parse_bytes("aGk="), Some(b"hi".to_vec()));
        assert_eq!(parse_bytes("0x6869"), Some(b"hi".to_vec()));
        assert_eq!(parse_bytes(""), Some(Vec::new()));
        for text in ["a", "0x6", "0xzz", "aGk", "h i="] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }
}
