//! Fuzzes bytes to batch: bodies of every kind, mutated, never panic and are the same whichever way their rows are read.
//!
//! `cargo test` runs a fixed number of cases from a fixed seed. `ALLUVIUM_FUZZ_CASES` and `ALLUVIUM_FUZZ_SEED` change both; a
//! case depends on its own seed alone, so that the one that a failure names runs again as the first of one.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use alluvium::json::{Document, Kind, Node};
use alluvium::plan::{ColumnHint, DataType};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use fastrand::Rng;
use serde_json::Value;

use crate::support::bodies::{Bodies, Loaded, Route};
use crate::support::values;

const CASES: u64 = 3_000;

/// Paths to rows, with bodies that have them there, or should.
const SEEDS: [(&str, &[u8]); 27] = [
    ("$", b""),
    ("$", b"[]"),
    ("$", b"\xef\xbb\xbf[{\"a\":1}]"),
    ("$", br#"[{"id":1,"a":"x","b":true,"c":null},{"id":2,"a":"","b":false,"c":1.5},{"id":3}]"#),
    ("$", br#"[{"a":{"b":{"c":[1,2,{"d":"x"}]}}},{"a":{"b":{"c":[]}}},{"a":{}},{"a":null}]"#),
    ("$", br#"[{"a":1},{"a":"x"},{"a":[1]},{"a":{"b":1}},{"a":true},{"a":1.5},{"a":null}]"#),
    ("$", br#"[{"a":[1,"x",[2],{"b":3},null]},{"a":[{"b":"y"},{"b":[]}]},{"a":[]}]"#),
    ("$", br#"[{"a":9223372036854775807},{"a":9223372036854775808},{"a":-9223372036854775809}]"#),
    ("$", br#"[{"a":18446744073709551615,"b":1e30},{"a":123456789012345678901234567890123456789,"b":1}]"#),
    ("$", br#"[{"a":9007199254740993,"b":9007199254740992},{"a":0.5,"b":0.5}]"#),
    ("$", br#"[{"a":0.5,"b":0.5},{"a":9007199254740993,"b":9007199254740992}]"#),
    ("$", br#"[{"a":1E5,"b":-0.0,"c":1e-400},{"a":1e+5,"b":0,"c":4.9e-324},{"a":1.7976931348623157e308,"b":-0}]"#),
    ("$", br#"[{"a":1e400}]"#),
    ("$", br#"[{"a":"\ud83d\ude00\u0000\n\"\\\/"},{"\u0061":"b"},{"a":"\ud800"}]"#),
    ("$", "[{\"ä\":\"ö\",\"日本\":{\"Ü\":[\"😀\"]}},{\"A\":1,\"a\":2}]".as_bytes()),
    ("$", br#"[{"a":1,"a":"x","a":[2]},{"a":{"b":1,"b":2},"a":null}]"#),
    ("$", br#"[{"a":"2024-01-25T11:21:28Z"},{"a":"2024-01-25 11:21:28.123456+02:00"},{"a":"2024-01-25"},{"a":"x"}]"#),
    ("$", br#"[1,"x",null,[2],{"value":3},true,1.5]"#),
    ("$", b" [ { \"a\" : 1 } ,\r\n\t{ \"a\" : [ ] } ] "),
    ("data", br#"{"total":2,"data":[{"a":1},{"a":2}],"next":{"after":"z"}}"#),
    ("data", br#"{"data":[{"a":1}],"data":[{"a":"x"},{"b":2}]}"#),
    ("data", br#"{"data":null,"total":0}"#),
    ("data", br#"{"data":{"a":1}}"#),
    ("data", br#"[{"data":[{"a":1}]},{"data":[{"a":2}]}]"#),
    ("page.rows", br#"{"page":{"rows":[{"a":1.5},{"a":18446744073709551616}],"size":2},"page_count":1}"#),
    ("page.rows", br#"{"page":[],"rows":[{"a":1}]}"#),
    ("page.rows", br#"{"page":{"rows":[[[{"a":1}]],[],[null]]}}"#),
];

/// Levels of nesting at which something changes: columns end, other threads read, parsers refuse.
const LEVELS: [usize; 5] = [30, 33, 41, 128, 129];

/// Values that are put into bodies.
const VALUES: [&str; 34] = [
    "null",
    "true",
    "0",
    "-0",
    "-0.0",
    "7",
    "7.0",
    "1.5",
    "1E5",
    "-1e19",
    "1e308",
    "-1e-400",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551616",
    "1234567890123456789012345678901234567890",
    "\"\"",
    "\"x\"",
    "\"7\"",
    "\"false\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\\n\"",
    "\"2024-01-25T11:21:28Z\"",
    "\"2024-01-25T11:21:28.123+02:00\"",
    "\"2024-01-25\"",
    "[]",
    "{}",
    "[null]",
    "[1,[],{}]",
    "{\"a\":null}",
    "{\"a\":1,\"a\":\"x\"}",
    "{\"a\":{\"b\":[{}]}}",
];

/// What stands before a value.
const KEYS: [&str; 9] =
    ["\"a\":", "\"A\":", "\"\\u0061\":", "\"b\":", "\"value\":", "\"a__v_text\":", "\"data\":", "\"\":", "\"\u{e4}\":"];

/// What makes most bodies none.
const SCRAPS: [&str; 12] = [",", ":", "[", "]", "{\"a\":", "}", "1e400", "\"\\ud800\"", "-", "\"", "\\", "\u{feff}"];

/// A body with what is around it.
#[derive(Debug, Clone)]
struct Case {
    body: Vec<u8>,
    path: &'static str,
    /// Types are settled with the first page.
    settles: bool,
    /// The type that the column `a` has to have.
    hint: Option<DataType>,
}

#[test]
fn bytes_become_the_same_batches_whichever_way_they_are_read() {
    let seed = number("ALLUVIUM_FUZZ_SEED", 1);
    let corpus = corpus();
    for seed in seed..seed + number("ALLUVIUM_FUZZ_CASES", CASES) {
        let case = Case::new(&mut Rng::with_seed(seed), &corpus);
        if let Err(fault) = case.check() {
            let smallest = case.shrunk();
            let (body, shown) = (case.body.escape_ascii(), smallest.body.escape_ascii());
            let now = smallest.check().expect_err("it still fails");
            panic!(
                "{fault}\nALLUVIUM_FUZZ_SEED={seed} ALLUVIUM_FUZZ_CASES=1\n\
                 body: b\"{body}\"\nsmallest: b\"{shown}\": {now}\n\
                 path `{}`, settles: {}, hint: {:?}",
                case.path, case.settles, case.hint
            );
        }
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

fn corpus() -> Vec<(&'static str, Vec<u8>)> {
    let nested = |levels: usize| {
        let (open, close) = if levels.is_multiple_of(2) { ("[", "]") } else { ("{\"b\":", "}") };
        format!("[{{\"a\":{}1{}}},{{\"a\":2}}]", open.repeat(levels - 2), close.repeat(levels - 2)).into_bytes()
    };
    let deep = LEVELS.iter().map(|levels| nested(*levels));
    SEEDS.iter().map(|(path, body)| (*path, body.to_vec())).chain(deep.map(|body| ("$", body))).collect()
}

impl Case {
    fn new(random: &mut Rng, corpus: &[(&'static str, Vec<u8>)]) -> Self {
        let (path, body) = random.choice(corpus).expect("there are some");
        let hint = random.choice(DataType::NAMES).map(|(_, data_type)| data_type).filter(|_| random.u8(..4) == 0);
        let mut case = Self { body: body.clone(), path, settles: random.bool(), hint };
        let is_rough = random.u8(..4) == 0;
        for _ in 0..random.usize(..6) {
            let (_, other) = random.choice(corpus).expect("there are some");
            if is_rough { tear(random, &mut case.body, other) } else { alter(random, &mut case.body, other) }
        }
        case
    }

    /// Whether everything holds that has to.
    fn check(&self) -> Result<(), String> {
        catch_unwind(AssertUnwindSafe(|| self.agrees_with_serde().and_then(|()| self.routes_agree()))).unwrap_or_else(
            |panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                Err(format!("panic: {:?}", text.or(panic.downcast_ref::<&str>().copied())))
            },
        )
    }

    /// Both parsers take the same bodies and see the same values in them.
    fn agrees_with_serde(&self) -> Result<(), String> {
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body);
        let theirs = serde_json::from_slice::<Value>(body);
        let ours = match (Document::parse(Bytes::copy_from_slice(&self.body)), &theirs) {
            (Ok(ours), _) => ours,
            (Err(_), Err(_)) => return Ok(()),
            (Err(error), Ok(_)) => return Err(format!("serde_json takes it, we do not: {error}")),
        };
        let exact = ours.parse_exact();
        if !are_alike(ours.root(), exact.root()) {
            return Err(format!("the text of the numbers is that of others: {}", exact.root().to_json()));
        }
        match theirs {
            Ok(theirs) if serde_json::from_str(&exact.root().to_json()).is_ok_and(|ours: Value| ours == theirs) => {
                Ok(())
            }
            Ok(theirs) => Err(format!("serde_json sees {theirs}, we see {}", exact.root().to_json())),
            Err(error) => {
                // It reads one level less, and rounds the last floats before infinity up to it.
                let text = error.to_string();
                let is_known = text.starts_with("recursion limit exceeded") || text.starts_with("number out of range");
                if is_known { Ok(()) } else { Err(format!("we take it, serde_json does not: {text}")) }
            }
        }
    }

    /// Two pages of the body are the same batches, or the same error, whichever way the rows are read; each row is in them.
    fn routes_agree(&self) -> Result<(), String> {
        let mut bodies = Bodies::new(self.path, if self.settles { 1 } else { 1 << 30 });
        let hint = |data_type| ColumnHint { name: "a".to_owned(), data_type: Some(data_type), nullable: true };
        bodies.source.resource.columns.extend(self.hint.map(hint));
        let pages = vec![Bytes::copy_from_slice(&self.body); 2];
        let [nodes, taken, ahead] =
            [Route::Nodes, Route::Taken, Route::TakenAhead].map(|route| bodies.load(&pages, route));
        if nodes != taken {
            return Err(format!("from nodes: {nodes:?}\ntaken: {taken:?}"));
        }
        for loaded in [&nodes, &ahead].into_iter().flatten() {
            let rows: usize = loaded.batches.iter().map(RecordBatch::num_rows).sum();
            if rows != loaded.rows {
                return Err(format!("{} rows became {rows}: {loaded:?}", loaded.rows));
            }
            self.are_found(loaded)?;
        }
        if nodes.is_ok() == ahead.is_ok() { Ok(()) } else { Err(format!("in turn: {nodes:?}\nahead: {ahead:?}")) }
    }

    /// Every value that `serde_json` sees in the rows is found in the batches, unless a hint asks for something else.
    fn are_found(&self, loaded: &Loaded) -> Result<(), String> {
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body);
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return Ok(()) };
        if self.hint.is_some() {
            return Ok(());
        }
        let names = self.path.split('.').filter(|name| *name != "$");
        let rows = match names.into_iter().try_fold(&body, |value, name| value.get(name)) {
            None | Some(Value::Null) => &[],
            Some(Value::Array(rows)) => rows.as_slice(),
            Some(row) => std::slice::from_ref(row),
        };
        let expected: Vec<Value> = [rows, rows].concat().iter().map(values::of_item).collect();
        let found: Vec<Value> = loaded.batches.iter().flat_map(values::of_batch).collect();
        if found == expected { Ok(()) } else { Err(format!("of {expected:?}\nwas found {found:?}\nin {loaded:?}")) }
    }

    /// The case with the smallest body found that still fails: ever shorter pieces are left out.
    fn shrunk(&self) -> Self {
        let mut smallest = self.clone();
        let mut piece = smallest.body.len();
        while piece > 0 {
            let mut at = 0;
            while at < smallest.body.len() {
                let mut shorter = smallest.clone();
                shorter.body.drain(at..(at + piece).min(smallest.body.len()));
                match shorter.check() {
                    Ok(()) => at += piece,
                    Err(_) => smallest = shorter,
                }
            }
            piece /= 2;
        }
        smallest
    }
}

/// Whether two readings of a body have the same values, of which only the second has the text of numbers.
fn are_alike(plain: Node<'_>, exact: Node<'_>) -> bool {
    match (plain.kind(), exact.kind()) {
        (Kind::Inexact, Kind::BigInt) => true,
        (Kind::Inexact, Kind::Float(exact)) => exact.abs() >= 2_f64.powi(63),
        (Kind::Array(plain), Kind::Array(exact)) => {
            plain.len() == exact.len() && plain.iter().zip(exact.iter()).all(|(plain, exact)| are_alike(plain, exact))
        }
        (Kind::Object(plain), Kind::Object(exact)) => {
            let mut members = plain.iter().zip(exact.iter());
            plain.len() == exact.len()
                && members.all(|((key, plain), (other, exact))| key == other && are_alike(plain, exact))
        }
        _ => plain.equals(exact),
    }
}

/// Changes the bytes of a body in one place.
fn tear(random: &mut Rng, body: &mut Vec<u8>, other: &[u8]) {
    let at = random.usize(..=body.len());
    let end = (at + random.usize(1..8)).min(body.len());
    let (place, with) = match random.u8(..7) {
        0 => (at..at, vec![random.u8(..)]),
        1 => (at..end, body[at..end].iter().map(|byte| byte ^ (1 << random.u8(..8))).collect()),
        2 => (at..end, Vec::new()),
        3 => (at..at, body[at..end].to_vec()),
        4 => (at..body.len(), other[random.usize(..=other.len())..].to_vec()),
        5 => (at..at, one_of(random, &VALUES)),
        _ => (at..at, one_of(random, &SCRAPS)),
    };
    body.splice(place, with);
}

/// Changes a value or a key of a body, which is JSON afterwards if it was before.
fn alter(random: &mut Rng, body: &mut Vec<u8>, other: &[u8]) {
    let Some(Item { start, value }) = random.choice(items(body)) else { return };
    let (item, old) = (body[start..value.end].to_vec(), body[value.clone()].to_vec());
    let (place, with) = match random.u8(..10) {
        0 => (value, [b"[", &old[..], b"]"].concat()),
        1 => (value, [b"{\"a\":", &old[..], b"}"].concat()),
        2 | 3 => (start..value.end, [&item[..], b",", &item[..]].concat()),
        4 if start < value.start => (start..value.start, one_of(random, &KEYS)),
        5 if start < value.start => {
            (start..start, [one_of(random, &KEYS), one_of(random, &VALUES), b",".to_vec()].concat())
        }
        6 => (value, random.choice(items(other)).map(|item| other[item.value].to_vec()).unwrap_or(old)),
        _ => (value, one_of(random, &VALUES)),
    };
    body.splice(place, with);
}

fn one_of(random: &mut Rng, choices: &[&str]) -> Vec<u8> {
    random.choice(choices).expect("there are some").as_bytes().to_vec()
}

/// A value of a body.
struct Item {
    /// Where its key begins, or else the value.
    start: usize,
    value: Range<usize>,
}

/// The values of a body, as far as it is JSON.
fn items(body: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut open = Vec::new();
    // Where the key of the next value begins.
    let mut key = None;
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        let from = at;
        at += 1;
        match byte {
            b'{' | b'[' => open.push((key.take(), from)),
            b'}' | b']' => {
                items.extend(open.pop().map(|(key, from)| Item { start: key.unwrap_or(from), value: from..at }));
            }
            b'"' => {
                while body.get(at).is_some_and(|byte| *byte != b'"') {
                    at += if body[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(body.len());
                match body[at..].trim_ascii_start().first() {
                    Some(b':') => key = Some(from),
                    _ => items.push(Item { start: key.take().unwrap_or(from), value: from..at }),
                }
            }
            b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => {
                at += body[at..].iter().take_while(|byte| !b",:[]{}\" \n\r\t".contains(byte)).count();
                items.push(Item { start: key.take().unwrap_or(from), value: from..at });
            }
        }
    }
    items
}
