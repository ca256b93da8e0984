//! A scripted HTTP/1.1 server on a raw socket, so that it can misbehave below HTTP.
//!
//! ```ignore
//! let api = Api::rows(23).cap(4).fault_every(7, vec![Fault::Status(503)]).start().await;
//! // ... GET {api.url}?offset=0&limit=10 ...
//! assert_eq!(api.requests().len(), 6);
//! ```
//!
//! It answers `{"data": [...], "total": N}` for `offset` and `limit` (or what a handler returns), keeps connections alive,
//! logs every request and counts how many are being answered at once.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::rows::Rows;

/// A request as it was received.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// Its number, from 1.
    pub number: usize,
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl ReceivedRequest {
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(seen, _)| seen == name).map(|(_, value)| value.as_str())
    }

    pub fn number_param(&self, name: &str) -> Option<usize> {
        self.param(name).and_then(|value| value.parse().ok())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(seen, _)| seen == name).map(|(_, value)| value.as_str())
    }

    /// Everything that was received, to look for what must not be there.
    pub fn text(&self) -> String {
        format!("{self:?}")
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub end: End,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Whole,
    /// After half of the body, with a `Content-Length` for all of it.
    Half,
    /// Before the first byte.
    Dropped,
    /// Never: the connection stays open and silent.
    Silent,
}

impl Answer {
    pub fn json(body: &Value) -> Self {
        Self::text(200, &body.to_string()).with("content-type", "application/json")
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self { status, headers: vec![], body: body.as_bytes().to_vec(), end: End::Whole }
    }

