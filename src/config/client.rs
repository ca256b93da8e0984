//! `client`: what all resources share.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use super::auth::{self, AuthSetting};
use super::duration::duration;
use super::headers::{self, HeaderChange};
use super::paginator;
use super::problem::{Problem, Report, code};
use super::reader::{self, Reader, invalid, wrong_type};
use super::secrets::Lookups;
use super::size;
use super::tree::{Piece, Text, Tree, Value};
use crate::plan::{RateLimit, RetryPolicy, Secret};

/// The client as it is understood.
pub(super) struct Client<'a> {
    /// A checked http(s) URL, as written; `None`: it is wrong, which is reported.
    pub(super) base_url: Option<String>,
    /// What of it was looked up, behind the host.
    pub(super) base_secrets: Vec<Secret>,
    pub(super) headers: Vec<HeaderChange>,
    pub(super) auth: AuthSetting,
    /// Read once a resource, because it stands for what the endpoint leaves out.
    pub(super) paginator: Option<&'a Tree>,
    pub(super) retry: RetryPolicy,
    pub(super) timeout: Option<Duration>,
    pub(super) max_body_bytes: Option<u64>,
    pub(super) concurrency: Option<NonZeroUsize>,
    pub(super) rate_limit: Option<RateLimit>,
}

pub(super) fn read<'a>(tree: &'a Tree, lookups: &Lookups<'a>) -> Option<Client<'a>> {
    let report = lookups.report;
    let mut reader = Reader::open(tree, report)?;
    let paginator = reader.present("paginator");
    // Read again for each resource; here its problems are told even if there is none.
    paginator::read(paginator, report);
    let base = reader.required("base_url").and_then(|tree| Some((tree, reader::text(tree, report)?)));
    let client = Client {
        base_url: base.and_then(|(tree, text)| base_url(tree, text, report)),
        base_secrets: base.map(|(_, text)| behind_host(text)).unwrap_or_default(),
        headers: reader.present("headers").map(|tree| headers::read(tree, None, report)).unwrap_or_default(),
        auth: auth::read(reader.value("auth"), lookups),
        paginator,
        retry: reader.present("retry").map(|tree| retry(tree, report)).unwrap_or_default(),
        timeout: reader.present("timeout").and_then(|tree| timeout(tree, report)),
        max_body_bytes: reader.present("max_body_bytes").and_then(|tree| size::bytes(tree, report)),
        concurrency: count(&mut reader, "concurrency"),
        rate_limit: reader.present("rate_limit").and_then(|tree| rate_limit(tree, report)),
    };
    reader.refuse(&["session"]);
    reader.close();
    Some(client)
}

/// A number of things, at least one.
pub(super) fn count(reader: &mut Reader<'_>, key: &'static str) -> Option<NonZeroUsize> {
    let number = reader.integer(key, 1)?;
    NonZeroUsize::new(usize::try_from(number).unwrap_or(usize::MAX))
}

fn base_url(tree: &Tree, text: &Text, report: &Report) -> Option<String> {
    let text = text.reveal();
    let text = text.trim();
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Some(text.to_owned()),
        Ok(_) => {
            invalid(tree, "must start with `http://` or `https://`", report);
            None
        }
        Err(error) => {
            let problem =
                Problem::new(code::INVALID, &tree.at, format!("`{}` is not an absolute URL: {error}", tree.label));
            report.add(problem.hint("write it with its scheme, such as `https://api.example.com`"));
            None
        }
    }
}

/// The parts of a URL that were looked up and stand behind its host, such as a token in its path. A host is asked for in the open,
/// and errors have to tell it; so it is with a URL that is looked up as a whole.
fn behind_host(url: &Text) -> Vec<Secret> {
    let (mut before, mut secrets) = (String::new(), Vec::new());
    for piece in url.pieces() {
        match piece {
            Piece::Written(text) => before.push_str(text),
            Piece::LookedUp(secret) => {
                // Slashes before the host may be missing, or be too many.
                let host = before.split_once(':').map(|(_, rest)| rest.trim_start_matches(['/', '\\']));
                if host.is_some_and(|host| host.contains(['/', '\\', '?'])) {
                    secrets.push(secret.clone());
                }
                before.push_str(secret.expose());
            }
        }
    }
    secrets
}

fn timeout(tree: &Tree, report: &Report) -> Option<Duration> {
    let timeout = seconds(tree, report)?;
    if timeout.is_zero() {
        invalid(tree, "must be greater than 0", report);
        return None;
    }
    Some(timeout)
}

/// Longer waits are mistakes, and clocks overflow somewhere beyond.
const SECONDS_MAX: f64 = 1e9;

fn seconds(tree: &Tree, report: &Report) -> Option<Duration> {
    let seconds = reader::number(tree, report)?;
    if seconds > SECONDS_MAX {
        invalid(tree, &format!("must be at most {SECONDS_MAX} seconds"), report);
        return None;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

fn retry(tree: &Tree, report: &Report) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    let Some(mut reader) = Reader::open(tree, report) else { return policy };
    if let Some(codes) = reader.present("status_codes") {
        policy.status_codes = status_codes(codes, report);
    }
    if let Some(retries) = reader.integer("max_retries", 0) {
        policy.max_retries = u32::try_from(retries).unwrap_or(u32::MAX);
    }
    if let Some(factor) = reader.number("backoff_factor") {
        policy.backoff_factor = factor;
    }
    if let Some(wait) = reader.present("max_wait").and_then(|tree| seconds(tree, report)) {
        policy.max_wait = wait;
    }
    reader.close();
    policy
}

/// Evenly spaced, unless a burst is allowed: APIs count in windows of their own, in which a burst may be one too many.
fn rate_limit(tree: &Tree, report: &Report) -> Option<RateLimit> {
    let mut reader = Reader::open(tree, report)?;
    let count = |number: u64| NonZeroU32::new(u32::try_from(number).unwrap_or(u32::MAX));
    reader.required("requests");
    let requests = reader.integer("requests", 1).and_then(count);
    let per = reader.present("per").map_or(Some(Duration::from_secs(1)), |tree| duration(tree, report));
    let burst = reader.integer("burst", 1).and_then(count).unwrap_or(NonZeroU32::MIN);
    reader.close();
    Some(RateLimit { requests: requests?, per: per?, burst })
}

fn status_codes(tree: &Tree, report: &Report) -> Vec<u16> {
    let Value::List(items) = &tree.value else {
        wrong_type(tree, "a list of integers", report);
        return Vec::new();
    };
    let mut codes = Vec::new();
    for item in items {
        match reader::integer(item, 100, report).map(u16::try_from) {
            Some(Ok(status)) if status < 600 => codes.push(status),
            Some(_) => invalid(item, "must be an HTTP status from 100 to 599", report),
            None => {}
        }
    }
    codes
}
