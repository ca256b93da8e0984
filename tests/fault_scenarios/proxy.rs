//! A proxy in front of an S3 server, which fails requests before they get there, or after they have.
//!
//! One request a connection, on both sides: a whole request is read, passed on, and its answer passed back. Nothing of a
//! request is changed but its `Connection`, so that signatures stay valid.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends before the server has heard of it.
    DropBefore,
    /// The server has not heard of it, and a status comes back.
    StatusBefore(u16),
    /// The server has done it, and the connection ends.
    DropAfter,
    /// The server has done it, and a status comes back.
    StatusAfter(u16),
}

/// Requests that go wrong.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The methods that are meant.
    pub methods: &'static [&'static str],
    /// What the path ends with, and what is before that.
    pub ending: &'static str,
    pub containing: &'static str,
    /// Every nth of them goes wrong, first the one with this number.
    pub nth: usize,
    /// No more than so many.
    pub most: usize,
    pub fault: Fault,
}

/// A running proxy; it stops when this is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    upstream: SocketAddr,
    /// The rules, each with how many requests it has met and how many it has spoiled.
    rules: Mutex<Vec<(Rule, usize, usize)>>,
}

impl Proxy {
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::new(State { upstream, rules: Mutex::default() });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                connections.spawn(async move {
                    // A client or a server that hangs up ends its own request.
                    let _ = pass(client, &state).await;
                });
            }
        });
        Self { address, state, accepting }
    }

    /// Changes what goes wrong from here on.
    pub fn set(&self, rules: Vec<Rule>) {
        *self.state.rules.lock().expect("no poison") = rules.into_iter().map(|rule| (rule, 0, 0)).collect();
    }

    /// How many requests went wrong by the rules that are set.
    pub fn spoiled(&self) -> usize {
        self.state.rules.lock().expect("no poison").iter().map(|(_, _, spoiled)| spoiled).sum()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    /// What goes wrong with a request, if anything.
    fn fault(&self, method: &str, path: &str) -> Option<Fault> {
        for (rule, met, spoiled) in self.rules.lock().expect("no poison").iter_mut() {
            let meant = rule.methods.contains(&method) && path.ends_with(rule.ending) && path.contains(rule.containing);
            if meant {
                *met += 1;
                if met.is_multiple_of(rule.nth) && *spoiled < rule.most {
                    *spoiled += 1;
                    return Some(rule.fault);
                }
            }
        }
        None
    }
}

/// Passes one request on.
async fn pass(mut client: TcpStream, state: &State) -> std::io::Result<()> {
    let Some((head, body)) = receive(&mut client).await? else { return Ok(()) };
    let mut words = head.split(' ');
    let method = words.next().unwrap_or_default();
    let path = words.next().unwrap_or_default().split('?').next().unwrap_or_default();
    let fault = state.fault(method, path);
    match fault {
        Some(Fault::DropBefore) => return Ok(()),
        Some(Fault::StatusBefore(status)) => return refuse(&mut client, status).await,
        _ => {}
    }
    let mut server = TcpStream::connect(state.upstream).await?;
    server.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    server.write_all(&body).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    match fault {
        Some(Fault::DropAfter) => Ok(()),
        Some(Fault::StatusAfter(status)) => refuse(&mut client, status).await,
        _ => client.write_all(&answer).await,
    }
}

async fn refuse(client: &mut TcpStream, status: u16) -> std::io::Result<()> {
    let answer = format!("HTTP/1.1 {status} Proxy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    client.write_all(answer.as_bytes()).await
}

/// The head of a request, without its last line breaks and its `Connection`, and the body.
async fn receive(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if client.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
    };
    let mut body = read.split_off(end + 4);
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let named = |line: &&str, name: &str| line.to_ascii_lowercase().starts_with(name);
    let length = head.lines().find(|line| named(line, "content-length:"));
    let length = length.and_then(|line| line.split(':').nth(1)?.trim().parse().ok()).unwrap_or(0_usize);
    while body.len() < length {
        if client.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    let kept: Vec<&str> = head.lines().filter(|line| !named(line, "connection:")).collect();
    Ok(Some((kept.join("\r\n"), body)))
}
