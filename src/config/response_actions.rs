//! `response_actions`: what is done about answers of some statuses, or that hold some text.

use std::ops::RangeInclusive;

use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, invalid, one_of, wrong_type};
use super::tree::{Tree, Value};
use crate::plan::{Action, ResponseAction};

const ACTIONS: [(&str, Action); 3] = [("fail", Action::Fail), ("ignore", Action::Ignore), ("retry", Action::Retry)];
/// The statuses that HTTP has.
const STATUSES: RangeInclusive<u16> = 100..=599;
const STATUS_FORMS: &str = "a status such as 404, a range such as `500-599` or `5xx`, or a list of these";

/// Reads the entries in order; `None`: one is wrong, which is reported.
pub(super) fn read(tree: &Tree, report: &Report) -> Option<Vec<ResponseAction>> {
    let Value::List(items) = &tree.value else {
        wrong_type(tree, "a list", report);
        return None;
    };
    let actions: Vec<Option<ResponseAction>> = items.iter().map(|item| entry(item, report)).collect();
    actions.into_iter().collect()
}

fn entry(tree: &Tree, report: &Report) -> Option<ResponseAction> {
    let mut reader = Reader::open(tree, report)?;
    let statuses = reader.present("status_code").map_or(Some(Vec::new()), |tree| statuses(tree, report));
    let content = reader.present("content").map_or(Some(None), |tree| content(tree, report).map(Some));
    let action = reader.required("action").and_then(|tree| one_of(tree, &ACTIONS, report));
    reader.close();
    let (statuses, content, action) = (statuses?, content?, action?);
    if statuses.is_empty() && content.is_none() {
        let message = format!("`{}` fits every answer", tree.label);
        report.add(Problem::new(code::INVALID, &tree.at, message).hint("give it a `status_code` or a `content`"));
        return None;
    }
    Some(ResponseAction { statuses, content, action })
}

fn content(tree: &Tree, report: &Report) -> Option<String> {
    let text = reader::text(tree, report)?.reveal();
    if text.is_empty() {
        invalid(tree, "must not be empty", report);
        return None;
    }
    Some(text)
}

fn statuses(tree: &Tree, report: &Report) -> Option<Vec<RangeInclusive<u16>>> {
    match &tree.value {
        Value::List(items) if items.is_empty() => {
            invalid(tree, "must not be empty", report);
            None
        }
        Value::List(items) => {
            let ranges: Vec<Option<RangeInclusive<u16>>> = items.iter().map(|item| status(item, report)).collect();
            ranges.into_iter().collect()
        }
        _ => Some(vec![status(tree, report)?]),
    }
}

fn status(tree: &Tree, report: &Report) -> Option<RangeInclusive<u16>> {
    let range = match &tree.value {
        Value::Int(number) => u16::try_from(*number).ok().map(|status| status..=status),
        Value::Text(text) => range(&text.reveal()),
        _ => {
            wrong_type(tree, STATUS_FORMS, report);
            return None;
        }
    };
    let range = range.filter(|range| range.start() <= range.end());
    let known = range.filter(|range| STATUSES.contains(range.start()) && STATUSES.contains(range.end()));
    if known.is_none() {
        invalid(tree, &format!("must be {STATUS_FORMS}, from 100 to 599"), report);
    }
    known
}

/// `404`, `500-599` or `5xx`.
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(class) = text.strip_suffix("xx") {
        let first = class.parse::<u16>().ok()?.checked_mul(100)?;
        return Some(first..=first.checked_add(99)?);
    }
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
}
