//! The demo's API: a week of earthquakes behind an API key, in pages, on a socket of this machine.
//!
//! `GET /v1/earthquakes?api_key=&offset=&limit=` answers `{"data": […], "total": N}`. The data is that of the U.S. Geological
//! Survey; see `data/README.md`.

use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The key that the API asks for. It guards nothing.
pub(crate) const API_KEY: &str = "demo-key";

/// Rows in one answer at the most, whatever is asked for.
const LIMIT_MAX: usize = 500;
/// Connections that are served at the same time; the rest wait.
const CONNECTIONS_MAX: usize = 64;

static EARTHQUAKES: &[u8] = include_bytes!("../../data/earthquakes.jsonl.gz");

/// The API, listening.
pub(crate) struct DemoApi {
    listener: TcpListener,
    rows: Arc<[String]>,
}

impl DemoApi {
    /// Unpacks the data and listens.
    pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let mut text = String::new();
        flate2::read::GzDecoder::new(EARTHQUAKES).read_to_string(&mut text)?;
        let rows = text.lines().map(str::to_owned).collect();
        Ok(Self { listener: TcpListener::bind(address).await?, rows })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until it is dropped.
    pub(crate) async fn serve(self) {
        let Self { listener, rows } = self;
        let connections = futures::stream::unfold(listener, |listener| async {
            let accepted = listener.accept().await;
            Some((accepted, listener))
        });
        let served = connections.for_each_concurrent(CONNECTIONS_MAX, |accepted| async {
            // A connection that broke before it was accepted is nobody's.
            let Ok((stream, _)) = accepted else { return };
            let service = service_fn(|request| {
                let answer = answer(&request, &rows);
                async move { Ok::<_, Infallible>(answer) }
            });
            // A client that hangs up is its own business.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        served.await;
    }
}

fn answer(request: &Request<Incoming>, rows: &[String]) -> Response<Full<Bytes>> {
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let parameter = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if request.uri().path() != "/v1/earthquakes" {
        return json(StatusCode::NOT_FOUND, r#"{"error": "there is only /v1/earthquakes"}"#.to_owned());
    }
    if parameter("api_key") != Some(API_KEY) {
        return json(StatusCode::UNAUTHORIZED, r#"{"error": "the parameter api_key is missing or wrong"}"#.to_owned());
    }
    let number = |name: &str, default: usize| parameter(name).map_or(Some(default), |text| text.parse().ok());
    let (Some(offset), Some(limit)) = (number("offset", 0), number("limit", 100)) else {
        return json(StatusCode::BAD_REQUEST, r#"{"error": "offset and limit are numbers"}"#.to_owned());
    };
    let page: Vec<&str> = rows.iter().skip(offset).take(limit.min(LIMIT_MAX)).map(String::as_str).collect();
    json(StatusCode::OK, format!("{{\"data\": [{}], \"total\": {}}}", page.join(","), rows.len()))
}

fn json(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let content_type = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, content_type);
    response
}
