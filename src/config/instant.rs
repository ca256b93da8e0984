//! Points in time: ISO 8601 texts, which are in UTC unless they say otherwise.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::problem::Report;
use super::reader::{self, invalid};
use super::tree::Tree;

const FORMS: [&str; 4] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];

/// A point in time, in microseconds since the epoch.
pub(super) fn instant(tree: &Tree, report: &Report) -> Option<i64> {
    let text = reader::text(tree, report)?.reveal();
    let instant = parse(&text);
    if instant.is_none() {
        invalid(tree, "must be a time such as `2024-01-25T10:00:00Z`", report);
    }
    instant
}

fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Some(time.timestamp_micros());
    }
    let naive = FORMS.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let naive = naive.or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
    Some(naive.and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn times_are_in_utc_unless_they_say_otherwise() {
        let second = 1_706_176_800_000_000;
        for text in ["2024-01-25T10:00:00Z", "2024-01-25 12:00:00+02:00", "2024-01-25T10:00:00", "2024-01-25 10:00"] {
            assert_eq!(parse(text), Some(second), "{text}");
        }
        assert_eq!(parse("2024-01-25"), Some(second - 36_000_000_000));
        assert_eq!(parse("yesterday"), None);
    }
}
