//! `commit_every` and `resume_within`: how a long walk commits as it goes, and when it may go on in another run.

use std::num::NonZeroU64;
use std::time::Duration;

use super::duration;
use super::problem::Report;
use super::reader::{Reader, invalid};
use super::size;
use super::tree::{Tree, Value};
use crate::plan::CommitRules;

/// Reads both keys of a resource.
pub(super) fn read(reader: &mut Reader<'_>) -> CommitRules {
    let report = reader.report;
    let mut rules = CommitRules::default();
    if let Some(tree) = reader.present("commit_every") {
        every(tree, &mut rules, report);
    }
    if let Some(tree) = reader.present("resume_within") {
        rules.resume_within = duration::duration(tree, report).unwrap_or(rules.resume_within);
    }
    rules
}

/// A size, a duration, or both: `256MB`, `10m`, `{bytes: 256MB, time: 10m}`. What is not said keeps its default.
fn every(tree: &Tree, rules: &mut CommitRules, report: &Report) {
    if matches!(tree.value, Value::Map(_)) {
        let Some(mut reader) = Reader::open(tree, report) else { return };
        let bytes = reader.present("bytes").and_then(|tree| size::bytes(tree, report)).and_then(NonZeroU64::new);
        let time = reader.present("time").and_then(|tree| duration::duration(tree, report));
        reader.close();
        rules.bytes = bytes.unwrap_or(rules.bytes);
        rules.time = time.unwrap_or(rules.time);
        return;
    }
    match written(tree) {
        Some(Every::Bytes(bytes)) => rules.bytes = bytes,
        Some(Every::Time(time)) => rules.time = time,
        None => invalid(tree, "must be a size such as `256MB`, or a duration such as `10m`", report),
    }
}

enum Every {
    Bytes(NonZeroU64),
    Time(Duration),
}

fn written(tree: &Tree) -> Option<Every> {
    let bytes = |bytes: u64| NonZeroU64::new(bytes).map(Every::Bytes);
    match &tree.value {
        Value::Text(text) => {
            let text = text.reveal();
            size::parse(&text).and_then(bytes).or_else(|| duration::parse(&text).map(Every::Time))
        }
        Value::Int(number) => u64::try_from(*number).ok().and_then(bytes),
        _ => None,
    }
}
