//! How deep a body nests, found before it is parsed: the parser recurses without a bound of its own.

/// Whether objects and arrays stand in each other beyond `levels`. Looks at brackets outside of strings only; whether the
/// body is JSON is the parser's business.
pub(super) fn exceeds(body: &[u8], levels: usize) -> bool {
    let mut depth = 0_usize;
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' => {
                depth += 1;
                if depth > levels {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::exceeds;

    #[test]
    fn brackets_count_outside_of_strings_only() {
        assert!(exceeds(b"[[{", 2));
        assert!(!exceeds(b"[[{", 3));
        assert!(!exceeds(br#"["[[[", "\"[[["]"#, 1));
        assert!(!exceeds(b"[][][]{}", 1));
        assert!(!exceeds(b"]]]]\"", 0));
    }
}
