//! Decimals from the text of JSON numbers, exactly or not at all.

/// Digits of the widest decimal that Delta Lake has.
pub(in crate::normalize) const DIGITS_MAX: u8 = 38;

/// The unscaled value of a number's text as a decimal; `None` if it is no number, has digits behind the scale that are not 0,
/// or more digits than the precision.
pub(in crate::normalize) fn parse_decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // Digits without the point; the value is them times ten to `shift`.
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?.checked_add(i32::from(scale))?;
    let mut value: i128 = 0;
    let mut all = whole.bytes().chain(fraction.bytes());
    let count = whole.len() + fraction.len();
    let cut = usize::try_from(shift.min(0).unsigned_abs()).ok()?;
    for digit in all.by_ref().take(count.saturating_sub(cut)) {
        value = value.checked_mul(10)?.checked_add(i128::from(digit_of(digit)?))?;
    }
    // What lies behind the scale must be nothing.
    for digit in all {
        if digit_of(digit)? != 0 {
            return None;
        }
    }
    for _ in 0..shift.max(0).min(i32::from(DIGITS_MAX) + 1) {
        value = value.checked_mul(10)?;
    }
    let fits = value < 10_i128.checked_pow(u32::from(precision))?;
    fits.then_some(if negative { -value } else { value })
}

fn digit_of(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

#[cfg(test)]
mod tests {
    use super::parse_decimal;

    #[test]
    fn decimals_are_exact_or_none() {
        let table = [
            ("12.34", 10, 2, Some(1234)),
            ("-12.3", 10, 2, Some(-1230)),
            ("12.340", 10, 2, Some(1234)),
            ("12.345", 10, 2, None),
            ("1e3", 10, 0, Some(1000)),
            ("1.5e1", 10, 0, Some(15)),
            ("15e-1", 10, 1, Some(15)),
            ("15e-2", 10, 1, None),
            ("0.000", 3, 0, Some(0)),
            ("0e99999", 3, 0, Some(0)),
            ("1e99999", 38, 0, None),
            ("1e-99999", 38, 0, None),
            ("1000", 3, 0, None),
            ("99999999999999999999999999999999999999", 38, 0, Some(99_999_999_999_999_999_999_999_999_999_999_999_999)),
            ("100000000000000000000000000000000000000", 38, 0, None),
            ("18446744073709551615", 38, 0, Some(18_446_744_073_709_551_615)),
            ("", 3, 0, None),
            ("-", 3, 0, None),
            ("1x", 3, 0, None),
            (".", 3, 0, None),
        ];
        for (text, precision, scale, value) in table {
            assert_eq!(parse_decimal(text, precision, scale), value, "{text}");
        }
    }
}
