//! A scripted HTTP/1.1 server on a raw socket, so that it can misbehave below HTTP.
//!
//! ```ignore
//! let api = Api::rows(23).cap(4).fault_every(7, vec![Fault::Status(503)]).start().await;
//! // ... GET {api.url}?offset=0&limit=10 ...
//! assert_eq!(api.requests().len(), 6);
//! ```
//!
//! It answers pages of rows in any paging style ([`Rows`]), or what a handler returns, keeps connections alive, logs every
//! request and counts how many are being answered at once. `tests/api.rs` makes a program of it, for scripts.

#![allow(dead_code, unused_imports, reason = "the tests and the program each use a part")]

mod answer;
mod rows;
mod wire;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

pub use answer::{Answer, End, Fault};
pub use rows::{Rows, Style};

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

type Told = Arc<dyn Fn(&ReceivedRequest) + Send + Sync>;
type Handler = Arc<dyn Fn(&ReceivedRequest) -> Answer + Send + Sync>;

/// A server to be started.
#[derive(Clone)]
pub struct Api {
    handler: Handler,
    faults: Option<(usize, Vec<Fault>)>,
    key: Option<(String, String, KeyPlace)>,
    latency: Arc<dyn Fn(&ReceivedRequest) -> Duration + Send + Sync>,
    gzip: bool,
    told: Option<Told>,
    tokens: Option<Arc<Tokens>>,
}

/// Bearer tokens that expire: `POST /token` hands out the next one.
struct Tokens {
    uses: usize,
    /// The number of the last token and how often it was used.
    last: Mutex<(usize, usize)>,
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
        Self {
            handler: Arc::new(handler),
            faults: None,
            key: None,
            latency: Arc::new(|_| Duration::ZERO),
            gzip: false,
            told: None,
            tokens: None,
        }
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

    /// Asks for a bearer token of `POST /token`, which can be used so often.
    pub fn expiring_tokens(mut self, uses: usize) -> Self {
        self.tokens = Some(Arc::new(Tokens { uses, last: Mutex::new((0, 0)) }));
        self
    }

    /// Tells every request to `told`, as it comes.
    pub fn telling(mut self, told: impl Fn(&ReceivedRequest) + Send + Sync + 'static) -> Self {
        self.told = Some(Arc::new(told));
        self
    }

    /// Starts on a free port of this machine.
    pub async fn start(self) -> Running {
        self.start_at(([127, 0, 0, 1], 0).into()).await.expect("a free port")
    }

    /// Starts at an address, where port 0 is a free one.
    pub async fn start_at(self, address: SocketAddr) -> std::io::Result<Running> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
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
        Ok(Running { url: format!("http://{address}/items"), state, accepting })
    }

    fn answer(&self, request: &ReceivedRequest) -> Answer {
        if !self.has_key(request) {
            return Answer::text(401, &format!("bad credentials in {}", request.text()));
        }
        if let Some(refused) = self.tokens.as_ref().and_then(|tokens| tokens.answer(request)) {
            return refused;
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

impl Tokens {
    /// A new token, or the refusal of a request without a good one.
    fn answer(&self, request: &ReceivedRequest) -> Option<Answer> {
        let mut last = self.last.lock().expect("no poison");
        if request.path == "/token" {
            *last = (last.0 + 1, 0);
            let token = format!("token-{}", last.0);
            return Some(Answer::json(&serde_json::json!({"access_token": token, "token_type": "Bearer"})));
        }
        let good = request.header("authorization") == Some(&format!("Bearer token-{}", last.0));
        if !good || last.1 >= self.uses {
            return Some(Answer::text(401, "the token is missing or has expired"));
        }
        last.1 += 1;
        None
    }
}

impl State {
    /// Numbers a request and keeps it.
    fn note(&self, request: &mut ReceivedRequest) {
        let mut log = self.log.lock().expect("no poison");
        request.number = log.len() + 1;
        if let Some(told) = &self.api.told {
            told(request);
        }
        log.push(request.clone());
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
    // Without this, head and body are sent apart by the delayed acknowledgement of the head.
    let _ = stream.set_nodelay(true);
    while let Some(mut request) = wire::receive(&mut stream, &mut buffer).await {
        state.note(&mut request);
        let now = state.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        state.in_flight_max.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep((state.api.latency)(&request)).await;
        let answer = state.api.answer(&request);
        state.in_flight.fetch_sub(1, Ordering::SeqCst);
        if !wire::send(&mut stream, answer, state.api.gzip).await {
            return;
        }
    }
}
