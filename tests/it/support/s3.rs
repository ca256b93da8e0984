//! An S3 server in this process: the protocol and the signatures are the `s3s` crate's, the storage is a map.
//!
//! A conditional put is decided under the map's lock, so that of writers in a race exactly one wins. A [`Store`] can also be
//! one that ignores conditions, as some servers do. Every request that reads or writes an object is logged.

#![allow(dead_code, reason = "the tests and the fault scenarios each use a part")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};

/// The only bucket.
pub const BUCKET: &str = "lake";
const ACCESS_KEY: &str = "test-access-key";
/// The secret of the requests' signatures. It must appear in no output.
pub const SECRET_KEY: &str = "canary-s3-secret";

/// A running server; it stops when this is dropped.
pub struct Server {
    pub address: std::net::SocketAddr,
    store: Arc<Store>,
    accepting: tokio::task::JoinHandle<()>,
}

/// What the server holds.
#[derive(Default)]
pub struct Store {
    objects: Mutex<BTreeMap<String, Object>>,
    uploads: Mutex<BTreeMap<String, BTreeMap<i32, Bytes>>>,
    log: Mutex<Vec<String>>,
    ignores_conditions: bool,
    /// No object whose key has this in it is written.
    refused: Mutex<Option<String>>,
    /// The next object whose key has this in it is written, and the answer says that it is not.
    denied: Mutex<Option<String>>,
}

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    modified: SystemTime,
}

impl Server {
    /// A server that keeps the conditions of puts.
    pub async fn start() -> Self {
        Self::over(Store::default()).await
    }

    /// A server that takes every put, whatever its conditions.
    pub async fn ignoring_conditions() -> Self {
        Self::over(Store { ignores_conditions: true, ..Store::default() }).await
    }

    async fn over(store: Store) -> Self {
        let store = Arc::new(store);
        let mut builder = S3ServiceBuilder::new(Shared(Arc::clone(&store)));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let service = service.clone();
                connections.spawn(async move {
                    let connection = hyper::server::conn::http1::Builder::new();
                    // A client that hangs up is its own business.
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, store, accepting }
    }

    /// The tables folder `prefix` in the bucket.
    pub fn uri(&self, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}")
    }

