//! A point in time as Python's `datetime` and `pendulum` have it: what is added to it, and how it is written.

use std::fmt;

use chrono::{Datelike as _, FixedOffset, Local, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike as _};

/// A point in time or a day, as one of Python's classes has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) time: NaiveDateTime,
    /// Seconds east of UTC; `None`: the time does not say where it is.
    pub(super) offset: Option<i32>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Day,
    Time,
}

/// As Python's `str` writes it.
impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.iso(' '))
    }
}

impl Moment {
    pub(super) fn day(day: NaiveDate) -> Self {
        Self { time: day.into(), offset: None, kind: Kind::Day }
    }

    pub(super) fn time(time: NaiveDateTime, offset: Option<i32>) -> Self {
        Self { time, offset, kind: Kind::Time }
    }

    /// The same kind of moment at another time.
    pub(super) fn at(self, time: NaiveDateTime) -> Self {
        Self { time, ..self }
    }

    /// `isoformat(separator)`.
    pub(super) fn iso(&self, separator: char) -> String {
        if self.kind == Kind::Day {
            return self.time.format("%Y-%m-%d").to_string();
        }
        let fraction = if self.time.nanosecond() / 1000 > 0 { "%.6f" } else { "" };
        let time = self.time.format(&format!("%Y-%m-%d{separator}%H:%M:%S{fraction}")).to_string();
        time + &self.written_offset(":")
    }

    /// `+02:00`, or nothing where none is known.
    fn written_offset(&self, colon: &str) -> String {
        let Some(offset) = self.offset else { return String::new() };
        let minutes = offset.abs() / 60;
        format!("{}{:02}{colon}{:02}", if offset < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
    }

    /// `strftime(pattern)`; `None`: the pattern has what cannot be written here.
    pub(super) fn strftime(&self, pattern: &str) -> Option<String> {
        let (mut text, mut rest) = (String::new(), pattern);
        while let Some((before, after)) = rest.split_once('%') {
            text.push_str(before);
            let letter = after.chars().next()?;
            match letter {
                'Y' | 'm' | 'd' | 'H' | 'M' | 'S' | 'y' | 'j' | 'b' | 'B' | 'a' | 'A' | 'I' | 'p' | 'F' | 'T' => {
                    text.push_str(&self.time.format(&format!("%{letter}")).to_string());
                }
                'f' => text.push_str(&self.time.format("%6f").to_string()),
                'z' => text.push_str(&self.written_offset("")),
                's' => text.push_str(&self.timestamp().to_string()),
                '%' => text.push('%'),
                _ => return None,
            }
            rest = after.get(letter.len_utf8()..)?;
        }
        text.push_str(rest);
        Some(text)
    }

    /// pendulum's `format(pattern)`, of the usual tokens.
    pub(super) fn pendulum_format(&self, pattern: &str) -> Option<String> {
        const TOKENS: [(&str, &str); 10] = [
            ("YYYY", "%Y"),
            ("MM", "%m"),
            ("DD", "%d"),
            ("HH", "%H"),
            ("mm", "%M"),
            ("ss", "%S"),
            ("SSSSSS", "%6f"),
            ("SSS", "%3f"),
            ("YY", "%y"),
            ("X", "%s"),
        ];
        let (mut text, mut rest) = (String::new(), pattern);
        while let Some(next) = rest.chars().next() {
            if let Some((literal, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                text.push_str(literal);
                rest = after;
            } else if let Some((token, format)) = TOKENS.iter().find(|(token, _)| rest.starts_with(token)) {
                text.push_str(&self.time.format(format).to_string());
                rest = rest.get(token.len()..)?;
            } else if next.is_alphabetic() && next != 'T' {
                return None;
            } else {
                text.push(next);
                rest = rest.get(next.len_utf8()..)?;
            }
        }
        Some(text)
    }

    /// Seconds since the epoch. A time that does not say where it is, is one of this machine.
    pub(super) fn timestamp(&self) -> i64 {
        let local = || self.time.and_local_timezone(Local).earliest().map(|time| time.timestamp());
        let utc = self.time.and_utc().timestamp();
        match self.offset {
            Some(offset) => utc - i64::from(offset),
            None => local().unwrap_or(utc),
        }
    }

    /// A number that an attribute tells.
    pub(super) fn field(&self, name: &str) -> Option<i64> {
        match name {
            "year" => Some(self.time.year().into()),
            "month" => Some(self.time.month().into()),
            "day" => Some(self.time.day().into()),
            "int_timestamp" => Some(self.timestamp()),
            _ => None,
        }
    }

    pub(super) fn plus(self, span: Span) -> Option<Self> {
        let months = Months::new(span.months.unsigned_abs());
        let date = self.time.date();
        let date = if span.months < 0 { date.checked_sub_months(months)? } else { date.checked_add_months(months)? };
        let time = date.and_time(self.time.time()).checked_add_signed(span.rest)?;
        Some(Self { time, ..self })
    }
}

/// What is added to a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) months: i32,
    pub(super) rest: TimeDelta,
}

impl Span {
    pub(super) fn negated(self) -> Option<Self> {
        Some(Self { months: self.months.checked_neg()?, rest: -self.rest })
    }
}

/// The first or the last moment of the day, month or year around a time.
pub(super) fn edge(moment: Moment, unit: &str, is_end: bool) -> Option<Moment> {
    let day = moment.time.date();
    let first = match unit {
        "day" => day,
        "week" => day.checked_sub_signed(TimeDelta::days(day.weekday().num_days_from_monday().into()))?,
        "month" => day.with_day(1)?,
        "year" => day.with_ordinal(1)?,
        _ => return None,
    };
    let start = Moment { time: first.into(), ..moment };
    if !is_end {
        return Some(start);
    }
    let (months, days) = match unit {
        "day" => (0, 1),
        "week" => (0, 7),
        "month" => (1, 0),
        _ => (12, 0),
    };
    let next = start.plus(Span { months, rest: TimeDelta::days(days) })?;
    next.plus(Span { months: 0, rest: TimeDelta::microseconds(-1) })
}

/// A time as it is written. pendulum takes one that does not say where it is for one of UTC.
pub(super) fn parsed(text: &str, is_pendulum: bool, is_day: bool) -> Option<Moment> {
    if let Ok(time) = chrono::DateTime::<FixedOffset>::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Some(Moment::time(time.naive_local(), Some(time.offset().local_minus_utc())));
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    if let Some(day) = day.filter(|_| is_day) {
        return Some(Moment::day(day));
    }
    let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let time = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    Some(Moment::time(time.or(day.map(Into::into))?, is_pendulum.then_some(0)))
}
