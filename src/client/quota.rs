//! What an answer's headers say of the requests that are left. Pure: the clock is an argument.
//!
//! | header | says |
//! |---|---|
//! | `RateLimit: "default";r=0;t=30` | what is left, and the seconds until there is more (the present draft of the IETF) |
//! | `RateLimit: limit=100, remaining=0, reset=30` | the same (an older draft) |
//! | `RateLimit-Remaining`, `RateLimit-Reset` | the same (the oldest) |
//! | `X-RateLimit-Remaining`, `X-RateLimit-Reset` (also `X-Rate-Limit-…`) | the same, or as a time since 1970 |
//!
//! Where nothing is left and no time is told, `Retry-After` is looked at.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Names that belong together: what is left, and when there is more.
const NAMES: [(&str, &str); 4] = [
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset-after"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
];
/// From here on a number of seconds is a time since 1970: no server counts thirty years ahead.
const EPOCH_SECONDS_MIN: f64 = 1e9;
/// From here on it is one in milliseconds.
const EPOCH_MILLISECONDS_MIN: f64 = 1e11;

/// A quota that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    /// How long until there is more; `None`: that is not told.
    pub(super) reset: Option<Duration>,
}

/// Whether no request is left. `now` counts where the answer has no `Date`: servers tell times by their own clock.
pub(super) fn spent(headers: &HeaderMap, now: SystemTime) -> Option<Spent> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let now = text(DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    let mut told: Vec<(&str, Option<&str>)> = text("ratelimit").map(structured).unwrap_or_default();
    told.extend(NAMES.iter().filter_map(|(left, reset)| Some((text(left)?, text(reset)))));
    let mut spent = told.into_iter().filter(|(left, _)| left.trim().parse::<f64>() == Ok(0.0)).peekable();
    spent.peek()?;
    // Of several quotas the last to be filled counts.
    let reset = spent.filter_map(|(_, reset)| wait(reset?, now)).max();
    Some(Spent { reset: reset.or_else(|| wait(text(RETRY_AFTER.as_str())?, now)).filter(|wait| !wait.is_zero()) })
}

/// What is left and until when, of each policy in a `RateLimit`.
fn structured(text: &str) -> Vec<(&str, Option<&str>)> {
    // The older draft has one policy, whose parts are separated by what separates policies in the newer one.
    let policies: Vec<&str> = if text.contains(';') { text.split(',').collect() } else { vec![text] };
    let told = policies.into_iter().filter_map(|policy| {
        let parts = || policy.split([',', ';']).filter_map(|part| part.split_once('='));
        let part = |names: [&str; 2]| {
            parts().find(|(name, _)| names.contains(&name.trim().to_ascii_lowercase().as_str())).map(|(_, value)| value)
        };
        Some((part(["r", "remaining"])?, part(["t", "reset"])))
    });
    told.collect()
}

/// The time until a reset, which is told in seconds, as a time since 1970 in seconds or milliseconds, or as a date.
fn wait(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let Ok(number) = text.parse::<f64>() else {
        return httpdate::parse_http_date(text).ok()?.duration_since(now).ok();
    };
    let since = |seconds: f64| {
        let instant = UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        instant.duration_since(now).ok()
    };
    match number {
        _ if !number.is_finite() || number < 0.0 => None,
        _ if number >= EPOCH_MILLISECONDS_MIN => since(number / 1_000.0),
        _ if number >= EPOCH_SECONDS_MIN => since(number),
        _ => Duration::try_from_secs_f64(number).ok(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    type Told<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn every_spelling_of_a_spent_quota_is_read() {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let date = httpdate::fmt_http_date(now + Duration::from_secs(9));
        let none: Option<Option<u64>> = None;
        let table: [(Told<'_>, Option<Option<u64>>); 18] = [
            (&[], none),
            (&[("retry-after", "9")], none),
            (&[("ratelimit", "\"default\";r=0;t=9")], Some(Some(9_000))),
            (&[("ratelimit", "\"burst\";r=1;t=2, \"day\";r=0;t=9")], Some(Some(9_000))),
            (&[("ratelimit", "\"burst\";r=1;t=2")], none),
            (&[("ratelimit", "limit=100, remaining=0, reset=9")], Some(Some(9_000))),
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "9")], Some(Some(9_000))),
            (&[("ratelimit-remaining", "1"), ("ratelimit-reset", "9")], none),
            // Some servers mean by it that there is no limit.
            (&[("x-ratelimit-remaining", "-1"), ("x-ratelimit-reset", "9")], none),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000009")], Some(Some(9_000))),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000009500")], Some(Some(9_500))),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "0.5")], Some(Some(500))),
            (&[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "9")], Some(Some(9_000))),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1600000000")], Some(None)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &date)], Some(Some(9_000))),
            (&[("x-ratelimit-remaining", "0"), ("retry-after", "9")], Some(Some(9_000))),
            (&[("x-ratelimit-remaining", "0")], Some(None)),
            // The server's clock is nine seconds ahead of ours.
            (
                &[("date", &date), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000019")],
                Some(Some(10_000)),
            ),
        ];
        for (headers, expected) in table {
            let map: HeaderMap = headers
                .iter()
                .map(|(name, value)| {
                    (
                        HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                        HeaderValue::from_str(value).expect("a value"),
                    )
                })
                .collect();
            let read = spent(&map, now);
            let expected = expected.map(|reset| Spent { reset: reset.map(Duration::from_millis) });
            assert_eq!(read, expected, "{headers:?}");
        }
    }
}
