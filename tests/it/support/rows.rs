//! The offset-paged endpoint of the scripted API: rows behind `offset` and `limit`, and the ways in which servers differ.

use std::sync::Arc;

use serde_json::{Value, json};

use super::api::{Answer, Api, ReceivedRequest, Running};

/// The total of an answer, from the request and the true count.
type Total = Arc<dyn Fn(&ReceivedRequest, usize) -> Option<usize> + Send + Sync>;

/// The offset-paged endpoint.
#[derive(Clone)]
pub struct Rows {
    rows: Vec<Value>,
    cap: usize,
    total: Total,
    ignores_offset: bool,
    echoes_offset: bool,
}

impl Rows {
    /// The rows `{"id": 0}` to `{"id": count - 1}`, with their true total.
    pub fn new(count: usize) -> Self {
        let rows = (0..count).map(|id| json!({"id": id})).collect();
        Self {
            rows,
            cap: usize::MAX,
            total: Arc::new(|_, count| Some(count)),
            ignores_offset: false,
            echoes_offset: false,
        }
    }

    /// Pages hold at most this many rows, whatever `limit` says.
    pub fn cap(mut self, cap: usize) -> Self {
        self.cap = cap;
        self
    }

    pub fn without_total(self) -> Self {
        self.total(|_, _| None)
    }

    /// The total of each answer, from the request and the true count.
    pub fn total(mut self, total: impl Fn(&ReceivedRequest, usize) -> Option<usize> + Send + Sync + 'static) -> Self {
        self.total = Arc::new(total);
        self
    }

    pub fn ignore_offset(mut self) -> Self {
        self.ignores_offset = true;
        self
    }

    /// Repeats the offset in the envelope.
    pub fn echo_offset(mut self) -> Self {
        self.echoes_offset = true;
        self
    }

    pub fn page(&self, request: &ReceivedRequest) -> Answer {
        let asked = request.number_param("offset").unwrap_or(0);
        let offset = if self.ignores_offset { 0 } else { asked };
        let limit = request.number_param("limit").unwrap_or(usize::MAX).min(self.cap);
        let data: Vec<&Value> = self.rows.iter().skip(offset).take(limit).collect();
        let mut body = json!({"data": data});
        if let Some(total) = (self.total)(request, self.rows.len()) {
            body["total"] = json!(total);
        }
        if self.echoes_offset {
            body["offset"] = json!(asked);
        }
        Answer::json(&body)
    }

    pub fn api(self) -> Api {
        Api::handler(move |request| self.page(request))
    }

    pub async fn start(self) -> Running {
        self.api().start().await
    }
}
