//! How fast requests may follow each other to one host. Pure: the clock is an argument.
//!
//! [`Bucket`] keeps the limit that the config sets. [`Pace`] finds the limit of a server that answers 429 and does not say what it
//! is: half as fast after each refusal, and a little faster with each success, as TCP finds the capacity of a link.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::plan::RateLimit;

/// Requests whose times are kept, to tell how fast they came before one was refused.
const SENT_KEPT: usize = 32;
/// Successes after which a pace that was halved is what it had been.
const SUCCESSES_TO_RECOVER: f64 = 50.0;
/// So many times faster than when it was last refused, the pace was not the reason.
const FORGOTTEN_AT: f64 = 4.0;
/// The slowest pace: a server that refuses one request a minute wants something else.
const PER_SECOND_MIN: f64 = 1.0 / 60.0;

/// A token bucket in the form of its next time: how far that is ahead of the present is how empty it is.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    full_at: Option<Instant>,
}

impl Bucket {
    /// When the next request may be sent; `None`: whenever.
    pub(super) fn ready_at(&self, limit: &RateLimit) -> Option<Instant> {
        let slack = limit.interval().saturating_mul(limit.burst.get().saturating_sub(1));
        self.full_at?.checked_sub(slack)
    }

    /// Takes note of a request.
    pub(super) fn take(&mut self, limit: &RateLimit, now: Instant) {
        self.full_at = self.full_at.unwrap_or(now).max(now).checked_add(limit.interval());
    }
}

/// The pace that a server seems to bear.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The times of the last requests, since the last refusal or pause.
    sent: VecDeque<Instant>,
    /// Requests a second; `None`: no request has been refused, or that is long ago.
    per_second: Option<f64>,
    /// What it was when a request was refused.
    refused_at: f64,
    /// Requests that were sent before tell nothing new when they are refused.
    slowed: Option<Instant>,
}

impl Pace {
    /// When the next request may be sent; `None`: whenever.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        let interval = Duration::try_from_secs_f64(1.0 / self.per_second?).ok()?;
        self.sent.back().copied().or(self.slowed)?.checked_add(interval)
    }

    /// Takes note of a request.
    pub(super) fn take(&mut self, now: Instant) {
        if self.sent.len() >= SENT_KEPT {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// Takes note that the request that was sent at `sent` was one too many.
    pub(super) fn refuse(&mut self, sent: Instant, now: Instant) {
        if self.slowed.is_some_and(|slowed| sent <= slowed) {
            return;
        }
        let observed = self.observed();
        let refused_at = match (self.per_second, observed) {
            (Some(allowed), Some(observed)) => Some(allowed.min(observed)),
            (allowed, observed) => allowed.or(observed),
        };
        if let Some(refused_at) = refused_at {
            self.refused_at = refused_at;
            self.per_second = Some((refused_at / 2.0).max(PER_SECOND_MIN));
        }
        self.slowed = Some(now);
        // What follows is sent at another pace.
        self.sent.clear();
    }

    /// Takes note of a pause: how fast requests came before it says nothing of those after it.
    pub(super) fn rest(&mut self) {
        self.sent.clear();
    }

    /// Takes note of a good answer.
    pub(super) fn succeed(&mut self) {
        let Some(per_second) = self.per_second else { return };
        let faster = per_second + self.refused_at / 2.0 / SUCCESSES_TO_RECOVER;
        self.per_second = (faster < self.refused_at * FORGOTTEN_AT).then_some(faster);
    }

    /// Requests a second since then; `None`: too few to tell.
    fn observed(&self) -> Option<f64> {
        let took = self.sent.back()?.duration_since(*self.sent.front()?).as_secs_f64();
        let gaps = u32::try_from(self.sent.len().saturating_sub(1)).ok()?;
        (gaps > 0 && took > 0.0).then(|| f64::from(gaps) / took)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn limit(requests: u32, burst: u32) -> RateLimit {
        let count = |number| NonZeroU32::new(number).expect("not zero");
        RateLimit { requests: count(requests), per: Duration::from_secs(1), burst: count(burst) }
    }

    /// The times at which a greedy sender sends, in milliseconds.
    fn times(
        ready_at: impl Fn() -> Option<Instant>,
        mut take: impl FnMut(Instant),
        start: Instant,
        count: usize,
    ) -> Vec<u128> {
        let mut now = start;
        let mut times = Vec::new();
        for _ in 0..count {
            now = ready_at().map_or(now, |ready| ready.max(now));
            take(now);
            times.push(now.duration_since(start).as_millis());
        }
        times
    }

    #[test]
    fn a_bucket_lets_its_burst_through_and_then_one_at_a_time() {
        let start = Instant::now() + Duration::from_secs(10);
        for (burst, expected) in [(1, [0, 100, 200, 300, 400]), (3, [0, 0, 0, 100, 200])] {
            let bucket = std::cell::RefCell::new(Bucket::default());
            let limit = limit(10, burst);
            let sent =
                times(|| bucket.borrow().ready_at(&limit), |now| bucket.borrow_mut().take(&limit, now), start, 5);
            assert_eq!(sent, expected, "{burst}");
            // What was not used in a long time is no more than the burst.
            let later = start + Duration::from_secs(60);
            let first = bucket.borrow().ready_at(&limit).expect("it was used");
            assert!(first <= later);
        }
    }

    #[test]
    fn a_pace_is_halved_once_a_refusal_and_recovers() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pace = Pace::default();
        for nth in 0..11 {
            assert_eq!(pace.ready_at(), None);
            pace.take(at(nth * 10));
        }
        // 100 a second were too many; four of them were on their way.
        for sent in [70, 80, 90, 100] {
            pace.refuse(at(sent), at(110));
        }
        assert_eq!(pace.ready_at(), Some(at(130)));
        pace.take(at(130));
        pace.take(at(150));
        assert_eq!(pace.ready_at(), Some(at(170)));
        pace.refuse(at(150), at(160));
        pace.take(at(200));
        assert_eq!(pace.ready_at(), Some(at(240)));
        (0..50).for_each(|_| pace.succeed());
        assert_eq!(pace.ready_at().map(|ready| ready.duration_since(start).as_millis()), Some(220));
        (0..400).for_each(|_| pace.succeed());
        assert_eq!(pace.ready_at(), None, "it was not the pace");
    }

    #[test]
    fn a_server_of_a_fixed_pace_refuses_few() {
        // 10 requests in each second; the client asks without end, and pauses a second when it is refused.
        let start = Instant::now();
        let (mut pace, mut now) = (Pace::default(), start);
        let (mut window, mut used, mut refused) = (0, 0, 0);
        for _ in 0..1_000 {
            now = pace.ready_at().map_or(now, |ready| ready.max(now)) + Duration::from_millis(1);
            pace.take(now);
            let second = now.duration_since(start).as_secs();
            (window, used) = if second == window { (window, used + 1) } else { (second, 1) };
            if used > 10 {
                refused += 1;
                pace.refuse(now, now);
                now += Duration::from_secs(1);
            } else {
                pace.succeed();
            }
        }
        let per_second = 1_000.0 / now.duration_since(start).as_secs_f64();
        assert!(refused < 50 && per_second > 5.0, "{refused} refused, {per_second} a second");
    }
}
