//! What all requests of a run share: permits for those in flight, and how fast they may follow each other to one host.
//!
//! A host is an origin. It is held back until the latest of: the end of a pause that it asked for, the next time of the config's rate
//! limit, and that of the pace that it seems to bear.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::meter::{Meter, WaitReason};
use super::pace::{Bucket, Pace};
use super::transport::Transport;
use crate::plan::{Limits, RateLimit};

/// Permits and hosts. A permit is held for one request and never while waiting.
#[derive(Debug)]
pub(super) struct Throttle {
    permits: Semaphore,
    limit: Option<RateLimit>,
    /// By origin. As many entries as the config, and links and redirects, have hosts.
    hosts: Mutex<BTreeMap<String, Host>>,
}

#[derive(Debug, Default)]
struct Host {
    pause: Option<Pause>,
    bucket: Bucket,
    pace: Pace,
}

/// Before this instant nothing is sent.
#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    reason: WaitReason,
}

/// The right to send one request.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// `None` never happens: the semaphore is never closed.
    _permit: Option<SemaphorePermit<'a>>,
    /// When it was given.
    pub(super) at: Instant,
}

impl Throttle {
    pub(super) fn new(limits: &Limits) -> Self {
        let permits = NonZeroUsize::get(limits.requests_in_flight).min(Semaphore::MAX_PERMITS);
        Self { permits: Semaphore::new(permits), limit: limits.rate, hosts: Mutex::default() }
    }

    /// Holds back every request to `origin` for `wait`. A longer pause that is under way stays.
    pub(super) fn pause(&self, origin: &str, now: Instant, wait: Duration, reason: WaitReason) {
        let Some(until) = now.checked_add(wait) else { return };
        self.host(origin, |host| {
            if host.pause.is_none_or(|pause| pause.until < until) {
                host.pause = Some(Pause { until, reason });
                host.pace.rest();
            }
        });
    }

    /// Takes note that `origin` has refused the request that was sent at `sent`, because there were too many.
    pub(super) fn refused(&self, origin: &str, sent: Instant, now: Instant) {
        self.host(origin, |host| host.pace.refuse(sent, now));
    }

    /// Takes note of a good answer.
    pub(super) fn succeeded(&self, origin: &str) {
        self.host(origin, |host| host.pace.succeed());
    }

    /// Waits until `origin` takes requests and a permit is free.
    ///
    /// Waits of the pauses that a failed attempt began are counted by that alone.
    pub(super) async fn enter(&self, origin: &str, transport: &dyn Transport, meter: &Meter) -> Entry<'_> {
        loop {
            let now = transport.now();
            if let Some(Pause { until, reason }) = self.held(origin, now) {
                if reason.is_of_host() {
                    meter.count_wait(reason, until.duration_since(now));
                }
                transport.wait_until(until).await;
                continue;
            }
            let permit = self.permits.acquire().await.ok();
            // Others may have taken their turn meanwhile, or the answer to one may have begun a pause.
            let now = transport.now();
            if self.take(origin, now) {
                return Entry { _permit: permit, at: now };
            }
        }
    }

    /// What holds requests to `origin` back, if anything does.
    fn held(&self, origin: &str, now: Instant) -> Option<Pause> {
        self.host(origin, |host| host.held(self.limit.as_ref(), now))
    }

    /// Takes the turn to send a request, if `origin` takes one.
    fn take(&self, origin: &str, now: Instant) -> bool {
        self.host(origin, |host| {
            if host.held(self.limit.as_ref(), now).is_some() {
                return false;
            }
            if let Some(limit) = &self.limit {
                host.bucket.take(limit, now);
            }
            host.pace.take(now);
            true
        })
    }

    fn host<R>(&self, origin: &str, with: impl FnOnce(&mut Host) -> R) -> R {
        let mut hosts: MutexGuard<'_, _> = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        with(hosts.entry(origin.to_owned()).or_default())
    }
}

impl Host {
    /// The latest of what has to be waited for.
    fn held(&self, limit: Option<&RateLimit>, now: Instant) -> Option<Pause> {
        let limited = limit.and_then(|limit| self.bucket.ready_at(limit));
        let limited = limited.map(|until| Pause { until, reason: WaitReason::RateLimit });
        let paced = self.pace.ready_at().map(|until| Pause { until, reason: WaitReason::Paced });
        let waits = [self.pause, limited, paced].into_iter().flatten().filter(|pause| pause.until > now);
        waits.max_by_key(|pause| pause.until)
    }
}
