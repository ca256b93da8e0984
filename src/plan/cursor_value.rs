//! Values of a cursor, compared as what they are: timestamps as instants, numbers as numbers, whatever they are written as.

use std::cmp::Ordering;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use serde_json::Value;

use super::CursorFormat;

/// A cursor, with what it is and as what it came.
#[derive(Debug, Clone, PartialEq)]
pub struct CursorValue {
    kind: Kind,
    written: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// An instant; a date is its first.
    Instant(DateTime<Utc>, Form),
    Integer(i128),
    Float(f64),
    Text(String),
}

/// How an instant was written, so that others are written alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Date,
    /// The digits of the fraction, what stands between date and time, and whether `Z`, an offset of so many seconds, or nothing
    /// follows.
    Time {
        digits: usize,
        separator: char,
        zone: Zone,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    None,
    Utc,
    Offset(i32),
}

const NAIVE: [&str; 4] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y%m%dT%H%M%S"];
const SECONDS_A_DAY: f64 = 86_400.0;

impl CursorValue {
    /// What a JSON value is as a cursor; `None`: it can be none. A text of digits is a number, one that looks like a date or a time is
    /// an instant, in UTC unless it says otherwise.
    pub fn of_json(value: &Value) -> Option<Self> {
        let kind = match value {
            Value::Number(number) => number_kind(&number.to_string())?,
            Value::String(text) => {
                let trimmed = text.trim();
                match instant(trimmed) {
                    Some((at, form)) => Kind::Instant(at, form),
                    None => number_kind(trimmed).unwrap_or_else(|| Kind::Text(text.clone())),
                }
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Self { kind, written: value.clone() })
    }

    /// As it came.
    pub fn as_json(&self) -> &Value {
        &self.written
    }

    /// What it is, for messages.
    pub fn described(&self) -> &'static str {
        match self.kind {
            Kind::Instant(..) => "a time",
            Kind::Integer(_) | Kind::Float(_) => "a number",
            Kind::Text(_) => "a text",
        }
    }

    /// Which is the greater one; `None`: they are of different kinds.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (&self.kind, &other.kind) {
            (Kind::Instant(one, _), Kind::Instant(other, _)) => Some(one.cmp(other)),
            (Kind::Integer(one), Kind::Integer(other)) => Some(one.cmp(other)),
            (Kind::Integer(one), Kind::Float(other)) => compare_mixed(*one, *other),
            (Kind::Float(one), Kind::Integer(other)) => compare_mixed(*other, *one).map(Ordering::reverse),
            (Kind::Float(one), Kind::Float(other)) => one.partial_cmp(other),
            (Kind::Text(one), Kind::Text(other)) => Some(one.cmp(other)),
            // A year as a beginning for times: `1970`.
            (Kind::Integer(year), Kind::Instant(at, _)) => year_begins(*year, &self.written).map(|year| year.cmp(at)),
            (Kind::Instant(at, _), Kind::Integer(year)) => year_begins(*year, &other.written).map(|year| at.cmp(&year)),
            _ => None,
        }
    }

    /// The value so far before this one, written alike: seconds for times, days for dates, else a number. A text stays as it is.
    #[must_use]
    pub fn lagged(&self, lag: f64) -> Self {
        let written = match &self.kind {
            Kind::Instant(at, form) => {
                let seconds = if *form == Form::Date { lag * SECONDS_A_DAY } else { lag };
                let Some(moved) = delta(seconds).and_then(|delta| at.checked_sub_signed(delta)) else {
                    return self.clone();
                };
                Value::String(spelled(moved, *form))
            }
            Kind::Integer(number) => match whole(lag).and_then(|lag| number.checked_sub(lag)) {
                Some(moved) => self.number_like(moved.to_string()),
                None => self.number_like(format!("{}", to_float(*number) - lag)),
            },
            Kind::Float(number) => self.number_like(format!("{}", number - lag)),
            Kind::Text(_) => return self.clone(),
        };
        Self::of_json(&written).unwrap_or_else(|| self.clone())
    }

    /// A number as a text where this one is a text.
    fn number_like(&self, text: String) -> Value {
        match &self.written {
            Value::String(_) => Value::String(text),
            _ => text.parse::<serde_json::Number>().map_or(Value::String(text), Value::Number),
        }
    }

    /// The value as a request is to have it; `None`: it is no time that could be written so.
    pub fn converted(&self, format: &CursorFormat) -> Option<Value> {
        let at = self.as_instant()?;
        Some(match format {
            CursorFormat::Unix => at.timestamp().into(),
            CursorFormat::UnixMs => at.timestamp_millis().into(),
            CursorFormat::Iso => {
                let digits = if at.timestamp_subsec_nanos() == 0 { 0 } else { 6 };
                spelled(at, Form::Time { digits, separator: 'T', zone: Zone::Utc }).into()
            }
            CursorFormat::Strftime(pattern) => {
                use std::fmt::Write as _;
                let mut text = String::new();
                write!(text, "{}", at.format(pattern)).ok()?;
                text.into()
            }
        })
    }

    /// The instant that it stands for; numbers count seconds from 1970, or milliseconds where they are that large.
    fn as_instant(&self) -> Option<DateTime<Utc>> {
        /// Seconds after which a number counts milliseconds: the year 5138.
        const SECONDS_MAX: i128 = 100_000_000_000;
        match &self.kind {
            Kind::Instant(at, _) => Some(*at),
            Kind::Integer(number) if number.abs() >= SECONDS_MAX => {
                DateTime::from_timestamp_millis(i64::try_from(*number).ok()?)
            }
            Kind::Integer(number) => DateTime::from_timestamp(i64::try_from(*number).ok()?, 0),
            Kind::Float(seconds) => DateTime::UNIX_EPOCH.checked_add_signed(delta(*seconds)?),
            Kind::Text(_) => None,
        }
    }
}

