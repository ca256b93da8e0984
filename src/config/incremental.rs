//! `endpoint.incremental`, and dlt's older form of it as a query parameter: which of the rows are new.

use std::sync::Arc;

use super::paginator::json_path;
use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, invalid, one_of, wrong_type};
use super::tree::{Tree, Value};
use crate::json::Path;
use crate::plan::{CursorFormat, CursorValue, Incremental, LastValue, MissingCursor, RangeBound, RowOrder};

/// A cursor, and the parameters that it is sent in.
pub(super) struct CursorRules {
    pub(super) rules: Incremental,
    pub(super) start_param: Option<String>,
    pub(super) end_param: Option<String>,
}

const LAST_VALUES: [(&str, LastValue); 2] = [("max", LastValue::Max), ("min", LastValue::Min)];
const ORDERS: [(&str, RowOrder); 2] = [("asc", RowOrder::Ascending), ("desc", RowOrder::Descending)];
const BOUNDS: [(&str, RangeBound); 2] = [("closed", RangeBound::Closed), ("open", RangeBound::Open)];
const MISSING: [(&str, MissingCursor); 3] =
    [("exclude", MissingCursor::Exclude), ("include", MissingCursor::Include), ("raise", MissingCursor::Raise)];
const FORMATS: [&str; 3] = ["iso", "unix", "unix_ms"];

/// Reads the rules. `param`: they stand in the place of this query parameter, which the start is sent in.
pub(super) fn read(tree: &Tree, param: Option<&str>, report: &Report) -> Option<CursorRules> {
    let mut reader = Reader::open(tree, report)?;
    // The older form has it, and dlt's class is read as if it had.
    reader.ignore(&["type"]);
    let cursor_path = reader.required("cursor_path").and_then(|tree| cursor_path(tree, report));
    let initial_value = scalar(&mut reader, "initial_value");
    let end_tree = reader.present("end_value");
    let end_value = scalar(&mut reader, "end_value");
    let last_value = word(&mut reader, "last_value_func", &LAST_VALUES, LastValue::Max);
    let row_order = reader.present("row_order").map(|tree| one_of(tree, &ORDERS, report));
    let lag = reader.present("lag").map(|tree| lag(tree, report));
    let on_missing = word(&mut reader, "on_cursor_value_missing", &MISSING, MissingCursor::Raise);
    let range_start = word(&mut reader, "range_start", &BOUNDS, RangeBound::Closed);
    let range_end = word(&mut reader, "range_end", &BOUNDS, RangeBound::Open);
    let convert = reader.present("convert").map(|tree| format(tree, report));
    let key = reader.present("primary_key").map(|tree| reader::texts(tree, report));
    let text = |tree| reader::text(tree, report).map(super::tree::Text::reveal);
    let start_param = reader.present("start_param").map(text);
    let end_param = reader.present("end_param").map(text);
    reader.refuse(&["allow_external_schedulers"]);
    reader.close();
    if let (Some(_), Some(end)) = (param, end_tree) {
        let problem = Problem::new(code::INVALID, &end.at, "a cursor among `params` cannot have an `end_value`");
        report.add(problem.hint("write it as `incremental` of the endpoint"));
        return None;
    }
    let rules = Incremental {
        cursor_path: cursor_path?,
        initial_value: initial_value?,
        end_value: end_value?,
        last_value: last_value?,
        row_order: row_order.map_or(Some(None), |order| order.map(Some))?,
        lag: lag.map_or(Some(None), |lag| lag.map(Some))?,
        on_missing: on_missing?,
        range_start: range_start?,
        range_end: range_end?,
        convert: convert.map_or(Some(None), |format| format.map(Some))?,
        key: key.map_or(Some(None), |key| key.map(Some))?,
    };
    check_end(&rules, tree, report)?;
    let start_param = start_param.map_or(Some(None), |name| name.map(Some))?;
    Some(CursorRules {
        rules,
        start_param: start_param.or_else(|| param.map(str::to_owned)),
        end_param: end_param.map_or(Some(None), |name| name.map(Some))?,
    })
}

/// As in dlt, an end needs a beginning, and lies beyond it.
fn check_end(rules: &Incremental, tree: &Tree, report: &Report) -> Option<()> {
    let Some(end) = &rules.end_value else { return Some(()) };
    let Some(initial) = &rules.initial_value else {
        let problem = Problem::new(code::MISSING, &tree.at, "`end_value` needs an `initial_value`");
        report.add(problem.hint("say where the rows begin"));
        return None;
    };
    let [initial, end] = [initial, end].map(CursorValue::of_json);
    let order = initial.zip(end).map(|(initial, end)| initial.compare(&end));
    let is_beyond = match (order, rules.last_value) {
        (Some(Some(order)), LastValue::Max) => order.is_gt(),
        (Some(Some(order)), LastValue::Min) => order.is_lt(),
        (Some(None) | None, _) => {
            report.add(Problem::new(code::INVALID, &tree.at, "`initial_value` and `end_value` are of different kinds"));
            return None;
        }
    };
    if is_beyond {
        report.add(Problem::new(code::INVALID, &tree.at, "`initial_value` lies beyond `end_value`"));
    }
    (!is_beyond).then_some(())
}

fn word<T: Copy>(reader: &mut Reader<'_>, key: &'static str, known: &[(&'static str, T)], default: T) -> Option<T> {
    let report = reader.report;
    reader.present(key).map_or(Some(default), |tree| one_of(tree, known, report))
}

fn cursor_path(tree: &Tree, report: &Report) -> Option<Arc<Path>> {
    json_path(tree, reader::text(tree, report)?, report)
}

/// A value of the cursor; an empty text is as good as none.
fn scalar(reader: &mut Reader<'_>, key: &'static str) -> Option<Option<serde_json::Value>> {
    let report = reader.report;
    let Some(tree) = reader.present(key) else { return Some(None) };
    match &tree.value {
        Value::Int(number) => Some(Some((*number).into())),
        Value::Float(number) => Some(Some((*number).into())),
        Value::Text(text) if text.is_empty() => Some(None),
        Value::Text(text) => Some(Some(text.reveal().into())),
        _ => {
            wrong_type(tree, "a string or a number", report);
            None
        }
    }
}

fn lag(tree: &Tree, report: &Report) -> Option<f64> {
    reader::number(tree, report)
}

fn format(tree: &Tree, report: &Report) -> Option<CursorFormat> {
    let text = reader::text(tree, report)?;
    let word = text.reveal();
    match word.as_str() {
        "unix" => Some(CursorFormat::Unix),
        "unix_ms" => Some(CursorFormat::UnixMs),
        "iso" => Some(CursorFormat::Iso),
        pattern if pattern.contains('%') => {
            let items = chrono::format::StrftimeItems::new(pattern);
            if items.into_iter().any(|item| matches!(item, chrono::format::Item::Error)) {
                invalid(tree, "is no pattern of `strftime`", report);
                return None;
            }
            Some(CursorFormat::Strftime(word))
        }
        _ => {
            reader::unknown_word(tree, text, &FORMATS, report);
            None
        }
    }
}