    /// The storage options that lead here.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        Self::options_at(&self.address.to_string())
    }

    /// The storage options that lead to a proxy of this server.
    pub fn options_at(address: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("http://{address}")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ]
    }

    /// The keys of all objects that begin so, with their bytes.
    pub fn objects(&self, prefix: &str) -> BTreeMap<String, Bytes> {
        let objects = self.store.objects.lock().expect("no poison");
        let inside = objects.iter().filter(|(key, _)| key.starts_with(prefix));
        inside.map(|(key, object)| (key.clone(), object.bytes.clone())).collect()
    }

    /// Refuses from now on to write objects whose key has this in it.
    pub fn refuse(&self, part: &str) {
        *self.store.refused.lock().expect("no poison") = Some(part.to_owned());
    }

    /// Writes the next object whose key has this in it, and answers that it failed.
    pub fn deny_once(&self, part: &str) {
        *self.store.denied.lock().expect("no poison") = Some(part.to_owned());
    }

    /// What was asked of objects, such as `GET t/part-0.parquet`, in order.
    pub fn log(&self) -> Vec<String> {
        self.store.log.lock().expect("no poison").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Store {
    fn note(&self, verb: &str, key: &str) {
        self.log.lock().expect("no poison").push(format!("{verb} {key}"));
    }

    fn get(&self, key: &str) -> S3Result<Object> {
        self.objects.lock().expect("no poison").get(key).cloned().ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// Decides and writes under one lock.
    fn put(&self, key: &str, bytes: Bytes, only_new: bool) -> S3Result<ETag> {
        if self.refused.lock().expect("no poison").as_ref().is_some_and(|part| key.contains(part)) {
            return Err(s3_error!(AccessDenied));
        }
        let mut objects = self.objects.lock().expect("no poison");
        if only_new && !self.ignores_conditions && objects.contains_key(key) {
            return Err(s3_error!(PreconditionFailed));
        }
        let tag = tag(&bytes);
        objects.insert(key.to_owned(), Object { bytes, modified: SystemTime::now() });
        let mut denied = self.denied.lock().expect("no poison");
        if denied.take_if(|part| key.contains(part.as_str())).is_some() {
            return Err(s3_error!(ServiceUnavailable));
        }
        Ok(tag)
    }
}

/// The server's view of the store.
struct Shared(Arc<Store>);

#[async_trait]
impl S3 for Shared {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let only_new = matches!(input.if_none_match, Some(ETagCondition::Any));
        let bytes = read(input.body).await?;
        self.0.note("PUT", &input.key);
        let e_tag = Some(self.0.put(&input.key, bytes, only_new)?);
        Ok(S3Response::new(PutObjectOutput { e_tag, ..PutObjectOutput::default() }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        self.0.note("GET", &input.key);
        let object = self.0.get(&input.key)?;
        let length = object.bytes.len() as u64;
        let mut output = GetObjectOutput {
            e_tag: Some(tag(&object.bytes)),
            last_modified: Some(object.modified.into()),
            ..GetObjectOutput::default()
        };
        let bytes = match input.range {
            None => object.bytes,
            Some(range) => {
                let range = range.check(length)?;
                output.content_range = Some(format!("bytes {}-{}/{length}", range.start, range.end - 1));
                object.bytes.slice(at(range.start)..at(range.end))
            }
        };
        output.content_length = i64::try_from(bytes.len()).ok();
        output.body = Some(StreamingBlob::from(Body::from(bytes)));
        Ok(S3Response::new(output))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.0.note("HEAD", &request.input.key);
        let object = self.0.get(&request.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: i64::try_from(object.bytes.len()).ok(),
            e_tag: Some(tag(&object.bytes)),
            last_modified: Some(object.modified.into()),
            ..HeadObjectOutput::default()
        }))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.0.note("DELETE", &request.input.key);
        self.0.objects.lock().expect("no poison").remove(&request.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let mut deleted = Vec::new();
        for object in request.input.delete.objects {
            self.0.note("DELETE", &object.key);
            self.0.objects.lock().expect("no poison").remove(&object.key);
            deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() });
        }
        Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(deleted), ..DeleteObjectsOutput::default() }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let objects = self.0.objects.lock().expect("no poison");
        Ok(S3Response::new(list(&objects, request.input)))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let id = uuid::Uuid::new_v4().to_string();
        self.0.uploads.lock().expect("no poison").insert(id.clone(), BTreeMap::new());
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(request.input.bucket),
            key: Some(request.input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        let bytes = read(input.body).await?;
        let e_tag = Some(tag(&bytes));
        let mut uploads = self.0.uploads.lock().expect("no poison");
        let upload = uploads.get_mut(&input.upload_id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        upload.insert(input.part_number, bytes);
        Ok(S3Response::new(UploadPartOutput { e_tag, ..UploadPartOutput::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let parts = self.0.uploads.lock().expect("no poison").remove(&input.upload_id);
        let parts = parts.ok_or_else(|| s3_error!(NoSuchUpload))?;
        let whole = parts.values().fold(BytesMut::new(), |mut whole, part| {
            whole.extend_from_slice(part);
            whole
        });
        self.0.note("PUT", &input.key);
        let only_new = matches!(input.if_none_match, Some(ETagCondition::Any));
        let e_tag = Some(self.0.put(&input.key, whole.freeze(), only_new)?);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag,
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.0.uploads.lock().expect("no poison").remove(&request.input.upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}

fn list(objects: &BTreeMap<String, Object>, input: ListObjectsV2Input) -> ListObjectsV2Output {
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = input.continuation_token.clone().or(input.start_after).unwrap_or_default();
    let max = usize::try_from(input.max_keys.unwrap_or(1_000)).unwrap_or(1_000);
    let (mut contents, mut folders): (Vec<s3s::dto::Object>, Vec<String>) = (Vec::new(), Vec::new());
    let mut last = None;
    for (key, object) in objects.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)) {
        let rest = &key[prefix.len()..];
        let folder = input.delimiter.as_ref().and_then(|delimiter| {
            rest.find(delimiter.as_str()).map(|at| format!("{prefix}{}", &rest[..at + delimiter.len()]))
        });
        if *key <= after || folder.as_ref().is_some_and(|folder| folders.last() == Some(folder) || *folder <= after) {
            continue;
        }
        if contents.len() + folders.len() >= max {
            return page(input.bucket, prefix, contents, folders, last);
        }
        last = Some(folder.clone().unwrap_or_else(|| key.clone()));
        match folder {
            Some(folder) => folders.push(folder),
            None => contents.push(s3s::dto::Object {
                key: Some(key.clone()),
                size: i64::try_from(object.bytes.len()).ok(),
                last_modified: Some(object.modified.into()),
                e_tag: Some(tag(&object.bytes)),
                ..s3s::dto::Object::default()
            }),
        }
    }
    page(input.bucket, prefix, contents, folders, None)
}

fn page(
    bucket: String,
    prefix: String,
    contents: Vec<s3s::dto::Object>,
    folders: Vec<String>,
    next: Option<String>,
) -> ListObjectsV2Output {
    ListObjectsV2Output {
        name: Some(bucket),
        prefix: Some(prefix),
        key_count: i32::try_from(contents.len() + folders.len()).ok(),
        is_truncated: Some(next.is_some()),
        next_continuation_token: next,
        contents: Some(contents),
        common_prefixes: Some(folders.into_iter().map(|prefix| CommonPrefix { prefix: Some(prefix) }).collect()),
        ..ListObjectsV2Output::default()
    }
}

async fn read(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut whole = BytesMut::new();
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            whole.extend_from_slice(&chunk.map_err(|_| s3_error!(IncompleteBody))?);
        }
    }
    Ok(whole.freeze())
}

fn tag(bytes: &[u8]) -> ETag {
    ETag::Strong(format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes)))
}

fn at(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
