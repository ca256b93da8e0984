//! ISO 8601 date-times and dates as numbers. Pure; no time zone database, no clock.
//!
//! The accepted forms are those that dlt takes for a timestamp: `2024-01-25T11:21:28` with a fraction of one to nine digits
//! after `.` or `,`, with `Z`, `+02:00`, `+0200` or `+02` at the end, with a space for the `T`, without seconds or without
//! minutes; the basic form `20240125T112128Z`; and `2024/01/25 11:21:28`. A date alone, a time alone, lower-case letters, white
//! space around, hour 24 and second 60 are none. Without an offset a time is UTC; what is finer than a microsecond is cut off.

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Microseconds since 1970-01-01T00:00:00Z of a date-time in one of the forms above; `None` for any other text.
pub(super) fn parse_timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    // The shortest form is `2024-01-25T11`; most texts that are no date-time end here or at their first byte.
    if bytes.len() < 13 || !bytes.first()?.is_ascii_digit() {
        return None;
    }
    let mut reader = Reader { bytes, at: 0 };
    let year = reader.digits(4)?;
    let separator = reader.peek()?;
    let extended = separator == b'-' || separator == b'/';
    let month = reader.part(extended, separator)?;
    let day = reader.part(extended, separator)?;
    let between = reader.next()?;
    let joined = match separator {
        b'-' => between == b'T' || between == b' ',
        b'/' => between == b' ',
        _ => between == b'T',
    };
    if !joined {
        return None;
    }
    let days = days_since_epoch(year, month, day)?;
    let micros = reader.time_of_day(extended)?;
    let offset_seconds = reader.offset()?;
    if reader.at != bytes.len() {
        return None;
    }
    days.checked_mul(SECONDS_PER_DAY)?.checked_sub(offset_seconds)?.checked_mul(MICROS_PER_SECOND)?.checked_add(micros)
}

/// Days since 1970-01-01 of `2024-01-25`, or of the day of a date-time without an offset; `None` for any other text.
pub(super) fn parse_date(text: &str) -> Option<i32> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
    let year = reader.digits(4)?;
    let month = reader.part(true, b'-')?;
    let day = reader.part(true, b'-')?;
    if reader.at == text.len() {
        return i32::try_from(days_since_epoch(year, month, day)?).ok();
    }
    // Only a midnight is a day without loss.
    let micros = parse_timestamp(text)?;
    let day_micros = SECONDS_PER_DAY * MICROS_PER_SECOND;
    (micros.rem_euclid(day_micros) == 0).then(|| i32::try_from(micros.div_euclid(day_micros)).ok()).flatten()
}

/// Whether a text is a day and nothing else.
pub(super) fn is_date(text: &str) -> bool {
    /// `2024-01-25`.
    const LENGTH: usize = 10;
    text.len() == LENGTH && parse_date(text).is_some()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let mut value = 0;
        for _ in 0..count {
            let digit = self.next()?.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + i64::from(digit);
        }
        Some(value)
    }

    /// Two digits, behind a separator in the extended form.
    fn part(&mut self, extended: bool, separator: u8) -> Option<i64> {
        if extended && self.next()? != separator {
            return None;
        }
        self.digits(2)
    }

    fn at_time_part(&self, extended: bool) -> bool {
        self.peek().is_some_and(|byte| if extended { byte == b':' } else { byte.is_ascii_digit() })
    }

    /// Microseconds since midnight.
    fn time_of_day(&mut self, extended: bool) -> Option<i64> {
        let hour = self.digits(2)?;
        let (mut minute, mut second, mut micros) = (0, 0, 0);
        if self.at_time_part(extended) {
            minute = self.part(extended, b':')?;
            if self.at_time_part(extended) {
                second = self.part(extended, b':')?;
                micros = self.fraction()?;
            }
        }
        let in_range = hour < 24 && minute < 60 && second < 60;
        in_range.then_some((hour * 3600 + minute * 60 + second) * MICROS_PER_SECOND + micros)
    }

    /// Microseconds of one to nine digits behind `.` or `,`; none is 0.
    fn fraction(&mut self) -> Option<i64> {
        if !matches!(self.peek(), Some(b'.' | b',')) {
            return Some(0);
        }
        self.at += 1;
        let (mut micros, mut count) = (0, 0);
        while let Some(byte) = self.peek().filter(u8::is_ascii_digit) {
            if count < 6 {
                micros = micros * 10 + i64::from(byte - b'0');
            }
            count += 1;
            self.at += 1;
        }
        for _ in count..6 {
            micros *= 10;
        }
        (1..=9).contains(&count).then_some(micros)
    }

    /// Seconds east of UTC; none and `Z` are 0.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.peek() {
            None => return Some(0),
            Some(b'Z') => {
                self.at += 1;
                return Some(0);
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.at += 1;
        let hours = self.digits(2)?;
        if self.peek() == Some(b':') {
            self.at += 1;
            self.peek()?;
        }
        let minutes = if self.peek().is_some() { self.digits(2)? } else { 0 };
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, after Howard Hinnant's `days_from_civil`.
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    if year < 1 || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_timestamp_is_read() {
        let base = 1_706_181_688_000_000;
        let table = [
            ("2024-01-25T11:21:28", base),
            ("2024-01-25T11:21:28Z", base),
            ("2024-01-25 11:21:28", base),
            ("2024-01-25T13:21:28+02:00", base),
            ("2024-01-25T13:21:28+0200", base),
            ("2024-01-25T13:21:28+02", base),
            ("2024-01-25T11:21:28-00:00", base),
            ("2024-01-25T11:21:28.5", base + 500_000),
            ("2024-01-25T11:21:28,123Z", base + 123_000),
            ("2024-01-25T11:21:28.123456789Z", base + 123_456),
            ("2024-01-25T11:21", base - 28_000_000),
            ("2024-01-25T11", base - 28_000_000 - 21 * 60_000_000),
            ("20240125T112128Z", base),
            ("20240125T112128", base),
            ("2024/01/25 11:21:28", base),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
        ];
        for (text, micros) in table {
            assert_eq!(parse_timestamp(text), Some(micros), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_timestamps() {
        for text in [
            "2024-01-25",
            "2024",
            "11:21:28",
            "2024-01-25T11:21:28 UTC",
            "2024-01-25T11:21:28 +02:00",
            "2024-01-25t11:21:28",
            "2024-01-25T11:21:28z",
            " 2024-01-25T11:21:28",
            "2024-01-25T11:21:28 ",
            "2024-01-25T24:00:00",
            "2024-01-25T11:21:60",
            "Thu, 25 Jan 2024 11:21:28 GMT",
            "01/25/2024 11:21",
            "2023-02-29T00:00:00",
            "2024-13-01T00:00:00",
            "2024-00-01T00:00",
            "0000-01-01T00:00:00",
            "2024-01-25T11:21:28.",
            "2024-01-25T11:21:28.1234567890",
            "2024-01-25T11:21:28+",
            "2024-01-25T",
            "2024-01-25T11:21:28+02:",
            "1706181688",
            "1706181688000",
            "٢٠٢٤-01-25T11:21:28",
            "2024-01-25T11:21:28+25:00",
            "",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_is_a_day_without_loss() {
        assert_eq!(parse_date("1970-01-02"), Some(1));
        assert_eq!(parse_date("2024-01-25T00:00:00Z"), Some(19_747));
        assert_eq!(parse_date("2024-01-25T11:00:00Z"), None);
        assert_eq!(parse_date("2024-01"), None);
    }
}
