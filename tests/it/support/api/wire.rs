//! HTTP/1.1 on a raw socket, so that an answer can be wrong below HTTP.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Answer, End, ReceivedRequest};

/// Reads one request, still without a number; bytes after it stay in `buffer`. `None`: the client has gone.
pub(super) async fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<ReceivedRequest> {
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
    let query = url.query_pairs().into_owned().collect();
    Some(ReceivedRequest { number: 0, method, path: url.path().to_owned(), query, headers, body })
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(buffer).await.ok()?;
    (read > 0).then_some(())
}

/// Whether the connection stays open.
pub(super) async fn send(stream: &mut TcpStream, answer: Answer, gzip: bool) -> bool {
    match answer.end {
        End::Dropped => return false,
        End::Silent => std::future::pending::<()>().await,
        _ => {}
    }
    let body = if gzip { compressed(&answer.body) } else { answer.body.clone() };
    let sent = match answer.end {
        End::Half | End::Stalled | End::Reset => body.slice(..body.len() / 2),
        _ => body.clone(),
    };
    let head = head(&answer, body.len(), gzip);
    if stream.write_all(head.as_bytes()).await.is_err() {
        return false;
    }
    if let End::Dripping(wait) = answer.end {
        return drip(stream, &sent, wait).await;
    }
    let written = stream.write_all(&sent).await.is_ok();
    match answer.end {
        End::Stalled => std::future::pending().await,
        End::Reset => {
            // Without lingering, closing a socket resets its connection.
            let _ = stream.set_zero_linger();
            false
        }
        end => written && end == End::Whole,
    }
}

fn head(answer: &Answer, length: usize, gzip: bool) -> String {
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", answer.status);
    let announced = match answer.end {
        End::LengthTooShort => length.saturating_sub(7),
        End::LengthTooLong => length + 7,
        _ => length,
    };
    if answer.status != 204 {
        head.push_str(&format!("content-length: {announced}\r\n"));
    }
    if gzip {
        head.push_str("content-encoding: gzip\r\n");
    }
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}

async fn drip(stream: &mut TcpStream, body: &Bytes, wait: Duration) -> bool {
    for piece in body.chunks(body.len().div_ceil(10).max(1)) {
        tokio::time::sleep(wait).await;
        if stream.write_all(piece).await.is_err() {
            return false;
        }
    }
    true
}

fn compressed(body: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("memory");
    encoder.finish().expect("memory").into()
}
