//! The network edge: one [`Request`] in, one answer out or a classified failure.
//!
//! ```text
//! Request -> wire (credentials, redirects) -> Transport -> Reply -> retry::classify -> decode -> Fetched
//!               ^                                                      |
//!               '--- throttle (permits, pauses and pace of a host) <---'  again, after a wait
//! ```
//!
//! A bearer token that has to be asked for is put in before that (`tokens`), by the same retry loop.
//!
//! There is one retry loop (in `fetch`) and one pure decision ([`retry`]); nobody else waits. Credentials are sent to
//! the origin that the request names and to no other, and no URL leaves this folder but as [`crate::plan::SafeUrl`].
//! What a body means is not known here: the caller's `decode` says whether it can be read.

mod actions;
mod answered;
mod error;
mod excerpt;
mod fetch;
mod meter;
mod pace;
mod quota;
mod readers;
mod request;
mod retry;
mod spool;
mod throttle;
mod tokens;
mod transport;
mod wire;

pub use answered::Answered;
pub use error::{ClientError, ClientErrorKind, StartError, TokenFault};
pub use excerpt::presentable;
pub use fetch::{Client, ClientOptions, Fetched};
pub use meter::{Meter, MeterReading, WaitReason};
pub use readers::{RawBody, Unread};
pub use request::Request;
pub use spool::Spool;