fn number_kind(text: &str) -> Option<Kind> {
    let starts = text.strip_prefix('-').unwrap_or(text).as_bytes().first().is_some_and(u8::is_ascii_digit);
    if !starts {
        return None;
    }
    if let Ok(integer) = text.parse() {
        return Some(Kind::Integer(integer));
    }
    text.parse().ok().filter(|float: &f64| float.is_finite()).map(Kind::Float)
}

fn compare_mixed(integer: i128, float: f64) -> Option<Ordering> {
    // What is beyond `i128` is beyond any integer here.
    let whole = whole(float.trunc()).unwrap_or(if float > 0.0 { i128::MAX } else { i128::MIN });
    match integer.cmp(&whole) {
        Ordering::Equal => 0.0_f64.partial_cmp(&float.fract()),
        order => Some(order),
    }
}

/// A float without a fraction as an integer; exact, because it is read from its digits.
fn whole(float: f64) -> Option<i128> {
    (float.fract() == 0.0).then(|| format!("{float:.0}").parse().ok()).flatten()
}

fn to_float(integer: i128) -> f64 {
    integer.to_string().parse().unwrap_or(f64::MAX)
}

fn delta(seconds: f64) -> Option<TimeDelta> {
    let micros = whole((seconds * 1e6).round())?;
    Some(TimeDelta::microseconds(i64::try_from(micros).ok()?))
}

/// The first instant of a year that is written as four digits.
fn year_begins(year: i128, written: &Value) -> Option<DateTime<Utc>> {
    written.as_str().filter(|text| text.trim().len() == 4)?;
    Some(NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, 1, 1)?.and_time(NaiveTime::MIN).and_utc())
}

/// The instant of a text that is a date or a time.
fn instant(text: &str) -> Option<(DateTime<Utc>, Form)> {
    let bytes = text.as_bytes();
    let has_date = bytes.len() >= 8 && bytes.iter().take(4).all(u8::is_ascii_digit);
    if !has_date {
        return None;
    }
    for pattern in ["%Y-%m-%d", "%Y/%m/%d"] {
        if let Ok(date) = NaiveDate::parse_from_str(text, pattern) {
            return Some((date.and_time(NaiveTime::MIN).and_utc(), Form::Date));
        }
    }
    let separator = text.chars().nth(10).filter(|sign| *sign == ' ' || *sign == 't').unwrap_or('T');
    let plain = text.replacen(separator, "T", 1).replace(',', ".").replace('/', "-");
    let plain = plain.strip_suffix(" UTC").map_or(plain.clone(), |rest| format!("{rest}Z"));
    let digits = fraction_digits(&plain);
    let form = |zone| Form::Time { digits, separator, zone };
    if let Some(rest) = plain.strip_suffix(['Z', 'z']) {
        return Some((naive(rest)?.and_utc(), form(Zone::Utc)));
    }
    let time_at = plain.find('T')?;
    let sign = plain.rfind(['+', '-']).filter(|sign| *sign > time_at);
    let Some(sign) = sign else { return Some((naive(&plain)?.and_utc(), form(Zone::None))) };
    let (rest, offset) = plain.split_at(sign);
    let offset = offset_seconds(offset)?;
    let local = naive(rest.trim_end())?;
    let at = local.checked_sub_signed(TimeDelta::seconds(offset.into()))?.and_utc();
    Some((at, form(Zone::Offset(offset))))
}

