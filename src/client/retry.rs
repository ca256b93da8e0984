//! Whether a failed attempt is repeated, and after which wait. Pure: the clock and the dice are arguments.

use std::time::{Duration, SystemTime};

use super::meter::WaitReason;
use super::transport::TransportFault;
use crate::plan::RetryPolicy;

/// How one attempt ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attempt<'a> {
    /// The server answered with this status.
    Answered {
        status: u16,
        retry_after: Option<&'a str>,
        /// Whether its headers say that no request is left.
        is_spent: bool,
    },
    /// The server answered, and its body could not be read.
    BadBody,
    /// There was no whole answer.
    Broken(TransportFault),
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The answer is good.
    Accept,
    /// It may go better later.
    Retry(WaitReason),
    /// It will not go better.
    GiveUp,
}

/// Decides what follows, whatever the number of attempts.
pub(super) fn classify(policy: &RetryPolicy, attempt: Attempt<'_>) -> Verdict {
    let (status, says_when) = match attempt {
        Attempt::Answered { status, retry_after, is_spent } => (status, retry_after.is_some() || is_spent),
        Attempt::BadBody => return Verdict::Retry(WaitReason::BadBody),
        Attempt::Broken(TransportFault::Connect | TransportFault::Broken) => {
            return Verdict::Retry(WaitReason::Connection);
        }
        Attempt::Broken(TransportFault::Timeout) => return Verdict::Retry(WaitReason::Timeout),
        Attempt::Broken(TransportFault::TooLarge | TransportFault::Unsendable) => return Verdict::GiveUp,
    };
    // Some APIs answer 403 to those who ask too often, and say when to come back or that nothing is left.
    let status = if status == 403 && says_when { 429 } else { status };
    match status {
        200..=299 => Verdict::Accept,
        429 if policy.status_codes.contains(&429) => Verdict::Retry(WaitReason::RateLimited),
        _ if policy.status_codes.contains(&status) => Verdict::Retry(WaitReason::ServerError),
        _ => Verdict::GiveUp,
    }
}

/// Why an answer of this status is asked for again on the config's word.
pub(super) fn reason(status: u16) -> WaitReason {
    match status {
        429 => WaitReason::RateLimited,
        500.. => WaitReason::ServerError,
        _ => WaitReason::Unwanted,
    }
}

/// The wait before the `nth` repeat (from 1). `jitter` is between 0 and 1.
pub(super) fn backoff(policy: &RetryPolicy, nth: u32, jitter: f64) -> Duration {
    let doublings = i32::try_from(nth.saturating_sub(1)).unwrap_or(i32::MAX);
    let seconds = policy.backoff_factor * 2_f64.powi(doublings) * (1.0 + jitter * 0.1);
    // Negative, infinite and not a number are no durations; the first of them cannot stand in a config.
    let wait =
        if seconds > 0.0 { Duration::try_from_secs_f64(seconds).unwrap_or(policy.max_wait) } else { Duration::ZERO };
    wait.min(policy.max_wait)
}

/// The wait that `Retry-After` asks for, as seconds or as a date; `None` if it asks for none.
pub(super) fn asked_wait(policy: &RetryPolicy, retry_after: &str, now: SystemTime) -> Option<Duration> {
    let text = retry_after.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a very long wait.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).ok()?
    };
    (!wait.is_zero()).then(|| wait.min(policy.max_wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_an_attempt_has_its_verdict() {
        let answered = |status| Attempt::Answered { status, retry_after: None, is_spent: false };
        let told = |status, retry_after, is_spent| Attempt::Answered { status, retry_after, is_spent };
        let table = [
            (answered(200), Verdict::Accept),
            (answered(204), Verdict::Accept),
            (answered(429), Verdict::Retry(WaitReason::RateLimited)),
            (answered(503), Verdict::Retry(WaitReason::ServerError)),
            (answered(501), Verdict::GiveUp),
            (answered(304), Verdict::GiveUp),
            (answered(401), Verdict::GiveUp),
            (answered(403), Verdict::GiveUp),
            (told(403, Some("1"), false), Verdict::Retry(WaitReason::RateLimited)),
            (told(403, None, true), Verdict::Retry(WaitReason::RateLimited)),
            (told(404, Some("1"), true), Verdict::GiveUp),
            (told(200, None, true), Verdict::Accept),
            (Attempt::BadBody, Verdict::Retry(WaitReason::BadBody)),
            (Attempt::Broken(TransportFault::Connect), Verdict::Retry(WaitReason::Connection)),
            (Attempt::Broken(TransportFault::Broken), Verdict::Retry(WaitReason::Connection)),
            (Attempt::Broken(TransportFault::Timeout), Verdict::Retry(WaitReason::Timeout)),
            (Attempt::Broken(TransportFault::TooLarge), Verdict::GiveUp),
            (Attempt::Broken(TransportFault::Unsendable), Verdict::GiveUp),
        ];
        for (attempt, expected) in table {
            assert_eq!(classify(&RetryPolicy::default(), attempt), expected, "{attempt:?}");
        }
        let none = RetryPolicy { status_codes: vec![], ..RetryPolicy::default() };
        assert_eq!(classify(&none, answered(429)), Verdict::GiveUp);
    }

    #[test]
    fn waits_double_and_are_capped() {
        let policy = RetryPolicy { max_wait: Duration::from_secs(7), ..RetryPolicy::default() };
        let waits: Vec<f64> = (1..=4).map(|nth| backoff(&policy, nth, 0.0).as_secs_f64()).collect();
        assert_eq!(waits, [2.0, 4.0, 7.0, 7.0]);
        assert_eq!(backoff(&policy, 1, 1.0), Duration::from_millis(2_200));
        assert_eq!(backoff(&policy, u32::MAX, 1.0), policy.max_wait);
        assert_eq!(backoff(&RetryPolicy { backoff_factor: 0.0, ..policy }, 5, 1.0), Duration::ZERO);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_date() {
        let policy = RetryPolicy::default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let date = |seconds| httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let table = [
            ("7".to_owned(), Some(7)),
            (" 7 ".to_owned(), Some(7)),
            ("301".to_owned(), Some(300)),
            ("99999999999999999999999".to_owned(), Some(300)),
            (date(1_700_000_009), Some(9)),
            (date(1_800_000_000), Some(300)),
            ("0".to_owned(), None),
            ("-1".to_owned(), None),
            ("1.5".to_owned(), None),
            ("soon".to_owned(), None),
            (String::new(), None),
            (date(1_600_000_000), None),
            (date(1_700_000_000), None),
        ];
        for (text, expected) in table {
            assert_eq!(asked_wait(&policy, &text, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
