//! Durations: a number of seconds, or a text such as `30s`, `10m`, `24h` or `7d`.

use std::time::Duration;

use super::problem::Report;
use super::reader::{integer, invalid};
use super::tree::{Tree, Value};

const UNITS: [(&str, u64); 5] = [("ms", 0), ("s", 1), ("m", 60), ("h", 3_600), ("d", 24 * 3_600)];

/// A duration of at least one second, or some milliseconds.
pub(super) fn duration(tree: &Tree, report: &Report) -> Option<Duration> {
    let Value::Text(text) = &tree.value else { return integer(tree, 1, report).map(Duration::from_secs) };
    let duration = parse(&text.reveal());
    if duration.is_none() {
        invalid(tree, "must be a duration such as `30s`, `10m`, `24h` or a number of seconds", report);
    }
    duration
}

/// Reads a duration that is longer than nothing, such as `250ms`, `30s`, `10m`, `24h` or `7d`; a plain number is one of seconds.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim().to_lowercase();
    let digits = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    let unit = unit.trim();
    let (unit, seconds) = UNITS.iter().find(|(name, _)| *name == unit || (unit.is_empty() && *name == "s"))?;
    match *unit {
        "ms" => Some(Duration::from_millis(number)),
        _ => number.checked_mul(*seconds).map(Duration::from_secs),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse;

    #[test]
    fn durations_have_units() {
        let texts = ["30s", "10 m", "24h", "7D", "90", "250ms", "0", "m", "-1s", "1.5h", "99999999999999999999"];
        let seconds = |number| Some(Duration::from_secs(number));
        let read = [
            seconds(30),
            seconds(600),
            seconds(86_400),
            seconds(604_800),
            seconds(90),
            Some(Duration::from_millis(250)),
            None,
            None,
            None,
            None,
            None,
        ];
        assert_eq!(texts.map(parse), read);
    }
}