    pub fn redirect(status: u16, location: &str) -> Self {
        Self::text(status, "").with("location", location)
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn ending(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Fault {
    Status(u16),
    /// A status with `Retry-After`.
    RetryAfter(u16, String),
    Dropped,
    HalfBody,
    MalformedJson,
    Html,
}

impl Fault {
    /// Every kind once.
    pub fn all() -> Vec<Self> {
        let date = httpdate::fmt_http_date(std::time::SystemTime::now() - Duration::from_secs(60));
        let mut faults: Vec<Self> = [429, 500, 502, 503, 504].into_iter().map(Self::Status).collect();
        faults.extend([Self::RetryAfter(429, "0".to_owned()), Self::RetryAfter(503, date)]);
        faults.extend([Self::Dropped, Self::HalfBody, Self::MalformedJson, Self::Html]);
        faults
    }

    fn spoil(&self, good: Answer) -> Answer {
        match self {
            Self::Status(status) => Answer::text(*status, "not now"),
            Self::RetryAfter(status, after) => Answer::text(*status, "not now").with("retry-after", after),
            Self::Dropped => good.ending(End::Dropped),
            Self::HalfBody => good.ending(End::Half),
            Self::MalformedJson => Answer::text(200, "{\"data\": [1, "),
            Self::Html => Answer::text(200, "<html><body>Bad gateway</body></html>"),
        }
    }
}

type Handler = Arc<dyn Fn(&ReceivedRequest) -> Answer + Send + Sync>;

/// A server to be started.
#[derive(Clone)]
pub struct Api {
    handler: Handler,
    faults: Option<(usize, Vec<Fault>)>,
    key: Option<(String, String, KeyPlace)>,
    latency: Arc<dyn Fn(&ReceivedRequest) -> Duration + Send + Sync>,
    gzip: bool,
}

/// Where a required key has to be.
#[derive(Debug, Clone, Copy)]
pub enum KeyPlace {
    Query,
    Header,
    Cookie,
}

/// A running server; it stops when this is dropped.
pub struct Running {
    pub url: String,
    state: Arc<State>,
    accepting: tokio::task::JoinHandle<()>,
}

struct State {
    api: Api,
    log: Mutex<Vec<ReceivedRequest>>,
    in_flight: AtomicUsize,
    in_flight_max: AtomicUsize,
}

impl Api {
    /// An endpoint over the rows `{"id": 0}` to `{"id": count - 1}`.
    pub fn rows(count: usize) -> Rows {
        Rows::new(count)
    }

    /// Answers whatever the handler returns.
    pub fn handler(handler: impl Fn(&ReceivedRequest) -> Answer + Send + Sync + 'static) -> Self {
        Self { handler: Arc::new(handler), faults: None, key: None, latency: Arc::new(|_| Duration::ZERO), gzip: false }
    }

    /// Every `nth` request goes wrong, in each way in turn.
    pub fn fault_every(mut self, nth: usize, faults: Vec<Fault>) -> Self {
        self.faults = Some((nth, faults));
        self
    }

    /// Answers 401 to requests without the key.
    pub fn require_key(mut self, name: &str, key: &str, place: KeyPlace) -> Self {
        self.key = Some((name.to_owned(), key.to_owned(), place));
        self
    }

    /// Waits before each answer.
    pub fn latency(mut self, latency: impl Fn(&ReceivedRequest) -> Duration + Send + Sync + 'static) -> Self {
        self.latency = Arc::new(latency);
        self
    }

    /// Compresses every body.
    pub fn gzip(mut self) -> Self {
        self.gzip = true;
        self
    }

    pub async fn start(self) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let state = Arc::new(State {
            api: self,
            log: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            in_flight_max: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Running { url: format!("http://127.0.0.1:{port}/items"), state, accepting }
    }

    fn answer(&self, request: &ReceivedRequest) -> Answer {
        if !self.has_key(request) {
            return Answer::text(401, &format!("bad credentials in {}", request.text()));
        }
        let good = (self.handler)(request);
        match &self.faults {
            Some((nth, faults)) if request.number.is_multiple_of(*nth) => {
                let turn = request.number / nth - 1;
                faults[turn % faults.len()].spoil(good)
            }
            _ => good,
        }
    }

    fn has_key(&self, request: &ReceivedRequest) -> bool {
        let Some((name, key, place)) = &self.key else { return true };
        match place {
            KeyPlace::Query => request.param(name) == Some(key.as_str()),
            KeyPlace::Header => request.header(&name.to_lowercase()) == Some(key.as_str()),
            KeyPlace::Cookie => {
                let cookie = format!("{name}={key}");
                request.header("cookie").is_some_and(|cookies| cookies.split("; ").any(|seen| seen == cookie))
            }
        }
    }
}

impl Running {
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.state.log.lock().expect("no poison").clone()
    }

    /// The offsets that were asked for, in order of arrival.
    pub fn offsets(&self) -> Vec<usize> {
        self.requests().iter().filter_map(|request| request.number_param("offset")).collect()
    }

    pub fn in_flight_max(&self) -> usize {
        self.state.in_flight_max.load(Ordering::SeqCst)
    }

    /// Stops it, so that connections are refused.
    pub async fn stop(self) -> String {
        self.accepting.abort();
        while !self.accepting.is_finished() {
            tokio::task::yield_now().await;
        }
        self.url.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut buffer = Vec::new();
    while let Some(request) = receive(&mut stream, &mut buffer, &state).await {
        let now = state.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        state.in_flight_max.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep((state.api.latency)(&request)).await;
        let answer = state.api.answer(&request);
        state.in_flight.fetch_sub(1, Ordering::SeqCst);
        if !send(&mut stream, answer, state.api.gzip).await {
            return;
        }
    }
}

/// Reads one request; bytes after it stay in `buffer`. `None`: the client has gone.
async fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>, state: &State) -> Option<ReceivedRequest> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        read_more(stream, buffer).await?;
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    let headers: Vec<(String, String)> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let end = head_end + 4 + length.unwrap_or(0);
    while buffer.len() < end {
        read_more(stream, buffer).await?;
    }
    let body = String::from_utf8_lossy(&buffer[head_end + 4..end]).into_owned();
    buffer.drain(..end);
    let mut words = head.lines().next()?.split(' ');
    let method = words.next()?.to_owned();
    let url = url::Url::parse("http://h/").ok()?.join(words.next()?).ok()?;
    let mut log = state.log.lock().expect("no poison");
    let query = url.query_pairs().into_owned().collect();
    let request = ReceivedRequest { number: log.len() + 1, method, path: url.path().to_owned(), query, headers, body };
    log.push(request.clone());
    Some(request)
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(buffer).await.ok()?;
    (read > 0).then_some(())
}

/// Whether the connection stays open.
async fn send(stream: &mut TcpStream, answer: Answer, gzip: bool) -> bool {
    match answer.end {
        End::Dropped => return false,
        End::Silent => {
            std::future::pending::<()>().await;
        }
        End::Whole | End::Half => {}
    }
    let body = if gzip { compressed(&answer.body) } else { answer.body };
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", answer.status);
    if answer.status != 204 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    if gzip {
        head.push_str("content-encoding: gzip\r\n");
    }
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let sent = if answer.end == End::Half { &body[..body.len() / 2] } else { &body[..] };
    let bytes = [head.as_bytes(), sent].concat();
    stream.write_all(&bytes).await.is_ok() && answer.end == End::Whole
}

fn compressed(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("memory");
    encoder.finish().expect("memory")
}