fn naive(text: &str) -> Option<NaiveDateTime> {
    NAIVE.iter().find_map(|pattern| match *pattern {
        // `chrono` takes no hour without minutes.
        "%Y-%m-%dT%H" => {
            let (date, hour) = text.split_once('T').filter(|(_, hour)| hour.len() == 2)?;
            NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?.and_hms_opt(hour.parse().ok()?, 0, 0)
        }
        pattern => NaiveDateTime::parse_from_str(text, pattern).ok(),
    })
}

/// `+02:00`, `+0200` or `+02`, in seconds.
fn offset_seconds(text: &str) -> Option<i32> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i32>().ok()?, 0),
        4 => (digits.get(..2)?.parse().ok()?, digits.get(2..)?.parse().ok()?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn fraction_digits(text: &str) -> usize {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.chars().take_while(char::is_ascii_digit).count().min(9)
}

fn spelled(at: DateTime<Utc>, form: Form) -> String {
    let Form::Time { digits, separator, zone } = form else {
        return format!("{:04}-{:02}-{:02}", at.year(), at.month(), at.day());
    };
    let offset = if let Zone::Offset(seconds) = zone { seconds } else { 0 };
    let local = at.naive_utc().checked_add_signed(TimeDelta::seconds(offset.into())).unwrap_or(at.naive_utc());
    let mut text = format!("{}{separator}{}", local.format("%Y-%m-%d"), local.format("%H:%M:%S"));
    if digits > 0 {
        let nanos = format!("{:09}", at.timestamp_subsec_nanos());
        text.push('.');
        text.push_str(nanos.get(..digits).unwrap_or(&nanos));
    }
    match zone {
        Zone::None => {}
        Zone::Utc => text.push('Z'),
        Zone::Offset(seconds) => {
            let sign = if seconds < 0 { '-' } else { '+' };
            let minutes = seconds.abs() / 60;
            text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(one: Value, other: Value) -> Option<Ordering> {
        CursorValue::of_json(&one)?.compare(&CursorValue::of_json(&other)?)
    }

    #[test]
    fn times_are_instants_and_texts_of_digits_are_numbers() {
        let table = [
            (json!("2024-01-03T00:00:00+02:00"), json!("2024-01-02T22:00:00Z"), Ordering::Equal),
            (json!("2024-01-03T00:00:00+02:00"), json!("2024-01-02T23:00:00Z"), Ordering::Less),
            (json!("2024-01-03"), json!("2024-01-03 00:00:00.001"), Ordering::Less),
            (json!("2024-01-03T00:00:00.5"), json!("2024-01-03T00:00:00.49Z"), Ordering::Greater),
            (json!("9"), json!("10"), Ordering::Less),
            (json!("10"), json!(9.5), Ordering::Greater),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992.0), Ordering::Greater),
            (json!("b9"), json!("b10"), Ordering::Greater),
            (json!("1970"), json!("2024-01-03T00:00:00Z"), Ordering::Less),
        ];
        for (one, other, expected) in table {
            assert_eq!(order(one.clone(), other.clone()), Some(expected), "{one} {other}");
        }
        assert_eq!(order(json!(1), json!("2024-01-03T00:00:00Z")), None);
        assert_eq!(order(json!("x"), json!(1)), None);
    }

    #[test]
    fn a_lag_keeps_the_form() {
        let table = [
            (json!("2024-01-03T00:00:00+02:00"), 60.0, json!("2024-01-02T23:59:00+02:00")),
            (json!("2024-01-03 00:00:00.250"), 0.5, json!("2024-01-02 23:59:59.750")),
            (json!("2024-01-03"), 2.0, json!("2024-01-01")),
            (json!(10), 3.0, json!(7)),
            (json!("10"), 3.0, json!("7")),
            (json!(1.5), 1.0, json!(0.5)),
            (json!("v1"), 1.0, json!("v1")),
        ];
        for (value, lag, expected) in table {
            assert_eq!(CursorValue::of_json(&value).map(|value| value.lagged(lag).written), Some(expected), "{value}");
        }
    }

    #[test]
    fn a_value_is_converted_as_the_instant_that_it_is() {
        let value = CursorValue::of_json(&json!("2024-01-03T00:00:00+02:00")).expect("a time");
        assert_eq!(value.converted(&CursorFormat::Unix), Some(json!(1_704_232_800)));
        assert_eq!(value.converted(&CursorFormat::UnixMs), Some(json!(1_704_232_800_000_i64)));
        assert_eq!(value.converted(&CursorFormat::Iso), Some(json!("2024-01-02T22:00:00Z")));
        assert_eq!(value.converted(&CursorFormat::Strftime("%d.%m.%Y".into())), Some(json!("02.01.2024")));
        let seconds = CursorValue::of_json(&json!(1_704_232_800)).expect("a number");
        assert_eq!(seconds.converted(&CursorFormat::Iso), Some(json!("2024-01-02T22:00:00Z")));
    }
}
