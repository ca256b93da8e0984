//! The outside world of the client: what is sent and answered, and the time that passes. Everything else here is decision.

use std::error::Error;
use std::time::{Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use reqwest::header::HeaderMap;

use super::error::StartError;
use super::spool::Spool;
use super::wire::WireRequest;

/// The network and the clock. Real: [`HttpTransport`]; in unit tests a script, with which waits are tested without waiting.
pub(super) trait Transport: Send + Sync {
    /// Sends one request and reads its answer within `bounds`. Redirects are answers.
    fn send<'a>(&'a self, request: &'a WireRequest, bounds: Bounds) -> BoxFuture<'a, Result<Reply, TransportError>>;

    /// The present, to measure waits with.
    fn now(&self) -> Instant;

    /// The present as servers tell it.
    fn wall_clock(&self) -> SystemTime;

    /// Returns at `instant`, at once if that is past.
    fn wait_until(&self, instant: Instant) -> BoxFuture<'_, ()>;
}

/// The bounds of one answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The last byte has to be there by then.
    pub(super) deadline: Instant,
    /// The most bytes of a body, after decompression.
    pub(super) body_bytes_max: u64,
    /// Bytes of the largest body that is held in memory.
    pub(super) spooled_from: u64,
    /// The most bytes that are read of the body of an answer that is no success.
    pub(super) error_body_bytes_max: u64,
}

/// One answer, read to its end.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Of an answer that is no success, and of a body on disk, only the beginning.
    pub(super) body: Bytes,
    /// The whole of a body that is too large for memory.
    pub(super) spool: Option<Spool>,
}

/// How far an attempt came that has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransportFault {
    Connect,
    Broken,
    Timeout,
    TooLarge,
    Unsendable,
}

/// An attempt without an answer.
#[derive(Debug)]
pub(super) struct TransportError {
    pub(super) fault: TransportFault,
    pub(super) source: Option<Box<dyn Error + Send + Sync>>,
}

/// Memory taken at once on the word of a `Content-Length`.
const BODY_BYTES_TRUSTED: u64 = 8 << 20;

/// HTTP over the network. Proxies are those of the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`).
#[derive(Debug)]
pub(super) struct HttpTransport {
    client: reqwest::Client,
}

impl HttpTransport {
    pub(super) fn new() -> Result<Self, StartError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("alluvium/", env!("CARGO_PKG_VERSION")))
            // Redirects decide where credentials go, and retries are counted: both are ours.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| StartError(Box::new(error)))?;
        Ok(Self { client })
    }

    async fn exchange(&self, request: &WireRequest, bounds: Bounds) -> Result<Reply, TransportError> {
        let mut builder =
            self.client.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let mut response = builder.send().await.map_err(failed)?;
        let status = response.status();
        let (body, spool) = if status.is_success() {
            read_body(&mut response, bounds).await?
        } else {
            (read_beginning(&mut response, bounds.error_body_bytes_max).await, None)
        };
        Ok(Reply { status: status.as_u16(), headers: std::mem::take(response.headers_mut()), body, spool })
    }
}

impl Transport for HttpTransport {
    fn send<'a>(&'a self, request: &'a WireRequest, bounds: Bounds) -> BoxFuture<'a, Result<Reply, TransportError>> {
        Box::pin(async move {
            let exchange = self.exchange(request, bounds);
            match tokio::time::timeout_at(bounds.deadline.into(), exchange).await {
                Ok(result) => result,
                Err(_elapsed) => Err(TransportError { fault: TransportFault::Timeout, source: None }),
            }
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn wait_until(&self, instant: Instant) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep_until(instant.into()))
    }
}

/// Bytes of a body on disk that are held in memory too, to be looked at.
const BEGINNING_BYTES: usize = 64 << 10;

/// The body; one that is too large for memory goes to disk.
async fn read_body(
    response: &mut reqwest::Response,
    Bounds { body_bytes_max: bytes_max, spooled_from, .. }: Bounds,
) -> Result<(Bytes, Option<Spool>), TransportError> {
    let announced = response.content_length().unwrap_or(0);
    if announced > bytes_max {
        return Err(too_large());
    }
    let mut body = BytesMut::with_capacity(usize::try_from(announced.min(BODY_BYTES_TRUSTED)).unwrap_or(0));
    let mut spool: Option<Spool> = None;
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        let so_far = spool.as_ref().map_or(length(&body), |spool| spool.bytes);
        if so_far.saturating_add(length(&chunk)) > bytes_max {
            return Err(too_large());
        }
        match &mut spool {
            Some(spool) => spool.push(&chunk).map_err(not_kept)?,
            None if length(&body).saturating_add(length(&chunk)) > spooled_from => {
                body.extend_from_slice(&chunk);
                spool = Some(Spool::begin(&body, spooled_from).map_err(not_kept)?);
                body = BytesMut::from(body.get(..BEGINNING_BYTES).unwrap_or(&body));
            }
            None => body.extend_from_slice(&chunk),
        }
    }
    Ok((body.freeze(), spool))
}

fn not_kept(error: std::io::Error) -> TransportError {
    let source = std::io::Error::new(
        error.kind(),
        format!("the body cannot be kept in the folder for temporary files: {error}"),
    );
    TransportError { fault: TransportFault::Broken, source: Some(Box::new(source)) }
}

/// The status counts, whatever becomes of the body.
async fn read_beginning(response: &mut reqwest::Response, bytes_max: u64) -> Bytes {
    let mut body = BytesMut::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if length(&body) >= bytes_max {
            break;
        }
    }
    body.freeze()
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn too_large() -> TransportError {
    TransportError { fault: TransportFault::TooLarge, source: None }
}

fn failed(error: reqwest::Error) -> TransportError {
    let fault = if error.is_builder() {
        TransportFault::Unsendable
    } else if error.is_timeout() {
        TransportFault::Timeout
    } else if error.is_connect() {
        TransportFault::Connect
    } else {
        TransportFault::Broken
    };
    // The library's error shows the URL, which may hold a key.
    TransportError { fault, source: Some(Box::new(error.without_url())) }
}
