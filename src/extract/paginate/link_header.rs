//! The header `Link` of RFC 8288: links with their relations.

/// The target of the first link whose relation is `relation`, which is compared without regard to case.
///
/// `values` are those of all `Link` headers of an answer. A value that is not well-formed is read as far as it goes.
pub(super) fn target<'a>(values: impl Iterator<Item = &'a str>, relation: &str) -> Option<&'a str> {
    for value in values {
        let mut rest = value;
        while let Some(link) = next_link(&mut rest) {
            if link.relations.iter().any(|known| known.eq_ignore_ascii_case(relation)) {
                return Some(link.target);
            }
        }
    }
    None
}

struct HeaderLink<'a> {
    target: &'a str,
    /// The whole text of `rel`, and each of its words.
    relations: Vec<String>,
}

/// Takes one link off the front of `rest`: `<target>; name=value; name="value", ...`.
fn next_link<'a>(rest: &mut &'a str) -> Option<HeaderLink<'a>> {
    let (_, opened) = rest.split_once('<')?;
    let (target, mut after) = opened.split_once('>')?;
    let mut relations: Vec<String> = Vec::new();
    loop {
        after = after.trim_start();
        let Some(parameter) = after.strip_prefix(';') else { break };
        let (name, value, behind) = parameter_of(parameter);
        after = behind;
        // Only the first `rel` counts (RFC 8288, section 3.3).
        if name.eq_ignore_ascii_case("rel") && relations.is_empty() {
            relations.extend(value.split_whitespace().map(str::to_owned));
            relations.push(value);
        }
    }
    *rest = after;
    Some(HeaderLink { target: target.trim(), relations })
}

/// Name and value of a parameter, without quotes and escapes, and what stands behind it.
fn parameter_of(text: &str) -> (&str, String, &str) {
    let text = text.trim_start();
    let name_end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let Some(value) = rest.strip_prefix('=').map(str::trim_start) else { return (name.trim(), String::new(), rest) };
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find([';', ',']).unwrap_or(value.len());
        let (token, behind) = value.split_at(end);
        return (name.trim(), token.trim().to_owned(), behind);
    };
    let mut unquoted = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (name.trim(), unquoted, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => unquoted.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => unquoted.push(character),
        }
    }
    (name.trim(), unquoted, "")
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::target;
    use crate::fuzzing::{Target, tear};

    /// What stands before a link changes nothing of it.
    #[test]
    fn fuzz_link_header() {
        const SEEDS: [&str; 5] = [
            r#"<https://a.b/x?page=2>; rel="next""#,
            r#"</x?page=1>; rel="prev", </x?page=3>; rel="next""#,
            r#"</a>; title="x; rel=\"next\", <y>"; rel=prev, </b>; rel="last next""#,
            "</x>;rel=next;title=\"a, <b>; rel=last\"",
            "</\u{e4}>; title*=UTF-8''%c3; rel=next",
        ];
        const WORDS: [&str; 18] = [
            "<", ">", ";", ",", "\"", "\\", "=", " ", "rel", "rel=next", "\t", "next", "\u{e4}", "</x>", "; rel=",
            "\0", "'", "<>",
        ];
        fn input(random: &mut Rng) -> Vec<u8> {
            let mut text = random.choice(SEEDS).expect("some").as_bytes().to_vec();
            let other = random.choice(SEEDS).expect("some").as_bytes();
            (0..random.usize(..8)).for_each(|_| tear(random, &mut text, other, &WORDS));
            text
        }
        fn check(text: &[u8]) -> Result<(), String> {
            let text = String::from_utf8_lossy(text);
            let found = target([&*text].into_iter(), "next");
            let with_another = format!("</other>; rel=\"prev\"; title=\"a, <b>\", {text}");
            let again = target([&*with_another].into_iter(), "next");
            if again != found {
                return Err(format!("{found:?}, and behind another link {again:?}"));
            }
            let apart = target(["</other>; rel=prev", &*text].into_iter(), "NEXT");
            if apart == found { Ok(()) } else { Err(format!("{found:?}, and in another header {apart:?}")) }
        }
        Target { name: "fuzz_link_header", cases: 5_000, input, check }.run();
    }

    #[test]
    fn the_target_of_a_relation_is_found_in_every_form() {
        let table = [
            (r#"<https://a.b/x?page=2>; rel="next""#, Some("https://a.b/x?page=2")),
            (r#"</x?page=1>; rel="prev", </x?page=3>; rel="next""#, Some("/x?page=3")),
            (r#"</x>;rel=next;title="a, <b>; rel=last""#, Some("/x")),
            (r#"</a>; title="x; rel=\"next\", <y>"; rel=prev, </b>; rel="last next""#, Some("/b")),
            (r#"</x>; REL="NEXT""#, Some("/x")),
            ("</x?a=1,2;b>; rel=next", Some("/x?a=1,2;b")),
            (r#"</x>; rel="prev"; rel="next""#, None),
            (r#"</x>; rel="nextish", </y>; rev="next""#, None),
            ("< /x > ; rel = next", Some("/x")),
            ("</x>; rel", None),
            ("</x", None),
            ("", None),
            (r#"</x>; rel="next"#, Some("/x")),
            (r#"</ä>; title="ö"; rel=next"#, Some("/ä")),
        ];
        for (value, expected) in table {
            assert_eq!(target([value].into_iter(), "next"), expected, "{value}");
        }
        assert_eq!(target(["</a>; rel=prev", "</b>; rel=next"].into_iter(), "Next"), Some("/b"));
        assert_eq!(target([r#"</a>; rel="up next""#].into_iter(), "up next"), Some("/a"));
    }
}
