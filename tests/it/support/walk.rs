//! Runs a walk over a scripted API and tells what came of it.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use alluvium::client::{Client, ClientOptions, Meter, MeterReading};
use alluvium::config::{self, Options, Surroundings};
use alluvium::extract::{Course, CourseOptions, ExtractError, Lanes, Walked};
use alluvium::flow::{TableState, Unfinished};
use alluvium::json::{Kind, Node, Path};
use alluvium::normalize::{Decoder, Normalizer};
use alluvium::plan::{
    ApiKeyLocation, Auth, Endpoint, Limits, OffsetSpec, PaginatorSpec, ParameterPlace, ResourceName, ResourcePlan,
    RetryPolicy, RowSelection, Secret, TableName,
};
use serde_json::{Value, json};

/// A resource with the bounds and the retries of its run.
pub struct Source {
    pub resource: ResourcePlan,
    pub limits: Limits,
    pub retry: RetryPolicy,
}

/// What came of a walk.
pub struct Outcome {
    /// The `id` of every row, in order.
    pub ids: Vec<i64>,
    /// Rows of each page.
    pub pages: Vec<usize>,
    pub reading: MeterReading,
    pub error: Option<ExtractError>,
}

impl Source {
    /// One page, rows detected, four repeats within milliseconds.
    pub fn single(url: &str) -> Self {
        let (name, table) = (ResourceName::parse("items").expect("a name"), TableName::parse("items").expect("a name"));
        let resource = ResourcePlan::new(name, table, Endpoint::get(url::Url::parse(url).expect("a URL")));
        let retry = RetryPolicy { max_retries: 4, backoff_factor: 0.001, ..RetryPolicy::default() };
        Self { resource, limits: Limits::default(), retry }
    }

    /// Pages by offset with dlt's defaults.
    pub fn offset(url: &str, limit: u64) -> Self {
        let mut source = Self::single(url);
        source.resource.endpoint.paginator = PaginatorSpec::Offset(OffsetSpec {
            limit: NonZeroU64::new(limit).expect("not zero"),
            offset: 0,
            offset_place: ParameterPlace::Query("offset".into()),
            limit_place: ParameterPlace::Query("limit".into()),
            total_path: Some(Arc::new(Path::parse("total").expect("a path"))),
            maximum_offset: None,
            stop_after_empty_page: true,
            has_more_path: None,
            allow_repeated_pages: false,
        });
        source
    }

    /// The resource `items` of a config whose endpoint has these keys, of which `${env:CANARY}` is one.
    pub fn configured(url: &str, endpoint: &Value) -> Self {
        let base_url = url.trim_end_matches("/items");
        let config = json!({"client": {"base_url": base_url}, "resources": [{"name": "items", "endpoint": endpoint}]});
        let source = config::Source { path: std::path::Path::new("items.json").into(), text: config.to_string() };
        let surroundings = Surroundings::new([("CANARY".to_owned(), "canary-in-config".to_owned())], "/nowhere");
        let options = Options { surroundings, ..Options::default() };
        let plan = config::load_source(&source, &options).unwrap_or_else(|problems| panic!("{problems}"));
        let resource = plan.resources.into_iter().next().expect("a resource");
        Self { resource, ..Self::single(url) }
    }

    /// The same with this paginator.
    pub fn paged(url: &str, paginator: &Value) -> Self {
        Self::configured(url, &json!({"paginator": paginator}))
    }

    pub fn paging(mut self, change: impl FnOnce(&mut OffsetSpec)) -> Self {
        if let PaginatorSpec::Offset(spec) = &mut self.resource.endpoint.paginator {
            change(spec);
        }
        self
    }

    pub fn endpoint(mut self, change: impl FnOnce(&mut Endpoint)) -> Self {
        change(&mut self.resource.endpoint);
        self
    }

    pub fn key(self, name: &str, key: &str, location: ApiKeyLocation) -> Self {
        let auth = Auth::ApiKey { name: name.into(), key: Secret::new(key), location };
        self.endpoint(|endpoint| endpoint.auth = Some(auth))
    }

    pub fn selector(self, path: &str) -> Self {
        let path = Arc::new(Path::parse(path).expect("a path"));
        self.endpoint(|endpoint| endpoint.rows = RowSelection::Selector(path))
    }

    pub fn in_flight(mut self, requests: usize) -> Self {
        self.limits.requests_in_flight = NonZeroUsize::new(requests).expect("not zero");
        self
    }

    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.request_timeout = timeout;
        self
    }

    pub fn retries(mut self, retries: u32) -> Self {
        self.retry.max_retries = retries;
        self
    }

    /// The walk at its start, with its meter.
    pub fn walk(&self) -> (Course<Decoder>, Arc<Meter>) {
        let (walk, meter) = self.walk_from(None);
        (walk.unwrap_or_else(|error| panic!("{error}")), meter)
    }

    /// The walk where an earlier one ended.
    pub fn walk_from(&self, from: Option<&Unfinished>) -> (Result<Course<Decoder>, ExtractError>, Arc<Meter>) {
        let options = ClientOptions { limits: self.limits.clone(), retry: self.retry.clone() };
        let client = Client::new(&options).expect("an HTTP client");
        let meter = Arc::new(Meter::new());
        let normalizer = Normalizer::new(&self.resource, &self.limits, &TableState::default()).expect("no hints");
        let options = CourseOptions {
            resource: &self.resource,
            limits: &self.limits,
            client,
            meter: Arc::clone(&meter),
            reader: normalizer.decoder(),
            parents: None,
            is_parent: false,
            takers: vec![(Lanes::ALL, None)],
        };
        (Course::new(options, from), meter)
    }

    /// Walks to the end or to the first error.
    pub async fn read(&self) -> Outcome {
        let (mut walk, meter) = self.walk();
        let mut outcome = Outcome { ids: vec![], pages: vec![], reading: MeterReading::default(), error: None };
        loop {
            match walk.next().await {
                Ok(Some(Walked { page, rows: taken, .. })) => {
                    assert_eq!(page.sequence, outcome.pages.len() as u64 + 1);
                    let rows = page.rows();
                    if let Some(taken) = taken {
                        assert_eq!(taken.rows(), rows.len(), "what was taken while the body was read is what is in it");
                    }
                    outcome.pages.push(rows.len());
                    outcome.ids.extend(rows.into_iter().map(id));
                }
                Ok(None) => break,
                Err(error) => {
                    outcome.error = Some(error);
                    break;
                }
            }
        }
        outcome.reading = meter.reading();
        outcome
    }

    /// The ids of a walk that succeeds.
    pub async fn ids(&self) -> Vec<i64> {
        let outcome = self.read().await;
        assert!(outcome.error.is_none(), "{}", outcome.error.expect("there is one"));
        outcome.ids
    }

    /// The error of a walk that fails.
    pub async fn error(&self) -> ExtractError {
        self.read().await.error.expect("the walk fails")
    }
}

/// `0..count` as ids.
pub fn ids(count: i64) -> Vec<i64> {
    (0..count).collect()
}

/// The `id` of a row.
pub fn id(row: Node<'_>) -> i64 {
    match row.member("id").map(Node::kind) {
        Some(Kind::Int(id)) => id,
        _ => -1,
    }
}
