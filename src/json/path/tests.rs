//! The dialect, by example.

use bytes::Bytes;

use fastrand::Rng;

use super::Path;
use crate::fuzzing::{Target, tear};
use crate::json::Document;

const STORE: &str = r#"{
    "a": {"b": 1, "x y": 2, "c": {"k": 3}},
    "list": [{"p": 4, "tags": []}, {"p": 6, "b": "z"}, {"p": "7", "k": 8}],
    "numbers": [10, 20, 30],
    "a.b": 5, "@odata.nextLink": "next", "a-b": 6, "@type": "t", "123": 9, "one": {"id": 1}, "nothing": null
}"#;

fn matches(path: &str) -> String {
    let document = Document::parse(Bytes::from_static(STORE.as_bytes())).expect("the test's own JSON");
    let path = Path::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    path.select(document.root()).iter().map(|node| node.to_json()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_form_selects_what_dlt_selects() {
    let table = [
        ("a.b", "1"),
        ("$.a.b", "1"),
        ("a['x y']", "2"),
        ("a[b]", "1"),
        ("\"a.b\"", "5"),
        ("['@odata.nextLink']", "\"next\""),
        ("$['a']['b']", "1"),
        ("a-b", "6"),
        ("@type", "\"t\""),
        ("123", "9"),
        ("a.*", "1 2 {\"k\":3}"),
        ("a['b','x y']", "1 2"),
        ("numbers[0]", "10"),
        ("numbers[-1]", "30"),
        ("numbers[0:2]", "10 20"),
        ("numbers[-2:]", "20 30"),
        ("numbers[::2]", "10 30"),
        ("numbers[0,2]", "10 30"),
        ("numbers[*]", "10 20 30"),
        ("numbers.[1]", "20"),
        ("list[*].p", "4 6 \"7\""),
        ("list[0].p", "4"),
        ("list.p", ""),
        ("numbers[3]", ""),
        ("numbers[-4]", ""),
        ("$..k", "3 8"),
        ("$..p", "4 6 \"7\""),
        ("a..k", "3"),
        ("missing", ""),
        ("one[*].id", "1"),
        ("nothing[*]", ""),
        ("one[0]", ""),
        ("nothing", "null"),
    ];
    for (path, expected) in table {
        assert_eq!(matches(path), expected, "{path}");
    }
    assert!(matches("$").starts_with("{\"a\""));
    assert!(matches("*").starts_with("{\"b\""));
}

#[test]
fn filters_compare_and_test_presence() {
    let table = [
        ("list[?(@.p>5)].p", "6 \"7\""),
        ("list[?p>5].p", "6 \"7\""),
        ("list[?(@.p==4)].p", "4"),
        ("list[?p != 4].p", "6 \"7\""),
        ("list[?p<=6].p", "4 6"),
        ("list[?(@.tags)].p", "4"),
        ("list[?(@.p>3 & @.p<5)].p", "4"),
        ("list[?(@.p>3 && @.b=='z')].p", "6"),
        ("list[?(@.p<5) | (@.k==8)].p", "4 \"7\""),
        ("list[?p<5 || k==8].p", "4 \"7\""),
        ("list[?b==\"z\"].p", "6"),
        ("list[?b=='q'].p", ""),
        ("numbers[?(@>15)]", "20 30"),
        ("numbers[?@ >= 30]", "30"),
        ("list[?(@.p > 3.5)].p", "4 6 \"7\""),
    ];
    for (path, expected) in table {
        assert_eq!(matches(path), expected, "{path}");
    }
}

#[test]
fn a_bad_path_is_refused_at_its_character() {
    let table = [
        ("", 0),
        ("a.", 2),
        ("a b", 1),
        ("a[", 2),
        ("a[0", 3),
        ("a['x", 2),
        ("a[?(@.x=~'y')]", 9),
        ("(a|b)", 0),
        ("a|b", 1),
        ("`len`", 0),
        ("a[(@.length-1)]", 2),
        ("a[::0]", 5),
        ("a[?p>]", 5),
        ("a[99999999999999999999]", 2),
        ("..", 0),
        ("a]", 1),
        ("a[?x[?y]]", 5),
    ];
    for (path, at) in table {
        let error = Path::parse(path).expect_err(path);
        assert_eq!(error.at, at, "{path}: {error}");
    }
    let deep = format!("a[?{}", "(".repeat(100_000));
    assert!(Path::parse(&deep).is_err());
    assert!(Path::parse(&format!("a[?{}", "(".repeat(100))).is_err());
}

#[test]
fn the_plain_part_ends_before_the_first_choice() {
    let table = [
        ("a.b", "a.b"),
        ("$.a['x y'][0].c", "a['x y'][0].c"),
        ("a[*].b", "a"),
        ("a[?p>1]", "a"),
        ("$..k", "$"),
        ("*", "$"),
        ("[1]", "[1]"),
        ("a[0:2].b", "a"),
        ("a[0,1]", "a"),
        ("$", "$"),
        ("['it\\'s']", "['it\\'s']"),
    ];
    for (path, expected) in table {
        let plain = Path::parse(path).expect(path).plain();
        assert_eq!(plain.as_str(), expected, "{path}");
        assert_eq!(Path::parse(plain.as_str()).expect(expected).plain(), plain);
    }
    assert!(Path::parse("a.b[0]").expect("a path").is_plain());
    assert!(!Path::parse("a[*]").expect("a path").is_plain());
}

#[test]
fn a_name_that_nothing_has_is_told_from_an_empty_choice() {
    let document = Document::parse(Bytes::from_static(STORE.as_bytes())).expect("the test's own JSON");
    let misses = |path: &str| Path::parse(path).expect(path).misses_a_name(document.root());
    assert!(misses("list[*].q"));
    assert!(misses("$..qq"));
    assert!(!misses("list[?p>100].q"));
    assert!(!misses("list[0].tags[*].name"));
}

/// Any text is a path or none; a path selects in time, and reads the same when it is written again.
mod fuzz {
    use super::super::parse::CHARACTERS_MAX;
    use super::*;

    const SEEDS: [&str; 16] = [
        "$.a.b",
        "a['x y'][0].c",
        "list[?(@.p>3 && @.b=='z')].p",
        "$..k",
        "numbers[-2:]",
        "numbers[0,2]",
        "a['b','x y']",
        "list[*].tags[*]",
        "['@odata.nextLink']",
        "*",
        "numbers[::2]",
        "list[?(@.p<5) | (@.k==8)].p",
        "''",
        "a..*..k",
        "$..a[?x.y != null]",
        "@type",
    ];
    const WORDS: [&str; 40] = [
        "$",
        ".",
        "..",
        "*",
        "[",
        "]",
        "[*]",
        "[0]",
        "[-1]",
        "[:]",
        "[1:2:3]",
        "[0,0]",
        "['a','a']",
        "..*",
        "[?",
        "(",
        ")",
        "@",
        "'",
        "\"",
        "\\",
        "==",
        "!=",
        "<=",
        "&&",
        "||",
        "&",
        "|",
        " ",
        "null",
        "true",
        "1e400",
        "-",
        "99999999999999999999",
        "a",
        "list",
        "numbers",
        "\u{e4}",
        "\u{2028}",
        "\0",
    ];
    fn input(random: &mut Rng) -> Vec<u8> {
        let mut text = random.choice(SEEDS).expect("some").as_bytes().to_vec();
        let other = random.choice(SEEDS).expect("some").as_bytes();
        (0..random.usize(..8)).for_each(|_| tear(random, &mut text, other, &WORDS));
        text
    }
    fn check(text: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(text);
        let Ok(path) = Path::parse(&text) else { return Ok(()) };
        let same = |path: &Path| match Path::parse(path.as_str()) {
            Ok(again) if again.steps == path.steps => Ok(()),
            // In brackets it is longer than it was written.
            Err(_) if path.as_str().chars().count() > CHARACTERS_MAX => Ok(()),
            again => Err(format!("{path:?} is written `{path}`, that is {again:?}")),
        };
        same(&path)?;
        let mut plain = Some(path.plain());
        while let Some(part) = plain {
            same(&part)?;
            plain = part.parent();
        }
        let deep = format!("{}1{}", "[{\"a\":".repeat(12), "}]".repeat(12));
        for body in
            [STORE, &deep, "[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]", "{\"\":{\"\":[0]}}", "[]", "null"]
        {
            let document = Document::parse(Bytes::copy_from_slice(body.as_bytes())).expect("the test's own JSON");
            let found = path.select(document.root());
            let first = path.first(document.root()).map(|node| node.to_json());
            if first != found.first().map(|node| node.to_json()) {
                return Err(format!("the first match is {first:?}"));
            }
            if path.is_plain() && found.len() > 1 {
                return Err("a plain path leads to more than one value".to_owned());
            }
            path.misses_a_name(document.root());
        }
        Ok(())
    }

    #[test]
    fn fuzz_path() {
        Target { name: "fuzz_path", cases: 2_000, input, check }.run();
    }
}
